/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Home: every model with what its stages hold, and below the list the story of the chosen one. The
 * cursor follows the model, not the row: where a changed list has it is looked for in slices, and
 * until that is known no act is taken.
 */
#include <stdio.h>
#include <string.h>

#include "tui/view/list.h"
#include "tui/view/models_columns.h"
#include "tui/view/models_rows.h"
#include "tui/view/show.h"
#include "tui/view/story.h"
#include "tui/view/table.h"
#include "tui/view/views.h"

#define NARROW_COLS 60u /* below: no signature, size and age */
#define STORY_ROWS  16u /* the area must have as many for the strip to show */
#define SLICE_MS    2u  /* of a search: a key waits for one that runs and for its own */

struct models {
	struct list list;
	struct models_rows rows;
	struct table table;
	struct models_columns columns;
	char chosen[NAME_SIZE];
	char filter[128]; /* that the rows were read with */
	bool wants_end;   /* the last row is looked for */
	struct err failed;
	struct story story;
	bool is_new; /* the registry is to be asked for what belongs to no row */
};

static int
models_open(struct view *v, struct err *e)
{
	struct models *s = v->state;

	(void)e;
	s->rows.w.slice_ms = SLICE_MS;
	s->rows.found = SIZE_MAX;
	models_columns_init(&s->columns, &s->table);
	return 0;
}

/* --- rows --- */

/* NULL while it is looked for. */
static const struct model_row *
chosen(const struct models *s)
{
	const struct model_row *m = models_rows_row(&s->rows, s->list.cursor);

	return m && s->chosen[0] && !streq(m->name, s->chosen) ? NULL : m;
}

static void
chosen_set(struct models *s)
{
	const struct model_row *m = models_rows_row(&s->rows, s->list.cursor);

	if (m)
		(void)str_copy(s->chosen, sizeof(s->chosen), m->name);
}

static int
rows_read(struct view *v, struct txn *t, bool to_end, struct err *e)
{
	struct models *s = v->state;
	const int rc = models_rows_read(&s->rows, t, v->filter, s->list.top, v->page, to_end, e);
	bool known;

	s->list.n = models_rows_total(&s->rows, &known);
	return rc;
}

/* Until the end is found the rows before stay on the screen. */
static void
end_find(struct view *v)
{
	struct models *s = v->state;

	s->wants_end = models_rows_unfinished(&s->rows);
	if (s->wants_end)
		return;
	s->list.cursor = s->list.n > 0 ? s->list.n - 1 : 0;
	s->list.top = s->list.cursor > v->page ? s->list.cursor - v->page : 0;
	s->chosen[0] = '\0';
}

/* The chosen one's row is known now; it stays where it was on the screen. */
static void
found_take(struct models *s)
{
	const size_t below = s->list.cursor - s->list.top;

	if (s->rows.found == SIZE_MAX)
		return;
	s->list.cursor = s->rows.found;
	s->list.top = s->list.cursor > below ? s->list.cursor - below : 0;
	s->rows.found = SIZE_MAX;
	s->chosen[0] = '\0'; /* what stands there now, which is it unless it is gone */
}

static int
page_settle(struct view *v, struct txn *t, struct err *e)
{
	struct models *s = v->state;
	int rc = 0;

	list_fit(&s->list, v->page);
	if (!models_rows_serve(&s->rows, s->list.top, v->page))
		rc = rows_read(v, t, false, e);
	list_fit(&s->list, v->page);
	if (!s->chosen[0] && !s->rows.is_seeking)
		chosen_set(s);
	v->is_unfinished = rc == 0 && models_rows_unfinished(&s->rows);
	if (rc == 0 && (chosen(s) || s->list.n == 0))
		story_load(&s->story, v, chosen(s), t);
	return rc;
}

static int
models_read(struct view *v, bool to_end, struct err *e)
{
	struct models *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	if (s->is_new) { /* the registry changed: what no key changes */
		models_columns_read(&s->columns, &s->table, v, t);
		story_jobs(&s->story, t);
		s->is_new = false;
	}
	if (to_end) {
		rc = rows_read(v, t, true, e);
		end_find(v);
	}
	return rc < 0 ? rc : page_settle(v, t, e);
}

