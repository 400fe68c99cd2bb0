/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pods print. Who follows one asks for the time of each line: a stream that was cut is opened
 * again at the last one, and what had come before is left out. That a container was restarted or a
 * pod is gone is told beside the lines.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"
#include "registry/base/clock.h"

#define LOG_MS     30000u
#define BACK_FIRST 500u
#define BACK_MOST  15000u
#define EARLY_MS   50u /* a timer may go off a little before the deadline */
#define STAMP_MAX  LOG_STAMP_SIZE
#define SECONDS    19 /* "2026-11-27T01:02:03" */

struct log_lines {
	line_fn *fn;
	void *arg;
};

static int
pass_line(void *arg, struct str line, struct err *e)
{
	const struct log_lines *l = arg;

	(void)e;
	return l->fn(l->arg, line);
}

static const char *
server_container(const json_t *pod)
{
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(pod, "spec.containers"), i, one)
	{
		const char *name = kube_text(one, "name");

		if (streq(name, "server") || streq(name, "kserve-container"))
			return name;
	}
	return kube_text(json_array_get(kube_at(pod, "spec.containers"), 0), "name");
}

static void
log_query_begin(const char *container, uint64_t tail_lines, struct buf *ret)
{
	buf_adds(ret, "container=");
	http_escape(ret, container);
	if (tail_lines)
		buf_addf(ret, "&tailLines=%" PRIu64, tail_lines);
}

static int
log_of(struct cluster *c, const json_t *pod, const struct log_query *q, struct log_lines *l,
       struct err *e)
{
	cleanup_buf struct buf path = { 0 }, query = { 0 };

	kube_path(&path, "", "v1", cluster_namespace(c->t), "pods", kube_text(pod, "metadata.name"),
	          NULL);
	log_query_begin(server_container(pod), q->tail_lines, &query);
	if (q->previous)
		buf_adds(&query, "&previous=true");
	return kube_log(c->k, buf_cstr(&path), buf_cstr(&query), clock_mono_ms() + LOG_MS,
	                pass_line, l, e);
}

/* --- following one pod --- */

struct follow {
	struct cluster *c;
	const struct log_query *q;
	struct log_lines lines;
	char pod[256], container[256];
	char last[STAMP_MAX]; /* the time of the newest line; "" none yet */
	unsigned same, skip;  /* lines of that time that came; of these still to be left out */
	bool is_catching_up, has_stopped, is_lost;
	int64_t restarts;
	uint64_t back_ms;
};

static void
tell(const struct follow *f, const char *text)
{
	if (f->q->told)
		f->q->told(f->lines.arg, text);
}

/* Length of the time that begins the line; 0: there is none. */
static size_t
stamp_of(struct str line)
{
	const char *end = line.n > SECONDS ? memchr(line.p, ' ', line.n) : NULL;
	const size_t n = end ? (size_t)(end - line.p) : 0;

	return n > SECONDS && n < STAMP_MAX && line.p[4] == '-' && line.p[10] == 'T' ? n : 0;
}

/* Fractions have as many digits as they need. */
static int
stamp_compare(const char *a, size_t a_n, const char *b, size_t b_n)
{
	const int whole = memcmp(a, b, SECONDS);

	for (size_t i = SECONDS + 1; whole == 0 && (i < a_n || i < b_n); i++) {
		const char x = i < a_n && a[i] >= '0' && a[i] <= '9' ? a[i] : '0';
		const char y = i < b_n && b[i] >= '0' && b[i] <= '9' ? b[i] : '0';

		if (x != y)
			return x - y;
	}
	return whole;
}

/* Has that line come before the stream was opened again? */
static bool
has_come(struct follow *f, struct str line, size_t n)
{
	const int order = f->last[0] ? stamp_compare(line.p, n, f->last, strlen(f->last)) : 1;

	if (order > 0) {
		memcpy(f->last, line.p, n);
		f->last[n] = '\0';
		f->same = 1;
		f->is_catching_up = false;
		return false;
	}
	if (f->is_catching_up && (order < 0 || f->skip > 0)) {
		f->skip -= order == 0;
		return true;
	}
	/* two streams of one container are not in order to the nanosecond */
	f->same += order == 0;
	return false;
}

static int
take_line(void *arg, struct str line, struct err *e)
{
	struct follow *const f = arg;
	const size_t n = stamp_of(line);
	int rc;

	if (n > 0 && has_come(f, line, n))
		return 0;
	f->back_ms = BACK_FIRST;
	f->is_lost = false;
	if (f->q->stamp) {
		memcpy(f->q->stamp, line.p, n);
		f->q->stamp[n] = '\0';
	}
	rc = f->lines.fn(f->lines.arg,
	                 n > 0 ? (struct str){ line.p + n + 1, line.n - n - 1 } : line);
	if (rc < 0) {
		f->has_stopped = true;
		return err_set(e, ERR_CANCELLED, "nobody reads any more");
	}
	return 0;
}

