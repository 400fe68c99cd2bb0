/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stored plan, whole: its id in full, who said yes and who may, whether it would be applied
 * now, what would change. What decides is what the commands print here; approving and applying are
 * commands of their own behind a question.
 */
#include <stdio.h>
#include <string.h>

#include "registry/consent.h"
#include "registry/plan_state.h"
#include "tui/view/lines.h"
#include "tui/view/people.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

enum asked { ASKED_NOTHING, ASKED_CHECK, ASKED_DIFF, ASKED_ALL };

struct plan_page {
	struct digest id;
	struct plan_row row;
	bool is_open, is_waiting, is_protected;
	enum asked asked;
	struct lines head, checks, changes, all;
	struct err failed;
};

static int
plan_open(struct view *v, struct err *e)
{
	struct plan_page *s = v->state;

	s->all.parts_words = true;
	if (digest_parse(&s->id, v->arg, strlen(v->arg)) < 0)
		return err_set(e, ERR_USAGE, "\"%.80s\" is no id of a plan", v->arg);
	return 0;
}

/* --- the head, from the database --- */

static void
people_add(struct plan_page *s, struct txn *t, const struct policy *p)
{
	const struct policy_stage *g = p ? policy_stage(p, s->row.stage) : NULL;
	cleanup_buf struct buf approved = { 0 };
	cleanup_buf struct buf wanted = { 0 };
	struct consent_rows rows;
	struct err ignored = { 0 };
	const struct authorisation *by = NULL;

	if (consent_get(t, &s->row.id, &rows, &ignored) < 0)
		return;
	if (rows.by_n > 0)
		by = &rows.by[rows.by_n - 1];
	lines_add(&s->head, INK_TEXT, "authorised  %s", by ? by->person : "by nobody yet");
	if (by && by->break_glass)
		lines_add(&s->head, INK_BAD,
		          "BREAK-GLASS without the approvals that the policy wants");
	for (size_t i = 0; i < rows.approvals_n; i++)
		buf_addf(&approved, "%s%s", i > 0 ? ", " : "", rows.approvals[i].person);
	lines_add(&s->head, INK_TEXT, "approved    %s",
	          approved.n > 0 ? buf_cstr(&approved) : "by nobody");
	if (g && s->is_waiting) {
		const bool waits = people_wanted(p, g, by ? by->person : "", &wanted);
		lines_add(&s->head, waits ? INK_WAIT : INK_TEXT, "wants       %s",
		          buf_cstr(&wanted));
	}
	consent_fini(&rows);
}

static void
head_make(struct view *v, struct txn *t)
{
	struct plan_page *s = v->state;
	struct policy p = { 0 };
	struct err ignored = { 0 };
	const bool has_policy = policy_current(v->app->registry, t, &p, &ignored) == 0;
	const struct policy_stage *g = has_policy ? policy_stage(&p, s->row.stage) : NULL;
	struct plan_state is;
	char ago[24], number[32];

	plan_state(t, has_policy ? &p : NULL, &s->row, &is);
	s->is_open = is.is_open;
	s->is_waiting = is.is_waiting;
	s->is_protected = g && g->is_protected;
	lines_clear(&s->head);
	show_ago(ago, s->row.time_s);
	(void)snprintf(number, sizeof(number), s->row.number ? " v%llu" : "",
	               (unsigned long long)s->row.number);
	lines_add(&s->head, INK_HEAD, "plan        %s", v->arg);
	lines_add(&s->head, show_stage_ink(s->row.stage), "what        %s %s%s, %s", s->row.kind,
	          s->row.model, number, s->row.stage);
	lines_add(&s->head, is.is_open ? INK_WAIT : INK_DIM, "state       %s, stored %s%s", is.name,
	          ago, s->is_protected ? "; the stage is protected" : "");
	people_add(s, t, has_policy ? &p : NULL);
	if (is.missing.code != ERR_OK)
		lines_add(&s->head, INK_WAIT, "missing     %s", is.missing.msg);
	if (s->row.job[0])
		lines_add(&s->head, INK_TEXT, "job         %s", s->row.job);
	policy_fini(&p);
}

