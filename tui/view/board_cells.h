/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cells of the board: column 0 is development, then the stages in their order, then the way
 * back. Pure, but for the clock.
 */
#pragma once

#include "registry/base/buf.h"
#include "tui/live.h"
#include "tui/term/paint.h"
#include "tui/view/board_facts.h"

struct board_look { /* what they are made of; borrowed */
	char stages[STAGES_MAX][WORD_SIZE];
	size_t stages_n;
	const struct board_facts *facts;
	const struct live *live; /* NULL: nobody watches */
};
struct board_cell {
	char text[96];
	enum ink ink;
};
const char *board_column_name(const struct board_look *s, size_t column);
void board_cell_of(const struct board_look *s, const struct model_row *m, size_t column,
                   size_t width, struct board_cell *ret);
/* The version in the cell; 0: none. */
uint64_t board_number(const struct board_look *s, const struct model_row *m, size_t column);
uint64_t board_development(const struct model_row *m);
const char *board_top_stage(const struct board_look *s, const struct model_row *m);
/* Why nothing can go up from the cell; left empty: it can. */
void board_blocked(const struct board_look *s, const struct model_row *m, size_t column,
                   struct buf *ret);
