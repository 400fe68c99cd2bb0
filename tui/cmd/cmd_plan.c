/* SPDX-License-Identifier: Apache-2.0 */
/* plan list, plan show, apply: plans that are stored. Making them is cmd_promote.c's. */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/base/clock.h"
#include "registry/ledger.h"
#include "registry/plan_state.h"
#include "tui/cmd/proposal.h"
#include "tui/cmd/shown.h"

/* --- list --- */

struct list {
	struct app *a;
	struct txn *t;
	const struct policy *policy; /* NULL: none can be read */
	bool only_waiting;
};

static int
list_row(void *arg, const struct plan_row *p)
{
	const struct list *l = arg;
	struct app *a = l->a;
	struct plan_state is;
	char id[DIGEST_HEX_SIZE];

	plan_state(l->t, l->policy, p, &is);
	if (l->only_waiting && !is.is_waiting)
		return 0;
	digest_hex(&p->id, id);
	if (out_format_of(a->out) == OUT_TEXT)
		id[PLAN_ID_SHOWN] = '\0';
	out_cell(a->out, id);
	out_cell(a->out, p->kind);
	out_cell(a->out, p->model);
	cell_number(a->out, p->number);
	out_cell(a->out, p->stage);
	out_cell(a->out, is.name);
	out_cell(a->out, p->authorisation_seq ? "signed" : "not signed");
	out_cell(a->out, is.missing.code != ERR_OK ? is.missing.msg : NULL);
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
		{ "MISSING", "missing", OUT_LEFT, true, false },
		{ "JOB", "job", OUT_LEFT, false, false },
		{ "AGE", "time", OUT_LEFT, false, false },
	};
	struct list l = { .a = a, .only_waiting = arg_flag(in, "--waiting") };
	struct policy policy = { 0 };
	struct err ignored = { 0 };
	int rc = app_read_begin(a, &l.t, e);

	if (rc < 0)
		return rc;
	if (policy_current(a->registry, l.t, &policy, &ignored) == 0)
		l.policy = &policy;
	out_table_begin(a->out, "PlanList", columns, COUNT(columns));
	rc = plan_each(l.t, list_row, &l, e);
	out_table_end(a->out);
	app_read_end(a, l.t);
	policy_fini(&policy);
	return rc;
}

/* --- show --- */

int
proposal_stored(struct app *a, const char *id, struct plan_row *row, struct plan *ret,
                struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc < 0)
		return rc;
	rc = plan_find(t, id, row, e);
	if (rc == 0 && plan_is_dead(t, row))
		(void)str_copy(row->state, sizeof row->state, "dead");
	store_abort(t);
	return rc < 0 ? rc : plan_load(a->registry, &row->id, ret, e);
}

/* Who said yes, by the log: verified here. */
struct shown_people {
	struct ledger_consent c;
	char said[128], missing[256]; /* "" */
	bool is_authorised, is_enough;
	bool is_offline; /* the site, by the policy */
};

static int
people_of(struct app *a, const struct plan *p, struct shown_people *ret, struct err *e)
{
	struct err why = { 0 };
	struct ledger l;
	int rc = ledger_open(a->registry, &l, e);

	*ret = (struct shown_people){ 0 };
	if (rc < 0)
		return rc;
	rc = ledger_consent(a->registry, &l, p, &ret->c, &why);
	ret->is_authorised = rc == 0;
	if (rc == 0)
		rc = ledger_is_approved(&l, &ret->c, clock_now_s(), &why);
	ret->is_enough = rc == 0;
	ret->is_offline = l.policy.offline != NULL;
	(void)str_copy(ret->missing, sizeof ret->missing, rc == 0 ? "" : why.msg);
	ledger_fini(&l);
	return 0;
}

static void
people_text(struct app *a, const struct shown_people *v)
{
	char when[CLOCK_TEXT_SIZE];

	if (v->is_authorised)
		out_field(a->out, "authorised", "by %s%s%s%s", v->c.by.person,
		          v->c.by.break_glass ? ", BREAKING THE GLASS" : "",
		          json_opt_string(v->c.by.predicate, "reason") ? ": " : "",
		          json_opt_string(v->c.by.predicate, "reason")
		                  ? json_opt_string(v->c.by.predicate, "reason")
		                  : "");
	for (size_t i = 0; i < v->c.approvals_n; i++) {
		clock_text(when, v->c.approvals[i].expires_s);
		out_field(a->out, "approved", "by %s%s, until %s", v->c.approvals[i].person,
		          v->c.approvals[i].expires_s <= clock_now_s() ? " (expired)" : "", when);
	}
	if (v->missing[0])
		out_field(a->out, "missing", "%s", v->missing);
}

