/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what is refused and how it is said, the canonical form, members, the streaming writer. */
#include "registry/base/json.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "registry/base/fs.h"

Test(json, the_first_with_the_same_member)
{
	cleanup_json json_t *a =
	        json_loads("[{\"x\":[1]},{\"x\":[2]},{},{\"x\":[2]},{\"x\":[1]},{}]", 0, NULL);
	const size_t want[] = { 0, 1, 2, 1, 0, 5, 6 };

	for (size_t i = 0; i < COUNT(want); i++)
		cr_expect_eq(json_first_like(a, i, "x"), want[i], "%zu", i);
	cr_expect_eq(json_first_like(NULL, 3, "x"), 3);
}

Test(json, no_more_values_than_counted)
{
	const struct {
		struct str text;
		size_t n;
	} cases[] = {
		{ STR(""), 1 },
		{ STR("0"), 1 },
		{ STR("[{},{},{}]"), 7 },
		{ STR("{\"a\":1,\"b\":[2,3]}"), 5 },
		{ STR("[\"[,{\",\"\\\",[\",\"\\\\\",0]"), 5 },
		{ STR("\"[[[["), 1 },
		{ STR("\"\\"), 1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(json_count(cases[i].text), cases[i].n, "%zu", i);
}

Test(json, refusals_name_the_place)
{
	const struct {
		struct str text;
		const char *msg; /* NULL: accepted */
	} cases[] = {
		{ STR("{\"a\":[1,2.5,true,null,\"x\"]}"), NULL },
		{ STR(" [] \n"), NULL },
		{ STR("[\"[[[ \\\" [[[\"]"), NULL },
		{ STR(""),
		  "plan: no valid JSON at line 1, column 0: '[' or '{' expected near end of file" },
		{ STR("3"),
		  "plan: no valid JSON at line 1, column 1: '[' or '{' expected near '3'" },
		{ STR("[1,]"),
		  "plan: no valid JSON at line 1, column 4: unexpected token near ']'" },
		{ STR("[]\n[]"),
		  "plan: no valid JSON at line 2, column 1: end of file expected near '['" },
		{ STR("{\"a\":1,\"a\":2}"),
		  "plan: no valid JSON at line 1, column 10: duplicate object key near '\"a\"'" },
		{ STR("[\"a\\u0000b\"]"),
		  "plan: no valid JSON at line 1, column 11: a string holds a NUL" },
		{ STR("[\"a\0b\"]"),
		  "plan: no valid JSON at line 1, column 3: control character 0x0 near '\"a'" },
		{ STR("[]\0"),
		  "plan: no valid JSON at line 1, column 3: "
		  "end of file expected near end of file" },
		{ STR("[9223372036854775808]"),
		  "plan: no valid JSON at line 1, column 20: "
		  "too big integer near '9223372036854775808'" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *j = NULL;
		struct err e = { 0 };
		const int rc = json_parse(cases[i].text, "plan", &j, &e);

		cr_expect_eq(rc, cases[i].msg ? -(int)ERR_MALFORMED : 0, "%zu: %s", i, e.msg);
		cr_expect_eq(j == NULL, cases[i].msg != NULL, "%zu", i);
		cr_expect_str_eq(e.msg, cases[i].msg ? cases[i].msg : "", "%zu", i);
	}
}

Test(json, depth_is_bounded)
{
	const char *const too_deep = "x: nested deeper than 64 levels at line 33, column 6";

	for (size_t depth = 63; depth <= 66; depth++) {
		cleanup_buf struct buf b = { 0 };
		cleanup_json json_t *j = NULL;
		struct err e = { 0 };

		for (size_t i = 0; i < depth; i++)
			buf_adds(&b, i % 2 ? "{\"a\":" : "[\n");
		buf_adds(&b, "1");
		for (size_t i = depth; i > 0; i--)
			buf_adds(&b, (i - 1) % 2 ? "}" : "]");
		cr_expect_eq(json_parse(buf_str(&b), "x", &j, &e),
			     depth > 64 ? -(int)ERR_MALFORMED : 0, "%zu: %s", depth, e.msg);
		cr_expect_str_eq(e.msg, depth > 64 ? too_deep : "");
	}
}

Test(json, canonical_bytes)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "{ \"b\" : 1,\n \"a\" : [ ] }", "{\"a\":[],\"b\":1}" },
		{ "{\"a\":1,\"B\":2,\"aa\":3,\"\":4}", "{\"\":4,\"B\":2,\"a\":1,\"aa\":3}" },
		{ "[\"\x7f" "a\x7f\"]", "[\"\\u007fa\\u007f\"]" },
		{ "{\"\x7f\":\"/\"}", "{\"\\u007f\":\"/\"}" },
		{ "[\"\xc3\xa9\xf0\x9f\x9a\xa2\"]", "[\"\\u00E9\\uD83D\\uDEA2\"]" },
		{ "[\"\\u001b\\n\\t\\\\\\\"\"]", "[\"\\u001B\\n\\t\\\\\\\"\"]" },
		/* bytes, not code units: U+10000 sorts behind U+FFFF, and unsigned */
		{ "{\"\xf0\x90\x80\x80\":1,\"\xef\xbf\xbf\":2,\"z\":3}",
		  "{\"z\":3,\"\\uFFFF\":2,\"\\uD800\\uDC00\":1}" },
		{ "[-0,1,-9223372036854775808,9223372036854775807]",
		  "[0,1,-9223372036854775808,9223372036854775807]" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf once = { 0 };
		cleanup_buf struct buf twice = { 0 };
		cleanup_json json_t *j = NULL;
		cleanup_json json_t *k = NULL;
		struct err e = { 0 };

		cr_assert_eq(json_parse(str_of(cases[i].in), "x", &j, &e), 0, "%zu: %s", i, e.msg);
		json_canonical(j, &once);
		cr_expect_str_eq(buf_cstr(&once), cases[i].out, "%zu", i);
		cr_assert_eq(json_parse(buf_str(&once), "x", &k, &e), 0, "%zu: %s", i, e.msg);
		json_canonical(k, &twice);
		cr_expect_str_eq(buf_cstr(&twice), cases[i].out, "%zu again", i);
	}
}

/* One reader of each kind, by the letter of the case. */
static int
read_member(char kind, const json_t *o, const char *key, struct err *e)
{
	const char *s = NULL;
	struct digest d;
	uint64_t u = 0;
	json_t *j = NULL;

	switch (kind) {
	case 's':
		return json_get_string(o, key, "plan", &s, e);
	case 'u':
		return json_get_u64(o, key, "plan", &u, e);
	case 'o':
		return json_get_object(o, key, "plan", &j, e);
	case 'a':
		return json_get_array(o, key, "plan", &j, e);
	default:
		return json_get_digest(o, key, "plan", &d, e);
	}
}

#define HEX63 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1"

Test(json, members)
{
	static const struct {
		char kind;
		const char *key, *msg; /* NULL: read */
	} cases[] = {
		{ 's', "s", NULL },
		{ 'u', "u", NULL },
		{ 'o', "o", NULL },
		{ 'a', "a", NULL },
		{ 'd', "d", NULL },
		{ 's', "none", "plan: \"none\" is missing" },
		{ 's', "u", "plan: \"u\" is not a string" },
		{ 'u', "s", "plan: \"s\" is not a whole number" },
		{ 'u', "r", "plan: \"r\" is not a whole number" },
		{ 'u', "neg", "plan: \"neg\" is negative" },
		{ 'o', "a", "plan: \"a\" is not an object" },
		{ 'a', "o", "plan: \"o\" is not an array" },
		{ 'd', "u", "plan: \"u\" is not a string" },
		{ 'd', "s", "plan: \"s\" is not \"sha256:\" and 64 hex digits" },
		{ 'd', "short", "plan: \"short\" is not \"sha256:\" and 64 hex digits" },
		{ 'd', "long", "plan: \"long\" is not \"sha256:\" and 64 hex digits" },
		{ 'd', "upper", "plan: \"upper\" is not \"sha256:\" and 64 hex digits" },
	};
	const char *const text =
		"{\"s\":\"x\",\"u\":9007199254740993,\"neg\":-1,\"r\":1.0,\"o\":{},\"a\":[],"
		"\"d\":\"sha256:" HEX63 "f\","
		"\"short\":\"sha256:" HEX63 "\",\"long\":\"sha256:" HEX63
		"ff\",\"upper\":\"sha256:" HEX63 "F\"}";
	cleanup_json json_t *o = NULL;
	cleanup_json json_t *list = json_array();
	struct err e = { 0 };
	struct digest d;
	uint64_t u = 0;

	cr_assert_eq(json_parse(str_of(text), "plan", &o, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err why = { 0 };
		const int rc = read_member(cases[i].kind, o, cases[i].key, &why);

		cr_expect_eq(rc, cases[i].msg ? -(int)ERR_MALFORMED : 0, "%zu: %s", i, why.msg);
		cr_expect_str_eq(why.msg, cases[i].msg ? cases[i].msg : "", "%zu", i);
	}
	cr_expect_eq(read_member('s', list, "s", &e), -(int)ERR_MALFORMED);
	cr_expect_eq(read_member('s', NULL, "s", &e), -(int)ERR_MALFORMED);
	cr_expect_eq(json_get_u64(o, "u", "plan", &u, &e), 0);
	cr_expect_eq(u, 9007199254740993u, "integers are exact above 2^53");
	cr_expect_str_eq(json_opt_string(o, "s"), "x");
	cr_expect_null(json_opt_string(o, "u"));
	cr_expect_null(json_opt_string(o, "none"));
	cr_expect_eq(json_opt_u64(o, "u"), 9007199254740993u);
	cr_expect_eq(json_opt_u64(o, "neg") + json_opt_u64(o, "r") + json_opt_u64(o, "s") +
	                     json_opt_u64(o, "none") + json_opt_u64(NULL, "u"),
	             0);

	cr_assert_eq(json_get_digest(o, "d", "plan", &d, &e), 0);
	cr_expect_eq(d.b[31], 0x1f);
	{
		cleanup_json json_t *back = json_from_digest(&d);

		cr_expect_str_eq(json_string_value(back), "sha256:" HEX63 "f");
	}
	cr_expect_null(json_from_str(STR("a\xff")));
}

Test(json, streaming_writer)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_json json_t *v = NULL;
	cleanup_json json_t *back = NULL;
	struct json_out o = { .b = &b };
	const struct digest d = { { 0xab } };
	struct err e = { 0 };
	/* the same text comes out: members keep their order, the escape character its escape */
	const char *const any =
		"{\"z\":[1,-2,2.5,\"\\u001b[31m\",[],{}],\"a\":{\"n\":null,\"t\":true}}";
	cleanup_free char *want = NULL;

	cr_assert_eq(json_parse(str_of(any), "x", &v, &e), 0, "%s", e.msg);
	jo_begin(&o, NULL, '{');
	jo_string(&o, "s", "a\"b\\\n\xe2\x80\xae");
	jo_string(&o, "none", NULL);
	jo_str(&o, "part", (struct str){ "abcdef", 3 });
	jo_u64(&o, "max", INT64_MAX);
	jo_i64(&o, "min", INT64_MIN);
	jo_begin(&o, "list", '[');
	jo_bool(&o, NULL, true);
	jo_bool(&o, NULL, false);
	jo_begin(&o, NULL, '[');
	jo_end(&o, ']');
	jo_null(&o, NULL);
	jo_end(&o, ']');
	jo_digest(&o, "d", &d);
	jo_time(&o, "t", 0);
	jo_value(&o, "any", v);
	jo_end(&o, '}');

	want = xasprintf("{\"s\":\"a\\\"b\\\\\\n\\u202e\",\"none\":null,\"part\":\"abc\","
			 "\"max\":9223372036854775807,\"min\":-9223372036854775808,"
			 "\"list\":[true,false,[],null],\"d\":\"sha256:ab%062d\","
			 "\"t\":\"1970-01-01T00:00:00Z\",\"any\":%s}",
			 0, any);
	cr_expect_str_eq(buf_cstr(&b), want);
	cr_expect_eq(json_parse(buf_str(&b), "own", &back, &e), 0, "%s", e.msg);
	buf_clear(&b);
	o.need_comma = false;
	jo_u64(&o, NULL, UINT64_MAX);
	cr_expect_str_eq(buf_cstr(&b), "18446744073709551615");
}

/*
 * The public collection: y_ must be accepted, n_ refused, i_ may go either way but not crash. Where
 * we differ on purpose: a statement needs an object or an array at the top, a member has one value,
 * and no string holds a NUL, because our strings are C strings.
 */
static const char *const refused_on_purpose[] = {
	"y_object_duplicated_key_and_value.json",
	"y_string_null_escape.json",
	"y_structure_lonely_false.json",
	"y_structure_lonely_negative_real.json",
	"y_structure_lonely_string.json",
	"y_structure_string_empty.json",
};

static bool
is_listed(const char *name)
{
	for (size_t i = 0; i < COUNT(refused_on_purpose); i++) {
		if (streq(refused_on_purpose[i], name))
			return true;
	}
	return false;
}

Test(json, public_collection)
{
	const char *const shared = getenv("SLIPWAY_SHARED");
	cleanup_free char *path = NULL;
	size_t seen = 0;
	size_t listed = 0;
	DIR *d;

	if (!shared)
		cr_skip_test("SLIPWAY_SHARED is not set: no JSONTestSuite");
	path = xasprintf("%s/upstream/JSONTestSuite/test_parsing", shared);
	d = opendir(path);
	if (!d)
		cr_skip_test("JSONTestSuite is not in $SLIPWAY_SHARED/upstream");
	for (const struct dirent *de = readdir(d); de; de = readdir(d)) {
		cleanup_buf struct buf b = { 0 };
		cleanup_json json_t *j = NULL;
		struct err e = { 0 };
		const bool differs = is_listed(de->d_name);
		int rc;

		if (!has_suffix(de->d_name, ".json"))
			continue;
		cr_assert_eq(fs_read_at(dirfd(d), de->d_name, 1 << 20, &b, &e), 0, "%s", e.msg);
		rc = json_parse(buf_str(&b), de->d_name, &j, &e);
		seen++;
		listed += differs;
		if (de->d_name[0] == 'y')
			cr_expect_eq(rc, differs ? -(int)ERR_MALFORMED : 0, "%s", e.msg);
		else if (de->d_name[0] == 'n')
			cr_expect_eq(rc, -(int)ERR_MALFORMED, "%s was accepted", de->d_name);
		else
			cr_expect(rc == 0 || rc == -(int)ERR_MALFORMED, "%s", de->d_name);
	}
	(void)closedir(d);
	cr_expect(seen >= 150, "only %zu files", seen);
	cr_expect_eq(listed, COUNT(refused_on_purpose));
}
