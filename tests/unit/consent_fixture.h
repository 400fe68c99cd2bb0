/* SPDX-License-Identifier: Apache-2.0 */
/* Two people: ben joins ana's site as an approver, and says yes, or what looks like it. */
#pragma once

#include "claim_fixture.h"

/* Behind the site's own policy: ben may approve, and staging wants one approval. */
static inline void
ben_joins(struct site *s, const struct secret_key *ben)
{
	json_t *doc = solo_policy(s->r->id, "ana", &s->ana->pub, &s->agent->pub, 2000);
	json_t *stage = json_array_get(json_object_get(doc, "stages"), 0);
	char ssh[KEY_SSH_SIZE];
	struct ledger l;
	struct err e = { 0 };

	key_ssh(&ben->pub, ssh);
	ok(ledger_open(s->r, &l, &e), &e, "ledger");
	json_object_set_new(doc, "previous", json_from_digest(&l.policy.digest));
	ledger_fini(&l);
	json_object_set_new(doc, "version", json_integer(2));
	json_array_append_new(json_object_get(doc, "people"),
	                      json_pack("{s:s, s:[s]}", "id", "ben", "keys", ssh));
	json_array_append_new(json_object_get(json_object_get(doc, "roles"), "approver"),
	                      json_string("ben"));
	json_object_set_new(stage, "approvals", json_integer(1));
	site_policy(s, doc, s->ana);
}

enum trick {
	PLAIN,
	OTHER_PLAN,  /* an approval of another plan is named */
	RELABELLED,  /* the same, in an entry that names this plan */
	OTHER_STATE, /* of this plan, for when the stage held nothing */
	UNNAMED,     /* it is there, the promotion does not name it */
	AFTERWARDS,  /* it comes after the promotion that names it */
	NOWHERE,     /* a leaf that no entry has */
	GLASS,       /* the promotion says that the glass was broken, nobody else does */
};

struct attack {
	const char *name, *kind;
	char yes; /* who approves: ana, ben, eve or the agent; '-': nobody */
	enum trick trick;
	bool counts;
};

static inline json_t *
approval_entry(struct site *s, const struct plan *p, const struct plan *signed_plan,
               const struct attack *a, const struct secret_key *by)
{
	cleanup_json json_t *o = site_authorisation_predicate(s, signed_plan);
	cleanup_buf struct buf envelope = { 0 };
	json_t *n, *statement;
	struct err e = { 0 };

	json_object_set_new(o, "expires", json_string("2030-01-01T00:00:00Z"));
	if (a->trick == OTHER_STATE)
		json_object_set_new(o, "previous", json_null());
	ok(statement_sign("approval", "plan", &signed_plan->id, o, by, &envelope, &e), &e, "sign");
	ok(json_parse(buf_str(&envelope), "envelope", &statement, &e), &e, "envelope");
	n = site_entry(s, "approval", MODEL, json_pack("{s:o}", "plan", json_from_digest(&p->id)));
	json_object_set_new(n, "statement", statement);
	return n;
}
