/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gathering a bundle: versions are verified as for a promotion, the log is read once for the
 * entries that prove them and for how it grew from earlier bundles, and the blobs that an earlier
 * one brought are left out. Writes nothing but its documents and one entry; the tar is
 * bundle_media's.
 */
#include "registry/bundle_build.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/vec.h"
#include "registry/change.h"
#include "registry/evidence.h"
#include "registry/fault.h"
#include "registry/history.h"
#include "registry/origin.h"
#include "registry/proof_private.h"
#include "registry/statement.h"

#define GROWTH_MAX 16u /* earlier bundles from whose trees it is shown that the log grew */

struct growth {
	uint64_t size;
	struct digest root;
	struct merkle_prover prover;
};
struct gather {
	struct registry *r;
	const struct ledger *l;
	const struct bundle_request *q;
	struct bundle_draft *d;
	VEC(struct bundle_blob) blobs;
	VEC(uint64_t) seqs;
	VEC(struct growth *) growth;
	struct proof_making m;
	struct err *e;
	const struct version_row *at; /* whose story is walked */
};

/* --- blobs --- */

static void
want_blob(struct gather *g, const struct digest *d, uint64_t size)
{
	const struct bundle_blob b = { *d, size };

	vec_push(&g->blobs, b);
}

/* One that the log promises, with the size that it has. */
static int
want_there(struct gather *g, const struct digest *d, const char *what, uint64_t *ret_size,
           struct err *e)
{
	uint64_t size;

	if (!blob_exists(g->r->blobs, d, &size)) {
		(void)err_set(e, ERR_DIGEST, "%s is not in the registry", what);
		return err_hint(e, "see `slipway check`; " BLOB_HINT_LOST);
	}
	want_blob(g, d, size);
	if (ret_size)
		*ret_size = size;
	return 0;
}

static int
want_files(struct gather *g, const struct admitted *a, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < a->manifest.n; i++) {
		const struct manifest_file *const f = &a->manifest.files[i];
		uint64_t size;

		rc = want_there(g, &f->digest, f->path, &size, e);
		if (rc == 0 && size != f->size)
			rc = err_set(e, ERR_DIGEST, "\"%s\" has %" PRIu64 " bytes, not %" PRIu64,
			             f->path, size, f->size);
	}
	if (rc == 0)
		rc = want_there(g, &a->manifest.config, "its config", NULL, e);
	if (rc == 0 && !digest_is_zero(&a->smoke))
		rc = want_there(g, &a->smoke, "its golden request", NULL, e);
	return rc;
}

/* Who allowed a promotion and who approved it, by the places that the agent signed. */
static void
want_consent(struct gather *g, const struct entry *n)
{
	cleanup_buf struct buf envelope = { 0 };
	struct err ignored = { 0 };
	struct statement s = { 0 };
	const json_t *one;
	size_t i;

	if (authority_envelope(n, &envelope, &ignored) < 0 ||
	    statement_peek(buf_str(&envelope), &s, &ignored) < 0)
		return;
	if (json_object_get(s.predicate, "authorisation"))
		vec_push(&g->seqs,
		         json_opt_u64(json_object_get(s.predicate, "authorisation"), "seq"));
	json_array_foreach(json_object_get(s.predicate, "approvals"), i, one)
	        vec_push(&g->seqs, json_opt_u64(one, "seq"));
	statement_fini(&s);
}

/* What is said about the version beside its own entry: evidence, and where it was brought. */
static int
take_story(void *arg, const struct entry *n)
{
	struct gather *const g = arg;

	if (origin_is(n) || json_opt_u64(n->body, "number") != g->at->number)
		return n->seq <= g->at->seq;
	if (streq(n->type, "evidence") || streq(n->type, "promotion"))
		vec_push(&g->seqs, n->seq);
	if (streq(n->type, "promotion"))
		want_consent(g, n);
	return n->seq <= g->at->seq; /* older than the version */
}

static int
want_story(struct gather *g, const struct version_row *v, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(g->r->store, &t, e);

	if (rc < 0)
		return rc;
	g->at = v;
	rc = history_each(g->r, t, v->model, take_story, g, e);
	store_abort(t);
	return rc < 0 ? rc : 0;
}

static int
take_version(struct gather *g, const struct version_row *v, struct bundle_version *ret,
             struct err *e)
{
	struct admitted a = { 0 };
	struct entry n;
	int rc = ledger_version(g->r, g->l, v->model, &v->digest, &a, e);

