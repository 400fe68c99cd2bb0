/* SPDX-License-Identifier: Apache-2.0 */
/* By name the window answers; in another order a bounded heap that one walk in slices fills. */
#include "tui/view/models_rows.h"

#include <string.h>

#include "registry/base/clock.h"

#define CLOCK_ROWS 512u /* so many between two looks at the clock */
#define PAGE_MAX   256u

static bool
is_named(const struct models_rows *r)
{
	return r->sort == MODELS_AS_NAMED;
}

void
models_rows_reset(struct models_rows *r, bool keeps_shown)
{
	models_window_reset(&r->w);
	models_window_reset(&r->probe);
	r->page_n = 0;
	r->is_seeking = false;
	r->found = SIZE_MAX;
	r->is_sorting = !is_named(r);
	r->sort_from[0] = '\0';
	if (r->is_sorting)
		topk_begin(&r->next, r->descends);
	if (!keeps_shown)
		topk_begin(&r->top, r->descends);
}

void
models_rows_order(struct models_rows *r, enum model_sort sort, bool descends)
{
	r->sort = sort;
	r->descends = descends;
	models_rows_reset(r, false);
}

void
models_rows_fini(struct models_rows *r)
{
	models_window_fini(&r->w);
	models_window_fini(&r->probe);
	topk_fini(&r->top);
	topk_fini(&r->next);
	free(r->page);
}

/* --- another order --- */

struct sort_walk {
	struct models_rows *r;
	struct models_filter filter;
	uint64_t until_ms;
	size_t seen;
	bool paused;
};

static uint64_t
key_of(const struct models_rows *r, const struct model_row *m)
{
	switch (r->sort) {
	case MODELS_BY_UPDATED:
		return m->updated_s > 0 ? (uint64_t)m->updated_s : 0;
	case MODELS_BY_SIZE:
		return m->latest_live > 0 ? m->bytes : 0;
	case MODELS_BY_LATEST:
		return m->latest_live;
	case MODELS_AS_NAMED:
		break;
	}
	return 0;
}

static int
sort_row(void *arg, const struct model_row *m)
{
	struct sort_walk *k = arg;

	if (++k->seen % CLOCK_ROWS == 0 && k->until_ms > 0 && clock_mono_ms() >= k->until_ms) {
		(void)str_copy(k->r->sort_from, sizeof(k->r->sort_from), m->name);
		k->paused = true;
		return 1;
	}
	if (models_filter_match(&k->filter, m))
		topk_offer(&k->r->next, key_of(k->r, m), 0, m->name);
	return 0;
}

static int
sort_slice(struct models_rows *r, struct txn *t, const char *filter, struct err *e)
{
	struct sort_walk k = { .r = r };
	char from[NAME_SIZE];

	models_filter_compile(&k.filter, filter);
	k.until_ms = r->w.slice_ms > 0 ? clock_mono_ms() + r->w.slice_ms : 0;
	(void)str_copy(from, sizeof(from), r->sort_from);
	const int rc = model_each(t, from[0] ? from : NULL, sort_row, &k, e);
	if (rc < 0 || k.paused)
		return rc < 0 ? rc : 0;
	const struct topk was = r->top;
	r->top = r->next;
	r->next = was;
	topk_sort(&r->top);
	r->is_sorting = false;
	r->page_n = 0;
	return 0;
}

static int
page_read(struct models_rows *r, struct txn *t, size_t top, size_t page, struct err *e)
{
	size_t n = page * 2 + 1;

	if (!r->page)
		r->page = xcalloc(PAGE_MAX, sizeof(*r->page));
	n = n < PAGE_MAX ? n : PAGE_MAX;
	r->page_at = top < r->top.n ? top : 0;
	r->page_n = 0;
	while (r->page_n < n && r->page_at + r->page_n < r->top.n) {
		struct model_row *m = &r->page[r->page_n];
		const int rc = model_get(t, r->top.items[r->page_at + r->page_n].name, m, e);
		if (rc < 0 && rc != -ERR_NOT_FOUND)
			return rc;
		if (rc < 0) { /* gone since it was sorted: the next walk leaves it out */
			*m = (struct model_row){ 0 };
			(void)str_copy(m->name, sizeof(m->name),
			               r->top.items[r->page_at + r->page_n].name);
		}
		r->page_n++;
	}
	return 0;
}

/* --- both --- */

int
models_rows_read(struct models_rows *r, struct txn *t, const char *filter, size_t top, size_t page,
                 bool to_end, struct err *e)
{
	const size_t need = page * 2 + 1;
	int rc;

	if (!is_named(r)) {
		rc = r->is_sorting && !r->sort_from[0] ? sort_slice(r, t, filter, e) : 0;
		return rc < 0 ? rc : page_read(r, t, top, page, e);
	}
	do /* after a reset only the beginning is known: each round reaches one block further */
		rc = models_window_load(&r->w, t, filter, top, need, to_end, e);
	while (rc == 0 && !r->w.total_is_known && !r->w.is_paused && top >= r->w.base + BLOCK_ROWS);
	return rc;
}

bool
models_rows_serve(const struct models_rows *r, size_t top, size_t page)
{
	if (!is_named(r))
		return top >= r->page_at &&
		       (top + page < r->page_at + r->page_n || r->page_at + r->page_n == r->top.n);
	return models_window_has(&r->w, top, page + 1) ||
	       (r->w.is_paused && top >= r->w.base && top <= r->w.base + r->w.n);
}

bool
models_rows_unfinished(const struct models_rows *r)
{
	return r->is_sorting || r->is_seeking || (is_named(r) && r->w.is_paused);
}

static void
seek_end(struct models_rows *r)
{
	r->is_seeking = r->probe.is_paused;
	if (!r->is_seeking)
		r->found = r->probe.is_found    ? r->probe.found
		           : r->probe.total > 0 ? r->probe.total - 1
		                                : 0;
}

int
models_rows_more(struct models_rows *r, struct txn *t, const char *filter, struct err *e)
{
	int rc = 0;

	if (r->is_sorting)
		return sort_slice(r, t, filter, e);
	if (is_named(r) && r->w.is_paused)
		rc = models_window_more(&r->w, t, filter, e);
	else if (r->is_seeking) {
		rc = models_window_more(&r->probe, t, filter, e);
		seek_end(r);
	}
	return rc;
}

const struct model_row *
models_rows_row(const struct models_rows *r, size_t i)
{
	if (is_named(r))
		return models_window_row(&r->w, i);
	return i >= r->page_at && i < r->page_at + r->page_n ? &r->page[i - r->page_at] : NULL;
}

size_t
models_rows_total(const struct models_rows *r, bool *ret_is_known)
{
	*ret_is_known =
	        is_named(r) ? r->w.total_is_known : r->top.seen <= TOPK_MAX && !r->is_sorting;
	return is_named(r) ? r->w.total : r->top.n;
}

int
models_rows_seek(struct models_rows *r, struct txn *t, const char *filter, const char *name,
                 struct err *e)
{
	int rc;

	r->found = SIZE_MAX;
	if (!is_named(r)) {
		r->found = 0; /* it is not among the first: the first is chosen */
		for (size_t i = 0; i < r->top.n; i++)
			if (streq(r->top.items[i].name, name))
				r->found = i;
		return 0;
	}
	models_window_reset(&r->probe);
	r->probe.slice_ms = r->w.slice_ms;
	rc = models_window_seek(&r->probe, t, filter, name, e);
	seek_end(r);
	return rc;
}
