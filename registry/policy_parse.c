/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy document, read strictly. Whoever signs a policy signs every member of it, so a member
 * that this version does not know is refused instead of passed over. Knows nothing of signatures:
 * who verified the document is policy.c's affair.
 */
#include "registry/policy_private.h"

#include <stdlib.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/labels.h"
#include "registry/ref.h"

#define WHAT "policy"

static int
refuse(struct err *e, const char *why, const char *name)
{
	return err_set(e, ERR_MALFORMED, WHAT ": %s \"%s\"", why, name);
}

int
policy_check_members(const json_t *o, const char *const *known, size_t n, struct err *e)
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

int
policy_parse_name(const json_t *o, const char *key, char *ret, size_t size, struct err *e)
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

/* As `ssh-keygen` prints it, and without a comment: a signed document has one spelling. */
static int
parse_key(const json_t *text, struct policy_key *ret)
{
	const char *const s = json_string_value(text);
	char again[KEY_SSH_SIZE];

	if (!s || key_parse_ssh(&ret->key, s, strlen(s)) < 0)
		return -1;
	key_ssh(&ret->key, again);
	key_id(&ret->key, ret->id);
	return streq(s, again) ? 0 : -1;
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
	rc = policy_check_members(o, known, COUNT(known), e);
	if (rc == 0)
		rc = policy_parse_name(o, "id", who->id, sizeof who->id, e);
	if (rc == 0)
		rc = json_get_array(o, "keys", WHAT, &keys, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < p->people_n; i++)
		if (streq(p->people[i].id, who->id))
			return refuse(e, "two people are named", who->id);
	if (json_array_size(keys) == 0 || json_array_size(keys) > POLICY_KEYS_MAX)
		return refuse(e, "no keys or too many for", who->id);
	who->keys = xcalloc(json_array_size(keys), sizeof *who->keys);
	p->people_n++;
	for (size_t i = 0; i < json_array_size(keys); i++) {
		struct policy_key *const k = &who->keys[who->keys_n];
		if (parse_key(json_array_get(keys, i), k) < 0)
			return refuse(e, "a key of a kind that is not allowed, of", who->id);
		if (has_key(p, &k->key))
			return refuse(e, "a key that stands there twice, once for", who->id);
		who->keys_n++;
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
	if (json_array_size(people) > POLICY_PEOPLE_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": more than %d people", POLICY_PEOPLE_MAX);
	p->people = xcalloc(json_array_size(people), sizeof *p->people);
	for (size_t i = 0; i < json_array_size(people) && rc == 0; i++)
		rc = parse_person(json_array_get(people, i), p, e);
	return rc;
}

static int
parse_role(const json_t *roles, enum policy_role role, struct policy *p, struct err *e)
{
	const char *const name = policy_role_name(role);
	json_t *names;
	int rc;

	if ((role == ROLE_SCANNER || role == ROLE_LOG) && !json_object_get(roles, name))
		return 0;
	rc = json_get_array(roles, name, WHAT, &names, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *const s = json_string_value(json_array_get(names, i));
		size_t at = 0;
		while (at < p->people_n && !streq(p->people[at].id, s))
			at++;
		if (!s || at == p->people_n)
			return refuse(e, "nobody of that name, in role", name);
		if (p->roles[role] & UINT64_C(1) << at)
			return refuse(e, "named twice in one role:", s);
		p->roles[role] |= UINT64_C(1) << at;
	}
	return 0;
}

static size_t
role_size(const struct policy *p, enum policy_role role)
{
	return (size_t)__builtin_popcountll(p->roles[role]);
}

static int
parse_threshold(const json_t *doc, struct policy *p, struct err *e)
{
	int rc;

	p->root_threshold = 1;
	if (!json_object_get(doc, "root_threshold"))
		return 0;
	rc = json_get_u64(doc, "root_threshold", WHAT, &p->root_threshold, e);
	if (rc == 0 && (p->root_threshold == 0 || p->root_threshold > role_size(p, ROLE_ROOT)))
		rc = err_set(e, ERR_MALFORMED,
		             WHAT ": \"root_threshold\" is 0 or more than there are people in role "
		                  "\"root\"");
	return rc;
}

static int
parse_roles(const json_t *doc, struct policy *p, struct err *e)
{
	const char *names[ROLE_COUNT];
	uint64_t people = 0;
	json_t *roles;
	int rc;

	for (size_t i = 0; i < ROLE_COUNT; i++)
		names[i] = policy_role_name((enum policy_role)i);
	rc = json_get_object(doc, "roles", WHAT, &roles, e);
	if (rc == 0)
		rc = policy_check_members(roles, names, ROLE_COUNT, e);
	for (size_t i = 0; i < ROLE_COUNT && rc == 0; i++) {
		rc = parse_role(roles, (enum policy_role)i, p, e);
		people |= ROLES_PERSON & ROLE_BIT(i) ? p->roles[i] : 0;
	}
	if (rc < 0)
		return rc;
	if (!p->roles[ROLE_ROOT])
		return err_set(e, ERR_MALFORMED, WHAT ": nobody has role \"root\"");
	/* keys that lie unencrypted must be good for nothing else */
	if (people & p->roles[ROLE_AGENT])
		return err_set(e, ERR_MALFORMED, WHAT ": an agent that has another role too");
	if ((people | p->roles[ROLE_AGENT]) & p->roles[ROLE_LOG])
		return err_set(e, ERR_MALFORMED, WHAT ": a log that has another role too");
	return parse_threshold(doc, p, e);
}

/* "latest" and v3 mean versions already, wherever a stage may stand. */
static bool
is_taken(const char *name)
{
	return streq(name, "latest") ||
	       (name[0] == 'v' && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1));
}

