/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plays scripts of keys against the real console and compares what a person would see with golden
 * files; then tries each way of ending and looks at what is left of the terminal. TAP.
 *
 *   screen [--update] SLIPWAY SETUP GOLDEN-FOLDER SCRIPT.keys...
 *
 * A script is lines of one word and its argument:
 *   registry NAME    as SETUP made it, first line    env NAME=VALUE   before size
 *   size 80x24       starts the console              resize 40x12
 *   key j Enter      each is sent and waited for     text face        typed, as no paste would
 *   last q           sent, not waited for            ids all          whole plan ids differ by run
 *   wait TEXT        until it is on the screen       gone TEXT        until it is not
 *   mask PREFIX      what follows it differs by run  golden NAME      as GOLDEN-FOLDER/NAME.txt
 *   end 0            until the console ends with this exit status
 *   run ARGS         slipway with these words beside the console, by a shell; must exit 0
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/str.h"
#include "tests/screen/mask.h"
#include "tests/screen/terminal.h"

#define ENV_MAX   32
#define MASKS_MAX 8
#define IDLE_MS   1200
#define MOVES     10

static struct {
	const char *slipway, *setup, *golden;
	char root[256]; /* the registries are below */
	bool update;
	int tests, failed;
} run;

struct play {
	struct terminal *t;
	char env[ENV_MAX][512];
	int env_n;
	char masks[MASKS_MAX][64];
	int masks_n;
	bool masks_whole; /* plans' ids in full as well */
	char why[512];    /* the first thing that was wrong */
};

static void
tap(bool ok, const char *name, const char *why)
{
	run.tests++;
	run.failed += !ok;
	(void)printf("%sok %d - %s\n", ok ? "" : "not ", run.tests, name);
	for (const char *p = ok ? "" : why; *p;) {
		const int n = (int)strcspn(p, "\n");
		(void)printf("# %.*s\n", n, p);
		p += n + (p[n] == '\n');
	}
	(void)fflush(stdout);
}

__attribute__((format(printf, 2, 3))) static bool
wrong(struct play *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(p->why, sizeof(p->why), fmt, ap);
	va_end(ap);
	return false;
}

__attribute__((format(printf, 2, 3))) static void
env_add(struct play *p, const char *fmt, ...)
{
	va_list ap;

	if (p->env_n == ENV_MAX - 1)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(p->env[p->env_n++], sizeof(p->env[0]), fmt, ap);
	va_end(ap);
}

static void
env_start(struct play *p)
{
	static const char *const kept[] = { "PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS" };

	env_add(p, "HOME=%s", run.root);
	env_add(p, "TERM=xterm-256color");
	env_add(p, "LC_ALL=C.UTF-8");
	env_add(p, "TZ=UTC");
	env_add(p, "SLIPWAY_CLOCK=1793000000");
	env_add(p, "SLIPWAY_IDLE_MARK=1");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (getenv(kept[i]))
			env_add(p, "%s=%s", kept[i], getenv(kept[i]));
}

static bool
play_start(struct play *p, int rows, int cols)
{
	const char *argv[] = { run.slipway, NULL };
	const char *env[ENV_MAX] = { NULL };

	for (int i = 0; i < p->env_n; i++)
		env[i] = p->env[i];
	p->t = terminal_new(argv, env, rows, cols);
	if (!p->t)
		return wrong(p, "cannot start: %s", strerror(errno));
	return terminal_wait_mark(p->t, 0) || wrong(p, "no first screen");
}

static const struct {
	const char *name, *bytes;
} keys[] = {
	{ "Enter", "\r" },    { "Esc", "\033" },    { "Tab", "\t" },       { "Backspace", "\177" },
	{ "Up", "\033OA" },   { "Down", "\033OB" }, { "PgUp", "\033[5~" }, { "PgDn", "\033[6~" },
	{ "Home", "\033OH" }, { "End", "\033OF" },  { "Space", " " },      { "Ctrl-D", "\004" },
	{ "Ctrl-U", "\025" }, { "Ctrl-L", "\014" }, { "Ctrl-C", "\003" },
};

static bool
send_key(struct play *p, const char *name, size_t n, bool waits)
{
	const uint64_t before = terminal_mark(p->t).n;
	const char *bytes = name;
	size_t bytes_n = n;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].name) == n && memcmp(keys[i].name, name, n) == 0) {
			bytes = keys[i].bytes;
			bytes_n = strlen(bytes);
		}
	if (!terminal_send(p->t, bytes, bytes_n))
		return wrong(p, "cannot send \"%.*s\"", (int)n, name);
	if (waits && !terminal_wait_mark(p->t, before))
		return wrong(p, "nothing followed on \"%.*s\"", (int)n, name);
	return true;
}

