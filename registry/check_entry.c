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

#include "registry/authority.h"
#include "registry/entry.h"
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

static int
check_links(struct check *c, const struct entry *n)
{
	const json_t *last = n->model ? json_object_get(c->chains, n->model) : NULL;

	if (!c->is_policy_lost &&
	    (n->has_policy != c->has_policy || (n->has_policy && n->policy != c->policy.seq)))
		return say(c, n, "names another policy than the one in force");
	if (last && (!n->has_previous || n->previous != (uint64_t)json_integer_value(last)))
		return say(c, n, "does not continue its model's chain");
	if (!last && n->has_previous)
		return say(c, n, "names a previous entry of a model that has none");
	return 0;
}

/* A claim that does not hold is said; what follows from a policy that was lost is not. */
static int
claim(struct check *c, const struct entry *n, int rc, struct err *why)
{
	if (rc == 0) {
		c->ret->statements++;
		return 0;
	}
	if (c->is_policy_lost && !streq(n->type, "policy"))
		return -1;
	(void)err_prefix(why, "log entry %" PRIu64 " (%s)", n->seq, n->type);
	check_problem(c, n->model ? n->model : "log", why);
	return -1;
}

static struct authority
authority_of(const struct check *c)
{
	return (struct authority){ .policy = &c->policy, .registry_id = c->r->id };
}

static int
take_policy(struct check *c, const struct entry *n)
{
	cleanup_buf struct buf envelope = { 0 };
	struct policy p = { 0 };
	struct err why = { 0 };
	int rc;

	rc = authority_envelope(n, &envelope, &why);
	if (rc == 0)
		rc = policy_accept(c->has_policy ? &c->policy : NULL, buf_str(&envelope), c->r->id,
		                   &p, &why);
	if (claim(c, n, rc, &why) < 0)
		return -1;
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

#define PLACE_SIZE (NAME_SIZE + 24)

static void
version_place(const char *model, uint64_t number, char ret[PLACE_SIZE])
{
	(void)snprintf(ret, PLACE_SIZE, "%.255s %" PRIu64, model, number);
}

static int
check_version_entry(struct check *c, const struct entry *n)
{
	const struct authority a = authority_of(c);
	struct check_version v = { 0 };
	struct statement s = { 0 };
	struct version_row row;
	struct err why = { 0 };
	char place[PLACE_SIZE];
	int rc;

	c->ret->versions++;
	rc = authority_version(&a, n, &row, &why);
	if (rc == 0)
		rc = authority_verify(&a, n, &s, &why);
	if (claim(c, n, rc, &why) < 0)
		return -1;
	v.number = row.number;
	v.digest = row.digest;
	v.bytes = row.bytes;
	v.files = row.files;
	v.has_fileset = json_get_digest(s.predicate, "fileset", "", &v.fileset, &why) == 0;
	if (json_object_get(s.predicate, "smoke"))
		(void)json_get_digest(s.predicate, "smoke", "", &v.smoke, &why);
	statement_fini(&s);
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
check_authorisation(struct check *c, const struct entry *n)
{
	const struct authority a = authority_of(c);
	cleanup_json json_t *predicate = NULL;
	struct err why = { 0 };
	struct digest plan;
	const int rc = authority_authorisation(&a, n, &plan, &predicate, &why);

	return claim(c, n, rc, &why);
}

static int
check_promotion(struct check *c, const struct entry *n)
{
	const struct authority a = authority_of(c);
	struct err why = { 0 };
	struct promotion p;
	const int rc = authority_promotion(&a, n, &p, NULL, &why);

	return claim(c, n, rc, &why);
}

static int
check_target(struct check *c, const struct entry *n)
{
	const struct authority a = authority_of(c);
	struct target_claim said;
	struct err why = { 0 };
	const int rc = authority_target(&a, n, &said, &why);

	return claim(c, n, rc, &why) < 0 ? -1 : check_blob_of(c, n, said.body, "smoke");
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
		return check_authorisation(c, n);
	if (streq(n->type, "promotion"))
		return check_promotion(c, n);
	if (streq(n->type, "plan"))
		return check_blob_of(c, n, n->body, "id");
	if (streq(n->type, "target"))
		return check_target(c, n);
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
	rc = check_links(c, &n);
	if (rc == 0)
		rc = check_type(c, &n);
	if (rc == 0 && n.model) { /* what does not count is no link of the chain */
		if (!c->chains)
			c->chains = json_object();
		json_object_set_new(c->chains, n.model, json_integer((json_int_t)n.seq));
	}
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
