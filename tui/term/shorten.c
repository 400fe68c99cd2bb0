/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule across a wide screen is a tenth of a frame. curses repeats characters of one byte only.
 * The last two of a run stay as they are: what a repeat does in the last column differs by
 * terminal.
 */
#include "tui/term/shorten.h"

#include <stdio.h>
#include <string.h>

#define LINE      "\342\224\200" /* U+2500 */
#define LINE_SIZE (sizeof(LINE) - 1)
#define KEPT      2u
#define RUN_MIN   8u

static size_t
run_at(const char *p, const char *end)
{
	size_t n = 0;

	while (p + LINE_SIZE <= end && memcmp(p, LINE, LINE_SIZE) == 0) {
		p += LINE_SIZE;
		n++;
	}
	return n;
}

void
shorten_lines(struct buf *b, size_t from)
{
	const char *p = b->p + from, *const end = b->p + b->n;
	char *to = b->p + from;

	while (from < b->n && p < end) {
		const size_t n = *p == LINE[0] ? run_at(p, end) : 0;
		if (n < RUN_MIN) {
			*to++ = *p++;
			continue;
		}
		memcpy(to, LINE, LINE_SIZE);
		to += LINE_SIZE;
		to += snprintf(to, LINE_SIZE * RUN_MIN, "\033[%zub", n - 1 - KEPT);
		for (size_t i = 0; i < KEPT; i++, to += LINE_SIZE)
			memcpy(to, LINE, LINE_SIZE);
		p += n * LINE_SIZE;
	}
	b->n = from < b->n ? (size_t)(to - b->p) : b->n;
}
