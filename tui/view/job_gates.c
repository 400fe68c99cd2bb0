/* SPDX-License-Identifier: Apache-2.0 */
/* People read percents and milliseconds. */
#include "tui/view/job_gates.h"

#include <string.h>

#include "tui/view/chart.h"

#define WIDE_COLS   60u
#define SPARK_CELLS 24u
#define BAR_CELLS   20u

/* --- the journal --- */

static const struct unit {
	const char *said, *shown;
	double per; /* of said make one of shown */
} units[] = { { "ppm", "%", 1e4 }, { "us", "ms", 1e3 } };

static const struct unit *
unit_of(const struct journal_reading *r)
{
	for (size_t i = 0; i < COUNT(units); i++)
		if (streq(units[i].said, r->unit))
			return &units[i];
	return NULL;
}

static struct gate_series *
series_get(struct job_gates *g, const char *target, const struct journal_reading *r,
           const struct unit *u)
{
	for (size_t i = 0; i < g->series_n; i++)
		if (streq(g->series[i].target, target) && streq(g->series[i].name, r->name))
			return &g->series[i];
	if (g->series_n == GATE_SERIES)
		return NULL;
	struct gate_series *const s = &g->series[g->series_n++];
	*s = (struct gate_series){ 0 };
	(void)str_copy(s->target, sizeof(s->target), target);
	(void)str_copy(s->name, sizeof(s->name), r->name);
	(void)str_copy(s->unit, sizeof(s->unit), u->shown);
	return s;
}

static void
share_take(struct job_gates *g, const struct journal_line *l)
{
	struct gate_share *at = NULL;

	for (size_t i = 0; i < g->shares_n; i++)
		if (streq(g->shares[i].target, l->target))
			at = &g->shares[i];
	if (!at && g->shares_n < GATE_SERIES)
		at = &g->shares[g->shares_n++];
	if (!at)
		return;
	/* on the way to a share nobody has seen it yet */
	*at = (struct gate_share){ .has_seen = l->state == JOB_HOLD,
		                   .wanted = l->wanted > 100 ? 100 : l->wanted,
		                   .seen = l->percent > 100 ? 100 : l->percent };
	(void)str_copy(at->target, sizeof(at->target), l->target);
}

static void
reading_take(struct job_gates *g, const char *target, const struct journal_reading *r)
{
	const struct unit *const u = unit_of(r);
	struct gate_series *const s = u ? series_get(g, target, r, u) : NULL;

	if (!s)
		return;
	if (s->n == GATE_VALUES) {
		memmove(s->values, s->values + 1, (GATE_VALUES - 1) * sizeof(*s->values));
		s->n--;
	}
	s->values[s->n++] = (double)r->value / u->per;
	s->most = (double)r->limit / u->per;
}

void
job_gates_take(struct job_gates *g, const struct journal_line *l)
{
	if (l->has_wanted && l->has_percent)
		share_take(g, l);
	for (size_t i = 0; l->state == JOB_HOLD && i < l->gates_n; i++)
		reading_take(g, l->target, &l->gates[i]);
}

/* --- drawing --- */

static size_t
share_draw(const struct area *a, size_t row, const struct gate_share *s, bool names)
{
	const size_t cells = a->cols >= WIDE_COLS ? BAR_CELLS : BAR_CELLS / 2;
	size_t c = paint_fit(a, row, 1, 9, INK_DIM, TEXT_CUT_END, "canary") + 1;

	c = paint_text(a, row, c, INK_TEXT, "[");
	for (size_t i = 0; i < cells; i++)
		c = paint_text(a, row, c, INK_OK,
		               s->has_seen && i * 100 < s->seen * cells ? "#"
		               : i * 100 < s->wanted * cells            ? "-"
		                                                        : " ");
	c = paint_text(a, row, c, INK_TEXT, "] ");
	if (s->has_seen)
		c = paintf(a, row, c, s->seen == s->wanted ? INK_TEXT : INK_WAIT, "%u%% seen, ",
		           s->seen);
	c = paintf(a, row, c, INK_TEXT, "%u%% wanted", s->wanted);
	if (names)
		paint_fit(a, row, c + 2, a->cols > c + 2 ? a->cols - c - 2 : 0, INK_DIM,
		          TEXT_CUT_MIDDLE, s->target);
	return row + 1;
}

static size_t
series_draw(const struct area *a, size_t row, const struct gate_series *s, bool charts, bool names)
{
	const double value = s->values[s->n - 1];
	const bool is_over = value > s->most;
	size_t c = paint_fit(a, row, 1, 9, INK_DIM, TEXT_CUT_END, s->name) + 1;

	paintf(a, row, c, is_over ? INK_BAD : INK_TEXT, "%.2f %s", value, s->unit);
	c += strlen("12345.00 ms ");
	if (charts && a->cols >= WIDE_COLS) {
		/* the limit is the top: how near it is can be seen */
		(void)chart_spark(a, row, c, SPARK_CELLS, is_over ? INK_BAD : INK_OK, s->values,
		                  s->n, 0, s->most > 0 ? s->most : 1);
		c += SPARK_CELLS + 1;
	}
	c = paintf(a, row, c, is_over ? INK_BAD : INK_DIM, "%s %.2f %s",
	           is_over ? "OVER the limit of" : "at most", s->most, s->unit);
	if (names)
		paint_fit(a, row, c + 2, a->cols > c + 2 ? a->cols - c - 2 : 0, INK_DIM,
		          TEXT_CUT_MIDDLE, s->target);
	return row + 1;
}

size_t
job_gates_draw(const struct job_gates *g, const struct area *a, size_t row, size_t rows_max,
               bool charts)
{
	const size_t end = row + rows_max;
	const bool names = g->shares_n > 1;

	for (size_t i = 0; i < g->shares_n && row < end; i++) {
		row = share_draw(a, row, &g->shares[i], names);
		for (size_t k = 0; k < g->series_n && row < end; k++)
			if (streq(g->series[k].target, g->shares[i].target) && g->series[k].n > 0)
				row = series_draw(a, row, &g->series[k], charts, names);
	}
	return row;
}
