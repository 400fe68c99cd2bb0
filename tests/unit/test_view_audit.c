/* SPDX-License-Identifier: Apache-2.0 */
/* The log newest first: a page of it, the words that narrow it, entries that come meanwhile; and
 * which screen an entry leads to. */
#include "registry_fixture.h"
#include "tui/view/about.h"
#include "tui/view/audit_rows.h"

static void
look(struct audit_rows *r, struct site *s, size_t top, size_t page)
{
	struct txn *t = NULL;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(audit_rows_read(r, s->r, t, top, page, &e), &e, "rows");
	store_abort(t);
}

Test(audit_rows, only_a_page_is_read_and_words_find_as_many_as_are_wanted)
{
	struct audit_rows r = { 0 };
	struct site s;
	char text[16];
	bool known;

	site_make(&s);
	for (int i = 1; i <= 30; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		site_version(&s, (uint64_t)i, text);
		site_label(&s, "run", text);
	}
	look(&r, &s, 0, 5);
	const size_t all = audit_rows_total(&r, &known);
	cr_assert(known);
	cr_assert_gt(all, 60);
	cr_assert_eq(audit_rows_row(&r, 0)->seq, all - 1, "the newest is first");
	cr_assert_str_eq(audit_rows_row(&r, 0)->type, "label");
	cr_assert_null(audit_rows_row(&r, 5), "not asked for");
	look(&r, &s, all - 3, 5);
	cr_assert_eq(audit_rows_row(&r, all - 1)->seq, 0);
	cr_assert_null(audit_rows_row(&r, all));

	audit_rows_reset(&r, "label run=2 -run=20");
	look(&r, &s, 0, 4);
	cr_assert_eq(audit_rows_total(&r, &known), 4);
	cr_assert_not(known, "there are more than were wanted");
	cr_assert(strstr(audit_rows_row(&r, 0)->what, "run=29"), "%s", audit_rows_row(&r, 0)->what);
	look(&r, &s, 0, 40);
	cr_assert_eq(audit_rows_total(&r, &known), 10, "2 and 21 to 29");
	cr_assert(known);
	cr_assert_not(audit_rows_unfinished(&r));

	site_label(&s, "run", "222");
	look(&r, &s, 0, 40);
	cr_assert_eq(audit_rows_total(&r, &known), 11, "one came meanwhile");
	cr_assert(strstr(audit_rows_row(&r, 0)->what, "run=222"), "it is the first");
	cr_assert_eq(audit_rows_find(&r, audit_rows_row(&r, 1)->seq), 1);
	cr_assert_eq(audit_rows_find(&r, 0), SIZE_MAX, "it does not match");

	audit_rows_reset(&r, "signed -version policy");
	look(&r, &s, 0, 40);
	cr_assert_eq(audit_rows_total(&r, &known), 1);
	audit_rows_fini(&r);
	site_leave(&s);
}

Test(audit_rows, of_one_model_by_its_links)
{
	struct audit_rows r = { .model = MODEL };
	struct site s;
	bool known;

	site_make(&s);
	for (uint64_t i = 1; i <= 3; i++)
		site_version(&s, i, i == 1 ? "a" : i == 2 ? "b" : "c");
	site_version_of(&s, "other", 1, "d");
	site_label(&s, "run", "1");
	look(&r, &s, 0, 2);
	cr_assert_eq(audit_rows_total(&r, &known), 2, "no more than were wanted");
	cr_assert_not(known);
	look(&r, &s, 0, 9);
	cr_assert_eq(audit_rows_total(&r, &known), 4);
	cr_assert(known);
	cr_assert_str_eq(audit_rows_row(&r, 0)->type, "label");
	for (size_t i = 0; i < 4; i++)
		cr_expect_str_eq(audit_rows_row(&r, i)->model, MODEL);

	site_version_of(&s, "other", 2, "e");
	look(&r, &s, 0, 9);
	cr_assert_eq(audit_rows_total(&r, &known), 4, "another model's entry is not its");
	site_label(&s, "run", "2");
	look(&r, &s, 0, 9);
	cr_assert_eq(audit_rows_total(&r, &known), 5);
	cr_assert(strstr(audit_rows_row(&r, 0)->what, "run=2"));
	audit_rows_reset(&r, "-label");
	look(&r, &s, 0, 9);
	cr_assert_eq(audit_rows_total(&r, &known), 3);
	audit_rows_fini(&r);
	site_leave(&s);
}

static const struct {
	const char *json, *view, *arg;
} abouts[] = {
	{ "{\"type\":\"plan\",\"model\":\"m\",\"body\":{\"id\":\"sha256:ab\",\"number\":2}}",
	  "plan", "ab" },
	{ "{\"type\":\"approval\",\"model\":\"m\",\"body\":{\"plan\":\"sha256:ab\"}}", "plan",
	  "ab" },
	{ "{\"type\":\"job\",\"model\":\"m\",\"body\":{\"id\":\"0419\",\"number\":2}}", "job",
	  "0419" },
	{ "{\"type\":\"promotion\",\"model\":\"m\",\"body\":{\"job\":\"0419\",\"number\":2}}",
	  "job", "0419" },
	{ "{\"type\":\"label\",\"model\":\"m\",\"body\":{\"number\":2}}", "version", "m@v2" },
	{ "{\"type\":\"label\",\"model\":\"m\",\"body\":{\"number\":null}}", "model", "m" },
	{ "{\"type\":\"target\",\"body\":{\"name\":\"prod-1\"}}", "target", "prod-1" },
	{ "{\"type\":\"policy\",\"body\":{\"version\":1}}", "keys", "keys and policy" },
	{ "{\"type\":\"registry\",\"body\":{}}", "", "" },
};

Test(about, an_entry_leads_to_what_it_is_about)
{
	for (size_t i = 0; i < COUNT(abouts); i++) {
		cleanup_json json_t *j = NULL;
		struct about a;
		struct err e = { 0 };

		ok(json_parse(str_of(abouts[i].json), "entry", &j, &e), &e, "entry");
		const struct entry n = { .type = json_opt_string(j, "type"),
			                 .model = json_opt_string(j, "model"),
			                 .body = json_object_get(j, "body") };
		about_entry(&n, &a);
		cr_expect_str_eq(a.view, abouts[i].view, "%s", abouts[i].json);
		cr_expect_str_eq(a.arg, abouts[i].arg, "%s", abouts[i].json);
	}
}
