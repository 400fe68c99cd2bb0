/* SPDX-License-Identifier: Apache-2.0 */
/* When the next frame may go, for lines of several speeds. */
#include <criterion/criterion.h>

#include "tui/term/link.h"

/* A frame of n bytes at a time, answered after a while. */
static void
frame(struct link *l, size_t n, uint64_t at, uint64_t took)
{
	const bool asks = link_asks(l, n);

	link_sent(l, n, asks, at);
	if (asks)
		link_answered(l, at + took);
}

Test(link, a_quick_line_has_thirty_frames_a_second_and_keys_at_once)
{
	struct link l = { .answers = true };

	frame(&l, 2000, 1000, 2);
	cr_expect_eq(link_wait_ms(&l, true, 1000), 0u);
	cr_expect_eq(link_wait_ms(&l, false, 1010), LINK_FRAME_MS - 10);
	cr_expect_eq(link_wait_ms(&l, false, 1033), 0u);
	cr_expect_not(l.is_slow);
}

Test(link, a_long_way_is_not_a_slow_line)
{
	struct link l = { .answers = true };

	frame(&l, 2000, 1000, 700); /* 700 ms there and back: nothing is known yet */
	cr_expect_not(l.is_slow);
	frame(&l, 200, 3000, 600);
	frame(&l, 2000, 5000, 640);
	cr_expect_not(l.is_slow);
	cr_expect_eq(l.round_ms, 600u, "%u", l.round_ms);
	cr_expect_eq(link_wait_ms(&l, true, 5640), 0u);
}

Test(link, a_slow_line_is_told_from_its_large_frames_and_drops)
{
	struct link l = { .answers = true };

	frame(&l, 100, 1000, 100);
	frame(&l, 2000, 2000, 1100); /* 2,000 bytes in a second */
	cr_expect(l.is_slow);
	cr_expect_eq(l.rate, 2000u);
	cr_expect_eq(link_wait_ms(&l, false, 3100), 900u, "twice the time of the last one");
	cr_expect(link_asks(&l, 10), "a slow line is asked after each frame");
	link_sent(&l, 500, true, 5000);
	cr_expect_gt(link_wait_ms(&l, false, 5100), 1000u, "no frame behind one under way");
	cr_expect_eq(link_wait_ms(&l, true, 5100), 900u, "a key's waits a second at most");
	link_answered(&l, 5350);
	cr_expect_eq(link_wait_ms(&l, true, 5350), 0u);
	frame(&l, 2000, 8000, 400); /* 6,666 a second: between the limits */
	cr_expect(l.is_slow);
	frame(&l, 2000, 12000, 110);
	cr_expect_not(l.is_slow);
}

Test(link, what_the_kernel_holds_back_counts_without_answers)
{
	struct link l = { 0 };

	cr_expect_not(link_asks(&l, 5000));
	link_sent(&l, 3000, false, 1000);
	link_drained(&l, 3000, 2000);
	cr_expect(l.is_slow);
	link_sent(&l, 3000, false, 9000);
	link_drained(&l, 3000, 1);
	cr_expect_not(l.is_slow);
}

Test(link, an_answer_that_never_comes_holds_nothing_up)
{
	struct link l = { .answers = true, .is_slow = true, .round_ms = 10 };

	link_sent(&l, 2000, true, 1000);
	cr_expect_gt(link_wait_ms(&l, false, 1500), 0u);
	cr_expect_eq(link_wait_ms(&l, false, 1000 + LINK_PATIENCE_MS), 0u);
	cr_expect_not(link_asks(&l, 5000), "it is not asked again");
	link_answered(&l, 9000); /* what nobody waits for changes nothing */
	cr_expect_eq(l.round_ms, 10u);
}
