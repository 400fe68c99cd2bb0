/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs, newest first: running, waiting, ended. */
#include <stdio.h>
#include <string.h>

#include "registry/journal.h"
#include "tui/view/list.h"
#include "tui/view/show.h"
#include "tui/view/table.h"
#include "tui/view/views.h"

#define JOBS_MAX  1000u
#define MOVES_MAX 32u /* running ones whose journal is looked at */

enum { SORT_NONE, SORT_MODEL, SORT_STAGE, SORT_STATE };
enum { COL_JOB, COL_KIND, COL_MODEL, COL_STAGE, COL_STATE, COL_AGE };
static const struct table_column columns[] = {
	{ .name = "job", .head = "JOB", .width = 17, .from_cols = 60 },
	{ .name = "action", .head = "ACTION", .width = 9, .from_cols = 60 },
	{ .name = "model", .head = "MODEL", .sort = SORT_MODEL },
	{ .name = "stage", .head = "STAGE", .width = 11, .sort = SORT_STAGE },
	{ .name = "state", .head = "STATE", .width = 18, .sort = SORT_STATE },
	{ .name = "age", .head = "AGE", .width = 5, .from_cols = 50 },
};

struct move { /* where a job is by its journal */
	char id[17], words[40];
	enum ink ink;
};
struct jobs {
	struct list list;
	struct table table;
	VEC(struct job_row) rows;
	VEC(size_t) order;      /* of rows, as they are shown */
	VEC(struct move) moves; /* of the first running ones, in their order */
	const char *filter;
	struct err failed;
};

static const struct job_row *
row_at(const struct jobs *s, size_t i)
{
	return i < s->order.n ? &s->rows.v[s->order.v[i]] : NULL;
}

static int
jobs_open(struct view *v, struct err *e)
{
	struct jobs *s = v->state;

	(void)e;
	table_init(&s->table, columns, COUNT(columns));
	return 0;
}

static int
compare(const void *rows, uint8_t sort, size_t a, size_t b)
{
	const struct job_row *const x = (const struct job_row *)rows + a;
	const struct job_row *const y = (const struct job_row *)rows + b;

	if (sort == SORT_MODEL)
		return strcmp(x->model, y->model);
	if (sort == SORT_STAGE)
		return strcmp(x->stage, y->stage);
	return strcmp(x->end_seq > 0 ? x->state : "", y->end_seq > 0 ? y->state : "");
}

