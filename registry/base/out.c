/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing: data is gathered and leaves in large writes, notes leave at once, each in one write.
 * What is foreign passes text_safe before it is added to either. Knows formats, not contents.
 */
#include "registry/base/out.h"

#include <errno.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/out_private.h"
#include "registry/base/text.h"

#define EXIT_PIPE 141

struct out *
out_new(int fd_data, int fd_notes)
{
	struct out *o = xcalloc(1, sizeof(*o));

	o->fd_data = fd_data;
	o->fd_notes = fd_notes;
	o->fd_log = -1;
	o->json.b = &o->data;
	return o;
}

void
out_free(struct out *o)
{
	if (!o)
		return;
	out_progress_done(o);
	(void)out_flush(o);
	if (o->is_sink)
		message_sink(NULL, NULL);
	buf_fini(&o->data);
	buf_fini(&o->table.row_open);
	buf_fini(&o->table.text);
	vec_fini(&o->table.cells);
	buf_fini(&o->bar.what);
	close_quietly(o->fd_log);
	free(o);
}

void
out_set_format(struct out *o, enum out_format f)
{
	o->format = f;
}

void
out_set_color(struct out *o, enum out_color c)
{
	o->color = c;
}

enum out_color
out_color_of(const struct out *o)
{
	return o->color;
}

void
out_set_progress(struct out *o, enum out_progress p)
{
	o->progress = p;
}

void
out_set_quiet(struct out *o, int quiet)
{
	o->quiet = quiet;
}

bool
out_is_verbose(const struct out *o)
{
	return o->quiet < 0;
}

enum out_format
out_format_of(const struct out *o)
{
	return o->format;
}

bool
out_is_json(const struct out *o)
{
	return o->format == OUT_JSON || o->format == OUT_NDJSON;
}

int
out_parse_format(const char *s, enum out_format *ret)
{
	static const char *const names[] = {
		[OUT_TEXT] = "text", [OUT_WIDE] = "wide", [OUT_TSV] = "tsv",
		[OUT_NAME] = "name", [OUT_JSON] = "json", [OUT_NDJSON] = "ndjson",
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		if (streq(s, names[i])) {
			*ret = (enum out_format)i;
			return 0;
		}
	}
	return -1;
}

static void
data_write(struct out *o, const char *p, size_t n)
{
	if (o->failed != 0 || n == 0)
		return;
	if (o->before_write)
		o->before_write(o->before_arg);
	if (fs_write_all(o->fd_data, p, n) < 0) {
		/* the reader has what it wanted: as quiet as death by SIGPIPE */
		if (errno == EPIPE)
			_exit(EXIT_PIPE);
		o->failed = errno;
	}
}

void
out_before_write(struct out *o, void (*fn)(void *arg), void *arg)
{
	o->before_write = fn;
	o->before_arg = arg;
}

int
out_flush(struct out *o)
{
	data_write(o, o->data.p, o->data.n);
	buf_clear(&o->data);
	if (o->failed != 0) {
		errno = o->failed;
		return -1;
	}
	return 0;
}

void
out_data_grew(struct out *o)
{
	o->wrote = true;
	if (o->data.n >= OUT_WRITE_SIZE)
		(void)out_flush(o);
}

void
out_raw(struct out *o, const void *p, size_t n)
{
	if (n >= OUT_WRITE_SIZE) {
		(void)out_flush(o);
		data_write(o, p, n);
		o->wrote = true;
		return;
	}
	buf_add(&o->data, p, n);
	out_data_grew(o);
}

bool
out_colored(const struct out *o, int fd)
{
	const char *const no = getenv("NO_COLOR");
	const char *const term = getenv("TERM");

	switch (o->color) {
	case COLOR_ALWAYS:
		return true;
	case COLOR_NEVER:
		return false;
	case COLOR_AUTO:
		break;
	}
	return !(no && *no) && term && *term && !streq(term, "dumb") && isatty(fd);
}

static size_t
count_lf(const char *p, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += p[i] == '\n';
	return found;
}

/* A line feed that fmt does not have came out of an argument, where it would forge a line: then
 * only the ones at the end are ours. */
static void __attribute__((format(printf, 2, 0)))
add_formatted(struct buf *ret, const char *fmt, va_list ap)
{
	cleanup_buf struct buf b = { 0 };
	const size_t fmt_n = strlen(fmt);
	size_t n, tail = 0;

	buf_vaddf(&b, fmt, ap);
	n = b.n;
	if (count_lf(fmt, fmt_n) == count_lf(b.p, n)) {
		text_safe_lines(ret, buf_str(&b));
		return;
	}
	while (tail < fmt_n && tail < n && fmt[fmt_n - 1 - tail] == '\n')
		tail++;
	text_safe(ret, (struct str){ b.p, n - tail });
	for (; tail > 0; tail--)
		buf_addc(ret, '\n');
}

void
out_text(struct out *o, const char *fmt, ...)
{
	va_list ap;

	if (out_is_json(o))
		return;
	va_start(ap, fmt);
	add_formatted(&o->data, fmt, ap);
	va_end(ap);
	out_data_grew(o);
}

