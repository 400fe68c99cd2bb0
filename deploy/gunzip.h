/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign gzip, read as it comes and given on as it is unpacked; the only user of zlib. Memory is
 * bounded, and so is what a little input can become.
 * Source: RFC 1952; several members behind each other are one stream, as with gzip -d.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"

/* More than GUNZIP_FREE may come out only of what is packed by no more than GUNZIP_RATIO. Weights
 * shrink to a third, text to a tenth. */
#define GUNZIP_FREE  ((uint64_t)64 << 20)
#define GUNZIP_RATIO 100u

struct gunzip;
/* take gets what was unpacked; negative ends it with its error. */
struct gunzip *gunzip_new(int (*take)(void *arg, const void *p, size_t n, struct err *e),
                          void *arg);
/* MALFORMED: it is no gzip, or damaged; TOO_BIG: it becomes too much. Not again after an error. */
int gunzip_feed(struct gunzip *g, const void *p, size_t n, struct err *e);
int gunzip_finish(struct gunzip *g, struct err *e); /* MALFORMED: it ended in the middle */
void gunzip_free(struct gunzip *g);                 /* NULL is fine */
