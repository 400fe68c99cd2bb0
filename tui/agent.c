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

#define ANSWER_MAX ((size_t)16 << 20)

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
start(const char *path, const char *verb, bool own_session, const struct agent_pipes *p, pid_t *ret,
      struct err *e)
{
	char *const argv[] = { (char *)(uintptr_t) "slipway-agent", (char *)(uintptr_t)verb, NULL };
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
		rc = posix_spawn(ret, path, &actions, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (rc == 0)
		return 0;
	errno = rc;
	return err_sys(e, "start %s", path);
}

static int
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

/* The answer is whole at the end of file: the agent closes its stdout behind it and may go on. */
static int
exchange(const json_t *request, struct agent_pipes *p, json_t **ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 }, answer = { 0 };
	int rc;

	json_canonical(request, &text);
	if (fs_write_all(p->in[1], text.p, text.n) < 0)
		return err_sys(e, "speak to the agent");
	close_quietly(steal_fd(&p->in[1]));
	rc = fs_read_fd(p->out[0], "the agent's answer", ANSWER_MAX, &answer, e);
	if (rc < 0)
		return rc;
	if (answer.n == 0)
		return err_set(e, ERR_BUG, "the agent ended without an answer");
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

static int
call(const char *verb, const json_t *request, bool own_session, json_t **ret, struct err *e)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct agent_pipes p = { { -1, -1 }, { -1, -1 } };
	cleanup_free char *path = NULL;
	struct sigaction before;
	pid_t pid;
	int rc = fs_sibling("slipway-agent", &path, e);

	if (rc < 0)
		return rc;
	if (pipe2(p.in, O_CLOEXEC) < 0 || pipe2(p.out, O_CLOEXEC) < 0) {
		pipes_close(&p);
		return err_sys(e, "make a pipe");
	}
	rc = start(path, verb, own_session, &p, &pid, e);
	close_quietly(steal_fd(&p.in[0]));
	close_quietly(steal_fd(&p.out[1]));
	if (rc == 0) {
		(void)sigaction(SIGPIPE, &ignore,
		                &before); /* an agent that died is an answer of its own */
		rc = exchange(request, &p, ret, e);
		(void)sigaction(SIGPIPE, &before, NULL);
		if (!own_session || rc < 0)
			while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
				;
	}
	pipes_close(&p);
	return rc;
}

int
agent_call(const char *verb, const json_t *request, json_t **ret, struct err *e)
{
	return call(verb, request, false, ret, e);
}

int
agent_start(const char *registry_dir, const json_t *request, char ret_job_id[17], struct err *e)
{
	cleanup_json json_t *all = json_copy((json_t *)(uintptr_t)request), *reply = NULL;
	const char *id;
	int rc;

	json_object_set_new(all, "registry", json_string(registry_dir));
	rc = call("start", all, true, &reply, e);
	if (rc == 0)
		rc = json_get_string(reply, "job", "the agent's answer", &id, e);
	if (rc == 0 && str_copy(ret_job_id, 17, id) < 0)
		rc = err_set(e, ERR_BUG, "the agent named no job");
	return rc;
}
