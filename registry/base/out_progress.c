/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a long step is shown: a bar that is redrawn in place, a line now and then, or JSON events.
 * Steps come as often as the library likes; how often anything is written is decided here.
 */
#include "registry/base/out.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/out_private.h"
#include "registry/base/text.h"

#define BAR_INTERVAL_MS  100
#define LINE_INTERVAL_MS 1000

void
out_bar_clear(struct out *o)
{
	cleanup_buf struct buf b = { 0 };

	if (o->bar.width == 0)
		return;
	buf_addf(&b, "\r%*s\r", (int)o->bar.width, "");
	o->bar.width = 0;
	(void)fs_write_all(o->fd_notes, b.p, b.n);
}

static void
add_amounts(struct buf *b, const struct out_bar *bar, uint64_t done, uint64_t total,
	    uint64_t now_ms)
{
	const uint64_t ms = now_ms - bar->start_ms;
	char size[16];

	text_size(size, done);
	buf_adds(b, size);
	if (total > 0) {
		text_size(size, total);
		buf_addf(b, " of %s", size);
	}
	if (ms >= 500 && done >= bar->start_done) {
		/* in double: bytes times a thousand may not fit */
		text_size(size, (uint64_t)((double)(done - bar->start_done) * 1000.0 / (double)ms));
		buf_addf(b, ", %s/s", size);
	}
}

static unsigned
percent(uint64_t done, uint64_t total)
{
	if (done >= total)
		return 100;
	return (unsigned)((double)done * 100.0 / (double)total);
}

/* "weights.bin  [######      ]  34%  412M of 1.2G, 61M/s", then spaces over what was longer. */
static void
bar_draw(struct out *o, uint64_t done, uint64_t total, uint64_t now_ms)
{
	static const char full[] = "####################", empty[] = "                    ";
	cleanup_buf struct buf line = { 0 };
	cleanup_buf struct buf b = { 0 };
	struct winsize ws = { 0 };
	size_t width;

	text_fit(&line, buf_str(&o->bar.what), 28, TEXT_CUT_MIDDLE, 0, 0);
	if (total > 0) {
		const unsigned p = percent(done, total);
		buf_addf(&line, "  [%.*s%.*s] %3u%%", (int)(p / 5), full, (int)(20 - p / 5),
			 empty, p);
	}
	buf_adds(&line, "  ");
	add_amounts(&line, &o->bar, done, total, now_ms);
	if (ioctl(o->fd_notes, TIOCGWINSZ, &ws) < 0 || ws.ws_col < 2)
		ws.ws_col = 80;
	buf_addc(&b, '\r');
	/* never the last cell: some terminals wrap there */
	text_fit(&b, buf_str(&line), ws.ws_col - 1u, TEXT_CUT_END, 0, 0);
	width = text_width((struct str){ b.p + 1, b.n - 1 });
	if (width < o->bar.width)
		buf_addf(&b, "%*s", (int)(o->bar.width - width), "");
	o->bar.width = width;
	(void)fs_write_all(o->fd_notes, b.p, b.n);
}

static void
progress_write(struct out *o, uint64_t done, uint64_t total, uint64_t now_ms)
{
	cleanup_buf struct buf b = { 0 };

	buf_add(&b, o->bar.what.p, o->bar.what.n);
	buf_adds(&b, ": ");
	if (total > 0)
		buf_addf(&b, "%u%%, ", percent(done, total));
	add_amounts(&b, &o->bar, done, total, now_ms);
	buf_addc(&b, '\n');
	out_notes_write(o, &b);
}

static void
progress_event(struct out *o, const char *what, uint64_t done, uint64_t total)
{
	cleanup_buf struct buf b = { 0 };
	struct json_out j = { .b = &b };

	jo_begin(&j, NULL, '{');
	jo_string(&j, "event", "progress");
	jo_string(&j, "what", what);
	jo_u64(&j, "done", done);
	if (total > 0)
		jo_u64(&j, "total", total);
	else
		jo_null(&j, "total");
	jo_end(&j, '}');
	buf_addc(&b, '\n');
	out_notes_write(o, &b);
}

/* A new thing, or the same from its beginning: the rate counts from here. */
static void
bar_follow(struct out_bar *bar, const char *what, uint64_t done, uint64_t now_ms)
{
	cleanup_buf struct buf name = { 0 };

	text_safe(&name, str_of(what));
	if (bar->is_running && done >= bar->start_done &&
	    str_eq(buf_str(&name), buf_str(&bar->what)))
		return;
	buf_clear(&bar->what);
	buf_add(&bar->what, name.p, name.n);
	bar->start_ms = now_ms;
	bar->start_done = done;
}

static void
progress_draw(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct out *const o = arg;
	struct out_bar *const bar = &o->bar;
	const uint64_t now_ms = clock_mono_ms();
	const uint64_t gap = bar->mode == PROGRESS_LINE ? LINE_INTERVAL_MS : BAR_INTERVAL_MS;
	const bool is_last = bar->mode == PROGRESS_JSON && total > 0 && done >= total;

	if (bar->mode == PROGRESS_NONE)
		return;
	bar_follow(bar, what, done, now_ms);
	if (bar->is_running && now_ms - bar->last_ms < gap && !is_last)
		return;
	bar->is_running = true;
	bar->last_ms = now_ms;
	switch (bar->mode) {
	case PROGRESS_BAR:
		bar_draw(o, done, total, now_ms);
		break;
	case PROGRESS_LINE:
		progress_write(o, done, total, now_ms);
		break;
	case PROGRESS_JSON:
		progress_event(o, what, done, total);
		break;
	case PROGRESS_AUTO:
	case PROGRESS_NONE:
		break;
	}
}

struct progress
out_progress(struct out *o)
{
	const char *const ci = getenv("CI");

	o->bar.mode = o->progress;
	if (o->progress == PROGRESS_AUTO) {
		o->bar.mode = PROGRESS_NONE;
		if (o->quiet <= 0 && ci && *ci)
			o->bar.mode = PROGRESS_LINE;
		else if (o->quiet <= 0 && isatty(o->fd_notes))
			o->bar.mode = PROGRESS_BAR;
	}
	return (struct progress){ .fn = progress_draw, .arg = o };
}

void
out_progress_done(struct out *o)
{
	out_bar_clear(o);
	o->bar.is_running = false;
}
