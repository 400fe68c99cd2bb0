/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of a Kubernetes API server: a collection as it changes, and the log of a container. Lines
 * are put together from pieces of any size, with a bound. A stream that ends is nothing special: it
 * is resumed where it was, listed anew when the server has forgotten that place, and polled when
 * watching is not allowed.
 * Source: Kubernetes API concepts, "Efficient detection of changes".
 */
#include <stdio.h>
#include <string.h>

#include "deploy/kube.h"
#include "deploy/kube_lines.h"
#include "deploy/kube_look.h"
#include "deploy/kube_private.h"
#include "registry/base/clock.h"

#define ITEMS_MAX    10000
#define LINE_LOG_MAX ((size_t)64 << 10)
#define IDLE_MS      90000 /* bookmarks come about once a minute */
#define STREAM_S     300
#define BACK_FIRST   800
#define BACK_MOST    30000
#define HEALTHY_MS   120000
#define POLL_FIRST   5000
#define POLL_LATER   15000

/* --- watch --- */

/* How a stream ends when nothing failed: as errors, since only those end an exchange. */
enum stop { GOES_ON, WANTS_LIST, WANTS_PAUSE, IS_DONE };

struct watch {
	struct kube *k;
	const char *path, *query;
	uint64_t until_ms;
	kube_event_fn *fn;
	void *arg;
	char version[64];
	enum stop stop;
	bool is_listed; /* once at least */
};

static int
stop(struct watch *w, enum stop why, struct err *e)
{
	w->stop = why;
	return err_set(e, ERR_CANCELLED, "the stream is no longer wanted");
}

static int
tell(struct watch *w, const char *type, const json_t *object, struct err *e)
{
	int rc = w->fn(w->arg, type, object, e);

	if (rc > 0)
		return stop(w, IS_DONE, e);
	return rc;
}

/* An ERROR that comes under status 200. */
static int
on_error(struct watch *w, const json_t *status, struct err *e)
{
	const int64_t code = kube_number(status, "code", 0);
	struct err why = { 0 };

	if (code == 410 || streq(kube_text(status, "reason"), "Expired"))
		return stop(w, WANTS_LIST, e);
	if (code >= 400 && code < 500 && code != 429) {
		int rc = kube_status_error(status, w->path, &why);
		*e = why;
		return rc;
	}
	return stop(w, WANTS_PAUSE, e);
}

static int
on_event(void *arg, struct str line, struct err *e)
{
	struct watch *const w = arg;
	cleanup_json json_t *j = NULL;
	json_t *object;
	const char *type, *version;
	struct err bad = { 0 };

	if (line.n == 0)
		return 0;
	/* half a line at the end of a cut stream never comes here: it has no line feed */
	if (json_parse(line, "event", &j, &bad) < 0)
		return err_set(e, ERR_MALFORMED, "\"%s\" sends an event that is no JSON", w->path);
	type = kube_text(j, "type");
	object = json_object_get(j, "object");
	if (streq(type, "ERROR"))
		return on_error(w, object, e);
	version = kube_text(object, "metadata.resourceVersion");
	if (*version && str_copy(w->version, sizeof w->version, version) < 0)
		return err_set(e, ERR_MALFORMED, "\"%s\" sends a resourceVersion that is too long",
		               w->path);
	if (!streq(type, "ADDED") && !streq(type, "MODIFIED") && !streq(type, "DELETED"))
		return 0; /* BOOKMARK, and what newer servers may send */
	(void)json_object_del(json_object_get(object, "metadata"), "managedFields");
	return tell(w, type, object, e);
}

static int
list_all(struct watch *w, struct err *e)
{
	cleanup_json json_t *all = NULL;
	json_t *one;
	size_t i;
	int rc = kube_list(w->k, w->path, w->query, ITEMS_MAX, &all, e);

	if (rc < 0)
		return rc;
	if (w->is_listed)
		rc = tell(w, "RESET", NULL, e);
	w->is_listed = true;
	if (str_copy(w->version, sizeof w->version, kube_text(all, "resourceVersion")) < 0)
		return err_set(e, ERR_MALFORMED, "\"%s\" has a resourceVersion that is too long",
		               w->path);
	json_array_foreach(json_object_get(all, "items"), i, one)
	{
		if (rc == 0)
			rc = tell(w, "ADDED", one, e);
	}
	return rc < 0 ? rc : tell(w, "SYNC", NULL, e);
}

static uint64_t
left_ms(const struct watch *w)
{
	const uint64_t now_ms = clock_mono_ms();

	return w->until_ms == 0 ? UINT64_MAX : w->until_ms > now_ms ? w->until_ms - now_ms : 0;
}

