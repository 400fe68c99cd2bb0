/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries about bundles. One that was built here is signed as other entries are; of one that came
 * in, the envelope lies in the body and is judged by the newest policy in the proof beside it.
 * Knows no tar.
 */
#include "registry/bundle_entry.h"

#include <inttypes.h>
#include <string.h>

#include "registry/authority_private.h"
#include "registry/base/base64.h"
#include "registry/origin.h"
#include "registry/row.h"

#define WHAT "bundle"

const char *
bundle_way_name(enum bundle_way w)
{
	static const char *const names[] = {
		[BUNDLE_BUILT] = "build", [BUNDLE_IMPORTED] = "import", [BUNDLE_RECEIPT] = "receipt"
	};

	return names[w];
}

/* --- what is signed --- */

json_t *
bundle_predicate(const struct bundle_inventory *v)
{
	return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:s, s:I, s:I}", "bytes",
	                 (json_int_t)v->bytes, "counter", (json_int_t)v->counter, "created",
	                 json_from_time(v->created_s), "expires", json_from_time(v->expires_s),
	                 "list", json_from_digest(&v->list), "proof", json_from_digest(&v->proof),
	                 "registry", v->registry_id, "since", (json_int_t)v->since, "versions",
	                 (json_int_t)v->versions_n);
}

static int
read_predicate(const json_t *o, struct bundle_claim *c, struct err *e)
{
	const char *id = NULL;
	int rc = json_get_string(o, "registry", WHAT, &id, e);

	if (rc == 0 && str_copy(c->registry_id, sizeof c->registry_id, id) < 0)
		rc = err_set(e, ERR_MALFORMED, WHAT ": a registry id that is too long");
	if (rc == 0)
		rc = json_get_u64(o, "counter", WHAT, &c->counter, e);
	if (rc == 0)
		rc = json_get_u64(o, "since", WHAT, &c->since, e);
	if (rc == 0)
		rc = json_get_time(o, "created", WHAT, &c->created_s, e);
	if (rc == 0)
		rc = json_get_time(o, "expires", WHAT, &c->expires_s, e);
	if (rc == 0)
		rc = json_get_digest(o, "list", WHAT, &c->list, e);
	if (rc == 0)
		rc = json_get_digest(o, "proof", WHAT, &c->proof, e);
	if (rc == 0)
		rc = json_get_u64(o, "versions", WHAT, &c->versions, e);
	return rc < 0 ? rc : json_get_u64(o, "bytes", WHAT, &c->bytes, e);
}

/* By a person of p, whatever the role: who carries it answers for it. A policy holds no key that it
 * revokes. */
static int
verify_envelope(struct str envelope, const struct policy *p, struct statement *ret,
                char ret_signer[SIGNER_SIZE], struct err *e)
{
	cleanup_free struct public_key *keys = NULL;
	const struct policy_person *who;
	const size_t keys_n = policy_keys(p, ROLES_PERSON, &keys);
	int rc = statement_verify(envelope, "bundle", keys, keys_n, ret, e);

	if (rc < 0)
		return rc;
	who = policy_person_of(p, &ret->key);
	(void)str_copy(ret_signer, SIGNER_SIZE, who ? who->id : "");
	return 0;
}

/* What is written from its payload, key and signature is what came: whoever carries it adds no byte
 * to our log. */
static int
check_spelling(struct str envelope, const struct statement *s, struct err *e)
{
	cleanup_buf struct buf payload = { 0 }, sig = { 0 }, again = { 0 };
	cleanup_json json_t *o = NULL;
	const char *text = NULL;
	int rc = statement_envelope_payload(envelope, &payload, e);

	if (rc == 0)
		rc = json_parse(envelope, "envelope", &o, e);
	if (rc < 0)
		return rc;
	text = json_opt_string(json_array_get(json_object_get(o, "signatures"), 0), "sig");
	if (text && base64_decode(text, &sig) == 0)
		rc = statement_envelope(buf_str(&payload), s->key_id, sig.p, sig.n, &again, e);
	if (rc == 0 && !str_eq(envelope, buf_str(&again)))
		rc = err_set(e, ERR_MALFORMED, "the bundle's envelope is not written as one is");
	return rc;
}

