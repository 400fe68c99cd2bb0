/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind "/", rows in columns with marks, the first of very many in another order, and
 * numbers as pictures. */
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>

#include "tui/view/chart.h"
#include "tui/view/filter.h"
#include "tui/view/table.h"
#include "tui/view/topk.h"

static const char *const texts[] = { "fraud-ranker", "ana", "team=fraud\nowner=ben\n", NULL };
static const char *const staging[] = { "staging", NULL }, *const none[] = { NULL };

static const struct {
	const char *filter;
	bool matches;
} terms[] = {
	{ "stage:staging", true },
	{ "stage:stag", true },
	{ "stage:production", false },
	{ "-stage:production", true },
	{ "stage:none", false },
	{ "label:team", true },
	{ "label:team=fraud", true },
	{ "label:team=fr", true },
	{ "label:eam", false },
	{ "label:team=ops", false },
	{ "label:fraud", false },
	{ "signer:ana", true },
	{ "signer:ben", false },
	{ "unsigned", false },
	{ "signed", true },
	{ "-unsigned fraud", true },
	{ "stale", false },
	{ "~frkr", true },
	{ "~rkfr", false },
	{ "-~frkr", false },
	{ "ana fraud", true },
	{ "stage:", false }, /* a word until there is more */
	{ "FRAUD LABEL:x", false },
	{ "LABEL:x", false },
};

Test(filter, terms_with_keys_are_about_that_field)
{
	const struct filter_row r = { .texts = texts,
		                      .stages = staging,
		                      .labels = texts[2],
		                      .signer = "ana",
		                      .is_signed = FACT_YES,
		                      .is_stale = FACT_NO };

	for (size_t i = 0; i < COUNT(terms); i++) {
		struct filter f;
		filter_compile(&f, terms[i].filter);
		cr_expect_eq(filter_row_match(&f, &r), terms[i].matches, "\"%s\"", terms[i].filter);
	}
}

Test(filter, what_a_row_cannot_be_is_a_word)
{
	static const char *const said[] = { "the scan was unsigned", NULL };
	const struct filter_row words = { .texts = said };
	const struct filter_row empty = { .texts = said, .stages = none, .is_stale = FACT_YES };
	struct filter f;

	filter_compile(&f, "unsigned");
	cr_expect(filter_row_match(&f, &words));
	filter_compile(&f, "stage:scan");
	cr_expect(filter_row_match(&f, &words));
	cr_expect_not(filter_row_match(&f, &empty));
	filter_compile(&f, "stage:none stale");
	cr_expect(filter_row_match(&f, &empty));
}

Test(filter, more_terms_or_longer_ones_than_it_holds_do_no_harm)
{
	cleanup_buf struct buf many = { 0 };
	char longer[300];
	struct filter f;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	for (int i = 0; i < 10; i++)
		buf_adds(&many, "a b ");
	filter_compile(&f, buf_cstr(&many));
	cr_expect_eq(f.n, FILTER_TERMS);
	filter_compile(&f, longer);
	cr_expect_eq(f.n, 1);
	cr_expect_eq(strlen(f.terms[0].whole), FILTER_TERM_SIZE - 1);
}

Test(topk, keeps_the_first_in_order_and_equal_ones_as_they_came)
{
	struct topk k = { 0 };
	unsigned seed = 7;

	for (int descends = 0; descends < 2; descends++) {
		topk_begin(&k, descends);
		for (uint64_t i = 0; i < 3 * TOPK_MAX; i++) {
			seed = seed * 1103515245u + 12345u;
			topk_offer(&k, (seed >> 16) % 1000, i, NULL);
		}
		topk_sort(&k);
		cr_assert_eq(k.n, TOPK_MAX);
		for (size_t i = 1; i < k.n; i++) {
			const struct topk_item *a = &k.items[i - 1], *b = &k.items[i];
			cr_expect(descends ? a->key >= b->key : a->key <= b->key);
			cr_expect(a->key != b->key || a->number < b->number);
		}
		/* 12,288 keys of 1,000: about 333 keys fill what is kept */
		cr_expect(descends ? k.items[k.n - 1].key > 600 : k.items[k.n - 1].key < 400);
	}
	topk_begin(&k, true);
	topk_offer(&k, 1, 0, "one");
	topk_offer(&k, 2, 0, "two");
	topk_sort(&k);
	cr_expect_str_eq(k.items[0].name, "two");
	topk_fini(&k);
	static const double rising[] = { -INFINITY, -3.5, -0.1, 0, 1e-9, 0.5, 2, INFINITY };
	for (size_t i = 1; i < COUNT(rising); i++)
		cr_expect_lt(topk_key_of(rising[i - 1]), topk_key_of(rising[i]), "%zu", i);
	cr_expect_lt(topk_key_of(NAN), topk_key_of(-INFINITY));
}

