/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From media into the registry. Whether names and numbers are free is asked before a byte is copied
 * and once more inside the transaction; whether the bundle is good was asked before, but for its
 * blobs. Large ones that were cut off are gone on with (registry/blob_part.c).
 */
#include "registry/bundle_import.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/text.h"
#include "registry/bundle_entry.h"
#include "registry/bundle_tar.h"
#include "registry/change.h"
#include "registry/fault.h"

#define SMALL ((size_t)1 << 20) /* read whole, and not written when it is there */

struct import {
	struct registry *r;
	const struct ledger *l;
	struct bundle_source *s;
	const struct bundle *b;
	const struct bundle_judged *j;
	struct bundle_arrived *ret;
	struct bundle_contents *contents;
	struct blob_batch *batch;

	/* the blob at hand */
	struct blob_arrival *arrival; /* NULL: a small one */
	struct buf text;
	char hex[DIGEST_HEX_SIZE];
	uint64_t had, passed;

	bool has_bundle; /* its line is in the log */
	size_t stories;  /* that are not told yet */
	bool *is_there;  /* of each version */
	struct bundle_claim claim;
	json_t *envelope;
	struct change change;
	struct change_lines lines; /* of the versions */
};

/* --- names and numbers --- */

static int
other_home(const struct bundle_version *v, const struct model_row *m, const struct import *i,
           struct err *e)
{
	(void)err_set(e, ERR_CONFLICT,
	              "\"%s\" is numbered by %s%s, and the bundle's by registry %s", v->model,
	              m->home[0] ? "registry " : "this registry", m->home,
	              i->b->inventory.registry_id);
	return err_hint(e, "one name has one home: rename it there, or take it under another name");
}

static int
other_digest(const struct bundle_version *v, const struct version_row *had, struct err *e)
{
	char here[DIGEST_HEX_SIZE], there[DIGEST_HEX_SIZE];

	digest_hex(&had->digest, here);
	digest_hex(&v->digest, there);
	return err_set(e, ERR_CONFLICT,
	               "%s@v%" PRIu64 " is sha256:%s here and sha256:%s in the bundle", v->model,
	               v->number, here, there);
}

struct revoked {
	const struct bundle_version *v;
	uint64_t number; /* 0: none */
};

static int
see_same(void *arg, const struct version_row *row)
{
	struct revoked *const w = arg;

	if (streq(row->model, w->v->model) && row->state.was_revoked)
		w->number = row->number;
	return 0;
}

/* What was revoked here does not come back, whatever its home calls it now. */
static int
refuse_revoked(struct txn *t, const struct bundle_version *v, struct err *e)
{
	struct revoked w = { .v = v };
	char hex[DIGEST_HEX_SIZE];
	int rc;

	digest_hex(&v->digest, hex);
	rc = version_by_digest(t, hex, 64, see_same, &w, e);
	if (rc < 0 || w.number == 0 || w.number == v->number)
		return rc;
	(void)err_set(e, ERR_POLICY,
	              "%s@v%" PRIu64 " of the bundle has the bytes of v%" PRIu64
	              ", which was revoked here",
	              v->model, v->number, w.number);
	return err_hint(e, "see why: slipway history %.200s", v->model);
}

static int
look_version(struct import *i, struct txn *t, size_t k, struct err *e)
{
	const struct bundle_version *const v = &i->b->inventory.versions[k];
	struct version_row had = { 0 };
	struct model_row m = { 0 };
	int rc = model_get(t, v->model, &m, e);

	if (rc == 0 && m.latest > 0 && !streq(m.home, i->b->inventory.registry_id))
		return other_home(v, &m, i, e);
	if (rc == 0)
		rc = version_get(t, v->model, v->number, &had, e);
	i->is_there[k] = rc == 0;
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? refuse_revoked(t, v, e) : rc;
	return digest_eq(&had.digest, &v->digest) ? 0 : other_digest(v, &had, e);
}

/* What its home says of a version that is here, beside the entry that brought it in. */
static bool
is_story(const struct entry *n)
{
	static const char *const types[] = { "evidence", "promotion", "authorisation", "approval" };

	for (size_t k = 0; k < COUNT(types); k++)
		if (streq(n->type, types[k]))
			return n->model != NULL;
	return false;
}

