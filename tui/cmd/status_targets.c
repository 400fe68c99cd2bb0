/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status --targets: an object for each look at each target, so that who shows what is served can
 * say how old it is. Reads nothing of the registry between two looks: a million models cost no
 * more than those that are served.
 */
#include "tui/cmd/events.h"
#include "tui/cmd/status_feed.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/clock.h"

#define TURN_MS 1000

struct telling {
	struct events events;
	const struct status_feed *feed;
};

static const char *const live_words[] = {
	[LIVE_AS_RECORDED] = "as recorded",
	[LIVE_SETTLING] = "settling",
	[LIVE_UNKNOWN] = "unknown",
	[LIVE_PROGRESSING] = "progressing",
	[LIVE_DRIFT] = "drift",
};

static void
add_place(struct json_out *j, const json_t *line, const char *target)
{
	jo_string(j, "model", json_opt_string(line, "model"));
	jo_string(j, "stage", json_opt_string(line, "stage"));
	jo_string(j, "target", target);
}

/* Which there are: whoever keeps others forgets them. */
static void
say_list(struct telling *w, const json_t *stages)
{
	cleanup_buf struct buf text = { 0 };
	struct json_out j = { .b = &text };
	const json_t *stage, *target;
	size_t i, k;

	event_begin(&w->events, "TargetWatch", &j);
	jo_begin(&j, "targets", '[');
	json_array_foreach(stages, i, stage)
	{
		json_array_foreach(json_object_get(stage, "targets"), k, target)
		{
			jo_begin(&j, NULL, '{');
			add_place(&j, stage, json_opt_string(target, "name"));
			jo_end(&j, '}');
		}
	}
	jo_end(&j, ']');
	event_end(&w->events, &j);
}

static void
say_same(struct telling *w, const json_t *line, const char *target)
{
	cleanup_buf struct buf text = { 0 };
	struct json_out j = { .b = &text };

	event_begin(&w->events, "TargetSeen", &j);
	add_place(&j, line, target);
	jo_u64(&j, "periodMs", json_opt_u64(line, "periodMs"));
	event_end(&w->events, &j);
}

/* What the stage holds by the records. 0: nothing. */
static uint64_t
recorded(const struct telling *w, const json_t *line)
{
	const json_t *stage;
	size_t i;

	json_array_foreach(json_object_get(status_feed_live(w->feed), "stages"), i, stage)
	{
		if (streq(json_opt_string(stage, "model"), json_opt_string(line, "model")) &&
		    streq(json_opt_string(stage, "stage"), json_opt_string(line, "stage")))
			return json_opt_u64(stage, "number");
	}
	return 0;
}

static void
jo_number(struct json_out *j, const char *key, uint64_t n)
{
	if (n > 0)
		jo_u64(j, key, n);
	else
		jo_null(j, key);
}

static const char *
text_or_null(const json_t *o, const char *key)
{
	const char *const s = json_opt_string(o, key);

	return s && *s ? s : NULL;
}

/* Each with whose it is, as in the other rows of drift. */
static json_t *
drift_of(const json_t *target)
{
	const json_t *one;
	json_t *all = json_array();
	size_t i;

	json_array_foreach(json_object_get(target, "drift"), i, one)
	{
		json_t *row = json_copy((json_t *)(uintptr_t)one);

		json_object_set(row, "target", json_object_get(target, "name"));
		json_array_append_new(all, row);
	}
	return all;
}

static void
say_target(struct telling *w, const json_t *line, const json_t *target)
{
	const json_t *const serving = json_object_get(target, "serving");
	cleanup_json json_t *drift = drift_of(target);
	cleanup_buf struct buf text = { 0 };
	struct json_out j = { .b = &text };

	event_begin(&w->events, "TargetEvent", &j);
	add_place(&j, line, json_opt_string(target, "name"));
	jo_number(&j, "recorded", recorded(w, line));
	jo_number(&j, "serving", json_opt_u64(serving, "number"));
	jo_string(&j, "live", live_words[live_of(serving)]);
	jo_string(&j, "reason", text_or_null(serving, "reason"));
	jo_string(&j, "code", text_or_null(target, "code"));
	jo_string(&j, "advice", text_or_null(target, "advice"));
	jo_string(&j, "evidence", text_or_null(target, "evidence"));
	if (json_object_get(serving, "want")) {
		jo_u64(&j, "ready", json_opt_u64(serving, "ready"));
		jo_u64(&j, "want", json_opt_u64(serving, "want"));
	}
	jo_value(&j, "proofs", json_object_get(serving, "proofs"));
	jo_value(&j, "drift", drift);
	jo_u64(&j, "periodMs", json_opt_u64(line, "periodMs"));
	event_end(&w->events, &j);
}

static void
told(void *arg, const json_t *line)
{
	struct telling *const w = arg;
	const json_t *const stages = json_object_get(line, "stages");
	const json_t *const target = json_object_get(line, "target");
	const char *const same = json_opt_string(line, "same");

	if (stages)
		say_list(w, stages);
	else if (target)
		say_target(w, line, target);
	else if (same)
		say_same(w, line, same);
}

/* Whoever started this may be gone without a word. */
static bool
is_left_alone(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLNVAL));
}

int
status_targets(struct app *a, const char *name, struct err *e)
{
	const uint64_t end_ms = a->timeout_ms ? clock_mono_ms() + a->timeout_ms : 0;
	cleanup_json json_t *request = NULL;
	struct status_feed *feed = NULL;
	struct telling w = { .events = { .out = a->out, .said_ms = clock_mono_ms() } };
	int rc;

	if (out_format_of(a->out) != OUT_NDJSON) {
		err_set(e, ERR_USAGE, "--targets gives an object a look, for programs");
		return err_hint(e, "slipway status --targets -o ndjson");
	}
	rc = status_request(a, name, &request, e);
	if (rc < 0)
		return rc;
	json_object_set_new(request, "looks", json_true());
	rc = status_feed_open(a->registry, request, &feed, e);
	if (rc < 0)
		return rc;
	w.feed = feed;
	status_feed_tell(feed, told, &w);
	while (rc >= 0 && !is_left_alone() && (!end_ms || clock_mono_ms() < end_ms)) {
		rc = status_feed_wait(feed, TURN_MS, e);
		event_heartbeat(&w.events);
		(void)out_flush(a->out);
	}
	status_feed_close(feed);
	return rc < 0 ? rc : 0;
}