/* --- the table --- */

static const struct table_column columns[] = {
	{ .name = "name", .head = "NAME", .sort = 1 },
	{ .name = "size",
	  .head = "SIZE",
	  .width = 7,
	  .is_right = true,
	  .sort = 2,
	  .descends = true },
	{ .name = "owner", .head = "OWNER", .width = 8, .from_cols = 40 },
};
static const char *const names[] = { "zero", "one", "two", "three", "four" };

static void
cell(const struct view *v, const void *row, size_t column, struct table_cell *ret)
{
	(void)v;
	(void)str_copy(ret->text, sizeof(ret->text),
	               column == 0   ? (const char *)row
	               : column == 1 ? "13B"
	                             : "ana");
}

static bool
id_of(const struct view *v, size_t i, char ret[static TABLE_ID_SIZE])
{
	(void)v;
	return i < COUNT(names) && str_copy(ret, TABLE_ID_SIZE, names[i]) == 0;
}

static void
expect_rows(struct table *t, size_t cols, const char *head, const char *row)
{
	struct grid g = { 0 };
	cleanup_buf struct buf one = { 0 };
	cleanup_buf struct buf two = { 0 };

	grid_init(&g, 2, cols, false);
	const struct area a = area_of(&g);
	table_head_draw(t, &a, 0);
	table_row_draw(t, NULL, &a, 1, cell, "zero", true, true);
	grid_row_text(&g, 0, &one);
	grid_row_text(&g, 1, &two);
	cr_expect_str_eq(buf_cstr(&one), head);
	cr_expect_str_eq(buf_cstr(&two), row);
	grid_fini(&g);
}

Test(table, columns_that_fit_are_shown_and_can_be_chosen)
{
	struct view v = { .page = 3, .cols = 30 };
	struct list l = { .n = COUNT(names) };
	struct view_request r = { 0 };
	struct table t = { 0 };

	cr_assert(setlocale(LC_ALL, "C.UTF-8") != NULL);
	table_init(&t, columns, COUNT(columns));
	expect_rows(&t, 24, "   NAME            SIZE", "*> zero             13B");
	expect_rows(&t, 40, "   NAME                    SIZE OWNER",
	            "*> zero                     13B ana");
	expect_rows(&t, 12, "   NAME", "*> zero"); /* nothing else fits */
	cr_assert_eq(table_action(&t, &v, &l, id_of, ACT_COLUMNS, &r), OPEN_MENU);
	cr_assert_eq(r.menu.items.n, 2); /* the name always stands */
	cr_expect(r.menu.items.v[0].is_checked && !r.menu.items.v[1].is_checked);
	cr_expect_not(table_picked(&t, 1));
	cr_expect_not(table_picked(&t, 0));
	expect_rows(&t, 24, "   NAME         OWNER", "*> zero         ana");
	menu_fini(&r.menu);
	table_fini(&t);
}

Test(table, the_same_column_again_sorts_the_other_way)
{
	struct view v = { .page = 3, .cols = 30 };
	struct list l = { .n = COUNT(names) };
	struct view_request r = { 0 };
	struct table t = { 0 };
	cleanup_buf struct buf state = { 0 };

	table_init(&t, columns, COUNT(columns));
	cr_assert_eq(table_action(&t, &v, &l, id_of, ACT_SORT, &r), OPEN_MENU);
	cr_assert_eq(r.menu.items.n, 3);
	menu_fini(&r.menu);
	cr_expect(table_picked(&t, 2));
	cr_expect(t.sort == 2 && t.descends);
	cr_expect(table_picked(&t, 2));
	cr_expect(t.sort == 2 && !t.descends);
	table_state(&t, &state);
	cr_expect_str_eq(buf_cstr(&state), "by size ^  ");
	cr_expect(table_picked(&t, 0));
	cr_expect_eq(t.sort, 0);
	table_fini(&t);
}

