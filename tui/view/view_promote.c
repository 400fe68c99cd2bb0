/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A move of a stage in steps: choose it, see what was checked and what refuses, see what would
 * change, confirm, then the job's own screen. Plan and checks are what the command itself says in a
 * dry run; what is asked and what is run are the same words but for --dry-run. Several versions
 * that were marked go one after the other, each with its own plan.
 */
#include <stdio.h>
#include <string.h>

#include "registry/policy.h"
#include "registry/ref.h"
#include "tui/view/lines.h"
#include "tui/view/people.h"
#include "tui/view/plan_lines.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

enum step { STEP_CHOOSE, STEP_ASKED, STEP_CHECKS, STEP_PREVIEW, STEP_REFUSED };

struct promote {
	bool is_rollback;
	char ref[NAME_SIZE + 80]; /* what goes there; of a rollback the model */
	char model[NAME_SIZE];
	char wanted_stage[WORD_SIZE]; /* named by the caller: no choice is shown */
	struct policy_stage stages[STAGES_MAX];
	char holds[STAGES_MAX][48];
	size_t stages_n;
	struct list list;
	enum step step;
	struct words queue; /* further references, to the same stage */
	size_t queue_at;
	bool was_run, is_named;       /* the stage was named by who opened it */
	struct words command;         /* as it will run */
	char people[STAGES_MAX][200]; /* who else must say yes */
	bool needs_people[STAGES_MAX];
	struct lines checks, plan;
	char plan_id[80];
	size_t refusals; /* checks that will stop it */
	struct err failed;
};

/* "promote REF [STAGE]", "rollback NAME [STAGE]", "promote-all REF REF .." */
static int
promote_open(struct view *v, struct err *e)
{
	struct promote *s = v->state;
	struct words w = { 0 };
	struct ref r;
	int rc;

	rc = words_parse(&w, v->arg, e);
	if (rc == 0 && w.n < 2)
		rc = err_set(e, ERR_USAGE, "nothing to promote");
	if (rc == 0) {
		s->is_rollback = streq(w.v[0], "rollback");
		(void)str_copy(s->ref, sizeof(s->ref), w.v[1]);
		const bool all = streq(w.v[0], "promote-all");
		s->is_named = !all && w.n > 2;
		if (s->is_named)
			(void)str_copy(s->wanted_stage, sizeof(s->wanted_stage), w.v[2]);
		for (size_t i = 2; all && i < w.n; i++)
			words_add(&s->queue, w.v[i]);
		rc = ref_parse(s->ref, &r, e);
	}
	if (rc == 0)
		(void)str_copy(s->model, sizeof(s->model), r.model);
	words_fini(&w);
	return rc;
}

