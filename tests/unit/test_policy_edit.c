/* SPDX-License-Identifier: Apache-2.0 */
/* Edits of a policy: each says one thing more, or nothing, or is refused for a reason. */
#include "registry/policy_edit.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "registry/base/str.h"
#include "registry/policy_words.h"

#define REGISTRY "0123456789abcdef0123456789abcdef"
#define NOW_S    1800000000

static struct public_key
key_of(uint8_t b)
{
	uint8_t seed[KEY_SEED_SIZE];
	struct public_key pub;

	cr_assert_eq(crypto_init(), 0);
	memset(seed, b, sizeof seed);
	struct secret_key *const k = key_from_seed(seed);
	cr_assert(k != NULL);
	pub = k->pub;
	key_free(k);
	return pub;
}

/* The template "team" of ana (key 1), agent (2), log (3). */
static void
team(struct policy *ret)
{
	struct err e = { 0 };

	const struct public_key ana = key_of(1), agent = key_of(2), log = key_of(3);
	const struct policy_start start = { .template_name = "team",
		                            .registry_id = REGISTRY,
		                            .person = "ana",
		                            .key = &ana,
		                            .agent = &agent,
		                            .log = &log,
		                            .issued_s = NOW_S - 1000 };
	cleanup_json json_t *doc = policy_template(&start);
	cr_assert_eq(policy_parse(doc, ret, &e), 0, "%s", e.msg);
}

static void
add_line(void *arg, const char *title, const char *text)
{
	buf_addf(arg, "%s: %s\n", title, text);
}

/* What the edits of doc come to: lines that are new, lines that are gone. */
static void
expect(json_t *doc, const struct policy *old, const char *added, const char *gone, const char *what)
{
	cleanup_buf struct buf plus = { 0 }, minus = { 0 };
	struct policy p = { 0 };
	struct err e = { 0 };

	cr_assert_eq(policy_edit_end(doc, old, NOW_S, &p, &e), *added || *gone ? 0 : 1, "%s: %s",
	             what, e.msg);
	if (*added || *gone) {
		cr_expect_eq(p.version, old->version + 1, "%s", what);
		cr_expect(digest_eq(&p.previous, &old->digest), "%s", what);
		cr_expect_eq(p.issued_s, NOW_S, "%s", what);
		policy_lines_beyond(old, &p, add_line, &plus);
		policy_lines_beyond(&p, old, add_line, &minus);
	}
	cr_expect_str_eq(buf_cstr(&plus), added, "%s", what);
	cr_expect_str_eq(buf_cstr(&minus), gone, "%s", what);
	policy_fini(&p);
}

