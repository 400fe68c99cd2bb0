/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts consoles in an environment that is the same in every run, and types for them. Knows no
 * scripts and no golden files.
 */
#include "tests/screen/drive.h"

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

struct house house;

void
tap(bool ok, const char *name, const char *why)
{
	house.tests++;
	house.failed += !ok;
	(void)printf("%sok %d - %s\n", ok ? "" : "not ", house.tests, name);
	for (const char *p = ok ? "" : why; *p;) {
		const int n = (int)strcspn(p, "\n");
		(void)printf("# %.*s\n", n, p);
		p += n + (p[n] == '\n');
	}
	(void)fflush(stdout);
}

bool
wrong(struct drive *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(d->why, sizeof(d->why), fmt, ap);
	va_end(ap);
	return false;
}

/* The later wins. */
void
env_add(struct drive *d, const char *fmt, ...)
{
	char one[sizeof(d->env[0])];
	va_list ap;
	int i = 0;

	va_start(ap, fmt);
	(void)vsnprintf(one, sizeof(one), fmt, ap);
	va_end(ap);
	const size_t name_n = strcspn(one, "=") + 1;
	while (i < d->env_n && strncmp(d->env[i], one, name_n) != 0)
		i++;
	if (i == ENV_MAX - 1)
		return;
	d->env_n += i == d->env_n;
	memcpy(d->env[i], one, sizeof(one));
}

void
env_start(struct drive *d)
{
	static const char *const kept[] = { "PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS" };

	env_add(d, "HOME=%s", house.root);
	env_add(d, "TERM=xterm-256color");
	env_add(d, "LC_ALL=C.UTF-8");
	env_add(d, "TZ=UTC");
	env_add(d, "SLIPWAY_CLOCK=1793000000");
	env_add(d, "SLIPWAY_IDLE_MARK=1");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (getenv(kept[i]))
			env_add(d, "%s=%s", kept[i], getenv(kept[i]));
}

bool
drive_spawn(struct drive *d, const char *const *argv, int rows, int cols)
{
	const char *env[ENV_MAX] = { NULL };

	for (int i = 0; i < d->env_n; i++)
		env[i] = d->env[i];
	d->t = terminal_new(argv, env, rows, cols);
	return d->t || wrong(d, "cannot start: %s", strerror(errno));
}

bool
drive_start(struct drive *d, int rows, int cols)
{
	const char *argv[] = { house.slipway, NULL };

	if (!drive_spawn(d, argv, rows, cols))
		return false;
	return terminal_wait_mark(d->t, 0) || wrong(d, "no first screen");
}

static const struct {
	const char *name, *bytes;
} keys[] = {
	{ "Enter", "\r" },    { "Esc", "\033" },    { "Tab", "\t" },       { "Backspace", "\177" },
	{ "Up", "\033OA" },   { "Down", "\033OB" }, { "PgUp", "\033[5~" }, { "PgDn", "\033[6~" },
	{ "Home", "\033OH" }, { "End", "\033OF" },  { "Space", " " },      { "Ctrl-D", "\004" },
	{ "Ctrl-U", "\025" }, { "Ctrl-L", "\014" }, { "Ctrl-C", "\003" },  { "Ctrl-G", "\007" },
};

bool
send_key(struct drive *d, const char *name, size_t n, bool waits)
{
	const char *bytes = name;
	size_t bytes_n = n;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].name) == n && memcmp(keys[i].name, name, n) == 0) {
			bytes = keys[i].bytes;
			bytes_n = strlen(bytes);
		}
	if (!terminal_type(d->t, bytes, bytes_n))
		return wrong(d, "cannot send \"%.*s\"", (int)n, name);
	if (waits && !terminal_wait_typed(d->t))
		return wrong(d, "nothing followed on \"%.*s\"", (int)n, name);
	return true;
}

bool
send_keys(struct drive *d, const char *names)
{
	while (*names) {
		const size_t n = strcspn(names, " ");
		if (n > 0 && !send_key(d, names, n, true))
			return false;
		names += n + (names[n] == ' ');
	}
	return true;
}

/* By another process, as a colleague's would be. */
bool
run_beside(struct drive *d, const char *args)
{
	cleanup_free char *line =
	        xasprintf("exec '%s' --no-input %s >/dev/null 2>&1", house.slipway, args);
	const char *argv[] = { "/bin/sh", "-c", line, NULL };
	const char *env[ENV_MAX] = { NULL };
	int status = -1;
	pid_t pid;

	for (int i = 0; i < d->env_n; i++)
		env[i] = d->env[i];
	if (posix_spawn(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv,
	                (char *const *)(uintptr_t)env) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		return wrong(d, "slipway %s: status %d", args, status);
	return true;
}

static int
setup_run(void)
{
	const char *argv[] = { house.setup, house.slipway, house.root, NULL };
	pid_t pid;
	int status = 0;

	if (posix_spawn(&pid, house.setup, NULL, NULL, (char *const *)(uintptr_t)argv, environ) !=
	    0)
		return -1;
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

bool
house_open(const char *slipway, const char *setup)
{
	house.slipway = slipway;
	house.setup = setup;
	(void)snprintf(house.root, sizeof(house.root), "/tmp/slipway-screen-XXXXXX");
	if (!mkdtemp(house.root))
		return false;
	(void)sigaction(SIGPIPE, &(const struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	if (setup_run() == 0)
		return true;
	(void)printf("Bail out! the registries could not be made in %s\n", house.root);
	return false;
}

int
house_close(void)
{
	(void)printf("1..%d\n", house.tests);
	return house.failed > 0;
}
