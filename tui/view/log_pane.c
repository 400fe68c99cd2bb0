/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown is found anew once a frame, not once a line. */
#include "tui/view/log_pane.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"

#define SHIFT       20u
#define WHOLE_ROWS  4u    /* for the chosen line, when it is looked at */
#define HISTORY_MS  3000u /* what comes at first was printed before: no lag */
#define WIDE_COLS   60u
#define WHO_WIDE    14u
#define WHO_NARROW  6u
#define LAG_SHOWN_S 2

void
log_pane_begin(struct log_pane *p)
{
	char pattern[sizeof(p->pattern)];

	(void)snprintf(pattern, sizeof(pattern), "%s", p->pattern);
	log_pane_fini(p);
	*p = (struct log_pane){ .is_running = true, .began_ms = clock_mono_ms() };
	log_pane_filter(p, pattern);
}

void
log_pane_fini(struct log_pane *p)
{
	log_ring_fini(&p->ring);
	vec_fini(&p->shown);
}

static void
lag_take(struct log_pane *p)
{
	const struct printed *newest = log_ring_at(&p->ring, log_ring_n(&p->ring) - 1);
	char text[24];
	int64_t then_s;

	if (!newest || !newest->time[0] || clock_mono_ms() - p->began_ms < HISTORY_MS)
		return;
	(void)snprintf(text, sizeof(text), "%.19sZ", newest->time);
	if (clock_parse(text, &then_s) == 0)
		p->lag_s = clock_now_s() - then_s;
}

static void
dropped_take(struct log_pane *p, size_t n)
{
	struct list *l = &p->list;

	p->is_stale = true;
	if (n == 0 || p->only_hits)
		return;
	l->cursor = l->cursor > n ? l->cursor - n : 0;
	l->top = l->top > n ? l->top - n : 0;
}

/* "slipway: prod face-7d9-x7k2: the pod is gone" without who says it. */
static char *
note_text(struct str line)
{
	static const char who[] = "slipway: ";
	const size_t skip = sizeof(who) - 1;

	if (line.n > skip && memcmp(line.p, who, skip) == 0)
		line = (struct str){ line.p + skip, line.n - skip };
	return xasprintf("%.*s", (int)(line.n < 300 ? line.n : 300), line.p);
}

bool
log_pane_line(struct log_pane *p, const struct view_line *l)
{
	size_t dropped = 0;

	if (l->is_end) {
		p->is_running = false;
		p->has_ended = true;
		return true;
	}
	if (l->is_err) { /* restarted, gone, not to be reached: an event among the lines */
		cleanup_free char *text = note_text(l->text);
		(void)snprintf(p->ended, sizeof(p->ended), "%.190s", text);
		dropped = log_ring_add(&p->ring, "", "", text, true);
	} else if (!log_ring_take(&p->ring, l->text, &dropped)) {
		return false;
	}
	dropped_take(p, dropped);
	p->second_n++;
	p->missed += p->is_detached;
	lag_take(p);
	return true;
}

void
log_pane_tick(struct log_pane *p)
{
	const uint64_t now_ms = clock_mono_ms();

	if (now_ms - p->second_ms < 900)
		return;
	p->rate = (unsigned)(p->second_ms > 0 ? p->second_n * 1000 / (now_ms - p->second_ms) : 0);
	p->second_ms = now_ms;
	p->second_n = 0;
}

void
log_pane_filter(struct log_pane *p, const char *pattern)
{
	if (streq(p->pattern, pattern) && p->ring.has_filter == (pattern[0] != '\0'))
		return;
	(void)str_copy(p->pattern, sizeof(p->pattern), pattern);
	(void)log_ring_filter(&p->ring, pattern, p->why);
	p->is_stale = true;
}

static void
shown_find(struct log_pane *p)
{
	const size_t n = log_ring_n(&p->ring);

	if (!p->is_stale)
		return;
	p->is_stale = false;
	p->shown.n = 0;
	for (size_t i = 0; i < n; i++)
		if (!p->only_hits || !p->ring.has_filter || log_ring_at(&p->ring, i)->is_hit)
			vec_push(&p->shown, i);
	p->list.n = p->shown.n;
	if (!p->is_detached)
		p->list.cursor = p->list.n > 0 ? p->list.n - 1 : 0;
}

static void
to_hit(struct log_pane *p, bool forward)
{
	const size_t from = p->list.cursor < p->shown.n ? p->shown.v[p->list.cursor] : 0;
	const size_t to = log_ring_hit(&p->ring, from, forward);

	for (size_t i = 0; i < p->shown.n; i++)
		if (p->shown.v[i] == to)
			p->list.cursor = i;
	p->is_detached = p->list.cursor + 1 < p->list.n;
}

enum handled
log_pane_action(struct log_pane *p, enum action act, size_t page)
{
	const bool was = p->is_detached;

	shown_find(p);
	if (list_move(&p->list, act, page)) {
		p->is_detached = p->list.cursor + 1 < p->list.n;
	} else if (act == ACT_NEXT_HIT || act == ACT_PREV_HIT) {
		to_hit(p, act == ACT_NEXT_HIT);
	} else if (act == ACT_RAW_FILTER) {
		p->only_hits = !p->only_hits;
		p->is_stale = true;
	} else if (act == ACT_RIGHT) {
		p->shift += SHIFT;
	} else if (act == ACT_LEFT && p->shift > 0) {
		p->shift -= SHIFT;
	} else {
		return NOT_HANDLED;
	}
	if (was && !p->is_detached)
		p->missed = 0;
	return HANDLED;
}

