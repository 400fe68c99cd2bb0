/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curses with its output in a memfd: descriptor 1 is the memfd, descriptor 2 the terminal, which
 * newterm takes for modes and size because 1 is none. After doupdate the bytes leave in one write
 * on a descriptor of our own that does not block. Knows no views; what an ink looks like is ink.c.
 */
#include "tui/term/screen.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "registry/base/buf.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "tui/term/copy.h"
#include "tui/term/crash.h"
#include "tui/term/screen_private.h"

#define ESC_DELAY_MS  25
#define XTERM_REPEAT  "%p1%c\033[%p2%{1}%-%db"
#define GAP_MAX       3u  /* a longer one is passed over by moving the cursor */
#define CLOSE_WAIT_MS 200 /* for a slow line to take the last bytes */

static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";
static const char sync_off[] = "\033[?2026l";

/* What the terminal gets when we go, in order; an absent capability is skipped. */
static void
farewell_make(struct screen *s, struct buf *ret)
{
	static const char *const caps[] = { "sgr0", "cnorm", "rmkx", "rmcup" };
	char name[8];

	if (s->brackets)
		buf_adds(ret, sync_off);
	if (s->has_paste)
		buf_adds(ret, paste_off);
	for (size_t i = 0; i < COUNT(caps); i++) {
		(void)str_copy(name, sizeof(name), caps[i]);
		const char *v = tigetstr(name);
		if (!v || v == (const char *)-1)
			continue;
		for (; *v && !(v[0] == '$' && v[1] == '<'); v++)
			buf_addc(ret, *v);
	}
}

static bool
term_has_cursor(const char *name, int fd)
{
	char cap[] = "cup";
	int status = 0;
	bool has;

	if (setupterm(name, fd, &status) != OK)
		return false;
	const char *cup = tigetstr(cap);
	has = cup && cup != (const char *)-1 && tigetflag((char[]){ "hc" }) <= 0;
	(void)del_curterm(cur_term);
	return has;
}

/* $TERM, or what is known to be in its place; else what its family is called everywhere. */
static int
term_choose(int fd, const char **ret, struct err *e)
{
	static const char *const families[][2] = { { "xterm-", "xterm-256color" },
		                                   { "xterm-", "xterm" },
		                                   { "screen", "screen" },
		                                   { "tmux", "screen" } };
	const char *term = getenv("TERM");

	if (!term || !term[0])
		return err_set(e, ERR_UNREACHABLE, "TERM is not set");
	/* tmux under a foreign name repeats no character but ASCII (CSI b), as that name promises
	 */
	if (getenv("TMUX") && has_prefix(term, "xterm") && term_has_cursor("screen-256color", fd)) {
		*ret = "screen-256color";
		return 0;
	}
	if (term_has_cursor(term, fd)) {
		*ret = term;
		return 0;
	}
	int known = 0;
	if (setupterm(term, fd, &known) == OK)
		(void)del_curterm(cur_term);
	for (size_t i = 0; known != 1 && i < COUNT(families); i++)
		if (has_prefix(term, families[i][0]) && term_has_cursor(families[i][1], fd)) {
			*ret = families[i][1];
			return 0;
		}
	return err_set(e, ERR_UNREACHABLE,
	               known == 1 ? "terminal \"%s\" cannot address its cursor"
	                          : "terminal \"%s\" is not described on this machine",
	               term);
}

/* A description of our own, so that O_NONBLOCK does not reach the shell behind us. */
static int
terminal_open(void)
{
	char name[128];
	int fd = -1;

	if (ttyname_r(1, name, sizeof(name)) == 0)
		fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fd = fcntl(1, F_DUPFD_CLOEXEC, 10);
	return fd;
}

/* 1 becomes the memfd and 2 the terminal; what they were is kept. */
static int
descriptors_take(struct screen *s, struct err *e)
{
	s->mem = memfd_create("slipway-frame", MFD_CLOEXEC);
	s->tty = terminal_open();
	s->saved1 = fcntl(1, F_DUPFD_CLOEXEC, 10);
	s->saved2 = fcntl(2, F_DUPFD_CLOEXEC, 10);
	if (s->mem < 0 || s->tty < 0 || s->saved1 < 0 || s->saved2 < 0)
		return err_sys(e, "cannot take the terminal");
	if (dup2(s->saved1, 2) < 0 || dup2(s->mem, 1) < 0)
		return err_sys(e, "cannot take the terminal");
	s->file = fdopen(1, "w");
	return s->file ? 0 : err_sys(e, "cannot take the terminal");
}

