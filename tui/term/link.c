/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two figures: the shortest answer is the way there and back, what a large frame takes beyond it is
 * its transfer. Between "slow" and "not slow" lies a factor of two, so that a line at the limit
 * does not make the charts come and go. Knows neither terminal nor clock.
 */
#include "tui/term/link.h"

#define QUICK_MS        50u /* a frame that drains faster says nothing against the line */
#define INTERVAL_MAX_MS 5000u
#define KEY_WAIT_MAX_MS 1000u /* then a key's frame goes whatever the line does */

bool
link_asks(const struct link *l, size_t n)
{
	return l->answers && !l->awaits && (n >= LINK_LARGE || l->is_slow || l->round_ms == 0);
}

void
link_sent(struct link *l, size_t n, bool asked, uint64_t now_ms)
{
	l->shown_at_ms = now_ms;
	if (l->interval_ms == 0)
		l->interval_ms = LINK_FRAME_MS;
	if (!asked)
		return;
	l->awaits = true;
	l->asked_at_ms = now_ms;
	l->asked = n;
}

static unsigned
clamp(uint64_t n, unsigned low, unsigned high)
{
	return n < low ? low : n > high ? high : (unsigned)n;
}

void
link_drained(struct link *l, size_t n, uint64_t took_ms)
{
	l->interval_ms = clamp(2 * took_ms, LINK_FRAME_MS, INTERVAL_MAX_MS);
	if (took_ms < QUICK_MS) {
		l->interval_ms = LINK_FRAME_MS;
		if (n >= LINK_LARGE) {
			l->rate = 0;
			l->is_slow = false;
		}
		return;
	}
	if (n < LINK_LARGE && !l->is_slow) /* too little to divide by */
		return;
	l->rate = clamp((uint64_t)n * 1000 / took_ms, 1, UINT32_MAX);
	if (l->rate < LINK_SLOW_RATE)
		l->is_slow = true;
	else if (l->rate > 2 * LINK_SLOW_RATE)
		l->is_slow = false;
}

/* Until a small frame has told how long the way is, a large one tells nothing. */
void
link_answered(struct link *l, uint64_t now_ms)
{
	const uint64_t took = now_ms - l->asked_at_ms;
	const bool has_round = l->round_ms > 0;

	if (!l->awaits)
		return;
	l->awaits = false;
	if (has_round ? took < l->round_ms : l->asked < LINK_LARGE)
		l->round_ms = clamp(took, 1, UINT32_MAX);
	if (has_round)
		link_drained(l, l->asked, took - (took < l->round_ms ? took : l->round_ms));
}

unsigned
link_wait_ms(struct link *l, bool by_key, uint64_t now_ms)
{
	const uint64_t gone = now_ms - l->shown_at_ms;
	uint64_t wait = by_key ? 0 : l->interval_ms;

	if (l->awaits && now_ms - l->asked_at_ms >= LINK_PATIENCE_MS)
		l->awaits = l->answers = false;
	if (l->awaits && l->is_slow)
		wait = by_key ? KEY_WAIT_MAX_MS : LINK_PATIENCE_MS;
	return wait > gone ? (unsigned)(wait - gone) : 0;
}
