/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop: print what changed, read a line, do it, wait for what it started. Nothing is painted
 * twice: a page that is the same as the one before is not printed again.
 */
#include "tui/linear.h"

#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "tui/console_private.h"

#define PAGE_ROWS 40u /* where nobody knows how large the terminal is */
#define PAGE_COLS 100u
#define BESIDE    14u    /* cells of a line's number and of what is said behind it */
#define SAY_MS    30000u /* between two words about what still runs */
#define LOOK_MS   100
#define LIVE_MS   1000

struct linear {
	struct console *c;
	struct grid grid;
	struct buf last;        /* the page as it was printed */
	size_t choices, chosen; /* rows with a number, and which of them the cursor is on, from 1 */
};

static void
say(struct linear *l, const char *text)
{
	out_text(l->c->app->out, "%s\n", text);
	out_flush(l->c->app->out);
}

/* --- printing --- */

/* Rules and charts are pictures; a reader of lines gets their words. */
static void
row_text(const struct grid *g, size_t row, struct buf *ret)
{
	cleanup_buf struct buf b = { 0 };
	const char *s;

	grid_row_text(g, row, &b);
	s = buf_cstr(&b);
	const char *line = has_prefix(s, "─ ") ? "─" : has_prefix(s, "- ") ? "-" : NULL;
	const size_t line_n = line ? strlen(line) : 0;
	s += line ? line_n + 1 : 0;
	size_t n = strlen(s);
	while (line && n > 0 &&
	       (s[n - 1] == ' ' || (n >= line_n && memcmp(s + n - line_n, line, line_n) == 0)))
		n -= s[n - 1] == ' ' ? 1 : line_n;
	if (n > 0 && strspn(s, "- ") < n)
		buf_add(ret, s, n);
}

static void
page_make(struct linear *l, struct buf *ret)
{
	const struct area a = area_of(&l->grid);
	struct view *v = console_top(l->c);

	grid_blank(&l->grid);
	v->cols = a.cols;
	v->ops->draw(v, &a);
	l->choices = l->chosen = 0;
	for (size_t row = 0; row < l->grid.rows; row++) {
		cleanup_buf struct buf text = { 0 };
		row_text(&l->grid, row, &text);
		if (text.n == 0)
			continue;
		const char *s = buf_cstr(&text);
		if (l->grid.choices[row]) {
			l->choices++;
			if (l->grid.choices[row] == CHOICE_CHOSEN)
				l->chosen = l->choices;
			const bool is_marked = s[0] == '*';
			s += strspn(s, "> *");
			buf_addf(ret, "%2zu: %s%s%s\n", l->choices, s,
			         is_marked ? "  (marked)" : "",
			         l->grid.choices[row] == CHOICE_CHOSEN ? "  (chosen)" : "");
		} else {
			buf_addf(ret, "%s\n", s + strspn(s, " "));
		}
	}
}

static void
notices_print(struct linear *l)
{
	struct notices *n = &l->c->shared.notices;

	for (; n->read < n->list.n; n->read++) {
		const struct notice *one = &n->list.v[n->read];
		out_text(l->c->app->out, "%s: %s\n", one->is_bad ? "error" : "notice", one->text);
		if (one->hint[0])
			out_text(l->c->app->out, "next: %s\n", one->hint);
	}
	if (l->c->flash[0])
		out_text(l->c->app->out, "%s\n", l->c->flash);
	l->c->flash[0] = '\0';
}

static void
page_print(struct linear *l)
{
	cleanup_buf struct buf page = { 0 };
	cleanup_buf struct buf path = { 0 };

	console_path(l->c, &path);
	buf_addf(&page, "== %s\n", buf_cstr(&path));
	page_make(l, &page);
	notices_print(l);
	if (l->last.n == page.n && page.n > 0 && memcmp(l->last.p, page.p, page.n) == 0)
		return;
	out_raw(l->c->app->out, page.p, page.n); /* drawn cells are safe already */
	buf_clear(&l->last);
	buf_add(&l->last, page.p, page.n);
}

/* --- waiting --- */

static bool
is_busy(struct linear *l)
{
	struct view *v = console_top(l->c);

	while (v->is_unfinished) {
		(void)v->ops->more(v);
		v = console_top(l->c);
	}
	return children_run(l->c);
}

/* Until nothing that was started runs; a word about it each half minute. */
static void
settle(struct linear *l)
{
	const uint64_t began = clock_mono_ms();
	uint64_t said = began;

	while (is_busy(l)) {
		struct pollfd none = { .fd = -1 };
		(void)poll(&none, 1, LOOK_MS);
		children_pump(l->c);
		if (clock_mono_ms() - said < SAY_MS)
			continue;
		said = clock_mono_ms();
		out_text(l->c->app->out, "still runs, for %u s\n",
		         (unsigned)((said - began) / 1000));
		out_flush(l->c->app->out);
	}
	streams_pump(l->c);
	console_reload(l->c);
}

