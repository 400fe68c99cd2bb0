/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a backup. Blobs go through the other folder's own blob writer, which hashes them and
 * makes them durable; the log is copied by place, behind what an earlier backup ended with. What a
 * cleaning takes away meanwhile is left out here: whether it was needed is asked at the end.
 */
#include "registry/backup_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/base/vec.h"
#include "registry/check_private.h"

/* What is made durable at once: enough for one sync to pay, little enough to be resumed. */
#define BATCH_FILES 1024
#define BATCH_BYTES ((uint64_t)1 << 30)
#define COPY_SIZE   ((size_t)1 << 16)
#define JOB_MAX     ((size_t)16 << 20)

/* --- blobs --- */

struct missing {
	struct digest digest;
	uint64_t size;
};
struct gather {
	struct backup *b;
	VEC(struct missing) blobs;
};

static int
take_missing(void *arg, const struct digest *d, uint64_t size)
{
	struct gather *const g = arg;
	const struct missing m = { .digest = *d, .size = size };
	uint64_t there;

	if (!blob_exists(g->b->blobs, d, &there) || there != size)
		vec_push(&g->blobs, m);
	return 0;
}

static void
count_damaged(struct backup *b, const char *hex)
{
	b->ret->damaged++;
	message(MESSAGE_WARNING, "blob sha256:%s has other bytes than its name says", hex);
}

/* 1: it went away. */
static int
copy_blob(struct backup *b, struct blob_batch *t, const struct missing *m, struct err *e)
{
	cleanup_close int fd = -1;
	char hex[DIGEST_HEX_SIZE];
	struct digest found;
	uint64_t size;
	int rc;

	rc = blob_open(b->r->blobs, &m->digest, &fd, NULL, e);
	if (rc == -ERR_NOT_FOUND) {
		err_clear(e);
		return 1;
	}
	if (rc < 0)
		return rc;
	digest_hex(&m->digest, hex);
	rc = blob_batch_add(t, fd, hex, b->progress, &found, &size, e);
	if (rc < 0)
		return rc;
	if (!digest_eq(&found, &m->digest)) {
		count_damaged(b, hex);
		return 1;
	}
	return 0;
}

/* As many as go into one batch; *at moves on. */
static int
copy_batch(struct backup *b, const struct gather *g, size_t *at, struct err *e)
{
	struct blob_batch *t = NULL;
	uint64_t bytes = 0, n = 0, new_bytes = 0;
	int rc = blob_batch_new(b->blobs, &t, e);

	while (rc >= 0 && *at < g->blobs.n && n < BATCH_FILES && bytes < BATCH_BYTES) {
		const struct missing *const m = &g->blobs.v[(*at)++];

		rc = copy_blob(b, t, m, e);
		if (rc == 0) {
			n++;
			bytes += m->size;
		}
	}
	if (rc >= 0)
		rc = blob_batch_finish(t, e);
	if (rc == 0)
		new_bytes = blob_batch_new_bytes(t);
	blob_batch_free(t);
	if (rc == 0) {
		b->ret->new_blobs += n;
		b->ret->new_bytes += new_bytes;
	}
	return rc;
}

static void
no_matter(void *arg, const char *what, const struct err *problem)
{
	(void)arg, (void)what, (void)problem; /* the check at the end says it */
}

/* What has more bytes than its name can have is left out before its terabytes are copied. Only
 * where there is something long: it takes the whole log to know what is needed. */
static int
leave_out_longer(struct gather *g, struct err *e)
{
	struct check_result ignored = { 0 };
	struct check c = { .r = g->b->r, .fn = no_matter, .ret = &ignored };
	char hex[DIGEST_HEX_SIZE];
	bool has_long = false;
	size_t n = 0;
	int rc;

	vec_foreach (m, &g->blobs)
		has_long |= m->size > CHECK_UNSIZED_MAX;
	if (!has_long)
		return 0;
	rc = check_gather(&c, e);
	for (size_t i = 0; rc == 0 && i < g->blobs.n; i++) {
		const struct missing *const m = &g->blobs.v[i];

		if (!check_is_longer(&c, &m->digest, m->size)) {
			g->blobs.v[n++] = *m;
		} else if (check_is_needed(&c, &m->digest)) {
			digest_hex(&m->digest, hex);
			count_damaged(g->b, hex);
		}
	}
	if (rc == 0)
		g->blobs.n = n;
	check_fini(&c);
	return rc;
}

int
backup_copy_blobs(struct backup *b, struct err *e)
{
	struct gather g = { .b = b };
	int rc = blob_each(b->r->blobs, take_missing, &g, e);

	if (rc == 0)
		rc = leave_out_longer(&g, e);
	for (size_t at = 0; rc == 0 && at < g.blobs.n;)
		rc = copy_batch(b, &g, &at, e);
	vec_fini(&g.blobs);
	return rc;
}

