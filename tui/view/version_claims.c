/* SPDX-License-Identifier: Apache-2.0 */
/* Statements are found by the model's chain of entries, approvals by the plans of the version. */
#include "tui/view/version_claims.h"

#include <string.h>

#include "registry/base/clock.h"
#include "registry/consent.h"
#include "registry/history.h"
#include "registry/statement.h"
#include "tui/view/show.h"

#define PLANS_SEEN_MAX 1000u
#define CLOCK_ENTRIES  16u

void
version_claims_fini(struct version_claims *c)
{
	sheet_fini(&c->sheet);
	policy_fini(&c->policy);
}

static const struct policy_person *
person_of(const struct policy *p, const char *key_id, const struct policy_key **ret_key)
{
	for (size_t i = 0; i < p->people_n; i++)
		for (size_t k = 0; k < p->people[i].keys_n; k++)
			if (streq(p->people[i].keys[k].id, key_id)) {
				*ret_key = &p->people[i].keys[k];
				return &p->people[i];
			}
	return NULL;
}

enum ink
claim_key_text(const struct policy *p, const char *key_id, struct buf *ret)
{
	const struct policy_key *key = NULL;
	const struct policy_person *who = p ? person_of(p, key_id, &key) : NULL;

	for (size_t i = 0; p && i < p->revoked_n; i++)
		if (streq(p->revoked[i].key.id, key_id)) {
			buf_addf(ret, "REVOKED from log entry %llu on",
			         (unsigned long long)p->revoked[i].at);
			return INK_BAD;
		}
	if (!who) {
		buf_adds(ret,
		         p ? "NOT known to today's policy" : "not checked: no policy was read");
		return p ? INK_BAD : INK_WAIT;
	}
	buf_addf(ret, "%s in today's policy:", who->id);
	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (policy_roles_of(p, who) & ROLE_BIT(i))
			buf_addf(ret, " %s", policy_role_name((enum policy_role)i));
	return INK_TEXT;
}

/* --- approvals --- */

struct plans {
	struct version_claims *c;
	const struct view *v;
	const struct version_row *row;
	struct txn *txn;
	size_t seen, n;
};

static void
said_add(struct plans *k, const char *how, const char *person, uint64_t seq, enum ink ink)
{
	struct err ignored = { 0 };
	struct entry n;
	char ago[24] = "?";

	if (history_entry(k->v->app->registry, k->txn, seq, &n, &ignored) == 0) {
		show_ago(ago, n.time_s);
		entry_fini(&n);
	}
	sheet_add(&k->c->sheet, ink, 0, "  %-12s %s, %s, log entry %llu", how, person, ago,
	          (unsigned long long)seq);
}

static int
plan_add(void *arg, const struct plan_row *p)
{
	struct plans *k = arg;
	struct consent_rows said;
	struct err ignored = { 0 };
	char hex[DIGEST_HEX_SIZE];

	if (++k->seen > PLANS_SEEN_MAX)
		return 1;
	if (p->number != k->row->number || !streq(p->model, k->row->model))
		return 0;
	if (consent_get(k->txn, &p->id, &said, &ignored) < 0)
		return 0;
	digest_hex(&p->id, hex);
	sheet_add(&k->c->sheet, INK_TEXT, 0, "plan %.16s  %s to %s, %s", hex, p->kind, p->stage,
	          p->state);
	for (size_t i = 0; i < said.by_n; i++)
		said_add(k, said.by[i].break_glass ? "BREAK-GLASS" : "authorised",
		         said.by[i].person, said.by[i].seq,
		         said.by[i].break_glass ? INK_BAD : INK_TEXT);
	for (size_t i = 0; i < said.approvals_n; i++)
		said_add(k, "approved", said.approvals[i].person, said.approvals[i].seq, INK_TEXT);
	if (said.by_n == 0)
		sheet_add(&k->c->sheet, INK_WAIT, 0, "  authorised   by nobody yet");
	if (said.approvals_n == 0)
		sheet_add(&k->c->sheet, INK_DIM, 0, "  approved     by nobody");
	consent_fini(&said);
	k->n++;
	return 0;
}

int
version_claims_begin(struct version_claims *c, const struct view *v, struct txn *t,
                     const struct model_row *m, const struct version_row *row, struct err *e)
{
	struct plans k = { .c = c, .v = v, .row = row, .txn = t };
	struct err ignored = { 0 };

	if (c->of_seq == m->last_seq + 1)
		return 0;
	c->of_seq = c->next = m->last_seq + 1;
	c->n = 0;
	sheet_clear(&c->sheet);
	policy_fini(&c->policy);
	c->policy = (struct policy){ 0 };
	c->has_policy = policy_current(v->app->registry, t, &c->policy, &ignored) == 0;
	sheet_head(&c->sheet, false, "plans of this version, and who said yes to them");
	const int rc = plan_each(t, plan_add, &k, e);
	if (k.n == 0)
		sheet_add(&c->sheet, INK_DIM, 0, "no plan moves it");
	return rc < 0 ? rc : 0;
}

/* --- statements --- */

static void
claim_add(struct version_claims *c, const struct entry *n, const struct statement *st)
{
	cleanup_buf struct buf key = { 0 };
	struct lines json = { 0 };
	char ago[24];

	show_ago(ago, n->time_s);
	const enum ink ink = claim_key_text(c->has_policy ? &c->policy : NULL, st->key_id, &key);
	sheet_head(&c->sheet, true, "%s  %s, log entry %llu, %s", st->kind, ago,
	           (unsigned long long)n->seq, buf_cstr(&key));
	if (ink == INK_BAD)
		c->sheet.rows.v[c->sheet.rows.n - 1].ink = INK_BAD;
	sheet_add(&c->sheet, INK_TEXT, 0, "claims key       %s", st->key_id[0] ? st->key_id : "-");
	lines_add_json(&json, st->predicate);
	vec_foreach(r, &json.rows)
		sheet_add(&c->sheet, r->ink, 0, "%s", r->text);
	lines_fini(&json);
	c->n++;
}

static void
entry_look(struct version_claims *c, const struct view *v, const struct version_row *row,
           const struct entry *n)
{
	cleanup_buf struct buf envelope = { 0 };
	struct statement st = { 0 };
	struct err e = { 0 };

	if (!n->statement || history_envelope(v->app->registry, n, &envelope, &e) < 0 ||
	    statement_peek(buf_str(&envelope), &st, &e) < 0)
		return;
	if (digest_eq(&st.subject, &row->digest))
		claim_add(c, n, &st);
	statement_fini(&st);
}

bool
version_claims_more(struct version_claims *c, const struct view *v, struct txn *t,
                    const struct version_row *row, unsigned slice_ms)
{
	const uint64_t until = clock_mono_ms() + slice_ms;
	struct err e = { 0 };
	size_t seen = 0;

	while (c->next > 0) {
		struct entry n;
		if (++seen % CLOCK_ENTRIES == 0 && clock_mono_ms() >= until)
			return false;
		if (history_entry(v->app->registry, t, c->next - 1, &n, &e) < 0) {
			sheet_add(&c->sheet, INK_BAD, 0, "%s", e.msg);
			break;
		}
		entry_look(c, v, row, &n);
		/* back pointers of a damaged log go nowhere */
		c->next = n.has_previous && n.previous < n.seq && n.seq > row->seq ? n.previous + 1
		                                                                   : 0;
		entry_fini(&n);
	}
	c->next = 0;
	if (c->n == 0)
		sheet_head(&c->sheet, false, "UNSIGNED: no statement names this version");
	return true;
}
