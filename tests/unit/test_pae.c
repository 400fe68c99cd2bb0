/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that a DSSE signature covers, against worked examples and another implementation's. */
#include "crypto/pae.h"

#include "crypto/ed25519.h"
#include "tests/unit/crypto_vectors.h"

Test(pae, table)
{
#define CASE(type, body, want) \
	{ type, sizeof type - 1, body, sizeof body - 1, want, sizeof want - 1 }
	static const struct {
		const char *type;
		size_t type_n;
		const char *body;
		size_t body_n;
		const char *want;
		size_t want_n;
	} cases[] = {
		CASE("http://example.com/HelloWorld", "hello world",
		     "DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
		CASE("", "", "DSSEv1 0  0 "),
		CASE("a", "", "DSSEv1 1 a 0 "),
		CASE("", "b", "DSSEv1 0  1 b"),
		CASE("a 1 b", "c", "DSSEv1 5 a 1 b 1 c"),
		CASE("a", "b 1 c", "DSSEv1 1 a 5 b 1 c"),
		CASE("t\xc3\xafpe", "1234567890", "DSSEv1 5 t\xc3\xafpe 10 1234567890"),
		CASE("t", "\0\n\xff", "DSSEv1 1 t 3 \0\n\xff"),
	};
#undef CASE
	size_t n = 7;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char *p = pae(cases[i].type, cases[i].type_n, cases[i].body, cases[i].body_n, &n);

		cr_assert(p != NULL);
		cr_expect_eq(n, cases[i].want_n, "case %zu", i);
		cr_expect(n == cases[i].want_n && memcmp(p, cases[i].want, n) == 0, "case %zu", i);
		free(p);
	}
	/* no length may wrap around; nothing is read before that is known */
	n = 7;
	cr_expect(pae("t", 1, "", SIZE_MAX, &n) == NULL);
	cr_expect(pae("t", 1, "", SIZE_MAX - 64, &n) == NULL);
	cr_expect(pae("t", SIZE_MAX, "", 1, &n) == NULL);
	cr_expect(pae("t", SIZE_MAX - 64, "", 1, &n) == NULL);
	cr_expect_eq(n, 7);
}

Test(pae, vectors)
{
	json_t *j = vector_json("generated/dsse/pae-ed25519.json"), *v;
	struct public_key key = { 0 };
	size_t i;

	cr_assert_eq(crypto_init(), 0);
	cr_assert_eq(unhex(vector_text(j, "public_key_hex"), key.b, KEY_PUBLIC_SIZE),
	             KEY_PUBLIC_SIZE);
	json_array_foreach (json_object_get(j, "vectors"), i, v) {
		const char *type = vector_text(v, "payloadType");
		uint8_t body[4096], prefix[256], sig[ED25519_SIG_SIZE];
		size_t body_n = unhex(vector_text(v, "payload_hex"), body, sizeof body);
		size_t prefix_n = unhex(vector_text(v, "pae_prefix_hex"), prefix, sizeof prefix);
		struct digest d;
		char hex[DIGEST_HEX_SIZE];
		size_t n;
		char *p = pae(type, strlen(type), body, body_n, &n);

		cr_assert(p != NULL);
		cr_expect(n >= prefix_n && memcmp(p, prefix, prefix_n) == 0, "vector %zu", i);
		digest_small(p, n, &d);
		digest_hex(&d, hex);
		cr_expect_str_eq(hex, vector_text(v, "pae_sha256"), "vector %zu", i);
		cr_assert_eq(unhex(vector_text(v, "ed25519_sig_hex"), sig, sizeof sig), sizeof sig);
		cr_expect_eq(ed25519_verify(sig, p, n, &key), 0, "vector %zu", i);
		free(p);
	}
	cr_expect_eq(i, 18);
	json_decref(j);

	j = vector_json("dsse/protocol-example.json");
	{
		const char *type = vector_text(j, "payloadType");
		const char *body = vector_text(j, "payload_utf8");
		const char *want = vector_text(j, "pae_utf8");
		size_t n;
		char *p = pae(type, strlen(type), body, strlen(body), &n);

		cr_assert(p != NULL);
		cr_expect(n == strlen(want) && memcmp(p, want, n) == 0);
		free(p);
	}
	json_decref(j);
}
