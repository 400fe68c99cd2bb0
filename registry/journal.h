/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs/<id>/journal: one JSON object a line, written before the call that it announces and after
 * its result. The agent writes and holds the flock (alive); everybody else reads. Foreign ground
 * for readers.
 *   {"n":1,"time":"..Z","state":"staged","step":"apply","target":"dc1","percent":40,"text":"..",
 *    "wanted":40,"until":"..Z","done":bytes,"total":bytes,"code":"ROLLOUT_FAILED",
 *    "gates":[{"name":"errors","unit":"ppm","value":900,"limit":10000,"requests":1204}],
 *    "proofs":["object"]}
 * members beyond n, time and state are optional.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/json.h"

#define JOB_ID_SIZE 17 /* 16 hex digits */
/* clang-format off */
#define JOB_STATES(X) \
	X(PLANNED, "planned") X(APPROVED, "approved") X(PREFLIGHTED, "preflighted") \
	X(STAGED, "staged") \
	X(APPLYING, "applying") X(PROGRESSING, "progressing") X(CANARY, "canary") X(HOLD, "hold") \
	X(PROMOTING, "promoting") X(VERIFYING, "verifying") X(SUCCEEDED, "succeeded") \
	X(ABORTING, "aborting") X(ABORTED, "aborted") X(FAILED, "failed") \
	X(ROLLING_BACK, "rolling-back") X(ROLLED_BACK, "rolled-back") \
	X(ROLLBACK_FAILED, "rollback-failed") X(SUPERSEDED, "superseded") X(DETACHED, "detached")
enum job_state {
#define X(name, text) JOB_##name,
	JOB_STATES(X)
#undef X
	JOB_STATE_COUNT
};
/* clang-format on */
const char *job_state_name(enum job_state s);
int job_state_parse(const char *s, enum job_state *ret);
bool job_state_is_final(
        enum job_state s); /* succeeded aborted failed rolled-back rollback-failed superseded */

#define JOURNAL_READINGS 4
/* What a gate limits, as it was judged: of so many requests. */
struct journal_reading {
	char name[16], unit[4]; /* ppm: parts of a million; us: microseconds */
	uint64_t value, limit, requests;
};
struct journal_line {
	uint64_t n;
	int64_t time_s;
	enum job_state state;
	char step[32], target[129], text[512], hint[256], code[24];
	bool has_percent, has_wanted;
	unsigned percent, wanted; /* of the requests: as seen, or as it is about to be; asked for */
	int64_t until_s;          /* the waiting ends then at the latest; 0: nobody knows */
	struct journal_reading gates[JOURNAL_READINGS];
	size_t gates_n;
	uint64_t done, total; /* bytes; total 0: none */
	unsigned proofs;      /* bits; 0 none */
};
json_t *journal_gates_to_json(const struct journal_line *l); /* new, as in the journal */
int journal_parse(struct str line, struct journal_line *ret, struct err *e);

/* A reader that follows: lines from the n-th on as they come. */
struct journal;
int journal_open(int rootfd, const char *job_id, struct journal **ret,
                 struct err *e); /* NOT_FOUND */
void journal_close(struct journal *j);
int journal_next(struct journal *j, struct journal_line *ret, bool *ret_has,
                 struct err *e);          /* has false: none now */
bool journal_is_alive(struct journal *j); /* does an agent hold the lock? */
/* The newest whole line alone, in one small read however long the journal is; NOT_FOUND: none. */
int journal_newest(int rootfd, const char *job_id, struct journal_line *ret, bool *ret_is_alive,
                   struct err *e);
int journal_fd(const struct journal *j); /* for poll with inotify */

/* --- for the agent --- */
struct journal_writer;
/* Makes jobs/<id>, takes the lock. create false: an existing one (resume); LOCKED: its agent lives.
 */
int journal_write_open(int rootfd, const char *job_id, bool create, struct journal_writer **ret,
                       struct err *e);
int journal_write(struct journal_writer *w, const struct journal_line *l,
                  struct err *e); /* durable when it returns; from any thread */
void journal_write_close(struct journal_writer *w);
