/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign text: what is escaped, that it reads back, widths, cuts, JSON, sizes and ages. */
#include "registry/base/text.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <locale.h>
#include <string.h>

#define S(lit) { (lit), sizeof(lit) - 1 }
#define SAME(lit) { S(lit), lit }
#define E_ACUTE  "\xc3\xa9"
#define MARK     "\xcc\x81" /* combining acute */
#define ELLIPSIS "\xe2\x80\xa6"
#define WIDE     "\xe6\xa8\xa1" /* a CJK character, two cells */

struct safe_case {
	struct str in;
	const char *out;
};

static const struct safe_case safe_cases[] = {
	SAME(""),
	SAME("fraud-ranker@v41"),
	SAME("say \"hi\" to 'them' ~{}"),
	SAME("caf" E_ACUTE " " WIDE),
	{ S("a\\b"), "a\\\\b" },
	{ S("12345678\\"), "12345678\\\\" },
	{ S("a\tb\nc\rd"), "a\\x09b\\x0ac\\x0dd" },
	{ S("\0\x1f\x7f"), "\\x00\\x1f\\x7f" },
	{ S("aaaaaaa\x7f"), "aaaaaaa\\x7f" },
	{ S("\xc2\x80|\xc2\x9b|\xc2\x9f"), "\\u{80}|\\u{9b}|\\u{9f}" },
	{ S("\x9b|\xff|\xc0\x9b|\xe0\x80\x80"), "\\x9b|\\xff|\\xc0\\x9b|\\xe0\\x80\\x80" },
	{ S("\xed\xa0\x80|\xf4\x90\x80\x80"), "\\xed\\xa0\\x80|\\xf4\\x90\\x80\\x80" },
	{ S("\xe6\xa8"), "\\xe6\\xa8" },
	{ S("\xe2\x80\xa8|\xe2\x80\xa9"), "\\u{2028}|\\u{2029}" },
	{ S("\xd8\x9c|\xe2\x80\x8e|\xe2\x80\x8f|\xe2\x80\xaa|\xe2\x80\xae"),
	  "\\u{61c}|\\u{200e}|\\u{200f}|\\u{202a}|\\u{202e}" },
	{ S("\xe2\x81\xa6|\xe2\x81\xa9"), "\\u{2066}|\\u{2069}" },
	{ S("\xe2\x80\x8b|\xe2\x80\x8d|\xe2\x81\xa0|\xef\xbb\xbf"),
	  "\\u{200b}|\\u{200d}|\\u{2060}|\\u{feff}" },
	{ S("\xf3\xa0\x80\x81|\xf3\xa0\x81\xbf"), "\\u{e0001}|\\u{e007f}" },
	{ S("\xef\xb8\x8f|\xf3\xa0\x84\x80"), "\\u{fe0f}|\\u{e0100}" },
	{ S("\xee\x80\x80|\xf3\xb0\x80\x80|\xf4\x80\x80\x80"), "\\u{e000}|\\u{f0000}|\\u{100000}" },
	{ S("\xef\xb7\x90|\xef\xbf\xbf|\xf0\x9f\xbf\xbe"), "\\u{fdd0}|\\u{ffff}|\\u{1fffe}" },
	{ S("\xc2\xad|\xe3\x85\xa4|\xcd\xb8"), "\\u{ad}|\\u{3164}|\\u{378}" },
	{ S("e" MARK MARK MARK MARK), "e" MARK MARK MARK MARK },
	{ S("e" MARK MARK MARK MARK MARK MARK "f" MARK),
	  "e" MARK MARK MARK MARK "\\u{301}\\u{301}f" MARK },
	{ S(MARK "a"), "\\u{301}a" },
	{ S("\x1b" MARK), "\\x1b\\u{301}" },
};

static void
check_round_trip(struct str in, const char *name)
{
	cleanup_buf struct buf safe = { 0 };
	cleanup_buf struct buf back = { 0 };

	text_safe(&safe, in);
	cr_expect_eq(text_unescape(&back, buf_str(&safe)), 0, "%s", name);
	cr_expect(str_eq(buf_str(&back), in), "%s reads back", name);
	for (size_t i = 0; i < safe.n; i++) {
		const unsigned char c = (unsigned char)safe.p[i];
		cr_expect(c >= 0x20 && c != 0x7f, "%s: byte %zu", name, i);
	}
	cr_expect_eq(text_is_utf8(buf_str(&safe)), 1, "%s", name);
}

Test(text, safe)
{
	cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
	for (size_t i = 0; i < COUNT(safe_cases); i++) {
		const struct safe_case *const c = &safe_cases[i];
		cleanup_buf struct buf b = { 0 };

		text_safe(&b, c->in);
		cr_expect_str_eq(buf_cstr(&b), c->out, "case %zu", i);
		check_round_trip(c->in, c->out);
	}
	cleanup_buf struct buf lines = { 0 };
	text_safe_lines(&lines, (struct str)S("a\nb\x1b\n"));
	cr_expect_str_eq(buf_cstr(&lines), "a\nb\\x1b\n");
}

