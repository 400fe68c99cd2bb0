/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's end of the pty is its controlling terminal; ours feeds libvterm. Waiting is for
 * conditions: a mark that the program prints when everything is shown, or a text on the screen.
 */
#include "tests/screen/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vterm.h>

#include "registry/base/str.h"

#define WAIT_MS  20000 /* far beyond what anything here takes, also under sanitizers */
#define MARK_MAX 128u

static const char mark_start[] = "\033]7777;";

struct terminal {
	int fd;
	pid_t pid;
	bool ended;
	int status;
	int rows, cols;
	VTerm *vt;
	VTermScreen *screen;
	struct mark mark;
	uint64_t bytes;
	bool alternate, cursor, paste;
	bool keeps_answers;
	uint64_t typed;
	const char *watched; /* NULL: nothing */
	size_t watched_n;    /* of it, that came */
	bool saw;
	char held[MARK_MAX]; /* the beginning of a mark or of a mode that is not whole yet */
	size_t held_n;
};

static int64_t
now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
on_property(VTermProp prop, VTermValue *value, void *arg)
{
	struct terminal *t = arg;

	if (prop == VTERM_PROP_ALTSCREEN)
		t->alternate = value->boolean;
	else if (prop == VTERM_PROP_CURSORVISIBLE)
		t->cursor = value->boolean;
	return 1;
}

static const VTermScreenCallbacks callbacks = { .settermprop = on_property };

struct terminal *
terminal_new(const char *const *argv, const char *const *env, int rows, int cols)
{
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };
	struct terminal *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->pid = forkpty(&t->fd, NULL, NULL, &size);
	if (t->pid < 0) {
		free(t);
		return NULL;
	}
	if (t->pid == 0) {
		execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
		_exit(127);
	}
	(void)fcntl(t->fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(t->fd, F_SETFL, O_NONBLOCK);
	t->rows = rows;
	t->cols = cols;
	t->cursor = true;
	t->vt = vterm_new(rows, cols);
	vterm_set_utf8(t->vt, 1);
	t->screen = vterm_obtain_screen(t->vt);
	vterm_screen_set_callbacks(t->screen, &callbacks, t);
	vterm_screen_enable_altscreen(t->screen, 1);
	vterm_screen_reset(t->screen, 1);
	return t;
}

void
terminal_free(struct terminal *t)
{
	if (!t)
		return;
	if (!t->ended) {
		(void)kill(t->pid, SIGKILL);
		(void)waitpid(t->pid, NULL, 0);
	}
	if (t->fd >= 0)
		(void)close(t->fd);
	vterm_free(t->vt);
	free(t);
}

void
terminal_resize(struct terminal *t, int rows, int cols)
{
	const struct winsize size = { .ws_row = (unsigned short)rows,
		                      .ws_col = (unsigned short)cols };

	t->rows = rows;
	t->cols = cols;
	vterm_set_size(t->vt, rows, cols);
	(void)ioctl(t->fd, TIOCSWINSZ, &size);
}

bool
terminal_send(struct terminal *t, const char *bytes, size_t n)
{
	return write(t->fd, bytes, n) == (ssize_t)n;
}

/* "1;2;3;4" up to end */
static void
mark_read(struct terminal *t, const char *p, const char *end)
{
	uint64_t *const members[] = { &t->mark.n,     &t->mark.frames, &t->mark.writes,
		                      &t->mark.bytes, &t->mark.rows,   &t->mark.cols,
		                      &t->mark.keys };

	for (size_t i = 0; i < COUNT(members) && p < end; i++) {
		const char *next = memchr(p, ';', (size_t)(end - p));
		const size_t n = (size_t)((next ? next : end) - p);
		(void)parse_u64_n(p, n, UINT64_MAX, members[i]);
		p += n + 1;
	}
}

/* Marks are for us and never reach the screen; modes that libvterm keeps to itself are read here.
 */
static void
feed(struct terminal *t, const char *p, size_t n)
{
	char all[MARK_MAX + 65536];
	size_t at = 0;

	memcpy(all, t->held, t->held_n);
	memcpy(all + t->held_n, p, n);
	n += t->held_n;
	t->held_n = 0;
	while (at < n) {
		const char *esc = memchr(all + at, '\033', n - at);
		const size_t plain = esc ? (size_t)(esc - all) - at : n - at;
		vterm_input_write(t->vt, all + at, plain);
		t->bytes += plain;
		at += plain;
		const size_t left = n - at;
		if (left == 0)
			break;
		const size_t start = left < sizeof(mark_start) - 1 ? left : sizeof(mark_start) - 1;
		const bool may_be_mark = memcmp(all + at, mark_start, start) == 0;
		const char *end = may_be_mark ? memchr(all + at, '\a', left) : NULL;
		if (may_be_mark && !end && left < MARK_MAX) {
			memcpy(t->held, all + at, left);
			t->held_n = left;
			break;
		}
		if (end) {
			mark_read(t, all + at + sizeof(mark_start) - 1, end);
			at = (size_t)(end - all) + 1;
			continue;
		}
		if (left >= 8 && memcmp(all + at, "\033[?2004", 7) == 0)
			t->paste = all[at + 7] == 'h';
		vterm_input_write(t->vt, all + at, 1);
		t->bytes++;
		at++;
	}
}

