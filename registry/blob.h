/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content-addressed files, blobs/sha256/<64 hex> as an OCI image layout keeps them. A blob is
 * written to incoming/ while a second thread hashes it, synced, then renamed to its name without
 * replacing (mode 0440). Existing content is success; a file that has the name and other bytes is
 * replaced, and said. Nothing here knows about models.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/base/str.h"

struct blobs;
/* rootfd: the registry's folder, borrowed. */
int blobs_open(int rootfd, struct blobs **ret, struct err *e);
/* NULL is fine; leftover temporary files of this process are unlinked */
void blobs_close(struct blobs *b);
/* Is dir the registry's folder? */
bool blobs_are_in(const struct blobs *b, const struct stat *dir);
/* Bytes of temporary files that no process holds: whoever writes next removes them. */
int blobs_abandoned(struct blobs *b, uint64_t *ret_bytes, struct err *e);

/* Up to this size an existing blob is compared with the bytes that are put, byte by byte; above,
 * only its size is. */
#define BLOB_COMPARE_MAX ((size_t)4 << 20)
#define BLOB_HINT_LOST                                                                   \
	"import the same bytes again, which puts them back (over 4 MiB, remove the file " \
	"from blobs/sha256 first), or restore it from a backup"

/* Durable when it returns; idempotent, *ret_existed (may be NULL) tells whether the bytes were
 * there. Reads fd from its position to the end. NO_SPACE, SYS. */
int blob_put_fd(struct blobs *b, int fd, const struct progress *p, struct digest *ret,
                uint64_t *ret_size, bool *ret_existed, struct err *e);
/* Small things: hashed first, nothing is written when they are there. */
int blob_put_mem(struct blobs *b, const void *p, size_t n, struct digest *ret, bool *ret_existed,
                 struct err *e);

/* Many files, few syncs: each blob_batch_add streams one file once; blob_batch_finish makes
 * all of them durable (an fdatasync each up to 64 files, one syncfs above), links them, syncs
 * the folder. Until then none is visible. A batch that is freed unfinished leaves nothing
 * behind. */
struct blob_batch;
int blob_batch_new(struct blobs *b, struct blob_batch **ret, struct err *e);
int blob_batch_add(struct blob_batch *t, int fd, const char *name, const struct progress *p,
                   struct digest *ret, uint64_t *ret_size, struct err *e);
int blob_batch_add_mem(struct blob_batch *t, const void *p, size_t n, struct digest *ret,
                       struct err *e);
int blob_batch_finish(struct blob_batch *t, struct err *e);
/* after finish: what was not there before */
uint64_t blob_batch_new_bytes(const struct blob_batch *t);
void blob_batch_free(struct blob_batch *t);

/* A blob whose bytes come piece by piece, from a network: written and hashed as they come, one blob
 * at a time, and no other is put meanwhile. One that is freed before its end leaves nothing behind.
 */
struct blob_arrival;
struct blob_coming {
	const char *name;            /* for messages; kept until the end */
	uint64_t size;               /* as announced */
	const struct digest *digest; /* NULL: whichever it has */
};
int blob_arrival_new(struct blob_batch *t, const struct blob_coming *c, struct blob_arrival **ret,
                     struct err *e);
int blob_arrival_write(struct blob_arrival *a, const void *p, size_t n, struct err *e);
/* To the batch, when its digest is want (NULL: whichever it is). DIGEST: it is another, and the
 * bytes are gone. */
int blob_arrival_end(struct blob_arrival *a, const struct digest *want, struct digest *ret,
                     struct err *e);
void blob_arrival_free(struct blob_arrival *a); /* NULL is fine */

/* As blob_arrival_new, for a blob of known digest, which blob_arrival_end must be given. One of
 * BLOB_PART_MIN and more goes on where one that was kept ended: *ret_had bytes are there, and
 * blob_arrival_reread comes before what is behind them. */
#define BLOB_PART_MIN ((uint64_t)16 << 20)
int blob_arrival_resume(struct blob_batch *t, const struct blob_coming *c, uint64_t *ret_had,
                        struct blob_arrival **ret, struct err *e);
/* A piece of them is hashed, *ret_n bytes; 0: all are. */
int blob_arrival_reread(struct blob_arrival *a, uint64_t *ret_n, struct err *e);
/* It did not come whole, and what came may be gone on with: freeing it leaves that in incoming/ for
 * a week, or till gc. false: nothing is kept. */
bool blob_arrival_keep(struct blob_arrival *a);
/* Bytes that are kept of it. */
uint64_t blob_part_size(struct blobs *b, const struct digest *d);

/* Is it there, with that size? Up to BLOB_COMPARE_MAX it is read and must have its digest. */
bool blob_is_whole(struct blobs *b, const struct digest *d, uint64_t size);
/* NOT_FOUND */
int blob_open(struct blobs *b, const struct digest *d, int *ret_fd, uint64_t *ret_size,
              struct err *e);
bool blob_exists(struct blobs *b, const struct digest *d, uint64_t *ret_size);
/* For who was promised the blob by the log: what these return, but DIGEST where it is not there. */
int blob_promised(int rc, struct err *e);
/* checked: DIGEST */
int blob_read(struct blobs *b, const struct digest *d, size_t max, struct buf *ret, struct err *e);
/* A blob of which it is known how long it can be: what is longer is not read, DIGEST. Nobody's time
 * is spent on a file that is another already. */
struct blob_claim {
	const struct digest *digest;
	uint64_t max;
};
/* DIGEST, NOT_FOUND */
int blob_verify(struct blobs *b, const struct digest *d, uint64_t max, const struct progress *p,
                struct err *e);
/* Each of them, on as many processors as this process may use, in their order but not one after the
 * other. fn is told of each, by one thread at a time; why is NULL for a good one. What fn returns
 * but 0 begins no more, and is returned: those before one that fn was told of may still come. The
 * bytes are for the progress. SYS. */
#define BLOB_THREADS_MAX 8
typedef int blob_verify_fn(void *arg, size_t i, const struct err *why);
int blob_verify_all(struct blobs *b, const struct blob_claim *claims, size_t n,
                    uint64_t total_bytes, const struct progress *progress, blob_verify_fn *fn,
                    void *arg, struct err *e);
/* CONFLICT: it was cleaned away since it was put. */
int blob_must_exist(struct blobs *b, const struct digest *d, struct err *e);
/* When it was written or named, whichever is later. false: it is not there. */
bool blob_time(struct blobs *b, const struct digest *d, int64_t *ret_s);
/* Removes the temporary files that no process holds. */
int blobs_sweep(struct blobs *b, struct err *e);
int blob_unlink(struct blobs *b, const struct digest *d, struct err *e); /* absent is success */
/* Each blob's digest and size, in no order. fn's non-zero result ends the walk and is returned. */
int blob_each(struct blobs *b, int (*fn)(void *arg, const struct digest *d, uint64_t size),
              void *arg, struct err *e);
