/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One model: its versions, newest first, with the stages that hold them and a metric of choice,
 * drawn over the versions below. Two marked versions are compared. The cursor follows the version.
 */
#include <stdio.h>
#include <string.h>

#include "tui/view/list.h"
#include "tui/view/model_columns.h"
#include "tui/view/show.h"
#include "tui/view/table.h"
#include "tui/view/version_rows.h"
#include "tui/view/views.h"

#define NARROW_COLS 60u
#define CHART_ROWS  6u
#define CHART_FROM  16u /* rows of the area from which on it is shown */
#define SLICE_MS    2u

struct model {
	struct list list;
	struct model_facts facts;
	struct version_rows rows;
	struct table table;
	uint64_t chosen; /* 0: what stands under the cursor */
	bool wants_end;
	struct err failed;
};

/* --- what is read --- */

static void
cursor_settle(struct view *v)
{
	struct model *s = v->state;
	bool known;

	s->list.n = version_rows_total(&s->rows, &known);
	const size_t at = s->chosen ? version_rows_find(&s->rows, s->chosen) : SIZE_MAX;
	if (at != SIZE_MAX && at != s->list.cursor) {
		const size_t below = s->list.cursor - s->list.top;
		s->list.cursor = at;
		s->list.top = at > below ? at - below : 0;
	}
	list_fit(&s->list, v->page);
	if (!version_rows_unfinished(&s->rows))
		s->chosen = version_rows_number(&s->rows, s->list.cursor);
}

/* NULL while it is looked for. */
static const struct version_row *
chosen(const struct model *s)
{
	const struct version_row *n = version_rows_row(&s->rows, s->list.cursor);

	return n && s->chosen && n->number != s->chosen ? NULL : n;
}

static int
model_read(struct view *v, bool to_end, struct err *e)
{
	struct model *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	if (model_get(t, v->arg, &s->facts.row, e) < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no model \"%s\" any more", v->arg);
	rc = model_facts_read(&s->facts, v, t, v->arg, e);
	(void)str_copy(s->rows.metric, sizeof(s->rows.metric), metric_chart_name(&s->facts.chart));
	if (rc == 0)
		rc = version_rows_read(&s->rows, t, s->list.top, v->page, to_end, e);
	cursor_settle(v);
	if (rc == 0) /* the cursor may have gone where nothing was read yet */
		rc = version_rows_read(&s->rows, t, s->list.top, v->page, false, e);
	v->is_unfinished = rc == 0 && version_rows_unfinished(&s->rows);
	return rc;
}

static bool
model_more(struct view *v)
{
	struct model *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc = view_read(v, &t, &s->failed);

	if (rc == 0)
		rc = version_rows_more(&s->rows, t, &s->failed);
	v->is_unfinished = rc == 0 && version_rows_unfinished(&s->rows);
	if (v->is_unfinished)
		return false;
	if (s->wants_end) {
		bool known;
		const size_t total = version_rows_total(&s->rows, &known);
		s->list.cursor = total > 0 ? total - 1 : 0;
		s->chosen = 0;
		s->wants_end = false;
	}
	store_abort(t);
	t = NULL;
	if (rc == 0)
		(void)model_read(v, false, &s->failed);
	return true;
}

static int
model_open(struct view *v, struct err *e)
{
	struct model *s = v->state;

	(void)e;
	model_facts_init(&s->facts, &s->table);
	(void)str_copy(s->rows.model, sizeof(s->rows.model), v->arg);
	s->rows.held = &s->facts.row;
	s->rows.slice_ms = SLICE_MS;
	return 0;
}

static int
model_reload(struct view *v, struct err *e)
{
	struct model *s = v->state;
	const bool same = streq(s->rows.filter, v->filter);

	(void)e; /* shown on the page itself */
	if (!same) {
		(void)str_copy(s->rows.filter, sizeof(s->rows.filter), v->filter);
		s->list = (struct list){ 0 };
		s->chosen = 0;
	}
	version_rows_reset(&s->rows, same);
	s->facts.registry_id = NULL;
	err_clear(&s->failed);
	(void)model_read(v, false, &s->failed);
	return 0;
}

/* --- drawing --- */

static void
cell(const struct view *v, const void *row, size_t column, struct table_cell *ret)
{
	struct model *s = v->state;

	model_cell(&s->facts, row, column, ret);
}

static void
id_make(uint64_t number, char ret[static TABLE_ID_SIZE])
{
	(void)snprintf(ret, TABLE_ID_SIZE, "v%llu", (unsigned long long)number);
}