static int
stream_once(struct follow *f, struct err *e)
{
	cleanup_buf struct buf path = { 0 }, query = { 0 };

	kube_path(&path, "", "v1", cluster_namespace(f->c->t), "pods", f->pod, NULL);
	log_query_begin(f->container, f->last[0] ? 0 : f->q->tail_lines, &query);
	buf_adds(&query, "&follow=true&timestamps=true");
	if (f->last[0]) /* whole seconds: servers know no finer ones here */
		buf_addf(&query, "&sinceTime=%.*sZ", SECONDS, f->last);
	f->is_catching_up = f->last[0] != '\0';
	f->skip = f->same;
	return kube_log(f->c->k, buf_cstr(&path), buf_cstr(&query), f->c->t->deadline_ms, take_line,
	                f, e);
}

static const json_t *
find_pod(const json_t *pods, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(pods, "items"), i, one)
	{
		if (streq(kube_text(one, "metadata.name"), name))
			return one;
	}
	return NULL;
}

static const json_t *
container_state(const json_t *pod, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(pod, "status.containerStatuses"), i, one)
	{
		if (streq(kube_text(one, "name"), name))
			return one;
	}
	return NULL;
}

static void
tell_end(const struct follow *f, const char *what, const json_t *ended)
{
	cleanup_free char *text = NULL;
	char reason[64];

	kube_safe(reason, sizeof reason, kube_text(ended, "reason"));
	text = ended ? xasprintf("%s: exit code %" PRId64 "%s%s", what,
	                         kube_number(ended, "exitCode", -1), reason[0] ? ", " : "", reason)
	             : xstrdup(what);
	tell(f, text);
}

/* After a stream has ended. 1: nothing more will come from this pod. */
static int
look_after(struct follow *f, struct err *e)
{
	cleanup_json json_t *pods = NULL;
	const json_t *pod, *state;
	const char *phase;
	int64_t restarts;
	int rc = cluster_our_pods(f->c, &pods, e);

	if (rc < 0)
		return rc;
	pod = find_pod(pods, f->pod);
	state = container_state(pod, f->container);
	phase = kube_text(pod, "status.phase");
	if (!pod) {
		tell(f, "the pod is gone");
		return 1;
	}
	if (streq(phase, "Succeeded") || streq(phase, "Failed")) {
		tell_end(f, "the pod has ended", kube_at(state, "state.terminated"));
		return 1;
	}
	restarts = kube_number(state, "restartCount", 0);
	if (restarts > f->restarts)
		tell_end(f, "the container was restarted", kube_at(state, "lastState.terminated"));
	f->restarts = restarts;
	return 0;
}

static bool
is_over(const struct follow *f)
{
	return f->c->t->deadline_ms && clock_mono_ms() + EARLY_MS >= f->c->t->deadline_ms;
}

/* What waiting may mend: no contact, a container that has not begun, a pod on its way out. */
static bool
may_pass(int rc)
{
	return rc >= 0 || rc == -ERR_UNREACHABLE || rc == -ERR_NOT_FOUND ||
	       rc == -ERR_ROLLOUT_FAILED;
}

static void
pause_once(struct follow *f)
{
	const struct timespec t = { .tv_sec = (time_t)(f->back_ms / 1000),
		                    .tv_nsec = (long)(f->back_ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
	f->back_ms = f->back_ms * 2 < BACK_MOST ? f->back_ms * 2 : BACK_MOST;
}

static int
follow_pod(struct follow *f, struct err *e)
{
	for (;;) {
		int rc = stream_once(f, e);

		if (may_pass(rc) && !f->has_stopped && !is_over(f)) {
			if (rc == -ERR_UNREACHABLE && !f->is_lost) {
				tell(f, "the stream was cut: trying again");
				f->is_lost = true;
			}
			err_clear(e);
			rc = look_after(f, e);
		}
		if (is_over(f)) {
			err_clear(e);
			return 0;
		}
		if (f->has_stopped || rc == 1 || !may_pass(rc))
			return rc < 0 ? rc : 0;
		err_clear(e);
		pause_once(f);
	}
}

static int
follow_one(struct cluster *c, const json_t *pod, const struct log_query *q,
           const struct log_lines *l, struct err *e)
{
	struct follow f = { .c = c, .q = q, .lines = *l, .back_ms = BACK_FIRST };

	(void)str_copy(f.pod, sizeof f.pod, kube_text(pod, "metadata.name"));
	(void)str_copy(f.container, sizeof f.container, server_container(pod));
	f.restarts = kube_number(container_state(pod, f.container), "restartCount", 0);
	return follow_pod(&f, e);
}

/* --- those that are asked for --- */

static bool
is_asked(const json_t *pod, const struct log_query *q)
{
	struct cluster_stamp stamp;

	cluster_stamp_of(pod, &stamp);
	return (!q->instance || streq(q->instance, kube_text(pod, "metadata.name"))) &&
	       (!q->model || streq(q->model, stamp.model));
}

int
cluster_logs(void *st, const struct log_query *q, line_fn *fn, void *arg, struct err *e)
{
	struct log_lines l = { fn, arg };
	cleanup_json json_t *pods = NULL;
	const json_t *pod;
	bool any = false;
	size_t i;
	int rc;

	rc = cluster_our_pods(st, &pods, e);
	json_array_foreach(json_object_get(pods, "items"), i, pod)
	{
		if (rc != 0 || !is_asked(pod, q))
			continue;
		any = true;
		rc = q->follow ? follow_one(st, pod, q, &l, e) : log_of(st, pod, q, &l, e);
	}
	if (rc == 0 && !any)
		return err_set(e, ERR_NOT_FOUND, "there is no such pod");
	return rc;
}
