/* SPDX-License-Identifier: Apache-2.0 */
/* The window over all models. Walks forward only; going back starts at a remembered block. */
#include "tui/view/models_window.h"

#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/vec.h"
#include "tui/view/filter.h"

#define WINDOW_ROWS (2u * BLOCK_ROWS)
#define STALE_S     (30 * 86400) /* no stage was proved for so long */
#define CLOCK_ROWS  512u         /* so many between two looks at the clock */

struct walk {
	struct models_window *w;
	struct models_filter filter;
	size_t at;  /* number of the next row that matches */
	size_t end; /* the first that is not needed */
	bool to_end, stopped;
	size_t seen;
	uint64_t until_ms; /* 0: for ever */
};

static void
anchor_add(struct models_window *w, const char *name)
{
	w->anchors = vec_grow_(w->anchors, &w->anchors_cap, w->anchors_n + 1, sizeof(*w->anchors));
	w->anchors[w->anchors_n++] = xstrdup(name);
}

void
models_filter_compile(struct models_filter *ret, const char *words)
{
	ret->is_empty = words[0] == '\0';
	ret->now_s = clock_now_s();
	filter_compile(&ret->filter, words);
}

bool
models_filter_match(const struct models_filter *f, const struct model_row *m)
{
	const char *texts[4 + STAGES_MAX], *const *stages = texts + 3;
	struct filter_row r = {
		.texts = texts,
		.stages = stages,
		.labels = m->labels,
		.signer = m->signer,
		.is_signed = m->latest_live == 0 ? FACT_NONE
		             : m->is_signed      ? FACT_YES
		                                 : FACT_NO,
		.is_stale = FACT_NO,
	};
	size_t n = 0;

	if (f->is_empty)
		return true;
	texts[n++] = m->name;
	texts[n++] = m->signer;
	texts[n++] = m->labels;
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++) {
		if (m->stages[i].number == 0)
			continue;
		texts[n++] = m->stages[i].stage;
		if (f->now_s - m->stages[i].time_s > STALE_S)
			r.is_stale = FACT_YES;
	}
	texts[n] = NULL;
	return filter_row_match(&f->filter, &r);
}

static struct walk
walk_of(struct models_window *w, const char *filter)
{
	struct walk k = { .w = w };

	models_filter_compile(&k.filter, filter);
	return k;
}

/* Time is up: this row is where the next slice begins. */
static bool
pauses(struct walk *k, const struct model_row *m)
{
	struct models_window *w = k->w;

	if (k->until_ms == 0 || ++k->seen % CLOCK_ROWS != 0 || clock_mono_ms() < k->until_ms)
		return false;
	w->is_paused = true;
	w->rest.at = k->at;
	w->rest.end = k->end;
	w->rest.to_end = k->to_end;
	(void)str_copy(w->rest.from, sizeof(w->rest.from), m->name);
	return true;
}

static int
walk_row(void *arg, const struct model_row *m)
{
	struct walk *k = arg;
	struct models_window *w = k->w;

	if (pauses(k, m))
		return 1;
	if (!models_filter_match(&k->filter, m))
		return 0;
	if (k->at % BLOCK_ROWS == 0 && k->at / BLOCK_ROWS == w->anchors_n)
		anchor_add(w, m->name);
	if (w->sought[0] && !w->is_found && strcmp(m->name, w->sought) >= 0) {
		w->is_found = true;
		w->found = k->at;
		k->stopped = true;
		return 1;
	}
	if (k->at >= k->end && !k->to_end) {
		k->stopped = true;
		return 1;
	}
	if (w->rows && k->at - w->base < WINDOW_ROWS)
		w->rows[w->n++] = *m;
	k->at++;
	return 0;
}

static int
walk(struct walk *k, struct txn *t, const char *from, struct err *e)
{
	struct models_window *w = k->w;
	int rc;

	w->is_paused = false;
	k->until_ms = w->slice_ms > 0 ? clock_mono_ms() + w->slice_ms : 0;
	rc = model_each(t, from, walk_row, k, e);
	if (rc < 0)
		return rc;
	if (k->at > w->total)
		w->total = k->at;
	if (!k->stopped && !w->is_paused) {
		w->total = k->at;
		w->total_is_known = true;
	}
	return 0;
}

int
models_window_load(struct models_window *w, struct txn *t, const char *filter, size_t want,
                   size_t need, bool to_end, struct err *e)
{
	size_t block = want / BLOCK_ROWS;
	struct walk k = walk_of(w, filter);

	if (block >= w->anchors_n)
		block = w->anchors_n > 0 ? w->anchors_n - 1 : 0;
	if (!w->rows)
		w->rows = xcalloc(WINDOW_ROWS, sizeof(*w->rows));
	k.to_end = to_end;
	w->base = k.at = block * BLOCK_ROWS;
	k.end = want + (need < BLOCK_ROWS ? need : BLOCK_ROWS);
	if (k.end > w->base + WINDOW_ROWS || k.end <= w->base)
		k.end = w->base + WINDOW_ROWS;
	w->n = 0;
	return walk(&k, t, block < w->anchors_n ? w->anchors[block] : NULL, e);
}

int
models_window_seek(struct models_window *w, struct txn *t, const char *filter, const char *name,
                   struct err *e)
{
	struct walk k = walk_of(w, filter);

	(void)str_copy(w->sought, sizeof(w->sought), name);
	w->is_found = false;
	k.to_end = true;
	w->base = w->n = 0;
	return walk(&k, t, NULL, e);
}

int
models_window_more(struct models_window *w, struct txn *t, const char *filter, struct err *e)
{
	struct walk k = walk_of(w, filter);
	char from[NAME_SIZE];

	k.at = w->rest.at;
	k.end = w->rest.end;
	k.to_end = w->rest.to_end;

	(void)str_copy(from, sizeof(from), w->rest.from);
	return walk(&k, t, from, e);
}

bool
models_window_has(const struct models_window *w, size_t want, size_t need)
{
	const size_t end = w->base + w->n;

	if (want < w->base || want > end)
		return false;
	return want + need <= end || (w->total_is_known && end == w->total);
}

const struct model_row *
models_window_row(const struct models_window *w, size_t i)
{
	return i >= w->base && i < w->base + w->n ? &w->rows[i - w->base] : NULL;
}

void
models_window_reset(struct models_window *w)
{
	for (size_t i = 0; i < w->anchors_n; i++)
		free(w->anchors[i]);
	w->anchors_n = w->n = w->base = w->total = 0;
	w->total_is_known = w->is_paused = w->is_found = false;
	w->sought[0] = '\0';
}

void
models_window_fini(struct models_window *w)
{
	models_window_reset(w);
	free(w->anchors);
	free(w->rows);
	*w = (struct models_window){ 0 };
}
