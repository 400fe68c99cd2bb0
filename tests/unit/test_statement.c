/* SPDX-License-Identifier: Apache-2.0 */
/* Statements: what we sign, whose signature counts, and which payloads are none of ours. */
#include "registry/statement.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ed25519.h"
#include "crypto/pae.h"
#include "registry/base/fs.h"

#define TYPE "application/vnd.in-toto+json"

static struct secret_key *
key_of(uint8_t n)
{
	const uint8_t seed[KEY_SEED_SIZE] = { n };
	struct secret_key *k;

	cr_assert_eq(crypto_init(), 0);
	k = key_from_seed(seed);
	cr_assert_not_null(k);
	return k;
}

static void
base64(const void *p, size_t n, int variant, struct buf *ret)
{
	const size_t size = sodium_base64_encoded_len(n, variant);

	sodium_bin2base64(buf_reserve(ret, size), size, p, n, variant);
	ret->n += size - 1;
}

/* An envelope around any payload; the type's own signature, then what the case adds. */
static void
envelope_of(struct buf *ret, const char *type, const char *payload, const struct secret_key *k,
            int variant)
{
	size_t n;
	cleanup_free char *bytes = pae(type, strlen(type), payload, strlen(payload), &n);
	uint8_t sig[ED25519_SIG_SIZE];

	cr_assert_eq(ed25519_sign(sig, bytes, n, k), 0);
	buf_adds(ret, "{\"payload\":\"");
	base64(payload, strlen(payload), variant, ret);
	buf_addf(ret, "\",\"payloadType\":\"%s\",\"signatures\":[{\"sig\":\"", type);
	base64(sig, sizeof(sig), variant, ret);
	buf_adds(ret, "\"}]}");
}

Test(statement, signs_and_verifies)
{
	struct secret_key *const ana = key_of(1);
	struct secret_key *const ops = key_of(2);
	const struct public_key keys[] = { ops->pub, ana->pub };
	const struct digest subject = { { 0xab, 0xcd } };
	cleanup_json json_t *predicate = json_pack("{s:i, s:s}", "z", 1, "a", "caf\xc3\xa9\x7f");
	cleanup_buf struct buf one = { 0 };
	cleanup_buf struct buf two = { 0 };
	struct statement s = { 0 };
	struct digest d;
	struct err e = { 0 };
	char id[KEY_ID_SIZE];

	cr_assert_eq(statement_sign("version", "m", &subject, predicate, ana, &one, &e), 0);
	cr_assert_eq(statement_sign("version", "m", &subject, predicate, ana, &two, &e), 0);
	cr_expect_str_eq(buf_cstr(&one), buf_cstr(&two));
	cr_assert_eq(statement_verify(buf_str(&one), "version", keys, 2, &s, &e), 0, "%s", e.msg);
	key_id(&ana->pub, id);
	cr_expect_str_eq(s.key_id, id);
	cr_expect_arr_eq(s.key.b, ana->pub.b, KEY_PUBLIC_SIZE);
	cr_expect_str_eq(s.kind, "version");
	cr_expect(digest_eq(&s.subject, &subject));
	cr_expect(json_equal(s.predicate, predicate));
	digest_small(one.p, one.n, &d);
	cr_expect(digest_eq(&s.envelope, &d), "what we write is canonical already");
	statement_fini(&s);

	cr_assert_eq(statement_peek(buf_str(&one), &s, &e), 0);
	cr_expect_str_eq(s.key_id, id);
	statement_fini(&s);
	cr_expect_eq(statement_verify(buf_str(&one), "policy", keys, 2, &s, &e),
	             -(int)ERR_MALFORMED);
	cr_expect_eq(statement_verify(buf_str(&one), NULL, keys, 1, &s, &e), -(int)ERR_UNTRUSTED);
	cr_expect_eq(statement_verify(buf_str(&one), NULL, NULL, 0, &s, &e), -(int)ERR_UNTRUSTED);
	key_free(ana);
	key_free(ops);
}

#define HEX64   "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SUBJECT "\"subject\":[{\"name\":\"x\",\"digest\":{\"sha256\":\"" HEX64 "\"}}]"
#define V1      "\"_type\":\"https://in-toto.io/Statement/v1\""
#define KIND    "\"predicateType\":\"urn:slipway:version:v1\""

