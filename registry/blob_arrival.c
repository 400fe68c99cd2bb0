/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs that come piece by piece. What arrives is collected to large writes and hashed in the order
 * of its coming; the disk is told early to begin, so that the sync at the end has little to wait
 * for. Knows nothing of where the bytes come from.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/blob_private.h"

#define PIECE       ((size_t)256 << 10)
#define FLUSH_EVERY ((uint64_t)8 << 20)

struct blob_arrival {
	struct blob_batch *batch;
	struct batch_file file;
	bool has_temp; /* to be dropped */
	struct hasher *hasher;
	uint8_t *piece;
	size_t n;         /* bytes in piece */
	uint64_t flushed; /* that the disk was told of */
};

int
blob_arrival_new(struct blob_batch *t, struct blob_arrival **ret, struct err *e)
{
	struct blob_arrival *const a = xcalloc(1, sizeof *a);
	int rc;

	a->batch = t;
	a->file.fd = -1;
	rc = batch_create(t->blobs, &a->file.temp, &a->file.fd, e);
	if (rc < 0) {
		free(a);
		return rc;
	}
	a->has_temp = true;
	a->hasher = hasher_new();
	a->piece = xcalloc(1, PIECE);
	*ret = a;
	return 0;
}

static int
put(struct blob_arrival *a, const void *p, size_t n, struct err *e)
{
	if (fs_write_all(a->file.fd, p, n) < 0)
		return err_sys(e, "cannot write a file in \"incoming\"");
	hasher_update(a->hasher, p, n);
	a->file.size += n;
	if (a->file.size - a->flushed >= FLUSH_EVERY) {
		(void)sync_file_range(a->file.fd, (off_t)a->flushed,
		                      (off_t)(a->file.size - a->flushed), SYNC_FILE_RANGE_WRITE);
		a->flushed = a->file.size;
	}
	return 0;
}

static int
flush(struct blob_arrival *a, struct err *e)
{
	const size_t n = a->n;

	a->n = 0;
	return n > 0 ? put(a, a->piece, n, e) : 0;
}

int
blob_arrival_write(struct blob_arrival *a, const void *p, size_t n, struct err *e)
{
	int rc = 0;

	if (n > PIECE - a->n)
		rc = flush(a, e);
	if (rc < 0)
		return rc;
	if (n >= PIECE)
		return put(a, p, n, e);
	memcpy(a->piece + a->n, p, n);
	a->n += n;
	return 0;
}

int
blob_arrival_end(struct blob_arrival *a, const struct digest *want, struct digest *ret,
                 struct err *e)
{
	int rc = flush(a, e);

	if (rc < 0)
		return rc;
	hasher_final(a->hasher, &a->file.digest);
	if (want && !digest_eq(&a->file.digest, want))
		return err_set(e, ERR_DIGEST, "other bytes came than were asked for");
	batch_look(a->batch->blobs, &a->file, NULL);
	if (a->file.is_there && !blob_is_whole(a->batch->blobs, &a->file.digest, a->file.size)) {
		a->file.is_there = false;
		a->file.is_damaged = true;
	}
	if (a->file.is_there) {
		batch_drop(a->batch->blobs, a->file.temp);
		close_quietly(a->file.fd);
		a->file.fd = -1;
	}
	a->has_temp = false;
	*ret = a->file.digest;
	batch_keep(a->batch, a->file);
	return 0;
}

void
blob_arrival_free(struct blob_arrival *a)
{
	if (!a)
		return;
	if (a->has_temp) {
		batch_drop(a->batch->blobs, a->file.temp);
		close_quietly(a->file.fd);
	}
	hasher_free(a->hasher);
	free(a->piece);
	free(a);
}
