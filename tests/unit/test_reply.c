/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of terminals, as they were seen, and what is none. */
#include <criterion/criterion.h>

#include "registry/base/str.h"
#include "tui/term/reply.h"

static const struct {
	enum reply_kind kind;
	const char *bytes;
	enum reply_fact fact;
} cases[] = {
	{ REPLY_CSI, "2026;1$y", FACT_SYNC },
	{ REPLY_CSI, "2026;2$y", FACT_SYNC },
	{ REPLY_CSI, "2026;3$y", FACT_SYNC },
	{ REPLY_CSI, "2026;0$y", FACT_NOTHING },
	{ REPLY_CSI, "2026;4$y", FACT_NOTHING },
	{ REPLY_CSI, "2004;1$y", FACT_NOTHING },
	{ REPLY_CSI, "62;22c", FACT_DEVICE },
	{ REPLY_CSI, "1;2c", FACT_DEVICE },
	{ REPLY_CSI, "64;1;2;6;9;15;16;17;18;21;22;28c", FACT_DEVICE },
	{ REPLY_CSI, "1;2", FACT_MORE },
	{ REPLY_CSI, "2026h", FACT_NOTHING },
	{ REPLY_OSC, "11;rgb:ffff/ffff/ffff\a", FACT_LIGHT },
	{ REPLY_OSC, "11;rgb:fdf6/e3e3/d0d0\033\\", FACT_LIGHT },
	{ REPLY_OSC, "11;rgb:ff/ff/ff\033\\", FACT_LIGHT },
	{ REPLY_OSC, "11;rgb:0000/0000/0000\033\\", FACT_DARK },
	{ REPLY_OSC, "11;rgb:1e1e/1E1E/2e2e\a", FACT_DARK },
	{ REPLY_OSC, "11;rgb:0000/0000/ffff\a", FACT_DARK },
	{ REPLY_OSC, "11;rgb:0000/ffff/0000\a", FACT_LIGHT },
	{ REPLY_OSC, "11;rgb:ffff/ffff\a", FACT_NOTHING },
	{ REPLY_OSC, "11;rgb:\a", FACT_NOTHING },
	{ REPLY_OSC, "10;rgb:ffff/ffff/ffff\a", FACT_NOTHING },
	{ REPLY_OSC, "", FACT_MORE },
	{ REPLY_OSC,
	  "11;rgb:fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	  FACT_NOTHING },
};

Test(reply, answers_are_told_from_keys_by_their_end)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		enum reply_fact fact = FACT_MORE;
		struct reply r;
		reply_begin(&r, cases[i].kind);
		for (const char *p = cases[i].bytes; *p && fact == FACT_MORE; p++)
			fact = reply_byte(&r, *p);
		cr_expect_eq(fact, cases[i].fact, "case %zu: %d", i, (int)fact);
		cr_expect_eq(r.kind == REPLY_NONE, fact != FACT_MORE, "case %zu", i);
	}
}

Test(reply, colorfgbg)
{
	static const struct {
		const char *value;
		enum reply_fact fact;
	} rows[] = {
		{ NULL, FACT_NOTHING },        { "", FACT_NOTHING },
		{ "0", FACT_NOTHING },         { "15;0", FACT_DARK },
		{ "0;15", FACT_LIGHT },        { "0;7", FACT_LIGHT },
		{ "7;8", FACT_DARK },          { "15;default;0", FACT_DARK },
		{ "0;default", FACT_NOTHING }, { "0;16", FACT_NOTHING },
		{ "0;-1", FACT_NOTHING },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_expect_eq(reply_colorfgbg(rows[i].value), rows[i].fact, "%s", rows[i].value);
}
