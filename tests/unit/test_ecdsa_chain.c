/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates that OpenSSL makes here, good chains that are spoiled in one place each, and the
 * chains and roots of other tools.
 */
#include "crypto/ecdsa.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tests/unit/ecdsa_fixture.h"

#define NOW  1700000000
#define DAY  86400
#define FAR  (NOW + 300 * DAY)
#define PATH 12

static void
init(void)
{
	cr_assert_eq(crypto_init(), 0);
}

TestSuite(ecdsa_chain, .init = init);

/* What a certificate says; NULL: no such extension. */
struct says {
	const char *name, *issuer;
	const char *basic, *usage, *extended;
	int64_t from, to;
	const char *hash; /* NULL: SHA256 */
};

static const struct says good_root = {
	"root", "root", "critical,CA:TRUE", "keyCertSign,cRLSign", NULL, NOW - DAY, FAR, NULL
};
static const struct says good_middle = { "middle",      "root", "critical,CA:TRUE",
	                                 "keyCertSign", NULL,   NOW - DAY,
	                                 FAR,           NULL };
static const struct says good_leaf = { "leaf",        "middle",  "CA:FALSE", "digitalSignature",
	                               "codeSigning", NOW - DAY, FAR,        NULL };

static void
add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e;

	if (!value)
		return;
	e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	cr_assert(e != NULL, "%s", value);
	cr_assert_eq(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static X509_NAME *
name_of(const char *text)
{
	X509_NAME *n = X509_NAME_new();

	cr_assert_eq(X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)text,
	                                        -1, -1, 0),
	             1);

	return n;
}

static X509 *
make(const struct says *s, EVP_PKEY *key, EVP_PKEY *signer)
{
	static long serial;
	X509_NAME *subject = name_of(s->name), *issuer = name_of(s->issuer);
	X509 *x = X509_new();

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)s->from);
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)s->to);
	X509_set_subject_name(x, subject);
	X509_set_issuer_name(x, issuer);
	X509_set_pubkey(x, key);
	add_extension(x, NID_basic_constraints, s->basic);
	add_extension(x, NID_key_usage, s->usage);
	add_extension(x, NID_ext_key_usage, s->extended);
	cr_assert(X509_sign(x, signer, EVP_get_digestbyname(s->hash ? s->hash : "SHA256")) > 0);
	X509_NAME_free(subject);
	X509_NAME_free(issuer);

	return x;
}

/* --- one chain at a time --- */

static EVP_PKEY *root_key, *middle_key, *leaf_key;

static void
make_keys(void)
{
	root_key = EVP_EC_gen("P-384");
	middle_key = EVP_EC_gen("P-256");
	leaf_key = EVP_EC_gen("P-256");
	cr_assert(root_key && middle_key && leaf_key);
}

static void
free_keys(void)
{
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(leaf_key);
}

static char *
pem_of(X509 *x)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p, *text;
	long n;

	cr_assert_eq(PEM_write_bio_X509(b, x), 1);
	n = BIO_get_mem_data(b, &p);
	text = strndup(p, (size_t)n);
	BIO_free(b);

	return text;
}

/* What the module says of these; the key of the first, when it is good. Frees the chain. */
static int
judge(X509 **chain, size_t n, const char *roots, int64_t at_s)
{
	uint8_t *der[PATH + 8] = { 0 };
	size_t der_n[PATH + 8], spki_n;
	struct ecdsa_key *k = NULL;
	unsigned char *want = NULL;
	uint8_t *spki;
	int rc;

	for (size_t i = 0; i < n; i++)
		der_n[i] = (size_t)i2d_X509(chain[i], &der[i]);
	rc = ecdsa_chain((const uint8_t *const *)der, der_n, n, roots, strlen(roots), at_s, &k);
	cr_expect_eq(rc == ECDSA_OK, k != NULL);
	if (k) {
		const int want_n = i2d_PUBKEY(X509_get0_pubkey(chain[0]), &want);

		cr_assert_eq(ecdsa_spki_der(k, &spki, &spki_n), ECDSA_OK);
		cr_expect(spki_n == (size_t)want_n && memcmp(spki, want, spki_n) == 0);
		free(spki);
		OPENSSL_free(want);
	}
	ecdsa_free(k);
	cr_expect_eq(ERR_peek_error(), 0);
	for (size_t i = 0; i < n; i++) {
		OPENSSL_free(der[i]);
		X509_free(chain[i]);
	}

	return rc;
}

