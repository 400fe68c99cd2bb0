/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public keys by kind, and the names people know them by. A key's id is its SSH fingerprint:
 * "SHA256:" + unpadded base64 of SHA-256 over the SSH wire form of the public key (RFC 4253 6.6,
 * RFC 8709 4, RFC 5656 3.1, OpenSSH PROTOCOL.u2f), the text that `ssh-keygen -l` prints.
 * Secret keys of ours are Ed25519 (RFC 8032).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KEY_POINT_MAX   65
#define KEY_APP_SIZE    64
#define KEY_PUBLIC_SIZE 32 /* of an Ed25519 point */
#define KEY_SEED_SIZE   32
#define KEY_ID_SIZE     51  /* "SHA256:" + 43 + NUL */
#define KEY_SSH_SIZE    384 /* "ssh-ed25519 AAAA..." and the NUL, no comment */
#define KEY_WIRE_MAX    256 /* bytes of the wire form */

enum key_kind {
	KEY_ED25519,       /* ssh-ed25519; signs raw, or by SSHSIG in an agent */
	KEY_SK_ED25519,    /* sk-ssh-ed25519@openssh.com; SSHSIG only */
	KEY_ECDSA_P256,    /* ecdsa-sha2-nistp256; SSHSIG only */
	KEY_SK_ECDSA_P256, /* sk-ecdsa-sha2-nistp256@openssh.com; SSHSIG only */
	KEY_KINDS
};

/* Compared whole by memcmp: what a kind does not use is zero. */
struct public_key {
	uint8_t b[KEY_POINT_MAX]; /* Ed25519: 32 bytes; P-256: 04 | x | y */
	uint8_t kind;             /* enum key_kind */
	char app[KEY_APP_SIZE];   /* of a security key: its application, "ssh:..." */
};

/* Lives in sodium_malloc memory: locked, guarded, zeroed by key_free. */
struct secret_key {
	uint8_t seed[KEY_SEED_SIZE];
	struct public_key pub; /* KEY_ED25519 */
};

struct secret_key *key_generate(void);                               /* NULL: memory */
struct secret_key *key_from_seed(const uint8_t seed[KEY_SEED_SIZE]); /* NULL: memory */
void key_free(struct secret_key *k);                                 /* NULL is fine */

void key_id(const struct public_key *k, char ret[KEY_ID_SIZE]);
/* "ssh-ed25519 <base64>" as in authorized_keys, without comment. */
void key_ssh(const struct public_key *k, char ret[KEY_SSH_SIZE]);
/* Reads that form; a comment after it is ignored. -1: malformed or a kind not listed above. */
int key_parse_ssh(struct public_key *ret, const char *text, size_t n);
/* The SSH wire form; *ret_n at most KEY_WIRE_MAX. */
void key_wire(const struct public_key *k, uint8_t ret[KEY_WIRE_MAX], size_t *ret_n);
/* -1: malformed, bytes behind it, or a kind not listed above. */
int key_parse_wire(struct public_key *ret, const void *p, size_t n);
const char *key_kind_name(enum key_kind kind); /* "ssh-ed25519" ... */
