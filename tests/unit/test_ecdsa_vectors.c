/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA against the published vectors, whatever curves of them are there: valid must pass and
 * everything else, 'acceptable' too, must fail.
 */
#include "crypto/ecdsa.h"

#include "crypto/base64.h"
#include "crypto/pae.h"
#include "tests/unit/crypto_vectors.h"

static void
init(void)
{
	cr_assert_eq(crypto_init(), 0);
}

TestSuite(ecdsa_vectors, .init = init);

struct counts {
	size_t files, valid, other;
};

/* The three ways to the same key. */
static struct ecdsa_key *
read_key(const json_t *group)
{
	const char *pem = vector_text(group, "publicKeyPem");
	uint8_t point[256], want[256], *der;
	struct ecdsa_key *k = NULL, *from_point = NULL;
	size_t n, want_n;

	cr_assert_eq(ecdsa_public_pem(pem, strlen(pem), &k), ECDSA_OK);
	want_n = unhex(vector_text(group, "publicKeyDer"), want, sizeof want);
	cr_assert_eq(ecdsa_spki_der(k, &der, &n), ECDSA_OK);
	cr_expect(n == want_n && memcmp(der, want, n) == 0);
	free(der);
	if (ecdsa_curve_of(k) != ECDSA_P256)
		return k;
	n = unhex(vector_text(json_object_get(group, "publicKey"), "uncompressed"), point,
	          sizeof point);
	cr_assert_eq(ecdsa_public_point(point, n, &from_point), ECDSA_OK);
	cr_assert_eq(ecdsa_spki_der(from_point, &der, &n), ECDSA_OK);
	cr_expect(n == want_n && memcmp(der, want, n) == 0);
	free(der);
	ecdsa_free(from_point);

	return k;
}

static void
run_group(const json_t *group, struct counts *c)
{
	struct ecdsa_key *k = read_key(group);
	json_t *t;
	size_t i;

	json_array_foreach(json_object_get(group, "tests"), i, t)
	{
		const char *sig_hex = vector_text(t, "sig"), *msg_hex = vector_text(t, "msg");
		uint8_t *sig = malloc(strlen(sig_hex) + 1), *msg = malloc(strlen(msg_hex) + 1);
		size_t sig_n = unhex(sig_hex, sig, strlen(sig_hex) + 1);
		size_t n = unhex(msg_hex, msg, strlen(msg_hex) + 1);
		bool is_valid = strcmp(vector_text(t, "result"), "valid") == 0;

		cr_expect_eq(ecdsa_verify(sig, sig_n, msg, n, k), is_valid ? ECDSA_OK : ECDSA_BAD,
		             "tcId %d: %s", (int)vector_number(t, "tcId"),
		             vector_text(t, "comment"));
		*(is_valid ? &c->valid : &c->other) += 1;
		free(sig);
		free(msg);
	}
	ecdsa_free(k);
}

Test(ecdsa_vectors, wycheproof)
{
	/* each curve has its hash; P-384 with SHA-512 and the like are no signatures of ours */
	static const char *const names[] = {
		"ecdsa_secp256r1_sha256_test.json",
		"ecdsa_secp384r1_sha384_test.json",
		"ecdsa_secp521r1_sha512_test.json",
	};
	char path[PATH_MAX];
	struct counts c = { 0 };

	vector_path(path, "wycheproof/ecdsa_secp256r1_sha256_test.json");
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		json_t *j, *group;
		size_t k;

		snprintf(path, sizeof path, "%s/upstream/wycheproof/%s", getenv("SLIPWAY_SHARED"),
		         names[i]);
		if (access(path, R_OK) < 0) {
			fprintf(stderr, "# absent: %s\n", names[i]);
			continue;
		}
		j = vector_file(path);
		const size_t before = c.valid + c.other;
		json_array_foreach(json_object_get(j, "testGroups"), k, group) run_group(group, &c);
		cr_expect_eq(c.valid + c.other - before, vector_number(j, "numberOfTests"));
		json_decref(j);
		c.files++;
	}
	vector_count("Wycheproof ECDSA", c.valid + c.other);
	cr_expect(c.files > 0 && c.valid > 100 && c.other > 100);
}

/* --- keys, chains and signatures over envelopes that other tools made --- */

