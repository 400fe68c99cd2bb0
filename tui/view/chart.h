/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as pictures: a line of blocks, and a curve of braille dots with marks below. Where the
 * codeset is not UTF-8 the same in ASCII. NAN is a gap. Each picture stands beside its numbers and
 * never alone.
 */
#pragma once

#include <stddef.h>

#include "tui/term/paint.h"

/* The newest `width` of n values in one row; returns the column behind it. low and high: the scale;
 * both 0: the values' own. */
size_t chart_spark(const struct area *a, size_t row, size_t col, size_t width, enum ink ink,
                   const double *values, size_t n, double low, double high);

/* A value that the curve is marked at: under it stands the letter, in its ink. */
struct chart_mark {
	size_t at; /* index of the value */
	char letter;
	enum ink ink;
};
/* A curve over the whole area but its last row, which has the marks; on the left the highest and
 * the lowest value. Two values a column in braille. */
void chart_curve(const struct area *a, const double *values, size_t n,
                 const struct chart_mark *marks, size_t marks_n);
/* How many values such an area shows, the newest. */
size_t chart_curve_fits(const struct area *a);
/* A number in at most 7 cells, as a person would write it. */
void chart_number(char ret[16], double v);