/* Root, middle and leaf that say this, judged at that time with the root given. */
static int
judge_three(const struct says *root, const struct says *middle, const struct says *leaf,
            int64_t at_s)
{
	X509 *r = make(root, root_key, root_key);
	X509 *chain[] = { make(leaf, leaf_key, middle_key), make(middle, middle_key, root_key) };
	char *pem = pem_of(r);
	int rc = judge(chain, 2, pem, at_s);

	free(pem);
	X509_free(r);

	return rc;
}

Test(ecdsa_chain, time_of_it)
{
	static const struct {
		int64_t at_s;
		int want;
	} cases[] = {
		{ NOW, ECDSA_OK },       { FAR - 1, ECDSA_OK },          { FAR + 1, ECDSA_CHAIN },
		{ NOW - DAY, ECDSA_OK }, { NOW - DAY - 1, ECDSA_CHAIN }, { 0, ECDSA_CHAIN },
		{ -1, ECDSA_CHAIN },     { INT64_MAX, ECDSA_CHAIN },
	};

	make_keys();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect_eq(judge_three(&good_root, &good_middle, &good_leaf, cases[i].at_s),
		             cases[i].want, "case %zu", i);
	free_keys();
}

Test(ecdsa_chain, one_thing_wrong)
{
	enum who { ROOT, MIDDLE, LEAF };
	const struct {
		const char *what;
		enum who who;
		struct says says;
		int want;
	} cases[] = {
#define ROOT_SAYS(...) ROOT, { "root", "root", __VA_ARGS__ }
#define MIDDLE_SAYS(...)                      \
	MIDDLE,                               \
	{                                     \
		"middle", "root", __VA_ARGS__ \
	}
#define LEAF_SAYS(...)                        \
	LEAF,                                 \
	{                                     \
		"leaf", "middle", __VA_ARGS__ \
	}
#define AUTHORITY "critical,CA:TRUE"
#define SIGNS     "digitalSignature"
#define PERIOD    NOW - DAY, FAR, NULL
		{ "no usage at all", LEAF_SAYS(NULL, NULL, NULL, PERIOD), ECDSA_OK },
		{ "signs", LEAF_SAYS(NULL, SIGNS, NULL, PERIOD), ECDSA_OK },
		{ "signs and more", LEAF_SAYS(NULL, SIGNS ",keyAgreement", NULL, PERIOD),
		  ECDSA_OK },
		{ "agrees on keys", LEAF_SAYS(NULL, "keyAgreement", NULL, PERIOD), ECDSA_CHAIN },
		{ "another signature", LEAF_SAYS(NULL, "nonRepudiation", NULL, PERIOD),
		  ECDSA_CHAIN },
		{ "a server", LEAF_SAYS(NULL, SIGNS, "serverAuth", PERIOD), ECDSA_CHAIN },
		{ "a server too", LEAF_SAYS(NULL, SIGNS, "serverAuth,codeSigning", PERIOD),
		  ECDSA_OK },
		{ "anything", LEAF_SAYS(NULL, SIGNS, "anyExtendedKeyUsage", PERIOD), ECDSA_OK },
		{ "over", LEAF_SAYS(NULL, SIGNS, NULL, NOW - DAY, NOW - 1, NULL), ECDSA_CHAIN },
		{ "not yet", LEAF_SAYS(NULL, SIGNS, NULL, NOW + 1, FAR, NULL), ECDSA_CHAIN },
		{ "SHA-1", LEAF_SAYS(NULL, SIGNS, NULL, NOW - DAY, FAR, "SHA1"), ECDSA_CHAIN },
		{ "middle over",
		  MIDDLE_SAYS(AUTHORITY, "keyCertSign", NULL, NOW - DAY, NOW - 1, NULL),
		  ECDSA_CHAIN },
		{ "no authority", MIDDLE_SAYS("CA:FALSE", NULL, NULL, PERIOD), ECDSA_CHAIN },
		{ "silent", MIDDLE_SAYS(NULL, NULL, NULL, PERIOD), ECDSA_CHAIN },
		{ "by usage only", MIDDLE_SAYS(NULL, "keyCertSign", NULL, PERIOD), ECDSA_CHAIN },
		{ "may not issue", MIDDLE_SAYS(AUTHORITY, SIGNS, NULL, PERIOD), ECDSA_CHAIN },
		{ "root over", ROOT_SAYS(AUTHORITY, NULL, NULL, NOW - DAY, NOW - 1, NULL),
		  ECDSA_CHAIN },
		{ "nothing below", ROOT_SAYS("critical,CA:TRUE,pathlen:0", NULL, NULL, PERIOD),
		  ECDSA_CHAIN },
		{ "no root", ROOT_SAYS("CA:FALSE", NULL, NULL, PERIOD), ECDSA_CHAIN },
	};

	make_keys();
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct says *s[] = { &good_root, &good_middle, &good_leaf };

		s[cases[i].who] = &cases[i].says;
		cr_expect_eq(judge_three(s[ROOT], s[MIDDLE], s[LEAF], NOW), cases[i].want, "%s",
		             cases[i].what);
	}
	free_keys();
}

