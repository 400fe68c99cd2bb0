/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of the log: does it continue its model, name the policy in force, and carry a statement
 * of one whom that policy allows, about just this? What it says there should be is remembered for
 * the blobs.
 */
#include "registry/check_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/entry.h"
#include "registry/evidence.h"
#include "registry/statement.h"

static int
say(struct check *c, const struct entry *n, const char *why)
{
	struct err problem = { 0 };
	char what[NAME_SIZE + 24];

	(void)err_set(&problem, ERR_MALFORMED, "log entry %" PRIu64 " (%s): %s", n->seq, n->type,
	              why);
	(void)snprintf(what, sizeof what, "%s", n->model ? n->model : "log");
	check_problem(c, what, &problem);
	return -1;
}

static void
continues_chain(struct check *c, const struct entry *n)
{
	const json_t *last;

	if (!n->model)
		return;
	if (!c->chains)
		c->chains = json_object();
	last = json_object_get(c->chains, n->model);
	if (last && (!n->has_previous || n->previous != (uint64_t)json_integer_value(last)))
		(void)say(c, n, "does not continue its model's chain");
	if (!last && n->has_previous)
		(void)say(c, n, "names a previous entry of a model that has none");
	json_object_set_new(c->chains, n->model, json_integer((json_int_t)n->seq));
}

/* The entry's statement verified by keys that hold the role; the entry's blob is needed when it is
 * one. */
static int
verify(struct check *c, const struct entry *n, const struct policy *by, enum policy_role role,
       struct statement *ret)
{
	cleanup_free struct public_key *keys = NULL;
	cleanup_buf struct buf envelope = { 0 };
	struct err why = { 0 };
	size_t keys_n;
	int rc;

	keys_n = policy_keys(by, role, &keys);
	rc = evidence_statement(c->r, n, &envelope, &why);
	if (rc == 0)
		rc = statement_verify(buf_str(&envelope), n->type, keys, keys_n, ret, &why);
	if (rc < 0 && c->is_policy_lost && !streq(n->type, "policy"))
		return -1; /* follows from the policy, which was said */
	if (rc < 0) {
		(void)err_prefix(&why, "log entry %" PRIu64 " (%s)", n->seq, n->type);
		check_problem(c, n->model ? n->model : "log", &why);
		return -1;
	}
	c->ret->statements++;
	if (json_is_string(n->statement)) {
		struct digest d;
		const char *const s = json_string_value(n->statement);
		if (digest_parse(&d, s + strlen("sha256:"), strlen(s) - strlen("sha256:")) == 0)
			check_need_blob(c, &d, false, 0);
	}
	return 0;
}

/* The first policy is signed by its own root, each later one by the root of the one before. */
static int
take_policy(struct check *c, const struct entry *n)
{
	cleanup_buf struct buf envelope = { 0 };
	struct statement s = { 0 };
	struct policy p = { 0 };
	struct err why = { 0 };
	int rc;

	rc = evidence_statement(c->r, n, &envelope, &why);
	if (rc == 0)
		rc = statement_peek(buf_str(&envelope), &s, &why);
	if (rc == 0)
		rc = policy_parse(s.predicate, &p, &why);
	statement_fini(&s);
	if (rc < 0) {
		check_problem(c, "policy", &why);
		return -1;
	}
	rc = verify(c, n, c->has_policy ? &c->policy : &p, ROLE_ROOT, &s);
	if (rc == 0 && !digest_eq(&s.subject, &p.digest))
		rc = say(c, n, "not the document that was signed");
	if (rc == 0 && p.version != (c->has_policy ? c->policy.version + 1 : 1))
		rc = say(c, n, "not the next version of the policy");
	statement_fini(&s);
	if (rc < 0) {
		policy_fini(&p);
		return -1;
	}
	policy_fini(&c->policy);
	c->policy = p;
	c->policy.seq = n->seq;
	c->has_policy = true;
	return 0;
}

static int
check_policy(struct check *c, const struct entry *n)
{
	const int rc = take_policy(c, n);

	c->is_policy_lost = rc < 0;
	return rc;
}

static bool
agrees(const struct statement *s, const struct check *c, const struct entry *n,
       const struct check_version *v)
{
	uint64_t bytes = 0, files = 0;
	struct err ignored = { 0 };

	return digest_eq(&s->subject, &v->digest) &&
	       streq(json_opt_string(s->predicate, "model"), n->model) &&
	       streq(json_opt_string(s->predicate, "registry"), c->r->id) &&
	       json_get_u64(s->predicate, "bytes", "", &bytes, &ignored) == 0 &&
	       json_get_u64(s->predicate, "files", "", &files, &ignored) == 0 &&
	       bytes == v->bytes && files == v->files;
}

