/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window over all models: two blocks of rows in memory, the name that each earlier block begins
 * with remembered, so that a million models cost no more than a thousand. The whole number is known
 * only once the end was seen. A search for what is rare is cut into slices, so that no key waits
 * for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/records.h"
#include "tui/view/filter.h"

#define BLOCK_ROWS 128u

struct models_filter {
	struct filter filter;
	bool is_empty;
	int64_t now_s;
};
void models_filter_compile(struct models_filter *ret, const char *words);
bool models_filter_match(const struct models_filter *f, const struct model_row *m);

struct models_window {
	struct model_row *rows; /* 2 * BLOCK_ROWS of them */
	size_t base, n;         /* rows are those numbered base .. base + n - 1 */
	size_t total;           /* seen so far */
	bool total_is_known;
	char **anchors; /* first name of each block seen */
	size_t anchors_n, anchors_cap;
	unsigned slice_ms;      /* a walk that takes longer pauses; 0: it never does */
	bool is_paused;         /* models_window_more goes on */
	char sought[NAME_SIZE]; /* the row of this name or behind is looked for; "" */
	bool is_found;
	size_t found; /* number of its row */
	struct {
		size_t at, end;
		bool to_end;
		char from[NAME_SIZE]; /* not looked at yet */
	} rest;
};
/* Reads so that rows want .. want + need - 1 are there, as far as there are so many; need is at
 * most BLOCK_ROWS. to_end: goes on to count them all. */
int models_window_load(struct models_window *w, struct txn *t, const char *filter, size_t want,
                       size_t need, bool to_end, struct err *e);
/* Which row has this name, or would: looks through all rows before it, in slices too; is_found and
 * found tell. Keeps no rows: for a window of its own beside the one that is shown. */
int models_window_seek(struct models_window *w, struct txn *t, const char *filter, const char *name,
                       struct err *e);
/* Another slice of what paused. */
int models_window_more(struct models_window *w, struct txn *t, const char *filter, struct err *e);
/* Are they there already? */
bool models_window_has(const struct models_window *w, size_t want, size_t need);
const struct model_row *models_window_row(const struct models_window *w,
                                          size_t i); /* NULL: not loaded */
void models_window_reset(struct models_window *w);   /* the filter or the registry changed */
void models_window_fini(struct models_window *w);
