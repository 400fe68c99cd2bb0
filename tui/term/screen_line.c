/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes to the line: frames in one write each, questions and their answers, the page that is
 * printed below. What a line has not taken waits here, and while it waits no frame is made.
 */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "tui/term/copy.h"
#include "tui/term/screen_private.h"
#include "tui/term/shorten.h"

#define OUTQ_MAX        512 /* bytes that the kernel may still hold when the next frame goes */
#define OUTQ_LOOK_MS    20u
#define ANSWER_WAIT_MS  150u /* at the end, for what would else come to the shell as typed */
#define ANSWER_WAIT_MAX 1000u
#define PRINT_WAIT_MS   2000
#define SPLIT_DELAY_MS  200 /* an answer may come in two pieces */

static const char sync_begin[] = "\033[?2026h", sync_end[] = "\033[?2026l";

/* --- out --- */

void
screen_memory_take(struct screen *s)
{
	fflush(s->file);
	const off_t n = lseek(s->mem, 0, SEEK_CUR);
	if (n <= 0)
		return;
	char *p = buf_reserve(&s->wait, (size_t)n);
	if (fs_pread_all(s->mem, p, (size_t)n, 0) == 0)
		s->wait.n += (size_t)n;
	if (ftruncate(s->mem, 0) == 0)
		(void)lseek(s->mem, 0, SEEK_SET);
}

int
screen_drain(struct screen *s)
{
	const bool was_stuck = s->is_stuck;

	while (s->sent < s->wait.n) {
		const ssize_t n = write(s->tty, s->wait.p + s->sent, s->wait.n - s->sent);
		if (n < 0 && errno == EINTR)
			continue;
		s->is_stuck = n < 0;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		s->facts.writes++;
		s->facts.bytes += (uint64_t)n;
		s->sent += (size_t)n;
	}
	if (was_stuck)
		link_drained(&s->link, s->sent, clock_mono_ms() - s->link.shown_at_ms);
	s->sent = 0;
	buf_clear(&s->wait);
	return 0;
}

void
screen_drain_for(struct screen *s, int ms)
{
	const uint64_t end = clock_mono_ms() + (uint64_t)ms;

	while (screen_drain(s) == 0 && s->is_stuck && clock_mono_ms() < end) {
		struct pollfd p = { .fd = s->tty, .events = POLLOUT };
		(void)poll(&p, 1, 10);
	}
}

/* The marks stand around all that this frame is made of. */
static void
bracket(struct screen *s, size_t from)
{
	const size_t n = s->wait.n - from;

	(void)buf_reserve(&s->wait, sizeof(sync_begin) + sizeof(sync_end));
	memmove(s->wait.p + from + sizeof(sync_begin) - 1, s->wait.p + from, n);
	memcpy(s->wait.p + from, sync_begin, sizeof(sync_begin) - 1);
	s->wait.n += sizeof(sync_begin) - 1;
	buf_adds(&s->wait, sync_end);
}

void
screen_send(struct screen *s, uint64_t began_us)
{
	const size_t from = s->wait.n;
	const uint64_t writes = s->facts.writes;

	screen_memory_take(s);
	if (s->repeats)
		shorten_lines(&s->wait, from);
	const size_t n = s->wait.n - from;
	s->facts.frames++;
	if (n > 0 && s->brackets)
		bracket(s, from);
	const bool asks = n > 0 && link_asks(&s->link, n);
	if (asks)
		buf_adds(&s->wait, "\033[5n");
	if (n > 0)
		link_sent(&s->link, n, asks, clock_mono_ms());
	s->facts.frame_bytes = s->wait.n;
	(void)screen_drain(s);
	s->facts.frame_us = clock_mono_us() - began_us;
	s->facts.frame_writes = s->facts.writes - writes;
}

bool
screen_is_busy(const struct screen *s)
{
	return s->is_stuck || s->is_away;
}

int
screen_fd(const struct screen *s)
{
	return s->is_stuck ? s->tty : -1;
}

unsigned
screen_wait_ms(struct screen *s, bool by_key)
{
	int held = 0;

	if (ioctl(s->tty, TIOCOUTQ, &held) == 0 && held > OUTQ_MAX)
		return OUTQ_LOOK_MS;
	return link_wait_ms(&s->link, by_key, clock_mono_ms());
}

bool
screen_is_slow(const struct screen *s)
{
	return s->link.is_slow;
}

