/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes, strings, numbers in text, arrays and times. */
#include <criterion/criterion.h>
#include <string.h>

#include "registry/base/buf.h"
#include "registry/base/clock.h"
#include "registry/base/str.h"
#include "registry/base/vec.h"

Test(buf, grows_and_stays_terminated)
{
	cleanup_buf struct buf b = { 0 };
	cleanup_free char *taken = NULL;
	char big[1000];

	cr_expect_str_eq(buf_cstr(&b), "");
	cr_expect_eq(buf_str(&b).n, 0u);
	buf_add(&b, "", 0);
	buf_adds(&b, "ab");
	buf_addc(&b, 'c');
	buf_addf(&b, "%d-%s", 42, "x");
	cr_expect_str_eq(b.p, "abc42-x");
	cr_expect_eq(b.n, 7u);

	/* longer than the first guess of the formatter, and with an embedded NUL after it */
	memset(big, 'z', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	buf_addf(&b, "<%s>", big);
	cr_expect_eq(b.n, 7u + 1001u);
	cr_expect_eq(b.p[b.n], '\0');
	cr_expect_eq(b.p[b.n - 1], '>');
	buf_addc(&b, '\0');
	buf_addc(&b, '!');
	cr_expect_eq(buf_str(&b).n, 1010u);
	cr_expect_eq(buf_str(&b).p[1009], '!');

	buf_clear(&b);
	cr_expect_str_eq(buf_cstr(&b), "");
	memcpy(buf_reserve(&b, 3), "xyz", 3);
	b.n += 3;
	cr_expect_str_eq(buf_cstr(&b), "xyz");
	taken = buf_steal(&b);
	cr_expect_str_eq(taken, "xyz");
	cr_expect_null(b.p);
	cr_expect_eq(b.n, 0u);
	free(buf_steal(&b)); /* of an empty one: an empty string, not NULL */
	for (int i = 0; i < 100000; i++)
		buf_addc(&b, (char)('a' + i % 26));
	cr_expect_eq(b.n, 100000u);
	cr_expect_eq(b.p[99999], 'a' + 99999 % 26);
}

Test(str, numbers_have_one_spelling)
{
	static const struct {
		const char *s;
		uint64_t max;
		int rc;
		uint64_t v;
	} cases[] = {
		{ "0", 10, 0, 0 },
		{ "10", 10, 0, 10 },
		{ "11", 10, -1, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -1, 0 },
		{ "99999999999999999999999", UINT64_MAX, -1, 0 },
		{ "", 10, -1, 0 },
		{ "00", 10, -1, 0 },
		{ "01", 10, -1, 0 },
		{ "+1", 10, -1, 0 },
		{ "-1", 10, -1, 0 },
		{ " 1", 10, -1, 0 },
		{ "1 ", 10, -1, 0 },
		{ "1\n", 10, -1, 0 },
		{ "0x1", 10, -1, 0 },
		{ "1e1", 10, -1, 0 },
		{ "\xd9\xa1", 10, -1, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t v = 77;

		cr_expect_eq(parse_u64(cases[i].s, cases[i].max, &v), cases[i].rc, "%s",
			     cases[i].s);
		cr_expect_eq(v, cases[i].rc < 0 ? 77 : cases[i].v, "%s", cases[i].s);
	}
}

Test(str, durations_and_sizes)
{
	static const struct {
		const char *s;
		int64_t ms, size; /* -1: refused */
	} cases[] = {
		{ "90s", 90000, -1 },
		{ "5m", 300000, -1 },
		{ "2h", 7200000, -1 },
		{ "1d", 86400000, -1 },
		{ "250ms", 250, -1 },
		{ "7", 7000, 7 },
		{ "0", 0, 0 },
		{ "16M", -1, 16777216 },
		{ "4G", -1, 4294967296 },
		{ "512K", -1, 524288 },
		{ "1T", -1, 1099511627776 },
		{ "", -1, -1 },
		{ "s", -1, -1 },
		{ "-5m", -1, -1 },
		{ "5 m", -1, -1 },
		{ "5min", -1, -1 },
		{ "1.5h", -1, -1 },
		{ "05m", -1, -1 },
		{ "5m3s", -1, -1 },
		{ "16MB", -1, -1 },
		{ "300000000000d", -1, -1 },
		{ "99999999999T", -1, -1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t v = 77;
		int rc = parse_duration_ms(cases[i].s, &v);

		cr_expect_eq(rc < 0 ? -1 : (int64_t)v, cases[i].ms, "duration %s", cases[i].s);
		v = 77;
		rc = parse_size(cases[i].s, &v);
		cr_expect_eq(rc < 0 ? -1 : (int64_t)v, cases[i].size, "size %s", cases[i].s);
	}
}

Test(str, comparing_and_copying)
{
	static const struct {
		const char *s, *fix;
		bool prefix, suffix;
	} cases[] = {
		{ "sha256:ab", "sha256:", true, false },
		{ "a.json", ".json", false, true },
		{ "abc", "abc", true, true },
		{ "abc", "", true, true },
		{ "", "a", false, false },
		{ "bc", "abc", false, false },
	};
	char small[4] = "old";

	for (size_t i = 0; i < COUNT(cases); i++) {
		cr_expect_eq(has_prefix(cases[i].s, cases[i].fix), cases[i].prefix, "%zu", i);
		cr_expect_eq(has_suffix(cases[i].s, cases[i].fix), cases[i].suffix, "%zu", i);
	}
	cr_expect(streq(NULL, NULL) && !streq(NULL, "") && !streq("", NULL) && streq("a", "a"));
	cr_expect(str_is(STR("ab"), "ab") && !str_is(STR("ab"), "abc") && str_is(str_of(NULL), ""));
	cr_expect(!str_eq(STR("a\0b"), STR("a\0c")));
	cr_expect_eq(str_copy(small, sizeof(small), "abc"), 0);
	cr_expect_str_eq(small, "abc");
	cr_expect_eq(str_copy(small, sizeof(small), "abcd"), -1);
	cr_expect_str_eq(small, "");
}

Test(vec, grows)
{
	VEC(uint32_t) v = { 0 };
	uint64_t sum = 0;

	vec_foreach(x, &v)
		sum += *x;
	cr_expect_eq(sum, 0u);
	for (uint32_t i = 0; i < 1000; i++)
		vec_push(&v, i);
	cr_assert_eq(v.n, 1000u);
	vec_foreach(x, &v)
		sum += *x;
	cr_expect_eq(sum, 499500u);
	vec_fini(&v);
	cr_expect_null(v.v);
}

Test(clock, text_and_back)
{
	static const struct {
		const char *text;
		int64_t s;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-26T01:11:15Z", 1795655475 },
		{ "2000-02-29T23:59:59Z", 951868799 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
		{ "0000-01-01T00:00:00Z", -62167219200 },
	};
	static const char *const bad[] = {
		"", "2026-11-26", "2026-11-26T01:11:15", "2026-11-26T01:11:15z",
		"2026-11-26 01:11:15Z",
		"2026-02-30T00:00:00Z", "1900-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-06-30T23:59:60Z",
		"2026-11-26T01:11:15.0Z", "2026-11-26T01:11:15+00:00", "+026-11-26T01:11:15Z",
		"2026-1a-26T01:11:15Z", "-001-11-26T01:11:15Z",
	};
	char t[CLOCK_TEXT_SIZE];
	uint64_t before;

	for (size_t i = 0; i < COUNT(good); i++) {
		int64_t s = 77;

		clock_text(t, good[i].s);
		cr_expect_str_eq(t, good[i].text);
		cr_expect_eq(clock_parse(good[i].text, &s), 0, "%s", good[i].text);
		cr_expect_eq(s, good[i].s, "%s", good[i].text);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		int64_t s = 77;

		cr_expect_eq(clock_parse(bad[i], &s), -1, "%s", bad[i]);
		cr_expect_eq(s, 77, "%s", bad[i]);
	}
	clock_text(t, INT64_MAX);
	cr_expect_str_eq(t, "9999-12-31T23:59:59Z");
	clock_text(t, INT64_MIN);
	cr_expect_str_eq(t, "0000-01-01T00:00:00Z");
	before = clock_mono_ms();
	cr_expect(clock_mono_ms() >= before);
}

Test(clock, fixed_in_a_test_build_only)
{
	cr_assert_eq(setenv("SLIPWAY_CLOCK", "1795655475", 1), 0);
#ifdef SLIPWAY_TESTING
	cr_expect_eq(clock_now_s(), 1795655475);
	cr_assert_eq(setenv("SLIPWAY_CLOCK", "soon", 1), 0);
	cr_expect(clock_now_s() != 1795655475);
#else
	cr_expect(clock_now_s() != 1795655475);
#endif
}
