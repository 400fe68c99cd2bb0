/* SPDX-License-Identifier: Apache-2.0 */
/* What lists of plans say about people: the same question as the log's, over the database's rows.
 */
#include "registry/plan_state.h"

#include "registry/base/clock.h"
#include "registry/base/str.h"
#include "registry/consent.h"

bool
plan_is_dead(struct txn *t, const struct plan_row *p)
{
	const struct stage_mark *s;
	struct err ignored = { 0 };
	struct model_row m;

	if (!streq(p->state, "open") || model_get(t, p->model, &m, &ignored) < 0)
		return false;
	s = model_stage(&m, p->stage);
	return s && s->promotion_seq > p->seq;
}

/* Has somebody authorised it, and do others still have to say yes? */
static bool
waits(struct txn *t, const struct policy *policy, const struct plan_row *p, struct err *ret_missing)
{
	struct consent_rows rows;
	struct version_row v = { 0 };
	struct model_row m = { 0 };
	struct err ignored = { 0 };
	const struct stage_mark *s;
	bool ret = false;

	if (!policy || consent_get(t, &p->id, &rows, &ignored) < 0)
		return false;
	if (p->number > 0)
		(void)version_get(t, p->model, p->number, &v, &ignored);
	(void)model_get(t, p->model, &m, &ignored);
	s = model_stage(&m, p->stage);
	const struct consent c = { .by = rows.by_n ? &rows.by[rows.by_n - 1] : NULL,
		                   .approvals = rows.approvals,
		                   .approvals_n = rows.approvals_n,
		                   .author = v.signer[0] ? v.signer : NULL,
		                   .now_s = clock_now_s(),
		                   .after = s ? s->aborted_seq : 0 };
	if (c.by && c.by->seq >= c.after)
		ret = authority_approved(policy, &c, ret_missing) < 0;
	consent_fini(&rows);
	return ret;
}

void
plan_state(struct txn *t, const struct policy *policy, const struct plan_row *p,
           struct plan_state *ret)
{
	const bool is_dead = plan_is_dead(t, p);

	*ret = (struct plan_state){ .name = is_dead ? "dead" : p->state };
	ret->is_open = streq(p->state, "open") && !is_dead;
	if (!ret->is_open)
		return;
	ret->is_waiting = waits(t, policy, p, &ret->missing);
	if (ret->is_waiting)
		ret->name = "waiting";
}
