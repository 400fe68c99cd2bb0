/* SPDX-License-Identifier: Apache-2.0 */
/* References and names as tables, and what is near to a mistyped one. Resolving is for the
 * scenarios. */
#include "registry/ref.h"

#include <criterion/criterion.h>
#include <string.h>

#include "registry/base/str.h"
#include "registry/near.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

Test(ref, parse)
{
	static const struct {
		const char *text;
		enum ref_kind kind;
		const char *model;
		uint64_t number;
		const char *word, *hex;
	} cases[] = {
		{ "face", REF_MODEL, "face", 0, "", "" },
		{ "team/face-detect", REF_MODEL, "team/face-detect", 0, "", "" },
		{ "a.b_c__d-e--f/0", REF_MODEL, "a.b_c__d-e--f/0", 0, "", "" },
		{ "face@v1", REF_NUMBER, "face", 1, "", "" },
		{ "face@v41", REF_NUMBER, "face", 41, "", "" },
		{ "face:v41", REF_NUMBER, "face", 41, "", "" },
		{ "face@latest", REF_LATEST, "face", 0, "", "" },
		{ "face:latest", REF_LATEST, "face", 0, "", "" },
		{ "face@production", REF_WORD, "face", 0, "production", "" },
		{ "face:champion", REF_WORD, "face", 0, "champion", "" },
		{ "face@v", REF_WORD, "face", 0, "v", "" },
		{ "face@v1.2", REF_WORD, "face", 0, "v1.2", "" },
		{ "face@sha256:0123456789ab", REF_DIGEST, "face", 0, "", "0123456789ab" },
		{ "face@sha256:" HEX64, REF_DIGEST, "face", 0, "", HEX64 },
		{ "models:/face/3", REF_NUMBER, "face", 3, "", "" },
		{ "models:/team/face/3", REF_NUMBER, "team/face", 3, "", "" },
		{ "models:/face@champion", REF_WORD, "face", 0, "champion", "" },
		{ "models:/face/staging", REF_WORD, "face", 0, "staging", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { 0 };
		struct ref r = { 0 };
		cr_expect_eq(ref_parse(cases[i].text, &r, &e), 0, "%s: %s", cases[i].text, e.msg);
		cr_expect_eq(r.kind, cases[i].kind, "%s: kind %d", cases[i].text, (int)r.kind);
		cr_expect_str_eq(r.model, cases[i].model, "%s", cases[i].text);
		cr_expect_eq(r.number, cases[i].number, "%s", cases[i].text);
		cr_expect_str_eq(r.word, cases[i].word, "%s", cases[i].text);
		cr_expect_str_eq(r.hex, cases[i].hex, "%s", cases[i].text);
		cr_expect_eq(r.hex_n, strlen(cases[i].hex), "%s", cases[i].text);
	}
}

Test(ref, refused)
{
	static const char *const cases[] = {
		"", "@", "@v1", "face@", "face:", "Face", "face ", " face", "-face", "face-",
			"fa..ce",
		"fa___ce", "face/", "/face", "fa//ce", "face@v0", "face@v01",
			"face@v99999999999999999999",
		"face@V1", "face@sha256:", "face@sha256:0123456789a", "face@sha256:0123456789aG",
		"face@sha256:0123456789AB", "face@sha256:" HEX64 "0", "face@a/b", "face@v1@v2",
			"face@-x",
		"sha256:" HEX64, "models:/face", "models:/", "models:/face/0", "models:/face/03",
		"models:/Face/3", "fac\xc3\xa9", "face\n", "face@pro\x1b[2J",
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { 0 };
		struct ref r = { .kind = REF_WORD, .number = 77 };
		cr_expect_eq(ref_parse(cases[i], &r, &e), -ERR_USAGE, "\"%s\" passed", cases[i]);
		cr_expect_eq(e.code, ERR_USAGE, "\"%s\"", cases[i]);
		cr_expect(e.msg[0] != '\0', "\"%s\" is refused without a word", cases[i]);
		cr_expect_eq(r.number, 77, "\"%s\" changed the result", cases[i]);
	}
}

Test(ref, lengths)
{
	char name[NAME_SIZE + 1], word[WORD_SIZE + 1];
	struct err e = { 0 };

	memset(name, 'a', sizeof name);
	memset(word, 'a', sizeof word);
	name[NAME_SIZE] = '\0';
	word[WORD_SIZE] = '\0';
	cr_expect_eq(ref_check_model(name, &e), -ERR_USAGE);
	cr_expect_eq(ref_check_word("stage", word, &e), -ERR_USAGE);
	name[NAME_SIZE - 1] = '\0';
	word[WORD_SIZE - 1] = '\0';
	cr_expect_eq(ref_check_model(name, &e), 0);
	cr_expect_eq(ref_check_word("stage", word, &e), 0);
}

Test(ref, near)
{
	static const char *const names[] = { "list", "label", "import", "export", "face-detect",
	                                     "face-mask" };
	static const struct {
		const char *wanted, *found; /* "": nothing is near */
	} cases[] = {
		{ "lst", "list" },        { "lsit", "list" },   { "improt", "import" },
		{ "exprot", "export" }, { "lable", "label" },
		{ "zzzzzz", "" },         { "", "" },           { "face",
		                                                  "face-detect or face-mask" },
		{ "face-detct", "face-detect" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct near w = { .wanted = cases[i].wanted };
		char text[200] = "";
		for (size_t k = 0; k < 2 * COUNT(names); k++) /* one offered twice is named once */
			near_offer(&w, names[k % COUNT(names)]);
		cr_expect_eq(near_text(&w, text, sizeof text), cases[i].found[0] != '\0', "%s: %s",
		             cases[i].wanted, text);
		cr_expect_str_eq(text, cases[i].found, "%s", cases[i].wanted);
	}
}

/* More candidates than are kept: the nearest stay, in order. */
Test(ref, near_many)
{
	struct near w = { .wanted = "abcdef" };
	char text[200], small[12];

	near_offer(&w, "abcdxy");
	near_offer(&w, "abcdex");
	near_offer(&w, "abcdee");
	near_offer(&w, "abcdef");
	near_offer(&w, "abcdeg");
	cr_expect(near_text(&w, text, sizeof text));
	cr_expect_str_eq(text, "abcdef or abcdex or abcdee");
	cr_expect(near_text(&w, small, sizeof small));
	cr_expect_str_eq(small, "abcdef", "cut between names: %s", small);
}
