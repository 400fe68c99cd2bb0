/* SPDX-License-Identifier: Apache-2.0 */
/* An entry that claims something by a signature, with one thing changed, and what is then said. */
#pragma once

#include "registry/authority.h"
#include "registry/entry.h"
#include "registry_fixture.h"

enum signer { ANA, AGENT, EVE, NOBODY };

struct claim_case {
	const char *name;
	enum signer by;
	const char *in;    /* "body", "predicate", "entry", "subject" or "kind" */
	const char *key;   /* the member that is changed */
	const char *value; /* JSON; NULL: taken away */
	int rc;
};

#define OTHER "\"sha256:00000000000000000000000000000000000000000000000000000000000000aa\""
#define BAD   -(int)ERR_SIGNATURE

/* The statement's type, subject and predicate, and the body beside it. */
struct claim_parts {
	const char *type;
	json_t *body, *predicate;
	struct digest subject;
};

static inline void
set_member(json_t *o, const char *key, const char *value)
{
	json_t *v;

	if (!value) {
		cr_assert_eq(json_object_del(o, key), 0, "%s", key);
		return;
	}
	v = json_loads(value, JSON_DECODE_ANY, NULL);
	cr_assert_not_null(v, "%s", value);
	json_object_set_new(o, key, v);
}

/* The entry as it would be read from the log, changed as the case says. Takes parts' references. */
static inline void
make_entry(struct site *s, struct claim_parts *p, const struct claim_case *c, struct entry *ret)
{
	const struct secret_key *const keys[] = { s->ana, s->agent, s->eve, NULL };
	cleanup_buf struct buf envelope = { 0 }, text = { 0 };
	const struct digest leaf = { { 7 } };
	const char *kind = p->type;
	json_t *n, *statement;
	struct err e = { 0 };

	if (streq(c->in, "body"))
		set_member(p->body, c->key, c->value);
	if (streq(c->in, "predicate"))
		set_member(p->predicate, c->key, c->value);
	if (streq(c->in, "subject"))
		p->subject.b[0] ^= 1;
	if (streq(c->in, "kind"))
		kind = c->value;
	n = site_entry(s, p->type, streq(p->type, "target") ? NULL : MODEL, p->body);
	if (streq(c->in, "entry"))
		set_member(n, c->key, c->value);
	if (keys[c->by]) {
		ok(statement_sign(kind, "x", &p->subject, p->predicate, keys[c->by], &envelope, &e),
		   &e, c->name);
		ok(json_parse(buf_str(&envelope), "envelope", &statement, &e), &e, c->name);
		json_object_set_new(n, "statement", statement);
	}
	json_decref(p->predicate);
	json_canonical(n, &text);
	json_decref(n);
	ok(entry_parse(buf_str(&text), 9, &leaf, ret, &e), &e, c->name);
}

typedef void parts_fn(struct site *s, struct claim_parts *ret);
typedef int ask_fn(const struct authority *a, const struct entry *n, struct err *e);

static inline void
run_cases(const struct claim_case *cases, size_t cases_n, parts_fn *parts, ask_fn *ask)
{
	struct ledger l;
	struct site s;
	struct err e = { 0 };

	site_make(&s);
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	const struct authority a = { .policy = &l.policy, .registry_id = s.r->id };
	for (size_t i = 0; i < cases_n; i++) {
		struct claim_parts p = { 0 };
		struct err why = { 0 };
		struct entry n;

		parts(&s, &p);
		make_entry(&s, &p, &cases[i], &n);
		cr_expect_eq(ask(&a, &n, &why), cases[i].rc, "%s: %s", cases[i].name, why.msg);
		cr_expect_eq(why.code, (enum err_code) - cases[i].rc, "%s", cases[i].name);
		entry_fini(&n);
	}
	ledger_fini(&l);
	site_leave(&s);
}
