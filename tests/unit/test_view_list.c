/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors stay on rows, filters mean what they say, and a window over many models shows each once.
 */
#include "registry_fixture.h"

#include "tui/view/list.h"
#include "tui/view/models_rows.h"
#include "tui/view/models_window.h"

#define MODELS 400u

static const struct {
	const char *filter, *text;
	bool matches;
} filters[] = {
	{ "", "anything", true },
	{ "fraud", "fraud-ranker", true },
	{ "FRAUD", "fraud-ranker", true },
	{ "fraud -rank", "fraud-ranker", false },
	{ "ran fra", "fraud-ranker", true },
	{ "-rank", "face", true },
	{ "-", "face", true },
	{ "  face  ", "face", true },
	{ "fa x", "face", false },
	{ "-face", "", true },
};

Test(list, filter_words)
{
	for (size_t i = 0; i < COUNT(filters); i++)
		cr_expect_eq(filter_match(filters[i].filter, filters[i].text), filters[i].matches,
		             "\"%s\" on \"%s\"", filters[i].filter, filters[i].text);
}

Test(list, the_cursor_stays_on_a_row_in_sight)
{
	static const enum action all[] = { ACT_UP,        ACT_DOWN, ACT_PAGE_UP,
		                           ACT_PAGE_DOWN, ACT_TOP,  ACT_BOTTOM };
	unsigned seed = 1;

	for (size_t n = 0; n < 30; n += 7)
		for (size_t page = 0; page < 12; page += 3) {
			struct list l = { .n = n };
			for (size_t i = 0; i < 200; i++) {
				seed = seed * 1103515245u + 12345u;
				cr_expect(list_move(&l, all[(seed >> 16) % COUNT(all)], page));
				list_fit(&l, page);
				cr_expect(n == 0 ? l.cursor == 0 : l.cursor < n);
				cr_expect(page == 0 ||
				          (l.top <= l.cursor && l.cursor < l.top + page));
			}
		}
	struct list l = { .n = 3 };
	cr_expect_not(list_move(&l, ACT_OPEN, 5));
}

static void
models_make(struct site *s)
{
	char name[32], text[16];

	for (size_t i = 0; i < MODELS; i++) {
		(void)snprintf(name, sizeof(name), "%s-%04zu", i % 4 ? "model" : "other", i);
		(void)snprintf(text, sizeof(text), "%zu", i);
		site_version_of(s, name, 1, text);
	}
}

/* The n-th model by name that the filter takes: "model-*" come first. */
static void
name_of(char ret[32], size_t n, bool others_only)
{
	const size_t models = MODELS - MODELS / 4;

	if (others_only || n >= models)
		(void)snprintf(ret, 32, "other-%04zu", (others_only ? n : n - models) * 4);
	else
		(void)snprintf(ret, 32, "model-%04zu", n / 3 * 4 + n % 3 + 1);
}

Test(list, a_window_over_models)
{
	static const struct {
		size_t want;
		bool to_end;
	} looks[] = { { 0, false },   { 130, false }, { 0, true },
		      { 399, false }, { 257, false }, { 5, false } };
	char name[32];
	struct models_window w = { 0 };
	struct site s;
	struct txn *t = NULL;
	struct err e = { 0 };

	site_make(&s);
	models_make(&s);
	cr_assert_eq(store_read_begin(s.r->store, &t, &e), 0);
	for (size_t i = 0; i < COUNT(looks); i++) {
		cr_assert_eq(models_window_load(&w, t, "", looks[i].want, 20, looks[i].to_end, &e),
		             0);
		for (size_t k = w.base; k < w.base + w.n; k++) {
			name_of(name, k, false);
			cr_assert(models_window_row(&w, k) != NULL);
			cr_expect_str_eq(models_window_row(&w, k)->name, name);
		}
		cr_expect(w.n > 0 && w.n <= 2 * BLOCK_ROWS);
		cr_expect(looks[i].to_end || models_window_row(&w, looks[i].want) != NULL,
		          "row %zu", looks[i].want);
	}
	cr_expect(w.total_is_known && w.total == MODELS, "%zu models", w.total);

	models_window_reset(&w);
	cr_assert_eq(models_window_load(&w, t, "other", 0, 128, false, &e), 0);
	cr_expect_eq(w.total, MODELS / 4);
	name_of(name, 7, true);
	cr_expect_str_eq(models_window_row(&w, 7)->name, name);
	models_window_reset(&w);
	cr_assert_eq(models_window_load(&w, t, "nowhere", 0, 20, false, &e), 0);
	cr_expect(w.total == 0 && w.total_is_known && models_window_row(&w, 0) == NULL);
	models_window_fini(&w);
	store_abort(t);
	site_leave(&s);
}

Test(list, models_in_another_order_and_where_one_of_them_is)
{
	struct models_rows r = { .found = SIZE_MAX };
	struct site s;
	struct txn *t = NULL;
	struct err e = { 0 };
	char name[32];
	bool known;

	site_make(&s);
	models_make(&s);
	cr_assert_eq(store_read_begin(s.r->store, &t, &e), 0);
	cr_assert_eq(models_rows_seek(&r, t, "", "other-0040", &e), 0);
	cr_expect_not(models_rows_unfinished(&r));
	cr_expect_eq(r.found, 310u); /* behind 300 models, the eleventh of the others */
	cr_assert_eq(models_rows_read(&r, t, "", r.found, 10, false, &e), 0);
	name_of(name, 310, false);
	cr_assert_not_null(models_rows_row(&r, 310));
	cr_expect_str_eq(models_rows_row(&r, 310)->name, name);
	cr_assert_eq(models_rows_seek(&r, t, "", "no", &e), 0); /* between the two kinds */
	cr_expect_eq(r.found, 300u);
	cr_assert_eq(models_rows_seek(&r, t, "", "zzz", &e), 0);
	cr_expect_eq(r.found, MODELS - 1);

	for (int descends = 0; descends < 2; descends++) { /* sizes: one, two and three bytes */
		models_rows_order(&r, MODELS_BY_SIZE, descends);
		cr_assert_eq(models_rows_read(&r, t, "", 0, 120, false, &e), 0);
		cr_expect_eq(models_rows_total(&r, &known), MODELS);
		cr_expect(known);
		for (size_t i = 1; i < 120; i++) {
			const struct model_row *a = models_rows_row(&r, i - 1);
			const struct model_row *b = models_rows_row(&r, i);
			cr_assert(a && b);
			cr_expect(descends ? a->bytes >= b->bytes : a->bytes <= b->bytes);
			cr_expect(a->bytes != b->bytes || strcmp(a->name, b->name) < 0);
		}
	}
	cr_assert_eq(models_rows_seek(&r, t, "", "model-0001", &e), 0);
	cr_expect_str_eq(r.top.items[r.found].name, "model-0001");
	cr_expect_eq(r.found, MODELS - 10); /* the first of the ten of one byte, 0 to 9 */
	models_rows_fini(&r);
	store_abort(t);
	site_leave(&s);
}
