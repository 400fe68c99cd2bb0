/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle onto media: one file, or parts of one size, NAME.001 .., each raw slices of the tar, so
 * that `cat` joins them. A file is NAME.partial until all of it is durable. What an interrupted run
 * left is compared and gone on with. Every blob is hashed while it is written.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/blob.h"
#include "registry/bundle.h"

#define BUNDLE_SPLIT_MIN ((uint64_t)16 << 10)
#define BUNDLE_PARTS_MAX 999u

struct bundle_media {
	const char *dir, *name; /* NAME.001 .. with split */
	int stdout_fd;          /* >= 0: there instead, and dir, name and split are not used */
	uint64_t split;         /* bytes of a part; 0: one file */
	unsigned from;          /* the parts before are elsewhere; 0, 1: none is */
	const struct progress *progress;
	/* The medium is full at that part: 0 with *ret_dir, xmalloc'ed, when there is another one;
	 * NULL or negative: there is none. */
	int (*full)(void *arg, unsigned part, char **ret_dir, struct err *e);
	void *arg;
};
struct bundle_written {
	unsigned parts, parts_there; /* in all; complete before this run */
	uint64_t written, compared;  /* bytes of this run; that were there and are right */
};
unsigned bundle_parts(const struct bundle *b, uint64_t split); /* 0: too many */
void bundle_part_name(const char *name, uint64_t split, unsigned part, struct buf *ret);
/* Parts that are complete are left alone: the first by its front, the others by name and size.
 * NO_SPACE, DIGEST (a blob of the registry
 * is damaged), EXISTS (another file of that name), SYS. */
int bundle_write(struct blobs *blobs, const struct bundle *b, const struct bundle_media *m,
                 struct bundle_written *ret, struct err *e);
