/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the line become a repeat, and nothing else changes. */
#include <criterion/criterion.h>

#include "tui/term/shorten.h"

#define L1 "\342\224\200"
#define L2 L1 L1
#define L8 L2 L2 L2 L2

static const struct {
	const char *in, *out;
} cases[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ L2 L2 L2 L1, L2 L2 L2 L1 },
	{ L8, L1 "\033[5b" L2 },
	{ "a" L8 L8 L8 "b", "a" L1 "\033[21b" L2 "b" },
	{ L8 "\342\224\202" L8, L1 "\033[5b" L2 "\342\224\202" L1 "\033[5b" L2 },
	{ L8 "\342\224", L1 "\033[5b" L2 "\342\224" },
	{ "\342\224", "\342\224" },
};

Test(shorten, lines)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = { 0 };
		buf_adds(&b, L8); /* what stands before is not touched */
		buf_adds(&b, cases[i].in);
		shorten_lines(&b, sizeof(L8) - 1);
		b.p[b.n] = '\0';
		cr_expect_str_eq(b.p + sizeof(L8) - 1, cases[i].out, "case %zu", i);
		buf_fini(&b);
	}
}
