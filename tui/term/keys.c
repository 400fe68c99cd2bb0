/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of keys and the field that a person types into. Knows neither curses nor views: a key
 * comes in, an action or a changed line goes out.
 */
#include "tui/term/keys.h"

#include <assert.h>
#include <string.h>

#include "registry/base/str.h"

struct action_row {
	const char *name;
	const char *keys;  /* by default */
	const char *where; /* the screens that have it, parted by blanks; NULL: all */
	const char *text;
};

/* clang-format off */
static const struct action_row actions[] = {
	[ACT_NONE] = { "", "", NULL, "" },
	[ACT_UP] = { "up", "k Up", NULL, "one line up" },
	[ACT_DOWN] = { "down", "j Down", NULL, "one line down" },
	[ACT_PAGE_UP] = { "page-up", "Ctrl-U PgUp Ctrl-B", NULL, "one page up" },
	[ACT_PAGE_DOWN] = { "page-down", "Ctrl-D PgDn Ctrl-F", NULL, "one page down" },
	[ACT_TOP] = { "top", "g Home", NULL, "to the first line" },
	[ACT_BOTTOM] = { "bottom", "G End", NULL, "to the last line" },
	[ACT_LEFT] = { "left", "h Left", NULL, "one column left; in a list: back" },
	[ACT_RIGHT] = { "right", "l Right", NULL, "one column right; in a list: open" },
	[ACT_OPEN] = { "open", "Enter", NULL, "open the chosen line" },
	[ACT_BACK] = { "back", "q Esc", NULL, "back; on the first screen: leave" },
	[ACT_NEXT_TAB] = { "next-tab", "Tab", NULL, "next tab or pane" },
	[ACT_PREV_TAB] = { "previous-tab", "BackTab", NULL, "tab or pane before" },
	[ACT_TAB_1] = { "tab-1", "1", NULL, "first tab" },
	[ACT_TAB_2] = { "tab-2", "2", NULL, "second tab" },
	[ACT_TAB_3] = { "tab-3", "3", NULL, "third tab" },
	[ACT_TAB_4] = { "tab-4", "4", NULL, "fourth tab" },
	[ACT_TAB_5] = { "tab-5", "5", NULL, "fifth tab" },
	[ACT_TAB_6] = { "tab-6", "6", NULL, "sixth tab" },
	[ACT_TAB_7] = { "tab-7", "7", NULL, "seventh tab" },
	[ACT_FILTER] = { "filter", "/", NULL, "filter while typing; -word excludes" },
	[ACT_CLEAR] = { "clear-filter", "Backslash", NULL, "clear the filter" },
	[ACT_RAW_FILTER] = { "raw-filter", "*", NULL, "rows that do not match: away, or dimmed" },
	[ACT_NEXT_HIT] = { "next-hit", "n", NULL, "next row that matches or is marked" },
	[ACT_PREV_HIT] = { "previous-hit", "N", NULL, "row before that matches or is marked" },
	[ACT_SORT] = { "sort", "s", NULL, "sort" },
	[ACT_COLUMNS] = { "columns", "c", NULL, "which columns are shown" },
	[ACT_MARK] = { "mark", "Space", NULL, "mark the chosen line" },
	[ACT_MARK_RANGE] = { "mark-range", "V", NULL, "mark all lines from the last mark to here" },
	[ACT_UNMARK] = { "unmark", "u", NULL, "take the mark off the chosen line" },
	[ACT_UNMARK_ALL] = { "unmark-all", "U", NULL, "take all marks off" },
	[ACT_METRIC] = { "metric", "M", NULL, "next metric in the chart" },
	[ACT_FOLD] = { "fold", "z", NULL, "fold or unfold this part" },
	[ACT_PROMOTE] = { "promote", "p", NULL, "promote the chosen version: first a preview" },
	[ACT_PROMOTE_MARKED] = { "promote-marked", "P", NULL, "promote the marked, one by one" },
	[ACT_DIFF] = { "diff", "d", NULL, "compare the two marked, else with what a stage holds" },
	[ACT_ROLLBACK] = { "rollback", "r", NULL, "roll a stage back: first a preview" },
	[ACT_VERIFY] = { "verify", "v", NULL, "verify signatures and bytes" },
	[ACT_APPROVE] = { "approve", "a", "plans plan", "approve the plan, as another person" },
	[ACT_APPLY] = { "apply", "C", "plans plan", "apply a plan that is approved" },
	[ACT_ABORT] = { "abort", "a", "jobs job", "abort the job" },
	[ACT_RESUME] = { "resume", "C", "jobs job", "go on with a job whose agent is gone" },
	[ACT_MENU] = { "menu", "x", NULL, "more that can be done with the chosen line" },
	[ACT_COPY] = { "copy", "y", NULL, "copy: name, reference, digest, command" },
	[ACT_PRINT] = { "print", "Ctrl-P", NULL, "print this screen below, to select from it" },
	[ACT_HOME] = { "home", "H", NULL, "models, the first screen" },
	[ACT_BOARD] = { "board", "b", NULL, "the stages side by side" },
	[ACT_TARGETS] = { "targets", "T", NULL, "targets: what runs where" },
	[ACT_JOBS] = { "jobs", "J", NULL, "jobs" },
	[ACT_PLANS] = { "plans", "W", NULL, "plans, and whom they wait for" },
	[ACT_AUDIT] = { "audit", "A", NULL, "the log of all changes" },
	[ACT_TRUST] = { "keys", "K", NULL, "keys and policy" },
	[ACT_LOGS] = { "logs", "L", NULL, "what the instances of the target print" },
	[ACT_HISTORY] = { "history", "t", NULL, "history of the model" },
	[ACT_NOTICES] = { "notices", "!", NULL, "notices" },
	[ACT_BACKWARD] = { "backward", "[", NULL, "the screen shown before this one" },
	[ACT_FORWARD] = { "forward", "]", NULL, "forward again" },
	[ACT_COMMAND] = { "command", ":", NULL, "a command, as after slipway in a shell" },
	[ACT_HELP] = { "help", "? F1", NULL, "this page" },
	[ACT_FORGET] = { "forget", "X", NULL, "forget the remembered passphrase" },
	[ACT_FACTS] = { "facts", "Ctrl-G", NULL, "bytes, time and link of the last frame" },
	[ACT_RELOAD] = { "reload", "R F5", NULL, "read the registry again" },
	[ACT_REPAINT] = { "repaint", "Ctrl-L", NULL, "paint the screen again" },
};
/* clang-format on */
static_assert(COUNT(actions) == ACT_COUNT, "each action has its row");

