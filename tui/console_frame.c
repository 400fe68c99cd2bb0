/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands around a view: title, notice line, line of keys. The clock shows minutes and moves
 * only with a frame that has another reason, so that an idle console sends nothing.
 */
#include "tui/console_private.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"

#define MIN_ROWS     4u /* below: the one sentence */
#define MIN_COLS     20u
#define WIDE_COLS    70u /* from here on filter and command have their place among the keys */
#define COMPACT_ROWS 8u  /* below: no line of keys */

void
console_path(const struct console *c, struct buf *ret)
{
	const size_t from = c->depth > 1 ? 1 : 0; /* home goes without saying from depth */

	buf_adds(ret, "slipway");
	for (size_t i = from; i < c->depth; i++) {
		const struct view *v = c->stack[i];
		buf_adds(ret, " > ");
		if (v->ops->title)
			v->ops->title(v, ret);
		else
			buf_adds(ret, v->ops->name);
	}
}

static const char *
registry_name(const struct console *c)
{
	const char *slash;

	if (!c->app->registry)
		return "none";
	slash = strrchr(c->app->registry->dir, '/');
	return slash && slash[1] ? slash + 1 : c->app->registry->dir;
}

static void
who_make(const struct console *c, struct buf *ret)
{
	cleanup_buf struct buf left = { 0 };

	if (!c->shared.who[0])
		buf_adds(ret, "no key");
	else if (!c->key_is_encrypted)
		buf_addf(ret, "%s: key unlocked", c->shared.who);
	else if (secret_left(&c->secret, &left))
		buf_addf(ret, "%s: key unlocked %s", c->shared.who, buf_cstr(&left));
	else
		buf_addf(ret, "%s: key locked", c->shared.who);
}

static void
title_draw(const struct console *c, const struct area *a)
{
	cleanup_buf struct buf path = { 0 };
	cleanup_buf struct buf facts = { 0 };
	cleanup_buf struct buf who = { 0 };
	char now[CLOCK_TEXT_SIZE];

	clock_text(now, clock_now_s());
	now[16] = '\0';
	console_path(c, &path);
	who_make(c, &who);
	const size_t fixed = paint_width(buf_cstr(&path)) + paint_width(buf_cstr(&who)) + 16;
	if (a->cols >= 60) {
		const size_t name = paint_width(registry_name(c));
		buf_addf(&facts, fixed + name + 9 <= a->cols ? "registry %.24s   " : "%.16s   ",
		         registry_name(c));
		buf_addf(&facts, "%s   ", buf_cstr(&who));
	}
	buf_addf(&facts, "%sZ", now + 11);
	paint_fill(a, 0, INK_TITLE);
	const size_t right = paint_width(buf_cstr(&facts));
	const size_t room = a->cols > right + 3 ? a->cols - right - 3 : a->cols - 1;
	(void)paint_fit(a, 0, 1, room, INK_TITLE, TEXT_CUT_MIDDLE, buf_cstr(&path));
	if (a->cols > right + 3)
		(void)paint_text(a, 0, a->cols - right - 1, INK_TITLE, buf_cstr(&facts));
}

static void
notice_draw(const struct console *c, const struct area *a)
{
	const struct notice *n = notice_oldest_unread(&c->shared.notices);
	const size_t unread = c->shared.notices.list.n - c->shared.notices.read;
	char age[16], text[800];

	if (c->flash[0]) {
		(void)paint_fit(a, 0, 1, a->cols - 1, INK_WAIT, TEXT_CUT_END, c->flash);
	} else if (n) {
		text_age(age, n->time_s, clock_now_s());
		(void)snprintf(text, sizeof(text), "[%s] %zu notice%s, oldest %s: %s",
		               n->is_bad ? "!" : "i", unread, unread == 1 ? "" : "s", age, n->text);
		const size_t tail = a->cols >= 60 ? 13 : 4;
		const size_t end = paint_fit(a, 0, 1, a->cols - tail - 1,
		                             n->is_bad ? INK_BAD : INK_TEXT, TEXT_CUT_END, text);
		paint_right(a, 0, a->cols, end < a->cols ? a->cols - end : 1, INK_KEY,
		            a->cols >= 60 ? "(! to read)" : "(!)");
	} else if (c->children.n > 0) {
		(void)snprintf(text, sizeof(text), "runs: %.700s", c->children.v[0]->command);
		(void)paint_fit(a, 0, 1, a->cols - 1, INK_WAIT, TEXT_CUT_END, text);
	}
}