Test(policy_edit, settings)
{
	static const struct {
		const char *key, *value, *added, *gone;
	} cases[] = {
		{ "expires", "never", "", "" },
		{ "expires", "2027-06-01", "expires: 2027-06-01T00:00:00Z\n", "expires: never\n" },
		{ "expires", "2027-06-01T12:00:00Z", "expires: 2027-06-01T12:00:00Z\n",
		  "expires: never\n" },
		{ "root-threshold", "1", "", "" },
		{ "production.approvals", "1", "", "" },
		{ "production.approvals", "0", "", "production: 1 approval, counting for 72 h\n" },
		{ "staging.approvals", "1", "staging: 1 approval, counting for 72 h\n", "" },
		{ "production.approval-hours", "72", "", "" },
		{ "production.approval-hours", "8", "production: 1 approval, counting for 8 h\n",
		  "production: 1 approval, counting for 72 h\n" },
		{ "production.break-glass", "root", "", "" },
		{ "production.break-glass", "root,deployer",
		  "production: break-glass by root, deployer\n",
		  "production: break-glass by root\n" },
		{ "production.break-glass", "none", "", "production: break-glass by root\n" },
		{ "staging.protected", "false", "", "" },
		{ "staging.protected", "true", "stage: 1 staging, protected\n",
		  "stage: 1 staging\n" },
		{ "production.min-proof", "none", "", "" },
		{ "production.min-proof", "listed", "production: min-proof listed\n", "" },
		{ "production.gates", "none", "", "" },
		{ "production.gates", " auc >= 0.97 ; scan is clean",
		  "production: gate auc >= 0.97\nproduction: gate scan is clean\n", "" },
		{ "production.gates", "-auc >= 0.97", "", "" },
		{ "production.gates", "+soaked 24h in staging",
		  "production: gate soaked 24h in staging\n", "" },
		{ "offline", "none", "", "" },
		{ "offline.registries", "reg.lan:5000,mirror.lan,reg.lan:5000",
		  "offline: registries mirror.lan, reg.lan:5000\n"
		  "offline: schemes file, oci, pvc, s3\n",
		  "" },
		{ "offline.schemes", "pvc,https://mirror.lan,file",
		  "offline: registries none\noffline: schemes file, https://mirror.lan, pvc\n",
		  "" },
		{ "production.order", "2", "", "" },
		{ "canary.order", "2", "stage: 2 canary\nstage: 3 production, protected\n",
		  "stage: 2 production, protected\n" },
		{ "canary.order", "3", "stage: 3 canary\n", "" },
		{ "eu.west.order", "3", "stage: 3 eu.west\n", "" },
		{ "staging.order", "2", "stage: 1 production, protected\nstage: 2 staging\n",
		  "stage: 1 staging\nstage: 2 production, protected\n" },
	};
	struct policy p;

	team(&p);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *doc = policy_edit_begin(&p);
		cleanup_free char *what = xasprintf("%s %s", cases[i].key, cases[i].value);
		struct err e = { 0 };
		cr_assert_eq(policy_edit_set(doc, cases[i].key, cases[i].value, &e), 0, "%s: %s",
		             what, e.msg);
		expect(doc, &p, cases[i].added, cases[i].gone, what);
	}
	policy_fini(&p);
}

Test(policy_edit, rules_by_one)
{
	cleanup_json json_t *doc = NULL;
	struct policy p;
	struct err e = { 0 };

	team(&p);
	doc = policy_edit_begin(&p);
	cr_assert_eq(policy_edit_set(doc, "staging.gates", "auc >= 0.9; scan is clean", &e), 0);
	cr_assert_eq(policy_edit_set(doc, "staging.gates", "+has lineage;has metrics", &e), 0);
	cr_assert_eq(policy_edit_set(doc, "staging.gates", "+scan is clean", &e), 0);
	cr_assert_eq(policy_edit_set(doc, "staging.gates", "-auc >= 0.9", &e), 0);
	expect(doc, &p,
	       "staging: gate scan is clean\nstaging: gate has lineage\nstaging: gate has "
	       "metrics\n",
	       "", "one by one");
	policy_fini(&p);
}