/* The page follows its job until that is over. Ctrl-C ends the console and not the job. */
static void
wait_live(struct linear *l)
{
	uint64_t said = clock_mono_ms();

	while (console_top(l->c)->is_live) {
		struct pollfd none = { .fd = -1 };
		(void)poll(&none, 1, LIVE_MS);
		console_reload(l->c);
		if (clock_mono_ms() - said < SAY_MS)
			continue;
		said = clock_mono_ms();
		page_print(l);
		out_flush(l->c->app->out);
	}
}

/* --- questions --- */

/* The rest of a line that is too long must not answer the next question. */
static void
rest_drop(void)
{
	int c = getc(stdin);

	while (c != EOF && c != '\n')
		c = getc(stdin);
}

/* A line without its end; false: no more input. */
static bool
line_read(struct linear *l, const char *ask, char *ret, size_t size)
{
	for (;;) {
		out_text(l->c->app->out, "%s ", ask);
		out_flush(l->c->app->out);
		if (!fgets(ret, (int)size, stdin))
			return false;
		char *const end = strchr(ret, '\n');
		if (end) {
			ret[strcspn(ret, "\r\n")] = '\0';
			return true;
		}
		explicit_bzero(ret, size);
		rest_drop();
		say(l, "that line is too long and was not taken");
	}
}

static bool
secret_read(struct linear *l)
{
	struct line *secret = l->c->prompt.secret;
	struct termios was, quiet;
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	sigset_t interrupt, old;
	const bool has_modes = tcgetattr(STDIN_FILENO, &was) == 0;

	/* what would end or stop it waits until the terminal is as it was */
	sigemptyset(&interrupt);
	for (size_t i = 0; i < COUNT(ends); i++)
		sigaddset(&interrupt, ends[i]);
	(void)sigprocmask(SIG_BLOCK, &interrupt, &old);
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (has_modes)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
	if (l->c->prompt
	            .wrong) /* said once nothing is shown: who answers at once is not seen either */
		say(l, l->c->prompt.wrong);
	const bool ok = line_read(l, "passphrase (not shown):", secret->text, sizeof(secret->text));
	if (has_modes)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &was);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	secret->n = secret->at = strlen(secret->text);
	say(l, "");
	return ok;
}

static void
key_send(struct linear *l, enum key_code code, const char *text)
{
	struct key k = { .code = code };

	(void)str_copy(k.text, sizeof(k.text), text);
	prompt_key(l->c, &k);
}

static void
command_say(struct linear *l)
{
	cleanup_buf struct buf line = { 0 };

	words_show(&l->c->prompt.act.argv, &line);
	out_text(l->c->app->out, "runs: %s\n", buf_cstr(&line));
}

static void
menu_say(struct linear *l)
{
	const struct menu *m = &l->c->prompt.act.menu;

	out_text(l->c->app->out, "%s\n", m->title);
	for (size_t i = 0; i < m->items.n; i++)
		out_text(l->c->app->out, "%s: %s%s%s\n", m->items.v[i].key, m->items.v[i].text,
		         m->items.v[i].is_checked ? ", chosen" : "",
		         m->items.v[i].is_off ? ", not possible now" : "");
}

/* true: the question was answered or left; false: no more input. */
static bool
question_ask(struct linear *l)
{
	struct prompt *p = &l->c->prompt;
	char text[LINE_SIZE];

	if (p->wrong && p->kind != PROMPT_SECRET)
		say(l, p->wrong);
	switch (p->kind) {
	case PROMPT_CONFIRM:
		command_say(l);
		if (!line_read(l, "run this? yes / no:", text, sizeof(text)))
			return false;
		streq(text, "yes") ? key_send(l, K_CHAR, "y") : key_send(l, K_ESC, "");
		return true;
	case PROMPT_QUIT:
		if (!line_read(l, "a command still runs and would end: leave? yes / no:", text,
		               sizeof(text)))
			return false;
		streq(text, "yes") ? key_send(l, K_CHAR, "y") : key_send(l, K_ESC, "");
		return true;
	case PROMPT_NAME:
		command_say(l);
		if (!line_read(l, "type the name, empty leaves nothing changed:", text,
		               sizeof(text)))
			return false;
		break;
	case PROMPT_SECRET:
		if (!secret_read(l))
			return false;
		key_send(l, p->secret->n > 0 ? K_ENTER : K_ESC, "");
		return true;
	case PROMPT_FIELD:
		if (!line_read(l, field_ask(l->c), text, sizeof(text)))
			return false;
		break;
	case PROMPT_MENU:
		menu_say(l);
		if (!line_read(l, "which? empty leaves:", text, sizeof(text)))
			return false;
		text[0] && !text[1] ? key_send(l, K_CHAR, text) : key_send(l, K_ESC, "");
		return true;
	case PROMPT_NONE:
	case PROMPT_FILTER:
	case PROMPT_COMMAND:
		prompt_close(l->c);
		return true;
	}
	if (!text[0] && p->kind == PROMPT_NAME) {
		key_send(l, K_ESC, "");
		return true;
	}
	line_set(&p->line, text);
	key_send(l, K_ENTER, "");
	return true;
}

/* --- lines that were typed --- */

