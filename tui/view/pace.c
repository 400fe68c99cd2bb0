/* SPDX-License-Identifier: Apache-2.0 */
/* Two marks that move on: the older one is 5 to 10 seconds ago once so much has passed. */
#include "tui/view/pace.h"

#define HALF_MS  5000u
#define FIRST_MS 1000u
#define STALL_MS 15000u /* the agent says something each 5 seconds while bytes move */

void
pace_take(struct pace *p, uint64_t now_ms, uint64_t done, uint64_t total)
{
	if (total == 0 || total != p->total || done < p->done) {
		*p = (struct pace){ now_ms, done, now_ms, done, now_ms, done, total };
		return;
	}
	if (done > p->done)
		p->moved_ms = now_ms;
	p->done = done;
	if (now_ms - p->mid_ms < HALF_MS)
		return;
	p->from_ms = p->mid_ms;
	p->from_done = p->mid_done;
	p->mid_ms = now_ms;
	p->mid_done = done;
}

bool
pace_rate(const struct pace *p, uint64_t now_ms, uint64_t *ret)
{
	const uint64_t ms = now_ms - p->from_ms;

	if (p->total == 0 || ms < FIRST_MS || p->done == p->from_done ||
	    now_ms - p->moved_ms > STALL_MS)
		return false;
	*ret = (p->done - p->from_done) * 1000 / ms;
	return *ret > 0;
}
