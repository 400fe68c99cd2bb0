/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of this person on this machine: $XDG_CONFIG_HOME/slipway/keys/<name>.key (0600,
 * crypto/keyfile.h): a person's own, and unencrypted agent-<registry id>.key for the agent and
 * log-<registry id>.key for the checkpoints of one registry. Paths and files; prompts are the
 * caller's.
 */
#pragma once

#include <stdbool.h>

#include "crypto/key.h"
#include "crypto/keyfile.h"
#include "registry/base/err.h"

struct keyring_item {
	char name[65];          /* file name without ".key" */
	char id[KEY_ID_SIZE];
	struct public_key pub;
	bool is_encrypted, is_agent, is_log;
};
int keyring_each(int (*fn)(void *arg, const struct keyring_item *k), void *arg, struct err *e);
/* The person's own key: the only one that is no machine's, else AMBIGUOUS; NOT_FOUND says `init`.
 * A file that is there and no good is DENIED or MALFORMED, with its path. */
int keyring_person(struct keyring_item *ret, struct err *e);
/* EXISTS when there is one of that name. passphrase NULL: in the clear. */
int keyring_create(const char *name, const char *passphrase, struct secret_key **ret,
                   struct err *e);
/* The same with another cost of the passphrase (keyfile.h); NULL: the default. */
int keyring_create_at_cost(const char *name, const char *passphrase,
                           const struct keyfile_cost *cost, struct secret_key **ret,
                           struct err *e);
/* USAGE: encrypted and passphrase NULL; DENIED: wrong passphrase; refuses a file that others may
 * read. */
int keyring_load(const char *name, const char *passphrase, struct secret_key **ret, struct err *e);
/* Takes back what keyring_create made, when the making that it was for failed. Best effort. */
void keyring_remove(const char *name);
void keyring_agent_name(const char *registry_id, char ret[65]);
void keyring_log_name(const char *registry_id, char ret[65]);
