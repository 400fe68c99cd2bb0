/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs by name: opened, read and checked, removed, listed. What a blob's name promises is checked
 * whenever its bytes decide something (blob_read, and blob_verify.c); opening checks only that it
 * is a file. Writing is blob_batch.c. Nothing here knows about models.
 */
#include "registry/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/blob_private.h"

int
blobs_open(int rootfd, struct blobs **ret, struct err *e)
{
	cleanup_close int dir = -1;
	struct blobs *b;
	int rc;

	rc = fs_open_dir_beneath(rootfd, "blobs/sha256", &dir, e);
	if (rc < 0)
		return rc;
	b = xcalloc(1, sizeof(*b));
	*b = (struct blobs){
		.rootfd = rootfd, .dir = steal_fd(&dir), .house = -1, .incoming = -1
	};
	*ret = b;
	return 0;
}

void
blobs_close(struct blobs *b)
{
	if (!b)
		return;
	incoming_leave(b);
	stream_free(b->stream);
	close_quietly(b->dir);
	free(b);
}

int
blobs_stream(struct blobs *b, struct stream **ret, struct err *e)
{
	if (!b->stream) {
		const int rc = stream_new(&b->stream, e);

		if (rc < 0)
			return rc;
	}
	*ret = b->stream;
	return 0;
}

bool
blobs_are_in(const struct blobs *b, const struct stat *dir)
{
	struct stat root;

	return fstat(b->rootfd, &root) == 0 && root.st_dev == dir->st_dev &&
	       root.st_ino == dir->st_ino;
}

int
blob_open(struct blobs *b, const struct digest *d, int *ret_fd, uint64_t *ret_size, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	struct stat st;

	digest_hex(d, hex);
	/* O_NONBLOCK: a FIFO under a blob's name must not hold us */
	cleanup_close int fd =
		openat(b->dir, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOT_FOUND, "blob sha256:%s is not in the registry", hex);
	if (fd < 0)
		return err_sys(e, "cannot open blob sha256:%s", hex);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at blob sha256:%s", hex);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_DIGEST, "blob sha256:%s is not a regular file", hex);
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int
blob_promised(int rc, struct err *e)
{
	if (rc != -ERR_NOT_FOUND)
		return rc;
	e->code = ERR_DIGEST;
	if (!e->hint[0])
		(void)err_hint(e, BLOB_HINT_LOST);
	return -ERR_DIGEST;
}

bool
blob_exists(struct blobs *b, const struct digest *d, uint64_t *ret_size)
{
	char hex[DIGEST_HEX_SIZE];
	struct stat st;

	digest_hex(d, hex);
	if (fstatat(b->dir, hex, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return true;
}

bool
blob_is_whole(struct blobs *b, const struct digest *d, uint64_t size)
{
	struct err ignored = { 0 };
	uint64_t found;

	return blob_exists(b, d, &found) && found == size &&
	       (size > BLOB_COMPARE_MAX || blob_verify(b, d, size, NULL, &ignored) == 0);
}

int
blob_must_exist(struct blobs *b, const struct digest *d, struct err *e)
{
	if (blob_exists(b, d, NULL))
		return 0;
	(void)err_set(e, ERR_CONFLICT, "a file of the registry went away meanwhile");
	return err_hint(e, "try again");
}

bool
blob_time(struct blobs *b, const struct digest *d, int64_t *ret_s)
{
	char hex[DIGEST_HEX_SIZE];
	struct stat st;

	digest_hex(d, hex);
	if (fstatat(b->dir, hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*ret_s = st.st_mtim.tv_sec > st.st_ctim.tv_sec ? st.st_mtim.tv_sec : st.st_ctim.tv_sec;
	return true;
}

int
blob_damaged(const char *hex, struct err *e)
{
	(void)err_set(e, ERR_DIGEST, "blob sha256:%s has other bytes than its name says", hex);
	return err_hint(e, BLOB_HINT_LOST);
}

/* From here on the quicker hash is worth what loading it costs, 2 to 3 ms. */
#define HASHER_MIN ((size_t)512 << 10)

static void
digest_of(const struct buf *bytes, struct digest *ret)
{
	struct hasher *const h = bytes->n < HASHER_MIN ? NULL : hasher_new();

	if (!h) {
		digest_small(bytes->p, bytes->n, ret);
		return;
	}
	hasher_update(h, bytes->p, bytes->n);
	hasher_final(h, ret);
	hasher_free(h);
}

int
blob_read(struct blobs *b, const struct digest *d, size_t max, struct buf *ret, struct err *e)
{
	cleanup_close int fd = -1;
	cleanup_buf struct buf bytes = { 0 };
	char hex[DIGEST_HEX_SIZE];
	struct digest found;
	uint64_t size;
	int rc;

	rc = blob_open(b, d, &fd, &size, e);
	if (rc < 0)
		return rc;
	digest_hex(d, hex);
	if (size > max)
		return err_set(e, ERR_TOO_BIG, "blob sha256:%s is larger than %zu bytes", hex, max);
	rc = fs_read_fd(fd, hex, max, &bytes, e);
	if (rc < 0)
		return rc;
	digest_of(&bytes, &found);
	if (!digest_eq(&found, d))
		return blob_damaged(hex, e);
	buf_add(ret, bytes.p, bytes.n);
	return 0;
}

int
blob_unlink(struct blobs *b, const struct digest *d, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	if (unlinkat(b->dir, hex, 0) < 0 && errno != ENOENT)
		return err_sys(e, "cannot remove blob sha256:%s", hex);
	return 0;
}

int
blob_each(struct blobs *b, int (*fn)(void *arg, const struct digest *d, uint64_t size), void *arg,
          struct err *e)
{
	/* a descriptor of its own: two walks at a time would share one position */
	const int fd = openat(b->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *const dir = fd < 0 ? NULL : fdopendir(fd);
	int rc = 0;

	if (!dir) {
		rc = err_sys(e, "cannot list the blobs");
		close_quietly(fd);
		return rc;
	}
	for (errno = 0;; errno = 0) {
		const struct dirent *const de = readdir(dir);
		struct digest d;
		uint64_t size;

		if (!de) {
			if (errno != 0)
				rc = err_sys(e, "cannot list the blobs");
			break;
		}
		if (digest_parse(&d, de->d_name, strlen(de->d_name)) < 0 || !blob_exists(b, &d,
		                                                                         &size))
			continue;
		rc = fn(arg, &d, size);
		if (rc != 0)
			break;
	}
	closedir(dir);
	return rc;
}
