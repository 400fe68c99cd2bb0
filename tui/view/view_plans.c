/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored plans that somebody may still apply, and those that ended, newest first; below the chosen
 * one with its id in full and who said yes to it, from the database. Its own page shows it whole.
 */
#include <stdio.h>
#include <string.h>

#include "registry/consent.h"
#include "registry/plan_state.h"
#include "tui/view/list.h"
#include "tui/view/show.h"
#include "tui/view/table.h"
#include "tui/view/views.h"

#define PLANS_MAX 500u
#define DETAIL    8u /* rows of the chosen plan */

enum { SORT_NONE, SORT_MODEL, SORT_STAGE, SORT_STATE };
enum { COL_PLAN, COL_KIND, COL_MODEL, COL_STAGE, COL_STATE, COL_AGE };
static const struct table_column columns[] = {
	{ .name = "plan", .head = "PLAN", .width = 17, .from_cols = 60 },
	{ .name = "action", .head = "ACTION", .width = 9, .from_cols = 60 },
	{ .name = "model", .head = "MODEL", .sort = SORT_MODEL },
	{ .name = "stage", .head = "STAGE", .width = 11, .sort = SORT_STAGE },
	{ .name = "state", .head = "STATE", .width = 12, .sort = SORT_STATE },
	{ .name = "age", .head = "AGE", .width = 5, .from_cols = 50 },
};

struct shown_plan {
	struct plan_row row;
	char state[24], missing[200], by[SIGNER_SIZE], approved[200];
	bool is_open, is_waiting, is_protected, has_glass;
};
struct plans {
	struct list list;
	struct table table;
	VEC(struct shown_plan) rows;
	VEC(size_t) order; /* of rows, as they are shown */
	const char *filter;
	struct txn *txn;
	struct policy policy;
	bool has_policy;
	struct err failed;
};

static const struct shown_plan *
row_at(const struct plans *s, size_t i)
{
	return i < s->order.n ? &s->rows.v[s->order.v[i]] : NULL;
}

static int
plans_open(struct view *v, struct err *e)
{
	struct plans *const s = v->state;

	(void)e;
	table_init(&s->table, columns, COUNT(columns));
	return 0;
}

static int
compare(const void *rows, uint8_t sort, size_t a, size_t b)
{
	const struct shown_plan *const x = (const struct shown_plan *)rows + a;
	const struct shown_plan *const y = (const struct shown_plan *)rows + b;

	if (sort == SORT_MODEL)
		return strcmp(x->row.model, y->row.model);
	if (sort == SORT_STAGE)
		return strcmp(x->row.stage, y->row.stage);
	if (x->is_open != y->is_open) /* what somebody may still do something about */
		return x->is_open ? -1 : 1;
	return strcmp(x->state, y->state);
}

static void
rows_order(struct plans *s)
{
	s->order.n = 0;
	for (size_t i = 0; i < s->rows.n; i++)
		vec_push(&s->order, i);
	table_order(&s->table, s->rows.v, compare, s->order.v, s->order.n);
}

static void
read_people(struct plans *s, struct shown_plan *p)
{
	cleanup_buf struct buf names = { 0 };
	struct consent_rows rows;
	struct err ignored = { 0 };

	if (consent_get(s->txn, &p->row.id, &rows, &ignored) < 0)
		return;
	if (rows.by_n > 0) {
		const struct authorisation *const by = &rows.by[rows.by_n - 1];
		(void)str_copy(p->by, sizeof p->by, by->person);
		p->has_glass = by->break_glass;
	}
	for (size_t i = 0; i < rows.approvals_n; i++)
		buf_addf(&names, "%s%s", i > 0 ? ", " : "", rows.approvals[i].person);
	(void)snprintf(p->approved, sizeof p->approved, "%.199s", buf_cstr(&names));
	consent_fini(&rows);
}

static int
plan_keep(void *arg, const struct plan_row *row)
{
	struct plans *const s = arg;
	struct shown_plan p = { .row = *row };
	cleanup_buf struct buf b = { 0 };
	struct plan_state is;

	plan_state(s->txn, s->has_policy ? &s->policy : NULL, row, &is);
	(void)str_copy(p.state, sizeof p.state, is.name);
	p.is_open = is.is_open;
	p.is_waiting = is.is_waiting;
	(void)snprintf(p.missing, sizeof p.missing, "%.199s", is.missing.msg);
	buf_addf(&b, "%s %s %s %s v%llu", row->model, row->stage, row->kind, p.state,
	         (unsigned long long)row->number);
	if (!filter_match(s->filter, buf_cstr(&b)))
		return 0;
	const struct policy_stage *const g =
	        s->has_policy ? policy_stage(&s->policy, row->stage) : NULL;
	p.is_protected = g && g->is_protected;
	read_people(s, &p);
	vec_push(&s->rows, p);
	return s->rows.n >= PLANS_MAX;
}

