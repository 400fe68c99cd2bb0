/* SPDX-License-Identifier: Apache-2.0 */
/* Columns that fit, marks by identity, and the two menus. */
#include "tui/view/table.h"

#include <stdio.h>
#include <string.h>

#define LEFT      3u /* the mark, the arrow and a gap */
#define REST_MIN  8u
#define REST_MAX  60u /* the eye does not find the row again behind a wider gap */
#define MARKS_MAX 1000u

void
table_init(struct table *t, const struct table_column *columns, size_t n)
{
	t->columns = columns;
	t->n = n;
	t->last_mark = SIZE_MAX;
}

void
table_fini(struct table *t)
{
	vec_foreach(m, &t->marks)
		free(*m);
	vec_fini(&t->marks);
}

/* --- columns --- */

static uint32_t
bit(size_t column)
{
	return UINT32_C(1) << column;
}

static bool
is_wanted(const struct table *t, size_t i, size_t cols)
{
	if (t->hidden & bit(i))
		return false;
	return (t->shown & bit(i)) != 0 || cols >= t->columns[i].from_cols;
}

/* Which stand on a screen of cols cells, and how many are left for the one that takes the rest. The
 * last ones go first where all do not fit. */
static uint32_t
layout(const struct table *t, size_t cols, size_t *ret_rest)
{
	size_t used = LEFT + REST_MIN;
	uint32_t ret = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (!is_wanted(t, i, cols) || used + t->columns[i].width > cols)
			continue;
		ret |= bit(i);
		used += t->columns[i].width;
	}
	*ret_rest = REST_MIN + (cols > used ? cols - used : 0);
	if (*ret_rest > REST_MAX)
		*ret_rest = REST_MAX;
	return ret;
}

static size_t
width_of(const struct table *t, size_t i, size_t rest)
{
	return t->columns[i].width > 0 ? t->columns[i].width : rest;
}

static void
cell_draw(const struct area *a, size_t row, size_t col, size_t width, bool is_right,
          const struct table_cell *c)
{
	const size_t text = width > 1 ? width - 1 : width;

	if (is_right)
		paint_right(a, row, col + text, text, c->ink, c->text);
	else
		(void)paint_fit(a, row, col, text, c->ink, c->cut, c->text);
}

static const char *
arrow(const struct table *t, bool ascii)
{
	if (ascii)
		return t->descends ? "v" : "^";
	return t->descends ? "▾" : "▴";
}

void
table_head_draw(const struct table *t, const struct area *a, size_t row)
{
	size_t rest, col = LEFT;
	const uint32_t shown = layout(t, a->cols, &rest);

	for (size_t i = 0; i < t->n; i++) {
		const struct table_column *c = &t->columns[i];
		struct table_cell cell = { .ink = c->ink == INK_TEXT ? INK_DIM : c->ink };
		if (!(shown & bit(i)))
			continue;
		const bool sorted = c->sort != 0 && c->sort == t->sort;
		(void)snprintf(cell.text, sizeof(cell.text), "%s%s", c->head,
		               sorted ? arrow(t, a->g->ascii) : "");
		const size_t width = width_of(t, i, rest);
		cell_draw(a, row, col, width, c->is_right, &cell);
		col += width;
	}
}

void
table_row_draw(const struct table *t, const struct view *v, const struct area *a, size_t row,
               table_cell_fn *fn, const void *item, bool is_chosen, bool is_marked)
{
	size_t rest, col = LEFT;
	const uint32_t shown = layout(t, a->cols, &rest);

	for (size_t i = 0; i < t->n; i++) {
		struct table_cell cell;
		if (!(shown & bit(i)))
			continue;
		cell.text[0] = '\0';
		cell.ink = INK_TEXT;
		cell.cut = TEXT_CUT_END;
		fn(v, item, i, &cell);
		const size_t width = width_of(t, i, rest);
		cell_draw(a, row, col, width, t->columns[i].is_right, &cell);
		col += width;
	}
	if (is_marked)
		(void)paint_text(a, row, 0, INK_KEY, "*");
	list_mark(a, row, is_chosen);
}

