/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs where: every target with what it says it holds, and how old that is. The cursor follows
 * the target, not the row. What the chosen one says in full stands below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/policy.h"
#include "tui/view/show.h"
#include "tui/view/target_rows.h"
#include "tui/view/views.h"

#define STRIP_ROWS 14u /* the area must have as many for the strip to show */
#define STRIP_MAX  7u

enum { SORT_STAGE, SORT_NAME, SORT_STATE };
enum {
	COL_TARGET,
	COL_STAGE,
	COL_HOLDS,
	COL_PODS,
	COL_PROOF,
	COL_LIVE,
	COL_AGE,
	COL_DRIVER,
	COL_ADDRESS
};
static const struct table_column columns[] = {
	{ "target", "TARGET", 0, 0, false, INK_TEXT, SORT_NAME, false },
	{ "stage", "STAGE", 12, 60, false, INK_TEXT, 0, false },
	{ "holds", "HOLDS", 20, 60, false, INK_TEXT, 0, false },
	{ "pods", "PODS", 7, 90, false, INK_TEXT, 0, false },
	{ "proof", "PROOF", 10, 70, false, INK_TEXT, 0, false },
	{ "state", "STATE", 13, 0, false, INK_TEXT, SORT_STATE, true },
	{ "age", "AGE", 9, 0, false, INK_TEXT, 0, false },
	{ "driver", "DRIVER", 12, 100, false, INK_TEXT, 0, false },
	{ "address", "ADDRESS", 25, 110, false, INK_TEXT, 0, false },
};

struct targets {
	struct list list;
	struct table table;
	VEC(struct target_item) all;
	VEC(size_t) shown; /* of all, in their order */
	struct holds holds;
	struct policy policy;
	bool has_policy;
	char chosen[WORD_SIZE], filter[128];
	struct err failed;
};

static int
targets_open(struct view *v, struct err *e)
{
	struct targets *s = v->state;

	(void)e;
	table_init(&s->table, columns, COUNT(columns));
	return 0;
}

/* --- rows --- */

static const struct target_item *
item_at(const struct targets *s, size_t i)
{
	return i < s->shown.n ? &s->all.v[s->shown.v[i]] : NULL;
}

static int
item_keep(void *arg, const struct target_row *row)
{
	struct targets *s = arg;
	struct target_item one;

	if (target_item_of(row, &one) == 0)
		vec_push(&s->all, one);
	return s->all.n >= TARGETS_MAX;
}

/* Where the stage stands in the policy; behind all others when it does not. */
static size_t
stage_rank(const struct targets *s, const char *stage)
{
	for (size_t i = 0; s->has_policy && i < s->policy.stages_n; i++)
		if (streq(s->policy.stages[i].name, stage))
			return i;
	return STAGES_MAX;
}

struct order {
	const struct view *v;
	const struct targets *s;
};

static int
compare(const void *left, const void *right, void *arg)
{
	const struct order *const o = arg;
	const struct target_item *const a = &o->s->all.v[*(const size_t *)left];
	const struct target_item *const b = &o->s->all.v[*(const size_t *)right];
	const size_t rank_a = stage_rank(o->s, a->stage), rank_b = stage_rank(o->s, b->stage);
	int rc = 0;

	if (o->s->table.sort == SORT_STATE) {
		struct target_state one, other;
		target_state(a, &o->s->holds, o->v->shared->live, &one);
		target_state(b, &o->s->holds, o->v->shared->live, &other);
		rc = (int)target_badness(&one) - (int)target_badness(&other);
	} else if (o->s->table.sort == SORT_NAME) {
		rc = strcmp(a->name, b->name);
	}
	if (o->s->table.descends)
		rc = -rc;
	if (rc == 0)
		rc = (rank_a > rank_b) - (rank_a < rank_b);
	if (rc == 0)
		rc = (a->order > b->order) - (a->order < b->order);
	return rc != 0 ? rc : strcmp(a->name, b->name);
}

