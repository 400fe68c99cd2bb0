/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers are eight bytes a version, so that even the end of a million of them can be looked at. */
#include "tui/view/version_rows.h"

#include <math.h>
#include <string.h>

#include "registry/attest.h"
#include "registry/base/clock.h"
#include "tui/view/show.h"

#define CLOCK_ROWS 256u
#define PAGE_MAX   256u
#define STALE_S    (30 * 86400)

void
version_rows_fini(struct version_rows *r)
{
	vec_fini(&r->numbers);
	topk_fini(&r->top);
	topk_fini(&r->coming);
	free(r->page);
}

void
version_rows_reset(struct version_rows *r, bool keeps_shown)
{
	r->numbers.n = 0;
	r->next = UINT64_MAX;
	r->want = 0;
	r->page_n = 0;
	r->is_whole = false;
	r->is_sorting = r->sort != VERSIONS_NEWEST;
	if (r->is_sorting)
		topk_begin(&r->coming, r->descends);
	if (!keeps_shown)
		topk_begin(&r->top, r->descends);
}

double
version_metric(struct txn *t, const char *model, uint64_t number, const char *name)
{
	struct evidence v = { 0 };
	struct err ignored = { 0 };
	double ret = NAN;

	if (!name[0] || evidence_get(t, model, number, EVIDENCE_METRICS, &v, &ignored) < 0)
		return NAN;
	if (!evidence_metric(&v, name, &ret))
		ret = NAN;
	evidence_fini(&v);
	return ret;
}

/* --- the walk --- */

struct walk {
	struct version_rows *r;
	struct txn *txn;
	struct filter filter;
	uint64_t until_ms;
	size_t seen;
	bool paused;
};

static bool
matches(const struct walk *k, const struct version_row *n)
{
	const char *texts[5 + STAGES_MAX], *const *stages = texts + 4;
	const struct model_row *m = k->r->held;
	char number[24];
	struct filter_row r = {
		.texts = texts,
		.stages = stages,
		.labels = n->labels,
		.signer = n->signer,
		.is_signed = n->is_signed ? FACT_YES : FACT_NO,
		.is_stale = FACT_NO,
	};
	size_t used = 0;

	if (k->filter.n == 0)
		return true;
	(void)snprintf(number, sizeof(number), "v%llu", (unsigned long long)n->number);
	texts[used++] = number;
	texts[used++] = n->signer;
	texts[used++] = n->labels;
	texts[used++] = lifecycle_name(n->state.life);
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++) {
		if (m->stages[i].number != n->number)
			continue;
		texts[used++] = m->stages[i].stage;
		if (clock_now_s() - m->stages[i].time_s > STALE_S)
			r.is_stale = FACT_YES;
	}
	texts[used] = NULL;
	return filter_row_match(&k->filter, &r);
}

static void
offer(struct walk *k, const struct version_row *n)
{
	struct version_rows *r = k->r;
	uint64_t key = n->bytes;

	if (r->sort == VERSIONS_BY_METRIC) {
		const double v = version_metric(k->txn, r->model, n->number, r->metric);
		/* one without it stands last, whichever way it is sorted */
		key = !isnan(v) ? topk_key_of(v) : r->descends ? 0 : UINT64_MAX;
	}
	topk_offer(&r->coming, key, n->number, NULL);
}

static int
walk_row(void *arg, const struct version_row *n)
{
	struct walk *k = arg;
	struct version_rows *r = k->r;

	if (++k->seen % CLOCK_ROWS == 0 && k->until_ms > 0 && clock_mono_ms() >= k->until_ms) {
		r->next = n->number;
		k->paused = true;
		return 1;
	}
	if (!matches(k, n))
		return 0;
	if (r->is_sorting) {
		offer(k, n);
		return 0;
	}
	if (r->numbers.n >= r->want) {
		r->next = n->number;
		return 1;
	}
	vec_push(&r->numbers, n->number);
	return 0;
}

