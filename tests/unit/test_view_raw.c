/* SPDX-License-Identifier: Apache-2.0 */
/* Compact JSON spread over lines, whatever stands in its strings; words searched from the cursor
 * on; and what is remembered of a verify in words. */
#include <criterion/criterion.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/raw_text.h"
#include "tui/view/version_files.h"

static const struct {
	const char *json, *lines;
} texts[] = {
	{ "{\"a\":1,\"b\":[true,null]}", "{|  \"a\": 1,|  \"b\": [|    true,|    null|  ]|}|" },
	{ "{\"a{,]\":\"x:\\\"}\"}", "{|  \"a{,]\": \"x:\\\"}\"|}|" },
	{ "", "|" },
	{ "\"never ends", "\"never ends|" },
	{ "\"\\", "\"\\|" },
	{ "]]]}", "|]|]|]|}|" },
};

Test(raw_text, is_spread_over_lines)
{
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct raw_text r = { 0 };
		cleanup_buf struct buf all = { 0 };

		raw_text_set(&r, str_of(texts[i].json));
		for (size_t k = 0; k < r.list.n; k++) {
			const struct str s = raw_text_line(&r, k);
			buf_add(&all, s.p, s.n);
			buf_addc(&all, '|');
		}
		cr_expect_str_eq(buf_cstr(&all), texts[i].lines);
		cr_expect_eq(raw_text_line(&r, r.list.n).n, 0);
		raw_text_fini(&r);
	}
}

Test(raw_text, words_are_searched_from_the_cursor_on_and_round)
{
	struct raw_text r = { 0 };

	raw_text_set(&r, str_of("{\"x\":1,\"y\":2,\"x2\":3}"));
	cr_assert_not(raw_text_act(&r, ACT_NEXT_HIT, 9), "no words yet");
	(void)raw_text_act(&r, ACT_DOWN, 9);
	(void)raw_text_act(&r, ACT_DOWN, 9);
	raw_text_search(&r, "x");
	cr_assert_eq(r.list.cursor, 3);
	cr_assert(raw_text_act(&r, ACT_NEXT_HIT, 9));
	cr_assert_eq(r.list.cursor, 1);
	cr_assert(raw_text_act(&r, ACT_PREV_HIT, 9));
	cr_assert_eq(r.list.cursor, 3);
	cr_assert(raw_text_is_hit(&r, 1));
	cr_assert_not(raw_text_is_hit(&r, 2));
	raw_text_search(&r, "nowhere");
	cr_assert_eq(r.list.cursor, 3, "the cursor stays");
	cr_assert_not(raw_text_act(&r, ACT_NEXT_HIT, 9));
	raw_text_fini(&r);
}

Test(checked, is_said_with_its_age_and_never_as_good_without_it)
{
	struct checked c = { 0 };
	cleanup_buf struct buf text = { 0 };

	cr_assert_eq(checked_text(&c, &text), INK_WAIT);
	cr_assert(has_prefix(buf_cstr(&text), "not checked"), "%s", buf_cstr(&text));
	buf_clear(&text);
	c.time_s = clock_now_s() - 7200;
	cr_assert_eq(checked_text(&c, &text), INK_BAD);
	cr_assert(has_prefix(buf_cstr(&text), "FAILED 2h ago"), "%s", buf_cstr(&text));
	buf_clear(&text);
	c.is_good = true;
	cr_assert_eq(checked_text(&c, &text), INK_OK);
	cr_assert(has_prefix(buf_cstr(&text), "ok 2h ago"), "%s", buf_cstr(&text));
}
