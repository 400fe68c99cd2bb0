/* SPDX-License-Identifier: Apache-2.0 */
/* ECDSA signatures over the three curves, made here and by OpenSSL, and what is none. */
#include "crypto/ecdsa.h"

#include <openssl/err.h>

#include "tests/unit/ecdsa_fixture.h"

static void
init(void)
{
	cr_assert_eq(crypto_init(), 0);
}

TestSuite(ecdsa, .init = init);

static const char message[] = "a message";

#define MESSAGE message, sizeof message - 1

/* Is it a signature over the digest of the curve, for OpenSSL and by the default way? */
static int
openssl_verify(EVP_PKEY *k, const char *hash, const uint8_t *sig, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int rc;

	cr_assert_eq(EVP_DigestVerifyInit_ex(ctx, NULL, hash, NULL, NULL, k, NULL), 1);
	rc = EVP_DigestVerify(ctx, sig, n, (const void *)message, sizeof message - 1);
	EVP_MD_CTX_free(ctx);

	return rc == 1 ? 0 : -1;
}

/* Every bit of it counts, every cut and every byte more is refused. */
static void
expect_no_broken_signature(const struct ecdsa_key *k, const uint8_t *good, size_t n)
{
	uint8_t sig[256] = { 0 };

	cr_assert(n < sizeof sig - 8);
	memcpy(sig, good, n);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_eq(ecdsa_verify(sig, n, MESSAGE, k), ECDSA_BAD, "bit %zu", bit);
		sig[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < n; cut++)
		cr_expect_eq(ecdsa_verify(sig, cut, MESSAGE, k), ECDSA_BAD, "cut %zu", cut);
	for (size_t more = 1; more < 8; more++)
		cr_expect_eq(ecdsa_verify(sig, n + more, MESSAGE, k), ECDSA_BAD);
	cr_expect_eq(ecdsa_verify(sig, sizeof sig, MESSAGE, k), ECDSA_BAD);
	cr_expect_eq(ecdsa_verify(sig, n, message, sizeof message, k), ECDSA_BAD);
	cr_expect_eq(ecdsa_verify(sig, n, message, 0, k), ECDSA_BAD);
	cr_expect_eq(ecdsa_verify(sig, n, MESSAGE, k), ECDSA_OK);
}

Test(ecdsa, sign_and_verify)
{
	static const char *const hashes[] = { "SHA256", "SHA384", "SHA512" };

	for (size_t i = 0; i < CURVES; i++) {
		EVP_PKEY *made = make_key(curves[i].name);
		char *pub = public_text(made), *sec = pkcs8_text(made, NULL);
		struct ecdsa_key *p, *s, *other;
		EVP_PKEY *stranger = make_key(curves[i].name);
		char *other_text = public_text(stranger);
		uint8_t *sig;
		size_t n = 0;

		cr_assert_eq(ecdsa_public_pem(pub, strlen(pub), &p), ECDSA_OK);
		cr_assert_eq(ecdsa_private_pem(sec, strlen(sec), NULL, &s), ECDSA_OK);
		cr_assert_eq(ecdsa_public_pem(other_text, strlen(other_text), &other), ECDSA_OK);
		cr_expect_eq(ecdsa_curve_of(p), curves[i].curve);
		cr_expect_eq(ecdsa_curve_of(s), curves[i].curve);
		cr_expect_eq(ecdsa_sign(MESSAGE, p, &sig, &n), ECDSA_MALFORMED, "no secret half");
		cr_assert_eq(ecdsa_sign(MESSAGE, s, &sig, &n), ECDSA_OK);
		cr_expect_eq(ecdsa_verify(sig, n, MESSAGE, p), ECDSA_OK);
		cr_expect_eq(ecdsa_verify(sig, n, MESSAGE, s), ECDSA_OK);
		cr_expect_eq(ecdsa_verify(sig, n, MESSAGE, other), ECDSA_BAD);
		for (size_t h = 0; h < CURVES; h++)
			cr_expect_eq(openssl_verify(made, hashes[h], sig, n), h == i ? 0 : -1);
		expect_no_broken_signature(p, sig, n);
		free(sig);
		ecdsa_free(p);
		ecdsa_free(s);
		ecdsa_free(other);
		EVP_PKEY_free(made);
		EVP_PKEY_free(stranger);
		free(pub);
		free(sec);
		free(other_text);
	}
	ecdsa_free(NULL);
}

/* libcurl looks into the same queue and would take an error of ours for its own. */
Test(ecdsa, no_error_is_left)
{
	EVP_PKEY *made = make_key("P-256");
	char *pub = public_text(made), *sealed = pkcs8_text(made, "right");
	struct ecdsa_key *k;

	ERR_clear_error();
	cr_assert_eq(ecdsa_public_pem(pub, strlen(pub), &k), ECDSA_OK);
	cr_expect_eq(ecdsa_verify("\x30\x06\x02\x01\x00\x02\x01\x00", 8, MESSAGE, k), ECDSA_BAD);
	cr_expect_eq(ERR_peek_error(), 0);
	cr_expect_eq(read_private(sealed, "wrong"), ECDSA_PASSPHRASE);
	cr_expect_eq(ERR_peek_error(), 0);
	cr_expect_eq(read_public("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n"),
	             ECDSA_MALFORMED);
	cr_expect_eq(ERR_peek_error(), 0);
	ecdsa_free(k);
	free(pub);
	free(sealed);
	EVP_PKEY_free(made);
}
