/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The versions of one model in the order that is wanted: newest first their numbers as far as they
 * were needed, in any other order the first TOPK_MAX. Walked in slices; the rows themselves are
 * read for a page only.
 */
#pragma once

#include "registry/base/vec.h"
#include "registry/records.h"
#include "tui/view/filter.h"
#include "tui/view/topk.h"

enum version_sort { VERSIONS_NEWEST, VERSIONS_BY_SIZE, VERSIONS_BY_METRIC };

struct version_rows {
	char model[NAME_SIZE];
	const struct model_row *held; /* which stages hold what */
	char filter[128], metric[65];
	enum version_sort sort;
	bool descends;
	unsigned slice_ms; /* 0: no slices */

	VEC(uint64_t) numbers; /* newest first, those that match */
	uint64_t next;         /* the walk goes on there; 0: it is at its end */
	size_t want;           /* so many numbers are needed */
	struct topk top, coming;
	bool is_sorting, is_whole;
	struct version_row *page;
	size_t page_at, page_n;
};
void version_rows_fini(struct version_rows *r);
/* Something changed: filter, order or registry. keeps_shown as in models_rows_reset. */
void version_rows_reset(struct version_rows *r, bool keeps_shown);
/* Rows top .. top + page and a page behind; SIZE_MAX pages: all are found. */
int version_rows_read(struct version_rows *r, struct txn *t, size_t top, size_t page, bool to_end,
                      struct err *e);
bool version_rows_unfinished(const struct version_rows *r);
int version_rows_more(struct version_rows *r, struct txn *t, struct err *e);
const struct version_row *version_rows_row(const struct version_rows *r, size_t i); /* NULL */
uint64_t version_rows_number(const struct version_rows *r, size_t i); /* 0: not known */
size_t version_rows_total(const struct version_rows *r, bool *ret_is_known);
/* The row of this number; SIZE_MAX: not among those found so far. */
size_t version_rows_find(const struct version_rows *r, uint64_t number);
/* A metric of a version, NAN without. */
double version_metric(struct txn *t, const char *model, uint64_t number, const char *name);