static int
plans_read(struct view *v, struct err *e)
{
	struct plans *const s = v->state;
	cleanup_txn struct txn *t = NULL;
	struct err ignored = { 0 };
	int rc = view_read(v, &t, e);

	if (rc < 0)
		return rc;
	s->txn = t;
	s->has_policy = policy_current(v->app->registry, t, &s->policy, &ignored) == 0;
	rc = plan_each(t, plan_keep, s, e);
	policy_fini(&s->policy);
	s->txn = NULL;
	return rc < 0 ? rc : 0;
}

static int
plans_reload(struct view *v, struct err *e)
{
	struct plans *const s = v->state;

	(void)e;
	const struct shown_plan *const was = row_at(s, s->list.cursor);
	const bool had = was != NULL;
	const struct digest chosen = had ? was->row.id : (struct digest){ 0 };
	s->rows.n = 0;
	s->filter = v->filter;
	err_clear(&s->failed);
	(void)plans_read(v, &s->failed);
	rows_order(s);
	s->list.n = s->rows.n;
	for (size_t i = 0; had && i < s->rows.n; i++)
		if (digest_eq(&row_at(s, i)->row.id, &chosen)) {
			list_follow(&s->list, i, v->page);
			break;
		}
	list_fit(&s->list, v->page);
	return 0;
}

static enum ink
state_ink(const struct shown_plan *p)
{
	if (p->is_open)
		return p->is_waiting ? INK_WAIT : INK_HEAD;
	if (streq(p->state, "dead") || streq(p->state, PLAN_DISCARDED))
		return INK_DIM;
	return streq(p->state, "succeeded") ? INK_OK : INK_BAD;
}

static void
cell(const struct view *v, const void *row, size_t column, struct table_cell *ret)
{
	const struct shown_plan *const p = row;
	char id[DIGEST_HEX_SIZE];

	(void)v;
	switch (column) {
	case COL_PLAN:
		digest_hex(&p->row.id, id);
		(void)snprintf(ret->text, sizeof(ret->text), "%.16s", id);
		ret->ink = INK_DIM;
		break;
	case COL_KIND:
		(void)str_copy(ret->text, sizeof(ret->text), p->row.kind);
		break;
	case COL_MODEL:
		(void)snprintf(ret->text, sizeof(ret->text), p->row.number ? "%s v%llu" : "%s",
		               p->row.model, (unsigned long long)p->row.number);
		ret->cut = TEXT_CUT_MIDDLE;
		break;
	case COL_STAGE:
		(void)str_copy(ret->text, sizeof(ret->text), p->row.stage);
		ret->ink = show_stage_ink(p->row.stage);
		break;
	case COL_STATE:
		(void)str_copy(ret->text, sizeof(ret->text), p->state);
		ret->ink = state_ink(p);
		break;
	default:
		show_age(ret->text, p->row.time_s);
		ret->ink = INK_DIM;
	}
}

static bool
id_of(const struct view *v, size_t i, char ret[static TABLE_ID_SIZE])
{
	const struct shown_plan *const p = row_at(v->state, i);

	if (p)
		digest_hex(&p->row.id, ret);
	return p != NULL;
}

static size_t
field(const struct area *a, size_t row, const char *name, enum ink ink, const char *text)
{
	if (row >= a->rows || !text[0])
		return row;
	(void)paint_fit(a, row, 1, 12, INK_DIM, TEXT_CUT_END, name);
	(void)paint_fit(a, row, 13, a->cols > 14 ? a->cols - 14 : 1, ink, TEXT_CUT_END, text);
	return row + 1;
}

static void
detail_draw(const struct area *a, const struct shown_plan *p)
{
	char id[DIGEST_HEX_SIZE];
	size_t row = 1;

	digest_hex(&p->row.id, id);
	paint_rule(a, 0, "the chosen plan");
	row = paint_prose(a, row, 1, INK_HEAD, id);
	row = field(a, row, "authorised", p->has_glass ? INK_BAD : INK_TEXT,
	            !p->by[0] ? "by nobody yet" : p->by);
	row = field(a, row, "", INK_BAD, p->has_glass ? "BREAK-GLASS: without approvals" : "");
	row = field(a, row, "approved", INK_TEXT, p->approved[0] ? p->approved : "by nobody");
	row = field(a, row, "missing", INK_WAIT, p->missing);
	(void)field(a, row, "job", INK_TEXT, p->row.job);
}

