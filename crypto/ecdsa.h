/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA over P-256, P-384 and P-521 (FIPS 186-4), each with its own hash (SHA-256, SHA-384,
 * SHA-512), signatures in DER (X9.62), keys in PEM (SPKI, PKCS#8, SEC 1), certificate chains in
 * DER. All of it by libcrypto, which sits in the private module beside the hashes and is loaded on
 * first use. Every other curve and every byte left over is refused.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ECDSA_PEM_MAX (16u << 10)

enum ecdsa_status {
	ECDSA_OK = 0,
	ECDSA_BAD = -1,        /* the signature is not good */
	ECDSA_MALFORMED = -2,  /* no key, no certificate, bytes left over */
	ECDSA_CURVE = -3,      /* a key of another kind or curve */
	ECDSA_PASSPHRASE = -4, /* encrypted, and none or the wrong one was given */
	ECDSA_CHAIN = -5,      /* certificates do not lead to a given root, or not at that time */
	ECDSA_MODULE = -6,     /* libcrypto cannot be loaded */
	ECDSA_MEMORY = -7,
};
enum ecdsa_curve { ECDSA_P256, ECDSA_P384, ECDSA_P521 };

struct ecdsa_key; /* public, or with its secret half */
/* One block; text in front of it counts for nothing, and there is none behind it. */
int ecdsa_public_pem(const char *text, size_t n, struct ecdsa_key **ret);
/* passphrase NULL: none. Files in OpenSSL's encryption of before PKCS#8 are malformed. */
int ecdsa_private_pem(const char *text, size_t n, const char *passphrase, struct ecdsa_key **ret);
int ecdsa_public_point(const uint8_t *point, size_t n, struct ecdsa_key **ret); /* P-256, 04|x|y */
/* The leaf's key when the chain (DER, leaf first) leads to one of the roots (PEM, one or more, each
 * signed by itself) at time at_s; no other store is asked. Where the leaf names its uses,
 * digitalSignature and codeSigning must be among them. Roots of one name are told apart by their
 * key ids. */
int ecdsa_chain(const uint8_t *const *der, const size_t *der_n, size_t chain_n, const char *roots,
                size_t roots_n, int64_t at_s, struct ecdsa_key **ret);
void ecdsa_free(struct ecdsa_key *k); /* NULL is fine */
enum ecdsa_curve ecdsa_curve_of(const struct ecdsa_key *k);
/* SubjectPublicKeyInfo as PEM (64 columns, LF) and as DER, malloc'ed. */
int ecdsa_spki_pem(const struct ecdsa_key *k, char **ret, size_t *ret_n);
int ecdsa_spki_der(const struct ecdsa_key *k, uint8_t **ret, size_t *ret_n);

/* 0 only when the signature (DER) over p is good. */
int ecdsa_verify(const void *sig, size_t sig_n, const void *p, size_t n, const struct ecdsa_key *k);
/* DER, malloc'ed. ECDSA_MALFORMED: the key has no secret half. */
int ecdsa_sign(const void *p, size_t n, const struct ecdsa_key *k, uint8_t **ret, size_t *ret_n);
