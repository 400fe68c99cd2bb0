/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what curses reads to struct key. Text between the marks of a paste is flagged, so that a
 * page pasted into the wrong window is never obeyed.
 */
#include <curses.h>
#include <string.h>
#include <wchar.h>

#include "tui/term/screen_private.h"

#define PASTE_BEGIN (KEY_MAX + 1)
#define PASTE_END   (KEY_MAX + 2)

void
screen_keys_paste(void)
{
	define_key("\033[200~", PASTE_BEGIN);
	define_key("\033[201~", PASTE_END);
}

static const struct {
	int curses;
	enum key_code code;
} named[] = {
	{ KEY_UP, K_UP },         { KEY_DOWN, K_DOWN },
	{ KEY_LEFT, K_LEFT },     { KEY_RIGHT, K_RIGHT },
	{ KEY_PPAGE, K_PAGE_UP }, { KEY_NPAGE, K_PAGE_DOWN },
	{ KEY_HOME, K_HOME },     { KEY_END, K_END },
	{ KEY_ENTER, K_ENTER },   { KEY_BACKSPACE, K_BACKSPACE },
	{ KEY_DC, K_DELETE },     { KEY_BTAB, K_BACK_TAB },
	{ KEY_RESIZE, K_RESIZE },
};

static enum key_code
code_of(int curses)
{
	for (size_t i = 0; i < COUNT(named); i++)
		if (named[i].curses == curses)
			return named[i].code;
	return K_OTHER;
}

static void
char_key(wint_t c, struct key *ret)
{
	mbstate_t state = { 0 };
	char text[16];

	if (c == '\r' || c == '\n') {
		ret->code = K_ENTER;
	} else if (c == '\t') {
		ret->code = K_TAB;
	} else if (c == 0x1b) {
		ret->code = K_ESC;
	} else if (c == 0x7f || c == 0x08) {
		ret->code = K_BACKSPACE;
	} else if (c < 0x20) {
		ret->code = K_CTRL;
		ret->text[0] = (char)(c + 0x60);
	} else {
		const size_t n = wcrtomb(text, (wchar_t)c, &state);
		ret->code = n > 0 && n < sizeof(ret->text) ? K_CHAR : K_OTHER;
		if (ret->code == K_CHAR)
			memcpy(ret->text, text, n);
	}
}

bool
screen_key(struct screen *s, struct key *ret)
{
	wint_t c = 0;

	*ret = (struct key){ 0 };
	const int rc = wget_wch(s->pad, &c);
	if (rc == ERR)
		return false;
	if (rc == KEY_CODE_YES && (c == PASTE_BEGIN || c == PASTE_END)) {
		s->in_paste = c == PASTE_BEGIN;
		ret->code = K_OTHER;
		ret->is_pasted = true;
		return true;
	}
	if (rc == KEY_CODE_YES && c > KEY_F(0) && c <= KEY_F(10)) {
		ret->code = K_F;
		ret->text[0] = (char)(c - KEY_F(0));
	} else if (rc == KEY_CODE_YES)
		ret->code = code_of((int)c);
	else
		char_key(c, ret);
	ret->is_pasted = s->in_paste;
	return true;
}
