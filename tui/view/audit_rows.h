/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's entries, or those of one model, newest first. Of the whole log without words row i is
 * entry n - 1 - i and nothing but a page is read; else their sequences are found in slices, as far
 * as they are needed. Identity is the sequence.
 */
#pragma once

#include "registry/base/vec.h"
#include "registry/history.h"
#include "registry/policy.h"
#include "registry/records.h"
#include "tui/view/filter.h"

struct audit_row {
	uint64_t seq;
	int64_t time_s;
	bool is_signed; /* carries a statement; nothing is verified here */
	bool is_glass;  /* which says that it went around the rule of two */
	char type[24], model[NAME_SIZE], who[SIGNER_SIZE], what[400];
};
struct audit_rows {
	char model[NAME_SIZE]; /* only its entries, by their links; "" all */
	uint64_t entries;      /* of the log */
	char filter[128];
	unsigned slice_ms;   /* 0: no slices */
	VEC(uint64_t) found; /* newest first, those that match; with words or of a model only */
	uint64_t next;       /* the walk goes on with this one less one; 0: it is at its end */
	uint64_t border;     /* the adoption that is told before what is older; 0: none, or told */
	size_t want;
	struct audit_row *page;
	size_t page_at, page_n;
	struct policy policy; /* names the people behind keys, while reading */
};
void audit_rows_fini(struct audit_rows *r);
/* Other words. */
void audit_rows_reset(struct audit_rows *r, const char *filter);
/* Rows top .. top + page; with words at least so many of them, or as many as a slice found. */
int audit_rows_read(struct audit_rows *r, struct registry *reg, struct txn *t, size_t top,
                    size_t page, struct err *e);
bool audit_rows_unfinished(const struct audit_rows *r); /* read again */
size_t audit_rows_total(const struct audit_rows *r, bool *ret_is_known);
const struct audit_row *audit_rows_row(const struct audit_rows *r, size_t i); /* NULL: not read */
size_t audit_rows_find(const struct audit_rows *r, uint64_t seq); /* SIZE_MAX: not among them */
/* What stands about one entry in a row. */
void audit_row_of(const struct policy *p, const struct entry *n, struct audit_row *ret);
bool audit_row_match(const struct filter *f, const struct audit_row *n);