/* The rest of a search, while no key comes. */
static bool
models_more(struct view *v)
{
	struct models *s = v->state;
	cleanup_txn struct txn *t = NULL;
	bool known;
	const size_t before = models_rows_total(&s->rows, &known);
	int rc;

	rc = view_read(v, &t, &s->failed);
	if (rc == 0)
		rc = models_rows_more(&s->rows, t, v->filter, &s->failed);
	s->list.n = models_rows_total(&s->rows, &known);
	v->is_unfinished = rc == 0 && models_rows_unfinished(&s->rows);
	if (v->is_unfinished)
		return s->list.n > before && before <= v->page;
	if (rc == 0 && s->wants_end)
		end_find(v);
	if (rc == 0 && s->rows.sort != MODELS_AS_NAMED && s->chosen[0])
		rc = models_rows_seek(&s->rows, t, v->filter, s->chosen, &s->failed);
	found_take(s);
	if (rc == 0)
		(void)page_settle(v, t, &s->failed);
	return true;
}

/* Where is the chosen one now? At once when it is near. */
static int
chosen_find(struct view *v, struct err *e)
{
	struct models *s = v->state;
	cleanup_txn struct txn *t = NULL;
	const struct model_row *m;
	size_t i = s->list.top;
	int rc;

	for (; (m = models_rows_row(&s->rows, i)); i++)
		if (streq(m->name, s->chosen))
			break;
	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	if (m)
		s->list.cursor = i;
	else
		rc = models_rows_seek(&s->rows, t, v->filter, s->chosen, e);
	if (rc < 0)
		return rc;
	found_take(s);
	return page_settle(v, t, e);
}

static int
models_reload(struct view *v, struct err *e)
{
	struct models *s = v->state;
	const bool same = streq(s->filter, v->filter);

	(void)e; /* shown on the page itself */
	s->is_new = true;
	if (!same) {
		(void)str_copy(s->filter, sizeof(s->filter), v->filter);
		s->list = (struct list){ 0 };
		s->chosen[0] = '\0';
	}
	models_rows_reset(&s->rows, same);
	s->wants_end = v->is_unfinished = false;
	err_clear(&s->failed);
	if (models_read(v, false, &s->failed) < 0) {
		models_rows_reset(&s->rows, false);
		s->list = (struct list){ 0 };
		v->is_unfinished = false;
		return 0;
	}
	if (s->chosen[0] && !chosen(s))
		(void)chosen_find(v, &s->failed);
	return 0;
}

static void
models_moved(struct view *v, enum action act)
{
	struct models *s = v->state;
	struct err e = { 0 };
	bool known;

	s->wants_end = s->rows.is_seeking = false;
	s->chosen[0] = '\0';
	(void)models_rows_total(&s->rows, &known);
	if (act == ACT_BOTTOM && !known && s->rows.sort == MODELS_AS_NAMED) {
		(void)models_read(v, true, &e);
	} else {
		(void)list_move(&s->list, act, v->page);
		(void)models_read(v, false, &e);
	}
	if (e.code != ERR_OK)
		notice_err(&v->shared->notices, &e);
}

/* --- drawing --- */

static void
empty_draw(const struct view *v, const struct area *a)
{
	const struct models *s = v->state;
	const bool absent = !v->app->registry;
	size_t row = 1;

	if (v->filter[0] && s->failed.code == ERR_OK) {
		paint_prose(a, row, 1, INK_TEXT,
		            v->is_unfinished
		                    ? "searching ..."
		                    : "no model matches these words; / then Esc clears them");
		return;
	}
	if (absent)
		row = show_error(a, row, &v->shared->no_registry) + 1;
	else if (s->failed.code != ERR_OK)
		row = show_error(a, row, &s->failed) + 1;
	if (absent && v->shared->no_registry.code != ERR_NOT_FOUND)
		return;
	row = paint_prose(a, row, 1, INK_HEAD,
	                  absent ? "There is no registry here yet. To begin, in a shell:"
	                         : "This registry is empty. To bring in a first model, in a shell "
	                           "or after \":\"");
	if (absent)
		row = paint_prose(a, row + 1, 3, INK_TEXT,
		                  "slipway init                        makes the registry, your "
		                  "key and a policy");
	row = paint_prose(
	        a, row + !absent, 3, INK_TEXT,
	        "slipway import PATH --as NAME       brings in a file or a folder as NAME@v1");
	row = paint_prose(a, row, 3, INK_TEXT,
	                  "slipway target add T --driver directory --path DIR --stage staging");
	row = paint_prose(a, row, 3, INK_TEXT, "slipway promote NAME@v1 --to staging");
	paint_prose(a, row + 1, 1, INK_DIM,
	            absent ? "slipway help tells more. R looks again."
	                   : "slipway help tells more. This page follows the registry by itself.");
}