	if (rc < 0)
		return rc;
	*ret = (struct bundle_version){ .number = a.number, .seq = a.seq, .digest = v->digest };
	(void)str_copy(ret->model, sizeof ret->model, v->model);
	rc = evidence_entry(g->r, a.seq, NULL, &n, e);
	if (rc == 0) {
		if (origin_is(&n)) {
			(void)err_set(e, ERR_CONFLICT,
			              "it came in a bundle: its home is another "
			              "registry");
			rc = err_hint(e, "build the bundle there");
		}
		entry_fini(&n);
	}
	if (rc == 0)
		rc = want_files(g, &a, e);
	if (rc == 0)
		rc = want_there(g, &v->digest, "its manifest", &ret->manifest_size, e);
	vec_push(&g->seqs, a.seq);
	if (rc == 0)
		rc = want_story(g, v, e);
	admitted_fini(&a);
	return rc < 0 ? err_prefix(e, "%s@v%" PRIu64, v->model, v->number) : 0;
}

static int
take_versions(struct gather *g, struct err *e)
{
	struct bundle_inventory *const v = &g->d->bundle.inventory;
	int rc = 0;

	if (g->q->versions_n > BUNDLE_VERSIONS_MAX)
		return err_set(e, ERR_TOO_BIG, "more than %u versions: build more than one bundle",
		               BUNDLE_VERSIONS_MAX);
	v->versions = xcalloc(g->q->versions_n, sizeof *v->versions);
	v->versions_n = g->q->versions_n;
	for (size_t i = 0; rc == 0 && i < g->q->versions_n; i++)
		rc = take_version(g, &g->q->versions[i], &v->versions[i], e);
	return rc;
}

/* --- what an earlier bundle brought --- */

static int
row_of(struct gather *g, uint64_t counter, struct bundle_claim *ret, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(g->r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = bundle_row_get(t, BUNDLE_BUILT, g->r->id, counter, ret, e);
	store_abort(t);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	(void)err_set(e, ERR_NOT_FOUND, "no bundle %" PRIu64 " was built here", counter);
	return err_hint(e, "slipway bundle list shows them");
}

static void
leave_out(struct gather *g, const struct bundle_list *had)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->blobs.n; i++)
		if (!bundle_list_find(had, &g->blobs.v[i].digest))
			g->blobs.v[kept++] = g->blobs.v[i];
	g->blobs.n = kept;
}

/* That one, and those that it builds on itself. */
static int
leave_out_since(struct gather *g, uint64_t counter, struct err *e)
{
	while (counter > 0) {
		cleanup_buf struct buf text = { 0 };
		struct bundle_list had = { 0 };
		struct bundle_claim c;
		int rc = row_of(g, counter, &c, e);

		if (rc == 0)
			rc = blob_promised(
			        blob_read(g->r->blobs, &c.list, BUNDLE_LIST_MAX, &text, e), e);
		if (rc == 0)
			rc = bundle_list_parse(buf_str(&text), &had, e);
		if (rc < 0)
			return err_prefix(e, "bundle %" PRIu64, counter);
		leave_out(g, &had);
		bundle_list_fini(&had);
		counter = c.since;
	}
	return 0;
}

static int
make_list(struct gather *g, struct err *e)
{
	struct bundle *const b = &g->d->bundle;
	struct digest empty;
	struct bundle_list *const l = &b->list;
	size_t kept = 0;
	int rc = leave_out_since(g, g->q->since, e);

	if (rc < 0)
		return rc;
	digest_small("{}", 2, &empty); /* stands in front of every bundle */
	*l = (struct bundle_list){ steal(&g->blobs.v), g->blobs.n };
	g->blobs.n = g->blobs.cap = 0;
	bundle_list_sort(l);
	for (size_t i = 0; i < l->n; i++)
		if (!digest_eq(&l->v[i].digest, &empty))
			l->v[kept++] = l->v[i];
	l->n = kept;
	if (l->n > BUNDLE_BLOBS_MAX)
		return err_set(e, ERR_TOO_BIG, "more than %u files: build more than one bundle",
		               BUNDLE_BLOBS_MAX);
	bundle_list_write(l, &b->front[FRONT_LIST].text);
	return 0;
}

/* --- the proof --- */

