/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs -f. An agent for each target tells which instances come, and one for each instance what it
 * prints; here their lines are put one below the other, whole, each with whose it is. Nothing is
 * kept but the line that has not ended.
 */
#include "tui/cmd/log_follow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/vec.h"
#include "tui/job.h"

#define INSTANCES_MAX 64 /* an agent each */
#define TARGETS_MAX   32
#define LINE_MAX_SIZE ((size_t)1 << 20) /* 64 KiB of a server, every byte escaped, and names */

struct stream {
	pid_t pid;
	int fd; /* -1: over */
	bool is_finder, has_ended;
	const json_t *place; /* of the reply of "places" */
	char *instance;      /* NULL for a finder */
	struct buf part;
};
struct following {
	struct app *app;
	const json_t *request;
	VEC(struct stream) v;
	struct pollfd *polls;
	size_t instances;
	uint64_t tail, began_ms;
	bool is_full;
};

/* --- what is shown --- */

static void
show_line(struct following *f, const struct stream *s, const char *text, const char *time)
{
	struct out *const o = f->app->out;

	const char *const stage = json_text(s->place, "stage");
	const char *const target = json_text(s->place, "target");

	if (out_format_of(o) == OUT_TEXT) {
		out_text(o, "%s  %s\n", s->instance, text);
		return;
	}
	if (out_format_of(o) == OUT_WIDE) {
		out_text(o, "%s  %s  %s  %s\n", stage, target, s->instance, text);
		return;
	}
	out_cell(o, stage);
	out_cell(o, target);
	out_cell(o, s->instance);
	out_cell(o, text);
	out_cell(o, time);
}

static void
note(struct following *f, const struct stream *s, const char *text)
{
	out_note(f->app->out, "%s%s%s: %s", json_text(s->place, "target"), s->instance ? " " : "",
	         s->instance ? s->instance : "", text);
}

/* --- streams --- */

static void
stream_close(struct following *f, struct stream *s)
{
	if (s->fd < 0)
		return;
	close_quietly(steal_fd(&s->fd));
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	f->instances -= s->instance != NULL;
	buf_fini(&s->part);
}

/* instance NULL: which there are. tail 0: all. */
static int
stream_open(struct following *f, const json_t *place, const char *instance, uint64_t tail,
            struct err *e)
{
	cleanup_json json_t *request = json_copy((json_t *)(uintptr_t)f->request);
	struct stream s = { .place = place, .is_finder = instance == NULL };
	int rc;

	json_object_set(request, "stage", json_object_get(place, "stage"));
	json_object_set(request, "target", json_object_get(place, "target"));
	if (instance)
		json_object_set_new(request, "instance", json_string(instance));
	json_object_set_new(request, "tail", json_integer((json_int_t)tail));
	rc = agent_stream(instance ? "tail" : "find", request, &s.pid, &s.fd, e);
	if (rc < 0)
		return rc;
	(void)fcntl(s.fd, F_SETFL, O_NONBLOCK);
	s.instance = instance ? xstrdup(instance) : NULL;
	f->instances += instance != NULL;
	vec_push(&f->v, s);
	return 0;
}

/* Is it followed already? A pod that was restarted keeps its name, and its stream. */
static bool
is_followed(struct following *f, const json_t *place, const char *instance)
{
	vec_foreach(s, &f->v) {
		if (s->fd >= 0 && s->instance && s->place == place && streq(s->instance, instance))
			return true;
	}
	return false;
}

static int
add_instance(struct following *f, const json_t *place, const char *name, bool is_first,
             struct err *e)
{
	if (is_followed(f, place, name))
		return 0;
	if (f->instances >= INSTANCES_MAX) {
		if (!f->is_full)
			out_note(f->app->out,
			         "more than %d instances: \"%s\" and later ones are "
			         "not followed",
			         INSTANCES_MAX, name);
		f->is_full = true;
		return 0;
	}
	/* who comes later is shown from its first line on */
	return stream_open(f, place, name, is_first ? f->tail : 0, e);
}

/* --- what they say --- */

/* One object of the stream at that index, which moves when another is added. */
static int
take(struct following *f, size_t i, struct str line, struct err *e)
{
	struct stream *const s = &f->v.v[i];
	cleanup_json json_t *j = NULL;
	struct err why = { 0 };
	const char *text;

	if (json_parse(line, "the agent's line", &j, &why) < 0 || agent_error(j, &why) < 0) {
		note(f, s, why.msg);
		s->has_ended = true;
		return 0;
	}
	s->has_ended = json_is_true(json_object_get(j, "end"));
	if ((text = json_opt_string(j, "note")))
		note(f, s, text);
	else if (s->is_finder && (text = json_opt_string(j, "instance")))
		return add_instance(f, s->place, text, json_is_true(json_object_get(j, "first")),
		                    e);
	else if (s->instance && (text = json_opt_string(j, "text")))
		show_line(f, s, text, json_opt_string(j, "time"));
	return 0;
}

