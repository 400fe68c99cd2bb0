/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy document: written by one template, read strictly. Whoever signs a policy signs every
 * member of it, so a member that this version does not know is refused instead of passed over.
 * Knows nothing of signatures: who verified the document is the caller's affair.
 */
#include "registry/policy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/authority.h"
#include "registry/base/clock.h"
#include "registry/history.h"
#include "registry/ref.h"
#include "registry/statement.h"

#define WHAT       "policy"
#define PEOPLE_MAX 64 /* bits of a role */
#define KEYS_MAX   16

static const char *const role_names[] = {
	[ROLE_ROOT] = "root",         [ROLE_AUTHOR] = "author", [ROLE_APPROVER] = "approver",
	[ROLE_DEPLOYER] = "deployer", [ROLE_AGENT] = "agent",
};
_Static_assert(COUNT(role_names) == ROLE_COUNT, "a role without a name");

const char *
policy_role_name(enum policy_role r)
{
	return role_names[r];
}

/* --- the template --- */

static json_t *
person_json(const char *id, const struct public_key *key)
{
	char ssh[KEY_SSH_SIZE];

	key_ssh(key, ssh);
	return json_pack("{s:s, s:[s]}", "id", id, "keys", ssh);
}

static json_t *
stage_json(const char *name, int order, int is_protected)
{
	return json_pack("{s:s, s:i, s:b}", "name", name, "order", order, "protected",
	                 is_protected);
}

json_t *
policy_solo(const char *registry_id, const char *person, const struct public_key *key,
            const struct public_key *agent, int64_t issued_s)
{
	char issued[CLOCK_TEXT_SIZE];
	json_t *doc;

	clock_text(issued, issued_s);
	doc = json_pack("{s:s, s:s, s:i, s:n, s:s, s:[o, o], s:[o, o]}", "registry", registry_id,
	                "template", "solo", "version", 1, "previous", "issued", issued, "people",
	                person_json(person, key), person_json("agent", agent), "stages",
	                stage_json("staging", 1, 0), stage_json("production", 2, 1));
	if (!doc)
		abort(); /* memory, or a name that was not checked */
	json_t *const roles = json_object();
	for (size_t i = 0; i < ROLE_COUNT; i++)
		json_object_set_new(roles, role_names[i],
		                    json_pack("[s]", i == ROLE_AGENT ? "agent" : person));
	json_object_set_new(doc, "roles", roles);
	return doc;
}

/* --- reading --- */

static int
refuse(struct err *e, const char *why, const char *name)
{
	return err_set(e, ERR_MALFORMED, WHAT ": %s \"%s\"", why, name);
}

/* Only these members, each of them may be absent here. */
static int
check_members(const json_t *o, const char *const *known, size_t n, struct err *e)
{
	void *at = json_object_iter((json_t *)(uintptr_t)o);

	for (; at; at = json_object_iter_next((json_t *)(uintptr_t)o, at)) {
		const char *const key = json_object_iter_key(at);
		bool is_known = false;
		for (size_t i = 0; i < n; i++)
			is_known = is_known || streq(key, known[i]);
		if (!is_known)
			return refuse(e, "unknown member", key);
	}
	return 0;
}

static int
parse_name(const json_t *o, const char *key, char *ret, size_t size, struct err *e)
{
	struct err inner = { 0 };
	const char *s;
	int rc;

	rc = json_get_string(o, key, WHAT, &s, e);
	if (rc < 0)
		return rc;
	if (ref_check_word("name", s, &inner) < 0 || str_copy(ret, size, s) < 0)
		return refuse(e, "not a name:", s);
	return 0;
}

static bool
has_key(const struct policy *p, const struct public_key *key)
{
	return policy_person_of(p, key) != NULL;
}