Test(policy_edit, settings_refused)
{
	static const struct {
		const char *key, *value;
		int rc;
	} cases[] = {
		{ "expires", "tomorrow", ERR_USAGE },
		{ "expires", "", ERR_USAGE },
		{ "expires", "2027-02-30", ERR_USAGE },
		{ "expires", "2020-01-01", ERR_POLICY },
		{ "expires", "2031-01-01", ERR_POLICY }, /* more than 400 days */
		{ "root-threshold", "0", ERR_POLICY },
		{ "root-threshold", "2", ERR_POLICY },
		{ "root-threshold", "x", ERR_USAGE },
		{ "root-threshold", "-1", ERR_USAGE },
		{ "production.approvals", "2", ERR_POLICY }, /* there is one approver */
		{ "production.approvals", "1.5", ERR_USAGE },
		{ "production.approval-hours", "0", ERR_POLICY },
		{ "production.approval-hours", "99999999999", ERR_USAGE },
		{ "production.break-glass", "agent", ERR_USAGE },
		{ "production.break-glass", "king", ERR_USAGE },
		{ "production.break-glass", "root,,deployer", ERR_USAGE },
		{ "production.break-glass", "root,root", ERR_POLICY },
		{ "production.gates", "auc == 1", ERR_USAGE },
		{ "production.gates", "auc >= 0.9;", ERR_USAGE },
		{ "production.gates", "+", ERR_USAGE },
		{ "production.gates", "-nonsense", ERR_USAGE },
		{ "production.gates", "soaked 1h in nowhere", ERR_POLICY },
		{ "offline", "reg.lan", ERR_USAGE },
		{ "offline", "true", ERR_USAGE },
		{ "offline.registries", "Reg.lan", ERR_USAGE },
		{ "offline.registries", "reg.lan,", ERR_USAGE },
		{ "offline.registries", "https://reg.lan", ERR_USAGE },
		{ "offline.schemes", "https", ERR_USAGE },
		{ "offline.schemes", "oci,hf", ERR_USAGE },
		{ "offline.hosts", "reg.lan", ERR_USAGE },
		{ "eu.offline.registries", "reg.lan", ERR_USAGE },
		{ "production.min-proof", "sure", ERR_USAGE },
		{ "production.protected", "yes", ERR_USAGE },
		{ "production.order", "3", ERR_USAGE },
		{ "production.order", "0", ERR_USAGE },
		{ "latest.order", "3", ERR_POLICY },
		{ "v3.order", "1", ERR_POLICY },
		{ "Big.order", "1", ERR_USAGE },
		{ ".order", "1", ERR_USAGE },
		{ "canary.approvals", "1", ERR_NOT_FOUND },
		{ "canary.order.x", "1", ERR_USAGE },
		{ "approvals", "1", ERR_USAGE },
		{ "production", "1", ERR_USAGE },
		{ "production.expires", "never", ERR_USAGE },
		{ "production.", "1", ERR_USAGE },
		{ "", "1", ERR_USAGE },
	};
	struct policy p, next;

	team(&p);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *doc = policy_edit_begin(&p);
		struct err e = { 0 };
		int rc = policy_edit_set(doc, cases[i].key, cases[i].value, &e);
		if (rc == 0)
			rc = policy_edit_end(doc, &p, NOW_S, &next, &e);
		cr_expect_eq(rc, -cases[i].rc, "%s %s: %d %s", cases[i].key, cases[i].value, rc,
		             e.msg);
	}
	policy_fini(&p);
}

/* One list after the other, and back to a site with a connection: the document is what it was. */
Test(policy_edit, offline)
{
	cleanup_buf struct buf many = { 0 };
	cleanup_json json_t *doc = NULL;
	struct policy p;
	struct err e = { 0 };

	team(&p);
	doc = policy_edit_begin(&p);
	cr_assert_eq(policy_edit_set(doc, "offline.schemes", "oci", &e), 0, "%s", e.msg);
	cr_assert_eq(policy_edit_set(doc, "offline.registries", "reg.lan", &e), 0, "%s", e.msg);
	expect(doc, &p, "offline: registries reg.lan\noffline: schemes oci\n", "", "both");
	cr_assert_eq(policy_edit_set(doc, "offline.registries", "b,a", &e), 0, "%s", e.msg);
	expect(doc, &p, "offline: registries a, b\noffline: schemes oci\n", "", "all of it");
	cr_assert_eq(policy_edit_set(doc, "offline.schemes", "none", &e), 0, "%s", e.msg);
	expect(doc, &p, "offline: registries a, b\noffline: schemes none\n", "", "nothing");
	cr_assert_eq(policy_edit_set(doc, "offline", "none", &e), 0, "%s", e.msg);
	expect(doc, &p, "", "", "connected");
	for (size_t i = 0; i <= POLICY_OFFLINE_MAX; i++)
		buf_addf(&many, "%sh%zu", i > 0 ? "," : "", i);
	cr_expect_eq(policy_edit_set(doc, "offline.registries", buf_cstr(&many), &e), -ERR_USAGE);
	policy_fini(&p);
}