/* --- marks --- */

static size_t
mark_find(const struct table *t, const char *id)
{
	size_t i = 0;

	while (i < t->marks.n && !streq(t->marks.v[i], id))
		i++;
	return i;
}

bool
table_is_marked(const struct table *t, const char *id)
{
	return t->marks.n > 0 && mark_find(t, id) < t->marks.n;
}

void
table_mark(struct table *t, const char *id, bool marked)
{
	const size_t i = mark_find(t, id);

	if (marked && i == t->marks.n && t->marks.n < MARKS_MAX) {
		vec_push(&t->marks, xstrdup(id));
	} else if (!marked && i < t->marks.n) {
		free(t->marks.v[i]);
		memmove(t->marks.v + i, t->marks.v + i + 1,
		        (t->marks.n - i - 1) * sizeof(*t->marks.v));
		t->marks.n--;
	}
}

static void
unmark_all(struct table *t)
{
	vec_foreach(m, &t->marks)
		free(*m);
	t->marks.n = 0;
	t->last_mark = SIZE_MAX;
}

static void
mark_chosen(struct table *t, const struct view *v, struct list *l, table_id_fn *id, bool toggles)
{
	char one[TABLE_ID_SIZE];

	if (!id(v, l->cursor, one))
		return;
	const bool marked = toggles && !table_is_marked(t, one);
	table_mark(t, one, marked);
	t->last_mark = marked ? l->cursor : SIZE_MAX;
	(void)list_move(l, ACT_DOWN, v->page);
}

static void
mark_range(struct table *t, const struct view *v, const struct list *l, table_id_fn *id)
{
	const size_t other = t->last_mark < l->n ? t->last_mark : l->cursor;
	const size_t from = other < l->cursor ? other : l->cursor;
	const size_t to = other < l->cursor ? l->cursor : other;
	char one[TABLE_ID_SIZE];

	for (size_t i = from; i <= to; i++)
		if (id(v, i, one))
			table_mark(t, one, true);
	t->last_mark = l->cursor;
}

/* The next row in memory that is marked, round the end of the list. */
static void
to_mark(const struct table *t, const struct view *v, struct list *l, table_id_fn *id, bool forward)
{
	char one[TABLE_ID_SIZE];

	for (size_t step = 1; t->marks.n > 0 && step <= l->n && step <= MARKS_MAX; step++) {
		const size_t i = forward ? (l->cursor + step) % l->n
		                         : (l->cursor + l->n - step % l->n) % l->n;
		if (id(v, i, one) && table_is_marked(t, one)) {
			l->cursor = i;
			return;
		}
	}
}

struct ordering {
	const struct table *t;
	const void *rows;
	table_cmp_fn *cmp;
};

static int
order_compare(const void *left, const void *right, void *arg)
{
	const struct ordering *const o = arg;
	const size_t a = *(const size_t *)left, b = *(const size_t *)right;
	const int rc = o->cmp(o->rows, o->t->sort, a, b);

	if (rc != 0)
		return o->t->descends ? -rc : rc;
	return a < b ? -1 : a > b;
}

void
table_order(const struct table *t, const void *rows, table_cmp_fn *cmp, size_t *order, size_t n)
{
	struct ordering o = { t, rows, cmp };

	if (t->sort != 0 && n > 1)
		qsort_r(order, n, sizeof(*order), order_compare, &o);
}

/* --- menus --- */

static void
sort_menu(struct table *t, struct menu *m)
{
	(void)snprintf(m->title, sizeof(m->title), "sort by");
	menu_add(m, "0", t->sort == 0, "as they come");
	for (size_t i = 0, n = 1; i < t->n; i++) {
		const struct table_column *c = &t->columns[i];
		char key[8] = "";
		if (c->sort == 0)
			continue;
		(void)snprintf(key, sizeof(key), n < 10 ? "%zu" : "", n);
		n++;
		const bool is_it = c->sort == t->sort;
		const bool down = is_it ? !t->descends : c->descends;
		menu_add(m, key, is_it, "%s, %s first", c->name, down ? "highest" : "lowest");
		if (is_it)
			m->cursor = m->items.n - 1;
	}
	t->menu = TABLE_SORT;
}

