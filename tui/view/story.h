/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strip below the list of models: the chosen one's digest and signer, each stage with its proof
 * and age, the last event, what jobs run. Read when another model is chosen or it changed.
 */
#pragma once

#include "registry/plan_state.h"
#include "tui/view.h"

struct live;
struct story {
	const struct live *live; /* what the targets say, if somebody watches them */
	char last[400];          /* the newest event of last_of */
	char last_of[NAME_SIZE];
	uint64_t last_seq;
	size_t jobs_n, jobs_seen; /* that run, among the newest */
	struct job_row job;       /* the newest of them */
	struct policy policy;     /* while the event is read, as is the next */
	struct txn *txn;
};
/* Which jobs run: when the registry changed. */
void story_jobs(struct story *s, struct txn *t);
void story_load(struct story *s, struct view *v, const struct model_row *m, struct txn *t);
size_t story_rows(const struct story *s, const struct model_row *m); /* that it wants */
void story_draw(const struct story *s, const struct area *a, const struct model_row *m);
