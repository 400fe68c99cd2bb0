/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries that take a version out of use or bring it back: what was signed, by whom it may be, and
 * what becomes of the version. Each names the one before it about the same version, so that an old
 * one counts for nothing when it is logged again. Pure functions, asked alike by the database's
 * puts and the ledger.
 */
#include "registry/authority.h"

#include <inttypes.h>
#include <string.h>

#define MAY_REVOKE (ROLE_BIT(ROLE_ROOT) | ROLE_BIT(ROLE_APPROVER) | ROLE_BIT(ROLE_DEPLOYER))

static const char *const actions[] = { "retire", "restore", "revoke", "hold", "release", "delete" };

const char *
life_action_name(enum life_action a)
{
	return actions[a];
}

static int
parse_action(const struct entry *n, enum life_action *ret, struct err *e)
{
	const char *action;
	int rc;

	*ret = ACTION_DELETE;
	if (streq(n->type, "delete"))
		return 0;
	if (!streq(n->type, "lifecycle"))
		return err_set(e, ERR_SIGNATURE, "log entry %" PRIu64 " is no lifecycle entry",
		               n->seq);
	rc = json_get_string(n->body, "action", n->type, &action, e);
	for (size_t i = 0; rc == 0 && i < ACTION_DELETE; i++)
		if (streq(action, actions[i])) {
			*ret = (enum life_action)i;
			return 0;
		}
	return rc < 0 ? rc
	              : err_set(e, ERR_MALFORMED,
	                        "log entry %" PRIu64 " (lifecycle): an unknown action", n->seq);
}

static int
members(const struct entry *n, const struct statement *s, struct life_claim *ret, struct err *e)
{
	const json_t *const previous = json_object_get(s->predicate, "previous");
	int rc = json_get_u64(n->body, "number", n->type, &ret->number, e);

	if (rc == 0)
		rc = json_get_digest(n->body, "digest", n->type, &ret->version, e);
	if (rc == 0 && !json_is_null(previous))
		rc = json_get_digest(s->predicate, "previous", n->type, &ret->previous, e);
	return rc;
}

static int
other(const struct entry *n, struct err *e, const char *what)
{
	return err_set(e, ERR_SIGNATURE, "log entry %" PRIu64 " (%s): its statement has another %s",
	               n->seq, n->type, what);
}

static bool
same(const json_t *a, const json_t *b)
{
	return a == b || (a && b && json_equal(a, b));
}

static int
agrees(const struct entry *n, const struct statement *s, const struct life_claim *c, struct err *e)
{
	const json_t *const p = s->predicate;
	const char *const reason = json_opt_string(p, "reason");

	if (!digest_eq(&s->subject, &c->version) ||
	    !same(json_object_get(p, "version"), json_object_get(n->body, "digest")))
		return other(n, e, "version");
	if (!n->model || !streq(json_opt_string(p, "model"), n->model))
		return other(n, e, "model");
	if (!same(json_object_get(p, "number"), json_object_get(n->body, "number")))
		return other(n, e, "number");
	if (!same(json_object_get(p, "action"), json_object_get(n->body, "action")))
		return other(n, e, "action");
	if ((reason || n->reason) && !(reason && n->reason && streq(reason, n->reason)))
		return other(n, e, "reason");
	return 0;
}

/* What an action demands beyond a role that may make such entries at all. */
static int
demands(const struct authority *a, const struct entry *n, const struct statement *s,
        struct life_claim *c, struct err *e)
{
	const struct policy_person *const who = policy_person_of(a->policy, &s->key);

	(void)str_copy(c->signer, sizeof c->signer, who ? who->id : "");
	if (c->action == ACTION_REVOKE && !(who && policy_roles_of(a->policy, who) & MAY_REVOKE))
		return err_set(e, ERR_UNTRUSTED,
		               "log entry %" PRIu64 " (lifecycle): \"%s\" may not revoke", n->seq,
		               c->signer);
	if ((c->action == ACTION_REVOKE || c->action == ACTION_HOLD) && !n->reason)
		return err_set(e, ERR_MALFORMED,
		               "log entry %" PRIu64 " (lifecycle): a %s without a reason", n->seq,
		               actions[c->action]);
	(void)str_copy(c->reason, sizeof c->reason, n->reason ? n->reason : "");
	return 0;
}

unsigned
life_roles(enum life_action a)
{
	switch (a) {
	case ACTION_REVOKE:
		return MAY_REVOKE;
	case ACTION_DELETE:
		return LIFE_MAY_DELETE;
	case ACTION_RETIRE:
	case ACTION_RESTORE:
	case ACTION_HOLD:
	case ACTION_RELEASE:
		break;
	}
	return LIFE_MAY_CHANGE;
}

int
authority_lifecycle(const struct authority *a, const struct entry *n, struct life_claim *ret,
                    struct err *e)
{
	struct statement s = { 0 };
	int rc;

	*ret = (struct life_claim){ 0 };
	rc = parse_action(n, &ret->action, e);
	if (rc == 0)
		rc = authority_verify(a, n, &s, e);
	if (rc < 0)
		return rc;
	rc = members(n, &s, ret, e);
	if (rc == 0)
		rc = agrees(n, &s, ret, e);
	if (rc == 0)
		rc = demands(a, n, &s, ret, e);
	statement_fini(&s);
	return rc;
}

static const char *
why_not(const struct life_state *s, enum life_action a)
{
	if (s->life == LIFE_DELETED)
		return "it is deleted";
	switch (a) {
	case ACTION_RETIRE:
		return s->life == LIFE_LIVE ? NULL : "only a live version can be retired";
	case ACTION_RESTORE:
		return s->life == LIFE_RETIRED ? NULL : "only a retired version can be restored";
	case ACTION_REVOKE:
		return s->life != LIFE_REVOKED ? NULL : "it is revoked already";
	case ACTION_HOLD:
		return s->is_held ? "it is held already" : NULL;
	case ACTION_RELEASE:
		return s->is_held ? NULL : "nobody holds it";
	case ACTION_DELETE:
		return s->is_held ? "it is held" : NULL;
	}
	return "an unknown action";
}

static void
take(struct life_state *s, enum life_action a)
{
	switch (a) {
	case ACTION_RETIRE:
		s->life = LIFE_RETIRED;
		return;
	case ACTION_RESTORE:
		s->life = LIFE_LIVE;
		return;
	case ACTION_REVOKE:
		s->life = LIFE_REVOKED;
		s->was_revoked = true;
		return;
	case ACTION_HOLD:
	case ACTION_RELEASE:
		s->is_held = a == ACTION_HOLD;
		return;
	case ACTION_DELETE:
		s->life = LIFE_DELETED;
		return;
	}
}

int
life_step(struct life_state *s, const struct life_claim *c, const struct digest *leaf,
          struct err *e)
{
	const char *const why = why_not(s, c->action);

	if (!digest_eq(&s->leaf, &c->previous))
		return err_set(e, ERR_SIGNATURE,
		               "it does not continue what was said about v%" PRIu64, c->number);
	if (why)
		return err_set(e, ERR_MALFORMED, "%s of v%" PRIu64 ": %s", actions[c->action],
		               c->number, why);
	take(s, c->action);
	s->leaf = *leaf;
	return 0;
}