static void
act(struct linear *l, enum action a)
{
	static const enum action painted[] = { ACT_REPAINT, ACT_FACTS, ACT_PRINT, ACT_COPY };

	for (size_t i = 0; i < COUNT(painted); i++)
		if (a == painted[i]) {
			say(l, "that is for a painted screen");
			return;
		}
	console_act(l->c, a);
}

static enum action
action_of(const char *word, const char *screen)
{
	for (enum action a = ACT_UP; a < ACT_COUNT; a++)
		if (streq(action_name(a), word) && action_is_on(a, screen))
			return a;
	return ACT_NONE;
}

/* The cursor goes to the line of that number. */
static bool
choose(struct linear *l, size_t number)
{
	if (number == 0 || number > l->choices || l->chosen == 0) {
		say(l, "no line has this number");
		return false;
	}
	for (; l->chosen < number; l->chosen++)
		console_act(l->c, ACT_DOWN);
	for (; l->chosen > number; l->chosen--)
		console_act(l->c, ACT_UP);
	return true;
}

static void
filter_set(struct linear *l, const char *words)
{
	struct view *v = console_top(l->c);

	if (!v->ops->has_filter) {
		say(l, "nothing can be filtered here");
		return;
	}
	if (str_copy(v->filter, sizeof(v->filter), words) < 0)
		say(l, "that is too long");
	console_reload(l->c);
}

static void
command_type(struct linear *l, const char *words)
{
	prompt_open(l->c, PROMPT_COMMAND);
	line_set(&l->c->prompt.line, words);
	key_send(l, K_ENTER, "");
}

static void
words_help(struct linear *l)
{
	const char *screen = console_top(l->c)->ops->name;

	say(l, "a number opens that line; a word and a number do that with it; / words filter; : "
	       "words are a command; wait follows a job to its end; quit leaves. Words here:");
	for (enum action a = ACT_PAGE_UP; a < ACT_COUNT; a++)
		if (action_is_on(a, screen))
			out_text(l->c->app->out, "%s: %s\n", action_name(a), action_text(a));
}

static void
line_do(struct linear *l, const char *line)
{
	char word[64] = "";
	const size_t n = strcspn(line, " ");
	const char *rest = line + n + strspn(line + n, " ");
	uint64_t number = 0;

	if (line[0] == '/') {
		filter_set(l, line + 1 + strspn(line + 1, " "));
		return;
	}
	if (line[0] == ':') {
		command_type(l, line + 1 + strspn(line + 1, " "));
		return;
	}
	memcpy(word, line, n < sizeof(word) ? n : sizeof(word) - 1);
	if (parse_u64(word, l->grid.rows, &number) == 0) {
		if (choose(l, (size_t)number))
			act(l, ACT_OPEN);
		return;
	}
	if (rest[0] && (parse_u64(rest, l->grid.rows, &number) < 0 || !choose(l, (size_t)number))) {
		say(l,
		    "behind a word stands the number of a line; help says which words there are");
		return;
	}
	const enum action a = action_of(word, console_top(l->c)->ops->name);
	if (streq(word, "quit"))
		l->c->quits = true;
	else if (streq(word, "help"))
		words_help(l);
	else if (streq(word, "wait"))
		wait_live(l);
	else if (a != ACT_NONE)
		act(l, a);
	else
		say(l, "no such word here; help says which there are");
}

/* A page fits what the reader has in front of him, and is never too small for a choice. */
static void
page_size(size_t *ret_rows, size_t *ret_cols)
{
	struct winsize w = { 0 };

	*ret_rows = PAGE_ROWS;
	*ret_cols = PAGE_COLS;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_row == 0 || w.ws_col == 0)
		return;
	*ret_rows = w.ws_row < 16 ? 12 : w.ws_row > 100 ? 96 : w.ws_row - 4u;
	/* a long line breaks: names stay whole */
	*ret_cols = w.ws_col < 80 + BESIDE ? 80 : w.ws_col > 200 + BESIDE ? 200 : w.ws_col - BESIDE;
}

int
linear_main(struct console *c, const char *why, struct err *e)
{
	struct linear l = { .c = c };
	char line[LINE_SIZE];
	size_t rows, cols;

	(void)e;
	c->shared.is_slow = true;              /* no charts */
	(void)setvbuf(stdin, NULL, _IONBF, 0); /* no passphrase stays in a buffer */
	page_size(&rows, &cols);
	grid_init(&l.grid, rows, cols, !streq(nl_langinfo(CODESET), "UTF-8"));
	grid_choices(&l.grid);
	out_text(c->app->out, "plain lines, because %s\n", why);
	say(&l, "a number opens a line; help says which words there are; quit leaves");
	while (!c->quits) {
		settle(&l);
		if (c->prompt.kind != PROMPT_NONE) {
			if (!question_ask(&l))
				break;
			continue;
		}
		page_print(&l);
		if (!line_read(&l, ">", line, sizeof(line)))
			break;
		if (line[0])
			line_do(&l, line);
	}
	grid_fini(&l.grid);
	buf_fini(&l.last);
	return 0;
}
