/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs, newest first: running, waiting, ended. */
#include <stdio.h>

#include "registry/journal.h"
#include "tui/view/list.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define JOBS_MAX  1000u
#define MOVES_MAX 32u /* running ones whose journal is looked at */

struct move { /* where a job is by its journal */
	char id[17], words[40];
	enum ink ink;
};
struct jobs {
	struct list list;
	VEC(struct job_row) rows;
	VEC(struct move) moves; /* of the first running ones, in their order */
	const char *filter;
	struct err failed;
};

static int
job_keep(void *arg, const struct job_row *n)
{
	struct jobs *s = arg;
	cleanup_buf struct buf b = { 0 };

	buf_addf(&b, "%s %s %s %s %s v%llu", n->id, n->model, n->stage, n->kind, n->state,
	         (unsigned long long)n->number);
	if (!filter_match(s->filter, buf_cstr(&b)))
		return 0;
	vec_push(&s->rows, *n);
	return s->rows.n >= JOBS_MAX;
}

static int
jobs_read(struct view *v, struct err *e)
{
	struct jobs *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	rc = job_each(t, job_keep, s, e);
	return rc < 0 ? rc : 0;
}

/* "canary 9% of 10%", "staged 34%"; who waits for a person says so. */
static void
move_read(const struct view *v, const struct job_row *n, struct move *ret)
{
	struct journal_line l;
	struct err ignored = { 0 };
	bool is_alive = false;

	(void)str_copy(ret->id, sizeof(ret->id), n->id);
	ret->ink = INK_WAIT;
	(void)str_copy(ret->words, sizeof(ret->words), n->state);
	if (journal_newest(v->app->registry->rootfd, n->id, &l, &is_alive, &ignored) < 0)
		return;
	const char *const state = job_state_name(l.state);
	if (!is_alive && !job_state_is_final(l.state)) {
		(void)snprintf(ret->words, sizeof(ret->words), "agent gone: %s", state);
		ret->ink = INK_BAD;
	} else if (l.has_percent && l.has_wanted && l.percent != l.wanted) {
		(void)snprintf(ret->words, sizeof(ret->words), "%s %u%% of %u%%", state, l.percent,
		               l.wanted);
	} else if (l.has_percent) {
		(void)snprintf(ret->words, sizeof(ret->words), "%s %u%%", state, l.percent);
	} else if (l.total > 0) {
		(void)snprintf(ret->words, sizeof(ret->words), "%s %u%%", state,
		               (unsigned)(l.done / (l.total / 100 + 1)));
	} else {
		(void)snprintf(ret->words, sizeof(ret->words), "%s", state);
	}
}

static void
moves_read(struct view *v)
{
	struct jobs *s = v->state;

	s->moves.n = 0;
	vec_foreach(n, &s->rows) {
		struct move m = { 0 };
		if (n->end_seq > 0 || s->moves.n >= MOVES_MAX)
			continue;
		move_read(v, n, &m);
		vec_push(&s->moves, m);
	}
}

static const struct move *
move_of(const struct jobs *s, const char *id)
{
	for (size_t i = 0; i < s->moves.n; i++)
		if (streq(s->moves.v[i].id, id))
			return &s->moves.v[i];
	return NULL;
}

static int
jobs_reload(struct view *v, struct err *e)
{
	struct jobs *s = v->state;

	(void)e;
	char chosen[sizeof(s->rows.v->id)] = "";
	if (s->list.cursor < s->rows.n)
		(void)str_copy(chosen, sizeof(chosen), s->rows.v[s->list.cursor].id);
	s->rows.n = 0;
	s->filter = v->filter;
	err_clear(&s->failed);
	if (jobs_read(v, &s->failed) == 0)
		moves_read(v);
	s->list.n = s->rows.n;
	for (size_t i = 0; chosen[0] && i < s->rows.n; i++)
		if (streq(s->rows.v[i].id, chosen)) {
			list_follow(&s->list, i, v->page);
			break;
		}
	list_fit(&s->list, v->page);
	v->is_live = false;
	vec_foreach(n, &s->rows)
		v->is_live |= n->end_seq == 0;
	return 0;
}

static enum ink
state_ink(const struct job_row *n)
{
	if (n->end_seq == 0)
		return INK_WAIT;
	return streq(n->state, "succeeded") ? INK_OK : INK_BAD;
}