static void
join(struct plan_page *s)
{
	const struct {
		const char *title;
		const struct lines *lines;
	} parts[] = { { "", &s->head },
		      { "Would it be applied now?", &s->checks },
		      { "What changes", &s->changes } };
	const size_t top = s->all.top;

	lines_clear(&s->all);
	for (size_t i = 0; i < COUNT(parts); i++) {
		if (parts[i].lines->rows.n == 0)
			continue;
		if (parts[i].title[0]) {
			lines_add(&s->all, INK_TEXT, "%s", "");
			lines_add(&s->all, INK_HEAD, "%s", parts[i].title);
		}
		for (size_t k = 0; k < parts[i].lines->rows.n; k++)
			lines_add(&s->all, parts[i].lines->rows.v[k].ink, "%s",
			          parts[i].lines->rows.v[k].text);
	}
	s->all.top = top;
}

static int
plan_reload(struct view *v, struct err *e)
{
	struct plan_page *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	(void)e; /* shown on the page itself */
	err_clear(&s->failed);
	rc = view_read(v, &t, &s->failed);
	if (rc == 0)
		rc = plan_get(t, &s->id, &s->row, &s->failed);
	if (rc == -ERR_NOT_FOUND && s->failed.code == ERR_OK)
		(void)err_set(&s->failed, ERR_NOT_FOUND, "no plan %.16s is stored here", v->arg);
	if (rc == 0) {
		head_make(v, t);
		join(s);
	}
	return 0;
}

/* --- what the commands say --- */

static enum handled
plan_ask(struct view *v, const char *verb, struct view_request *ret)
{
	words_of(&ret->argv, "plan", verb, v->arg, "-o", "json");
	return ASK_ARGV;
}

static enum handled
plan_opened(struct view *v, struct view_request *ret)
{
	struct plan_page *s = v->state;

	if (s->failed.code != ERR_OK || !s->is_open)
		return NOT_HANDLED;
	s->asked = ASKED_CHECK;
	lines_clear(&s->checks);
	lines_add(&s->checks, INK_WAIT, "asking ...");
	join(s);
	return plan_ask(v, "check", ret);
}

static void
checks_take(struct plan_page *s, const json_t *items)
{
	const json_t *one;
	size_t i;

	json_array_foreach(items, i, one)
	{
		const char *answer = json_text(one, "answer");
		lines_add(&s->checks,
		          streq(answer, "yes")  ? INK_OK
		          : streq(answer, "no") ? INK_BAD
		                                : INK_WAIT,
		          "%-11s %-9s %s", streq(answer, "no") ? "NO" : answer,
		          json_text(one, "check"), json_text(one, "why"));
		if (json_text(one, "next")[0])
			lines_add(&s->checks, INK_TEXT, "%-11s %-9s next: %s", "", "",
			          json_text(one, "next"));
	}
}

/* A value of either side as it is read: a file's size and digest, else the text. */
static void
side_text(const json_t *v, struct buf *ret)
{
	char size[16];

	if (json_is_string(v)) {
		buf_adds(ret, json_string_value(v));
	} else if (json_is_object(v)) {
		show_size(size, json_opt_u64(v, "bytes"));
		buf_addf(ret, "%s %.19s", size, json_text(v, "digest"));
	} else if (json_is_null(v) || !v) {
		buf_adds(ret, "-");
	} else {
		cleanup_free char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		buf_adds(ret, text ? text : "-");
	}
}

static void
changes_take(struct plan_page *s, const json_t *items)
{
	const json_t *one;
	size_t i;

	json_array_foreach(items, i, one)
	{
		const char *change = json_text(one, "change");
		cleanup_buf struct buf from = { 0 };
		cleanup_buf struct buf to = { 0 };
		side_text(json_object_get(one, "from"), &from);
		side_text(json_object_get(one, "to"), &to);
		lines_add(&s->changes,
		          streq(change, "added")     ? INK_ADDED
		          : streq(change, "removed") ? INK_REMOVED
		                                     : INK_CHANGED,
		          "%s %-9s %s: %s -> %s",
		          streq(change, "added")     ? "+"
		          : streq(change, "removed") ? "-"
		                                     : "~",
		          json_text(one, "what"), json_text(one, "name"), buf_cstr(&from),
		          buf_cstr(&to));
	}
	if (json_array_size(items) == 0)
		lines_add(&s->changes, INK_TEXT, "nothing");
}

