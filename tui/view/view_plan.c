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
#include "tui/view/diff_parts.h"
#include "tui/view/people.h"
#include "tui/view/sheet.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

/* What is asked of the command, one after the other. */
enum { ASK_CHECK, ASK_DIFF, ASKS };
static const struct {
	const char *verb, *title;
} asks[ASKS] = {
	[ASK_CHECK] = { "check", "Would it be applied now?" },
	[ASK_DIFF] = { "diff", "What changes" },
};

struct plan_page {
	struct digest id;
	struct plan_row row;
	bool is_open, is_waiting, is_protected;
	size_t asked;          /* the one that is being answered; ASKS: all are */
	json_t *answers[ASKS]; /* NULL: not answered, or refused */
	struct lines refused[ASKS];
	struct sheet sheet;
	struct err failed;
};

static int
plan_open(struct view *v, struct err *e)
{
	struct plan_page *s = v->state;

	s->sheet.lines.parts_words = true; /* an id is read whole on a phone */
	s->asked = ASKS;
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
	sheet_add(&s->sheet, INK_TEXT, 0, "authorised  %s", by ? by->person : "by nobody yet");
	if (by && by->break_glass)
		sheet_add(&s->sheet, INK_BAD, 0,
		          "BREAK-GLASS without the approvals that the policy wants");
	for (size_t i = 0; i < rows.approvals_n; i++)
		buf_addf(&approved, "%s%s", i > 0 ? ", " : "", rows.approvals[i].person);
	sheet_add(&s->sheet, INK_TEXT, 0, "approved    %s",
	          approved.n > 0 ? buf_cstr(&approved) : "by nobody");
	if (g && s->is_waiting) {
		const bool waits = people_wanted(p, g, by ? by->person : "", &wanted);
		sheet_add(&s->sheet, waits ? INK_WAIT : INK_TEXT, 0, "wants       %s",
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
	show_ago(ago, s->row.time_s);
	(void)snprintf(number, sizeof(number), s->row.number ? " v%llu" : "",
	               (unsigned long long)s->row.number);
	sheet_add(&s->sheet, INK_HEAD, 0, "plan        %s", v->arg);
	sheet_add(&s->sheet, show_stage_ink(s->row.stage), 0, "what        %s %s%s, %s",
	          s->row.kind, s->row.model, number, s->row.stage);
	sheet_add(&s->sheet, is.is_open ? INK_WAIT : INK_DIM, 0, "state       %s, stored %s%s",
	          is.name, ago, s->is_protected ? "; the stage is protected" : "");
	people_add(s, t, has_policy ? &p : NULL);
	if (is.missing.code != ERR_OK)
		sheet_add(&s->sheet, INK_WAIT, 0, "missing     %s", is.missing.msg);
	if (s->row.job[0])
		sheet_add(&s->sheet, INK_TEXT, 0, "job         %s", s->row.job);
	policy_fini(&p);
}

/* --- what the commands say --- */

static void
check_add(struct sheet *s, const json_t *row)
{
	const char *answer = json_text(row, "answer");

	sheet_add(s,
	          streq(answer, "yes")  ? INK_OK
	          : streq(answer, "no") ? INK_BAD
	                                : INK_WAIT,
	          0, "%-8s %-8s %s", streq(answer, "no") ? "NO" : answer, json_text(row, "check"),
	          json_text(row, "why"));
	if (json_text(row, "next")[0])
		sheet_add(s, INK_TEXT, 0, "%-8s %-8s next: %s", "", "", json_text(row, "next"));
}

static void
part_add(struct plan_page *s, size_t ask)
{
	const json_t *row;
	size_t i;

	if (!s->answers[ask] && s->refused[ask].rows.n == 0 && ask != s->asked)
		return;
	sheet_head(&s->sheet, false, "%s", asks[ask].title);
	if (ask == s->asked)
		sheet_add(&s->sheet, INK_WAIT, 0, "asking ...");
	vec_foreach(said, &s->refused[ask].rows)
		sheet_add(&s->sheet, said->ink, 0, "%s", said->text);
	json_array_foreach(json_object_get(s->answers[ask], "items"), i, row) ask == ASK_CHECK
	        ? check_add(&s->sheet, row)
	        : diff_row(&s->sheet, row);
}

static void
page_make(struct view *v, struct txn *t)
{
	struct plan_page *s = v->state;

	sheet_clear(&s->sheet);
	head_make(v, t);
	for (size_t i = 0; i < ASKS; i++)
		part_add(s, i);
	sheet_settle(&s->sheet, v->filter);
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
	if (rc == 0)
		page_make(v, t);
	return 0;
}

static void
answer_forget(struct plan_page *s, size_t ask)
{
	json_decref(s->answers[ask]);
	s->answers[ask] = NULL;
	lines_clear(&s->refused[ask]);
}

static enum handled
ask(struct view *v, size_t which, struct view_request *ret)
{
	struct plan_page *s = v->state;

	s->asked = which;
	(void)plan_reload(v, &s->failed);
	if (which == ASKS)
		return HANDLED;
	words_of(&ret->argv, "plan", asks[which].verb, v->arg, "-o", "json");
	return ASK_ARGV;
}

static enum handled
plan_opened(struct view *v, struct view_request *ret)
{
	struct plan_page *s = v->state;

	if (s->failed.code != ERR_OK || !s->is_open)
		return NOT_HANDLED;
	for (size_t i = 0; i < ASKS; i++)
		answer_forget(s, i);
	return ask(v, 0, ret);
}

static enum handled
plan_answer(struct view *v, const struct answer *a, struct view_request *ret)
{
	struct plan_page *s = v->state;
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	if (!a->is_done || s->asked == ASKS)
		return HANDLED;
	answer_forget(s, s->asked);
	if (a->out.n > 0 && json_parse(a->out, "answer", &j, &e) == 0 &&
	    json_is_array(json_object_get(j, "items")))
		s->answers[s->asked] = steal(&j);
	else
		lines_add_error(&s->refused[s->asked], INK_BAD, a->err_text);
	return ask(v, s->asked + 1, ret);
}

/* --- the screen --- */

static void
plan_draw(struct view *v, const struct area *a)
{
	struct plan_page *s = v->state;
	const size_t top = filter_draw(v, a, sheet_hits(&s->sheet), false, "lines");
	const struct area page = area_rows(a, top, a->rows);

	v->page = page.rows;
	if (s->failed.code != ERR_OK)
		show_error(&page, 1, &s->failed);
	else
		sheet_draw(&s->sheet, &page);
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
	if (sheet_act(&s->sheet, act, v->page))
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

	for (size_t i = 0; i < ASKS; i++) {
		json_decref(s->answers[i]);
		lines_fini(&s->refused[i]);
	}
	sheet_fini(&s->sheet);
}

static bool
plan_can(const struct view *v, enum action act)
{
	const struct plan_page *s = v->state;

	if (act == ACT_DOWN || act == ACT_FOLD || act == ACT_NEXT_HIT)
		return sheet_can(&s->sheet, act);
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
	.has_filter = true,
	.hints = hints,
};