Test(statement, payloads)
{
	static const struct {
		const char *type, *payload;
		int rc;
	} cases[] = {
		{ TYPE, "{" V1 "," KIND "," SUBJECT ",\"predicate\":{}}", 0 },
		{ TYPE, "{" V1 "," KIND "," SUBJECT ",\"predicate\":{},\"more\":1}", 0 },
		{ "text/plain", "{" V1 "," KIND "," SUBJECT ",\"predicate\":{}}",
		  -(int)ERR_MALFORMED },
		{ TYPE, "{" KIND "," SUBJECT ",\"predicate\":{}}", -(int)ERR_MALFORMED },
		{ TYPE, "{\"_type\":\"https://in-toto.io/Statement/v0.1\"," KIND "," SUBJECT
		        ",\"predicate\":{}}", -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 "," SUBJECT ",\"predicate\":{}}", -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 ",\"predicateType\":\"urn:other:version:v1\"," SUBJECT
		        ",\"predicate\":{}}", -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 ",\"predicateType\":\"urn:slipway::v1\"," SUBJECT
		        ",\"predicate\":{}}", -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 ",\"predicateType\":\"urn:slipway:v1\"," SUBJECT
		        ",\"predicate\":{}}", -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 ",\"predicateType\":\"urn:slipway:Version:v1\"," SUBJECT
		        ",\"predicate\":{}}", -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 "," KIND ",\"subject\":[],\"predicate\":{}}", -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 "," KIND ",\"subject\":[{\"digest\":{\"sha256\":\"" HEX64
		        "\"}},{\"digest\":{\"sha256\":\"" HEX64 "\"}}],\"predicate\":{}}",
		  -(int)ERR_MALFORMED },
		{ TYPE,
		  "{" V1 "," KIND ",\"subject\":[{\"digest\":{\"sha1\":\"00\"}}],\"predicate\":{}}",
		  -(int)ERR_MALFORMED },
		{ TYPE,
		  "{" V1 "," KIND ",\"subject\":[{\"digest\":{\"sha256\":\"00\"}}]"
		  ",\"predicate\":{}}",
		  -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 "," KIND "," SUBJECT "}", -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 "," KIND "," SUBJECT ",\"predicate\":[]}", -(int)ERR_MALFORMED },
		{ TYPE, "{" V1 "," KIND "," SUBJECT ",\"predicate\":{\"a\":1,\"a\":2}}",
		  -(int)ERR_MALFORMED },
		{ TYPE, "hello world", -(int)ERR_MALFORMED },
		{ TYPE, "", -(int)ERR_MALFORMED },
	};
	static const int variants[] = { sodium_base64_VARIANT_ORIGINAL,
		                        sodium_base64_VARIANT_URLSAFE };
	struct secret_key *const k = key_of(3);

	for (size_t i = 0; i < COUNT(cases) * 2; i++) {
		cleanup_buf struct buf v = { 0 };
		struct statement s = { 0 };
		struct err e = { 0 };

		envelope_of(&v, cases[i / 2].type, cases[i / 2].payload, k, variants[i % 2]);
		cr_expect_eq(statement_verify(buf_str(&v), NULL, &k->pub, 1, &s, &e),
		             cases[i / 2].rc, "%zu: %s", i / 2, e.msg);
		statement_fini(&s);
	}
	key_free(k);
}

