/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What signed statements in the log say: for verbs that decide. The log is read from this person's
 * pin (without one from its start, and that is said) to its end, each line checked, the tree
 * compared with pin and bound; policies, promotions and what withdraws versions come from verified
 * statements alone. The database serves only to find a line faster, and what it finds is verified
 * like any other.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/authority.h"
#include "registry/base/err.h"
#include "registry/manifest.h"
#include "registry/policy.h"
#include "registry/registry.h"

struct ledger {
	struct policy policy; /* in force at the end of the log */
	struct policy *past;  /* an older one, looked up last; for ledger_policy_at alone */
	uint64_t size;        /* entries */
	struct pin next_pin;  /* what the pin becomes when the verb succeeds */
	bool from_start;      /* there was no pin */
	uint64_t passed_over; /* entries that claim authority and do not verify */
	bool has_restore;     /* a root said in this reading that the log was put back */
	struct restore_claim restore; /* the last such one */
};
int ledger_open(struct registry *r, struct ledger *ret, struct err *e);
void ledger_fini(struct ledger *l);
/* Remembers what was verified; only after the verb's decision stood. */
int ledger_save_pin(struct registry *r, const struct ledger *l, struct err *e);
/* The same after a change: it has happened, and remembering is for the next verb. Warns. */
void ledger_remember(struct registry *r, const struct ledger *l);

/* The policy that was in force for the entry at that place. UNTRUSTED: none was yet. Until the next
 * call. */
int ledger_policy_at(struct registry *r, const struct ledger *l, uint64_t seq,
                     const struct policy **ret, struct err *e);

/* The newest promotion of model's stage, by signed statements; exists false: never. */
int ledger_stage(struct registry *r, const struct ledger *l, const char *model, const char *stage,
                 struct promotion *ret, struct err *e);
/* The promotion before p in its stage's chain; exists false: p was the first. SIGNATURE, DIGEST. */
int ledger_before(struct registry *r, const struct ledger *l, const char *model, const char *stage,
                  const struct promotion *p, struct promotion *ret, struct err *e);
/* What a rollback of the stage goes back to: promotions push, rollbacks pop. version NULL: one
 * step; else down to that version, which the stage must have held (NOT_FOUND). exists false: to
 * nothing. */
int ledger_way_back(struct registry *r, const struct ledger *l, const char *model,
                    const char *stage, const struct digest *version, struct promotion *ret,
                    struct err *e);
/* What signed entries say of a version: live when there is none. The state's leaf is what the next
 * one names as previous. A version whose bytes were revoked under another number is revoked. */
struct life_place {
	uint64_t seq;
	struct digest leaf;
};
struct standing {
	struct life_state state;
	struct life_place at, hold; /* the entries that made it so; hold: when it is held */
};
int ledger_standing(const struct ledger *l, const char *model, uint64_t number,
                    const struct digest *version, struct standing *ret, struct err *e);
/* POLICY when it is not live, or when it is held: names the entry, who, why and what to do. */
int ledger_refuse_withdrawn(struct registry *r, const struct ledger *l, const char *model,
                            uint64_t number, const struct standing *s, struct err *e);
int ledger_refuse_held(struct registry *r, const struct ledger *l, const char *model,
                       uint64_t number, const struct standing *s, struct err *e);
/* Is this version admitted under the model by a valid statement, and live? The statement is
 * verified, the manifest's digest, file count, bytes and OMS root compared with it. SIGNATURE,
 * UNTRUSTED, DIGEST, POLICY (revoked or deleted; a retired one may be gone back to), NOT_FOUND. */
struct admitted {
	uint64_t number, seq;
	struct digest version, smoke; /* smoke zero: none */
	char signer[SIGNER_SIZE], key_id[KEY_ID_SIZE];
	struct manifest manifest;
	struct standing standing;
};
int ledger_version(struct registry *r, const struct ledger *l, const char *model,
                   const struct digest *version, struct admitted *ret, struct err *e);
/* The same without the last question: for who looks at the bytes of a revoked version. */
int ledger_version_any(struct registry *r, const struct ledger *l, const char *model,
                       const struct digest *version, struct admitted *ret, struct err *e);
void admitted_fini(struct admitted *a);
/* Who signed the version that has this number and digest. */
int ledger_author(struct registry *r, const struct ledger *l, const char *model, uint64_t number,
                  const struct digest *version, char ret[SIGNER_SIZE], struct err *e);

/* Who said yes to a plan: the newest valid authorisation and every valid approval, verified where
 * they stand in the log. NOT_FOUND: nobody has authorised it. */
struct ledger_consent {
	struct authorisation by;
	struct approval *approvals;
	size_t approvals_n;
	char author[SIGNER_SIZE]; /* of the plan's version; "" */
};
struct plan;
int ledger_consent(struct registry *r, const struct ledger *l, const struct plan *p,
                   struct ledger_consent *ret, struct err *e);
void ledger_consent_fini(struct ledger_consent *c);
/* Enough of them, by the policy in force and the clock? NEEDS_PERSON, POLICY. */
int ledger_is_approved(const struct ledger *l, const struct ledger_consent *c, int64_t now_s,
                       struct err *e);

/* The job that runs for model's stage, by its signed beginning; false: none. */
bool ledger_job(const struct ledger *l, const char *model, const char *stage,
                struct job_claim *ret);
/* What was said of the plan before this place does not count any more: a job of the stage was
 * aborted there, or the plan discarded. 0: nowhere. */
uint64_t ledger_void_before(const struct ledger *l, const char *model, const char *stage,
                            const struct digest *plan);

/* The last bundle that came from that registry (bundle_check.h); counter 0: none. */
struct bundle_seen;
int ledger_bundle(const struct ledger *l, const char *registry_id, struct bundle_seen *ret,
                  struct err *e);

/* The targets of a stage by signed statements, in their order (NULL: of every stage). *ret is
 * free()d by the caller. */
int ledger_targets(struct registry *r, const struct ledger *l, const char *stage,
                   struct target_row **ret, size_t *ret_n, struct err *e);
/* Leaf of the last target entry of that name, whether it stands or was removed; zero: none. */
int ledger_target_leaf(const struct ledger *l, const char *name, struct digest *ret, struct err *e);
