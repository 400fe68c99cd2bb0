/* SPDX-License-Identifier: Apache-2.0 */
/* The rate of a copy: of what was seen, of the last seconds, and unknown where nothing moves. */
#include <criterion/criterion.h>

#include "tui/view/pace.h"

#define TOTAL 100000000u

static uint64_t
rate(const struct pace *p, uint64_t now_ms)
{
	uint64_t per_s = 0;

	return pace_rate(p, now_ms, &per_s) ? per_s : 0;
}

Test(pace, what_was_before_took_nobody_knows_how_long)
{
	struct pace p = { 0 };

	cr_expect_eq(rate(&p, 5000), 0);
	pace_take(&p, 100000, 90000000, TOTAL);
	cr_expect_eq(rate(&p, 100000), 0);
	cr_expect_eq(rate(&p, 110000), 0, "nothing has moved since");
	pace_take(&p, 110000, 90010000, TOTAL);
	cr_expect_eq(rate(&p, 110000), 1000);
}

Test(pace, the_last_seconds_count)
{
	struct pace p = { 0 };

	for (uint64_t s = 0; s <= 60; s++) /* a megabyte a second, then a tenth of it */
		pace_take(&p, s * 1000, s < 30 ? s * 1000000 : 30000000 + (s - 30) * 100000, TOTAL);
	cr_expect_eq(rate(&p, 60000), 100000);
	cr_expect_eq(rate(&p, 74000) > 0, true);
	cr_expect_eq(rate(&p, 76000), 0, "it stands still");
}

Test(pace, another_copy_begins_anew)
{
	struct pace p = { 0 };

	pace_take(&p, 0, 0, TOTAL);
	pace_take(&p, 2000, 2000, TOTAL);
	cr_expect_eq(rate(&p, 2000), 1000);
	pace_take(&p, 3000, 500, TOTAL);
	cr_expect_eq(rate(&p, 3500), 0);
	pace_take(&p, 9000, 600, 700);
	cr_expect_eq(rate(&p, 9500), 0);
	pace_take(&p, 10000, 0, 0);
	cr_expect_eq(rate(&p, 20000), 0);
}
