/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: movement that never leaves the rows, and the filter. Knows nothing of what the rows are.
 */
#include "tui/view/list.h"

#include <stdio.h>
#include <string.h>

bool
list_move(struct list *l, enum action act, size_t page)
{
	const size_t last = l->n > 0 ? l->n - 1 : 0;
	const size_t step = page > 1 ? page - 1 : 1;

	if (act == ACT_UP)
		l->cursor -= l->cursor > 0;
	else if (act == ACT_DOWN)
		l->cursor += l->cursor < last;
	else if (act == ACT_PAGE_UP)
		l->cursor = l->cursor > step ? l->cursor - step : 0;
	else if (act == ACT_PAGE_DOWN)
		l->cursor = last - l->cursor > step ? l->cursor + step : last;
	else if (act == ACT_TOP)
		l->cursor = 0;
	else if (act == ACT_BOTTOM)
		l->cursor = last;
	else
		return false;
	return true;
}

void
list_fit(struct list *l, size_t page)
{
	if (l->cursor >= l->n)
		l->cursor = l->n > 0 ? l->n - 1 : 0;
	if (page == 0)
		return;
	if (l->cursor < l->top)
		l->top = l->cursor;
	if (l->cursor >= l->top + page)
		l->top = l->cursor - page + 1;
	if (l->top + page > l->n)
		l->top = l->n > page ? l->n - page : 0;
}

void
list_follow(struct list *l, size_t at, size_t page)
{
	const size_t below = l->cursor > l->top ? l->cursor - l->top : 0;

	l->cursor = at;
	l->top = at > below ? at - below : 0;
	list_fit(l, page);
}

void
list_mark(const struct area *a, size_t row, bool is_chosen)
{
	paint_choice(a, row, is_chosen);
	if (!is_chosen)
		return;
	paint_text(a, row, 1, INK_TEXT, ">");
	paint_select(a, row);
	paint_cursor(a, row, 1, false);
}

void
list_count(char ret[static 64], size_t n, bool more, const char *what)
{
	char word[32];
	int len = snprintf(word, sizeof(word), "%.30s", what);

	if (n == 1 && !more && len > 3) {
		const bool is_ies = streq(word + len - 3, "ies");
		len -= is_ies ? 3 : 1;
		(void)str_copy(word + len, sizeof(word) - (size_t)len, is_ies ? "y" : "");
	}
	(void)snprintf(ret, 64, "%zu%s %s ", n, more ? " or more" : "", word);
}

size_t
filter_draw(const struct view *v, const struct area *a, size_t n, bool more, const char *what)
{
	char count[64];
	size_t col;

	if (!v->filter[0] && !v->is_filtering)
		return 0;
	col = paint_text(a, 0, 1, INK_KEY, "/ ");
	col = paint_text(a, 0, col, INK_TEXT, v->filter);
	if (v->is_filtering)
		paint_cursor(a, 0, col, true);
	list_count(count, n, more, what);
	if (col + 2 + strlen(count) <= a->cols)
		paint_right(a, 0, a->cols, strlen(count), INK_DIM, count);
	return 1;
}