static bool
id_of(const struct view *v, size_t i, char ret[static TABLE_ID_SIZE])
{
	const struct model *s = v->state;
	const uint64_t number = version_rows_number(&s->rows, i);

	id_make(number, ret);
	return number > 0;
}

static void
list_draw(struct view *v, const struct area *a)
{
	struct model *s = v->state;
	char id[TABLE_ID_SIZE];

	v->page = a->rows;
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < a->rows; i++) {
		const struct version_row *n = version_rows_row(&s->rows, s->list.top + i);
		if (!n)
			break;
		id_make(n->number, id);
		table_row_draw(&s->table, v, a, i, cell, n, s->list.top + i == s->list.cursor,
		               table_is_marked(&s->table, id));
	}
}

static void
model_draw(struct view *v, const struct area *a)
{
	struct model *s = v->state;
	bool known;
	const size_t total = version_rows_total(&s->rows, &known);
	const size_t top = table_filter_draw(&s->table, v, a, total, !known, "versions");
	const bool has_chart = a->rows >= CHART_FROM && a->cols >= NARROW_COLS &&
	                       metric_chart_name(&s->facts.chart)[0] && !v->shared->is_slow;
	const size_t chart = has_chart ? CHART_ROWS : 0;
	struct area list = area_rows(a, top, a->rows - top - chart);

	if (s->failed.code != ERR_OK) {
		show_error(&list, 1, &s->failed);
		return;
	}
	if (total == 0) {
		paint_prose(&list, 1, 1, INK_TEXT,
		            v->is_unfinished ? "searching ..."
		            : v->filter[0]
		                    ? "no version matches these words; / then Esc clears them"
		                    : "this model has no version: slipway import PATH --as NAME "
		                      "brings one in");
		return;
	}
	if (a->rows >= 6) {
		table_head_draw(&s->table, &list, 0);
		list = area_rows(&list, 1, list.rows);
	}
	list_draw(v, &list);
	if (has_chart) {
		const struct area strip = area_rows(a, a->rows - chart, chart);
		metric_chart_draw(&s->facts.chart, &strip, &s->facts.row, s->chosen);
	}
}

/* --- acts --- */

/* The two marked ones, the older first; one marked: with the chosen one; else what a stage holds.
 */
static enum handled
diff(const struct model *s, const struct version_row *n, struct view_request *ret)
{
	uint64_t two[2] = { 0, n->number };

	if (s->table.marks.n > 2)
		return NOT_HANDLED;
	for (size_t i = 0; i < s->table.marks.n; i++)
		(void)parse_u64(s->table.marks.v[i] + 1, UINT64_MAX, &two[i]);
	if (two[0] == 0 || two[0] == two[1])
		return show_diff_with_stage(&s->facts.row, n->number, ret);
	(void)str_copy(ret->view, sizeof(ret->view), "diff");
	(void)snprintf(ret->arg, sizeof(ret->arg), "%s@v%llu %s@v%llu", s->facts.row.name,
	               (unsigned long long)(two[0] < two[1] ? two[0] : two[1]), s->facts.row.name,
	               (unsigned long long)(two[0] < two[1] ? two[1] : two[0]));
	return OPEN_VIEW;
}

static enum handled
model_act(const struct view *v, const struct version_row *n, enum action act,
          struct view_request *ret)
{
	const struct model *s = v->state;
	char ref[NAME_SIZE + 24];

	(void)snprintf(ref, sizeof(ref), "%s@v%llu", s->facts.row.name,
	               (unsigned long long)n->number);
	if (act == ACT_VERIFY) {
		words_of(&ret->argv, "verify", ref, "-o", "json");
		ret->reads = true;
		return RUN_ARGV;
	}
	if (act == ACT_DIFF)
		return diff(s, n, ret);
	if (act == ACT_OPEN) {
		(void)str_copy(ret->view, sizeof(ret->view), "version");
		(void)str_copy(ret->arg, sizeof(ret->arg), ref);
	} else if (act == ACT_HISTORY) {
		(void)str_copy(ret->view, sizeof(ret->view), "history");
		(void)str_copy(ret->arg, sizeof(ret->arg), v->arg);
	} else if (act == ACT_PROMOTE && n->state.life == LIFE_LIVE) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "promote %s", ref);
	} else if (act == ACT_ROLLBACK && show_holds_any(&s->facts.row)) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "rollback %.255s", v->arg);
	} else {
		return NOT_HANDLED;
	}
	return OPEN_VIEW;
}

