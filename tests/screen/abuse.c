/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a console must stand: each way of ending and Ctrl-Z on each screen, odd terminals, storms of
 * sizes, pastes of anything, a line that was stopped, one that is gone. TAP.
 *
 *   abuse SLIPWAY SETUP SHELL
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/str.h"
#include "tests/screen/drive.h"

#define IDLE_MS      1200
#define HELD_LOOKS   1000 /* 20 s in all */
#define HELD_LOOK_MS 20
#define SLOW_MS      1500 /* for one screen: more makes it only slower */
#define MOVES        10
static const char *shell;

/* Each screen: the keys that open it, and what tells that it is there. */
static const struct place {
	const char *keys, *there;
	bool lives; /* targets may say something meanwhile */
} places[] = {
	{ "j", "slipway > models", false },
	{ "j Enter", "slipway > face-detect ", false },
	{ "j Enter j Enter", "[1 overview]", false },
	{ "j t", "slipway > face-detect > history", false },
	{ "j p", "slipway > promote face-detect@v3", false },
	{ "J", "slipway > jobs", false },
	{ "J Enter", "slipway > jobs > job ", false },
	{ "W", "slipway > plans", false },
	{ "W Enter", "slipway > plans > plan ", false },
	{ "A", "slipway > audit", false },
	{ "A Enter", " > entry ", false },
	{ "T", "slipway > targets", true },
	{ "T Enter", "slipway > targets > target ", true },
	{ "K", "slipway > keys and policy", false },
	{ "b", "slipway > board", true },
	{ "j d", "slipway > diff ", false },
	{ "!", "slipway > notices", false },
	{ ": ' Enter ! Enter", "slipway > notices > ", false },
	{ "?", "slipway > help", false },
	{ ": l i s t Enter", "slipway > command", false },
	{ ":", "Enter runs it", false },
	{ "/", "Enter keeps the filter", false },
	{ "s", "sort by", false },
};

/* How each signal ends it; exit < 0: killed by the signal itself. */
static const struct ending {
	int sig;
	const char *name;
	int exit;
} endings[] = {
	{ SIGTERM, "TERM", 143 }, { SIGINT, "INT", 130 },  { SIGHUP, "HUP", 129 },
	{ SIGSEGV, "SEGV", -1 },  { SIGABRT, "ABRT", -1 }, { SIGBUS, "BUS", -1 },
	{ SIGFPE, "FPE", -1 },    { SIGILL, "ILL", -1 },   { SIGQUIT, "QUIT", -1 },
};

static struct termios fresh_modes; /* before any console touched them */

static bool
modes_read(void)
{
	const char *argv[] = { "/bin/sleep", "60", NULL };
	const char *env[] = { NULL };
	struct terminal *fresh = terminal_new(argv, env, 24, 80);
	const bool ok = fresh && terminal_modes(fresh, &fresh_modes);

	terminal_free(fresh);
	return ok;
}

