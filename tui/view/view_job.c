/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job, live: follows its journal, which the agent writes before each step. The journal is
 * foreign ground; what the log says about the end comes from the database and wins.
 */
#include <stdio.h>

#include "registry/base/clock.h"
#include "registry/journal.h"
#include "tui/view/job_gates.h"
#include "tui/view/list.h"
#include "tui/view/pace.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define LINES_MAX 5000u
#define BAR_CELLS 30u
#define QUIET_S   3    /* seconds without a line that are worth saying */
#define GATES     4u   /* a quarter what a canary is judged by */
#define STANDING  3u   /* a third of the screen at most says where the targets are */

struct job_screen {
	struct job_row row;
	bool has_row, is_alive;
	struct journal *journal;
	VEC(struct journal_line) lines;
	VEC(struct journal_line) standing; /* the newest line of each target */
	struct job_gates gates;
	struct list list;
	bool follows;
	struct pace pace; /* of the bytes that are copied */
	struct err failed;
};

static int
job_open(struct view *v, struct err *e)
{
	struct job_screen *s = v->state;

	(void)e;
	s->follows = true;
	return 0;
}

static int
row_read(struct view *v, struct err *e)
{
	struct job_screen *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	rc = job_get(t, v->arg, &s->row, e);
	s->has_row = rc == 0;
	if (rc == -ERR_NOT_FOUND)
		err_clear(e);
	return rc == -ERR_NOT_FOUND ? 0 : rc;
}

/* Only bytes have moved since the line before. */
static bool
is_progress(const struct job_screen *s, const struct journal_line *n)
{
	const struct journal_line *l = s->lines.n > 0 ? &s->lines.v[s->lines.n - 1] : NULL;

	return l && n->total > 0 && l->total == n->total && n->done >= l->done && !n->text[0] &&
	       n->state == l->state && streq(n->step, l->step) && streq(n->target, l->target);
}

static void
standing_keep(struct job_screen *s, const struct journal_line *n)
{
	struct journal_line *at = NULL;

	if (!n->target[0])
		return;
	for (size_t i = 0; i < s->standing.n; i++)
		if (streq(s->standing.v[i].target, n->target))
			at = &s->standing.v[i];
	if (at)
		*at = *n;
	else
		vec_push(&s->standing, *n);
}

static void
line_keep(struct job_screen *s, const struct journal_line *n)
{
	const bool goes_on = is_progress(s, n);

	if (goes_on || s->lines.n == LINES_MAX)
		s->lines.v[s->lines.n - 1] = *n;
	else
		vec_push(&s->lines, *n);
}

static const struct journal_line *
newest(const struct job_screen *s)
{
	return s->lines.n > 0 ? &s->lines.v[s->lines.n - 1] : NULL;
}

static int
journal_read(struct view *v, struct err *e)
{
	struct job_screen *s = v->state;
	struct journal_line line;
	bool has = true;
	int rc;

	if (!s->journal) {
		rc = journal_open(v->app->registry->rootfd, v->arg, &s->journal, e);
		if (rc < 0)
			return rc;
	}
	s->is_alive = journal_is_alive(s->journal);
	for (;;) {
		rc = journal_next(s->journal, &line, &has, e);
		if (rc < 0 || !has)
			break;
		standing_keep(s, &line);
		job_gates_take(&s->gates, &line);
		line_keep(s, &line);
	}
	/* all that was read at once was there at this moment, whenever it came */
	const struct journal_line *const l = newest(s);
	if (l)
		pace_take(&s->pace, clock_mono_ms(), l->done, l->total);
	return rc;
}

static bool
is_over(const struct job_screen *s)
{
	const struct journal_line *l = newest(s);

	return (s->has_row && s->row.end_seq > 0) ||
	       (l && job_state_is_final(l->state) && !s->is_alive);
}

static int
job_reload(struct view *v, struct err *e)
{
	struct job_screen *s = v->state;

	(void)e;
	err_clear(&s->failed);
	if (row_read(v, &s->failed) == 0)
		(void)journal_read(v, &s->failed);
	s->list.n = s->lines.n;
	if (s->follows)
		(void)list_move(&s->list, ACT_BOTTOM, v->page);
	v->is_live = !is_over(s) && s->failed.code == ERR_OK;
	return 0;
}

static enum ink
state_ink(enum job_state s)
{
	if (s == JOB_SUCCEEDED)
		return INK_OK;
	if (s == JOB_FAILED || s == JOB_ABORTED || s == JOB_ROLLED_BACK ||
	    s == JOB_ROLLBACK_FAILED || s == JOB_ROLLING_BACK)
		return INK_BAD;
	return INK_WAIT;
}

static void
quiet_draw(const struct journal_line *l, const struct area *a, size_t row, size_t col)
{
	const int64_t quiet_s = clock_now_s() - l->time_s;

	if (quiet_s >= QUIET_S)
		(void)paintf(a, row, col, INK_WAIT, ", silent for %llus",
		             (unsigned long long)quiet_s);
}

