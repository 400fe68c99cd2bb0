/* SPDX-License-Identifier: Apache-2.0 */
/* Entries and their statements, verified: what ledger.c and ledger_version.c share. */
#pragma once

#include "registry/entry.h"
#include "registry/ledger.h"
#include "registry/policy.h"
#include "registry/registry.h"
#include "registry/statement.h"

/* The entry at seq, found through the database, read from the log and checked; leaf (may be NULL)
 * must be its leaf. Release with entry_fini. STORE: the database does not know it. */
int evidence_entry(struct registry *r, uint64_t seq, const struct digest *leaf, struct entry *ret,
                   struct err *e);
/* Its envelope, from the entry or from the blob that it names. SIGNATURE: it has none. */
int evidence_statement(struct registry *r, const struct entry *n, struct buf *ret, struct err *e);
/* Verified with the keys that hold role, and of this registry. */
int evidence_verify(struct registry *r, const struct policy *p, const struct entry *n,
                    const char *kind, enum policy_role role, struct statement *ret, struct err *e);
/* The entry at a place that a pin remembers, with the leaf that it names. DIGEST: another one. */
int evidence_at_place(struct registry *r, const json_t *place, struct entry *ret, struct err *e);
/* A promotion entry: the agent's signature, and that it speaks of its own model and stage. The
 * predicate is a new reference; ret_predicate may be NULL. */
int evidence_promotion(struct registry *r, const struct policy *policy, const struct entry *n,
                       struct promotion *ret, json_t **ret_predicate, struct err *e);
