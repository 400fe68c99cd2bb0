/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stored plans that somebody may still apply, and those that ended, newest first; below the chosen
 * one with its id in full and who said yes to it, from the database. Its own page shows it whole.
 */
#include <stdio.h>

#include "registry/consent.h"
#include "registry/plan_state.h"
#include "tui/view/list.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define PLANS_MAX 500u
#define DETAIL    8u /* rows of the chosen plan */

struct shown_plan {
	struct plan_row row;
	char state[24], missing[200], by[SIGNER_SIZE], approved[200];
	bool is_open, is_waiting, is_protected, has_glass;
};
struct plans {
	struct list list;
	VEC(struct shown_plan) rows;
	const char *filter;
	struct txn *txn;
	struct policy policy;
	bool has_policy;
	struct err failed;
};

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
	const bool had = s->list.cursor < s->rows.n;
	const struct digest chosen = had ? s->rows.v[s->list.cursor].row.id : (struct digest){ 0 };
	s->rows.n = 0;
	s->filter = v->filter;
	err_clear(&s->failed);
	(void)plans_read(v, &s->failed);
	s->list.n = s->rows.n;
	for (size_t i = 0; had && i < s->rows.n; i++)
		if (digest_eq(&s->rows.v[i].row.id, &chosen)) {
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
row_draw(const struct area *a, size_t row, const struct shown_plan *p)
{
	char text[NAME_SIZE + 32], age[16], id[DIGEST_HEX_SIZE];
	size_t c = 3;

	digest_hex(&p->row.id, id);
	if (a->cols >= 60)
		c = paint_fit(a, row, c, 17, INK_DIM, TEXT_CUT_END, (id[16] = '\0', id));
	c = paint_fit(a, row, c, 9, INK_TEXT, TEXT_CUT_END, p->row.kind);
	(void)snprintf(text, sizeof(text), p->row.number ? "%s v%llu" : "%s", p->row.model,
	               (unsigned long long)p->row.number);
	const size_t tail = 11 + 12 + 5;
	const size_t name = a->cols > c + tail + 8 ? a->cols - c - tail : 8;
	(void)paint_fit(a, row, c, name - 1, INK_TEXT, TEXT_CUT_END, text);
	c = paint_fit(a, row, c + name, 11, show_stage_ink(p->row.stage), TEXT_CUT_END,
	              p->row.stage);
	c = paint_fit(a, row, c, 12, state_ink(p), TEXT_CUT_END, p->state);
	show_age(age, p->row.time_s);
	(void)paint_fit(a, row, c, 5, INK_DIM, TEXT_CUT_END, age);
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
	const size_t top = filter_draw(v, a, s->rows.n, s->rows.n >= PLANS_MAX, "plans");
	const size_t detail = s->rows.n > 0 && a->rows >= top + DETAIL + 4 ? DETAIL : 0;
	const struct area list = area_rows(a, top, a->rows - top - detail);

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
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && s->list.top + i < s->rows.n; i++) {
		row_draw(&list, i, &s->rows.v[s->list.top + i]);
		list_mark(&list, i, s->list.top + i == s->list.cursor);
	}
	if (detail > 0) {
		const struct area below = area_rows(a, a->rows - detail, detail);
		detail_draw(&below, &s->rows.v[s->list.cursor]);
	}
}

static void
plans_subject(const struct view *v, struct view_subject *ret)
{
	const struct plans *const s = v->state;

	if (s->list.cursor >= s->rows.n)
		return;
	const struct plan_row *const p = &s->rows.v[s->list.cursor].row;
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
	return s->list.cursor < s->rows.n ? act_on(&s->rows.v[s->list.cursor], act, ret)
	                                  : NOT_HANDLED;
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
}

static bool
plans_can(const struct view *v, enum action act)
{
	const struct plans *const s = v->state;

	if (s->list.cursor >= s->rows.n)
		return false;
	const struct shown_plan *const p = &s->rows.v[s->list.cursor];
	if (act == ACT_APPLY)
		return p->is_open && !p->is_waiting;
	return act == ACT_OPEN || p->is_open;
}

static const struct hint hints[] = {
	{ ACT_OPEN, "open" },
	{ ACT_APPROVE, "approve" },
	{ ACT_APPLY, "apply" },
	{ 0, NULL },
};

const struct view_ops view_plans = {
	.name = "plans",
	.state_size = sizeof(struct plans),
	.reload = plans_reload,
	.title = plans_title,
	.draw = plans_draw,
	.action = plans_action,
	.subject = plans_subject,
	.close = plans_close,
	.has_filter = true,
	.can = plans_can,
	.hints = hints,
};
