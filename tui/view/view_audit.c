/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: every entry, newest first, a page at a time however long it is. The title says what this
 * person's last `audit verify` found and when; v runs it. Signatures are shown as there or not:
 * nothing is verified here.
 */
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/checked.h"
#include "tui/view/audit_list.h"
#include "tui/view/show.h"
#include "tui/view/table.h"
#include "tui/view/views.h"

#define NARROW_COLS 60u

enum { COL_SEQ, COL_TIME, COL_WHO, COL_TYPE, COL_AS, COL_WHAT, COLS };

struct audit {
	struct audit_list entries;
	struct table table;
	struct table_column columns[COLS];
	struct checked checked;
};

static const struct table_column columns[COLS] = {
	[COL_SEQ] = { .name = "entry", .head = "ENTRY", .width = 8, .is_right = true },
	[COL_TIME] = { .name = "time", .head = "TIME (UTC)", .width = 17 },
	[COL_WHO] = { .name = "who", .head = "WHO", .width = 9, .from_cols = NARROW_COLS },
	[COL_TYPE] = { .name = "type", .head = "TYPE", .width = 14, .from_cols = 110 },
	[COL_AS] = { .name = "signed or not", .head = "AS", .width = 8, .from_cols = 100 },
	[COL_WHAT] = { .name = "what", .head = "WHAT", .width = 0 },
};

static void
columns_fit(struct audit *s, size_t cols)
{
	const bool narrow = cols < NARROW_COLS;

	s->columns[COL_SEQ].width = narrow ? 6 : 8;
	s->columns[COL_TIME].width = narrow ? 5 : 17;
	s->columns[COL_TIME].head = narrow ? "AGE" : "TIME (UTC)";
}

static int
audit_open(struct view *v, struct err *e)
{
	struct audit *s = v->state;

	(void)e;
	memcpy(s->columns, columns, sizeof(columns));
	table_init(&s->table, s->columns, COLS);
	return 0;
}

static int
audit_reload(struct view *v, struct err *e)
{
	struct audit *s = v->state;

	(void)e; /* shown on the page itself */
	audit_list_reload(&s->entries, v);
	if (v->app->registry)
		(void)checked_look(v->app->registry->id, NULL, NULL, &s->checked);
	return 0;
}

static bool
audit_more(struct view *v)
{
	struct audit *s = v->state;

	return audit_list_more(&s->entries, v);
}

/* --- drawing --- */

static void
time_cell(const struct view *v, const struct audit_row *n, struct table_cell *ret)
{
	char text[CLOCK_TEXT_SIZE];

	if (v->cols < NARROW_COLS) {
		show_age(text, n->time_s);
	} else {
		clock_text(text, n->time_s);
		text[10] = ' ';
		text[16] = '\0';
	}
	(void)str_copy(ret->text, sizeof(ret->text), text);
	ret->ink = INK_DIM;
}

/* The name of the model gives way to what happened to it. */
static void
what_cell(const struct view *v, const struct audit_row *n, struct table_cell *ret)
{
	const size_t room = v->cols >= 100 ? 60 : v->cols >= NARROW_COLS ? 16 : 10;
	const bool is_long = strlen(n->model) > room;

	(void)snprintf(ret->text, sizeof(ret->text), "%s%.*s%s%s%.200s",
	               n->is_glass ? "BREAK-GLASS " : "", (int)room, n->model, is_long ? ".." : "",
	               n->model[0] ? ": " : "", n->what);
}

static void
cell(const struct view *v, const void *row, size_t column, struct table_cell *ret)
{
	const struct audit_row *n = row;

	switch (column) {
	case COL_SEQ:
		(void)snprintf(ret->text, sizeof(ret->text), "%llu", (unsigned long long)n->seq);
		break;
	case COL_TIME:
		time_cell(v, n, ret);
		break;
	case COL_WHO:
		(void)str_copy(ret->text, sizeof(ret->text), n->who);
		break;
	case COL_TYPE:
		(void)str_copy(ret->text, sizeof(ret->text), n->type);
		break;
	case COL_AS:
		(void)str_copy(ret->text, sizeof(ret->text), n->is_signed ? "signed" : "record");
		ret->ink = n->is_signed ? INK_TEXT : INK_DIM;
		break;
	default:
		what_cell(v, n, ret);
		ret->ink = n->is_glass ? INK_BAD : INK_TEXT;
	}
}