int
bundle_envelope_verify(struct str envelope, const struct digest *inventory,
                       const struct bundle_inventory *v, const struct policy *p,
                       char ret_signer[SIGNER_SIZE], struct err *e)
{
	cleanup_json json_t *want = bundle_predicate(v);
	struct statement s = { 0 };
	int rc = verify_envelope(envelope, p, &s, ret_signer, e);

	if (rc < 0)
		return rc;
	if (!digest_eq(&s.subject, inventory) || !json_equal(want, s.predicate))
		rc = err_set(e, ERR_SIGNATURE, "the bundle's signature is over another inventory");
	if (rc == 0)
		rc = check_spelling(envelope, &s, e);
	statement_fini(&s);
	return rc;
}

/* --- entries --- */

static int
built(const struct authority *a, const struct entry *n, struct bundle_claim *c, struct err *e)
{
	const struct policy_person *who;
	struct statement s = { 0 };
	uint64_t counter;
	int rc = authority_verify(a, n, &s, e);

	if (rc < 0)
		return rc;
	c->inventory = s.subject;
	rc = read_predicate(s.predicate, c, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "counter", WHAT, &counter, e);
	if (rc == 0 && (counter != c->counter || !authority_same(s.predicate, n->body, "proof") ||
	                !authority_same(s.predicate, n->body, "list")))
		rc = authority_other(n, e, "bundle");
	if (rc == 0)
		rc = json_get_digest(n->body, "request", WHAT, &c->request, e);
	if (rc == 0)
		rc = json_get_digest(n->body, "root", WHAT, &c->head_root, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "entries", WHAT, &c->head_size, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "size", WHAT, &c->size, e);
	who = policy_person_of(a->policy, &s.key);
	(void)str_copy(c->signer, sizeof c->signer, who ? who->id : "");
	statement_fini(&s);
	return rc;
}

static int
imported(const struct authority *a, struct blobs *b, const struct entry *n, struct bundle_claim *c,
         struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	const struct origin *o;
	struct statement s = { 0 };
	json_t *signed_by;
	int rc = json_get_object(n->body, "envelope", WHAT, &signed_by, e);

	if (rc == 0)
		rc = origin_of_line(b, a->policy, n, &o, c->site, e);
	if (rc < 0)
		return rc;
	json_canonical(signed_by, &envelope);
	rc = verify_envelope(buf_str(&envelope), origin_newest(o), &s, c->signer, e);
	if (rc < 0)
		return rc;
	c->inventory = s.subject;
	rc = read_predicate(s.predicate, c, e);
	if (rc == 0 && (!streq(c->registry_id, o->proof.registry_id) ||
	                json_opt_u64(n->body, "counter") != c->counter))
		rc = authority_other(n, e, "bundle");
	if (rc == 0 && !json_equal(json_object_get(s.predicate, "proof"), n->statement))
		rc = authority_other(n, e, "proof");
	if (rc == 0)
		rc = json_get_u64(n->body, "size", WHAT, &c->size, e);
	c->head_size = o->trust.head.size;
	c->head_root = o->trust.head.root;
	statement_fini(&s);
	return rc;
}

/* What a site says back: the tree of its log stands for the counter, as receipts have none. */
static int
receipt(const struct authority *a, struct blobs *b, const struct entry *n, struct bundle_claim *c,
        struct err *e)
{
	const struct origin *o;
	int rc = origin_of_line(b, a->policy, n, &o, c->site, e);

	if (rc == 0)
		rc = json_get_digest(n->root, "statement", WHAT, &c->proof, e);
	if (rc < 0)
		return rc;
	if (o->proof.kind != PROOF_RECEIPT || !streq(o->proof.site, a->registry_id))
		return err_set(e, ERR_SIGNATURE, "log entry %" PRIu64 ": no receipt for us",
		               n->seq);
	(void)str_copy(c->registry_id, sizeof c->registry_id, o->proof.registry_id);
	c->inventory = c->proof;
	c->counter = c->head_size = o->trust.head.size;
	c->head_root = o->trust.head.root;
	c->created_s = c->expires_s = n->time_s;
	return json_get_u64(n->body, "versions", WHAT, &c->versions, e);
}

