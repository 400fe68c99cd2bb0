/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two registries with a gap between them: "hq" has two versions of MODEL and one of OTHER and a key
 * of its log, "gap" has other keys and believes hq. Steps that draft, sign, write, read, judge and
 * take in bundles, well or as somebody with hq's keys and no manners would.
 */
#pragma once

#include "proof_fixture.h"
#include "registry/bundle_build.h"
#include "registry/bundle_check.h"
#include "registry/bundle_entry.h"
#include "registry/bundle_import.h"
#include "registry/bundle_media.h"
#include "registry/bundle_source.h"
#include "registry/origin.h"

#define OTHER "team/face"
#define DAY_S ((int64_t)24 * 3600)
#define NOW_S INT64_C(1800000000)
#define HQ_V1 2 /* their entries' places in hq's log */
#define HQ_V2 4
#define HQ_O1 5

struct pair {
	struct site hq, gap;
	struct secret_key *log;
	struct digest root, v1, v2, o1;
};
struct wanted {
	const char *model;
	uint64_t number;
};
static const struct wanted want_v1[] = { { MODEL, 1 } }, want_v2[] = { { MODEL, 2 } },
                           want_all[] = { { MODEL, 1 }, { MODEL, 2 }, { OTHER, 1 } };

/* Takes sites, NULL: none any more. */
static inline void
believe(struct site *s, json_t *sites)
{
	json_t *const doc = next_policy(s);

	json_object_del(doc, "sites");
	if (sites)
		json_object_set_new(doc, "sites", sites);
	site_policy(s, doc, s->ana);
}

static inline json_t *
hq_is_believed(const struct pair *p)
{
	return json_pack("[{s:[s], s:s, s:o}]", "for", "versions", "name", "hq", "root",
	                 json_from_digest(&p->root));
}

static inline void
pair_make(struct pair *p)
{
	struct ledger l;
	struct err e = { 0 };

	*p = (struct pair){ 0 };
	site_make(&p->hq);
	p->log = site_key(7);
	ok(ledger_open(p->hq.r, &l, &e), &e, "ledger");
	p->root = l.policy.digest;
	ledger_fini(&l);
	p->v1 = site_version(&p->hq, 1, "one");
	name_log_key(&p->hq, p->log);
	p->v2 = site_version(&p->hq, 2, "two");
	p->o1 = site_version_of(&p->hq, OTHER, 1, "other");
	site_make_as(&p->gap, 11);
	believe(&p->gap, hq_is_believed(p));
}

static inline void
pair_leave(struct pair *p)
{
	key_free(p->log);
	site_leave(&p->gap);
	site_leave(&p->hq);
}

/* --- building --- */

static inline int
try_draft(struct pair *p, const struct wanted *w, size_t n, uint64_t since,
          struct bundle_draft *ret, struct err *e)
{
	cleanup_buf struct buf note = { 0 };
	struct version_row rows[4];
	struct ledger l;
	struct txn *t;
	int rc;

	cr_assert(n <= COUNT(rows));
	ok(store_read_begin(p->hq.r->store, &t, e), e, "begin");
	for (size_t i = 0; i < n; i++)
		ok(version_get(t, w[i].model, w[i].number, &rows[i], e), e, w[i].model);
	store_abort(t);
	checkpoint(&p->hq, p->log, &note);
	ok(ledger_open(p->hq.r, &l, e), e, "ledger");
	const struct bundle_request q = { .versions = rows,
		                          .versions_n = n,
		                          .since = since,
		                          .days = BUNDLE_DAYS,
		                          .now_s = NOW_S,
		                          .checkpoint = buf_str(&note) };
	rc = bundle_draft(p->hq.r, &l, &q, ret, e);
	ledger_fini(&l);
	return rc;
}

static inline void
sign_inventory(const struct bundle *b, const struct secret_key *by, struct buf *ret)
{
	cleanup_json json_t *o = bundle_predicate(&b->inventory);
	const struct buf *const text = &b->front[FRONT_INVENTORY].text;
	struct digest d;
	struct err e = { 0 };

	buf_clear(ret);
	digest_small(text->p, text->n, &d);
	ok(statement_sign("bundle", "bundle", &d, o, by, ret, &e), &e, "sign");
}

/* Drafted, signed by hq's ana, logged there. */
static inline void
build(struct pair *p, const struct wanted *w, size_t n, uint64_t since, struct bundle_draft *ret)
{
	cleanup_buf struct buf envelope = { 0 };
	struct err e = { 0 };

	ok(try_draft(p, w, n, since, ret, &e), &e, "draft");
	cr_assert_not(ret->is_built);
	sign_inventory(&ret->bundle, p->hq.ana, &envelope);
	ok(bundle_commit(p->hq.r, ret, buf_str(&envelope), NULL, &e), &e, "commit");
}

