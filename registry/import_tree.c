/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder or a file into blobs and a manifest. First a walk that only looks, so that what is
 * refused is refused before a byte is read and the total is known; then each file is streamed
 * once, in the order of the paths, and must be the same file before and after. Every name is
 * resolved by the kernel below the folder (openat2), so no link leads out. Signs nothing and
 * writes no log.
 */
#include "registry/import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/vec.h"
#include "registry/import_walk.h"

/* What one import carries through its steps. */
struct import_job {
	struct blobs *blobs;
	struct blob_batch *batch;
	const char *path; /* as given, for messages */
	struct manifest *manifest;

	const struct progress *progress;
	uint64_t done; /* bytes of the files before this one */
	uint64_t total;
};

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       is_same_time(&a->st_mtim, &b->st_mtim) && is_same_time(&a->st_ctim, &b->st_ctim);
}

static void
step(void *arg, const char *what, uint64_t done, uint64_t total)
{
	const struct import_job *const j = arg;

	(void)total;
	progress_step(j->progress, what, j->done + done, j->total);
}

static int
check_same(const struct import_job *j, const struct walk_file *f, int fd, struct err *e)
{
	struct stat now;

	if (fstat(fd, &now) < 0)
		return err_sys(e, "cannot look at \"%s\" of \"%s\"", f->path, j->path);
	if (is_same(&f->st, &now))
		return 0;
	(void)err_set(e, ERR_CONFLICT, "\"%s\" of \"%s\" changed while it was imported", f->path,
	              j->path);
	return err_hint(e, "import again when nothing writes there any more");
}

/* fd is f, opened after the walk saw it. */
static int
take_file(struct import_job *j, const struct walk_file *f, int fd, struct err *e)
{
	const struct progress p = { .fn = step, .arg = j };
	struct digest d;
	uint64_t size;
	int rc;

	rc = check_same(j, f, fd, e);
	if (rc < 0)
		return rc;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	rc = blob_batch_add(j->batch, fd, f->path, &p, &d, &size, e);
	if (rc < 0)
		return rc;
	rc = check_same(j, f, fd, e);
	if (rc < 0)
		return rc;
	if (size != (uint64_t)f->st.st_size)
		return err_set(e, ERR_CONFLICT,
		               "\"%s\" of \"%s\" has %" PRIu64 " bytes where %lld were expected",
		               f->path, j->path, size, (long long)f->st.st_size);
	j->done += size;
	manifest_add(j->manifest, f->path, size, &d);
	return 0;
}

static int
take_folder(struct import_job *j, int root, struct err *e)
{
	struct walk w = { .blobs = j->blobs };
	int rc;

	rc = walk_folder(&w, root, j->path, e);
	if (rc == 0)
		rc = walk_check_case(&w, e);
	if (rc == 0 && w.files.n == 0) {
		(void)err_set(e, ERR_USAGE, "\"%s\" has no file", j->path);
		rc = err_hint(e, "give a folder with at least one regular file");
	}
	vec_foreach (f, &w.files)
		j->total += (uint64_t)f->st.st_size;
	for (size_t i = 0; i < w.files.n && rc == 0; i++) {
		cleanup_close int fd = -1;

		rc = walk_open(&w, &w.files.v[i], &fd, e);
		if (rc == 0)
			rc = take_file(j, &w.files.v[i], fd, e);
	}
	walk_fini(&w);
	return rc;
}

static int
take_single(struct import_job *j, int fd, const struct stat *st, struct err *e)
{
	cleanup_free char *copy = xstrdup(j->path);
	struct walk_file f = { .path = basename(copy), .st = *st };
	int rc;

	rc = manifest_path_check(f.path, e);
	if (rc < 0) {
		e->code = ERR_USAGE;
		return err_prefix(e, "\"%s\"", j->path);
	}
	j->total = (uint64_t)st->st_size;
	return take_file(j, &f, fd, e);
}

/* A registry that takes itself in would find its own temporary files, and double. */
static int
check_outside(const struct import_job *j, struct err *e)
{
	cleanup_free char *path = realpath(j->path, NULL);

	if (!path)
		return err_sys(e, "cannot open \"%s\"", j->path);
	for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
		struct stat st;

		*end = '\0';
		if (stat(*path ? path : "/", &st) == 0 && blobs_are_in(j->blobs, &st))
			return walk_refuse_registry(j->path, e);
	}
	return 0;
}

static int
take_path(struct import_job *j, struct err *e)
{
	/* O_NONBLOCK: opening a FIFO would wait for a writer */
	cleanup_close int fd =
		open(j->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rc;

	if (fd < 0)
		return err_sys(e, "cannot open \"%s\"", j->path);
	rc = check_outside(j, e);
	if (rc < 0)
		return rc;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at \"%s\"", j->path);
	if (S_ISDIR(st.st_mode))
		return take_folder(j, fd, e);
	if (S_ISREG(st.st_mode))
		return take_single(j, fd, &st, e);
	return err_set(e, ERR_USAGE, "\"%s\" is neither a folder nor a regular file", j->path);
}

/* Config and manifest as blobs, everything durable. */
static int
finish(struct blob_batch *t, struct manifest *m, struct digest *ret, struct err *e)
{
	cleanup_buf struct buf config = { 0 };
	cleanup_buf struct buf text = { 0 };
	int rc;

	rc = manifest_sort(m, e);
	if (rc < 0)
		return rc;
	rc = manifest_write_config(m, &config, e);
	if (rc < 0)
		return rc;
	rc = blob_batch_add_mem(t, config.p, config.n, &m->config, e);
	if (rc < 0)
		return rc;
	rc = manifest_write(m, &m->config, config.n, &text, e);
	if (rc < 0)
		return rc;
	rc = blob_batch_add_mem(t, text.p, text.n, ret, e);
	if (rc < 0)
		return rc;
	return blob_batch_finish(t, e);
}

int
import_check_paths(struct manifest *m, const char *name, struct err *e)
{
	struct walk w = { .root = -1, .name = name };
	int rc;

	for (size_t i = 0; i < m->n; i++) {
		rc = manifest_path_check(m->files[i].path, e);
		if (rc < 0)
			return rc;
	}
	rc = manifest_sort(m, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m->n; i++)
		vec_push(&w.files, ((struct walk_file){ .path = m->files[i].path }));
	rc = walk_check_case(&w, e);
	vec_fini(&w.files); /* the paths are the manifest's */
	return rc;
}

int
import_files(struct blob_batch *t, struct manifest *m, const char *name, struct digest *ret,
             struct err *e)
{
	int rc = import_check_paths(m, name, e);

	return rc < 0 ? rc : finish(t, m, ret, e);
}

int
import_tree(struct blobs *b, const char *path, const struct progress *p, struct import_tree *ret,
            struct err *e)
{
	struct import_tree t = { 0 };
	struct import_job j = { .blobs = b, .path = path, .manifest = &t.manifest, .progress = p };
	int rc;

	rc = blob_batch_new(b, &j.batch, e);
	if (rc < 0)
		return rc;
	rc = take_path(&j, e);
	if (rc == 0)
		rc = finish(j.batch, &t.manifest, &t.manifest_digest, e);
	if (rc == 0) {
		t.new_bytes = blob_batch_new_bytes(j.batch);
		*ret = t;
	} else {
		import_tree_fini(&t);
	}
	blob_batch_free(j.batch);
	return rc;
}

void
import_tree_fini(struct import_tree *t)
{
	manifest_fini(&t->manifest);
}
