/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first so many of very many rows in another order, kept while they are walked once: memory of
 * what is kept alone, whatever was walked. Equal keys stay in the order in which they came.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPK_MAX 4096u

struct topk_item {
	uint64_t key, came; /* came: its place in the walk */
	uint64_t number;
	char *name; /* owned; NULL */
};
struct topk {
	struct topk_item *items; /* a heap with the worst on top until topk_sort */
	size_t n;
	uint64_t seen;
	bool descends;
};
void topk_begin(struct topk *k, bool descends); /* empties it */
void topk_offer(struct topk *k, uint64_t key, uint64_t number, const char *name);
void topk_sort(struct topk *k); /* best first; no offer follows */
void topk_fini(struct topk *k);
/* Doubles in an order that their keys keep; NAN is the lowest. */
uint64_t topk_key_of(double v);