static int
parse_person(const json_t *o, struct policy *p, struct err *e)
{
	static const char *const known[] = { "id", "keys" };
	struct policy_person *const who = &p->people[p->people_n];
	json_t *keys;
	int rc;

	if (!json_is_object(o))
		return err_set(e, ERR_MALFORMED, WHAT ": a person that is no object");
	rc = check_members(o, known, COUNT(known), e);
	if (rc == 0)
		rc = parse_name(o, "id", who->id, sizeof who->id, e);
	if (rc == 0)
		rc = json_get_array(o, "keys", WHAT, &keys, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < p->people_n; i++)
		if (streq(p->people[i].id, who->id))
			return refuse(e, "two people are named", who->id);
	if (json_array_size(keys) == 0 || json_array_size(keys) > KEYS_MAX)
		return refuse(e, "no keys or too many for", who->id);
	who->keys = xcalloc(json_array_size(keys), sizeof *who->keys);
	p->people_n++;
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const char *const s = json_string_value(json_array_get(keys, i));
		struct policy_key k;
		if (!s || key_parse_ssh(&k.key, s, strlen(s)) < 0)
			return refuse(e, "a key that is no Ed25519 key of", who->id);
		if (has_key(p, &k.key))
			return refuse(e, "a key that stands there twice, once for", who->id);
		key_id(&k.key, k.id);
		who->keys[who->keys_n++] = k;
	}
	return 0;
}

static int
parse_people(const json_t *doc, struct policy *p, struct err *e)
{
	json_t *people;
	int rc;

	rc = json_get_array(doc, "people", WHAT, &people, e);
	if (rc < 0)
		return rc;
	if (json_array_size(people) > PEOPLE_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": more than %d people", PEOPLE_MAX);
	p->people = xcalloc(json_array_size(people), sizeof *p->people);
	for (size_t i = 0; i < json_array_size(people) && rc == 0; i++)
		rc = parse_person(json_array_get(people, i), p, e);
	return rc;
}

static int
parse_role(const json_t *roles, enum policy_role role, struct policy *p, struct err *e)
{
	json_t *names;
	int rc;

	rc = json_get_array(roles, role_names[role], WHAT, &names, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *const s = json_string_value(json_array_get(names, i));
		size_t at = 0;
		while (at < p->people_n && !streq(p->people[at].id, s))
			at++;
		if (!s || at == p->people_n)
			return refuse(e, "nobody of that name, in role", role_names[role]);
		if (p->roles[role] & UINT64_C(1) << at)
			return refuse(e, "named twice in one role:", s);
		p->roles[role] |= UINT64_C(1) << at;
	}
	return 0;
}

static int
parse_roles(const json_t *doc, struct policy *p, struct err *e)
{
	uint64_t people = 0;
	json_t *roles;
	int rc;

	rc = json_get_object(doc, "roles", WHAT, &roles, e);
	if (rc == 0)
		rc = check_members(roles, role_names, ROLE_COUNT, e);
	for (size_t i = 0; i < ROLE_COUNT && rc == 0; i++) {
		rc = parse_role(roles, (enum policy_role)i, p, e);
		people |= i == ROLE_AGENT ? 0 : p->roles[i];
	}
	if (rc < 0)
		return rc;
	if (!p->roles[ROLE_ROOT])
		return err_set(e, ERR_MALFORMED, WHAT ": nobody has role \"root\"");
	/* the agent's key lies unencrypted: it must be good for nothing else */
	if (people & p->roles[ROLE_AGENT])
		return err_set(e, ERR_MALFORMED, WHAT ": an agent that has another role too");
	return 0;
}

/* "latest" and v3 mean versions already, wherever a stage may stand. */
static bool
is_taken(const char *name)
{
	return streq(name, "latest") ||
	       (name[0] == 'v' && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1));
}

static int
parse_stage(const json_t *o, struct policy *p, struct err *e)
{
	static const char *const known[] = { "name", "order", "protected" };
	struct policy_stage *const s = &p->stages[p->stages_n];
	int rc;

	if (!json_is_object(o))
		return err_set(e, ERR_MALFORMED, WHAT ": a stage that is no object");
	rc = check_members(o, known, COUNT(known), e);
	if (rc == 0)
		rc = parse_name(o, "name", s->name, sizeof s->name, e);
	if (rc == 0)
		rc = json_get_u64(o, "order", WHAT, &s->order, e);
	if (rc < 0)
		return rc;
	if (s->order != p->stages_n + 1)
		return refuse(e, "an order that is not 1, 2, ..: of stage", s->name);
	if (policy_stage(p, s->name) || is_taken(s->name))
		return refuse(e, "a name that is taken, of stage", s->name);
	if (!json_is_boolean(json_object_get(o, "protected")))
		return refuse(e, "\"protected\" is not true or false, of stage", s->name);
	s->is_protected = json_is_true(json_object_get(o, "protected"));
	p->stages_n++;
	return 0;
}

