/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry types: one row each, one put each. Commit, replay and rebuild call the same put, which is
 * why the database is a function of log and blobs. An entry's JSON (canonical, one line):
 *   {"body":{..},"by":{"host","ssh"?,"uid"},"model":NAME?,"policy":SEQ|null,"previous":SEQ|null,
 *    "reason":TEXT?,"statement":{DSSE}|"sha256:.."?,"time":"..Z","type":T}
 * Bodies, by type (entry.c reads them, packaging/man/slipway-format.5 says what each member means):
 *   registry       {"created","format","id"}
 *   policy         {"digest","version"} + statement
 *   version        {"bytes","digest","files","key","number","signer"} + statement
 *   label          {"number"|null,"remove":[K..],"set":{K:V}}
 *   alias          {"name","number"|null}                    null: it goes
 *   note           {"number"|null,"text"}
 *   target         {"action":"add"|"remove","name","target"?:{..}} + statement
 *   plan           {"id","kind","number","stage"}            number 0: nothing
 *   authorisation  {"plan"} + statement
 *   approval       {"plan"} + statement
 *   evidence       {"digest","file","number","type"} + statement
 *   job            {"event":"begin"|"end","id","kind","number","plan","stage","state"}
 *   promotion      {"digest"|null,"job","kind","number","plan","proofs":[..],"stage","targets"}
 *                  + statement
 *   lifecycle      {"action","digest","number"} + statement
 *   delete         {"digest","number"} + statement
 * "previous" is the sequence of the model's previous entry, "policy" of the policy in force; "by"
 * is what the system said, unauthenticated.
 */
#pragma once

#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/err.h"
#include "registry/base/json.h"
#include "registry/log.h"
#include "registry/store.h"

#define ENTRY_REASON_MAX 500 /* bytes */

struct entry {
	uint64_t seq;
	struct digest leaf;
	int64_t time_s;
	const char *type, *model; /* model NULL: none */
	const char *reason;       /* NULL: none was given; unauthenticated */
	const json_t *body;       /* object */
	const json_t *statement;  /* NULL, object, or string (blob) */
	const json_t *by;
	uint64_t policy, previous;
	bool has_policy, has_previous;
	json_t *root; /* owns all of the above */
};
int entry_parse(struct str json, uint64_t seq, const struct digest *leaf, struct entry *ret,
                struct err *e);
void entry_fini(struct entry *n);

/* What an adoption says: a copy of `previous_id`, when its log had these entries, is `id` now. */
struct adoption_claim {
	char id[33], previous_id[33];
	uint64_t size;
	struct digest root;
};
int adoption_claim(const struct entry *n, struct adoption_claim *ret, struct err *e);

struct entry_type {
	const char *name;
	int (*put)(struct txn *t, const struct entry *n, struct err *e);
};
extern const struct entry_type entry_types[];               /* ends with name NULL */
const struct entry_type *entry_type_find(const char *name); /* NULL: unknown */
/* One line into the database: the row's put, the entry's place, the model's chain, the position.
 * MALFORMED: unknown type, a body that put refuses, or a line that is not the next one. */
int entry_apply(struct txn *t, const struct log_line *line, struct err *e);
/* The same for a line that is in the log already: what a put refuses does not count, is said, and
 * still has its place. Errors are this machine's only. */
int entry_replay(struct txn *t, const struct log_line *line, struct err *e);
/* As entry_replay, but the reason goes to *ret_why instead of a message; OK: it counts. */
int entry_judge(struct txn *t, const struct log_line *line, struct err *ret_why, struct err *e);
