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
	uint64_t *const members[] = { &t->mark.n, &t->mark.frames, &t->mark.writes,
		                      &t->mark.bytes };

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

/* 1: something came; 0: nothing in this time; -1: the program is gone. */
static int
step(struct terminal *t, int ms)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };
	char in[65536], out[1024];

	if (poll(&p, 1, ms) <= 0)
		return 0;
	const ssize_t n = read(t->fd, in, sizeof(in));
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -1;
	feed(t, in, (size_t)n);
	const size_t answer = vterm_output_read(t->vt, out, sizeof(out));
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
