/* SPDX-License-Identifier: Apache-2.0 */
/* Strokes on a grid stay inside their area whatever the text is; a field keeps its text whole. */
#include <criterion/criterion.h>
#include <locale.h>
#include <string.h>

#include "registry/base/buf.h"
#include "tui/term/keys.h"
#include "tui/term/paint.h"

static const struct {
	const char *text, *row; /* painted into 10 cells at column 2 of a row of 12 */
} strokes[] = {
	{ "plain", "  plain" },
	{ "0123456789abc", "  012345678…" },
	{ "a\033[2Jb", "  a\\x1b[2Jb" },
	{ "\xe4\xb8\xad\xe6\x96\x87", "  \xe4\xb8\xad\xe6\x96\x87" },
	{ "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87",
	  "  \xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87…" },
	{ "e\xcc\x81t\xc3\xa9", "  e\xcc\x81t\xc3\xa9" },
	{ "x\xe2\x80\xaey", "  x\\u{202e}y" },
	{ "tab\there", "  tab\\x09he…" },
	{ "\xff", "  \\xff" },
	{ "back\\slash", "  back\\\\sla…" },
	{ "", "" },
};

Test(paint, strokes_are_cut_at_their_cells)
{
	cr_assert(setlocale(LC_ALL, "C.UTF-8") != NULL);
	for (size_t i = 0; i < COUNT(strokes); i++) {
		cleanup_buf struct buf row = { 0 };
		struct grid g = { 0 };
		grid_init(&g, 3, 12, false);
		const struct area a = area_of(&g);
		const struct area middle = area_rows(&a, 1, 1);
		cr_expect_eq(paint_fit(&middle, 0, 2, 10, INK_TEXT, TEXT_CUT_END, strokes[i].text),
		             12);
		grid_row_text(&g, 1, &row);
		cr_expect_str_eq(buf_cstr(&row), strokes[i].row, "\"%s\": \"%s\"", strokes[i].text,
		                 buf_cstr(&row));
		buf_clear(&row);
		grid_row_text(&g, 0, &row);
		grid_row_text(&g, 2, &row);
		cr_expect_str_eq(buf_cstr(&row), "", "\"%s\" left its row", strokes[i].text);
		grid_fini(&g);
	}
}

/* Every stroke at every size up to 7x7, inside and outside: the sanitizers see to the rest. */
Test(paint, no_size_is_too_small)
{
	size_t painted = 0;

	cr_assert(setlocale(LC_ALL, "C.UTF-8") != NULL);
	for (size_t rows = 0; rows < 7; rows++)
		for (size_t cols = 0; cols < 7; cols++) {
			struct grid g = { 0 };
			grid_init(&g, rows, cols, rows % 2);
			const struct area all = area_of(&g);
			for (size_t at = 0; at < 9; at++) {
				const struct area a = area_rows(&all, at / 2, 3);
				const struct area b = area_cols(&a, at / 3, 4);
				(void)paint_text(&b, at, at, INK_BAD, "\xe4\xb8\xad wide");
				(void)paint_fit(&b, at, at, at, INK_OK, TEXT_CUT_MIDDLE,
				                "sha256:0123");
				paint_right(&b, at, at, 4, INK_TEXT, "right");
				paint_rule(&b, at, at % 2 ? "title" : "");
				painted += paint_prose(&b, at, at, INK_TEXT,
				                       "some words, a-longer-one\nline");
				paint_fill(&b, at, INK_TITLE);
				paint_select(&b, at);
				paint_cursor(&b, at, at, true);
				paint_blank(&b);
				cr_expect(rows == 0 || g.cursor_row < rows);
				cr_expect(cols == 0 || g.cursor_col < cols);
			}
			grid_fini(&g);
		}
	cr_expect(painted > 0);
}

Test(paint, prose_breaks_at_spaces)
{
	static const char *const rows[] = { "one two", "three", "averyveryl", "ongword", "end" };
	struct grid g = { 0 };

	cr_assert(setlocale(LC_ALL, "C.UTF-8") != NULL);
	grid_init(&g, 6, 10, false);
	const struct area a = area_of(&g);
	cr_expect_eq(paint_prose(&a, 0, 0, INK_TEXT, "one two three averyverylongword\nend"), 5);
	for (size_t i = 0; i < COUNT(rows); i++) {
		cleanup_buf struct buf row = { 0 };
		grid_row_text(&g, i, &row);
		cr_expect_str_eq(buf_cstr(&row), rows[i]);
	}
	grid_fini(&g);
}

static const struct {
	enum key_code code;
	const char *text;
	const char *screen;
	enum action act;
} bound[] = {
	{ K_CHAR, "j", "models", ACT_DOWN },      { K_DOWN, "", "models", ACT_DOWN },
	{ K_CTRL, "d", "models", ACT_PAGE_DOWN }, { K_CHAR, "d", "models", ACT_DIFF },
	{ K_CHAR, "G", "models", ACT_BOTTOM },    { K_ENTER, "", "models", ACT_OPEN },
	{ K_ESC, "", "models", ACT_BACK },        { K_CHAR, "p", "models", ACT_PROMOTE },
	{ K_CHAR, "\\", "models", ACT_CLEAR },    { K_CHAR, "\xc3\xa9", "models", ACT_NONE },
	{ K_CHAR, " ", "models", ACT_MARK },      { K_F, "\1", "models", ACT_HELP },
	{ K_F, "\2", "models", ACT_NONE },        { K_CHAR, "a", "models", ACT_NONE },
	{ K_CHAR, "a", "job", ACT_ABORT },        { K_CHAR, "a", "jobs", ACT_ABORT },
	{ K_CHAR, "a", "plans", ACT_APPROVE },    { K_CHAR, "C", "jobs", ACT_RESUME },
	{ K_OTHER, "", "models", ACT_NONE },      { K_OTHER, "", "models", ACT_NONE },
};

