/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a model's files are: in a folder, walked without recursion and below one descriptor that no
 * symbolic link leads out of, or in a registry, where the manifest says which blob each one is.
 * Left out is what the bundle says, looked at by name only. Reads no file itself.
 */
#include "registry/oms_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/oms_check.h"

#define FILES_MAX   (1u << 18)
#define FOLDERS_MAX 65536

/* What the signer left out: the tools' defaults are no choice, anything else is one. */
static void
found_ignored(struct oms_model *m, const char *path)
{
	if (manifest_oms_ignores(path))
		oms_find(m, OMS_UNCOVERED, path, false);
	else
		oms_find(m, OMS_IGNORED, path, !(m->allow & OMS_ALLOW_IGNORED));
}

/* --- a folder --- */

struct walk {
	struct oms_model *m;
	const char *bundle;  /* below the folder; NULL */
	VEC(char *) folders; /* still to be read and read ones; "" is the root */
};

static int
open_file(const struct oms_model *m, const struct oms_file *f, int *ret, struct err *e)
{
	/* O_NONBLOCK: a FIFO put there since the walk must not hold us */
	cleanup_close int fd =
	        fs_open_beneath(m->root, f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_DIGEST, "\"%s\" is a link by now", f->path);
	if (fd < 0)
		return err_sys(e, "cannot open \"%s\"", f->path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at \"%s\"", f->path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_DIGEST, "\"%s\" is no file any more", f->path);
	*ret = steal_fd(&fd);
	return 0;
}

static int
add_file(struct walk *w, char **path, const struct stat *st, struct err *e)
{
	struct oms_file f = { .size = (uint64_t)st->st_size };

	if (w->m->files.n == FILES_MAX)
		return err_set(e, ERR_TOO_BIG, "the folder has more than %u files", FILES_MAX);
	f.path = steal(path);
	vec_push(&w->m->files, f);
	return 0;
}

static int
add_folder(struct walk *w, char **path, struct err *e)
{
	if (w->folders.n == FOLDERS_MAX)
		return err_set(e, ERR_TOO_BIG, "the folder has more than %d folders", FOLDERS_MAX);
	vec_push(&w->folders, steal(path));
	return 0;
}

/* One name of a folder. dir is that folder, opened. */
static int
add_entry(struct walk *w, const char *above, int dir, const char *name, struct err *e)
{
	cleanup_free char *path = *above ? xasprintf("%s/%s", above, name) : xstrdup(name);
	struct err bad = { 0 };
	struct stat st;

	if (w->bundle && streq(path, w->bundle))
		return 0;
	if (oms_ignores(w->m->list, path)) {
		found_ignored(w->m, path);
		return 0;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "cannot look at \"%s\"", path);
	if (S_ISLNK(st.st_mode)) {
		oms_find(w->m, OMS_LINK, path, true);
		return 0;
	}
	if ((!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) || manifest_path_check(path, &bad) < 0) {
		oms_find(w->m, OMS_SPECIAL, path, true);
		return 0;
	}
	return S_ISDIR(st.st_mode) ? add_folder(w, &path, e) : add_file(w, &path, &st, e);
}

static int
read_entries(struct walk *w, const char *above, DIR *d, struct err *e)
{
	for (;;) {
		errno = 0;
		const struct dirent *const de = readdir(d);
		int rc;

		if (!de && errno != 0)
			return err_sys(e, "cannot list \"%s\"", above);
		if (!de)
			return 0;
		if (streq(de->d_name, ".") || streq(de->d_name, ".."))
			continue;
		rc = add_entry(w, above, dirfd(d), de->d_name, e);
		if (rc < 0)
			return rc;
	}
}