/* fn gets each that has no line here yet; NULL: they are counted. */
static int
each_untold(struct import *i, struct txn *t, int (*fn)(struct import *i, const struct entry *n),
            struct err *e)
{
	int rc = 0;

	i->stories = 0;
	for (size_t k = 0; rc == 0 && k < i->j->origin.proof.entries.n; k++) {
		const struct entry *const n = &i->j->origin.proof.entries.v[k].n;
		bool is_told;

		if (!is_story(n))
			continue;
		rc = bundle_told_get(t, i->b->inventory.registry_id, n->seq, &is_told, e);
		if (rc < 0 || is_told)
			continue;
		i->stories++;
		rc = fn ? fn(i, n) : 0;
	}
	return rc;
}

static int
look(struct import *i, struct txn *t, struct err *e)
{
	struct bundle_claim last;
	int rc = bundle_row_get(t, BUNDLE_IMPORTED, i->b->inventory.registry_id,
	                        i->b->inventory.counter, &last, e);

	i->has_bundle = rc == 0;
	if (rc == -ERR_NOT_FOUND)
		rc = 0;
	i->ret->versions_new = 0;
	for (size_t k = 0; rc == 0 && k < i->b->inventory.versions_n; k++) {
		rc = look_version(i, t, k, e);
		i->ret->versions_new += !i->is_there[k];
	}
	return rc < 0 ? rc : each_untold(i, t, NULL, e);
}

static int
look_first(struct import *i, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(i->r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = look(i, t, e);
	store_abort(t);
	return rc;
}

static int
check_room(const struct import *i, struct err *e)
{
	const uint64_t room = registry_room(i->r);
	char want[16], have[16];
	uint64_t need = 0, size;

	for (size_t k = 0; k < i->b->list.n; k++) {
		const struct bundle_blob *const x = &i->b->list.v[k];

		if (!blob_exists(i->r->blobs, &x->digest, &size) || size != x->size)
			need += x->size;
	}
	if (need <= room)
		return 0;
	text_size(want, need);
	text_size(have, room);
	return err_set(e, ERR_NO_SPACE, "the bundle brings %s, and the registry has room for %s",
	               want, have);
}

/* --- bytes --- */

/* What an earlier import was cut off with is hashed again, and passes here again to be left out. */
static int
reread(struct import *i, struct err *e)
{
	uint64_t n = 0;
	int rc;

	do {
		rc = blob_arrival_reread(i->arrival, &n, e);
	} while (rc == 0 && n > 0);
	return rc;
}

static int
begin_blob(void *arg, size_t k, struct err *e)
{
	struct import *const i = arg;
	const struct bundle_blob *const x = &i->b->list.v[k];
	const struct blob_coming coming = { i->hex, x->size, &x->digest };
	int rc;

	bundle_contents_begin(i->contents, k);
	digest_hex(&x->digest, i->hex);
	buf_clear(&i->text);
	i->had = i->passed = 0;
	if (x->size <= SMALL)
		return 0;
	rc = blob_arrival_resume(i->batch, &coming, &i->had, &i->arrival, e);
	return rc < 0 ? rc : reread(i, e);
}

static int
take_bytes(void *arg, const void *p, size_t n, struct err *e)
{
	struct import *const i = arg;
	const uint64_t from = i->passed;
	size_t skip = 0;

	bundle_contents_take(i->contents, p, n);
	i->passed += n;
	if (!i->arrival) {
		buf_add(&i->text, p, n);
		return 0;
	}
	if (from < i->had)
		skip = i->had - from < n ? (size_t)(i->had - from) : n;
	return n == skip ? 0
	                 : blob_arrival_write(i->arrival, (const uint8_t *)p + skip, n - skip, e);
}

static int
settle_blob(struct import *i, const struct bundle_blob *x, uint64_t offset, struct err *e)
{
	struct digest is;
	int rc;

	if (i->arrival) {
		rc = blob_arrival_end(i->arrival, &x->digest, &is, e);
		blob_arrival_free(steal(&i->arrival));
		return rc == -ERR_DIGEST ? bundle_source_damaged(i->s, x, offset, e) : rc;
	}
	digest_small(i->text.p ? i->text.p : "", i->text.n, &is);
	if (!digest_eq(&is, &x->digest))
		return bundle_source_damaged(i->s, x, offset, e);
	return blob_batch_add_mem(i->batch, i->text.p ? i->text.p : "", i->text.n, &is, e);
}

static int
end_blob(void *arg, size_t k, uint64_t offset, const struct err *why, struct err *e)
{
	struct import *const i = arg;
	int rc;

	if (why) {
		if (i->arrival)
			(void)blob_arrival_keep(i->arrival);
		blob_arrival_free(steal(&i->arrival));
		*e = *why;
		return -(int)e->code;
	}
	rc = settle_blob(i, &i->b->list.v[k], offset + tar_header_size(i->b->list.v[k].size), e);
	if (rc < 0)
		return rc;
	rc = bundle_contents_end(i->contents, k, e);
	return rc < 0 ? bundle_source_blame(i->s, offset, e) : 0;
}

static bool
have(void *arg, const struct digest *d, uint64_t size)
{
	const struct import *const i = arg;
	uint64_t is;

	return blob_exists(i->r->blobs, d, &is) && (size == UINT64_MAX || size == is) &&
	       blob_is_whole(i->r->blobs, d, is);
}

/* A difference need not bring a manifest again. */
static int
read_there(struct import *i, struct err *e)
{
	const struct bundle_inventory *const v = &i->b->inventory;
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < v->versions_n; k++) {
		cleanup_buf struct buf text = { 0 };
		struct err why = { 0 };

		if (bundle_list_find(&i->b->list, &v->versions[k].digest) ||
		    blob_read(i->r->blobs, &v->versions[k].digest, MANIFEST_MAX, &text, &why) < 0)
			continue; /* missing: finish says so */
		rc = bundle_contents_manifest(i->contents, k, buf_str(&text), e);
	}
	return rc;
}

