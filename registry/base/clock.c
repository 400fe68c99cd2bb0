/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wall and monotonic time as counts, and the one spelling of a time of day in the registry. A test
 * build reads a fixed wall clock from its environment; a release build has no such door.
 */
#include "registry/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "registry/base/str.h"

/* the first and the last second that four digits of year can name */
#define CLOCK_MIN INT64_C(-62167219200)
#define CLOCK_MAX INT64_C(253402300799)

int64_t
clock_now_s(void)
{
	struct timespec ts = { 0 };
#ifdef SLIPWAY_TESTING
	const char *fixed = getenv("SLIPWAY_CLOCK");
	uint64_t v;

	if (fixed && parse_u64(fixed, (uint64_t)CLOCK_MAX, &v) == 0)
		return (int64_t)v;
#endif
	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail for this clock */
	return ts.tv_sec;
}

uint64_t
clock_mono_ms(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
clock_text(char ret[CLOCK_TEXT_SIZE], int64_t s)
{
	time_t t = s < CLOCK_MIN ? CLOCK_MIN : s > CLOCK_MAX ? CLOCK_MAX : s;
	struct tm tm = { 0 };

	(void)gmtime_r(&t, &tm);
	/* the remainders tell the compiler what the clamp guarantees: it all fits */
	(void)snprintf(ret, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		       (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		       (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
		       (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

static int
digits(const char *s, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

int
clock_parse(const char *s, int64_t *ret_s)
{
	char back[CLOCK_TEXT_SIZE];
	struct tm tm = { 0 };
	int64_t t;

	if (strlen(s) != strlen("2026-11-26T01:11:15Z"))
		return -1;
	tm.tm_year = digits(s, 4) - 1900;
	tm.tm_mon = digits(s + 5, 2) - 1;
	tm.tm_mday = digits(s + 8, 2);
	tm.tm_hour = digits(s + 11, 2);
	tm.tm_min = digits(s + 14, 2);
	tm.tm_sec = digits(s + 17, 2);
	t = timegm(&tm);

	/* written back it must be the same text: that refuses 30 February and leap seconds */
	clock_text(back, t);
	if (!streq(back, s))
		return -1;
	*ret_s = t;
	return 0;
}