static bool
modes_equal(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

static bool
restored(struct drive *d)
{
	struct termios after;

	if (!terminal_modes(d->t, &after) || !modes_equal(&fresh_modes, &after))
		return wrong(d, "the terminal's modes are not what they were");
	if (terminal_is_alternate(d->t))
		return wrong(d, "the alternate screen was left on");
	if (!terminal_has_cursor(d->t))
		return wrong(d, "the cursor was left hidden");
	if (terminal_takes_paste(d->t))
		return wrong(d, "bracketed paste was left on");
	return true;
}

/* Waits for it: a mark may be of a frame before. */
static bool
is_held(struct drive *d)
{
	struct termios during;

	for (int i = 0; i < HELD_LOOKS && !terminal_is_alternate(d->t); i++)
		(void)terminal_listen(d->t, HELD_LOOK_MS);
	if (!terminal_modes(d->t, &during) || modes_equal(&fresh_modes, &during) ||
	    !terminal_is_alternate(d->t))
		return wrong(d, "the console does not hold the terminal");
	return true;
}

static void
demo(struct drive *d)
{
	env_start(d);
	env_add(d, "SLIPWAY_REGISTRY=%s/demo", house.root);
}

static bool
go(struct drive *d, const struct place *x)
{
	demo(d);
	if (!drive_start(d, 24, 80) || !send_keys(d, x->keys))
		return false;
	return terminal_wait_text(d->t, x->there, true) ||
	       wrong(d, "\"%s\" is not there after \"%s\"", x->there, x->keys);
}

static bool
has_last_words(struct drive *d)
{
	return terminal_wait_text(d->t, "ended by a fault at entry ", true) &&
	       terminal_wait_text(d->t, "slipway job list", true);
}

static bool
ending_try(struct drive *d, const struct place *where, const struct ending *x)
{
	int status = 0;

	if (!go(d, where) || !is_held(d))
		return false;
	(void)kill(terminal_pid(d->t), x->sig);
	if (!terminal_wait_end(d->t, &status))
		return wrong(d, "it does not end");
	if (x->exit >= 0 ? !WIFEXITED(status) || WEXITSTATUS(status) != x->exit
	                 : !WIFSIGNALED(status) || WTERMSIG(status) != x->sig)
		return wrong(d, "it ended with status %d", status);
	if (x->exit < 0 && !has_last_words(d))
		return wrong(d, "its last words do not name the log's last entry and the jobs");
	return restored(d);
}

/* One case a screen, to keep the list readable: the first signal that goes wrong is named. */
static void
endings_try(void)
{
	for (size_t i = 0; i < COUNT(places); i++) {
		char title[96], why[640] = "";
		for (size_t k = 0; k < COUNT(endings) && !why[0]; k++) {
			struct drive d = { 0 };
			if (!ending_try(&d, &places[i], &endings[k]))
				(void)snprintf(why, sizeof(why), "%s: %s", endings[k].name, d.why);
			terminal_free(d.t);
		}
		(void)snprintf(title, sizeof(title), "restored after nine signals: %s",
		               places[i].there);
		tap(!why[0], title, why);
	}
}

/* Stopped by the key, seen by the shell, brought back to the same picture. */
static bool
stop_try(struct drive *d, const struct place *x)
{
	const char *argv[] = { shell, house.slipway, NULL };
	cleanup_free char *before = NULL, *after = NULL;

	demo(d);
	if (!drive_spawn(d, argv, 24, 80) || !terminal_wait_mark(d->t, 0) ||
	    !send_keys(d, x->keys) || !terminal_wait_text(d->t, x->there, true))
		return wrong(d, "it does not get there");
	before = terminal_text(d->t);
	const uint64_t mark = terminal_mark(d->t).n;
	(void)terminal_send(d->t, "\032", 1);
	if (!terminal_wait_text(d->t, "STOPPED", true))
		return wrong(d, "it does not stop");
	if (!restored(d) || !terminal_send(d->t, "\n", 1))
		return false;
	if (!is_held(d) || !terminal_wait_mark(d->t, mark) ||
	    !terminal_wait_text(d->t, x->there, true))
		return wrong(d, "it does not come back");
	after = terminal_text(d->t);
	return strncmp(before, after, x->lives ? strcspn(before, "\n") : SIZE_MAX) == 0 ||
	       wrong(d, "another screen came back:\n%.400s", after);
}

static void
stops_try(void)
{
	for (size_t i = 0; i < COUNT(places); i++) {
		struct drive d = { 0 };
		char title[96];
		(void)snprintf(title, sizeof(title), "Ctrl-Z and back: %s", places[i].there);
		tap(stop_try(&d, &places[i]), title, d.why);
		terminal_free(d.t);
	}
}

/* Terminals that cannot be painted on get lines, and the first says why; one of a known family that
 * this machine does not describe is painted on. */
static const struct kind {
	const char *term, *first; /* NULL: the console */
} kinds[] = {
	{ "dumb", "plain lines, because terminal \"dumb\" cannot address its cursor" },
	{ "no-such", "plain lines, because terminal \"no-such\" is not described" },
	{ "", "plain lines, because TERM is not set" },
	{ "xterm-no-such", NULL },
	{ "xterm-kitty", NULL },
	{ "xterm", NULL },
	{ "vt100", NULL },
	{ "linux", NULL },
	{ "screen", NULL },
	{ "screen-256color", NULL },
	{ "tmux-256color", NULL },
	{ "tmux-no-such", NULL },
};

static bool
kind_painted(struct drive *d)
{
	int status = 0;

	if (!terminal_wait_mark(d->t, 0) || !send_keys(d, "j Enter"))
		return wrong(d, "no first screen");
	if (!terminal_wait_text(d->t, "VERSION", true) || !terminal_wait_text(d->t, "v3", true))
		return wrong(d, "the versions are not there");
	(void)send_keys(d, "q");
	(void)send_key(d, "q", 1, false);
	return (terminal_wait_end(d->t, &status) && status == 0 && restored(d)) ||
	       wrong(d, "it ended with status %d", status);
}

static bool
kind_try(struct drive *d, const struct kind *x)
{
	const char *argv[] = { house.slipway, NULL };
	int status = 0;

	demo(d);
	env_add(d, "TERM=%s", x->term);
	if (!drive_spawn(d, argv, 24, 80))
		return false;
	if (!x->first)
		return kind_painted(d);
	terminal_watch(d->t, "\033");
	if (!terminal_wait_text(d->t, x->first, true) ||
	    !terminal_wait_text(d->t, "2: face-detect", true))
		return wrong(d, "no line \"%s\" and the models", x->first);
	if (!terminal_send(d->t, "quit\r", 5) || !terminal_wait_end(d->t, &status) || status != 0)
		return wrong(d, "it ended with status %d", status);
	return !terminal_saw(d->t) || wrong(d, "it sent an escape");
}

static void
kinds_try(void)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct drive d = { 0 };
		char title[64];
		(void)snprintf(title, sizeof(title), "TERM=\"%s\"", kinds[i].term);
		tap(kind_try(&d, &kinds[i]), title, d.why);
		terminal_free(d.t);
	}
}

