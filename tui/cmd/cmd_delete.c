/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delete: a tombstone in the log. What a stage holds, is on its way into or would go back to is
 * kept, by the signed promotions and by the database both. History stays; the bytes go when they
 * are cleaned up.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/change.h"
#include "registry/ledger.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"

struct delete {
	struct app *app;
	struct version_row version;
	uint64_t last_seq; /* of the model when it was decided */
	char name[VERSION_NAME_SIZE];
	bool changed;
};

static int
find(struct delete *d, const char *text, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct model_row m;
	struct ref ref;
	int rc;

	rc = ref_parse(text, &ref, e);
	if (rc == 0 && ref.kind == REF_MODEL) {
		(void)err_set(e, ERR_USAGE, "delete: \"%s\" is a model, which version of it?",
		              text);
		return err_hint(e, "slipway delete %.200s@vN", text);
	}
	if (rc == 0)
		rc = store_read_begin(d->app->registry->store, &t, e);
	if (rc == 0)
		rc = ref_resolve(t, &ref, &d->version, e);
	if (rc == 0)
		rc = ref_model(t, ref.model, &m, e);
	if (rc < 0)
		return rc;
	d->last_seq = m.last_seq;
	version_name(d->version.model, d->version.number, d->name);
	return 0;
}

static int
refuse(const struct delete *d, const char *stage, const char *why, struct err *e)
{
	(void)err_set(e, ERR_POLICY, "%s cannot be deleted: %s %s", d->name, why, stage);
	return err_hint(e, "see `slipway history %.200s`", d->version.model);
}

static int
check_stage(const struct delete *d, const struct ledger *l, const char *stage, struct err *e)
{
	struct registry *const r = d->app->registry;
	const char *const model = d->version.model;
	struct promotion p;
	int rc;

	rc = ledger_stage(r, l, model, stage, &p, e);
	if (rc < 0 || !p.exists)
		return rc;
	if (!p.empty && digest_eq(&p.version, &d->version.digest))
		return refuse(d, stage, "it is in", e);
	rc = ledger_way_back(r, l, model, stage, NULL, &p, e);
	if (rc < 0)
		return rc;
	if (p.exists && !p.empty && digest_eq(&p.version, &d->version.digest))
		return refuse(d, stage, "it is the way back of", e);
	return 0;
}

static int
check_stages(const struct delete *d, struct err *e)
{
	struct ledger l;
	int rc;

	rc = ledger_open(d->app->registry, &l, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < l.policy.stages_n && rc == 0; i++)
		rc = check_stage(d, &l, l.policy.stages[i].name, e);
	if (rc == 0 && !d->app->dry_run)
		rc = ledger_save_pin(d->app->registry, &l, e);
	ledger_fini(&l);
	return rc;
}

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct delete *const d = arg;
	struct version_row v;
	struct model_row m;
	int rc;

	rc = ref_model(t, d->version.model, &m, e);
	if (rc == 0)
		rc = version_get(t, d->version.model, d->version.number, &v, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? err_set(e, ERR_CONFLICT, "%s is gone", d->name) : rc;
	if (v.life == LIFE_DELETED)
		return CHANGE_NONE;
	for (size_t i = 0; i < m.stages_n; i++)
		if (m.stages[i].number == v.number || m.stages[i].moving_to == v.number)
			return refuse(d, m.stages[i].stage, "it is in or on its way to", e);
	if (m.last_seq != d->last_seq) {
		(void)err_set(e, ERR_CONFLICT, "\"%s\" changed while you decided",
		              d->version.model);
		return err_hint(e, "look again, then delete again");
	}
	*ret_body = json_pack("{s:o, s:I}", "digest", json_from_digest(&v.digest), "number",
	                      (json_int_t)v.number);
	return 0;
}

static int
confirm_and_commit(struct delete *d, struct err *e)
{
	cleanup_free char *what = xasprintf("delete %s for good; its number is never given again",
	                                    d->name);
	cleanup_free char *line = xasprintf("slipway delete %s --yes", d->name);
	const struct change c = { .type = "delete", .model = d->version.model, .check = check,
	                          .arg = d, .reason = d->app->reason };
	struct change_result done;
	int rc;

	rc = app_confirm(d->app, what, NULL, line, e);
	if (rc == 0)
		rc = change_commit(d->app->registry, &c, &done, e);
	if (rc < 0)
		return rc;
	d->changed = done.changed;
	return 0;
}

static void
show(const struct delete *d)
{
	struct out *const o = d->app->out;
	struct json_out *j;

	out_object_begin(o, "Deleted");
	j = out_object_json(o);
	if (j) {
		jo_string(j, "model", d->version.model);
		jo_u64(j, "version", d->version.number);
		jo_digest(j, "digest", &d->version.digest);
		jo_bool(j, "changed", d->changed);
		jo_bool(j, "dryRun", d->app->dry_run);
	}
	out_object_end(o);
	out_text(o, "%s%s\n", d->name,
	         out_format_of(o) == OUT_NAME ? "" :
	         d->app->dry_run              ? " would be deleted" :
	         d->changed                   ? " deleted" : " was deleted before");
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct delete d = { .app = a };
	int rc;

	rc = find(&d, in->pos[0], e);
	if (rc == 0 && d.version.life != LIFE_DELETED) {
		rc = check_stages(&d, e);
		if (rc == 0 && !a->dry_run)
			rc = confirm_and_commit(&d, e);
	}
	if (rc == 0)
		show(&d);
	return rc;
}

const struct cmd cmd_delete = {
	.name = "delete",
	.args = "REF",
	.summary = "delete a version that no stage holds or goes back to",
	.group = "keep",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_DRY_RUN | CMD_REASON,
	.run = run,
	.examples = "  slipway delete fraud-ranker@v2\n",
};
