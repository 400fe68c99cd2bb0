/* SPDX-License-Identifier: Apache-2.0 */
/* What blob.c, blob_batch.c and blob_incoming.c share; nobody else includes this. */
#pragma once

#include <stdint.h>

#include "registry/blob.h"
#include "registry/stream.h"

#define BLOB_TEMP_SIZE 17 /* 16 hex digits and the NUL */

struct blobs {
	int rootfd;             /* borrowed */
	int dir;                /* blobs/sha256 */
	int house;              /* incoming/; -1 until something is written, as incoming */
	int incoming;           /* the folder in it that is ours, locked */
	uint64_t id;            /* random: its name */
	uint64_t next;          /* number of the next name in it */
	size_t batches;         /* that are open: with the last one the folder goes */
	struct stream *stream;  /* NULL until bytes are streamed */
};

/* DIGEST: of the blob with that name. */
int blob_damaged(const char *hex, struct err *e);
/* The one stream of these blobs, made on first use. */
int blobs_stream(struct blobs *b, struct stream **ret, struct err *e);

/* b->incoming is a folder that no other process uses or removes; what dead ones left is removed. */
int incoming_take(struct blobs *b, struct err *e);
void incoming_leave(struct blobs *b); /* with all that is in it */
