/* SPDX-License-Identifier: Apache-2.0 */
/* Text in rows that a person scrolls through: what a command printed, a plan, a page of help. What
 * is wider than the screen goes on below, under its own second column. */
#pragma once

#include "registry/base/json.h"
#include "registry/base/vec.h"
#include "tui/view/list.h"

struct text_line {
	char *text; /* owned */
	enum ink ink;
};
struct line_part { /* what one row of the screen shows */
	size_t row, from, n, indent;
};
struct lines {
	VEC(struct text_line) rows;
	VEC(struct line_part) parts; /* of the first `parted` rows, for a screen of `cols` */
	size_t parted, cols;
	bool parts_words; /* one longer than a row goes on below; else it is cut */
	size_t top; /* a part */
};
void lines_add(struct lines *l, enum ink ink, const char *fmt, ...) PRINTF(3, 4);
void lines_add_text(struct lines *l, enum ink ink, struct str text); /* parted at line feeds */
/* A value as "name  value" rows, nested ones indented; words of state get their colour. */
void lines_add_json(struct lines *l, const json_t *v);
/* What a child said on its other descriptor: the error object under -o json, else text. */
void lines_add_error(struct lines *l, enum ink ink, struct str text);
void lines_clear(struct lines *l);
void lines_fini(struct lines *l);
bool lines_move(struct lines *l, enum action act, size_t page); /* false: no movement */
bool lines_scroll(const struct lines *l, size_t page);          /* there are more than a page */
void lines_fit(struct lines *l, size_t cols); /* breaks rows for an area of so many columns */
void lines_draw(struct lines *l, const struct area *a);         /* and "more" where there is more */
