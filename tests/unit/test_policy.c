/* SPDX-License-Identifier: Apache-2.0 */
/* The template reads back, and each way in which a document may be wrong is refused. */
#include "registry/policy.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/str.h"
#include "tests/unit/solo.h"

static struct public_key
key_of(uint8_t b)
{
	uint8_t seed[KEY_SEED_SIZE];
	struct public_key pub;

	memset(seed, b, sizeof seed);
	struct secret_key *const k = key_from_seed(seed);
	cr_assert(k != NULL);
	pub = k->pub;
	key_free(k);
	return pub;
}

#define REGISTRY "0123456789abcdef0123456789abcdef"

Test(policy, solo)
{
	struct public_key ana, agent, other, *keys;
	struct policy p;
	struct err e = { 0 };

	cr_assert_eq(crypto_init(), 0);
	ana = key_of(1);
	agent = key_of(2);
	other = key_of(3);
	cleanup_json json_t *doc = solo_policy(REGISTRY, "ana", &ana, &agent, 1000);
	cr_assert_eq(policy_parse(doc, &p, &e), 0, "%s", e.msg);
	cr_expect_eq(p.version, 1);
	cr_expect_str_eq(p.template_name, "solo");
	cr_expect_eq(p.issued_s, 1000);
	cr_expect_eq(p.expires_s, 0);
	cr_expect_eq(p.people_n, 2);
	cr_expect_eq(p.stages_n, 2);
	cr_expect_str_eq(p.stages[0].name, "staging");
	cr_expect(!p.stages[0].is_protected);
	cr_expect(policy_stage(&p, "production")->is_protected);
	cr_expect(policy_stage(&p, "nowhere") == NULL);
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		const enum policy_role role = (enum policy_role)i;
		if (role == ROLE_SCANNER || role == ROLE_LOG) {
			cr_expect_eq(policy_keys(&p, ROLE_BIT(role), &keys), 0);
			free(keys);
			continue;
		}
		cr_expect_eq(policy_has_role(&p, &ana, role), role != ROLE_AGENT, "%s",
		             policy_role_name(role));
		cr_expect_eq(policy_has_role(&p, &agent, role), role == ROLE_AGENT, "%s",
		             policy_role_name(role));
		cr_expect(!policy_has_role(&p, &other, role));
		cr_expect_eq(policy_keys(&p, ROLE_BIT(role), &keys), 1);
		cr_expect_eq(memcmp(&keys[0], role == ROLE_AGENT ? &agent : &ana, sizeof keys[0]),
		             0);
		free(keys);
	}
	cr_expect_str_eq(policy_person_of(&p, &ana)->id, "ana");
	cr_expect(policy_person_of(&p, &other) == NULL);
	policy_fini(&p);
}

/* One change of the template a case, as JSON that is merged into it; null takes a member away. */
static json_t *
changed(const json_t *doc, const char *change, struct err *e)
{
	json_t *const copy = json_deep_copy(doc), *patch = NULL, *value;
	const char *key;

	cr_assert_eq(json_parse(str_of(change), "case", &patch, e), 0, "%s: %s", change, e->msg);
	json_object_foreach(patch, key, value)
	{
		if (json_is_null(value))
			json_object_del(copy, key);
		else
			json_object_set(copy, key, value);
	}
	json_decref(patch);
	return copy;
}

struct change {
	const char *change;
	bool good;
};

/* %a and %b stand for the keys of the template, %c for another one. */
static void
parse_each(const struct change *cases, size_t n)
{
	struct public_key ana, agent, eve;
	char a[KEY_SSH_SIZE], b[KEY_SSH_SIZE], other[KEY_SSH_SIZE];

	cr_assert_eq(crypto_init(), 0);
	ana = key_of(1);
	agent = key_of(2);
	key_ssh(&ana, a);
	key_ssh(&agent, b);
	eve = key_of(3);
	key_ssh(&eve, other);
	cleanup_json json_t *doc = solo_policy(REGISTRY, "ana", &ana, &agent, 1000);
	for (size_t i = 0; i < n; i++) {
		struct buf text = { 0 };
		struct policy p = { .version = 77 };
		struct err e = { 0 };
		for (const char *c = cases[i].change; *c; c++) {
			if (c[0] == '%')
				buf_adds(&text, *++c == 'a' ? a : *c == 'b' ? b : other);
			else
				buf_addc(&text, *c);
		}
		json_t *const j = changed(doc, buf_cstr(&text), &e);
		const int rc = policy_parse(j, &p, &e);
		cr_expect_eq(rc, cases[i].good ? 0 : -ERR_MALFORMED, "%s: %d %s", cases[i].change,
		             rc, e.msg);
		if (rc == 0)
			policy_fini(&p);
		else
			cr_expect_eq(p.version, 77, "%s changed the result", cases[i].change);
		json_decref(j);
		buf_fini(&text);
	}
}

