/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: what a program is given, and that no program can hold, end or surprise its caller. */
#include "registry/hook.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/text.h"

static char dir[] = "/tmp/slipway-hook-XXXXXX";

static char *
script(const char *name, const char *text, mode_t mode)
{
	char *const path = xasprintf("%s/%s", dir, name);
	struct err e = { 0 };

	cr_assert_eq(fs_write_at(AT_FDCWD, path, text, strlen(text), mode, &e), 0, "%s", e.msg);
	return path;
}

static void
setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
}

static void
teardown(void)
{
	static const char *const names[] = { "writes", "hangs",  "fails", "killed",
		                             "plain",  "closes", "child", "seen" };

	for (size_t i = 0; i < COUNT(names); i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static int
call(const char *path, struct str json, uint64_t ms, struct err *e)
{
	*e = (struct err){ 0 };
	return hook_call(path, "job-done", json, ms, e);
}

Test(hook, is_given_the_event_and_little_else, .init = setup, .fini = teardown)
{
	cleanup_free char *seen = xasprintf("%s/seen", dir);
	cleanup_free char *text = xasprintf(
	        "#!/bin/sh\n{ cat; echo $#; pwd; env | sort | cut -d= -f1 | tr '\\n' ' '; "
	        "ls /proc/self/fd | wc -l; "
	        "[ $(cut -d' ' -f5 /proc/$$/stat) = $$ ] && echo own group; } > %s\n",
	        seen);
	cleanup_free char *path = script("writes", text, 0700);
	cleanup_buf struct buf got = { 0 };
	struct err e;

	setenv("SECRET", "x", 1);
	const int kept = dup(STDERR_FILENO); /* without O_CLOEXEC: must not reach the program */
	cr_assert_gt(kept, 2);
	cr_assert_eq(call(path, STR("{\"a\":1}\n"), 5000, &e), 0, "%s", e.msg);
	close(kept);
	cr_assert_eq(fs_read_at(AT_FDCWD, seen, 4096, &got, &e), 0, "%s", e.msg);
	/* sh adds PWD, OLDPWD and _ by itself; ls has its own descriptor of the folder */
	cr_expect_not_null(strstr(buf_cstr(&got), "{\"a\":1}\n0\n/\n"), "%s", got.p);
	cr_expect_not_null(strstr(got.p, "HOME LC_ALL "), "%s", got.p);
	cr_expect_not_null(strstr(got.p, "PATH PWD SLIPWAY_EVENT "), "%s", got.p);
	cr_expect_null(strstr(got.p, "SECRET"), "%s", got.p);
	/* 0, 1, 2 and the folder that is listed */
	cr_expect_not_null(strstr(got.p, " 4\nown group\n"), "%s", got.p);
}

/* A process that is gone, or waits only for whoever inherited it. */
static bool
has_ended(const char *pid)
{
	cleanup_free char *path = xasprintf("/proc/%s/stat", pid);
	cleanup_buf struct buf stat = { 0 };
	struct err e = { 0 };
	const char *state;

	if (fs_read_at(AT_FDCWD, path, 4096, &stat, &e) < 0)
		return true;
	state = strrchr(buf_cstr(&stat), ')');
	return state && state[2] == 'Z';
}

Test(hook, is_ended_with_what_it_started, .init = setup, .fini = teardown)
{
	cleanup_free char *seen = xasprintf("%s/seen", dir);
	cleanup_free char *text = xasprintf(
	        "#!/bin/sh\ntrap '' TERM HUP INT\nsleep 100 & echo $! > %s\nwait\nsleep 100\n",
	        seen);
	cleanup_free char *path = script("hangs", text, 0700);
	cleanup_buf struct buf pid = { 0 };
	struct err e;
	int tries = 0;

	cr_expect_eq(call(path, STR("{}"), 500, &e), -ERR_OUTCOME_UNKNOWN, "%s", e.msg);
	cr_assert_eq(fs_read_at(AT_FDCWD, seen, 64, &pid, &e), 0, "%s", e.msg);
	pid.p[strcspn(buf_cstr(&pid), "\n")] = '\0';
	while (!has_ended(pid.p) && ++tries < 100)
		(void)usleep(10000);
	cr_expect(has_ended(pid.p), "process %s goes on", pid.p);
}

Test(hook, cannot_hold_its_caller, .init = setup, .fini = teardown)
{
	cleanup_free char *hangs = script("hangs", "#!/bin/sh\nsleep 100\n", 0700);
	cleanup_free char *child = script("child", "#!/bin/sh\nsleep 3 &\nexit 0\n", 0700);
	const uint64_t start = clock_mono_ms();
	struct err e;

	cr_expect_eq(call(hangs, STR("{}"), 200, &e), -ERR_OUTCOME_UNKNOWN, "%s", e.msg);
	cr_expect_not_null(strstr(e.msg, "was ended after 0.2 s"), "%s", e.msg);
	/* a process that it leaves behind is not waited for */
	cr_expect_eq(call(child, STR("{}"), 10000, &e), 0, "%s", e.msg);
	cr_expect_lt(clock_mono_ms() - start, 2500);
}

Test(hook, need_not_read, .init = setup, .fini = teardown)
{
	cleanup_free char *path = script("closes", "#!/bin/sh\nexec <&-\nexit 0\n", 0700);
	cleanup_buf struct buf big = { 0 };
	struct err e;

	/* more than any pipe holds, and SIGPIPE would end this process */
	memset(buf_reserve(&big, (size_t)4 << 20), 'x', (size_t)4 << 20);
	big.n = (size_t)4 << 20;
	cr_expect_eq(call(path, buf_str(&big), 5000, &e), 0, "%s", e.msg);
}

Test(hook, failures_are_named, .init = setup, .fini = teardown)
{
	cleanup_free char *fails = script("fails", "#!/bin/sh\nexit 3\n", 0700);
	cleanup_free char *killed = script("killed", "#!/bin/sh\nkill -9 $$\n", 0700);
	cleanup_free char *plain = script("plain", "#!/bin/sh\n", 0600);
	cleanup_free char *missing = xasprintf("%s/missing", dir);
	const struct {
		const char *path;
		int rc;
		const char *text;
	} cases[] = {
		{ fails, -ERR_SYS, "ended with status 3" },
		{ killed, -ERR_SYS, "ended by signal 9" },
		{ plain, -ERR_DENIED, "is not executable" },
		{ dir, -ERR_DENIED, "is not a regular file" },
		{ missing, -ERR_NOT_FOUND, "missing" },
		{ "true", -ERR_USAGE, "is no absolute path" },
	};
	struct err e;

	for (size_t i = 0; i < COUNT(cases); i++) {
		cr_expect_eq(call(cases[i].path, STR("{}"), 5000, &e), cases[i].rc, "%s: %s",
		             cases[i].path, e.msg);
		cr_expect_not_null(strstr(e.msg, cases[i].text), "%s", e.msg);
	}
}

Test(hook, each_event_has_a_key)
{
	for (size_t i = 0; i < CONF_HOOKS; i++) {
		cleanup_free char *key = xasprintf("hook.%s", hook_name((enum conf_hook)i));
		struct conf c = { 0 };
		struct err e = { 0 };
		cleanup_free char *line = xasprintf("%s = /bin/true\n", key);

		cr_assert_eq(conf_parse(&c, str_of(line), "f", &e), 0, "%s", e.msg);
		cr_expect_str_eq(c.hooks[i], "/bin/true");
		cr_expect_eq(c.odd.n, 0);
		conf_fini(&c);
	}
}
