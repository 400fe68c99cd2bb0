/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who must have said what before a stage: a numbered document naming people, keys, roles and
 * stages, signed by its root role, one log entry each. Unknown and duplicate members are refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "crypto/key.h"
#include "registry/base/err.h"
#include "registry/base/json.h"
#include "registry/canary.h"
#include "registry/gate.h"
#include "registry/records.h"

#define POLICY_MAX            (256u << 10)
#define POLICY_EXPIRY_MAX_S   (400 * 24 * 3600) /* from its issue */
#define POLICY_APPROVAL_HOURS 72                /* how long an approval counts, unless it says */
#define POLICY_PEOPLE_MAX     64                /* bits of a role */
#define POLICY_KEYS_MAX       16                /* of a person */
#define POLICY_SITES_MAX      32
#define POLICY_OFFLINE_MAX    32 /* of each of its lists */

struct policy_key {
	struct public_key key;
	char id[KEY_ID_SIZE];
};
struct policy_person { /* or an agent, or the log: machines whose keys lie unencrypted */
	char id[SIGNER_SIZE];
	struct policy_key *keys;
	size_t keys_n;
};
struct policy_revoked { /* what this key signs in the log from that entry on does not count */
	struct policy_key key;
	uint64_t at;
};
enum policy_role {
	ROLE_ROOT,
	ROLE_AUTHOR,
	ROLE_APPROVER,
	ROLE_DEPLOYER,
	ROLE_AGENT,
	ROLE_SCANNER, /* may be absent, as the next */
	ROLE_LOG,
	ROLE_COUNT
};
#define ROLE_BIT(r)  (1u << (r))
#define ROLES_PERSON (ROLE_BIT(ROLE_COUNT) - 1 - ROLE_BIT(ROLE_AGENT) - ROLE_BIT(ROLE_LOG))

struct policy_stage {
	char name[WORD_SIZE];
	uint64_t order;          /* 1.. */
	bool is_protected;       /* the model's name must be typed or confirmed */
	uint64_t approvals;      /* people who must approve, beside the one who authorises */
	uint64_t approval_hours; /* how long an approval counts */
	unsigned break_glass;    /* role bits; 0: nobody */
	int min_proof;           /* enum proof; -1: the policy does not say */
	struct gate *gates;
	size_t gates_n;
	/* of promotions that say no steps, no limits of their own; steps_n 0: at once */
	struct canary_plan canary;
	bool has_limits; /* else the usual ones */
};
/* What of another registry counts here as if it were signed here. */
enum policy_counts {
	COUNTS_VERSIONS = 1u << 0, /* of each site: else there is nothing that the rest is about */
	COUNTS_EVIDENCE = 1u << 1,
	COUNTS_APPROVALS = 1u << 2,
};
#define COUNTS_ALL (COUNTS_VERSIONS | COUNTS_EVIDENCE | COUNTS_APPROVALS)
struct policy_site { /* another registry, whose versions may come here */
	char name[SIGNER_SIZE];
	struct digest root; /* of its first policy, as `audit verify --root` takes it */
	unsigned counts;
};
struct policy {
	uint64_t version, seq;
	char registry_id[33];
	struct digest previous; /* the policy that this one replaces; zero: the first */
	struct digest digest;   /* of the canonical document */
	char template_name[32];
	int64_t issued_s, expires_s; /* 0: never */
	uint64_t root_threshold;     /* people of role root who must sign a change */
	struct policy_person *people;
	size_t people_n;
	struct policy_revoked *revoked;
	size_t revoked_n;
	uint64_t roles[ROLE_COUNT]; /* bit i: people[i] */
	struct policy_stage stages[STAGES_MAX];
	size_t stages_n; /* in order */
	struct policy_site *sites;
	size_t sites_n; /* by name */
	/* {"registries": [HOST..], "schemes": [..]}: without a connection, and what may be reached
	 * inside the site; NULL: connected */
	json_t *offline;
	json_t *doc;
};

/* A first policy. "solo": one person in every role, staging then production (protected). "team":
 * the same, and production wants an approval by another person; root may break the glass. NULL: no
 * such template. */
struct policy_start {
	const char *template_name, *registry_id, *person;
	const struct public_key *key, *agent, *log; /* log NULL: none */
	int64_t issued_s;
};
json_t *policy_template(const struct policy_start *s);
int policy_parse(const json_t *doc, struct policy *ret, struct err *e);
void policy_fini(struct policy *p);
/* The policy in this envelope, if it may come into force behind old (NULL: the first one): signed
 * by as many people of role root as its own and old's threshold say, of this registry, version and
 * previous digest as they must be, and no revocation of old's taken back. NEEDS_PERSON: good, but
 * signatures are missing. */
int policy_accept(const struct policy *old, struct str envelope, const char *registry_id,
                  struct policy *ret, struct err *e);
/* Keys that hold one of these roles (ROLE_BIT); *ret is free()d by the caller. */
size_t policy_keys(const struct policy *p, unsigned roles, struct public_key **ret);
/* NULL */
const struct policy_person *policy_person_of(const struct policy *p, const struct public_key *key);
const struct policy_person *policy_person_named(const struct policy *p, const char *id); /* NULL */
bool policy_has_role(const struct policy *p, const struct public_key *key, enum policy_role role);
unsigned policy_roles_of(const struct policy *p, const struct policy_person *who); /* bits */
/* Does this policy say that what the key signed at that place in the log does not count? */
bool policy_is_revoked(const struct policy *p, const struct public_key *key, uint64_t seq);
const struct policy_stage *policy_stage(const struct policy *p, const char *name); /* NULL */
const char *policy_role_name(enum policy_role r);
int policy_role_parse(const char *s, enum policy_role *ret); /* -1: none of them */
const struct policy_site *policy_site_named(const struct policy *p, const char *name); /* NULL */
const struct policy_site *policy_site_by_root(const struct policy *p,
                                              const struct digest *root); /* NULL */
int policy_counts_parse(const char *s, unsigned *ret);     /* one bit; -1: none of them */
void policy_counts_text(unsigned counts, struct buf *ret); /* "versions, evidence" */
json_t *policy_counts_json(unsigned counts);               /* as the document spells them */
bool policy_offline_is_host(const char *s);                /* HOST or HOST:PORT, lower case */
/* "file", "oci", "pvc", "s3", or SCHEME://HOST of gs, hf, http, https, s3 */
bool policy_offline_is_scheme(const char *s);
json_t *policy_offline_new(void); /* no registry, each scheme without a host */
/* A list of it, "none" without one: "registry.lan:5000, mirror.lan" */
void policy_offline_text(const struct policy *p, const char *member, struct buf *ret);
/* POLICY: it has expired; only what goes back is allowed then. */
int policy_check_expiry(const struct policy *p, int64_t now_s, struct err *e);

struct entry;
/* The document that a policy entry carries; its digest is compared, no signature verified. */
int policy_of_entry(const struct entry *n, struct policy *ret, struct err *e);
struct registry;
/* For showing: the policy of the database's `applied` row. Deciding verbs take the ledger's. */
int policy_current(struct registry *r, struct txn *t, struct policy *ret, struct err *e);
