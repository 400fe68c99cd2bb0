/* SPDX-License-Identifier: Apache-2.0 */
/* Who else must say yes, as the screens say it. */
#include <criterion/criterion.h>

#include "tui/view/people.h"

static const struct {
	uint64_t approvals, approvers; /* bits: ana, ben, cleo */
	const char *who;
	bool waits;
	const char *text;
} cases[] = {
	{ 0, 7, "ana", false, "no second person is needed" },
	{ 1, 3, "ana", true, "1 approval by another than ana, within 72 h: ben may" },
	{ 1, 7, "ben", true, "1 approval by another than ben, within 72 h: ana, cleo may" },
	{ 2, 7, "ana", true, "2 approvals by others than ana, within 72 h: ben, cleo may" },
	{ 1, 3, "", true, "1 approval by another, within 72 h: ana, ben may" },
	{ 1, 1, "ana", true,
	  "1 approval by another than ana, within 72 h: the policy names nobody: nobody can "
	  "approve it as it is" },
	{ 2, 3, "ana", true,
	  "2 approvals by others than ana, within 72 h: the policy names ben: nobody can approve "
	  "it as it is" },
};

Test(people, who_may_is_named_without_the_one_who_asks)
{
	struct policy_person people[] = { { .id = "ana" }, { .id = "ben" }, { .id = "cleo" } };
	struct policy p = { .people = people, .people_n = 3 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct policy_stage g = { .approvals = cases[i].approvals,
			                        .approval_hours = 72 };
		cleanup_buf struct buf text = { 0 };
		p.roles[ROLE_APPROVER] = cases[i].approvers;
		cr_expect_eq(people_wanted(&p, &g, cases[i].who, &text), cases[i].waits, "%zu", i);
		cr_expect_str_eq(buf_cstr(&text), cases[i].text);
	}
}
