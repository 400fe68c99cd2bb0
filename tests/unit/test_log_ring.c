/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of several instances: merged, bounded, searched. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tui/view/log_ring.h"

static const char *
text_at(const struct log_ring *r, size_t i)
{
	const struct printed *l = log_ring_at(r, i);

	return l ? l->text : "none";
}

Test(log_ring, lines_are_merged_by_time)
{
	struct log_ring r = { 0 };

	(void)log_ring_add(&r, "2026-10-26T07:00:02.5Z", "a", "three", false);
	(void)log_ring_add(&r, "2026-10-26T07:00:01Z", "b", "one", false);
	(void)log_ring_add(&r, "2026-10-26T07:00:02Z", "b", "two", false);
	(void)log_ring_add(&r, "2026-10-26T07:00:02.5Z", "b", "four", false);
	(void)log_ring_add(&r, "", "b", "five, of nobody knows when", false);
	(void)log_ring_add(&r, "2026-10-26T07:00:00Z", "b", "six, behind what has no time", false);
	cr_expect_str_eq(text_at(&r, 0), "one");
	cr_expect_str_eq(text_at(&r, 1), "two", "a whole second is before its fractions");
	cr_expect_str_eq(text_at(&r, 2), "three");
	cr_expect_str_eq(text_at(&r, 3), "four");
	cr_expect_str_eq(text_at(&r, 5), "six, behind what has no time");
	log_ring_fini(&r);
}

Test(log_ring, an_object_is_a_line_and_nothing_else_is)
{
	struct log_ring r = { 0 };
	size_t dropped;

	cr_expect(log_ring_take(&r, STR("{\"instance\":\"p1\",\"text\":\"WARN x\",\"time\":\"T\"}"),
	                        &dropped));
	cr_expect_str_eq(log_ring_at(&r, 0)->who, "p1");
	cr_expect_eq(log_ring_at(&r, 0)->level, LOG_WARNING);
	cr_expect_not(log_ring_take(&r, STR("{\"instance\":\"p1\"}"), &dropped));
	cr_expect_not(log_ring_take(&r, STR("plain"), &dropped));
	cr_expect_not(log_ring_take(&r, STR(""), &dropped));
	cr_expect_eq(log_ring_n(&r), 1);
	log_ring_fini(&r);
}

Test(log_ring, it_is_bounded_and_counts_what_it_drops)
{
	struct log_ring r = { 0 };
	char text[32];
	size_t dropped = 0;

	for (unsigned i = 0; i < 3 * LOG_RING_LINES; i++) {
		(void)snprintf(text, sizeof(text), "line %u", i);
		dropped += log_ring_add(&r, "", "p", text, false);
	}
	cr_expect_eq(log_ring_n(&r), LOG_RING_LINES);
	cr_expect_eq(dropped, 2 * LOG_RING_LINES);
	cr_expect_eq(r.dropped, 2 * LOG_RING_LINES);
	cr_expect_str_eq(text_at(&r, 0), "line 10000");
	cr_expect_str_eq(text_at(&r, LOG_RING_LINES - 1), "line 14999");
	log_ring_fini(&r);

	r = (struct log_ring){ 0 };
	cleanup_free char *long_line = xcalloc(1, 2 * LOG_RING_LINE);
	memset(long_line, 'x', 2 * LOG_RING_LINE - 1);
	for (unsigned i = 0; i < 1000; i++)
		(void)log_ring_add(&r, "", "p", long_line, false);
	cr_expect_leq(r.bytes, LOG_RING_BYTES);
	cr_expect_eq(strlen(text_at(&r, 0)), LOG_RING_LINE);
	log_ring_fini(&r);
}

Test(log_ring, hits_are_counted_and_found)
{
	struct log_ring r = { 0 };
	char why[80];

	for (unsigned i = 0; i < 10; i++)
		(void)log_ring_add(&r, "", "p", i % 4 == 1 ? "Slow 31 ms" : "fast", false);
	cr_assert_eq(log_ring_filter(&r, "slow [0-9]+", why), 0);
	cr_expect_eq(r.hits, 3);
	cr_expect_eq(log_ring_hit(&r, 0, true), 1);
	cr_expect_eq(log_ring_hit(&r, 1, true), 5);
	cr_expect_eq(log_ring_hit(&r, 9, true), 1);
	cr_expect_eq(log_ring_hit(&r, 0, false), 9);
	(void)log_ring_add(&r, "", "p", "slow 7", false);
	cr_expect_eq(r.hits, 4);
	cr_expect_eq(log_ring_filter(&r, "[", why), -1);
	cr_expect(why[0] != '\0');
	cr_expect_eq(r.hits, 4, "what is no expression changes nothing");
	cr_assert_eq(log_ring_filter(&r, "", why), 0);
	cr_expect_eq(r.hits, 0);
	cr_expect_eq(log_ring_hit(&r, 3, true), 3);
	log_ring_fini(&r);
}