/* What the bundle's inventory says becomes its text, signed and whole. */
static inline int
try_remake(struct bundle *b, const struct secret_key *by, struct err *e)
{
	struct bundle_inventory *const v = &b->inventory;
	struct buf *const text = &b->front[FRONT_INVENTORY].text;
	const struct buf *const list = &b->front[FRONT_LIST].text, *const proof =
	                                                                   &b->front[FRONT_PROOF]
	                                                                            .text;

	digest_small(buf_str(list).p, list->n, &v->list);
	digest_small(buf_str(proof).p, proof->n, &v->proof);
	v->list_size = list->n;
	v->proof_size = proof->n;
	buf_clear(text);
	bundle_inventory_write(v, text);
	sign_inventory(b, by, &b->front[FRONT_ENVELOPE].text);
	bundle_inventory_fini(v);
	bundle_list_fini(&b->list);
	return bundle_complete(b, e);
}

static inline void
remake(struct bundle *b, const struct secret_key *by)
{
	struct err e = { 0 };

	ok(try_remake(b, by, &e), &e, "remake");
}

/* A bundle like that one, to be spoilt. */
static inline void
copy_bundle(const struct bundle *from, struct bundle *ret)
{
	static const enum bundle_front given[] = { FRONT_ENVELOPE, FRONT_INVENTORY, FRONT_LIST,
		                                   FRONT_PROOF };
	struct err e = { 0 };

	*ret = (struct bundle){ 0 };
	for (size_t i = 0; i < COUNT(given); i++)
		buf_add(&ret->front[given[i]].text, from->front[given[i]].text.p,
		        from->front[given[i]].text.n);
	ok(bundle_complete(ret, &e), &e, "copy");
}

/* A proof of any entries of hq's log as it is, beside all policies. Takes growth. */
static inline void
prove_entries(struct pair *p, const uint64_t *seqs, size_t n, json_t *growth, struct buf *ret)
{
	cleanup_buf struct buf note = { 0 };
	cleanup_json json_t *o = json_pack("{s:o}", "growth", growth);
	struct proof_making m = { .r = p->hq.r };
	struct err e = { 0 };

	checkpoint(&p->hq, p->log, &note);
	ok(proof_making_begin(&m, buf_str(&note), &e), &e, "begin");
	for (size_t i = 0; i < n; i++)
		ok(proof_want(&m.g, seqs[i], &e), &e, "want");
	ok(proof_gather_run(&m.g, p->hq.r->log, &m.head.root, &e), &e, "run");
	buf_clear(ret);
	proof_making_text(&m, o, PROOF_KIND_BUNDLE, buf_str(&note), ret);
	proof_making_fini(&m);
}

/* --- media --- */

/* Written as one file beside hq's registry, and opened again. */
static inline struct bundle_source *
carry(struct pair *p, const struct bundle *b, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", p->hq.path, name);
	const struct bundle_media m = { .dir = p->hq.path, .name = name, .stdout_fd = -1 };
	const char *const paths[] = { path };
	struct bundle_written written;
	struct bundle_source *s;
	struct err e = { 0 };

	ok(bundle_write(p->hq.r->blobs, b, &m, &written, &e), &e, "write");
	ok(bundle_source_open(paths, 1, &s, &e), &e, "open");
	return s;
}

/* As `bundle import` does: what the policy and the log of gap know is asked. */
static inline int
take_in(struct pair *p, struct bundle_source *s, struct bundle_arrived *ret, struct err *e)
{
	struct bundle_expect x = { .root = &p->root, .self = p->gap.r->id, .now_s = NOW_S };
	struct bundle_judged j;
	struct bundle b;
	struct ledger l;
	int rc;

	*ret = (struct bundle_arrived){ 0 };
	*e = (struct err){ 0 };
	ok(bundle_read_front(s, &b, e), e, "front");
	ok(ledger_open(p->gap.r, &l, e), e, "ledger");
	rc = ledger_bundle(&l, b.inventory.registry_id, &x.seen, e);
	if (rc == 0)
		rc = bundle_judge(&b, &x, &j, e);
	if (rc == 0) {
		rc = bundle_import(p->gap.r, &l, s, &b, &j, NULL, NULL, ret, e);
		bundle_judged_fini(&j);
	}
	ledger_fini(&l);
	bundle_fini(&b);
	return rc;
}
