/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame in memory. Text becomes safe cells here, once, and is cut at the area's edge by whole
 * characters. Knows no curses, no colours and no views.
 */
#include "tui/term/paint.h"

#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "registry/base/buf.h"

#define GRID_SIDE_MAX 2000u /* a terminal that claims more is lying */

static const struct cell blank = { .text = " ", .n = 1, .width = 1, .ink = INK_TEXT };

void
grid_init(struct grid *g, size_t rows, size_t cols, bool ascii)
{
	grid_fini(g);
	g->rows = rows < GRID_SIDE_MAX ? rows : GRID_SIDE_MAX;
	g->cols = cols < GRID_SIDE_MAX ? cols : GRID_SIDE_MAX;
	g->ascii = ascii;
	g->cells = xcalloc(g->rows * g->cols + 1, sizeof(*g->cells));
	grid_blank(g);
}

void
grid_fini(struct grid *g)
{
	free(g->cells);
	free(g->choices);
	*g = (struct grid){ 0 };
}

void
grid_blank(struct grid *g)
{
	for (size_t i = 0; i < g->rows * g->cols; i++)
		g->cells[i] = blank;
	g->cursor_shown = false;
	g->cursor_row = g->cursor_col = 0;
	if (g->choices)
		memset(g->choices, CHOICE_NONE, g->rows);
}

void
grid_choices(struct grid *g)
{
	free(g->choices);
	g->choices = xcalloc(g->rows + 1, sizeof(*g->choices));
}

void
paint_choice(const struct area *a, size_t row, bool is_chosen)
{
	if (a->g->choices && row < a->rows)
		a->g->choices[a->row + row] = is_chosen ? CHOICE_CHOSEN : CHOICE_ROW;
}

void
grid_row_text(const struct grid *g, size_t row, struct buf *ret)
{
	const size_t start = ret->n;

	for (size_t c = 0; row < g->rows && c < g->cols; c++) {
		const struct cell *x = &g->cells[row * g->cols + c];
		buf_add(ret, x->text, x->n);
	}
	while (ret->n > start && ret->p[ret->n - 1] == ' ')
		ret->n--;
	if (ret->p)
		ret->p[ret->n] = '\0';
}

struct area
area_of(struct grid *g)
{
	return (struct area){ .g = g, .rows = g->rows, .cols = g->cols };
}

struct area
area_rows(const struct area *a, size_t from, size_t n)
{
	struct area r = *a;

	if (from > a->rows)
		from = a->rows;
	r.row += from;
	r.rows = n < a->rows - from ? n : a->rows - from;
	return r;
}

struct area
area_cols(const struct area *a, size_t from, size_t n)
{
	struct area r = *a;

	if (from > a->cols)
		from = a->cols;
	r.col += from;
	r.cols = n < a->cols - from ? n : a->cols - from;
	return r;
}

/* Bytes of the character at p with the marks on it, and its cells. p is safe text and not empty. */
static size_t
cluster(const char *p, size_t n, unsigned *ret_width)
{
	uint32_t c;
	size_t used = text_decode(p, n, &c);
	int w;

	if (used == 0) {
		*ret_width = 1;
		return 1;
	}
	w = wcwidth((wchar_t)c);
	*ret_width = w < 0 ? 1 : (unsigned)w;
	while (used < n && (unsigned char)p[used] >= 0x80) {
		const size_t more = text_decode(p + used, n - used, &c);
		if (more == 0 || wcwidth((wchar_t)c) != 0 || used + more >= CELL_TEXT_SIZE)
			break;
		used += more;
	}
	return used;
}

static void
cell_put(struct cell *c, const char *p, size_t n, unsigned width, enum ink ink)
{
	memcpy(c->text, p, n);
	c->n = (uint8_t)n;
	c->width = (uint8_t)width;
	c->ink = (uint8_t)ink;
	for (unsigned i = 1; i < width; i++)
		c[i] = (struct cell){ .ink = (uint8_t)ink };
}

static size_t
paint_safe(const struct area *a, size_t row, size_t col, enum ink ink, struct str s)
{
	if (row >= a->rows)
		return col;
	struct cell *line = &a->g->cells[(a->row + row) * a->g->cols + a->col];

	for (size_t i = 0; i < s.n;) {
		unsigned width;
		const size_t n = cluster(s.p + i, s.n - i, &width);
		if (col + width > a->cols || n >= CELL_TEXT_SIZE)
			break;
		if (width > 0)
			cell_put(&line[col], s.p + i, n, width, ink);
		col += width;
		i += n;
	}
	return col;
}