/* --- who leads to whom --- */

Test(ecdsa_chain, paths)
{
	X509 *root, *middle, *leaf, *twin, *self, *second;
	char *pem, *twin_pem, *middle_pem, *self_pem, *second_pem, *both;
	EVP_PKEY *stranger = EVP_EC_gen("P-384");

	make_keys();
	root = make(&good_root, root_key, root_key);
	middle = make(&good_middle, middle_key, root_key);
	leaf = make(&good_leaf, leaf_key, middle_key);
	twin = make(&good_root, stranger, stranger); /* the same name, another key */
	self = make(&(struct says){ "self", "self", NULL, NULL, NULL, NOW - DAY, FAR, NULL },
	            leaf_key, leaf_key);
	second = make(&(struct says){ "second", "second", "critical,CA:TRUE", NULL, NULL, NOW - DAY,
	                              FAR, NULL },
	              stranger, stranger);
	pem = pem_of(root);
	second_pem = pem_of(second);
	twin_pem = pem_of(twin);
	middle_pem = pem_of(middle);
	self_pem = pem_of(self);
	cr_assert(asprintf(&both, "a word before\n%s\n# and between\n%sand behind", second_pem,
	                   pem) > 0);
#define UP(x) (X509_up_ref(x), x)
#define JUDGE(pem, ...)                                                                           \
	judge((X509 *[]){ __VA_ARGS__ }, sizeof((X509 *[]){ __VA_ARGS__ }) / sizeof(X509 *), pem, \
	      NOW)
	cr_expect_eq(JUDGE(pem, UP(leaf), UP(middle)), ECDSA_OK);
	cr_expect_eq(JUDGE(both, UP(leaf), UP(middle)), ECDSA_OK, "one of two roots");
	cr_expect_eq(JUDGE(pem, UP(leaf), UP(middle), UP(root)), ECDSA_OK);
	cr_expect_eq(JUDGE(pem, UP(leaf), UP(root), UP(middle)), ECDSA_OK, "any order above it");
	cr_expect_eq(JUDGE(twin_pem, UP(leaf), UP(middle)), ECDSA_CHAIN);
	cr_expect_eq(JUDGE(twin_pem, UP(leaf), UP(middle), UP(root)), ECDSA_CHAIN,
	             "a root that came along proves nothing");
	cr_expect_eq(JUDGE(pem, UP(leaf)), ECDSA_CHAIN, "the middle is missing");
	cr_expect_eq(JUDGE(middle_pem, UP(leaf)), ECDSA_CHAIN, "the middle is no root");
	cr_expect_eq(JUDGE(pem, UP(self)), ECDSA_CHAIN);
	cr_expect_eq(JUDGE(self_pem, UP(self)), ECDSA_OK, "given as a root by hand");
	cr_expect_eq(JUDGE(pem, UP(middle)), ECDSA_CHAIN, "an authority may not sign");
	free(pem);
	free(twin_pem);
	free(middle_pem);
	free(self_pem);
	free(second_pem);
	free(both);
	X509_free(root);
	X509_free(middle);
	X509_free(leaf);
	X509_free(twin);
	X509_free(self);
	X509_free(second);
	EVP_PKEY_free(stranger);
	free_keys();
}