static void
cell(const struct view *v, const void *row, size_t column, struct table_cell *ret)
{
	struct models *s = v->state;

	models_cell(&s->columns, row, column, ret);
}

static void
list_draw(const struct view *v, const struct area *a)
{
	const struct models *s = v->state;

	for (size_t i = 0; i < a->rows; i++) {
		const struct model_row *r = models_rows_row(&s->rows, s->list.top + i);
		if (!r)
			break;
		table_row_draw(&s->table, v, a, i, cell, r, s->list.top + i == s->list.cursor,
		               table_is_marked(&s->table, r->name));
	}
}

static void
models_draw(struct view *v, const struct area *a)
{
	struct models *s = v->state;
	const struct model_row *m = chosen(s);
	bool known;
	const size_t total = models_rows_total(&s->rows, &known);
	const size_t top = table_filter_draw(&s->table, v, a, total, !known, "models");
	struct area list = area_rows(a, top, a->rows);
	size_t story = 0;

	if (s->list.n == 0) {
		empty_draw(v, &list);
		return;
	}
	if (a->rows >= STORY_ROWS && a->cols >= NARROW_COLS && m)
		story = story_rows(&s->story, m);
	models_columns_fit(&s->columns, a->cols);
	const bool has_head = a->rows >= 6;
	if (has_head)
		table_head_draw(&s->table, &list, 0);
	list = area_rows(&list, has_head,
	                 list.rows > story + has_head ? list.rows - story - has_head : 0);
	v->page = list.rows;
	list_fit(&s->list, v->page);
	list_draw(v, &list);
	if (story > 0) {
		const struct area strip = area_rows(a, a->rows - story, story);
		story_draw(&s->story, &strip, m);
	}
}

/* --- acts --- */

static bool
id_of(const struct view *v, size_t i, char ret[static TABLE_ID_SIZE])
{
	const struct models *s = v->state;
	const struct model_row *m = models_rows_row(&s->rows, i);

	return m && str_copy(ret, TABLE_ID_SIZE, m->name) == 0;
}

static enum handled
models_act(const struct model_row *m, enum action act, struct view_request *ret)
{
	if (act == ACT_OPEN) {
		(void)str_copy(ret->view, sizeof(ret->view), "model");
		(void)str_copy(ret->arg, sizeof(ret->arg), m->name);
	} else if (act == ACT_HISTORY) {
		(void)str_copy(ret->view, sizeof(ret->view), "history");
		(void)str_copy(ret->arg, sizeof(ret->arg), m->name);
	} else if (act == ACT_PROMOTE && m->latest_live > 0) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "promote %s@v%llu", m->name,
		               (unsigned long long)m->latest_live);
	} else if (act == ACT_ROLLBACK && show_holds_any(m)) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "rollback %s", m->name);
	} else if (act == ACT_DIFF && m->latest_live > 0) {
		return show_diff_with_stage(m, m->latest_live, ret);
	} else if (act == ACT_VERIFY && m->latest_live > 0) {
		char ref[NAME_SIZE + 24];
		(void)snprintf(ref, sizeof(ref), "%s@v%llu", m->name,
		               (unsigned long long)m->latest_live);
		words_of(&ret->argv, "verify", ref, "-o", "json");
		ret->reads = true;
		return RUN_ARGV;
	} else {
		return NOT_HANDLED;
	}
	return OPEN_VIEW;
}

/* The newest live version of each marked model, one wizard after the other. */
static enum handled
promote_marked(struct view *v, struct view_request *ret)
{
	struct models *s = v->state;
	cleanup_txn struct txn *t = NULL;
	cleanup_buf struct buf arg = { 0 };
	struct model_row m;
	struct err e = { 0 };

	if (s->table.marks.n == 0 || view_read(v, &t, &e) < 0)
		return NOT_HANDLED;
	buf_adds(&arg, "promote-all");
	for (size_t i = 0; i < s->table.marks.n; i++)
		if (model_get(t, s->table.marks.v[i], &m, &e) == 0 && m.latest_live > 0)
			buf_addf(&arg, " %s@v%llu", m.name, (unsigned long long)m.latest_live);
	if (!strchr(buf_cstr(&arg), ' '))
		return NOT_HANDLED;
	if (str_copy(ret->arg, sizeof(ret->arg), buf_cstr(&arg)) < 0) {
		notice_add(&v->shared->notices, true, "mark fewer and promote the rest afterwards",
		           "%zu marked models are too many at once", s->table.marks.n);
		return HANDLED;
	}
	(void)str_copy(ret->view, sizeof(ret->view), "promote");
	return OPEN_VIEW;
}