/* One payload under other signatures: G stands for a good one, B for one with a bit turned. */
Test(statement, envelopes)
{
	static const struct {
		const char *signatures, *more;
		int rc;
	} cases[] = {
		{ "{\"sig\":\"G\"}", "", 0 },
		{ "{\"sig\":\"G\",\"keyid\":\"\"}", "", 0 },
		{ "{\"sig\":\"G\",\"keyid\":null}", "", 0 },
		{ "{\"sig\":\"G\",\"keyid\":\"SHA256:lies\"}", "", 0 },
		{ "{\"sig\":\"G\",\"cert\":\"x\"}", ",\"more\":{}", 0 },
		{ "{\"sig\":\"B\"},{\"sig\":\"G\"}", "", 0 },
		{ "{\"sig\":\"G\"},{\"sig\":\"B\"}", "", 0 },
		{ "{\"sig\":\"?\"},{\"sig\":\"AAAA\"},{\"sig\":\"\"},{\"sig\":\"G\"}", "", 0 },
		{ "", "", -(int)ERR_SIGNATURE },
		{ "{\"sig\":\"B\"}", "", -(int)ERR_SIGNATURE },
		{ "{\"sig\":\"\"}", "", -(int)ERR_SIGNATURE },
		{ "{\"sig\":\"B\",\"keyid\":\"SHA256:other\"}", "", -(int)ERR_UNTRUSTED },
		{ "{\"keyid\":\"x\"}", "", -(int)ERR_MALFORMED },
		{ "{\"sig\":1}", "", -(int)ERR_MALFORMED },
		{ "{\"sig\":\"G\",\"keyid\":1}", "", -(int)ERR_MALFORMED },
		{ "\"G\"", "", -(int)ERR_MALFORMED },
		{ "{\"sig\":\"G\"}", ",\"payload\":\"\"", -(int)ERR_MALFORMED },
		{ "{\"sig\":\"G\"}", ",", -(int)ERR_MALFORMED },
	};
	static const char payload[] = "{" V1 "," KIND "," SUBJECT ",\"predicate\":{}}";
	struct secret_key *const k = key_of(4);
	cleanup_buf struct buf body = { 0 };
	cleanup_buf struct buf good = { 0 };
	cleanup_buf struct buf bad = { 0 };
	uint8_t sig[ED25519_SIG_SIZE];
	size_t n;
	cleanup_free char *bytes = pae(TYPE, strlen(TYPE), payload, strlen(payload), &n);

	cr_assert_eq(ed25519_sign(sig, bytes, n, k), 0);
	base64(payload, strlen(payload), sodium_base64_VARIANT_ORIGINAL, &body);
	base64(sig, sizeof(sig), sodium_base64_VARIANT_ORIGINAL, &good);
	sig[5] ^= 1;
	base64(sig, sizeof(sig), sodium_base64_VARIANT_ORIGINAL, &bad);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf v = { 0 };
		struct statement s = { 0 };
		struct err e = { 0 };

		buf_addf(&v, "{\"payload\":\"%s\",\"payloadType\":\"" TYPE "\",\"signatures\":[",
		         buf_cstr(&body));
		for (const char *p = cases[i].signatures; *p; p++) {
			if (*p == 'G' || *p == 'B')
				buf_adds(&v, buf_cstr(*p == 'G' ? &good : &bad));
			else
				buf_addc(&v, *p);
		}
		buf_addf(&v, "]%s}", cases[i].more);
		cr_expect_eq(statement_verify(buf_str(&v), "version", &k->pub, 1, &s, &e),
		             cases[i].rc, "%zu: %s", i, e.msg);
		statement_fini(&s);
	}
	key_free(k);
}

Test(statement, refuses_what_is_too_big)
{
	struct secret_key *const k = key_of(5);
	cleanup_free char *text = xmalloc(STATEMENT_MAX + 1);
	cleanup_buf struct buf out = { 0 };
	const struct digest d = { { 1 } };
	struct statement s = { 0 };
	struct err e = { 0 };

	memset(text, 'x', STATEMENT_MAX);
	text[STATEMENT_MAX] = '\0';
	cleanup_json json_t *p = json_pack("{s:s}", "a", text);
	cr_expect_eq(statement_sign("version", "m", &d, p, k, &out, &e), -(int)ERR_TOO_BIG);
	cr_expect_eq(out.n, 0);
	cr_expect_eq(statement_verify((struct str){ text, STATEMENT_MAX + 1 }, NULL, &k->pub, 1, &s,
	                              &e),
	             -(int)ERR_TOO_BIG);
	key_free(k);
}

/* Each signature costs a check a key: 64 of them are looked at, one more and none is. */
Test(statement, refuses_too_many_signatures)
{
	struct secret_key *const k = key_of(5);
	cleanup_buf struct buf v = { 0 };
	cleanup_json json_t *p = json_pack("{s:s}", "a", "b");
	const struct digest d = { { 1 } };
	struct err e = { 0 };

	cr_assert_eq(statement_sign("version", "m", &d, p, k, &v, &e), 0);
	for (int n = 2; n <= 65; n++) {
		cleanup_buf struct buf more = { 0 };
		struct statement s = { 0 };

		cr_assert_eq(statement_add_signature(buf_str(&v), "x", "y", 1, &more, &e), 0);
		buf_clear(&v);
		buf_add(&v, more.p, more.n);
		cr_expect_eq(statement_verify(buf_str(&v), "version", &k->pub, 1, &s, &e),
		             n <= 64 ? 0 : -(int)ERR_TOO_BIG, "%d: %s", n, e.msg);
		statement_fini(&s);
	}
	key_free(k);
}