static void
add_heading(struct out *o, const char *s)
{
	const bool bold = out_colored(o, o->fd_data);

	buf_adds(&o->data, bold ? "\033[1m" : "");
	text_safe(&o->data, str_of(s));
	buf_adds(&o->data, bold ? "\033[0m" : "");
}

void
out_notes_write(struct out *o, const struct buf *b)
{
	out_bar_clear(o);
	(void)fs_write_all(o->fd_notes, b->p, b->n); /* nowhere to say that stderr is gone */
}

void
out_note(struct out *o, const char *fmt, ...)
{
	cleanup_buf struct buf b = { 0 };
	va_list ap;

	if (o->quiet > 0 && o->fd_log < 0)
		return;
	va_start(ap, fmt);
	add_formatted(&b, fmt, ap);
	va_end(ap);
	out_log_line(o, "note", buf_str(&b));
	if (o->quiet > 0)
		return;
	if (b.n == 0 || b.p[b.n - 1] != '\n')
		buf_addc(&b, '\n');
	out_notes_write(o, &b);
}

static void
sink(void *arg, enum message_level level, const char *text)
{
	static const char *const names[] = {
		[MESSAGE_DEBUG] = "debug", [MESSAGE_NOTE] = "note", [MESSAGE_WARNING] = "warning",
	};
	struct out *const o = arg;
	cleanup_buf struct buf b = { 0 }, safe = { 0 };

	if (level == MESSAGE_DEBUG && o->quiet >= 0)
		return;
	text_safe(&safe, str_of(text));
	out_log_line(o, names[level], buf_str(&safe));
	if (level == MESSAGE_NOTE && o->quiet > 0)
		return;
	if (level != MESSAGE_NOTE)
		buf_addf(&b, "%s: ", names[level]);
	buf_add(&b, safe.p, safe.n);
	buf_addc(&b, '\n');
	out_notes_write(o, &b);
}

void
out_message_sink(struct out *o)
{
	message_sink(sink, o);
	o->is_sink = true;
}

void
out_object_begin(struct out *o, const char *kind)
{
	o->in_object = true;
	if (!out_is_json(o))
		return;
	o->json = (struct json_out){ .b = &o->data };
	jo_begin(&o->json, NULL, '{');
	jo_string(&o->json, "apiVersion", OUT_API_VERSION);
	jo_string(&o->json, "kind", kind);
}

struct json_out *
out_object_json(struct out *o)
{
	if (!out_is_json(o) || !o->in_object)
		return NULL;
	out_data_grew(o);
	return &o->json;
}

void
out_object_end(struct out *o)
{
	o->in_object = false;
	if (out_is_json(o)) {
		jo_end(&o->json, '}');
		buf_addc(&o->data, '\n');
	}
	out_data_grew(o);
}

void
out_field(struct out *o, const char *title, const char *fmt, ...)
{
	cleanup_buf struct buf b = { 0 };
	va_list ap;

	if (out_is_json(o) || o->format == OUT_NAME)
		return;
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	text_safe(&o->data, str_of(title));
	buf_adds(&o->data, o->format == OUT_TSV ? "\t" : ": ");
	text_safe(&o->data, buf_str(&b));
	buf_addc(&o->data, '\n');
	out_data_grew(o);
}

void
out_section(struct out *o, const char *title)
{
	if (o->format != OUT_TEXT && o->format != OUT_WIDE)
		return;
	if (o->wrote)
		buf_addc(&o->data, '\n');
	add_heading(o, title);
	buf_addc(&o->data, '\n');
	out_data_grew(o);
}

static void
log_error(struct out *o, const struct err *e)
{
	cleanup_buf struct buf b = { 0 };

	text_safe(&b, str_of(e->msg));
	buf_addf(&b, " (%s)", err_name(e->code));
	buf_adds(&b, e->hint[0] ? "; next: " : "");
	text_safe(&b, str_of(e->hint));
	out_log_line(o, "error", buf_str(&b));
}

void
out_render_error(const struct out *o, const struct err *e, bool as_json, struct buf *ret)
{
	struct json_out j = { .b = ret };

	if (as_json) {
		jo_begin(&j, NULL, '{');
		jo_string(&j, "apiVersion", OUT_API_VERSION);
		jo_string(&j, "kind", "Error");
		jo_string(&j, "code", err_name(e->code));
		jo_i64(&j, "exit", err_exit_status(e));
		jo_string(&j, "message", e->msg);
		jo_string(&j, "hint", e->hint[0] ? e->hint : NULL);
		jo_end(&j, '}');
	} else {
		const bool red = out_colored(o, o->fd_notes);
		buf_adds(ret, red ? "\033[31mslipway:\033[0m " : "slipway: ");
		text_safe(ret, str_of(e->msg));
		if (e->hint[0]) {
			buf_adds(ret, "\n  next: ");
			text_safe(ret, str_of(e->hint));
		}
	}
	buf_addc(ret, '\n');
}

void
out_error(struct out *o, const struct err *e)
{
	cleanup_buf struct buf b = { 0 };

	/* what was found before the failure comes first */
	(void)out_flush(o);
	if (e->code == ERR_OK || (e->code == ERR_CANCELLED && e->sys == SIGPIPE))
		return;
	log_error(o, e);
	out_render_error(o, e, out_is_json(o), &b);
	out_notes_write(o, &b);
}