static void
rows_choose(struct view *v)
{
	struct targets *s = v->state;
	const uint64_t now_ms = clock_mono_ms();
	struct order o = { v, s };
	struct filter f;

	filter_compile(&f, v->filter);
	s->shown.n = 0;
	for (size_t i = 0; i < s->all.n; i++) {
		struct target_state is;
		target_state(&s->all.v[i], &s->holds, v->shared->live, &is);
		if (target_matches(&f, &s->all.v[i], &s->holds, &is, now_ms))
			vec_push(&s->shown, i);
	}
	if (s->shown.n > 1)
		qsort_r(s->shown.v, s->shown.n, sizeof(*s->shown.v), compare, &o);
	s->list.n = s->shown.n;
	for (size_t i = 0; i < s->shown.n; i++)
		if (streq(item_at(s, i)->name, s->chosen))
			s->list.cursor = i;
	list_fit(&s->list, v->page);
	if (item_at(s, s->list.cursor))
		(void)str_copy(s->chosen, sizeof(s->chosen), item_at(s, s->list.cursor)->name);
}

static int
targets_read(struct view *v, struct err *e)
{
	struct targets *s = v->state;
	cleanup_txn struct txn *t = NULL;
	struct err unnamed = { 0 };
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	if (s->has_policy)
		policy_fini(&s->policy);
	s->has_policy = policy_current(v->app->registry, t, &s->policy, &unnamed) == 0;
	rc = target_each(t, NULL, item_keep, s, e);
	if (rc < 0)
		return rc;
	holds_begin(&s->holds);
	rc = holds_more(&s->holds, t, e);
	v->is_unfinished = rc == 0 && s->holds.is_reading;
	return rc;
}

static int
targets_reload(struct view *v, struct err *e)
{
	struct targets *s = v->state;

	(void)e; /* shown on the page itself */
	if (!streq(s->filter, v->filter))
		(void)str_copy(s->filter, sizeof(s->filter), v->filter);
	s->all.n = 0;
	err_clear(&s->failed);
	(void)targets_read(v, &s->failed);
	rows_choose(v);
	return 0;
}

static bool
targets_more(struct view *v)
{
	struct targets *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, &s->failed);
	if (rc == 0)
		rc = holds_more(&s->holds, t, &s->failed);
	v->is_unfinished = rc == 0 && s->holds.is_reading;
	if (v->is_unfinished)
		return false;
	rows_choose(v);
	return true;
}

/* --- drawing --- */

static void
cell(const struct view *v, const void *row, size_t column, struct table_cell *ret)
{
	const struct targets *const s = v->state;
	const struct target_item *const i = row;
	const uint64_t now_ms = clock_mono_ms();
	struct target_state is;

	target_state(i, &s->holds, v->shared->live, &is);
	if (column == COL_TARGET || column == COL_ADDRESS || column == COL_DRIVER) {
		(void)snprintf(ret->text, sizeof(ret->text), "%s",
		               column == COL_TARGET   ? i->name
		               : column == COL_DRIVER ? i->driver
		                                      : i->address);
		ret->ink = column == COL_TARGET ? INK_TEXT : INK_DIM;
		ret->cut = TEXT_CUT_MIDDLE;
	} else if (column == COL_STAGE) {
		(void)snprintf(ret->text, sizeof(ret->text), "%s", i->stage);
		ret->ink = show_stage_ink(i->stage);
	} else if (column == COL_HOLDS) {
		target_holds_text(&is, ret);
	} else if (column == COL_PODS) {
		target_pods_text(&is, ret);
	} else if (column == COL_PROOF) {
		target_proof_text(&is, ret);
	} else if (column == COL_LIVE) {
		target_live_text(&is, now_ms, ret);
	} else {
		target_age_text(&is, now_ms, ret);
	}
}

static size_t
strip_record_draw(const struct area *a, size_t row, const struct target_item *i,
                  const struct target_state *is)
{
	char ago[24];

	if (!is->hold) {
		paint_text(a, row, 1, INK_DIM, "its stage holds nothing: nothing is deployed here");
		return row + 1;
	}
	const struct stage_mark *const m = &is->hold->mark;
	show_ago(ago, m->time_s);
	size_t c = paint_text(a, row, 1, INK_DIM, "recorded  ");
	c = paint_text(a, row, c, show_stage_ink(i->stage), i->stage);
	c = paintf(a, row, c + 1, INK_TEXT, "%s v%llu, proof %s, %s", is->hold->model,
	           (unsigned long long)m->number, show_proof(m->proofs), ago);
	if (m->moving_to > 0)
		paintf(a, row, c + 2, INK_WAIT, "> v%llu, job %s", (unsigned long long)m->moving_to,
		       m->job);
	else if (is->holds_n > 1)
		paintf(a, row, c, INK_DIM, ", and %zu more", is->holds_n - 1);
	return row + 1;
}

