/* SPDX-License-Identifier: Apache-2.0 */
/* promote, rollback, plan promote, plan rollback: propose, show, confirm, sign, apply. */
#include "tui/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/ref.h"
#include "tui/cmd/proposal.h"

static int
resolve(struct app *a, const char *text, const char *verb, struct version_row *ret, struct err *e)
{
	struct ref ref;
	struct txn *t;
	int rc = ref_parse(text, &ref, e);

	if (rc < 0)
		return rc;
	if (ref.kind == REF_MODEL) {
		err_set(e, ERR_USAGE, "\"%s\" names a model, not a version", text);
		return err_hint(e, "slipway %s %s@v1, or %s@latest", verb, text, text);
	}
	rc = store_read_begin(a->registry->store, &t, e);
	if (rc < 0)
		return rc;
	rc = ref_resolve(t, &ref, ret, e);
	store_abort(t);
	return rc;
}

static bool
is_for_people(const struct app *a)
{
	return out_format_of(a->out) == OUT_TEXT || out_format_of(a->out) == OUT_WIDE;
}

/* One field a line, named as the members of the JSON are. */
static void
show_fields(struct app *a, const struct proposal *p, bool changed)
{
	char id[DIGEST_HEX_SIZE], version[DIGEST_HEX_SIZE] = "";
	const struct plan *plan = &p->plan;

	digest_hex(&plan->id, id);
	if (!plan->empty)
		digest_hex(&plan->version, version);
	out_object_begin(a->out, "Plan");
	out_field(a->out, "id", "%s", id);
	out_field(a->out, "action", "%s", plan->kind);
	out_field(a->out, "model", "%s", plan->model);
	out_field(a->out, "stage", "%s", plan->stage);
	out_field(a->out, "number", "%" PRIu64, plan->number);
	out_field(a->out, "version", "%s%s", plan->empty ? "" : "sha256:", version);
	out_field(a->out, "targets", "%zu", plan->targets_n);
	out_field(a->out, "already", "%s", p->already ? "true" : "false");
	out_field(a->out, "repair", "%s", p->repair ? "true" : "false");
	out_field(a->out, "blocked", "%s", p->blocked ? "true" : "false");
	out_field(a->out, "changed", "%s", changed ? "true" : "false");
	out_object_end(a->out);
}

static void
show_proposal(struct app *a, const struct proposal *p, bool changed)
{
	char id[DIGEST_HEX_SIZE];
	struct json_out *j;

	if (out_format_of(a->out) == OUT_NAME) {
		digest_hex(&p->plan.id, id);
		out_text(a->out, "%s\n", id);
		return;
	}
	if (!out_is_json(a->out)) {
		if (is_for_people(a))
			proposal_show(a, p);
		else
			show_fields(a, p, changed);
		return;
	}
	out_object_begin(a->out, "Plan");
	j = out_object_json(a->out);
	proposal_json(p, j);
	jo_bool(j, "changed", changed);
	out_object_end(a->out);
}

static int
confirm(struct app *a, const struct proposal *p, const char *line, struct err *e)
{
	cleanup_free char *what =
	        xasprintf("%s \"%s\" in %s", p->plan.kind, p->plan.model, p->plan.stage);

	(void)out_flush(a->out); /* what was shown stands before the question */
	return app_confirm(a, what, p->is_protected ? p->plan.model : NULL, line, e);
}

/* How a plan is asked for. */
struct wish {
	struct proposal_wish ask;
	bool store_only, break_glass;
	const char *line; /* the command that does it without asking */
};

static int
go(struct app *a, const struct proposal *p, const struct wish *w, struct err *e)
{
	bool changed, same;
	int rc = proposal_check_job(a, p, &same, e);

	/* what this very plan left half done is no obstacle to it */
	if (rc == 0 && !same)
		rc = proposal_check_blocks(p, e);
	if (rc == 0 && !w->store_only)
		rc = confirm(a, p, w->line, e);
	if (rc == 0)
		rc = plan_store(a, &p->plan, &changed, e);
	if (rc < 0)
		return rc;
	if (w->store_only) {
		if (!is_for_people(a))
			show_proposal(a, p, changed);
		return 0;
	}
	rc = plan_authorise(a, &p->plan, w->break_glass, e);
	if (rc == -ERR_NEEDS_PERSON)
		plan_waits(a, &p->plan);
	return rc < 0 ? rc : plan_run(a, &p->plan, e);
}