static int
parse_break_glass(const json_t *o, struct policy_stage *s, struct err *e)
{
	json_t *names;
	int rc = json_get_array(o, "break_glass", WHAT, &names, e);

	for (size_t i = 0; rc == 0 && i < json_array_size(names); i++) {
		const char *const name = json_string_value(json_array_get(names, i));
		enum policy_role role;
		if (!name || policy_role_parse(name, &role) < 0 ||
		    !(ROLES_PERSON & ROLE_BIT(role)) || (s->break_glass & ROLE_BIT(role)))
			return refuse(e, "\"break_glass\" names roles of people, once each: stage",
			              s->name);
		s->break_glass |= ROLE_BIT(role);
	}
	return rc;
}

static int
parse_gates(const json_t *o, struct policy_stage *s, struct err *e)
{
	json_t *rules;
	int rc = json_get_array(o, "gates", WHAT, &rules, e);

	if (rc == 0 && json_array_size(rules) > GATES_MAX)
		rc = err_set(e, ERR_TOO_BIG, WHAT ": more than %d gates", GATES_MAX);
	if (rc < 0)
		return rc;
	s->gates = xcalloc(json_array_size(rules) + 1, sizeof *s->gates);
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const char *const text = json_string_value(json_array_get(rules, i));
		if (!text)
			return refuse(e, "a gate that is no text, of stage", s->name);
		rc = gate_parse(text, &s->gates[s->gates_n], e);
		if (rc < 0)
			return err_prefix(e, WHAT ": stage \"%s\"", s->name);
		s->gates_n++;
	}
	return 0;
}

/* Steps in the one form that they have, and limits; both may be absent. */
static int
parse_canary(const json_t *o, struct policy_stage *s, struct err *e)
{
	const json_t *const limits = json_object_get(o, "limits"), *one;
	const char *steps = NULL;
	cleanup_buf struct buf again = { 0 };
	struct err why = { 0 };
	size_t i;
	int rc = 0;

	if (json_object_get(o, "steps"))
		rc = json_get_string(o, "steps", WHAT, &steps, e);
	if (rc < 0)
		return rc;
	if (steps && canary_steps_parse(steps, &s->canary, &why) == 0)
		canary_steps_text(&s->canary, &again);
	if (steps && !streq(buf_cstr(&again), steps))
		return refuse(e, "\"steps\" are none, of stage", s->name);
	s->has_limits = limits != NULL;
	if (limits && !json_is_array(limits))
		return refuse(e, "\"limits\" are no list, of stage", s->name);
	json_array_foreach(limits, i, one)
	{
		if (!json_is_string(one) ||
		    canary_limit_add(json_string_value(one), &s->canary, &why) < 0)
			return refuse(e, "\"limits\" has what is none, of stage", s->name);
	}
	return 0;
}

/* What is wanted before the stage moves; all of it may be absent. */
static int
parse_wants(const json_t *o, const struct policy *p, struct policy_stage *s, struct err *e)
{
	cleanup_json json_t *layer = NULL;
	int rc = 0;

	s->approval_hours = POLICY_APPROVAL_HOURS;
	s->min_proof = -1;
	if (json_object_get(o, "approvals"))
		rc = json_get_u64(o, "approvals", WHAT, &s->approvals, e);
	if (rc == 0 && s->approvals > role_size(p, ROLE_APPROVER))
		return refuse(e, "more approvals than there are approvers, of stage", s->name);
	if (rc == 0 && json_object_get(o, "approval_hours"))
		rc = json_get_u64(o, "approval_hours", WHAT, &s->approval_hours, e);
	if (rc == 0 && (s->approval_hours == 0 || s->approval_hours > 24 * 400))
		return refuse(e, "\"approval_hours\" is not 1 to 9600, of stage", s->name);
	if (rc == 0 && json_object_get(o, "break_glass"))
		rc = parse_break_glass(o, s, e);
	if (rc == 0 && json_object_get(o, "gates"))
		rc = parse_gates(o, s, e);
	if (rc == 0)
		rc = parse_canary(o, s, e);
	if (rc < 0 || !json_object_get(o, "min_proof"))
		return rc;
	layer = json_pack("[O]", json_object_get(o, "min_proof"));
	const unsigned bit = proofs_from_json(layer);
	if (!bit)
		return refuse(e, "\"min_proof\" names no layer of proof, of stage", s->name);
	s->min_proof = __builtin_ctz(bit);
	return 0;
}