/* The program's own count of writes is believed only because its count of bytes is what came here.
 */
static bool
frugal(struct drive *d)
{
	demo(d);
	if (!drive_start(d, 24, 80))
		return false;
	for (int i = 0; i < MOVES; i++)
		if (!send_keys(d, i % 2 ? "k" : "j"))
			return false;
	const struct mark m = terminal_mark(d->t);
	if (m.frames < MOVES)
		return wrong(d, "%llu frames for %d keys", (unsigned long long)m.frames, MOVES);
	/* each mark but the last is a write beside those of the frames */
	if (m.writes > m.frames + m.n - 1)
		return wrong(d, "%llu writes for %llu frames and %llu marks",
		             (unsigned long long)m.writes, (unsigned long long)m.frames,
		             (unsigned long long)m.n);
	if (terminal_bytes(d->t) > m.bytes)
		return wrong(d, "%llu bytes came, the console knows of %llu",
		             (unsigned long long)terminal_bytes(d->t), (unsigned long long)m.bytes);
	const size_t idle = terminal_listen(d->t, IDLE_MS);
	return idle == 0 || wrong(d, "%zu bytes while idle", idle);
}

/* Ten looks a second at each target find what is shown: no byte is sent for them. */
static bool
frugal_live(struct drive *d)
{
	demo(d);
	env_add(d, "SLIPWAY_WATCH_POLL_MS=100");
	if (!drive_start(d, 24, 80) || !send_keys(d, "T") ||
	    !terminal_wait_text(d->t,
	                        "production-1 production  face-detect v1      object    as "
	                        "recorded  <5s",
	                        true) ||
	    !terminal_wait_text(d->t, "looking ...", false))
		return wrong(d, "the targets do not say what they hold");
	(void)terminal_listen(d->t, 100);
	const size_t idle = terminal_listen(d->t, IDLE_MS);
	return idle == 0 || wrong(d, "%zu bytes while nothing changes", idle);
}