static size_t
state_draw(const struct job_screen *s, const struct area *a, size_t row)
{
	const struct journal_line *l = newest(s);
	size_t c = 1;

	if (s->has_row) {
		c = paintf(a, row, c, INK_HEAD, "%s %s", s->row.kind, s->row.model);
		if (s->row.number > 0)
			c = paintf(a, row, c, INK_HEAD, " v%llu",
			           (unsigned long long)s->row.number);
		c = paint_text(a, row, c + 1, INK_TEXT, "->");
		paint_text(a, row++, c + 1, show_stage_ink(s->row.stage), s->row.stage);
	}
	if (s->has_row && s->row.end_seq > 0) {
		c = paintf(a, row, 1, streq(s->row.state, "succeeded") ? INK_OK : INK_BAD,
		           "ended: %s", s->row.state);
		paintf(a, row++, c + 2, INK_DIM, "log entry %llu",
		       (unsigned long long)s->row.end_seq);
	} else if (l) {
		c = paintf(a, row, 1, state_ink(l->state), "%s", job_state_name(l->state));
		if (s->is_alive) {
			c = paint_text(a, row, c + 2, INK_DIM, "its agent runs");
			quiet_draw(l, a, row++, c);
		} else if (job_state_is_final(l->state)) {
			row++;
		} else
			paint_text(a, row++, c + 2, INK_BAD,
			           "its agent is gone, the outcome is unknown: C continues it");
	}
	return row;
}

static void
rate_draw(const struct job_screen *s, const struct journal_line *l, const struct area *a,
          size_t row, size_t col)
{
	char rate[16];
	uint64_t per_s;

	if (!pace_rate(&s->pace, clock_mono_ms(), &per_s) || l->done > l->total)
		return;
	show_size(rate, per_s);
	paintf(a, row, col, INK_DIM, "%s/s, %llus left", rate,
	       (unsigned long long)((l->total - l->done) / per_s));
}

static size_t
bar_draw(const struct job_screen *s, const struct area *a, size_t row)
{
	const struct journal_line *l = newest(s);
	unsigned percent;
	size_t c;

	if (!l || is_over(s) || (!l->has_percent && l->total == 0))
		return row;
	percent = l->has_percent ? l->percent : (unsigned)(l->done / (l->total / 100 + 1));
	percent = percent > 100 ? 100 : percent;
	const size_t cells = a->cols < 60 ? BAR_CELLS / 3 : BAR_CELLS;
	c = paint_text(a, row, 1, INK_TEXT, "[");
	for (size_t i = 0; i < cells; i++)
		c = paint_text(a, row, c, INK_OK, i * 100 < percent * cells ? "#" : " ");
	c = paintf(a, row, c, INK_TEXT, "] %3u%%", percent);
	if (l->total > 0) {
		char done[16], total[16];
		show_size(done, l->done);
		show_size(total, l->total);
		c = paintf(a, row, c + 2, INK_DIM, "%s of %s", done, total);
		rate_draw(s, l, a, row, c + 2);
	}
	return row + 1;
}

static void
until_draw(const struct journal_line *l, const struct area *a, size_t row, size_t col)
{
	const int64_t left_s = l->until_s - clock_now_s();
	char until[CLOCK_TEXT_SIZE];

	if (l->until_s == 0)
		return;
	clock_text(until, l->until_s);
	if (a->cols >= 60)
		col = paintf(a, row, col, INK_WAIT, "until %s, ", until + 11);
	(void)paintf(a, row, col, INK_WAIT, "%llus left",
	             (unsigned long long)(left_s > 0 ? left_s : 0));
}

/* What a target waits for, whole, and until when. */
static size_t
stand_draw(const struct journal_line *l, const struct area *a, size_t row)
{
	size_t c = paintf(a, row, 1, INK_HEAD, "%s", l->target);

	c = paintf(a, row, c + 2, state_ink(l->state), "%s", job_state_name(l->state));
	until_draw(l, a, row, c + 2);
	return paint_prose(a, row + 1, 3, INK_TEXT, l->text[0] ? l->text : l->step);
}

/* Where the targets are that have no proof yet, as many as there is room for. */
static size_t
standing_draw(const struct job_screen *s, const struct area *a, size_t row)
{
	const size_t end = row + a->rows / STANDING;
	size_t proved = 0, shown = 0;

	if (is_over(s) || s->standing.n == 0)
		return row;
	for (size_t i = 0; i < s->standing.n; i++)
		proved += s->standing.v[i].proofs > 0;
	if (s->standing.n > 1)
		paintf(a, row++, 1, INK_TEXT, "%zu of %zu targets have their proof", proved,
		       s->standing.n);
	for (size_t i = 0; i < s->standing.n; i++)
		if (s->standing.v[i].proofs == 0 && row + 1 < end) {
			row = stand_draw(&s->standing.v[i], a, row);
			shown++;
		}
	if (shown + proved < s->standing.n)
		paintf(a, row++, 1, INK_DIM, "and %zu more", s->standing.n - proved - shown);
	return row;
}

