/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries that claim authority: versions and targets. Each function compares what was signed with
 * what the entry's body says; the body is what the database is made from, the statement is why.
 * What moves stages is in authority_stage.c.
 */
#include "registry/authority.h"

#include <inttypes.h>
#include <string.h>

#include "registry/authority_private.h"

/* Who may make entries of a type. What else a type demands of the signer is in its own function. */
static const struct {
	const char *type;
	unsigned roles;
} types[] = {
	{ "version", ROLE_BIT(ROLE_AUTHOR) },
	{ "target", ROLE_BIT(ROLE_DEPLOYER) },
	{ "authorisation", ROLES_PERSON },
	{ "approval", ROLE_BIT(ROLE_APPROVER) },
	{ "evidence", ROLE_BIT(ROLE_AUTHOR) | ROLE_BIT(ROLE_APPROVER) | ROLE_BIT(ROLE_SCANNER) },
	{ "job", ROLE_BIT(ROLE_AGENT) },
	{ "promotion", ROLE_BIT(ROLE_AGENT) },
	{ "lifecycle", LIFE_MAY_CHANGE },
	{ "delete", LIFE_MAY_DELETE },
	{ "restore", ROLE_BIT(ROLE_ROOT) },
	{ "bundle", ROLES_PERSON },
};

int
authority_envelope(const struct entry *n, struct buf *ret, struct err *e)
{
	if (!json_is_object(n->statement))
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " (%s) carries no statement",
		               n->seq, n->type);
	json_canonical(n->statement, ret);
	return 0;
}

int
authority_must_be(const struct entry *n, const char *type, struct err *e)
{
	if (streq(n->type, type))
		return 0;
	return err_set(e, ERR_SIGNATURE, "log entry %" PRIu64 " is no %s", n->seq, type);
}

static int
roles_of(const struct entry *n, unsigned *ret, struct err *e)
{
	const bool is_end =
	        streq(n->type, "job") && streq(json_opt_string(n->body, "event"), "end");

	for (size_t i = 0; !is_end && i < COUNT(types); i++)
		if (streq(n->type, types[i].type)) {
			*ret = types[i].roles;
			return 0;
		}
	return err_set(e, ERR_BUG, "entries of type \"%s\" are not signed", n->type);
}

int
authority_verify(const struct authority *a, const struct entry *n, struct statement *ret,
                 struct err *e)
{
	cleanup_free struct public_key *keys = NULL;
	cleanup_buf struct buf envelope = { 0 };
	unsigned roles = 0;
	const char *registry;
	int rc = roles_of(n, &roles, e);

	if (rc == 0)
		rc = authority_envelope(n, &envelope, e);
	if (rc < 0)
		return rc;
	const size_t keys_n = policy_keys(a->policy, roles, &keys);
	rc = statement_verify(buf_str(&envelope), n->type, keys, keys_n, ret, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(ret->predicate, "registry", n->type, &registry, e);
	if (rc == 0 && !streq(registry, a->registry_id))
		rc = err_set(e, ERR_UNTRUSTED, "a statement (%s) of another registry, %s", n->type,
		             registry);
	if (rc == 0 && a->now && policy_is_revoked(a->now, &ret->key, n->seq))
		rc = err_set(e, ERR_UNTRUSTED,
		             "log entry %" PRIu64
		             " (%s) was signed by key %s, which is revoked from "
		             "before it on",
		             n->seq, n->type, ret->key_id);
	if (rc < 0)
		statement_fini(ret);
	return rc;
}

int
authority_other(const struct entry *n, struct err *e, const char *what)
{
	return err_set(e, ERR_SIGNATURE, "log entry %" PRIu64 " (%s): its statement has another %s",
	               n->seq, n->type, what);
}

bool
authority_same(const json_t *x, const json_t *y, const char *key)
{
	const json_t *a = json_object_get(x, key), *b = json_object_get(y, key);

	return a == b || (a && b && json_equal(a, b));
}

int
authority_place(const json_t *o, const char *what, struct signed_place *ret, struct err *e)
{
	int rc = json_get_u64(o, "seq", what, &ret->seq, e);

	return rc < 0 ? rc : json_get_digest(o, "leaf", what, &ret->leaf, e);
}

/* --- versions --- */

static int
version_members(const struct entry *n, struct version_row *ret, struct err *e)
{
	const char *key;
	int rc = json_get_u64(n->body, "number", n->type, &ret->number, e);

	if (rc == 0)
		rc = json_get_digest(n->body, "digest", n->type, &ret->digest, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "bytes", n->type, &ret->bytes, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "files", n->type, &ret->files, e);
	if (rc == 0)
		rc = json_get_string(n->body, "key", n->type, &key, e);
	if (rc == 0 && str_copy(ret->key_id, sizeof ret->key_id, key) < 0)
		rc = authority_other(n, e, "key");
	return rc;
}

int
authority_version(const struct authority *a, const struct entry *n, struct version_row *ret,
                  struct err *e)
{
	const struct policy_person *signer;
	struct statement s = { 0 };
	int rc;

