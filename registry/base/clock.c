/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wall and monotonic time as counts, and the one spelling of a time of day in the registry. A test
 * build reads a fixed wall clock from its environment; a release build has no such door.
 */
#include "registry/base/clock.h"

#include <string.h>
#include <time.h>

#include "registry/base/str.h"

/* the first and the last second that four digits of year can name */
#define CLOCK_MIN INT64_C(-62167219200)
#define CLOCK_MAX INT64_C(253402300799)
#define DAY_S     INT64_C(86400)

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

uint64_t
clock_mono_us(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* gmtime_r and timegm read the time zone files of the machine before they do their sums, in every
 * process. The calendar repeats every 400 years, and a year that begins in March ends with the day
 * that comes and goes. */
#define ERA_DAYS   INT64_C(146097)
#define EPOCH_DAYS INT64_C(719468) /* from 1 March of year 0 to 1970 */

struct date {
	int64_t year, month, day;
};

static struct date
date_of(int64_t days)
{
	const int64_t from_0 = days + EPOCH_DAYS;
	const int64_t era = (from_0 >= 0 ? from_0 : from_0 - ERA_DAYS + 1) / ERA_DAYS;
	const int64_t in_era = from_0 - era * ERA_DAYS;
	const int64_t year =
	        (in_era - in_era / 1460 + in_era / 36524 - in_era / (ERA_DAYS - 1)) / 365;
	const int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
	const int64_t march = (5 * in_year + 2) / 153; /* months since March */
	const int64_t month = march < 10 ? march + 3 : march - 9;

	return (struct date){ year + era * 400 + (month <= 2), month,
		              in_year - (153 * march + 2) / 5 + 1 };
}

static int64_t
days_of(const struct date *d)
{
	const int64_t y = d->year - (d->month <= 2);
	const int64_t era = (y >= 0 ? y : y - 399) / 400;
	const int64_t year = y - era * 400;
	const int64_t march = d->month > 2 ? d->month - 3 : d->month + 9;
	const int64_t in_year = (153 * march + 2) / 5 + d->day - 1;

	return era * ERA_DAYS + year * 365 + year / 4 - year / 100 + in_year - EPOCH_DAYS;
}

/* n digits of v and what stands behind them. */
static char *
put_digits(char *p, int64_t v, int n, char behind)
{
	for (int i = n - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	p[n] = behind;
	return p + n + 1;
}

void
clock_text(char ret[CLOCK_TEXT_SIZE], int64_t s)
{
	const int64_t t = s < CLOCK_MIN ? CLOCK_MIN : s > CLOCK_MAX ? CLOCK_MAX : s;
	const int64_t days = (t >= 0 ? t : t - DAY_S + 1) / DAY_S, rest = t - days * DAY_S;
	const struct date d = date_of(days);
	char *p = ret;

	p = put_digits(p, d.year, 4, '-');
	p = put_digits(p, d.month, 2, '-');
	p = put_digits(p, d.day, 2, 'T');
	p = put_digits(p, rest / 3600, 2, ':');
	p = put_digits(p, rest / 60 % 60, 2, ':');
	p = put_digits(p, rest % 60, 2, 'Z');
	*p = '\0';
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
	struct date d;
	int64_t t;

	if (strlen(s) != strlen("2026-11-26T01:11:15Z"))
		return -1;
	d = (struct date){ digits(s, 4), digits(s + 5, 2), digits(s + 8, 2) };
	t = days_of(&d) * DAY_S + digits(s + 11, 2) * 3600 + digits(s + 14, 2) * 60 +
	    digits(s + 17, 2);

	/* written back it must be the same text: that refuses 30 February and leap seconds */
	clock_text(back, t);
	if (!streq(back, s))
		return -1;
	*ret_s = t;
	return 0;
}