static bool
send_keys(struct play *p, const char *names)
{
	while (*names) {
		const size_t n = strcspn(names, " ");
		if (n > 0 && !send_key(p, names, n, true))
			return false;
		names += n + (names[n] == ' ');
	}
	return true;
}

static bool
send_text(struct play *p, const char *text)
{
	for (; *text; text++)
		if (!send_key(p, text, 1, true))
			return false;
	return true;
}

/* Behind each mask, what is no blank becomes one "*" and blanks, so that its length does not show.
 */
static void
mask(const struct play *p, char *text)
{
	for (int i = 0; i < p->masks_n; i++) {
		const size_t n = strlen(p->masks[i]);
		for (char *at = strstr(text, p->masks[i]); at; at = strstr(at, p->masks[i])) {
			at += n;
			for (char *c = at; *c && *c != ' ' && *c != '\n'; c++)
				*c = c == at ? '*' : ' ';
		}
	}
}

static char *
file_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	size_t n;

	if (!f)
		return NULL;
	text = calloc(1, 1u << 20);
	n = text ? fread(text, 1, (1u << 20) - 1, f) : 0;
	(void)fclose(f);
	if (text)
		text[n] = '\0';
	return text;
}

static bool
file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return false;
	const bool ok = fputs(text, f) >= 0;
	return fclose(f) == 0 && ok;
}

static void
golden(struct play *p, const char *script, const char *name)
{
	char path[1024], title[256];
	char *shown = terminal_text(p->t), *now = shown ? mask_login(shown) : NULL;
	char *wanted;

	free(shown);
	if (!now)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s.txt", run.golden, name);
	(void)snprintf(title, sizeof(title), "%s: %s", script, name);
	mask(p, now);
	mask_ids(now, p->masks_whole);
	mask_trim(now);
	wanted = file_read(path);
	if (run.update && (!wanted || strcmp(wanted, now) != 0)) {
		free(wanted);
		wanted = file_write(path, now) ? strdup(now) : NULL;
	}
	if (!wanted) {
		tap(false, title, "there is no such golden file; --update writes it");
	} else {
		char *why = xasprintf("wanted:\n%s\nis:\n%s", wanted, now);
		tap(strcmp(wanted, now) == 0, title, why);
		free(why);
	}
	free(wanted);
	free(now);
}

static bool
size_parse(const char *s, int *rows, int *cols)
{
	const size_t n = strcspn(s, "x");
	uint64_t c, r;

	if (s[n] != 'x' || parse_u64_n(s, n, 1000, &c) < 0 || parse_u64(s + n + 1, 1000, &r) < 0)
		return false;
	*rows = (int)r;
	*cols = (int)c;
	return r > 0 && c > 0;
}

static bool
do_end(struct play *p, const char *arg)
{
	uint64_t wanted = 0;
	int status = 0;

	if (parse_u64(arg, 255, &wanted) < 0 || !terminal_wait_end(p->t, &status))
		return wrong(p, "it does not end");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)wanted)
		return wrong(p, "it ended with status %d", status);
	return true;
}

/* By another process, as a colleague's would be. */
static bool
do_run(struct play *p, const char *args)
{
	cleanup_free char *line =
	        xasprintf("exec '%s' --no-input %s >/dev/null 2>&1", run.slipway, args);
	const char *argv[] = { "/bin/sh", "-c", line, NULL };
	const char *env[ENV_MAX] = { NULL };
	int status = -1;
	pid_t pid;

	for (int i = 0; i < p->env_n; i++)
		env[i] = p->env[i];
	if (posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv,
	                (char *const *)(uintptr_t)env) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		return wrong(p, "slipway %s: status %d", args, status);
	return true;
}

