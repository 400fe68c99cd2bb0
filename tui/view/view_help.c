/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of the screen below, from the table that the loop obeys; then what is the same
 * everywhere. */
#include "tui/view/lines.h"
#include "tui/view/views.h"

struct help {
	struct lines lines;
};

static const enum action everywhere[] = {
	ACT_UP,      ACT_DOWN,   ACT_PAGE_UP, ACT_PAGE_DOWN, ACT_TOP,     ACT_BOTTOM,
	ACT_OPEN,    ACT_BACK,    ACT_FILTER,  ACT_CLEAR,     ACT_COMMAND, ACT_JOBS,
	ACT_PLANS,   ACT_NOTICES, ACT_RELOAD,  ACT_REPAINT,   ACT_HELP,
};

static const char about[] =
        "Filter   all words must match, -word excludes: fraud -retired\n"
        "Command  the words after slipway in a shell: :label face-detect@v2 team=fraud\n"
        "         Tab completes names of models; :quit leaves\n"
        "Acts     no single key changes anything: the exact command line is shown\n"
        "         first and runs as a process of its own. A protected stage wants\n"
        "         the model's name typed. Jobs go on when this screen is left.\n"
        "Ctrl-Z   stops the console, fg brings it back";

static void
row_add(struct lines *l, enum action act, const char *text)
{
	lines_add(l, INK_TEXT, "%-14s %s", action_keys(act), text);
}

static int
help_open(struct view *v, struct err *e)
{
	struct help *s = v->state;

	(void)e;
	if (v->below && v->below->ops->hints) {
		lines_add(&s->lines, INK_HEAD, "On this screen (%s)", v->below->ops->name);
		for (const struct hint *h = v->below->ops->hints; h->text; h++)
			row_add(&s->lines, h->act, action_text(h->act));
		lines_add(&s->lines, INK_TEXT, "%s", "");
	}
	lines_add(&s->lines, INK_HEAD, "Everywhere");
	for (size_t i = 0; i < COUNT(everywhere); i++)
		row_add(&s->lines, everywhere[i], action_text(everywhere[i]));
	lines_add(&s->lines, INK_TEXT, "%s", "");
	lines_add_text(&s->lines, INK_TEXT, STR(about));
	return 0;
}

static void
help_draw(struct view *v, const struct area *a)
{
	struct help *s = v->state;

	v->page = a->rows;
	lines_draw(&s->lines, a);
}

static enum handled
help_action(struct view *v, enum action act, struct view_request *ret)
{
	struct help *s = v->state;

	(void)ret;
	return lines_move(&s->lines, act, v->page) ? HANDLED : NOT_HANDLED;
}

static void
help_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "help");
}

static void
help_close(struct view *v)
{
	struct help *s = v->state;

	lines_fini(&s->lines);
}

static bool
help_can(const struct view *v, enum action act)
{
	const struct help *s = v->state;

	(void)act;
	return lines_scroll(&s->lines, v->page);
}

static const struct hint hints[] = { { ACT_DOWN, "down" }, { ACT_PAGE_DOWN, "page" }, { 0, NULL } };

const struct view_ops view_help = {
	.name = "help",
	.state_size = sizeof(struct help),
	.open = help_open,
	.title = help_title,
	.draw = help_draw,
	.action = help_action,
	.close = help_close,
	.can = help_can,
	.hints = hints,
};
