/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that the console had to say since it started, newest first and numbered; Enter shows
 * one whole. Seeing the list is reading them all. Identity is the number.
 */
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/lines.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define NARROW_COLS 60u
#define CODE_COLS   100u /* from here on the code has a column */

struct seen {
	struct list list;
	VEC(size_t) found; /* newest first, those that match */
	size_t chosen;     /* its number; 0: the newest */
};

static bool
matches(const char *filter, const struct notice *n)
{
	const char *const texts[] = { n->text, n->hint, n->code, n->is_bad ? "bad" : "info", NULL };

	return filter_match_any(filter, texts);
}

static int
notices_reload(struct view *v, struct err *e)
{
	struct seen *s = v->state;
	struct notices *all = &v->shared->notices;

	(void)e;
	s->found.n = 0;
	for (size_t i = all->list.n; i-- > 0;)
		if (matches(v->filter, &all->list.v[i]))
			vec_push(&s->found, i);
	s->list.n = s->found.n;
	for (size_t i = 0; i < s->found.n; i++)
		if (s->found.v[i] + 1 == s->chosen)
			s->list.cursor = i;
	list_fit(&s->list, v->page);
	all->read = all->list.n;
	return 0;
}

static const struct notice *
chosen(const struct view *v)
{
	const struct seen *s = v->state;

	return s->list.cursor < s->found.n ? &v->shared->notices.list.v[s->found.v[s->list.cursor]]
	                                   : NULL;
}

static void
time_text(const struct notice *n, char ret[static 24])
{
	char when[CLOCK_TEXT_SIZE];

	clock_text(when, n->time_s);
	(void)snprintf(ret, 24, "%.8sZ", strlen(when) > 11 ? when + 11 : when);
}

static void
row_draw(const struct area *a, size_t row, size_t number, const struct notice *n)
{
	char text[24];
	size_t c = 3;

	(void)snprintf(text, sizeof(text), "%zu", number);
	paint_right(a, row, c + 4, 4, INK_DIM, text);
	c += 6;
	time_text(n, text);
	if (a->cols >= NARROW_COLS)
		c = paint_fit(a, row, c, 11, INK_DIM, TEXT_CUT_END, text);
	if (a->cols >= CODE_COLS)
		c = paint_fit(a, row, c, 14, INK_TEXT, TEXT_CUT_END, n->code[0] ? n->code : "-");
	c = paint_text(a, row, c, n->is_bad ? INK_BAD : INK_DIM, n->is_bad ? "! " : "i ");
	const size_t room = a->cols > c ? a->cols - c : 0, width = paint_width(n->text);
	(void)paint_fit(a, row, c, room, n->is_bad ? INK_BAD : INK_TEXT, TEXT_CUT_END, n->text);
	if (n->hint[0] && width + 10 < room)
		(void)paint_fit(a, row, c + width + 2, room - width - 2, INK_DIM, TEXT_CUT_END,
		                n->hint);
}

static void
notices_draw(struct view *v, const struct area *a)
{
	struct seen *s = v->state;
	const size_t top = filter_draw(v, a, s->found.n, false, "notices");
	const struct area list = area_rows(a, top, a->rows);

	v->page = list.rows;
	if (s->found.n == 0)
		paint_prose(&list, 1, 1, INK_TEXT,
		            v->filter[0] ? "no notice matches these words; / then Esc clears them"
		                         : "nothing has been said since the console started");
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && s->list.top + i < s->found.n; i++) {
		const size_t at = s->found.v[s->list.top + i];
		row_draw(&list, i, at + 1, &v->shared->notices.list.v[at]);
		list_mark(&list, i, s->list.top + i == s->list.cursor);
	}
}

static enum handled
notices_action(struct view *v, enum action act, struct view_request *ret)
{
	struct seen *s = v->state;

	if (list_move(&s->list, act, v->page)) {
		s->chosen = s->list.cursor > 0 && s->list.cursor < s->found.n
		                    ? s->found.v[s->list.cursor] + 1
		                    : 0;
		return HANDLED;
	}
	if (act != ACT_OPEN || !chosen(v))
		return NOT_HANDLED;
	(void)str_copy(ret->view, sizeof(ret->view), "notice");
	(void)snprintf(ret->arg, sizeof(ret->arg), "%zu", s->found.v[s->list.cursor] + 1);
	return OPEN_VIEW;
}