/* A file below upstream/, at most size bytes of it. */
static size_t
read_upstream(const char *name, char *ret, size_t size)
{
	char path[PATH_MAX];
	size_t n;
	FILE *f;

	vector_path(path, name);
	f = fopen(path, "re");
	cr_assert(f != NULL, "%s", path);
	n = fread(ret, 1, size, f);
	fclose(f);
	cr_assert(n > 0 && n < size);

	return n;
}

/* Keys that other tools wrote: what may be read, and the curve of each. */
Test(ecdsa_vectors, key_files)
{
	static const struct {
		const char *name;
		int rc;
		enum ecdsa_curve curve;
	} cases[] = {
		{ "generated/oms/keys/p256.pub.pem", ECDSA_OK, ECDSA_P256 },
		{ "generated/oms/keys/p384.pub.pem", ECDSA_OK, ECDSA_P384 },
		{ "generated/oms/keys/p521.pub.pem", ECDSA_OK, ECDSA_P521 },
		{ "generated/oms/keys/other.pub.pem", ECDSA_OK, ECDSA_P256 },
		{ "oms-real/keys/p256.pub.pem", ECDSA_OK, ECDSA_P256 },
		{ "model-transparency/keys/signing-key-pub.pem", ECDSA_OK, ECDSA_P384 },
		{ "generated/oms/keys/k256.pub.pem", ECDSA_CURVE, ECDSA_P256 },
		{ "generated/oms/keys/ed25519.pub.pem", ECDSA_CURVE, ECDSA_P256 },
		{ "generated/oms/keys/root.cert.pem", ECDSA_MALFORMED, ECDSA_P256 },
	};
	const size_t cases_n = sizeof cases / sizeof cases[0];

	for (size_t i = 0; i < cases_n; i++) {
		char text[4096];
		const size_t n = read_upstream(cases[i].name, text, sizeof text);
		struct ecdsa_key *k = NULL;
		char *pem;
		size_t pem_n;

		cr_expect_eq(ecdsa_public_pem(text, n, &k), cases[i].rc, "%s", cases[i].name);
		if (!k)
			continue;
		cr_expect_eq(ecdsa_curve_of(k), cases[i].curve);
		cr_assert_eq(ecdsa_spki_pem(k, &pem, &pem_n), ECDSA_OK);
		cr_expect(n >= pem_n && memcmp(text + n - pem_n, pem, pem_n) == 0, "%s",
		          cases[i].name);
		free(pem);
		ecdsa_free(k);
	}
	vector_count("ECDSA key files", cases_n);
}

#define NOW 1795305600 /* "verify_time" of the cases: 2026-11-22 */

static uint8_t *
unbase64(const char *text, size_t *ret_n)
{
	uint8_t *p = malloc(strlen(text) + 1);

	cr_assert(p != NULL);
	cr_assert_eq(base64_read(p, strlen(text), ret_n, text, strlen(text), NULL,
	                         sodium_base64_VARIANT_ORIGINAL),
	             0);

	return p;
}

/* The key of the bundle's certificates below these roots. */
static int
read_chain(const json_t *bundle, const char *roots_name, int64_t at_s, struct ecdsa_key **ret)
{
	const json_t *material = json_object_get(bundle, "verificationMaterial"), *c;
	const json_t *certificates =
	        json_object_get(json_object_get(material, "x509CertificateChain"), "certificates");
	static char roots[1u << 16];
	const size_t roots_n = read_upstream(roots_name, roots, sizeof roots);
	uint8_t *der[8];
	size_t der_n[8], n;
	int rc;

	cr_assert(json_array_size(certificates) > 0 && json_array_size(certificates) <= 8);
	json_array_foreach(certificates, n, c) der[n] =
	        unbase64(vector_text(c, "rawBytes"), &der_n[n]);
	rc = ecdsa_chain((const uint8_t *const *)der, der_n, n, roots, roots_n, at_s, ret);
	while (n > 0)
		free(der[--n]);

	return rc;
}

