/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who founds a registry: the person's key (made, or the one that is there), the agent's and the
 * log's, and the first policy of a template. For init and adopt.
 */
#pragma once

#include "registry/keyring.h"
#include "tui/cmd/cmd.h"
#include "tui/cmd/sign.h"

struct founding {
	const char *who, *policy_name;
	char id[REGISTRY_ID_SIZE]; /* of the registry, once it has one */
	struct keyring_item item;  /* the person's */
	struct secret_key *person, *agent, *log;
	char agent_name[65], log_name[65];
	struct digest policy;
	bool made_key, made_agent, made_log, reused;
};
/* --name and --policy. USAGE. */
int founding_choose(const struct args *in, struct founding *n, struct err *e);
/* Asks for the passphrase; NOT made anew when this person has a key. */
int founding_person(struct app *a, struct founding *n, struct err *e);
/* The two machine keys of n->id. */
int founding_keys(struct founding *n, struct err *e);
/* Logs it in a->registry. CONFLICT: it has one already. */
int founding_policy(struct app *a, struct founding *n, struct err *e);
/* Removes the keys that were made, when what they were for failed. */
void founding_take_back(const struct founding *n);
void founding_fini(struct founding *n);
/* Its members of an object that is open. */
void founding_show(struct app *a, const struct founding *n);
