/* SPDX-License-Identifier: Apache-2.0 */
/* How far a long step has come. The library calls progress_step; out draws (bar, line, json). */
#pragma once

#include <stdint.h>

struct progress {
	/* total 0: unknown */
	void (*fn)(void *arg, const char *what, uint64_t done, uint64_t total);
	void *arg;
};

static inline void
progress_step(const struct progress *p, const char *what, uint64_t done, uint64_t total)
{
	if (p && p->fn)
		p->fn(p->arg, what, done, total);
}
