/* SPDX-License-Identifier: Apache-2.0 */
/* What the files blob_*.c share; nobody else includes this. */
#pragma once

#include <stdint.h>

#include "registry/base/vec.h"
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
	bool has_arrival;       /* which has the stream */
};

/* DIGEST: of the blob with that name. */
int blob_damaged(const char *hex, struct err *e);
/* The one stream of these blobs, made on first use. */
int blobs_stream(struct blobs *b, struct stream **ret, struct err *e);

/* b->incoming is a folder that no other process uses or removes; what dead ones left is removed. */
int incoming_take(struct blobs *b, struct err *e);
void incoming_leave(struct blobs *b); /* with all that is in it */
/* Is the file or folder that fd has open still the one of that name? */
bool incoming_is_named(int house, const char *name, int fd);

/* --- blobs that came in part; after incoming_take --- */

#define BLOB_PART_LEAST ((uint64_t)4 << 20) /* fewer bytes are not worth it */

/* The file of d, new or gone on with, locked. false: somebody else has it, or it is none of ours.
 */
bool part_take(struct blobs *b, const struct digest *d, int *ret_fd);
/* It is whole: a file of ours in incoming like others. fd: what part_take returned. */
int part_end(struct blobs *b, const struct digest *d, int fd, uint64_t *ret_temp, struct err *e);
void part_drop(const struct blobs *b, const struct digest *d);
/* Is that the name of one that nobody holds, and that is too old (is_any_age: or not)? */
bool part_is_free(int house, const char *name, int lock, bool is_any_age, uint64_t *ret_size);

/* --- batches --- */

struct batch_file {
	struct digest digest;
	uint64_t size;
	uint64_t temp;   /* number of its name in incoming/ */
	int fd;          /* to be synced; -1: the batch is beyond SYNC_EACH_MAX */
	bool is_there;   /* under its own name: nothing in incoming/ */
	bool is_damaged; /* what has its name has other bytes */
};
struct writer;
struct blob_batch {
	struct blobs *blobs;
	VEC(struct batch_file) files;
	bool sync_all;
	struct writer *writer; /* NULL until the batch is large */
	uint64_t new_bytes;
};
/* A new file in incoming/, to be written to. */
int batch_create(struct blobs *b, uint64_t *ret_temp, int *ret_fd, struct err *e);
void batch_drop(const struct blobs *b, uint64_t temp);
/* The file that fd has open, name in house, becomes such a file. */
int batch_adopt(struct blobs *b, int house, const char *name, int fd, uint64_t *ret_temp,
                struct err *e);
/* Is f there under its name? bytes: its content where that is in memory, else NULL. */
void batch_look(struct blobs *b, struct batch_file *f, const struct str *bytes);
/* f belongs to t now, with its descriptor. */
void batch_keep(struct blob_batch *t, struct batch_file f);
