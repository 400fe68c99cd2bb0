/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 (RFC 8032, pure) by libsodium; the one place that signs and the one that verifies. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/key.h"

#define ED25519_SIG_SIZE 64

/* 0 only when the signature is good; every other outcome is negative. */
int ed25519_verify(const uint8_t sig[ED25519_SIG_SIZE], const void *p, size_t n,
                   const struct public_key *key);
int ed25519_sign(uint8_t ret[ED25519_SIG_SIZE], const void *p, size_t n,
                 const struct secret_key *key);
