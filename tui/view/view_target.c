/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One target in four tabs: the models it serves with what it says of each, the instances of the
 * chosen model, what they print, and what happened to them. The last three are asked for when they
 * are looked at.
 */
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/log_pane.h"
#include "tui/view/show.h"
#include "tui/view/target_events.h"
#include "tui/view/target_rows.h"
#include "tui/view/views.h"

enum { TAB_MODELS, TAB_INSTANCES, TAB_LOGS, TAB_EVENTS, TABS };
#define INSTANCES_MAX 500u
#define WIDE_COLS     100u /* its address has room beside the tabs */

struct instance {
	char name[128], state[64], version[80];
};
struct target_page {
	struct target_item item;
	bool has_item, wants_logs;
	struct holds holds;
	VEC(size_t) models; /* of holds, those of this stage */
	struct list list, instances_list;
	char model[NAME_SIZE]; /* the chosen one */
	unsigned tab;
	VEC(struct instance) instances;
	char instances_of[NAME_SIZE]; /* what was asked about; "" nothing */
	char instances_why[300];      /* why there are none */
	bool is_asking;
	int64_t asked_s;
	struct target_events events;
	struct log_pane logs;
	char logs_of[NAME_SIZE];
	struct err failed;
};

/* "NAME", "NAME logs" */
static int
target_open(struct view *v, struct err *e)
{
	struct target_page *s = v->state;
	char *const blank = strchr(v->arg, ' ');

	(void)e;
	s->wants_logs = blank && streq(blank, " logs");
	if (blank)
		*blank = '\0';
	return 0;
}

static const struct hold *
model_at(const struct target_page *s, size_t i)
{
	return i < s->models.n ? &s->holds.v.v[s->models.v[i]] : NULL;
}

static void
models_choose(struct target_page *s)
{
	s->models.n = 0;
	for (size_t i = 0; i < s->holds.v.n; i++) {
		if (!streq(s->holds.v.v[i].mark.stage, s->item.stage))
			continue;
		if (streq(s->holds.v.v[i].model, s->model))
			s->list.cursor = s->models.n;
		vec_push(&s->models, i);
	}
	s->list.n = s->models.n;
	list_fit(&s->list, 0);
	const struct hold *const h = model_at(s, s->list.cursor);
	(void)str_copy(s->model, sizeof(s->model), h ? h->model : "");
}

static int
target_read(struct view *v, struct err *e)
{
	struct target_page *s = v->state;
	cleanup_txn struct txn *t = NULL;
	struct target_row row;
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	rc = target_get(t, v->arg, &row, e);
	if (rc == -ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, "there is no target \"%s\" any more", v->arg);
	if (rc < 0)
		return rc;
	s->has_item = target_item_of(&row, &s->item) == 0;
	holds_begin(&s->holds);
	rc = holds_more(&s->holds, t, e);
	v->is_unfinished = rc == 0 && s->holds.is_reading;
	return rc;
}

static int
target_reload(struct view *v, struct err *e)
{
	struct target_page *s = v->state;

	(void)e;
	if (v->is_live && s->has_item && s->tab == TAB_LOGS) /* the second that passes */
		log_pane_tick(&s->logs);
	log_pane_filter(&s->logs, v->filter);
	err_clear(&s->failed);
	if (target_read(v, &s->failed) == 0)
		models_choose(s);
	v->is_live = s->tab == TAB_LOGS && s->logs.is_running;
	return 0;
}

static bool
target_more(struct view *v)
{
	struct target_page *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, &s->failed);
	if (rc == 0)
		rc = holds_more(&s->holds, t, &s->failed);
	v->is_unfinished = rc == 0 && s->holds.is_reading;
	models_choose(s);
	return !v->is_unfinished;
}

/* --- what is asked --- */

static enum handled
instances_ask(struct target_page *s, struct view_request *ret)
{
	words_of(&ret->argv, "logs", s->model, "--stage", s->item.stage, "--target", s->item.name,
	         "--instances", "-o", "json");
	(void)str_copy(s->instances_of, sizeof(s->instances_of), s->model);
	s->is_asking = true;
	return ASK_ARGV;
}

static enum handled
logs_ask(struct view *v, struct view_request *ret)
{
	struct target_page *s = v->state;

	words_of(&ret->argv, "logs", s->model, "--stage", s->item.stage, "--target", s->item.name,
	         "-f", "-o", "ndjson");
	(void)str_copy(s->logs_of, sizeof(s->logs_of), s->model);
	log_pane_begin(&s->logs);
	v->is_live = true;
	return FEED_ARGV;
}

