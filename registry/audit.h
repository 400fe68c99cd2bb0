/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log read by an auditor: every policy with the place from which it was in force, and for each
 * entry whose key stands behind it under the policy in force at its place. Lists show this; what
 * decides reads the ledger.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/base/vec.h"
#include "registry/entry.h"
#include "registry/policy.h"
#include "registry/registry.h"

/* The policies from the first on, each accepted behind the one before it; .seq is its entry. */
struct audit_chain {
	VEC(struct policy) policies;
	/* For what bundles brought: where proofs are (NULL: it is refused), and who we are. */
	struct blobs *blobs;
	const char *registry_id;
};
/* The policies behind which the database stands, found by the links between their entries. */
int audit_chain_load(struct registry *r, struct audit_chain *ret, struct err *e);
/* A policy entry as the next one. Refused as policy_accept does; MALFORMED: its entry names another
 * policy than the last one as in force. */
int audit_chain_add(struct audit_chain *c, const char *registry_id, const struct entry *n,
                    struct err *e);
/* In force for an entry at seq; NULL: none yet. */
const struct policy *audit_chain_at(const struct audit_chain *c, uint64_t seq);
void audit_chain_fini(struct audit_chain *c);

enum audit_signature {
	AUDIT_UNSIGNED, /* a record: entries of this type carry no authority */
	AUDIT_GOOD,
	AUDIT_REFUSED, /* of a type that must be signed, and is not or not so that it counts */
};
struct audit_who {
	enum audit_signature signature;
	struct public_key key;                         /* GOOD: */
	char person[SIGNER_SIZE], key_id[KEY_ID_SIZE]; /* in the policy in force there */
	bool is_break_glass;                           /* a signed authorisation says so */
	struct err why;                                /* REFUSED */
};
void audit_who(const struct audit_chain *c, const char *registry_id, const struct entry *n,
               struct audit_who *ret);
/* The same of an entry that a bundle brought, for audit_who: "site/person" (audit_origin.c). */
void audit_who_origin(const struct audit_chain *c, const struct policy *in_force,
                      const struct entry *n, struct audit_who *ret);
const char *audit_signature_name(enum audit_signature s); /* "unsigned", "good", "refused" */
/* "uid 1000 at host": what the system said when the entry was written, which proves nothing. */
void audit_by(const struct entry *n, struct buf *ret);
