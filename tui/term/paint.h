/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame as a grid of cells in memory, and the few strokes that fill it. Views paint here;
 * screen.c carries the grid to the terminal, tests read it as text. Every string is foreign and
 * passes text_safe; every stroke is cut at the edges of its area, so that no size of a window can
 * break a view.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/base/str.h"
#include "registry/base/text.h"

/* What a cell means; screen.c knows how each looks. None carries meaning alone: a word stands
 * beside it. */
enum ink {
	INK_TEXT,
	INK_DIM,
	INK_TITLE,
	INK_HEAD,
	INK_RULE,
	INK_KEY,
	INK_OK,
	INK_WAIT,
	INK_BAD,
	INK_STALE,
	INK_STAGING,
	INK_PRODUCTION,
	INK_PROTECTED,
	INK_ADDED,
	INK_REMOVED,
	INK_CHANGED,
	INK_FOREIGN,
	INK_COUNT
};

#define CELL_TEXT_SIZE 24 /* one character and the marks that stand on it */
struct cell {
	char text[CELL_TEXT_SIZE]; /* UTF-8; n 0: the right half of a wide character */
	uint8_t n, width, ink;
	bool is_selected;
};
struct grid {
	struct cell *cells;
	size_t rows, cols;
	bool ascii;        /* the codeset is not UTF-8 */
	bool cursor_shown; /* a field is being typed into */
	size_t cursor_row, cursor_col;
	uint8_t *choices; /* enum choice of each row; NULL: nobody asks */
};
void grid_init(struct grid *g, size_t rows, size_t cols,
               bool ascii); /* blank; frees what was there */
enum choice { CHOICE_NONE, CHOICE_ROW, CHOICE_CHOSEN };
void grid_choices(struct grid *g); /* from now on it is known which rows can be chosen */
void grid_fini(struct grid *g);
void grid_blank(struct grid *g);
/* The text of one row without trailing blanks, for tests and for the linear form. */
void grid_row_text(const struct grid *g, size_t row, struct buf *ret);

struct area {
	struct grid *g;
	size_t row, col, rows, cols;
};
struct area area_of(struct grid *g);
struct area area_rows(const struct area *a, size_t from, size_t n); /* clamped; may have no rows */
struct area area_cols(const struct area *a, size_t from, size_t n);

/* All return the column behind what was painted. s is foreign text. */
size_t paint_text(const struct area *a, size_t row, size_t col, enum ink ink, const char *s);
size_t paint_str(const struct area *a, size_t row, size_t col, enum ink ink, struct str s);
size_t paintf(const struct area *a, size_t row, size_t col, enum ink ink, const char *fmt, ...)
        PRINTF(5, 6);
/* Cut to width cells with an ellipsis; returns col + width whatever s was. */
size_t paint_fit(const struct area *a, size_t row, size_t col, size_t width, enum ink ink,
                 enum text_cut cut, const char *s);
void paint_right(const struct area *a, size_t row, size_t end, size_t width, enum ink ink,
                 const char *s);
void paint_rule(const struct area *a, size_t row, const char *title); /* title may be "" */
void paint_choice(const struct area *a, size_t row, bool is_chosen);  /* can be chosen */
void paint_blank(const struct area *a);                               /* what lay below is gone */
void paint_fill(const struct area *a, size_t row, enum ink ink); /* a whole row gets this ink */
void paint_select(const struct area *a, size_t row);             /* and this one stands out */
/* Prose over several rows, broken at spaces; returns the row behind it. */
size_t paint_prose(const struct area *a, size_t row, size_t col, enum ink ink, const char *s);
size_t paint_width(const char *s); /* cells that s would take */
void paint_cursor(const struct area *a, size_t row, size_t col, bool shown);