static void
people_json(struct json_out *j, const struct shown_people *v)
{
	jo_string(j, "authorisedBy", v->is_authorised ? v->c.by.person : NULL);
	jo_bool(j, "breakGlass", v->c.by.break_glass);
	jo_begin(j, "approvals", '[');
	for (size_t i = 0; i < v->c.approvals_n; i++) {
		char id[KEY_ID_SIZE];
		key_id(&v->c.approvals[i].key, id);
		jo_begin(j, NULL, '{');
		jo_string(j, "person", v->c.approvals[i].person);
		jo_string(j, "key", id);
		jo_time(j, "expires", v->c.approvals[i].expires_s);
		jo_end(j, '}');
	}
	jo_end(j, ']');
	jo_bool(j, "enough", v->is_enough);
	jo_string(j, "missing", v->missing[0] ? v->missing : NULL);
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
	out_field(a->out, "state", "%s%s%s", row->state, row->job[0] ? ", job " : "", row->job);
}

/* At a site without a connection: what has to be carried before the plan can go on. Asked now, and
 * only of a plan that may still be applied. */
static json_t *
offline_of(struct app *a, const struct plan_row *row, const struct plan *p)
{
	json_t *const lines = json_array();
	const json_t *t, *f;
	struct proposal again;
	struct err why = { 0 };
	size_t i, k;

	if (!streq(row->state, "open") || p->empty || proposal_again(a, p, &again, &why) < 0) {
		if (why.msg[0])
			json_array_append_new(lines, json_sprintf("not checked: %s", why.msg));
		return lines;
	}
	json_array_foreach(json_object_get(again.reply, "targets"), i, t)
	{
		json_array_foreach(json_object_get(t, "findings"), k, f)
		{
			if (streq(json_text(f, "code"), "offline"))
				json_array_append_new(lines,
				                      json_sprintf("%s: %s", json_text(t, "name"),
				                                   json_text(f, "text")));
		}
	}
	proposal_fini(&again);
	return lines;
}

static void
offline_text(struct app *a, const json_t *lines)
{
	const json_t *one;
	size_t i;

	json_array_foreach(lines, i, one)
	        out_field(a->out, "offline", "%s", json_string_value(one));
}

static int
run_show(struct app *a, const struct args *in, struct err *e)
{
	char id[DIGEST_HEX_SIZE];
	cleanup_json json_t *offline = NULL;
	struct shown_people people;
	struct plan_row row;
	struct plan p;
	struct json_out *j;
	int rc = proposal_stored(a, in->pos[0], &row, &p, e);

	if (rc < 0)
		return rc;
	rc = people_of(a, &p, &people, e);
	if (rc < 0) {
		plan_fini(&p);
		return rc;
	}
	if (people.is_offline && out_format_of(a->out) != OUT_NAME)
		offline = offline_of(a, &row, &p);
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
		jo_bool(j, "authorised", people.is_authorised);
		people_json(j, &people);
		jo_string(j, "job", row.job[0] ? row.job : NULL);
		if (offline)
			jo_value(j, "offline", offline);
	} else {
		show_text(a, &row, &p);
		people_text(a, &people);
		offline_text(a, offline);
	}
	out_object_end(a->out);
	ledger_consent_fini(&people.c);
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
	int rc = proposal_again(a, p, &again, e);

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

/* Nobody is asked anything for a plan that waits for somebody else. */
static int
check_waiting(struct app *a, const struct ledger *l, const struct plan *p, struct err *e)
{
	struct ledger_consent c = { 0 };
	struct err why = { 0 };
	char id[DIGEST_HEX_SIZE];
	int rc = ledger_consent(a->registry, l, p, &c, &why);

	if (rc == 0)
		rc = ledger_is_approved(l, &c, clock_now_s(), &why);
	ledger_consent_fini(&c);
	if (rc != -ERR_NEEDS_PERSON)
		return 0; /* the rest is asked in its turn */
	plan_waits(a, p);
	digest_hex(&p->id, id);
	*e = why;
	return err_hint(e, "an approver: slipway approve %.16s", id);
}

static int
apply(struct app *a, const struct plan *p, bool break_glass, struct err *e)
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
	if (rc == 0 && !done && !break_glass)
		rc = check_waiting(a, &l, p, e);
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
		rc = plan_authorise(a, p, break_glass, e);
	if (rc == -ERR_NEEDS_PERSON)
		plan_waits(a, p);
	return rc < 0 ? rc : plan_run(a, p, e);
}

static int
run_apply(struct app *a, const struct args *in, struct err *e)
{
	struct plan_row row;
	struct plan p;
	int rc = proposal_stored(a, in->pos[0], &row, &p, e);

	if (rc < 0)
		return rc;
	rc = apply(a, &p, arg_flag(in, "--break-glass"), e);
	plan_fini(&p);
	return rc;
}

static const struct opt list_opts[] = {
	{ "--waiting", 0, NULL, "only those that wait for another person", false },
	{ 0 },
};

const struct cmd cmd_plan_list = {
	.name = "plan",
	.sub = "list",
	.args = "",
	.summary = "stored plans, newest first",
	.group = "deploy",
	.opts = list_opts,
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
	.flags = CMD_READS | CMD_AGENT,
	.run = run_show,
};

static const struct opt apply_opts[] = {
	{ "--break-glass", 0, NULL, "without the approvals; wants --reason, and is shown for ever",
	  false },
	{ 0 },
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
	.opts = apply_opts,
};
