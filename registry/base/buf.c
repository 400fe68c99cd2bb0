/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing bytes with a NUL behind them, so that text can be handed on as a C string. Doubles its
 * memory and aborts when there is none. Grows by copying: it is no place for a secret.
 */
#include "registry/base/buf.h"

#include <stdio.h>
#include <string.h>

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t need;
	size_t cap = b->cap ? b->cap : 64;

	if (__builtin_add_overflow(b->n, n, &need) || __builtin_add_overflow(need, 1, &need))
		abort();
	if (need > b->cap) {
		while (cap < need) {
			if (__builtin_mul_overflow(cap, 2, &cap))
				cap = need;
		}
		b->p = xrealloc(b->p, cap);
		b->cap = cap;
		b->p[b->n] = '\0';
	}
	return b->p + b->n;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	/* room enough is the common case, a call the dearer half of it */
	char *const at = n < b->cap - b->n ? b->p + b->n : buf_reserve(b, n);

	if (n > 0)
		memcpy(at, p, n);
	at[n] = '\0';
	b->n += n;
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void
buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	const size_t guess = 128;
	va_list again;
	int n;

	va_copy(again, ap);
	(void)buf_reserve(b, guess);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	if (n < 0)
		abort(); /* a bad format is a defect, and dropping text silently would hide it */
	if ((size_t)n >= b->cap - b->n) {
		(void)buf_reserve(b, (size_t)n);
		(void)vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
	}
	va_end(again);
	b->n += (size_t)n;
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	if (b->p)
		b->p[0] = '\0';
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

const char *
buf_cstr(struct buf *b)
{
	if (!b->p)
		return "";
	b->p[b->n] = '\0'; /* who filled reserved room wrote none */
	return b->p;
}

struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->p ? b->p : "", b->n };
}

char *
buf_steal(struct buf *b)
{
	char *s;

	(void)buf_reserve(b, 0);
	b->p[b->n] = '\0';
	s = b->p;
	*b = (struct buf){ 0 };
	return s;
}