/* Is the first signature of the bundle's envelope by this key? */
static int
check_envelope(const json_t *bundle, const struct ecdsa_key *k)
{
	const json_t *envelope = json_object_get(bundle, "dsseEnvelope");
	const json_t *sig = json_array_get(json_object_get(envelope, "signatures"), 0);
	const char *type = vector_text(envelope, "payloadType");
	size_t body_n, sig_n, n;
	uint8_t *body = unbase64(vector_text(envelope, "payload"), &body_n);
	uint8_t *der = unbase64(vector_text(sig, "sig"), &sig_n);
	char *p = pae(type, strlen(type), body, body_n, &n);
	int rc;

	cr_assert(p != NULL);
	rc = ecdsa_verify(der, sig_n, p, n, k);
	free(p);
	free(body);
	free(der);

	return rc;
}

Test(ecdsa_vectors, chains)
{
	static const struct {
		const char *bundle, *roots;
		int64_t at_s;
		int want;
	} cases[] = {
#define OURS "generated/oms/bundles/"
#define ROOT "generated/oms/keys/root.cert.pem"
		{ OURS "ok-cert-chain.sig", ROOT, NOW, ECDSA_OK },
		{ OURS "bad-cert-unknown-root.sig", "generated/oms/keys/other-root.cert.pem", NOW,
		  ECDSA_CHAIN },
		{ OURS "bad-cert-expired.sig", ROOT, NOW, ECDSA_CHAIN },
		{ OURS "bad-cert-usage.sig", ROOT, NOW, ECDSA_CHAIN },
		{ "oms-real/bundles/adapter.cert.sig", "oms-real/keys/root.crt.pem", 1796000000,
		  ECDSA_OK },
		{ "oms-real/bundles/adapter.cert.sig", ROOT, 1796000000, ECDSA_CHAIN },
		{ "model-transparency/v1.0.0-certificate/model.sig",
		  "model-transparency/keys/ca-cert.pem", NOW, ECDSA_OK },
		{ "model-transparency/v1.0.0-certificate/model.sig",
		  "model-transparency/keys/ca-cert.pem", NOW + 3650LL * 86400, ECDSA_CHAIN },
		{ "model-transparency/v1.0.0-certificate/model.sig",
		  "model-transparency/keys/int-ca-cert.pem", NOW, ECDSA_CHAIN },
	};
	const size_t cases_n = sizeof cases / sizeof cases[0];

	for (size_t i = 0; i < cases_n; i++) {
		json_t *bundle = vector_json(cases[i].bundle);
		struct ecdsa_key *k = NULL;

		cr_expect_eq(read_chain(bundle, cases[i].roots, cases[i].at_s, &k), cases[i].want,
		             "%s", cases[i].bundle);
		if (k)
			cr_expect_eq(check_envelope(bundle, k), ECDSA_OK, "%s", cases[i].bundle);
		ecdsa_free(k);
		json_decref(bundle);
	}
	vector_count("certificate chains", cases_n);
}

/* Of the cases that are wrong most are wrong above the signature; these are wrong in it. */
static bool
has_bad_signature(const char *name)
{
	static const char *const names[] = { "bad-signature-bit", "bad-payload-changed",
		                             "bad-pae-legacy", "bad-wrong-key", "bad-raw-ecdsa" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}

	return false;
}

Test(ecdsa_vectors, envelopes)
{
	json_t *j = vector_json("generated/oms/cases.json"), *c;
	size_t i, count = 0, bad = 0;

	json_array_foreach(json_object_get(j, "cases"), i, c)
	{
		const char *name = vector_text(c, "name");
		const json_t *key_name = json_object_get(c, "key");
		char path[512], text[4096];
		struct ecdsa_key *k = NULL;
		json_t *bundle;
		size_t n;

		/* other kinds of key; text that is no base64 and never gets here */
		if (!key_name || strcmp(name, "ext-ed25519-files") == 0 ||
		    strcmp(name, "bad-base64") == 0)
			continue;
		snprintf(path, sizeof path, "generated/oms/%s", json_string_value(key_name));
		n = read_upstream(path, text, sizeof text);
		cr_assert_eq(ecdsa_public_pem(text, n, &k), ECDSA_OK);
		snprintf(path, sizeof path, "generated/oms/%s", vector_text(c, "bundle"));
		bundle = vector_json(path);
		cr_expect_eq(check_envelope(bundle, k),
		             has_bad_signature(name) ? ECDSA_BAD : ECDSA_OK, "%s", name);
		bad += has_bad_signature(name);
		count++;
		ecdsa_free(k);
		json_decref(bundle);
	}
	cr_expect_eq(bad, 5);
	vector_count("OMS envelopes", count);
	json_decref(j);
}
