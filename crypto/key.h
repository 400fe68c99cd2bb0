/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 keys (RFC 8032) and the names people know them by. A key's id is its SSH fingerprint:
 * "SHA256:" + unpadded base64 of SHA-256 over the SSH wire form of the public key (RFC 4253 6.6,
 * RFC 8709 4: string "ssh-ed25519", string key), the text that `ssh-keygen -l` prints.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KEY_PUBLIC_SIZE 32
#define KEY_SEED_SIZE   32
#define KEY_ID_SIZE     51  /* "SHA256:" + 43 + NUL */
#define KEY_SSH_SIZE    128 /* "ssh-ed25519 AAAA..." and the NUL, no comment */

struct public_key {
	uint8_t b[KEY_PUBLIC_SIZE];
};

/* Lives in sodium_malloc memory: locked, guarded, zeroed by key_free. */
struct secret_key {
	uint8_t seed[KEY_SEED_SIZE];
	struct public_key pub;
};

struct secret_key *key_generate(void);               /* NULL: memory */
struct secret_key *key_from_seed(const uint8_t seed[KEY_SEED_SIZE]); /* NULL: memory */
void key_free(struct secret_key *k);                 /* NULL is fine */

void key_id(const struct public_key *k, char ret[KEY_ID_SIZE]);
/* "ssh-ed25519 <base64>" as in authorized_keys, without comment. */
void key_ssh(const struct public_key *k, char ret[KEY_SSH_SIZE]);
/* Reads that form; a comment after it is ignored. -1: malformed or another key type. */
int key_parse_ssh(struct public_key *ret, const char *text, size_t n);
