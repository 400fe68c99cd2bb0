/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inventories and lists of blobs: what is written is read again, and every other spelling, order,
 * type and number is refused.
 */
#include "registry/bundle.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/str.h"

#define HEX1 "1111111111111111111111111111111111111111111111111111111111111111"
#define HEX2 "2222222222222222222222222222222222222222222222222222222222222222"
#define ID1  "00112233445566778899aabbccddeeff"
#define ID2  "ffeeddccbbaa99887766554433221100"

static struct digest
digest_of(const char *hex)
{
	struct digest d;

	cr_assert_eq(digest_parse(&d, hex, 64), 0);
	return d;
}

/* As slipway-format(5) says it, by hand. */
static const char written[] =
        "{\"apiVersion\":\"slipway/v1\",\"blobs\":2,\"bytes\":42,\"counter\":7,"
        "\"created\":\"2026-11-26T01:11:15Z\",\"expires\":\"2027-02-24T01:11:15Z\","
        "\"kind\":\"BundleInventory\",\"list\":{\"digest\":\"sha256:" HEX1 "\",\"size\":136},"
        "\"proof\":{\"digest\":\"sha256:" HEX2 "\",\"size\":900},"
        "\"recipients\":[\"" ID1 "\",\"" ID2 "\"],\"registry\":\"" ID2 "\","
        "\"root\":\"sha256:" HEX2 "\",\"since\":6,\"versions\":["
        "{\"digest\":\"sha256:" HEX1 "\",\"model\":\"a/b\",\"number\":2,\"seq\":9,\"size\":"
        "300},"
        "{\"digest\":\"sha256:" HEX2 "\",\"model\":\"a/b\",\"number\":10,\"seq\":8,\"size\":"
        "4194304}]}\n";

static json_t *
opened(void)
{
	json_t *o;
	struct err e = { 0 };

	cr_assert_eq(json_parse((struct str){ written, strlen(written) }, "t", &o, &e), 0);
	return o;
}

/* Takes o. */
static int
read_json(json_t *o, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct bundle_inventory v;
	int rc;

	json_canonical(o, &text);
	buf_addc(&text, '\n');
	json_decref(o);
	*e = (struct err){ 0 };
	rc = bundle_inventory_parse(buf_str(&text), &v, e);
	cr_expect_eq(rc, -(int)e->code);
	cr_expect(rc == 0 || (!v.versions && !v.recipients));
	bundle_inventory_fini(&v);
	return rc;
}

static json_t *
value(const char *json)
{
	json_t *const v = json_loads(json, JSON_DECODE_ANY, NULL);

	cr_assert_not_null(v, "%s", json);
	return v;
}

/* "list.size": a member of a member; "versions.1.model": of one of an array. */
static json_t *
at(json_t *o, const char *path, const char **ret_key)
{
	const char *dot;

	while ((dot = strchr(path, '.')) != NULL) {
		char part[32] = "";

		memcpy(part, path, (size_t)(dot - path));
		o = json_is_array(o) ? json_array_get(o, (size_t)(part[0] - '0'))
		                     : json_object_get(o, part);
		cr_assert_not_null(o, "%s", path);
		path = dot + 1;
	}
	*ret_key = path;
	return o;
}

Test(bundle_inventory, there_and_back)
{
	const struct str text = { written, strlen(written) };
	cleanup_buf struct buf again = { 0 };
	struct bundle_inventory v;
	struct err e = { 0 };

	cr_assert_eq(bundle_inventory_parse(text, &v, &e), 0, "%s", e.msg);
	cr_expect_str_eq(v.registry_id, ID2);
	cr_expect_eq(v.counter, 7);
	cr_expect_eq(v.since, 6);
	cr_expect_eq(v.blobs_n, 2);
	cr_expect_eq(v.bytes, 42);
	cr_expect_eq(v.created_s, 1795655475);
	cr_expect_eq(v.expires_s - v.created_s, BUNDLE_DAYS * 24 * 3600);
	cr_expect_eq(v.list_size, 136);
	cr_expect_eq(v.proof_size, 900);
	const struct digest one = digest_of(HEX1), two = digest_of(HEX2);
	cr_expect(digest_eq(&v.list, &one) && digest_eq(&v.proof, &two) &&
	          digest_eq(&v.root, &two));
	cr_assert_eq(v.recipients_n, 2);
	cr_expect_str_eq(v.recipients[1], ID2);
	cr_assert_eq(v.versions_n, 2);
	cr_expect_str_eq(v.versions[1].model, "a/b");
	cr_expect_eq(v.versions[1].number, 10);
	cr_expect_eq(v.versions[1].seq, 8);
	cr_expect_eq(v.versions[0].manifest_size, 300);
	cr_expect(digest_eq(&v.versions[0].digest, &one));
	bundle_inventory_write(&v, &again);
	cr_expect_str_eq(buf_cstr(&again), written);
	cr_expect(bundle_is_for(&v, ID1));
	cr_expect(bundle_is_for(&v, ID2));
	cr_expect_not(bundle_is_for(&v, "00112233445566778899aabbccddeefe"));
	v.recipients_n = 0;
	cr_expect(bundle_is_for(&v, "00112233445566778899aabbccddeefe"));
	bundle_inventory_fini(&v);
}