static bool
do_line(struct play *p, const char *script, const char *word, const char *arg)
{
	int rows, cols;

	if (strcmp(word, "registry") == 0)
		env_add(p, "SLIPWAY_REGISTRY=%s/%s", run.root, arg);
	else if (strcmp(word, "env") == 0)
		env_add(p, "%s", arg);
	else if (strcmp(word, "mask") == 0 && p->masks_n < MASKS_MAX)
		(void)snprintf(p->masks[p->masks_n++], sizeof(p->masks[0]), "%s", arg);
	else if (strcmp(word, "ids") == 0)
		p->masks_whole = true;
	else if (strcmp(word, "size") == 0 && size_parse(arg, &rows, &cols))
		return play_start(p, rows, cols);
	else if (!p->t)
		return wrong(p, "\"%s\" before the console was started", word);
	else if (strcmp(word, "resize") == 0 && size_parse(arg, &rows, &cols)) {
		const uint64_t before = terminal_mark(p->t).n;
		terminal_resize(p->t, rows, cols);
		return terminal_wait_mark(p->t, before) || wrong(p, "no frame after a resize");
	} else if (strcmp(word, "key") == 0)
		return send_keys(p, arg);
	else if (strcmp(word, "text") == 0)
		return send_text(p, arg);
	else if (strcmp(word, "wait") == 0)
		return terminal_wait_text(p->t, arg, true) || wrong(p, "\"%s\" never came", arg);
	else if (strcmp(word, "gone") == 0)
		return terminal_wait_text(p->t, arg, false) || wrong(p, "\"%s\" never went", arg);
	else if (strcmp(word, "run") == 0)
		return do_run(p, arg);
	else if (strcmp(word, "last") == 0)
		return send_key(p, arg, strlen(arg), false);
	else if (strcmp(word, "end") == 0)
		return do_end(p, arg);
	else if (strcmp(word, "golden") == 0)
		golden(p, script, arg);
	else
		return wrong(p, "unknown line \"%s %s\"", word, arg);
	return true;
}

static void
script_play(const char *path)
{
	struct play p = { 0 };
	char *text = file_read(path);
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	int number = 0;
	bool ok = text != NULL;

	env_start(&p);
	if (!ok)
		(void)wrong(&p, "cannot read it: %s", strerror(errno));
	for (char *line = text; ok && line && *line;) {
		char *next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		char *arg = strchr(line, ' ');
		if (arg)
			*arg++ = '\0';
		if (line[0] && line[0] != '#')
			ok = do_line(&p, name, line, arg ? arg : "");
		line = next;
	}
	if (!ok) {
		char why[1024];
		char *now = p.t ? terminal_text(p.t) : NULL;
		(void)snprintf(why, sizeof(why), "line %d: %.400s\n%.500s", number, p.why,
		               now ? now : "");
		tap(false, name, why);
		free(now);
	}
	terminal_free(p.t);
	free(text);
}

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

static bool
modes_equal(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
	       a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

static bool
restored(struct play *p, const struct termios *before)
{
	struct termios after;

	if (!terminal_modes(p->t, &after) || !modes_equal(before, &after))
		return wrong(p, "the terminal's modes are not what they were");
	if (terminal_is_alternate(p->t))
		return wrong(p, "the alternate screen was left on");
	if (!terminal_has_cursor(p->t))
		return wrong(p, "the cursor was left hidden");
	if (terminal_takes_paste(p->t))
		return wrong(p, "bracketed paste was left on");
	return true;
}

static bool
ending_try(struct play *p, const struct ending *x)
{
	struct termios before, during;
	int status = 0;

	/* the modes of a fresh pty, before the console touches them, are those of any other fresh
	 * pty */
	const char *argv[] = { "/bin/sleep", "60", NULL };
	const char *env[] = { NULL };
	struct terminal *fresh = terminal_new(argv, env, 24, 80);
	const bool has_modes = fresh && terminal_modes(fresh, &before);
	terminal_free(fresh);
	if (!has_modes)
		return wrong(p, "cannot read the modes of a fresh terminal");
	env_start(p);
	env_add(p, "SLIPWAY_REGISTRY=%s/demo", run.root);
	if (!play_start(p, 24, 80) || !send_keys(p, "j k"))
		return false;
	if (!terminal_modes(p->t, &during) || modes_equal(&before, &during) ||
	    !terminal_is_alternate(p->t))
		return wrong(p, "the console does not hold the terminal");
	(void)kill(terminal_pid(p->t), x->sig);
	if (!terminal_wait_end(p->t, &status))
		return wrong(p, "it does not end");
	if (x->exit >= 0 ? !WIFEXITED(status) || WEXITSTATUS(status) != x->exit
	                 : !WIFSIGNALED(status) || WTERMSIG(status) != x->sig)
		return wrong(p, "it ended with status %d", status);
	return restored(p, &before);
}

static void
endings_try(void)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		struct play p = { 0 };
		char title[64];
		(void)snprintf(title, sizeof(title), "restored after %s", endings[i].name);
		tap(ending_try(&p, &endings[i]), title, p.why);
		terminal_free(p.t);
	}
}