static void
watch(struct terminal *t, const char *p, size_t n)
{
	for (size_t i = 0; t->watched && i < n && !t->saw; i++) {
		if (p[i] != t->watched[t->watched_n])
			t->watched_n = 0;
		t->watched_n += p[i] == t->watched[t->watched_n];
		t->saw = t->watched[t->watched_n] == '\0';
	}
}

/* 1: something came; 0: nothing in this time; -1: the program is gone. */
static int
step(struct terminal *t, int ms)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	char in[65536], out[1024];

	if (t->fd < 0)
		return -1;
	if (poll(&p, 1, ms) <= 0)
		return 0;
	const ssize_t n = read(t->fd, in, sizeof(in));
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	watch(t, in, (size_t)n);
	feed(t, in, (size_t)n);
	const size_t answer = t->keeps_answers ? 0 : vterm_output_read(t->vt, out, sizeof(out));
	if (answer > 0)
		(void)terminal_send(t, out, answer);
	return 1;
}

bool
terminal_wait_mark(struct terminal *t, uint64_t than)
{
	const int64_t end = now_ms() + WAIT_MS;

	while (t->mark.n <= than && now_ms() < end)
		if (step(t, 100) < 0)
			break;
	return t->mark.n > than;
}

bool
terminal_wait_size(struct terminal *t)
{
	const int64_t end = now_ms() + WAIT_MS;

	while (t->mark.rows != (uint64_t)t->rows || t->mark.cols != (uint64_t)t->cols)
		if (now_ms() >= end || step(t, 100) < 0)
			return false;
	return true;
}

bool
terminal_wait_text(struct terminal *t, const char *text, bool there)
{
	const int64_t end = now_ms() + WAIT_MS;

	for (;;) {
		char *now = terminal_text(t);
		const bool is_there = strstr(now, text) != NULL;
		free(now);
		if (is_there == there)
			return true;
		if (now_ms() >= end || step(t, 100) < 0)
			return false;
	}
}

bool
terminal_wait_end(struct terminal *t, int *ret_status)
{
	const int64_t end = now_ms() + WAIT_MS;

	while (!t->ended && now_ms() < end) {
		const int got = step(t, 20);
		if (waitpid(t->pid, &t->status, WNOHANG) == t->pid)
			t->ended = true;
		else if (got < 0)
			(void)poll(NULL, 0, 5);
	}
	while (t->ended && step(t, 0) > 0)
		;
	*ret_status = t->status;
	return t->ended;
}

size_t
terminal_listen(struct terminal *t, int ms)
{
	const uint64_t before = t->bytes;
	const int64_t end = now_ms() + ms;

	for (int64_t left = ms; left > 0; left = end - now_ms())
		if (step(t, (int)left) < 0)
			break;
	return (size_t)(t->bytes - before);
}

struct mark
terminal_mark(const struct terminal *t)
{
	return t->mark;
}

uint64_t
terminal_bytes(const struct terminal *t)
{
	return t->bytes;
}

bool
terminal_is_alternate(const struct terminal *t)
{
	return t->alternate;
}

bool
terminal_has_cursor(const struct terminal *t)
{
	return t->cursor;
}

bool
terminal_takes_paste(const struct terminal *t)
{
	return t->paste;
}

bool
terminal_modes(struct terminal *t, struct termios *ret)
{
	return tcgetattr(t->fd, ret) == 0;
}

pid_t
terminal_pid(const struct terminal *t)
{
	return t->pid;
}

