/* SPDX-License-Identifier: Apache-2.0 */
/* Braille (U+2800) has two columns of four dots in a cell; blocks (U+2581) eight heights. */
#include "tui/view/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SCALE_COLS 8u /* of a curve: its highest and lowest value */
#define DOTS_ROWS  4u
#define DOTS_COLS  2u
#define STEP_MAX   8u /* dots from one value to the next, where they are few */

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

/* Dots of the picture: braille has eight a cell, ASCII one. */
struct curve {
	const struct area *area;
	const double *values;
	size_t n, rows, cols;        /* values; cells */
	size_t x_dots, y_dots, step; /* a cell's, and from one value to the next */
	struct scale scale;
	unsigned *cells; /* rows * cols: dots */
};

static void
dot(struct curve *c, size_t x, size_t y)
{
	const size_t col = x / c->x_dots, row = y / c->y_dots;

	if (col >= c->cols || row >= c->rows)
		return;
	c->cells[row * c->cols + col] |= c->y_dots == 1 ? 1 : dot_bit(x % c->x_dots, y % c->y_dots);
}

static size_t
y_of(const struct curve *c, double v)
{
	const size_t high = c->rows * c->y_dots;

	return high - 1 - step_of(&c->scale, v, high);
}

/* From this value to the next; one without a neighbour is a dot. */
static void
stroke(struct curve *c, size_t i)
{
	const double v = c->values[i], next = i + 1 < c->n ? c->values[i + 1] : (double)NAN;

	if (!isfinite(v))
		return;
	dot(c, i * c->step, y_of(c, v));
	for (size_t x = 1; isfinite(next) && x < c->step; x++)
		dot(c, i * c->step + x, y_of(c, v + (next - v) * (double)x / (double)c->step));
}

static void
cells_paint(const struct curve *c)
{
	char text[4] = "*";

	for (size_t i = 0; i < c->rows * c->cols; i++) {
		if (!c->cells[i])
			continue;
		if (c->y_dots > 1)
			braille(text, c->cells[i]);
		(void)paint_text(c->area, i / c->cols, SCALE_COLS + 1 + i % c->cols, INK_OK, text);
	}
}

static void
scale_paint(const struct curve *c)
{
	char number[16];

	chart_number(number, c->scale.high);
	paint_right(c->area, 0, SCALE_COLS, SCALE_COLS - 1, INK_DIM, number);
	chart_number(number, c->scale.low);
	if (c->rows > 1)
		paint_right(c->area, c->rows - 1, SCALE_COLS, SCALE_COLS - 1, INK_DIM, number);
}

void
chart_curve(const struct area *a, const double *values, size_t n, const struct chart_mark *marks,
            size_t marks_n)
{
	const size_t fits = chart_curve_fits(a), from = n > fits ? n - fits : 0;
	struct curve c = { .area = a, .values = values + from, .n = n - from };

	if (a->rows < 2 || fits == 0 || n == 0)
		return;
	c.x_dots = a->g->ascii ? 1 : DOTS_COLS;
	c.y_dots = a->g->ascii ? 1 : DOTS_ROWS;
	c.rows = a->rows - 1;
	c.cols = fits / c.x_dots;
	c.step = fits / c.n < STEP_MAX ? fits / c.n : STEP_MAX;
	c.scale = scale_of(c.values, c.n);
	c.cells = xcalloc(c.rows * c.cols, sizeof(*c.cells));
	for (size_t i = 0; i < c.n; i++)
		stroke(&c, i);
	cells_paint(&c);
	scale_paint(&c);
	free(c.cells);
	for (size_t i = 0; i < marks_n; i++) {
		const char letter[2] = { marks[i].letter, '\0' };
		if (marks[i].at >= from && marks[i].at < n)
			(void)paint_text(a, c.rows,
			                 SCALE_COLS + 1 + (marks[i].at - from) * c.step / c.x_dots,
			                 marks[i].ink, letter);
	}
}
