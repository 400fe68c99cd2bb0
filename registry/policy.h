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
#include "registry/records.h"

#define POLICY_MAX (256u << 10)

struct policy_key {
	struct public_key key;
	char id[KEY_ID_SIZE];
};
struct policy_person {
	char id[SIGNER_SIZE];
	struct policy_key *keys;
	size_t keys_n;
};
enum policy_role { ROLE_ROOT, ROLE_AUTHOR, ROLE_APPROVER, ROLE_DEPLOYER, ROLE_AGENT, ROLE_COUNT };
struct policy_stage {
	char name[WORD_SIZE];
	uint64_t order;    /* 1.. */
	bool is_protected; /* the model's name must be typed or confirmed */
};
struct policy {
	uint64_t version, seq;
	char registry_id[33];
	struct digest previous; /* the policy that this one replaces; zero: the first */
	struct digest digest;   /* of the canonical document */
	char template_name[32];
	int64_t issued_s, expires_s; /* 0: never */
	struct policy_person *people;
	size_t people_n;
	uint64_t roles[ROLE_COUNT]; /* bit i: people[i] */
	struct policy_stage stages[STAGES_MAX];
	size_t stages_n; /* in order */
	json_t *doc;
};

/* The solo template: one person in every role but agent, staging then production (protected). */
json_t *policy_solo(const char *registry_id, const char *person, const struct public_key *key,
                    const struct public_key *agent, int64_t issued_s);
int policy_parse(const json_t *doc, struct policy *ret, struct err *e);
void policy_fini(struct policy *p);
/* The policy in this envelope, if it may come into force behind old (NULL: the first one): signed
 * by a root key of its own and of old's, of this registry, version and previous digest as they must
 * be. */
int policy_accept(const struct policy *old, struct str envelope, const char *registry_id,
                  struct policy *ret, struct err *e);
/* Keys that hold a role; *ret is free()d by the caller. */
size_t policy_keys(const struct policy *p, enum policy_role role, struct public_key **ret);
/* NULL */
const struct policy_person *policy_person_of(const struct policy *p, const struct public_key *key);
bool policy_has_role(const struct policy *p, const struct public_key *key, enum policy_role role);
const struct policy_stage *policy_stage(const struct policy *p, const char *name); /* NULL */
const char *policy_role_name(enum policy_role r);

struct registry;
/* For showing: the policy of the database's `applied` row. Deciding verbs take the ledger's. */
int policy_current(struct registry *r, struct txn *t, struct policy *ret, struct err *e);