static int
propose(struct app *a, const struct wish *w, struct err *e)
{
	struct proposal p;
	int rc = proposal_make(a, &w->ask, &p, e);

	if (rc < 0)
		return rc;
	if (p.already && (out_is_json(a->out) || out_format_of(a->out) == OUT_TSV) &&
	    (a->dry_run || w->store_only)) {
		show_proposal(a, &p, false);
	} else if (p.already) {
		plan_is_done(a, &p.plan);
	} else if (a->dry_run) {
		show_proposal(a, &p, false);
		rc = proposal_check_blocks(&p, e);
	} else {
		if (is_for_people(a))
			proposal_show(a, &p);
		rc = go(a, &p, w, e);
	}
	proposal_fini(&p);
	return rc;
}

static int
take_wanted(const struct args *in, struct plan_take *ret, struct buf *flags, struct err *e)
{
	int rc = 0;

	args_foreach(text, in, "--take") {
		rc = plan_take_add(ret, text, e);
		if (rc < 0)
			return rc;
		buf_addf(flags, " --take '%s'", text);
	}
	return rc;
}

static int
canary_wanted(const struct args *in, struct canary_plan *ret, struct err *e)
{
	const char *const steps = arg_value(in, "--steps"), *const any = arg_value(in, "--limit");
	const bool is_none = steps && streq(steps, "none");
	int rc = steps && !is_none ? canary_steps_parse(steps, ret, e) : 0;

	if (rc < 0)
		return rc;
	if (any && (!steps || is_none)) {
		err_set(e, ERR_USAGE, "--limit \"%s\" without steps", any);
		return err_hint(e, "--steps 10%%:5m,50%%:15m --limit \"%s\"", any);
	}
	args_foreach(text, in, "--limit") {
		if (!streq(text, "none"))
			rc = canary_limit_add(text, ret, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* The flags again, for the line that does it without asking. */
static void
canary_flags(const struct args *in, struct buf *ret)
{
	if (arg_value(in, "--steps"))
		buf_addf(ret, " --steps %s", arg_value(in, "--steps"));
	args_foreach(text, in, "--limit")
		buf_addf(ret, " --limit '%s'", text);
}

static int
promote(struct app *a, const struct args *in, bool store_only, struct err *e)
{
	cleanup_buf struct buf flags = { 0 };
	struct canary_plan canary = { 0 };
	struct plan_take take = { 0 };
	const char *stage = arg_value(in, "--to");
	cleanup_free char *line = NULL;
	struct version_row v;
	int rc;

	if (!stage) {
		err_set(e, ERR_USAGE, "promote: to which stage?");
		return err_hint(e, "slipway promote %s --to staging", in->pos[0]);
	}
	rc = canary_wanted(in, &canary, e);
	if (rc == 0)
		rc = take_wanted(in, &take, &flags, e);
	if (rc == 0)
		rc = resolve(a, in->pos[0], "promote", &v, e);
	if (rc < 0)
		return rc;
	canary_flags(in, &flags);
	line = xasprintf("slipway promote %s@v%" PRIu64 " --to %s%s --yes --confirm %s", v.model,
	                 v.number, stage, buf_cstr(&flags), v.model);
	const struct wish w = { .ask = { .kind = "promote",
		                         .model = v.model,
		                         .stage = stage,
		                         .to = &v.digest,
		                         .canary = &canary,
		                         .take = &take,
		                         .default_steps = !arg_value(in, "--steps"),
		                         .default_limits = !arg_value(in, "--limit") },
		                .store_only = store_only,
		                .break_glass = arg_flag(in, "--break-glass"),
		                .line = line };
	return propose(a, &w, e);
}

static int
rollback(struct app *a, const struct args *in, bool store_only, struct err *e)
{
	const char *stage = arg_value(in, "--stage"), *to = arg_value(in, "--to"),
	           *model = in->pos[0];
	cleanup_buf struct buf flags = { 0 };
	cleanup_free char *line = NULL;
	struct plan_take take = { 0 };
	struct version_row v;
	struct model_row m;
	struct txn *t;
	int rc = ref_check_model(model, e);

	if (rc == 0)
		rc = take_wanted(in, &take, &flags, e);
	if (rc < 0)
		return rc;
	line = xasprintf("slipway rollback %s --stage %s%s --yes --confirm %s", model,
	                 stage ? stage : "production", buf_cstr(&flags), model);
	if (!stage) {
		err_set(e, ERR_USAGE, "rollback: of which stage?");
		return err_hint(e, "slipway rollback %s --stage production", model);
	}
	rc = store_read_begin(a->registry->store, &t, e);
	if (rc < 0)
		return rc;
	rc = model_get(t, model, &m, e);
	store_abort(t);
	if (rc == -ERR_NOT_FOUND) {
		err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", model);
		return err_hint(e, "slipway list shows them");
	}
	if (rc == 0 && to && !strpbrk(to, "@:")) {
		err_set(e, ERR_USAGE, "--to \"%s\" names no version", to);
		return err_hint(e, "slipway rollback %s --stage %s --to %s@v1", model, stage,
		                model);
	}
	if (rc == 0 && to)
		rc = resolve(a, to, "rollback", &v, e);
	if (rc < 0)
		return rc;
	if (to && !streq(v.model, model))
		return err_set(e, ERR_USAGE, "\"%s\" is no version of \"%s\"", to, model);
	const struct wish w = { .ask = { .kind = "rollback",
		                         .model = model,
		                         .stage = stage,
		                         .to = to ? &v.digest : NULL,
		                         .take = &take },
		                .store_only = store_only,
		                .line = line };
	return propose(a, &w, e);
}

static int
run_promote(struct app *a, const struct args *in, struct err *e)
{
	return promote(a, in, false, e);
}

static int
run_rollback(struct app *a, const struct args *in, struct err *e)
{
	return rollback(a, in, false, e);
}

static int
run_plan_promote(struct app *a, const struct args *in, struct err *e)
{
	return promote(a, in, true, e);
}

static int
run_plan_rollback(struct app *a, const struct args *in, struct err *e)
{
	return rollback(a, in, true, e);
}

static const struct opt promote_opts[] = {
	{ "--to", 0, "STAGE", "the stage that the version is for", false },
	{ "--steps", 0, "STEPS",
	  "share the requests first: 10%:5m,50%:15m, then all (default: the policy's, then the "
	  "targets'); none: all at once",
	  false },
	{ "--limit", 0, "LIMIT", "what must hold at each step (default: the usual); none: nothing",
	  true },
	{ "--take", 0, "FIELD", "a field of the objects to take from its owner", true },
	{ "--break-glass", 0, NULL, "without the approvals; wants --reason, and is shown for ever",
	  false },
	{ 0 },
};

static const struct opt plan_promote_opts[] = {
	{ "--to", 0, "STAGE", "the stage that the version is for", false },
	{ "--steps", 0, "STEPS",
	  "share the requests first: 10%:5m,50%:15m, then all (default: the policy's, then the "
	  "targets'); none: all at once",
	  false },
	{ "--limit", 0, "LIMIT", "what must hold at each step (default: the usual); none: nothing",
	  true },
	{ "--take", 0, "FIELD", "a field of the objects to take from its owner", true },
	{ 0 },
};

static const struct opt rollback_opts[] = {
	{ "--stage", 0, "STAGE", "the stage that goes back", false },
	{ "--to", 0, "REF", "a version that the stage held before (default: one step)", false },
	{ "--take", 0, "FIELD", "a field of the objects to take from its owner", true },
	{ 0 },
};

const struct cmd cmd_promote = {
	.name = "promote",
	.args = "REF --to STAGE",
	.summary = "plan, show, confirm, sign and apply a version for a stage",
	.group = "deploy",
	.opts = promote_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_AGENT | CMD_DRY_RUN | CMD_SIGNS |
	         CMD_REASON | CMD_WAITS | CMD_PROTECTED,
	.run = run_promote,
	.examples = "slipway promote face-detect@v2 --to staging\n"
	            "slipway promote face-detect@v2 --to production --yes --confirm face-detect\n"
	            "slipway promote face-detect@v3 --to production --steps 10%:5m,50%:15m",
};

const struct cmd cmd_rollback = {
	.name = "rollback",
	.args = "NAME --stage STAGE",
	.summary = "go back to what a stage held before, on all its targets",
	.group = "deploy",
	.opts = rollback_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_AGENT | CMD_DRY_RUN | CMD_SIGNS |
	         CMD_REASON | CMD_WAITS | CMD_PROTECTED,
	.run = run_rollback,
	.examples = "slipway rollback face-detect --stage production --yes --confirm face-detect",
};

const struct cmd cmd_plan_promote = {
	.name = "plan",
	.sub = "promote",
	.args = "REF --to STAGE",
	.summary = "store the plan of a promotion and show it, without applying it",
	.group = "deploy",
	.opts = plan_promote_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_AGENT | CMD_DRY_RUN,
	.run = run_plan_promote,
};

const struct cmd cmd_plan_rollback = {
	.name = "plan",
	.sub = "rollback",
	.args = "NAME --stage STAGE",
	.summary = "store the plan of a rollback and show it, without applying it",
	.group = "deploy",
	.opts = rollback_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_AGENT | CMD_DRY_RUN,
	.run = run_plan_rollback,
};
