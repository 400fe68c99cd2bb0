/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A move of a stage in steps: choose it, see the plan that the command itself makes in a dry run,
 * confirm, then the job's own screen. What is asked and what is run are the same words but for
 * --dry-run.
 */
#include <stdio.h>
#include <string.h>

#include "registry/policy.h"
#include "registry/ref.h"
#include "tui/view/lines.h"
#include "tui/view/plan_lines.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

enum step { STEP_CHOOSE, STEP_ASKED, STEP_PREVIEW, STEP_REFUSED };

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
	struct words command; /* as it will run */
	struct lines plan;
	char plan_id[80];
	struct err failed;
};

/* "promote REF [STAGE]" or "rollback NAME [STAGE]" */
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
		if (w.n > 2)
			(void)str_copy(s->wanted_stage, sizeof(s->wanted_stage), w.v[2]);
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
		s->stages[i] = p.stages[i];
		show_stage(s->holds[i], model_stage(&m, p.stages[i].name));
	}
	policy_fini(&p);
	s->list.n = s->stages_n;
	return 0;
}

static int
promote_reload(struct view *v, struct err *e)
{
	struct promote *s = v->state;

	(void)e;
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
plan_show(struct promote *s, const json_t *j)
{
	static const char *const ids[] = { "plan", "id", "planId" };

	for (size_t i = 0; i < COUNT(ids) && !s->plan_id[0]; i++) {
		const char *id = json_opt_string(j, ids[i]);
		if (id)
			(void)snprintf(s->plan_id, sizeof(s->plan_id), "%.79s",
			               has_prefix(id, "sha256:") ? id + 7 : id);
	}
	if (!plan_lines(&s->plan, j))
		lines_add_json(&s->plan, j);
}

static enum handled
promote_answer(struct view *v, const struct answer *a, struct view_request *ret)
{
	struct promote *s = v->state;
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	(void)ret;
	if (!a->is_done)
		return HANDLED;
	lines_clear(&s->plan);
	s->plan_id[0] = '\0';
	s->step = a->status == 0 ? STEP_PREVIEW : STEP_REFUSED;
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

static void
preview_draw(struct view *v, const struct area *a)
{
	struct promote *s = v->state;
	const struct policy_stage *g = &s->stages[s->list.cursor];
	cleanup_buf struct buf line = { 0 };
	size_t c;

	c = paint_text(a, 0, 1, g->is_protected ? INK_PROTECTED : show_stage_ink(g->name), g->name);
	c = paintf(a, 0, c + 1, INK_TEXT, "holds %s", s->holds[s->list.cursor]);
	if (s->plan_id[0])
		paintf(a, 0, c + 2, INK_DIM, "plan %.16s", s->plan_id);
	if (s->step == STEP_ASKED) {
		paint_text(a, 2, 1, INK_WAIT, "asking for the plan ...");
		return;
	}
	paint_rule(a, 1,
	           s->step == STEP_PREVIEW ? "plan: nothing has been changed yet" : "refused");
	words_show(&s->command, &line);
	struct area runs = area_rows(a, a->rows > 3 ? a->rows - 3 : a->rows, 3);
	const struct area page = area_rows(a, 2, a->rows > 5 ? a->rows - 5 : 0);
	v->page = page.rows;
	if (page.rows > 0)
		lines_draw(&s->plan, &page);
	if (s->step != STEP_PREVIEW)
		return;
	paint_rule(&runs, 0, "Enter goes on and runs");
	paint_prose(&runs, 1, 1, INK_TEXT, buf_cstr(&line));
}

static void
promote_draw(struct view *v, const struct area *a)
{
	static const char *const steps[] = { "1 choose", "2 preview", "3 apply" };
	const struct promote *s = v->state;
	size_t c = 1;

	for (size_t i = 0; i < COUNT(steps); i++) {
		const bool now = i == (s->step != STEP_CHOOSE);
		c = paintf(a, 0, c, now ? INK_HEAD : INK_DIM, now ? "[%s]" : " %s ", steps[i]) + 1;
	}
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
	if (s->step != STEP_PREVIEW)
		return NOT_HANDLED;
	for (size_t i = 0; i < s->command.n; i++)
		words_add(&ret->argv, s->command.v[i]);
	if (s->stages[s->list.cursor].is_protected)
		(void)str_copy(ret->protected_name, sizeof(ret->protected_name), s->model);
	ret->replaces = true;
	return RUN_ARGV;
}

static enum handled
promote_action(struct view *v, enum action act, struct view_request *ret)
{
	struct promote *s = v->state;

	if (act == ACT_OPEN)
		return promote_next(v, ret);
	if (act == ACT_BACK && s->step != STEP_CHOOSE) {
		s->step = STEP_CHOOSE;
		return HANDLED;
	}
	if (s->step == STEP_CHOOSE)
		return list_move(&s->list, act, v->page) ? HANDLED : NOT_HANDLED;
	return lines_move(&s->plan, act, v->page) ? HANDLED : NOT_HANDLED;
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

	words_fini(&s->command);
	lines_fini(&s->plan);
}

static bool
promote_can(const struct view *v, enum action act)
{
	const struct promote *s = v->state;

	if (act == ACT_OPEN)
		return (s->step == STEP_CHOOSE && s->list.cursor < s->stages_n) ||
		       s->step == STEP_PREVIEW;
	if (act == ACT_DOWN)
		return s->step == STEP_CHOOSE ? s->stages_n > 1 : lines_scroll(&s->plan, v->page);
	return act != ACT_BACK || s->step != STEP_CHOOSE;
}

static const struct hint hints[] = {
	{ ACT_OPEN, "next step" },
	{ ACT_DOWN, "down" },
	{ ACT_BACK, "step back" },
	{ 0, NULL },
};

const struct view_ops view_promote = {
	.name = "promote",
	.state_size = sizeof(struct promote),
	.open = promote_open,
	.reload = promote_reload,
	.title = promote_title,
	.draw = promote_draw,
	.action = promote_action,
	.answer = promote_answer,
	.close = promote_close,
	.can = promote_can,
	.hints = hints,
};
