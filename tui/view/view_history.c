/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's story, newest first, from the log by its entries' links: stages, jobs, approvals,
 * notes, a page at a time. Enter opens what the entry is about. Nothing is verified here.
 */
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/audit_list.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define NARROW_COLS 60u
#define WIDE_COLS   110u /* from here on it is said what was signed */
#define WHO_COL     20u
#define AS_CELLS    9u

struct history {
	struct audit_list entries;
};

static int
history_open(struct view *v, struct err *e)
{
	struct history *s = v->state;

	if (str_copy(s->entries.rows.model, sizeof(s->entries.rows.model), v->arg) < 0)
		return err_set(e, ERR_USAGE, "\"%.40s..\" is no name of a model", v->arg);
	return 0;
}

static int
history_reload(struct view *v, struct err *e)
{
	struct history *s = v->state;

	(void)e; /* shown on the page itself */
	audit_list_reload(&s->entries, v);
	return 0;
}

static bool
history_more(struct view *v)
{
	struct history *s = v->state;

	return audit_list_more(&s->entries, v);
}

/* --- drawing --- */

static size_t
who_cells(const struct area *a)
{
	return a->cols >= WIDE_COLS ? 20 : 8;
}

static size_t
when_draw(const struct area *a, size_t row, const struct audit_row *n)
{
	char text[CLOCK_TEXT_SIZE];
	size_t c = 3;

	if (a->cols < NARROW_COLS) {
		show_age(text, n->time_s);
		return paint_fit(a, row, c, 5, INK_DIM, TEXT_CUT_END, text);
	}
	clock_text(text, n->time_s);
	text[10] = ' ';
	text[16] = '\0';
	c = paint_fit(a, row, c, WHO_COL - 3, INK_DIM, TEXT_CUT_END, text);
	(void)paint_fit(a, row, c, who_cells(a) - 1, INK_TEXT, TEXT_CUT_END, n->who);
	c += who_cells(a);
	if (a->cols >= WIDE_COLS)
		c = paint_fit(a, row, c, AS_CELLS, n->is_signed ? INK_OK : INK_DIM, TEXT_CUT_END,
		              n->is_signed ? "signed" : "record");
	return c;
}

static void
row_draw(const struct area *a, size_t row, const struct audit_row *n)
{
	size_t c = when_draw(a, row, n);

	if (n->is_glass)
		c = paint_text(a, row, c, INK_BAD, "BREAK-GLASS ");
	(void)paint_fit(a, row, c, a->cols > c ? a->cols - c : 0, n->is_glass ? INK_BAD : INK_TEXT,
	                TEXT_CUT_END, n->what);
}

static void
head_draw(const struct area *a)
{
	paint_text(a, 0, 3, INK_DIM, "TIME (UTC)");
	size_t c = paint_fit(a, 0, WHO_COL, who_cells(a), INK_DIM, TEXT_CUT_END, "WHO");
	if (a->cols >= WIDE_COLS)
		c = paint_fit(a, 0, c, AS_CELLS, INK_DIM, TEXT_CUT_END, "AS");
	paint_text(a, 0, c, INK_DIM, "WHAT");
}

static void
history_draw(struct view *v, const struct area *a)
{
	struct history *s = v->state;
	struct list *l = &s->entries.list;
	bool known;
	const size_t total = audit_rows_total(&s->entries.rows, &known);
	const size_t top = filter_draw(v, a, total, !known, "events");
	struct area list = area_rows(a, top, a->rows);

	if (s->entries.failed.code != ERR_OK) {
		show_error(&list, 1, &s->entries.failed);
		return;
	}
	if (a->rows >= 6 && a->cols >= NARROW_COLS) {
		head_draw(&list);
		list = area_rows(&list, 1, list.rows);
	}
	if (total == 0)
		paint_prose(&list, 0, 1, INK_TEXT,
		            v->is_unfinished
		                    ? "searching ..."
		                    : "no event matches these words; / then Esc clears them");
	v->page = list.rows;
	list_fit(l, v->page);
	for (size_t i = 0; i < list.rows; i++) {
		const struct audit_row *n = audit_rows_row(&s->entries.rows, l->top + i);
		if (!n)
			break;
		row_draw(&list, i, n);
		list_mark(&list, i, l->top + i == l->cursor);
	}
}

/* --- acts --- */

static enum handled
history_action(struct view *v, enum action act, struct view_request *ret)
{
	struct history *s = v->state;

	if (audit_list_move(&s->entries, v, act))
		return HANDLED;
	return act == ACT_OPEN ? audit_list_open_about(&s->entries, v, ret) : NOT_HANDLED;
}

static void
history_title(const struct view *v, struct buf *ret)
{
	if (!v->below || streq(v->below->ops->name, "models"))
		buf_addf(ret, "%s > ", v->arg);
	buf_adds(ret, "history");
}

static void
history_subject(const struct view *v, struct view_subject *ret)
{
	const struct history *s = v->state;

	audit_list_subject(&s->entries, ret);
}

static void
history_close(struct view *v)
{
	struct history *s = v->state;

	audit_list_fini(&s->entries);
}

static bool
history_can(const struct view *v, enum action act)
{
	const struct history *s = v->state;

	return act != ACT_OPEN || audit_list_chosen(&s->entries) != NULL;
}

static const struct hint hints[] = {
	{ ACT_OPEN, "what it is about" },
	{ ACT_JOBS, "jobs" },
	{ ACT_AUDIT, "the whole log" },
	{ 0, NULL },
};

const struct view_ops view_history = {
	.name = "history",
	.state_size = sizeof(struct history),
	.open = history_open,
	.reload = history_reload,
	.more = history_more,
	.title = history_title,
	.draw = history_draw,
	.action = history_action,
	.subject = history_subject,
	.close = history_close,
	.can = history_can,
	.has_filter = true,
	.hints = hints,
};