static const struct {
	const char *action, *keys;
	enum err_code binds, fits;
} rebinds[] = {
	{ "promote", "F2", ERR_OK, ERR_OK },
	{ "promote", "F2 p", ERR_OK, ERR_OK },
	{ "promote", "j", ERR_OK, ERR_CONFLICT }, /* moves down */
	{ "abort", "C", ERR_OK, ERR_CONFLICT },   /* resumes on the same screens */
	{ "apply", "a", ERR_OK, ERR_CONFLICT },   /* approves there */
	{ "abort", "v", ERR_OK, ERR_OK },         /* of its own on its screens, verify elsewhere */
	{ "promote", "", ERR_OK, ERR_OK },        /* no key at all */
	{ "back", "", ERR_OK, ERR_CONFLICT },     /* no way out of a screen */
	{ "promotte", "p", ERR_USAGE, ERR_OK },
	{ "promote", "Ctrl-S", ERR_USAGE, ERR_OK }, /* stops the terminal */
	{ "promote", "Ctrl-Z", ERR_USAGE, ERR_OK },
	{ "promote", "F11", ERR_USAGE, ERR_OK },
	{ "promote", "pp", ERR_USAGE, ERR_OK },
};

Test(keys, a_binding_is_taken_or_refused_with_the_reason)
{
	for (size_t i = 0; i < COUNT(rebinds); i++) {
		struct err e = { 0 };
		cr_expect_eq(keys_bind(rebinds[i].action, rebinds[i].keys, &e),
		             -(int)rebinds[i].binds, "row %zu: %s", i, e.msg);
		if (rebinds[i].binds != ERR_OK)
			continue;
		err_clear(&e);
		cr_expect_eq(keys_check(&e), -(int)rebinds[i].fits, "row %zu: %s", i, e.msg);
		for (enum action a = ACT_UP; a < ACT_COUNT; a++)
			if (streq(action_name(a), rebinds[i].action))
				keys_reset(a);
	}
}

Test(keys, a_bound_key_is_obeyed_and_the_default_is_not)
{
	const struct key p = { .code = K_CHAR, .text = "p" }, f2 = { .code = K_F, .text = "\2" };
	struct err e = { 0 };

	cr_assert_eq(keys_check(&e), 0, "%s", e.msg);
	cr_assert_eq(keys_bind("promote", "F2", &e), 0);
	cr_expect_eq(key_action(&f2, "models"), ACT_PROMOTE);
	cr_expect_eq(key_action(&p, "models"), ACT_NONE);
	cr_expect_str_eq(action_keys(ACT_PROMOTE), "F2");
}

Test(keys, the_table_is_obeyed_and_described)
{
	for (size_t i = 0; i < COUNT(bound); i++) {
		struct key k = { .code = bound[i].code };
		cr_assert_eq(str_copy(k.text, sizeof(k.text), bound[i].text), 0);
		cr_expect_eq(key_action(&k, bound[i].screen), bound[i].act, "row %zu", i);
	}
	for (enum action a = ACT_UP; a < ACT_COUNT; a++)
		cr_expect(action_keys(a)[0] && action_text(a)[0], "action %d", (int)a);
}

static const struct {
	const char *keys, *text; /* < left, > right, B backspace, D delete, A E U K W as Ctrl */
	size_t at;
} typed[] = {
	{ "abc", "abc", 3 },
	{ "abc<<x", "axbc", 2 },
	{ "abcB", "ab", 2 },
	{ "abc<<<D", "bc", 0 },
	{ "a bcW", "a ", 2 },
	{ "a bc<U", "c", 0 },
	{ "abcAx", "xabc", 1 },
	{ "abcA>K", "a", 1 },
	{ "\xc3\xa9\xc3\xa8"
	  "B",
	  "\xc3\xa9", 2 },
	{ "BBB", "", 0 },
	{ "\xc3\xa9<D", "", 0 },
	{ "ab<<<>E", "ab", 2 },
};

static void
type_one(struct line *l, const char **p)
{
	static const char letters[] = "AEUKW";
	struct key k = { .code = K_CHAR };
	const unsigned char c = (unsigned char)**p;
	size_t n = 1;

	if (c == '<' || c == '>')
		k.code = c == '<' ? K_LEFT : K_RIGHT;
	else if (c == 'B' || c == 'D')
		k.code = c == 'B' ? K_BACKSPACE : K_DELETE;
	else if (strchr(letters, c)) {
		k.code = K_CTRL;
		k.text[0] = (char)(c + 32);
	} else {
		n = c >= 0xc0 ? 2 : 1;
		memcpy(k.text, *p, n);
	}
	cr_expect(line_key(l, &k));
	*p += n;
}

Test(keys, a_field_is_edited_by_whole_characters)
{
	for (size_t i = 0; i < COUNT(typed); i++) {
		struct line l = { 0 };
		for (const char *p = typed[i].keys; *p;)
			type_one(&l, &p);
		cr_expect_str_eq(l.text, typed[i].text, "%s: \"%s\"", typed[i].keys, l.text);
		cr_expect_eq(l.at, typed[i].at, "%s: at %zu", typed[i].keys, l.at);
	}
	struct line full = { 0 };
	const struct key x = { .code = K_CHAR, .text = "x" };
	for (size_t i = 0; i < 2 * LINE_SIZE; i++)
		(void)line_key(&full, &x);
	cr_expect_eq(full.n, LINE_SIZE - 1);
	cr_expect_eq(full.text[full.n], '\0');
}
