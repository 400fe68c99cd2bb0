/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The person at the command line as a signer: whose key, may it do this, and a signature by it. The
 * key lies in a file of this machine or in ssh-agent. The passphrase of a file comes from
 * --passphrase-fd, from the systemd credential "slipway-passphrase" or from the terminal, lives in
 * locked memory, and is asked for as late as possible.
 */
#pragma once

#include "registry/keyring.h"
#include "registry/policy.h"
#include "tui/app.h"

struct signer {
	struct keyring_item item; /* in an agent: name is the key's comment */
	bool in_agent;
	char id[SIGNER_SIZE];   /* in the policy */
	struct secret_key *key; /* of a file, once it is open */
};
/* The person's own key with one of these roles (ROLE_BIT) in the policy: --key or the setting `key`
 * when given, else the only one; a file before an agent's. NOT_FOUND: no key; POLICY: none with
 * such a role; AMBIGUOUS: several people's. signer_fini what comes. */
int signer_find(struct app *a, const struct policy *p, unsigned roles, struct signer *ret,
                struct err *e);
/* Opens the key's file now, for who wants the question early; a key in an agent is left alone.
 * DENIED: wrong passphrase; USAGE: nobody can be asked. */
int signer_open(struct app *a, struct signer *s, struct err *e);
/* A whole envelope with one signature. Opens the key when that was not done. DENIED: an agent said
 * no; UNREACHABLE: there is none any more. */
int signer_sign(struct app *a, struct signer *s, const char *kind, const char *subject_name,
                const struct digest *subject, const json_t *predicate, struct buf *ret,
                struct err *e);
/* Only the signature, over a payload (statement.h), for an envelope that others sign too. */
int signer_signature(struct app *a, struct signer *s, const char *kind, struct str payload,
                     struct buf *ret, struct err *e);
/* What an outcome of sshsig_verify, not SSHSIG_OK, is called; wrong: when it is simply not good. */
int signature_refused(int status, const char *wrong, struct err *e);
void signer_fini(struct signer *s);
#define cleanup_signer __attribute__((cleanup(signer_fini)))

#define cleanup_key __attribute__((cleanup(key_free_p)))
void key_free_p(struct secret_key **k);

#define PASSPHRASE_MAX 1024
/* From here on neither a core nor another program of this person may write secrets down. */
void signer_keep_memory(void);
/* Into sodium memory, to be freed with sodium_free. twice: typed again when a person types it; then
 * an empty one is refused. */
int passphrase_get(struct app *a, const char *question, bool twice, char **ret, struct err *e);
