/* SPDX-License-Identifier: Apache-2.0 */
/* First policies, by template: what `init` signs. Every later one is this document, edited. */
#include "registry/policy.h"

#include <stdlib.h>

#include "registry/base/clock.h"

static json_t *
person_json(const char *id, const struct public_key *key)
{
	char ssh[KEY_SSH_SIZE];

	key_ssh(key, ssh);
	return json_pack("{s:s, s:[s]}", "id", id, "keys", ssh);
}

static json_t *
stage_json(const char *name, int order, bool is_protected)
{
	return json_pack("{s:s, s:i, s:b}", "name", name, "order", order, "protected",
	                 (int)is_protected);
}

static json_t *
stages_json(bool is_team)
{
	json_t *const stages = json_array(), *const production = stage_json("production", 2, true);

	json_array_append_new(stages, stage_json("staging", 1, false));
	if (is_team) {
		json_object_set_new(production, "approvals", json_integer(1));
		json_object_set_new(production, "break_glass", json_pack("[s]", "root"));
	}
	json_array_append_new(stages, production);
	return stages;
}

static json_t *
roles_json(const struct policy_start *s)
{
	json_t *const roles = json_object();

	for (size_t i = 0; i < ROLE_COUNT; i++) {
		const char *who = s->person;
		if (i == ROLE_SCANNER || (i == ROLE_LOG && !s->log))
			continue;
		if (i == ROLE_AGENT || i == ROLE_LOG)
			who = policy_role_name((enum policy_role)i);
		json_object_set_new(roles, policy_role_name((enum policy_role)i),
		                    json_pack("[s]", who));
	}
	return roles;
}

json_t *
policy_template(const struct policy_start *s)
{
	const bool is_team = streq(s->template_name, "team");
	char issued[CLOCK_TEXT_SIZE];
	json_t *people, *doc;

	if (!is_team && !streq(s->template_name, "solo"))
		return NULL;
	clock_text(issued, s->issued_s);
	people =
	        json_pack("[o, o]", person_json(s->person, s->key), person_json("agent", s->agent));
	doc = json_pack("{s:s, s:s, s:i, s:n, s:s}", "registry", s->registry_id, "template",
	                s->template_name, "version", 1, "previous", "issued", issued);
	if (!doc || !people)
		abort(); /* memory, or a name that was not checked */
	if (s->log)
		json_array_append_new(people, person_json("log", s->log));
	json_object_set_new(doc, "people", people);
	json_object_set_new(doc, "roles", roles_json(s));
	json_object_set_new(doc, "stages", stages_json(is_team));
	return doc;
}