size_t
paint_str(const struct area *a, size_t row, size_t col, enum ink ink, struct str s)
{
	cleanup_buf struct buf b = { 0 };

	text_safe(&b, s);
	return paint_safe(a, row, col, ink, buf_str(&b));
}

size_t
paint_text(const struct area *a, size_t row, size_t col, enum ink ink, const char *s)
{
	return paint_str(a, row, col, ink, str_of(s));
}

size_t
paintf(const struct area *a, size_t row, size_t col, enum ink ink, const char *fmt, ...)
{
	cleanup_buf struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return paint_str(a, row, col, ink, buf_str(&b));
}

size_t
paint_fit(const struct area *a, size_t row, size_t col, size_t width, enum ink ink,
          enum text_cut cut, const char *s)
{
	cleanup_buf struct buf safe = { 0 };
	cleanup_buf struct buf b = { 0 };

	if (col >= a->cols)
		return col + width;
	text_safe(&safe, str_of(s));
	text_fit(&b, buf_str(&safe), width < a->cols - col ? width : a->cols - col, cut, 0,
	         a->g->ascii);
	paint_safe(a, row, col, ink, buf_str(&b));
	return col + width;
}

void
paint_right(const struct area *a, size_t row, size_t end, size_t width, enum ink ink, const char *s)
{
	const size_t w = paint_width(s);

	if (w >= width)
		paint_fit(a, row, end > width ? end - width : 0, width, ink, TEXT_CUT_END, s);
	else if (end >= w)
		paint_text(a, row, end - w, ink, s);
}

void
paint_rule(const struct area *a, size_t row, const char *title)
{
	size_t col = 0;

	if (row >= a->rows)
		return;
	if (title[0]) {
		paint_safe(a, row, 0, INK_RULE, a->g->ascii ? STR("- ") : STR("─ "));
		col = paint_fit(a, row, 2,
		                paint_width(title) < a->cols ? paint_width(title) : a->cols,
		                INK_HEAD, TEXT_CUT_END, title) +
		      1;
	}
	/* curses sends a run of one byte as a repeat; where that ends in the last column, terminals
	 * of libvterm wrap */
	const size_t end = a->g->ascii && a->cols > 0 ? a->cols - 1 : a->cols;
	while (col < end)
		col = paint_safe(a, row, col, INK_RULE, a->g->ascii ? STR("-") : STR("─"));
}

void
paint_blank(const struct area *a)
{
	for (size_t r = 0; r < a->rows; r++)
		for (size_t c = 0; c < a->cols; c++)
			a->g->cells[(a->row + r) * a->g->cols + a->col + c] = blank;
}

void
paint_fill(const struct area *a, size_t row, enum ink ink)
{
	for (size_t c = 0; row < a->rows && c < a->cols; c++)
		a->g->cells[(a->row + row) * a->g->cols + a->col + c].ink = (uint8_t)ink;
}

void
paint_select(const struct area *a, size_t row)
{
	for (size_t c = 0; row < a->rows && c < a->cols; c++)
		a->g->cells[(a->row + row) * a->g->cols + a->col + c].is_selected = true;
}

size_t
paint_prose(const struct area *a, size_t row, size_t col, enum ink ink, const char *s)
{
	cleanup_buf struct buf safe = { 0 };
	size_t at = 0;

	text_safe_lines(&safe, str_of(s));
	if (col >= a->cols)
		return row;
	while (at < safe.n && row < a->rows) {
		size_t end = at, last_space = 0, width = 0;
		while (end < safe.n && safe.p[end] != '\n') {
			unsigned w;
			const size_t n = cluster(safe.p + end, safe.n - end, &w);
			if (safe.p[end] == ' ')
				last_space = end;
			if (width + w > a->cols - col)
				break;
			width += w;
			end += n;
		}
		const bool whole = end == safe.n || safe.p[end] == '\n';
		if (!whole && last_space > at)
			end = last_space;
		if (end == at && !whole)
			break; /* not even one character fits */
		paint_safe(a, row++, col, ink, (struct str){ safe.p + at, end - at });
		at = end;
		if (at < safe.n && (safe.p[at] == '\n' || safe.p[at] == ' '))
			at++;
	}
	return row;
}

size_t
paint_width(const char *s)
{
	cleanup_buf struct buf b = { 0 };

	text_safe(&b, str_of(s));
	return text_width(buf_str(&b));
}

void
paint_cursor(const struct area *a, size_t row, size_t col, bool shown)
{
	if (row >= a->rows || a->cols == 0)
		return;
	a->g->cursor_row = a->row + row;
	a->g->cursor_col = a->col + (col < a->cols ? col : a->cols - 1);
	a->g->cursor_shown = shown;
}
