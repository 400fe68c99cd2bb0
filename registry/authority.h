/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an entry claims by a signature, checked with nothing but the policy in force and the
 * registry's id: pure functions over one entry. The database's puts, the ledger and check ask the
 * same questions here and so cannot differ. A statement that gives authority lies in its entry and
 * is never a blob that somebody could take away.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/entry.h"
#include "registry/policy.h"
#include "registry/records.h"
#include "registry/statement.h"

struct authority {
	const struct policy *policy; /* in force for the entry */
	const char *registry_id;
	/* The newest policy, for who decides now: what it revokes does not count. NULL: what
	 * counted then is asked. */
	const struct policy *now;
};

/* The envelope as canonical bytes. MALFORMED: none in the entry. */
int authority_envelope(const struct entry *n, struct buf *ret, struct err *e);
/* Signed by a key whose role may make entries of this type (version: author; target, authorisation:
 * deployer; job, promotion: agent), kind as the type, of this registry. SIGNATURE, UNTRUSTED. */
int authority_verify(const struct authority *a, const struct entry *n, struct statement *ret,
                     struct err *e);

/* A version entry and its statement agree: number, digest, bytes, files, signer and key of ret. */
int authority_version(const struct authority *a, const struct entry *n, struct version_row *ret,
                      struct err *e);

/* authority_lifecycle.c: versions taken out of use and brought back, by entries of the types
 * "lifecycle" and "delete". */
#define LIFE_MAY_DELETE (ROLE_BIT(ROLE_ROOT) | ROLE_BIT(ROLE_AUTHOR) | ROLE_BIT(ROLE_DEPLOYER))
#define LIFE_MAY_CHANGE (LIFE_MAY_DELETE | ROLE_BIT(ROLE_APPROVER))
enum life_action {
	ACTION_RETIRE,
	ACTION_RESTORE,
	ACTION_REVOKE,
	ACTION_HOLD,
	ACTION_RELEASE,
	ACTION_DELETE
};
const char *life_action_name(enum life_action a);
unsigned life_roles(enum life_action a); /* bits: one of these */
struct life_claim {
	enum life_action action;
	uint64_t number;
	struct digest version;
	struct digest previous; /* leaf of the last such entry about it; zero: none */
	char signer[SIGNER_SIZE];
	char reason[ENTRY_REASON_MAX + 1]; /* "" */
};
int authority_lifecycle(const struct authority *a, const struct entry *n, struct life_claim *ret,
                        struct err *e);
/* What becomes of a version whose state is *s. SIGNATURE: the claim does not continue it;
 * MALFORMED: that cannot be done in this state. Then *s is as it was. */
int life_step(struct life_state *s, const struct life_claim *c, const struct digest *leaf,
              struct err *e);

struct target_claim {
	bool removes;
	char name[WORD_SIZE];
	const json_t *body;     /* of the target as logged, in the entry; NULL when it is removed */
	struct digest previous; /* leaf of the name's last target entry; zero: none */
};
int authority_target(const struct authority *a, const struct entry *n, struct target_claim *ret,
                     struct err *e);

/* A person allows a plan: one who may deploy, or, breaking the glass with a reason, one of the
 * roles that the stage names for it. The predicate is owned. */
struct authorisation {
	uint64_t seq;
	struct digest leaf, plan;
	char person[SIGNER_SIZE];
	struct public_key key;
	bool break_glass;
	json_t *predicate;
};
int authority_authorisation(const struct authority *a, const struct entry *n,
                            struct authorisation *ret, struct err *e);
void authorisation_fini(struct authorisation *v);

/* Another person says yes to a plan, until a moment. */
struct approval {
	uint64_t seq;
	struct digest leaf, plan;
	char person[SIGNER_SIZE];
	struct public_key key;
	int64_t expires_s;
	json_t *predicate;
};
int authority_approval(const struct authority *a, const struct entry *n, struct approval *ret,
                       struct err *e);
void approval_fini(struct approval *v);

#define APPROVALS_MAX 16 /* that a promotion names */
struct signed_place {
	uint64_t seq;
	struct digest leaf;
};

/* A root says that the log was put back to `size` entries (those before this one) on purpose. */
struct restore_claim {
	uint64_t size;
	struct digest root;
	bool has_pinned; /* what its signer had seen before */
	uint64_t pinned_size;
	struct digest pinned_root;
};
int authority_restore(const struct authority *a, const struct entry *n, struct restore_claim *ret,
                      struct err *e);

/* The agent begins to carry out a plan that it found allowed. Ends are not signed. */
#define JOB_NAME_SIZE 17 /* 16 hex digits */
struct job_claim {
	uint64_t seq;
	char id[JOB_NAME_SIZE], stage[WORD_SIZE];
	struct digest plan;
};
int authority_job(const struct authority *a, const struct entry *n, struct job_claim *ret,
                  struct err *e);
/* What a job's entry says, signed or not. MALFORMED. */
int job_claim_read(const struct entry *n, struct job_claim *ret, bool *ret_begins, struct err *e);

struct promotion { /* the agent records that a stage was moved */
	bool exists;
	uint64_t seq;
	struct digest leaf; /* of its entry: what plans name as "previous" */
	char kind[16];      /* "promote" or "rollback" */
	bool empty;         /* the stage was emptied */
	bool break_glass;
	uint64_t number;
	struct digest version; /* zero when empty */
	struct digest plan;
	struct digest previous; /* leaf of the promotion before; zero: none */
	uint64_t previous_seq;
	struct signed_place authorisation; /* seq 0: none named */
	struct signed_place approvals[APPROVALS_MAX];
	size_t approvals_n;
	unsigned proofs;
	int64_t time_s;
};
int authority_promotion(const struct authority *a, const struct entry *n, struct promotion *ret,
                        json_t **ret_predicate, struct err *e); /* predicate may be NULL */

/* Who wants to know whether enough people said yes to a plan. */
struct consent {
	const struct authorisation *by;
	const struct approval *approvals;
	size_t approvals_n;
	const char *author; /* who signed the version; NULL: the stage is emptied */
	int64_t now_s;      /* approvals that ended before do not count; 0: all count */
	uint64_t after;     /* a job was aborted there: what was said before is void; 0: none was */
};
/* By this policy: the authoriser still may; beside that person as many others approve as the stage
 * wants, in role approver, each counted once, at least one of them not the version's author. What
 * goes back, and what breaks the glass, needs no approval. NEEDS_PERSON says how many are missing;
 * POLICY: the authoriser may not, or an abort has taken it back. */
int authority_approved(const struct policy *p, const struct consent *c, struct err *e);
/* Is this promotion what that authorisation allowed, and the approvals said yes to: plan, kind,
 * model, stage, version, number, break-glass and the promotion before it; and were they enough?
 * SIGNATURE: the first difference. */
int authority_admits(const struct policy *p, const struct consent *c, const json_t *promotion,
                     struct err *e);
