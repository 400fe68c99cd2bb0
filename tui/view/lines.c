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
	l->rows.n = l->parts.n = l->parted = 0;
	l->top = 0;
}

void
lines_fini(struct lines *l)
{
	lines_clear(l);
	vec_fini(&l->rows);
	vec_fini(&l->parts);
}

/* Where the second column of "name  value" begins; else a little in. */
static size_t
hanging_indent(const char *s, size_t cols)
{
	const size_t lead = strspn(s, " ");
	const char *gap = strstr(s + lead, "  ");
	const size_t at = gap ? (size_t)(gap - s) + strspn(gap, " ") : 0;

	if (at > 0 && at < cols / 2)
		return at;
	return lead > 0 && lead < cols / 2 ? lead : 2;
}

static size_t
char_bytes(const char *s)
{
	size_t n = 1;

	while (s[0] && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

static size_t
char_cells(const char *s, size_t n)
{
	if (n == 1 && s[0] >= ' ' && s[0] < 0x7f && s[0] != '\\')
		return 1;
	cleanup_free char *one = xstrndup(s, n);
	return paint_width(one);
}

/* How many bytes of s one row takes: up to a space behind `from`; a word that is longer than a row
 * is parted where it has to be read whole, as an id before a decision, else cut where it is
 * painted. */
static size_t
part_bytes(const char *s, size_t from, size_t cells, bool parts_words)
{
	size_t at = 0, used = 0, space = 0;

	while (s[at]) {
		const size_t n = char_bytes(s + at);
		if (s[at] == ' ' && at > from)
			space = at;
		used += char_cells(s + at, n);
		if (used > cells && space > 0)
			return space;
		if (parts_words && used > cells && at > from)
			return at;
		at += n;
	}
	return at;
}

static void
row_part(struct lines *l, size_t row)
{
	const char *s = l->rows.v[row].text;
	const size_t hang = hanging_indent(s, l->cols);
	size_t at = 0, indent = 0;

	if (strlen(s) <= l->cols && paint_width(s) <= l->cols) {
		vec_push(&l->parts, ((struct line_part){ row, 0, strlen(s), 0 }));
		return;
	}
	do {
		const size_t n =
		        part_bytes(s + at, at > 0 ? 0 : hang,
		                   l->cols > indent ? l->cols - indent : 1, l->parts_words);
		vec_push(&l->parts, ((struct line_part){ row, at, n, indent }));
		at += n;
		at += strspn(s + at, " ");
		indent = hang;
	} while (s[at]);
}

static void
lines_part(struct lines *l, size_t cols)
{
	if (l->cols != cols)
		l->parts.n = l->parted = 0;
	l->cols = cols;
	while (cols > 0 && l->parted < l->rows.n)
		row_part(l, l->parted++);
}

bool
lines_move(struct lines *l, enum action act, size_t page)
{
	lines_part(l, l->cols);
	const size_t all = l->cols > 0 ? l->parts.n : l->rows.n; /* not drawn yet */
	const size_t last = all > page ? all - page : 0;
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
lines_fit(struct lines *l, size_t cols)
{
	lines_part(l, cols > 1 ? cols - 1 : 1);
}

void
lines_draw(struct lines *l, const struct area *a)
{
	char more[80];
	size_t end = 0; /* of the last row's text: the count stands behind it or not at all */

	lines_fit(l, a->cols);
	if (l->top + a->rows > l->parts.n)
		l->top = l->parts.n > a->rows ? l->parts.n - a->rows : 0;
	for (size_t i = 0; i < a->rows && l->top + i < l->parts.n; i++) {
		const struct line_part *p = &l->parts.v[l->top + i];
		const struct text_line *r = &l->rows.v[p->row];
		cleanup_free char *text = xstrndup(r->text + p->from, p->n);
		const size_t col = 1 + p->indent;
		(void)paint_fit(a, i, col, a->cols > col ? a->cols - col : 0, r->ink, TEXT_CUT_END,
		                text);
		end = i + 1 == a->rows ? col + paint_width(text) : 0;
	}
	if (l->parts.n > a->rows && a->cols > 30) {
		(void)snprintf(more, sizeof(more), " %zu-%zu of %zu ", l->top + 1, l->top + a->rows,
		               l->parts.n);
		if (end + strlen(more) <= a->cols)
			paint_right(a, a->rows - 1, a->cols, strlen(more), INK_DIM, more);
	}
}

bool
lines_scroll(const struct lines *l, size_t page)
{
	return l->parts.n > page;
}
