/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan check: would apply go on with a stored plan now? The questions are those of apply, the
 * approver and the agent, each asked and answered in a row, none of them signing or changing
 * anything.
 */
#include "tui/cmd/cmd.h"

#include "registry/base/clock.h"
#include "registry/gate_check.h"
#include "registry/ledger.h"
#include "tui/cmd/proposal.h"

struct asking {
	struct app *app;
	const struct plan *plan;
	struct ledger ledger;
	unsigned asked, no;
};

static const struct out_column columns[] = {
	{ "CHECK", "check", OUT_LEFT, false, true },
	{ "ANSWER", "answer", OUT_LEFT, false, false },
	{ "WHY", "why", OUT_LEFT, false, false },
	{ "NEXT", "next", OUT_LEFT, true, false },
};

static void
row(struct asking *v, const char *check, bool is_yes, const char *why, const char *next)
{
	struct out *const o = v->app->out;

	v->asked++;
	v->no += !is_yes;
	out_cell(o, check);
	out_cell(o, is_yes ? "yes" : "no");
	out_cell(o, why[0] ? why : NULL);
	out_cell(o, next[0] ? next : NULL);
}

static void
row_of(struct asking *v, const char *check, int rc, const struct err *why, const char *good)
{
	row(v, check, rc >= 0, rc < 0 ? why->msg : good, rc < 0 ? why->hint : "");
}

static void
ask_stage(struct asking *v)
{
	struct err why = { 0 };
	const int rc = plan_still_holds(v->app->registry, &v->ledger, v->plan, &why);

	row_of(v, "stage", rc, &why, "holds what it held when the plan was made");
}

/* The targets are looked at, as promote does. */
static void
ask_targets(struct asking *v)
{
	const struct plan *const p = v->plan;
	struct proposal again;
	struct err why = { 0 };
	int rc = proposal_again(v->app, p, &again, &why);

	if (rc == 0) {
		if (!digest_eq(&again.plan.id, &p->id))
			rc = err_set(&why, ERR_CONFLICT, "today it would be another plan");
		else
			rc = proposal_check_blocks(&again, &why);
		proposal_fini(&again);
	}
	row_of(v, "targets", rc, &why, "as planned");
}

static int
ask_gates(struct asking *v, struct err *e)
{
	struct gate_results all;
	int rc = gates_look(v->app->registry, &v->ledger, v->plan, clock_now_s(), &all, e);

	for (size_t i = 0; rc == 0 && i < all.n; i++) {
		const struct gate_result *const g = &all.v[i];
		cleanup_free char *why = xasprintf("%s: %s", g->gate->text, g->text);
		row(v, "gate", g->state == GATE_PASSED, why, g->next);
	}
	return rc;
}

static void
ask_people(struct asking *v)
{
	struct ledger_consent c = { 0 };
	struct err why = { 0 };
	int rc = ledger_consent(v->app->registry, &v->ledger, v->plan, &c, &why);

	if (rc == 0)
		rc = ledger_is_approved(&v->ledger, &c, clock_now_s(), &why);
	row_of(v, "people", rc, &why, "enough have said yes");
	ledger_consent_fini(&c);
}

static int
ask_all(struct asking *v, struct err *e)
{
	struct promotion now;
	int rc =
	        ledger_stage(v->app->registry, &v->ledger, v->plan->model, v->plan->stage, &now, e);

	if (rc < 0)
		return rc;
	if (now.exists && digest_eq(&now.plan, &v->plan->id)) {
		row(v, "stage", true, "holds what this plan brought: it is done", "");
		return 0;
	}
	ask_stage(v);
	if (v->no == 0) /* else every other answer is about another world */
		ask_targets(v);
	rc = ask_gates(v, e);
	if (rc == 0)
		ask_people(v);
	return rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct asking v = { .app = a };
	struct plan_row stored;
	struct plan p;
	int rc = proposal_stored(a, in->pos[0], &stored, &p, e);

	if (rc < 0)
		return rc;
	v.plan = &p;
	rc = ledger_open(a->registry, &v.ledger, e);
	if (rc == 0) {
		out_table_begin(a->out, "PlanCheckList", columns, COUNT(columns));
		rc = ask_all(&v, e);
		out_table_end(a->out);
		ledger_fini(&v.ledger);
	}
	plan_fini(&p);
	if (rc < 0 || v.no == 0)
		return rc;
	return err_set(e, ERR_DIFFERENT, "it would not be applied now: %u of %u say no", v.no,
	               v.asked);
}

const struct cmd cmd_plan_check = {
	.name = "plan",
	.sub = "check",
	.args = "PLAN",
	.summary = "would a stored plan be applied now: stage, targets, gates, people",
	.group = "deploy",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_AGENT,
	.run = run,
	.examples = "  slipway plan check 3f9a0c1d2e4b5a69\n",
};