static void
audit_draw(struct view *v, const struct area *a)
{
	struct audit *s = v->state;
	bool known;
	const size_t total = audit_rows_total(&s->entries.rows, &known);
	const size_t top = filter_draw(v, a, total, !known, "entries");
	struct area list = area_rows(a, top, a->rows);

	if (s->entries.failed.code != ERR_OK) {
		show_error(&list, 1, &s->entries.failed);
		return;
	}
	columns_fit(s, a->cols);
	if (a->rows >= 6) {
		table_head_draw(&s->table, &list, 0);
		list = area_rows(&list, 1, list.rows);
	}
	if (total == 0)
		paint_prose(&list, 0, 1, INK_TEXT,
		            v->is_unfinished
		                    ? "searching ..."
		                    : "no entry matches these words; / then Esc clears them");
	v->page = list.rows;
	list_fit(&s->entries.list, v->page);
	for (size_t i = 0; i < list.rows; i++) {
		const struct audit_row *n =
		        audit_rows_row(&s->entries.rows, s->entries.list.top + i);
		if (!n)
			break;
		table_row_draw(&s->table, v, &list, i, cell, n,
		               s->entries.list.top + i == s->entries.list.cursor, false);
	}
}

/* --- acts --- */

static enum handled
audit_action(struct view *v, enum action act, struct view_request *ret)
{
	struct audit *s = v->state;
	const struct audit_row *n = audit_list_chosen(&s->entries);

	if (audit_list_move(&s->entries, v, act))
		return HANDLED;
	if (act == ACT_COLUMNS)
		return table_action(&s->table, v, &s->entries.list, NULL, act, ret);
	if (act == ACT_VERIFY) {
		words_of(&ret->argv, "audit", "verify");
		ret->reads = true;
		return RUN_ARGV;
	}
	if (act == ACT_HISTORY && n && n->model[0]) {
		(void)str_copy(ret->view, sizeof(ret->view), "history");
		(void)str_copy(ret->arg, sizeof(ret->arg), n->model);
		return OPEN_VIEW;
	}
	return act == ACT_OPEN ? audit_list_open(&s->entries, ret) : NOT_HANDLED;
}

static enum handled
audit_picked(struct view *v, size_t item, struct view_request *ret)
{
	struct audit *s = v->state;

	(void)ret;
	(void)table_picked(&s->table, item);
	return HANDLED;
}

static void
audit_title(const struct view *v, struct buf *ret)
{
	const struct audit *s = v->state;
	const struct checked *c = &s->checked;
	char ago[24];

	buf_adds(ret, "audit: ");
	show_ago(ago, c->time_s);
	if (c->time_s == 0)
		buf_adds(ret, "not checked");
	else if (!c->is_good)
		buf_addf(ret, "FAILED %s", ago);
	else if (c->size < s->entries.rows.entries)
		buf_addf(ret, "%llu of %llu verified %s", (unsigned long long)c->size,
		         (unsigned long long)s->entries.rows.entries, ago);
	else
		buf_addf(ret, "all %llu verified %s", (unsigned long long)c->size, ago);
}

static void
audit_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct audit *s = v->state;

	if (act == ACT_HISTORY && audit_list_chosen(&s->entries))
		buf_addf(ret, "entry %llu is about no model",
		         (unsigned long long)audit_list_chosen(&s->entries)->seq);
	else if (act == ACT_SORT)
		buf_adds(ret, "a log has one order");
}

static void
audit_subject(const struct view *v, struct view_subject *ret)
{
	const struct audit *s = v->state;

	audit_list_subject(&s->entries, ret);
}

static bool
audit_can(const struct view *v, enum action act)
{
	const struct audit *s = v->state;
	const struct audit_row *n = audit_list_chosen(&s->entries);

	if (act == ACT_OPEN)
		return n != NULL;
	return act != ACT_HISTORY || (n && n->model[0]);
}

static void
audit_close(struct view *v)
{
	struct audit *s = v->state;

	audit_list_fini(&s->entries);
	table_fini(&s->table);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "whole entry" },
	{ ACT_VERIFY, "verify the log" },
	{ ACT_HISTORY, "history" },
	{ ACT_COLUMNS, "columns" },
	{ 0, NULL },
};

const struct view_ops view_audit = {
	.name = "audit",
	.state_size = sizeof(struct audit),
	.open = audit_open,
	.reload = audit_reload,
	.more = audit_more,
	.title = audit_title,
	.draw = audit_draw,
	.action = audit_action,
	.picked = audit_picked,
	.subject = audit_subject,
	.close = audit_close,
	.can = audit_can,
	.why_not = audit_why_not,
	.has_filter = true,
	.hints = hints,
};
