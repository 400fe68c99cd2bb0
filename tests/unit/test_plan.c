/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: the same intent has the same id, another one another, and nothing else is a plan. */
#include "registry/plan.h"

#include "registry/change.h"
#include "registry/records.h"
#include "registry_fixture.h"

#define D(c) "sha256:" c c c c c c c c c c c c c c c c

static const char golden[] = "{\"kind\":\"promote\",\"model\":\"m\",\"number\":2,\"previous\":\"" D(
        "0a0b") "\","
                "\"registry\":\"00112233445566778899aabbccddeeff\",\"stage\":\"staging\","
                "\"steps\":[\"preflight\",\"stage\",\"apply\",\"verify\"],"
                "\"targets\":[{\"identity\":\"" D("0102") "\",\"name\":\"dc1\",\"rendered\":\"" D(
                        "0304") "\"}],\"version\":\"" D("0506") "\",\"way_back\":null}";

/* What plan_parse makes of the golden text with `old` replaced by `fresh`. */
static int
parse_changed(const char *old, const char *fresh, struct plan *ret, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	const char *at = strstr(golden, old);

	cr_assert_not_null(at, "%s", old);
	buf_add(&b, golden, (size_t)(at - golden));
	buf_adds(&b, fresh);
	buf_adds(&b, at + strlen(old));
	return plan_parse(buf_str(&b), ret, e);
}

Test(plan, strict)
{
	static const struct {
		const char *old, *fresh;
		int rc;
	} cases[] = {
		{ "{\"kind\"", "{\"kind\"", 0 },
		{ "\"number\":2", "\"number\":3", 0 },
		{ "{\"kind\"", "{ \"kind\"", -(int)ERR_MALFORMED },
		{ "null}", "null}\n", -(int)ERR_MALFORMED },
		{ "null}", "null} {}", -(int)ERR_MALFORMED },
		{ "null}", "null,\"x\":1}", -(int)ERR_MALFORMED },
		{ ",\"targets\"", ",\"take\":[\".a\",\".b[x=\\\"y\\\"].c\"],\"targets\"", 0 },
		{ ",\"targets\"", ",\"take\":[\".b\",\".a\"],\"targets\"", -(int)ERR_MALFORMED },
		{ ",\"targets\"", ",\"take\":[\".a\",\".a\"],\"targets\"", -(int)ERR_MALFORMED },
		{ ",\"targets\"", ",\"take\":[\"a\"],\"targets\"", -(int)ERR_MALFORMED },
		{ ",\"targets\"", ",\"take\":[7],\"targets\"", -(int)ERR_MALFORMED },
		{ ",\"targets\"", ",\"take\":[],\"targets\"", -(int)ERR_MALFORMED },
		{ ",\"targets\"", ",\"take\":null,\"targets\"", -(int)ERR_MALFORMED },
		{ ",\"targets\"", ",\"take\":[\".\\u0007\"],\"targets\"", -(int)ERR_MALFORMED },
		{ ",\"way_back\":null", "", -(int)ERR_MALFORMED },
		{ "null}", "null,\"way_back\":null}", -(int)ERR_MALFORMED },
		{ "\"number\":2", "\"number\":-2", -(int)ERR_MALFORMED },
		{ "\"number\":2", "\"number\":2.0", -(int)ERR_MALFORMED },
		{ "\"number\":2", "\"number\":\"2\"", -(int)ERR_MALFORMED },
		{ "promote", "remove", -(int)ERR_MALFORMED },
		{ "\"apply\"", "\"rollback\"", -(int)ERR_MALFORMED },
		{ "\"preflight\",", "", -(int)ERR_MALFORMED },
		{ "\"m\"", "\"\\u006d\"", -(int)ERR_MALFORMED },
		{ "0506", "05AB", -(int)ERR_MALFORMED },
		{ "sha256:", "sha512:", -(int)ERR_MALFORMED },
		{ "\"name\":\"dc1\",", "", -(int)ERR_MALFORMED },
		{ "\"name\":\"dc1\"", "\"name\":\"dc1\",\"path\":\"/\"", -(int)ERR_MALFORMED },
		{ "00112233445566778899aabbccddeeff", "00112233445566778899aabbccddeeff00",
		  -(int)ERR_MALFORMED },
		{ golden, "", -(int)ERR_MALFORMED },
		{ golden, "[]", -(int)ERR_MALFORMED },
		{ golden, "{}", -(int)ERR_MALFORMED },
	};
	struct digest id;

	cr_assert_eq(crypto_init(), 0);
	digest_small(golden, strlen(golden), &id);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { 0 };
		struct plan p;

		cr_expect_eq(parse_changed(cases[i].old, cases[i].fresh, &p, &e), cases[i].rc,
		             "%zu %s: %s", i, cases[i].fresh, e.msg);
		if (cases[i].rc == 0) {
			cr_expect_eq(digest_eq(&p.id, &id), i == 0, "%zu", i);
			cr_expect_eq(p.targets_n, 1);
			cr_expect_str_eq(p.targets[0].name, "dc1");
		}
		plan_fini(&p);
	}
}