static void
line_draw(const struct area *a, size_t row, const struct journal_line *l)
{
	char when[CLOCK_TEXT_SIZE];
	size_t c = 3;

	clock_text(when, l->time_s);
	when[19] = '\0';
	if (a->cols >= 60)
		c = paint_fit(a, row, c, 10, INK_DIM, TEXT_CUT_END, when + 11);
	c = paint_fit(a, row, c, 13, state_ink(l->state), TEXT_CUT_END, job_state_name(l->state));
	if (l->target[0] && a->cols >= 60)
		c = paintf(a, row, c, INK_DIM, "%.20s: ", l->target);
	if (l->has_percent)
		c = paintf(a, row, c, INK_TEXT, "%u%% ", l->percent);
	if (l->proofs)
		c = paintf(a, row, c, INK_OK, "proved as %s ", show_proof(l->proofs));
	if (l->total > 0 && !l->text[0]) {
		char done[16], total[16];
		show_size(done, l->done);
		show_size(total, l->total);
		paintf(a, row, c, INK_TEXT, "%s, %s of %s", l->step, done, total);
	} else if (l->text[0] || !l->proofs)
		(void)paint_fit(a, row, c, a->cols > c ? a->cols - c : 0, INK_TEXT, TEXT_CUT_END,
		                l->text[0] ? l->text : l->step);
}

static void
job_draw(struct view *v, const struct area *a)
{
	struct job_screen *s = v->state;
	const struct journal_line *l = newest(s);
	size_t row = 0;

	if (s->failed.code != ERR_OK && s->lines.n == 0 && !s->has_row) {
		show_error(a, 1, &s->failed);
		return;
	}
	row = state_draw(s, a, row);
	row = bar_draw(s, a, row);
	row = standing_draw(s, a, row);
	if (!is_over(s))
		row = job_gates_draw(&s->gates, a, row, a->rows / GATES, !v->shared->is_slow);
	if (l && l->hint[0])
		row = paint_prose(a, row, 1, INK_TEXT, l->hint);
	if (s->failed.code != ERR_OK)
		row = show_error(a, row, &s->failed);
	if (row + 1 >= a->rows)
		return;
	paint_rule(a, row, "journal");
	const struct area list = area_rows(a, row + 1, a->rows);
	v->page = list.rows;
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && s->list.top + i < s->lines.n; i++)
		line_draw(&list, i, &s->lines.v[s->list.top + i]);
}

static enum handled
job_action(struct view *v, enum action act, struct view_request *ret)
{
	struct job_screen *s = v->state;

	if (list_move(&s->list, act, v->page)) {
		s->follows = s->list.cursor + 1 >= s->list.n;
		return HANDLED;
	}
	const struct journal_line *const l = newest(s);
	if (act == ACT_LOGS && l && l->target[0]) {
		(void)str_copy(ret->view, sizeof(ret->view), "target");
		(void)snprintf(ret->arg, sizeof(ret->arg), "%s logs", l->target);
		return OPEN_VIEW;
	}
	if (act == ACT_ABORT && !is_over(s))
		words_of(&ret->argv, "job", "abort", v->arg, "--yes");
	else if (act == ACT_RESUME && !is_over(s) && !s->is_alive)
		words_of(&ret->argv, "job", "resume", v->arg);
	else
		return NOT_HANDLED;
	return RUN_ARGV;
}

static void
job_title(const struct view *v, struct buf *ret)
{
	buf_addf(ret, "job %s", v->arg);
}

static void
job_close(struct view *v)
{
	struct job_screen *s = v->state;

	journal_close(s->journal);
	vec_fini(&s->lines);
	vec_fini(&s->standing);
}

static bool
job_can(const struct view *v, enum action act)
{
	const struct job_screen *s = v->state;

	if (act == ACT_LOGS)
		return newest(s) && newest(s)->target[0];
	if (act == ACT_ABORT)
		return !is_over(s);
	if (act == ACT_RESUME)
		return !is_over(s) && !s->is_alive;
	return s->list.n > v->page && !s->follows;
}

static void
job_subject(const struct view *v, struct view_subject *ret)
{
	const struct job_screen *s = v->state;

	if (s->has_row)
		show_job_subject(&s->row, ret);
}

static void
job_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct job_screen *s = v->state;

	if (act == ACT_LOGS)
		buf_adds(ret, "no target of it has said anything yet");
	else if ((act == ACT_ABORT || act == ACT_RESUME) && is_over(s))
		buf_addf(ret, "job %s has ended%s%s", v->arg, s->has_row ? ": " : "",
		         s->has_row ? s->row.state : "");
	else if (act == ACT_RESUME)
		buf_adds(ret, "its agent runs: there is nothing to go on with");
}

static const struct hint hints[] = {
	{ ACT_ABORT, "abort" },
	{ ACT_RESUME, "continue" },
	{ ACT_BOTTOM, "follow" },
	{ ACT_LOGS, "logs" },
	{ 0, NULL },
};

const struct view_ops view_job = {
	.name = "job",
	.state_size = sizeof(struct job_screen),
	.open = job_open,
	.reload = job_reload,
	.title = job_title,
	.draw = job_draw,
	.action = job_action,
	.close = job_close,
	.can = job_can,
	.subject = job_subject,
	.why_not = job_why_not,
	.hints = hints,
};