static void
next_metric(struct view *v)
{
	struct model *s = v->state;

	if (s->facts.chart.names_n == 0)
		return;
	s->facts.chart.chosen = (s->facts.chart.chosen + 1) % s->facts.chart.names_n;
	s->facts.seq = 0;
	model_metric_chosen(&s->facts);
	if (s->rows.sort == VERSIONS_BY_METRIC)
		version_rows_reset(&s->rows, true);
	(void)model_read(v, false, &s->failed);
}

static void
moved(struct view *v, enum action act)
{
	struct model *s = v->state;
	bool known;

	s->chosen = 0;
	s->wants_end = false;
	(void)version_rows_total(&s->rows, &known);
	if (act == ACT_BOTTOM && !known && s->rows.sort == VERSIONS_NEWEST) {
		s->wants_end = true;
		(void)model_read(v, true, &s->failed);
		if (!v->is_unfinished)
			(void)model_more(v); /* found at once */
		return;
	}
	(void)list_move(&s->list, act, v->page);
	list_fit(&s->list, v->page);
	(void)model_read(v, false, &s->failed);
}

static enum handled
model_action(struct view *v, enum action act, struct view_request *ret)
{
	struct model *s = v->state;
	const struct version_row *n = chosen(s);
	struct list probe = s->list;

	if (list_move(&probe, act, v->page)) {
		moved(v, act);
		return HANDLED;
	}
	if (act == ACT_METRIC) {
		next_metric(v);
		return s->facts.chart.names_n > 0 ? HANDLED : NOT_HANDLED;
	}
	const enum handled h = table_action(&s->table, v, &s->list, id_of, act, ret);
	if (h == HANDLED) {
		s->chosen = 0;
		(void)model_read(v, false, &s->failed);
	}
	if (h != NOT_HANDLED)
		return h;
	return n ? model_act(v, n, act, ret) : NOT_HANDLED;
}

static enum handled
model_picked(struct view *v, size_t item, struct view_request *ret)
{
	struct model *s = v->state;

	(void)ret;
	if (!table_picked(&s->table, item))
		return HANDLED;
	s->rows.sort = (enum version_sort)s->table.sort;
	s->rows.descends = s->table.descends;
	s->list.top = 0;
	version_rows_reset(&s->rows, false);
	(void)model_read(v, false, &s->failed);
	return HANDLED;
}

static void
model_subject(const struct view *v, struct view_subject *ret)
{
	const struct model *s = v->state;
	const struct version_row *n = chosen(s);

	if (n)
		show_subject(s->facts.row.name, n->number, &n->digest, ret);
}

static void
model_title(const struct view *v, struct buf *ret)
{
	buf_adds(ret, v->arg);
}

static void
model_close(struct view *v)
{
	struct model *s = v->state;

	version_rows_fini(&s->rows);
	model_facts_fini(&s->facts);
	table_fini(&s->table);
}

static bool
model_can(const struct view *v, enum action act)
{
	const struct model *s = v->state;
	const struct version_row *n = chosen(s);

	if (act == ACT_JOBS || act == ACT_HISTORY)
		return true;
	if (act == ACT_METRIC)
		return s->facts.chart.names_n > 1;
	if (!n)
		return false;
	if (act == ACT_DIFF)
		return s->table.marks.n > 0 || show_differs(&s->facts.row, n->number);
	if (act == ACT_PROMOTE || act == ACT_VERIFY)
		return n->state.life == LIFE_LIVE;
	return act != ACT_ROLLBACK || show_holds_any(&s->facts.row);
}

static void
model_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct model *s = v->state;

	if (act == ACT_DIFF && s->table.marks.n > 2)
		buf_addf(ret, "%zu are marked; two are compared, U takes all marks off",
		         s->table.marks.n);
	else if (act == ACT_METRIC)
		buf_adds(ret, "no version carries metrics: slipway attest REF --type metrics FILE");
	else
		show_why_not(&s->facts.row, chosen(s), act, ret);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "open" },          { ACT_PROMOTE, "promote" },
	{ ACT_ROLLBACK, "roll back" }, { ACT_DIFF, "diff" },
	{ ACT_MARK, "mark" },          { ACT_METRIC, "metric" },
	{ ACT_HISTORY, "history" },    { ACT_VERIFY, "verify" },
	{ ACT_JOBS, "jobs" },          { 0, NULL },
};

const struct view_ops view_model = {
	.name = "model",
	.state_size = sizeof(struct model),
	.open = model_open,
	.reload = model_reload,
	.more = model_more,
	.title = model_title,
	.draw = model_draw,
	.action = model_action,
	.picked = model_picked,
	.subject = model_subject,
	.close = model_close,
	.has_filter = true,
	.has_table = true,
	.can = model_can,
	.why_not = model_why_not,
	.hints = hints,
};
