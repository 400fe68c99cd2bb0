/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of a policy's document, by the names that people type. A value that is the default is
 * written as an absent member, so that no document says the same in two ways.
 */
#include "registry/policy_edit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/gate.h"
#include "registry/labels.h"
#include "registry/ref.h"

struct setting {
	json_t *doc, *stage; /* stage NULL: none of that name yet */
	const char *stage_name, *key, *value;
};

static int
bad_value(const struct setting *s, struct err *e, const char *values)
{
	(void)err_set(e, ERR_USAGE, "\"%s\" is no value for %s", s->value, s->key);
	return err_hint(e, "%s", values);
}

/* --- of the whole policy --- */

static int
set_expires(const struct setting *s, struct err *e)
{
	cleanup_free char *midnight = xasprintf("%sT00:00:00Z", s->value);
	char text[CLOCK_TEXT_SIZE];
	int64_t when_s;

	if (streq(s->value, "never")) {
		(void)json_object_del(s->doc, "expires");
		return 0;
	}
	if (clock_parse(s->value, &when_s) < 0 && clock_parse(midnight, &when_s) < 0)
		return bad_value(s, e,
		                 "a day as 2027-01-31, a time as 2027-01-31T12:00:00Z, or "
		                 "never");
	clock_text(text, when_s);
	json_object_set_new(s->doc, "expires", json_string(text));
	return 0;
}

/* A number, in o under name; the default is not written. */
static int
set_number(const struct setting *s, json_t *o, const char *name, uint64_t plain, uint64_t max,
           struct err *e)
{
	uint64_t n;

	if (parse_u64(s->value, max, &n) < 0)
		return bad_value(s, e, "a whole number");
	if (n == plain)
		(void)json_object_del(o, name);
	else
		json_object_set_new(o, name, json_integer((json_int_t)n));
	return 0;
}

static int
set_root_threshold(const struct setting *s, struct err *e)
{
	return set_number(s, s->doc, "root_threshold", 1, POLICY_PEOPLE_MAX, e);
}

static int
set_offline(const struct setting *s, struct err *e)
{
	if (!streq(s->value, "none"))
		return bad_value(s, e,
		                 "none; offline.registries HOST,.. says that there is no "
		                 "connection");
	policy_edit_online(s->doc);
	return 0;
}

static int
set_offline_list(const struct setting *s, struct err *e)
{
	return policy_edit_offline(s->doc, strchr(s->key, '.') + 1, s->value, e);
}

/* --- of a stage --- */

static int
set_approvals(const struct setting *s, struct err *e)
{
	return set_number(s, s->stage, "approvals", 0, POLICY_PEOPLE_MAX, e);
}

static int
set_approval_hours(const struct setting *s, struct err *e)
{
	return set_number(s, s->stage, "approval_hours", POLICY_APPROVAL_HOURS, 24 * 400, e);
}

static int
set_protected(const struct setting *s, struct err *e)
{
	if (!streq(s->value, "true") && !streq(s->value, "false"))
		return bad_value(s, e, "true or false");
	json_object_set_new(s->stage, "protected", json_boolean(streq(s->value, "true")));
	return 0;
}

static int
set_min_proof(const struct setting *s, struct err *e)
{
	static const char *const words[] = PROOF_WORDS;

	if (streq(s->value, "none")) {
		(void)json_object_del(s->stage, "min_proof");
		return 0;
	}
	for (size_t i = 0; i < COUNT(words); i++)
		if (streq(words[i], s->value)) {
			json_object_set_new(s->stage, "min_proof", json_string(words[i]));
			return 0;
		}
	return bad_value(s, e, "object, workload, instances, listed, answered, soaked or none");
}

static int
set_break_glass(const struct setting *s, struct err *e)
{
	cleanup_json json_t *names = json_array();
	const char *at = s->value;

	if (streq(s->value, "none")) {
		(void)json_object_del(s->stage, "break_glass");
		return 0;
	}
	while (*at) {
		cleanup_free char *word = xstrndup(at, strcspn(at, ","));
		enum policy_role role;
		if (policy_role_parse(word, &role) < 0 || !(ROLES_PERSON & ROLE_BIT(role)))
			return bad_value(s, e, "roles of people, as root,deployer, or none");
		json_array_append_new(names, json_string(word));
		at += strlen(word);
		at += *at == ',';
	}
	json_object_set(s->stage, "break_glass", names);
	return 0;
}

