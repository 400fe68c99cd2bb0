/* SPDX-License-Identifier: Apache-2.0 */
/* The page of keys and policy: whom a key belongs to and since when, what is revoked or has
 * expired, what a stage asks for. */
#include <criterion/criterion.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/policy_page.h"

static void
since(void *arg, struct page_key *k)
{
	const int64_t *then = arg;

	k->since_version = 3;
	k->since_s = *then;
}

static bool
has_row(const struct sheet *s, const char *text, enum ink ink)
{
	for (size_t i = 0; i < s->rows.n; i++)
		if (strstr(s->rows.v[i].text, text) && s->rows.v[i].ink == ink)
			return true;
	return false;
}

static struct secret_key *
key_of(uint8_t n)
{
	const uint8_t seed[KEY_SEED_SIZE] = { n };

	cr_assert_eq(crypto_init(), 0);
	return key_from_seed(seed);
}

static json_t *
doc_of(const struct public_key *ana, const struct public_key *agent)
{
	const struct policy_start start = {
		.template_name = "team",
		.registry_id = "00112233445566778899aabbccddeeff",
		.person = "ana",
		.key = ana,
		.agent = agent,
		.issued_s = clock_now_s() - 3600,
	};

	return policy_template(&start);
}

Test(policy_page, says_who_since_when_and_what_a_stage_asks_for)
{
	struct secret_key *ana = key_of(1), *agent = key_of(2), *eve = key_of(3);
	struct policy_page page = { 0 };
	struct sheet s = { 0 };
	struct policy p = { 0 };
	struct err e = { 0 };
	int64_t then = clock_now_s() - 7200;
	cleanup_json json_t *doc = doc_of(&ana->pub, &agent->pub);

	cr_assert_eq(policy_parse(doc, &p, &e), 0, "%s", e.msg);
	const struct keyring_item own = { .name = "ana", .pub = ana->pub };
	const struct keyring_item other = { .name = "eve", .pub = eve->pub, .is_encrypted = true };
	vec_push(&page.own, own);
	vec_push(&page.own, other);
	policy_page(&s, &page, &p, since, &then);
	cr_expect(has_row(&s, "in the clear  root", INK_TEXT));
	cr_expect(has_row(&s, "locked by a passphrase  the policy does not know it", INK_TEXT));
	cr_expect(has_row(&s, "policy 3, 2h", INK_DIM));
	cr_expect(has_row(&s, "production, protected", INK_HEAD));
	cr_expect(has_row(&s, "1 approval", INK_TEXT));
	cr_expect(has_row(&s, "expires      never", INK_TEXT));

	cr_expect(!has_row(&s, "sites: ", INK_HEAD), "there are none");

	struct policy_site hq = { .name = "hq", .counts = COUNTS_VERSIONS | COUNTS_EVIDENCE };
	memset(hq.root.b, 0xa7, sizeof hq.root.b);
	p.sites = &hq;
	p.sites_n = 1;
	sheet_clear(&s);
	policy_page(&s, &page, &p, since, &then);
	cr_expect(has_row(&s, "what of theirs counts here  1", INK_HEAD));
	cr_expect(has_row(&s, "hq           versions, evidence", INK_TEXT));
	cr_expect(has_row(&s, "  sha256:a7a7a7", INK_DIM), "what it is known by");
	cr_expect(has_row(&s, "of that site count here", INK_TEXT), "advice");
	p.sites = NULL;
	p.sites_n = 0;

	cr_expect(!has_row(&s, "offline: ", INK_HEAD), "it has a connection");
	p.offline = json_pack("{s:[s], s:[s,s]}", "registries", "reg.lan", "schemes", "oci", "pvc");
	sheet_clear(&s);
	policy_page(&s, &page, &p, since, &then);
	cr_expect(has_row(&s, "offline: this site has no connection", INK_HEAD));
	cr_expect(has_row(&s, "registries   reg.lan", INK_TEXT));
	cr_expect(has_row(&s, "schemes      oci, pvc", INK_TEXT));
	json_decref(p.offline);
	p.offline = NULL;

	p.expires_s = clock_now_s() - 86400;
	sheet_clear(&s);
	policy_page(&s, &page, &p, since, &then);
	cr_expect(has_row(&s, "EXPIRED 1d ago", INK_BAD));
	p.expires_s = clock_now_s() + 86400 * 3;
	sheet_clear(&s);
	policy_page(&s, &page, &p, since, &then);
	cr_expect(has_row(&s, "expires      2", INK_WAIT), "soon");

	sheet_clear(&s);
	policy_page(&s, &page, NULL, since, &then);
	cr_expect(has_row(&s, "policy  none", INK_HEAD));
	sheet_fini(&s);
	policy_page_fini(&page);
	policy_fini(&p);
	key_free(ana);
	key_free(agent);
	key_free(eve);
}
