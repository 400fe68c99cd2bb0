/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent that watches all targets, and what it has told so far. It knows the registry as it was
 * when it began: when the log has grown it is started anew. Nothing here says what that means.
 */
#include "tui/cmd/status_feed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/ref.h"
#include "tui/job.h"

#define LINE_MAX_SIZE ((size_t)16 << 20) /* the first one names all targets */
#define AGAIN_MS      3000               /* between two agents that end by themselves */

struct status_feed {
	struct registry *r;
	const json_t *request;
	struct log_pos end; /* of the log, when the agent began */
	uint64_t began_ms, retry_ms;
	pid_t pid;
	int fd; /* -1: there is no agent */
	struct buf part;
	json_t *live;
	size_t missing; /* targets that were not looked at yet */
	status_told_fn *told;
	void *told_arg;
};

enum live
live_of(const json_t *serving)
{
	const char *status = json_opt_string(serving, "status");

	if (json_is_true(json_object_get(serving, "drifted")) || streq(status, "failed"))
		return LIVE_DRIFT;
	if (streq(status, "succeeded"))
		return LIVE_AS_RECORDED;
	if (json_is_true(json_object_get(serving, "settling")))
		return LIVE_SETTLING;
	return streq(status, "progressing") ? LIVE_PROGRESSING : LIVE_UNKNOWN;
}

int
status_request(struct app *a, const char *name, json_t **ret, struct err *e)
{
	struct ref ref;
	int rc = name ? ref_parse(name, &ref, e) : 0;

	if (rc < 0)
		return rc;
	*ret = json_object();
	json_object_set_new(*ret, "registry", json_string(a->registry->dir));
	json_object_set_new(*ret, "timeout_ms", json_integer((json_int_t)a->timeout_ms));
	if (name)
		json_object_set_new(*ret, "model", json_string(ref.model));
	return 0;
}

void
status_feed_tell(struct status_feed *f, status_told_fn *fn, void *arg)
{
	f->told = fn;
	f->told_arg = arg;
}

static void
agent_end(struct status_feed *f)
{
	if (f->fd < 0)
		return;
	/* it writes nothing anywhere: there is nothing to wait for */
	(void)kill(f->pid, SIGTERM);
	close_quietly(steal_fd(&f->fd));
	while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
		;
	buf_clear(&f->part);
}

static void
forget(struct status_feed *f)
{
	json_decref(f->live);
	f->live = json_pack("{s:[]}", "stages");
	f->missing = SIZE_MAX;
}

static int
agent_begin(struct status_feed *f, struct err *e)
{
	int rc = log_end(f->r->log, &f->end, e);

	if (rc == 0)
		rc = agent_stream("watch", f->request, &f->pid, &f->fd, e);
	if (rc < 0)
		return rc;
	(void)fcntl(f->fd, F_SETFL, O_NONBLOCK);
	f->began_ms = clock_mono_ms();
	f->retry_ms = f->began_ms + AGAIN_MS;
	forget(f);
	return 0;
}

int
status_feed_open(struct registry *r, const json_t *request, struct status_feed **ret, struct err *e)
{
	struct status_feed *const f = xcalloc(1, sizeof *f);
	int rc;

	f->r = r;
	f->request = request;
	f->fd = -1;
	rc = agent_begin(f, e);
	if (rc == 0)
		*ret = f;
	else
		status_feed_close(f);
	return rc;
}

void
status_feed_close(struct status_feed *f)
{
	if (!f)
		return;
	agent_end(f);
	buf_fini(&f->part);
	json_decref(f->live);
	free(f);
}

const json_t *
status_feed_live(const struct status_feed *f)
{
	return f->live;
}

bool
status_feed_is_whole(const struct status_feed *f)
{
	return f->missing == 0;
}

uint64_t
status_feed_began_ms(const struct status_feed *f)
{
	return f->began_ms;
}

/* --- what it tells --- */

static bool
is_same_text(const json_t *a, const json_t *b, const char *key)
{
	return streq(json_opt_string(a, key), json_opt_string(b, key));
}

static void
put_target(struct status_feed *f, const json_t *line, json_t *told)
{
	json_t *stage, *target;
	size_t i, k;

	json_array_foreach(json_object_get(f->live, "stages"), i, stage)
	{
		json_t *const targets = json_object_get(stage, "targets");

		if (!is_same_text(stage, line, "model") || !is_same_text(stage, line, "stage"))
			continue;
		json_array_foreach(targets, k, target)
		{
			if (!is_same_text(target, told, "name"))
				continue;
			f->missing -= json_object_get(target, "serving") == NULL;
			json_array_set(targets, k, told);
			return;
		}
	}
}

static int
take(struct status_feed *f, struct str text, struct err *e)
{
	cleanup_json json_t *line = NULL;
	json_t *told, *stage;
	size_t i;
	int rc = json_parse(text, "the agent's line", &line, e);

	if (rc == 0)
		rc = agent_error(line, e);
	if (rc < 0)
		return rc;
	told = json_object_get(line, "target");
	if (told)
		put_target(f, line, told);
	if (json_object_get(line, "stages")) {
		json_decref(f->live);
		f->live = json_incref(line);
		f->missing = 0;
		json_array_foreach(json_object_get(line, "stages"), i, stage)
		{
			f->missing += json_array_size(json_object_get(stage, "targets"));
		}
	}
	if (f->told)
		f->told(f->told_arg, line);
	return 0;
}

/* Whole lines off the front. 1: there was one. */
static int
take_lines(struct status_feed *f, struct err *e)
{
	size_t at = 0;
	int rc = 0;

	while (rc >= 0) {
		const char *const p = f->part.p + at;
		const char *const lf = f->part.n > at ? memchr(p, '\n', f->part.n - at) : NULL;

		if (!lf)
			break;
		at = (size_t)(lf + 1 - f->part.p);
		rc = take(f, (struct str){ p, (size_t)(lf - p) }, e);
		rc = rc < 0 ? rc : 1;
	}
	if (at > 0) {
		memmove(f->part.p, f->part.p + at, f->part.n - at);
		f->part.n -= at;
	}
	if (rc >= 0 && f->part.n > LINE_MAX_SIZE)
		return err_set(e, ERR_BUG, "the agent sends a line without an end");
	return rc;
}

/* All that is there now. */
static int
read_agent(struct status_feed *f, struct err *e)
{
	int rc = 0;

	for (;;) {
		const ssize_t n = read(f->fd, buf_reserve(&f->part, 65536), 65536);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0 || errno != EAGAIN)
				agent_end(f);
			return rc;
		}
		f->part.n += (size_t)n;
		const int taken = take_lines(f, e);
		if (taken < 0)
			return taken;
		rc = taken > 0 ? 1 : rc;
	}
}

/* 1: it was begun anew, and nothing is known. */
static int
renew(struct status_feed *f, struct err *e)
{
	struct log_pos now;
	int rc = log_end(f->r->log, &now, e);

	if (rc < 0)
		return rc;
	if (f->fd >= 0 && now.segment == f->end.segment && now.offset == f->end.offset)
		return 0;
	if (f->fd < 0 && clock_mono_ms() < f->retry_ms)
		return 0;
	agent_end(f);
	rc = agent_begin(f, e);
	return rc < 0 ? rc : 1;
}

int
status_feed_wait(struct status_feed *f, int ms, struct err *e)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };
	int rc;

	if (poll(&p, 1, ms) > 0 && p.revents) {
		rc = read_agent(f, e);
		if (rc != 0)
			return rc;
	}
	return renew(f, e);
}