/* Inventory and proof are what the log's lines stand on; {} is in every layout. */
static int
put_docs(struct import *i, struct err *e)
{
	static const enum bundle_front docs[] = { FRONT_INVENTORY, FRONT_PROOF, FRONT_EMPTY };
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < COUNT(docs); k++) {
		const struct buf *const text = &i->b->front[docs[k]].text;
		struct digest d;

		rc = blob_batch_add_mem(i->batch, text->p, text->n, &d, e);
	}
	return rc;
}

static int
take_in(struct import *i, const struct progress *progress, struct err *e)
{
	const struct bundle_walk w = { .begin = begin_blob,
		                       .take = take_bytes,
		                       .end = end_blob,
		                       .arg = i,
		                       .progress = progress };
	int rc = blob_batch_new(i->r->blobs, &i->batch, e);

	if (rc == 0)
		rc = read_there(i, e);
	if (rc == 0)
		rc = bundle_walk(i->s, i->b, &w, e);
	if (rc == 0 && bundle_contents_finish(i->contents, have, i, e) < 0)
		rc = bundle_source_blame(i->s, 0, e);
	if (rc == 0)
		rc = put_docs(i, e);
	fault_point("bundle-quarantine");
	if (rc == 0)
		rc = blob_batch_finish(i->batch, e);
	if (rc == 0)
		i->ret->new_bytes = blob_batch_new_bytes(i->batch);
	return rc;
}

/* --- the log --- */

static json_t *
version_body(const struct import *i, const struct bundle_version *v)
{
	const struct entry *const n = origin_entry(&i->j->origin, v->seq);

	return origin_body_same(n, i->b->inventory.registry_id, i->claim.site);
}

static void
add_line(struct import *i, const char *type, const char *model, json_t *body)
{
	const struct change_line line = { type, model, body, &i->b->inventory.proof };

	vec_push(&i->lines, line);
}

