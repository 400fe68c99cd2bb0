/* SPDX-License-Identifier: Apache-2.0 */
/* The values that a canary is judged by, out of the sentences of a journal. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tui/view/job_gates.h"

static const struct {
	const char *text;
	size_t n;
	const char *name, *unit;
	double value, most; /* of the last one */
} cases[] = {
	{ "10% wanted, 9% seen, held for 300 s more; good: errors 0.10% of 1204 (at most 1.00%)", 1,
	  "errors", "%", 0.10, 1.0 },
	{ "errors 0.00% of 50 (at most 1.00%); latency 41.5 ms (at most 60.0 ms)", 2, "latency",
	  "ms", 41.5, 60.0 },
	{ "bad: latency 200.0 ms (at most 60.0 ms)", 1, "latency", "ms", 200.0, 60.0 },
	{ "3 of 50 requests", 0, NULL, NULL, 0, 0 },
	{ "errors 0.10% of 1204, the stable side 0.1% of 10998; p99 41 ms", 0, NULL, NULL, 0, 0 },
	{ "errors 0.10% of 3; nothing to compare with (at most 1.00%)", 0, NULL, NULL, 0, 0 },
	{ "errors nan% of 3 (at most 1.00%)", 0, NULL, NULL, 0, 0 },
	{ "errors 1e999% of 3 (at most 1.00%)", 0, NULL, NULL, 0, 0 },
	{ "errors 1% of 3 (at most 1.00 ms)", 0, NULL, NULL, 0, 0 },
	{ "terrors 1.00% of 3 (at most 1.00%)", 0, NULL, NULL, 0, 0 },
	{ "errors ", 0, NULL, NULL, 0, 0 },
	{ "errors 1.00% of 3 (at most ", 0, NULL, NULL, 0, 0 },
	{ "", 0, NULL, NULL, 0, 0 },
};

Test(job_gates, values_are_found_in_sentences)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *at = cases[i].text;
		struct gate_reading r = { 0 }, last = { 0 };
		size_t n = 0;

		while (gate_reading_next(&at, &r)) {
			last = r;
			n++;
		}
		cr_expect_eq(n, cases[i].n, "%s: %zu", cases[i].text, n);
		if (cases[i].n == 0 || n == 0)
			continue;
		cr_expect_str_eq(last.name, cases[i].name);
		cr_expect_str_eq(last.unit, cases[i].unit);
		cr_expect_float_eq(last.value, cases[i].value, 1e-9);
		cr_expect_float_eq(last.most, cases[i].most, 1e-9);
	}
}

static void
held(struct job_gates *g, const char *target, double errors)
{
	struct journal_line l = { .state = JOB_HOLD,
		                  .has_percent = true,
		                  .has_wanted = true,
		                  .percent = 9,
		                  .wanted = 10 };

	(void)str_copy(l.target, sizeof(l.target), target);
	(void)snprintf(l.text, sizeof(l.text), "good: errors %.2f%% of 9 (at most 5.00%%)", errors);
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
