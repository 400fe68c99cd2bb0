/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan's way through people: stored, authorised by one, approved by others. What is signed names
 * the plan by its digest and says again what it means, so that no signature counts for another
 * stage, version or moment. Whether enough people said yes is asked of the ledger, never of a row.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/change.h"
#include "registry/gate_check.h"
#include "registry/hook.h"
#include "registry/statement.h"
#include "tui/cmd/proposal.h"
#include "tui/cmd/sign.h"

/* --- storing --- */

static int
plan_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct plan *p = arg;
	struct plan_row row;
	int rc = plan_get(t, &p->id, &row, e);

	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	if (rc == 0 && !streq(row.state, PLAN_DISCARDED))
		return CHANGE_NONE;
	*ret_body = json_object();
	json_object_set_new(*ret_body, "id", json_from_digest(&p->id));
	json_object_set_new(*ret_body, "kind", json_string(p->kind));
	json_object_set_new(*ret_body, "number", json_integer((json_int_t)p->number));
	json_object_set_new(*ret_body, "stage", json_string(p->stage));
	return 0;
}

int
plan_store(struct app *a, const struct plan *p, bool *ret_changed, struct err *e)
{
	const struct change c = {
		.type = "plan", .model = p->model, .check = plan_check, .arg = (void *)(uintptr_t)p,
		.blob = &p->id
	};
	struct change_result done;
	struct digest d;
	int rc = blob_put_mem(a->registry->blobs, p->text.p, p->text.n, &d, NULL, e);

	if (rc == 0 && !digest_eq(&d, &p->id))
		rc = err_set(e, ERR_BUG, "a plan whose bytes are not its id");
	if (rc == 0)
		rc = change_commit(a->registry, &c, &done, e);
	if (rc == 0 && ret_changed)
		*ret_changed = done.changed;
	return rc;
}

/* --- what is signed --- */

json_t *
plan_claim(const struct plan *p, const struct policy *policy)
{
	json_t *o = json_object();

	json_object_set_new(o, "registry", json_string(p->registry_id));
	json_object_set_new(o, "model", json_string(p->model));
	json_object_set_new(o, "stage", json_string(p->stage));
	json_object_set_new(o, "plan", json_from_digest(&p->id));
	json_object_set_new(o, "kind", json_string(p->kind));
	json_object_set_new(o, "number", json_integer((json_int_t)p->number));
	json_object_set_new(o, "version", p->empty ? json_null() : json_from_digest(&p->version));
	json_object_set_new(o, "previous",
	                    digest_is_zero(&p->previous) ? json_null()
	                                                 : json_from_digest(&p->previous));
	json_object_set_new(o, "policy", json_integer((json_int_t)policy->version));
	return o;
}

/* The reason is signed with the rest. */
static int
claim_reason(const struct app *a, json_t *claim, struct err *e)
{
	json_t *reason;

	if (!a->reason)
		return 0;
	reason = json_from_str(str_of(a->reason));
	if (!reason)
		return err_set(e, ERR_USAGE, "the reason is not UTF-8");
	json_object_set_new(claim, "reason", reason);
	return 0;
}

static int
body_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct plan *p = arg;
	struct plan_row row;
	int rc = plan_get(t, &p->id, &row, e);

	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? err_set(e, ERR_NOT_FOUND, "the plan was never stored")
		                            : rc;
	*ret_body = json_object();
	json_object_set_new(*ret_body, "plan", json_from_digest(&p->id));
	return 0;
}

int
plan_commit_signed(struct app *a, const struct plan *p, const char *type, struct str envelope,
                   struct err *e)
{
	const struct change c = { .type = type,
		                  .model = p->model,
		                  .check = body_check,
		                  .arg = (void *)(uintptr_t)p,
		                  .statement = envelope };
	struct change_result done;

	return change_commit(a->registry, &c, &done, e);
}

/* --- authorising --- */

