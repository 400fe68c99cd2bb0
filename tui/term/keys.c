/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of keys and the field that a person types into. Knows neither curses nor views: a key
 * comes in, an action or a changed line goes out.
 */
#include "tui/term/keys.h"

#include <assert.h>
#include <string.h>

#include "registry/base/str.h"

struct key_row {
	enum key_code code;
	char c; /* of K_CHAR and K_CTRL */
	enum action act;
};

/* clang-format off */
static const struct key_row rows[] = {
	{ K_UP, 0, ACT_UP }, { K_CHAR, 'k', ACT_UP },
	{ K_DOWN, 0, ACT_DOWN }, { K_CHAR, 'j', ACT_DOWN },
	{ K_PAGE_UP, 0, ACT_PAGE_UP }, { K_CTRL, 'u', ACT_PAGE_UP }, { K_CTRL, 'b', ACT_PAGE_UP },
	{ K_PAGE_DOWN, 0, ACT_PAGE_DOWN }, { K_CTRL, 'd', ACT_PAGE_DOWN },
	{ K_CTRL, 'f', ACT_PAGE_DOWN },
	{ K_HOME, 0, ACT_TOP }, { K_CHAR, 'g', ACT_TOP },
	{ K_END, 0, ACT_BOTTOM }, { K_CHAR, 'G', ACT_BOTTOM },
	{ K_ENTER, 0, ACT_OPEN }, { K_RIGHT, 0, ACT_OPEN }, { K_CHAR, 'l', ACT_OPEN },
	{ K_ESC, 0, ACT_BACK }, { K_LEFT, 0, ACT_BACK }, { K_CHAR, 'q', ACT_BACK },
	{ K_TAB, 0, ACT_NEXT_TAB },
	{ K_CHAR, '1', ACT_TAB_1 }, { K_CHAR, '2', ACT_TAB_2 }, { K_CHAR, '3', ACT_TAB_3 },
	{ K_CHAR, '4', ACT_TAB_4 },
	{ K_CHAR, 'p', ACT_PROMOTE }, { K_CHAR, 'r', ACT_ROLLBACK }, { K_CHAR, 'v', ACT_VERIFY },
	{ K_CHAR, 'h', ACT_HISTORY }, { K_CHAR, 'J', ACT_JOBS },
	{ K_CHAR, 'P', ACT_PLANS }, { K_CHAR, 'A', ACT_APPROVE },
	{ K_CHAR, 'a', ACT_ABORT }, { K_CHAR, 'c', ACT_CONTINUE },
	{ K_CHAR, 'R', ACT_RELOAD }, { K_CHAR, '/', ACT_FILTER }, { K_CHAR, '\\', ACT_CLEAR },
	{ K_CHAR, ':', ACT_COMMAND }, { K_CHAR, '?', ACT_HELP }, { K_CHAR, '!', ACT_NOTICES },
	{ K_CTRL, 'l', ACT_REPAINT },
};

static const struct {
	const char *keys, *text;
} texts[] = {
	[ACT_NONE] = { "", "" },
	[ACT_UP] = { "k Up", "one line up" },
	[ACT_DOWN] = { "j Down", "one line down" },
	[ACT_PAGE_UP] = { "Ctrl-U PgUp", "one page up" },
	[ACT_PAGE_DOWN] = { "Ctrl-D PgDn", "one page down" },
	[ACT_TOP] = { "g Home", "to the first line" },
	[ACT_BOTTOM] = { "G End", "to the last line" },
	[ACT_OPEN] = { "Enter l", "open the chosen line" },
	[ACT_BACK] = { "q Esc", "back; on the first screen: leave" },
	[ACT_NEXT_TAB] = { "Tab", "next tab" },
	[ACT_TAB_1] = { "1", "first tab" },
	[ACT_TAB_2] = { "2", "second tab" },
	[ACT_TAB_3] = { "3", "third tab" },
	[ACT_TAB_4] = { "4", "fourth tab" },
	[ACT_PROMOTE] = { "p", "promote the chosen version: first a preview" },
	[ACT_ROLLBACK] = { "r", "roll a stage back: first a preview" },
	[ACT_VERIFY] = { "v", "verify signatures and bytes" },
	[ACT_HISTORY] = { "h", "history of the model" },
	[ACT_JOBS] = { "J", "jobs" },
	[ACT_PLANS] = { "P", "plans, and whom they wait for" },
	[ACT_APPROVE] = { "A", "approve the chosen plan, as another person" },
	[ACT_ABORT] = { "a", "abort the job" },
	[ACT_CONTINUE] = { "c", "go on: a plan that is approved, a job whose agent is gone" },
	[ACT_RELOAD] = { "R", "read the registry again" },
	[ACT_FILTER] = { "/", "filter while typing; -word excludes" },
	[ACT_CLEAR] = { "Backslash", "clear the filter" },
	[ACT_COMMAND] = { ":", "a command, as after slipway in a shell" },
	[ACT_HELP] = { "?", "this page" },
	[ACT_NOTICES] = { "!", "notices" },
	[ACT_REPAINT] = { "Ctrl-L", "paint the screen again" },
};
/* clang-format on */
static_assert(COUNT(texts) == ACT_COUNT, "each action has its row");

