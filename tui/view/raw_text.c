/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the bytes makes the lines: a tree of a large manifest would be fifty times them. */
#include "tui/view/raw_text.h"

#include <string.h>

#define INDENT    2u
#define SHOWN_MAX 4096u /* bytes of a line that are painted */

void
raw_text_fini(struct raw_text *r)
{
	buf_fini(&r->text);
	vec_fini(&r->starts);
}

static void
line_begin(struct raw_text *r, size_t depth)
{
	buf_addc(&r->text, '\n');
	vec_push(&r->starts, r->text.n);
	for (size_t i = 0; i < depth * INDENT; i++)
		buf_addc(&r->text, ' ');
}

/* The string that begins at json.p[at], quotes and all; returns where it ends. */
static size_t
string_copy(struct raw_text *r, struct str json, size_t at)
{
	const size_t from = at++;

	while (at < json.n && json.p[at] != '"')
		at += json.p[at] == '\\' ? 2 : 1;
	at = at < json.n ? at + 1 : json.n;
	buf_add(&r->text, json.p + from, at - from);
	return at;
}

void
raw_text_set(struct raw_text *r, struct str json)
{
	size_t depth = 0, at = 0;

	buf_clear(&r->text);
	r->starts.n = 0;
	vec_push(&r->starts, 0);
	while (at < json.n) {
		const char c = json.p[at];
		if (c == '"') {
			at = string_copy(r, json, at);
			continue;
		}
		at++;
		if (c == '}' || c == ']') {
			depth -= depth > 0;
			line_begin(r, depth);
		}
		if (c != '\n')
			buf_addc(&r->text, c);
		if (c == '{' || c == '[')
			line_begin(r, ++depth);
		else if (c == ',')
			line_begin(r, depth);
		else if (c == ':')
			buf_addc(&r->text, ' ');
	}
	r->list.n = r->starts.n;
	vec_push(&r->starts, r->text.n + 1);
}

struct str
raw_text_line(const struct raw_text *r, size_t i)
{
	if (i + 1 >= r->starts.n)
		return (struct str){ "", 0 };
	return (struct str){ r->text.p + r->starts.v[i], r->starts.v[i + 1] - 1 - r->starts.v[i] };
}

static bool
line_match(const struct raw_text *r, const struct filter *f, size_t i)
{
	const struct str s = raw_text_line(r, i);
	char text[512]; /* what is behind is not searched: no member of ours is that long */
	const char *const texts[] = { text, NULL };
	const struct filter_row row = { .texts = texts };
	const size_t n = s.n < sizeof(text) - 1 ? s.n : sizeof(text) - 1;

	memcpy(text, s.p, n);
	text[n] = '\0';
	return filter_row_match(f, &row);
}

bool
raw_text_is_hit(const struct raw_text *r, size_t i)
{
	struct filter f;

	if (!r->filter[0])
		return false;
	filter_compile(&f, r->filter);
	return line_match(r, &f, i);
}

static bool
to_hit(struct raw_text *r, size_t from, bool forward)
{
	const size_t n = r->list.n;
	struct filter f;

	filter_compile(&f, r->filter);
	for (size_t i = 0; r->filter[0] && i < n; i++) {
		const size_t at = forward ? (from + i) % n : (from + n - i) % n;
		if (line_match(r, &f, at)) {
			r->list.cursor = at;
			return true;
		}
	}
	return false;
}

void
raw_text_search(struct raw_text *r, const char *filter)
{
	if (streq(r->filter, filter))
		return;
	(void)str_copy(r->filter, sizeof(r->filter), filter);
	(void)to_hit(r, r->list.cursor, true);
}

bool
raw_text_act(struct raw_text *r, enum action act, size_t page)
{
	if (act == ACT_NEXT_HIT)
		return to_hit(r, r->list.cursor + 1, true);
	if (act == ACT_PREV_HIT)
		return to_hit(r, r->list.cursor + r->list.n - 1, false);
	return list_move(&r->list, act, page);
}

void
raw_text_draw(struct raw_text *r, const struct area *a)
{
	list_fit(&r->list, a->rows);
	for (size_t i = 0; i < a->rows && r->list.top + i < r->list.n; i++) {
		const size_t at = r->list.top + i;
		const struct str s = raw_text_line(r, at);
		cleanup_free char *line = xstrndup(s.p, s.n < SHOWN_MAX ? s.n : SHOWN_MAX);
		(void)paint_fit(a, i, 3, a->cols > 3 ? a->cols - 3 : 0,
		                raw_text_is_hit(r, at) ? INK_CHANGED : INK_TEXT, TEXT_CUT_MIDDLE,
		                line);
		list_mark(a, i, at == r->list.cursor);
	}
}
