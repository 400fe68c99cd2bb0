/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A menu: at the foot of the page, so that the row it speaks of stays in sight. The screen below is
 * frozen while it is open: what a pick acts on is what was chosen when it opened.
 */
#include <string.h>

#include "tui/console_private.h"
#include "tui/view/list.h"

void
menu_open(struct console *c, struct view_request *r)
{
	struct menu *m = &c->prompt.act.menu;

	if (r->menu.items.n == 0)
		return;
	request_fini(&c->prompt.act);
	*m = r->menu;
	r->menu = (struct menu){ 0 };
	c->acts.menu = MENU_VIEW;
	prompt_open(c, PROMPT_MENU);
}

static void
pick(struct console *c, size_t item)
{
	struct view *v = console_top(c);
	struct view_request r = { 0 };
	enum handled h = NOT_HANDLED;
	const bool stays = c->prompt.act.menu.stays;

	if (c->prompt.act.menu.items.v[item].is_off)
		return;
	if (stays)
		c->prompt.act.menu.items.v[item].is_checked ^= true;
	else
		prompt_close(c);
	if (c->acts.menu != MENU_VIEW) {
		acts_pick(c, item);
		return;
	}
	if (v->ops->picked)
		h = v->ops->picked(v, item, &r);
	console_take(c, h, &r);
	request_fini(&r);
}

void
menu_key(struct console *c, const struct key *k)
{
	struct menu *m = &c->prompt.act.menu;
	struct list l = { .n = m->items.n, .cursor = m->cursor };
	const enum action act = key_action(k, "menu");

	if (k->is_pasted)
		return;
	for (size_t i = 0; k->code == K_CHAR && i < m->items.n; i++)
		if (streq(m->items.v[i].key, k->text)) {
			m->cursor = i;
			pick(c, i);
			return;
		}
	if (list_move(&l, act, m->items.n))
		m->cursor = l.cursor;
	else if (act == ACT_OPEN || act == ACT_RIGHT || (act == ACT_MARK && m->stays))
		pick(c, m->cursor);
	else if (act == ACT_BACK || act == ACT_LEFT)
		prompt_close(c);
}

void
menu_draw(const struct console *c, const struct area *a)
{
	const struct menu *m = &c->prompt.act.menu;
	const size_t rows = m->items.n + 1 < a->rows ? m->items.n + 1 : a->rows;
	const size_t shown = rows > 0 ? rows - 1 : 0;
	const struct area box = area_rows(a, a->rows - rows, rows);
	struct list l = { .n = m->items.n, .cursor = m->cursor };

	if (shown == 0)
		return;
	paint_blank(&box);
	paint_rule(&box, 0, m->title);
	list_fit(&l, shown);
	for (size_t i = 0; i < shown; i++) {
		const struct menu_item *it = &m->items.v[l.top + i];
		size_t col = paint_text(&box, i + 1, 3, INK_KEY, it->key[0] ? it->key : " ");
		col = paint_text(&box, i + 1, col + 1, INK_TEXT, it->is_checked ? "*" : " ");
		paint_fit(&box, i + 1, col + 1, box.cols > col + 2 ? box.cols - col - 2 : 0,
		          it->is_off ? INK_DIM : INK_TEXT, TEXT_CUT_END, it->text);
		list_mark(&box, i + 1, l.top + i == m->cursor);
	}
}