static int
stream(struct watch *w, struct err *e)
{
	const uint64_t left = left_ms(w);
	const uint64_t seconds = left / 1000 < STREAM_S ? left / 1000 + 1 : STREAM_S;
	struct kube_lines l = { .max = KUBE_OBJECT_MAX, .fn = on_event, .arg = w };
	const struct http_sink sink = { .write = kube_lines_write, .arg = &l };
	cleanup_response struct http_response r = { 0 };
	cleanup_buf struct buf q = { 0 };
	struct kube_call c = { .method = "GET",
		               .path = w->path,
		               .is_read = true,
		               .sink = &sink,
		               .idle_ms = IDLE_MS,
		               .timeout_ms = seconds * 1000 + 5000 };
	int rc;

	buf_addf(&q, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%llu&resourceVersion=",
	         (unsigned long long)seconds);
	http_escape(&q, w->version);
	if (w->query && *w->query)
		buf_addf(&q, "&%s", w->query);
	c.query = buf_cstr(&q);
	w->stop = GOES_ON;
	rc = kube_call(w->k, &c, &r, NULL, e);
	kube_lines_fini(&l);
	return rc;
}

/* The stream has ended: what now? 0: go on after *ret_pause. */
static int
after_stream(struct watch *w, int rc, uint64_t lasted_ms, uint64_t *back, uint64_t *ret_pause,
             bool *ret_list, struct err *e)
{
	/* a server that ends each stream at once is not asked without a pause */
	*ret_pause = lasted_ms < 1000 ? kube_jitter(BACK_FIRST) : 0;
	if (lasted_ms > HEALTHY_MS)
		*back = BACK_FIRST;
	*ret_list = false;
	if (rc == -ERR_CANCELLED && w->stop == WANTS_LIST)
		*ret_list = true;
	else if (rc == -ERR_CONFLICT) /* 410 as the answer's status */
		*ret_list = true;
	else if (rc == 0)
		return 0; /* the server's time was over */
	else if (rc != -ERR_UNREACHABLE && !(rc == -ERR_CANCELLED && w->stop == WANTS_PAUSE))
		return rc;
	err_clear(e);
	*ret_pause = kube_jitter(*back);
	*back = *back * 2 < BACK_MOST ? *back * 2 : BACK_MOST;
	return 0;
}

/* Where reading is allowed and watching is not. */
static int
poll_on(struct watch *w, struct err *e)
{
	for (unsigned i = 0;; i++) {
		const uint64_t wait = i < 12 ? POLL_FIRST : POLL_LATER;
		const uint64_t left = left_ms(w);
		int rc = kube_pause(w->k, wait < left ? wait : left, e);

		if (rc < 0 || left <= wait)
			return rc;
		rc = list_all(w, e);
		if (rc < 0 && rc != -ERR_UNREACHABLE)
			return rc;
		err_clear(e);
	}
}

static int
follow(struct watch *w, struct err *e)
{
	uint64_t back = BACK_FIRST, pause = 0;
	bool wants_list = true;

	while (left_ms(w) > 0) {
		const uint64_t began_ms = clock_mono_ms();
		int rc = wants_list ? list_all(w, e) : 0;
		const bool is_unlisted = rc < 0;

		/* the first list says whether we may read at all */
		if (rc < 0 && !(rc == -ERR_UNREACHABLE && w->is_listed))
			return rc;
		if (rc == 0)
			rc = stream(w, e);
		if (rc == -ERR_DENIED) {
			err_clear(e);
			return poll_on(w, e);
		}
		rc = after_stream(w, rc, clock_mono_ms() - began_ms, &back, &pause, &wants_list, e);
		wants_list = wants_list || is_unlisted;
		if (rc == 0 && pause > 0) {
			const uint64_t left = left_ms(w);
			rc = kube_pause(w->k, pause < left ? pause : left, e);
		}
		if (rc < 0)
			return rc;
	}
	return 0;
}

int
kube_watch(struct kube *k, const char *path, const char *query, uint64_t until_ms,
           kube_event_fn *fn, void *arg, struct err *e)
{
	struct watch w = {
		.k = k, .path = path, .query = query, .until_ms = until_ms, .fn = fn, .arg = arg
	};
	int rc = follow(&w, e);

	if (rc == -ERR_CANCELLED && w.stop == IS_DONE) {
		err_clear(e);
		return 0;
	}
	return rc;
}

/* --- logs --- */

int
kube_log(struct kube *k, const char *pod_path, const char *query, uint64_t until_ms,
         kube_line_fn *fn, void *arg, struct err *e)
{
	struct kube_lines l = { .max = LINE_LOG_MAX, .cuts = true, .fn = fn, .arg = arg };
	const struct http_sink sink = { .write = kube_lines_write, .arg = &l };
	const uint64_t now_ms = clock_mono_ms();
	cleanup_response struct http_response r = { 0 };
	cleanup_free char *path = xasprintf("%s/log", pod_path);
	const struct kube_call c = {
		.method = "GET",
		.path = path,
		.query = query,
		.is_read = true,
		.sink = &sink,
		.timeout_ms = until_ms == 0       ? HTTP_NO_TIMEOUT
		              : until_ms > now_ms ? until_ms - now_ms
		                                  : 1,
	};
	int rc = kube_call(k, &c, &r, NULL, e);

	if (rc == 0 && l.part.n > 0) /* the last line of a log need not have ended */
		rc = fn(arg, buf_str(&l.part), e);
	kube_lines_fini(&l);
	return rc < 0 ? rc : 0;
}