static int
parse_stages(const json_t *doc, struct policy *p, struct err *e)
{
	json_t *stages;
	int rc;

	rc = json_get_array(doc, "stages", WHAT, &stages, e);
	if (rc < 0)
		return rc;
	if (json_array_size(stages) == 0 || json_array_size(stages) > STAGES_MAX)
		return err_set(e, ERR_MALFORMED, WHAT ": no stages or more than %d", STAGES_MAX);
	for (size_t i = 0; i < json_array_size(stages) && rc == 0; i++)
		rc = parse_stage(json_array_get(stages, i), p, e);
	return rc;
}

static int
parse_times(const json_t *doc, struct policy *p, struct err *e)
{
	const char *s;
	int rc;

	rc = json_get_string(doc, "issued", WHAT, &s, e);
	if (rc < 0)
		return rc;
	if (clock_parse(s, &p->issued_s) < 0)
		return refuse(e, "no time:", s);
	if (!json_object_get(doc, "expires"))
		return 0;
	rc = json_get_string(doc, "expires", WHAT, &s, e);
	if (rc < 0)
		return rc;
	if (clock_parse(s, &p->expires_s) < 0)
		return refuse(e, "no time:", s);
	return 0;
}

/* Whose policy it is, and which one it replaces: a first one replaces none. */
static int
parse_origin(const json_t *doc, struct policy *p, struct err *e)
{
	const bool is_first = json_is_null(json_object_get(doc, "previous"));
	const char *id;
	int rc;

	rc = json_get_string(doc, "registry", WHAT, &id, e);
	if (rc < 0)
		return rc;
	if (strspn(id, "0123456789abcdef") != 32 ||
	    str_copy(p->registry_id, sizeof p->registry_id, id) < 0)
		return refuse(e, "no registry id:", id);
	if (is_first != (p->version == 1))
		return err_set(e, ERR_MALFORMED, WHAT ": only the first one has no previous one");
	return is_first ? 0 : json_get_digest(doc, "previous", WHAT, &p->previous, e);
}

static int
parse_doc(const json_t *doc, struct policy *p, struct err *e)
{
	static const char *const known[] = { "expires",  "issued",   "people",
		                             "previous", "registry", "roles",
		                             "stages",   "template", "version" };
	int rc;

	if (!json_is_object(doc))
		return err_set(e, ERR_MALFORMED, WHAT ": not an object");
	rc = check_members(doc, known, COUNT(known), e);
	if (rc == 0)
		rc = json_get_u64(doc, "version", WHAT, &p->version, e);
	if (rc == 0 && p->version == 0)
		rc = err_set(e, ERR_MALFORMED, WHAT ": versions begin with 1");
	if (rc == 0)
		rc = parse_origin(doc, p, e);
	if (rc == 0)
		rc = parse_name(doc, "template", p->template_name, sizeof p->template_name, e);
	if (rc == 0)
		rc = parse_times(doc, p, e);
	if (rc == 0)
		rc = parse_people(doc, p, e);
	if (rc == 0)
		rc = parse_roles(doc, p, e);
	if (rc == 0)
		rc = parse_stages(doc, p, e);
	return rc;
}

int
policy_parse(const json_t *doc, struct policy *ret, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct policy p = { 0 };
	int rc;

	json_canonical(doc, &text);
	if (text.n > POLICY_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": larger than %u bytes", POLICY_MAX);
	rc = parse_doc(doc, &p, e);
	if (rc < 0) {
		policy_fini(&p);
		return rc;
	}
	digest_small(text.p, text.n, &p.digest);
	p.doc = json_deep_copy(doc);
	*ret = p;
	return 0;
}

static int
signed_by_root(const struct policy *p, struct str envelope, struct digest *ret_subject,
               struct err *e)
{
	cleanup_free struct public_key *keys = NULL;
	const size_t n = policy_keys(p, ROLE_ROOT, &keys);
	struct statement s = { 0 };
	int rc;

	rc = statement_verify(envelope, "policy", keys, n, &s, e);
	if (rc == 0)
		*ret_subject = s.subject;
	statement_fini(&s);
	return rc;
}