/* Terminals that cannot be painted on get lines, and the first says why; one of a known family that
 * this machine does not describe is painted on. */
static const struct plain {
	const char *term, *first; /* NULL: the console */
} plains[] = {
	{ "dumb", "plain lines, because terminal \"dumb\" cannot address its cursor" },
	{ "no-such", "plain lines, because terminal \"no-such\" is not described" },
	{ "", "plain lines, because TERM is not set" },
	{ "xterm-no-such", NULL },
};

static bool
plain_try(struct play *p, const struct plain *x)
{
	const char *argv[] = { run.slipway, NULL };
	const char *env[ENV_MAX] = { NULL };
	int status = 0;

	env_start(p);
	env_add(p, "SLIPWAY_REGISTRY=%s/demo", run.root);
	for (int i = 0; i < p->env_n; i++) {
		if (strncmp(p->env[i], "TERM=", 5) == 0)
			(void)snprintf(p->env[i], sizeof(p->env[0]), "TERM=%s", x->term);
		env[i] = p->env[i];
	}
	p->t = terminal_new(argv, env, 24, 80);
	if (!p->t)
		return wrong(p, "cannot start: %s", strerror(errno));
	if (!x->first)
		return terminal_wait_mark(p->t, 0) || wrong(p, "no first screen");
	if (!terminal_wait_end(p->t, &status) || status != 0)
		return wrong(p, "it ended with status %d", status);
	if (!terminal_wait_text(p->t, x->first, true))
		return wrong(p, "its first line is not \"%s\"", x->first);
	return terminal_wait_text(p->t, "face-detect v3, signed, staging holds v2", true) ||
	       wrong(p, "the models are not there");
}

static void
plains_try(void)
{
	for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
		struct play p = { 0 };
		char title[64];
		(void)snprintf(title, sizeof(title), "TERM=\"%s\"", plains[i].term);
		tap(plain_try(&p, &plains[i]), title, p.why);
		terminal_free(p.t);
	}
}

/* The program's own count of writes is believed only because its count of bytes is what came here.
 */
static bool
frugal(struct play *p)
{
	env_start(p);
	env_add(p, "SLIPWAY_REGISTRY=%s/demo", run.root);
	if (!play_start(p, 24, 80))
		return false;
	for (int i = 0; i < MOVES; i++)
		if (!send_keys(p, i % 2 ? "k" : "j"))
			return false;
	const struct mark m = terminal_mark(p->t);
	if (m.frames < MOVES)
		return wrong(p, "%llu frames for %d keys", (unsigned long long)m.frames, MOVES);
	/* each mark but the last is a write beside those of the frames */
	if (m.writes > m.frames + m.n - 1)
		return wrong(p, "%llu writes for %llu frames and %llu marks",
		             (unsigned long long)m.writes, (unsigned long long)m.frames,
		             (unsigned long long)m.n);
	if (terminal_bytes(p->t) > m.bytes)
		return wrong(p, "%llu bytes came, the console knows of %llu",
		             (unsigned long long)terminal_bytes(p->t), (unsigned long long)m.bytes);
	const size_t idle = terminal_listen(p->t, IDLE_MS);
	return idle == 0 || wrong(p, "%zu bytes while idle", idle);
}

static int
setup_run(void)
{
	const char *argv[] = { run.setup, run.slipway, run.root, NULL };
	pid_t pid;
	int status = 0;

	if (posix_spawn(&pid, run.setup, NULL, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
		return -1;
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

int
main(int argc, char **argv)
{
	struct play p = { 0 };
	int at = 1;

	if (at < argc && strcmp(argv[at], "--update") == 0) {
		run.update = true;
		at++;
	}
	if (argc - at < 3)
		return 2;
	run.slipway = argv[at++];
	run.setup = argv[at++];
	run.golden = argv[at++];
	(void)snprintf(run.root, sizeof(run.root), "/tmp/slipway-screen-XXXXXX");
	if (!mkdtemp(run.root))
		return 2;
	(void)sigaction(SIGPIPE, &(const struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	if (setup_run() != 0) {
		(void)printf("Bail out! the registries could not be made in %s\n", run.root);
		return 1;
	}
	for (; at < argc; at++)
		script_play(argv[at]);
	endings_try();
	plains_try();
	tap(frugal(&p), "one write a frame, nothing while idle", p.why);
	terminal_free(p.t);
	(void)printf("1..%d\n", run.tests);
	return run.failed > 0;
}