/* --- members --- */

static const char *const members[] = {
	"apiVersion",
	"blobs",
	"bytes",
	"counter",
	"created",
	"expires",
	"kind",
	"list",
	"list.digest",
	"list.size",
	"proof",
	"proof.size",
	"proof.digest",
	"recipients",
	"registry",
	"root",
	"since",
	"versions",
	"versions.0.size",
	"versions.0.model",
	"versions.1.number",
	"versions.1.seq",
	"versions.1.digest",
};

Test(bundle_inventory, each_member_missing_or_of_another_type)
{
	static const char *const values[] = { "null", "-1",  "1.5",     "\"\"",   "\"x\"", "[]",
		                              "{}",   "[0]", "[\"x\"]", "[null]", "true" };
	struct err e;

	for (size_t i = 0; i < COUNT(members); i++) {
		json_t *o = opened();
		const char *key;
		json_t *in = at(o, members[i], &key);

		json_object_del(in, key);
		cr_expect_lt(read_json(o, &e), 0, "without %s", members[i]);
		cr_expect(e.code == ERR_MALFORMED || e.code == ERR_TOO_BIG, "%s", e.msg);
		o = opened();
		in = at(o, members[i], &key);
		json_object_set_new(in, "zzz", json_integer(1));
		cr_expect_lt(read_json(o, &e), 0, "one more beside %s", members[i]);
		for (size_t k = 0; k < COUNT(values); k++) {
			if (streq(members[i], "recipients") && streq(values[k], "[]"))
				continue; /* for anybody */
			o = opened();
			in = at(o, members[i], &key);
			json_object_set_new(in, key, value(values[k]));
			cr_expect_lt(read_json(o, &e), 0, "%s is %s", members[i], values[k]);
			cr_expect(e.code == ERR_MALFORMED || e.code == ERR_TOO_BIG, "%s", e.msg);
		}
	}
	cr_expect_eq(read_json(opened(), &e), 0, "%s", e.msg);
}

#define V(model, number)                                                             \
	"{\"digest\":\"sha256:" HEX1 "\",\"model\":\"" model "\",\"number\":" number \
	",\"seq\":1,\"size\":1}"

Test(bundle_inventory, values)
{
	static const struct {
		const char *path, *json;
		int rc;
	} cases[] = {
		{ "counter", "0", -ERR_MALFORMED },
		{ "counter", "6", -ERR_MALFORMED }, /* builds on itself */
		{ "counter", "8", 0 },
		{ "since", "7", -ERR_MALFORMED },
		{ "since", "9223372036854775807", -ERR_MALFORMED },
		{ "since", "0", 0 },
		{ "created", "\"2026-11-26 01:11:15Z\"", -ERR_MALFORMED },
		{ "created", "\"2026-11-26T01:11:15.0Z\"", -ERR_MALFORMED },
		{ "created", "\"2026-13-26T01:11:15Z\"", -ERR_MALFORMED },
		{ "expires", "\"2026-11-26T01:11:15+00:00\"", -ERR_MALFORMED },
		{ "expires", "\"2026-02-30T00:00:00Z\"", -ERR_MALFORMED },
		{ "registry", "\"00112233445566778899AABBCCDDEEFF\"", -ERR_MALFORMED },
		{ "registry", "\"00112233445566778899aabbccddeeff0\"", -ERR_MALFORMED },
		{ "registry", "\"00112233445566778899aabbccddeef\"", -ERR_MALFORMED },
		{ "recipients", "[]", 0 },
		{ "recipients", "[\"" ID2 "\"]", 0 },
		{ "recipients", "[\"" ID2 "\",\"" ID1 "\"]", -ERR_MALFORMED },
		{ "recipients", "[\"" ID1 "\",\"" ID1 "\"]", -ERR_MALFORMED },
		{ "recipients", "[\"" ID1 "x\"]", -ERR_MALFORMED },
		{ "recipients", "[\"\"]", -ERR_MALFORMED },
		{ "kind", "\"BundleProof\"", -ERR_MALFORMED },
		{ "apiVersion", "\"slipway/v2\"", -ERR_MALFORMED },
		{ "root", "\"" HEX1 "\"", -ERR_MALFORMED },
		{ "root", "\"sha256:" HEX1 "0\"", -ERR_MALFORMED },
		{ "list.digest", "\"sha512:" HEX1 "\"", -ERR_MALFORMED },
		{ "versions", "[]", -ERR_TOO_BIG },
		{ "versions", "[" V("a", "1") "]", 0 },
		{ "versions", "[" V("a", "1") "," V("a", "1") "]", -ERR_MALFORMED },
		{ "versions", "[" V("a", "2") "," V("a", "1") "]", -ERR_MALFORMED },
		{ "versions", "[" V("b", "1") "," V("a", "2") "]", -ERR_MALFORMED },
		{ "versions", "[" V("a", "2") "," V("b", "1") "]", 0 },
		{ "versions", "[" V("A", "1") "]", -ERR_MALFORMED },
		{ "versions", "[" V("a/", "1") "]", -ERR_MALFORMED },
		{ "versions", "[" V("../a", "1") "]", -ERR_MALFORMED },
		{ "versions.0.size", "4194305", -ERR_TOO_BIG },
	};
	struct err e;

	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *const o = opened();
		const char *key;
		json_t *const in = at(o, cases[i].path, &key);

		json_object_set_new(in, key, value(cases[i].json));
		cr_expect_eq(read_json(o, &e), cases[i].rc, "%s is %s: %s", cases[i].path,
		             cases[i].json, e.msg);
	}
}