static const char *rebound[ACT_COUNT]; /* what the configuration says; NULL: the default */

/* --- the names of keys --- */

static const struct {
	const char *name;
	enum key_code code;
	char c;
} named[] = {
	{ "Enter", K_ENTER, 0 },      { "Esc", K_ESC, 0 },      { "Tab", K_TAB, 0 },
	{ "BackTab", K_BACK_TAB, 0 }, { "Up", K_UP, 0 },        { "Down", K_DOWN, 0 },
	{ "Left", K_LEFT, 0 },        { "Right", K_RIGHT, 0 },  { "PgUp", K_PAGE_UP, 0 },
	{ "PgDn", K_PAGE_DOWN, 0 },   { "Home", K_HOME, 0 },    { "End", K_END, 0 },
	{ "Delete", K_DELETE, 0 },    { "Space", K_CHAR, ' ' }, { "Backslash", K_CHAR, '\\' },
};
/* What terminals and their users need for other things (flow control, job control, Tab, Enter,
 * Backspace, Esc). */
static const char no_ctrl[] = "chijmqsz[";

static bool
key_of(const char *name, size_t n, struct key *ret)
{
	*ret = (struct key){ 0 };
	for (size_t i = 0; i < COUNT(named); i++)
		if (strlen(named[i].name) == n && memcmp(named[i].name, name, n) == 0) {
			ret->code = named[i].code;
			ret->text[0] = named[i].c;
			return true;
		}
	if (n == 6 && memcmp(name, "Ctrl-", 5) == 0) {
		ret->code = K_CTRL;
		ret->text[0] = (char)(name[5] | 0x20);
		return ret->text[0] >= 'a' && ret->text[0] <= 'z' && !strchr(no_ctrl, ret->text[0]);
	}
	if ((n == 2 || n == 3) && name[0] == 'F' && name[1] >= '1' && name[1] <= '9') {
		ret->code = K_F;
		ret->text[0] = (char)(n == 2 ? name[1] - '0' : 10);
		return n == 2 || (name[1] == '1' && name[2] == '0');
	}
	ret->code = K_CHAR;
	ret->text[0] = name[0];
	return n == 1 && name[0] > ' ' && name[0] < 0x7f;
}

static bool
same_key(const struct key *a, const struct key *b)
{
	if (a->code != b->code)
		return false;
	if (a->code == K_CHAR || a->code == K_CTRL || a->code == K_F)
		return a->text[0] == b->text[0] && !a->text[1] && !b->text[1];
	return true;
}