static enum handled
models_action(struct view *v, enum action act, struct view_request *ret)
{
	struct models *s = v->state;
	const struct model_row *m = chosen(s);
	struct list probe = s->list;
	struct err e = { 0 };

	if (list_move(&probe, act, v->page)) {
		models_moved(v, act);
		return HANDLED;
	}
	const enum handled h = table_action(&s->table, v, &s->list, id_of, act, ret);
	if (h == HANDLED) {
		s->chosen[0] = '\0';
		if (models_read(v, false, &e) < 0)
			notice_err(&v->shared->notices, &e);
	}
	if (h != NOT_HANDLED)
		return h;
	if (act == ACT_PROMOTE_MARKED)
		return promote_marked(v, ret);
	return m ? models_act(m, act, ret) : NOT_HANDLED;
}

static enum handled
models_picked(struct view *v, size_t item, struct view_request *ret)
{
	struct models *s = v->state;
	struct err e = { 0 };

	(void)ret;
	if (!table_picked(&s->table, item))
		return HANDLED;
	models_rows_order(&s->rows, (enum model_sort)s->table.sort, s->table.descends);
	s->list.top = 0;
	int rc = models_read(v, false, &e);
	if (rc == 0 && s->chosen[0] && !chosen(s) && !s->rows.is_sorting)
		rc = chosen_find(v, &e);
	if (rc < 0)
		notice_err(&v->shared->notices, &e);
	return HANDLED;
}

static void
models_subject(const struct view *v, struct view_subject *ret)
{
	const struct model_row *m = chosen(v->state);

	if (m)
		show_subject(m->name, m->latest_live, &m->digest, ret);
}

static void
models_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "models");
}

static void
models_close(struct view *v)
{
	struct models *s = v->state;

	models_rows_fini(&s->rows);
	table_fini(&s->table);
}

static bool
models_can(const struct view *v, enum action act)
{
	const struct models *s = v->state;
	const struct model_row *m = chosen(s);

	if (act == ACT_JOBS)
		return v->app->registry != NULL;
	if (!m)
		return false;
	if (act == ACT_PROMOTE || act == ACT_VERIFY)
		return m->latest_live > 0;
	if (act == ACT_PROMOTE_MARKED)
		return s->table.marks.n > 0;
	if (act == ACT_DIFF)
		return show_differs(m, m->latest_live);
	return act != ACT_ROLLBACK || show_holds_any(m);
}

static void
models_why_not(const struct view *v, enum action act, struct buf *ret)
{
	if (act == ACT_PROMOTE_MARKED)
		buf_adds(ret, "no model is marked: Space marks one");
	else if (chosen(v->state))
		show_why_not(chosen(v->state), NULL, act, ret);
	else if (act >= ACT_PROMOTE && act <= ACT_VERIFY)
		buf_adds(ret, "no model is chosen: slipway import PATH --as NAME brings one in");
}

static const struct hint hints[] = {
	{ ACT_OPEN, "open" },       { ACT_PROMOTE_MARKED, "promote marked" },
	{ ACT_PROMOTE, "promote" }, { ACT_ROLLBACK, "roll back" },
	{ ACT_DIFF, "diff" },       { ACT_HISTORY, "history" },
	{ ACT_VERIFY, "verify" },   { ACT_SORT, "sort" },
	{ ACT_JOBS, "jobs" },       { 0, NULL },
};

const struct view_ops view_models = {
	.name = "models",
	.state_size = sizeof(struct models),
	.open = models_open,
	.reload = models_reload,
	.title = models_title,
	.more = models_more,
	.draw = models_draw,
	.action = models_action,
	.picked = models_picked,
	.subject = models_subject,
	.close = models_close,
	.has_filter = true,
	.draws_live = true,
	.has_table = true,
	.can = models_can,
	.why_not = models_why_not,
	.hints = hints,
};