static int
parse_stage(const json_t *o, struct policy *p, struct err *e)
{
	static const char *const known[] = { "approval_hours", "approvals", "break_glass", "gates",
		                             "limits",         "min_proof", "name",        "order",
		                             "protected",      "steps" };
	struct policy_stage *const s = &p->stages[p->stages_n];
	int rc;

	if (!json_is_object(o))
		return err_set(e, ERR_MALFORMED, WHAT ": a stage that is no object");
	rc = policy_check_members(o, known, COUNT(known), e);
	if (rc == 0)
		rc = policy_parse_name(o, "name", s->name, sizeof s->name, e);
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
	p->stages_n++; /* from here on policy_fini releases it */
	return parse_wants(o, p, s, e);
}

/* Gates may look at stages: at ones that there are. */
static int
check_gates(const struct policy *p, struct err *e)
{
	for (size_t i = 0; i < p->stages_n; i++)
		for (size_t k = 0; k < p->stages[i].gates_n; k++) {
			const struct gate *const g = &p->stages[i].gates[k];
			if (g->stage[0] && !policy_stage(p, g->stage))
				return refuse(e, "a gate names no stage of this policy:", g->text);
		}
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
	return rc < 0 ? rc : check_gates(p, e);
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
	if (p->expires_s <= p->issued_s || p->expires_s - p->issued_s > POLICY_EXPIRY_MAX_S)
		return refuse(e, "it expires before its issue or more than 400 days after:", s);
	return 0;
}

/* Keys whose word does not count from a place in the log on. */
static int
parse_revoked(const json_t *doc, struct policy *p, struct err *e)
{
	static const char *const known[] = { "at", "key" };
	json_t *list, *o;
	size_t i;
	int rc;

	if (!json_object_get(doc, "revoked"))
		return 0;
	rc = json_get_array(doc, "revoked", WHAT, &list, e);
	if (rc < 0)
		return rc;
	p->revoked = xcalloc(json_array_size(list) + 1, sizeof *p->revoked);
	json_array_foreach(list, i, o)
	{
		struct policy_revoked *const v = &p->revoked[p->revoked_n];
		rc = json_is_object(o) ? policy_check_members(o, known, COUNT(known), e)
		                       : err_set(e, ERR_MALFORMED, WHAT ": \"revoked\"");
		if (rc == 0)
			rc = json_get_u64(o, "at", WHAT, &v->at, e);
		if (rc < 0)
			return rc;
		if (parse_key(json_object_get(o, "key"), &v->key) < 0)
			return err_set(e, ERR_MALFORMED, WHAT ": a revoked key that is no key");
		if (has_key(p, &v->key.key) || policy_is_revoked(p, &v->key.key, UINT64_MAX))
			return refuse(e, "a revoked key that stands there twice:", v->key.id);
		p->revoked_n++;
	}
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
	static const char *const known[] = { "expires",  "issued",   "offline", "people",
		                             "previous", "registry", "revoked", "root_threshold",
		                             "roles",    "sites",    "stages",  "template",
		                             "version" };
	int rc;

	if (!json_is_object(doc))
		return err_set(e, ERR_MALFORMED, WHAT ": not an object");
	rc = policy_check_members(doc, known, COUNT(known), e);
	if (rc == 0)
		rc = json_get_u64(doc, "version", WHAT, &p->version, e);
	if (rc == 0 && p->version == 0)
		rc = err_set(e, ERR_MALFORMED, WHAT ": versions begin with 1");
	if (rc == 0)
		rc = parse_origin(doc, p, e);
	if (rc == 0)
		rc = policy_parse_name(doc, "template", p->template_name, sizeof p->template_name,
		                       e);
	if (rc == 0)
		rc = parse_times(doc, p, e);
	if (rc == 0)
		rc = parse_people(doc, p, e);
	if (rc == 0)
		rc = parse_revoked(doc, p, e);
	if (rc == 0)
		rc = parse_roles(doc, p, e);
	if (rc == 0)
		rc = parse_stages(doc, p, e);
	if (rc == 0)
		rc = policy_parse_sites(doc, p, e);
	if (rc == 0)
		rc = policy_parse_offline(doc, p, e);
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