static int
take_growth(void *arg, const struct bundle_claim *c)
{
	struct gather *const g = arg;
	struct growth *w;

	if (c->head_size >= g->m.head.size)
		return 0;
	w = xcalloc(1, sizeof *w);
	w->size = c->head_size;
	if (merkle_prove_consistency(&w->prover, w->size, g->m.head.size) < 0) {
		free(w);
		return 0;
	}
	vec_push(&g->growth, w);
	return g->growth.n == GROWTH_MAX;
}

static int
see_line(void *arg, const struct log_line *line, struct err *e)
{
	struct gather *const g = arg;

	(void)e;
	for (size_t i = 0; i < g->growth.n; i++) {
		struct growth *const w = g->growth.v[i];

		merkle_prover_add(&w->prover, &line->leaf);
		if (g->m.g.edge.size == w->size)
			merkle_root(&g->m.g.edge, &w->root);
	}
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *const x = a, *const y = b;

	return *x < *y ? -1 : *x > *y;
}

static int
want_entries(struct gather *g, struct err *e)
{
	uint64_t last = UINT64_MAX;
	int rc = 0;

	if (g->seqs.n > 1)
		qsort(g->seqs.v, g->seqs.n, sizeof *g->seqs.v, by_number);
	for (size_t i = 0; rc == 0 && i < g->seqs.n; i++) {
		if (g->seqs.v[i] != last)
			rc = proof_want(&g->m.g, g->seqs.v[i], e);
		last = g->seqs.v[i];
	}
	if (rc == 0 && g->m.g.wanted.n > PROOF_ENTRIES_MAX)
		rc = err_set(e, ERR_TOO_BIG,
		             "more than %d log entries to prove: build more than one bundle",
		             PROOF_ENTRIES_MAX);
	return rc;
}

static json_t *
growth_json(const struct gather *g)
{
	json_t *const array = json_array();

	for (size_t i = 0; i < g->growth.n; i++) {
		const struct growth *const w = g->growth.v[i];

		json_array_append_new(array, json_pack("{s:o, s:o, s:I}", "hashes",
		                                       proof_hashes_json(&w->prover), "root",
		                                       json_from_digest(&w->root), "size",
		                                       (json_int_t)w->size));
	}
	return array;
}

