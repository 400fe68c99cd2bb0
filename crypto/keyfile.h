/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret key at rest: PEM-like text, label SLIPWAY SIGNING KEY. Header lines, in this order:
 *     version: 1
 *     public: ssh-ed25519 <base64>
 *     kdf: argon2id13        or "kdf: none", and then none of the lines below
 *     opslimit: <decimal>
 *     memlimit: <bytes>
 *     salt: <base64 of 16 bytes>
 *     cipher: xchacha20poly1305
 *     nonce: <base64 of 24 bytes>
 * An empty line, then the body on one line: base64 of the sealed seed (64 columns; associated data
 * are the header lines with their line ends) or, with kdf none, of the seed itself.
 * Bytes in, bytes out: files and prompts are the caller's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/key.h"

#define KEYFILE_MAX         4096 /* bytes; a larger file is no key file */
#define KEYFILE_OPS_DEFAULT 3
#define KEYFILE_MEM_DEFAULT (256u << 20)
#define KEYFILE_OPS_MAX     10          /* bounds enforced on reading */
#define KEYFILE_MEM_MIN     (64u << 20)
#define KEYFILE_MEM_MAX     (2048u << 20)

enum keyfile_status {
	KEYFILE_OK = 0,
	/* not this format, a line missing, doubled or unknown, or not the seed's public key */
	KEYFILE_MALFORMED = -1,
	KEYFILE_PASSPHRASE = -2, /* wrong passphrase, or the file was altered */
	KEYFILE_BOUNDS = -3,     /* opslimit or memlimit outside the bounds above */
	KEYFILE_MEMORY = -4,
	KEYFILE_LOCKED = -5,     /* is encrypted and no passphrase was given */
};

struct keyfile_cost {
	unsigned long long ops;
	size_t mem; /* bytes */
};

/* Text of a key file, malloc'ed, NUL-terminated. passphrase NULL: kdf "none", the seed in the clear
 * (wipe the text then before it is freed). cost NULL: the defaults. */
int keyfile_write(const struct secret_key *k, const char *passphrase,
                  const struct keyfile_cost *cost, char **ret, size_t *ret_n);
/* passphrase may be NULL. *ret is for key_free. */
int keyfile_read(const char *text, size_t n, const char *passphrase, struct secret_key **ret);
/* The public half is a header line of the file and needs no passphrase (it is bound to the secret
 * half when the file is opened). */
int keyfile_public(const char *text, size_t n, struct public_key *ret, int *ret_is_encrypted);