	*ret = (struct version_row){ .seq = n->seq, .time_s = n->time_s, .is_signed = true };
	rc = authority_must_be(n, "version", e);
	if (rc < 0)
		return rc;
	if (!n->model || str_copy(ret->model, sizeof ret->model, n->model) < 0)
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " names no model", n->seq);
	rc = version_members(n, ret, e);
	if (rc == 0)
		rc = authority_verify(a, n, &s, e);
	if (rc < 0)
		return rc;
	signer = policy_person_of(a->policy, &s.key);
	(void)str_copy(ret->signer, sizeof ret->signer, signer ? signer->id : "");
	if (!digest_eq(&s.subject, &ret->digest))
		rc = authority_other(n, e, "subject");
	else if (!streq(json_opt_string(s.predicate, "model"), n->model))
		rc = authority_other(n, e, "model");
	else if (!authority_same(s.predicate, n->body, "number"))
		rc = authority_other(n, e, "number");
	else if (!authority_same(s.predicate, n->body, "bytes") ||
	         !authority_same(s.predicate, n->body, "files"))
		rc = authority_other(n, e, "size");
	else if (!streq(s.key_id, ret->key_id) ||
	         !streq(json_opt_string(n->body, "signer"), ret->signer))
		rc = authority_other(n, e, "signer");
	statement_fini(&s);
	return rc;
}

/* --- targets --- */

static int
target_members(const struct entry *n, const json_t *predicate, struct target_claim *ret,
               struct err *e)
{
	const json_t *previous = json_object_get(predicate, "previous");
	const char *action, *name;
	json_t *body = NULL;
	int rc = json_get_string(n->body, "action", n->type, &action, e);

	if (rc == 0)
		rc = json_get_string(n->body, "name", n->type, &name, e);
	if (rc == 0 && str_copy(ret->name, sizeof ret->name, name) < 0)
		rc = err_set(e, ERR_MALFORMED, "log entry %" PRIu64 ": a name that is too long",
		             n->seq);
	if (rc == 0 && !streq(action, "remove"))
		rc = json_get_object(n->body, "target", n->type, &body, e);
	if (rc == 0 && !json_is_null(previous))
		rc = json_get_digest(predicate, "previous", n->type, &ret->previous, e);
	ret->removes = rc == 0 && streq(action, "remove");
	ret->body = body;
	return rc;
}

int
authority_target(const struct authority *a, const struct entry *n, struct target_claim *ret,
                 struct err *e)
{
	cleanup_buf struct buf body = { 0 };
	struct statement s = { 0 };
	struct digest subject;
	int rc = authority_must_be(n, "target", e);

	*ret = (struct target_claim){ 0 };
	if (rc == 0)
		rc = authority_verify(a, n, &s, e);
	if (rc < 0)
		return rc;
	json_canonical(n->body, &body);
	digest_small(body.p, body.n, &subject);
	if (!digest_eq(&s.subject, &subject))
		rc = authority_other(n, e, "subject");
	else if (!authority_same(s.predicate, n->body, "action") ||
	         !authority_same(s.predicate, n->body, "name"))
		rc = authority_other(n, e, "target");
	else
		rc = target_members(n, s.predicate, ret, e);
	statement_fini(&s);
	return rc;
}

/* --- restores --- */

static int
restore_members(const json_t *o, struct restore_claim *ret, struct err *e)
{
	const json_t *const pinned = json_object_get(o, "pinned");
	int rc = json_get_u64(o, "size", "restore", &ret->size, e);

	if (rc == 0)
		rc = json_get_digest(o, "root", "restore", &ret->root, e);
	if (rc < 0 || json_is_null(pinned))
		return rc;
	ret->has_pinned = true;
	rc = json_get_u64(pinned, "size", "restore", &ret->pinned_size, e);
	return rc < 0 ? rc : json_get_digest(pinned, "root", "restore", &ret->pinned_root, e);
}

int
authority_restore(const struct authority *a, const struct entry *n, struct restore_claim *ret,
                  struct err *e)
{
	struct statement s = { 0 };
	int rc = authority_must_be(n, "restore", e);

	*ret = (struct restore_claim){ 0 };
	if (rc == 0)
		rc = authority_verify(a, n, &s, e);
	if (rc < 0)
		return rc;
	rc = restore_members(n->body, ret, e);
	if (rc == 0 && (!authority_same(s.predicate, n->body, "size") ||
	                !authority_same(s.predicate, n->body, "root") ||
	                !authority_same(s.predicate, n->body, "pinned")))
		rc = authority_other(n, e, "log");
	if (rc == 0 && !digest_eq(&s.subject, &ret->root))
		rc = authority_other(n, e, "subject");
	if (rc == 0 && ret->size != n->seq)
		rc = authority_other(n, e, "place");
	statement_fini(&s);
	return rc;
}