Test(bundle_inventory, limits)
{
	static const struct {
		const char *key;
		size_t n;
		int rc;
	} cases[] = {
		{ "versions", BUNDLE_VERSIONS_MAX, 0 },
		{ "versions", BUNDLE_VERSIONS_MAX + 1, -ERR_TOO_BIG },
		{ "recipients", BUNDLE_RECIPIENTS_MAX, 0 },
		{ "recipients", BUNDLE_RECIPIENTS_MAX + 1, -ERR_TOO_BIG },
	};
	cleanup_buf struct buf large = { 0 };
	struct bundle_inventory v;
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *const o = opened(), *const list = json_array();

		for (size_t k = 0; k < cases[i].n; k++) {
			char id[REGISTRY_ID_SIZE];

			(void)snprintf(id, sizeof id, "%032zx", k);
			json_array_append_new(
			        list, streq(cases[i].key, "recipients")
			                      ? json_string(id)
			                      : json_pack("{s:s, s:s, s:i, s:i, s:i}", "digest",
			                                  "sha256:" HEX1, "model", "m", "number",
			                                  (int)k + 1, "seq", 1, "size", 1));
		}
		json_object_set_new(o, cases[i].key, list);
		cr_expect_eq(read_json(o, &e), cases[i].rc, "%zu %s: %s", cases[i].n, cases[i].key,
		             e.msg);
	}
	e = (struct err){ 0 };
	while (large.n <= BUNDLE_INVENTORY_MAX)
		buf_adds(&large, written);
	cr_expect_eq(bundle_inventory_parse(buf_str(&large), &v, &e), -ERR_TOO_BIG);
}

/* Bytes that mean the same and are others; each place cut. */
Test(bundle_inventory, other_spellings)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "{\"api", "{ \"api" },
		{ "}]}\n", "}]}" },
		{ "}]}\n", "}]}\n\n" },
		{ "}]}\n", "}]}\r\n" },
		{ "\"blobs\":2", "\"blobs\":2.0" },
		{ "\"blobs\":2", "\"blobs\":2e0" },
		{ "\"blobs\":2", "\"blobs\":2,\"blobs\":2" },
		{ "\"blobs\":2,\"bytes\":42", "\"bytes\":42,\"blobs\":2" },
		{ "a/b", "a\\/b" },
		{ "BundleInventory", "\\u0042undleInventory" },
		{ "BundleInventory", "BundleInventory\\u0000" },
	};
	struct bundle_inventory v;
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf text = { 0 };
		const char *const found = strstr(written, cases[i].from);

		cr_assert_not_null(found);
		buf_add(&text, written, (size_t)(found - written));
		buf_adds(&text, cases[i].to);
		buf_adds(&text, found + strlen(cases[i].from));
		cr_expect_eq(bundle_inventory_parse(buf_str(&text), &v, &e), -ERR_MALFORMED, "%s",
		             cases[i].to);
	}
	for (size_t n = 0; n < strlen(written); n++)
		cr_expect_eq(bundle_inventory_parse((struct str){ written, n }, &v, &e),
		             -ERR_MALFORMED, "%zu", n);
}