static size_t
key_draw(const struct area *a, size_t col, size_t end, const char *keys, const char *text)
{
	const size_t n = strcspn(keys, " ");
	char one[32];

	if (n == 0 || n >= sizeof(one) || col + n + 1 + strlen(text) > end)
		return col;
	memcpy(one, keys, n);
	one[n] = '\0';
	col = paint_text(a, 0, col, INK_KEY, one);
	return paint_text(a, 0, col + 1, INK_DIM, text) + 2;
}

static void
keys_draw(const struct console *c, const struct area *a)
{
	static const struct hint always[] = { { ACT_FILTER, "filter" },
		                              { ACT_COMMAND, "command" } };
	const struct view *v = c->stack[c->depth - 1];
	const char *back = c->depth > 1 ? "back" : "quit";
	const size_t tail = a->cols >= 24 ? strlen("  ? keys  q back") : 0;
	size_t col = 1, end = a->cols - tail;

	if (c->prompt.kind != PROMPT_NONE) {
		paint_fit(a, 0, 1, a->cols - 1, INK_DIM, TEXT_CUT_END, prompt_hint(c));
		return;
	}
	if (a->cols >= WIDE_COLS) /* acts that do not fit are on the page of keys */
		for (size_t i = 0; i < COUNT(always); i++)
			if (always[i].act != ACT_FILTER || v->ops->has_filter)
				end -= strlen(action_keys(always[i].act)) + strlen(always[i].text) +
				       3;
	for (const struct hint *h = v->ops->hints; h && h->text; h++)
		if (!v->ops->can || v->ops->can(v, h->act))
			col = key_draw(a, col, end, action_keys(h->act), h->text);
	for (size_t i = 0; a->cols >= WIDE_COLS && i < COUNT(always); i++)
		if (always[i].act != ACT_FILTER || v->ops->has_filter)
			col = key_draw(a, col, a->cols, action_keys(always[i].act), always[i].text);
	col = key_draw(a, col, a->cols, action_keys(ACT_HELP), "keys");
	(void)key_draw(a, col, a->cols, action_keys(ACT_BACK), back);
}

static void
too_small_draw(const struct area *a)
{
	(void)paint_fit(a, 0, 0, a->cols, INK_TEXT, TEXT_CUT_END,
	                "too small, 40x12 needed; q leaves");
}

void
console_draw(struct console *c)
{
	struct grid *g = screen_grid(c->screen);
	const struct area all = area_of(g);
	struct view *v = console_top(c);
	size_t foot;

	if (all.rows == 0 || all.cols == 0)
		return;
	if (all.rows < MIN_ROWS || all.cols < MIN_COLS) {
		too_small_draw(&all);
		return;
	}
	foot = all.rows >= COMPACT_ROWS ? 2 : 1;
	const struct area title = area_rows(&all, 0, 1);
	const struct area page = area_rows(&all, 1, all.rows - 1 - foot);
	const struct area notice = area_rows(&all, all.rows - foot, 1);
	title_draw(c, &title);
	v->cols = all.cols;
	v->ops->draw(v, &page);
	notice_draw(c, &notice);
	if (foot == 2) {
		const struct area keys = area_rows(&all, all.rows - 1, 1);
		keys_draw(c, &keys);
	}
	if (c->prompt.kind == PROMPT_MENU) {
		menu_draw(c, &page);
		return;
	}
	size_t rows = prompt_rows(c, all.cols);
	if (rows > 0) {
		const size_t end = all.rows - foot + 1; /* the notice line is its last row */
		rows = rows < end - 1 ? rows : end - 1;
		const struct area ask = area_rows(&all, end - rows, rows);
		prompt_draw(c, &ask);
	}
}
