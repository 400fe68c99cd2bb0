/* SPDX-License-Identifier: Apache-2.0 */
/* Names come from the policy in force. */
#include "tui/view/people.h"

#include <inttypes.h>

static size_t
approvers(const struct policy *p, const char *who, struct buf *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < p->people_n; i++) {
		if (!(p->roles[ROLE_APPROVER] & (UINT64_C(1) << i)) || streq(p->people[i].id, who))
			continue;
		buf_addf(ret, "%s%s", n++ > 0 ? ", " : "", p->people[i].id);
	}
	return n;
}

bool
people_wanted(const struct policy *p, const struct policy_stage *g, const char *who,
              struct buf *ret)
{
	cleanup_buf struct buf names = { 0 };

	if (g->approvals == 0) {
		buf_adds(ret, "no second person is needed");
		return false;
	}
	const size_t n = approvers(p, who, &names);
	buf_addf(ret, "%" PRIu64 " approval%s by %s", g->approvals, g->approvals == 1 ? "" : "s",
	         g->approvals == 1 ? "another" : "others");
	if (who[0])
		buf_addf(ret, " than %s", who);
	buf_addf(ret, ", within %" PRIu64 " h: ", g->approval_hours);
	if (n >= g->approvals)
		buf_addf(ret, "%s may", buf_cstr(&names));
	else
		buf_addf(ret, "the policy names %s: nobody can approve it as it is",
		         n == 0 ? "nobody" : buf_cstr(&names));
	return true;
}