static int
take_lines(struct following *f, size_t i, const char *p, size_t n, struct err *e)
{
	while (n > 0) {
		struct stream *const s = &f->v.v[i];
		const char *const end = memchr(p, '\n', n);
		const size_t len = end ? (size_t)(end - p) : n;

		if (len > LINE_MAX_SIZE - s->part.n)
			return err_set(e, ERR_BUG, "the agent sends a line without an end");
		buf_add(&s->part, p, len);
		p += len + (end != NULL);
		n -= len + (end != NULL);
		if (!end)
			break;
		/* the stream may move: the line must not be its own */
		struct buf whole = s->part;
		s->part = (struct buf){ 0 };
		int rc = take(f, i, buf_str(&whole), e);
		buf_fini(&whole);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
read_stream(struct following *f, size_t i, struct err *e)
{
	char bytes[65536];
	const ssize_t n = read(f->v.v[i].fd, bytes, sizeof bytes);

	if (n > 0)
		return take_lines(f, i, bytes, (size_t)n, e);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (!f->v.v[i].has_ended)
		note(f, &f->v.v[i], "its agent ended by itself");
	stream_close(f, &f->v.v[i]);
	return 0;
}

/* --- together --- */

/* How many are left; closed ones make room. */
static size_t
compact(struct following *f)
{
	size_t n = 0;

	vec_foreach(s, &f->v) {
		if (s->fd >= 0)
			f->v.v[n++] = *s;
		else
			free(s->instance);
	}
	f->v.n = n;
	return n;
}

static int
turn(struct following *f, struct err *e)
{
	const size_t n = f->v.n;
	int rc = 0;

	f->polls = xrealloc(f->polls, (n + 1) * sizeof *f->polls);
	for (size_t i = 0; i < n; i++)
		f->polls[i] = (struct pollfd){ .fd = f->v.v[i].fd, .events = POLLIN };
	f->polls[n] = (struct pollfd){ .fd = STDOUT_FILENO };
	if (poll(f->polls, (nfds_t)n + 1, -1) < 0)
		return errno == EINTR ? 0 : err_sys(e, "wait for the agents");
	if (f->polls[n].revents & (POLLERR | POLLNVAL))
		return err_set(e, ERR_CANCELLED, "nobody reads any more");
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (f->polls[i].revents)
			rc = read_stream(f, i, e);
	}
	(void)out_flush(f->app->out);
	return rc;
}

static int
follow_all(struct following *f, const json_t *places, struct err *e)
{
	const json_t *place;
	size_t i;
	int rc = 0;

	json_array_foreach(places, i, place)
	{
		if (rc == 0)
			rc = stream_open(f, place, NULL, 0, e);
	}
	while (rc == 0 && compact(f) > 0)
		rc = turn(f, e);
	vec_foreach(s, &f->v) {
		stream_close(f, s);
		free(s->instance);
	}
	vec_fini(&f->v);
	free(f->polls);
	return rc;
}

static int
check_format(struct app *a, struct err *e)
{
	const enum out_format f = out_format_of(a->out);

	if (f != OUT_JSON)
		return 0;
	err_set(e, ERR_USAGE, "-o json is one document, and what is followed has no end");
	return err_hint(e, "-o ndjson gives an object a line");
}

/* Rows of text are held back until all widths are known; those of the others leave as they come. */
static bool
has_rows(const struct out *o)
{
	return out_format_of(o) != OUT_TEXT && out_format_of(o) != OUT_WIDE;
}

/* Nobody is left to follow: not what was asked for, unless its time is over. */
static int
ended(const struct following *f, struct err *e)
{
	if (f->app->timeout_ms && clock_mono_ms() - f->began_ms >= f->app->timeout_ms)
		return 0;
	return err_set(e, ERR_UNREACHABLE, "no log can be followed any more");
}

int
log_follow(struct app *a, const json_t *request, uint64_t tail, struct err *e)
{
	static const struct out_column columns[] = {
		{ "STAGE", "stage", OUT_LEFT, false, false },
		{ "TARGET", "target", OUT_LEFT, false, false },
		{ "INSTANCE", "instance", OUT_LEFT, false, true },
		{ "LINE", "text", OUT_LEFT, false, false },
		{ "TIME", "time", OUT_LEFT, true, false },
	};
	struct following f = {
		.app = a, .request = request, .tail = tail ? tail : 200, .began_ms = clock_mono_ms()
	};
	cleanup_json json_t *reply = NULL;
	const json_t *places;
	int rc = check_format(a, e);

	if (rc == 0)
		rc = agent_call("places", request, &reply, e);
	if (rc < 0)
		return rc;
	places = json_object_get(reply, "places");
	if (json_array_size(places) == 0)
		return err_set(e, ERR_NOT_FOUND, "no target serves that model");
	if (json_array_size(places) > TARGETS_MAX) {
		err_set(e, ERR_TOO_BIG, "%zu targets are more than the %d that can be followed",
		        json_array_size(places), TARGETS_MAX);
		return err_hint(e, "--stage names those of one stage");
	}
	if (has_rows(a->out))
		out_table_begin(a->out, "LogLineList", columns, COUNT(columns));
	rc = follow_all(&f, places, e);
	if (has_rows(a->out))
		out_table_end(a->out);
	return rc < 0 ? rc : ended(&f, e);
}
