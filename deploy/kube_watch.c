/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of a Kubernetes API server: a collection as it changes, and the log of a container. Lines
 * are put together from pieces of any size, with a bound. A stream that ends is nothing special: it
 * is resumed where it was, listed anew when the server has forgotten that place, and polled when
 * watching is not allowed.
 * Source: Kubernetes API concepts, "Efficient detection of changes".
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "deploy/kube.h"
#include "deploy/kube_lines.h"
#include "deploy/kube_look.h"
#include "deploy/kube_private.h"
#include "registry/base/clock.h"

#define ITEMS_MAX    10000
#define LINE_LOG_MAX ((size_t)64 << 10)
#define LOG_MAX      (64u << 20) /* nodes keep 10 MiB of a container */
#define IDLE_MS      90000       /* bookmarks come about once a minute */
#define STREAM_S     300
#define BACK_FIRST   800
#define BACK_MOST    30000
#define HEALTHY_MS   30000 /* what sits in between may cut each stream after a minute */
#define TOLD_MOST_S  60
#define POLLS        20 /* then watching is tried again */
#define POLL_FIRST   5000
#define POLL_LATER   15000
#define DENIALS      4 /* a server that starts does not know its roles for a moment */
#define BUSY_TRIES   3

/* --- watch --- */

/* Why a stream ended that did not fail: as errors, since only those end an exchange. */
enum stop { GOES_ON, WANTS_LIST, WANTS_PAUSE, IS_DONE, HAS_FAILED };

struct watch {
	struct kube *k;
	const char *path, *query;
	uint64_t until_ms;
	kube_event_fn *fn;
	void *arg;
	char version[64];
	enum stop stop;
	uint64_t back_ms;           /* the pause after the next failure */
	uint64_t told_ms;           /* to wait, by the server */
	unsigned denials;           /* lists refused in a row */
	bool wants_list, is_listed; /* listed once at least */
};

static int
stop(struct watch *w, enum stop why, struct err *e)
{
	w->stop = why;
	return err_set(e, ERR_CANCELLED, "the stream is no longer wanted");
}

/* An error of fn is nobody else's: it ends all, whatever its code would mean here. */
static int
tell(struct watch *w, const char *type, const json_t *object, struct err *e)
{
	int rc = w->fn(w->arg, type, object, e);

	if (rc > 0)
		return stop(w, IS_DONE, e);
	if (rc < 0)
		w->stop = HAS_FAILED;
	return rc;
}

static uint64_t
told(uint64_t seconds)
{
	return (seconds < TOLD_MOST_S ? seconds : TOLD_MOST_S) * 1000;
}

/* An ERROR that comes under status 200. */
static int
on_error(struct watch *w, const json_t *status, struct err *e)
{
	const int64_t code = kube_number(status, "code", 0);
	const int64_t wait_s = kube_number(status, "details.retryAfterSeconds", 0);

	w->told_ms = wait_s > 0 ? told((uint64_t)wait_s) : 0;
	if (code == 410 || streq(kube_text(status, "reason"), "Expired"))
		return stop(w, WANTS_LIST, e);
	if (code >= 400 && code < 500 && code != 429)
		return kube_status_error(status, w->path, e);
	/* "too large resource version" stays so after a restored backup */
	w->wants_list = code != 429;
	return stop(w, WANTS_PAUSE, e);
}