/* A power cut left the bundle's own line, and not all that came with it. */
static int
go_on(struct import *i, json_t **ret_body)
{
	const struct change_line first = i->lines.v[0];

	i->change.type = first.type;
	i->change.model = first.model;
	*ret_body = first.body;
	i->lines.n--;
	memmove(i->lines.v, i->lines.v + 1, i->lines.n * sizeof *i->lines.v);
	return 0;
}

static int
add_untold(struct import *i, const struct entry *n)
{
	add_line(i, "origin", n->model,
	         origin_body_told(n, i->b->inventory.registry_id, i->claim.site));
	return 0;
}

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	struct import *const i = arg;
	struct applied now;
	int rc = applied_get(t, &now, e);

	if (rc == 0 && now.policy_seq != i->l->policy.seq)
		rc = err_set(e, ERR_CONFLICT, "the policy changed meanwhile: import again");
	if (rc == 0)
		rc = look(i, t, e);
	if (rc < 0)
		return rc;
	for (size_t k = 0; k < i->b->inventory.versions_n; k++)
		if (!i->is_there[k])
			add_line(i, "version", i->b->inventory.versions[k].model,
			         version_body(i, &i->b->inventory.versions[k]));
	rc = each_untold(i, t, add_untold, e);
	if (rc < 0)
		return rc;
	if (!i->has_bundle) {
		*ret_body = bundle_claim_body(&i->claim, i->envelope);
		return 0;
	}
	return i->lines.n == 0 ? CHANGE_NONE : go_on(i, ret_body);
}

static int
make_claim(struct import *i, struct err *e)
{
	const struct bundle_inventory *const v = &i->b->inventory;

	i->claim = (struct bundle_claim){
		.way = BUNDLE_IMPORTED,
		.counter = v->counter,
		.inventory = i->b->front[FRONT_INVENTORY].digest,
		.size = i->b->size,
	};
	const struct policy_site *const site = policy_site_by_root(&i->l->policy, &v->root);

	(void)str_copy(i->claim.registry_id, sizeof i->claim.registry_id, v->registry_id);
	(void)str_copy(i->claim.site, sizeof i->claim.site, site ? site->name : "");
	return json_parse(buf_str(&i->b->front[FRONT_ENVELOPE].text), "envelope", &i->envelope, e);
}

static int
commit(struct import *i, const char *reason, struct err *e)
{
	struct change_result done;
	int rc = make_claim(i, e);

	i->change = (struct change){
		.type = "bundle",
		.check = check,
		.arg = i,
		.reason = reason,
		.blob = &i->b->inventory.proof,
		.statement_blob = &i->b->inventory.proof,
		.more = &i->lines,
	};
	fault_pause("bundle-commit");
	if (rc == 0)
		rc = change_commit(i->r, &i->change, &done, e);
	if (rc < 0)
		return rc;
	i->ret->changed = done.changed;
	i->ret->seq = done.seq;
	return 0;
}

static void
fini(struct import *i)
{
	blob_arrival_free(i->arrival);
	blob_batch_free(i->batch);
	bundle_contents_free(i->contents);
	buf_fini(&i->text);
	free(i->is_there);
	json_decref(i->envelope);
	vec_foreach(line, &i->lines)
		json_decref(line->body);
	vec_fini(&i->lines);
}

int
bundle_import(struct registry *r, const struct ledger *l, struct bundle_source *s,
              const struct bundle *b, const struct bundle_judged *j,
              const struct progress *progress, const char *reason, struct bundle_arrived *ret,
              struct err *e)
{
	struct import i = { .r = r, .l = l, .s = s, .b = b, .j = j, .ret = ret };
	int rc;

	*ret = (struct bundle_arrived){ 0 };
	i.is_there = xcalloc(b->inventory.versions_n + 1, sizeof *i.is_there);
	rc = look_first(&i, e);
	if (rc == 0 && (!i.has_bundle || ret->versions_new > 0 || i.stories > 0)) {
		i.contents = bundle_contents_new(b, &j->origin);
		rc = check_room(&i, e);
		if (rc == 0)
			rc = take_in(&i, progress, e);
		if (rc == 0)
			rc = commit(&i, reason, e);
	}
	fini(&i);
	return rc;
}