static void
rows_order(struct jobs *s)
{
	s->order.n = 0;
	for (size_t i = 0; i < s->rows.n; i++)
		vec_push(&s->order, i);
	table_order(&s->table, s->rows.v, compare, s->order.v, s->order.n);
}

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
	if (row_at(s, s->list.cursor))
		(void)str_copy(chosen, sizeof(chosen), row_at(s, s->list.cursor)->id);
	s->rows.n = 0;
	s->filter = v->filter;
	err_clear(&s->failed);
	if (jobs_read(v, &s->failed) == 0)
		moves_read(v);
	rows_order(s);
	s->list.n = s->rows.n;
	for (size_t i = 0; chosen[0] && i < s->rows.n; i++)
		if (streq(row_at(s, i)->id, chosen)) {
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
cell(const struct view *v, const void *row, size_t column, struct table_cell *ret)
{
	const struct job_row *const n = row;
	const struct move *const m = column == COL_STATE ? move_of(v->state, n->id) : NULL;

	switch (column) {
	case COL_JOB:
		(void)str_copy(ret->text, sizeof(ret->text), n->id);
		ret->ink = INK_DIM;
		break;
	case COL_KIND:
		(void)str_copy(ret->text, sizeof(ret->text), n->kind);
		break;
	case COL_MODEL:
		(void)snprintf(ret->text, sizeof(ret->text), n->number ? "%s v%llu" : "%s",
		               n->model, (unsigned long long)n->number);
		ret->cut = TEXT_CUT_MIDDLE;
		break;
	case COL_STAGE:
		(void)str_copy(ret->text, sizeof(ret->text), n->stage);
		ret->ink = show_stage_ink(n->stage);
		break;
	case COL_STATE:
		(void)str_copy(ret->text, sizeof(ret->text), m ? m->words : n->state);
		ret->ink = m ? m->ink : state_ink(n);
		break;
	default:
		show_age(ret->text, n->end_s > 0 ? n->end_s : n->begin_s);
		ret->ink = INK_DIM;
	}
}

static bool
id_of(const struct view *v, size_t i, char ret[static TABLE_ID_SIZE])
{
	const struct job_row *const n = row_at(v->state, i);

	return n && str_copy(ret, TABLE_ID_SIZE, n->id) == 0;
}

static void
jobs_draw(struct view *v, const struct area *a)
{
	struct jobs *s = v->state;
	const size_t top =
	        table_filter_draw(&s->table, v, a, s->rows.n, s->rows.n >= JOBS_MAX, "jobs");
	struct area list = area_rows(a, top, a->rows);

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
	if (s->rows.n > 0 && list.rows >= 6) {
		table_head_draw(&s->table, &list, 0);
		list = area_rows(&list, 1, list.rows - 1);
		v->page = list.rows;
	}
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && row_at(s, s->list.top + i); i++) {
		const struct job_row *const n = row_at(s, s->list.top + i);
		table_row_draw(&s->table, v, &list, i, cell, n, s->list.top + i == s->list.cursor,
		               table_is_marked(&s->table, n->id));
	}
}

static enum handled
jobs_action(struct view *v, enum action act, struct view_request *ret)
{
	struct jobs *s = v->state;

	if (list_move(&s->list, act, v->page))
		return HANDLED;
	const enum handled h = table_action(&s->table, v, &s->list, id_of, act, ret);
	const struct job_row *const n = row_at(s, s->list.cursor);
	if (h != NOT_HANDLED || !n)
		return h;
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

static enum handled
jobs_picked(struct view *v, size_t item, struct view_request *ret)
{
	struct jobs *s = v->state;
	struct err ignored = { 0 };

	(void)ret;
	if (table_picked(&s->table, item))
		(void)jobs_reload(v, &ignored);
	return HANDLED;
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
	vec_fini(&s->order);
	vec_fini(&s->moves);
	table_fini(&s->table);
}

static bool
jobs_can(const struct view *v, enum action act)
{
	const struct jobs *s = v->state;
	const struct job_row *const n = row_at(s, s->list.cursor);

	return n && (act == ACT_OPEN || act == ACT_SORT || n->end_seq == 0);
}

static void
jobs_subject(const struct view *v, struct view_subject *ret)
{
	const struct jobs *s = v->state;

	if (row_at(s, s->list.cursor))
		show_job_subject(row_at(s, s->list.cursor), ret);
}

static void
jobs_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct jobs *s = v->state;
	const struct job_row *const n = row_at(s, s->list.cursor);

	if (act != ACT_OPEN && act != ACT_ABORT && act != ACT_RESUME)
		return;
	if (!n)
		buf_adds(ret, "there is no job");
	else
		buf_addf(ret, "job %s has ended: %s", n->id, n->state);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "follow" },
	{ ACT_ABORT, "abort" },
	{ ACT_RESUME, "continue" },
	{ ACT_SORT, "sort" },
	{ 0, NULL },
};

const struct view_ops view_jobs = {
	.name = "jobs",
	.state_size = sizeof(struct jobs),
	.open = jobs_open,
	.reload = jobs_reload,
	.title = jobs_title,
	.draw = jobs_draw,
	.action = jobs_action,
	.close = jobs_close,
	.picked = jobs_picked,
	.has_filter = true,
	.has_table = true,
	.can = jobs_can,
	.subject = jobs_subject,
	.why_not = jobs_why_not,
	.hints = hints,
};