/* A chain of n certificates below the root; the last ones sign each other. */
static int
judge_long(size_t n)
{
	EVP_PKEY *keys[PATH];
	X509 *chain[PATH], *root;
	char names[PATH + 1][16], *pem;
	int rc;

	cr_assert(n <= PATH);
	for (size_t i = 0; i <= n; i++)
		snprintf(names[i], sizeof names[i], "n%zu", i);
	for (size_t i = 0; i < n; i++)
		keys[i] = EVP_EC_gen("P-256");
	for (size_t i = 0; i < n; i++) {
		struct says s = i == 0 ? good_leaf : good_middle;

		s.name = names[i];
		s.issuer = i + 1 < n ? names[i + 1] : "root";
		chain[i] = make(&s, keys[i], i + 1 < n ? keys[i + 1] : root_key);
	}
	root = make(&good_root, root_key, root_key);
	pem = pem_of(root);
	rc = judge(chain, n, pem, NOW);
	for (size_t i = 0; i < n; i++)
		EVP_PKEY_free(keys[i]);
	X509_free(root);
	free(pem);

	return rc;
}

Test(ecdsa_chain, length)
{
	make_keys();
	cr_expect_eq(judge_long(1), ECDSA_OK);
	cr_expect_eq(judge_long(9), ECDSA_OK);
	cr_expect_eq(judge_long(10), ECDSA_CHAIN);
	free_keys();
}

/* --- other keys --- */

Test(ecdsa_chain, other_keys)
{
	const struct {
		const char *what;
		EVP_PKEY *root, *middle, *leaf;
		int want;
	} cases[] = {
		{ "RSA above", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), NULL, NULL,
		  ECDSA_OK },
		{ "too short", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024), NULL, NULL,
		  ECDSA_CHAIN },
		{ "RSA leaf", NULL, NULL, EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048),
		  ECDSA_CURVE },
		{ "secp256k1", NULL, NULL, EVP_EC_gen("secp256k1"), ECDSA_CURVE },
		{ "P-521", NULL, NULL, EVP_EC_gen("P-521"), ECDSA_OK },
		{ "explicit leaf", NULL, NULL, explicit_key(), ECDSA_CHAIN },
		{ "explicit middle", NULL, explicit_key(), NULL, ECDSA_CHAIN },
		{ "explicit root", explicit_key(), NULL, NULL, ECDSA_CHAIN },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		make_keys();
#define REPLACE(member)                                   \
	do {                                              \
		if (cases[i].member) {                    \
			EVP_PKEY_free(member##_key);      \
			(member##_key) = cases[i].member; \
		}                                         \
	} while (0)
		REPLACE(root);
		REPLACE(middle);
		REPLACE(leaf);
		cr_expect_eq(judge_three(&good_root, &good_middle, &good_leaf, NOW), cases[i].want,
		             "%s", cases[i].what);
		free_keys();
	}
}

/* --- bytes that are no certificates --- */