#define PLACE_SIZE (NAME_SIZE + 24)

static void
version_place(const char *model, uint64_t number, char ret[PLACE_SIZE])
{
	(void)snprintf(ret, PLACE_SIZE, "%.255s %" PRIu64, model, number);
}

static int
check_version_entry(struct check *c, const struct entry *n)
{
	struct check_version v = { 0 };
	struct statement s = { 0 };
	struct err why = { 0 };
	char place[PLACE_SIZE];
	int rc;

	rc = n->model ? json_get_u64(n->body, "number", n->type, &v.number, &why) : -1;
	if (rc == 0)
		rc = json_get_digest(n->body, "digest", n->type, &v.digest, &why);
	if (rc == 0)
		rc = json_get_u64(n->body, "bytes", n->type, &v.bytes, &why);
	if (rc == 0)
		rc = json_get_u64(n->body, "files", n->type, &v.files, &why);
	if (rc < 0)
		return say(c, n, why.msg[0] ? why.msg : "names no model");
	c->ret->versions++;
	if (verify(c, n, &c->policy, ROLE_AUTHOR, &s) == 0) {
		if (!agrees(&s, c, n, &v))
			(void)say(c, n, "its statement is about something else");
		v.has_fileset = json_get_digest(s.predicate, "fileset", "", &v.fileset, &why) == 0;
		if (json_object_get(s.predicate, "smoke"))
			(void)json_get_digest(s.predicate, "smoke", "", &v.smoke, &why);
		statement_fini(&s);
	}
	v.model = xstrdup(n->model);
	if (!c->places)
		c->places = json_object();
	version_place(n->model, v.number, place);
	json_object_set_new(c->places, place, json_integer((json_int_t)c->versions.n));
	vec_push(&c->versions, v);
	return 0;
}

static int
check_delete(struct check *c, const struct entry *n)
{
	const json_int_t number = json_integer_value(json_object_get(n->body, "number"));
	char place[PLACE_SIZE];
	const json_t *at;

	version_place(n->model ? n->model : "", (uint64_t)number, place);
	at = json_object_get(c->places, place);
	if (!at || c->versions.v[json_integer_value(at)].is_deleted)
		return say(c, n, "a version that is not there");
	c->versions.v[json_integer_value(at)].is_deleted = true;
	c->ret->deleted++;
	return 0;
}

static int
check_role(struct check *c, const struct entry *n, enum policy_role role)
{
	struct statement s = { 0 };
	int rc;

	rc = verify(c, n, &c->policy, role, &s);
	statement_fini(&s);
	return rc;
}

/* Blobs that an entry's body names: a plan is one, a target may have a golden request. */
static int
check_blob_of(struct check *c, const struct entry *n, const json_t *o, const char *key)
{
	struct err why = { 0 };
	struct digest d;

	if (!json_object_get(o, key))
		return 0;
	if (json_get_digest(o, key, n->type, &d, &why) < 0)
		return say(c, n, why.msg);
	check_need_blob(c, &d, false, 0);
	return 0;
}

static int
check_type(struct check *c, const struct entry *n)
{
	if (streq(n->type, "policy"))
		return check_policy(c, n);
	if (streq(n->type, "version"))
		return check_version_entry(c, n);
	if (streq(n->type, "delete"))
		return check_delete(c, n);
	if (streq(n->type, "authorisation"))
		return check_role(c, n, ROLE_DEPLOYER);
	if (streq(n->type, "promotion"))
		return check_role(c, n, ROLE_AGENT);
	if (streq(n->type, "plan"))
		return check_blob_of(c, n, n->body, "id");
	if (streq(n->type, "target"))
		return check_blob_of(c, n, json_object_get(n->body, "target"), "smoke");
	if (!entry_type_find(n->type))
		return say(c, n, "a type that this version of slipway does not know");
	return 0;
}

int
check_entry(struct check *c, const struct log_line *line)
{
	struct err why = { 0 };
	struct entry n;
	int rc;

	if (entry_parse(line->json, line->seq, &line->leaf, &n, &why) < 0) {
		check_problem(c, "log", &why);
		return -1;
	}
	if (!c->is_policy_lost &&
	    (n.has_policy != c->has_policy || (n.has_policy && n.policy != c->policy.seq)))
		(void)say(c, &n, "names another policy than the one in force");
	continues_chain(c, &n);
	rc = check_type(c, &n);
	entry_fini(&n);
	return rc;
}

void
check_entry_fini(struct check *c)
{
	policy_fini(&c->policy);
	vec_foreach(v, &c->versions)
		free(v->model);
	vec_fini(&c->versions);
	json_decref(c->chains);
	json_decref(c->places);
}