static size_t
encode(char ret[4], uint32_t c)
{
	const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		ret[i] = (char)(0x80 | (c & 0x3f));
	ret[0] = (char)((0xf00u >> n) | c);
	return n;
}

/* Every code point, surrogates as the invalid bytes that they are;
 * in a C locale nothing beyond ASCII is shown. */
Test(text, all_code_points)
{
	static const char *const locales[] = { "C.UTF-8", "C" };
	cleanup_buf struct buf safe = { 0 };
	cleanup_buf struct buf back = { 0 };

	for (size_t l = 0; l < COUNT(locales); l++) {
		size_t shown = 0, failed = 0;
		cr_assert_not_null(setlocale(LC_ALL, locales[l]));
		for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
			char raw[4];
			const struct str in = { raw, encode(raw, c) };
			buf_clear(&safe);
			buf_clear(&back);
			text_safe(&safe, in);
			const int rc = text_unescape(&back, buf_str(&safe));
			failed += rc != 0 || !str_eq(buf_str(&back), in);
			shown += str_eq(buf_str(&safe), in);
		}
		cr_expect_eq(failed, 0, "%zu in %s", failed, locales[l]);
		if (l == 0)
			cr_expect(shown > 100000, "%zu shown", shown);
		else
			cr_expect_eq(shown, 0, "%zu shown", shown);
	}
}

Test(text, not_escaped_forms)
{
	static const struct str bad[] = {
		S("\\"), S("a\\"), S("\\n"), S("\\x4"), S("\\x4G"), S("\\xFF"), S("\\u{}"),
		S("\\u{41}"),
		S("\\u{d800}"), S("\\u{110000}"), S("\\u{0301}"), S("\\u{301"), S("\\u{1000000}"),
		S("a\nb"), S("\x7f"), S("\xff"), S("\\u301}"),
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		cleanup_buf struct buf b = { 0 };
		buf_adds(&b, "kept");
		cr_expect_eq(text_unescape(&b, bad[i]), -1, "case %zu", i);
		cr_expect_str_eq(buf_cstr(&b), "kept", "case %zu", i);
	}
}

struct fit_case {
	const char *in;
	size_t width;
	enum text_cut cut;
	int pad, ascii;
	const char *out;
};

static const struct fit_case fit_cases[] = {
	{ "abc", 3, TEXT_CUT_END, 1, 0, "abc" },
	{ "abc", 5, TEXT_CUT_END, 1, 0, "abc  " },
	{ "abc", 5, TEXT_CUT_END, 0, 0, "abc" },
	{ "abcdef", 4, TEXT_CUT_END, 0, 0, "abc" ELLIPSIS },
	{ "abcdef", 4, TEXT_CUT_END, 0, 1, "abc~" },
	{ "abcdef", 1, TEXT_CUT_END, 0, 1, "~" },
	{ "abcdef", 0, TEXT_CUT_END, 1, 1, "" },
	{ "abcdefghij", 7, TEXT_CUT_MIDDLE, 1, 1, "abc~hij" },
	{ "abcdefghij", 6, TEXT_CUT_MIDDLE, 1, 1, "abc~ij" },
	{ "abcdefghij", 1, TEXT_CUT_MIDDLE, 1, 1, "~" },
	{ "ab\\x1bcd", 5, TEXT_CUT_END, 1, 1, "ab~  " },
	{ "ab\\x1bcd", 7, TEXT_CUT_END, 1, 1, "ab\\x1b~" },
	{ "ab\\u{202e}cd", 8, TEXT_CUT_MIDDLE, 1, 1, "ab~cd   " },
	{ "a\\\\bcd", 3, TEXT_CUT_END, 1, 1, "a~ " },
	{ WIDE WIDE WIDE, 4, TEXT_CUT_END, 1, 1, WIDE "~ " },
	{ WIDE WIDE WIDE, 5, TEXT_CUT_MIDDLE, 1, 1, WIDE "~" WIDE },
	{ "e" MARK "xyz", 2, TEXT_CUT_END, 1, 1, "e" MARK "~" },
};

