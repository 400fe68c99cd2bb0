/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing and verifying, by libsodium alone: verifiers disagree on edge cases (mixed-order keys,
 * encodings that are not canonical), so a second implementation would be a second opinion on what
 * is signed. Knows nothing of who is trusted.
 */
#include "crypto/ed25519.h"

#include <sodium.h>

/* libsodium's secret key is seed and public key in one row, and so they lie in struct secret_key:
 * no copy of the secret is made on the stack. */
_Static_assert(sizeof(struct secret_key) >= crypto_sign_ed25519_SECRETKEYBYTES, "seed, public key");
_Static_assert(offsetof(struct public_key, b) == 0, "seed, public key");
_Static_assert(offsetof(struct secret_key, pub) == KEY_SEED_SIZE, "seed, public key");
_Static_assert(ED25519_SIG_SIZE == crypto_sign_ed25519_BYTES, "size of a signature");

int
ed25519_verify(const uint8_t sig[ED25519_SIG_SIZE], const void *p, size_t n,
               const struct public_key *key)
{
	if (key->kind != KEY_ED25519 && key->kind != KEY_SK_ED25519)
		return -1;
	if (crypto_sign_ed25519_verify_detached(sig, p, n, key->b) != 0)
		return -1;

	return 0;
}

int
ed25519_sign(uint8_t ret[ED25519_SIG_SIZE], const void *p, size_t n, const struct secret_key *key)
{
	if (crypto_sign_ed25519_detached(ret, NULL, p, n, (const void *)key) != 0)
		return -1;

	return 0;
}