static size_t
utf8_put(char *ret, uint32_t c)
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | (c >> 6));
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | (c >> 12));
		ret[1] = (char)(0x80 | ((c >> 6) & 0x3f));
		ret[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | (c >> 18));
	ret[1] = (char)(0x80 | ((c >> 12) & 0x3f));
	ret[2] = (char)(0x80 | ((c >> 6) & 0x3f));
	ret[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

char *
terminal_text(struct terminal *t)
{
	const size_t cell = 4 * VTERM_MAX_CHARS_PER_CELL;
	char *ret = malloc((size_t)t->rows * ((size_t)t->cols * cell + 1) + 1);
	size_t n = 0;

	for (int row = 0; ret && row < t->rows; row++) {
		const size_t start = n;
		for (int col = 0; col < t->cols; col++) {
			VTermScreenCell c;
			if (!vterm_screen_get_cell(t->screen, (VTermPos){ row, col }, &c))
				continue;
			if (c.chars[0] == 0)
				ret[n++] = ' ';
			for (size_t i = 0; c.chars[0] != (uint32_t)-1 &&
			                   i < VTERM_MAX_CHARS_PER_CELL && c.chars[i];
			     i++)
				n += utf8_put(ret + n, c.chars[i]);
		}
		while (n > start && ret[n - 1] == ' ')
			n--;
		ret[n++] = '\n';
	}
	if (ret)
		ret[n] = '\0';
	return ret;
}

void
terminal_watch(struct terminal *t, const char *bytes)
{
	t->watched = bytes;
	t->watched_n = 0;
	t->saw = false;
}

bool
terminal_saw(const struct terminal *t)
{
	return t->saw;
}

void
terminal_hang_up(struct terminal *t)
{
	(void)close(t->fd);
	t->fd = -1;
}

void
terminal_cursor(const struct terminal *t, int *ret_row, int *ret_col)
{
	VTermPos at;

	vterm_state_get_cursorpos(vterm_obtain_state(t->vt), &at);
	*ret_row = at.row;
	*ret_col = at.col;
}

bool
terminal_is_selected(const struct terminal *t, int row)
{
	VTermScreenCell c;

	return vterm_screen_get_cell(t->screen, (VTermPos){ row, 1 }, &c) && c.attrs.reverse;
}

static size_t
color_put(char *ret, size_t size, const char *name, const VTermColor *c)
{
	if (VTERM_COLOR_IS_DEFAULT_FG(c) || VTERM_COLOR_IS_DEFAULT_BG(c))
		return 0;
	if (VTERM_COLOR_IS_INDEXED(c))
		return (size_t)snprintf(ret, size, " %s=%d", name, c->indexed.idx);
	return (size_t)snprintf(ret, size, " %s=#%02x%02x%02x", name, c->rgb.red, c->rgb.green,
	                        c->rgb.blue);
}

/* "" plain */
static void
look_of(const struct terminal *t, int row, int col, char *ret, size_t size)
{
	VTermScreenCell c;
	size_t n;

	ret[0] = '\0';
	if (!vterm_screen_get_cell(t->screen, (VTermPos){ row, col }, &c))
		return;
	n = (size_t)snprintf(ret, size, "%s%s%s", c.attrs.bold ? " bold" : "",
	                     c.attrs.underline ? " underline" : "",
	                     c.attrs.reverse ? " reverse" : "");
	n += color_put(ret + n, size - n, "fg", &c.fg);
	(void)color_put(ret + n, size - n, "bg", &c.bg);
}

char *
terminal_looks(struct terminal *t)
{
	cleanup_free char *text = terminal_text(t);
	char *ret = NULL;
	size_t ret_n = 0;
	FILE *f = open_memstream(&ret, &ret_n);

	(void)fputs(text, f);
	for (int row = 0; row < t->rows; row++)
		for (int col = 0, end; col < t->cols; col = end) {
			char look[96], next[96];
			look_of(t, row, col, look, sizeof(look));
			for (end = col + 1; end < t->cols; end++) {
				look_of(t, row, end, next, sizeof(next));
				if (strcmp(look, next) != 0)
					break;
			}
			if (look[0])
				(void)fprintf(f, "%d %d %d:%s\n", row, col, end - col, look);
		}
	(void)fclose(f);
	return ret;
}

void
terminal_answers(struct terminal *t, bool at_once)
{
	char out[1024];

	t->keeps_answers = !at_once;
	const size_t n = at_once ? vterm_output_read(t->vt, out, sizeof(out)) : 0;
	if (n > 0)
		(void)terminal_send(t, out, n);
}

bool
terminal_type(struct terminal *t, const char *bytes, size_t n)
{
	t->typed++;
	return terminal_send(t, bytes, n);
}

bool
terminal_has_typed(const struct terminal *t)
{
	return t->mark.keys >= t->typed;
}

bool
terminal_wait_typed(struct terminal *t)
{
	const int64_t end = now_ms() + WAIT_MS;

	while (!terminal_has_typed(t) && now_ms() < end)
		if (step(t, 100) < 0)
			break;
	return terminal_has_typed(t);
}

void
terminal_read(struct terminal *t, int ms)
{
	(void)step(t, ms);
}