#define DIGITS   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"
#define VERSIONS "\"versions\""
#define SITE(name, last, counts) \
	"{\"name\":\"" name "\",\"root\":\"sha256:" DIGITS last "\",\"for\":[" counts "]}"

/* The template with that list of sites. */
static json_t *
with_sites(const char *sites)
{
	const struct public_key ana = key_of(1), agent = key_of(2);
	cleanup_free char *change = xasprintf("{\"sites\":%s}", sites);
	struct err e = { 0 };

	cleanup_json json_t *doc = solo_policy(REGISTRY, "ana", &ana, &agent, 1000);
	return changed(doc, change, &e);
}

Test(policy, sites)
{
	cleanup_buf struct buf text = { 0 };
	struct digest hq, other;
	struct policy p;
	struct err e = { 0 };

	cr_assert_eq(crypto_init(), 0);
	cr_assert_eq(digest_parse(&hq, DIGITS "1", 64), 0);
	cr_assert_eq(digest_parse(&other, DIGITS "3", 64), 0);
	cleanup_json json_t *doc = with_sites(
	        "[" SITE("annex", "2", "\"evidence\"," VERSIONS) "," SITE("hq", "1", VERSIONS) "]");
	cr_assert_eq(policy_parse(doc, &p, &e), 0, "%s", e.msg);
	cr_assert_eq(p.sites_n, 2);
	cr_expect_str_eq(p.sites[0].name, "annex");
	cr_expect_eq(p.sites[0].counts, COUNTS_VERSIONS | COUNTS_EVIDENCE);
	cr_expect_eq(policy_site_by_root(&p, &hq), &p.sites[1]);
	cr_expect_eq(p.sites[1].counts, COUNTS_VERSIONS);
	cr_expect_eq(policy_site_named(&p, "hq"), &p.sites[1]);
	cr_expect(policy_site_by_root(&p, &other) == NULL);
	cr_expect(policy_site_named(&p, "h") == NULL);
	policy_counts_text(COUNTS_ALL, &text);
	cr_expect_str_eq(buf_cstr(&text), "versions, evidence, approvals");
	buf_clear(&text);
	cleanup_json json_t *names = policy_counts_json(COUNTS_ALL);
	json_canonical(names, &text);
	cr_expect_str_eq(buf_cstr(&text), "[\"approvals\",\"evidence\",\"versions\"]");
	policy_fini(&p);
}

Test(policy, sites_refused)
{
	static const struct change cases[] = {
		{ "{\"sites\":[" SITE("hq", "1", VERSIONS) "]}", true },
		{ "{\"sites\":[" SITE("hq", "1", "\"evidence\"," VERSIONS) "]}", true },
		{ "{\"sites\":[" SITE("hq", "1", VERSIONS ",\"evidence\"") "]}", false },
		{ "{\"sites\":[" SITE("hq", "1", VERSIONS "," VERSIONS) "]}", false },
		{ "{\"sites\":[" SITE("hq", "1", "\"evidence\"") "]}", false },
		{ "{\"sites\":[" SITE("hq", "1", "") "]}", false },
		{ "{\"sites\":[" SITE("hq", "1", "\"all\"," VERSIONS) "]}", false },
		{ "{\"sites\":[" SITE("hq", "1", "1," VERSIONS) "]}", false },
		{ "{\"sites\":[" SITE("Hq", "1", VERSIONS) "]}", false },
		{ "{\"sites\":[" SITE("hq", "g", VERSIONS) "]}", false },
		{ "{\"sites\":[" SITE("hq", "", VERSIONS) "]}", false },
		{ "{\"sites\":[" SITE("hq", "1", VERSIONS) "," SITE("lab", "2", VERSIONS) "]}",
		  true },
		{ "{\"sites\":[" SITE("lab", "1", VERSIONS) "," SITE("hq", "2", VERSIONS) "]}",
		  false },
		{ "{\"sites\":[" SITE("hq", "1", VERSIONS) "," SITE("hq", "2", VERSIONS) "]}",
		  false },
		{ "{\"sites\":[" SITE("hq", "1", VERSIONS) "," SITE("lab", "1", VERSIONS) "]}",
		  false },
		{ "{\"sites\":[]}", false },
		{ "{\"sites\":{}}", false },
		{ "{\"sites\":[7]}", false },
		{ "{\"sites\":[{\"name\":\"hq\",\"root\":\"sha256:" DIGITS "1\"}]}", false },
		{ "{\"sites\":[{\"name\":\"hq\",\"for\":[" VERSIONS "]}]}", false },
		{ "{\"sites\":[{\"name\":\"hq\",\"root\":\"sha256:" DIGITS "1\","
		  "\"for\":[" VERSIONS "],\"until\":1}]}",
		  false },
	};

	parse_each(cases, COUNT(cases));
}

