/* SPDX-License-Identifier: Apache-2.0 */
/* Growing bytes, NUL-terminated once non-empty; memory exhaustion aborts. Not for secrets. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/base/str.h"

struct buf {
	char *p;
	size_t n, cap;
};

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
char *buf_reserve(struct buf *b, size_t n); /* room for n more bytes; the caller adds to b->n */
void buf_clear(struct buf *b);              /* keeps the memory */
void buf_fini(struct buf *b);
const char *buf_cstr(struct buf *b);        /* "" when empty */
struct str buf_str(const struct buf *b);
char *buf_steal(struct buf *b);             /* malloc'ed C string, b is empty afterwards */

#define cleanup_buf __attribute__((cleanup(buf_fini)))
