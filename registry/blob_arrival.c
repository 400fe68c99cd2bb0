/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs that come piece by piece, through the ring of their registry's blobs: received here, hashed
 * in a second thread. One at a time. A large one whose digest is known is written to a file that
 * can outlive us (blob_part.c). Knows nothing of where the bytes come from.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/blob_private.h"

struct blob_arrival {
	struct blob_batch *batch;
	struct batch_file file;
	struct stream *stream;
	bool has_file; /* to be dropped */
	bool is_part;  /* it is not yet one of ours in incoming */
	struct digest want;
	uint64_t had;
};

static struct blob_arrival *
make(struct blob_batch *t)
{
	struct blob_arrival *const a = xcalloc(1, sizeof *a);

	assert(!t->blobs->has_arrival);
	t->blobs->has_arrival = true;
	a->batch = t;
	a->file.fd = -1;
	return a;
}

static int
begin(struct blob_arrival *a, const struct blob_coming *c, struct blob_arrival **ret, struct err *e)
{
	struct blobs *const b = a->batch->blobs;
	int rc = blobs_stream(b, &a->stream, e);

	if (rc == 0 && !a->has_file) {
		rc = batch_create(b, &a->file.temp, &a->file.fd, e);
		a->has_file = rc == 0;
	}
	if (rc < 0) {
		blob_arrival_free(a);
		return rc;
	}
	stream_open(a->stream, a->file.fd, c->name, c->size);
	*ret = a;
	return 0;
}

int
blob_arrival_new(struct blob_batch *t, const struct blob_coming *c, struct blob_arrival **ret,
                 struct err *e)
{
	return begin(make(t), c, ret, e);
}

/* Whole buffers only; of what is longer than it can be, nothing. */
static uint64_t
usable(int fd, uint64_t size)
{
	struct stat st;
	const uint64_t there = fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_size;
	const uint64_t n = there > size ? 0 : there - there % STREAM_BUFFER;

	return n < BLOB_PART_LEAST ? 0 : n;
}

int
blob_arrival_resume(struct blob_batch *t, const struct blob_coming *c, uint64_t *ret_had,
                    struct blob_arrival **ret, struct err *e)
{
	struct blob_arrival *const a = make(t);
	int rc = 0;

	if (c->size >= BLOB_PART_MIN)
		rc = incoming_take(t->blobs, e);
	if (rc == 0 && c->size >= BLOB_PART_MIN && part_take(t->blobs, c->digest, &a->file.fd)) {
		a->has_file = a->is_part = true;
		a->want = *c->digest;
		a->had = usable(a->file.fd, c->size);
		if (ftruncate(a->file.fd, (off_t)a->had) < 0)
			rc = err_sys(e, "cannot cut a file in \"incoming\"");
	}
	if (rc < 0) {
		blob_arrival_free(a);
		return rc;
	}
	*ret_had = a->had;
	return begin(a, c, ret, e);
}

int
blob_arrival_reread(struct blob_arrival *a, uint64_t *ret_n, struct err *e)
{
	return stream_reread(a->stream, a->had, ret_n, e);
}

int
blob_arrival_write(struct blob_arrival *a, const void *p, size_t n, struct err *e)
{
	return stream_write(a->stream, p, n, e);
}

static void
drop(struct blob_arrival *a)
{
	if (a->is_part)
		part_drop(a->batch->blobs, &a->want);
	else
		batch_drop(a->batch->blobs, a->file.temp);
	close_quietly(a->file.fd);
	a->file.fd = -1;
	a->has_file = false;
}

int
blob_arrival_end(struct blob_arrival *a, const struct digest *want, struct digest *ret,
                 struct err *e)
{
	int rc = stream_close(a->stream, &a->file.digest, &a->file.size, e);

	if (rc < 0)
		return rc;
	if (want && !digest_eq(&a->file.digest, want))
		return err_set(e, ERR_DIGEST, "other bytes came than were asked for");
	batch_look(a->batch->blobs, &a->file, NULL);
	if (a->file.is_there && !blob_is_whole(a->batch->blobs, &a->file.digest, a->file.size)) {
		a->file.is_there = false;
		a->file.is_damaged = true;
	}
	if (a->file.is_there)
		drop(a);
	else if (a->is_part)
		rc = part_end(a->batch->blobs, &a->want, a->file.fd, &a->file.temp, e);
	if (rc < 0)
		return rc;
	a->has_file = false;
	*ret = a->file.digest;
	batch_keep(a->batch, a->file);
	return 0;
}

bool
blob_arrival_keep(struct blob_arrival *a)
{
	struct stat st;

	stream_give_up(a->stream);
	if (!a->has_file || !a->is_part || fstat(a->file.fd, &st) < 0 ||
	    (uint64_t)st.st_size < BLOB_PART_LEAST)
		return false;
	close_quietly(a->file.fd);
	a->has_file = false;
	return true;
}

void
blob_arrival_free(struct blob_arrival *a)
{
	if (!a)
		return;
	if (a->stream)
		stream_give_up(a->stream); /* before its descriptor is another's */
	if (a->has_file)
		drop(a);
	a->batch->blobs->has_arrival = false;
	free(a);
}
