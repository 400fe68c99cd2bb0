/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of text and their scrolling; a JSON value as rows. Knows nothing of where they came from. */
#include "tui/view/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/buf.h"

#define LINES_MAX   20000u
#define INDENT_MAX  6u
#define COLUMN_NAME 16

static const struct {
	const char *word;
	enum ink ink;
} states[] = {
	{ "ok", INK_OK },           { "pass", INK_OK },
	{ "accepted", INK_OK },     { "not checked", INK_WAIT },
	{ "warn", INK_WAIT },       { "unknown", INK_WAIT },
	{ "unverified", INK_WAIT }, { "fail", INK_BAD },
	{ "block", INK_BAD },       { "refused", INK_BAD },
};

void
lines_add(struct lines *l, enum ink ink, const char *fmt, ...)
{
	cleanup_buf struct buf b = { 0 };
	va_list ap;

	if (l->rows.n >= LINES_MAX)
		return;
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	vec_push(&l->rows, ((struct text_line){ .text = xstrdup(buf_cstr(&b)), .ink = ink }));
}

void
lines_add_text(struct lines *l, enum ink ink, struct str text)
{
	for (size_t at = 0; at < text.n;) {
		const char *end = memchr(text.p + at, '\n', text.n - at);
		const size_t n = end ? (size_t)(end - text.p) - at : text.n - at;
		if (l->rows.n < LINES_MAX)
			vec_push(&l->rows, ((struct text_line){ .text = xstrndup(text.p + at, n),
			                                        .ink = ink }));
		at += n + 1;
	}
}

static enum ink
state_ink(const char *word)
{
	for (size_t i = 0; i < COUNT(states); i++)
		if (streq(states[i].word, word))
			return states[i].ink;
	return INK_TEXT;
}

static void
scalar_add(struct lines *l, unsigned indent, const char *name, const json_t *v)
{
	cleanup_buf struct buf b = { 0 };
	struct json_out o = { .b = &b };

	if (json_is_string(v))
		buf_adds(&b, json_string_value(v));
	else if (json_is_null(v))
		buf_addc(&b, '-');
	else if (json_is_boolean(v))
		buf_adds(&b, json_is_true(v) ? "yes" : "no");
	else
		jo_value(&o, NULL, v);
	lines_add(l, state_ink(buf_cstr(&b)), "%*s%-*s %s", (int)indent * 2, "",
	          name ? COLUMN_NAME - (int)indent * 2 : 0, name ? name : "-", buf_cstr(&b));
}

static bool
is_scalar(const json_t *v)
{
	return !json_is_object(v) && !json_is_array(v);
}

/* One member or element; the depth is bounded, deeper values come as JSON on one row. */
static void
value_add(struct lines *l, unsigned indent, const char *name, const json_t *v)
{
	const char *key;
	json_t *inner;
	size_t i;

	if (is_scalar(v) || indent >= INDENT_MAX) {
		scalar_add(l, indent, name, v);
		return;
	}
	if (json_is_array(v) && json_array_size(v) == 0) {
		lines_add(l, INK_DIM, "%*s%-*s none", (int)indent * 2, "",
		          COLUMN_NAME - (int)indent * 2, name ? name : "-");
		return;
	}
	if (name)
		lines_add(l, INK_HEAD, "%*s%s", (int)indent * 2, "", name);
	if (json_is_array(v)) {
		json_array_foreach(v, i, inner)
		{
			char number[24];
			(void)snprintf(number, sizeof(number), "%zu", i + 1);
			value_add(l, indent + 1, is_scalar(inner) ? NULL : number, inner);
		}
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)v, key,
	                    inner) if (indent > 0 || name ||
	                               (!streq(key, "apiVersion") && !streq(key, "kind")))
	        value_add(l, name ? indent + 1 : indent, key, inner);
}

void
lines_add_json(struct lines *l, const json_t *v)
{
	value_add(l, 0, NULL, v);
}

void
lines_add_error(struct lines *l, enum ink ink, struct str text)
{
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	if (text.n == 0 || text.p[0] != '{' || json_parse(text, "error", &j, &e) < 0) {
		lines_add_text(l, ink, text);
		return;
	}
	const char *msg = json_opt_string(j, "message");
	const char *hint = json_opt_string(j, "hint");
	lines_add(l, ink, "%s", msg ? msg : "refused");
	if (hint && hint[0])
		lines_add(l, INK_TEXT, "%s", hint);
}

void
lines_clear(struct lines *l)
{
	vec_foreach(r, &l->rows)
		free(r->text);
	l->rows.n = 0;
	l->top = 0;
}

void
lines_fini(struct lines *l)
{
	lines_clear(l);
	vec_fini(&l->rows);
}

bool
lines_move(struct lines *l, enum action act, size_t page)
{
	const size_t last = l->rows.n > page ? l->rows.n - page : 0;
	const size_t step = page > 1 ? page - 1 : 1;

	if (act == ACT_UP)
		l->top -= l->top > 0;
	else if (act == ACT_DOWN)
		l->top += 1;
	else if (act == ACT_PAGE_UP)
		l->top = l->top > step ? l->top - step : 0;
	else if (act == ACT_PAGE_DOWN)
		l->top += step;
	else if (act == ACT_TOP)
		l->top = 0;
	else if (act == ACT_BOTTOM)
		l->top = last;
	else
		return false;
	if (l->top > last)
		l->top = last;
	return true;
}

void
lines_draw(struct lines *l, const struct area *a)
{
	char more[80];

	if (l->top + a->rows > l->rows.n)
		l->top = l->rows.n > a->rows ? l->rows.n - a->rows : 0;
	for (size_t i = 0; i < a->rows && l->top + i < l->rows.n; i++) {
		const struct text_line *r = &l->rows.v[l->top + i];
		(void)paint_fit(a, i, 1, a->cols > 1 ? a->cols - 1 : 0, r->ink, TEXT_CUT_END,
		                r->text);
	}
	if (l->rows.n > a->rows && a->cols > 30) {
		(void)snprintf(more, sizeof(more), " %zu-%zu of %zu ", l->top + 1, l->top + a->rows,
		               l->rows.n);
		paint_right(a, a->rows - 1, a->cols, strlen(more), INK_DIM, more);
	}
}
