/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what curses reads to struct key. Text between the marks of a paste is flagged, so that a
 * page pasted into the wrong window is never obeyed.
 */
#include <curses.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "tui/term/screen_private.h"

#define PASTE_BEGIN (KEY_MAX + 1)
#define PASTE_END   (KEY_MAX + 2)
#define ANSWER_CSI  (KEY_MAX + 3)
#define ANSWER_OSC  (KEY_MAX + 4)
#define ANSWER_DSR  (KEY_MAX + 5) /* the question behind a frame was painted */

void
screen_keys_paste(void)
{
	define_key("\033[200~", PASTE_BEGIN);
	define_key("\033[201~", PASTE_END);
}

/* Only their beginnings, what follows is read byte by byte; and for good, as one may come late. */
void
screen_keys_answers(void)
{
	define_key("\033[?", ANSWER_CSI);
	define_key("\033]", ANSWER_OSC);
	define_key("\033[0n", ANSWER_DSR);
}

/* Both forms of what moves: terminals and what stands between disagree on the mode, and the byte
 * ESC on its own leads back. */
void
screen_keys_forms(void)
{
	static const struct {
		const char *bytes;
		int curses;
	} forms[] = {
		{ "\033[A", KEY_UP },   { "\033OA", KEY_UP },     { "\033[B", KEY_DOWN },
		{ "\033OB", KEY_DOWN }, { "\033[C", KEY_RIGHT },  { "\033OC", KEY_RIGHT },
		{ "\033[D", KEY_LEFT }, { "\033OD", KEY_LEFT },   { "\033[H", KEY_HOME },
		{ "\033OH", KEY_HOME }, { "\033[1~", KEY_HOME },  { "\033[7~", KEY_HOME },
		{ "\033[F", KEY_END },  { "\033OF", KEY_END },    { "\033[4~", KEY_END },
		{ "\033[8~", KEY_END }, { "\033[5~", KEY_PPAGE }, { "\033[6~", KEY_NPAGE },
		{ "\033[3~", KEY_DC },  { "\033[Z", KEY_BTAB },   { "\033OM", KEY_ENTER },
	};

	for (size_t i = 0; i < COUNT(forms); i++)
		define_key(forms[i].bytes, forms[i].curses);
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
};

static enum key_code
code_of(int curses)
{
	for (size_t i = 0; i < COUNT(named); i++)
		if (named[i].curses == curses)
			return named[i].code;
	return K_OTHER;
}

/* curses would lose a character whose bytes come in two pieces, so they are joined here. */
static void
high_byte(struct screen *s, unsigned char c, struct key *ret)
{
	const bool begins = (c & 0xc0) == 0xc0;

	ret->code = K_NONE;
	if (begins)
		s->part_n = 0;
	else if (s->part_n == 0)
		return;
	s->part[s->part_n++] = (char)c;
	const unsigned char first = (unsigned char)s->part[0];
	const size_t wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (s->part_n < wanted)
		return;
	if (text_is_utf8((struct str){ s->part, s->part_n })) {
		memcpy(ret->text, s->part, s->part_n);
		ret->code = K_CHAR;
	}
	s->part_n = 0;
}

static void
char_key(struct screen *s, int c, struct key *ret)
{
	if (c >= 0x80) {
		high_byte(s, (unsigned char)c, ret);
		return;
	}
	s->part_n = 0;
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
		ret->code = K_CHAR;
		ret->text[0] = (char)c;
	}
}

/* true: it was part of an answer, or else no key. */
static bool
answer_take(struct screen *s, int c)
{
	if (c == KEY_RESIZE) /* our own resizeterm said so */
		return true;
	if (c == ANSWER_DSR)
		link_answered(&s->link, clock_mono_ms());
	else if (c == ANSWER_CSI || c == ANSWER_OSC)
		reply_begin(&s->reply, c == ANSWER_CSI ? REPLY_CSI : REPLY_OSC);
	else if (s->reply.kind != REPLY_NONE && c < 0x80)
		screen_fact(s, reply_byte(&s->reply, (char)c));
	else
		return false;
	return true;
}

static void
code_key(struct screen *s, int c, struct key *ret)
{
	if (c == PASTE_BEGIN || c == PASTE_END) {
		s->in_paste = c == PASTE_BEGIN;
		ret->code = K_OTHER;
	} else if (c > KEY_F(0) && c <= KEY_F(10)) {
		ret->code = K_F;
		ret->text[0] = (char)(c - KEY_F(0));
	} else if (c >= KEY_MIN) {
		ret->code = code_of(c);
	} else {
		char_key(s, c, ret);
	}
}

bool
screen_key(struct screen *s, struct key *ret)
{
	screen_questions_age(s);
	for (int c; !s->is_away && (c = wgetch(s->pad)) != ERR;) {
		const bool was_in_paste = s->in_paste;
		*ret = (struct key){ 0 };
		if (answer_take(s, c))
			continue;
		code_key(s, c, ret);
		ret->is_pasted = was_in_paste || s->in_paste;
		if (ret->code == K_NONE)
			continue;
		s->keys += !ret->is_pasted;
		return true;
	}
	return false;
}
