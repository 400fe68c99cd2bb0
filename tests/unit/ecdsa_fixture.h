/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that OpenSSL makes and writes, for the tests of what our module reads. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "crypto/digest.h"
#include "crypto/ecdsa.h"

static const struct {
	const char *name;
	enum ecdsa_curve curve;
} curves[] = {
	{ "P-256", ECDSA_P256 },
	{ "P-384", ECDSA_P384 },
	{ "P-521", ECDSA_P521 },
};

#define CURVES (sizeof curves / sizeof curves[0])

static inline EVP_PKEY *
make_key(const char *curve)
{
	EVP_PKEY *k = EVP_EC_gen(curve);

	cr_assert(k != NULL, "%s", curve);

	return k;
}

/* The rest of the bio, NUL-terminated; frees it. */
static inline char *
text_of(BIO *b)
{
	char *p, *copy;
	long n = BIO_get_mem_data(b, &p);

	cr_assert(n > 0);
	copy = strndup(p, (size_t)n);
	cr_assert(copy != NULL);
	BIO_free(b);

	return copy;
}

static inline char *
public_text(EVP_PKEY *k)
{
	BIO *b = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_PUBKEY(b, k), 1);

	return text_of(b);
}

static inline char *
pkcs8_text(EVP_PKEY *k, const char *passphrase)
{
	BIO *b = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_PKCS8PrivateKey(
	                     b, k, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
	                     passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
	             1);

	return text_of(b);
}

static inline char *
sec1_text(EVP_PKEY *k, const char *passphrase)
{
	BIO *b = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_PrivateKey_traditional(
	                     b, k, passphrase ? EVP_aes_128_cbc() : NULL,
	                     (const unsigned char *)passphrase,
	                     passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
	             1);

	return text_of(b);
}

/* DER in a block of that label. */
static inline char *
block(const char *label, const unsigned char *der, long n)
{
	BIO *b = BIO_new(BIO_s_mem());

	cr_assert(PEM_write_bio(b, label, "", der, n) > 0);

	return text_of(b);
}

static inline int
read_public(const char *text)
{
	struct ecdsa_key *k = NULL;
	int rc = ecdsa_public_pem(text, strlen(text), &k);

	cr_expect_eq(rc == ECDSA_OK, k != NULL);
	ecdsa_free(k);

	return rc;
}

static inline int
read_private(const char *text, const char *passphrase)
{
	struct ecdsa_key *k = NULL;
	int rc = ecdsa_private_pem(text, strlen(text), passphrase, &k);

	cr_expect_eq(rc == ECDSA_OK, k != NULL);
	ecdsa_free(k);

	return rc;
}

static inline EVP_PKEY *
explicit_key(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	char group[] = "P-256", encoding[] = OSSL_PKEY_EC_ENCODING_EXPLICIT;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, encoding, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY *k = NULL;

	cr_assert_eq(EVP_PKEY_keygen_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_params(ctx, params), 1);
	cr_assert_eq(EVP_PKEY_generate(ctx, &k), 1);
	EVP_PKEY_CTX_free(ctx);

	return k;
}