/* One more than there may be is refused before anything is made for them. */
Test(policy, sites_many)
{
	for (size_t n = POLICY_SITES_MAX; n <= POLICY_SITES_MAX + 1; n++) {
		cleanup_buf struct buf sites = { 0 };
		struct policy p = { 0 };
		struct err e = { 0 };
		for (size_t i = 0; i < n; i++)
			buf_addf(&sites,
			         "%c{\"name\":\"s%02zu\",\"root\":\"sha256:%.62s%02zu\","
			         "\"for\":[\"versions\"]}",
			         i == 0 ? '[' : ',', i, DIGITS, i);
		buf_addc(&sites, ']');
		cr_assert_eq(crypto_init(), 0);
		cleanup_json json_t *doc = with_sites(buf_cstr(&sites));
		const int rc = policy_parse(doc, &p, &e);
		cr_expect_eq(rc, n > POLICY_SITES_MAX ? -ERR_TOO_BIG : 0, "%zu: %s", n, e.msg);
		policy_fini(&p);
	}
}

#define OFFLINE(registries, schemes) \
	"{\"offline\":{\"registries\":[" registries "],\"schemes\":[" schemes "]}}"

Test(policy, offline)
{
	static const struct change cases[] = {
		{ OFFLINE("", ""), true },
		{ OFFLINE("\"reg.lan\",\"reg.lan:5000\"", "\"file\",\"oci\",\"pvc\",\"s3\""),
		  true },
		{ OFFLINE("\"10.0.0.1:5000\"", "\"hf://mirror.lan\",\"https://mirror.lan:8443\""),
		  true },
		{ OFFLINE("\"a.lan\"", "\"s3://minio.lan:9000\""), true },
		/* what leads out, without the host inside */
		{ OFFLINE("", "\"https\""), false },
		{ OFFLINE("", "\"http\""), false },
		{ OFFLINE("", "\"hf\""), false },
		{ OFFLINE("", "\"gs\""), false },
		{ OFFLINE("", "\"hf://\""), false },
		{ OFFLINE("", "\"https://Mirror.lan\""), false },
		{ OFFLINE("", "\"https://mirror.lan/x\""), false },
		{ OFFLINE("", "\"https://a@mirror.lan\""), false },
		{ OFFLINE("", "\"ftp://mirror.lan\""), false },
		{ OFFLINE("", "\"http://a.lan://b.lan\""), false },
		{ OFFLINE("", "\"oci://reg.lan\""), false }, /* that is "registries" */
		{ OFFLINE("", "\"File\""), false },
		{ OFFLINE("", "7"), false },
		/* no hosts */
		{ OFFLINE("\"\"", ""), false },
		{ OFFLINE("\"Reg.lan\"", ""), false },
		{ OFFLINE("\"https://reg.lan\"", ""), false },
		{ OFFLINE("\"reg.lan/models\"", ""), false },
		{ OFFLINE("\"reg.lan:\"", ""), false },
		{ OFFLINE("\"reg.lan:0\"", ""), false },
		{ OFFLINE("\"reg.lan:65536\"", ""), false },
		{ OFFLINE("\"reg.lan:5000:1\"", ""), false },
		{ OFFLINE("\".reg.lan\"", ""), false },
		{ OFFLINE("\"reg.lan.\"", ""), false },
		{ OFFLINE("\"*\"", ""), false },
		/* one spelling */
		{ OFFLINE("\"b\",\"a\"", ""), false },
		{ OFFLINE("\"a\",\"a\"", ""), false },
		{ OFFLINE("", "\"oci\",\"file\""), false },
		{ "{\"offline\":true}", false },
		{ "{\"offline\":{}}", false },
		{ "{\"offline\":{\"registries\":[]}}", false },
		{ "{\"offline\":{\"schemes\":[]}}", false },
		{ "{\"offline\":{\"registries\":{},\"schemes\":[]}}", false },
		{ "{\"offline\":{\"registries\":[],\"schemes\":[],\"unless\":1}}", false },
	};

	parse_each(cases, COUNT(cases));
}

