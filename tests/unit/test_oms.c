/* SPDX-License-Identifier: Apache-2.0 */
/* OMS bundles: what is signed here is read again, and every way in which a statement or a bundle
 * can be wrong is refused although its signature is good. */
#include "registry/oms.h"

#include "registry/base/json.h"
#include "tests/unit/oms_keys.h"

TestSuite(oms, .init = oms_test_init);

static int
verify(struct str bundle, struct oms *ret, struct err *e)
{
	cleanup_free char *pem = public_of(p256);
	const struct oms_trust t = { .key = str_of(pem) };

	return oms_verify(bundle, &t, ret, e);
}

#define A             RESOURCE("a", "sha256", SUM_A)
#define B             RESOURCE("b", "sha256", SUM_B)
#define R(name)       RESOURCE(name, "sha256", SUM_A)
#define SIZE(n)       SHARDS ",\"shard_size\":" n
#define SHARDED       "sha256-sharded-8"
#define BLAKE2        "\"method\":\"files\",\"hash_type\":\"blake2b\",\"allow_symlinks\":false"
#define IGNORE(paths) FILES ",\"ignore_paths\":" paths

/* Statements that are good, and the order that is found. */
static const struct {
	const char *payload;
	enum oms_order order;
	size_t n;
} good[] = {
	{ STATEMENT(ROOT_AB, A "," B, FILES), OMS_ORDER_SPEC, 2 },
	{ STATEMENT(ROOT_BA, B "," A, FILES), OMS_ORDER_OTHER, 2 },
	{ STATEMENT(ROOT_AA, R("a/b") "," R("a.b"), FILES), OMS_ORDER_REFERENCE, 2 },
	{ STATEMENT(ROOT_AA, R("a.b") "," R("a/b"), FILES), OMS_ORDER_SPEC, 2 },
	{ STATEMENT(ROOT_A, R("."), FILES), OMS_ORDER_SPEC, 1 },
	{ STATEMENT(ROOT_A, R("a:0:1"), FILES), OMS_ORDER_SPEC, 1 },
	{ STATEMENT(ROOT_A, A, IGNORE("[\".git\",\"b\"]")), OMS_ORDER_SPEC, 1 },
	{ STATEMENT(ROOT_A, A, IGNORE("[]")), OMS_ORDER_SPEC, 1 },
	{ STATEMENT(ROOT_A, R("a:0:8"), SIZE("8")), OMS_ORDER_SPEC, 1 },
	{ STATEMENT(ROOT_A, R("a:0:1"), SIZE("8.0")), OMS_ORDER_SPEC, 1 },
	{ STATEMENT(ROOT_A, R("x:0:1:0:1"), SIZE("8")), OMS_ORDER_SPEC, 1 },
	{ STATEMENT(ROOT_A, RESOURCE("a:0:1", SHARDED, SUM_A), SIZE("8")), OMS_ORDER_SPEC, 1 },
	{ STATEMENT(ROOT_AA, R("a:0:8") "," R("a:8:16"), SIZE("8")), OMS_ORDER_SPEC, 2 },
	{ STATEMENT(ROOT_AA, R("a:8:16") "," R("a:0:8"), SIZE("8")), OMS_ORDER_OTHER, 2 },
	{ STATEMENT(ROOT_ABA, R("a:0:8") "," RESOURCE("a:8:16", "sha256", SUM_B) "," R("a:16:17"),
	            SIZE("8")),
	  OMS_ORDER_REFERENCE, 3 },
};

Test(oms, good_statements)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		cleanup_buf struct buf b = { 0 };
		struct oms o = { 0 };
		struct err e = { 0 };

		bundle_of(IN_TOTO, good[i].payload, &b);
		cr_assert_eq(verify(buf_str(&b), &o, &e), 0, "%zu: %s", i, e.msg);
		cr_expect_eq(o.order, good[i].order, "%zu: %s", i, oms_order_name(o.order));
		cr_expect_eq(o.resources.n, good[i].n, "%zu", i);
		cr_expect_str_eq(o.curve, "P-256");
		cr_expect_str_eq(o.subject, "m");
		cr_expect_str_eq(oms_profile(&o), "oms-v1.0");
		oms_fini(&o);
	}
}