Test(plan, fields_to_take)
{
	struct plan_take t = { 0 }, other = { 0 };
	struct err e = { 0 };
	char field[PLAN_TAKE_SIZE + 1] = ".";

	cr_expect_eq(plan_take_add(&t, "spec", &e), -(int)ERR_USAGE);
	cr_expect_eq(plan_take_add(&t, ".", &e), -(int)ERR_USAGE);
	cr_expect_eq(plan_take_add(&t, "", &e), -(int)ERR_USAGE);
	memset(field + 1, 'a', PLAN_TAKE_SIZE - 1);
	cr_expect_eq(plan_take_add(&t, field, &e), -(int)ERR_USAGE, "too long");
	for (int i = PLAN_TAKE_MAX; i-- > 0;) {
		(void)snprintf(field, sizeof field, ".f%d", i);
		cr_expect_eq(plan_take_add(&t, field, &e), 0);
		cr_expect_eq(plan_take_add(&t, field, &e), 0, "once is enough");
	}
	cr_expect_eq(t.n, PLAN_TAKE_MAX);
	cr_expect_str_eq(t.v[0], ".f0");
	cr_expect_str_eq(t.v[PLAN_TAKE_MAX - 1], ".f7");
	cr_expect_eq(plan_take_add(&t, ".g", &e), -(int)ERR_USAGE, "too many");
	cr_expect_not(plan_take_eq(&t, &other));
	for (int i = 0; i < PLAN_TAKE_MAX; i++)
		cr_expect_eq(plan_take_add(&other, t.v[i], &e), 0);
	cr_expect(plan_take_eq(&t, &other));
}

Test(plan, the_id_is_the_intent_alone)
{
	struct plan a, b;
	struct site s;
	struct err e = { 0 };

	site_make(&s);
	const struct digest v1 = site_version(&s, 1, "one");
	const struct digest v2 = site_version(&s, 2, "two");
	site_plan(&s, "promote", &v2, "staging", &a);
	/* other entries, another pin, another moment */
	site_label(&s, "k", "v");
	site_pin(&s);
	cr_assert_eq(site_intend(&s, "promote", &v2, "staging", &b, &e), 0);
	ok(plan_seal(&b, &e), &e, "seal");
	cr_expect(digest_eq(&a.id, &b.id));
	cr_expect(str_eq(buf_str(&a.text), buf_str(&b.text)));
	plan_fini(&b);

	/* the stage moved, and later looks as before: another plan, and the old one is dead */
	site_move(&s, "promote", &v1, "staging");
	site_move(&s, "rollback", NULL, "staging");
	cr_assert_eq(site_intend(&s, "promote", &v2, "staging", &b, &e), 0);
	ok(plan_seal(&b, &e), &e, "seal");
	cr_expect_not(digest_eq(&a.id, &b.id));
	struct ledger l;
	ok(ledger_open(s.r, &l, &e), &e, "ledger");
	cr_expect_eq(plan_still_holds(s.r, &l, &a, &e), -(int)ERR_CONFLICT);
	cr_expect_eq(plan_still_holds(s.r, &l, &b, &e), 0);
	ledger_fini(&l);
	plan_fini(&a);
	plan_fini(&b);
	site_leave(&s);
}

/* One letter a step: 1 to 3 promotes that version, r rolls back one step, A to C rolls back to
 * that version; what is held at the end, and what the next rollback would lead to. */
