/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edit distance over bytes (insert, delete, replace, swap of neighbours cost 1), cut off where a
 * hint would no longer help. A candidate that starts with what was typed counts as near.
 */
#include "registry/near.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/str.h"

#define LENGTH_MAX 63 /* longer names are compared by prefix only */

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	const unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

static unsigned
distance(const char *a, size_t an, const char *b, size_t bn)
{
	unsigned rows[3][LENGTH_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (size_t j = 0; j <= bn; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= an; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= bn; j++) {
			const unsigned other = a[i - 1] != b[j - 1];
			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + other);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		unsigned *const spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[bn];
}

static bool
is_near(const struct near *w, const char *name, unsigned *ret_cost)
{
	const size_t an = strlen(w->wanted), bn = strlen(name);

	if (an >= 3 && bn > an && has_prefix(name, w->wanted)) {
		*ret_cost = 1;
		return true;
	}
	if (an == 0 || an > LENGTH_MAX || bn > LENGTH_MAX)
		return false;
	*ret_cost = distance(w->wanted, an, name, bn);
	return *ret_cost <= (an < 4 ? 1u : an < 9 ? 2u : 3u);
}

void
near_offer(struct near *w, const char *name)
{
	unsigned cost;
	size_t at = 0;

	if (!is_near(w, name, &cost))
		return;
	for (size_t i = 0; i < w->n; i++)
		if (streq(w->best[i], name))
			return; /* verbs of two words offer their first one often */
	while (at < w->n && w->cost[at] <= cost)
		at++;
	if (at == NEAR_MAX)
		return;
	const size_t behind = (w->n < NEAR_MAX ? w->n : NEAR_MAX - 1) - at;
	memmove(w->best[at + 1 < NEAR_MAX ? at + 1 : at], w->best[at], behind * sizeof w->best[0]);
	memmove(&w->cost[at + 1 < NEAR_MAX ? at + 1 : at], &w->cost[at],
	        behind * sizeof w->cost[0]);
	(void)str_copy(w->best[at], sizeof w->best[at], name);
	w->cost[at] = cost;
	w->n += w->n < NEAR_MAX;
}

bool
near_text(const struct near *w, char *ret, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < w->n; i++) {
		const int n = snprintf(ret + used, size - used, "%s%s", i == 0 ? "" : " or ",
		                       w->best[i]);
		if (n < 0 || (size_t)n >= size - used) {
			ret[used] = '\0'; /* the better ones are there */
			break;
		}
		used += (size_t)n;
	}
	return used > 0;
}