Test(policy_edit, people)
{
	const struct public_key ben = key_of(4), ben2 = key_of(5), ana = key_of(1);
	cleanup_json json_t *doc = NULL;
	cleanup_buf struct buf lines = { 0 };
	char id[KEY_ID_SIZE], id2[KEY_ID_SIZE];
	struct policy p;
	struct err e = { 0 };

	team(&p);
	key_id(&ben, id);
	key_id(&ben2, id2);
	doc = policy_edit_begin(&p);
	/* so already */
	cr_expect_eq(policy_edit_add(doc, "ana", &ana, ROLE_BIT(ROLE_ROOT), &e), 0);
	expect(doc, &p, "", "", "ana again");
	/* somebody new, with two roles, then a second key and a third role */
	cr_expect_eq(policy_edit_add(doc, "ben", &ben,
	                             ROLE_BIT(ROLE_APPROVER) | ROLE_BIT(ROLE_SCANNER), &e),
	             0);
	cr_expect_eq(policy_edit_add(doc, "ben", &ben2, 0, &e), 0);
	cr_expect_eq(policy_edit_add(doc, "ben", NULL, ROLE_BIT(ROLE_AUTHOR), &e), 0);
	buf_addf(&lines,
	         "ben: %s\nben: %s\nrole author: ana, ben\nrole approver: ana, ben\n"
	         "role scanner: ben\n",
	         id, id2);
	expect(doc, &p, buf_cstr(&lines),
	       "role author: ana\nrole approver: ana\nrole scanner: nobody\n", "ben");
	/* and back, role by role: with the last one he goes, and the document is what it was */
	cr_expect(policy_edit_remove(doc, "ben", ROLE_BIT(ROLE_SCANNER) | ROLE_BIT(ROLE_AUTHOR)));
	cr_expect(policy_edit_remove(doc, "ben", ROLE_BIT(ROLE_APPROVER)));
	expect(doc, &p, "", "", "ben gone");
	cr_expect(!policy_edit_remove(doc, "ben", 0));
	policy_fini(&p);
}

Test(policy_edit, people_refused)
{
	const struct public_key ana = key_of(1), ben = key_of(4);
	char long_name[SIGNER_SIZE + 1];
	const struct {
		const char *person;
		const struct public_key *key;
		unsigned roles;
		int rc;
	} cases[] = {
		{ "ben", &ana, ROLE_BIT(ROLE_AUTHOR), ERR_EXISTS }, /* ana's key */
		{ "ben", &ben, 0, ERR_USAGE },
		{ "ben", NULL, ROLE_BIT(ROLE_AUTHOR), ERR_NOT_FOUND },
		{ "Ben", &ben, ROLE_BIT(ROLE_AUTHOR), ERR_USAGE },
		{ long_name, &ben, ROLE_BIT(ROLE_AUTHOR), ERR_USAGE },
		/* what lies unencrypted is good for nothing else */
		{ "ben", &ben, ROLE_BIT(ROLE_AGENT) | ROLE_BIT(ROLE_AUTHOR), ERR_POLICY },
		{ "ben", &ben, ROLE_BIT(ROLE_LOG) | ROLE_BIT(ROLE_AGENT), ERR_POLICY },
		{ "agent", NULL, ROLE_BIT(ROLE_DEPLOYER), ERR_POLICY },
		{ "ana", NULL, ROLE_BIT(ROLE_AGENT), ERR_POLICY },
	};
	struct policy p, next;

	memset(long_name, 'x', SIGNER_SIZE);
	long_name[SIGNER_SIZE] = '\0';
	team(&p);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *doc = policy_edit_begin(&p);
		struct err e = { 0 };
		int rc = policy_edit_add(doc, cases[i].person, cases[i].key, cases[i].roles, &e);
		if (rc == 0)
			rc = policy_edit_end(doc, &p, NOW_S, &next, &e);
		cr_expect_eq(rc, -cases[i].rc, "%zu: %d %s", i, rc, e.msg);
	}
	/* the last root, and the only approver while approvals are wanted */
	for (enum policy_role r = ROLE_ROOT; r < ROLE_COUNT; r++) {
		cleanup_json json_t *doc = policy_edit_begin(&p);
		struct err e = { 0 };
		(void)policy_edit_remove(doc, "ana", ROLE_BIT(r));
		const int rc = policy_edit_end(doc, &p, NOW_S, &next, &e);
		cr_expect_eq(rc < 0, r == ROLE_ROOT || r == ROLE_APPROVER, "%s",
		             policy_role_name(r));
		if (rc == 0)
			policy_fini(&next);
	}
	policy_fini(&p);
}

