/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSH signatures over messages (OpenSSH PROTOCOL.sshsig, version 1), binary blobs and their armour:
 *     blob:   "SSHSIG" | u32 1 | string key | string namespace | string reserved | string hash |
 *             string signature, nothing after it
 *     signed: "SSHSIG" | string namespace | string reserved (empty) | string hash | string H(msg)
 * The hash is sha512 or sha256, reserved is empty. A security key signs SHA-256(application) |
 * flags | counter | SHA-256(signed) (PROTOCOL.u2f); its user must have been there (flags & 1),
 * always. One blob has one spelling: numbers are the shortest, and no byte is left over.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/key.h"

#define SSHSIG_MAX      8192 /* bytes of a blob or of its armour */
#define SSHSIG_PRESENT  1    /* flags: the user touched the key */
#define SSHSIG_VERIFIED 4    /* flags: the user was verified by PIN or finger */

enum sshsig_status {
	SSHSIG_OK = 0,
	SSHSIG_BAD = -1, /* the signature is not good */
	SSHSIG_MALFORMED = -2,
	SSHSIG_NAMESPACE = -3, /* made for something else */
	SSHSIG_KEY = -4,       /* made by another key */
	SSHSIG_NOBODY = -5,    /* good, but the security key was not touched */
	SSHSIG_UNCHECKED = -6, /* memory, or libcrypto cannot be loaded: nothing is known */
};

struct sshsig_info {
	uint8_t flags;    /* of a security key, else 0 */
	uint32_t counter; /* of a security key, else 0 */
};

/* What a key is asked to sign, malloc'ed; NULL: memory, or a namespace that is empty or longer than
 * SSHSIG_MAX. The hash is sha512. */
uint8_t *sshsig_signed_bytes(const char *ns, const void *msg, size_t msg_n, size_t *ret_n);
/* The blob around what an agent answered (an SSH signature blob, which is not looked into),
 * malloc'ed. -1: no namespace, longer than SSHSIG_MAX, or memory. */
int sshsig_wrap(const struct public_key *key, const char *ns, const void *sig, size_t sig_n,
                uint8_t **ret, size_t *ret_n);
/* A blob by a key of ours, malloc'ed. -1: as above. */
int sshsig_sign(const struct secret_key *key, const char *ns, const void *msg, size_t msg_n,
                uint8_t **ret, size_t *ret_n);
/* 0 only when blob is a good signature by this very key over msg in this namespace, which must not
 * be empty; every other outcome is negative, as above. info may be NULL; filled at 0 only. */
int sshsig_verify(const void *blob, size_t blob_n, const char *ns, const void *msg, size_t msg_n,
                  const struct public_key *key, struct sshsig_info *info);
/* The key that a blob names, unverified. -1: not a blob, or a key of a kind that key.h has not. */
int sshsig_key(const void *blob, size_t blob_n, struct public_key *ret);
/* Armour ("-----BEGIN SSH SIGNATURE-----") to blob, malloc'ed: lines of any length that end in LF
 * or CRLF, nothing before and nothing behind. -1: malformed or memory. And back, NUL-terminated;
 * NULL: longer than SSHSIG_MAX, or memory. */
int sshsig_dearmor(const char *text, size_t n, uint8_t **ret, size_t *ret_n);
char *sshsig_armor(const void *blob, size_t n);
