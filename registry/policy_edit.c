/* SPDX-License-Identifier: Apache-2.0 */
/*
 * People, keys and roles of a policy's document, edited in place. Arrays keep their order and what
 * is new comes last, so that the next version differs from this one by what was meant and nothing
 * else. policy_edit_set.c has the settings, policy_edit_sites.c other registries,
 * policy_edit_offline.c the site without a connection.
 */
#include "registry/policy_edit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/ref.h"

json_t *
policy_edit_begin(const struct policy *in_force)
{
	return json_deep_copy(in_force->doc);
}

static size_t
index_of(const json_t *array, const char *text)
{
	size_t i = 0;

	while (i < json_array_size(array) &&
	       !streq(json_string_value(json_array_get(array, i)), text))
		i++;
	return i;
}

static json_t *
person_named(const json_t *doc, const char *id)
{
	json_t *person;
	size_t i;

	json_array_foreach(json_object_get(doc, "people"), i, person)
	{
		if (streq(json_opt_string(person, "id"), id))
			return person;
	}
	return NULL;
}

static json_t *
person_with(const json_t *doc, const char *ssh)
{
	json_t *person;
	size_t i;

	json_array_foreach(json_object_get(doc, "people"), i, person)
	{
		const json_t *const keys = json_object_get(person, "keys");
		if (index_of(keys, ssh) < json_array_size(keys))
			return person;
	}
	return NULL;
}

/* Its place in the list of revoked keys; json_array_size: not there. */
static size_t
revoked_at(const json_t *list, const char *ssh)
{
	size_t i = 0;

	while (i < json_array_size(list) &&
	       !streq(json_opt_string(json_array_get(list, i), "key"), ssh))
		i++;
	return i;
}

static int
check_key(const json_t *doc, const char *person, const char *ssh, const char *id, struct err *e)
{
	const json_t *const revoked = json_object_get(doc, "revoked");
	const json_t *const owner = person_with(doc, ssh);
	const size_t at = revoked_at(revoked, ssh);

	if (owner && !streq(json_opt_string(owner, "id"), person)) {
		(void)err_set(e, ERR_EXISTS, "key %s is the key of \"%s\" already", id,
		              json_opt_string(owner, "id"));
		return err_hint(e,
		                "each person has keys of their own: `slipway key new` makes one");
	}
	if (at < json_array_size(revoked)) {
		(void)err_set(e, ERR_POLICY, "key %s is revoked, for good", id);
		return err_hint(e, "a new one is made by `slipway key new NAME`");
	}
	return 0;
}

static json_t *
add_person(json_t *doc, const char *id)
{
	json_t *const person = json_pack("{s:s, s:[]}", "id", id, "keys");

	json_array_append_new(json_object_get(doc, "people"), person);
	return person;
}

static void
add_role(json_t *doc, const char *person, enum policy_role role)
{
	json_t *const roles = json_object_get(doc, "roles");
	json_t *names = json_object_get(roles, policy_role_name(role));

	if (!names) {
		names = json_array();
		json_object_set_new(roles, policy_role_name(role), names);
	}
	if (index_of(names, person) == json_array_size(names))
		json_array_append_new(names, json_string(person));
}

static int
check_new_person(const char *id, const struct public_key *key, unsigned roles, struct err *e)
{
	int rc = ref_check_word("person", id, e);

	if (rc < 0)
		return rc;
	if (strlen(id) >= SIGNER_SIZE)
		return err_set(e, ERR_USAGE, "\"%s\" is longer than %d bytes", id, SIGNER_SIZE - 1);
	if (!key) {
		(void)err_set(e, ERR_NOT_FOUND, "nobody named \"%s\" is in the policy", id);
		return err_hint(e,
		                "their key comes with them: slipway policy add %.60s FILE "
		                "--role ROLE",
		                id);
	}
	if (roles == 0) {
		(void)err_set(e, ERR_USAGE, "\"%s\" is new in the policy: as what?", id);
		return err_hint(e, "say --role author, approver, deployer, root, scanner, agent or "
		                   "log, as often as you like");
	}
	return 0;
}

int
policy_edit_add(json_t *doc, const char *person, const struct public_key *key, unsigned roles,
                struct err *e)
{
	json_t *who = person_named(doc, person);
	char ssh[KEY_SSH_SIZE], id[KEY_ID_SIZE];
	int rc = who ? 0 : check_new_person(person, key, roles, e);

