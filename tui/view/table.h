/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows in columns: which columns there are is a table of its view; which of them fit, what they are
 * sorted by and which rows are marked is kept here. Rows are known by their identity, a text, so
 * that marks survive whatever happens to the list. Does not hold the rows.
 */
#pragma once

#include "tui/view/list.h"

#define TABLE_ID_SIZE (NAME_SIZE + 32)

struct table_column {
	const char *name;   /* in menus: "size" */
	const char *head;   /* over the column: "SIZE" */
	uint16_t width;     /* cells with the gap behind; 0: takes what is left */
	uint16_t from_cols; /* shown by itself on a screen that wide */
	bool is_right;
	enum ink ink;  /* of its head where it says something, else INK_TEXT for dim */
	uint8_t sort;  /* 0: not sorted by; else how the view calls it */
	bool descends; /* the first press sorts downwards */
};
struct table_cell { /* zeroed before it is asked for */
	char text[NAME_SIZE + 64];
	enum ink ink;
	enum text_cut cut;
};
/* Fills what stands in column of row. */
typedef void table_cell_fn(const struct view *v, const void *row, size_t column,
                           struct table_cell *ret);

enum table_menu { TABLE_NO_MENU, TABLE_SORT, TABLE_COLUMNS };
struct table {
	const struct table_column *columns;
	size_t n;               /* at most 32 */
	uint32_t shown, hidden; /* chosen by hand, a bit a column */
	uint8_t sort;           /* of the column that it is sorted by; 0: as the rows come */
	bool descends;
	VEC(char *) marks; /* identities, owned */
	size_t last_mark;  /* row of it, where a range begins; SIZE_MAX: none */
	enum table_menu menu;
	size_t cols; /* of the screen when it opened */
};
void table_init(struct table *t, const struct table_column *columns, size_t n);
void table_fini(struct table *t);

void table_head_draw(const struct table *t, const struct area *a, size_t row);
void table_row_draw(const struct table *t, const struct view *v, const struct area *a, size_t row,
                    table_cell_fn *fn, const void *item, bool is_chosen, bool is_marked);

bool table_is_marked(const struct table *t, const char *id);
void table_mark(struct table *t, const char *id, bool marked);

/* What a view gives for marking: the identity of row i; false: that row is not in memory. */
typedef bool table_id_fn(const struct view *v, size_t i, char ret[static TABLE_ID_SIZE]);
/* Sorting, columns, marks: OPEN_MENU, HANDLED or NOT_HANDLED. The view shows ret's menu and hands
 * what is picked to table_picked. */
enum handled table_action(struct table *t, struct view *v, struct list *l, table_id_fn *id,
                          enum action act, struct view_request *ret);
/* Which of rows a and b comes first in the order that a column calls sort: below 0, 0, above. */
typedef int table_cmp_fn(const void *rows, uint8_t sort, size_t a, size_t b);
/* order: n numbers of rows, as they come; sorted where t has an order, equal ones as they came. */
void table_order(const struct table *t, const void *rows, table_cmp_fn *cmp, size_t *order,
                 size_t n);
/* true: the order is another now, read the rows again. */
bool table_picked(struct table *t, size_t item);
/* " 3 marked  by size v" behind the count of a filter; "" when neither. */
void table_state(const struct table *t, struct buf *ret);
/* The line of the filter, as filter_draw, with that; returns the rows it took. */
size_t table_filter_draw(const struct table *t, const struct view *v, const struct area *a,
                         size_t n, bool more, const char *what);