static int
follows(const struct policy *old, const struct policy *p, const char *registry_id, struct err *e)
{
	if (!streq(p->registry_id, registry_id))
		return err_set(e, ERR_UNTRUSTED, "a policy of another registry, %s",
		               p->registry_id);
	if (p->version == (old ? old->version + 1 : 1) &&
	    (!old || digest_eq(&p->previous, &old->digest)))
		return 0;
	return err_set(e, ERR_MALFORMED, "policy %" PRIu64 " does not follow the one in force",
	               p->version);
}

int
policy_accept(const struct policy *old, struct str envelope, const char *registry_id,
              struct policy *ret, struct err *e)
{
	struct statement claim = { 0 };
	struct policy p = { 0 };
	struct digest subject;
	int rc;

	rc = statement_peek(envelope, &claim, e);
	if (rc < 0)
		return rc;
	rc = policy_parse(claim.predicate, &p, e);
	statement_fini(&claim);
	if (rc < 0)
		return rc;
	rc = signed_by_root(&p, envelope, &subject, e);
	if (rc == 0 && !digest_eq(&subject, &p.digest))
		rc = err_set(e, ERR_SIGNATURE, "a policy that is not the one its signature names");
	if (rc == 0 && old)
		rc = signed_by_root(old, envelope, &subject, e);
	if (rc == 0)
		rc = follows(old, &p, registry_id, e);
	if (rc < 0)
		policy_fini(&p);
	else
		*ret = p;
	return rc;
}

void
policy_fini(struct policy *p)
{
	for (size_t i = 0; i < p->people_n; i++)
		free(p->people[i].keys);
	free(p->people);
	json_decref(p->doc);
	*p = (struct policy){ 0 };
}

/* --- asking --- */

size_t
policy_keys(const struct policy *p, enum policy_role role, struct public_key **ret)
{
	size_t n = 0, max = 0;

	for (size_t i = 0; i < p->people_n; i++)
		max += p->people[i].keys_n;
	*ret = xcalloc(max, sizeof **ret);
	for (size_t i = 0; i < p->people_n; i++) {
		if (!(p->roles[role] & UINT64_C(1) << i))
			continue;
		for (size_t k = 0; k < p->people[i].keys_n; k++)
			(*ret)[n++] = p->people[i].keys[k].key;
	}
	return n;
}

const struct policy_person *
policy_person_of(const struct policy *p, const struct public_key *key)
{
	for (size_t i = 0; i < p->people_n; i++)
		for (size_t k = 0; k < p->people[i].keys_n; k++)
			if (memcmp(&p->people[i].keys[k].key, key, sizeof *key) == 0)
				return &p->people[i];
	return NULL;
}

bool
policy_has_role(const struct policy *p, const struct public_key *key, enum policy_role role)
{
	const struct policy_person *const who = policy_person_of(p, key);

	return who && (p->roles[role] & UINT64_C(1) << (who - p->people));
}

const struct policy_stage *
policy_stage(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->stages_n; i++)
		if (streq(p->stages[i].name, name))
			return &p->stages[i];
	return NULL;
}

/* The document that an entry's statement claims to be about; its digest is compared, nothing
 * verified. */
static int
policy_of_entry(const struct entry *n, struct policy *ret, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct statement s;
	int rc;

	if (!streq(n->type, "policy"))
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " is no policy", n->seq);
	rc = authority_envelope(n, &envelope, e);
	if (rc == 0)
		rc = statement_peek(buf_str(&envelope), &s, e);
	if (rc < 0)
		return rc;
	rc = policy_parse(s.predicate, ret, e);
	if (rc == 0 && !digest_eq(&ret->digest, &s.subject)) {
		policy_fini(ret);
		rc = err_set(e, ERR_DIGEST, "policy: not the document that was signed");
	}
	statement_fini(&s);
	return rc;
}

int
policy_current(struct registry *r, struct txn *t, struct policy *ret, struct err *e)
{
	struct applied a;
	struct entry n;
	int rc;

	rc = applied_get(t, &a, e);
	if (rc < 0)
		return rc;
	if (!a.has_policy) {
		(void)err_set(e, ERR_NOT_FOUND, "registry \"%s\" has no policy", r->dir);
		return err_hint(e, "its making was interrupted: remove it, then `slipway init`");
	}
	rc = history_entry(r, t, a.policy_seq, &n, e);
	if (rc < 0)
		return rc;
	rc = policy_of_entry(&n, ret, e);
	if (rc == 0)
		ret->seq = a.policy_seq;
	entry_fini(&n);
	return rc;
}
