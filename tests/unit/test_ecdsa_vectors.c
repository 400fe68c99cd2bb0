/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ECDSA against the published vectors, whatever curves of them are there: valid must pass and
 * everything else, 'acceptable' too, must fail.
 */
#include "crypto/ecdsa.h"

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
		{ "generated/oms/keys/k256.pub.pem", ECDSA_CURVE, ECDSA_P256 },
		{ "generated/oms/keys/ed25519.pub.pem", ECDSA_CURVE, ECDSA_P256 },
		{ "generated/oms/keys/root.cert.pem", ECDSA_MALFORMED, ECDSA_P256 },
	};
	const size_t cases_n = sizeof cases / sizeof cases[0];

	for (size_t i = 0; i < cases_n; i++) {
		char path[PATH_MAX], text[4096];
		struct ecdsa_key *k = NULL;
		char *pem;
		size_t n, pem_n;
		FILE *f;

		vector_path(path, cases[i].name);
		f = fopen(path, "re");
		cr_assert(f != NULL, "%s", path);
		n = fread(text, 1, sizeof text, f);
		fclose(f);
		cr_expect_eq(ecdsa_public_pem(text, n, &k), cases[i].rc, "%s", cases[i].name);
		if (!k)
			continue;
		cr_expect_eq(ecdsa_curve_of(k), cases[i].curve);
		cr_assert_eq(ecdsa_spki_pem(k, &pem, &pem_n), ECDSA_OK);
		cr_expect(n == pem_n && memcmp(text, pem, n) == 0, "%s", cases[i].name);
		free(pem);
		ecdsa_free(k);
	}
	vector_count("ECDSA key files", cases_n);
}