/* The next name of a list like "k Up"; 0: none is left. */
static size_t
next_name(const char **at)
{
	*at += strspn(*at, " ");
	return strcspn(*at, " ");
}

static bool
has_key(const char *keys, const struct key *k)
{
	struct key one;

	for (size_t n; (n = next_name(&keys)) > 0; keys += n)
		if (key_of(keys, n, &one) && same_key(&one, k))
			return true;
	return false;
}

static bool
has_name(const char *list, const char *name)
{
	const size_t wanted = strlen(name);

	for (size_t n; (n = next_name(&list)) > 0; list += n)
		if (n == wanted && memcmp(list, name, n) == 0)
			return true;
	return false;
}

/* --- actions --- */

const char *
action_keys(enum action a)
{
	if (a >= ACT_COUNT)
		return NULL;
	return rebound[a] ? rebound[a] : actions[a].keys;
}

const char *
action_text(enum action a)
{
	return a < ACT_COUNT ? actions[a].text : NULL;
}

const char *
action_name(enum action a)
{
	return a < ACT_COUNT ? actions[a].name : NULL;
}

const char *
action_screens(enum action a)
{
	return a < ACT_COUNT ? actions[a].where : NULL;
}

static bool
is_on(enum action a, const char *screen)
{
	return !actions[a].where || has_name(actions[a].where, screen);
}

bool
action_is_on(enum action a, const char *screen)
{
	return a < ACT_COUNT && action_keys(a)[0] && is_on(a, screen);
}

/* What is bound on this screen alone goes first. */
enum action
key_action(const struct key *k, const char *screen)
{
	for (int own = 1; own >= 0; own--)
		for (unsigned i = 1; i < ACT_COUNT; i++)
			if ((actions[i].where != NULL) == own && is_on((enum action)i, screen) &&
			    has_key(action_keys((enum action)i), k))
				return (enum action)i;
	return ACT_NONE;
}

enum action
action_named(const char *name)
{
	for (unsigned i = 1; i < ACT_COUNT; i++)
		if (streq(actions[i].name, name))
			return (enum action)i;
	return ACT_NONE;
}

int
keys_bind(const char *action, const char *keys, struct err *e)
{
	const char *at = keys;
	struct key k;
	const enum action i = action_named(action);

	if (i == ACT_NONE)
		return err_set(e, ERR_USAGE, "no key does \"%.40s\"", action);
	for (size_t n; (n = next_name(&at)) > 0; at += n)
		if (!key_of(at, n, &k))
			return err_set(e, ERR_USAGE, "\"%.*s\" is no key that can be bound",
			               (int)(n < 20 ? n : 20), at);
	rebound[i] = keys;
	return 0;
}

void
keys_reset(enum action a)
{
	rebound[a] = NULL;
}

static bool
meet(enum action a, enum action b)
{
	const char *where = actions[a].where;

	if (!where || !actions[b].where)
		return where == actions[b].where;
	for (size_t n; (n = next_name(&where)) > 0; where += n) {
		char one[32] = "";
		memcpy(one, where, n < sizeof(one) ? n : sizeof(one) - 1);
		if (has_name(actions[b].where, one))
			return true;
	}
	return false;
}

static int
check_pair(enum action a, enum action b, struct err *e)
{
	const char *keys = action_keys(a);
	struct key k;

	for (size_t n; (n = next_name(&keys)) > 0; keys += n)
		if (key_of(keys, n, &k) && has_key(action_keys(b), &k))
			return err_set(e, ERR_CONFLICT, "key %.*s does both \"%s\" and \"%s\"",
			               (int)n, keys, actions[a].name, actions[b].name);
	return 0;
}

int
keys_check(struct err *e)
{
	static const enum action needed[] = { ACT_BACK, ACT_OPEN, ACT_UP, ACT_DOWN, ACT_HELP };
	int rc = 0;

	for (size_t i = 0; i < COUNT(needed); i++)
		if (!action_keys(needed[i])[0])
			return err_set(e, ERR_CONFLICT, "no key is left that does \"%s\"",
			               actions[needed[i]].name);
	for (unsigned a = 1; a < ACT_COUNT && rc == 0; a++)
		for (unsigned b = a + 1; b < ACT_COUNT && rc == 0; b++)
			if (meet((enum action)a, (enum action)b))
				rc = check_pair((enum action)a, (enum action)b, e);
	return rc;
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
