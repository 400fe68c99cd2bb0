/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small new files, written by a second thread while the caller reads and hashes the next ones: for
 * batches of many files, where creating and filling a file costs as much as its hash.
 */
#pragma once

#include <stdbool.h>

#include "registry/base/err.h"
#include "registry/base/str.h"

#define WRITER_BYTES_MAX ((size_t)256 << 10) /* a file's */

struct writer;
/* dir: where the files are made, borrowed. */
int writer_new(int dir, struct writer **ret, struct err *e);
void writer_free(struct writer *w); /* NULL is fine; what was put is written first */

/* Copies the bytes and returns; may wait for room. name is at most 63 bytes. A failure may be that
 * of an earlier file. Nothing is synced. */
int writer_put(struct writer *w, const char *name, struct str bytes, struct err *e);
/* All that was put is written. */
int writer_wait(struct writer *w, struct err *e);

#define WRITER_MODE 0440 /* of a blob */
/* A new file of that mode whatever the umask; -1 with errno. */
int writer_create(int dir, const char *name);