static void
descriptors_give(struct screen *s)
{
	if (s->saved2 >= 0)
		(void)dup2(s->saved2, 2);
	if (s->saved1 >= 0)
		(void)dup2(s->saved1, 1);
	close_quietly(s->saved1);
	close_quietly(s->saved2);
	close_quietly(s->mem);
	close_quietly(s->tty);
}

static void
signals_default(void)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGTSTP, SIGWINCH };
	struct sigaction sa = { .sa_handler = SIG_DFL };

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < COUNT(caught); i++)
		(void)sigaction(caught[i], &sa, NULL);
}

static void
modes_set(struct screen *s)
{
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	typeahead(-1);
	if (!getenv("ESCDELAY"))
		set_escdelay(ESC_DELAY_MS);
	s->pad = newpad(1, 1);
	keypad(s->pad, TRUE);
	nodelay(s->pad, TRUE);
	leaveok(stdscr, FALSE);
	idlok(stdscr, TRUE); /* a list that scrolls by a line sends that line */
	curs_set(0);
	const char *be = tigetstr((char[]){ "BE" });
	const char *rep = tigetstr((char[]){ "rep" });
	s->repeats = rep && rep != (const char *)-1 && streq(rep, XTERM_REPEAT);
	s->has_paste = be && be != (const char *)-1;
	if (s->has_paste)
		screen_keys_paste();
}

/* xterm's way to turn attributes on and off also names the character set each time, which doubles
 * the bytes of a screen of many words; lines are drawn in Unicode or ASCII, so one naming at the
 * start is enough. tigetstr gives curses' own string. */
static void
attributes_shorten(void)
{
	static const char *const prefixes[][2] = { { "sgr", "%?%p9%t\033(0%e\033(B%;" },
		                                   { "sgr0", "\033(B" } };

	for (size_t i = 0; i < COUNT(prefixes); i++) {
		char name[8];
		(void)str_copy(name, sizeof(name), prefixes[i][0]);
		char *v = tigetstr(name);
		const size_t n = strlen(prefixes[i][1]);
		if (v && v != (char *)-1 && has_prefix(v, prefixes[i][1]))
			memmove(v, v + n, strlen(v + n) + 1);
	}
}

