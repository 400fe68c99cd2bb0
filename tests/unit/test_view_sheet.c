/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that fold, words that narrow or mark, the cursor that stays on its row; the answer of diff
 * as such a page. */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "tui/view/diff_parts.h"
#include "tui/view/sheet.h"

static void
fill(struct sheet *s)
{
	sheet_add(s, INK_TEXT, 1, "above");
	sheet_head(s, false, "fruit");
	sheet_add(s, INK_TEXT, 2, "apple");
	sheet_add(s, INK_TEXT, 3, "pear");
	sheet_mark_last(s);
	sheet_head(s, true, "tools");
	sheet_add(s, INK_TEXT, 4, "hammer");
	sheet_mark_last(s);
	sheet_settle(s, "");
}

static const char *
shown(const struct sheet *s)
{
	static char text[1000];
	cleanup_buf struct buf b = { 0 };

	for (size_t i = 0; i < s->shown.n; i++)
		buf_addf(&b, "%s%s;", i == s->cursor ? ">" : "", s->rows.v[s->shown.v[i]].text);
	cr_assert_eq(str_copy(text, sizeof(text), buf_cstr(&b)), 0);
	return text;
}

Test(sheet, folds_and_keeps_the_cursor_on_its_row)
{
	struct sheet s = { 0 };

	fill(&s);
	cr_assert_str_eq(shown(&s), ">above;fruit;apple;pear;tools;");
	cr_assert_not(sheet_act(&s, ACT_FOLD, 5), "no part to fold above the first");
	cr_assert(sheet_act(&s, ACT_BOTTOM, 5));
	cr_assert(sheet_act(&s, ACT_FOLD, 5));
	cr_assert_str_eq(shown(&s), "above;fruit;apple;pear;>tools;hammer;");
	cr_assert(sheet_act(&s, ACT_UP, 5));
	cr_assert(sheet_act(&s, ACT_FOLD, 5)); /* from a row: the cursor goes to its head */
	cr_assert_str_eq(shown(&s), "above;>fruit;tools;hammer;");
	sheet_fini(&s);
}

Test(sheet, next_goes_round_to_what_is_marked)
{
	struct sheet s = { 0 };

	fill(&s);
	cr_assert(sheet_act(&s, ACT_NEXT_HIT, 5));
	cr_assert_eq(sheet_chosen(&s)->tag, 3);
	cr_assert(sheet_act(&s, ACT_NEXT_HIT, 5), "hammer is folded away: round to the pear again");
	cr_assert_eq(sheet_chosen(&s)->tag, 3);
	sheet_fini(&s);
}

Test(sheet, words_narrow_and_open_what_is_folded)
{
	struct sheet s = { 0 };

	fill(&s);
	sheet_settle(&s, "ham");
	cr_assert_str_eq(shown(&s), "tools;>hammer;");
	cr_assert_eq(sheet_hits(&s), 1);
	cr_assert_not(sheet_can(&s, ACT_FOLD));
	cr_assert_not(sheet_act(&s, ACT_FOLD, 5));
	sheet_settle(&s, "");
	cr_assert_str_eq(shown(&s), "above;fruit;apple;pear;>tools;", "on its row, or its head");
	sheet_settle(&s, "nothing");
	cr_assert_eq(s.shown.n, 0);
	cr_assert_null(sheet_chosen(&s));
	cr_assert_not(sheet_act(&s, ACT_NEXT_HIT, 5));
	sheet_settle(&s, "");
	cr_assert_eq(s.shown.n, 5);
	cr_assert_eq(sheet_hits(&s), 4);
	sheet_fini(&s);
}

Test(sheet, misses_may_stay_and_next_goes_over_them)
{
	struct sheet s = { 0 };

	fill(&s);
	cr_assert(sheet_act(&s, ACT_RAW_FILTER, 5));
	sheet_settle(&s, "ap");
	cr_assert_str_eq(shown(&s), "above;fruit;>apple;pear;tools;");
	cr_assert_eq(s.lines.rows.v[0].ink, INK_DIM);
	cr_assert_eq(s.lines.rows.v[2].ink, INK_TEXT);
	cr_assert(sheet_act(&s, ACT_TOP, 5));
	cr_assert(sheet_act(&s, ACT_PREV_HIT, 5));
	cr_assert_eq(sheet_chosen(&s)->tag, 2);
	sheet_fini(&s);
}

Test(sheet, the_chosen_row_is_on_the_screen)
{
	struct sheet s = { 0 };
	struct grid g = { 0 };
	cleanup_buf struct buf row = { 0 };

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	for (int i = 0; i < 50; i++)
		sheet_add(&s, INK_TEXT, 0, "line %d of words that are longer than the screen", i);
	sheet_settle(&s, "");
	grid_init(&g, 6, 24, false);
	const struct area a = area_of(&g);
	sheet_draw(&s, &a);
	(void)sheet_act(&s, ACT_BOTTOM, 6);
	grid_blank(&g);
	sheet_draw(&s, &a);
	for (size_t i = 0; i < 6; i++)
		grid_row_text(&g, i, &row);
	cr_assert(strstr(buf_cstr(&row), "> line 49"), "%s", buf_cstr(&row));
	grid_fini(&g);
	sheet_fini(&s);
}

static const char answer[] =
        "{\"items\":["
        "{\"what\":\"file\",\"name\":\"w.bin\",\"change\":\"changed\","
        "\"from\":{\"bytes\":3,\"digest\":\"sha256:aaaaaaaaaaaabbbb\"},"
        "\"to\":{\"bytes\":4,\"digest\":\"sha256:ccccccccccccdddd\"}},"
        "{\"what\":\"file\",\"name\":\"same\",\"change\":\"same\",\"from\":null,\"to\":null},"
        "{\"what\":\"config\",\"name\":\"t.json\",\"change\":\"not compared\",\"from\":null,"
        "\"to\":\"longer than 1 MiB\"},"
        "{\"what\":\"label\",\"name\":\"run\",\"change\":\"changed\",\"from\":\"1\",\"to\":\"2\"},"
        "{\"what\":\"metric\",\"name\":\"auc\",\"change\":\"changed\",\"from\":\"0.9\","
        "\"to\":\"0.95\"}]}";

Test(diff_parts, every_row_has_its_part_and_what_is_the_same_is_folded)
{
	struct sheet s = { 0 };
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	cr_assert_eq(json_parse(STR(answer), "answer", &j, &e), 0);
	cr_assert(diff_parts(&s, j));
	sheet_settle(&s, "");
	cr_assert_str_eq(shown(&s),
	                 ">files  1 changed, 1 same;"
	                 "~ w.bin                     3B aaaaaaaaaaaa -> 4B cccccccccccc;"
	                 "files that are the same  1;"
	                 "config  1 not compared;"
	                 "? t.json                    not compared: longer than 1 MiB;"
	                 "labels  1 changed;"
	                 "~ run                       1 -> 2;"
	                 "metrics  1 changed;"
	                 "~ auc                       0.9 -> 0.95  (+0.05);"
	                 "evidence  nothing else was attested about either;"
	                 "signers  neither version is signed;"
	                 "tensors  not compared: this comes later;");
	sheet_fini(&s);
}

Test(diff_parts, another_answer_is_refused)
{
	struct sheet s = { 0 };
	cleanup_json json_t *j = json_object();

	cr_assert_not(diff_parts(&s, j));
	cr_assert_eq(s.rows.n, 0);
	sheet_fini(&s);
}