Test(policy, offline_many)
{
	cr_assert_eq(crypto_init(), 0);
	for (size_t n = POLICY_OFFLINE_MAX; n <= POLICY_OFFLINE_MAX + 1; n++) {
		const struct public_key ana = key_of(1), agent = key_of(2);
		cleanup_buf struct buf change = { 0 };
		struct policy p = { 0 };
		struct err e = { 0 };
		buf_adds(&change, "{\"offline\":{\"schemes\":[],\"registries\":");
		for (size_t i = 0; i < n; i++)
			buf_addf(&change, "%c\"h%02zu\"", i == 0 ? '[' : ',', i);
		buf_adds(&change, "]}}");
		cleanup_json json_t *doc = solo_policy(REGISTRY, "ana", &ana, &agent, 1000);
		cleanup_json json_t *j = changed(doc, buf_cstr(&change), &e);
		const int rc = policy_parse(j, &p, &e);
		cr_expect_eq(rc, n > POLICY_OFFLINE_MAX ? -ERR_TOO_BIG : 0, "%zu: %s", n, e.msg);
		policy_fini(&p);
	}
}

Test(policy, refused)
{
#define ANA "{\"id\":\"ana\",\"keys\":[\"%a\"]}"
#define AG  "{\"id\":\"agent\",\"keys\":[\"%b\"]}"
#define ROLES(root, agent)                                                                \
	"{\"root\":" root ",\"author\":[\"ana\"],\"approver\":[],\"deployer\":[\"ana\"]," \
	"\"agent\":" agent "}"
#define STAGE(more) "{\"name\":\"one\",\"order\":1,\"protected\":true" more "}"
	static const struct change cases[] = {
		{ "{}", true },
		{ "{\"version\":2,\"previous\":\"sha256:" REGISTRY REGISTRY "\"}", true },
		{ "{\"version\":2}", false },
		{ "{\"previous\":\"sha256:" REGISTRY REGISTRY "\"}", false },
		{ "{\"previous\":\"sha256:1234\",\"version\":2}", false },
		{ "{\"registry\":null}", false },
		{ "{\"registry\":\"abc\"}", false },
		{ "{\"expires\":\"1970-06-01T00:00:00Z\"}", true },
		{ "{\"expires\":\"1972-01-01T00:00:00Z\"}", false }, /* more than 400 days */
		{ "{\"expires\":\"1970-01-01T00:00:01Z\"}", false }, /* before its issue */
		{ "{\"root_threshold\":1}", true },
		{ "{\"root_threshold\":0}", false },
		{ "{\"root_threshold\":2}", false },
		{ "{\"revoked\":[{\"key\":\"%c\",\"at\":7}]}", true },
		{ "{\"revoked\":[{\"key\":\"%a\",\"at\":7}]}", false },
		{ "{\"revoked\":[{\"key\":\"%c\"}]}", false },
		{ "{\"revoked\":[{\"key\":\"%c\",\"at\":7},{\"key\":\"%c\",\"at\":8}]}", false },
		{ "{\"revoked\":[{\"key\":\"%c x\",\"at\":7}]}", false },
		{ "{\"stages\":[" STAGE(",\"approvals\":1") "]}", true },
		{ "{\"stages\":[" STAGE(",\"approvals\":2") "]}", false },
		{ "{\"stages\":[" STAGE(",\"approvals\":1,\"approval_hours\":0") "]}", false },
		{ "{\"stages\":[" STAGE(",\"break_glass\":[\"root\"]") "]}", true },
		{ "{\"stages\":[" STAGE(",\"break_glass\":[\"agent\"]") "]}", false },
		{ "{\"stages\":[" STAGE(",\"break_glass\":[\"root\",\"root\"]") "]}", false },
		{ "{\"stages\":[" STAGE(",\"min_proof\":\"listed\"") "]}", true },
		{ "{\"stages\":[" STAGE(",\"min_proof\":\"sure\"") "]}", false },
		{ "{\"stages\":[" STAGE(",\"gates\":[\"auc >= 0.97\",\"scan is clean\"]") "]}",
		  true },
		{ "{\"stages\":[" STAGE(",\"gates\":[\"auc >= one\"]") "]}", true },
		{ "{\"stages\":[" STAGE(",\"gates\":[\"auc >= two\"]") "]}", false },
		{ "{\"stages\":[" STAGE(",\"gates\":[\"auc == 1\"]") "]}", false },
		{ "{\"stages\":[" STAGE(",\"gates\":[7]") "]}", false },
		{ "{\"roles\":" ROLES("[\"ana\"]", "[\"agent\"]") "}", true },
		{ "{\"stages\":[{\"name\":\"one\",\"order\":1,\"protected\":true}]}", true },
		{ "{\"version\":0}", false },
		{ "{\"version\":\"1\"}", false },
		{ "{\"version\":null}", false },
		{ "{\"template\":null}", false },
		{ "{\"template\":\"So Lo\"}", false },
		{ "{\"issued\":\"yesterday\"}", false },
		{ "{\"expires\":\"2030-01-01\"}", false },
		{ "{\"expires\":5}", false },
		{ "{\"unknown\":1}", false },
		{ "{\"people\":null}", false },
		{ "{\"people\":{}}", false },
		{ "{\"people\":[]}", false },
		{ "{\"people\":[" ANA "," AG ",5]}", false },
		{ "{\"people\":[" ANA "," AG "," ANA "]}", false },
		{ "{\"people\":[" ANA "," AG ",{\"id\":\"ben\",\"keys\":[\"%c\"]}]}", true },
		{ "{\"people\":[" ANA "," AG ",{\"id\":\"ana\",\"keys\":[\"%c\"]}]}", false },
		{ "{\"people\":[" ANA ",{\"id\":\"agent\",\"keys\":[\"%a\"]}]}", false },
		{ "{\"people\":[" ANA ",{\"id\":\"agent\",\"keys\":[]}]}", false },
		{ "{\"people\":[" ANA ",{\"id\":\"agent\",\"keys\":[\"ssh-rsa AAAA\"]}]}", false },
		{ "{\"people\":[" ANA ",{\"id\":\"agent\",\"keys\":[5]}]}", false },
		{ "{\"people\":[" ANA ",{\"id\":\"agent\",\"keys\":[\"%b\"],\"admin\":true}]}",
		  false },
		{ "{\"people\":[" ANA ",{\"id\":\"A b\",\"keys\":[\"%b\"]}]}", false },
		{ "{\"roles\":null}", false },
		{ "{\"roles\":{\"root\":[\"ana\"]}}", false },
		{ "{\"roles\":" ROLES("[]", "[\"agent\"]") "}", false },
		{ "{\"roles\":" ROLES("[\"eve\"]", "[\"agent\"]") "}", false },
		{ "{\"roles\":" ROLES("[\"ana\",\"ana\"]", "[\"agent\"]") "}", false },
		{ "{\"roles\":" ROLES("[\"ana\"]", "[\"ana\"]") "}", false },
		{ "{\"roles\":" ROLES("[\"ana\"]", "[\"agent\"],\"king\":[\"ana\"]") "}", false },
		{ "{\"roles\":" ROLES("[7]", "[\"agent\"]") "}", false },
		{ "{\"roles\":" ROLES("[\"ana\"]", "[\"agent\"],\"log\":[\"ana\"]") "}", false },
		{ "{\"roles\":" ROLES("[\"ana\"]", "[\"agent\"],\"log\":[\"agent\"]") "}", false },
		{ "{\"stages\":[]}", false },
		{ "{\"stages\":[{\"name\":\"one\",\"order\":2,\"protected\":true}]}", false },
		{ "{\"stages\":[{\"name\":\"one\",\"order\":1,\"protected\":1}]}", false },
		{ "{\"stages\":[{\"name\":\"latest\",\"order\":1,\"protected\":true}]}", false },
		{ "{\"stages\":[{\"name\":\"v3\",\"order\":1,\"protected\":true}]}", false },
		{ "{\"stages\":[{\"name\":\"a\","
		  "\"order\":1,\"protected\":true,\"soak\":1}]}",
		  false },
		{ "{\"stages\":[{\"name\":\"one\",\"order\":1,\"protected\":true},"
		  "{\"name\":\"one\",\"order\":2,\"protected\":true}]}",
		  false },
	};
	parse_each(cases, COUNT(cases));
}
