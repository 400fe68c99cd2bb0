/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle as it comes: one file or its parts, foreign bytes. Nothing is unpacked: the front is
 * read with a cap for each document and must be the one that follows from what was signed, and with
 * it the place and the header of everything behind it are known before they are read.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/bundle.h"

struct bundle_source;
/* In any order; parts are told by their names' ends, .001 and on, and those that stand beside a
 * first part given alone are taken with it. Nothing is read. NOT_FOUND (a part is missing, and
 * which), MALFORMED (no plain file; parts of different sizes), USAGE. */
int bundle_source_open(const char *const *paths, size_t n, struct bundle_source **ret,
                       struct err *e);
/* From a pipe instead, which is read once and in order; name is for messages. fd is the caller's.
 */
struct bundle_source *bundle_source_pipe(int fd, const char *name);
bool bundle_source_is_cut(const struct bundle_source *s); /* the pipe ended before the bundle did */
/* Of a pipe: nothing stands behind the last byte that was read. MALFORMED. */
int bundle_source_finish(struct bundle_source *s, struct err *e);
void bundle_source_close(struct bundle_source *s); /* NULL is fine */
size_t bundle_source_parts(const struct bundle_source *s);
uint64_t bundle_source_size(const struct bundle_source *s); /* of a pipe: 0 */
/* The file in which that offset lies; its number from 1. */
const char *bundle_source_at(const struct bundle_source *s, uint64_t offset, unsigned *ret_part);
/* Names the file in front of what is wrong there. */
int bundle_source_blame(const struct bundle_source *s, uint64_t offset, struct err *e);
/* The first block is no header of ours: a hint when it is what other carriers write. */
int bundle_source_other(const uint8_t *p, struct err *e);
/* DIGEST: a blob whose bytes lie from there on, and which files to bring again. */
int bundle_source_damaged(const struct bundle_source *s, const struct bundle_blob *x,
                          uint64_t offset, struct err *e);
/* SYS, and a short file is MALFORMED: both name file and place. */
int bundle_source_read(struct bundle_source *s, void *p, size_t n, uint64_t offset, struct err *e);

/* The front, complete and in its form; signatures are not looked at. MALFORMED, DIGEST, TOO_BIG.
 * The parts' sizes are those of the bundle: NOT_FOUND names the first part that is missing. */
int bundle_read_front(struct bundle_source *s, struct bundle *ret, struct err *e);

/* Each blob in its order: header, bytes, what fills the block. begin may be NULL, and says with 1
 * that the bytes are not wanted; take gets them piece by piece; end is told why it is not right, or
 * NULL. What they return but 0 ends the walk and is returned. */
struct bundle_walk {
	int (*begin)(void *arg, size_t i, struct err *e);
	int (*take)(void *arg, const void *p, size_t n, struct err *e);
	int (*end)(void *arg, size_t i, uint64_t offset, const struct err *why, struct err *e);
	void *arg;
	const struct progress *progress;
	bool hashes; /* of each blob, here; false: whoever takes the bytes does */
};
int bundle_walk(struct bundle_source *s, const struct bundle *b, const struct bundle_walk *w,
                struct err *e);
