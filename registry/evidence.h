/* SPDX-License-Identifier: Apache-2.0 */
/* Entries found again and verified: what the parts of the ledger share. */
#pragma once

#include "registry/authority.h"
#include "registry/entry.h"
#include "registry/ledger.h"
#include "registry/registry.h"

/* The rows where entries are looked up, until rows_end. */
int evidence_rows_begin(struct registry *r, struct txn **ret, struct err *e);
void evidence_rows_end(struct registry *r, struct txn *t);

/* The entry at seq, found through the database, read from the log and checked; leaf (may be NULL)
 * must be its leaf. Release with entry_fini. STORE: the database does not know it. */
int evidence_entry(struct registry *r, uint64_t seq, const struct digest *leaf, struct entry *ret,
                   struct err *e);
/* The entry at a place that a pin remembers, with the leaf that it names. DIGEST: another one. */
int evidence_at_place(struct registry *r, const json_t *place, struct entry *ret, struct err *e);
json_t *evidence_place(const struct log_line *line); /* what a pin remembers of an entry */
/* An entry that takes a version out of use or brings it back, seen while the log is read. */
int evidence_life(struct registry *r, struct ledger *l, const struct entry *n, struct err *e);
/* "model stage": under what pins remember of a stage. free() it. */
char *evidence_stage_key(const char *model, const char *stage);
/* A job's beginning, when it verifies, or its end, seen while the log is read. */
int evidence_job(struct registry *r, struct ledger *l, const struct entry *n, struct err *e);
/* A plan that was discarded, seen while the log is read; what was said of it before is void. */
int evidence_discard(struct ledger *l, const struct entry *n, struct digest *ret, struct err *e);
/* Plans made before are dead, discarded or not. */
void evidence_stage_moved(struct ledger *l, const char *key);
/* What somebody attested, seen while the log is read. */
int evidence_seen(struct registry *r, struct ledger *l, const struct entry *n,
                  const struct log_line *line, struct err *e);
/* Is the entry evidence of that type about the version? Members alone. */
bool evidence_is_about(const struct entry *n, uint64_t number, const struct digest *version,
                       enum evidence_type type);
/* A bundle that came in, seen while the log is read. */
int evidence_bundle(struct registry *r, struct ledger *l, const struct entry *n, struct err *e);
/* This registry, the policy that was in force for that entry and today's revocations, to be asked
 * about it. */
int evidence_authority(struct registry *r, const struct ledger *l, const struct entry *n,
                       struct authority *ret, struct err *e);
/* Every line from there to the end of the log into l. */
int ledger_scan(struct registry *r, struct ledger *l, struct log_pos from, bool has_policy,
                struct err *e);
