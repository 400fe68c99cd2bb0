/* SPDX-License-Identifier: Apache-2.0 */
/* plan list, plan show, apply: plans that are stored. Making them is cmd_promote.c's. */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/ledger.h"
#include "registry/policy.h"
#include "tui/cmd/proposal.h"
#include "tui/cmd/shown.h"

/* --- list --- */

/* Is it open, with a promotion of its stage since it was stored? For showing only: whether a plan
 * may be applied is read from the log. */
static bool
is_dead(struct txn *t, const struct plan_row *p)
{
	const struct stage_mark *s;
	struct err ignored = { 0 };
	struct model_row m;

	if (!streq(p->state, "open") || model_get(t, p->model, &m, &ignored) < 0)
		return false;
	s = model_stage(&m, p->stage);
	return s && s->promotion_seq > p->seq;
}

struct list {
	struct app *a;
	struct txn *t;
};

static int
list_row(void *arg, const struct plan_row *p)
{
	const struct list *l = arg;
	struct app *a = l->a;
	char id[DIGEST_HEX_SIZE];

	digest_hex(&p->id, id);
	if (out_format_of(a->out) == OUT_TEXT)
		id[PLAN_ID_SHOWN] = '\0';
	out_cell(a->out, id);
	out_cell(a->out, p->kind);
	out_cell(a->out, p->model);
	cell_number(a->out, p->number);
	out_cell(a->out, p->stage);
	out_cell(a->out, is_dead(l->t, p) ? "dead" : p->state);
	out_cell(a->out, p->authorisation_seq ? "signed" : "not signed");
	out_cell(a->out, p->job[0] ? p->job : NULL);
	out_cell_time(a->out, p->time_s);
	return 0;
}

static int
run_list(struct app *a, const struct args *in, struct err *e)
{
	static const struct out_column columns[] = {
		{ "PLAN", "id", OUT_LEFT, false, true },
		{ "ACTION", "action", OUT_LEFT, false, false },
		{ "MODEL", "model", OUT_LEFT, false, false },
		{ "VERSION", "number", OUT_LEFT, false, false },
		{ "STAGE", "stage", OUT_LEFT, false, false },
		{ "STATE", "state", OUT_LEFT, false, false },
		{ "SIGNED", "authorisation", OUT_LEFT, false, false },
		{ "JOB", "job", OUT_LEFT, false, false },
		{ "AGE", "time", OUT_LEFT, false, false },
	};
	struct list l = { .a = a };
	int rc = store_read_begin(a->registry->store, &l.t, e);

	(void)in;
	if (rc < 0)
		return rc;
	out_table_begin(a->out, "PlanList", columns, COUNT(columns));
	rc = plan_each(l.t, list_row, &l, e);
	out_table_end(a->out);
	store_abort(l.t);
	return rc;
}

/* --- show --- */

static int
find(struct app *a, const char *id, struct plan_row *row, struct plan *ret, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc < 0)
		return rc;
	rc = plan_find(t, id, row, e);
	if (rc == 0 && is_dead(t, row))
		(void)str_copy(row->state, sizeof row->state, "dead");
	store_abort(t);
	return rc < 0 ? rc : plan_load(a->registry, &row->id, ret, e);
}

static void
show_text(struct app *a, const struct plan_row *row, const struct plan *p)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(&p->id, hex);
	out_field(a->out, "plan", "%s", hex);
	out_field(a->out, "action", "%s \"%s\" in %s", p->kind, p->model, p->stage);
	digest_hex(&p->version, hex);
	if (p->empty)
		out_field(a->out, "version", "nothing");
	else
		out_field(a->out, "version", "v%" PRIu64 "  sha256:%s", p->number, hex);
	digest_hex(&p->way_back, hex);
	out_field(a->out, "way back", "%s%s", digest_is_zero(&p->way_back) ? "nothing" : "sha256:",
	          digest_is_zero(&p->way_back) ? "" : hex);
	for (size_t i = 0; i < p->targets_n; i++) {
		digest_hex(&p->targets[i].rendered, hex);
		out_field(a->out, "target", "%s  rendered sha256:%s", p->targets[i].name, hex);
	}
	out_field(a->out, "signed", "%s",
	          row->authorisation_seq ? "an authorisation is logged" : "no");
	out_field(a->out, "state", "%s%s%s", row->state, row->job[0] ? ", job " : "", row->job);
}

