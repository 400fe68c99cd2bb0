/* SPDX-License-Identifier: Apache-2.0 */
/* main() of slipway-agent: a request in, an answer out. See agent.h for both. */
#include "deploy/agent.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/store.h"

#define REQUEST_MAX (1u << 20)

static void
say(const json_t *reply)
{
	cleanup_buf struct buf text = { 0 };

	json_canonical(reply, &text);
	buf_addc(&text, '\n');
	(void)fs_write_all(STDOUT_FILENO, text.p, text.n);
	(void)close(STDOUT_FILENO); /* the caller waits for this end of file, not for the job */
}

static void
say_error(const struct err *e)
{
	cleanup_json json_t *reply = json_object();
	json_t *error = json_object();

	json_object_set_new(error, "code", json_string(err_name(e->code)));
	json_object_set_new(error, "message", json_stringn_nocheck(e->msg, strlen(e->msg)));
	json_object_set_new(error, "hint", json_stringn_nocheck(e->hint, strlen(e->hint)));
	json_object_set_new(reply, "error", error);
	say(reply);
}

/* Notes of library code go to the job's log or to nobody: stderr belongs to whoever started us. */
static void
note(void *arg, enum message_level level, const char *text)
{
	(void)arg;
	if (level == MESSAGE_DEBUG)
		return;
	(void)fs_write_all(STDERR_FILENO, text, strlen(text));
	(void)fs_write_all(STDERR_FILENO, "\n", 1);
}

static const struct {
	const char *name;
	int (*run)(const json_t *request, json_t **ret, struct err *e);
} verbs[] = {
	{ "find", agent_find },
	{ "logs", agent_logs },
	{ "places", agent_places },
	{ "plan", agent_plan },
	{ "pull", agent_pull },
	{ "push", agent_push },
	{ "reach", agent_reach },
	{ "status", agent_status },
	{ "tail", agent_tail },
	{ "test", agent_test },
	{ "watch", agent_watch },
};

static int
run(const char *verb, const json_t *request, struct err *e)
{
	cleanup_json json_t *reply = NULL;

	if (streq(verb, "start"))
		return agent_start_job(request, say, e);
	for (size_t i = 0; i < COUNT(verbs); i++) {
		if (!streq(verb, verbs[i].name))
			continue;
		int rc = verbs[i].run(request, &reply, e);
		if (rc == 0)
			say(reply);
		return rc;
	}
	return err_set(e, ERR_USAGE, "slipway-agent has no verb \"%s\"", verb);
}

/* In a signal handler. Whoever waits for the answer gets one; a job stands still, to be resumed. */
static void
database_is_damaged(void)
{
	static const char answer[] =
		"{\"error\":{\"code\":\"STORE\",\"message\":\"the database is damaged, or its disk "
		"fails\",\"hint\":\"slipway rebuild makes it anew from the log\"}}\n";

	(void)fs_write_all(STDOUT_FILENO, answer, sizeof answer - 1);
	_exit(err_exit_of(ERR_STORE));
}

int
main(int argc, char **argv)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *request = NULL;
	struct err e = { 0 };
	int rc;

	(void)sigaction(SIGPIPE, &ignore, NULL);
	message_sink(note, NULL);
	store_on_damage(database_is_damaged);
	if (crypto_init() < 0)
		rc = err_set(&e, ERR_BUG, "libsodium does not start");
	else if (argc != 2)
		rc = err_set(&e, ERR_USAGE, "slipway-agent is started by slipway");
	else
		rc = fs_read_fd(STDIN_FILENO, "request", REQUEST_MAX, &text, &e);
	if (rc == 0)
		rc = json_parse(buf_str(&text), "request", &request, &e);
	if (rc == 0)
		rc = run(argv[1], request, &e);
	if (rc < 0)
		say_error(&e);
	return rc < 0 ? err_exit_status(&e) : 0;
}