static void
row_draw(const struct jobs *s, const struct area *a, size_t row, const struct job_row *n)
{
	char text[NAME_SIZE + 32], age[16];
	size_t c = 3;

	if (a->cols >= 60)
		c = paint_fit(a, row, c, 17, INK_DIM, TEXT_CUT_END, n->id);
	c = paint_fit(a, row, c, 9, INK_TEXT, TEXT_CUT_END, n->kind);
	(void)snprintf(text, sizeof(text), n->number ? "%s v%llu" : "%s", n->model,
	               (unsigned long long)n->number);
	const struct move *m = move_of(s, n->id);
	const size_t words = a->cols >= 100 ? 22 : 17, tail = 11 + words + 5;
	const size_t name = a->cols > c + tail + 8 ? a->cols - c - tail : 8;
	(void)paint_fit(a, row, c, name - 1, INK_TEXT, TEXT_CUT_MIDDLE, text);
	c = paint_fit(a, row, c + name, 11, show_stage_ink(n->stage), TEXT_CUT_END, n->stage);
	c = paint_fit(a, row, c, words, m ? m->ink : state_ink(n), TEXT_CUT_END,
	              m ? m->words : n->state);
	show_age(age, n->end_s > 0 ? n->end_s : n->begin_s);
	(void)paint_fit(a, row, c, 5, INK_DIM, TEXT_CUT_END, age);
}

static void
jobs_draw(struct view *v, const struct area *a)
{
	struct jobs *s = v->state;
	const size_t top = filter_draw(v, a, s->rows.n, s->rows.n >= JOBS_MAX, "jobs");
	const struct area list = area_rows(a, top, a->rows);

	v->page = list.rows;
	if (s->failed.code != ERR_OK) {
		show_error(&list, 1, &s->failed);
		return;
	}
	if (s->rows.n == 0)
		paint_prose(&list, 1, 1, INK_TEXT,
		            v->filter[0]
		                    ? "no job matches these words; / then Esc clears them"
		                    : "no job has run yet: p on a model moves a stage, by a job");
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && s->list.top + i < s->rows.n; i++) {
		row_draw(s, &list, i, &s->rows.v[s->list.top + i]);
		list_mark(&list, i, s->list.top + i == s->list.cursor);
	}
}

static enum handled
jobs_action(struct view *v, enum action act, struct view_request *ret)
{
	struct jobs *s = v->state;

	if (list_move(&s->list, act, v->page))
		return HANDLED;
	if (s->list.cursor >= s->rows.n)
		return NOT_HANDLED;
	const struct job_row *n = &s->rows.v[s->list.cursor];
	if (act == ACT_OPEN) {
		(void)str_copy(ret->view, sizeof(ret->view), "job");
		(void)str_copy(ret->arg, sizeof(ret->arg), n->id);
		return OPEN_VIEW;
	}
	if (act == ACT_ABORT && n->end_seq == 0) {
		words_of(&ret->argv, "job", "abort", n->id, "--yes");
		return RUN_ARGV;
	}
	if (act == ACT_RESUME && n->end_seq == 0) {
		words_of(&ret->argv, "job", "resume", n->id);
		return RUN_ARGV;
	}
	return NOT_HANDLED;
}

static void
jobs_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "jobs");
}

static void
jobs_close(struct view *v)
{
	struct jobs *s = v->state;

	vec_fini(&s->rows);
	vec_fini(&s->moves);
}

static bool
jobs_can(const struct view *v, enum action act)
{
	const struct jobs *s = v->state;

	if (s->list.cursor >= s->rows.n)
		return false;
	return act == ACT_OPEN || s->rows.v[s->list.cursor].end_seq == 0;
}

static void
jobs_subject(const struct view *v, struct view_subject *ret)
{
	const struct jobs *s = v->state;

	if (s->list.cursor < s->rows.n)
		show_job_subject(&s->rows.v[s->list.cursor], ret);
}

static void
jobs_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct jobs *s = v->state;

	if (act != ACT_OPEN && act != ACT_ABORT && act != ACT_RESUME)
		return;
	if (s->list.cursor >= s->rows.n)
		buf_adds(ret, "there is no job");
	else
		buf_addf(ret, "job %s has ended: %s", s->rows.v[s->list.cursor].id,
		         s->rows.v[s->list.cursor].state);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "follow" },
	{ ACT_ABORT, "abort" },
	{ ACT_RESUME, "continue" },
	{ 0, NULL },
};

const struct view_ops view_jobs = {
	.name = "jobs",
	.state_size = sizeof(struct jobs),
	.reload = jobs_reload,
	.title = jobs_title,
	.draw = jobs_draw,
	.action = jobs_action,
	.close = jobs_close,
	.has_filter = true,
	.can = jobs_can,
	.subject = jobs_subject,
	.why_not = jobs_why_not,
	.hints = hints,
};