static void
columns_menu(struct table *t, const struct view *v, struct menu *m)
{
	(void)snprintf(m->title, sizeof(m->title), "columns (those that do not fit stay away)");
	m->stays = true;
	for (size_t i = 0; i < t->n; i++) {
		char key[8] = "";
		if (t->columns[i].width == 0)
			continue; /* the name of the row always stands */
		(void)snprintf(key, sizeof(key), m->items.n < 9 ? "%zu" : "", m->items.n + 1);
		menu_add(m, key, is_wanted(t, i, v->cols), "%s", t->columns[i].name);
	}
	t->menu = TABLE_COLUMNS;
}

enum handled
table_action(struct table *t, struct view *v, struct list *l, table_id_fn *id, enum action act,
             struct view_request *ret)
{
	t->cols = v->cols;
	if (act == ACT_SORT)
		sort_menu(t, &ret->menu);
	else if (act == ACT_COLUMNS)
		columns_menu(t, v, &ret->menu);
	if (act == ACT_SORT || act == ACT_COLUMNS)
		return OPEN_MENU;
	if (act == ACT_MARK || act == ACT_UNMARK)
		mark_chosen(t, v, l, id, act == ACT_MARK);
	else if (act == ACT_MARK_RANGE)
		mark_range(t, v, l, id);
	else if (act == ACT_UNMARK_ALL)
		unmark_all(t);
	else if (act == ACT_NEXT_HIT || act == ACT_PREV_HIT)
		to_mark(t, v, l, id, act == ACT_NEXT_HIT);
	else
		return NOT_HANDLED;
	return HANDLED;
}

static bool
sort_picked(struct table *t, size_t item)
{
	if (item == 0) {
		t->sort = 0;
		return true;
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct table_column *c = &t->columns[i];
		if (c->sort == 0 || --item > 0)
			continue;
		t->descends = c->sort == t->sort ? !t->descends : c->descends;
		t->sort = c->sort;
		return true;
	}
	return false;
}

static void
column_picked(struct table *t, size_t item)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->columns[i].width == 0 || item-- > 0)
			continue;
		const bool was = is_wanted(t, i, t->cols);
		t->shown = was ? t->shown & ~bit(i) : t->shown | bit(i);
		t->hidden = was ? t->hidden | bit(i) : t->hidden & ~bit(i);
		return;
	}
}

bool
table_picked(struct table *t, size_t item)
{
	if (t->menu == TABLE_SORT)
		return sort_picked(t, item);
	if (t->menu == TABLE_COLUMNS)
		column_picked(t, item);
	return false;
}

void
table_state(const struct table *t, struct buf *ret)
{
	if (t->marks.n > 0)
		buf_addf(ret, "%zu marked  ", t->marks.n);
	for (size_t i = 0; t->sort != 0 && i < t->n; i++)
		if (t->columns[i].sort == t->sort)
			buf_addf(ret, "by %s %s  ", t->columns[i].name, t->descends ? "v" : "^");
}

size_t
table_filter_draw(const struct table *t, const struct view *v, const struct area *a, size_t n,
                  bool more, const char *what)
{
	cleanup_buf struct buf state = { 0 };
	char count[64];

	table_state(t, &state);
	if (state.n == 0)
		return filter_draw(v, a, n, more, what);
	if (v->filter[0] || v->is_filtering)
		(void)filter_draw(v, a, n, more, what);
	list_count(count, n, more, what);
	buf_adds(&state, count);
	if (state.n + 30 <= a->cols || !v->filter[0])
		paint_right(a, 0, a->cols, state.n, INK_DIM, buf_cstr(&state));
	return 1;
}
