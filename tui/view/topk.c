/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded heap. */
#include "tui/view/topk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/str.h"

/* Does a stand behind b in the order that is wanted? */
static bool
is_worse(const struct topk *k, const struct topk_item *a, const struct topk_item *b)
{
	if (a->key != b->key)
		return k->descends ? a->key < b->key : a->key > b->key;
	return a->came > b->came;
}

static void
swap(struct topk_item *a, struct topk_item *b)
{
	const struct topk_item t = *a;

	*a = *b;
	*b = t;
}

static void
sink(struct topk *k, size_t at, size_t n)
{
	for (;;) {
		size_t worst = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
			if (is_worse(k, &k->items[child], &k->items[worst]))
				worst = child;
		if (worst == at)
			return;
		swap(&k->items[at], &k->items[worst]);
		at = worst;
	}
}

static void
rise(struct topk *k, size_t at)
{
	while (at > 0 && is_worse(k, &k->items[at], &k->items[(at - 1) / 2])) {
		swap(&k->items[at], &k->items[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

void
topk_begin(struct topk *k, bool descends)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->items[i].name);
	k->n = 0;
	k->seen = 0;
	k->descends = descends;
	if (!k->items)
		k->items = xcalloc(TOPK_MAX, sizeof(*k->items));
}

void
topk_offer(struct topk *k, uint64_t key, uint64_t number, const char *name)
{
	struct topk_item it = { .key = key, .came = k->seen++, .number = number };

	if (k->n == TOPK_MAX && !is_worse(k, &k->items[0], &it))
		return;
	it.name = name ? xstrdup(name) : NULL;
	if (k->n < TOPK_MAX) {
		k->items[k->n++] = it;
		rise(k, k->n - 1);
		return;
	}
	free(k->items[0].name);
	k->items[0] = it;
	sink(k, 0, k->n);
}

void
topk_sort(struct topk *k)
{
	for (size_t n = k->n; n > 1; n--) {
		swap(&k->items[0], &k->items[n - 1]);
		sink(k, 0, n - 1);
	}
}

void
topk_fini(struct topk *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->items[i].name);
	free(k->items);
	*k = (struct topk){ 0 };
}

uint64_t
topk_key_of(double v)
{
	uint64_t bits;

	if (isnan(v))
		return 0;
	memcpy(&bits, &v, sizeof(bits));
	/* IEEE 754: negative ones are in reverse, below the positive ones */
	return bits >> 63 ? ~bits : bits | (UINT64_C(1) << 63);
}
