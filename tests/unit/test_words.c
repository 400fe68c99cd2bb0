/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown as a command line reads back as the same words; wrong ones are refused. */
#include <criterion/criterion.h>

#include "tui/words.h"

static const struct {
	const char *line;    /* typed */
	const char *word[5]; /* meant */
	const char *shown;   /* NULL: refused */
} cases[] = {
	{ "list", { "list" }, "slipway list" },
	{ "  list   -o  json ", { "list", "-o", "json" }, "slipway list -o json" },
	{ "label a@v1 'k=two words'",
	  { "label", "a@v1", "k=two words" },
	  "slipway label a@v1 'k=two words'" },
	{ "a \"b c\" d\\ e", { "a", "b c", "d e" }, "slipway a 'b c' 'd e'" },
	{ "a it\\'s", { "a", "it's" }, "slipway a 'it'\\''s'" },
	{ "a '' \"\"", { "a", "", "" }, "slipway a '' ''" },
	{ "a $HOME `id` ;rm", { "a", "$HOME", "`id`", ";rm" }, "slipway a '$HOME' '`id`' ';rm'" },
	{ "a \"x\\\"y\"", { "a", "x\"y" }, "slipway a 'x\"y'" },
	{ "", { NULL }, "slipway" },
	{ "a 'never", { NULL }, NULL },
	{ "a \"never", { NULL }, NULL },
};

Test(words, read_and_shown_as_a_shell_would)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf shown = { 0 };
		struct words w = { 0 }, again = { 0 };
		struct err e = { 0 };
		const int rc = words_parse(&w, cases[i].line, &e);
		cr_expect_eq(rc, cases[i].shown ? 0 : -ERR_USAGE, "%s", cases[i].line);
		if (rc == 0) {
			size_t n = 0;
			while (n < COUNT(cases[i].word) && cases[i].word[n])
				n++;
			cr_assert_eq(w.n, n, "%s: %zu words", cases[i].line, w.n);
			for (size_t k = 0; k < n; k++)
				cr_expect_str_eq(w.v[k], cases[i].word[k]);
			words_show(&w, &shown);
			cr_expect_str_eq(buf_cstr(&shown), cases[i].shown);
			cr_assert_eq(words_parse(&again, buf_cstr(&shown), &e), 0);
			cr_expect_eq(again.n, n + 1, "%s does not read back", buf_cstr(&shown));
			for (size_t k = 0; k < n && k + 1 < again.n; k++)
				cr_expect_str_eq(again.v[k + 1], cases[i].word[k]);
		}
		words_fini(&w);
		words_fini(&again);
	}
}