/* Sizes from 1x1 to 300x100 as fast as they go, then the first again. */
static bool
storm(struct drive *d)
{
	cleanup_free char *before = NULL, *after = NULL;
	uint32_t seed = 7;

	demo(d);
	if (!drive_start(d, 24, 80) || !send_keys(d, "j Enter j"))
		return false;
	before = terminal_text(d->t);
	for (int i = 0; i < 300; i++) {
		seed = seed * 1664525u + 1013904223u;
		const int rows = i < 3 ? 1 : 1 + (int)(seed >> 8) % 100;
		const int cols = i < 6 ? 1 : 1 + (int)(seed >> 16) % 300;
		terminal_resize(d->t, rows, cols);
		if (i % 20 == 0)
			(void)terminal_listen(d->t, 35); /* so that some are painted */
	}
	terminal_resize(d->t, 24, 80);
	(void)send_keys(d, "Ctrl-L");
	if (!terminal_wait_text(d->t, "q back", true))
		return wrong(d, "it does not come back");
	after = terminal_text(d->t);
	return streq(before, after) || wrong(d, "the screen is another one:\n%.400s", after);
}

/* All bytes but those that are signals and flow control to the kernel. */
static size_t
rubbish(char *ret)
{
	static const char kept[] = { 0x03, 0x11, 0x13, 0x1a, 0x1c, 0x1b };
	size_t n = 0;

	for (int c = 0; c < 256; c++)
		if (c == 0 || !memchr(kept, c, sizeof(kept)))
			ret[n++] = (char)c;
	return n;
}

static bool
paste(struct drive *d, const char *bytes, size_t n, unsigned times)
{
	const uint64_t before = terminal_mark(d->t).n;

	(void)terminal_send(d->t, "\033[200~", 6);
	for (unsigned i = 0; i < times; i++) {
		for (size_t at = 0; at < n;) { /* the kernel holds 4 KB of what nobody has read */
			const size_t part = n - at < 256 ? n - at : 256;
			at += terminal_send(d->t, bytes + at, part) ? part : 0;
			(void)terminal_listen(d->t, 1);
		}
	}
	(void)terminal_send(d->t, "\033[201~", 6);
	return terminal_wait_mark(d->t, before) || wrong(d, "nothing followed on a paste");
}

static bool
paste_try(struct drive *d)
{
	char bytes[256];
	const size_t n = rubbish(bytes);
	cleanup_free char *before = NULL, *after = NULL;

	demo(d);
	if (!drive_start(d, 24, 80) || !send_keys(d, "j"))
		return false;
	before = terminal_text(d->t);
	if (!paste(d, bytes, n, 4) || !paste(d, "qqq\rp\rGxX!:q\r", 13, 1))
		return false;
	if (!terminal_wait_text(d->t, "pasted text is taken in fields only", true))
		return wrong(d, "a paste into a list is not refused");
	if (!send_keys(d, "j k")) /* the notice goes */
		return false;
	after = terminal_text(d->t);
	if (!streq(before, after))
		return wrong(d, "a paste into a list did something:\n%.400s", after);
	/* into fields: what is text stays, 64 KB of it are cut, nothing runs */
	if (!send_keys(d, "/") || !paste(d, bytes, n, 260) || !send_keys(d, "Esc :") ||
	    !paste(d, "verify face-detect@v1\r", 22, 1) || !send_keys(d, "Esc"))
		return false;
	if (!send_keys(d, "\\ g j"))
		return false;
	free(after);
	after = terminal_text(d->t);
	return streq(before, after) || wrong(d, "a paste into a field stays:\n%.400s", after);
}

