/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage holds, what it held before, and where a rollback leads: the chain of promotions,
 * each one verified where it stands in the log. A promotion pushes; a rollback to X leaves X's own
 * promotion on top.
 */
#include "registry/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "registry/evidence.h"

static int
verify(struct registry *r, const struct ledger *l, const struct entry *n, struct promotion *ret,
       struct err *e)
{
	struct authority a;
	int rc = evidence_authority(r, l, n, &a, e);

	a.now = NULL; /* what the stage came to hold, it holds, whatever became of the agent's key
	               */
	return rc < 0 ? rc : authority_promotion(&a, n, ret, NULL, e);
}

int
ledger_stage(struct registry *r, const struct ledger *l, const char *model, const char *stage,
             struct promotion *ret, struct err *e)
{
	cleanup_free char *key = evidence_stage_key(model, stage);
	const json_t *place = json_object_get(l->next_pin.promotions, key);
	struct entry n;
	int rc;

	*ret = (struct promotion){ 0 };
	if (!place)
		return 0;
	rc = evidence_at_place(r, place, &n, e);
	if (rc < 0)
		return rc;
	rc = verify(r, l, &n, ret, e);
	entry_fini(&n);
	return rc < 0 ? err_prefix(e, "the last promotion of \"%s\" to %s", model, stage) : 0;
}

int
ledger_before(struct registry *r, const struct ledger *l, const char *model, const char *stage,
              const struct promotion *p, struct promotion *ret, struct err *e)
{
	struct entry n;
	int rc;

	*ret = (struct promotion){ 0 };
	if (digest_is_zero(&p->previous))
		return 0;
	rc = evidence_entry(r, p->previous_seq, &p->previous, &n, e);
	if (rc < 0)
		return rc;
	rc = verify(r, l, &n, ret, e);
	if (rc == 0 && (!streq(n.model, model) || !streq(json_opt_string(n.body, "stage"), stage)))
		rc = err_set(e, ERR_SIGNATURE, "log entry %" PRIu64 " belongs to another stage",
		             n.seq);
	entry_fini(&n);
	return rc;
}

/* A rollback to X leaves X's own promotion on top: *p becomes that one (exists false: nothing is
 * held). */
static int
settle(struct registry *r, const struct ledger *l, const char *model, const char *stage,
       struct promotion *p, struct err *e)
{
	const struct digest version = p->version;
	struct promotion before;

	if (!p->exists || !streq(p->kind, "rollback"))
		return 0;
	if (p->empty) {
		*p = (struct promotion){ 0 };
		return 0;
	}
	do {
		int rc = ledger_before(r, l, model, stage, p, &before, e);
		if (rc < 0)
			return rc;
		*p = before;
	} while (p->exists && !(streq(p->kind, "promote") && digest_eq(&p->version, &version)));
	return 0;
}

static int
find_version(struct registry *r, const struct ledger *l, const char *model, const char *stage,
             const struct digest *version, struct promotion *p, struct err *e)
{
	struct promotion before;

	while (p->exists) {
		if (streq(p->kind, "promote") && digest_eq(&p->version, version))
			return 0;
		int rc = ledger_before(r, l, model, stage, p, &before, e);
		if (rc < 0)
			return rc;
		*p = before;
	}
	err_set(e, ERR_NOT_FOUND, "%s of \"%s\" never held that version", stage, model);
	return err_hint(e, "slipway history %s shows what it held", model);
}

/* From what is on top to what lies below it; a repair put the same version on top again. */
static int
step_back(struct registry *r, const struct ledger *l, const char *model, const char *stage,
          struct promotion *p, struct err *e)
{
	const struct promotion top = *p;
	struct promotion before;
	int rc = 0;

	while (rc == 0 && p->exists && digest_eq(&p->version, &top.version)) {
		rc = ledger_before(r, l, model, stage, p, &before, e);
		if (rc < 0)
			return rc;
		*p = before;
		rc = settle(r, l, model, stage, p, e);
	}
	return rc;
}

int
ledger_way_back(struct registry *r, const struct ledger *l, const char *model, const char *stage,
                const struct digest *version, struct promotion *ret, struct err *e)
{
	struct promotion at;
	int rc = ledger_stage(r, l, model, stage, &at, e);

	if (rc == 0 && version)
		rc = find_version(r, l, model, stage, version, &at, e);
	else if (rc == 0)
		rc = settle(r, l, model, stage, &at, e);
	if (rc == 0 && !version)
		rc = step_back(r, l, model, stage, &at, e);
	if (rc == 0)
		*ret = at;
	return rc;
}