Test(plan, rollbacks_pop_and_promotions_push)
{
	static const struct {
		const char *steps;
		unsigned held, next;
	} cases[] = {
		{ "1", 1, 0 },    { "12", 2, 1 },    { "123", 3, 2 },  { "12r", 1, 0 },
		{ "123r", 2, 1 }, { "123rr", 1, 0 }, { "12r3", 3, 1 }, { "12r2r", 1, 0 },
		{ "1r2", 2, 0 },  { "123A", 1, 0 },  { "123B", 2, 1 }, { "123B3", 3, 2 },
		{ "121", 1, 2 },  { "121r", 2, 1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct digest v[4] = { 0 };
		struct plan p;
		struct site s;
		struct err e = { 0 };

		site_make(&s);
		v[1] = site_version(&s, 1, "one");
		v[2] = site_version(&s, 2, "two");
		v[3] = site_version(&s, 3, "three");
		for (const char *c = cases[i].steps; *c; c++) {
			if (*c == 'r')
				site_move(&s, "rollback", NULL, "staging");
			else if (*c >= 'A')
				site_move(&s, "rollback", &v[*c - 'A' + 1], "staging");
			else
				site_move(&s, "promote", &v[*c - '0'], "staging");
		}
		cr_expect_eq(site_stage(&s, "staging").number, cases[i].held, "%s", cases[i].steps);
		cr_expect_eq(site_intend(&s, "rollback", NULL, "staging", &p, &e), 0, "%s", e.msg);
		cr_expect_eq(p.number, cases[i].next, "%s: back to v%d", cases[i].steps,
		             (int)p.number);
		cr_expect_eq(p.empty, cases[i].next == 0, "%s", cases[i].steps);
		site_leave(&s);
	}
}

Test(plan, what_may_be_planned)
{
	static const struct {
		const char *kind, *stage;
		unsigned version; /* 0: NULL, 9: unknown, 4: deleted, 5: retired */
		int rc;
	} cases[] = {
		{ "promote", "staging", 2, 0 },
		{ "promote", "staging", 1, CHANGE_NONE },
		{ "promote", "staging", 9, -(int)ERR_NOT_FOUND },
		{ "promote", "staging", 4, -(int)ERR_POLICY },
		{ "promote", "staging", 5, -(int)ERR_POLICY },
		{ "promote", "production", 1, 0 },
		{ "promote", "production", 2, -(int)ERR_POLICY },
		{ "promote", "nowhere", 1, -(int)ERR_NOT_FOUND },
		{ "rollback", "staging", 0, 0 },
		{ "rollback", "staging", 1, CHANGE_NONE },
		{ "rollback", "staging", 2, -(int)ERR_NOT_FOUND },
		{ "rollback", "production", 0, -(int)ERR_CONFLICT },
		{ "rollback", "nowhere", 0, -(int)ERR_NOT_FOUND },
	};
	struct digest v[10] = { [9] = { { 9 } } };
	struct site s;

	site_make(&s);
	v[1] = site_version(&s, 1, "one");
	v[2] = site_version(&s, 2, "two");
	site_version(&s, 3, "three");
	v[4] = site_version(&s, 4, "four");
	site_delete(&s, 4, &v[4]);
	v[5] = site_version(&s, 5, "five");
	site_life(&s, "retire", 5, &v[5], &(struct digest){ 0 });
	site_move(&s, "promote", &v[1], "staging");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { 0 };
		struct plan p;

		cr_expect_eq(site_intend(&s, cases[i].kind,
		                         cases[i].version ? &v[cases[i].version] : NULL,
		                         cases[i].stage, &p, &e),
		             cases[i].rc, "%zu: %s", i, e.msg);
		plan_fini(&p);
	}
	site_leave(&s);
}

Test(plan, found_by_the_start_of_its_id)
{
	char hex[DIGEST_HEX_SIZE], odd[80];
	struct plan_row row;
	struct plan p;
	struct txn *t;
	struct site s;
	struct err e = { 0 };

	site_make(&s);
	const struct digest v1 = site_version(&s, 1, "one");
	site_plan(&s, "promote", &v1, "staging", &p);
	digest_hex(&p.id, hex);
	static const struct {
		size_t n; /* digits of the id */
		const char *more;
		int rc;
	} cases[] = {
		{ 64, "", 0 },
		{ 16, "", 0 },
		{ 15, "", -(int)ERR_USAGE },
		{ 0, "", -(int)ERR_USAGE },
		{ 64, "0", -(int)ERR_USAGE },
		{ 16, "X", -(int)ERR_USAGE },
		{ 0, "ffffffffffffffff", -(int)ERR_NOT_FOUND },
		{ 0, "FFFFFFFFFFFFFFFF", -(int)ERR_USAGE },
	};
	ok(store_read_begin(s.r->store, &t, &e), &e, "begin");
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(odd, sizeof odd, "%.*s%s", (int)cases[i].n, hex, cases[i].more);
		cr_expect_eq(plan_find(t, odd, &row, &e), cases[i].rc, "%zu: %s", i, e.msg);
		if (cases[i].rc == 0)
			cr_expect(digest_eq(&row.id, &p.id));
	}
	store_abort(t);
	plan_fini(&p);
	site_leave(&s);
}
