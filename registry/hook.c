/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running hooks. The event is written into a file in memory that becomes the program's stdin, so
 * that a program which does not read cannot hold us and none can raise SIGPIPE. Then it is waited
 * for, up to the limit. Knows nothing of what the events mean.
 */
#include "registry/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/json.h"
#include "registry/base/message.h"

#define WAIT_STEP_MS 5
#define KILL_WAIT_MS 500 /* then it is left: one may not be ours to kill */
#define FIRST_FD     3   /* what is closed in the program, beside O_CLOEXEC */

const char *
hook_name(enum conf_hook event)
{
	static const char *const names[] = {
		[CONF_HOOK_PLAN_WAITING] = "plan-waiting",
		[CONF_HOOK_JOB_FAILED] = "job-failed",
		[CONF_HOOK_JOB_DONE] = "job-done",
		[CONF_HOOK_STAGE_MOVED] = "stage-moved",
	};

	_Static_assert(COUNT(names) == CONF_HOOKS, "one name an event");
	return names[event];
}

/* --- one program --- */

static int
check_program(const char *program, struct err *e)
{
	struct stat st;

	if (program[0] != '/')
		return err_set(e, ERR_USAGE, "\"%s\" is no absolute path", program);
	if (stat(program, &st) < 0)
		return err_sys(e, "\"%s\"", program);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_DENIED, "\"%s\" is not a regular file", program);
	if (access(program, X_OK) < 0)
		return err_set(e, ERR_DENIED, "\"%s\" is not executable", program);
	return 0;
}

static int
stdin_make(struct str json, int *ret, struct err *e)
{
	cleanup_close int fd = memfd_create("event", MFD_CLOEXEC);

	if (fd < 0 || fs_write_all(fd, json.p, json.n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, "make the event");
	*ret = steal_fd(&fd);
	return 0;
}

static int
actions_make(posix_spawn_file_actions_t *f, int in)
{
	if (posix_spawn_file_actions_adddup2(f, in, STDIN_FILENO) != 0 ||
	    posix_spawn_file_actions_addopen(f, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
	    posix_spawn_file_actions_addopen(f, STDERR_FILENO, "/dev/null", O_WRONLY, 0) != 0 ||
	    posix_spawn_file_actions_addclosefrom_np(f, FIRST_FD) != 0 ||
	    posix_spawn_file_actions_addchdir_np(f, "/") != 0)
		return -1;
	return 0;
}

static int
attributes_make(posix_spawnattr_t *a)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	if (posix_spawnattr_setsigmask(a, &none) != 0 ||
	    posix_spawnattr_setsigdefault(a, &all) != 0 || posix_spawnattr_setpgroup(a, 0) != 0)
		return -1;
	return posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
	                                           POSIX_SPAWN_SETPGROUP);
}

static int
spawn(const char *program, char *const *envp, int in, pid_t *ret, struct err *e)
{
	char *const argv[] = { (char *)(uintptr_t)program, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int rc;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return err_set(e, ERR_SYS, "cannot start a process");
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return err_set(e, ERR_SYS, "cannot start a process");
	}
	rc = attributes_make(&attributes);
	if (rc == 0)
		rc = actions_make(&actions, in);
	if (rc == 0)
		rc = posix_spawn(ret, program, &actions, &attributes, argv, envp);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc != 0) {
		errno = rc > 0 ? rc : EINVAL;
		return err_sys(e, "cannot start \"%s\"", program);
	}
	return 0;
}

/* True: it has ended. */
static bool
wait_until(pid_t pid, uint64_t deadline_ms, int *ret_status)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_MS * 1000000L };

	for (;;) {
		const pid_t got = waitpid(pid, ret_status, WNOHANG);
		if (got == pid)
			return true;
		if (got < 0 && errno != EINTR) {
			*ret_status = 0; /* SIGCHLD is ignored here: nobody can know */
			return true;
		}
		if (clock_mono_ms() >= deadline_ms)
			return false;
		(void)nanosleep(&step, NULL);
	}
}

