/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs that come piece by piece, through the ring of their registry's blobs: received here, hashed
 * in a second thread. One at a time. Knows nothing of where the bytes come from.
 */
#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/blob_private.h"

struct blob_arrival {
	struct blob_batch *batch;
	struct batch_file file;
	bool has_temp; /* to be dropped */
	struct stream *stream;
};

int
blob_arrival_new(struct blob_batch *t, const char *name, uint64_t size,
                 struct blob_arrival **ret, struct err *e)
{
	struct blob_arrival *const a = xcalloc(1, sizeof *a);
	int rc = blobs_stream(t->blobs, &a->stream, e);

	assert(!t->blobs->has_arrival);
	a->batch = t;
	a->file.fd = -1;
	if (rc == 0)
		rc = batch_create(t->blobs, &a->file.temp, &a->file.fd, e);
	if (rc < 0) {
		free(a);
		return rc;
	}
	a->has_temp = true;
	t->blobs->has_arrival = true;
	stream_open(a->stream, a->file.fd, name, size);
	*ret = a;
	return 0;
}

int
blob_arrival_write(struct blob_arrival *a, const void *p, size_t n, struct err *e)
{
	return stream_write(a->stream, p, n, e);
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
	stream_give_up(a->stream); /* before its descriptor is another's */
	if (a->has_temp) {
		batch_drop(a->batch->blobs, a->file.temp);
		close_quietly(a->file.fd);
	}
	a->batch->blobs->has_arrival = false;
	free(a);
}
