/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete: a signed tombstone. What a stage holds, is on its way into or would go back to, what an
 * open plan names and what is held is kept: by the signed promotions and by the database both.
 * History stays; the bytes go when they are cleaned up.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/plan.h"
#include "registry/ref.h"
#include "tui/cmd/life.h"

static int
refuse(const struct life *l, const char *stage, const char *why, struct err *e)
{
	(void)err_set(e, ERR_POLICY, "%s cannot be deleted: %s %s", l->name, why, stage);
	return err_hint(e, "see `slipway history %.200s`", l->version.model);
}

static int
check_stage(const struct life *l, const char *stage, struct err *e)
{
	struct registry *const r = l->app->registry;
	const char *const model = l->version.model;
	struct promotion p;
	int rc;

	rc = ledger_stage(r, &l->ledger, model, stage, &p, e);
	if (rc < 0 || !p.exists)
		return rc;
	if (!p.empty && digest_eq(&p.version, &l->version.digest))
		return refuse(l, stage, "it is in", e);
	rc = ledger_way_back(r, &l->ledger, model, stage, NULL, &p, e);
	if (rc < 0)
		return rc;
	if (p.exists && !p.empty && digest_eq(&p.version, &l->version.digest))
		return refuse(l, stage, "it is the way back of", e);
	return 0;
}

/* --- open plans --- */

struct plans {
	const struct life *l;
	struct txn *t;
	const struct model_row *model;
	struct err *e;
};

/* Dead once its stage has moved, whatever its row says. */
static bool
is_dead(const struct plans *w, const struct plan *p)
{
	const struct stage_mark *const s = model_stage(w->model, p->stage);
	const struct digest none = { 0 };

	return !digest_eq(&p->previous, s ? &s->promotion_leaf : &none);
}

static int
see_plan(void *arg, const struct plan_row *row)
{
	const struct plans *const w = arg;
	const struct version_row *const v = &w->l->version;
	char hex[DIGEST_HEX_SIZE];
	struct plan p;
	bool needs;
	int rc;

	if (!streq(row->model, v->model) ||
	    (!streq(row->state, "open") && !streq(row->state, "running")))
		return 0;
	rc = plan_load(w->l->app->registry, &row->id, &p, w->e);
	if (rc < 0)
		return rc;
	needs = !is_dead(w, &p) &&
	        (digest_eq(&p.version, &v->digest) || digest_eq(&p.way_back, &v->digest));
	plan_fini(&p);
	if (!needs)
		return 0;
	digest_hex(&row->id, hex);
	(void)err_set(w->e, ERR_POLICY, "%s cannot be deleted: plan %.16s needs it, to %s in %s",
	              w->l->name, hex, row->kind, row->stage);
	return err_hint(w->e, "slipway plan show %.16s", hex);
}

/* Again inside the commit, by the rows there. */
static int
check_rows(struct txn *t, const struct life *l, struct err *e)
{
	struct model_row m;
	struct plans w = { .l = l, .t = t, .model = &m, .e = e };
	int rc;

	rc = ref_model(t, l->version.model, &m, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m.stages_n; i++)
		if (m.stages[i].number == l->version.number ||
		    m.stages[i].moving_to == l->version.number)
			return refuse(l, m.stages[i].stage, "it is in or on its way to", e);
	return plan_each(t, see_plan, &w, e);
}

static int
check_needs(const struct life *l, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = ledger_refuse_held(l->app->registry, &l->ledger, l->version.model, l->version.number,
	                        &l->standing, e);
	for (size_t i = 0; i < l->ledger.policy.stages_n && rc == 0; i++)
		rc = check_stage(l, l->ledger.policy.stages[i].name, e);
	if (rc == 0)
		rc = store_read_begin(l->app->registry->store, &t, e);
	return rc < 0 ? rc : check_rows(t, l, e);
}

static int
confirm_and_commit(struct life *l, struct err *e)
{
	cleanup_free char *what = xasprintf("delete %s for good; its number is never given again",
	                                    l->name);
	cleanup_free char *line = xasprintf("slipway delete %s --yes", l->name);
	int rc;

	rc = app_confirm(l->app, what, NULL, line, e);
	return rc < 0 ? rc : life_commit(l, e);
}

static int
act(struct life *l, struct err *e)
{
	bool is_so;
	int rc;

	rc = life_is_so(l, &is_so, e);
	if (rc < 0 || is_so)
		return rc;
	rc = check_needs(l, e);
	return rc < 0 || l->app->dry_run ? rc : confirm_and_commit(l, e);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct life l = {
		.app = a, .action = ACTION_DELETE, .verb = "delete", .check = check_rows
	};
	int rc;

	rc = life_begin(&l, in->pos[0], e);
	if (rc == 0)
		rc = act(&l, e);
	if (rc == 0)
		life_show(&l, "Deleted", "deleted");
	life_end(&l);
	return rc;
}

const struct cmd cmd_delete = {
	.name = "delete",
	.args = "REF",
	.summary = "delete a version that no stage, plan or hold needs",
	.group = "keep",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_DRY_RUN | CMD_REASON | CMD_SIGNS,
	.run = run,
	.examples = "  slipway delete fraud-ranker@v2\n",
};