#define TYPE(t, p, rest) "{\"_type\":\"" t "\",\"predicateType\":\"" p "\"," rest
#define SUBJECT(list)                                                                           \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"https://"           \
	"model_signing/"                                                                        \
	"signature/v1.0\",\"predicate\":{\"resources\":[" A "],\"serialization\":{" FILES "}}," \
	"\"subject\":[" list "]}"
#define SUBJECT_A "{\"digest\":{\"sha256\":\"" ROOT_A "\"}}"

/* Well signed, and not what may be signed. */
static const struct {
	const char *payload, *part;
} bad[] = {
	{ "", "no valid JSON" },
	{ "[]", "not an object" },
	{ TYPE("https://in-toto.io/Statement/v0.1", "", "\"x\":1}"), "\"_type\" is" },
	{ TYPE("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1", "\"x\":1}"),
	  "\"predicateType\" is" },
	{ SUBJECT(""), "0 subjects" },
	{ SUBJECT(SUBJECT_A "," SUBJECT_A), "2 subjects" },
	{ SUBJECT("{\"digest\":{\"sha512\":\"00\"}}"), "\"sha256\" is missing" },
	{ SUBJECT("{\"digest\":{\"sha256\":\"00\"}}"), "not 64 hex digits" },
	{ STATEMENT(ROOT_NONE, "", FILES), "no resources" },
	{ STATEMENT(SUM_A, A, FILES), "root digest" },
	{ STATEMENT(ROOT_BA, A "," B, FILES), "root digest" },
	{ STATEMENT(ROOT_AA, A "," A, FILES), "is there twice" },
	{ STATEMENT(ROOT_A, R("../a"), FILES), "has the part \"..\"" },
	{ STATEMENT(ROOT_A, R("a/./b"), FILES), "has the part \".\"" },
	{ STATEMENT(ROOT_A, R("/a"), FILES), "empty part" },
	{ STATEMENT(ROOT_A, R("a//b"), FILES), "empty part" },
	{ STATEMENT(ROOT_A, R("a/"), FILES), "empty part" },
	{ STATEMENT(ROOT_A, R(""), FILES), "path is empty" },
	{ STATEMENT(ROOT_AA, R(".") "," R("a"), FILES), "is not the only one" },
	{ STATEMENT(ROOT_AA, R("!") "," R("."), FILES), "is not the only one" },
	{ STATEMENT(ROOT_A, RESOURCE("a", "sha1", SUM_A), FILES), "algorithm \"sha1\"" },
	{ STATEMENT(ROOT_A, RESOURCE("a", SHARDED, SUM_A), FILES), "algorithm" },
	{ STATEMENT(ROOT_A, RESOURCE("a", "blake3", SUM_A), FILES), "algorithm \"blake3\"" },
	{ STATEMENT(ROOT_A, RESOURCE("a", "blake2b", SUM_A), BLAKE2), "is no blake2b" },
	{ STATEMENT(ROOT_A, RESOURCE("a", "sha256", "CA"), FILES), "is no sha256" },
	{ STATEMENT(ROOT_A, RESOURCE("a", "sha256", SUM_A SUM_A), FILES), "is no sha256" },
	{ STATEMENT(ROOT_A, A, FILES ",\"shard_size\":8"), "without shards" },
	{ STATEMENT(ROOT_A, A, FILES ",\"x\":8"), "\"x\" does not belong there" },
	{ STATEMENT(ROOT_A, A, "\"method\":\"files\",\"allow_symlinks\":false"), "hash_type" },
	{ STATEMENT(ROOT_A, A, "\"method\":\"dirs\",\"hash_type\":\"sha256\""), "method \"dirs\"" },
	{ STATEMENT(ROOT_A, A, "\"method\":\"files\",\"hash_type\":\"md5\""), "hash \"md5\"" },
	{ STATEMENT(ROOT_A, A, "\"method\":\"files\",\"hash_type\":\"sha256\""), "allow_symlinks" },
	{ STATEMENT(ROOT_A, A, IGNORE("\".git\"")), "is not an array" },
	{ STATEMENT(ROOT_A, A, IGNORE("[1]")), "holds no strings" },
	{ STATEMENT(ROOT_A, A, IGNORE("[\".\"]")), "has the part \".\"" },
	{ STATEMENT(ROOT_A, A, IGNORE("[\"../x\"]")), "has the part \"..\"" },
	{ STATEMENT(ROOT_A, A, IGNORE("[\"a\"]")), "is also ignored" },
	{ STATEMENT(ROOT_A, R("x/a"), IGNORE("[\"x\"]")), "is also ignored" },
	{ STATEMENT(ROOT_A, R(".gitignore"), FILES), "is also ignored" },
	{ STATEMENT(ROOT_A, R("a:0:1"), SHARDS), "is no number of bytes" },
	{ STATEMENT(ROOT_A, R("a:0:1"), SIZE("0")), "is no number of bytes" },
	{ STATEMENT(ROOT_A, R("a:0:1"), SIZE("-1")), "is no number of bytes" },
	{ STATEMENT(ROOT_A, R("a:0:1"), SIZE("8.5")), "is no number of bytes" },
	{ STATEMENT(ROOT_A, R("a:0:1"), SIZE("1e300")), "is no number of bytes" },
	{ STATEMENT(ROOT_A, R("a:0:1"), SIZE("\"8\"")), "is no number of bytes" },
	{ STATEMENT(ROOT_A, R("a"), SIZE("8")), "is no shard" },
	{ STATEMENT(ROOT_A, R("a:1"), SIZE("8")), "is no shard" },
	{ STATEMENT(ROOT_A, R("a:0:0"), SIZE("8")), "is no shard" },
	{ STATEMENT(ROOT_A, R("a:8:0"), SIZE("8")), "is no shard" },
	{ STATEMENT(ROOT_A, R("a:0:9"), SIZE("8")), "is no shard" },
	{ STATEMENT(ROOT_A, R("a:00:8"), SIZE("8")), "is no shard" },
	{ STATEMENT(ROOT_A, R("a:4:8"), SIZE("8")), "is no shard" },
	{ STATEMENT(ROOT_A, R(":0:8"), SIZE("8")), "path is empty" },
	{ STATEMENT(ROOT_A, R("a:8:16"), SIZE("8")), "do not follow" },
	{ STATEMENT(ROOT_AA, R("a:0:8") "," R("a:0:8"), SIZE("8")), "do not follow" },
	{ STATEMENT(ROOT_AA, R("a:0:7") "," R("a:8:16"), SIZE("8")), "do not follow" },
	{ STATEMENT(ROOT_AA, R("a:0:8") "," R("a:16:24"), SIZE("8")), "do not follow" },
	{ STATEMENT(ROOT_A, RESOURCE("a:0:8", "sha256-sharded-9", SUM_A), SIZE("8")), "algorithm" },
	{ STATEMENT(ROOT_A, RESOURCE("a:0:8", "sha256-sharded-", SUM_A), SIZE("8")), "algorithm" },
	{ STATEMENT(ROOT_A, A, FILES) "x", "no valid JSON" },
	{ STATEMENT(ROOT_A, "{\"name\":\"a\"," A, FILES), "no valid JSON" },
	{ STATEMENT(ROOT_A, "{\"name\":\"b\",\"name\":\"a\"}", FILES), "duplicate" },
};

