/* SPDX-License-Identifier: Apache-2.0 */
/* What blob.c and blob_batch.c share; nobody else includes this. */
#pragma once

#include <stdint.h>

#include "registry/blob.h"
#include "registry/stream.h"

#define BLOB_TEMP_PREFIX 17 /* 16 random hex digits and the "-" */
#define BLOB_TEMP_SIZE   34 /* and 16 digits more, and the NUL */

struct blobs {
	int rootfd;             /* borrowed */
	int dir;                /* blobs/sha256 */
	int incoming;           /* -1 until something is written */
	uint64_t id;            /* random: the first part of the names in incoming/ */
	uint64_t next;          /* the second part */
	size_t temps;           /* names in incoming/ that are ours */
	struct stream *stream;  /* NULL until bytes are streamed */
};

/* The one stream of these blobs, made on first use. */
int blobs_stream(struct blobs *b, struct stream **ret, struct err *e);
void blob_temp_name(const struct blobs *b, uint64_t n, char ret[BLOB_TEMP_SIZE]);
