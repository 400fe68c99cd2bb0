/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4). Small things go through libsodium; streams go through OpenSSL's libcrypto,
 * which uses the processor's SHA instructions, sits in a private module of ours and is loaded on
 * first use: a verb that hashes no blob never maps it. Without the module libsodium does the work.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE     32
#define DIGEST_HEX_SIZE 65 /* 64 digits and the NUL */

struct digest {
	uint8_t b[DIGEST_SIZE];
};

/* Call once in each process before anything else of crypto/. 0, or -1: libsodium fails to start. */
int crypto_init(void);

void digest_small(const void *p, size_t n, struct digest *ret);

/* The same for streams. hasher_new returns NULL only when memory is exhausted. */
struct hasher;
struct hasher *hasher_new(void);
void hasher_reset(struct hasher *h); /* begin a new digest with the same object */
void hasher_update(struct hasher *h, const void *p, size_t n);
void hasher_final(struct hasher *h, struct digest *ret);
void hasher_free(struct hasher *h); /* NULL is fine */
bool hasher_is_accelerated(void);   /* is the libcrypto module in use? loads it */

void digest_hex(const struct digest *d, char ret[DIGEST_HEX_SIZE]);
/* Exactly 64 lower-case hex digits, n == 64; anything else is -1 and *ret is untouched. */
int digest_parse(struct digest *ret, const char *hex, size_t n);
bool digest_eq(const struct digest *a, const struct digest *b); /* constant time */
bool digest_is_zero(const struct digest *d);