static int
read_folder(struct walk *w, const char *path, struct err *e)
{
	const int fd = fs_open_beneath(w->m->root, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *d;
	int rc;

	if (fd < 0)
		return err_sys(e, "cannot open the folder \"%s\"", path);
	d = fdopendir(fd);
	if (!d) {
		close_quietly(fd);
		return err_sys(e, "cannot list \"%s\"", path);
	}
	rc = read_entries(w, path, d, e);
	closedir(d);
	return rc;
}

static int
walk_all(struct walk *w, struct err *e)
{
	int rc = 0;

	vec_push(&w->folders, xstrdup(""));
	for (size_t i = 0; i < w->folders.n && rc == 0; i++)
		rc = read_folder(w, w->folders.v[i], e);
	vec_foreach(f, &w->folders)
		free(*f);
	vec_fini(&w->folders);
	return rc;
}

/* The part of the bundle's path below the folder; NULL: it lies elsewhere. */
static char *
path_below(const char *folder, const char *bundle)
{
	cleanup_free char *above = realpath(folder, NULL);
	cleanup_free char *full = bundle ? realpath(bundle, NULL) : NULL;
	const size_t n = above ? strlen(above) : 0;

	if (!full || !above || strncmp(full, above, n) != 0 || full[n] != '/')
		return NULL;
	return xstrdup(full + n + 1);
}

static int
check_folder(struct oms_model *m, const char *path, const char *bundle, struct err *e)
{
	cleanup_free char *below = path_below(path, bundle);
	struct walk w = { .m = m, .bundle = below };
	int rc = walk_all(&w, e);

	return rc < 0 ? err_prefix(e, "\"%s\"", path) : oms_compare(m, e);
}

/* The folder around it is the root, and nothing else there counts. */
static int
check_one_file(struct oms_model *m, const char *path, const struct stat *st, struct err *e)
{
	const char *const slash = strrchr(path, '/');
	struct oms_file f = { .size = (uint64_t)st->st_size };

	f.path = xstrdup(slash ? slash + 1 : path);
	vec_push(&m->files, f);
	m->is_one_file = true;
	return oms_compare(m, e);
}

static int
open_root(const char *path, bool is_folder, int *ret, struct err *e)
{
	const char *const slash = strrchr(path, '/');
	cleanup_free char *above =
	        slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");

	return fs_open_dir(AT_FDCWD, is_folder ? path : above, ret, e);
}

int
oms_check_path(const struct oms *o, const char *path, const char *bundle, unsigned allow,
               const struct progress *p, struct oms_report *ret, struct err *e)
{
	struct oms_model m = {
		.list = o, .allow = allow, .progress = p, .report = ret, .open = open_file
	};
	cleanup_close int root = -1;
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return err_sys(e, "cannot look at \"%s\"", path);
	if (!S_ISDIR(st.st_mode) && (lstat(path, &st) < 0 || !S_ISREG(st.st_mode)))
		return err_set(e, ERR_USAGE, "\"%s\" is neither a folder nor a file itself", path);
	rc = open_root(path, S_ISDIR(st.st_mode), &root, e);
	if (rc < 0)
		return rc;
	m.root = root;
	rc = S_ISDIR(st.st_mode) ? check_folder(&m, path, bundle, e)
	                         : check_one_file(&m, path, &st, e);
	oms_model_fini(&m);
	return rc;
}

/* --- a stored version --- */

static int
open_blob(const struct oms_model *m, const struct oms_file *f, int *ret, struct err *e)
{
	cleanup_close int fd = -1;
	uint64_t size;
	int rc = blob_open(m->blobs, f->digest, &fd, &size, e);

	if (rc == 0 && size != f->size)
		rc = err_set(e, ERR_DIGEST, "it has %" PRIu64 " bytes instead of %" PRIu64, size,
		             f->size);
	if (rc == 0)
		*ret = steal_fd(&fd);
	return rc;
}

/* What the bundle does not cover is still part of the version: its bytes are compared with the
 * manifest. */
static int
check_ignored(struct oms_model *m, const struct manifest_file *f, struct err *e)
{
	struct err why = { 0 };

	found_ignored(m, f->path);
	if (blob_verify(m->blobs, &f->digest, f->size, m->progress, &why) == 0)
		return 0;
	if (why.code == ERR_DIGEST || why.code == ERR_NOT_FOUND) {
		oms_find(m, why.code == ERR_DIGEST ? OMS_DIFFERENT : OMS_MISSING, f->path, true);
		return 0;
	}
	*e = why;
	return -(int)why.code;
}

int
oms_check_version(const struct oms *o, struct blobs *b, const struct manifest *mf, unsigned allow,
                  const struct progress *p, struct oms_report *ret, struct err *e)
{
	struct oms_model m = {
		.list = o,
		.is_one_file = mf->n == 1,
		.allow = allow & ~(unsigned)OMS_ALLOW_EXTRA, /* both lists agree one to one */
		.progress = p,
		.report = ret,
		.open = open_blob,
		.blobs = b,
	};
	int rc = 0;

	for (size_t i = 0; i < mf->n && rc == 0; i++) {
		const struct manifest_file *const f = &mf->files[i];
		const struct oms_file file = { xstrdup(f->path), f->size, &f->digest };

		if (!oms_ignores(o, f->path)) {
			vec_push(&m.files, file);
			continue;
		}
		free(file.path);
		rc = check_ignored(&m, f, e);
	}
	if (rc == 0)
		rc = oms_compare(&m, e);
	oms_model_fini(&m);
	return rc;
}
