/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to a person. A signal that arrives while we wait is kept, the terminal is put back as
 * it was, and only then is the signal raised again. A secret goes straight into the memory of the
 * caller.
 */
#include "registry/base/out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <termios.h>
#include <unistd.h>

#include "registry/base/out_private.h"
#include "registry/base/text.h"

#define ANSWER_MAX 4096 /* what a terminal gives as one line */

static const int held_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* Blocked but inside ppoll: none slips in between the look at "caught" and the wait. */
struct hold {
	struct sigaction before[COUNT(held_signals)];
	sigset_t mask;
};

static volatile sig_atomic_t caught;

static void
note_signal(int sig)
{
	caught = sig;
}

static void
hold_begin(struct hold *h)
{
	struct sigaction sa = { .sa_handler = note_signal };
	sigset_t block;

	caught = 0;
	sigemptyset(&sa.sa_mask);
	sigemptyset(&block);
	sigaddset(&block, SIGTSTP); /* a stop would leave the shell without echo: it waits */
	for (size_t i = 0; i < COUNT(held_signals); i++)
		sigaddset(&block, held_signals[i]);
	sigprocmask(SIG_BLOCK, &block, &h->mask);
	for (size_t i = 0; i < COUNT(held_signals); i++)
		sigaction(held_signals[i], NULL, &h->before[i]);
	for (size_t i = 0; i < COUNT(held_signals); i++) {
		if (h->before[i].sa_handler != SIG_IGN)
			sigaction(held_signals[i], &sa, NULL);
	}
}

/* The terminal is as it was: whoever handled signals before gets the one that came. */
static void
hold_end(const struct hold *h)
{
	for (size_t i = 0; i < COUNT(held_signals); i++)
		sigaction(held_signals[i], &h->before[i], NULL);
	if (caught != 0)
		raise((int)caught);
	sigprocmask(SIG_SETMASK, &h->mask, NULL);
}

/* 1: a byte; 0: the end; -1: a signal or an error. The terminal's own stop must stay out. */
static int
read_byte(int fd, const struct hold *h, char *ret)
{
	sigset_t mask = h->mask;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	sigaddset(&mask, SIGTSTP);
	while (caught == 0) {
		ssize_t n;
		if (ppoll(&p, 1, NULL, &mask) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		n = read(fd, ret, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		return n > 0 ? 1 : n < 0 ? -1 : 0;
	}
	return -1;
}

/* A line without its end into ret[size], NUL-terminated. */
static int
read_line(int fd, const struct hold *h, char *ret, size_t size, struct err *e)
{
	size_t n = 0;
	char more;
	int rc;

	for (;;) {
		char *const at = n + 1 < size ? ret + n : &more;
		rc = read_byte(fd, h, at);
		if (rc <= 0 || *at == '\n')
			break;
		if (n + 1 >= size)
			n = size; /* read to its end and refuse */
		else
			n++;
	}
	sodium_memzero(&more, sizeof(more));
	if (caught != 0) {
		rc = err_set(e, ERR_CANCELLED, "interrupted");
		e->sys = (int)caught;
		return rc;
	}
	if (rc < 0)
		return err_sys(e, "read the answer");
	if (rc == 0 && n == 0)
		return err_set(e, ERR_USAGE, "no answer was given");
	if (n >= size)
		return err_set(e, ERR_USAGE, "the answer is longer than %zu bytes", size - 1);
	ret[n] = '\0';
	return 0;
}

static int
ask_begin(struct out *o, const char *question, struct err *e)
{
	cleanup_buf struct buf b = { 0 };

	if (!isatty(STDIN_FILENO) || !isatty(o->fd_notes))
		return err_set(e, ERR_USAGE, "cannot ask \"%s\": this is not a terminal", question);
	(void)out_flush(o);
	text_safe(&b, str_of(question));
	buf_addc(&b, ' ');
	out_notes_write(o, &b);
	return 0;
}

int
out_ask(struct out *o, const char *question, struct buf *ret, struct err *e)
{
	char line[ANSWER_MAX];
	struct hold h;
	int rc;

	rc = ask_begin(o, question, e);
	if (rc < 0)
		return rc;
	hold_begin(&h);
	rc = read_line(STDIN_FILENO, &h, line, sizeof(line), e);
	hold_end(&h);
	if (rc < 0)
		return rc;
	buf_clear(ret);
	buf_adds(ret, line);
	return 0;
}

static int
ask_hidden(int fd, const struct hold *h, char *ret, size_t size, struct err *e)
{
	struct termios before, hidden;
	int rc;

	if (tcgetattr(fd, &before) < 0)
		return err_sys(e, "read the terminal's settings");
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	hidden.c_lflag |= ICANON | ISIG;
	/* what was typed before the question is dropped: it was shown */
	if (tcsetattr(fd, TCSAFLUSH, &hidden) < 0)
		return err_sys(e, "turn off the terminal's echo");
	rc = read_line(fd, h, ret, size, e);
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	return rc;
}

int
out_ask_secret(struct out *o, const char *question, char *ret, size_t size, struct err *e)
{
	cleanup_buf struct buf end = { 0 };
	cleanup_close int tty = -1;
	struct hold h;
	int rc;

	rc = ask_begin(o, question, e);
	if (rc < 0)
		return rc;
	buf_addc(&end, '\n'); /* the one that was typed was not shown */
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	hold_begin(&h);
	rc = ask_hidden(tty >= 0 ? tty : STDIN_FILENO, &h, ret, size, e);
	if (rc < 0)
		sodium_memzero(ret, size);
	out_notes_write(o, &end);
	hold_end(&h);
	return rc;
}
