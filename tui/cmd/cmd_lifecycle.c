/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retire, revoke, hold, release: signed words about a version that stays. A retired one is not
 * promoted any more, a revoked one not gone back to either, a held one not deleted.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "tui/cmd/life.h"

static const struct words {
	const char *verb, *kind, *done;
} words[] = {
	[ACTION_RETIRE] = { "retire", "Retired", "retired" },
	[ACTION_RESTORE] = { "retire", "Restored", "live" },
	[ACTION_REVOKE] = { "revoke", "Revoked", "revoked" },
	[ACTION_HOLD] = { "hold", "Held", "held" },
	[ACTION_RELEASE] = { "release", "Released", "released" },
};

static int
needs_reason(const struct life *l, struct err *e)
{
	if (l->app->reason || (l->action != ACTION_REVOKE && l->action != ACTION_HOLD))
		return 0;
	(void)err_set(e, ERR_USAGE, "%s: why? Whoever meets it later is told", l->verb);
	return err_hint(e, "slipway %s %.200s --reason TEXT", l->verb, l->name);
}

static int
confirm(struct life *l, struct err *e)
{
	cleanup_free char *what = NULL, *line = NULL;

	if (l->action != ACTION_REVOKE)
		return 0;
	what = xasprintf("revoke %s for good: it can be neither promoted nor gone back to",
	                 l->name);
	line = xasprintf("slipway revoke %s --reason TEXT --yes", l->name);
	return app_confirm(l->app, what, NULL, line, e);
}

/* Revoking moves no stage: whoever does it must know what still serves it. */
static int
warn_of_stages(const struct life *l, struct err *e)
{
	const struct version_row *const v = &l->version;
	struct promotion p;
	int rc;

	for (size_t i = 0; i < l->ledger.policy.stages_n; i++) {
		const char *const stage = l->ledger.policy.stages[i].name;
		rc = ledger_stage(l->app->registry, &l->ledger, v->model, stage, &p, e);
		if (rc < 0)
			return rc;
		if (p.exists && !p.empty && digest_eq(&p.version, &v->digest))
			out_note(l->app->out,
			         "%s still holds %s: slipway rollback %s --stage %s", stage,
			         l->name, v->model, stage);
	}
	return 0;
}

static int
act(struct life *l, struct err *e)
{
	bool is_so;
	int rc;

	rc = needs_reason(l, e);
	if (rc == 0)
		rc = life_is_so(l, &is_so, e);
	if (rc < 0 || is_so || l->app->dry_run)
		return rc;
	rc = confirm(l, e);
	if (rc == 0)
		rc = life_commit(l, e);
	if (rc == 0 && l->action == ACTION_REVOKE)
		rc = warn_of_stages(l, e);
	return rc;
}

static int
run(struct app *a, const struct args *in, enum life_action action, struct err *e)
{
	const struct words *const w = &words[action];
	struct life l = { .app = a, .action = action, .verb = w->verb };
	int rc;

	rc = life_begin(&l, in->pos[0], e);
	if (rc == 0)
		rc = act(&l, e);
	if (rc == 0)
		life_show(&l, w->kind, w->done);
	life_end(&l);
	return rc;
}

static int
run_retire(struct app *a, const struct args *in, struct err *e)
{
	return run(a, in, arg_flag(in, "--undo") ? ACTION_RESTORE : ACTION_RETIRE, e);
}

static int
run_revoke(struct app *a, const struct args *in, struct err *e)
{
	return run(a, in, ACTION_REVOKE, e);
}

static int
run_hold(struct app *a, const struct args *in, struct err *e)
{
	return run(a, in, ACTION_HOLD, e);
}

static int
run_release(struct app *a, const struct args *in, struct err *e)
{
	return run(a, in, ACTION_RELEASE, e);
}

static const struct opt retire_opts[] = {
	{ "--undo", 0, NULL, "the version is live again", false },
	{ NULL, 0, NULL, NULL, false },
};

#define FLAGS (CMD_READS | CMD_CHANGES | CMD_DRY_RUN | CMD_REASON | CMD_SIGNS)

const struct cmd cmd_retire = {
	.name = "retire",
	.args = "REF",
	.summary = "take a version out of use: it is not promoted any more",
	.group = "keep",
	.opts = retire_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = FLAGS,
	.run = run_retire,
	.examples = "  slipway retire fraud-ranker@v2 --reason 'replaced by v3'\n"
	            "  slipway retire --undo fraud-ranker@v2\n",
};

const struct cmd cmd_revoke = {
	.name = "revoke",
	.args = "REF",
	.summary = "say that a version must not be served, for good",
	.group = "keep",
	.min_pos = 1,
	.max_pos = 1,
	.flags = FLAGS | CMD_CONFIRMS,
	.run = run_revoke,
	.examples = "  slipway revoke fraud-ranker@v2 --reason 'trained on leaked data'\n",
};

const struct cmd cmd_hold = {
	.name = "hold",
	.args = "REF",
	.summary = "keep a version from being deleted",
	.group = "keep",
	.min_pos = 1,
	.max_pos = 1,
	.flags = FLAGS,
	.run = run_hold,
	.examples = "  slipway hold fraud-ranker@v2 --reason 'case 4711, until it is closed'\n",
};

const struct cmd cmd_release = {
	.name = "release",
	.args = "REF",
	.summary = "end a hold",
	.group = "keep",
	.min_pos = 1,
	.max_pos = 1,
	.flags = FLAGS,
	.run = run_release,
	.examples = "  slipway release fraud-ranker@v2 --reason 'case 4711 closed'\n",
};