/* One rule without the blanks around it, once it can be read; NULL. */
static char *
read_rule(const char *text, size_t n, struct err *e)
{
	struct gate gate;

	while (n > 0 && *text == ' ')
		text++, n--;
	while (n > 0 && text[n - 1] == ' ')
		n--;
	char *const rule = xstrndup(text, n);
	if (gate_parse(rule, &gate, e) == 0)
		return rule;
	e->code = ERR_USAGE;
	(void)err_hint(e, "see slipway-policy(1) for how rules are written");
	free(rule);
	return NULL;
}

static size_t
rule_at(const json_t *rules, const char *rule)
{
	size_t i = 0;

	while (i < json_array_size(rules) &&
	       !streq(json_string_value(json_array_get(rules, i)), rule))
		i++;
	return i;
}

/* What this value makes of the rules that there are. */
static int
edit_rules(const struct setting *s, json_t *rules, struct err *e)
{
	const char sign = s->value[0];
	const char *at = s->value + (sign == '+' || sign == '-');

	if (sign != '+' && sign != '-')
		json_array_clear(rules);
	for (;;) {
		const size_t n = strcspn(at, ";");
		cleanup_free char *rule = read_rule(at, n, e);
		if (!rule)
			return -(int)e->code;
		const size_t i = rule_at(rules, rule);
		if (sign == '-' && i < json_array_size(rules))
			json_array_remove(rules, i);
		else if (sign != '-' && i == json_array_size(rules))
			json_array_append_new(rules, json_string(rule));
		if (at[n] == '\0')
			return 0;
		at += n + 1;
	}
}

static int
set_gates(const struct setting *s, struct err *e)
{
	const json_t *const now = json_object_get(s->stage, "gates");
	cleanup_json json_t *rules = now ? json_deep_copy(now) : json_array();
	int rc = 0;

	if (streq(s->value, "none"))
		json_array_clear(rules);
	else
		rc = edit_rules(s, rules, e);
	if (rc < 0)
		return rc;
	if (json_array_size(rules) == 0)
		(void)json_object_del(s->stage, "gates");
	else
		json_object_set(s->stage, "gates", rules);
	return 0;
}

static int
set_steps(const struct setting *s, struct err *e)
{
	struct canary_plan c = { 0 };
	cleanup_buf struct buf text = { 0 };
	int rc;

	if (streq(s->value, "none")) {
		(void)json_object_del(s->stage, "steps");
		return 0;
	}
	rc = canary_steps_parse(s->value, &c, e);
	if (rc < 0)
		return rc;
	canary_steps_text(&c, &text);
	json_object_set_new(s->stage, "steps", json_string(buf_cstr(&text)));
	return 0;
}

static int
set_limits(const struct setting *s, struct err *e)
{
	struct canary_plan c = { 0 };
	json_t *list;
	int rc;

	if (streq(s->value, "usual")) {
		(void)json_object_del(s->stage, "limits");
		return 0;
	}
	rc = canary_limits_parse(s->value, &c, e);
	if (rc < 0)
		return rc;
	list = json_array();
	for (size_t i = 0; i < c.limits_n; i++)
		json_array_append_new(list, json_string(c.limits[i].text));
	json_object_set_new(s->stage, "limits", list);
	return 0;
}

/* A new stage, or another place for one: all are numbered anew. */
/* Who holds or serves something there is the caller's question. */
static int
drop_stage(const struct setting *s, json_t *stages, struct err *e)
{
	size_t i;
	json_t *v;

	if (json_array_size(stages) == 1)
		return err_set(e, ERR_USAGE, "\"%s\" is the only stage", s->stage_name);
	json_array_foreach(stages, i, v)
	{
		if (v != s->stage)
			continue;
		json_array_remove(stages, i);
		break;
	}
	return 0;
}

static void
count_anew(json_t *stages)
{
	for (size_t i = 0; i < json_array_size(stages); i++)
		json_object_set_new(json_array_get(stages, i), "order",
		                    json_integer((json_int_t)i + 1));
}