Test(policy_edit, revoked)
{
	const struct public_key ana = key_of(1), ana2 = key_of(6), ben = key_of(4);
	cleanup_json json_t *doc = NULL;
	cleanup_buf struct buf added = { 0 }, gone = { 0 };
	char id[KEY_ID_SIZE], id2[KEY_ID_SIZE];
	struct policy p, next;
	struct err e = { 0 };

	team(&p);
	key_id(&ana, id);
	key_id(&ana2, id2);
	/* the only key of the only root */
	doc = policy_edit_begin(&p);
	policy_edit_revoke(doc, &ana, 7);
	cr_expect_eq(policy_edit_end(doc, &p, NOW_S, &next, &e), -ERR_POLICY);
	json_decref(doc);
	/* beside another one */
	doc = policy_edit_begin(&p);
	cr_assert_eq(policy_edit_add(doc, "ana", &ana2, 0, &e), 0);
	policy_edit_revoke(doc, &ana, 7);
	buf_addf(&added, "ana: %s\nrevoked: %s from log entry 7 on\n", id2, id);
	buf_addf(&gone, "ana: %s\n", id);
	expect(doc, &p, buf_cstr(&added), buf_cstr(&gone), "ana's first key");
	/* later changes nothing, earlier does; nobody may have it again */
	policy_edit_revoke(doc, &ana, 9);
	expect(doc, &p, buf_cstr(&added), buf_cstr(&gone), "later");
	policy_edit_revoke(doc, &ana, 0);
	buf_clear(&added);
	buf_addf(&added, "ana: %s\nrevoked: %s from log entry 0 on\n", id2, id);
	expect(doc, &p, buf_cstr(&added), buf_cstr(&gone), "earlier");
	cr_expect_eq(policy_edit_add(doc, "ana", &ana, 0, &e), -ERR_POLICY);
	cr_expect_eq(policy_edit_add(doc, "eve", &ana, ROLE_BIT(ROLE_AUTHOR), &e), -ERR_POLICY);
	/* a key that nobody has can be named too; who loses the last key leaves */
	policy_edit_revoke(doc, &ben, 3);
	const struct public_key log = key_of(3);
	policy_edit_revoke(doc, &log, 5);
	cr_assert_eq(policy_edit_end(doc, &p, NOW_S, &next, &e), 0, "%s", e.msg);
	cr_expect_eq(next.revoked_n, 3);
	cr_expect(policy_is_revoked(&next, &log, 5) && !policy_is_revoked(&next, &log, 4));
	cr_expect(policy_person_named(&next, "log") == NULL);
	policy_fini(&next);
	policy_fini(&p);
}

static struct digest
root_of(uint8_t b)
{
	struct digest d;

	memset(d.b, b, sizeof d.b);
	return d;
}

#define SIXTEEN(a) a a a a a a a a a a a a a a a a
#define ROOT(a)    "sha256:" SIXTEEN(a) SIXTEEN(a)

