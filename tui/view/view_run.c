/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that runs: its line, what it prints, how it ended. The child is the console's; this
 * screen only shows it, and leaving it does not end it. When the answer names a job, the job's
 * screen follows.
 */
#include <stdio.h>

#include "tui/view/lines.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

struct run {
	struct lines lines;
	struct buf command;
	bool is_done, follows;
	int status;
};

static int
run_open(struct view *v, struct err *e)
{
	struct run *s = v->state;

	(void)e;
	s->follows = true;
	buf_adds(&s->command, v->arg);
	return 0;
}

/* An id in a JSON answer: every act of a stage that started a job has "job", one that waits for a
 * person "plan". */
static bool
member_of(struct str out, const char *name, char ret[static VIEW_ARG_SIZE])
{
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	if (out.n == 0 || out.p[0] != '{' || json_parse(out, "answer", &j, &e) < 0)
		return false;
	const char *id = json_opt_string(j, name);
	return id && id[0] && str_copy(ret, VIEW_ARG_SIZE, id) == 0;
}

static enum handled
run_answer(struct view *v, const struct answer *a, struct view_request *ret)
{
	struct run *s = v->state;
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	s->is_done = a->is_done;
	s->status = a->status;
	if (a->is_done && a->status == 0 && member_of(a->out, "job", ret->arg)) {
		(void)str_copy(ret->view, sizeof(ret->view), "job");
		ret->replaces = true;
		return OPEN_VIEW;
	}
	if (a->is_done && a->status == err_exit_of(ERR_NEEDS_PERSON) &&
	    member_of(a->out, "plan", ret->arg)) {
		(void)str_copy(ret->view, sizeof(ret->view), "plan");
		ret->replaces = true;
		return OPEN_VIEW;
	}
	const size_t top = s->lines.top;
	lines_clear(&s->lines);
	s->lines.top = top;
	if (a->is_done && a->out.n > 0 && a->out.p[0] == '{' &&
	    json_parse(a->out, "answer", &j, &e) == 0)
		lines_add_json(&s->lines, j);
	else
		lines_add_text(&s->lines, INK_TEXT, a->out);
	lines_add_error(&s->lines,
	                !a->is_done || a->status == 0          ? INK_DIM
	                : a->status == err_exit_of(ERR_NEEDS_PERSON) ? INK_WAIT
	                                                       : INK_BAD,
	                a->err_text);
	if (s->follows && !a->is_done)
		(void)lines_move(&s->lines, ACT_BOTTOM, v->page);
	return HANDLED;
}

static void
run_draw(struct view *v, const struct area *a)
{
	struct run *s = v->state;
	size_t row;

	row = paint_prose(a, 0, 1, INK_HEAD, buf_cstr(&s->command));
	if (!s->is_done)
		paint_text(a, row, 1, INK_WAIT, "runs; q leaves it running");
	else if (s->status == 0)
		paint_text(a, row, 1, INK_OK, "done, exit 0");
	else if (s->status == err_exit_of(ERR_NEEDS_PERSON))
		paint_text(a, row, 1, INK_WAIT, "waits for another person: W shows whom");
	else
		paintf(a, row, 1, INK_BAD, "ended with exit %d", s->status);
	const struct area page = area_rows(a, row + 2, a->rows);
	v->page = page.rows;
	if (page.rows > 0)
		lines_draw(&s->lines, &page);
}

static enum handled
run_action(struct view *v, enum action act, struct view_request *ret)
{
	struct run *s = v->state;

	(void)ret;
	if (!lines_move(&s->lines, act, v->page))
		return NOT_HANDLED;
	s->follows = act == ACT_BOTTOM;
	return HANDLED;
}

static void
run_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "command");
}

static void
run_close(struct view *v)
{
	struct run *s = v->state;

	lines_fini(&s->lines);
	buf_fini(&s->command);
}

static bool
run_can(const struct view *v, enum action act)
{
	const struct run *s = v->state;

	(void)act;
	return lines_scroll(&s->lines, v->page);
}

static const struct hint hints[] = { { ACT_DOWN, "down" }, { ACT_BOTTOM, "end" }, { 0, NULL } };

const struct view_ops view_run = {
	.name = "run",
	.state_size = sizeof(struct run),
	.open = run_open,
	.title = run_title,
	.draw = run_draw,
	.action = run_action,
	.answer = run_answer,
	.close = run_close,
	.can = run_can,
	.hints = hints,
};
