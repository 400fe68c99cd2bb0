/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of a job: preflight of all targets, then one wave of them after the other, side
 * by side within it: bytes, switch, looks until it has succeeded, proof. Each step is journaled
 * before it is taken. On a failure that is certain, what this job changed is put back, once, in
 * reverse order; what is unknown, or was not reached, is left alone. A target that does not answer
 * the preflight stops those of the waves behind its own, and no other.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "deploy/wave.h"
#include "registry/journal.h"

struct rollout_run {
	struct wave *wave;
	struct journal_writer *journal;
	uint64_t deadline_ms; /* clock_mono_ms(); waiting ends there */
	uint64_t back_ms; /* so long may what is put back need to start; 0: as long as a folder */
	bool (*abort_wanted)(void *arg);
	bool (*pause_wanted)(void *arg); /* NULL: nobody can */
	void *arg;
	bool is_abort;        /* only put back what was changed */
	bool is_resume;       /* an earlier run of this job may have changed something */
	bool goes_back; /* that run died while it put back: code and fail_text say why it did */
	enum job_state state; /* how it ended */
	enum err_code code;   /* of the failure; ERR_OK */
	bool has_failed; /* a target of the wave: those that have not switched do not */
	bool is_rolled_back;
	char fail_text[512]; /* what went wrong first */
};
/* Begins the text of the journal's line before something is put back; then why. */
#define ROLLOUT_PUTS_BACK "putting back what was there: "
/* 0: every target has its proof (state is verifying; the caller records the promotion). Negative: e
 * says why, state is failed, rolled-back, rollback-failed, aborted, or detached (OUTCOME_UNKNOWN).
 */
int rollout_run(struct rollout_run *run, struct err *e);
/* A line into the journal; target NULL: the job as a whole. */
int rollout_say(struct rollout_run *run, enum job_state state, const char *step, const char *target,
                struct err *e, const char *fmt, ...) PRINTF(6, 7);
