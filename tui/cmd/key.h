/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as the verbs name them: this person's, in files of this machine and in ssh-agent, and public
 * halves that other people hand over in files.
 */
#pragma once

#include "registry/keyring.h"
#include "tui/app.h"

struct own_key {
	/* in an agent: name is the comment when it is one word, else the fingerprint */
	struct keyring_item item;
	bool in_agent;
};
typedef int own_key_fn(void *arg, const struct own_key *k);
/* Files first, then what an agent offers, if there is one. fn's non-zero result ends the walk. */
int own_keys_each(own_key_fn *fn, void *arg, struct err *e);
/* By name or fingerprint; NOT_FOUND with near names. */
int own_key_find(const char *name, struct own_key *ret, struct err *e);
/* The file that --key or the setting `key` names, else the only one that is a person's. NOT_FOUND,
 * AMBIGUOUS. */
int own_key_only(struct app *a, struct keyring_item *ret, struct err *e);
/* One public key of a kind in key.h, in a line as `key export` and ssh-keygen write it.
 * MALFORMED: no such line, or several. */
int key_read_public(const char *path, struct public_key *ret, struct err *e);
/* A name for a person, or for what ("key") else: none of a machine's. USAGE. */
int key_check_name(const char *what, const char *name, struct err *e);
/* The name of this account, or "me" when it is no name for a key. */
const char *key_account_name(void);

/* A new file of this person's, unencrypted when the app says --no-passphrase. EXISTS. */
int key_make(struct app *a, const char *name, bool is_paranoid, struct secret_key **ret,
             struct err *e);
/* "ssh-ed25519 AAAA... name" and the line's end; path "-": on stdout. EXISTS: never over a file. */
int key_write_public(struct app *a, const struct keyring_item *k, const char *path, struct err *e);