int
bundle_claim(const struct authority *a, struct blobs *b, const struct entry *n,
             struct bundle_claim *ret, struct err *e)
{
	const char *action = NULL;
	struct digest inventory;
	int rc = authority_must_be(n, "bundle", e);

	*ret = (struct bundle_claim){ .seq = n->seq, .time_s = n->time_s };
	if (rc == 0)
		rc = json_get_string(n->body, "action", WHAT, &action, e);
	if (rc < 0)
		return rc;
	if (streq(action, bundle_way_name(BUNDLE_BUILT))) {
		rc = built(a, n, ret, e);
	} else if (streq(action, bundle_way_name(BUNDLE_IMPORTED))) {
		ret->way = BUNDLE_IMPORTED;
		rc = imported(a, b, n, ret, e);
	} else if (streq(action, bundle_way_name(BUNDLE_RECEIPT))) {
		ret->way = BUNDLE_RECEIPT;
		return receipt(a, b, n, ret, e);
	} else {
		rc = err_set(e, ERR_MALFORMED, "log entry %" PRIu64 ": \"%.40s\" of a bundle",
		             n->seq, action);
	}
	if (rc == 0)
		rc = json_get_digest(n->body, "inventory", WHAT, &inventory, e);
	if (rc == 0 && !digest_eq(&inventory, &ret->inventory))
		rc = authority_other(n, e, "inventory");
	return rc;
}

json_t *
bundle_claim_body(const struct bundle_claim *c, const json_t *envelope)
{
	json_t *const o = json_object();

	json_object_set_new(o, "action", json_string(bundle_way_name(c->way)));
	if (c->way == BUNDLE_RECEIPT) {
		json_object_set_new(o, "versions", json_integer((json_int_t)c->versions));
		json_object_set_new(
		        o, "origin",
		        json_pack("{s:s, s:s}", "registry", c->registry_id, "site", c->site));
		return o;
	}
	json_object_set_new(o, "counter", json_integer((json_int_t)c->counter));
	json_object_set_new(o, "inventory", json_from_digest(&c->inventory));
	json_object_set_new(o, "size", json_integer((json_int_t)c->size));
	if (c->way == BUNDLE_IMPORTED) {
		json_object_set(o, "envelope", (json_t *)(uintptr_t)envelope);
		json_object_set_new(
		        o, "origin",
		        json_pack("{s:s, s:s}", "registry", c->registry_id, "site", c->site));
		return o;
	}
	json_object_set_new(o, "entries", json_integer((json_int_t)c->head_size));
	json_object_set_new(o, "list", json_from_digest(&c->list));
	json_object_set_new(o, "proof", json_from_digest(&c->proof));
	json_object_set_new(o, "request", json_from_digest(&c->request));
	json_object_set_new(o, "root", json_from_digest(&c->head_root));
	return o;
}

/* --- rows --- */

static struct row_key
key_of(enum bundle_way way, const char *registry_id)
{
	struct row_key k = row_key('b');

	key_text(&k, way == BUNDLE_BUILT ? "o" : way == BUNDLE_IMPORTED ? "i" : "r", false);
	if (registry_id)
		key_text(&k, registry_id, true);
	return k;
}

int
bundle_row_put(struct txn *t, const struct bundle_claim *c, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	struct row_key k = key_of(c->way, c->registry_id);

	key_u64(&k, c->counter);
	row_text(&b, c->site);
	row_u64(&b, c->since);
	row_u64(&b, c->seq);
	row_i64(&b, c->time_s);
	row_i64(&b, c->created_s);
	row_i64(&b, c->expires_s);
	row_digest(&b, &c->inventory);
	row_digest(&b, &c->proof);
	row_digest(&b, &c->list);
	row_digest(&b, &c->request);
	row_u64(&b, c->head_size);
	row_digest(&b, &c->head_root);
	row_u64(&b, c->versions);
	row_u64(&b, c->bytes);
	row_u64(&b, c->size);
	row_text(&b, c->signer);
	return txn_put(t, key_str(&k), buf_str(&b), e);
}

