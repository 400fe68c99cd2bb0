/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors are values on the caller's stack: a code, the errno where there was one, what could not be
 * done, and what to do next. Functions return 0 or the negative code; success is 0 and nothing
 * else. The table below is the only list of codes and exit statuses.
 */
#pragma once

#include <stddef.h>

#define PRINTF(f, a) __attribute__((format(printf, f, a)))

/* code, exit status, one line for the manual */
#define ERR_CODES(X) \
	X(DIFFERENT, 1, "the question is answered \"different\" or \"no\"") \
	X(USAGE, 2, "wrong use: flag, reference or missing confirmation") \
	X(AMBIGUOUS, 2, "a reference that names several things") \
	X(NOT_FOUND, 3, "not found") \
	X(DENIED, 4, "not allowed or not authenticated, here or by the target") \
	X(CONFLICT, 5, "the world moved since it was looked at") \
	X(EXISTS, 5, "exists already with other content") \
	X(LOCKED, 5, "somebody else holds the lock") \
	X(DIGEST, 6, "bytes that do not have the digest they should have") \
	X(SIGNATURE, 6, "a signature that is missing or wrong") \
	X(UNTRUSTED, 6, "signed by a key that is not trusted for this") \
	X(MALFORMED, 6, "bytes that break their format") \
	X(TOO_BIG, 6, "larger than the limit for such a thing") \
	X(POLICY, 7, "a gate or the policy refused") \
	X(ROLLOUT_FAILED, 8, "the target accepted, then failed") \
	X(OUTCOME_UNKNOWN, 9, "timed out, outcome unknown") \
	X(UNREACHABLE, 10, "target unreachable, a retry is safe") \
	X(NO_SPACE, 11, "no space left") \
	X(STORE, 11, "the local database") \
	X(SYS, 11, "the operating system refused") \
	X(PARTIAL, 12, "partly done") \
	X(NEEDS_PERSON, 13, "stored, waits for a person") \
	X(BUG, 70, "a defect of this program") \
	X(CANCELLED, 128, "ended by a signal: 128 and its number")

enum err_code {
	ERR_OK = 0,
#define X(name, exit, text) ERR_##name,
	ERR_CODES(X)
#undef X
	ERR_COUNT
};

/* A value on the caller's stack, nothing to free; start with { 0 }. */
struct err {
	enum err_code code;
	int sys; /* errno, or the signal number for ERR_CANCELLED */
	char msg[512];
	char hint[256]; /* what to do next; "" when the program does not know */
};

/* Lower case, no full stop, names in double quotes, what could not be done first. Foreign text in
 * the arguments need not be escaped: out_error does that. Returns -c. */
int err_set(struct err *e, enum err_code c, const char *fmt, ...) PRINTF(3, 4);
/* errno appended; ENOSPC and EDQUOT become NO_SPACE, EACCES and EPERM DENIED, ENOENT NOT_FOUND. */
int err_sys(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* "import fraud-ranker" in front of the message, and ": " unless that text ends in a space; returns
 * -e->code. Each caller adds one at most. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* Sets the hint; returns -e->code so that it may end a return statement. */
int err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);
void err_clear(struct err *e);
int err_exit_status(const struct err *e); /* 0 for ERR_OK */
const char *err_name(enum err_code c);    /* "NOT_FOUND"; "OK" */
const char *err_text(enum err_code c);    /* the third column */
enum err_code err_from_name(const char *name); /* ERR_OK when unknown */
int err_exit_of(enum err_code c);