Test(ecdsa_chain, odd_bytes)
{
	X509 *root, *leaf;
	struct says says = good_leaf;
	uint8_t *der = NULL, more[4096] = { 0 };
	const uint8_t *one = more, *none[17] = { 0 };
	size_t n, none_n[17] = { 0 };
	struct ecdsa_key *k = NULL;
	char *pem;

	make_keys();
	says.issuer = "root";
	root = make(&good_root, root_key, root_key);
	leaf = make(&says, leaf_key, root_key);
	pem = pem_of(root);
	n = (size_t)i2d_X509(leaf, &der);
	memcpy(more, der, n);
#define CHAIN(n, roots) ecdsa_chain(&one, &(size_t){ n }, 1, roots, strlen(roots), NOW, &k)
	cr_assert_eq(CHAIN(n, pem), ECDSA_OK);
	ecdsa_free(k);
	k = NULL;
	cr_expect_eq(CHAIN(n + 1, pem), ECDSA_MALFORMED, "a byte more");
	for (size_t cut = 0; cut < n; cut++)
		cr_expect_eq(CHAIN(cut, pem), ECDSA_MALFORMED, "cut %zu", cut);
	cr_expect_eq(CHAIN(n, ""), ECDSA_MALFORMED, "no root");
	cr_expect_eq(CHAIN(n, "-----BEGIN CERTIFICATE-----\n"), ECDSA_MALFORMED);
	cr_expect_eq(CHAIN(n, "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"),
	             ECDSA_MALFORMED);
	cr_expect_eq(CHAIN(n, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
	             ECDSA_MALFORMED);
	cr_expect_eq(ecdsa_chain(none, none_n, 0, pem, strlen(pem), NOW, &k), ECDSA_MALFORMED);
	cr_expect_eq(ecdsa_chain(none, none_n, 17, pem, strlen(pem), NOW, &k), ECDSA_MALFORMED);
	cr_expect(k == NULL);
	/* every bit of it is signed or part of the signature */
	for (size_t i = 0; i < n; i++) {
		more[i] ^= 1;
		cr_expect(CHAIN(n, pem) < 0, "byte %zu", i);
		more[i] ^= 1;
	}
	cr_expect(k == NULL);
	OPENSSL_free(der);
	free(pem);
	X509_free(root);
	X509_free(leaf);
	free_keys();
}

/* --- limits --- */

/* The root's text that many times, in front of it so many bytes of a comment. */
static int
judge_roots(size_t times, size_t comment)
{
	struct says says = good_leaf;
	char *text = NULL, *pem;
	X509 *root, *leaf;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	int rc;

	says.issuer = "root";
	root = make(&good_root, root_key, root_key);
	leaf = make(&says, leaf_key, root_key);
	pem = pem_of(root);
	fprintf(f, "%*s\n", (int)comment, "");
	for (size_t i = 0; i < times; i++)
		fputs(pem, f);
	fclose(f);
	rc = judge(&leaf, 1, text, NOW);
	free(text);
	free(pem);
	X509_free(root);

	return rc;
}

Test(ecdsa_chain, number_of_roots)
{
	make_keys();
	cr_expect_eq(judge_roots(1, 0), ECDSA_OK);
	cr_expect_eq(judge_roots(256, 0), ECDSA_OK);
	cr_expect_eq(judge_roots(257, 0), ECDSA_MALFORMED);
	cr_expect_eq(judge_roots(1, (1u << 20) - 1024), ECDSA_OK);
	cr_expect_eq(judge_roots(1, 1u << 20), ECDSA_MALFORMED);
	free_keys();
}

/* A leaf with another extension, which is not critical. */
static int
judge_with(int nid, const char *value, size_t n)
{
	ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
	struct says says = good_leaf;
	X509_EXTENSION *e;
	X509 *root, *leaf;
	char *pem;
	int rc;

	says.issuer = "root";
	says.usage = says.extended = NULL;
	root = make(&good_root, root_key, root_key);
	leaf = make(&says, leaf_key, root_key);
	ASN1_OCTET_STRING_set(bytes, (const unsigned char *)value, (int)n);
	e = X509_EXTENSION_create_by_NID(NULL, nid, 0, bytes);
	cr_assert(e && X509_add_ext(leaf, e, -1) == 1);
	cr_assert(X509_sign(leaf, root_key, EVP_sha256()) > 0);
	pem = pem_of(root);
	rc = judge(&leaf, 1, pem, NOW);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(bytes);
	X509_free(root);
	free(pem);

	return rc;
}

Test(ecdsa_chain, odd_extensions)
{
	static char comment[70000];

	make_keys();
	cr_expect_eq(judge_with(NID_key_usage, "\x03\x02\x07\x80", 4), ECDSA_OK);
	cr_expect_eq(judge_with(NID_key_usage, "\x03\x02\x05\x20", 4), ECDSA_CHAIN);
	cr_expect_eq(judge_with(NID_key_usage, "\x03\x01\x00", 3), ECDSA_CHAIN, "no bit");
	cr_expect_eq(judge_with(NID_key_usage, "junk", 4), ECDSA_CHAIN);
	cr_expect_eq(judge_with(NID_ext_key_usage, "junk", 4), ECDSA_CHAIN);
	cr_expect_eq(judge_with(NID_netscape_comment, comment, 100), ECDSA_OK);
	cr_expect_eq(judge_with(NID_netscape_comment, comment, sizeof comment), ECDSA_MALFORMED);
	free_keys();
}
