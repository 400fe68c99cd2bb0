/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two places where versions serve, and a driver for them that fails at one chosen call: what was
 * asked of them in which order, and whether each write was announced in the journal before it was
 * made.
 */
#pragma once

#include "deploy/rollout.h"

#define JOB  "00112233445566aa"
#define PLAN "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* What a call that fails has done all the same. */
enum done { NOTHING, ALL, HALF };

struct failure {
	const char *at; /* "aA": target and call as in the trace; NULL: none */
	enum err_code code;
	enum done done;
};

struct rollout_case {
	const char *name;
	struct failure first, second;
	const char *kind; /* NULL: promote */
	unsigned targets; /* 0: one */
	uint64_t held, to;
	enum err_code code;
	enum job_state state;
	bool rolled_back;
	const char *trace, *serving;
};

/* The world of one case: two places and what was asked of them. */
struct world {
	const struct rollout_case *c;
	struct place {
		char letter;
		uint64_t serving;
		bool is_stamped, is_half;
		uint64_t lingers; /* serves beside what was written last; 0: none */
		unsigned slow;    /* looks for which what was put back is still starting */
	} at[2];
	bool used[2]; /* a failure of a write happens once */
	bool wants_abort, cannot_ask;
	struct rollout_run *run;
	struct journal *journal;
	struct journal_line last;
	struct buf trace;
	char complaint[256];
};
extern struct world world;

struct mock {
	struct place *at;
};
struct digest version_of(uint64_t number);
extern const struct deploy_driver world_driver;