static enum handled
plan_answer(struct view *v, const struct answer *a, struct view_request *ret)
{
	struct plan_page *s = v->state;
	struct lines *into = s->asked == ASKED_CHECK ? &s->checks : &s->changes;
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	if (!a->is_done || s->asked == ASKED_ALL)
		return HANDLED;
	lines_clear(into);
	const bool is_list = a->out.n > 0 && json_parse(a->out, "answer", &j, &e) == 0 &&
	                     json_is_array(json_object_get(j, "items"));
	if (!is_list)
		lines_add_error(into, INK_BAD, a->err_text);
	else if (s->asked == ASKED_CHECK)
		checks_take(s, json_object_get(j, "items"));
	else
		changes_take(s, json_object_get(j, "items"));
	s->asked++;
	if (s->asked == ASKED_DIFF)
		lines_add(&s->changes, INK_WAIT, "asking ...");
	join(s);
	return s->asked == ASKED_DIFF ? plan_ask(v, "diff", ret) : HANDLED;
}

/* --- the screen --- */

static void
plan_draw(struct view *v, const struct area *a)
{
	struct plan_page *s = v->state;

	v->page = a->rows;
	if (s->failed.code != ERR_OK)
		show_error(a, 1, &s->failed);
	else
		lines_draw(&s->all, a);
}

/* The command names the plan by its whole id. */
static enum handled
plan_act(struct view *v, enum action act, struct view_request *ret)
{
	struct plan_page *s = v->state;

	if (act == ACT_APPROVE) {
		words_of(&ret->argv, "approve", v->arg);
	} else {
		words_of(&ret->argv, "apply", v->arg, "--yes", "--detach");
		if (s->is_protected)
			words_of(&ret->argv, "--confirm", s->row.model);
	}
	words_of(&ret->argv, "-o", "json");
	if (s->is_protected)
		(void)str_copy(ret->protected_name, sizeof(ret->protected_name), s->row.model);
	return RUN_ARGV;
}

static enum handled
plan_action(struct view *v, enum action act, struct view_request *ret)
{
	struct plan_page *s = v->state;

	if (act == ACT_RELOAD) {
		(void)plan_reload(v, &s->failed);
		return plan_opened(v, ret) == ASK_ARGV ? ASK_ARGV : HANDLED;
	}
	if (lines_move(&s->all, act, v->page))
		return HANDLED;
	if (act == ACT_OPEN && s->row.job[0]) {
		(void)str_copy(ret->view, sizeof(ret->view), "job");
		(void)str_copy(ret->arg, sizeof(ret->arg), s->row.job);
		return OPEN_VIEW;
	}
	if (s->failed.code != ERR_OK || !s->is_open || (act != ACT_APPROVE && act != ACT_APPLY))
		return NOT_HANDLED;
	return plan_act(v, act, ret);
}

static void
plan_title(const struct view *v, struct buf *ret)
{
	buf_addf(ret, "plan %.16s", v->arg);
}

static void
plan_subject(const struct view *v, struct view_subject *ret)
{
	const struct plan_page *s = v->state;

	(void)str_copy(ret->plan, sizeof(ret->plan), v->arg);
	(void)str_copy(ret->model, sizeof(ret->model), s->row.model);
	(void)str_copy(ret->stage, sizeof(ret->stage), s->row.stage);
	if (s->row.number > 0)
		(void)snprintf(ret->ref, sizeof(ret->ref), "%s@v%llu", s->row.model,
		               (unsigned long long)s->row.number);
}

static void
plan_close(struct view *v)
{
	struct plan_page *s = v->state;

	lines_fini(&s->head);
	lines_fini(&s->checks);
	lines_fini(&s->changes);
	lines_fini(&s->all);
}

static bool
plan_can(const struct view *v, enum action act)
{
	const struct plan_page *s = v->state;

	if (act == ACT_DOWN)
		return lines_scroll(&s->all, v->page);
	if (act == ACT_OPEN)
		return s->row.job[0] != '\0';
	if (act == ACT_APPLY)
		return s->is_open && !s->is_waiting;
	return s->is_open || act == ACT_COPY;
}

static const struct hint hints[] = {
	{ ACT_APPROVE, "approve" }, { ACT_APPLY, "apply" }, { ACT_OPEN, "its job" },
	{ ACT_COPY, "copy id" },    { ACT_DOWN, "down" },   { 0, NULL },
};

const struct view_ops view_plan = {
	.name = "plan",
	.state_size = sizeof(struct plan_page),
	.open = plan_open,
	.reload = plan_reload,
	.opened = plan_opened,
	.title = plan_title,
	.draw = plan_draw,
	.action = plan_action,
	.answer = plan_answer,
	.subject = plan_subject,
	.close = plan_close,
	.can = plan_can,
	.hints = hints,
};