static enum handled
tab_show(struct view *v, unsigned tab, struct view_request *ret)
{
	struct target_page *s = v->state;

	s->tab = tab;
	v->is_live = tab == TAB_LOGS && s->logs.is_running;
	if (!s->model[0])
		return HANDLED;
	if (tab == TAB_INSTANCES && !streq(s->instances_of, s->model))
		return instances_ask(s, ret);
	if (tab == TAB_EVENTS && !streq(s->events.of, s->model))
		return target_events_ask(&s->events, s->model, s->item.stage, s->item.name, ret);
	if (tab == TAB_LOGS && !streq(s->logs_of, s->model))
		return logs_ask(v, ret);
	return HANDLED;
}

static enum handled
target_opened(struct view *v, struct view_request *ret)
{
	const struct target_page *s = v->state;

	return s->wants_logs ? tab_show(v, TAB_LOGS, ret) : HANDLED;
}

static enum handled
target_answer(struct view *v, const struct answer *a, struct view_request *ret)
{
	struct target_page *s = v->state;
	cleanup_json json_t *j = NULL;
	struct err ignored = { 0 };
	const json_t *one;
	size_t i;

	(void)ret;
	if (target_events_take(&s->events, a) || !a->is_done)
		return HANDLED;
	s->is_asking = false;
	s->asked_s = clock_now_s();
	s->instances.n = 0;
	s->instances_why[0] = '\0';
	if (json_parse(a->out, "answer", &j, &ignored) == 0) {
		json_array_foreach(json_object_get(j, "items"), i, one)
		{
			struct instance n = { 0 };
			const char *name = json_opt_string(one, "instance");
			const char *state = json_opt_string(one, "state");
			const char *version = json_opt_string(one, "version");
			(void)snprintf(n.name, sizeof(n.name), "%s", name ? name : "");
			(void)snprintf(n.state, sizeof(n.state), "%s", state ? state : "");
			(void)snprintf(n.version, sizeof(n.version), "%s", version ? version : "");
			if (s->instances.n < INSTANCES_MAX)
				vec_push(&s->instances, n);
		}
	}
	if (a->status != 0)
		show_answer_why(a->err_text, s->instances_why, sizeof(s->instances_why));
	s->instances_list.n = s->instances.n;
	return HANDLED;
}

static bool
target_line(struct view *v, const struct view_line *l)
{
	struct target_page *s = v->state;
	const bool draws = log_pane_line(&s->logs, l);

	v->is_live = s->tab == TAB_LOGS && s->logs.is_running;
	return draws && s->tab == TAB_LOGS;
}

/* --- drawing --- */

static void
head_draw(const struct target_page *s, const struct area *a)
{
	static const char *const tabs[TABS] = { "1 models", "2 instances", "3 logs", "4 events" };
	size_t c = 1;

	for (unsigned i = 0; i < TABS; i++) /* a phone has room for the name of one */
		c = paintf(a, 0, c, i == s->tab ? INK_HEAD : INK_DIM,
		           i == s->tab ? "[%.*s]" : " %.*s ", i == s->tab || a->cols >= 60 ? 20 : 1,
		           tabs[i]) +
		    1;
	if (s->tab != TAB_MODELS && s->model[0])
		paint_fit(a, 0, c + 1, a->cols > c + 1 ? a->cols - c - 1 : 0, INK_TEXT,
		          TEXT_CUT_MIDDLE, s->model);
	else if (a->cols >= WIDE_COLS)
		paint_fit(a, 0, c + 1, a->cols > c + 1 ? a->cols - c - 1 : 0, INK_DIM,
		          TEXT_CUT_MIDDLE, s->item.address);
}

static void
model_draw(const struct view *v, const struct area *a, size_t row, const struct hold *h)
{
	const struct target_page *s = v->state;
	const struct live_fact *f =
	        v->shared->live ? live_find(v->shared->live, s->item.name, s->item.stage, h->model)
	                        : NULL;
	const uint64_t now_ms = clock_mono_ms();
	char text[48], age[LIVE_AGE_SIZE] = "";
	const size_t tail = a->cols >= 60 ? 10 + 8 + 11 + 13 + 9 : 10 + 13 + 9;
	const size_t name = a->cols > tail + 11 ? a->cols - tail - 3 : 8;
	size_t c = paint_fit(a, row, 3, name - 1, INK_TEXT, TEXT_CUT_MIDDLE, h->model) + 1;

	show_stage(text, &h->mark);
	c = paint_fit(a, row, c, 10, INK_TEXT, TEXT_CUT_END, text);
	if (a->cols >= 60) {
		text[0] = '\0';
		if (f && f->has_replicas)
			(void)snprintf(text, sizeof(text), "%u/%u", f->ready, f->want);
		c = paint_fit(a, row, c, 8, INK_TEXT, TEXT_CUT_END, text);
		c = paint_fit(a, row, c, 11, INK_DIM, TEXT_CUT_END,
		              show_proof(f && f->was_seen ? f->proofs : h->mark.proofs));
	}
	if (f)
		live_age(f, now_ms, age);
	c = paint_fit(a, row, c, 13, f ? target_word_ink(f, now_ms) : INK_DIM, TEXT_CUT_END,
	              f ? live_shown(f) : "not checked");
	(void)paint_fit(a, row, c, 9, f && live_is_old(f, now_ms) ? INK_STALE : INK_DIM,
	                TEXT_CUT_END, age);
}

