/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the targets say they serve, as one watching child tells it (slipway status --targets), and
 * how old each of these facts is. Nothing here is asked for, started or drawn; the lines are
 * foreign ground. A fact that nobody has confirmed grows old by itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/str.h"
#include "registry/base/vec.h"

#define LIVE_FACTS_MAX 4096u
#define LIVE_AGE_SIZE  16

enum live_word {
	LIVE_WAITED_FOR, /* not looked at yet */
	LIVE_AS_RECORDED,
	LIVE_SETTLING,
	LIVE_PROGRESSING,
	LIVE_DRIFTED,
	LIVE_UNKNOWN, /* cannot be looked at; the rest is what was seen last */
};
const char *live_word_text(enum live_word w); /* "as recorded" */

struct live_fact { /* of one model at one target; texts are owned, "" where there is none */
	char *target, *stage, *model;
	enum live_word word;
	char *reason;            /* why it is not as recorded, or cannot be looked at */
	char *drift;             /* the first field that is otherwise, in a sentence */
	char *advice, *evidence; /* what to do; events, exit code, last lines: a line each */
	size_t drift_n;
	bool is_failing;            /* drifted: what serves it fails, no field is otherwise */
	uint64_t recorded, serving; /* versions; 0: nothing, or not known */
	bool was_seen;              /* serving, proofs and replicas are of some look */
	bool has_replicas;
	unsigned ready, want, proofs;
	uint64_t seen_ms;  /* by the monotonic clock: word was true then */
	uint64_t value_ms; /* serving, proofs and replicas were */
	uint64_t period_ms;
	bool is_named; /* by the newest list; for live.c */
};

/* In a list: "DRIFT", "FAILED", "? no contact", "looking ...", else the word. */
const char *live_shown(const struct live_fact *f);

enum live_feed { LIVE_OFF, LIVE_RUNS, LIVE_LOST };
struct live {
	VEC(struct live_fact) facts; /* by target, stage, model */
	enum live_feed feed;
	bool has_list; /* the child has named what it watches */
};
void live_fini(struct live *l);
/* A line of the child. true: what is shown may be otherwise now. Lines that are none are ignored.
 */
bool live_take(struct live *l, struct str line, uint64_t now_ms, int64_t now_s);

/* The facts about a target, all models; NULL and *ret_n 0: none. */
const struct live_fact *live_of_target(const struct live *l, const char *target, size_t *ret_n);
const struct live_fact *live_find(const struct live *l, const char *target, const char *stage,
                                  const char *model); /* NULL: none */

/* "<5s" while it is confirmed in time, then its age in coarse steps, past twice its period "OLD
 * 3m". "" for what was never looked at. */
void live_age(const struct live_fact *f, uint64_t now_ms, char ret[static LIVE_AGE_SIZE]);
bool live_is_old(const struct live_fact *f, uint64_t now_ms);
/* When the next age reads otherwise; UINT64_MAX: none will. */
uint64_t live_next_ms(const struct live *l, uint64_t now_ms);