	if (rc == 0 && key) {
		key_ssh(key, ssh);
		key_id(key, id);
		rc = check_key(doc, person, ssh, id, e);
	}
	if (rc < 0)
		return rc;
	if (!who)
		who = add_person(doc, person);
	json_t *const keys = json_object_get(who, "keys");
	if (key && index_of(keys, ssh) == json_array_size(keys))
		json_array_append_new(keys, json_string(ssh));
	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (roles & ROLE_BIT(i))
			add_role(doc, person, (enum policy_role)i);
	return 0;
}

static void
take_name(json_t *array, const char *name)
{
	const size_t i = index_of(array, name);

	if (i < json_array_size(array))
		json_array_remove(array, i);
}

static bool
has_a_role(const json_t *doc, const char *person)
{
	const char *role;
	json_t *names;

	json_object_foreach(json_object_get(doc, "roles"), role, names)
	{
		if (index_of(names, person) < json_array_size(names))
			return true;
	}
	return false;
}

/* These two may be absent, and then are: no document says the same in two ways. */
static void
tidy_roles(json_t *roles)
{
	static const enum policy_role optional[] = { ROLE_SCANNER, ROLE_LOG };

	for (size_t i = 0; i < COUNT(optional); i++)
		if (json_array_size(json_object_get(roles, policy_role_name(optional[i]))) == 0)
			(void)json_object_del(roles, policy_role_name(optional[i]));
}

bool
policy_edit_remove(json_t *doc, const char *person, unsigned roles)
{
	json_t *const all = json_object_get(doc, "roles"), *const people =
	                                                           json_object_get(doc, "people");
	const json_t *const who = person_named(doc, person);

	if (!who)
		return false;
	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (roles == 0 || roles & ROLE_BIT(i))
			take_name(json_object_get(all, policy_role_name((enum policy_role)i)),
			          person);
	tidy_roles(all);
	for (size_t i = 0; i < json_array_size(people) && !has_a_role(doc, person); i++)
		if (json_array_get(people, i) == who) {
			json_array_remove(people, i);
			break;
		}
	return true;
}

static void
list_revoked(json_t *doc, const char *ssh, uint64_t at)
{
	json_t *list = json_object_get(doc, "revoked");

	if (!list) {
		list = json_array();
		json_object_set_new(doc, "revoked", list);
	}
	json_t *const one = json_array_get(list, revoked_at(list, ssh));
	if (!one)
		json_array_append_new(list,
		                      json_pack("{s:I, s:s}", "at", (json_int_t)at, "key", ssh));
	else if (json_integer_value(json_object_get(one, "at")) > (json_int_t)at)
		json_object_set_new(one, "at", json_integer((json_int_t)at));
}

void
policy_edit_revoke(json_t *doc, const struct public_key *key, uint64_t at)
{
	char ssh[KEY_SSH_SIZE];

	key_ssh(key, ssh);
	json_t *const owner = person_with(doc, ssh);
	if (owner) {
		json_t *const keys = json_object_get(owner, "keys");
		take_name(keys, ssh);
		if (json_array_size(keys) == 0)
			(void)policy_edit_remove(doc, json_opt_string(owner, "id"), 0);
	}
	list_revoked(doc, ssh, at);
}

/* --- the next version --- */

/* The parser speaks of documents; here somebody's change is what is wrong. */
static int
refused(struct err *e)
{
	const char *const head = "policy: ";
	char why[sizeof e->msg];

	(void)str_copy(why, sizeof why, has_prefix(e->msg, head) ? e->msg + strlen(head) : e->msg);
	return err_set(e, ERR_POLICY, "the change would leave no good policy: %s", why);
}

int
policy_edit_end(json_t *doc, const struct policy *old, int64_t now_s, struct policy *ret,
                struct err *e)
{
	char issued[CLOCK_TEXT_SIZE];
	int rc;

	*ret = (struct policy){ 0 };
	/* who wrote the whole document need not know these */
	json_object_set(doc, "version", json_object_get(old->doc, "version"));
	json_object_set(doc, "previous", json_object_get(old->doc, "previous"));
	json_object_set(doc, "issued", json_object_get(old->doc, "issued"));
	if (json_equal(doc, old->doc))
		return 1;
	clock_text(issued, now_s);
	json_object_set_new(doc, "version", json_integer((json_int_t)old->version + 1));
	json_object_set_new(doc, "previous", json_from_digest(&old->digest));
	json_object_set_new(doc, "issued", json_string(issued));
	rc = policy_parse(doc, ret, e);
	return rc < 0 ? refused(e) : 0;
}