Test(text, fit_and_width)
{
	static const struct {
		const char *s;
		size_t width;
	} widths[] = {
		{ "", 0 }, { "abc", 3 }, { "caf" E_ACUTE, 4 }, { WIDE "a", 3 },
		{ "e" MARK MARK, 1 },
		{ "\\x1b", 4 }, { "\\u{202e}", 8 }, { "\\\\", 2 }, { ELLIPSIS, 1 },
	};

	cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
	for (size_t i = 0; i < COUNT(widths); i++)
		cr_expect_eq(text_width(str_of(widths[i].s)), widths[i].width, "%s", widths[i].s);
	for (size_t i = 0; i < COUNT(fit_cases); i++) {
		const struct fit_case *const c = &fit_cases[i];
		cleanup_buf struct buf b = { 0 };

		text_fit(&b, str_of(c->in), c->width, c->cut, c->pad, c->ascii);
		cr_expect_str_eq(buf_cstr(&b), c->out, "case %zu", i);
		if (c->pad)
			cr_expect_eq(text_width(buf_str(&b)), c->width, "case %zu", i);
	}
	setlocale(LC_ALL, "C");
	cleanup_buf struct buf b = { 0 };
	text_fit(&b, str_of("abcdef"), 4, TEXT_CUT_END, 0, 0);
	cr_expect_str_eq(buf_cstr(&b), "abc~");
}

Test(text, json)
{
	static const struct safe_case cases[] = {
		SAME("plain"),
		{ S("a\"b\\c/"), "a\\\"b\\\\c/" },
		{ S("\n\t\r\b\f\x1b\x7f\0"), "\\n\\t\\r\\u0008\\u000c\\u001b\\u007f\\u0000" },
		{ S("caf" E_ACUTE), "caf" E_ACUTE },
		{ S("\xc2\x9b\xe2\x80\xae"), "\\u009b\\u202e" },
		{ S("\xf3\xa0\x80\x81"), "\\udb40\\udc01" },
		{ S("\xff|\xc0\x9b"), "\\ufffd|\\ufffd\\ufffd" },
		{ S(MARK), "\\u0301" },
	};

	cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf b = { 0 };
		cleanup_buf struct buf whole = { 0 };
		text_json(&b, cases[i].in);
		cr_expect_str_eq(buf_cstr(&b), cases[i].out, "case %zu", i);
		buf_addf(&whole, "\"%s\"", buf_cstr(&b));
		json_t *j = json_loadb(whole.p, whole.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		cr_assert_not_null(j, "case %zu", i);
		const struct str back = { json_string_value(j), json_string_length(j) };
		cr_expect_eq(str_eq(back, cases[i].in), text_is_utf8(cases[i].in), "case %zu", i);
		json_decref(j);
	}
}

Test(text, sizes_and_ages)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0B" }, { 13, "13B" }, { 999, "999B" }, { 1000, "1.0K" }, { 1024, "1.0K" },
		{ 1288490189, "1.2G" }, { 912261120, "870M" }, { 10188, "9.9K" }, { 10200, "10K" },
		{ 1023488, "1.0M" }, { 1022976, "999K" }, { UINT64_MAX, "16E" },
	};
	static const struct {
		int64_t then_s, now_s;
		const char *text;
	} ages[] = {
		{ 100, 100, "now" }, { 200, 100, "now" }, { 100, 101, "1s" }, { 0, 59, "59s" },
		{ 0, 180, "3m" }, { 0, 7200, "2h" }, { 0, 9 * 86400, "9d" },
		{ 0, 800 * 86400LL, "2y" },
		{ INT64_MIN, 1, "now" },
	};
	char text[16];

	for (size_t i = 0; i < COUNT(sizes); i++) {
		text_size(text, sizes[i].bytes);
		cr_expect_str_eq(text, sizes[i].text);
	}
	for (size_t i = 0; i < COUNT(ages); i++) {
		text_age(text, ages[i].then_s, ages[i].now_s);
		cr_expect_str_eq(text, ages[i].text);
	}
}

static void
from_hex(struct buf *ret, const char *hex)
{
	for (size_t i = 0; hex[i] && hex[i + 1]; i += 2) {
		const char pair[3] = { hex[i], hex[i + 1], '\0' };
		buf_addc(ret, (char)strtoul(pair, NULL, 16));
	}
}

Test(text, upstream_terminal_strings)
{
	const char *const shared = getenv("SLIPWAY_SHARED");
	cleanup_free char *path =
		xasprintf("%s/upstream/generated/terminal/strings.json", shared ? shared : "");
	json_t *all = json_load_file(path, 0, NULL);
	json_t *v;
	size_t i;

	if (!all)
		cr_skip_test("the shared folder has no upstream/generated/terminal/strings.json");
	cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
	cr_assert(json_array_size(json_object_get(all, "strings")) > 10);
	json_array_foreach(json_object_get(all, "strings"), i, v) {
		cleanup_buf struct buf raw = { 0 };
		from_hex(&raw, json_string_value(json_object_get(v, "hex")));
		cr_assert(raw.n > 0);
		check_round_trip(buf_str(&raw), json_string_value(json_object_get(v, "name")));
	}
	json_decref(all);
}

Test(text, took)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = { { 0, "<1s" }, { 1, "1s" }, { 59, "59s" }, { 1200, "20m" } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[16];

		text_took(text, cases[i].seconds);
		cr_expect_str_eq(text, cases[i].text, "%zu", i);
	}
}