Test(table, marks_follow_what_is_marked)
{
	struct view v = { .page = 3, .cols = 30 };
	struct list l = { .n = COUNT(names) };
	struct view_request r = { 0 };
	struct table t = { 0 };

	table_init(&t, columns, COUNT(columns));
	cr_expect_eq(table_action(&t, &v, &l, id_of, ACT_MARK, &r), HANDLED);
	cr_expect(table_is_marked(&t, "zero") && l.cursor == 1);
	l.cursor = 3;
	cr_expect_eq(table_action(&t, &v, &l, id_of, ACT_MARK_RANGE, &r), HANDLED);
	cr_expect_eq(t.marks.n, 4);
	l.cursor = 1;
	cr_expect_eq(table_action(&t, &v, &l, id_of, ACT_UNMARK, &r), HANDLED);
	cr_expect(!table_is_marked(&t, "one") && t.marks.n == 3);
	l.cursor = 0;
	cr_expect_eq(table_action(&t, &v, &l, id_of, ACT_NEXT_HIT, &r), HANDLED);
	cr_expect_eq(l.cursor, 2);
	cr_expect_eq(table_action(&t, &v, &l, id_of, ACT_PREV_HIT, &r), HANDLED);
	cr_expect_eq(l.cursor, 0);
	cr_expect_eq(table_action(&t, &v, &l, id_of, ACT_UNMARK_ALL, &r), HANDLED);
	cr_expect_eq(t.marks.n, 0);
	cr_expect_eq(table_action(&t, &v, &l, id_of, ACT_VERIFY, &r), NOT_HANDLED);
	table_fini(&t);
}

/* --- pictures --- */

static void
expect_row(const struct grid *g, size_t row, const char *wanted)
{
	cleanup_buf struct buf b = { 0 };

	grid_row_text(g, row, &b);
	cr_expect_str_eq(buf_cstr(&b), wanted, "row %zu: %s", row, buf_cstr(&b));
}

Test(chart, a_line_of_blocks_shows_the_newest)
{
	static const double v[] = { 9, 0, 1, NAN, 7 };
	struct grid g = { 0 };

	cr_assert(setlocale(LC_ALL, "C.UTF-8") != NULL);
	grid_init(&g, 2, 10, false);
	struct area a = area_of(&g);
	cr_expect_eq(chart_spark(&a, 0, 1, 4, INK_TEXT, v, COUNT(v), 0, 0), 5);
	cr_expect_eq(chart_spark(&a, 1, 0, 9, INK_TEXT, v, COUNT(v), 0, 18), 5);
	expect_row(&g, 0, " ▁▂ █");
	expect_row(&g, 1, "▅▁▁ ▄");
	grid_init(&g, 2, 10, true);
	a = area_of(&g);
	(void)chart_spark(&a, 0, 0, 4, INK_TEXT, v, COUNT(v), 0, 0);
	expect_row(&g, 0, "_. #");
	grid_fini(&g);
}

Test(chart, a_curve_has_its_scale_and_its_marks)
{
	static const double rising[] = { 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2 };
	static const double flat[] = { 3, 3 };
	const struct chart_mark marks[] = { { 0, 'P', INK_PRODUCTION }, { 7, 'S', INK_STAGING } };
	struct grid g = { 0 };

	cr_assert(setlocale(LC_ALL, "C.UTF-8") != NULL);
	grid_init(&g, 3, 20, false);
	struct area a = area_of(&g);
	cr_expect_eq(chart_curve_fits(&a), 20);
	chart_curve(&a, rising, COUNT(rising), marks, COUNT(marks));
	expect_row(&g, 0, "     1.2    ⢀⡠⠔⠒⠁");
	expect_row(&g, 1, "     0.5 ⡠⠤⠊⠁");
	expect_row(&g, 2, "         P      S");
	grid_init(&g, 3, 20, true);
	a = area_of(&g);
	cr_expect_eq(chart_curve_fits(&a), 10);
	chart_curve(&a, rising, COUNT(rising), NULL, 0);
	expect_row(&g, 0, "     1.2     ****");
	expect_row(&g, 1, "     0.5 ****");
	grid_init(&g, 3, 20, false);
	a = area_of(&g);
	chart_curve(&a, flat, COUNT(flat), NULL, 0);
	chart_curve(&a, NULL, 0, NULL, 0); /* nothing is a picture of nothing */
	grid_init(&g, 1, 4, false);
	a = area_of(&g);
	chart_curve(&a, rising, COUNT(rising), marks, COUNT(marks));
	grid_fini(&g);
}
