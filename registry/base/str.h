/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of bytes, small helpers over C strings, and allocation that never returns NULL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
struct str str_of(const char *s); /* NULL gives an empty one */
bool str_eq(struct str a, struct str b);
bool str_is(struct str a, const char *s);
struct str str_trim(struct str s); /* without blanks, tabs and CR at both ends */
bool streq(const char *a, const char *b); /* NULL equals NULL only */
bool has_prefix(const char *s, const char *prefix);
bool has_suffix(const char *s, const char *suffix);

/* Copies with truncation checked: 0, or -1 when s with its NUL does not fit (ret is then ""). */
int str_copy(char *ret, size_t size, const char *s);

/* Whole-string numbers in base 10 without sign, space or leading zeros (but "0"). -1: not that. */
int parse_u64(const char *s, uint64_t max, uint64_t *ret);
int parse_u64_n(const char *s, size_t n, uint64_t max, uint64_t *ret);
/* "90s", "5m", "2h", "1d", "250ms", a bare number is seconds. -1: not that. */
int parse_duration_ms(const char *s, uint64_t *ret_ms);
/* "16M", "4G", "512K" (powers of 1024), a bare number is bytes. */
int parse_size(const char *s, uint64_t *ret);
/* A finite decimal number, "0.97", "-3e5"; nothing before or behind it. -1: not that. */
int parse_double(const char *s, double *ret);

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void cleanup_free_p(void *p);
void cleanup_close_p(const int *fd);
void close_quietly(int fd); /* keeps errno; -1 is fine */
#define cleanup_free  __attribute__((cleanup(cleanup_free_p)))
#define cleanup_close __attribute__((cleanup(cleanup_close_p)))
#define steal(pp) \
	__extension__({ \
		__typeof__(*(pp)) steal_ = *(pp); \
		*(pp) = NULL; \
		steal_; \
	})
static inline int
steal_fd(int *fd)
{
	const int v = *fd;
	*fd = -1;
	return v;
}
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
