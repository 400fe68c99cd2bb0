/* SPDX-License-Identifier: Apache-2.0 */
/* Braille (U+2800) has two columns of four dots in a cell; blocks (U+2581) eight heights. */
#include "tui/view/chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SCALE_COLS 8u /* of a curve: its highest and lowest value */
#define DOTS_ROWS  4u
#define DOTS_COLS  2u

static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char ascii_blocks[] = "_.-:=+*#";

struct scale {
	double low, high;
};

static struct scale
scale_of(const double *v, size_t n)
{
	struct scale s = { INFINITY, -INFINITY };

	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i])) {
			s.low = v[i] < s.low ? v[i] : s.low;
			s.high = v[i] > s.high ? v[i] : s.high;
		}
	return s;
}

/* 0 .. steps - 1; a flat line lies in the middle. */
static size_t
step_of(const struct scale *s, double v, size_t steps)
{
	const double span = s->high - s->low;

	if (!(span > 0))
		return steps / 2;
	const double at = (v - s->low) / span * (double)(steps - 1) + 0.5;
	return at < 0 ? 0 : at >= (double)steps ? steps - 1 : (size_t)at;
}

size_t
chart_spark(const struct area *a, size_t row, size_t col, size_t width, enum ink ink,
            const double *values, size_t n, double low, double high)
{
	const size_t from = n > width ? n - width : 0;
	struct scale s = { low, high };

	if (!(high > low))
		s = scale_of(values + from, n - from);
	for (size_t i = from; i < n; i++, col++) {
		char one[2] = { 0 };
		if (!isfinite(values[i]))
			continue;
		const size_t step = step_of(&s, values[i], COUNT(blocks));
		one[0] = ascii_blocks[step];
		(void)paint_text(a, row, col, ink, a->g->ascii ? one : blocks[step]);
	}
	return col;
}

void
chart_number(char ret[16], double v)
{
	if (!isfinite(v))
		(void)snprintf(ret, 16, "-");
	else if (fabs(v) >= 100000 || (fabs(v) > 0 && fabs(v) < 0.0001))
		(void)snprintf(ret, 16, "%.1e", v);
	else
		(void)snprintf(ret, 16, "%.*g", 5, v);
}

size_t
chart_curve_fits(const struct area *a)
{
	const size_t cells = a->cols > SCALE_COLS + 2 ? a->cols - SCALE_COLS - 2 : 0;

	return a->g->ascii ? cells : cells * DOTS_COLS;
}

/* Bit of a dot within its cell, from the left column's top: Unicode 15, chapter 21.1. */
static unsigned
dot_bit(size_t x, size_t y)
{
	static const unsigned bits[DOTS_COLS][DOTS_ROWS] = { { 0x01, 0x02, 0x04, 0x40 },
		                                             { 0x08, 0x10, 0x20, 0x80 } };

	return bits[x][y];
}

static void
braille(char ret[4], unsigned dots)
{
	const unsigned c = 0x2800u + dots;

	ret[0] = (char)(0xe0u | (c >> 12));
	ret[1] = (char)(0x80u | ((c >> 6) & 0x3fu));
	ret[2] = (char)(0x80u | (c & 0x3fu));
	ret[3] = '\0';
}

struct curve {
	const struct area *area;
	const double *values;
	size_t n, rows;
	struct scale scale;
};

static void
cell_braille(const struct curve *c, size_t cell)
{
	unsigned dots[64] = { 0 };
	char text[4];

	for (size_t x = 0; x < DOTS_COLS; x++) {
		const size_t i = cell * DOTS_COLS + x;
		if (i >= c->n || !isfinite(c->values[i]))
			continue;
		const size_t high = c->rows * DOTS_ROWS;
		const size_t y = high - 1 - step_of(&c->scale, c->values[i], high);
		dots[y / DOTS_ROWS] |= dot_bit(x, y % DOTS_ROWS);
	}
	for (size_t r = 0; r < c->rows; r++)
		if (dots[r]) {
			braille(text, dots[r]);
			(void)paint_text(c->area, r, SCALE_COLS + 1 + cell, INK_OK, text);
		}
}

static void
cell_ascii(const struct curve *c, size_t cell)
{
	if (cell >= c->n || !isfinite(c->values[cell]))
		return;
	(void)paint_text(c->area, c->rows - 1 - step_of(&c->scale, c->values[cell], c->rows),
	                 SCALE_COLS + 1 + cell, INK_OK, "*");
}

void
chart_curve(const struct area *a, const double *values, size_t n, const struct chart_mark *marks,
            size_t marks_n)
{
	const size_t fits = chart_curve_fits(a), per_cell = a->g->ascii ? 1 : DOTS_COLS;
	const size_t from = n > fits ? n - fits : 0;
	struct curve c = { .area = a, .values = values + from, .n = n - from };
	char number[16];

	if (a->rows < 2 || fits == 0)
		return;
	c.rows = a->rows - 1 < 64 ? a->rows - 1 : 64;
	c.scale = scale_of(c.values, c.n);
	chart_number(number, c.scale.high);
	paint_right(a, 0, SCALE_COLS, SCALE_COLS - 1, INK_DIM, number);
	chart_number(number, c.scale.low);
	if (c.rows > 1)
		paint_right(a, c.rows - 1, SCALE_COLS, SCALE_COLS - 1, INK_DIM, number);
	for (size_t cell = 0; cell * per_cell < c.n; cell++)
		a->g->ascii ? cell_ascii(&c, cell) : cell_braille(&c, cell);
	for (size_t i = 0; i < marks_n; i++) {
		const char letter[2] = { marks[i].letter, '\0' };
		if (marks[i].at >= from && marks[i].at < n)
			(void)paint_text(a, c.rows,
			                 SCALE_COLS + 1 + (marks[i].at - from) / per_cell,
			                 marks[i].ink, letter);
	}
}
