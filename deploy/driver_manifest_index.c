/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kustomization.yaml beside the files of the driver "manifest": a function of which files of ours
 * the folder has. Tools that find one apply what it lists and nothing else, and take away what was
 * applied before; so none is made beside files of others, and one that anybody has changed is
 * theirs.
 */
#include "deploy/driver_manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/kubeconfig_yaml.h"
#include "registry/base/fs.h"
#include "registry/base/vec.h"

#define FILES_MAX 10000 /* of a folder */
#define HEAD                                                                                 \
	"# Written by Slipway: lists its files beside it. With any other line it is yours, " \
	"and kept.\n"                                                                        \
	"apiVersion: kustomize.config.k8s.io/v1beta1\n"                                      \
	"kind: Kustomization\n"                                                              \
	"resources:\n"

/* As kustomize looks for it. */
static const char *const names[] = { MANIFEST_INDEX, "kustomization.yml", "Kustomization" };

/* --- the folder --- */

struct listing {
	char **v;
	size_t n, cap;
	bool has_others; /* files or folders that somebody may apply */
};

static void
listing_fini(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	vec_fini(l);
}

static bool
has_end(const char *name, const char *end)
{
	const size_t n = strlen(name), k = strlen(end);

	return n > k && streq(name + n - k, end);
}

static bool
is_index(const char *name)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		if (streq(name, names[i]))
			return true;
	}
	return false;
}

static bool
is_folder(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Of ours, of somebody else, or nothing that is applied. */
static void
take_entry(const struct manifest_file *f, const char *name, struct listing *ret)
{
	struct manifest_head head;
	struct err none = { 0 };

	if (name[0] == '.' || is_index(name) || streq(name, f->name))
		return;
	if (has_end(name, ".yaml") && manifest_file_head(f->dir, name, &head, &none) == 0 &&
	    head.stamp.is_ours)
		vec_push(ret, xstrdup(name));
	else if (has_end(name, ".yaml") || has_end(name, ".yml") || has_end(name, ".json") ||
	         is_folder(f->dir, name))
		ret->has_others = true;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
list(const struct manifest_file *f, struct listing *ret, struct err *e)
{
	const int fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *const dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return err_sys(e, "cannot list the folder");
	}
	errno = 0;
	for (const struct dirent *d; n <= FILES_MAX && (d = readdir(dir)) != NULL; n++)
		take_entry(f, d->d_name, ret);
	(void)closedir(dir);
	return n <= FILES_MAX
	               ? 0
	               : err_set(e, ERR_TOO_BIG, "the folder has more than %d files", FILES_MAX);
}

/* --- its text --- */

static void
index_text(struct listing *l, struct buf *ret)
{
	if (l->n == 0)
		return;
	qsort(l->v, l->n, sizeof *l->v, by_name);
	buf_adds(ret, HEAD);
	for (size_t i = 0; i < l->n; i++)
		buf_addf(ret, "  - %s\n", l->v[i]);
}

/* As we write it, whatever files it names: names of objects, and no other line. */
static bool
is_written_by_us(struct str text)
{
	struct str line;

	if (text.n < strlen(HEAD) || memcmp(text.p, HEAD, strlen(HEAD)) != 0)
		return false;
	text.p += strlen(HEAD);
	text.n -= strlen(HEAD);
	while (manifest_line(&text, &line)) {
		cleanup_free char *name = xstrndup(line.p, line.n);

		if (!has_prefix(name, "  - ") || !has_end(name, ".yaml") ||
		    strspn(name + 4, "abcdefghijklmnopqrstuvwxyz0123456789-.") != line.n - 4)
			return false;
	}
	return text.n == 0;
}

/* Does the list of somebody else name it? */
static void
read_foreign(struct str text, const char *name, struct manifest_index *ret)
{
	struct kyaml_doc d = { 0 };
	const struct kyaml *files;
	struct err none = { 0 };

	if (kyaml_parse(text, &d, &none) < 0) {
		ret->is_unread = true;
		return;
	}
	files = kyaml_get(d.root, "resources");
	for (size_t i = 0; files && files->kind == KYAML_LIST && i < files->items.n; i++) {
		const struct kyaml *const one = files->items.v[i].value;
		const char *p = one->kind == KYAML_SCALAR ? one->text.p : "";

		if (has_prefix(p, "./"))
			p += 2;
		ret->lists_file = ret->lists_file || streq(p, name);
	}
	kyaml_fini(&d);
}

/* The first that kustomize would find. */
static int
read_index(const struct manifest_file *f, struct manifest_index *ret, struct err *e)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		cleanup_close int fd = fs_open_file_beneath(f->dir, names[i]);

		if (fd < 0 && errno == ENOENT)
			continue;
		(void)str_copy(ret->name, sizeof ret->name, names[i]);
		ret->exists = true;
		if (fd >= 0)
			return fs_read_fd(fd, names[i], MANIFEST_MAX, &ret->text, e);
		ret->is_unread = true; /* a link, a folder */
		return 0;
	}
	return 0;
}

int
manifest_index_look(const struct manifest_file *f, enum manifest_change change,
                    struct manifest_index *ret, struct err *e)
{
	struct listing l = { 0 };
	int rc;

	*ret = (struct manifest_index){ .whose = INDEX_NONE };
	rc = read_index(f, ret, e);
	if (rc == 0)
		rc = list(f, &l, e);
	if (rc == 0 &&
	    (change == MANIFEST_COMES || (change == MANIFEST_STAYS && f->head.stamp.is_ours)))
		vec_push(&l, xstrdup(f->name));
	if (rc == 0 && ret->exists &&
	    (!streq(ret->name, MANIFEST_INDEX) || !is_written_by_us(buf_str(&ret->text)))) {
		ret->whose = INDEX_FOREIGN;
		if (!ret->is_unread)
			read_foreign(buf_str(&ret->text), f->name, ret);
	} else if (rc == 0 && (ret->exists || (!l.has_others && l.n > 0))) {
		ret->whose = INDEX_OURS;
		index_text(&l, &ret->wanted);
	}
	listing_fini(&l);
	return rc;
}

void
manifest_index_fini(struct manifest_index *x)
{
	buf_fini(&x->text);
	buf_fini(&x->wanted);
}

int
manifest_index_write(const struct manifest_file *f, struct err *e)
{
	struct manifest_file now = *f; /* as it is by now */
	struct manifest_index x;
	int rc = manifest_file_head(f->dir, f->name, &now.head, e);

	if (rc < 0)
		return rc;
	rc = manifest_index_look(&now, MANIFEST_STAYS, &x, e);
	if (rc == 0 && x.whose == INDEX_OURS && !str_eq(buf_str(&x.text), buf_str(&x.wanted))) {
		if (x.wanted.n > 0)
			rc = fs_write_at(f->dir, MANIFEST_INDEX, x.wanted.p, x.wanted.n, 0644, e);
		else if (unlinkat(f->dir, MANIFEST_INDEX, 0) < 0)
			rc = err_sys(e, "cannot remove \"" MANIFEST_INDEX "\"");
		else
			rc = fs_sync_dir(f->dir, e);
	}
	manifest_index_fini(&x);
	return rc;
}
