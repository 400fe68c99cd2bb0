/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, what is shown of them, and the cursor that stays on its row when that changes. */
#include "tui/view/sheet.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/buf.h"

#define MARGIN 2u /* of the arrow */

static void PRINTF(3, 0) row_push(struct sheet *s, struct sheet_row *r, const char *fmt, va_list ap)
{
	cleanup_buf struct buf b = { 0 };

	buf_vaddf(&b, fmt, ap);
	r->text = xstrdup(buf_cstr(&b));
	r->part = s->parts;
	vec_push(&s->rows, *r);
}

void
sheet_head(struct sheet *s, bool is_folded, const char *fmt, ...)
{
	struct sheet_row r = { .ink = INK_HEAD, .is_head = true };
	va_list ap;

	s->parts++;
	if (is_folded && s->parts < SHEET_PARTS_MAX)
		s->folded |= UINT64_C(1) << s->parts;
	va_start(ap, fmt);
	row_push(s, &r, fmt, ap);
	va_end(ap);
}

void
sheet_add(struct sheet *s, enum ink ink, uint32_t tag, const char *fmt, ...)
{
	struct sheet_row r = { .ink = ink, .tag = tag };
	va_list ap;

	va_start(ap, fmt);
	row_push(s, &r, fmt, ap);
	va_end(ap);
}

void
sheet_mark_last(struct sheet *s)
{
	if (s->rows.n > 0)
		s->rows.v[s->rows.n - 1].is_marked = true;
}

void
sheet_clear(struct sheet *s)
{
	vec_foreach(r, &s->rows)
		free(r->text);
	s->rows.n = s->shown.n = 0;
	s->parts = 0;
	lines_clear(&s->lines);
}

void
sheet_fini(struct sheet *s)
{
	sheet_clear(s);
	vec_fini(&s->rows);
	vec_fini(&s->shown);
	lines_fini(&s->lines);
}

static bool
is_folded(const struct sheet *s, uint32_t part)
{
	return part < SHEET_PARTS_MAX && (s->folded & UINT64_C(1) << part) != 0;
}

/* Words are looked for in what is folded too: a hit opens its part as long as they stand. */
static bool
is_shown(const struct sheet *s, const struct sheet_row *r, bool part_is_hit)
{
	if (s->filter[0] && !s->keeps_misses)
		return r->is_head ? part_is_hit : r->is_hit;
	return r->is_head || !is_folded(s, r->part) || (s->filter[0] && r->is_hit);
}

static bool
part_has_hit(const struct sheet *s, size_t head)
{
	for (size_t i = head; i < s->rows.n && s->rows.v[i].part == s->rows.v[head].part; i++)
		if (s->rows.v[i].is_hit)
			return true;
	return false;
}

static void
shown_add(struct sheet *s, size_t i)
{
	const struct sheet_row *r = &s->rows.v[i];
	const bool dim = s->filter[0] && s->keeps_misses && !r->is_hit;

	vec_push(&s->shown, i);
	if (r->is_head)
		lines_add(&s->lines, r->ink, "[%c] %s",
		          is_folded(s, r->part) && !s->filter[0] ? '+' : '-', r->text);
	else
		lines_add(&s->lines, dim ? INK_DIM : r->ink, "%s%s", r->part > 0 ? "    " : "",
		          r->text);
}

static void
shown_make(struct sheet *s)
{
	bool part_is_hit = false;
	const size_t top = s->lines.top;

	s->shown.n = 0;
	lines_clear(&s->lines);
	s->lines.top = top;
	for (size_t i = 0; i < s->rows.n; i++) {
		if (s->rows.v[i].is_head)
			part_is_hit = part_has_hit(s, i);
		if (is_shown(s, &s->rows.v[i], part_is_hit))
			shown_add(s, i);
	}
}

static bool
is_goal(const struct sheet *s, size_t shown)
{
	const struct sheet_row *r = &s->rows.v[s->shown.v[shown]];

	return s->filter[0] ? r->is_hit : r->is_marked;
}

/* SIZE_MAX: there is none. */
static size_t
goal(const struct sheet *s, size_t from, bool forward)
{
	const size_t n = s->shown.n;

	for (size_t i = 0; i < n; i++) {
		const size_t at = forward ? (from + i) % n : (from + n - i) % n;
		if (is_goal(s, at))
			return at;
	}
	return SIZE_MAX;
}

static void
cursor_to_row(struct sheet *s, size_t row)
{
	s->cursor = 0;
	for (size_t i = 0; i < s->shown.n && s->shown.v[i] <= row; i++)
		s->cursor = i;
}