static void
plans_draw(struct view *v, const struct area *a)
{
	struct plans *const s = v->state;
	const size_t top =
	        table_filter_draw(&s->table, v, a, s->rows.n, s->rows.n >= PLANS_MAX, "plans");
	const size_t detail = s->rows.n > 0 && a->rows >= top + DETAIL + 4 ? DETAIL : 0;
	struct area list = area_rows(a, top, a->rows - top - detail);

	v->page = list.rows;
	if (s->failed.code != ERR_OK) {
		show_error(&list, 1, &s->failed);
		return;
	}
	if (s->rows.n == 0)
		paint_prose(&list, 1, 1, INK_TEXT,
		            v->filter[0] ? "no plan matches these words; / then Esc clears them"
		                         : "no plan is stored yet: :plan promote REF --to STAGE "
		                           "stores one, and p on a model makes and runs one");
	if (s->rows.n > 0 && list.rows >= 6) {
		table_head_draw(&s->table, &list, 0);
		list = area_rows(&list, 1, list.rows - 1);
		v->page = list.rows;
	}
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && row_at(s, s->list.top + i); i++) {
		char id[TABLE_ID_SIZE];
		table_row_draw(&s->table, v, &list, i, cell, row_at(s, s->list.top + i),
		               s->list.top + i == s->list.cursor,
		               id_of(v, s->list.top + i, id) && table_is_marked(&s->table, id));
	}
	if (detail > 0 && row_at(s, s->list.cursor)) {
		const struct area below = area_rows(a, a->rows - detail, detail);
		detail_draw(&below, row_at(s, s->list.cursor));
	}
}

static void
plans_subject(const struct view *v, struct view_subject *ret)
{
	const struct plans *const s = v->state;

	if (!row_at(s, s->list.cursor))
		return;
	const struct plan_row *const p = &row_at(s, s->list.cursor)->row;
	digest_hex(&p->id, ret->plan);
	(void)str_copy(ret->model, sizeof ret->model, p->model);
	(void)str_copy(ret->stage, sizeof ret->stage, p->stage);
	if (p->number > 0)
		(void)snprintf(ret->ref, sizeof ret->ref, "%s@v%llu", p->model,
		               (unsigned long long)p->number);
}

/* The command names the plan by its whole id. */
static enum handled
act_on(const struct shown_plan *p, enum action act, struct view_request *ret)
{
	char id[DIGEST_HEX_SIZE];

	digest_hex(&p->row.id, id);
	/* nobody approves what was not shown whole: the page of the plan has the key again */
	if (act == ACT_OPEN || (act == ACT_APPROVE && p->is_open)) {
		(void)str_copy(ret->view, sizeof(ret->view), "plan");
		(void)str_copy(ret->arg, sizeof(ret->arg), id);
		return OPEN_VIEW;
	}
	if (!p->is_open || act != ACT_APPLY)
		return NOT_HANDLED;
	words_of(&ret->argv, "apply", id, "--yes", "--detach");
	if (p->is_protected)
		words_of(&ret->argv, "--confirm", p->row.model);
	words_of(&ret->argv, "-o", "json");
	if (p->is_protected)
		(void)str_copy(ret->protected_name, sizeof(ret->protected_name), p->row.model);
	return RUN_ARGV;
}

static enum handled
plans_action(struct view *v, enum action act, struct view_request *ret)
{
	struct plans *const s = v->state;

	if (list_move(&s->list, act, v->page))
		return HANDLED;
	const enum handled h = table_action(&s->table, v, &s->list, id_of, act, ret);
	const struct shown_plan *const p = row_at(s, s->list.cursor);
	return h != NOT_HANDLED || !p ? h : act_on(p, act, ret);
}

static enum handled
plans_picked(struct view *v, size_t item, struct view_request *ret)
{
	struct plans *const s = v->state;
	struct err ignored = { 0 };

	(void)ret;
	if (table_picked(&s->table, item))
		(void)plans_reload(v, &ignored);
	return HANDLED;
}

static void
plans_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "plans");
}

static void
plans_close(struct view *v)
{
	struct plans *const s = v->state;

	vec_fini(&s->rows);
	vec_fini(&s->order);
	table_fini(&s->table);
}

static bool
plans_can(const struct view *v, enum action act)
{
	const struct plans *const s = v->state;

	const struct shown_plan *const p = row_at(s, s->list.cursor);

	if (!p)
		return false;
	if (act == ACT_APPLY)
		return p->is_open && !p->is_waiting;
	return act == ACT_OPEN || act == ACT_SORT || p->is_open;
}

static const struct hint hints[] = {
	{ ACT_OPEN, "open" },
	{ ACT_APPROVE, "approve" },
	{ ACT_APPLY, "apply" },
	{ ACT_SORT, "sort" },
	{ 0, NULL },
};

const struct view_ops view_plans = {
	.name = "plans",
	.state_size = sizeof(struct plans),
	.open = plans_open,
	.reload = plans_reload,
	.title = plans_title,
	.draw = plans_draw,
	.action = plans_action,
	.subject = plans_subject,
	.close = plans_close,
	.picked = plans_picked,
	.has_filter = true,
	.has_table = true,
	.can = plans_can,
	.hints = hints,
};
