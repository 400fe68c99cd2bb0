/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences are those of the agent's judge: "errors 0.10% of 1204 (at most 1.00%); latency 41.0
 * ms (at most 60.0 ms)". */
#include "tui/view/job_gates.h"

#include <string.h>

#include "tui/view/chart.h"

#define WIDE_COLS   60u
#define SPARK_CELLS 24u
#define BAR_CELLS   20u

/* --- a sentence --- */

static const char *
number(const char *p, double *ret)
{
	const size_t n = strspn(p, "0123456789.");
	char text[24];

	if (n == 0 || n >= sizeof(text))
		return NULL;
	memcpy(text, p, n);
	text[n] = '\0';
	return parse_double(text, ret) == 0 ? p + n : NULL;
}

/* "%" or " ms" */
static const char *
unit(const char *p, char ret[static 4])
{
	const char *const text = *p == ' ' ? p + 1 : p;
	const size_t n = strncmp(text, "ms", 2) == 0 ? 2 : *text == '%' ? 1 : 0;

	memcpy(ret, text, n);
	ret[n] = '\0';
	return n > 0 ? text + n : NULL;
}

static bool
reading_at(const char *p, struct gate_reading *ret, const char **ret_end)
{
	static const char *const names[] = { "errors ", "latency " };
	static const char limit[] = "(at most ";
	char most_unit[4];
	size_t i = 0;

	while (i < COUNT(names) && strncmp(p, names[i], strlen(names[i])) != 0)
		i++;
	if (i == COUNT(names))
		return false;
	memcpy(ret->name, names[i], strlen(names[i]) - 1);
	ret->name[strlen(names[i]) - 1] = '\0';
	p = number(p + strlen(names[i]), &ret->value);
	p = p ? unit(p, ret->unit) : NULL;
	const size_t sentence = p ? strcspn(p, ";") : 0;
	const char *at = p ? strstr(p, limit) : NULL;
	if (!at || (size_t)(at - p) > sentence)
		return false;
	at = number(at + strlen(limit), &ret->most);
	*ret_end = at ? unit(at, most_unit) : NULL;
	return *ret_end && streq(ret->unit, most_unit);
}

bool
gate_reading_next(const char **text, struct gate_reading *ret)
{
	for (const char *p = *text; *p; p++) {
		const char *end;
		if ((p > *text && p[-1] != ' ') || !reading_at(p, ret, &end))
			continue;
		*text = end;
		return true;
	}
	return false;
}

/* --- the journal --- */

static struct gate_series *
series_get(struct job_gates *g, const char *target, const struct gate_reading *r)
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
	(void)str_copy(s->unit, sizeof(s->unit), r->unit);
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

void
job_gates_take(struct job_gates *g, const struct journal_line *l)
{
	const char *text = l->text;
	struct gate_reading r;

	if (l->has_wanted && l->has_percent)
		share_take(g, l);
	if (l->state != JOB_HOLD)
		return;
	while (gate_reading_next(&text, &r)) {
		struct gate_series *const s = series_get(g, l->target, &r);
		if (!s)
			continue;
		if (s->n == GATE_VALUES) {
			memmove(s->values, s->values + 1, (GATE_VALUES - 1) * sizeof(*s->values));
			s->n--;
		}
		s->values[s->n++] = r.value;
		s->most = r.most;
	}
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