static void
sort_end(struct version_rows *r)
{
	const struct topk was = r->top;

	r->top = r->coming;
	r->coming = was;
	topk_sort(&r->top);
	r->is_sorting = false;
	r->page_n = 0;
}

static int
slice(struct version_rows *r, struct txn *t, struct err *e)
{
	struct walk k = { .r = r, .txn = t };
	const uint64_t from = r->next == UINT64_MAX ? 0 : r->next;

	filter_compile(&k.filter, r->filter);
	k.until_ms = r->slice_ms > 0 ? clock_mono_ms() + r->slice_ms : 0;
	const int rc = version_each(t, r->model, from, walk_row, &k, e);
	if (rc < 0)
		return rc;
	if (rc == 0) { /* the oldest was seen */
		r->next = 0;
		r->is_whole = true;
		if (r->is_sorting)
			sort_end(r);
	}
	return 0;
}

/* --- pages --- */

uint64_t
version_rows_number(const struct version_rows *r, size_t i)
{
	if (r->sort != VERSIONS_NEWEST)
		return i < r->top.n ? r->top.items[i].number : 0;
	return i < r->numbers.n ? r->numbers.v[i] : 0;
}

size_t
version_rows_total(const struct version_rows *r, bool *ret_is_known)
{
	*ret_is_known = r->is_whole && (r->sort == VERSIONS_NEWEST || r->top.seen <= TOPK_MAX);
	return r->sort == VERSIONS_NEWEST ? r->numbers.n : r->top.n;
}

static int
page_read(struct version_rows *r, struct txn *t, size_t top, size_t page, struct err *e)
{
	const size_t n = page * 2 + 1 < PAGE_MAX ? page * 2 + 1 : PAGE_MAX;
	uint64_t number;

	if (!r->page)
		r->page = xcalloc(PAGE_MAX, sizeof(*r->page));
	r->page_at = top;
	r->page_n = 0;
	while (r->page_n < n && (number = version_rows_number(r, top + r->page_n)) > 0) {
		const int rc = version_get(t, r->model, number, &r->page[r->page_n], e);
		if (rc < 0)
			return rc == -ERR_NOT_FOUND ? 0 : rc; /* the next look leaves it out */
		r->page_n++;
	}
	return 0;
}

static bool
serves(const struct version_rows *r, size_t top, size_t page)
{
	bool known;
	const size_t total = version_rows_total(r, &known), end = r->page_at + r->page_n;

	return top >= r->page_at && (top + page < end || end == total);
}

int
version_rows_read(struct version_rows *r, struct txn *t, size_t top, size_t page, bool to_end,
                  struct err *e)
{
	const size_t want = to_end ? SIZE_MAX : top + page * 2 + 1;
	int rc = 0;

	if (want > r->want)
		r->want = want;
	if (r->is_sorting ? r->next == UINT64_MAX
	                  : r->sort == VERSIONS_NEWEST && r->next > 0 && r->numbers.n < r->want) {
		rc = slice(r, t, e);
		r->page_n = 0;
	}
	if (rc == 0 && (r->page_n == 0 || !serves(r, top, page)))
		rc = page_read(r, t, top, page, e);
	return rc;
}

bool
version_rows_unfinished(const struct version_rows *r)
{
	return r->is_sorting ||
	       (r->sort == VERSIONS_NEWEST && r->next > 0 && r->numbers.n < r->want);
}

int
version_rows_more(struct version_rows *r, struct txn *t, struct err *e)
{
	return version_rows_unfinished(r) ? slice(r, t, e) : 0;
}

const struct version_row *
version_rows_row(const struct version_rows *r, size_t i)
{
	return i >= r->page_at && i < r->page_at + r->page_n ? &r->page[i - r->page_at] : NULL;
}

size_t
version_rows_find(const struct version_rows *r, uint64_t number)
{
	uint64_t at;

	for (size_t i = 0; (at = version_rows_number(r, i)) > 0; i++)
		if (at == number)
			return i;
	return SIZE_MAX;
}
