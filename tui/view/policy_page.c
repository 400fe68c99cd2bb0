/* SPDX-License-Identifier: Apache-2.0 */
/* The words are policy_words.c's where it has them. */
#include "tui/view/policy_page.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/policy_words.h"
#include "tui/view/show.h"

#define SOON_S (30 * 86400) /* before it expires */

void
policy_page_fini(struct policy_page *page)
{
	vec_fini(&page->own);
	vec_fini(&page->keys);
}

static uint32_t
tag_of(struct policy_page *page, const struct page_key *k)
{
	vec_push(&page->keys, *k);
	return (uint32_t)page->keys.n;
}

static void
roles_text(const struct policy *p, const struct policy_person *who, struct buf *ret)
{
	const unsigned roles = policy_roles_of(p, who);

	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (roles & ROLE_BIT(i))
			buf_addf(ret, "%s%s", ret->n > 0 ? ", " : "",
			         policy_role_name((enum policy_role)i));
}

static void
own_add(struct sheet *s, struct policy_page *page, const struct policy *p)
{
	sheet_head(s, false, "keys of yours on this machine  %zu", page->own.n);
	if (page->own.n == 0)
		sheet_add(s, INK_TEXT, 0, "none: slipway key new NAME makes one");
	vec_foreach(k, &page->own) {
		const struct policy_person *who = p ? policy_person_of(p, &k->pub) : NULL;
		struct page_key key = { .is_own = true };
		cleanup_buf struct buf as = { 0 };

		key.is_revoked = p && policy_is_revoked(p, &k->pub, UINT64_MAX);
		(void)str_copy(key.id, sizeof(key.id), k->id);
		(void)str_copy(key.person, sizeof(key.person), who ? who->id : "");
		if (key.is_revoked)
			buf_adds(&as, "REVOKED");
		else if (who)
			roles_text(p, who, &as);
		else
			buf_adds(&as, "the policy does not know it");
		sheet_add(s, key.is_revoked ? INK_BAD : INK_TEXT, tag_of(page, &key),
		          "%-12s %s  %s  %s", k->name,
		          k->is_encrypted ? "locked by a passphrase" : "in the clear",
		          buf_cstr(&as), k->id);
	}
	sheet_add(s, INK_DIM, 0, "those in ssh-agent: slipway key list");
}

static void
since_text(const struct page_key *k, struct buf *ret)
{
	char age[16];

	if (k->since_version == 0)
		return;
	show_age(age, k->since_s);
	buf_addf(ret, "  policy %llu, %s", (unsigned long long)k->since_version, age);
}

static void
people_add(struct sheet *s, struct policy_page *page, const struct policy *p,
           policy_since_fn *since, void *arg)
{
	sheet_head(s, false, "who is trusted, with which key, since which policy  %zu",
	           p->people_n);
	for (size_t i = 0; i < p->people_n; i++) {
		const struct policy_person *who = &p->people[i];
		cleanup_buf struct buf roles = { 0 };

		roles_text(p, who, &roles);
		sheet_add(s, INK_TEXT, 0, "%-12s %s", who->id,
		          roles.n > 0 ? buf_cstr(&roles) : "no role");
		for (size_t k = 0; k < who->keys_n; k++) {
			struct page_key key = { 0 };
			cleanup_buf struct buf then = { 0 };

			(void)str_copy(key.id, sizeof(key.id), who->keys[k].id);
			(void)str_copy(key.person, sizeof(key.person), who->id);
			key.is_revoked = policy_is_revoked(p, &who->keys[k].key, UINT64_MAX);
			since(arg, &key);
			since_text(&key, &then);
			sheet_add(s, key.is_revoked ? INK_BAD : INK_DIM, tag_of(page, &key),
			          "  %s%s%s", key.id, key.is_revoked ? "  REVOKED" : "",
			          buf_cstr(&then));
		}
	}
}

static void
revoked_add(struct sheet *s, struct policy_page *page, const struct policy *p)
{
	if (p->revoked_n == 0) {
		sheet_head(s, false, "revoked  no key");
		return;
	}
	sheet_head(s, false, "revoked  %zu", p->revoked_n);
	for (size_t i = 0; i < p->revoked_n; i++) {
		struct page_key key = { .is_revoked = true };

		(void)str_copy(key.id, sizeof(key.id), p->revoked[i].key.id);
		sheet_add(s, INK_BAD, tag_of(page, &key),
		          "%s  nothing counts that it signed from log entry %llu on", key.id,
		          (unsigned long long)p->revoked[i].at);
	}
}

