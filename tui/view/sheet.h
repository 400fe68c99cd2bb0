/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of text with a cursor: parts that fold, words that narrow it or mark what they hit, the
 * way to the next hit. What a diff, a raw manifest, the policy and the page of keys are shown with.
 * All rows are in memory; how they are broken for the screen is lines.c's.
 */
#pragma once

#include "tui/view/lines.h"

#define SHEET_PARTS_MAX 64u /* those behind do not fold */

struct sheet_row {
	char *text; /* owned */
	enum ink ink;
	uint32_t tag; /* the view's: what the row is about */
	uint32_t part;
	bool is_head;   /* of its part */
	bool is_marked; /* n and N go there while nothing is searched */
	bool is_hit;
};
struct sheet {
	VEC(struct sheet_row) rows;
	VEC(size_t) shown;  /* those that are neither folded nor filtered away */
	struct lines lines; /* as they are shown */
	size_t cursor;      /* among shown */
	uint32_t parts;
	uint64_t folded; /* a bit a part */
	char filter[128];
	bool keeps_misses; /* rows that the words miss stay, dimmed */
};
void sheet_clear(struct sheet *s); /* rows go; what is folded and the cursor's place stay */
void sheet_fini(struct sheet *s);
/* A new part begins; is_folded: at first. Rows in front of the first head are always shown. */
void sheet_head(struct sheet *s, bool is_folded, const char *fmt, ...) PRINTF(3, 4);
void sheet_add(struct sheet *s, enum ink ink, uint32_t tag, const char *fmt, ...) PRINTF(4, 5);
void sheet_mark_last(struct sheet *s);
/* Behind the last row, and whenever the words changed. */
void sheet_settle(struct sheet *s, const char *filter);
/* Movement, folding, next hit, misses kept or not; false: none of these. */
bool sheet_act(struct sheet *s, enum action act, size_t page);
bool sheet_can(const struct sheet *s, enum action act); /* would it do something? */
void sheet_draw(struct sheet *s, const struct area *a);
const struct sheet_row *sheet_chosen(const struct sheet *s); /* NULL: nothing is shown */
size_t sheet_hits(const struct sheet *s); /* rows that the words hit, or all without words */
