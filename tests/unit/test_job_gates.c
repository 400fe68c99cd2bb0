/* SPDX-License-Identifier: Apache-2.0 */
/* The values that a canary is judged by, out of the lines of a journal. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tui/view/job_gates.h"

static void
held(struct job_gates *g, const char *target, double errors)
{
	struct journal_line l = { .state = JOB_HOLD,
		                  .has_percent = true,
		                  .has_wanted = true,
		                  .percent = 9,
		                  .wanted = 10 };

	(void)str_copy(l.target, sizeof(l.target), target);
	l.gates[l.gates_n++] = (struct journal_reading){
		.name = "errors", .unit = "ppm", .value = (uint64_t)(errors * 1e4), .limit = 50000
	};
	job_gates_take(g, &l);
}

Test(job_gates, each_target_has_its_own_and_the_newest_stay)
{
	struct job_gates *g = xcalloc(1, sizeof(*g));

	for (unsigned i = 0; i < GATE_VALUES + 10; i++)
		held(g, "a", i);
	held(g, "b", 3);
	cr_assert_eq(g->series_n, 2);
	cr_expect_eq(g->series[0].n, GATE_VALUES);
	cr_expect_float_eq(g->series[0].values[GATE_VALUES - 1], GATE_VALUES + 9, 1e-9);
	cr_expect_float_eq(g->series[0].most, 5, 1e-9);
	cr_expect_eq(g->series[1].n, 1);
	cr_expect_eq(g->shares_n, 2);
	cr_expect(g->shares[0].has_seen && g->shares[0].seen == 9 && g->shares[0].wanted == 10);
	for (unsigned i = 0; i < 3 * GATE_SERIES; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "t%u", i);
		held(g, name, 1);
	}
	cr_expect_eq(g->series_n, GATE_SERIES);
	cr_expect_eq(g->shares_n, GATE_SERIES);
	free(g);
}

/* On the way to a share it is wanted and not seen. */
Test(job_gates, a_share_is_seen_when_it_is_held)
{
	struct job_gates g = { 0 };
	struct journal_line l = { .state = JOB_CANARY,
		                  .has_percent = true,
		                  .has_wanted = true,
		                  .percent = 50,
		                  .wanted = 50,
		                  .target = "a" };

	job_gates_take(&g, &l);
	cr_expect_not(g.shares[0].has_seen);
	l.state = JOB_HOLD;
	l.percent = 1000;
	job_gates_take(&g, &l);
	cr_expect(g.shares[0].has_seen);
	cr_expect_eq(g.shares[0].seen, 100, "a share is no more than all");
}

/* Microseconds are shown as milliseconds; a unit that nobody knows is not shown as another. */
Test(job_gates, units)
{
	struct job_gates g = { 0 };
	struct journal_line l = { .state = JOB_HOLD,
		                  .gates = { { "latency", "us", 41500, 60000, 9 },
		                             { "tokens", "tps", 9, 10, 9 } },
		                  .gates_n = 2 };

	job_gates_take(&g, &l);
	cr_assert_eq(g.series_n, 1);
	cr_expect_str_eq(g.series[0].unit, "ms");
	cr_expect_float_eq(g.series[0].values[0], 41.5, 1e-9);
	cr_expect_float_eq(g.series[0].most, 60, 1e-9);
	l.state = JOB_CANARY;
	job_gates_take(&g, &l);
	cr_expect_eq(g.series[0].n, 1, "what is not held is not judged");
}