Test(oms, bad_statements)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		cleanup_buf struct buf b = { 0 };
		struct oms o = { 0 };
		struct err e = { 0 };
		int rc;

		bundle_of(IN_TOTO, bad[i].payload, &b);
		rc = verify(buf_str(&b), &o, &e);
		cr_expect(rc == -ERR_MALFORMED || rc == -ERR_DIGEST, "%zu: %d", i, rc);
		cr_expect(strstr(e.msg, bad[i].part) != NULL, "%zu: %s", i, e.msg);
		cr_expect_eq(o.resources.n, 0, "%zu: something was given", i);
	}
}

#define PAYLOAD STATEMENT(ROOT_A, A, FILES)
#define MEDIA   "application/vnd.dev.sigstore.bundle"

/* A good bundle in which one text is replaced. */
static const struct {
	const char *from, *to;
	enum err_code code;
	const char *part;
} mutations[] = {
	{ MEDIA ".v0.3+json", MEDIA "+json;version=0.1", ERR_OK, "" },
	{ MEDIA ".v0.3+json", MEDIA "+json;version=0.2", ERR_OK, "" },
	{ MEDIA ".v0.3+json", MEDIA "+json;version=0.3", ERR_OK, "" },
	{ MEDIA ".v0.3+json", MEDIA ".v0.4+json", ERR_MALFORMED, "mediaType" },
	{ ",\"tlogEntries\":[]", "", ERR_OK, "" },
	{ "\"tlogEntries\":[]", "\"tlogEntries\":[{}]", ERR_OK, "" },
	{ "\"tlogEntries\":[]", "\"tlogEntries\":{}", ERR_MALFORMED, "tlogEntries" },
	{ ",\"keyid\":\"\"", "", ERR_OK, "" },
	{ "\"keyid\":\"\"", "\"keyid\":null", ERR_OK, "" },
	{ "\"keyid\":\"\"", "\"keyid\":1", ERR_MALFORMED, "keyid" },
	{ "{\"mediaType\"", "{\"more\":1,\"mediaType\"", ERR_MALFORMED, "\"more\"" },
	{ "{\"mediaType\"", "{\"messageSignature\":{},\"mediaType\"", ERR_MALFORMED, "one file" },
	{ "\"publicKey\"", "\"publicKeys\"", ERR_MALFORMED, "one of" },
	{ "\"publicKey\"", "\"certificate\":{},\"publicKey\"", ERR_MALFORMED, "one of" },
	{ "\"hint\"", "\"hints\"", ERR_MALFORMED, "names no key" },
	{ "\"hint\":\"", "\"hint\":\"0", ERR_UNTRUSTED, "not the given one" },
	{ "\"hint\":\"", "\"rawBytes\":\"*\",\"hint\":\"", ERR_MALFORMED, "rawBytes" },
	{ "\"hint\":\"", "\"rawBytes\":\"AAAA\",\"hint\":\"", ERR_UNTRUSTED, "another key" },
	{ "\"payload\"", "\"payloads\"", ERR_MALFORMED, "\"payload\" is missing" },
	{ "\"payload\":\"", "\"payload\":\"*", ERR_MALFORMED, "base64" },
	{ "\"sig\":\"", "\"sig\":\" ", ERR_MALFORMED, "base64" },
	{ "\"sig\":\"", "\"sig\":\"MA==\",\"x\":\"", ERR_SIGNATURE, "wrong" },
	{ IN_TOTO, "text/plain", ERR_SIGNATURE, "wrong" },
	{ "\"signatures\":[", "\"signatures\":[{\"sig\":\"\"},", ERR_MALFORMED, "2 signatures" },
	{ "\"signatures\":[", "\"signatures\":[],\"x\":[", ERR_MALFORMED, "0 signatures" },
	{ "\"dsseEnvelope\"", "\"messageSignature\"", ERR_MALFORMED, "one file" },
	{ "{\"publicKey\":{", "{\"x509CertificateChain\":{", ERR_MALFORMED, "certificates" },
	{ "{\"publicKey\":{", "{\"certificate\":{", ERR_MALFORMED, "keyless needs them" },
	{ "{\"mediaType\"", "[{\"mediaType\"", ERR_MALFORMED, "no valid JSON" },
};