static int
stages_read(struct view *v, struct err *e)
{
	struct promote *s = v->state;
	cleanup_txn struct txn *t = NULL;
	struct policy p = { 0 };
	struct model_row m = { 0 };
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	rc = model_get(t, s->model, &m, e);
	if (rc < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", s->model);
	rc = policy_current(v->app->registry, t, &p, e);
	if (rc < 0)
		return rc;
	s->stages_n = p.stages_n < STAGES_MAX ? p.stages_n : STAGES_MAX;
	for (size_t i = 0; i < s->stages_n; i++) {
		cleanup_buf struct buf people = { 0 };
		s->stages[i] = p.stages[i];
		show_stage(s->holds[i], model_stage(&m, p.stages[i].name));
		s->needs_people[i] =
		        people_wanted(&p, &p.stages[i], v->shared->who, &people) && !s->is_rollback;
		(void)snprintf(s->people[i], sizeof(s->people[i]), "%.199s", buf_cstr(&people));
	}
	policy_fini(&p);
	s->list.n = s->stages_n;
	return 0;
}

/* Back from the job of the one before: the next of those that were marked, to the same stage. */
static void
next_in_queue(struct promote *s)
{
	struct err ignored = { 0 };
	struct ref r;

	s->was_run = false;
	s->step = STEP_CHOOSE;
	(void)str_copy(s->ref, sizeof(s->ref), s->queue.v[s->queue_at++]);
	if (ref_parse(s->ref, &r, &ignored) == 0)
		(void)str_copy(s->model, sizeof(s->model), r.model);
	if (s->list.cursor < s->stages_n)
		(void)str_copy(s->wanted_stage, sizeof(s->wanted_stage),
		               s->stages[s->list.cursor].name);
}

static int
promote_reload(struct view *v, struct err *e)
{
	struct promote *s = v->state;

	(void)e;
	if (s->was_run)
		next_in_queue(s);
	if (s->step != STEP_CHOOSE)
		return 0; /* what was asked stays as it was answered */
	err_clear(&s->failed);
	(void)stages_read(v, &s->failed);
	for (size_t i = 0; s->wanted_stage[0] && i < s->stages_n; i++)
		if (streq(s->stages[i].name, s->wanted_stage))
			s->list.cursor = i;
	return 0;
}

static void
command_make(const struct view *v, struct words *ret, bool dry)
{
	const struct promote *s = v->state;
	const struct policy_stage *g = &s->stages[s->list.cursor];

	words_of(ret, s->is_rollback ? "rollback" : "promote", s->ref,
	         s->is_rollback ? "--stage" : "--to", g->name);
	if (dry) {
		words_add(ret, "--dry-run");
	} else {
		words_of(ret, "--yes", "--detach");
		if (g->is_protected)
			words_of(ret, "--confirm", s->model);
	}
	words_of(ret, "-o", "json");
}

static void
people_add(struct promote *s)
{
	const size_t at = s->list.cursor;

	if (at < s->stages_n && !s->is_rollback)
		lines_add(&s->checks, s->needs_people[at] ? INK_WAIT : INK_TEXT, "%-12s %-10s %s",
		          s->needs_people[at] ? "waits" : "ok", "people", s->people[at]);
}

static size_t
refusals(const json_t *plan)
{
	const json_t *c;
	size_t i, n = json_is_true(json_object_get(plan, "blocked"));

	json_array_foreach(json_object_get(plan, "checks"), i, c)
	{
		const char *state = json_opt_string(c, "state"), *name = json_opt_string(c, "name");
		n += state && name && streq(name, "gate") && !streq(state, "ok");
	}
	return n;
}

static void
plan_show(struct promote *s, const json_t *j)
{
	static const char *const ids[] = { "plan", "id", "planId" };

	for (size_t i = 0; i < COUNT(ids) && !s->plan_id[0]; i++) {
		const char *id = json_opt_string(j, ids[i]);
		if (id)
			(void)snprintf(s->plan_id, sizeof(s->plan_id), "%.79s",
			               has_prefix(id, "sha256:") ? id + 7 : id);
	}
	if (!plan_is(j)) {
		lines_add_json(&s->plan, j);
		return;
	}
	s->refusals = refusals(j);
	plan_check_lines(&s->checks, j);
	people_add(s);
	plan_lines(&s->plan, j);
}

static enum handled
promote_answer(struct view *v, const struct answer *a, struct view_request *ret)
{
	struct promote *s = v->state;
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	(void)ret;
	if (!a->is_done || s->step != STEP_ASKED)
		return HANDLED;
	lines_clear(&s->plan);
	lines_clear(&s->checks);
	s->plan_id[0] = '\0';
	s->refusals = 0;
	s->step = a->status != 0 ? STEP_REFUSED : s->is_rollback ? STEP_PREVIEW : STEP_CHECKS;
	if (a->out.n > 0 && json_parse(a->out, "plan", &j, &e) == 0)
		plan_show(s, j);
	else
		lines_add_text(&s->plan, INK_TEXT, a->out);
	lines_add_error(&s->plan, a->status == 0 ? INK_DIM : INK_BAD, a->err_text);
	return HANDLED;
}

static void
choose_draw(struct view *v, const struct area *a)
{
	struct promote *s = v->state;
	size_t row = 0, c;

	if (s->failed.code != ERR_OK) {
		show_error(a, 0, &s->failed);
		return;
	}
	paintf(a, row++, 1, INK_HEAD,
	       s->is_rollback ? "roll back which stage of %s?" : "promote %s to which stage?",
	       s->ref);
	const struct area list = area_rows(a, row + 1, a->rows);
	v->page = list.rows;
	paint_text(&list, 0, 3, INK_DIM, "STAGE");
	paint_text(&list, 0, 19, INK_DIM, "HOLDS");
	for (size_t i = 0; i < s->stages_n && i + 1 < list.rows; i++) {
		c = paint_fit(&list, i + 1, 3, 16, show_stage_ink(s->stages[i].name), TEXT_CUT_END,
		              s->stages[i].name);
		c = paint_fit(&list, i + 1, c, 14, INK_TEXT, TEXT_CUT_END, s->holds[i]);
		if (s->stages[i].is_protected)
			paint_text(&list, i + 1, c, INK_BAD, "protected: the name will be typed");
		list_mark(&list, i + 1, i == s->list.cursor);
	}
}

static struct lines *
shown_lines(struct promote *s)
{
	return s->step == STEP_CHECKS ? &s->checks : &s->plan;
}

static void
steps_rule(const struct promote *s, const struct area *a)
{
	char text[120];

	if (s->step == STEP_REFUSED)
		(void)snprintf(text, sizeof(text), "refused");
	else if (s->step == STEP_PREVIEW)
		(void)snprintf(text, sizeof(text), "plan: nothing has been changed yet");
	else if (s->refusals > 0)
		(void)snprintf(text, sizeof(text), "checks: %zu will stop it", s->refusals);
	else
		(void)snprintf(text, sizeof(text), "checks");
	paint_rule(a, 1, text);
}

static void
foot_draw(const struct promote *s, const struct area *a)
{
	cleanup_buf struct buf line = { 0 };

	if (s->step == STEP_CHECKS) {
		paint_rule(a, 0, "Enter goes on: what would change");
		return;
	}
	words_show(&s->command, &line);
	paint_rule(a, 0, "Enter goes on and runs");
	paint_prose(a, 1, 1, INK_TEXT, buf_cstr(&line));
}

static void
preview_draw(struct view *v, const struct area *a)
{
	struct promote *s = v->state;
	const struct policy_stage *g = &s->stages[s->list.cursor];
	const size_t foot = s->step == STEP_PREVIEW ? 3 : s->step == STEP_CHECKS;
	size_t c;

	c = paint_text(a, 0, 1, g->is_protected ? INK_PROTECTED : show_stage_ink(g->name), g->name);
	c = paintf(a, 0, c + 1, INK_TEXT, "holds %s", s->holds[s->list.cursor]);
	if (s->plan_id[0])
		paintf(a, 0, c + 2, INK_DIM, "plan %.16s", s->plan_id);
	if (s->step == STEP_ASKED) {
		paint_text(a, 2, 1, INK_WAIT, "asking for the plan ...");
		return;
	}
	steps_rule(s, a);
	const struct area page = area_rows(a, 2, a->rows > 2 + foot ? a->rows - 2 - foot : 0);
	v->page = page.rows;
	if (page.rows > 0)
		lines_draw(shown_lines(s), &page);
	if (foot > 0) {
		const struct area runs =
		        area_rows(a, a->rows > foot ? a->rows - foot : a->rows, foot);
		foot_draw(s, &runs);
	}
}

static void
promote_draw(struct view *v, const struct area *a)
{
	static const char *const steps[] = { "1 choose", "2 checks", "3 preview", "4 apply" };
	static const char *const narrow[] = { "1 choose", "2 checks", "3 preview", "4" };
	const struct promote *s = v->state;
	const size_t at = s->step == STEP_CHOOSE ? 0 : s->step == STEP_PREVIEW ? 2 : 1;
	size_t c = 1;

	for (size_t i = 0; i < COUNT(steps); i++)
		c = paintf(a, 0, c, i == at ? INK_HEAD : INK_DIM, i == at ? "[%s]" : " %s ",
		           a->cols < 50 ? narrow[i] : steps[i]) +
		    (a->cols >= 50);
	if (s->queue.n > 0 && a->cols >= 60)
		paintf(a, 0, c + 1, INK_WAIT, "%zu of %zu marked", s->queue_at + 1, s->queue.n + 1);
	const struct area page = area_rows(a, a->rows >= 10 ? 2 : 1, a->rows);
	if (s->step == STEP_CHOOSE)
		choose_draw(v, &page);
	else
		preview_draw(v, &page);
}

static enum handled
promote_next(struct view *v, struct view_request *ret)
{
	struct promote *s = v->state;

	if (s->list.cursor >= s->stages_n)
		return NOT_HANDLED;
	if (s->step == STEP_CHOOSE) {
		words_fini(&s->command);
		command_make(v, &s->command, false);
		command_make(v, &ret->argv, true);
		s->step = STEP_ASKED;
		return ASK_ARGV;
	}
	if (s->step == STEP_CHECKS) {
		s->step = STEP_PREVIEW;
		return HANDLED;
	}
	if (s->step != STEP_PREVIEW)
		return NOT_HANDLED;
	for (size_t i = 0; i < s->command.n; i++)
		words_add(&ret->argv, s->command.v[i]);
	if (s->stages[s->list.cursor].is_protected)
		(void)str_copy(ret->protected_name, sizeof(ret->protected_name), s->model);
	s->was_run = s->queue_at < s->queue.n;
	ret->replaces = !s->was_run;
	return RUN_ARGV;
}

/* The stage was named: nothing is left to choose. */
static enum handled
promote_opened(struct view *v, struct view_request *ret)
{
	const struct promote *s = v->state;

	return s->wanted_stage[0] && s->failed.code == ERR_OK && s->list.cursor < s->stages_n &&
	                       streq(s->stages[s->list.cursor].name, s->wanted_stage)
	               ? promote_next(v, ret)
	               : NOT_HANDLED;
}

/* A rollback begins with its way back, so there is nothing between that and the choice. */
static enum handled
step_back(struct promote *s)
{
	if (s->step == STEP_PREVIEW && !s->is_rollback)
		s->step = STEP_CHECKS;
	else if (s->is_named)
		return NOT_HANDLED; /* leaves */
	else
		s->step = STEP_CHOOSE;
	return HANDLED;
}

static enum handled
promote_action(struct view *v, enum action act, struct view_request *ret)
{
	struct promote *s = v->state;

	if (act == ACT_OPEN)
		return promote_next(v, ret);
	if ((act == ACT_BACK || act == ACT_LEFT) && s->step != STEP_CHOOSE)
		return step_back(s);
	if (act == ACT_NEXT_TAB && (s->step == STEP_CHECKS || s->step == STEP_PREVIEW)) {
		s->step = s->step == STEP_CHECKS ? STEP_PREVIEW : STEP_CHECKS;
		return HANDLED;
	}
	if (s->step == STEP_CHOOSE)
		return list_move(&s->list, act, v->page) ? HANDLED : NOT_HANDLED;
	return lines_move(shown_lines(s), act, v->page) ? HANDLED : NOT_HANDLED;
}

static void
promote_subject(const struct view *v, struct view_subject *ret)
{
	const struct promote *s = v->state;
	cleanup_buf struct buf line = { 0 };

	(void)str_copy(ret->model, sizeof(ret->model), s->model);
	if (strchr(s->ref, '@'))
		(void)str_copy(ret->ref, sizeof(ret->ref), s->ref);
	(void)str_copy(ret->plan, sizeof(ret->plan), s->plan_id);
	if (s->command.n > 0)
		words_show(&s->command, &line);
	(void)snprintf(ret->text, sizeof(ret->text), "%.399s", buf_cstr(&line));
}

static void
promote_title(const struct view *v, struct buf *ret)
{
	const struct promote *s = v->state;

	const char *number = strchr(s->ref, '@');
	const bool is_named = v->below && !streq(v->below->ops->name, "models");

	buf_adds(ret, s->is_rollback ? "roll back" : "promote");
	if (!is_named)
		buf_addf(ret, " %s", s->ref);
	else if (number) /* the screens before it name the model */
		buf_addf(ret, " %s", number + 1);
	if (s->step != STEP_CHOOSE && s->list.cursor < s->stages_n)
		buf_addf(ret, s->is_rollback ? ", %s" : " -> %s", s->stages[s->list.cursor].name);
}

static void
promote_close(struct view *v)
{
	struct promote *s = v->state;

	words_fini(&s->queue);
	words_fini(&s->command);
	lines_fini(&s->checks);
	lines_fini(&s->plan);
}

static bool
promote_can(const struct view *v, enum action act)
{
	const struct promote *s = v->state;

	if (act == ACT_OPEN)
		return (s->step == STEP_CHOOSE && s->list.cursor < s->stages_n) ||
		       s->step == STEP_PREVIEW || s->step == STEP_CHECKS;
	if (act == ACT_NEXT_TAB)
		return s->step == STEP_CHECKS || s->step == STEP_PREVIEW;
	if (act == ACT_DOWN)
		return s->step == STEP_CHOOSE
		               ? s->stages_n > 1
		               : lines_scroll(s->step == STEP_CHECKS ? &s->checks : &s->plan,
		                              v->page);
	return true;
}

static const struct hint hints[] = {
	{ ACT_OPEN, "next step" },
	{ ACT_NEXT_TAB, "checks, preview" },
	{ ACT_COPY, "copy" },
	{ ACT_DOWN, "down" },
	{ 0, NULL },
};

const struct view_ops view_promote = {
	.name = "promote",
	.state_size = sizeof(struct promote),
	.open = promote_open,
	.reload = promote_reload,
	.opened = promote_opened,
	.title = promote_title,
	.draw = promote_draw,
	.action = promote_action,
	.answer = promote_answer,
	.subject = promote_subject,
	.close = promote_close,
	.can = promote_can,
	.hints = hints,
};
