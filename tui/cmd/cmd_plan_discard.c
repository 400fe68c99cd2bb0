/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan discard: a stored plan is wanted no more, and what people said of it counts no more. Whoever
 * wants it after all makes or applies it again, and everybody is asked anew. Nobody need sign this,
 * as it can only take away.
 */
#include "registry/change.h"
#include "tui/cmd/cmd.h"
#include "tui/cmd/proposal.h"

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct plan *const p = arg;
	struct plan_row row;
	int rc = plan_get(t, &p->id, &row, e);

	if (rc < 0)
		return rc;
	if (streq(row.state, PLAN_DISCARDED))
		return CHANGE_NONE;
	if (streq(row.state, "running")) {
		err_set(e, ERR_LOCKED, "the job %s is carrying this plan out", row.job);
		return err_hint(e, "slipway job abort %s takes back what it has done", row.job);
	}
	if (plan_is_settled(&row)) {
		err_set(e, ERR_CONFLICT, "this plan was carried out by job %s", row.job);
		return err_hint(e, "slipway rollback %s --stage %s goes back", p->model, p->stage);
	}
	*ret_body = json_object();
	json_object_set_new(*ret_body, "plan", json_from_digest(&p->id));
	json_object_set_new(*ret_body, "stage", json_string(p->stage));
	return 0;
}

static void
show(struct app *a, const struct plan *p, bool changed)
{
	char id[DIGEST_HEX_SIZE];
	struct json_out *j;

	digest_hex(&p->id, id);
	out_object_begin(a->out, "PlanDiscard");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "plan", id);
		jo_bool(j, "changed", changed);
	}
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", id);
	else
		out_text(a->out, "plan %.16s: %s \"%s\" in %s: %s\n", id, p->kind, p->model,
		         p->stage, changed ? "discarded" : "discarded already");
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct change_result done;
	struct plan_row row;
	struct plan p;
	int rc = proposal_stored(a, in->pos[0], &row, &p, e);

	if (rc < 0)
		return rc;
	const struct change c = {
		.type = "discard", .model = p.model, .check = check, .arg = &p, .reason = a->reason
	};
	rc = change_commit(a->registry, &c, &done, e);
	if (rc == 0)
		show(a, &p, done.changed);
	plan_fini(&p);
	return rc;
}

const struct cmd cmd_plan_discard = {
	.name = "plan",
	.sub = "discard",
	.args = "PLAN",
	.summary = "take a stored plan away: who said yes to it has not",
	.group = "deploy",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_REASON,
	.run = run,
	.examples = "  slipway plan discard 3f9a0c1d2e4b5a69 --reason 'wrong metrics'\n",
};