static void
replace(struct str s, const char *from, const char *to, struct buf *ret)
{
	const char *const at = memmem(s.p, s.n, from, strlen(from));

	cr_assert(at != NULL, "\"%s\" is not there", from);
	buf_add(ret, s.p, (size_t)(at - s.p));
	buf_adds(ret, to);
	buf_add(ret, at + strlen(from), s.n - (size_t)(at - s.p) - strlen(from));
}

Test(oms, bundles)
{
	cleanup_buf struct buf whole = { 0 };

	bundle_of(IN_TOTO, PAYLOAD, &whole);
	for (size_t i = 0; i < COUNT(mutations); i++) {
		cleanup_buf struct buf b = { 0 };
		struct oms o = { 0 };
		struct err e = { 0 };
		int rc;

		replace(buf_str(&whole), mutations[i].from, mutations[i].to, &b);
		rc = verify(buf_str(&b), &o, &e);
		cr_expect_eq(rc, -(int)mutations[i].code, "%zu: %d %s", i, rc, e.msg);
		cr_expect(strstr(e.msg, mutations[i].part) != NULL, "%zu: %s", i, e.msg);
		cr_expect((rc == 0) == (o.resources.n == 1), "%zu", i);
		oms_fini(&o);
	}
}

Test(oms, type_is_checked_though_signed)
{
	cleanup_buf struct buf b = { 0 };
	struct oms o = { 0 };
	struct err e = { 0 };

	bundle_of("text/plain", PAYLOAD, &b);
	cr_expect_eq(verify(buf_str(&b), &o, &e), -ERR_MALFORMED);
	cr_expect(strstr(e.msg, "payloadType") != NULL, "%s", e.msg);
}