void
sheet_settle(struct sheet *s, const char *filter)
{
	const bool same = streq(s->filter, filter);
	const size_t row = s->cursor < s->shown.n ? s->shown.v[s->cursor] : s->cursor;

	(void)str_copy(s->filter, sizeof(s->filter), filter);
	vec_foreach(r, &s->rows)
		r->is_hit = s->filter[0] && !r->is_head && filter_match(s->filter, r->text);
	shown_make(s);
	cursor_to_row(s, row);
	if (same || !s->filter[0] || s->shown.n == 0)
		return;
	const size_t hit = goal(s, s->cursor, true);
	if (hit != SIZE_MAX)
		s->cursor = hit;
}

/* Is the chosen row one of a part? A filter shows all. */
static bool
can_fold(const struct sheet *s)
{
	const struct sheet_row *r = sheet_chosen(s);

	return r && r->part > 0 && r->part < SHEET_PARTS_MAX && !s->filter[0];
}

static bool
fold(struct sheet *s)
{
	if (!can_fold(s))
		return false;
	s->folded ^= UINT64_C(1) << sheet_chosen(s)->part;
	const size_t row = s->shown.v[s->cursor];
	shown_make(s);
	cursor_to_row(s, row);
	return true;
}

static bool
to_goal(struct sheet *s, bool forward)
{
	if (s->shown.n == 0)
		return false;
	const size_t from = forward ? s->cursor + 1 : s->cursor + s->shown.n - 1;
	const size_t at = goal(s, from % s->shown.n, forward);
	if (at == SIZE_MAX)
		return false;
	s->cursor = at;
	return true;
}

bool
sheet_act(struct sheet *s, enum action act, size_t page)
{
	struct list l = { .n = s->shown.n, .cursor = s->cursor };

	if (act == ACT_FOLD)
		return fold(s);
	if (act == ACT_NEXT_HIT || act == ACT_PREV_HIT)
		return to_goal(s, act == ACT_NEXT_HIT);
	if (act == ACT_RAW_FILTER) {
		cleanup_free char *words = xstrdup(s->filter);
		s->keeps_misses = !s->keeps_misses;
		sheet_settle(s, words);
		return true;
	}
	if (!list_move(&l, act, page))
		return false;
	s->cursor = l.cursor;
	return true;
}

bool
sheet_can(const struct sheet *s, enum action act)
{
	if (act == ACT_FOLD)
		return can_fold(s);
	if (act == ACT_NEXT_HIT || act == ACT_PREV_HIT)
		return s->shown.n > 0 && goal(s, 0, true) != SIZE_MAX;
	return s->shown.n > 0;
}

/* The screen's rows of the chosen row come into it, its first one before all. */
static void
scroll_to_cursor(struct sheet *s, size_t rows)
{
	size_t first = SIZE_MAX, last = 0;

	for (size_t i = 0; i < s->lines.parts.n; i++)
		if (s->lines.parts.v[i].row == s->cursor) {
			first = first == SIZE_MAX ? i : first;
			last = i;
		}
	if (first == SIZE_MAX)
		return;
	if (last >= s->lines.top + rows)
		s->lines.top = last + 1 - rows;
	if (first < s->lines.top)
		s->lines.top = first;
}

void
sheet_draw(struct sheet *s, const struct area *a)
{
	const struct area text = area_cols(a, MARGIN, a->cols > MARGIN ? a->cols - MARGIN : 0);
	bool first = true;

	if (a->rows == 0 || text.cols < 2)
		return;
	lines_fit(&s->lines, text.cols);
	scroll_to_cursor(s, a->rows);
	lines_draw(&s->lines, &text);
	for (size_t i = 0; i < a->rows && s->lines.top + i < s->lines.parts.n; i++) {
		const size_t row = s->lines.parts.v[s->lines.top + i].row;
		if (i == 0 || s->lines.parts.v[s->lines.top + i - 1].row != row)
			paint_choice(a, i, false);
		if (row != s->cursor)
			continue;
		if (first)
			list_mark(a, i, true);
		else
			paint_select(a, i);
		first = false;
	}
}

const struct sheet_row *
sheet_chosen(const struct sheet *s)
{
	return s->cursor < s->shown.n ? &s->rows.v[s->shown.v[s->cursor]] : NULL;
}

size_t
sheet_hits(const struct sheet *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->rows.n; i++)
		n += !s->rows.v[i].is_head && (!s->filter[0] || s->rows.v[i].is_hit);
	return n;
}
