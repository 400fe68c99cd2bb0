/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child that watches all targets for every screen that shows them: begun with the first such
 * screen, ended a while after the last, begun anew with a pause when it ends by itself. What it has
 * told stays and grows old; a frame is drawn when an age reads otherwise, and not each second.
 */
#include "tui/console_private.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/records.h"
#include "tui/console_feed.h"

#define LINGER_MS    60000u /* between two screens that show it nobody should wait */
#define PAUSE_MS     5000u
#define PAUSE_MAX_MS 60000u

static bool
is_wanted(const struct console *c)
{
	for (size_t i = 0; i < c->depth; i++)
		if (c->stack[i]->ops->shows_live)
			return true;
	return false;
}

/* What the targets say is on the screen. */
static bool
is_drawn(const struct console *c)
{
	const struct view_ops *const ops = c->depth > 0 ? c->stack[c->depth - 1]->ops : NULL;

	return ops && (ops->shows_live || ops->draws_live);
}

static int
target_found(void *arg, const struct target_row *row)
{
	(void)row;
	*(bool *)arg = true;
	return 1;
}

static bool
targets_exist(const struct console *c)
{
	struct err ignored = { 0 };
	struct txn *t;
	bool found = false;

	if (!c->app->registry || store_read_begin(c->app->registry->store, &t, &ignored) < 0)
		return false;
	(void)target_each(t, NULL, target_found, &found, &ignored);
	store_abort(t);
	return found;
}

#ifdef SLIPWAY_TESTING
/* "ended" stands for the end of the child. */
static void
watch_told(void *arg, struct str line)
{
	struct view_line l = { .text = line };

	if (str_is(line, "ended"))
		l = (struct view_line){ .is_end = true, .status = err_exit_of(ERR_UNREACHABLE) };
	watch_line(arg, &l);
}
#endif

static void
watch_begin(struct console *c)
{
	struct view_request r = { 0 };

#ifdef SLIPWAY_TESTING
	if (getenv("SLIPWAY_LIVE_FEED")) {
		if (c->watch.live.feed == LIVE_OFF) {
			c->watch.live.feed = LIVE_RUNS;
			(void)feed_lines("SLIPWAY_LIVE_FEED", watch_told, c);
		} else {
			c->watch.retry_ms = UINT64_MAX; /* it ended, and is told once */
		}
		return;
	}
#endif
	words_of(&r.argv, "status", "--targets", "-o", "ndjson");
	c->watch.live.feed = LIVE_RUNS;
	stream_start(c, &r, NULL);
	request_fini(&r);
	if (!c->watch.stream) /* a notice says why */
		watch_line(c, &(struct view_line){ .is_end = true, .status = 0 });
}

static void
watch_end(struct console *c)
{
	c->watch.live.feed = LIVE_OFF;
	streams_forget(c, NULL);
}

void
watch_tend(struct console *c)
{
	struct watch *const w = &c->watch;
	const uint64_t now_ms = clock_mono_ms();

	if (!is_wanted(c)) {
		if (w->live.feed != LIVE_RUNS)
			return;
		if (w->unwanted_ms == 0)
			w->unwanted_ms = now_ms;
		else if (now_ms - w->unwanted_ms >= LINGER_MS)
			watch_end(c);
		return;
	}
	w->unwanted_ms = 0;
	if (w->live.feed == LIVE_RUNS || (w->live.feed == LIVE_LOST && now_ms < w->retry_ms))
		return;
	w->has_targets = targets_exist(c);
	if (w->has_targets)
		watch_begin(c);
}

void
watch_line(struct console *c, const struct view_line *l)
{
	struct watch *const w = &c->watch;

	if (!l->is_end && !l->is_err) {
		w->was_said = false;
		w->pause_ms = 0;
		if (live_take(&w->live, l->text, clock_mono_ms(), clock_now_s()))
			c->dirty |= is_drawn(c);
		return;
	}
	if (l->is_err) {
		(void)snprintf(w->last_words, sizeof(w->last_words), "%.*s",
		               (int)(l->text.n < 190 ? l->text.n : 190), l->text.p);
		return;
	}
	w->live.feed = LIVE_LOST;
	w->pause_ms = w->pause_ms == 0 ? PAUSE_MS : w->pause_ms * 2;
	if (w->pause_ms > PAUSE_MAX_MS)
		w->pause_ms = PAUSE_MAX_MS;
	w->retry_ms = clock_mono_ms() + w->pause_ms;
	if (!w->was_said)
		notice_add(
		        &c->shared.notices, true,
		        "what the screens show of targets grows old; it is begun again by itself",
		        "the targets are not watched: exit %d%s%s", l->status,
		        w->last_words[0] ? ": " : "", w->last_words);
	w->was_said = true;
	w->last_words[0] = '\0';
	c->dirty = true;
}

/* When something is to be done here: an age that reads otherwise, the next try, the end. */
static uint64_t
next_ms(const struct console *c)
{
	const struct watch *const w = &c->watch;
	uint64_t at_ms = UINT64_MAX;

	if (w->unwanted_ms > 0 && w->live.feed == LIVE_RUNS)
		at_ms = w->unwanted_ms + LINGER_MS;
	if (w->live.feed == LIVE_LOST && is_wanted(c) && w->has_targets)
		at_ms = w->retry_ms;
	if (is_drawn(c)) {
		const uint64_t age_ms = live_next_ms(&w->live, w->drawn_ms);
		at_ms = age_ms < at_ms ? age_ms : at_ms;
	}
	return at_ms;
}

int
watch_wait_ms(const struct console *c)
{
	const uint64_t at_ms = next_ms(c), now_ms = clock_mono_ms();

	if (at_ms == UINT64_MAX)
		return -1;
	return at_ms <= now_ms ? 0 : at_ms - now_ms > 600000 ? 600000 : (int)(at_ms - now_ms);
}

void
watch_tick(struct console *c)
{
	const uint64_t now_ms = clock_mono_ms();

	if (is_drawn(c) && live_next_ms(&c->watch.live, c->watch.drawn_ms) <= now_ms) {
		c->watch.drawn_ms = now_ms;
		c->dirty = true;
	}
	watch_tend(c);
}

void
watch_fini(struct console *c)
{
	live_fini(&c->watch.live);
}