static int
decode(struct str key, struct str value, struct bundle_claim *c)
{
	struct row_reader r = row_begin(value);

	*c = (struct bundle_claim){ 0 };
	if (key.n != 2 + 32 + 1 + sizeof(uint64_t))
		return -1;
	c->way = key.p[1] == 'o'   ? BUNDLE_BUILT
	         : key.p[1] == 'i' ? BUNDLE_IMPORTED
	                           : BUNDLE_RECEIPT;
	memcpy(c->registry_id, key.p + 2, 32);
	c->counter = key_tail_u64(key);
	row_get_text(&r, c->site, sizeof c->site);
	c->since = row_get_u64(&r);
	c->seq = row_get_u64(&r);
	c->time_s = row_get_i64(&r);
	c->created_s = row_get_i64(&r);
	c->expires_s = row_get_i64(&r);
	row_get_digest(&r, &c->inventory);
	row_get_digest(&r, &c->proof);
	row_get_digest(&r, &c->list);
	row_get_digest(&r, &c->request);
	c->head_size = row_get_u64(&r);
	row_get_digest(&r, &c->head_root);
	c->versions = row_get_u64(&r);
	c->bytes = row_get_u64(&r);
	c->size = row_get_u64(&r);
	row_get_text(&r, c->signer, sizeof c->signer);
	return r.bad ? -1 : 0;
}

static int
damaged(struct err *e)
{
	err_set(e, ERR_STORE, "a row of the database (bundle) is damaged");
	return err_hint(e, "slipway rebuild makes the database anew from the log");
}

int
bundle_row_get(struct txn *t, enum bundle_way way, const char *registry_id, uint64_t counter,
               struct bundle_claim *ret, struct err *e)
{
	struct row_key k = key_of(way, registry_id);
	struct str v;
	int rc;

	key_u64(&k, counter);
	rc = txn_get(t, key_str(&k), &v, e);
	if (rc < 0)
		return rc;
	if (!v.p)
		return -ERR_NOT_FOUND;
	return decode(key_str(&k), v, ret) < 0 ? damaged(e) : 0;
}

static struct row_key
told_key(const char *registry_id, uint64_t seq)
{
	struct row_key k = row_key('b');

	key_text(&k, "t", false);
	key_text(&k, registry_id, true);
	key_u64(&k, seq);
	return k;
}

int
bundle_told_put(struct txn *t, const char *registry_id, uint64_t seq, struct err *e)
{
	const struct row_key k = told_key(registry_id, seq);

	return txn_put(t, key_str(&k), STR("1"), e);
}

int
bundle_told_get(struct txn *t, const char *registry_id, uint64_t seq, bool *ret, struct err *e)
{
	const struct row_key k = told_key(registry_id, seq);
	struct str v;
	int rc = txn_get(t, key_str(&k), &v, e);

	*ret = rc == 0 && v.p;
	return rc;
}

struct walk {
	bundle_fn *fn;
	void *arg;
	struct err *e;
};

static int
step(void *arg, struct str key, struct str value)
{
	const struct walk *const w = arg;
	struct bundle_claim c;

	if (decode(key, value, &c) < 0)
		return damaged(w->e);
	return w->fn(w->arg, &c);
}

int
bundle_row_each(struct txn *t, enum bundle_way way, const char *registry_id, bundle_fn *fn,
                void *arg, struct err *e)
{
	struct walk w = { .fn = fn, .arg = arg, .e = e };
	const struct row_key prefix = key_of(way, registry_id);
	struct row_key from = prefix;

	key_bytes(&from, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	return txn_scan(t, key_str(&prefix), key_str(&from), SCAN_BACKWARD, step, &w, e);
}

static int
take_first(void *arg, const struct bundle_claim *c)
{
	*(struct bundle_claim *)arg = *c;
	return 1;
}

int
bundle_row_last(struct txn *t, enum bundle_way way, const char *registry_id,
                struct bundle_claim *ret, struct err *e)
{
	int rc;

	*ret = (struct bundle_claim){ 0 };
	rc = bundle_row_each(t, way, registry_id, take_first, ret, e);
	return rc > 0 ? 0 : rc;
}