/* Without one there is no heading: most registries never have any. */
static void
sites_add(struct sheet *s, const struct policy *p)
{
	if (p->sites_n > 0)
		sheet_head(s, false, "sites: other registries, and what of theirs counts here  %zu",
		           p->sites_n);
	for (size_t i = 0; i < p->sites_n; i++) {
		const struct policy_site *site = &p->sites[i];
		cleanup_buf struct buf counts = { 0 };
		char hex[DIGEST_HEX_SIZE];

		digest_hex(&site->root, hex);
		policy_counts_text(site->counts, &counts);
		sheet_add(s, INK_TEXT, 0, "%-12s %s", site->name, buf_cstr(&counts));
		sheet_add(s, INK_DIM, 0, "  sha256:%s", hex);
	}
}

static void
offline_add(struct sheet *s, const struct policy *p)
{
	cleanup_buf struct buf registries = { 0 }, schemes = { 0 };

	if (!p->offline)
		return;
	policy_offline_text(p, "registries", &registries);
	policy_offline_text(p, "schemes", &schemes);
	sheet_head(s, false, "offline: this site has no connection");
	sheet_add(s, INK_TEXT, 0, "registries   %s", buf_cstr(&registries));
	sheet_add(s, INK_TEXT, 0, "schemes      %s", buf_cstr(&schemes));
}

static void
expiry_add(struct sheet *s, const struct policy *p)
{
	const int64_t left = p->expires_s - clock_now_s();
	char when[CLOCK_TEXT_SIZE], took[16];

	if (p->expires_s == 0) {
		sheet_add(s, INK_TEXT, 0, "expires      never");
		return;
	}
	clock_text(when, p->expires_s);
	text_took(took, left > 0 ? (uint64_t)left : (uint64_t)-left);
	if (left <= 0)
		sheet_add(s, INK_BAD, 0,
		          "expires      EXPIRED %s ago, %s: only the way back is open", took, when);
	else
		sheet_add(s, left < SOON_S ? INK_WAIT : INK_TEXT, 0, "expires      %s, in %s", when,
		          took);
}

static void
policy_add(struct sheet *s, const struct policy *p)
{
	char hex[DIGEST_HEX_SIZE], ago[24];

	digest_hex(&p->digest, hex);
	show_ago(ago, p->issued_s);
	sheet_head(s, false, "policy  %llu", (unsigned long long)p->version);
	sheet_add(s, INK_TEXT, 0, "issued       %s, log entry %llu", ago,
	          (unsigned long long)p->seq);
	expiry_add(s, p);
	sheet_add(s, INK_TEXT, 0, "a change     %llu of role root must sign it",
	          (unsigned long long)p->root_threshold);
	sheet_add(s, INK_TEXT, 0, "digest       sha256:%s", hex);
}

/* --- stages --- */

struct stage_page {
	struct sheet *sheet;
	const struct policy *policy;
	const struct policy_stage *stage;
};

static void
stage_line(void *arg, const char *title, const char *text)
{
	const struct stage_page *g = arg;

	if (streq(title, g->stage->name))
		sheet_add(g->sheet, has_prefix(text, "break-glass") ? INK_WAIT : INK_TEXT, 0, "%s",
		          text);
}

static void
stage_add(struct sheet *s, const struct policy *p, const struct policy_stage *stage)
{
	struct stage_page g = { s, p, stage };

	sheet_head(s, false, "stage %llu  %s%s", (unsigned long long)stage->order, stage->name,
	           stage->is_protected ? ", protected: the model's name is typed" : "");
	if (stage->approvals == 0)
		sheet_add(s, INK_TEXT, 0, "nobody else must approve");
	policy_lines(p, stage_line, &g);
	if (stage->min_proof < 0)
		sheet_add(s, INK_TEXT, 0, "no proof is asked for beyond what the targets give");
	if (stage->gates_n == 0)
		sheet_add(s, INK_TEXT, 0, "no gate: neither evidence nor soak is asked for");
}

static void
advice_add(void *arg, enum policy_advice a, const char *about, const char *text)
{
	sheet_add(arg,
	          a == ADVICE_WRONG     ? INK_BAD
	          : a == ADVICE_WARNING ? INK_WAIT
	                                : INK_TEXT,
	          0, "%-8s %s: %s", policy_advice_name(a), about, text);
	if (a != ADVICE_FACT)
		sheet_mark_last(arg);
}

void
policy_page(struct sheet *s, struct policy_page *page, const struct policy *p,
            policy_since_fn *since, void *arg)
{
	page->keys.n = 0;
	own_add(s, page, p);
	if (!p) {
		sheet_head(s, false, "policy  none: no registry is open, or it has none");
		return;
	}
	people_add(s, page, p, since, arg);
	revoked_add(s, page, p);
	sites_add(s, p);
	offline_add(s, p);
	policy_add(s, p);
	for (size_t i = 0; i < p->stages_n; i++)
		stage_add(s, p, &p->stages[i]);
	sheet_head(s, false, "what somebody should know about it");
	policy_advise(p, clock_now_s(), advice_add, s);
}
