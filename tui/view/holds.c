/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the models that stops at the clock and goes on where it was. */
#include "tui/view/holds.h"

#include "registry/base/clock.h"

#define SLICE_MS   5u
#define CLOCK_ROWS 256u /* so many between two looks at the clock */

struct walk {
	struct holds *h;
	size_t seen;
	uint64_t until_ms;
	bool paused;
};

void
holds_fini(struct holds *h)
{
	vec_fini(&h->v);
	vec_fini(&h->next);
}

void
holds_begin(struct holds *h)
{
	h->next.n = 0;
	h->next_total = 0;
	h->from[0] = '\0';
	h->is_reading = true;
}

static int
add_model(void *arg, const struct model_row *m)
{
	struct walk *k = arg;
	struct holds *h = k->h;

	if (++k->seen % CLOCK_ROWS == 0 && clock_mono_ms() >= k->until_ms) {
		(void)str_copy(h->from, sizeof(h->from), m->name);
		k->paused = true;
		return 1;
	}
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++) {
		struct hold one = { .mark = m->stages[i] };
		if (one.mark.number == 0 && one.mark.moving_to == 0)
			continue;
		h->next_total++;
		(void)str_copy(one.model, sizeof(one.model), m->name);
		if (h->next.n < HOLDS_MAX)
			vec_push(&h->next, one);
	}
	return 0;
}

int
holds_more(struct holds *h, struct txn *t, struct err *e)
{
	struct walk k = { .h = h, .until_ms = clock_mono_ms() + SLICE_MS };
	const int rc = model_each(t, h->from, add_model, &k, e);

	if (rc < 0 || !k.paused)
		h->is_reading = false;
	if (rc < 0 || k.paused)
		return rc < 0 ? rc : 0;
	vec_fini(&h->v);
	h->v = h->next;
	h->next.v = NULL;
	h->next.n = h->next.cap = 0;
	h->total = h->next_total;
	return 0;
}
