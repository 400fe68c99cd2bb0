/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The person at the command line as a signer: whose key, may it do this, and the secret half. The
 * passphrase comes from --passphrase-fd or from the terminal, lives in locked memory, and is asked
 * for as late as possible.
 */
#pragma once

#include "registry/keyring.h"
#include "registry/policy.h"
#include "tui/app.h"

struct signer {
	struct keyring_item item;
	char id[SIGNER_SIZE]; /* in the policy */
};
/* The person's own key, if the policy gives it the role. NOT_FOUND: no key; POLICY: not in that
 * role. */
int signer_find(const struct policy *p, enum policy_role role, struct signer *ret, struct err *e);
/* The same for one of several roles (ROLE_BIT). */
int signer_find_of(const struct policy *p, unsigned roles, struct signer *ret, struct err *e);
/* key_free what comes. DENIED: wrong passphrase; USAGE: nobody can be asked. */
int signer_unlock(struct app *a, const struct signer *s, struct secret_key **ret, struct err *e);
/* Neither a crash nor another program of this person may write the key or its passphrase down: no
 * core, and no tracing of this process by others than root. Best effort, and never undone. */
void signer_keep_memory(void);
#define cleanup_key __attribute__((cleanup(key_free_p)))
void key_free_p(struct secret_key **k);

#define PASSPHRASE_MAX 1024
/* Into sodium memory, to be freed with sodium_free. twice: typed again when a person types it; then
 * an empty one is refused. */
int passphrase_get(struct app *a, const char *question, bool twice, char **ret, struct err *e);
