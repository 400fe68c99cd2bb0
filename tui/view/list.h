/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor over rows that are drawn elsewhere, and the words that narrow them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tui/view.h"
#include "tui/view/filter.h"

struct list {
	size_t n, cursor, top;
};
bool list_move(struct list *l, enum action act, size_t page); /* false: no movement */
void list_fit(struct list *l, size_t page);                   /* cursor and top into their bounds */
/* The chosen row is at this place now: the cursor goes with it, and it stays where it was seen. */
void list_follow(struct list *l, size_t at, size_t page);
/* The row's two marks: an arrow and, when it is the cursor's, the bar. */
void list_mark(const struct area *a, size_t row, bool is_chosen);

/* "12 or more models ", "1 entry ": what is the plural. */
void list_count(char ret[static 64], size_t n, bool more, const char *what);
/* " / words" on row 0 when there are any or they are being typed; returns the rows it took. what:
 * "models"; more: the count is a lower bound. */
size_t filter_draw(const struct view *v, const struct area *a, size_t n, bool more,
                   const char *what);