static int
run_show(struct app *a, const struct args *in, struct err *e)
{
	char id[DIGEST_HEX_SIZE];
	struct plan_row row;
	struct plan p;
	struct json_out *j;
	int rc = find(a, in->pos[0], &row, &p, e);

	if (rc < 0)
		return rc;
	digest_hex(&p.id, id);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", id);
	out_object_begin(a->out, "Plan");
	j = out_object_json(a->out);
	if (j) {
		cleanup_json json_t *intent = NULL;
		rc = json_parse(buf_str(&p.text), "plan", &intent, e);
		jo_string(j, "id", id);
		jo_string(j, "action", p.kind);
		jo_string(j, "model", p.model);
		jo_string(j, "stage", p.stage);
		jo_u64(j, "number", p.number);
		jo_value(j, "intent", intent);
		jo_string(j, "state", row.state);
		jo_bool(j, "authorised", row.authorisation_seq != 0);
		jo_string(j, "job", row.job[0] ? row.job : NULL);
	} else {
		show_text(a, &row, &p);
	}
	out_object_end(a->out);
	plan_fini(&p);
	return rc;
}

/* --- apply --- */

/* The stage holds what this very plan brought: nothing to do. */
static int
is_done(struct app *a, const struct ledger *l, const struct plan *p, bool *ret, struct err *e)
{
	struct promotion now;
	int rc = ledger_stage(a->registry, l, p->model, p->stage, &now, e);

	*ret = rc == 0 && now.exists && digest_eq(&now.plan, &p->id);
	return rc;
}

/* What would be applied now, as promote shows it. A plan that would be another one today is dead.
 */
static int
show_again(struct app *a, const struct plan *p, struct err *e)
{
	struct proposal again;
	int rc = proposal_make(a, p->kind, p->model, p->empty ? NULL : &p->version, p->stage,
	                       &again, e);

	if (rc < 0)
		return rc;
	if (!digest_eq(&again.plan.id, &p->id)) {
		err_set(e, ERR_CONFLICT,
		        "the plan does not fit any more: today it would be another one");
		rc = err_hint(e, "make a new plan: targets or stages have changed since");
	} else if (out_format_of(a->out) == OUT_TEXT || out_format_of(a->out) == OUT_WIDE) {
		proposal_show(a, &again);
	}
	if (rc == 0)
		rc = proposal_check_blocks(&again, e);
	proposal_fini(&again);
	return rc;
}

static int
apply(struct app *a, const struct plan *p, struct err *e)
{
	cleanup_free char *what = xasprintf("%s \"%s\" in %s", p->kind, p->model, p->stage);
	cleanup_free char *line = NULL;
	char id[DIGEST_HEX_SIZE];
	struct ledger l;
	bool done, is_protected;
	int rc = ledger_open(a->registry, &l, e);

	if (rc < 0)
		return rc;
	const struct policy_stage *stage = policy_stage(&l.policy, p->stage);
	is_protected = stage && stage->is_protected;
	rc = is_done(a, &l, p, &done, e);
	if (rc == 0 && !done)
		rc = plan_still_holds(a->registry, &l, p, e);
	ledger_fini(&l);
	if (rc < 0)
		return rc;
	if (done) {
		plan_is_done(a, p);
		return 0;
	}
	rc = show_again(a, p, e);
	if (rc < 0)
		return rc;
	(void)out_flush(a->out);
	digest_hex(&p->id, id);
	line = xasprintf("slipway apply %.16s --yes --confirm %s", id, p->model);
	rc = app_confirm(a, what, is_protected ? p->model : NULL, line, e);
	if (rc == 0)
		rc = plan_authorise(a, p, e);
	return rc < 0 ? rc : plan_run(a, p, e);
}

static int
run_apply(struct app *a, const struct args *in, struct err *e)
{
	struct plan_row row;
	struct plan p;
	int rc = find(a, in->pos[0], &row, &p, e);

	if (rc < 0)
		return rc;
	rc = apply(a, &p, e);
	plan_fini(&p);
	return rc;
}

const struct cmd cmd_plan_list = {
	.name = "plan",
	.sub = "list",
	.args = "",
	.summary = "stored plans, newest first",
	.group = "deploy",
	.flags = CMD_READS,
	.run = run_list,
};

const struct cmd cmd_plan_show = {
	.name = "plan",
	.sub = "show",
	.args = "PLAN",
	.summary = "one plan: what it would bring where, and the way back",
	.group = "deploy",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS,
	.run = run_show,
};

const struct cmd cmd_apply = {
	.name = "apply",
	.args = "PLAN",
	.summary = "confirm, sign and apply a stored plan",
	.group = "deploy",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_AGENT | CMD_SIGNS | CMD_REASON |
	         CMD_WAITS | CMD_PROTECTED,
	.run = run_apply,
};