/* Every byte of the signature and of what is signed counts. */
Test(oms, flipped_bits)
{
	cleanup_buf struct buf b = { 0 };
	struct oms o = { 0 };
	size_t refused = 0;

	bundle_of(IN_TOTO, PAYLOAD, &b);
	for (size_t i = 0; i < b.n; i++) {
		struct err e = { 0 };
		int rc;

		b.p[i] ^= 1;
		rc = verify(buf_str(&b), &o, &e);
		/* what may change: the names and values of members that nothing is read from */
		if (rc == 0)
			cr_expect(o.resources.n == 1 && strcmp(o.resources.v[0].path, "a") == 0);
		refused += rc < 0;
		oms_fini(&o);
		b.p[i] ^= 1;
	}
	/* "keyid" and "tlogEntries" may be called otherwise and say nothing then */
	cr_expect_geq(refused, b.n - 24, "%zu of %zu", refused, b.n);
}

Test(oms, who_is_trusted)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_free char *other = public_of(p384);
	cleanup_free char *pem = public_of(p256);
	const char *const ed = "-----BEGIN PUBLIC KEY-----\n"
	                       "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
	                       "-----END PUBLIC KEY-----\n";
	const struct {
		struct oms_trust t;
		enum err_code code;
	} cases[] = {
		{ { .key = str_of(pem) }, ERR_OK },
		{ { .key = str_of(other) }, ERR_UNTRUSTED },
		{ { .key = str_of(ed) }, ERR_MALFORMED },
		{ { .key = str_of("no key") }, ERR_MALFORMED },
		{ { .roots = str_of(pem) }, ERR_UNTRUSTED },
		{ { .at_s = 1 }, ERR_UNTRUSTED },
	};

	bundle_of(IN_TOTO, PAYLOAD, &b);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct oms o = { 0 };
		struct err e = { 0 };
		const int rc = oms_verify(buf_str(&b), &cases[i].t, &o, &e);

		cr_expect_eq(rc, -(int)cases[i].code, "%zu: %d %s", i, rc, e.msg);
		oms_fini(&o);
	}
}

static void
add(struct manifest *m, const char *path)
{
	struct digest d;

	digest_small(path, strlen(path), &d);
	manifest_add(m, path, strlen(path), &d);
}