/* --- lists --- */

Test(bundle_inventory, lists)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "", 0 },
		{ HEX1 " 0\n", 0 },
		{ HEX1 " 1\n" HEX2 " 18\n", 0 },
		{ HEX1 " 1125899906842624\n", 0 },
		{ HEX1 " 1125899906842625\n", -ERR_MALFORMED },
		{ HEX1 " 18446744073709551617\n", -ERR_MALFORMED },
		{ HEX2 " 1\n" HEX1 " 1\n", -ERR_MALFORMED }, /* order */
		{ HEX1 " 1\n" HEX1 " 1\n", -ERR_MALFORMED }, /* twice */
		{ HEX1 " 1\n" HEX1 " 2\n", -ERR_MALFORMED },
		{ HEX1 " 1", -ERR_MALFORMED }, /* cut */
		{ HEX1 " ", -ERR_MALFORMED },
		{ HEX1 " \n", -ERR_MALFORMED },
		{ HEX1 "\n", -ERR_MALFORMED },
		{ HEX1 " 1\n\n", -ERR_MALFORMED },
		{ "\n" HEX1 " 1\n", -ERR_MALFORMED },
		{ HEX1 "  1\n", -ERR_MALFORMED },
		{ HEX1 "\t1\n", -ERR_MALFORMED },
		{ HEX1 " 1 \n", -ERR_MALFORMED },
		{ HEX1 " 1\r\n", -ERR_MALFORMED },
		{ HEX1 " 01\n", -ERR_MALFORMED },
		{ HEX1 " +1\n", -ERR_MALFORMED },
		{ HEX1 " -1\n", -ERR_MALFORMED },
		{ HEX1 " 0x1\n", -ERR_MALFORMED },
		{ "111 1\n", -ERR_MALFORMED },
		{ "A11111111111111111111111111111111111111111111111111111111111111 1\n",
		  -ERR_MALFORMED },
		{ "sha256:" HEX1 " 1\n", -ERR_MALFORMED },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf again = { 0 };
		const struct str text = { cases[i].text, strlen(cases[i].text) };
		struct bundle_list l = { 0 };
		struct err e = { 0 };

		cr_expect_eq(bundle_list_parse(text, &l, &e), cases[i].rc, "%zu: %s", i,
		             cases[i].text);
		cr_expect_eq(e.code != ERR_OK, cases[i].rc < 0);
		bundle_list_write(&l, &again);
		cr_expect(cases[i].rc < 0 || str_eq(text, buf_str(&again)), "%zu", i);
		bundle_list_fini(&l);
	}
}

Test(bundle_inventory, lists_are_sorted_and_searched)
{
	struct bundle_blob blobs[64];
	struct bundle_list l = { blobs, COUNT(blobs) }, none = { 0 };
	const struct digest missing = digest_of(HEX1);

	for (size_t i = 0; i < COUNT(blobs); i++) { /* each twice */
		const unsigned n = (unsigned)i * 37 % 32;

		digest_small(&n, sizeof n, &blobs[i].digest);
		blobs[i].size = n;
	}
	bundle_list_sort(&l);
	cr_assert_eq(l.n, 32);
	for (size_t i = 0; i < l.n; i++) {
		cr_expect(i == 0 || memcmp(l.v[i - 1].digest.b, l.v[i].digest.b, DIGEST_SIZE) < 0);
		cr_expect_eq(bundle_list_find(&l, &l.v[i].digest), &l.v[i]);
	}
	cr_expect_null(bundle_list_find(&l, &missing));
	cr_expect_null(bundle_list_find(&none, &missing));
}

Test(bundle_inventory, most_blobs)
{
	cleanup_buf struct buf text = { 0 };
	struct bundle_list l = { 0 };
	struct err e = { 0 };

	for (unsigned i = 0; i < BUNDLE_BLOBS_MAX; i++)
		buf_addf(&text, "%064x 1\n", i);
	cr_expect_eq(bundle_list_parse(buf_str(&text), &l, &e), 0, "%s", e.msg);
	cr_expect_eq(l.n, BUNDLE_BLOBS_MAX);
	bundle_list_fini(&l);
	buf_addf(&text, "%064x 1\n", BUNDLE_BLOBS_MAX);
	cr_expect_eq(bundle_list_parse(buf_str(&text), &l, &e), -ERR_MALFORMED);
	cr_expect(strstr(e.msg, "line 131073"), "%s", e.msg);
}