Test(policy_edit, sites)
{
	const struct digest hq = root_of(0x11), annex = root_of(0x22), lab = root_of(0x33);
	cleanup_json json_t *doc = NULL;
	struct policy p;
	struct err e = { 0 };

	team(&p);
	doc = policy_edit_begin(&p);
	cr_expect(!policy_edit_site_remove(doc, "hq"));
	expect(doc, &p, "", "", "none there");
	cr_assert_eq(policy_edit_site(doc, "hq", &hq, COUNTS_VERSIONS, &e), 0, "%s", e.msg);
	expect(doc, &p, "site hq: " ROOT("11") ", for versions\n", "", "hq");
	/* so already; then what counts is what was said last; versions count whatever is said */
	cr_assert_eq(policy_edit_site(doc, "hq", &hq, COUNTS_VERSIONS, &e), 0, "%s", e.msg);
	expect(doc, &p, "site hq: " ROOT("11") ", for versions\n", "", "again");
	cr_assert_eq(policy_edit_site(doc, "hq", &hq, COUNTS_APPROVALS, &e), 0, "%s", e.msg);
	expect(doc, &p, "site hq: " ROOT("11") ", for versions, approvals\n", "", "more");
	cr_assert_eq(policy_edit_site(doc, "hq", &hq, COUNTS_EVIDENCE, &e), 0, "%s", e.msg);
	/* sorted by name, whatever came first */
	cr_assert_eq(policy_edit_site(doc, "lab", &lab, 0, &e), 0, "%s", e.msg);
	cr_assert_eq(policy_edit_site(doc, "annex", &annex, COUNTS_ALL, &e), 0, "%s", e.msg);
	expect(doc, &p,
	       "site annex: " ROOT("22") ", for versions, evidence, approvals\n"
	                                 "site hq: " ROOT("11") ", for versions, evidence\n"
	                                                        "site lab: " ROOT(
	                                                                "33") ", for versions\n",
	       "", "three");
	/* with the last one the document is what it was */
	cr_expect(policy_edit_site_remove(doc, "hq"));
	cr_expect(!policy_edit_site_remove(doc, "hq"));
	cr_expect(policy_edit_site_remove(doc, "lab"));
	expect(doc, &p, "site annex: " ROOT("22") ", for versions, evidence, approvals\n", "",
	       "annex alone");
	cr_expect(policy_edit_site_remove(doc, "annex"));
	expect(doc, &p, "", "", "all gone");
	policy_fini(&p);
}

Test(policy_edit, sites_refused)
{
	char long_name[SIGNER_SIZE + 1];
	const struct digest hq = root_of(0x11), other = root_of(0x22);
	const struct {
		const char *name;
		const struct digest *root;
		int rc;
	} cases[] = {
		{ "hq", &other, ERR_EXISTS }, /* the name means another registry */
		{ "zentrale", &hq, ERR_EXISTS }, { "Hq", &other, ERR_USAGE },
		{ "", &other, ERR_USAGE },       { long_name, &other, ERR_USAGE },
	};
	cleanup_json json_t *doc = NULL, *before = NULL;
	struct policy p;
	struct err e = { 0 };

	memset(long_name, 'x', SIGNER_SIZE);
	long_name[SIGNER_SIZE] = '\0';
	team(&p);
	doc = policy_edit_begin(&p);
	cr_assert_eq(policy_edit_site(doc, "hq", &hq, 0, &e), 0, "%s", e.msg);
	before = json_deep_copy(doc);
	for (size_t i = 0; i < COUNT(cases); i++) {
		e = (struct err){ 0 };
		cr_expect_eq(policy_edit_site(doc, cases[i].name, cases[i].root, 0, &e),
		             -cases[i].rc, "%zu: %s", i, e.msg);
		cr_expect(cases[i].rc != ERR_EXISTS || strstr(e.hint, "trust-site hq --remove"),
		          "%zu: %s", i, e.hint);
		cr_expect(json_equal(doc, before), "%zu changed it", i);
	}
	policy_fini(&p);
}

struct found {
	const char *about, *text;
	enum policy_advice worst;
	bool seen;
};

static void
look_for(void *arg, enum policy_advice a, const char *about, const char *text)
{
	struct found *const f = arg;

	if (a > f->worst)
		f->worst = a;
	if (a != ADVICE_FACT && streq(about, f->about) && strstr(text, f->text))
		f->seen = true;
}

