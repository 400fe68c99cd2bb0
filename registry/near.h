/* SPDX-License-Identifier: Apache-2.0 */
/* Names that a mistyped one may have meant, for hints. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NEAR_MAX 3 /* how many are offered */

struct near {
	const char *wanted;
	char best[NEAR_MAX][256];
	unsigned cost[NEAR_MAX];
	size_t n;
};
/* Offer each candidate; the nearest stay, best first, and none that is too far away. */
void near_offer(struct near *w, const char *name);
/* "face-detect or face-mask"; false: nothing is near. */
bool near_text(const struct near *w, char *ret, size_t size);
