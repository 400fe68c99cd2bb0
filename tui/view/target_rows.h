/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The targets of the registry beside what they say: one row each, the worst of the models that it
 * serves in front. Without live state a row says what the records say, and how old that is.
 */
#pragma once

#include "registry/base/vec.h"
#include "tui/live.h"
#include "tui/view/filter.h"
#include "tui/view/holds.h"
#include "tui/view/table.h"

#define TARGETS_MAX 1000u

struct target_item {
	char name[WORD_SIZE], driver[33], stage[WORD_SIZE];
	char address[200]; /* cut: for looking at */
	uint64_t order;
};
int target_item_of(const struct target_row *row, struct target_item *ret);

/* Of one target: the records and the live facts put together. */
struct target_state {
	const struct hold *hold; /* the only model of the stage, or the first; NULL: none */
	size_t holds_n;
	const struct live_fact *worst; /* NULL: nobody looked */
	const struct live_fact *oldest;
	size_t facts_n;
};
void target_state(const struct target_item *i, const struct holds *h, const struct live *l,
                  struct target_state *ret);
/* Higher is worse; for sorting. */
unsigned target_badness(const struct target_state *s);

/* Cells. */
void target_holds_text(const struct target_state *s, struct table_cell *ret);
void target_pods_text(const struct target_state *s, struct table_cell *ret);
void target_proof_text(const struct target_state *s, struct table_cell *ret);
void target_live_text(const struct target_state *s, uint64_t now_ms, struct table_cell *ret);
void target_age_text(const struct target_state *s, uint64_t now_ms, struct table_cell *ret);
enum ink target_word_ink(const struct live_fact *f, uint64_t now_ms);

bool target_matches(const struct filter *f, const struct target_item *i, const struct holds *h,
                    const struct target_state *s, uint64_t now_ms);
/* What one model is at the target, a line: "face-detect v2, 2/2 pods, listed" */
size_t target_fact_draw(const struct area *a, size_t row, const struct live_fact *f,
                        uint64_t now_ms);