static void
strip_draw(const struct view *v, const struct area *a, const struct target_item *i)
{
	const struct targets *const s = v->state;
	const struct live *const l = v->shared->live;
	const uint64_t now_ms = clock_mono_ms();
	struct target_state is;
	size_t row = 1, n = 0;
	const struct live_fact *facts = l ? live_of_target(l, i->name, &n) : NULL;

	target_state(i, &s->holds, l, &is);
	paint_rule(a, 0, i->name);
	size_t c = paintf(a, row, 1, INK_DIM, "%s  ", i->driver);
	paint_fit(a, row++, c, a->cols > c ? a->cols - c : 0, INK_TEXT, TEXT_CUT_MIDDLE,
	          i->address);
	row = strip_record_draw(a, row, i, &is);
	if (n == 0 && is.hold)
		paint_text(a, row, 1, INK_DIM,
		           l && l->feed == LIVE_RUNS ? "now       looking ..."
		                                     : "now       not checked: v tests it");
	if (is.worst)
		row = target_fact_draw(a, row, is.worst, now_ms);
	for (size_t k = 0; k < n && row < a->rows; k++)
		if (&facts[k] != is.worst)
			row = target_fact_draw(a, row, &facts[k], now_ms);
}

static void
empty_draw(const struct view *v, const struct area *a)
{
	const struct targets *const s = v->state;

	if (s->failed.code != ERR_OK) {
		show_error(a, 1, &s->failed);
		return;
	}
	if (v->filter[0]) {
		paint_prose(a, 1, 1, INK_TEXT,
		            "no target matches these words; / then Esc clears them");
		return;
	}
	const size_t row = paint_prose(a, 1, 1, INK_HEAD,
	                               "No target yet: stages move, and nothing is deployed. "
	                               "To add one, in a shell or after \":\"");
	paint_prose(a, row + 1, 3, INK_TEXT,
	            "slipway target add NAME --driver directory --path DIR --stage staging");
}

static void
targets_draw(struct view *v, const struct area *a)
{
	struct targets *s = v->state;
	const size_t top =
	        table_filter_draw(&s->table, v, a, s->shown.n, s->all.n >= TARGETS_MAX, "targets");
	struct area list = area_rows(a, top, a->rows);
	const struct target_item *const chosen = item_at(s, s->list.cursor);
	const size_t strip = a->rows >= STRIP_ROWS && chosen ? STRIP_MAX : 0;

	if (s->shown.n == 0) {
		empty_draw(v, &list);
		return;
	}
	table_head_draw(&s->table, &list, 0);
	list = area_rows(&list, 1, list.rows > strip + 1 ? list.rows - strip - 1 : 0);
	v->page = list.rows;
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && item_at(s, s->list.top + i); i++) {
		const struct target_item *n = item_at(s, s->list.top + i);
		table_row_draw(&s->table, v, &list, i, cell, n, s->list.top + i == s->list.cursor,
		               table_is_marked(&s->table, n->name));
	}
	if (strip > 0) {
		const struct area below = area_rows(a, a->rows - strip, strip);
		strip_draw(v, &below, chosen);
	}
}

/* --- acts --- */

static bool
id_of(const struct view *v, size_t i, char ret[static TABLE_ID_SIZE])
{
	const struct target_item *const n = item_at(v->state, i);

	return n && str_copy(ret, TABLE_ID_SIZE, n->name) == 0;
}

static enum handled
target_act(const struct view *v, const struct target_item *i, enum action act,
           struct view_request *ret)
{
	const struct targets *const s = v->state;
	struct target_state is;

