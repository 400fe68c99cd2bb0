/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA keys in every form that is read and many that are not. OpenSSL makes here what our module
 * then has to judge.
 */
#include "crypto/ecdsa.h"

#include <limits.h>

#include <openssl/pkcs12.h>

#include "tests/unit/ecdsa_fixture.h"

static void
init(void)
{
	cr_assert_eq(crypto_init(), 0);
}

TestSuite(ecdsa_key, .init = init);

Test(ecdsa_key, forms_of_a_key)
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

Test(ecdsa_key, odd_text)
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

/* Both marks of a block say what it is. */
Test(ecdsa_key, marks)
{
	EVP_PKEY *made = make_key("P-256");
	char *pub = public_text(made), *const end = strstr(pub, "-----END");
	const struct {
		const char *begin, *end;
		int want;
	} cases[] = {
		{ "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", ECDSA_OK },
		{ "-----BEGIN EC PUBLIC KEY-----", "-----END PUBLIC KEY-----", ECDSA_MALFORMED },
		{ "-----BEGIN PUBLIC KEY-----", "-----END EC PUBLIC KEY-----", ECDSA_MALFORMED },
		{ "-----BEGIN PUBLIC KEY", "-----END PUBLIC KEY-----", ECDSA_MALFORMED },
		{ "-----BEGIN PUBLIC KEY------", "-----END PUBLIC KEY-----", ECDSA_MALFORMED },
		{ "-----BEGIN PUBLIC KEY----- ", "-----END PUBLIC KEY-----", ECDSA_MALFORMED },
		{ "-----BEGIN public key-----", "-----END public key-----", ECDSA_MALFORMED },
		{ "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY----", ECDSA_MALFORMED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *body = strchr(pub, '\n');
		char *text;

		cr_assert(asprintf(&text, "%s%.*s%s\n", cases[i].begin, (int)(end - body), body,
		                   cases[i].end) > 0);
		cr_expect_eq(read_public(text), cases[i].want, "case %zu", i);
		free(text);
	}
	free(pub);
	EVP_PKEY_free(made);
}

Test(ecdsa_key, odd_lines)
{
	EVP_PKEY *made = make_key("P-256");
	char *pub = public_text(made), *crlf = calloc(1, 2 * strlen(pub)), *at = crlf;
	char *sec = pkcs8_text(made, NULL);
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
	memcpy(long_text, sec, strlen(sec));
	long_text[strlen(sec)] = '\n';
	cr_expect_eq(ecdsa_private_pem(long_text, ECDSA_PEM_MAX, NULL, &k), ECDSA_OK);
	ecdsa_free(k);
	cr_expect_eq(ecdsa_private_pem(long_text, ECDSA_PEM_MAX + 1, NULL, &k), ECDSA_MALFORMED);
	cr_expect_eq(read_public(""), ECDSA_MALFORMED);
	cr_expect_eq(read_private("", NULL), ECDSA_MALFORMED);
	cr_expect_eq(read_public("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"),
	             ECDSA_MALFORMED);
	free(pub);
	free(crlf);
	free(sec);
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

Test(ecdsa_key, odd_public_bytes)
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

Test(ecdsa_key, other_kinds)
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

/* The same point in its other encodings; a secret key may have them, and loses them. */
Test(ecdsa_key, other_points)
{
	static const char *const formats[] = { "compressed", "hybrid" };

	for (size_t i = 0; i < 2; i++) {
		EVP_PKEY *made = make_key("P-256");
		char *usual = public_text(made), *pub, *sec, *got;
		struct ecdsa_key *k = NULL;
		size_t n;

		cr_assert_eq(EVP_PKEY_set_utf8_string_param(
		                     made, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, formats[i]),
		             1);
		pub = public_text(made);
		sec = pkcs8_text(made, NULL);
		cr_assert_str_neq(pub, usual);
		cr_expect_eq(read_public(pub), ECDSA_MALFORMED, "%s", formats[i]);
		cr_assert_eq(ecdsa_private_pem(sec, strlen(sec), NULL, &k), ECDSA_OK);
		cr_assert_eq(ecdsa_spki_pem(k, &got, &n), ECDSA_OK);
		cr_expect_str_eq(got, usual, "%s", formats[i]);
		ecdsa_free(k);
		free(got);
		free(pub);
		free(sec);
		free(usual);
		EVP_PKEY_free(made);
	}
}

Test(ecdsa_key, odd_secret_bytes)
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

Test(ecdsa_key, key_derivation_is_bounded)
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

Test(ecdsa_key, point)
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
	point[0] = 6 | (point[64] & 1);
	cr_expect_eq(ecdsa_public_point(point, 65, &unset), ECDSA_MALFORMED, "hybrid");
	cr_expect(unset == NULL);
	free(got);
	free(pub);
	OPENSSL_free(der);
	EVP_PKEY_free(made);
}
