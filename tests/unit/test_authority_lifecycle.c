/* SPDX-License-Identifier: Apache-2.0 */
/* What entries about a version's lifecycle claim by a signature, each check of it broken once. */
#include "registry/authority.h"

#include "claim_fixture.h"

static void
life_parts_of(struct site *s, const char *action, struct claim_parts *p)
{
	p->type = streq(action, "delete") ? "delete" : "lifecycle";
	p->subject = (struct digest){ { 1 } };
	p->body = site_life_body(action, 3, &p->subject);
	p->predicate = site_life_predicate(s, action, 3, &p->subject, &(struct digest){ { 9 } });
}

static void
retire_parts(struct site *s, struct claim_parts *p)
{
	life_parts_of(s, "retire", p);
}

static void
delete_parts(struct site *s, struct claim_parts *p)
{
	life_parts_of(s, "delete", p);
}

static void
revoke_parts(struct site *s, struct claim_parts *p)
{
	life_parts_of(s, "revoke", p);
	json_object_set_new(p->predicate, "reason", json_string("leak"));
}

static int
ask_life(const struct authority *a, const struct entry *n, struct err *e)
{
	struct life_claim claim;

	return authority_lifecycle(a, n, &claim, e);
}

Test(authority_lifecycle, lifecycle)
{
	static const struct claim_case cases[] = {
		{ "good", ANA, "", NULL, NULL, 0 },
		{ "unsigned", NOBODY, "", NULL, NULL, -(int)ERR_MALFORMED },
		{ "by a stranger", EVE, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "by the agent", AGENT, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "a statement of another kind", ANA, "kind", NULL, "delete", -(int)ERR_MALFORMED },
		{ "another subject", ANA, "subject", NULL, NULL, BAD },
		{ "another version", ANA, "body", "digest", OTHER, BAD },
		{ "a version that was not signed", ANA, "predicate", "version", NULL, BAD },
		{ "another model", ANA, "entry", "model", "\"x\"", BAD },
		{ "no model of the entry", ANA, "entry", "model", NULL, BAD },
		{ "another number", ANA, "body", "number", "4", BAD },
		{ "another action", ANA, "body", "action", "\"restore\"", BAD },
		{ "an action that was not signed", ANA, "predicate", "action", NULL, BAD },
		{ "an unknown action", ANA, "body", "action", "\"x\"", -(int)ERR_MALFORMED },
		{ "delete is no action here", ANA, "body", "action", "\"delete\"",
		  -(int)ERR_MALFORMED },
		{ "a reason that was not signed", ANA, "entry", "reason", "\"x\"", BAD },
		{ "a reason that is not in the entry", ANA, "predicate", "reason", "\"x\"", BAD },
		{ "no digest before it", ANA, "predicate", "previous", "5", -(int)ERR_MALFORMED },
		{ "the first one", ANA, "predicate", "previous", "null", 0 },
		{ "another registry", ANA, "predicate", "registry", "\"x\"", -(int)ERR_UNTRUSTED },
		{ "another type", ANA, "entry", "type", "\"label\"", BAD },
	};

	run_cases(cases, COUNT(cases), retire_parts, ask_life);
}

Test(authority_lifecycle, delete)
{
	static const struct claim_case cases[] = {
		{ "good", ANA, "", NULL, NULL, 0 },
		{ "unsigned", NOBODY, "", NULL, NULL, -(int)ERR_MALFORMED },
		{ "by the agent", AGENT, "", NULL, NULL, -(int)ERR_UNTRUSTED },
		{ "a statement of another kind", ANA, "kind", NULL, "lifecycle",
		  -(int)ERR_MALFORMED },
		{ "another version", ANA, "body", "digest", OTHER, BAD },
		{ "another number", ANA, "predicate", "number", "4", BAD },
		{ "an action as well", ANA, "body", "action", "\"retire\"", BAD },
	};

	run_cases(cases, COUNT(cases), delete_parts, ask_life);
}

Test(authority_lifecycle, revoke)
{
	static const struct claim_case cases[] = {
		{ "good", ANA, "entry", "reason", "\"leak\"", 0 },
		{ "without its reason", ANA, "", NULL, NULL, BAD },
		{ "for another reason", ANA, "entry", "reason", "\"x\"", BAD },
		{ "for no reason", ANA, "predicate", "reason", NULL, -(int)ERR_MALFORMED },
	};

	run_cases(cases, COUNT(cases), revoke_parts, ask_life);
}

Test(authority_lifecycle, who_may_take_a_version_out_of_use)
{
	static parts_fn *const parts[] = { retire_parts, revoke_parts, delete_parts };
	static const struct {
		enum policy_role role;
		bool may[3]; /* retire, revoke, delete */
	} cases[] = {
		{ ROLE_ROOT, { true, true, true } },       { ROLE_AUTHOR, { true, false, true } },
		{ ROLE_APPROVER, { true, true, false } },  { ROLE_DEPLOYER, { true, true, true } },
		{ ROLE_SCANNER, { false, false, false } },
	};
	static const struct claim_case plain = { "", ANA, "", NULL, NULL, 0 };
	static const struct claim_case with_reason = { "", ANA, "entry", "reason", "\"leak\"", 0 };
	struct ledger l;
	struct site s;
	struct err e = { 0 };

	site_make(&s);
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	const struct authority a = { .policy = &l.policy, .registry_id = s.r->id };
	const uint64_t ana = l.policy.roles[ROLE_ROOT];
	for (size_t i = 0; i < COUNT(cases) * COUNT(parts); i++) {
		const size_t role = i / COUNT(parts), what = i % COUNT(parts);
		struct claim_parts p = { 0 };
		struct err why = { 0 };
		struct entry n;

		for (int k = 0; k < ROLE_COUNT; k++)
			l.policy.roles[k] = k == (int)cases[role].role ? ana : 0;
		parts[what](&s, &p);
		make_entry(&s, &p, what == 1 ? &with_reason : &plain, &n);
		cr_expect_eq(ask_life(&a, &n, &why),
		             cases[role].may[what] ? 0 : -(int)ERR_UNTRUSTED, "%zu %zu: %s", role,
		             what, why.msg);
		entry_fini(&n);
	}
	ledger_fini(&l);
	site_leave(&s);
}