static void
notices_why_not(const struct view *v, enum action act, struct buf *ret)
{
	(void)v;
	if (act == ACT_OPEN)
		buf_adds(ret, "there is no notice to open");
}

static void
notices_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "notices");
}

static void
subject_of(const struct notice *n, struct view_subject *ret)
{
	char when[CLOCK_TEXT_SIZE];

	clock_text(when, n->time_s);
	(void)snprintf(ret->text, sizeof(ret->text), "%s %s%s%.250s%s%.80s", when, n->code,
	               n->code[0] ? ": " : "", n->text, n->hint[0] ? "; " : "", n->hint);
}

static void
notices_subject(const struct view *v, struct view_subject *ret)
{
	if (chosen(v))
		subject_of(chosen(v), ret);
}

static void
notices_close(struct view *v)
{
	struct seen *s = v->state;

	vec_fini(&s->found);
}

static bool
notices_can(const struct view *v, enum action act)
{
	(void)act;
	return chosen(v) != NULL;
}

static const struct hint notices_hints[] = { { ACT_OPEN, "show whole" },
	                                     { ACT_COPY, "copy" },
	                                     { 0, NULL } };

const struct view_ops view_notices = {
	.name = "notices",
	.state_size = sizeof(struct seen),
	.reload = notices_reload,
	.title = notices_title,
	.draw = notices_draw,
	.action = notices_action,
	.subject = notices_subject,
	.close = notices_close,
	.can = notices_can,
	.why_not = notices_why_not,
	.has_filter = true,
	.hints = notices_hints,
};

/* --- one of them --- */

struct whole {
	struct lines lines;
};

static const struct notice *
notice_of(const struct view *v)
{
	const struct notices *all = &v->shared->notices;
	uint64_t number;

	if (parse_u64(v->arg, UINT32_MAX, &number) < 0 || number == 0 || number > all->list.n)
		return NULL;
	return &all->list.v[number - 1];
}

static int
notice_open(struct view *v, struct err *e)
{
	struct whole *s = v->state;
	const struct notice *n = notice_of(v);
	char when[CLOCK_TEXT_SIZE], ago[24];

	if (!n)
		return err_set(e, ERR_NOT_FOUND, "there is no notice %s", v->arg);
	clock_text(when, n->time_s);
	show_ago(ago, n->time_s);
	lines_add_text(&s->lines, n->is_bad ? INK_BAD : INK_TEXT, str_of(n->text));
	lines_add(&s->lines, INK_TEXT, "%s", "");
	if (n->hint[0])
		lines_add(&s->lines, INK_TEXT, "next      %s", n->hint);
	if (n->code[0])
		lines_add(&s->lines, INK_TEXT, "code      %s, see slipway-exit-codes(7)", n->code);
	lines_add(&s->lines, INK_DIM, "said      %s, %s", when, ago);
	return 0;
}

static void
notice_draw(struct view *v, const struct area *a)
{
	struct whole *s = v->state;

	v->page = a->rows;
	lines_draw(&s->lines, a);
}

static enum handled
notice_action(struct view *v, enum action act, struct view_request *ret)
{
	struct whole *s = v->state;

	(void)ret;
	return lines_move(&s->lines, act, v->page) ? HANDLED : NOT_HANDLED;
}

static void
notice_title(const struct view *v, struct buf *ret)
{
	buf_addf(ret, "notice %s", v->arg);
}

static void
notice_subject(const struct view *v, struct view_subject *ret)
{
	if (notice_of(v))
		subject_of(notice_of(v), ret);
}

static void
notice_close(struct view *v)
{
	struct whole *s = v->state;

	lines_fini(&s->lines);
}

static const struct hint notice_hints[] = { { ACT_COPY, "copy" }, { 0, NULL } };

const struct view_ops view_notice = {
	.name = "notice",
	.state_size = sizeof(struct whole),
	.open = notice_open,
	.title = notice_title,
	.draw = notice_draw,
	.action = notice_action,
	.subject = notice_subject,
	.close = notice_close,
	.hints = notice_hints,
};