static int
set_order(const struct setting *s, struct err *e)
{
	json_t *const stages = json_object_get(s->doc, "stages");
	const size_t n = json_array_size(stages) + (s->stage ? 0 : 1);
	cleanup_json json_t *stage = NULL;
	uint64_t order;

	if (s->stage && streq(s->value, "none")) {
		int rc = drop_stage(s, stages, e);
		count_anew(stages);
		return rc;
	}
	if (parse_u64(s->value, STAGES_MAX, &order) < 0 || order == 0 || order > n)
		return bad_value(s, e,
		                 "its place among the stages: 1 is the first to be climbed; none "
		                 "takes the stage away");
	if (!s->stage && ref_check_word("stage", s->stage_name, e) < 0)
		return -(int)e->code;
	stage = s->stage ? json_incref(s->stage)
	                 : json_pack("{s:s, s:b}", "name", s->stage_name, "protected", 0);
	for (size_t i = 0; s->stage && i < n; i++)
		if (json_array_get(stages, i) == stage) {
			json_array_remove(stages, i);
			break;
		}
	json_array_insert(stages, order - 1, stage);
	count_anew(stages);
	return 0;
}

/* --- by name --- */

/* clang-format off */
const struct policy_edit_key policy_edit_keys[] = {
	{ "expires", false, "DATE|never", "when the policy ends; only rollback is allowed then" },
	{ "root-threshold", false, "N", "how many people of role root sign the next policy" },
	{ "offline", false, "none", "the site has a connection" },
	{ "offline.registries", false, "HOST,..|none", "it has none; its own registries" },
	{ "offline.schemes", false, "SCHEME,..", "how servers may fetch what they serve there" },
	{ "approvals", true, "N", "people who must approve, beside the one who authorises" },
	{ "approval-hours", true, "N", "how long an approval counts" },
	{ "break-glass", true, "ROLE,..|none", "who may go on without approvals, with a reason" },
	{ "gates", true, "'RULE; RULE'|none", "rules on evidence; +RULE and -RULE change one" },
	{ "steps", true, "STEPS|none", "how promotions share the requests: 10%:5m,50%:15m" },
	{ "limits", true, "'LIMIT; LIMIT'|none|usual", "what must hold at each step" },
	{ "min-proof", true, "LAYER|none", "the least proof that a rollout must show" },
	{ "protected", true, "true|false", "whether the model's name must be typed" },
	{ "order", true, "N|none", "the stage's place; a new name makes one, none takes it away" },
	{ NULL, false, NULL, NULL },
};
/* clang-format on */
typedef int set_fn(const struct setting *s, struct err *e);
static set_fn *const setters[] = { set_expires,        set_root_threshold, set_offline,
	                           set_offline_list,   set_offline_list,   set_approvals,
	                           set_approval_hours, set_break_glass,    set_gates,
	                           set_steps,          set_limits,         set_min_proof,
	                           set_protected,      set_order };
_Static_assert(COUNT(setters) + 1 == COUNT(policy_edit_keys), "a setting without a function");

static json_t *
stage_named(const json_t *doc, const char *name)
{
	json_t *stage;
	size_t i;

	json_array_foreach(json_object_get(doc, "stages"), i, stage)
	{
		if (streq(json_opt_string(stage, "name"), name))
			return stage;
	}
	return NULL;
}

static int
unknown_key(const char *key, struct err *e)
{
	(void)err_set(e, ERR_USAGE, "\"%s\" is no setting of a policy", key);
	return err_hint(e, "expires, root-threshold, offline.registries, offline.schemes, or "
	                   "STAGE. and approvals, approval-hours, break-glass, gates, steps, "
	                   "limits, min-proof, protected, order");
}

static int
no_stage(const struct setting *s, struct err *e)
{
	(void)err_set(e, ERR_NOT_FOUND, "the policy has no stage \"%s\"", s->stage_name);
	return err_hint(e, "see `slipway policy show`; slipway policy set %.60s.order N makes one",
	                s->stage_name);
}

int
policy_edit_set(json_t *doc, const char *key, const char *value, struct err *e)
{
	const char *const dot = strrchr(key, '.');
	cleanup_free char *stage = dot ? xstrndup(key, (size_t)(dot - key)) : NULL;
	struct setting s = { .doc = doc, .stage_name = stage, .key = key, .value = value };

	if (!*value)
		return bad_value(&s, e, "a value that is not empty");
	if (stage)
		s.stage = stage_named(doc, stage);
	for (size_t i = 0; policy_edit_keys[i].name; i++) {
		const struct policy_edit_key *const k = &policy_edit_keys[i];
		if (!streq(k->name, k->is_stage ? (dot ? dot + 1 : NULL) : key))
			continue;
		if (k->is_stage && !s.stage && setters[i] != set_order)
			return no_stage(&s, e);
		return setters[i](&s, e);
	}
	return unknown_key(key, e);
}
