/* SPDX-License-Identifier: Apache-2.0 */
/* The words that an act of the menu runs, and on what it can be done. */
#include <criterion/criterion.h>

#include "tui/acts.h"

static const struct act *
act_of(const char *key)
{
	const struct act *a = acts;

	while (a->key && !streq(a->key, key))
		a++;
	cr_assert_not_null(a->key, "no act has the key %s", key);
	return a;
}

static const struct {
	const char *key, *one, *two, *line;
} cases[] = {
	{ "t", "", "", "slipway retire face@v2 --yes" },
	{ "t", "too old", "", "slipway retire face@v2 --yes --reason 'too old'" },
	{ "l", "a=1 'b=two words'", "", "slipway label face@v2 a=1 'b=two words'" },
	{ "m", "owner=ana", "", "slipway label face owner=ana" },
	{ "n", "it's fine; rm -rf", "", "slipway note face@v2 'it'\\''s fine; rm -rf'" },
	{ "x", "/tmp/a b", "", "slipway export face@v2 '/tmp/a b'" },
	{ "i", "/tmp/w", "face", "slipway import /tmp/w --as face" },
	{ "c", "", "", "slipway plan discard 12ab --yes" },
	{ "T", "", "", "slipway target test prod" },
	{ "K", "leak", "", "slipway revoke face@v2 --yes --reason leak" },
	{ "G", "", "", "slipway gc --yes" },
};

Test(acts, what_is_shown_is_what_is_meant)
{
	const struct view_subject s = {
		.model = "face", .ref = "face@v2", .plan = "12ab", .target = "prod"
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *const fields[ACT_FIELDS] = { cases[i].one, cases[i].two };
		struct words w = { 0 };
		cleanup_buf struct buf line = { 0 };
		struct err e = { 0 };
		cr_assert_eq(act_words(act_of(cases[i].key), &s, fields, &w, &e), 0, "%s", e.msg);
		words_show(&w, &line);
		cr_expect_str_eq(buf_cstr(&line), cases[i].line);
		words_fini(&w);
	}
}

Test(acts, a_quote_that_never_ends_runs_nothing)
{
	const struct view_subject s = { .model = "face", .ref = "face@v2" };
	const char *const fields[ACT_FIELDS] = { "a='x", "" };
	struct words w = { 0 };
	struct err e = { 0 };

	cr_expect_eq(act_words(act_of("l"), &s, fields, &w, &e), -ERR_USAGE);
	words_fini(&w);
	const char *const flag[ACT_FIELDS] = { "--yes", "" }, *const why[ACT_FIELDS] = { "-x", "" };
	err_clear(&e);
	cr_expect_eq(act_words(act_of("n"), &s, flag, &w, &e), -ERR_USAGE);
	words_fini(&w);
	err_clear(&e);
	cr_expect_eq(act_words(act_of("K"), &s, why, &w, &e), 0); /* behind --reason it is a text */
	words_fini(&w);
}

Test(acts, an_act_wants_what_it_is_about)
{
	const struct view_subject none = { 0 }, model = { .model = "face" };

	for (const struct act *a = acts; a->key; a++) {
		cr_expect_eq(act_fits(a, &none), a->needs == NEEDS_NOTHING, "%s", a->key);
		cr_expect_eq(act_fits(a, &model),
		             a->needs == NEEDS_NOTHING || a->needs == NEEDS_MODEL, "%s", a->key);
		for (const struct act *b = a + 1; b->key; b++)
			cr_expect(!streq(a->key, b->key), "two acts have the key %s", a->key);
		/* what deletes or revokes wants the name, whatever else is asked */
		cr_expect_eq(a->wants_name,
		             streq(a->words[0], "delete") || streq(a->words[0], "revoke"), "%s",
		             a->key);
	}
}

static const struct {
	const char *line, *name;
} typed[] = {
	{ "delete face@v3", "face" },
	{ "revoke face:v3 --reason leak", "face" },
	{ "delete models:/face/3", "face" },
	{ "delete --yes face@v3", "face" },
	{ "delete --reason other@v1 face@v3", "face" },
	{ "delete face", "" }, /* names no version: the command refuses it */
	{ "retire face@v3", "" },
	{ "delete", "" },
};

Test(acts, what_cannot_be_undone_wants_the_name_however_it_was_typed)
{
	for (size_t i = 0; i < COUNT(typed); i++) {
		struct view_request r = { 0 };
		struct err e = { 0 };

		cr_assert_eq(words_parse(&r.argv, typed[i].line, &e), 0);
		act_protect(&r);
		cr_expect_str_eq(r.protected_name, typed[i].name, "%s", typed[i].line);
		words_fini(&r.argv);
	}
}
