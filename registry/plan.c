/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans: an intent in canonical JSON, its digest, and whether it may be made and still holds.
 * Decisions rest on the ledger; what targets need is filled in by the agent, which knows drivers.
 */
#include "registry/plan.h"

#include <inttypes.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/vec.h"
#include "registry/change.h"

static json_t *
digest_or_null(const struct digest *d)
{
	return digest_is_zero(d) ? json_null() : json_from_digest(d);
}

static json_t *
steps_of(const char *kind)
{
	if (streq(kind, "rollback"))
		return json_pack("[s,s,s,s]", "preflight", "stage", "rollback", "verify");
	return json_pack("[s,s,s,s]", "preflight", "stage", "apply", "verify");
}

int
plan_take_add(struct plan_take *t, const char *field, struct err *e)
{
	const size_t n = strlen(field);
	size_t at = 0;
	bool is_good = n > 1 && n < PLAN_TAKE_SIZE && field[0] == '.';

	for (const char *s = field; is_good && *s; s++)
		is_good = *s >= 0x20 && *s < 0x7f;
	if (!is_good) {
		err_set(e, ERR_USAGE, "\"%s\" is no path of a field", field);
		return err_hint(e, "as the plan names it: --take .spec.replicas");
	}
	while (at < t->n && strcmp(t->v[at], field) < 0)
		at++;
	if (at < t->n && streq(t->v[at], field))
		return 0;
	if (t->n == PLAN_TAKE_MAX)
		return err_set(e, ERR_USAGE, "at most %d fields can be taken", PLAN_TAKE_MAX);
	memmove(t->v[at + 1], t->v[at], (t->n - at) * sizeof t->v[0]);
	(void)str_copy(t->v[at], sizeof t->v[at], field);
	t->n++;
	return 0;
}

json_t *
plan_take_json(const struct plan_take *t)
{
	json_t *a = json_array();

	for (size_t i = 0; i < t->n; i++)
		json_array_append_new(a, json_string(t->v[i]));
	return a;
}

int
plan_take_read(const json_t *array, struct plan_take *ret, struct err *e)
{
	const json_t *one;
	size_t i;

	*ret = (struct plan_take){ 0 };
	json_array_foreach(array, i, one)
	{
		if (!json_is_string(one) || plan_take_add(ret, json_string_value(one), e) < 0)
			return err_set(e, ERR_MALFORMED, "plan: no field can be taken so");
	}
	return ret->n > 0 ? 0 : err_set(e, ERR_MALFORMED, "plan: it takes no field");
}

bool
plan_take_eq(const struct plan_take *a, const struct plan_take *b)
{
	bool is_same = a->n == b->n;

	for (size_t i = 0; is_same && i < a->n; i++)
		is_same = streq(a->v[i], b->v[i]);
	return is_same;
}

int
plan_seal(struct plan *p, struct err *e)
{
	cleanup_json json_t *o = json_object(), *targets = json_array();

	(void)e;
	for (size_t i = 0; i < p->targets_n; i++) {
		json_t *t = json_object();

		json_object_set_new(t, "name", json_string(p->targets[i].name));
		json_object_set_new(t, "identity", json_from_digest(&p->targets[i].identity));
		json_object_set_new(t, "rendered", json_from_digest(&p->targets[i].rendered));
		json_array_append_new(targets, t);
	}
	json_object_set_new(o, "kind", json_string(p->kind));
	json_object_set_new(o, "registry", json_string(p->registry_id));
	json_object_set_new(o, "model", json_string(p->model));
	json_object_set_new(o, "stage", json_string(p->stage));
	json_object_set_new(o, "number", json_integer((json_int_t)p->number));
	json_object_set_new(o, "version", digest_or_null(&p->version));
	json_object_set_new(o, "previous", digest_or_null(&p->previous));
	json_object_set_new(o, "way_back", digest_or_null(&p->way_back));
	json_object_set_new(o, "steps", steps_of(p->kind));
	json_object_set(o, "targets", targets);
	if (p->canary.steps_n > 0)
		json_object_set_new(o, "canary", canary_json(&p->canary));
	if (p->take.n > 0)
		json_object_set_new(o, "take", plan_take_json(&p->take));
	buf_clear(&p->text);
	json_canonical(o, &p->text);
	digest_small(p->text.p, p->text.n, &p->id);
	return 0;
}

