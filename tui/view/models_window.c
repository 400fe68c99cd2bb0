/* SPDX-License-Identifier: Apache-2.0 */
/* The window over all models. Walks forward only; going back starts at a remembered block. */
#include "tui/view/models_window.h"

#include <stdio.h>

#include "registry/base/buf.h"
#include "registry/base/vec.h"
#include "tui/view/list.h"

#define WINDOW_ROWS (2u * BLOCK_ROWS)

struct walk {
	struct models_window *w;
	const char *filter;
	size_t at;  /* number of the next row that matches */
	size_t end; /* the first that is not needed */
	bool to_end, stopped;
};

static void
anchor_add(struct models_window *w, const char *name)
{
	w->anchors = vec_grow_(w->anchors, &w->anchors_cap, w->anchors_n + 1, sizeof(*w->anchors));
	w->anchors[w->anchors_n++] = xstrdup(name);
}

static bool
matches(const char *filter, const struct model_row *m)
{
	cleanup_buf struct buf b = { 0 };

	if (!filter[0])
		return true;
	buf_addf(&b, "%s %s %s %s", m->name, m->signer, m->labels,
	         m->is_signed ? "signed" : "unsigned");
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++)
		if (m->stages[i].number > 0)
			buf_addf(&b, " %s", m->stages[i].stage);
	return filter_match(filter, buf_cstr(&b));
}

static int
walk_row(void *arg, const struct model_row *m)
{
	struct walk *k = arg;
	struct models_window *w = k->w;

	if (!matches(k->filter, m))
		return 0;
	if (k->at % BLOCK_ROWS == 0 && k->at / BLOCK_ROWS == w->anchors_n)
		anchor_add(w, m->name);
	if (k->at >= k->end && !k->to_end) {
		k->stopped = true;
		return 1;
	}
	if (k->at - w->base < WINDOW_ROWS)
		w->rows[w->n++] = *m;
	k->at++;
	return 0;
}

int
models_window_load(struct models_window *w, struct txn *t, const char *filter, size_t want,
                   size_t need, bool to_end, struct err *e)
{
	size_t block = want / BLOCK_ROWS;
	struct walk k = { .w = w, .filter = filter, .to_end = to_end };
	int rc;

	if (block >= w->anchors_n)
		block = w->anchors_n > 0 ? w->anchors_n - 1 : 0;
	if (!w->rows)
		w->rows = xcalloc(WINDOW_ROWS, sizeof(*w->rows));
	w->base = k.at = block * BLOCK_ROWS;
	k.end = want + (need < BLOCK_ROWS ? need : BLOCK_ROWS);
	if (k.end > w->base + WINDOW_ROWS || k.end <= w->base)
		k.end = w->base + WINDOW_ROWS;
	w->n = 0;
	rc = model_each(t, block < w->anchors_n ? w->anchors[block] : NULL, walk_row, &k, e);
	if (rc < 0)
		return rc;
	if (k.at > w->total)
		w->total = k.at;
	if (!k.stopped) {
		w->total = k.at;
		w->total_is_known = true;
	}
	return 0;
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
	w->total_is_known = false;
}

void
models_window_fini(struct models_window *w)
{
	models_window_reset(w);
	free(w->anchors);
	free(w->rows);
	*w = (struct models_window){ 0 };
}