static int
earlier(struct gather *g, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(g->r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = bundle_row_each(t, BUNDLE_BUILT, g->r->id, take_growth, g, e);
	store_abort(t);
	return rc < 0 ? rc : 0;
}

static int
make_proof(struct gather *g, struct err *e)
{
	struct buf *const text = &g->d->bundle.front[FRONT_PROOF].text;
	cleanup_json json_t *o = json_object();
	struct origin again;
	int rc;

	g->m.g.fn = see_line;
	g->m.g.arg = g;
	rc = earlier(g, e);
	if (rc == 0)
		rc = proof_gather_run(&g->m.g, g->r->log, &g->m.head.root, e);
	if (rc < 0)
		return rc;
	json_object_set_new(o, "growth", growth_json(g));
	proof_making_text(&g->m, o, PROOF_KIND_BUNDLE, g->q->checkpoint, text);
	g->d->head = g->m.head;
	rc = origin_check(buf_str(text), &g->m.chain.policies.v[0].digest, &again, e);
	if (rc < 0)
		return err_prefix(e, "what the log holds proves nothing");
	origin_fini(&again);
	return 0;
}

/* --- the inventory --- */

/* The same of all these is the same bundle. */
static void
make_request(struct gather *g)
{
	cleanup_json json_t *o = json_object();
	cleanup_buf struct buf text = { 0 };
	json_t *const seqs = json_array(), *const to = json_array();
	struct digest list;

	digest_small(buf_cstr(&g->d->bundle.front[FRONT_LIST].text),
	             g->d->bundle.front[FRONT_LIST].text.n, &list);
	for (size_t i = 0; i < g->m.g.wanted.n; i++)
		json_array_append_new(seqs, json_integer((json_int_t)g->m.g.wanted.v[i]->seq));
	for (size_t i = 0; i < g->q->recipients_n; i++)
		json_array_append_new(to, json_string(g->q->recipients[i]));
	json_object_set_new(o, "entries", seqs);
	json_object_set_new(o, "recipients", to);
	json_object_set_new(o, "list", json_from_digest(&list));
	json_object_set_new(o, "since", json_integer((json_int_t)g->q->since));
	json_object_set_new(o, "days", json_integer((json_int_t)g->q->days));
	json_canonical(o, &text);
	digest_small(text.p, text.n, &g->d->request);
}

static void
make_inventory(struct gather *g, uint64_t counter)
{
	struct bundle *const b = &g->d->bundle;
	struct bundle_inventory *const v = &b->inventory;
	struct bundle_doc *const list = &b->front[FRONT_LIST], *const proof =
	                                                               &b->front[FRONT_PROOF];

	(void)str_copy(v->registry_id, sizeof v->registry_id, g->r->id);
	v->root = g->m.chain.policies.v[0].digest;
	v->counter = counter;
	v->since = g->q->since;
	v->created_s = g->q->now_s;
	v->expires_s = g->q->now_s + (int64_t)(g->q->days * 24 * 3600);
	v->recipients = xcalloc(g->q->recipients_n + 1, sizeof *v->recipients);
	if (g->q->recipients_n > 0)
		memcpy(v->recipients, g->q->recipients, g->q->recipients_n * sizeof *v->recipients);
	v->recipients_n = g->q->recipients_n;
	digest_small(buf_cstr(&list->text), list->text.n, &v->list);
	digest_small(buf_cstr(&proof->text), proof->text.n, &v->proof);
	v->list_size = list->text.n;
	v->proof_size = proof->text.n;
	v->blobs_n = b->list.n;
	for (size_t i = 0; i < b->list.n; i++)
		v->bytes += b->list.v[i].size;
	bundle_inventory_write(v, &b->front[FRONT_INVENTORY].text);
	digest_small(b->front[FRONT_INVENTORY].text.p, b->front[FRONT_INVENTORY].text.n,
	             &b->front[FRONT_INVENTORY].digest);
}

/* --- all of it --- */

struct find_request {
	const struct gather *g;
	struct bundle_claim claim; /* counter 0: none */
	uint64_t last;
};

static int
same_request(void *arg, const struct bundle_claim *c)
{
	struct find_request *const f = arg;

	if (f->last == 0)
		f->last = c->counter;
	if (!digest_eq(&c->request, &f->g->d->request) || c->expires_s <= f->g->q->now_s)
		return 0;
	f->claim = *c;
	return 1;
}

static int
find_built(struct gather *g, struct find_request *f, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(g->r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = bundle_row_each(t, BUNDLE_BUILT, g->r->id, same_request, f, e);
	store_abort(t);
	return rc < 0 ? rc : 0;
}

static int
make(struct gather *g, struct err *e)
{
	struct find_request f = { .g = g };
	struct bundle whole = { 0 };
	int rc = proof_making_begin(&g->m, g->q->checkpoint, e);

	if (rc == 0)
		rc = take_versions(g, e);
	if (rc == 0)
		rc = make_list(g, e);
	if (rc == 0)
		rc = want_entries(g, e);
	if (rc < 0)
		return rc;
	make_request(g);
	rc = find_built(g, &f, e);
	if (rc == 0 && f.claim.counter > 0) {
		rc = bundle_load(g->r, &f.claim, &whole, e);
		if (rc < 0)
			return err_prefix(e, "bundle %" PRIu64 " that was built before",
			                  f.claim.counter);
		bundle_fini(&g->d->bundle);
		g->d->bundle = whole;
		g->d->is_built = true;
		g->d->claim = f.claim;
		return 0;
	}
	if (rc == 0)
		rc = make_proof(g, e);
	if (rc == 0)
		make_inventory(g, f.last + 1);
	return rc;
}

int
bundle_draft(struct registry *r, const struct ledger *l, const struct bundle_request *q,
             struct bundle_draft *ret, struct err *e)
{
	struct gather g = { .r = r, .l = l, .q = q, .d = ret, .m = { .r = r, .l = l } };
	int rc;

	*ret = (struct bundle_draft){ 0 };
	rc = make(&g, e);
	vec_fini(&g.blobs);
	vec_fini(&g.seqs);
	for (size_t i = 0; i < g.growth.n; i++)
		free(g.growth.v[i]);
	vec_fini(&g.growth);
	proof_making_fini(&g.m);
	if (rc < 0)
		bundle_draft_fini(ret);
	return rc;
}

void
bundle_draft_fini(struct bundle_draft *d)
{
	bundle_fini(&d->bundle);
}
