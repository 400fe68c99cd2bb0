/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which models the stages hold, read in slices over all models, so that a million of them delay no
 * key; what was read before is shown until the new reading is whole. At most HOLDS_MAX are kept.
 */
#pragma once

#include "registry/base/vec.h"
#include "registry/records.h"

#define HOLDS_MAX 2000u

struct hold {
	char model[NAME_SIZE];
	struct stage_mark mark;
};
struct holds {
	VEC(struct hold) v, next; /* in the order of the models */
	size_t total, next_total; /* also those that were not kept */
	char from[NAME_SIZE];     /* model not looked at yet */
	bool is_reading;          /* holds_more goes on */
};
void holds_fini(struct holds *h);
void holds_begin(struct holds *h); /* the registry has changed */
/* A few milliseconds of it. */
int holds_more(struct holds *h, struct txn *t, struct err *e);