enum action
key_action(const struct key *k)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].code != k->code)
			continue;
		if ((k->code != K_CHAR && k->code != K_CTRL) ||
		    (k->text[0] == rows[i].c && !k->text[1]))
			return rows[i].act;
	}
	return ACT_NONE;
}

const char *
action_keys(enum action a)
{
	return a < ACT_COUNT ? texts[a].keys : NULL;
}

const char *
action_text(enum action a)
{
	return a < ACT_COUNT ? texts[a].text : NULL;
}

static void
line_cut(struct line *l, size_t from, size_t to)
{
	memmove(l->text + from, l->text + to, l->n - to + 1);
	l->n -= to - from;
	l->at = from;
}

static size_t
before(const struct line *l)
{
	size_t i = l->at;

	while (i > 0 && ((unsigned char)l->text[--i] & 0xc0) == 0x80)
		;
	return i;
}

static size_t
behind(const struct line *l)
{
	size_t i = l->at;

	if (i < l->n)
		i++;
	while (i < l->n && ((unsigned char)l->text[i] & 0xc0) == 0x80)
		i++;
	return i;
}

static size_t
word_before(const struct line *l)
{
	size_t i = l->at;

	while (i > 0 && l->text[i - 1] == ' ')
		i--;
	while (i > 0 && l->text[i - 1] != ' ')
		i--;
	return i;
}

static void
line_insert(struct line *l, const char *s)
{
	const size_t n = strlen(s);

	if (l->n + n >= sizeof(l->text))
		return;
	memmove(l->text + l->at + n, l->text + l->at, l->n - l->at + 1);
	memcpy(l->text + l->at, s, n);
	l->n += n;
	l->at += n;
}

static bool
line_ctrl(struct line *l, char c)
{
	if (c == 'a')
		l->at = 0;
	else if (c == 'e')
		l->at = l->n;
	else if (c == 'u')
		line_cut(l, 0, l->at);
	else if (c == 'k')
		line_cut(l, l->at, l->n);
	else if (c == 'w')
		line_cut(l, word_before(l), l->at);
	else
		return false;
	return true;
}

bool
line_key(struct line *l, const struct key *k)
{
	if (k->code == K_CHAR)
		line_insert(l, k->text);
	else if (k->code == K_CTRL)
		return line_ctrl(l, k->text[0]);
	else if (k->code == K_BACKSPACE)
		line_cut(l, before(l), l->at);
	else if (k->code == K_DELETE)
		line_cut(l, l->at, behind(l));
	else if (k->code == K_LEFT)
		l->at = before(l);
	else if (k->code == K_RIGHT)
		l->at = behind(l);
	else if (k->code == K_HOME)
		l->at = 0;
	else if (k->code == K_END)
		l->at = l->n;
	else
		return false;
	return true;
}

void
line_set(struct line *l, const char *s)
{
	line_clear(l);
	line_insert(l, s);
}

void
line_clear(struct line *l)
{
	explicit_bzero(l, sizeof(*l));
}