/* What is signed is read again, by each curve, without what such documents leave out. */
Test(oms, signs)
{
	static const struct {
		const char *pem, *curve;
	} keys[] = { { p256, "P-256" }, { p384, "P-384" }, { p521, "P-521" } };
	struct manifest m = { 0 };
	struct err e = { 0 };
	struct digest root;

	add(&m, ".gitignore");
	add(&m, ".github/x");
	add(&m, "a.b");
	add(&m, "a/b");
	add(&m, "sub/.gitignore");
	add(&m, "caf\xc3\xa9");
	cr_assert_eq(manifest_sort(&m, &e), 0);
	manifest_oms_root(&m, &root);
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct ecdsa_key *const k = secret_of(keys[i].pem);
		cleanup_buf struct buf b = { 0 };
		struct oms o = { 0 };

		cr_assert_eq(oms_sign(&m, "model", k, &b, &o, &e), 0, "%s", e.msg);
		cr_expect_str_eq(o.curve, keys[i].curve);
		cr_expect_eq(o.resources.n, 4);
		cr_expect_str_eq(o.resources.v[0].path, "a.b");
		cr_expect_eq(o.order, OMS_ORDER_SPEC);
		cr_expect(digest_eq(&o.root, &root));
		cr_expect(o.has_ignored && oms_ignores(&o, ".github/x/y"));
		cr_expect(!oms_ignores(&o, "sub/.gitignore") && !oms_ignores(&o, ".githubx"));
		oms_fini(&o);
		ecdsa_free(k);
	}
	manifest_fini(&m);
}

Test(oms, signs_nothing_of_nothing)
{
	struct ecdsa_key *const k = secret_of(p256);
	cleanup_buf struct buf b = { 0 };
	struct manifest m = { 0 };
	struct oms o = { 0 };
	struct err e = { 0 };

	add(&m, ".gitattributes");
	cr_expect_eq(oms_sign(&m, "model", k, &b, &o, &e), -ERR_USAGE);
	cr_expect_eq(b.n, 0);
	manifest_fini(&m);
	ecdsa_free(k);
}

/* As many files as a version may have fit into a bundle that is read. */
Test(oms, many_files)
{
	struct ecdsa_key *const k = secret_of(p256);
	cleanup_buf struct buf b = { 0 };
	struct manifest m = { 0 };
	struct oms o = { 0 };
	struct err e = { 0 };

	for (int i = 0; i < MANIFEST_FILES_MAX; i++) {
		char path[120];

		(void)snprintf(path, sizeof path, "%0100d", i);
		add(&m, path);
	}
	cr_expect_eq(oms_sign(&m, "model", k, &b, &o, &e), 0, "%s", e.msg);
	cr_expect_eq(o.resources.n, MANIFEST_FILES_MAX);
	oms_fini(&o);
	manifest_fini(&m);
	ecdsa_free(k);
}

Test(oms, too_large)
{
	cleanup_buf struct buf b = { 0 };
	struct oms o = { 0 };
	struct err e = { 0 };

	memset(buf_reserve(&b, OMS_BUNDLE_MAX + 1), ' ', OMS_BUNDLE_MAX + 1);
	b.n = OMS_BUNDLE_MAX + 1;
	cr_expect_eq(verify(buf_str(&b), &o, &e), -ERR_TOO_BIG);
}

Test(oms, keyless_is_named)
{
	static const char bundle[] =
	        "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","
	        "\"verificationMaterial\":{\"certificate\":{\"rawBytes\":\"AAAA\"},"
	        "\"tlogEntries\":[{\"logIndex\":\"1\"}]},\"dsseEnvelope\":{\"payload\":\"%s\","
	        "\"payloadType\":\"" IN_TOTO "\",\"signatures\":[{\"sig\":\"AAAA\"}]}}";
	cleanup_buf struct buf payload = { 0 };
	cleanup_buf struct buf b = { 0 };
	struct oms o = { 0 };
	struct err e = { 0 };

	base64_add(&payload, PAYLOAD, strlen(PAYLOAD));
	replace(STR(bundle), "%s", buf_cstr(&payload), &b);
	cr_expect_eq(verify(buf_str(&b), &o, &e), -ERR_UNTRUSTED);
	cr_expect(strstr(e.msg, "not verifiable here") != NULL, "%s", e.msg);
	cr_assert_eq(oms_peek(buf_str(&b), &o, &(struct err){ 0 }), 0);
	cr_expect(o.mode == OMS_KEYLESS && o.has_log && !o.curve);
	oms_fini(&o);
}
