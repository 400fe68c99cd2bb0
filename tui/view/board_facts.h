/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the board says beside the rows of the models: plans that wait for a person, how far a move
 * is, what a rollback would go back to. The last costs a walk through a model's story, is done a
 * model at a time and kept until that model's story goes on. Shown, never decided by.
 */
#pragma once

#include "registry/base/vec.h"
#include "registry/records.h"
#include "registry/registry.h"

struct board_wait { /* a plan */
	char model[NAME_SIZE], stage[WORD_SIZE];
	uint64_t number;
};
struct board_move { /* a job */
	char job[17];
	bool is_alive;
	size_t proved, targets; /* those of its stage */
};
struct board_back {
	char model[NAME_SIZE], stage[WORD_SIZE];
	uint64_t last_seq;
	uint64_t number; /* 0: to nothing */
	bool is_known;   /* not so deep in the story that it was not found */
};
struct board_facts {
	VEC(struct board_wait) waits;
	VEC(struct board_move) moves;
	VEC(struct board_back) backs;
};
void board_facts_fini(struct board_facts *f);
/* What has changed with the registry; the ways back stay as far as they hold. */
void board_facts_reset(struct board_facts *f, struct registry *r, struct txn *t);

const struct board_wait *board_wait_of(const struct board_facts *f, const char *model,
                                       const char *stage);
const struct board_move *board_move_of(struct board_facts *f, struct registry *r, struct txn *t,
                                       const struct stage_mark *k); /* NULL: not readable */
const struct board_move *board_move_known(const struct board_facts *f, const char *job);
/* Of the highest stage that holds something. NULL: not looked for yet. */
const struct board_back *board_back_of(const struct board_facts *f, const struct model_row *m,
                                       const char *stage);
void board_back_find(struct board_facts *f, struct registry *r, struct txn *t,
                     const struct model_row *m, const char *stage);
