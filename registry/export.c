/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A version's files as a folder. They are copied from the descriptor that is hashed on the way
 * into a hidden folder beside the wanted one, which takes its name in one rename when all digests
 * are right: rename() replaces nothing but an empty folder. Knows nothing of versions or who may
 * have them.
 */
#include "registry/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/stream.h"

/* Above, one syncfs in place of a sync for each file and folder. */
#define SYNC_EACH_MAX 64

struct export_job {
	struct blobs *blobs;
	const struct manifest *m;
	struct stream *stream;
	const char *dir; /* as given, for messages */

	int parent;
	char *base; /* of dir, without slashes at its end */
	char *temp; /* name beside it */
	int fd;     /* of temp */

	const struct progress *progress;
	uint64_t done;
};

static void
step(void *arg, const char *what, uint64_t done, uint64_t total)
{
	const struct export_job *const j = arg;

	(void)total;
	progress_step(j->progress, what, j->done + done, j->m->bytes);
}

/* fn for each folder on the way to path, outermost first. */
static int
each_above(const struct export_job *j, const char *path,
           int (*fn)(const struct export_job *j, const char *dir, struct err *e), struct err *e)
{
	cleanup_free char *copy = xstrdup(path);

	for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
		int rc;

		*slash = '\0';
		rc = fn(j, copy, e);
		if (rc < 0)
			return rc;
		*slash = '/';
	}
	return 0;
}

static int
make_folder(const struct export_job *j, const char *dir, struct err *e)
{
	if (mkdirat(j->fd, dir, 0755) < 0)
		return errno == EEXIST ? 0 : err_sys(e, "cannot make the folder \"%s\"", dir);
	if (fchmodat(j->fd, dir, 0755, 0) < 0) /* whatever the umask */
		return err_sys(e, "cannot set the mode of \"%s\"", dir);
	return 0;
}

static int
sync_folder(const struct export_job *j, const char *dir, struct err *e)
{
	cleanup_close int fd = -1;
	int rc;

	rc = fs_open_dir(j->fd, dir, &fd, e);
	if (rc < 0)
		return rc;
	return fs_sync_dir(fd, e);
}

static int
other_bytes(const struct manifest_file *f, struct err *e)
{
	return err_set(e, ERR_DIGEST, "\"%s\" has other bytes than its version says", f->path);
}

static int
copy_file(struct export_job *j, const struct manifest_file *f, int in, int out, struct err *e)
{
	const struct progress p = { .fn = step, .arg = j };
	struct digest d;
	uint64_t size;
	int rc;

	rc = stream_begin(j->stream, in, f->path, e);
	if (rc < 0)
		return rc;
	rc = stream_run(j->stream, out, &p, &d, &size, e);
	if (rc < 0)
		return rc;
	if (size != f->size || !digest_eq(&d, &f->digest))
		return other_bytes(f, e);
	j->done += size;
	if (fchmod(out, 0644) < 0)
		return err_sys(e, "cannot set the mode of \"%s\"", f->path);
	if (j->m->n <= SYNC_EACH_MAX && fsync(out) < 0)
		return err_sys(e, "cannot sync \"%s\"", f->path);
	return 0;
}

static int
export_file(struct export_job *j, const struct manifest_file *f, struct err *e)
{
	cleanup_close int in = -1;
	cleanup_close int out = -1;
	uint64_t size;
	int rc;

	rc = manifest_path_check(f->path, e);
	if (rc < 0)
		return rc;
	rc = each_above(j, f->path, make_folder, e);
	if (rc < 0)
		return rc;
	rc = blob_promised(blob_open(j->blobs, &f->digest, &in, &size, e), e);
	if (rc < 0)
		return err_prefix(e, "\"%s\"", f->path);
	if (size != f->size) /* before its terabytes are copied */
		return other_bytes(f, e);
	out = openat(j->fd, f->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (out < 0)
		return err_sys(e, "cannot create \"%s\"", f->path);
	return copy_file(j, f, in, out, e);
}

static int
fill(struct export_job *j, struct err *e)
{
	int rc;

	for (size_t i = 0; i < j->m->n; i++) {
		rc = export_file(j, &j->m->files[i], e);
		if (rc < 0)
			return rc;
	}
	if (fchmod(j->fd, 0755) < 0)
		return err_sys(e, "cannot set the mode of \"%s\"", j->temp);
	if (j->m->n > SYNC_EACH_MAX)
		return syncfs(j->fd) < 0 ? err_sys(e, "cannot sync \"%s\"", j->dir) : 0;
	for (size_t i = 0; i < j->m->n; i++) {
		rc = each_above(j, j->m->files[i].path, sync_folder, e);
		if (rc < 0)
			return rc;
	}
	return fs_sync_dir(j->fd, e);
}

/* Best effort, by the names that we may have made. */
static void
remove_temp(const struct export_job *j)
{
	for (size_t i = 0; i < j->m->n; i++)
		(void)unlinkat(j->fd, j->m->files[i].path, 0);
	/* backwards, so that a folder is empty by the time its first file's turn has come */
	for (size_t i = j->m->n; i > 0; i--) {
		cleanup_free char *path = xstrdup(j->m->files[i - 1].path);

		for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
			*slash = '\0';
			(void)unlinkat(j->fd, path, AT_REMOVEDIR);
		}
	}
	(void)unlinkat(j->parent, j->temp, AT_REMOVEDIR);
}