static void
models_draw(struct view *v, const struct area *a)
{
	struct target_page *s = v->state;
	const struct hold *const chosen = model_at(s, s->list.cursor);
	const struct live_fact *f =
	        chosen && v->shared->live
	                ? live_find(v->shared->live, s->item.name, s->item.stage, chosen->model)
	                : NULL;
	/* what is wrong there gets the room that its evidence wants */
	const size_t wanted = f && f->evidence[0] ? a->rows / 2 : 6;
	const size_t strip = f && a->rows >= 12 ? wanted : 0;
	const struct area list = area_rows(a, 0, a->rows - strip);

	v->page = list.rows;
	list_fit(&s->list, v->page);
	if (s->models.n == 0)
		paint_text(&list, 1, 1, INK_DIM,
		           v->is_unfinished ? "searching ..." : "its stage holds nothing");
	for (size_t i = 0; i < list.rows && model_at(s, s->list.top + i); i++) {
		model_draw(v, &list, i, model_at(s, s->list.top + i));
		list_mark(&list, i, s->list.top + i == s->list.cursor);
	}
	if (strip > 0) {
		const struct area below = area_rows(a, a->rows - strip, strip);
		paint_rule(&below, 0, chosen->model);
		(void)target_fact_draw(&below, 1, f, clock_mono_ms());
	}
}

static void
instances_draw(struct view *v, const struct area *a)
{
	struct target_page *s = v->state;

	v->page = a->rows > 1 ? a->rows - 1 : 0;
	list_fit(&s->instances_list, v->page);
	show_asked(a, s->is_asking, s->instances.n, "instance", s->asked_s, s->instances_why);
	const struct area list = area_rows(a, 1, a->rows);
	for (size_t i = 0; i < list.rows && s->instances_list.top + i < s->instances.n; i++) {
		const struct instance *n = &s->instances.v[s->instances_list.top + i];
		const size_t name = list.cols >= 60 ? list.cols - 3 - 16 - 24 : list.cols - 3 - 12;
		size_t c = paint_fit(&list, i, 3, name - 1, INK_TEXT, TEXT_CUT_MIDDLE, n->name) + 1;
		c = paint_fit(&list, i, c, list.cols >= 60 ? 16 : 12,
		              streq(n->state, "ready") ? INK_OK : INK_WAIT, TEXT_CUT_END, n->state);
		if (list.cols >= 60)
			paint_fit(&list, i, c, 23, INK_DIM, TEXT_CUT_MIDDLE, n->version);
		list_mark(&list, i, s->instances_list.top + i == s->instances_list.cursor);
	}
}

static void
target_draw(struct view *v, const struct area *a)
{
	struct target_page *s = v->state;
	const struct area page = area_rows(a, 1, a->rows);

	head_draw(s, a);
	if (s->failed.code != ERR_OK)
		show_error(&page, 1, &s->failed);
	else if (s->tab == TAB_MODELS)
		models_draw(v, &page);
	else if (!s->model[0])
		paint_text(&page, 1, 1, INK_DIM, "its stage holds nothing");
	else if (s->tab == TAB_INSTANCES)
		instances_draw(v, &page);
	else if (s->tab == TAB_EVENTS)
		v->page = target_events_draw(&s->events, &page);
	else
		v->page = log_pane_draw(&s->logs, v, &page);
}

/* --- acts --- */

static enum handled
model_act(const struct target_page *s, enum action act, struct view_request *ret)
{
	const struct hold *const h = model_at(s, s->list.cursor);

	if (act == ACT_VERIFY) {
		words_of(&ret->argv, "target", "test", s->item.name);
		ret->reads = true;
		return RUN_ARGV;
	}
	if (!h || h->mark.number == 0)
		return NOT_HANDLED;
	(void)str_copy(ret->view, sizeof(ret->view), "promote");
	if (act == ACT_PROMOTE)
		(void)snprintf(ret->arg, sizeof(ret->arg), "promote %s@v%llu %s", h->model,
		               (unsigned long long)h->mark.number, s->item.stage);
	else if (act == ACT_ROLLBACK)
		(void)snprintf(ret->arg, sizeof(ret->arg), "rollback %s %s", h->model,
		               s->item.stage);
	else
		return NOT_HANDLED;
	return OPEN_VIEW;
}