static int
no_event(const struct watch *w, bool is_page, struct err *e)
{
	err_set(e, ERR_MALFORMED, "\"%s\" sends %s where an event should be", w->path,
	        is_page ? "an HTML page" : "something");
	return err_hint(e, "is there a proxy or another server at this address?");
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
	if (json_parse(line, "event", &j, &bad) < 0 || *(type = kube_text(j, "type")) == '\0')
		return no_event(w, line.p[0] == '<', e);
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
	int rc = kube_list_metadata(w->k, w->path, w->query, ITEMS_MAX, &all, e);

	if (rc < 0)
		return rc;
	if (str_copy(w->version, sizeof w->version, kube_text(all, "resourceVersion")) < 0)
		return err_set(e, ERR_MALFORMED, "\"%s\" has a resourceVersion that is too long",
		               w->path);
	if (w->is_listed)
		rc = tell(w, "RESET", NULL, e);
	w->is_listed = true;
	w->wants_list = false;
	w->denials = 0;
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
pause_at_most(struct watch *w, uint64_t ms, struct err *e)
{
	const uint64_t left = left_ms(w);

	return kube_pause(w->k, ms < left ? ms : left, e);
}

static int
stream(struct watch *w, struct err *e)
{
	const uint64_t left = left_ms(w);
	const uint64_t seconds = left / 1000 < STREAM_S ? left / 1000 + 1 : STREAM_S;
	const uint64_t most = seconds * 1000 + 5000;
	struct kube_lines l = { .max = KUBE_OBJECT_MAX, .fn = on_event, .arg = w };
	const struct http_sink sink = { .write = kube_lines_write, .arg = &l };
	cleanup_response struct http_response r = { 0 };
	cleanup_buf struct buf q = { 0 };
	struct kube_call c = { .method = "GET",
		               .path = w->path,
		               .accept = KUBE_METADATA(""),
		               .is_read = true,
		               .sink = &sink,
		               .idle_ms = IDLE_MS,
		               .timeout_ms = left < most ? left + 1 : most };
	int rc;

	buf_addf(&q, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%llu&resourceVersion=",
	         (unsigned long long)seconds);
	http_escape(&q, w->version);
	if (w->query && *w->query)
		buf_addf(&q, "&%s", w->query);
	c.query = buf_cstr(&q);
	rc = kube_call(w->k, &c, &r, NULL, e);
	/* a page without a line feed, and no event at all */
	if (rc == 0 && l.part.n > 0 && l.part.p[0] == '<')
		rc = no_event(w, true, e);
	kube_lines_fini(&l);
	if (r.status >= 400)
		w->told_ms = told(r.retry_after_s);
	if (r.status == 410 || r.status >= 500)
		w->wants_list = true;
	return rc;
}

/* Where reading is allowed and watching is not, for some minutes. */
static int
poll_on(struct watch *w, struct err *e)
{
	for (unsigned i = 0; i < POLLS && left_ms(w) > 0; i++) {
		int rc = pause_at_most(w, i < 12 ? POLL_FIRST : POLL_LATER, e);

		if (rc < 0 || left_ms(w) == 0)
			return rc;
		rc = list_all(w, e);
		if (rc < 0 && (rc != -ERR_UNREACHABLE || w->stop == HAS_FAILED))
			return rc;
		err_clear(e);
	}
	return 0;
}

/* Something ended: what now? 0: go on after *ret_pause. */
static int
after(struct watch *w, int rc, uint64_t lasted_ms, uint64_t *ret_pause, struct err *e)
{
	const bool is_forgotten = w->stop == WANTS_LIST || rc == -ERR_CONFLICT;

	*ret_pause = 0;
	if (w->stop == IS_DONE || w->stop == HAS_FAILED)
		return rc;
	if (lasted_ms >= HEALTHY_MS)
		w->back_ms = BACK_FIRST;
	if (rc == -ERR_DENIED && w->wants_list && w->is_listed)
		w->denials++;
	else if (rc < 0 && !is_forgotten && rc != -ERR_UNREACHABLE && w->stop != WANTS_PAUSE)
		return rc;
	if (w->denials > DENIALS)
		return rc;
	err_clear(e);
	if (rc < 0 && !is_forgotten && w->is_listed) {
		rc = tell(w, "LOST", NULL, e);
		if (rc < 0)
			return rc;
		rc = -ERR_UNREACHABLE;
	}
	w->wants_list = w->wants_list || is_forgotten;
	/* the server's time was over; one that ends each stream at once is not asked so often */
	if (rc == 0 && lasted_ms >= 1000)
		return 0;
	*ret_pause = kube_jitter(w->back_ms);
	if (*ret_pause < w->told_ms)
		*ret_pause = kube_jitter(w->told_ms);
	w->back_ms = w->back_ms * 2 < BACK_MOST ? w->back_ms * 2 : BACK_MOST;
	return 0;
}

static int
follow(struct watch *w, struct err *e)
{
	while (left_ms(w) > 0) {
		uint64_t began_ms = UINT64_MAX, pause = 0;
		int rc;

		w->stop = GOES_ON;
		w->told_ms = 0;
		rc = w->wants_list ? list_all(w, e) : 0;
		/* the first list says whether we may read at all */
		if (rc < 0 && !w->is_listed)
			return rc;
		if (rc == 0) {
			/* the stream may last for days, and needs little of what the list took */
			(void)malloc_trim(0);
			began_ms = clock_mono_ms();
			rc = stream(w, e);
		}
		if (rc == -ERR_DENIED && !w->wants_list && w->stop == GOES_ON) {
			err_clear(e);
			rc = poll_on(w, e);
		} else {
			const uint64_t now_ms = clock_mono_ms();
			rc = after(w, rc, now_ms > began_ms ? now_ms - began_ms : 0, &pause, e);
		}
		if (rc == 0)
			rc = pause_at_most(w, pause, e);
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
		.k = k,
		.path = path,
		.query = query,
		.until_ms = until_ms,
		.fn = fn,
		.arg = arg,
		.back_ms = BACK_FIRST,
		.wants_list = true,
	};
	int rc = follow(&w, e);

	if (rc == -ERR_CANCELLED && w.stop == IS_DONE) {
		err_clear(e);
		return 0;
	}
	return rc;
}

/* --- logs --- */

/* The server is asked again only when it was too busy to look at us. */
static int
until_read(struct kube *k, const struct kube_call *c, uint64_t until_ms, struct err *e)
{
	cleanup_response struct http_response r = { 0 };
	int rc = kube_call(k, c, &r, NULL, e);

	for (unsigned i = 1; r.status == 429 && i < BUSY_TRIES; i++) {
		const uint64_t now_ms = clock_mono_ms();
		const uint64_t wait_ms = (r.retry_after_s ? r.retry_after_s : 1) * 1000;

		if (r.retry_after_s > TOLD_MOST_S || (until_ms && now_ms + wait_ms >= until_ms))
			break;
		err_clear(e);
		rc = kube_pause(k, kube_jitter(wait_ms), e);
		http_response_fini(&r);
		if (rc == 0)
			rc = kube_call(k, c, &r, NULL, e);
	}
	return rc;
}

static bool
is_followed(const char *query)
{
	return query && strstr(query, "follow=true");
}

int
kube_log(struct kube *k, const char *pod_path, const char *query, uint64_t until_ms,
         kube_line_fn *fn, void *arg, struct err *e)
{
	struct kube_lines l = { .max = LINE_LOG_MAX, .cuts = true, .fn = fn, .arg = arg };
	const struct http_sink sink = { .write = kube_lines_write,
		                        .arg = &l,
		                        .max = is_followed(query) ? 0 : LOG_MAX };
	const uint64_t now_ms = clock_mono_ms();
	cleanup_free char *path = xasprintf("%s/log", pod_path);
	const struct kube_call c = {
		.method = "GET",
		.path = path,
		.query = query,
		.is_read = true,
		.sink = &sink,
		/* who follows may hear nothing for days; who reads hears at once */
		.idle_ms = is_followed(query) ? 0 : k->timeout_ms,
		.timeout_ms = until_ms == 0       ? HTTP_NO_TIMEOUT
		              : until_ms > now_ms ? until_ms - now_ms + 1
		                                  : 1,
	};
	int rc = until_read(k, &c, until_ms, e);

	if (rc == -ERR_UNREACHABLE && is_followed(query) && until_ms &&
	    clock_mono_ms() >= until_ms) {
		err_clear(e);
		rc = 0;
	}
	if (rc == 0 && l.part.n > 0) /* the last line of a log need not have ended */
		rc = fn(arg, buf_str(&l.part), e);
	kube_lines_fini(&l);
	return rc < 0 ? rc : 0;
}