static int
exists(const struct export_job *j, struct err *e)
{
	(void)err_set(e, ERR_EXISTS, "\"%s\" exists and is not an empty folder", j->dir);
	return err_hint(e, "name a folder that does not exist");
}

static bool
is_empty_folder(const char *path)
{
	DIR *const d = opendir(path);
	bool is_empty = d != NULL;

	if (!d)
		return false;
	for (const struct dirent *de = readdir(d); de && is_empty; de = readdir(d))
		is_empty = streq(de->d_name, ".") || streq(de->d_name, "..");
	closedir(d);
	return is_empty;
}

/* Opens the folder above, and refuses early what the rename would refuse late. */
static int
open_parent(struct export_job *j, struct err *e)
{
	cleanup_free char *full = realpath(j->dir, NULL);
	char *slash;
	int rc;

	if (full && !is_empty_folder(full))
		return exists(j, e);
	if (!full)
		full = xstrdup(j->dir);
	for (size_t n = strlen(full); n > 1 && full[n - 1] == '/'; n--)
		full[n - 1] = '\0';
	slash = strrchr(full, '/');
	j->base = xstrdup(slash ? slash + 1 : full);
	if (*j->base == '\0' || streq(j->base, ".") || streq(j->base, ".."))
		return err_set(e, ERR_USAGE, "\"%s\" names no new folder", j->dir);
	if (slash)
		slash[slash == full ? 1 : 0] = '\0';
	rc = fs_open_dir(AT_FDCWD, slash ? full : ".", &j->parent, e);
	return rc < 0 ? err_prefix(e, "export to \"%s\"", j->dir) : 0;
}

static int
make_temp(struct export_job *j, struct err *e)
{
	uint64_t r;

	if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return err_sys(e, "cannot get random bytes");
	j->temp = xasprintf(".slipway-export-%016" PRIx64, r);
	/* ours alone until it is complete */
	if (mkdirat(j->parent, j->temp, 0700) < 0)
		return err_sys(e, "cannot make a folder beside \"%s\"", j->dir);
	return fs_open_dir(j->parent, j->temp, &j->fd, e);
}

static int
give_name(const struct export_job *j, struct err *e)
{
	if (renameat(j->parent, j->temp, j->parent, j->base) == 0)
		return fs_sync_dir(j->parent, e);
	if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
		return exists(j, e);
	return err_sys(e, "cannot name \"%s\"", j->dir);
}

static int
run(struct export_job *j, struct err *e)
{
	int rc;

	rc = stream_new(&j->stream, e);
	if (rc < 0)
		return rc;
	rc = open_parent(j, e);
	if (rc < 0)
		return rc;
	rc = make_temp(j, e);
	if (rc < 0)
		return rc;
	rc = fill(j, e);
	if (rc == 0)
		rc = give_name(j, e);
	if (rc < 0)
		remove_temp(j);
	return rc;
}

int
export_tree(struct blobs *b, const struct manifest *m, const char *dir, const struct progress *p,
            struct err *e)
{
	struct export_job j = {
		.blobs = b, .m = m, .dir = dir, .parent = -1, .fd = -1, .progress = p
	};
	const int rc = run(&j, e);

	stream_free(j.stream);
	close_quietly(j.fd);
	close_quietly(j.parent);
	free(j.temp);
	free(j.base);
	return rc;
}