static int
check_glass(const struct app *a, const struct policy *policy, const struct plan *p,
            unsigned *ret_roles, struct err *e)
{
	const struct policy_stage *const s = policy_stage(policy, p->stage);

	if (!a->reason) {
		(void)err_set(e, ERR_USAGE, "breaking the glass wants a reason");
		return err_hint(e, "say why with --reason TEXT: it is signed and shown for ever");
	}
	if (!s || !s->break_glass) {
		(void)err_set(e, ERR_POLICY, "the policy lets nobody break the glass for %s",
		              p->stage);
		return err_hint(e, "another person must approve: slipway plan list --waiting");
	}
	*ret_roles = s->break_glass;
	return 0;
}

static int
authorise(struct app *a, const struct plan *p, const struct ledger *l, bool break_glass,
          struct err *e)
{
	cleanup_json json_t *claim = plan_claim(p, &l->policy);
	cleanup_signer struct signer signer = { 0 };
	cleanup_buf struct buf envelope = { 0 };
	unsigned roles = ROLE_BIT(ROLE_DEPLOYER);
	int rc = claim_reason(a, claim, e);

	if (rc == 0 && break_glass) {
		rc = check_glass(a, &l->policy, p, &roles, e);
		json_object_set_new(claim, "break_glass", json_true());
	}
	if (rc == 0)
		rc = signer_find(a, &l->policy, roles, &signer, e);
	if (rc == 0)
		rc = signer_sign(a, &signer, "authorisation", "plan", &p->id, claim, &envelope, e);
	return rc < 0 ? rc : plan_commit_signed(a, p, "authorisation", buf_str(&envelope), e);
}

/* The ledger again to its end, with what was just written; also where only the log has that yet. */
static int
reopen(struct app *a, struct ledger *l, struct err *e)
{
	const int rc = change_replay(a->registry, e);

	if (rc < 0)
		return rc;
	ledger_fini(l);
	return ledger_open(a->registry, l, e);
}

static int
who_said_yes(struct app *a, const struct plan *p, struct ledger *l, bool break_glass,
             struct ledger_consent *ret, struct err *e)
{
	int rc = ledger_consent(a->registry, l, p, ret, e);

	if (rc == 0 && (!break_glass || ret->by.break_glass))
		return 0;
	if (rc == 0)
		ledger_consent_fini(ret); /* allowed, but not without the others */
	else if (rc != -ERR_NOT_FOUND)
		return rc;
	err_clear(e);
	rc = authorise(a, p, l, break_glass, e);
	if (rc == 0)
		rc = reopen(a, l, e);
	return rc < 0 ? rc : ledger_consent(a->registry, l, p, ret, e);
}

static void
say_waiting(const struct plan *p, struct err *e)
{
	char id[DIGEST_HEX_SIZE];

	digest_hex(&p->id, id);
	(void)err_hint(e, "an approver: slipway approve %.16s; then: slipway apply %.16s", id, id);
}

int
plan_authorise(struct app *a, const struct plan *p, bool break_glass, struct err *e)
{
	struct ledger_consent c = { 0 };
	struct ledger l;
	int rc = ledger_open(a->registry, &l, e);

	if (rc < 0)
		return rc;
	rc = plan_still_holds(a->registry, &l, p, e);
	if (rc == 0 && !break_glass)
		rc = gates_check(a->registry, &l, p, clock_now_s(), e);
	if (rc == 0)
		rc = who_said_yes(a, p, &l, break_glass, &c, e);
	if (rc == 0)
		rc = ledger_is_approved(&l, &c, clock_now_s(), e);
	if (rc == -ERR_NEEDS_PERSON) {
		say_waiting(p, e);
		hook_plan_waiting(a->registry, p, c.by.person);
	}
	if (rc == 0 || rc == -ERR_NEEDS_PERSON)
		ledger_remember(a->registry, &l);
	ledger_consent_fini(&c);
	ledger_fini(&l);
	return rc;
}
