/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of terminal gets the clipboard in the form that reaches the person's own. */
#include <criterion/criterion.h>

#include <string.h>

#include "registry/base/str.h"
#include "tui/term/copy.h"

#define BARE "\033]52;c;aGk=\a"
#define TMUX "\033Ptmux;\033\033]52;c;aGk=\a\033\\"

static const struct {
	struct copy_way way;
	const char *bytes; /* for "hi"; NULL: refused */
} cases[] = {
	{ { "xterm-256color", NULL, NULL }, BARE },
	{ { "xterm-256color", "", "" }, BARE },
	{ { NULL, NULL, NULL }, BARE },
	{ { "tmux-256color", "/tmp/tmux-0/default,1,0", NULL }, BARE TMUX },
	{ { "xterm", "/tmp/tmux-0/default,1,0", NULL }, BARE TMUX },
	{ { "tmux-256color", NULL, NULL }, BARE TMUX },
	{ { "screen-256color", NULL, NULL }, BARE TMUX },
	{ { "screen", NULL, "12.pts" }, "\033P" BARE "\033\\" },
	{ { "linux", NULL, NULL }, NULL },
	{ { "vt100", NULL, NULL }, NULL },
};

Test(copy, each_terminal_gets_its_form)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf b = { 0 };
		struct err e = { 0 };
		const int rc = copy_make(&cases[i].way, STR("hi"), &b, &e);
		cr_expect_eq(rc, cases[i].bytes ? 0 : -ERR_UNREACHABLE, "case %zu", i);
		cr_expect_str_eq(buf_cstr(&b), cases[i].bytes ? cases[i].bytes : "", "case %zu", i);
	}
}

Test(copy, is_bounded)
{
	const struct copy_way xterm = { "xterm", NULL, NULL };
	cleanup_free char *text = xcalloc(1, COPY_TEXT_MAX + 1);
	cleanup_buf struct buf b = { 0 };
	struct err e = { 0 };

	memset(text, 'a', COPY_TEXT_MAX + 1);
	cr_expect_eq(copy_make(&xterm, (struct str){ text, COPY_TEXT_MAX + 1 }, &b, &e),
	             -ERR_TOO_BIG);
	cr_expect_eq(b.n, 0u);
	cr_assert_eq(copy_make(&xterm, (struct str){ text, COPY_TEXT_MAX }, &b, &e), 0);
	cr_expect_leq(b.n, COPY_ENCODED_MAX + strlen("\033]52;c;\a"));
}

Test(copy, pieces_for_screen_are_short_and_join)
{
	const struct copy_way way = { "screen", NULL, "1.pts" };
	cleanup_buf struct buf b = { 0 }, joined = { 0 };
	struct err e = { 0 };
	char text[600];
	size_t pieces = 0;

	memset(text, 'a', sizeof(text));
	cr_assert_eq(copy_make(&way, (struct str){ text, sizeof(text) }, &b, &e), 0);
	for (const char *p = buf_cstr(&b); *p; pieces++) {
		cr_assert(has_prefix(p, "\033P"));
		const char *end = strstr(p + 2, "\033\\");
		cr_assert_not_null(end);
		cr_expect_leq((size_t)(end - p), 256u);
		buf_add(&joined, p + 2, (size_t)(end - p) - 2);
		p = end + 2;
	}
	cr_expect_eq(pieces, 4u);
	cr_expect_eq(joined.n, 800 + strlen("\033]52;c;\a"));
	cr_expect(has_prefix(buf_cstr(&joined), "\033]52;c;YWFh"));
}
