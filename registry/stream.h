/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to a descriptor, hashed on the way: a ring of 8 buffers of 1 MiB that this thread fills,
 * from another descriptor or with what it is given, while a second one hashes and a third writes.
 * What ends within 4 MiB stays in memory whole and is hashed here, so that small files cost no
 * hand-over. One stream serves one input at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/err.h"
#include "registry/base/progress.h"
#include "registry/base/str.h"

#define STREAM_BUFFER ((size_t)1 << 20)

struct stream;
int stream_new(struct stream **ret, struct err *e);
void stream_free(struct stream *s); /* NULL is fine; ends the thread */
/* From now on nothing is hashed, for bytes that are hashed elsewhere: digests that it gives are of
 * nothing. */
void stream_only_writes(struct stream *s);

/* Starts on fd at its position. name is for messages and progress and is kept until stream_run
 * ends. */
int stream_begin(struct stream *s, int fd, const char *name, struct err *e);
/* After stream_begin: is the whole input in memory? *ret is borrowed until the next
 * stream_begin. */
bool stream_is_whole(const struct stream *s, struct str *ret);
/* To the end: out, an empty file, gets the bytes (-1: hash only), not synced. Large inputs
 * bypass the page cache where the file system allows it. */
int stream_run(struct stream *s, int out, const struct progress *p, struct digest *ret,
               uint64_t *ret_size, struct err *e);

/* Bytes that come piece by piece, instead of stream_begin and stream_run: out and name as there,
 * name until the end, which is one of the last two; size: as announced, 0: unknown. */
void stream_open(struct stream *s, int out, const char *name, uint64_t size);
/* Of what out has, before anything else is written: the next buffer of its first n bytes, whole
 * buffers only, is hashed. *ret_n 0: they all are, and what is given goes behind them. */
int stream_reread(struct stream *s, uint64_t n, uint64_t *ret_n, struct err *e);
int stream_write(struct stream *s, const void *p, size_t n, struct err *e);
int stream_close(struct stream *s, struct digest *ret, uint64_t *ret_size, struct err *e);
/* All that filled a buffer is written when it returns, and nothing is any more. */
void stream_give_up(struct stream *s);
