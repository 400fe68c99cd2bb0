/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the console has to do with the line to the person: how it is to look, what the last frame
 * cost, the screen as text to select from. Knows no views.
 */
#include "tui/console_private.h"

#include <stdio.h>
#include <sys/timerfd.h>

#include "registry/base/clock.h"
#include "registry/records.h"
#include "registry/store.h"
#include "tui/term/crash.h"

#define SLOW_TICK_S 5u /* instead of each second */
#define FOOT_ROWS   2u /* notices and keys are of no use below */

/* --color, else the setting (both in out), else NO_COLOR. */
struct screen_look
console_look(const struct app *a)
{
	const enum out_color color = out_color_of(a->out);
	const char *no_color = getenv("NO_COLOR");
	struct screen_look l = { .color = color == COLOR_ALWAYS };

	if (color == COLOR_AUTO)
		l.color = !no_color || !no_color[0];
	if (a->conf.background && streq(a->conf.background, "light"))
		l.background = BACKGROUND_LIGHT;
	else if (a->conf.background && streq(a->conf.background, "dark"))
		l.background = BACKGROUND_DARK;
	if (a->conf.sync && streq(a->conf.sync, "on"))
		l.sync = SYNC_ON;
	else if (a->conf.sync && streq(a->conf.sync, "off"))
		l.sync = SYNC_OFF;
	return l;
}

void
console_facts(struct console *c)
{
	const struct screen_facts f = screen_facts(c->screen);
	char line[80] = "not asked yet", rate[32] = "";

	if (f.rate > 0)
		(void)snprintf(rate, sizeof(rate), ", %u B/s", f.rate);
	if (f.round_ms > 0)
		(void)snprintf(line, sizeof(line), "%u ms away%s%s", f.round_ms, rate,
		               screen_is_slow(c->screen) ? ", slow" : "");
	(void)snprintf(
	        c->flash, sizeof(c->flash),
	        "frame %llu B, %llu.%llu ms, %llu write%s; line %s; sync %s; all %llu frames, "
	        "%llu KB",
	        (unsigned long long)f.frame_bytes, (unsigned long long)f.frame_us / 1000,
	        (unsigned long long)f.frame_us / 100 % 10, (unsigned long long)f.frame_writes,
	        f.frame_writes == 1 ? "" : "s", line, f.has_sync ? "on" : "off",
	        (unsigned long long)f.frames, (unsigned long long)(f.bytes + 1023) / 1024);
}

/* The rows as they are shown; the title says where. */
void
console_print(struct console *c)
{
	cleanup_buf struct buf text = { 0 };

	console_draw(c);
	const struct grid *g = screen_shown(c->screen);
	size_t end = g->rows > FOOT_ROWS ? g->rows - FOOT_ROWS : g->rows;
	for (size_t row = 0, used = 0; row < end; row++) {
		const size_t before = text.n;
		grid_row_text(g, row, &text);
		const bool is_empty = text.n == before;
		buf_addc(&text, '\n');
		if (!is_empty)
			used = text.n;
		if (row + 1 == end)
			text.n = used;
	}
	screen_print(c->screen, buf_str(&text));
}

/* What a crash would say: how far this console had read. */
void
console_last_words(const struct console *c)
{
	cleanup_txn struct txn *t = NULL;
	struct applied now = { 0 };
	struct err e = { 0 };

	if (c->app->registry && store_read_begin(c->app->registry->store, &t, &e) == 0 &&
	    applied_get(t, &now, &e) == 0 && now.entries > 0)
		crash_entry(now.entries - 1);
}

void
console_timer(struct console *c)
{
	const bool is_wanted = c->depth > 0 && console_top(c)->is_live;
	const unsigned wanted = !is_wanted ? 0 : c->shared.is_slow ? SLOW_TICK_S : 1;
	const struct itimerspec each = {
		.it_interval = { .tv_sec = wanted },
		.it_value = { .tv_sec = wanted },
	};

	if (wanted != c->timer_s && timerfd_settime(c->timer, 0, &each, NULL) == 0)
		c->timer_s = wanted;
}

int
console_frame_ms(struct console *c)
{
	if (!c->dirty || screen_is_busy(c->screen))
		return -1;
	return (int)screen_wait_ms(c->screen, c->by_key);
}

void
console_frame(struct console *c)
{
	c->shared.is_slow = screen_is_slow(c->screen);
	console_timer(c);
	c->watch.drawn_ms = clock_mono_ms();
	console_draw(c);
	screen_show(c->screen);
	c->dirty = c->by_key = false;
	c->unmarked = true;
}

void
console_mark(struct console *c)
{
	if (!c->unmarked || c->dirty || screen_is_busy(c->screen) || children_run(c) ||
	    c->reload_at_ms > 0 || console_top(c)->is_unfinished)
		return;
	c->unmarked = false;
	screen_mark(c->screen);
}
