/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA keys in every form that is read and many that are not, and signatures. OpenSSL makes here
 * what our module then has to judge.
 */
#include "crypto/ecdsa.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "crypto/digest.h"

static void
init(void)
{
	cr_assert_eq(crypto_init(), 0);
}

TestSuite(ecdsa, .init = init);

static const char message[] = "a message";

#define MESSAGE message, sizeof message - 1

/* --- what OpenSSL writes --- */

static EVP_PKEY *
make_key(const char *curve)
{
	EVP_PKEY *k = EVP_EC_gen(curve);

	cr_assert(k != NULL, "%s", curve);

	return k;
}

/* The rest of the bio, NUL-terminated; frees it. */
static char *
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

static char *
public_text(EVP_PKEY *k)
{
	BIO *b = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_PUBKEY(b, k), 1);

	return text_of(b);
}

static char *
pkcs8_text(EVP_PKEY *k, const char *passphrase)
{
	BIO *b = BIO_new(BIO_s_mem());

	cr_assert_eq(PEM_write_bio_PKCS8PrivateKey(
	                     b, k, passphrase ? EVP_aes_256_cbc() : NULL, passphrase,
	                     passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
	             1);

	return text_of(b);
}

static char *
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
static char *
block(const char *label, const unsigned char *der, long n)
{
	BIO *b = BIO_new(BIO_s_mem());

	cr_assert(PEM_write_bio(b, label, "", der, n) > 0);

	return text_of(b);
}

static int
read_public(const char *text)
{
	struct ecdsa_key *k = NULL;
	int rc = ecdsa_public_pem(text, strlen(text), &k);

	cr_expect_eq(rc == ECDSA_OK, k != NULL);
	ecdsa_free(k);

	return rc;
}

static int
read_private(const char *text, const char *passphrase)
{
	struct ecdsa_key *k = NULL;
	int rc = ecdsa_private_pem(text, strlen(text), passphrase, &k);

	cr_expect_eq(rc == ECDSA_OK, k != NULL);
	ecdsa_free(k);

	return rc;
}

/* --- the three curves --- */

static const struct {
	const char *name;
	enum ecdsa_curve curve;
	size_t hash_n;
} curves[] = {
	{ "P-256", ECDSA_P256, 32 },
	{ "P-384", ECDSA_P384, 48 },
	{ "P-521", ECDSA_P521, 64 },
};

#define CURVES (sizeof curves / sizeof curves[0])

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

Test(ecdsa, forms_of_a_key)
{
	for (size_t i = 0; i < CURVES; i++) {
		EVP_PKEY *made = make_key(curves[i].name);
		char *pub = public_text(made), *got;
		char *const secret[] = { pkcs8_text(made, NULL), sec1_text(made, NULL),
			                 pkcs8_text(made, "right") };
		unsigned char *want = NULL;
		int want_n = i2d_PUBKEY(made, &want);

		for (size_t k = 0; k < 3; k++) {
			struct ecdsa_key *s = NULL;
			uint8_t *der;
			size_t n;

			cr_assert_eq(ecdsa_private_pem(secret[k], strlen(secret[k]), "right", &s),
			             ECDSA_OK, "%s, form %zu", curves[i].name, k);
			cr_assert_eq(ecdsa_spki_pem(s, &got, &n), ECDSA_OK);
			cr_expect_str_eq(got, pub);
			cr_expect_eq(n, strlen(pub));
			free(got);
			cr_assert_eq(ecdsa_spki_der(s, &der, &n), ECDSA_OK);
			cr_expect(n == (size_t)want_n && memcmp(der, want, n) == 0);
			free(der);
			ecdsa_free(s);
			cr_expect_eq(read_public(secret[k]), ECDSA_MALFORMED);
		}
		cr_expect_eq(read_private(pub, NULL), ECDSA_MALFORMED);
		cr_expect_eq(read_private(secret[2], NULL), ECDSA_PASSPHRASE);
		cr_expect_eq(read_private(secret[2], ""), ECDSA_PASSPHRASE);
		cr_expect_eq(read_private(secret[2], "wrong"), ECDSA_PASSPHRASE);
		for (size_t k = 0; k < 3; k++)
			free(secret[k]);
		free(pub);
		OPENSSL_free(want);
		EVP_PKEY_free(made);
	}
}

/* --- text that is no key --- */

Test(ecdsa, odd_text)
{
	EVP_PKEY *made = make_key("P-256"), *second = make_key("P-256");
	char *pub = public_text(made), *other = public_text(second);
	const struct {
		const char *what, *before, *behind;
		int want;
	} cases[] = {
		{ "blank space around it", " \n\t\n", "\r\n \n", ECDSA_OK },
		{ "two keys", "", other, ECDSA_MALFORMED },
		{ "text before it", "Public Key:\n\tx\n\n", "", ECDSA_OK },
		{ "text on its line", "x", "", ECDSA_MALFORMED },
		{ "text behind it", "", "x", ECDSA_MALFORMED },
		{ "a block behind it", "", "-----BEGIN X-----\n-----END X-----\n",
		  ECDSA_MALFORMED },
		{ "a block before it", "-----BEGIN X-----\n-----END X-----\n", "",
		  ECDSA_MALFORMED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *text;

		cr_assert(asprintf(&text, "%s%s%s", cases[i].before, pub, cases[i].behind) > 0);
		cr_expect_eq(read_public(text), cases[i].want, "%s", cases[i].what);
		free(text);
	}
	for (size_t cut = 0; cut + 1 < strlen(pub); cut++) {
		struct ecdsa_key *k = NULL;

		cr_expect_eq(ecdsa_public_pem(pub, cut, &k), ECDSA_MALFORMED, "cut %zu", cut);
	}
	free(pub);
	free(other);
	EVP_PKEY_free(made);
	EVP_PKEY_free(second);
}

Test(ecdsa, odd_lines)
{
	EVP_PKEY *made = make_key("P-256");
	char *pub = public_text(made), *crlf = calloc(1, 2 * strlen(pub)), *at = crlf;
	char *long_text = calloc(1, ECDSA_PEM_MAX + 2);
	struct ecdsa_key *k = NULL;
	size_t n = strlen(pub);

	for (size_t i = 0; i < n; i++) {
		if (pub[i] == '\n')
			*at++ = '\r';
		*at++ = pub[i];
	}
	cr_expect_eq(read_public(crlf), ECDSA_OK);
	*strchr(pub + 30, '\n') = '\0'; /* a NUL in the middle */
	cr_expect_eq(ecdsa_public_pem(pub, n, &k), ECDSA_MALFORMED);
	pub[strlen(pub)] = ':';
	cr_expect_eq(ecdsa_public_pem(pub, n, &k), ECDSA_MALFORMED);
	memset(long_text, '\n', ECDSA_PEM_MAX + 1);
	memcpy(long_text, crlf, strlen(crlf));
	cr_expect_eq(ecdsa_public_pem(long_text, ECDSA_PEM_MAX, &k), ECDSA_OK);
	ecdsa_free(k);
	cr_expect_eq(ecdsa_public_pem(long_text, ECDSA_PEM_MAX + 1, &k), ECDSA_MALFORMED);
	cr_expect_eq(ecdsa_private_pem(long_text, ECDSA_PEM_MAX + 1, NULL, &k), ECDSA_MALFORMED);
	cr_expect_eq(read_public(""), ECDSA_MALFORMED);
	cr_expect_eq(read_private("", NULL), ECDSA_MALFORMED);
	cr_expect_eq(read_public("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"),
	             ECDSA_MALFORMED);
	free(pub);
	free(crlf);
	free(long_text);
	EVP_PKEY_free(made);
}

/* --- DER that is no key of ours --- */

static void
expect_public_der(const char *what, const unsigned char *der, long n, int want)
{
	char *text = block("PUBLIC KEY", der, n);

	cr_expect_eq(read_public(text), want, "%s", what);
	free(text);
}

Test(ecdsa, odd_public_bytes)
{
	EVP_PKEY *made = make_key("P-256");
	unsigned char der[256] = { 0 }, *at = der;
	int n = i2d_PUBKEY(made, &at);

	cr_assert_eq(n, 91);
	expect_public_der("as it is", der, n, ECDSA_OK);
	expect_public_der("a byte more", der, n + 1, ECDSA_MALFORMED);
	expect_public_der("a byte less", der, n - 1, ECDSA_MALFORMED);
	der[90] ^= 1;
	expect_public_der("a point that is not on the curve", der, n, ECDSA_MALFORMED);
	der[90] ^= 1;
	memmove(der + 3, der + 2, 89); /* 30 81 59: a longer length than DER has */
	der[1] = 0x81;
	der[2] = 89;
	expect_public_der("BER", der, n + 1, ECDSA_MALFORMED);
	EVP_PKEY_free(made);

	static const unsigned char infinity[] = { 0x30, 0x19, 0x30, 0x13, 0x06, 0x07, 0x2a,
		                                  0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
		                                  0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
		                                  0x01, 0x07, 0x03, 0x02, 0x00, 0x00 };
	expect_public_der("the point at infinity", infinity, sizeof infinity, ECDSA_MALFORMED);
}

static EVP_PKEY *
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

static void
expect_kind(const char *what, EVP_PKEY *made)
{
	char *pub = public_text(made), *sec = pkcs8_text(made, NULL);
	char *sealed = pkcs8_text(made, "right");

	cr_expect_eq(read_public(pub), ECDSA_CURVE, "%s", what);
	cr_expect_eq(read_private(sec, NULL), ECDSA_CURVE, "%s", what);
	cr_expect_eq(read_private(sealed, "right"), ECDSA_CURVE, "%s", what);
	free(pub);
	free(sec);
	free(sealed);
	EVP_PKEY_free(made);
}

Test(ecdsa, other_kinds)
{
	EVP_PKEY *k = make_key("secp256k1");
	char *sec1 = sec1_text(k, NULL);

	cr_expect_eq(read_private(sec1, NULL), ECDSA_CURVE);
	free(sec1);
	expect_kind("secp256k1", k);
	expect_kind("P-224", make_key("P-224"));
	expect_kind("brainpool", make_key("brainpoolP256r1"));
	expect_kind("Ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	expect_kind("RSA", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
	expect_kind("parameters spelled out", explicit_key());
	k = explicit_key();
	sec1 = sec1_text(k, NULL);
	cr_expect_eq(read_private(sec1, NULL), ECDSA_CURVE);
	free(sec1);
	EVP_PKEY_free(k);
}

Test(ecdsa, odd_secret_bytes)
{
	EVP_PKEY *made = make_key("P-256");
	unsigned char *der = NULL;
	int n = i2d_PrivateKey(made, &der); /* SEC 1 */
	unsigned char more[256] = { 0 };
	char *text, *old;

	cr_assert(n == 121, "%d", n);
	memcpy(more, der, (size_t)n);
	text = block("EC PRIVATE KEY", more, n);
	cr_expect_eq(read_private(text, NULL), ECDSA_OK);
	free(text);
	text = block("EC PRIVATE KEY", more, n + 1);
	cr_expect_eq(read_private(text, NULL), ECDSA_MALFORMED, "a byte more");
	free(text);
	text = block("PRIVATE KEY", more, n);
	cr_expect_eq(read_private(text, NULL), ECDSA_MALFORMED, "SEC 1 under another label");
	free(text);
	more[20] ^= 1; /* of the secret */
	text = block("EC PRIVATE KEY", more, n);
	cr_expect_eq(read_private(text, NULL), ECDSA_MALFORMED, "the halves do not match");
	free(text);
	old = sec1_text(made, "right");
	cr_expect_eq(read_private(old, "right"), ECDSA_MALFORMED, "encrypted as in 1990");
	free(old);
	OPENSSL_free(der);
	EVP_PKEY_free(made);
}

/* Takes sealed. */
static int
read_sealed(X509_SIG *sealed, const char *passphrase)
{
	unsigned char *der = NULL;
	int n = i2d_X509_SIG(sealed, &der), rc;
	char *text;

	cr_assert(n > 0);
	text = block("ENCRYPTED PRIVATE KEY", der, n);
	rc = read_private(text, passphrase);
	free(text);
	OPENSSL_free(der);
	X509_SIG_free(sealed);

	return rc;
}

/* A key sealed with one round that says that it took so many. */
static X509_SIG *
sealed_saying(PKCS8_PRIV_KEY_INFO *info, int rounds)
{
	X509_SIG *sealed = PKCS8_encrypt(-1, EVP_aes_128_cbc(), "right", 5, NULL, 0, 1, info);
	X509_ALGOR *how = PKCS5_pbe2_set(EVP_aes_128_cbc(), rounds, NULL, 0), *at;
	ASN1_OCTET_STRING *bytes;

	cr_assert(sealed && how);
	X509_SIG_getm(sealed, &at, &bytes);
	cr_assert_eq(X509_ALGOR_copy(at, how), 1);
	X509_ALGOR_free(how);

	return sealed;
}

Test(ecdsa, key_derivation_is_bounded)
{
	EVP_PKEY *made = make_key("P-256");
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(made);
	X509_SIG *sealed;

	sealed = PKCS8_encrypt(-1, EVP_aes_128_cbc(), "right", 5, NULL, 0, 1, info);
	cr_expect_eq(read_sealed(sealed, "right"), ECDSA_OK);
	/* refused before anything is asked or spent */
	cr_expect_eq(read_sealed(sealed_saying(info, 10000000), NULL), ECDSA_PASSPHRASE);
	cr_expect_eq(read_sealed(sealed_saying(info, 10000001), NULL), ECDSA_MALFORMED);
	cr_expect_eq(read_sealed(sealed_saying(info, INT_MAX), "right"), ECDSA_MALFORMED);

	sealed =
	        PKCS8_set0_pbe("right", 5, info,
	                       PKCS5_pbe2_set_scrypt(EVP_aes_128_cbc(), NULL, 0, NULL, 1024, 8, 1));
	cr_expect_eq(read_sealed(sealed, "right"), ECDSA_OK, "scrypt");
	sealed =
	        PKCS8_set0_pbe("right", 5, info,
	                       PKCS5_pbe2_set_scrypt(EVP_aes_128_cbc(), NULL, 0, NULL, 1024, 8, 1));
	cr_expect_eq(read_sealed(sealed, "wrong"), ECDSA_PASSPHRASE, "scrypt");
	sealed = PKCS8_encrypt(NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NULL, "right", 5, NULL, 0,
	                       2048, info);
	cr_expect_eq(read_sealed(sealed, "right"), ECDSA_MALFORMED, "PKCS#12's own");
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(made);
}

Test(ecdsa, point)
{
	EVP_PKEY *made = make_key("P-256");
	char *pub = public_text(made), *got;
	unsigned char *der = NULL;
	struct ecdsa_key *k = NULL, *unset = NULL;
	uint8_t point[66] = { 0 };
	size_t n;

	cr_assert_eq(i2d_PUBKEY(made, &der), 91);
	memcpy(point, der + 26, 65);
	cr_assert_eq(ecdsa_public_point(point, 65, &k), ECDSA_OK);
	cr_assert_eq(ecdsa_spki_pem(k, &got, &n), ECDSA_OK);
	cr_expect_str_eq(got, pub);
	ecdsa_free(k);
	cr_expect_eq(ecdsa_public_point(point, 64, &unset), ECDSA_MALFORMED);
	cr_expect_eq(ecdsa_public_point(point, 66, &unset), ECDSA_MALFORMED);
	point[64] ^= 1;
	cr_expect_eq(ecdsa_public_point(point, 65, &unset), ECDSA_MALFORMED, "not on the curve");
	point[64] ^= 1;
	point[0] = 2;
	cr_expect_eq(ecdsa_public_point(point, 33, &unset), ECDSA_MALFORMED, "compressed");
	cr_expect_eq(ecdsa_public_point(point, 65, &unset), ECDSA_MALFORMED);
	point[0] = 6;
	cr_expect_eq(ecdsa_public_point(point, 65, &unset), ECDSA_MALFORMED, "hybrid");
	cr_expect(unset == NULL);
	free(got);
	free(pub);
	OPENSSL_free(der);
	EVP_PKEY_free(made);
}

/* libcurl looks into the same queue and would take an error of ours for its own. */
Test(ecdsa, no_error_is_left)
{
	EVP_PKEY *made = make_key("P-256");
	char *pub = public_text(made), *sealed = pkcs8_text(made, "right");
	struct ecdsa_key *k;

	ERR_clear_error();
	cr_assert_eq(ecdsa_public_pem(pub, strlen(pub), &k), ECDSA_OK);
	cr_expect_eq(ecdsa_verify("0", 1, MESSAGE, k), ECDSA_BAD);
	cr_expect_eq(read_private(sealed, "wrong"), ECDSA_PASSPHRASE);
	cr_expect_eq(read_public("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n"),
	             ECDSA_MALFORMED);
	cr_expect_eq(ERR_peek_error(), 0);
	ecdsa_free(k);
	free(pub);
	free(sealed);
	EVP_PKEY_free(made);
}
