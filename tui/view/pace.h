/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast bytes move, by what was seen: over the last seconds alone, and not known before there
 * were some, nor while nothing moves. Pure: the caller has the clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pace {                                          /* zeroed: nothing was seen */
	uint64_t from_ms, from_done, mid_ms, mid_done; /* what it is measured from, now and next */
	uint64_t moved_ms, done, total;
};
/* So many of total are done now; total 0: nothing is copied. What was before the first call has
 * taken nobody knows how long. */
void pace_take(struct pace *p, uint64_t now_ms, uint64_t done, uint64_t total);
/* Bytes a second; false: not known. */
bool pace_rate(const struct pace *p, uint64_t now_ms, uint64_t *ret);
