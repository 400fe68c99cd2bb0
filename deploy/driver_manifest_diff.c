/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes between two texts, line by line: the longest common lines stay, each change is shown
 * with its neighbours. Pure, bounded, safe for a terminal.
 */
#include <stdlib.h>
#include <string.h>

#include "deploy/driver_manifest.h"
#include "registry/base/text.h"
#include "registry/base/vec.h"

#define DIFF_LINES 800 /* of each side, between what is the same at both ends */

bool
manifest_line(struct str *text, struct str *ret)
{
	const char *end = memchr(text->p, '\n', text->n);

	if (!end)
		return false;
	*ret = (struct str){ text->p, (size_t)(end - text->p) };
	text->n -= ret->n + 1;
	text->p = end + 1;
	return true;
}

struct lines {
	struct str *v;
	size_t n, cap;
};

/* Our own words on it: they say again what the plan's head says. */
static bool
is_stamp(struct str line)
{
	static const char mark[] = " slipway.dev/";
	const size_t n = strlen(mark);

	for (size_t i = 0; i + n <= line.n; i++) {
		if (memcmp(line.p + i, mark, n) == 0)
			return true;
	}
	return false;
}

static void
split(struct str text, struct lines *ret)
{
	struct str line;

	while (text.n > 0) {
		if (!manifest_line(&text, &line)) {
			line = text;
			text.n = 0;
		}
		if (!is_stamp(line))
			vec_push(ret, line);
	}
}

static void
add_line(char sign, struct str line, struct buf *ret)
{
	buf_addc(ret, sign);
	buf_addc(ret, ' ');
	text_safe(ret, line);
	buf_addc(ret, '\n');
}

/* The longest common lines of a and b, from the end: at[i][j] of what is left. */
static uint16_t *
common(const struct str *a, size_t n, const struct str *b, size_t m)
{
	uint16_t *at = xcalloc((n + 1) * (m + 1), sizeof *at);

	for (size_t i = n; i-- > 0;) {
		for (size_t j = m; j-- > 0;) {
			const uint16_t down = at[(i + 1) * (m + 1) + j],
			               right = at[i * (m + 1) + j + 1];

			at[i * (m + 1) + j] =
			        str_eq(a[i], b[j]) ? (uint16_t)(at[(i + 1) * (m + 1) + j + 1] + 1)
			        : down > right     ? down
			                           : right;
		}
	}
	return at;
}

static void
walk(const struct str *a, size_t n, const struct str *b, size_t m, struct buf *ret)
{
	cleanup_free uint16_t *at = common(a, n, b, m);
	const struct str *last = NULL; /* same on both sides, not said yet */
	bool is_behind = false;        /* the line before was a change */
	size_t i = 0, j = 0;

	while (i < n || j < m) {
		if (i < n && j < m && str_eq(a[i], b[j])) {
			if (is_behind)
				add_line(' ', a[i], ret);
			last = is_behind ? NULL : &a[i];
			is_behind = false;
			i++, j++;
			continue;
		}
		if (last)
			add_line(' ', *last, ret);
		last = NULL;
		is_behind = true;
		if (j == m || (i < n && at[(i + 1) * (m + 1) + j] >= at[i * (m + 1) + j + 1]))
			add_line('-', a[i++], ret);
		else
			add_line('+', b[j++], ret);
	}
}

/* Of an empty file there are none. */
static const struct str *
lines_at(const struct lines *l, size_t i)
{
	return l->v ? l->v + i : NULL;
}

void
manifest_diff(struct str before, struct str after, struct buf *ret)
{
	struct lines a = { 0 }, b = { 0 };
	size_t head = 0, tail = 0, n, m;

	split(before, &a);
	split(after, &b);
	while (head < a.n && head < b.n && str_eq(a.v[head], b.v[head]))
		head++;
	while (tail < a.n - head && tail < b.n - head &&
	       str_eq(a.v[a.n - 1 - tail], b.v[b.n - 1 - tail]))
		tail++;
	n = a.n - head - tail;
	m = b.n - head - tail;
	if (n + m > 0) {
		/* a line of what stays, before and behind */
		const size_t lead = head > 0, trail = tail > 0;

		if (n > DIFF_LINES || m > DIFF_LINES)
			buf_addf(ret, "%zu lines go, %zu come: too many to be shown\n", n, m);
		else
			walk(lines_at(&a, head - lead), n + lead + trail,
			     lines_at(&b, head - lead), m + lead + trail, ret);
	}
	vec_fini(&a);
	vec_fini(&b);
}