/* --- drawing --- */

static void
state_draw(const struct log_pane *p, const struct area *a)
{
	size_t c = 1;

	if (!p->is_running)
		c = paint_text(a, 0, c, INK_BAD, "ended");
	else if (p->is_detached)
		c = paintf(a, 0, c, INK_WAIT, "let go, %llu new: G follows",
		           (unsigned long long)p->missed);
	else
		c = paint_text(a, 0, c, INK_OK, "follows");
	c = paintf(a, 0, c + 2, INK_DIM, "%u lines/s, %zu dropped", p->rate, p->ring.dropped);
	if (p->lag_s >= LAG_SHOWN_S)
		c = paintf(a, 0, c, INK_WAIT, ", lag %llds", (long long)p->lag_s);
	if (p->why[0])
		paintf(a, 0, c + 2, INK_BAD, "/%s: %s", p->pattern, p->why);
	else if (p->ring.has_filter)
		paintf(a, 0, c + 2, INK_KEY, "/%s: %zu hit%s%s", p->pattern, p->ring.hits,
		       p->ring.hits == 1 ? "" : "s", p->only_hits ? ", only these" : "");
}

static enum ink
line_ink(const struct log_pane *p, const struct printed *l)
{
	if (p->ring.has_filter && !l->is_hit)
		return INK_DIM;
	switch (l->level) {
	case LOG_ERROR:
		return INK_BAD;
	case LOG_WARNING:
		return INK_WAIT;
	case LOG_TOLD:
		return INK_CHANGED;
	case LOG_PLAIN:
		break;
	}
	return INK_TEXT;
}

/* Cells of foreign text are counted by characters here; what is cut stays whole in the strip. */
static const char *
shifted(const char *text, size_t cells)
{
	while (cells > 0 && *text) {
		text++;
		while (((unsigned char)*text & 0xc0) == 0x80)
			text++;
		cells--;
	}
	return text;
}

static void
line_draw(const struct log_pane *p, const struct area *a, size_t row, const struct printed *l)
{
	const bool wide = a->cols >= WIDE_COLS;
	size_t c = 2;

	paint_text(a, row, 0, INK_KEY, l->is_hit ? "*" : l->level == LOG_TOLD ? "!" : " ");
	if (wide && l->time[0])
		(void)paintf(a, row, c, INK_DIM, "%.12s", l->time + strlen("2026-10-26T"));
	if (wide)
		c += strlen("07:32:11.500 ");
	if (l->level != LOG_TOLD) {
		/* pods of one deployment differ in their ends */
		const size_t room = wide ? WHO_WIDE : WHO_NARROW, n = strlen(l->who);
		c = paint_fit(a, row, c, room - 1, INK_DIM, TEXT_CUT_END,
		              n >= room ? l->who + n - room + 1 : l->who) +
		    1;
	}
	paint_fit(a, row, c, a->cols > c ? a->cols - c : 0, line_ink(p, l), TEXT_CUT_END,
	          shifted(l->text, p->shift));
}

static size_t
whole_draw(const struct log_pane *p, const struct area *a)
{
	const struct printed *l = p->list.cursor < p->shown.n
	                                  ? log_ring_at(&p->ring, p->shown.v[p->list.cursor])
	                                  : NULL;

	if (!l || !p->is_detached || a->rows < 2 * WHOLE_ROWS + 2)
		return 0;
	const struct area below = area_rows(a, a->rows - WHOLE_ROWS - 1, WHOLE_ROWS + 1);
	paint_rule(&below, 0, l->who);
	(void)paint_prose(&below, 1, 1, INK_TEXT, l->text);
	return WHOLE_ROWS + 1;
}

size_t
log_pane_draw(struct log_pane *p, const struct view *v, const struct area *a)
{
	struct area list = area_rows(a, 1, a->rows);

	shown_find(p);
	state_draw(p, a);
	if (v->is_filtering) {
		const size_t c = paintf(a, 0, 1, INK_KEY, "/ %s", v->filter);
		paint_fit(a, 0, c, 3, INK_TEXT, TEXT_CUT_END, "");
		paint_cursor(a, 0, c, true);
	}
	const size_t whole = whole_draw(p, a);
	list = area_rows(&list, 0, list.rows > whole ? list.rows - whole : 0);
	list_fit(&p->list, list.rows);
	for (size_t i = 0; i < list.rows && p->list.top + i < p->shown.n; i++) {
		line_draw(p, &list, i, log_ring_at(&p->ring, p->shown.v[p->list.top + i]));
		if (p->is_detached && p->list.top + i == p->list.cursor)
			paint_select(&list, i);
	}
	if (p->shown.n == 0)
		paint_prose(&list, 1, 1, INK_DIM,
		            p->only_hits && p->ring.has_filter
		                    ? "no line matches; * shows the others"
		            : p->is_running ? "nothing printed yet"
		            : p->ended[0]   ? p->ended
		                            : "no log");
	return list.rows;
}
