/* SPDX-License-Identifier: Apache-2.0 */
/* Events of a target: taken from what the child answered, newest first, the chosen one whole. */
#include <criterion/criterion.h>
#include <string.h>

#include "tui/view/target_events.h"

static struct target_events events;
static struct grid grid;

static bool
answered(const char *out, const char *err, int status)
{
	const struct answer a = {
		.command = "slipway logs face --stage staging --target dc1 --events -o json",
		.out = str_of(out),
		.err_text = str_of(err),
		.is_done = true,
		.status = status,
	};

	return target_events_take(&events, &a);
}

static const char *
row(size_t i)
{
	static struct buf b;

	buf_clear(&b);
	grid_row_text(&grid, i, &b);
	return buf_cstr(&b);
}

static void
draw(size_t rows, size_t cols)
{
	grid_init(&grid, rows, cols, false);
	grid_choices(&grid);
	const struct area a = area_of(&grid);
	(void)target_events_draw(&events, &a);
}

static void
ask(void)
{
	struct view_request r = { 0 };

	cr_assert_eq(target_events_ask(&events, "face", "staging", "dc1", &r), ASK_ARGV);
	cr_expect_str_eq(r.argv.v[0], "logs");
	words_fini(&r.argv);
}

#define ONE(time, type, text)                                                                    \
	"{\"time\":" time ",\"type\":\"" type "\",\"reason\":\"BackOff\",\"object\":\"face-1\"," \
	"\"count\":3,\"text\":\"" text "\"}"

Test(target_events, newest_first_and_whole)
{
	cr_expect_not(answered("{}", "", 0), "nothing was asked");
	ask();
	cr_assert(
	        answered("{\"items\":[" ONE("\"2026-01-01T00:00:05Z\"", "Normal", "older") "," ONE(
	                         "\"2026-01-01T00:00:09Z\"", "Warning", "newer \\u001b[2J") "]}",
	                 "", 0));
	cr_assert_eq(events.rows.n, 2);
	cr_expect(events.rows.v[0].is_warning);
	cr_expect_eq(events.rows.v[0].count, 3);
	draw(20, 80);
	cr_expect(strstr(row(0), "2 events"), "%s", row(0));
	cr_expect(strstr(row(1), "BackOff") && strstr(row(1), "3x newer \\x1b[2J"), "%s", row(1));
	cr_expect(strstr(row(2), "older"), "%s", row(2));
	cr_expect(strstr(row(15), "warning BackOff"), "%s", row(15));
	cr_expect_eq(grid.choices[1], CHOICE_CHOSEN);
	draw(1, 1);
	draw(8, 40);
	cr_expect(strstr(row(1), "BackOff"), "%s", row(1));
	target_events_fini(&events);
	grid_fini(&grid);
}

Test(target_events, why_there_are_none)
{
	ask();
	cr_assert(answered("", "staging dc1: no\n{\"message\":\"no event can be read\"}\n", 10));
	cr_expect_eq(events.rows.n, 0);
	cr_expect_str_eq(events.why, "no event can be read");
	ask();
	cr_assert(answered("no json", "", 1));
	cr_expect_str_eq(events.why, "nothing was answered");
	ask();
	cr_assert(answered("{\"items\":[{}]}", "", 0), "what is missing is empty");
	draw(20, 80);
	target_events_fini(&events);
	grid_fini(&grid);
}