static int
string_into(const json_t *o, const char *key, char *ret, size_t size, struct err *e)
{
	const char *s;
	int rc = json_get_string(o, key, "plan", &s, e);

	if (rc < 0)
		return rc;
	return str_copy(ret, size, s) < 0
	               ? err_set(e, ERR_MALFORMED, "plan: \"%s\" is too long", key)
	               : 0;
}

static int
digest_into(const json_t *o, const char *key, struct digest *ret, struct err *e)
{
	*ret = (struct digest){ 0 };
	if (json_is_null(json_object_get(o, key)))
		return 0;
	return json_get_digest(o, key, "plan", ret, e);
}

static int
targets_read(const json_t *o, struct plan *p, struct err *e)
{
	json_t *array, *t;
	size_t i;
	int rc = json_get_array(o, "targets", "plan", &array, e);

	if (rc < 0)
		return rc;
	p->targets = xcalloc(json_array_size(array) + 1, sizeof *p->targets);
	json_array_foreach(array, i, t)
	{
		struct plan_target *v = &p->targets[p->targets_n++];

		rc = string_into(t, "name", v->name, sizeof v->name, e);
		if (rc == 0)
			rc = json_get_digest(t, "identity", "plan", &v->identity, e);
		if (rc == 0)
			rc = json_get_digest(t, "rendered", "plan", &v->rendered, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int
members_read(const json_t *o, struct plan *p, struct err *e)
{
	int rc = string_into(o, "kind", p->kind, sizeof p->kind, e);

	if (rc == 0)
		rc = string_into(o, "registry", p->registry_id, sizeof p->registry_id, e);
	if (rc == 0)
		rc = string_into(o, "model", p->model, sizeof p->model, e);
	if (rc == 0)
		rc = string_into(o, "stage", p->stage, sizeof p->stage, e);
	if (rc == 0)
		rc = json_get_u64(o, "number", "plan", &p->number, e);
	if (rc == 0)
		rc = digest_into(o, "version", &p->version, e);
	if (rc == 0)
		rc = digest_into(o, "previous", &p->previous, e);
	if (rc == 0)
		rc = digest_into(o, "way_back", &p->way_back, e);
	if (rc == 0 && json_object_get(o, "canary"))
		rc = canary_read(json_object_get(o, "canary"), &p->canary, e);
	if (rc == 0 && json_object_get(o, "take"))
		rc = plan_take_read(json_object_get(o, "take"), &p->take, e);
	return rc < 0 ? rc : targets_read(o, p, e);
}

int
plan_parse(struct str text, struct plan *ret, struct err *e)
{
	cleanup_json json_t *o = NULL;
	struct digest said;
	int rc;

	*ret = (struct plan){ 0 };
	rc = json_parse(text, "plan", &o, e);
	if (rc == 0)
		rc = members_read(o, ret, e);
	if (rc == 0 && !streq(ret->kind, "promote") && !streq(ret->kind, "rollback"))
		rc = err_set(e, ERR_MALFORMED, "plan: kind \"%s\" is not known", ret->kind);
	if (rc == 0 && ret->canary.steps_n > 0 && !streq(ret->kind, "promote"))
		rc = err_set(e, ERR_MALFORMED, "plan: only a promotion has a canary");
	if (rc == 0) {
		/* what was read must be all there is: written again it gives the same bytes */
		ret->empty = digest_is_zero(&ret->version);
		digest_small(text.p, text.n, &said);
		rc = plan_seal(ret, e);
		if (rc == 0 && !digest_eq(&said, &ret->id))
			rc = err_set(e, ERR_MALFORMED,
			             "plan: members that are unknown or not canonical");
	}
	if (rc < 0)
		plan_fini(ret);
	return rc;
}

int
plan_load(struct registry *r, const struct digest *id, struct plan *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	int rc = blob_read(r->blobs, id, 4u << 20, &text, e);

	if (rc == 0)
		rc = plan_parse(buf_str(&text), ret, e);
	if (rc == 0 && !streq(ret->registry_id, r->id)) {
		plan_fini(ret);
		return err_set(e, ERR_UNTRUSTED, "that plan belongs to another registry");
	}
	return rc;
}

void
plan_fini(struct plan *p)
{
	free(p->targets);
	p->targets = NULL;
	p->targets_n = 0;
	buf_fini(&p->text);
}

struct find {
	const char *id;
	size_t n;
	struct plan_row row;
	unsigned found;
};

static int
same_start(void *arg, const struct plan_row *p)
{
	struct find *f = arg;
	char hex[DIGEST_HEX_SIZE];

	digest_hex(&p->id, hex);
	if (strncmp(hex, f->id, f->n) != 0)
		return 0;
	f->row = *p;
	f->found++;
	return 0;
}

int
plan_find(struct txn *t, const char *id, struct plan_row *ret, struct err *e)
{
	struct find f = { .id = id, .n = strlen(id) };
	int rc;

	if (f.n < PLAN_ID_SHOWN || f.n > 64 || strspn(id, "0123456789abcdef") != f.n) {
		err_set(e, ERR_USAGE, "\"%s\" is no plan id", id);
		return err_hint(e,
		                "a plan id is %d to 64 hex digits; `slipway plan list` shows them",
		                PLAN_ID_SHOWN);
	}
	rc = plan_each(t, same_start, &f, e);
	if (rc < 0)
		return rc;
	if (f.found > 1)
		return err_set(e, ERR_AMBIGUOUS, "%u plans start with \"%s\"", f.found, id);
	if (f.found == 0) {
		err_set(e, ERR_NOT_FOUND, "there is no plan \"%s\"", id);
		return err_hint(e, "slipway plan list shows them");
	}
	*ret = f.row;
	return 0;
}

/* --- intent --- */

static int
check_order(struct registry *r, const struct ledger *l, const struct plan *p, struct err *e)
{
	const struct policy_stage *stage = policy_stage(&l->policy, p->stage), *below;
	struct promotion held;
	size_t at = (size_t)(stage - l->policy.stages);
	int rc;

	if (at == 0)
		return 0;
	below = &l->policy.stages[at - 1];
	rc = ledger_stage(r, l, p->model, below->name, &held, e);
	if (rc < 0)
		return rc;
	if (held.exists && !held.empty && digest_eq(&held.version, &p->version))
		return 0;
	err_set(e, ERR_POLICY, "%s@v%" PRIu64 " is not in %s, which comes before %s", p->model,
	        p->number, below->name, p->stage);
	return err_hint(e, "slipway promote %s@v%" PRIu64 " --to %s", p->model, p->number,
	                below->name);
}

static int
unknown_stage(const struct ledger *l, const char *stage, struct err *e)
{
	cleanup_buf struct buf names = { 0 };

	err_set(e, ERR_NOT_FOUND, "the policy has no stage \"%s\"", stage);
	for (size_t i = 0; i < l->policy.stages_n; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", l->policy.stages[i].name);
	return err_hint(e, "stages: %s", buf_cstr(&names));
}

static int
intend_promote(struct registry *r, const struct ledger *l, const struct digest *version,
               const struct promotion *now, struct plan *p, struct err *e)
{
	struct admitted a;
	int rc;

	if (!version)
		return err_set(e, ERR_USAGE, "a promotion without a version");
	rc = policy_check_expiry(&l->policy, clock_now_s(), e);
	if (rc < 0)
		return rc;
	rc = ledger_version(r, l, p->model, version, &a, e);

	if (rc < 0)
		return rc;
	p->version = *version;
	p->number = a.number;
	admitted_fini(&a);
	/* what the stage holds may be put right there, retired or not */
	if (!now->exists || now->empty || !digest_eq(&now->version, version))
		rc = ledger_refuse_withdrawn(r, l, p->model, p->number, &a.standing, e);
	if (rc < 0)
		return rc;
	rc = check_order(r, l, p, e);
	if (rc < 0)
		return rc;
	return now->exists && !now->empty && digest_eq(&now->version, version) ? CHANGE_NONE : 0;
}

static int
intend_rollback(struct registry *r, const struct ledger *l, const struct digest *version,
                const struct promotion *now, struct plan *p, struct err *e)
{
	struct promotion back;
	struct admitted a;
	int rc;

	if (!now->exists || (now->empty && !version)) {
		err_set(e, ERR_CONFLICT, "%s of \"%s\" holds nothing to roll back from", p->stage,
		        p->model);
		return err_hint(e, "slipway history %s shows what happened", p->model);
	}
	if (version && !now->empty && digest_eq(version, &now->version)) {
		p->version = now->version;
		p->number = now->number;
		return CHANGE_NONE;
	}
	rc = ledger_way_back(r, l, p->model, p->stage, version, &back, e);
	if (rc < 0 || !back.exists) {
		p->empty = true;
		return rc;
	}
	rc = ledger_version(r, l, p->model, &back.version, &a, e);
	if (rc < 0)
		return rc;
	p->version = back.version;
	p->number = a.number;
	admitted_fini(&a);
	return 0;
}

int
plan_intend(struct registry *r, const struct ledger *l, const char *kind, const char *model,
            const struct digest *version, const char *stage, struct plan *ret, struct err *e)
{
	struct promotion now;
	int rc;

	*ret = (struct plan){ 0 };
	if (!policy_stage(&l->policy, stage))
		return unknown_stage(l, stage, e);
	if (str_copy(ret->kind, sizeof ret->kind, kind) < 0 ||
	    str_copy(ret->model, sizeof ret->model, model) < 0 ||
	    str_copy(ret->stage, sizeof ret->stage, stage) < 0)
		return err_set(e, ERR_USAGE, "a name that is too long");
	(void)str_copy(ret->registry_id, sizeof ret->registry_id, r->id);
	rc = ledger_stage(r, l, model, stage, &now, e);
	if (rc < 0)
		return rc;
	if (now.exists) {
		ret->previous = now.leaf;
		ret->way_back = now.version;
	}
	return streq(kind, "rollback") ? intend_rollback(r, l, version, &now, ret, e)
	                               : intend_promote(r, l, version, &now, ret, e);
}

int
plan_still_holds(struct registry *r, const struct ledger *l, const struct plan *p, struct err *e)
{
	struct promotion now;
	struct plan again;
	int rc = ledger_stage(r, l, p->model, p->stage, &now, e);

	if (rc < 0)
		return rc;
	if (!digest_eq(&now.leaf, &p->previous)) {
		err_set(e, ERR_CONFLICT, "%s of \"%s\" has moved since the plan was made", p->stage,
		        p->model);
		return err_hint(e,
		                "make a new plan: what it would change is not what was looked at");
	}
	/* a plan made by hand must not say what no plan would: all but its targets is made again */
	rc = plan_intend(r, l, p->kind, p->model, p->empty ? NULL : &p->version, p->stage, &again,
	                 e);
	if (rc == -ERR_USAGE || rc == -ERR_NOT_FOUND) {
		e->code = ERR_CONFLICT;
		return err_prefix(e, "no such plan would be made");
	}
	if (rc < 0)
		return rc;
	if (again.empty != p->empty || again.number != p->number ||
	    !digest_eq(&again.version, &p->version) || !digest_eq(&again.way_back, &p->way_back) ||
	    !digest_eq(&again.previous, &p->previous)) {
		err_set(e, ERR_CONFLICT, "today the plan for %s of \"%s\" would be another one",
		        p->stage, p->model);
		return err_hint(e, "make a new plan");
	}
	return 0;
}
