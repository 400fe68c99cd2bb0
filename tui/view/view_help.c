/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the screen below, from the table that the loop obeys, as they are bound now; what
 * does nothing there is dimmed, with the reason that the screen gives. Enter runs the chosen one
 * there.
 */
#include <string.h>

#include "tui/view/sheet.h"
#include "tui/view/views.h"

#define KEY_CELLS 12

struct help {
	struct sheet sheet;
};

static const struct {
	enum action first, last;
	const char *title;
} parts[] = {
	{ ACT_FILTER, ACT_FOLD, "Lists" },
	{ ACT_PROMOTE, ACT_PRINT, "Acts: none changes anything at once" },
	{ ACT_HOME, ACT_FORWARD, "Screens" },
	{ ACT_UP, ACT_TAB_7, "Moving" },
	{ ACT_COMMAND, ACT_REPAINT, "Everywhere" },
};

static const char *const about[] = {
	"Filter   all words must match, -word excludes, ~wrd its letters in this order;",
	"         stage:production label:team=fraud signer:ana unsigned stale",
	"Command  the words after slipway in a shell: :label face-detect@v2 team=fraud",
	"         Tab completes names of models; :quit leaves",
	"Acts     no single key changes anything: the exact command line is shown",
	"         first and runs as a process of its own. A protected stage wants",
	"         the model's name typed. Jobs go on when this screen is left.",
	"Ctrl-Z   stops the console, fg brings it back",
};

static bool
is_hinted(const struct view_ops *ops, enum action act)
{
	for (const struct hint *h = ops->hints; h && h->text; h++)
		if (h->act == act)
			return true;
	return false;
}

/* Why the key does nothing on that screen; "": it does something, as far as the screen says. */
static void
why_off(const struct view *below, enum action act, struct buf *ret)
{
	const struct view_ops *ops = below->ops;
	const bool hinted = is_hinted(ops, act);

	if (hinted && (!ops->can || ops->can(below, act)))
		return;
	if (ops->why_not && (hinted || (act >= ACT_PROMOTE && act < ACT_MENU)))
		ops->why_not(below, act, ret);
	if (ret->n > 0)
		return;
	if (hinted)
		buf_adds(ret, "not now");
	else if ((act >= ACT_FILTER && act <= ACT_CLEAR && !ops->has_filter) ||
	         (act >= ACT_SORT && act <= ACT_UNMARK_ALL && !ops->has_table) ||
	         act == ACT_METRIC || (act >= ACT_PROMOTE && act < ACT_MENU) || act == ACT_LOGS ||
	         act == ACT_HISTORY || (act == ACT_FOLD || act == ACT_RAW_FILTER))
		buf_adds(ret, "not on this screen");
}

static void
row_add(struct help *s, const struct view *below, enum action act)
{
	cleanup_buf struct buf why = { 0 };

	if (below)
		why_off(below, act, &why);
	if (why.n == 0)
		sheet_add(&s->sheet, INK_TEXT, act, "%-*s  %s", KEY_CELLS, action_keys(act),
		          action_text(act));
	else
		sheet_add(&s->sheet, INK_DIM, act, "%-*s  %s (%s)", KEY_CELLS, action_keys(act),
		          action_text(act), buf_cstr(&why));
}

static bool
is_bound(const struct view *below, enum action act)
{
	return action_keys(act) && action_keys(act)[0] &&
	       (!below || action_is_on(act, below->ops->name));
}

static void
part_add(struct help *s, const struct view *below, size_t part)
{
	sheet_head(&s->sheet, false, "%s", parts[part].title);
	for (enum action act = parts[part].first; act <= parts[part].last; act++)
		if (is_bound(below, act) && !(below && is_hinted(below->ops, act)))
			row_add(s, below, act);
}

static int
help_open(struct view *v, struct err *e)
{
	struct help *s = v->state;
	const struct view *below = v->below;

	(void)e;
	if (below && below->ops->hints) {
		sheet_head(&s->sheet, false, "On this screen (%s)", below->ops->name);
		for (const struct hint *h = below->ops->hints; h->text; h++)
			if (is_bound(below, h->act))
				row_add(s, below, h->act);
	}
	for (size_t i = 0; i < COUNT(parts); i++)
		part_add(s, below, i);
	sheet_head(&s->sheet, false, "How it works");
	for (size_t i = 0; i < COUNT(about); i++)
		sheet_add(&s->sheet, INK_TEXT, 0, "%s", about[i]);
	sheet_settle(&s->sheet, "");
	if (s->sheet.shown.n > 1)
		s->sheet.cursor = 1; /* the first key, not the title above it */
	return 0;
}

static int
help_reload(struct view *v, struct err *e)
{
	struct help *s = v->state;

	(void)e;
	sheet_settle(&s->sheet, v->filter);
	return 0;
}

static void
help_draw(struct view *v, const struct area *a)
{
	struct help *s = v->state;
	const size_t top = filter_draw(v, a, sheet_hits(&s->sheet), false, "keys");
	const struct area page = area_rows(a, top, a->rows);

	v->page = page.rows;
	if (s->sheet.shown.n == 0)
		paint_prose(&page, 1, 1, INK_TEXT,
		            "no key has these words; / then Esc clears them");
	sheet_draw(&s->sheet, &page);
}

static enum handled
help_action(struct view *v, enum action act, struct view_request *ret)
{
	struct help *s = v->state;
	const struct sheet_row *r = sheet_chosen(&s->sheet);

	if (act == ACT_OPEN && r && r->is_head)
		act = ACT_FOLD;
	if (act == ACT_OPEN && r && r->tag != ACT_NONE) {
		if (r->tag == ACT_HELP)
			return HANDLED;
		ret->act = (enum action)r->tag;
		return RUN_ACTION;
	}
	return sheet_act(&s->sheet, act, v->page) ? HANDLED : NOT_HANDLED;
}

static void
help_why_not(const struct view *v, enum action act, struct buf *ret)
{
	(void)v;
	if (act == ACT_OPEN)
		buf_adds(ret, "this line is no key");
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

	sheet_fini(&s->sheet);
}

static bool
help_can(const struct view *v, enum action act)
{
	const struct help *s = v->state;
	const struct sheet_row *r = sheet_chosen(&s->sheet);

	return act != ACT_OPEN || (r && r->tag != ACT_NONE);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "press it there" },
	{ ACT_DOWN, "down" },
	{ ACT_PAGE_DOWN, "page" },
	{ 0, NULL },
};

const struct view_ops view_help = {
	.name = "help",
	.state_size = sizeof(struct help),
	.open = help_open,
	.reload = help_reload,
	.title = help_title,
	.draw = help_draw,
	.action = help_action,
	.close = help_close,
	.can = help_can,
	.why_not = help_why_not,
	.has_filter = true,
	.hints = hints,
};
