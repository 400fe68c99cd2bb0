/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signed entry about a version's lifecycle. What the version is now is taken from the ledger;
 * the database must agree, and is compared again inside the commit. The statement names the entry
 * before it, so that it counts once and only behind what was looked at.
 */
#include "tui/cmd/life.h"

#include <inttypes.h>

#include "registry/change.h"
#include "registry/ref.h"
#include "registry/statement.h"
#include "tui/cmd/sign.h"

static int
find(struct life *l, const char *text, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct model_row m;
	struct ref ref;
	int rc;

	rc = ref_parse(text, &ref, e);
	if (rc == 0 && ref.kind == REF_MODEL) {
		(void)err_set(e, ERR_USAGE, "%s: \"%s\" is a model, which version of it?", l->verb,
		              text);
		return err_hint(e, "slipway %s %.200s@vN", l->verb, text);
	}
	if (rc == 0)
		rc = store_read_begin(l->app->registry->store, &t, e);
	if (rc == 0)
		rc = ref_model(t, ref.model, &m, e);
	if (rc == 0)
		rc = ref_resolve(t, &ref, &l->version, e);
	if (rc < 0)
		return rc;
	version_name(l->version.model, l->version.number, l->name);
	return 0;
}

static int
compare(const struct life *l, const struct version_row *v, struct err *e)
{
	const struct life_state *const s = &l->standing.state;

	if (digest_eq(&v->state.leaf, &s->leaf) && v->state.is_held == s->is_held)
		return 0;
	(void)err_set(e, ERR_DIGEST, "the database says something else about %s than the log",
	              l->name);
	return err_hint(e, "slipway rebuild makes it anew from the log; look with `slipway check`");
}

int
life_begin(struct life *l, const char *text, struct err *e)
{
	const struct version_row *const v = &l->version;
	int rc;

	rc = find(l, text, e);
	if (rc == 0)
		rc = ledger_open(l->app->registry, &l->ledger, e);
	if (rc == 0)
		rc = ledger_standing(&l->ledger, v->model, v->number, &v->digest, &l->standing, e);
	return rc < 0 ? rc : compare(l, v, e);
}

void
life_end(struct life *l)
{
	ledger_fini(&l->ledger);
}

int
life_is_so(const struct life *l, bool *ret, struct err *e)
{
	const enum lifecycle life = l->standing.state.life;
	bool can = life != LIFE_DELETED;

	*ret = false;
	switch (l->action) {
	case ACTION_RETIRE:
		*ret = life == LIFE_RETIRED;
		can = can && life != LIFE_REVOKED;
		break;
	case ACTION_RESTORE:
		*ret = life == LIFE_LIVE;
		can = can && life != LIFE_REVOKED;
		break;
	case ACTION_REVOKE:
		*ret = life == LIFE_REVOKED;
		break;
	case ACTION_HOLD:
		*ret = l->standing.state.is_held;
		break;
	case ACTION_RELEASE:
		*ret = !l->standing.state.is_held;
		break;
	case ACTION_DELETE:
		*ret = life == LIFE_DELETED;
		can = true;
		break;
	}
	if (can)
		return 0;
	(void)ledger_refuse_withdrawn(l->app->registry, &l->ledger, l->version.model,
	                              l->version.number, &l->standing, e);
	return err_hint(e, "that is for good: see `slipway history %.200s`", l->version.model);
}

/* --- the entry --- */

static json_t *
predicate(const struct life *l)
{
	const struct version_row *const v = &l->version;
	const struct digest *const leaf = &l->standing.state.leaf;
	json_t *o = json_pack("{s:s, s:I, s:o, s:s, s:o}", "model", v->model, "number",
	                      (json_int_t)v->number, "previous",
	                      digest_is_zero(leaf) ? json_null() : json_from_digest(leaf),
	                      "registry", l->app->registry->id, "version",
	                      json_from_digest(&v->digest));

	if (l->action != ACTION_DELETE)
		json_object_set_new(o, "action", json_string(life_action_name(l->action)));
	if (l->app->reason)
		json_object_set_new(o, "reason", json_string(l->app->reason));
	return o;
}

static const char *
type_of(const struct life *l)
{
	return l->action == ACTION_DELETE ? "delete" : "lifecycle";
}

static int
sign(const struct life *l, struct buf *ret, struct err *e)
{
	cleanup_json json_t *o = predicate(l);
	cleanup_signer struct signer signer = { 0 };
	int rc;

	rc = signer_find(l->app, &l->ledger.policy, life_roles(l->action), &signer, e);
	if (rc < 0)
		return rc;
	return signer_sign(l->app, &signer, type_of(l), l->version.model, &l->version.digest, o,
	                   ret, e);
}

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct life *const l = arg;
	struct version_row v;
	int rc;

	rc = version_get(t, l->version.model, l->version.number, &v, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? err_set(e, ERR_CONFLICT, "%s is gone", l->name) : rc;
	if (!digest_eq(&v.state.leaf, &l->standing.state.leaf)) {
		(void)err_set(e, ERR_CONFLICT, "somebody changed %s while you decided", l->name);
		return err_hint(e, "look again, then %s again", l->verb);
	}
	rc = l->check ? l->check(t, l, e) : 0;
	if (rc < 0)
		return rc;
	*ret_body = json_pack("{s:o, s:I}", "digest", json_from_digest(&v.digest), "number",
	                      (json_int_t)v.number);
	if (l->action != ACTION_DELETE)
		json_object_set_new(*ret_body, "action",
		                    json_string(life_action_name(l->action)));
	return 0;
}

int
life_commit(struct life *l, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done;
	int rc;

	rc = sign(l, &envelope, e);
	if (rc < 0)
		return rc;
	const struct change c = { .type = type_of(l), .model = l->version.model, .check = check,
		                  .arg = l, .reason = l->app->reason,
		                  .statement = buf_str(&envelope) };
	rc = change_commit(l->app->registry, &c, &done, e);
	if (rc < 0)
		return rc;
	ledger_remember(l->app->registry, &l->ledger);
	l->changed = done.changed;
	return 0;
}

void
life_show(const struct life *l, const char *kind, const char *done)
{
	struct out *const o = l->app->out;
	struct json_out *j;

	out_object_begin(o, kind);
	j = out_object_json(o);
	if (j) {
		jo_string(j, "model", l->version.model);
		jo_u64(j, "version", l->version.number);
		jo_digest(j, "digest", &l->version.digest);
		jo_bool(j, "changed", l->changed);
		jo_bool(j, "dryRun", l->app->dry_run);
	}
	out_object_end(o);
	if (out_format_of(o) == OUT_NAME)
		out_text(o, "%s\n", l->name);
	else
		out_text(o, "%s %s%s%s\n", l->name,
		         l->app->dry_run ? "would be " : l->changed ? "" : "was ", done,
		         l->app->dry_run || l->changed ? "" : " before");
}
