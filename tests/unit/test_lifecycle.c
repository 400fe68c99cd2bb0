/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions taken out of use: what each entry must say, in which state it may, and that nobody who
 * can write the database, or an old line again, makes a withdrawn version a live one for whoever
 * decides, with a pin, without one, and with a pin that is older than such entries.
 */
#include "registry/authority.h"

#include <string.h>
#include <sys/wait.h>

#include "registry/base/message.h"
#include "registry/records.h"
#include "registry_fixture.h"

/* --- states --- */

Test(lifecycle, what_follows_what)
{
	static const struct {
		const char *steps; /* r etire, u ndo, x revoke, h old, l release, d elete */
		int rc;            /* of the last one */
		enum lifecycle life;
		bool held;
	} cases[] = {
		{ "r", 0, LIFE_RETIRED, false },
		{ "ru", 0, LIFE_LIVE, false },
		{ "rur", 0, LIFE_RETIRED, false },
		{ "rr", -(int)ERR_MALFORMED, LIFE_RETIRED, false },
		{ "u", -(int)ERR_MALFORMED, LIFE_LIVE, false },
		{ "x", 0, LIFE_REVOKED, false },
		{ "rx", 0, LIFE_REVOKED, false },
		{ "xx", -(int)ERR_MALFORMED, LIFE_REVOKED, false },
		{ "xu", -(int)ERR_MALFORMED, LIFE_REVOKED, false },
		{ "xr", -(int)ERR_MALFORMED, LIFE_REVOKED, false },
		{ "h", 0, LIFE_LIVE, true },
		{ "hh", -(int)ERR_MALFORMED, LIFE_LIVE, true },
		{ "hl", 0, LIFE_LIVE, false },
		{ "l", -(int)ERR_MALFORMED, LIFE_LIVE, false },
		{ "hx", 0, LIFE_REVOKED, true },
		{ "xh", 0, LIFE_REVOKED, true },
		{ "hd", -(int)ERR_MALFORMED, LIFE_LIVE, true },
		{ "hld", 0, LIFE_DELETED, false },
		{ "d", 0, LIFE_DELETED, false },
		{ "xd", 0, LIFE_DELETED, false },
		{ "dd", -(int)ERR_MALFORMED, LIFE_DELETED, false },
		{ "du", -(int)ERR_MALFORMED, LIFE_DELETED, false },
		{ "dh", -(int)ERR_MALFORMED, LIFE_DELETED, false },
		{ "dx", -(int)ERR_MALFORMED, LIFE_DELETED, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct life_state s = { 0 };
		struct err e = { 0 };
		int rc = 0;

		for (const char *p = cases[i].steps; *p; p++) {
			const struct digest leaf = { { (uint8_t)(1 + (p - cases[i].steps)) } };
			const struct life_claim c = {
				.action = (enum life_action)(strchr("ruxhld", *p) - "ruxhld"),
				.previous = s.leaf,
			};
			rc = life_step(&s, &c, &leaf, &e);
		}
		cr_expect_eq(rc, cases[i].rc, "%s: %s", cases[i].steps, e.msg);
		cr_expect_eq(s.life, cases[i].life, "%s", cases[i].steps);
		cr_expect_eq(s.is_held, cases[i].held, "%s", cases[i].steps);
		cr_expect_eq(s.was_revoked,
		             strchr(cases[i].steps, 'x') != NULL && cases[i].steps[0] != 'd', "%s",
		             cases[i].steps);
	}
}

Test(lifecycle, an_entry_continues_the_one_before)
{
	struct life_state s = { .leaf = { { 5 } } };
	const struct life_state was = s;
	const struct digest leaf = { { 6 } };
	struct life_claim c = { .action = ACTION_RETIRE };
	struct err e = { 0 };

	cr_expect_eq(life_step(&s, &c, &leaf, &e), -(int)ERR_SIGNATURE);
	cr_expect(memcmp(&s, &was, sizeof s) == 0);
	c.previous = s.leaf;
	cr_expect_eq(life_step(&s, &c, &leaf, &e), 0);
	cr_expect(digest_eq(&s.leaf, &leaf));
}

/* --- hidden in the database --- */

enum hides { HIDE_NOTHING, HIDE_ROW, HIDE_PLACE, HIDE_BOTH, HIDES };
enum pins { NEVER, BEFORE, AFTER, OLD_FORMAT, PINNED };

static void
hide(struct site *s, uint64_t number, uint64_t seq, enum hides what)
{
	char key[9] = { 'e' };
	struct version_row v;
	struct txn *t;
	struct err e = { 0 };

	ok(store_write_begin(s->r->store, &t, &e), &e, "begin");
	ok(version_get(t, MODEL, number, &v, &e), &e, "row");
	v.state = (struct life_state){ 0 };
	if (what == HIDE_ROW || what == HIDE_BOTH)
		ok(version_put(t, &v, &e), &e, "forge");
	for (int i = 0; i < 8; i++)
		key[1 + i] = (char)(uint8_t)(seq >> (56 - 8 * i));
	if (what == HIDE_PLACE || what == HIDE_BOTH)
		ok(txn_del(t, (struct str){ key, sizeof key }, &e), &e, "forge");
	ok(store_commit(t, &e), &e, "commit");
	site_reopen(s);
}

/* As slipway wrote pins before there were such entries. */
static void
age_pin(struct site *s)
{
	cleanup_free char *dir = xasprintf("%s/slipway/pins", s->path);
	cleanup_free char *line = xasprintf("cd %s && for f in *.json; do sed -i "
	                                    "'s/\"format\":[0-9]*,//;s/,\"withdrawn\":{.*}}*$/}/' "
	                                    "$f; done; ! grep -q withdrawn *.json",
	                                    dir);
	const char *const argv[] = { "sh", "-c", line, NULL };
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		execv("/bin/sh", (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	site_reopen(s);
	cr_assert(s->r->pin.exists && !s->r->pin.withdrawn);
}

static int
admit(struct site *s, const struct digest *version, struct err *e)
{
	struct admitted a;
	struct ledger l;
	int rc = ledger_open(s->r, &l, e);

	if (rc < 0)
		return rc;
	rc = ledger_version(s->r, &l, MODEL, version, &a, e);
	if (rc == 0)
		admitted_fini(&a);
	if (rc == 0 || rc == -ERR_POLICY) {
		struct err ignored = { 0 };
		ok(ledger_save_pin(s->r, &l, &ignored), &ignored, "pin");
	}
	ledger_fini(&l);
	return rc;
}

Test(lifecycle, a_hidden_tombstone_hides_nothing)
{
	for (int i = 0; i < HIDES * PINNED; i++) {
		const enum hides what = (enum hides)(i / PINNED);
		const enum pins pin = (enum pins)(i % PINNED);
		struct err e = { 0 };
		struct plan p;
		struct site s;

		site_make(&s);
		const struct digest v1 = site_version(&s, 1, "one");
		if (pin == BEFORE)
			site_pin(&s);
		const struct change_result gone = site_delete(&s, 1, &v1);
		site_label(&s, "a", "b");
		if (pin == AFTER || pin == OLD_FORMAT)
			site_pin(&s);
		if (pin == OLD_FORMAT)
			age_pin(&s);
		hide(&s, 1, gone.seq, what);
		/* twice: what the first one pins must be enough */
		for (int again = 0; again < 2; again++) {
			e = (struct err){ 0 };
			cr_expect_eq(admit(&s, &v1, &e), -(int)ERR_POLICY, "%d %d: %s", what, pin,
			             e.msg);
			site_reopen(&s);
		}
		cr_expect_eq(site_intend(&s, "promote", &v1, "staging", &p, &e), -(int)ERR_POLICY);
		site_leave(&s);
	}
}

Test(lifecycle, a_hidden_retirement_is_not_promoted)
{
	struct err e = { 0 };
	struct plan p;
	struct site s;

	site_make(&s);
	const struct digest v1 = site_version(&s, 1, "one");
	const struct digest v2 = site_version(&s, 2, "two");
	const struct change_result r = site_life(&s, "retire", 1, &v1, &(struct digest){ 0 });
	hide(&s, 1, r.seq, HIDE_ROW);
	cr_expect_eq(site_intend(&s, "promote", &v1, "staging", &p, &e), -(int)ERR_POLICY);
	cr_expect(strstr(e.msg, "is retired (log entry 4, by ana)"), "%s", e.msg);
	cr_expect_eq(site_intend(&s, "promote", &v2, "staging", &p, &e), 0);
	cr_expect_eq(admit(&s, &v1, &e), 0, "it may be gone back to and looked at");
	site_leave(&s);
}

/* A pin that is older than such entries is no excuse for another log. */
Test(lifecycle, an_old_pin_still_holds)
{
	struct err e = { 0 };
	struct site s;

	site_make(&s);
	const struct digest v1 = site_version(&s, 1, "one");
	site_label(&s, "a", "b");
	site_pin(&s);
	age_pin(&s);
	s.r->pin.edge.node[0].b[0] ^= 1;
	cr_expect_eq(admit(&s, &v1, &e), -(int)ERR_DIGEST, "%s", e.msg);
	site_leave(&s);
}

/* --- the same line again, and lines by others --- */

static unsigned refused;

static void
count_refusals(void *arg, enum message_level level, const char *text)
{
	refused += level == MESSAGE_WARNING && strstr(text, "does not count") &&
	           !strstr(text, "does not verify");
}

static enum lifecycle
life_of(struct site *s, uint64_t number)
{
	struct version_row v;
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(version_get(t, MODEL, number, &v, &e), &e, "row");
	store_abort(t);
	return v.state.life;
}

/* The database's puts and the ledger are of one opinion: each line that the one refuses, the other
 * passes over. */
Test(lifecycle, an_old_line_again_counts_for_nobody)
{
	const struct digest none = { 0 };
	struct err e = { 0 };
	struct site s;

	message_sink(count_refusals, NULL);
	site_make(&s);
	const struct digest v1 = site_version(&s, 1, "one");
	const struct digest v2 = site_version(&s, 2, "two");
	const struct change_result r = site_life(&s, "retire", 1, &v1, &none);
	const struct change_result u = site_life(&s, "restore", 1, &v1, &r.leaf);
	s.forges = true;
	refused = 0;
	site_life(&s, "retire", 1, &v1, &none);    /* the first one again */
	site_life(&s, "restore", 1, &v1, &r.leaf); /* the second */
	site_life(&s, "retire", 1, &v2, &u.leaf);  /* of other bytes */
	site_life(&s, "retire", 3, &v2, &none);    /* of no version */
	site_commit(&s, "delete", MODEL, site_life_body("delete", 2, &v2), NULL); /* unsigned */
	cr_expect_eq(refused, 5, "%u", refused);
	cr_expect_eq(life_of(&s, 1), LIFE_LIVE);
	cr_expect_eq(life_of(&s, 2), LIFE_LIVE);
	cr_expect_eq(admit(&s, &v1, &e), 0, "%s", e.msg);
	cr_expect_eq(admit(&s, &v2, &e), 0, "%s", e.msg);
	/* and none of them stands in the way of the next word */
	s.forges = false;
	site_life(&s, "retire", 1, &v1, &u.leaf);
	site_life(&s, "delete", 2, &v2, &none);
	cr_expect_eq(life_of(&s, 1), LIFE_RETIRED);
	cr_expect_eq(admit(&s, &v2, &e), -(int)ERR_POLICY);
	message_sink(NULL, NULL);
	site_leave(&s);
}

/* With a reason, which the other helpers do not know. */
static struct change_result
site_revoke(struct site *s, uint64_t number, const struct digest *version,
            const struct digest *previous)
{
	cleanup_json json_t *o = site_life_predicate(s, "revoke", number, version, previous);
	cleanup_buf struct buf envelope = { 0 };
	json_t *n, *statement;
	struct err e = { 0 };

	json_object_set_new(o, "reason", json_string("leak"));
	ok(statement_sign("lifecycle", MODEL, version, o, s->ana, &envelope, &e), &e, "sign");
	ok(json_parse(buf_str(&envelope), "envelope", &statement, &e), &e, "parse");
	n = site_entry(s, "lifecycle", MODEL, site_life_body("revoke", number, version));
	json_object_set_new(n, "reason", json_string("leak"));
	json_object_set_new(n, "statement", statement);
	return site_append(s, n);
}

/* Not under the next number, signed by an author, either: not for the database, nor for the ledger
 * when the database is made to say that it is there. */
Test(lifecycle, revoked_bytes_do_not_come_back)
{
	struct version_row v;
	struct txn *t;
	struct err e = { 0 };
	struct site s;

	message_sink(count_refusals, NULL);
	site_make(&s);
	const struct digest v1 = site_version(&s, 1, "one");
	const struct change_result r = site_revoke(&s, 1, &v1, &(struct digest){ 0 });
	cr_expect_eq(life_of(&s, 1), LIFE_REVOKED);
	cr_expect_eq(admit(&s, &v1, &e), -(int)ERR_POLICY);
	site_life(&s, "delete", 1, &v1, &r.leaf);
	s.forges = true;
	refused = 0;
	site_version(&s, 2, "one");
	cr_expect_eq(refused, 1);
	ok(store_write_begin(s.r->store, &t, &e), &e, "begin");
	ok(version_get(t, MODEL, 1, &v, &e), &e, "row");
	v.number = 2;
	v.seq = r.seq + 2;
	v.state = (struct life_state){ 0 };
	ok(version_put(t, &v, &e), &e, "forge");
	ok(store_commit(t, &e), &e, "commit");
	e = (struct err){ 0 };
	cr_expect_eq(admit(&s, &v1, &e), -(int)ERR_POLICY, "%s", e.msg);
	cr_expect(strstr(e.msg, "v2 is revoked"), "%s", e.msg);
	message_sink(NULL, NULL);
	site_leave(&s);
}