static void
size_read(struct screen *s, size_t *rows, size_t *cols)
{
	struct winsize w;

	*rows = 24;
	*cols = 80;
	if (ioctl(s->tty, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0) {
		*rows = w.ws_row;
		*cols = w.ws_col;
	}
}

void
screen_arm(struct screen *s)
{
	cleanup_buf struct buf bye = { 0 };

	farewell_make(s, &bye);
	crash_arm(s->tty, buf_cstr(&bye), bye.n, &s->modes);
}

void
screen_rescue(void)
{
	crash_restore();
}

/* The setting, else what the environment says. */
static enum background
background_of(const struct screen_look *look)
{
	const enum reply_fact fact = reply_colorfgbg(getenv("COLORFGBG"));

	if (look->background != BACKGROUND_AUTO || fact == FACT_NOTHING)
		return look->background;
	return fact == FACT_LIGHT ? BACKGROUND_LIGHT : BACKGROUND_DARK;
}

static int
curses_start(struct screen *s, const struct screen_look *look, struct err *e)
{
	const char *term = NULL;
	size_t rows, cols;
	int rc;

	rc = term_choose(s->saved1, &term, e);
	if (rc < 0)
		return rc;
	use_tioctl(TRUE);
	s->curses = newterm(term, s->file, stdin);
	if (!s->curses)
		return err_set(e, ERR_UNREACHABLE, "terminal \"%s\" cannot be used", term);
	signals_default();
	attributes_shorten();
	modes_set(s);
	struct screen_look now = *look;
	now.background = background_of(look);
	inks_init(now.color && has_colors(), now.background);
	screen_keys_answers();
	screen_keys_forms();
	s->brackets = now.sync == SYNC_ON;
	screen_ask(s, &now);
	if (s->has_paste)
		buf_adds(&s->wait, paste_on);
	size_read(s, &rows, &cols);
	resizeterm((int)rows, (int)cols);
	grid_init(&s->grid, rows, cols, !streq(nl_langinfo(CODESET), "UTF-8"));
	screen_arm(s);
	return 0;
}

/* The normal screen and the modes as we found them. */
void
screen_leave(struct screen *s, bool hastily)
{
	if (s->is_away)
		return;
	if (!hastily)
		screen_await_answers(s);
	if (s->has_paste)
		buf_adds(&s->wait, paste_off);
	endwin();
	screen_memory_take(s);
	if (hastily)
		(void)screen_drain(s);
	else
		screen_drain_for(s, CLOSE_WAIT_MS);
	crash_disarm();
}

void
screen_enter(struct screen *s)
{
	if (s->has_paste)
		buf_adds(&s->wait, paste_on);
	screen_arm(s);
	screen_resize(s);
	signals_default();
}

int
screen_open(const struct screen_look *look, struct screen **ret, struct err *e)
{
	struct screen *s = xcalloc(1, sizeof(*s));
	int rc;

	s->mem = s->tty = s->saved1 = s->saved2 = -1;
	if (tcgetattr(0, &s->modes) < 0) {
		free(s);
		return err_sys(e, "cannot read the terminal's modes");
	}
	rc = descriptors_take(s, e);
	if (rc == 0)
		rc = curses_start(s, look, e);
	if (rc < 0) {
		screen_close(s, true);
		return rc;
	}
	*ret = s;
	return 0;
}

void
screen_close(struct screen *s, bool hastily)
{
	if (!s)
		return;
	if (s->curses)
		screen_leave(s, hastily);
	crash_disarm();
	/* a line that was stopped by Ctrl-S never drains */
	(void)tcsetattr(0, hastily || s->is_stuck ? TCSANOW : TCSADRAIN, &s->modes);
	descriptors_give(s);
	grid_fini(&s->grid);
	buf_fini(&s->wait);
	free(s);
}

struct grid *
screen_grid(struct screen *s)
{
	grid_blank(&s->grid);
	return &s->grid;
}

const struct grid *
screen_shown(const struct screen *s)
{
	return &s->grid;
}

static bool
is_bare(const struct cell *c)
{
	return c->n == 1 && c->text[0] == ' ' && !c->is_selected &&
	       ink_hides_on_blanks((enum ink)c->ink);
}

/* The gap between two words keeps the ink of the first, where that is not seen: turning it off and
 * the next one on costs more bytes than the words. */
static void
gaps_ink(struct cell *row, size_t cols)
{
	for (size_t col = 1, end; col < cols; col = end + 1) {
		const struct cell *word = &row[col - 1];

		for (end = col; end < cols && is_bare(&row[end]);)
			end++;
		if (end == cols || end - col > GAP_MAX || word->is_selected ||
		    !ink_hides_on_blanks((enum ink)word->ink))
			continue;
		for (; col < end; col++)
			row[col].ink = word->ink;
	}
}

static void
row_show(const struct grid *g, size_t row)
{
	gaps_ink(g->cells + row * g->cols, g->cols);
	for (size_t col = 0; col < g->cols; col++) {
		const struct cell *c = &g->cells[row * g->cols + col];
		if (c->n == 0)
			continue;
		cchar_t out;
		wchar_t text[CELL_TEXT_SIZE];
		char bytes[CELL_TEXT_SIZE + 1];
		memcpy(bytes, c->text, c->n);
		bytes[c->n] = '\0';
		if (mbstowcs(text, bytes, COUNT(text)) >= COUNT(text))
			(void)mbstowcs(text, "?", COUNT(text));
		attr_t attr;
		short pair;
		ink_look((enum ink)c->ink, c->is_selected, &attr, &pair);
		if (setcchar(&out, text, attr, pair, NULL) == OK)
			mvadd_wch((int)row, (int)col, &out);
	}
}

void
screen_show(struct screen *s)
{
	const struct grid *g = &s->grid;

	const uint64_t began = clock_mono_us();

	erase();
	for (size_t row = 0; row < g->rows; row++)
		row_show(g, row);
	curs_set(g->cursor_shown ? 1 : 0);
	move((int)g->cursor_row, (int)g->cursor_col);
	wnoutrefresh(stdscr);
	doupdate();
	screen_send(s, began);
}

void
screen_resize(struct screen *s)
{
	size_t rows, cols;

	size_read(s, &rows, &cols);
	resizeterm((int)rows, (int)cols);
	grid_init(&s->grid, rows, cols, s->grid.ascii);
	screen_repaint(s);
}

void
screen_repaint(struct screen *s)
{
	(void)s;
	clearok(curscr, TRUE);
}

void
screen_stop(struct screen *s)
{
	sigset_t stop, old;

	const bool was_away = s->is_away;

	screen_leave(s, false);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	(void)raise(SIGTSTP);
	(void)sigprocmask(SIG_UNBLOCK, &stop, &old); /* here the process stops */
	(void)sigprocmask(SIG_SETMASK, &old, NULL);

	if (!was_away)
		screen_enter(s);
}