/* Ctrl-S: the line takes nothing more. Keys are still obeyed, changes read, children waited for;
 * with Ctrl-Q comes one newest frame. */
static bool
stopped_line(struct drive *d)
{
	env_start(d);
	env_add(d, "SLIPWAY_REGISTRY=%s/lists", house.root);
	if (!drive_start(d, 24, 80))
		return false;
	const struct mark before = terminal_mark(d->t);
	(void)terminal_send(d->t, "\023", 1);
	for (int i = 0; i < 200; i++)
		(void)terminal_send(d->t, i % 2 ? "k" : "j", 1);
	if (!run_beside(d, "label antifraud-ocr@v1 stopped=yes"))
		return false;
	(void)terminal_send(d->t, "Gg", 2);
	if (terminal_listen(d->t, 300) != 0)
		return wrong(d, "bytes came through a line that is stopped");
	(void)terminal_send(d->t, "\021", 1);
	if (!terminal_wait_mark(d->t, before.n) ||
	    !terminal_wait_text(d->t, "labelled stopped=yes", true))
		return wrong(d, "the newest frame does not come");
	const uint64_t frames = terminal_mark(d->t).frames - before.frames;
	return frames < 10 || wrong(d, "%llu frames were queued", (unsigned long long)frames);
}

/* TERM ends it also while the line is stopped. */
static bool
stopped_end(struct drive *d)
{
	int status = 0;

	demo(d);
	if (!drive_start(d, 24, 80))
		return false;
	(void)terminal_send(d->t, "\023jkjkG", 6);
	(void)kill(terminal_pid(d->t), SIGTERM);
	if (!terminal_wait_end(d->t, &status) || !WIFEXITED(status) || WEXITSTATUS(status) != 143)
		return wrong(d, "it ended with status %d", status);
	struct termios after;
	return (terminal_modes(d->t, &after) && modes_equal(&fresh_modes, &after)) ||
	       wrong(d, "the modes are not what they were");
}

static bool
line_gone(struct drive *d)
{
	int status = 0;

	demo(d);
	if (!drive_start(d, 24, 80))
		return false;
	terminal_hang_up(d->t);
	return (terminal_wait_end(d->t, &status) && WIFEXITED(status) &&
	        WEXITSTATUS(status) == 129) ||
	       wrong(d, "it ended with status %d", status);
}

/* Where SIGHUP is ignored only the terminal itself tells. */
static bool
line_gone_silently(struct drive *d)
{
	cleanup_free char *line = xasprintf("trap '' HUP; exec '%s'", house.slipway);
	const char *argv[] = { "/bin/sh", "-c", line, NULL };
	int status = 0;

	demo(d);
	if (!drive_spawn(d, argv, 24, 80) || !terminal_wait_mark(d->t, 0))
		return wrong(d, "no first screen");
	terminal_hang_up(d->t);
	return (terminal_wait_end(d->t, &status) && WIFEXITED(status) &&
	        WEXITSTATUS(status) == 129) ||
	       wrong(d, "it ended with status %d", status);
}

/* In each of these there is no terminal at one end: nothing is painted, exit 2, and the verb that
 * shows the same is named. */
static bool
no_terminal(struct drive *d, const char *redirection)
{
	cleanup_free char *line = xasprintf("exec '%s' console %s", house.slipway, redirection);
	const char *argv[] = { "/bin/sh", "-c", line, NULL };
	int status = 0;

	demo(d);
	if (!drive_spawn(d, argv, 24, 80))
		return false;
	if (!terminal_wait_end(d->t, &status) || !WIFEXITED(status) || WEXITSTATUS(status) != 2)
		return wrong(d, "it ended with status %d", status);
	return (terminal_wait_text(d->t, "slipway list", true) && !terminal_is_alternate(d->t)) ||
	       wrong(d, "it does not name the verb");
}