static int
wait_for(const char *program, pid_t pid, uint64_t limit_ms, struct err *e)
{
	int status = 0;

	if (!wait_until(pid, clock_mono_ms() + limit_ms, &status)) {
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL); /* it may have gone to another group */
		(void)wait_until(pid, clock_mono_ms() + KILL_WAIT_MS, &status);
		return err_set(e, ERR_OUTCOME_UNKNOWN, "\"%s\" was ended after %.1f s", program,
		               (double)limit_ms / 1000);
	}
	if (WIFSIGNALED(status))
		return err_set(e, ERR_SYS, "\"%s\" was ended by signal %d", program,
		               WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(e, ERR_SYS, "\"%s\" ended with status %d", program,
		               WEXITSTATUS(status));
	return 0;
}

int
hook_call(const char *program, const char *event, struct str json, uint64_t limit_ms, struct err *e)
{
	const char *const home = getenv("HOME");
	cleanup_free char *event_is = xasprintf("SLIPWAY_EVENT=%s", event);
	cleanup_free char *home_is = xasprintf("HOME=%s", home ? home : "/");
	char path_is[] = "PATH=/usr/local/bin:/usr/bin:/bin", lang_is[] = "LC_ALL=C.UTF-8";
	char *const envp[] = { path_is, lang_is, home_is, event_is, NULL };
	cleanup_close int in = -1;
	pid_t pid = 0;
	int rc;

	rc = check_program(program, e);
	if (rc == 0)
		rc = stdin_make(json, &in, e);
	if (rc == 0)
		rc = spawn(program, envp, in, &pid, e);
	return rc < 0 ? rc : wait_for(program, pid, limit_ms, e);
}

/* --- events --- */

static void
event_json(enum conf_hook event, const struct hook_facts *f, struct buf *ret)
{
	struct json_out j = { .b = ret };
	const struct plan *const p = f->plan;

	jo_begin(&j, NULL, '{');
	jo_string(&j, "apiVersion", "slipway/v1");
	jo_string(&j, "kind", "Event");
	jo_string(&j, "event", hook_name(event));
	jo_time(&j, "time", clock_now_s());
	jo_begin(&j, "registry", '{');
	jo_string(&j, "id", f->registry->id);
	jo_string(&j, "path", f->registry->dir);
	jo_end(&j, '}');
	jo_string(&j, "model", p->model);
	jo_string(&j, "stage", p->stage);
	jo_string(&j, "action", p->kind);
	if (p->empty)
		jo_null(&j, "number");
	else
		jo_u64(&j, "number", p->number);
	jo_digest(&j, "plan", &p->id);
	jo_string(&j, "job", f->job);
	jo_string(&j, "state", f->state);
	jo_string(&j, "by", f->by && *f->by ? f->by : NULL);
	jo_string(&j, "text", f->text && *f->text ? f->text : NULL);
	jo_end(&j, '}');
	buf_addc(ret, '\n');
}

/* Tests do not want to wait for ten seconds. */
static uint64_t
limit_ms(void)
{
	uint64_t ms = HOOK_LIMIT_MS;
#ifdef SLIPWAY_TESTING
	const char *const said = getenv("SLIPWAY_HOOK_LIMIT_MS");

	if (said)
		(void)parse_u64(said, HOOK_LIMIT_MS, &ms);
#endif
	return ms;
}

void
hook_run(enum conf_hook event, const struct hook_facts *f)
{
	cleanup_buf struct buf json = { 0 };
	struct conf c = { 0 };
	struct err e = { 0 };
	int rc;

	rc = conf_load(&c, &e);
	if (rc == 0 && c.hooks[event]) {
		event_json(event, f, &json);
		rc = hook_call(c.hooks[event], hook_name(event), buf_str(&json), limit_ms(), &e);
	}
	if (rc < 0)
		message(MESSAGE_WARNING, "hook %s: %s", hook_name(event), e.msg);
	conf_fini(&c);
}

void
hook_plan_waiting(const struct registry *r, const struct plan *p, const char *by)
{
	const struct hook_facts f = { .registry = r, .plan = p, .by = by, .state = "waiting" };

	hook_run(CONF_HOOK_PLAN_WAITING, &f);
}
