/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The single way to write. A change is one line of the log; the database follows from it. The seven
 * steps are DESIGN's: blobs durable (the caller's), begin (writer lock, same data file), replay if
 * the database is behind, check, put and reserve, append (one line, one fdatasync), commit.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/json.h"
#include "registry/registry.h"

#define CHANGE_NONE 1 /* from check: already so, write nothing */

/* A line behind the first one, in the same write and the same transaction. */
struct change_line {
	const char *type, *model;
	json_t *body; /* owned by who made it */
	const struct digest *statement_blob; /* as in struct change */
};
struct change_lines {
	struct change_line *v;
	size_t n, cap;
};
#define CHANGE_BYTES_MAX (16u << 20) /* all of them; what is more is TOO_BIG */

struct change {
	const char *type;  /* a row of entry_types */
	const char *model; /* the model whose chain this entry continues; NULL: none */
	/* Compare-and-set inside the transaction. Fills body (a new reference, object). */
	int (*check)(struct txn *t, void *arg, json_t **ret_body, struct err *e);
	void *arg;
	const char *reason; /* why, in UTF-8 of at most ENTRY_REASON_MAX bytes; NULL */
	const struct digest *blob; /* must be there inside the transaction; NULL: none */
	struct str statement; /* canonical DSSE envelope, or empty; over STATEMENT_INLINE_MAX it is
	                         put as a blob */
	const struct digest *statement_blob; /* instead: it is this blob, durable already; NULL */
	/* What comes with it: check may fill it. One write; after a power cut in it the
	 * log may have the first of them, each whole. NULL. */
	const struct change_lines *more;
};
struct change_result {
	bool changed, replay_later;
	uint64_t seq;
	struct digest leaf;
};

/* 0: the line is durable (ret->changed), or check said CHANGE_NONE. replay_later: only LMDB's
 * commit failed, the next opening replays; a note was given by message(). Negative: nothing
 * happened. CONFLICT, EXISTS, NOT_FOUND, POLICY: check said so. DIGEST: the database is ahead of
 * the log, never repaired by itself. NO_SPACE, STORE, SYS: the log was cut back. */
int change_commit(struct registry *r, const struct change *c, struct change_result *ret,
                  struct err *e);

/* fn while nobody else can change anything: the writer lock is held. r is opened for writing. For
 * who asks the log once more and then removes files. */
int change_locked(struct registry *r, int (*fn)(void *arg, struct err *e), void *arg,
                  struct err *e);
/* Brings the database (also a private one) to the last whole line of the log. An unfinished line
 * stays: only the next commit cuts it off, and says so. */
int change_replay(struct registry *r, struct err *e);
/* A new database from log and blobs, swapped in. *ret_entries may be NULL. */
int change_rebuild(struct registry *r, uint64_t *ret_entries, struct err *e);
/* The same into another folder, for a test that compares and for readers who cannot write. */
int change_build_db(struct registry *r, const char *dir, struct err *e);