struct screen_facts
screen_facts(const struct screen *s)
{
	struct screen_facts f = s->facts;

	f.round_ms = s->link.round_ms;
	f.rate = s->link.rate;
	f.has_sync = s->brackets;
	return f;
}

/* --- questions --- */

void
screen_ask(struct screen *s, const struct screen_look *look)
{
	s->wants_sync = look->sync == SYNC_AUTO;
	s->wants_background = look->color && look->background == BACKGROUND_AUTO;
	/* who knows no bracketed paste may paint what he does not understand */
	if (!s->has_paste || look->sync == SYNC_OFF)
		return;
	buf_adds(&s->wait, reply_questions);
	s->asked = true;
	s->asked_at_ms = clock_mono_ms();
	s->esc_delay = get_escdelay();
	set_escdelay(SPLIT_DELAY_MS);
}

static void
asked_end(struct screen *s)
{
	if (!s->asked)
		return;
	s->asked = false;
	set_escdelay(s->esc_delay);
}

void
screen_fact(struct screen *s, enum reply_fact fact)
{
	if (fact == FACT_SYNC && s->wants_sync && !s->brackets) {
		s->brackets = true;
		screen_arm(s);
	} else if (fact == FACT_LIGHT && s->wants_background) {
		inks_background(BACKGROUND_LIGHT);
		s->is_stale = true;
	} else if (fact == FACT_DEVICE) {
		s->link.answers = true;
		asked_end(s);
	}
}

void
screen_questions_age(struct screen *s)
{
	if (s->asked && clock_mono_ms() - s->asked_at_ms > LINK_PATIENCE_MS)
		asked_end(s);
}

/* Else the answers would come to the shell as if they were typed. What else is typed in this time
 * was meant for us. */
void
screen_await_answers(struct screen *s)
{
	const unsigned round = s->link.round_ms * 2 + ANSWER_WAIT_MS;
	const uint64_t end = clock_mono_ms() + (round < ANSWER_WAIT_MAX ? round : ANSWER_WAIT_MAX);
	struct key k;

	while (!s->is_stuck && (s->asked || s->link.awaits)) {
		struct pollfd p = { .fd = 0, .events = POLLIN };
		const uint64_t now = clock_mono_ms();
		if (now >= end || poll(&p, 1, (int)(end - now)) <= 0 || !(p.revents & POLLIN))
			break;
		while (screen_key(s, &k))
			;
	}
	s->link.awaits = false;
}

int
screen_copy(struct screen *s, struct str text, struct err *e)
{
	const struct copy_way way = { getenv("TERM"), getenv("TMUX"), getenv("STY") };

	return copy_make(&way, text, &s->wait, e);
}

#ifdef SLIPWAY_TESTING
void
screen_mark(struct screen *s)
{
	const char *wanted = getenv("SLIPWAY_IDLE_MARK");

	if (!wanted || !streq(wanted, "1"))
		return;
	s->marks++;
	buf_addf(&s->wait, "\033]7777;%llu;%llu;%llu;%llu;%zu;%zu;%llu\a",
	         (unsigned long long)s->marks, (unsigned long long)s->facts.frames,
	         (unsigned long long)s->facts.writes, (unsigned long long)s->facts.bytes,
	         s->grid.rows, s->grid.cols, (unsigned long long)s->keys);
	(void)screen_drain(s);
}
#else
void
screen_mark(struct screen *s)
{
	(void)s;
}
#endif

bool
screen_is_stale(struct screen *s)
{
	const bool is_stale = s->is_stale;

	s->is_stale = false;
	return is_stale;
}

/* --- below the screen --- */

void
screen_print(struct screen *s, struct str text)
{
	screen_leave(s, false);
	s->is_away = true;
	buf_add(&s->wait, text.p, text.n);
	buf_adds(&s->wait, "-- Enter goes back --\n");
	screen_drain_for(s, PRINT_WAIT_MS);
}

/* The terminal gives whole lines now. */
static void
away_read(struct screen *s)
{
	char in[256];
	const ssize_t n = read(0, in, sizeof(in));

	if (n > 0 && !memchr(in, '\n', (size_t)n))
		return;
	s->is_away = false;
	screen_enter(s);
	s->is_stale = true;
}

bool
screen_is_back(struct screen *s)
{
	if (s->is_away)
		away_read(s);
	return !s->is_away;
}