	target_state(i, &s->holds, v->shared->live, &is);
	if (act == ACT_OPEN || act == ACT_LOGS) {
		(void)str_copy(ret->view, sizeof(ret->view), "target");
		(void)snprintf(ret->arg, sizeof(ret->arg), "%s%s", i->name,
		               act == ACT_LOGS ? " logs" : "");
	} else if (act == ACT_VERIFY) {
		words_of(&ret->argv, "target", "test", i->name);
		ret->reads = true;
		return RUN_ARGV;
	} else if (act == ACT_ROLLBACK && is.hold && is.hold->mark.number > 0) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "rollback %s %s", is.hold->model,
		               i->stage);
	} else if (act == ACT_PROMOTE && is.hold && is.hold->mark.number > 0) {
		/* the same version again repairs what drifted */
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "promote %s@v%llu %s", is.hold->model,
		               (unsigned long long)is.hold->mark.number, i->stage);
	} else if (act == ACT_HISTORY && is.hold) {
		(void)str_copy(ret->view, sizeof(ret->view), "history");
		(void)str_copy(ret->arg, sizeof(ret->arg), is.hold->model);
	} else {
		return NOT_HANDLED;
	}
	return OPEN_VIEW;
}

static void
chosen_set(struct targets *s)
{
	const struct target_item *const i = item_at(s, s->list.cursor);

	if (i)
		(void)str_copy(s->chosen, sizeof(s->chosen), i->name);
}

static enum handled
targets_action(struct view *v, enum action act, struct view_request *ret)
{
	struct targets *s = v->state;
	enum handled h = HANDLED;

	if (!list_move(&s->list, act, v->page))
		h = table_action(&s->table, v, &s->list, id_of, act, ret);
	chosen_set(s);
	if (h != NOT_HANDLED)
		return h;
	const struct target_item *const i = item_at(s, s->list.cursor);
	return i ? target_act(v, i, act, ret) : NOT_HANDLED;
}

static enum handled
targets_picked(struct view *v, size_t item, struct view_request *ret)
{
	struct targets *s = v->state;

	(void)ret;
	if (table_picked(&s->table, item))
		rows_choose(v);
	return HANDLED;
}

static void
targets_subject(const struct view *v, struct view_subject *ret)
{
	const struct targets *const s = v->state;
	const struct target_item *const i = item_at(s, s->list.cursor);
	struct target_state is;

	if (!i)
		return;
	target_state(i, &s->holds, v->shared->live, &is);
	(void)str_copy(ret->target, sizeof(ret->target), i->name);
	(void)str_copy(ret->stage, sizeof(ret->stage), i->stage);
	if (!is.hold || is.hold->mark.number == 0)
		return;
	(void)str_copy(ret->model, sizeof(ret->model), is.hold->model);
	(void)snprintf(ret->ref, sizeof(ret->ref), "%s@v%llu", is.hold->model,
	               (unsigned long long)is.hold->mark.number);
}

static bool
targets_can(const struct view *v, enum action act)
{
	const struct targets *const s = v->state;
	const struct target_item *const i = item_at(s, s->list.cursor);
	struct target_state is;

	if (!i)
		return false;
	if (act != ACT_PROMOTE && act != ACT_ROLLBACK)
		return true;
	target_state(i, &s->holds, v->shared->live, &is);
	if (act == ACT_PROMOTE)
		return is.worst && is.worst->word == LIVE_DRIFTED && is.hold;
	return is.hold && is.hold->mark.number > 0;
}

static void
targets_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct targets *const s = v->state;
	const struct target_item *const i = item_at(s, s->list.cursor);

	if (i && (act == ACT_PROMOTE || act == ACT_ROLLBACK || act == ACT_HISTORY))
		buf_addf(ret, "%s holds nothing, and so does %s", i->stage, i->name);
}

static void
targets_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "targets");
}

static void
targets_close(struct view *v)
{
	struct targets *s = v->state;

	vec_fini(&s->all);
	vec_fini(&s->shown);
	holds_fini(&s->holds);
	table_fini(&s->table);
	if (s->has_policy)
		policy_fini(&s->policy);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "open" },
	{ ACT_VERIFY, "test" },
	{ ACT_LOGS, "logs" },
	{ ACT_PROMOTE, "repair" },
	{ ACT_ROLLBACK, "roll back" },
	{ ACT_SORT, "sort" },
	{ 0, NULL },
};

const struct view_ops view_targets = {
	.name = "targets",
	.state_size = sizeof(struct targets),
	.open = targets_open,
	.reload = targets_reload,
	.title = targets_title,
	.more = targets_more,
	.draw = targets_draw,
	.action = targets_action,
	.picked = targets_picked,
	.subject = targets_subject,
	.close = targets_close,
	.can = targets_can,
	.why_not = targets_why_not,
	.has_filter = true,
	.has_table = true,
	.shows_live = true,
	.hints = hints,
};
