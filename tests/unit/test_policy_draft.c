/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts that several people sign: who has signed, who is missing, and when it is enough. */
#include "registry/policy_draft.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ed25519.h"
#include "registry/policy_edit.h"
#include "registry/statement.h"

#define REGISTRY "0123456789abcdef0123456789abcdef"
#define NOW_S    1800000000

enum { ANA, ANA2, BEN, EVE, AGENT, KEYS };

struct world {
	struct secret_key *keys[KEYS];
	struct policy old, next; /* next wants two of ana and ben */
};

static void
world(struct world *w)
{
	cleanup_json json_t *first = NULL, *doc = NULL;
	struct err e = { 0 };

	cr_assert_eq(crypto_init(), 0);
	for (size_t i = 0; i < KEYS; i++) {
		uint8_t seed[KEY_SEED_SIZE];
		memset(seed, (int)i + 1, sizeof seed);
		w->keys[i] = key_from_seed(seed);
	}
	const struct policy_start start = { .template_name = "team",
		                            .registry_id = REGISTRY,
		                            .person = "ana",
		                            .key = &w->keys[ANA]->pub,
		                            .agent = &w->keys[AGENT]->pub,
		                            .issued_s = NOW_S };
	first = policy_template(&start);
	cr_assert_eq(policy_parse(first, &w->old, &e), 0, "%s", e.msg);
	doc = policy_edit_begin(&w->old);
	cr_assert_eq(policy_edit_add(doc, "ana", &w->keys[ANA2]->pub, 0, &e), 0);
	cr_assert_eq(policy_edit_add(doc, "ben", &w->keys[BEN]->pub, ROLE_BIT(ROLE_ROOT), &e), 0);
	cr_assert_eq(policy_edit_set(doc, "root-threshold", "2", &e), 0);
	cr_assert_eq(policy_edit_end(doc, &w->old, NOW_S, &w->next, &e), 0, "%s", e.msg);
}

static void
release(struct world *w)
{
	for (size_t i = 0; i < KEYS; i++)
		key_free(w->keys[i]);
	policy_fini(&w->old);
	policy_fini(&w->next);
}

static void
sign(const struct world *w, const char *who, struct buf *ret)
{
	cleanup_buf struct buf payload = { 0 }, pae = { 0 };
	struct err e = { 0 };

	cr_assert_eq(
	        statement_payload("policy", "policy", &w->next.digest, w->next.doc, &payload, &e),
	        0);
	cr_assert_eq(statement_pae(buf_str(&payload), &pae, &e), 0);
	for (const char *c = who; *c; c++) {
		const struct secret_key *const k = w->keys[*c - '0'];
		uint8_t sig[ED25519_SIG_SIZE];
		char id[KEY_ID_SIZE];
		cleanup_buf struct buf had = *ret;
		key_id(&k->pub, id);
		cr_assert_eq(ed25519_sign(sig, pae.p, pae.n, k), 0);
		*ret = (struct buf){ 0 };
		cr_assert_eq(had.n == 0 ? statement_envelope(buf_str(&payload), id, sig, sizeof sig,
		                                             ret, &e)
		                        : statement_add_signature(buf_str(&had), id, sig,
		                                                  sizeof sig, ret, &e),
		             0);
	}
}

Test(policy_draft, who_is_missing)
{
	static const struct {
		const char *by; /* digits of the enum */
		uint64_t signers;
		const char *missing;
		int rc; /* of policy_accept */
	} cases[] = {
		{ "0", 1, "ben", ERR_NEEDS_PERSON },
		{ "1", 1, "ben", ERR_NEEDS_PERSON },
		{ "01", 1, "ben", ERR_NEEDS_PERSON }, /* two keys, one person */
		{ "2", 4, "ana", ERR_NEEDS_PERSON },
		{ "3", 0, "ana or ben", ERR_UNTRUSTED },
		{ "4", 0, "ana or ben", ERR_UNTRUSTED },
		{ "34", 0, "ana or ben", ERR_UNTRUSTED },
		{ "02", 5, "", 0 },
		{ "302", 5, "", 0 },
		/* enough for the new one, but ana's second key is not in the old one */
		{ "12", 5, "", ERR_UNTRUSTED },
	};
	struct world w = { 0 };

	world(&w);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf envelope = { 0 }, missing = { 0 };
		struct policy p = { 0 };
		struct err e = { 0 };
		sign(&w, cases[i].by, &envelope);
		const struct str text = buf_str(&envelope);
		cr_expect_eq(policy_draft_signers(&w.next, text), cases[i].signers, "%s",
		             cases[i].by);
		policy_draft_missing(&w.next, text, &missing);
		cr_expect_str_eq(buf_cstr(&missing), cases[i].missing, "%s", cases[i].by);
		cr_expect_eq(policy_draft_suffices(&w.next, text), !*cases[i].missing, "%s",
		             cases[i].by);
		cr_expect_eq(policy_accept(&w.old, text, REGISTRY, &p, &e), -cases[i].rc, "%s: %s",
		             cases[i].by, e.msg);
		policy_fini(&p);
	}
	release(&w);
}

Test(policy_draft, read)
{
	cleanup_buf struct buf good = { 0 }, other = { 0 }, kind = { 0 };
	struct digest wrong = { { 1 } };
	struct world w = { 0 };
	struct policy p = { 0 };
	struct err e = { 0 };

	world(&w);
	sign(&w, "0", &good);
	cr_expect_eq(policy_draft_read(buf_str(&good), &p, &e), 0, "%s", e.msg);
	cr_expect(digest_eq(&p.digest, &w.next.digest));
	policy_fini(&p);
	cr_assert_eq(
	        statement_sign("policy", "policy", &wrong, w.next.doc, w.keys[ANA], &other, &e), 0);
	cr_expect_eq(policy_draft_read(buf_str(&other), &p, &e), -ERR_SIGNATURE);
	cr_assert_eq(statement_sign("version", "policy", &w.next.digest, w.next.doc, w.keys[ANA],
	                            &kind, &e),
	             0);
	cr_expect_eq(policy_draft_read(buf_str(&kind), &p, &e), -ERR_SIGNATURE);
	cr_expect_eq(policy_draft_signers(&w.next, buf_str(&kind)), 0);
	cr_expect_eq(policy_draft_read(str_of("{}"), &p, &e), -ERR_MALFORMED);
	cr_expect_eq(policy_draft_signers(&w.next, str_of("{}")), 0);
	release(&w);
}
