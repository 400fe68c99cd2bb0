/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All models in the order that is wanted, read as far as a screen needs them. By name they are a
 * window (models_window); in any other order the first TOPK_MAX of them, found in slices while the
 * rows shown before stay. Which row a name has is looked for in slices too, beside what is shown.
 */
#pragma once

#include "tui/view/filter.h"
#include "tui/view/models_window.h"
#include "tui/view/topk.h"

enum model_sort { MODELS_AS_NAMED, MODELS_BY_UPDATED, MODELS_BY_SIZE, MODELS_BY_LATEST };

struct models_rows {
	struct models_window w, probe;
	enum model_sort sort;
	bool descends;
	struct topk top, next; /* next: being found */
	bool is_sorting;
	char sort_from[NAME_SIZE];
	struct model_row *page; /* in another order than by name: those asked for last */
	size_t page_at, page_n;
	bool is_seeking;
	size_t found; /* row of what was sought; SIZE_MAX: nothing is sought or it is not done */
};
/* The registry or the filter changed: what is known is forgotten. keeps_shown: what is shown in
 * another order than by name stays until the new order is found. */
void models_rows_reset(struct models_rows *r, bool keeps_shown);
void models_rows_order(struct models_rows *r, enum model_sort sort, bool descends);
void models_rows_fini(struct models_rows *r);

/* Rows top .. top + page and a page behind. to_end: all are counted. */
int models_rows_read(struct models_rows *r, struct txn *t, const char *filter, size_t top,
                     size_t page, bool to_end, struct err *e);
bool models_rows_serve(const struct models_rows *r, size_t top, size_t page);
bool models_rows_unfinished(const struct models_rows *r); /* call more */
int models_rows_more(struct models_rows *r, struct txn *t, const char *filter, struct err *e);

const struct model_row *models_rows_row(const struct models_rows *r, size_t i); /* NULL: not read */
size_t models_rows_total(const struct models_rows *r, bool *ret_is_known);
/* Which row has this name, or the next one: found says, at once or after some more. */
int models_rows_seek(struct models_rows *r, struct txn *t, const char *filter, const char *name,
                     struct err *e);