/* --- the log --- */

static void
segment_path(uint32_t segment, char ret[32])
{
	(void)snprintf(ret, 32, "log/%08" PRIu32 ".log", segment);
}

static int
open_segment(int rootfd, uint32_t segment, int flags, int *ret, struct err *e)
{
	char path[32];

	segment_path(segment, path);
	*ret = fs_open_beneath(rootfd, path, flags | O_CLOEXEC | O_NOFOLLOW, 0660);
	return *ret < 0 ? err_sys(e, "open \"%s\"", path) : 0;
}

static int
copy_range(int from, int to, uint64_t at, uint64_t end, struct err *e)
{
	uint8_t part[COPY_SIZE / 8];

	while (at < end) {
		const size_t n = end - at < sizeof part ? (size_t)(end - at) : sizeof part;

		if (fs_pread_all(from, part, n, (off_t)at) < 0)
			return errno ? err_sys(e, "read the log")
			             : err_set(e, ERR_DIGEST, "the log became shorter meanwhile");
		if (fs_pwrite_all(to, part, n, (off_t)at) < 0)
			return err_sys(e, "write the backup's log");
		at += n;
	}
	return 0;
}

static int
copy_segment(struct backup *b, uint32_t segment, struct err *e)
{
	const uint64_t at = segment == b->had.end.segment ? b->had.end.offset : 0;
	cleanup_close int from = -1, to = -1;
	uint64_t end = b->now.end.offset;
	struct stat st;
	int rc = open_segment(b->r->rootfd, segment, O_RDONLY, &from, e);

	if (rc == 0)
		rc = open_segment(b->rootfd, segment, O_RDWR | O_CREAT, &to, e);
	if (rc < 0)
		return rc;
	if (fstat(from, &st) < 0)
		return err_sys(e, "look at the log");
	if (segment < b->now.end.segment)
		end = (uint64_t)st.st_size;
	if (ftruncate(to, (off_t)at) < 0)
		return err_sys(e, "cut the backup's log to what it ended with");
	rc = copy_range(from, to, at, end, e);
	if (rc == 0 && fdatasync(to) < 0)
		rc = err_sys(e, "make the backup's log durable");
	return rc;
}

/* Segments that an interrupted backup had begun. */
static void
drop_behind(const struct backup *b)
{
	char path[32];

	for (uint32_t i = b->now.end.segment + 1;; i++) {
		segment_path(i, path);
		if (unlinkat(b->rootfd, path, 0) < 0)
			return;
	}
}

int
backup_copy_log(struct backup *b, struct err *e)
{
	cleanup_close int dir = -1;
	int rc = fs_open_dir_beneath(b->rootfd, "log", &dir, e);

	for (uint32_t i = b->had.end.segment; rc == 0 && i <= b->now.end.segment; i++)
		rc = copy_segment(b, i, e);
	if (rc < 0)
		return rc;
	drop_behind(b);
	return fs_sync_dir(dir, e);
}

/* --- jobs --- */

static void
copy_job_file(const struct backup *b, const char *path)
{
	cleanup_buf struct buf text = { 0 };
	struct err ignored = { 0 };
	cleanup_close int fd = fs_open_beneath(b->r->rootfd, path, O_RDONLY | O_CLOEXEC, 0);

	if (fd >= 0 && fs_read_fd(fd, path, JOB_MAX, &text, &ignored) == 0)
		(void)fs_write_at(b->rootfd, path, text.p, text.n, 0660, &ignored);
}

static void
copy_job(const struct backup *b, const char *id)
{
	static const char *const files[] = { "journal", "log" };
	cleanup_free char *dir = xasprintf("jobs/%s", id);

	if (mkdirat(b->rootfd, dir, 0770) < 0 && errno != EEXIST)
		return;
	for (size_t i = 0; i < COUNT(files); i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, files[i]);
		struct stat from, to;

		if (fstatat(b->r->rootfd, path, &from, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(from.st_mode))
			continue;
		/* both only grow */
		if (fstatat(b->rootfd, path, &to, AT_SYMLINK_NOFOLLOW) < 0 ||
		    from.st_size != to.st_size)
			copy_job_file(b, path);
	}
}

void
backup_copy_jobs(struct backup *b)
{
	const int fd = fs_open_beneath(b->r->rootfd, "jobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *const d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		close_quietly(fd);
		return;
	}
	for (const struct dirent *de = readdir(d); de; de = readdir(d))
		if (strlen(de->d_name) == 16 && strspn(de->d_name, "0123456789abcdef") == 16)
			copy_job(b, de->d_name);
	closedir(d);
}