static enum handled
target_action(struct view *v, enum action act, struct view_request *ret)
{
	struct target_page *s = v->state;

	if (act >= ACT_TAB_1 && act < ACT_TAB_1 + TABS)
		return tab_show(v, act - ACT_TAB_1, ret);
	if (act == ACT_NEXT_TAB || act == ACT_PREV_TAB)
		return tab_show(v, (s->tab + (act == ACT_NEXT_TAB ? 1 : TABS - 1)) % TABS, ret);
	if (act == ACT_LOGS || (act == ACT_OPEN && s->tab == TAB_MODELS))
		return tab_show(v, act == ACT_LOGS ? TAB_LOGS : TAB_INSTANCES, ret);
	if (act == ACT_RELOAD && s->model[0] && s->tab == TAB_INSTANCES)
		return instances_ask(s, ret);
	if (act == ACT_RELOAD && s->model[0] && s->tab == TAB_EVENTS)
		return target_events_ask(&s->events, s->model, s->item.stage, s->item.name, ret);
	if (act == ACT_RELOAD && s->model[0] && s->tab == TAB_LOGS && !s->logs.is_running)
		return logs_ask(v, ret);
	if (s->tab == TAB_LOGS) {
		const enum handled h = log_pane_action(&s->logs, act, v->page);
		if (h != NOT_HANDLED)
			return h;
	}
	if (s->tab == TAB_EVENTS && list_move(&s->events.list, act, v->page))
		return HANDLED;
	if (s->tab == TAB_INSTANCES && list_move(&s->instances_list, act, v->page))
		return HANDLED;
	if (s->tab == TAB_MODELS && list_move(&s->list, act, v->page)) {
		const struct hold *const h = model_at(s, s->list.cursor);
		(void)str_copy(s->model, sizeof(s->model), h ? h->model : "");
		return HANDLED;
	}
	return model_act(s, act, ret);
}

static void
target_subject(const struct view *v, struct view_subject *ret)
{
	const struct target_page *s = v->state;
	const struct hold *const h = model_at(s, s->list.cursor);

	(void)str_copy(ret->target, sizeof(ret->target), s->item.name);
	(void)str_copy(ret->stage, sizeof(ret->stage), s->item.stage);
	if (h && h->mark.number > 0) {
		(void)str_copy(ret->model, sizeof(ret->model), h->model);
		(void)snprintf(ret->ref, sizeof(ret->ref), "%s@v%llu", h->model,
		               (unsigned long long)h->mark.number);
	}
	if (s->tab == TAB_LOGS && s->logs.list.cursor < s->logs.shown.n) {
		const struct printed *l =
		        log_ring_at(&s->logs.ring, s->logs.shown.v[s->logs.list.cursor]);
		if (l)
			(void)snprintf(ret->text, sizeof(ret->text), "%.390s", l->text);
	}
}

static bool
target_can(const struct view *v, enum action act)
{
	const struct target_page *s = v->state;
	const struct hold *const h = model_at(s, s->list.cursor);

	if (act == ACT_OPEN)
		return s->tab == TAB_MODELS && h;
	if (act == ACT_BOTTOM || act == ACT_RAW_FILTER || act == ACT_NEXT_HIT)
		return s->tab == TAB_LOGS &&
		       (act == ACT_BOTTOM ? s->logs.is_detached : s->logs.ring.has_filter);
	if (act == ACT_LOGS)
		return s->tab != TAB_LOGS && h;
	return act != ACT_ROLLBACK || (h && h->mark.number > 0 && s->tab == TAB_MODELS);
}

static void
target_title(const struct view *v, struct buf *ret)
{
	buf_addf(ret, "target %s", v->arg);
}

static void
target_close(struct view *v)
{
	struct target_page *s = v->state;

	holds_fini(&s->holds);
	vec_fini(&s->models);
	vec_fini(&s->instances);
	target_events_fini(&s->events);
	log_pane_fini(&s->logs);
}

static const struct hint hints[] = {
	{ ACT_NEXT_TAB, "next tab" },
	{ ACT_OPEN, "instances" },
	{ ACT_LOGS, "logs" },
	{ ACT_BOTTOM, "follow" },
	{ ACT_NEXT_HIT, "next hit" },
	{ ACT_RAW_FILTER, "only hits" },
	{ ACT_VERIFY, "test" },
	{ ACT_ROLLBACK, "roll back" },
	{ 0, NULL },
};

const struct view_ops view_target = {
	.name = "target",
	.state_size = sizeof(struct target_page),
	.open = target_open,
	.reload = target_reload,
	.opened = target_opened,
	.title = target_title,
	.more = target_more,
	.draw = target_draw,
	.action = target_action,
	.answer = target_answer,
	.line = target_line,
	.subject = target_subject,
	.close = target_close,
	.can = target_can,
	.has_filter = true,
	.shows_live = true,
	.hints = hints,
};
