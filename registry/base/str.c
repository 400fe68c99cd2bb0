/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small helpers over strings, strict number parsing and allocation that aborts instead of returning
 * NULL. A number is accepted in one spelling only, so that text that is compared or signed has one.
 */
#include "registry/base/str.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

struct str
str_of(const char *s)
{
	return s ? (struct str){ s, strlen(s) } : (struct str){ "", 0 };
}

bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
str_is(struct str a, const char *s)
{
	return str_eq(a, str_of(s));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

struct str
str_trim(struct str s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool
streq(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return strcmp(a, b) == 0;
}

bool
has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
has_suffix(const char *s, const char *suffix)
{
	const size_t n = strlen(s);
	const size_t m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

int
str_copy(char *ret, size_t size, const char *s)
{
	const size_t n = strlen(s);

	if (size == 0)
		return -1;
	if (n >= size) {
		ret[0] = '\0';
		return -1;
	}
	memcpy(ret, s, n + 1);
	return 0;
}

int
parse_u64_n(const char *s, size_t n, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (n == 0 || (n > 1 && s[0] == '0'))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return -1;
	}
	if (v > max)
		return -1;
	*ret = v;
	return 0;
}

int
parse_u64(const char *s, uint64_t max, uint64_t *ret)
{
	return parse_u64_n(s, strlen(s), max, ret);
}

static int
parse_with_unit(const char *s, const struct unit *units, size_t n_units, uint64_t *ret)
{
	const size_t digits = strspn(s, "0123456789");
	uint64_t v;

	if (parse_u64_n(s, digits, UINT64_MAX, &v) < 0)
		return -1;
	for (size_t i = 0; i < n_units; i++) {
		if (!streq(s + digits, units[i].suffix))
			continue;
		if (__builtin_mul_overflow(v, units[i].factor, &v))
			return -1;
		*ret = v;
		return 0;
	}
	return -1;
}

int
parse_duration_ms(const char *s, uint64_t *ret_ms)
{
	static const struct unit units[] = {
		{ "", 1000 },         { "ms", 1 },         { "s", 1000 },
		{ "m", 60u * 1000u }, { "h", 3600u * 1000u }, { "d", 86400u * 1000u },
	};

	return parse_with_unit(s, units, COUNT(units), ret_ms);
}

int
parse_size(const char *s, uint64_t *ret)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "K", UINT64_C(1) << 10 },
		{ "M", UINT64_C(1) << 20 },
		{ "G", UINT64_C(1) << 30 },
		{ "T", UINT64_C(1) << 40 },
	};

	return parse_with_unit(s, units, COUNT(units), ret);
}

int
parse_double(const char *s, double *ret)
{
	double v;
	char *end;

	if (!*s || strspn(s, "0123456789.eE+-") != strlen(s))
		return -1;
	v = strtod(s, &end);
	if (*end || !isfinite(v))
		return -1;
	*ret = v;
	return 0;
}

void *
xmalloc(size_t n)
{
	void *const p = malloc(n ? n : 1);

	if (!p)
		abort();
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	void *const p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		abort();
	return p;
}

void *
xrealloc(void *p, size_t n)
{
	void *const q = realloc(p, n ? n : 1);

	if (!q)
		abort();
	return q;
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xstrndup(const char *s, size_t n)
{
	const size_t m = strnlen(s, n);
	char *const p = xmalloc(m + 1);

	memcpy(p, s, m);
	p[m] = '\0';
	return p;
}

char *
xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	return s;
}

void
cleanup_free_p(void *p)
{
	void *q;

	/* the attribute passes the address of the variable, whatever it points to */
	memcpy(&q, p, sizeof(q));
	free(q);
}

void
cleanup_close_p(const int *fd)
{
	close_quietly(*fd);
}

void
close_quietly(int fd)
{
	const int saved = errno;

	if (fd >= 0)
		(void)close(fd);
	errno = saved;
}
