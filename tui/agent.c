/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking to slipway-agent: a request goes to its stdin, the answer comes from its stdout. A job's
 * agent gets a session of its own, so that it outlives the terminal; the answer is all that is
 * waited for.
 */
#include "tui/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "tui/session.h"

#define ANSWER_MAX  ((size_t)16 << 20)
#define SYSTEMD_RUN "/usr/bin/systemd-run"

struct agent_pipes {
	int in[2], out[2];
};

static void
pipes_close(const struct agent_pipes *p)
{
	for (size_t i = 0; i < 2; i++) {
		close_quietly(p->in[i]);
		close_quietly(p->out[i]);
	}
}

static int
start(char *const *argv, bool own_session, const struct agent_pipes *p, pid_t *ret, struct err *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
		return err_set(e, ERR_SYS, "start the agent");
	rc = posix_spawn_file_actions_adddup2(&actions, p->in[0], STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&actions, p->out[1], STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(&attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setflags(
		        &attributes,
		        (short)(POSIX_SPAWN_SETSIGMASK | (own_session ? POSIX_SPAWN_SETSID : 0)));
	if (rc == 0)
		rc = posix_spawn(ret, argv[0], &actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc == 0)
		return 0;
	errno = rc;
	return err_sys(e, "start %s", argv[0]);
}

int
agent_error(const json_t *reply, struct err *e)
{
	const json_t *error = json_object_get(reply, "error");
	const char *code = json_opt_string(error, "code"),
	           *text = json_opt_string(error, "message");
	const char *hint = json_opt_string(error, "hint");

	if (!error)
		return 0;
	enum err_code c = code ? err_from_name(code) : ERR_BUG;
	err_set(e, c == ERR_OK ? ERR_BUG : c, "%s", text ? text : "the agent gave no reason");
	return hint && *hint ? err_hint(e, "%s", hint) : -(int)e->code;
}

/* {"progress":{"done","total"}} */
static void
tell(const struct progress *p, struct str line)
{
	cleanup_json json_t *j = NULL;
	struct err ignored = { 0 };
	const json_t *o;
	json_int_t done, total;

	if (json_parse(line, "progress", &j, &ignored) < 0)
		return;
	o = json_object_get(j, "progress");
	done = json_integer_value(json_object_get(o, "done"));
	total = json_integer_value(json_object_get(o, "total"));
	if (done >= 0 && total >= done)
		progress_step(p, "bytes", (uint64_t)done, (uint64_t)total);
}

/* Takes whole lines of progress off the front of what has come. */
static void
take_progress(const struct progress *p, struct buf *b)
{
	static const char head[] = "{\"progress\":";
	size_t at = 0;

	for (;;) {
		const char *const line = b->p + at;
		const char *const end = b->n > at ? memchr(line, '\n', b->n - at) : NULL;

		if (!end || (size_t)(end - line) < sizeof head ||
		    memcmp(line, head, sizeof head - 1) != 0)
			break;
		tell(p, (struct str){ line, (size_t)(end - line) });
		at = (size_t)(end + 1 - b->p);
	}
	if (at > 0) {
		memmove(b->p, b->p + at, b->n - at);
		b->n -= at;
	}
}

static int
read_watched(int fd, const struct progress *p, struct buf *ret, struct err *e)
{
	for (;;) {
		const ssize_t n = read(fd, buf_reserve(ret, 65536), 65536);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot read the agent's answer");
		if (n == 0)
			return 0;
		ret->n += (size_t)n;
		take_progress(p, ret);
		if (ret->n > ANSWER_MAX)
			return err_set(e, ERR_TOO_BIG, "the agent's answer is too large");
	}
}

/* The answer is whole at the end of file: the agent closes its stdout behind it and may go on. No
 * answer at all: *ret stays NULL. */
static int
exchange(const json_t *request, const struct progress *progress, struct agent_pipes *p,
         json_t **ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 }, answer = { 0 };
	int rc, unsent = 0;

	json_canonical(request, &text);
	/* who does not read to the end says why, or has ended */
	if (fs_write_all(p->in[1], text.p, text.n) < 0 && errno != EPIPE)
		unsent = errno;
	close_quietly(steal_fd(&p->in[1]));
	rc = progress ? read_watched(p->out[0], progress, &answer, e)
	              : fs_read_fd(p->out[0], "the agent's answer", ANSWER_MAX, &answer, e);
	if (rc == 0 && unsent) { /* what it says of half a request is no answer */
		errno = unsent;
		rc = err_sys(e, "speak to the agent");
	}
	if (rc < 0)
		return rc;
	if (answer.n == 0)
		return 0;
	rc = json_parse(buf_str(&answer), "the agent's answer", ret, e);
	if (rc < 0)
		return rc;
	rc = agent_error(*ret, e);
	if (rc < 0) {
		json_decref(*ret);
		*ret = NULL;
	}
	return rc;
}

/* A program that ends without a word has at least an end. */
static int
say_silent(const char *program, int status, bool starts_job, struct err *e)
{
	const char *const name = strrchr(program, '/') ? strrchr(program, '/') + 1 : program;

	(void)err_set(e, starts_job ? ERR_OUTCOME_UNKNOWN : ERR_SYS,
	              "%s ended without an answer (%s %d)", name,
	              WIFSIGNALED(status) ? "signal" : "exit status",
	              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return err_hint(e, "%s",
	                starts_job ? "`slipway job list` shows whether a job began"
	                           : "nothing was changed; try again");
}

/* ret_silent: its exit status when it ended by itself and had nothing to say; else 0. */
static int
call(char *const *argv, const json_t *request, bool own_session, const struct progress *progress,
     int *ret_silent, json_t **ret, struct err *e)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct agent_pipes p = { { -1, -1 }, { -1, -1 } };
	struct sigaction before;
	int rc, status = 0;
	pid_t pid;

	*ret = NULL;
	*ret_silent = 0;
	if (pipe2(p.in, O_CLOEXEC) < 0 || pipe2(p.out, O_CLOEXEC) < 0) {
		pipes_close(&p);
		return err_sys(e, "make a pipe");
	}
	rc = start(argv, own_session, &p, &pid, e);
	const bool started = rc == 0;
	close_quietly(steal_fd(&p.in[0]));
	close_quietly(steal_fd(&p.out[1]));
	if (rc == 0) {
		/* an agent that died is an answer of its own */
		(void)sigaction(SIGPIPE, &ignore, &before);
		rc = exchange(request, progress, &p, ret, e);
		(void)sigaction(SIGPIPE, &before, NULL);
	}
	/* first: an agent that still waits for its request must see the end of it */
	pipes_close(&p);
	if (started && (!own_session || rc < 0 || !*ret))
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	if (rc < 0 || *ret)
		return rc;
	*ret_silent = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	return say_silent(argv[0], status, own_session, e);
}

int
agent_call(const char *verb, const json_t *request, json_t **ret, struct err *e)
{
	return agent_call_watched(verb, request, NULL, ret, e);
}

int
agent_call_watched(const char *verb, const json_t *request, const struct progress *p, json_t **ret,
                   struct err *e)
{
	cleanup_free char *path = NULL;
	int silent, rc = fs_sibling("slipway-agent", &path, e);

	if (rc < 0)
		return rc;
	char *const argv[] = { path, (char *)(uintptr_t)verb, NULL };
	return call(argv, request, false, p, &silent, ret, e);
}

int
agent_stream(const char *verb, const json_t *request, pid_t *ret_pid, int *ret_fd, struct err *e)
{
	struct agent_pipes p = { { -1, -1 }, { -1, -1 } };
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *path = NULL;
	pid_t pid = 0;
	int rc = fs_sibling("slipway-agent", &path, e);

	if (rc < 0)
		return rc;
	if (pipe2(p.in, O_CLOEXEC) < 0 || pipe2(p.out, O_CLOEXEC) < 0) {
		pipes_close(&p);
		return err_sys(e, "make a pipe");
	}
	char *const argv[] = { path, (char *)(uintptr_t)verb, NULL };
	rc = start(argv, false, &p, &pid, e);
	json_canonical(request, &text);
	/* far less than a pipe holds: it is taken before anybody reads, or the agent is gone */
	if (rc == 0 && fs_write_all(p.in[1], text.p, text.n) < 0)
		rc = err_sys(e, "speak to the agent");
	if (rc == 0) {
		*ret_pid = pid;
		*ret_fd = steal_fd(&p.out[0]);
	}
	pipes_close(&p);
	if (rc < 0 && pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	return rc;
}

static void
warn(enum session_end end)
{
	if (end == SESSION_ENDED)
		message(MESSAGE_WARNING, "logind ends this job when you have logged out: "
		                         "`loginctl enable-linger` keeps it, also now");
	else if (end == SESSION_UNKNOWN)
		message(MESSAGE_WARNING,
		        "logind does not say whether it ends this job when you log out");
}

static int
start_job(const json_t *request, json_t **ret, struct err *e)
{
	cleanup_free char *path = NULL;
	int silent, rc = fs_sibling("slipway-agent", &path, e);

	if (rc < 0)
		return rc;
	char start_word[] = "start", run[] = SYSTEMD_RUN, user[] = "--user", scope[] = "--scope",
	     quiet[] = "--quiet", collect[] = "--collect", end[] = "--";
	char *const scoped[] = { run, user, scope, quiet, collect, end, path, start_word, NULL };
	char *const plain[] = { path, start_word, NULL };
	struct session s;
	session_look(&s);
	warn(session_end(&s));
	if (session_wants_scope(&s)) {
		rc = call(scoped, request, true, NULL, &silent, ret, e);
		if (!silent) /* an answer, a refusal, a signal: the agent's */
			return rc;
		err_clear(e);
		message(MESSAGE_WARNING,
		        "systemd-run does not work here: the job may end with this session");
	}
	return call(plain, request, true, NULL, &silent, ret, e);
}

int
agent_start(const char *registry_dir, const json_t *request, char ret_job_id[17], struct err *e)
{
	cleanup_json json_t *all = json_copy((json_t *)(uintptr_t)request), *reply = NULL;
	const char *id;
	int rc;

	json_object_set_new(all, "registry", json_string(registry_dir));
	rc = start_job(all, &reply, e);
	if (rc == 0)
		rc = json_get_string(reply, "job", "the agent's answer", &id, e);
	if (rc == 0 && str_copy(ret_job_id, 17, id) < 0)
		rc = err_set(e, ERR_BUG, "the agent named no job");
	return rc;
}