/* Approvals are believed in the document and count for nothing: said. */
Test(policy_edit, advice_on_sites)
{
	const struct digest hq = root_of(0x11);
	struct policy p, next;

	team(&p);
	for (unsigned counts = 0; counts <= COUNTS_ALL; counts++) {
		cleanup_json json_t *doc = policy_edit_begin(&p);
		struct found f = { .about = "hq", .text = "counts for nothing" };
		struct err e = { 0 };
		cr_assert_eq(policy_edit_site(doc, "hq", &hq, counts, &e), 0, "%s", e.msg);
		cr_assert_eq(policy_edit_end(doc, &p, NOW_S, &next, &e), 0, "%s", e.msg);
		policy_advise(&next, NOW_S, look_for, &f);
		cr_expect_eq(f.seen, (counts & COUNTS_APPROVALS) != 0, "%u", counts);
		policy_fini(&next);
	}
	policy_fini(&p);
}

Test(policy_edit, advice)
{
	static const struct {
		const char *set[4]; /* key, value, .. */
		const char *ben;    /* his role; NULL: he is not there */
		enum policy_advice worst;
		const char *about, *text;
	} cases[] = {
		{ { NULL }, NULL, ADVICE_WRONG, "production", "not so many people" },
		{ { NULL }, "author", ADVICE_WRONG, "production", "not so many people" },
		{ { NULL }, "deployer", ADVICE_WARNING, "root", "when ana loses a key" },
		{ { NULL }, "approver", ADVICE_WARNING, "root", "when ana loses a key" },
		{ { "production.approvals", "0" },
		  NULL,
		  ADVICE_WARNING,
		  "production",
		  "can do all alone, from import to promotion: ana" },
		{ { "production.approvals", "2" },
		  "approver",
		  ADVICE_WRONG,
		  "production",
		  "wants 2 approvals" },
		{ { "expires", "2027-02-01" },
		  "approver",
		  ADVICE_WARNING,
		  "expires",
		  "in 16 days" },
		{ { "production.gates", "soaked 1h in production" },
		  "approver",
		  ADVICE_WRONG,
		  "production",
		  "only after it" },
		{ { "offline.schemes", "file" },
		  "approver",
		  ADVICE_WARNING,
		  "offline",
		  "has no registry" },
		{ { "production.gates", "auc >= 0.9; auc < 0.9" },
		  "approver",
		  ADVICE_WRONG,
		  "production",
		  "cannot both pass" },
		{ { "production.gates", "auc >= 0.9; auc <= 0.9" },
		  "approver",
		  ADVICE_WARNING,
		  "root",
		  "" },
		{ { "production.gates", "auc >= 0.9; loss < 0.9" },
		  "approver",
		  ADVICE_WARNING,
		  "root",
		  "" },
		{ { "root-threshold", "2" }, "root", ADVICE_WRONG, "root", "when one of them" },
		{ { "production.break-glass", "scanner" },
		  "approver",
		  ADVICE_WARNING,
		  "production",
		  "by nobody" },
	};
	const struct public_key ben = key_of(4);
	struct policy p, next;

	team(&p);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *doc = policy_edit_begin(&p);
		struct found f = { .about = cases[i].about, .text = cases[i].text };
		enum policy_role role;
		struct err e = { 0 };
		if (cases[i].ben) {
			cr_assert_eq(policy_role_parse(cases[i].ben, &role), 0);
			cr_assert_eq(policy_edit_add(doc, "ben", &ben, ROLE_BIT(role), &e), 0);
		}
		for (size_t k = 0; k < 4 && cases[i].set[k]; k += 2)
			cr_assert_eq(policy_edit_set(doc, cases[i].set[k], cases[i].set[k + 1], &e),
			             0, "%s", e.msg);
		const int rc = policy_edit_end(doc, &p, NOW_S, &next, &e);
		cr_assert_geq(rc, 0, "%zu: %s", i, e.msg);
		policy_advise(rc == 1 ? &p : &next, NOW_S, look_for, &f);
		cr_expect(f.seen, "%zu: not said", i);
		cr_expect_eq(f.worst, cases[i].worst, "%zu: %s", i, policy_advice_name(f.worst));
		policy_fini(&next);
	}
	policy_fini(&p);
}