static json_t *
vectors(const char *name)
{
	const char *const shared = getenv("SLIPWAY_SHARED");
	cleanup_free char *path =
		xasprintf("%s/upstream/generated/dsse/%s", shared ? shared : "", name);
	cleanup_buf struct buf b = { 0 };
	struct err e = { 0 };
	json_t *j = NULL;

	cr_assert_eq(crypto_init(), 0);
	if (fs_read_at(AT_FDCWD, path, 1 << 20, &b, &e) < 0)
		cr_skip_test("the DSSE vectors are not here");
	cr_assert_eq(json_parse(buf_str(&b), name, &j, &e), 0, "%s", e.msg);
	return j;
}

static void
key_from_hex(struct public_key *ret, const char *hex)
{
	struct digest d;

	cr_assert_eq(digest_parse(&d, hex, strlen(hex)), 0);
	*ret = (struct public_key){ 0 };
	memcpy(ret->b, d.b, sizeof(d.b));
}

/* The vectors' payloads are no statements, so a good signature ends in MALFORMED, never earlier. */
static bool
is_signed(const json_t *env, const struct public_key *key)
{
	cleanup_buf struct buf text = { 0 };
	struct statement s = { 0 };
	struct err e = { 0 };

	json_canonical(env, &text);
	const int rc = statement_verify(buf_str(&text), NULL, key, 1, &s, &e);
	cr_assert(rc == -(int)ERR_MALFORMED || rc == -(int)ERR_SIGNATURE ||
	          rc == -(int)ERR_UNTRUSTED,
	          "%d %s", rc, e.msg);
	return rc == -(int)ERR_MALFORMED;
}

Test(statement, upstream_thresholds)
{
	cleanup_json json_t *j = vectors("threshold.json");
	json_t *const keys = json_object_get(j, "public_keys_hex");
	size_t i;
	json_t *c;

	cr_assert_gt(json_array_size(json_object_get(j, "cases")), 0);
	json_array_foreach(json_object_get(j, "cases"), i, c)
	{
		json_t *const trusted = json_object_get(c, "trusted");
		json_int_t good = 0;

		for (size_t k = 0; k < json_array_size(trusted); k++) {
			const size_t at = (size_t)json_integer_value(json_array_get(trusted, k));
			struct public_key key;

			key_from_hex(&key, json_string_value(json_array_get(keys, at)));
			good += is_signed(json_object_get(c, "env"), &key);
		}
		cr_expect_eq(good >= json_integer_value(json_object_get(c, "threshold")),
		             json_is_true(json_object_get(c, "expect")), "%s",
		             json_opt_string(c, "name"));
	}
}

Test(statement, upstream_signatures)
{
	cleanup_json json_t *j = vectors("pae-ed25519.json");
	struct public_key key;
	size_t seen = 0;
	size_t i;
	json_t *v;

	key_from_hex(&key, json_opt_string(j, "public_key_hex"));
	json_array_foreach(json_object_get(j, "vectors"), i, v)
	{
		const char *const hex = json_opt_string(v, "payload_hex");
		const char *const type = json_opt_string(v, "payloadType");
		cleanup_buf struct buf payload = { 0 };
		cleanup_buf struct buf sig = { 0 };
		uint8_t bytes[4096];
		size_t n;

		cr_assert_eq(sodium_hex2bin(bytes, sizeof(bytes), hex, strlen(hex), NULL, &n, NULL),
		             0);
		base64(bytes, n, sodium_base64_VARIANT_URLSAFE, &payload);
		const char *const sig_hex = json_opt_string(v, "ed25519_sig_hex");
		cr_assert_eq(sodium_hex2bin(bytes, sizeof(bytes), sig_hex, strlen(sig_hex), NULL,
		                            &n,
		                            NULL), 0);
		base64(bytes, n, sodium_base64_VARIANT_ORIGINAL, &sig);
		cleanup_json json_t *env =
			json_pack("{s:s, s:s, s:[{s:s}]}", "payload", buf_cstr(&payload),
			          "payloadType", type, "signatures", "sig", buf_cstr(&sig));
		cr_assert_not_null(env);
		cr_expect(is_signed(env, &key), "%zu", i);
		json_object_set_new(env, "payloadType", json_string("application/x"));
		cr_expect(!is_signed(env, &key), "%zu: the type is signed too", i);
		seen++;
	}
	cr_expect_gt(seen, 0);
}