/* Ctrl-P: on the normal screen, in the terminal's own modes, until Enter. */
static bool
print_below(struct drive *d)
{
	demo(d);
	if (!drive_start(d, 24, 80) || !send_keys(d, "j"))
		return false;
	const uint64_t mark = terminal_mark(d->t).n;
	(void)terminal_send(d->t, "\020", 1);
	if (!terminal_wait_text(d->t, "-- Enter goes back --", true) ||
	    !terminal_wait_text(d->t, "> face-detect", true))
		return wrong(d, "the screen is not printed");
	if (!restored(d))
		return false;
	(void)terminal_send(d->t, "jjj\r", 4); /* typed there, it moves nothing here */
	if (!is_held(d) || !terminal_wait_mark(d->t, mark))
		return wrong(d, "it does not come back");
	return terminal_wait_text(d->t, "> face-detect", true) ||
	       wrong(d, "the choice moved meanwhile");
}

/* A terminal that paints 2 KB a second, as its answers tell: no chart, and the figures say why. */
static bool
slow_line(struct drive *d)
{
	env_start(d);
	env_add(d, "SLIPWAY_REGISTRY=%s/measured", house.root);
	if (!drive_start(d, 40, 120) || !send_keys(d, "j j Enter") ||
	    !terminal_wait_text(d->t, "auc, v1 to v11", true))
		return wrong(d, "there is no chart");
	if (!send_keys(d, "j k")) /* how far away it is */
		return false;
	terminal_answers(d->t, false);
	if (!send_keys(d, "Ctrl-L")) /* a whole screen */
		return false;
	(void)terminal_listen(d->t, SLOW_MS);
	terminal_answers(d->t, true);
	if (!send_keys(d, "j k") || !terminal_wait_text(d->t, "auc, v1 to v11", false))
		return wrong(d, "the chart stays");
	(void)send_keys(d, "Ctrl-G");
	return terminal_wait_text(d->t, ", slow; sync", true) ||
	       wrong(d, "the line is not called slow");
}

static bool
facts(struct drive *d)
{
	demo(d);
	return (drive_start(d, 24, 120) && send_keys(d, "j") && terminal_send(d->t, "\007", 1) &&
	        terminal_wait_text(d->t, " ms, 1 write; line ", true)) ||
	       wrong(d, "the figures are not shown");
}

static const struct {
	bool (*run)(struct drive *d);
	const char *title;
} singles[] = {
	{ frugal, "one write a frame, nothing while idle" },
	{ frugal_live, "nothing while targets are watched and do not change" },
	{ storm, "sizes from 1x1 to 300x100" },
	{ paste_try, "pastes of all bytes and of 64 KB" },
	{ stopped_line, "a line that Ctrl-S stopped gets the newest frame" },
	{ stopped_end, "TERM ends it while the line is stopped" },
	{ line_gone, "the line is gone" },
	{ line_gone_silently, "the line is gone, and no signal says so" },
	{ print_below, "Ctrl-P prints below and comes back" },
	{ slow_line, "a slow line: no chart" },
	{ facts, "Ctrl-G shows what a frame takes" },
};

int
main(int argc, char **argv)
{
	static const char *const redirections[] = { "</dev/null", "<&-", ">/dev/null 2>/dev/tty",
		                                    "| cat" };

	if (argc != 4 || !house_open(argv[1], argv[2]) || !modes_read())
		return 1;
	shell = argv[3];
	for (size_t i = 0; i < COUNT(singles); i++) {
		struct drive d = { 0 };
		tap(singles[i].run(&d), singles[i].title, d.why);
		terminal_free(d.t);
	}
	for (size_t i = 0; i + 1 < COUNT(redirections); i++) {
		struct drive d = { 0 };
		tap(no_terminal(&d, redirections[i]), redirections[i], d.why);
		terminal_free(d.t);
	}
	kinds_try();
	stops_try();
	endings_try();
	return house_close();
}
