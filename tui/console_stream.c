/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that do not end while somebody listens: the log of an instance, what all targets serve.
 * Each line goes to its view as it comes, and only the line that has not ended is kept, so that a
 * day of log costs no more than a minute of it. When nobody listens the child is asked to end.
 */
#include "tui/console_private.h"

#include <string.h>

#include "tui/console_feed.h"

#define LINE_MAX_SIZE ((size_t)4 << 20) /* the first one of a watch names all targets */

static void
stream_free(struct stream *s)
{
	job_free(s->job);
	free(s->command);
	buf_fini(&s->out);
	buf_fini(&s->err_text);
	free(s);
}

static void
stream_end(struct stream *s)
{
	if (!s->is_ending)
		job_end(s->job);
	s->is_ending = true;
	s->owner = NULL;
}

#ifdef SLIPWAY_TESTING
static void
owner_told(void *arg, struct str line)
{
	struct view *const owner = arg;
	const struct view_line l = { .text = line, .is_err = line.n == 0 || line.p[0] != '{' };

	(void)owner->ops->line(owner, &l);
}
#endif

void
stream_start(struct console *c, const struct view_request *r, struct view *owner)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	struct words all = { 0 };
	struct err e = { 0 };

	if (owner)
		streams_forget(c, owner);
#ifdef SLIPWAY_TESTING
	if (owner && owner->ops->line && feed_lines("SLIPWAY_LOG_FEED", owner_told, owner)) {
		stream_free(s);
		return;
	}
#endif
	words_complete(c, &r->argv, &all);
	s->command = command_text(&all);
	s->owner = owner;
	if (child_spawn(&all, NULL, &s->job, &e) < 0) {
		notice_err(&c->shared.notices, &e);
		stream_free(s);
	} else {
		vec_push(&c->streams, s);
		if (!owner)
			c->watch.stream = s;
	}
	words_fini(&all);
}

static void
deliver(struct console *c, struct stream *s, const struct view_line *l)
{
	if (s->is_ending)
		return;
	if (!s->owner) {
		watch_line(c, l);
	} else if (s->owner->ops->line && s->owner->ops->line(s->owner, l) &&
	           s->owner == console_top(c)) {
		c->dirty = true;
	}
}

/* Whole lines off the front; one that is too long is dropped as far as its end. */
static void
lines_take(struct console *c, struct stream *s, struct buf *b, bool *is_cut, bool is_err)
{
	size_t at = 0;

	while (at < b->n) {
		const char *const p = b->p + at;
		const char *const lf = memchr(p, '\n', b->n - at);
		if (!lf)
			break;
		const struct view_line l = { .text = { p, (size_t)(lf - p) }, .is_err = is_err };
		at += l.text.n + 1;
		if (!*is_cut)
			deliver(c, s, &l);
		*is_cut = false;
	}
	if (at > 0) {
		memmove(b->p, b->p + at, b->n - at);
		b->n -= at;
	}
	if (b->n > LINE_MAX_SIZE) {
		b->n = 0;
		*is_cut = true;
	}
}

/* true: it has ended. */
static bool
stream_pump(struct console *c, struct stream *s)
{
	struct err e = { 0 };
	struct view_line end = { .is_end = true };
	bool is_done = false;

	if (job_pump(s->job, &s->out, &s->err_text, &is_done, &end.status, &e) < 0) {
		notice_err(&c->shared.notices, &e);
		end.status = err_exit_status(&e);
		is_done = true;
	}
	lines_take(c, s, &s->out, &s->out_is_cut, false);
	lines_take(c, s, &s->err_text, &s->err_is_cut, true);
	if (is_done) {
		if (c->watch.stream == s)
			c->watch.stream = NULL;
		deliver(c, s, &end);
	}
	return is_done;
}

void
streams_pump(struct console *c)
{
	for (size_t i = 0; i < c->streams.n;) {
		struct stream *s = c->streams.v[i];
		if (!stream_pump(c, s)) {
			i++;
			continue;
		}
		c->streams.v[i] = c->streams.v[--c->streams.n];
		stream_free(s);
	}
}

void
streams_forget(struct console *c, const struct view *v)
{
	vec_foreach(s, &c->streams)
		if ((*s)->owner == v) {
			if (*s == c->watch.stream)
				c->watch.stream = NULL;
			stream_end(*s);
		}
}

bool
streams_has(const struct console *c, const struct view *v)
{
	for (size_t i = 0; i < c->streams.n; i++)
		if (c->streams.v[i]->owner == v)
			return true;
	return false;
}

size_t
streams_poll(const struct console *c, struct pollfd *p, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < c->streams.n && n + 2 <= max; i++) {
		p[n++] =
		        (struct pollfd){ .fd = job_out_fd(c->streams.v[i]->job), .events = POLLIN };
		p[n++] =
		        (struct pollfd){ .fd = job_err_fd(c->streams.v[i]->job), .events = POLLIN };
	}
	return n;
}

void
streams_fini(struct console *c)
{
	vec_foreach(s, &c->streams) {
		stream_end(*s);
		stream_free(*s);
	}
	vec_fini(&c->streams);
}
