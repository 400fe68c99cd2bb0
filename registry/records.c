/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The database's tables, each a letter in front of its keys:
 *   A          where the database stands in the log
 *   e SEQ      an entry's place in the log
 *   m NAME     model                    v NAME 0 NUMBER   version
 *   d DIGEST NAME 0 NUMBER   version by digest
 *   t NAME     target                   T NAME     leaf of the last entry about it
 *   P          document of the policy   a ID       who said yes to a plan (consent.c)
 *   E NAME 0 NUMBER TYPE  newest evidence of a type (attest.c)
 *   E NAME 0              place of the model's last evidence
 *   h NAME 0 STAGE 0 DIGEST  the stage held that version
 *   x NAME 0 ALIAS          number    n NAME 0 NUMBER SEQ   note
 *   p ID       plan, q SEQ its id       j ID   job, k SEQ its id
 *   b WAY REGISTRY COUNTER  bundle (bundle_rows.c)
 */
#include "registry/records.h"

#include <string.h>

#include "registry/base/buf.h"
#include "registry/base/vec.h"
#include "registry/row.h"

#define DB_FORMAT 8u /* of all rows together */

const char *
lifecycle_name(enum lifecycle l)
{
	switch (l) {
	case LIFE_LIVE:
		return "live";
	case LIFE_RETIRED:
		return "retired";
	case LIFE_REVOKED:
		return "revoked";
	case LIFE_DELETED:
		return "deleted";
	}
	return "unknown";
}

static int
damaged(struct err *e, const char *what)
{
	err_set(e, ERR_STORE, "a row of the database (%s) is damaged", what);
	return err_hint(e, "slipway rebuild makes the database anew from the log");
}

static struct row_key
key_of(char table, const char *name)
{
	struct row_key k = row_key(table);

	key_text(&k, name, false);
	return k;
}

static struct row_key
key_version(const char *model)
{
	struct row_key k = row_key('v');

	key_text(&k, model, true);
	return k;
}

static int
get(struct txn *t, struct str key, struct str *ret, struct err *e)
{
	int rc = txn_get(t, key, ret, e);

	if (rc < 0)
		return rc;
	return ret->p ? 0 : -ERR_NOT_FOUND;
}

int
born_get(struct txn *t, uint64_t *ret, struct err *e)
{
	struct applied a;
	int rc = applied_get(t, &a, e);

	*ret = a.born;
	return rc;
}

/* --- models --- */

static void
stage_encode(struct buf *b, const struct stage_mark *s)
{
	row_text(b, s->stage);
	row_u64(b, s->number);
	row_u64(b, s->promotion_seq);
	row_digest(b, &s->promotion_leaf);
	row_i64(b, s->time_s);
	row_u64(b, s->proofs);
	row_u64(b, s->targets);
	row_u64(b, s->break_glass);
	row_u64(b, s->aborted_seq);
	row_u64(b, s->moving_to);
	row_text(b, s->job);
}

static void
stage_decode(struct row_reader *r, struct stage_mark *s)
{
	row_get_text(r, s->stage, sizeof s->stage);
	s->number = row_get_u64(r);
	s->promotion_seq = row_get_u64(r);
	row_get_digest(r, &s->promotion_leaf);
	s->time_s = row_get_i64(r);
	s->proofs = (unsigned)row_get_u64(r);
	s->targets = (uint32_t)row_get_u64(r);
	s->break_glass = row_get_u64(r) != 0;
	s->aborted_seq = row_get_u64(r);
	s->moving_to = row_get_u64(r);
	row_get_text(r, s->job, sizeof s->job);
}

/* What stages held and who signed ended where the folder was adopted. */
static int
model_decode(struct str value, uint64_t born, struct model_row *m)
{
	struct row_reader r = row_begin(value);
	const bool is_foreign = row_get_u64(&r) < born;

	m->latest = row_get_u64(&r);
	m->latest_live = row_get_u64(&r);
	m->live_n = row_get_u64(&r);
	m->last_seq = row_get_u64(&r);
	m->updated_s = row_get_i64(&r);
	row_get_digest(&r, &m->digest);
	m->bytes = row_get_u64(&r);
	m->files = row_get_u64(&r);
	m->is_signed = row_get_u64(&r) != 0;
	row_get_text(&r, m->signer, sizeof m->signer);
	m->stages_n = row_get_u64(&r);
	if (m->stages_n > STAGES_MAX)
		return -1;
	for (size_t i = 0; i < m->stages_n; i++)
		stage_decode(&r, &m->stages[i]);
	row_get_text(&r, m->labels, sizeof m->labels);
	row_get_text(&r, m->home, sizeof m->home);
	m->is_foreign = m->latest_live > 0 && !m->is_signed;
	if (is_foreign) {
		m->is_foreign = m->latest_live > 0;
		m->stages_n = 0;
		m->is_signed = false;
		m->signer[0] = '\0';
	}
	return r.bad ? -1 : 0;
}

int
model_put(struct txn *t, const struct model_row *m, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	const struct row_key k = key_of('m', m->name);
	uint64_t born;
	int rc = born_get(t, &born, e);

	if (rc < 0)
		return rc;
	row_u64(&b, born);
	row_u64(&b, m->latest);
	row_u64(&b, m->latest_live);
	row_u64(&b, m->live_n);
	row_u64(&b, m->last_seq);
	row_i64(&b, m->updated_s);
	row_digest(&b, &m->digest);
	row_u64(&b, m->bytes);
	row_u64(&b, m->files);
	row_u64(&b, m->is_signed);
	row_text(&b, m->signer);
	row_u64(&b, m->stages_n);
	for (size_t i = 0; i < m->stages_n; i++)
		stage_encode(&b, &m->stages[i]);
	row_text(&b, m->labels);
	row_text(&b, m->home);
	return txn_put(t, key_str(&k), buf_str(&b), e);
}

int
model_get(struct txn *t, const char *name, struct model_row *ret, struct err *e)
{
	struct row_key k;
	uint64_t born;
	struct str v;
	int rc;

	if (str_copy(ret->name, sizeof ret->name, name) < 0)
		return -ERR_NOT_FOUND; /* a foreign entry may name anything */
	k = key_of('m', name);
	rc = born_get(t, &born, e);
	if (rc == 0)
		rc = get(t, key_str(&k), &v, e);
	if (rc < 0)
		return rc;
	return model_decode(v, born, ret) < 0 ? damaged(e, "model") : 0;
}

struct model_walk {
	model_fn *fn;
	void *arg;
	struct err *e;
	uint64_t born;
	struct model_row row;
};

static int
model_step(void *arg, struct str key, struct str value)
{
	struct model_walk *w = arg;

	if (key.n - 1 >= sizeof w->row.name)
		return damaged(w->e, "model");
	memcpy(w->row.name, key.p + 1, key.n - 1);
	w->row.name[key.n - 1] = '\0';
	if (model_decode(value, w->born, &w->row) < 0)
		return damaged(w->e, "model");
	return w->fn(w->arg, &w->row);
}

int
model_each(struct txn *t, const char *from, model_fn *fn, void *arg, struct err *e)
{
	struct model_walk w = { .fn = fn, .arg = arg, .e = e };
	const struct row_key k = key_of('m', from ? from : "");
	int rc = born_get(t, &w.born, e);

	return rc < 0 ? rc : txn_scan(t, STR("m"), key_str(&k), SCAN_FORWARD, model_step, &w, e);
}

const struct stage_mark *
model_stage(const struct model_row *m, const char *stage)
{
	for (size_t i = 0; i < m->stages_n; i++)
		if (streq(m->stages[i].stage, stage))
			return &m->stages[i];
	return NULL;
}

/* --- versions --- */

/* Most versions have no such entry: one byte. */
static void
state_encode(struct buf *b, const struct life_state *s)
{
	const bool has_leaf = !digest_is_zero(&s->leaf);

	row_u64(b, (uint64_t)s->life | (uint64_t)s->is_held << 2 | (uint64_t)s->was_revoked << 3 |
	                   (uint64_t)has_leaf << 4);
	if (has_leaf)
		row_digest(b, &s->leaf);
}

static void
state_decode(struct row_reader *r, struct life_state *s)
{
	const uint64_t bits = row_get_u64(r);

	*s = (struct life_state){ .life = (enum lifecycle)(bits & 3),
		                  .is_held = bits >> 2 & 1,
		                  .was_revoked = bits >> 3 & 1 };
	if (bits >> 4 & 1)
		row_get_digest(r, &s->leaf);
	r->bad = r->bad || bits >> 5;
}

static int
version_decode(struct str value, uint64_t born, struct version_row *v)
{
	struct row_reader r = row_begin(value);

	v->seq = row_get_u64(&r);
	row_get_digest(&r, &v->digest);
	v->bytes = row_get_u64(&r);
	v->files = row_get_u64(&r);
	v->time_s = row_get_i64(&r);
	state_decode(&r, &v->state);
	v->is_signed = row_get_u64(&r) != 0;
	row_get_text(&r, v->signer, sizeof v->signer);
	row_get_text(&r, v->key_id, sizeof v->key_id);
	row_get_text(&r, v->labels, sizeof v->labels);
	if (row_get_u64(&r) < born) { /* what there is to be continued ended at the adoption */
		v->state.leaf = (struct digest){ 0 };
		v->state.is_held = false;
	}
	v->is_foreign = v->seq < born;
	if (v->is_foreign) {
		v->is_signed = false;
		v->signer[0] = v->key_id[0] = '\0';
	}
	return r.bad || v->state.life > LIFE_DELETED ? -1 : 0;
}

static int
digest_key_put(struct txn *t, const struct version_row *v, struct err *e)
{
	struct row_key k = row_key('d');

	key_bytes(&k, v->digest.b, DIGEST_SIZE);
	key_text(&k, v->model, true);
	key_u64(&k, v->number);
	return txn_put(t, key_str(&k), STR("1"), e);
}

int
version_put(struct txn *t, const struct version_row *v, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	struct row_key k = key_version(v->model);
	uint64_t born;
	int rc = born_get(t, &born, e);

	if (rc < 0)
		return rc;
	row_u64(&b, v->seq);
	row_digest(&b, &v->digest);
	row_u64(&b, v->bytes);
	row_u64(&b, v->files);
	row_i64(&b, v->time_s);
	state_encode(&b, &v->state);
	row_u64(&b, v->is_signed);
	row_text(&b, v->signer);
	row_text(&b, v->key_id);
	row_text(&b, v->labels);
	row_u64(&b, born);
	key_u64(&k, v->number);
	rc = txn_put(t, key_str(&k), buf_str(&b), e);
	return rc < 0 ? rc : digest_key_put(t, v, e);
}

int
version_get(struct txn *t, const char *model, uint64_t number, struct version_row *ret,
            struct err *e)
{
	struct row_key k;
	uint64_t born;
	struct str v;
	int rc;

	if (str_copy(ret->model, sizeof ret->model, model) < 0)
		return -ERR_NOT_FOUND;
	k = key_version(model);
	key_u64(&k, number);
	rc = born_get(t, &born, e);
	if (rc == 0)
		rc = get(t, key_str(&k), &v, e);
	if (rc < 0)
		return rc;
	ret->number = number;
	return version_decode(v, born, ret) < 0 ? damaged(e, "version") : 0;
}

struct version_walk {
	version_fn *fn;
	void *arg;
	struct err *e;
	struct txn *t;
	uint64_t born;
	struct version_row row;
};

static int
version_step(void *arg, struct str key, struct str value)
{
	struct version_walk *w = arg;

	if (key.n != 1 + strlen(w->row.model) + 1 + sizeof(uint64_t))
		return damaged(w->e, "version");
	w->row.number = key_tail_u64(key);
	if (version_decode(value, w->born, &w->row) < 0)
		return damaged(w->e, "version");
	return w->fn(w->arg, &w->row);
}

int
version_each(struct txn *t, const char *model, uint64_t from, version_fn *fn, void *arg,
             struct err *e)
{
	struct version_walk w = { .fn = fn, .arg = arg, .e = e };
	struct row_key prefix, at;
	int rc = born_get(t, &w.born, e);

	if (rc < 0 || str_copy(w.row.model, sizeof w.row.model, model) < 0)
		return rc;
	prefix = key_version(model);
	at = prefix;
	key_u64(&at, from ? from : UINT64_MAX);
	return txn_scan(t, key_str(&prefix), key_str(&at), SCAN_BACKWARD, version_step, &w, e);
}

static int
digest_step(void *arg, struct str key, struct str value)
{
	struct version_walk *w = arg;
	const char *name = key.p + 1 + DIGEST_SIZE;
	char model[NAME_SIZE];
	int rc;

	(void)value;
	if (key.n < 1 + DIGEST_SIZE + 2 + 8 || key.n - 1 - DIGEST_SIZE - 9 >= sizeof model)
		return damaged(w->e, "digest");
	memcpy(model, name, key.n - 1 - DIGEST_SIZE - 9);
	model[key.n - 1 - DIGEST_SIZE - 9] = '\0';
	rc = version_get(w->t, model, key_tail_u64(key), &w->row, w->e);
	if (rc == -ERR_NOT_FOUND)
		return damaged(w->e, "digest");
	return rc < 0 ? rc : w->fn(w->arg, &w->row);
}

/* Digests are looked up by whole bytes; an odd last digit is compared on the rows. */
struct nibble {
	version_fn *fn;
	void *arg;
	const char *hex;
	size_t n;
};

static int
nibble_step(void *arg, const struct version_row *v)
{
	const struct nibble *f = arg;
	char hex[DIGEST_HEX_SIZE];

	digest_hex(&v->digest, hex);
	return strncmp(hex, f->hex, f->n) == 0 ? f->fn(f->arg, v) : 0;
}

int
version_by_digest(struct txn *t, const char *hex, size_t hex_n, version_fn *fn, void *arg,
                  struct err *e)
{
	struct nibble f = { .fn = fn, .arg = arg, .hex = hex, .n = hex_n };
	struct version_walk w = { .fn = nibble_step, .arg = &f, .e = e, .t = t };
	struct row_key prefix = row_key('d');
	char padded[DIGEST_HEX_SIZE] = "";
	struct digest d;

	if (hex_n > 64)
		return 0;
	memset(padded, '0', 64);
	memcpy(padded, hex, hex_n);
	if (digest_parse(&d, padded, 64) < 0)
		return 0;
	key_bytes(&prefix, d.b, hex_n / 2);
	return txn_scan(t, key_str(&prefix), (struct str){ NULL, 0 }, SCAN_FORWARD, digest_step, &w,
	                e);
}

/* --- where the database stands --- */

int
applied_is_old(struct txn *t, bool *ret, struct err *e)
{
	struct str v;
	int rc = txn_get(t, STR("A"), &v, e);

	*ret = false;
	if (rc < 0 || !v.p)
		return rc;
	struct row_reader r = row_begin(v);
	*ret = row_get_u64(&r) < DB_FORMAT && !r.bad;
	return 0;
}

int
applied_get(struct txn *t, struct applied *ret, struct err *e)
{
	struct str v;
	int rc = txn_get(t, STR("A"), &v, e);

	*ret = (struct applied){ .end = { 1, 0 } };
	if (rc < 0 || !v.p)
		return rc;
	struct row_reader r = row_begin(v);
	if (row_get_u64(&r) != DB_FORMAT) {
		err_set(e, ERR_STORE, "the database was made by another slipway");
		return err_hint(e, "use a newer slipway, or make it anew from the log with this "
		                   "one: slipway rebuild");
	}
	ret->entries = row_get_u64(&r);
	ret->end.segment = (uint32_t)row_get_u64(&r);
	ret->end.offset = row_get_u64(&r);
	ret->has_policy = row_get_u64(&r) != 0;
	ret->policy_seq = row_get_u64(&r);
	ret->unknown = row_get_u64(&r);
	row_get_text(&r, ret->registry_id, sizeof ret->registry_id);
	ret->born = row_get_u64(&r);
	ret->incarnation = row_get_u64(&r);
	return r.bad ? damaged(e, "position") : 0;
}

int
applied_put(struct txn *t, const struct applied *a, struct err *e)
{
	cleanup_buf struct buf b = { 0 };

	row_u64(&b, DB_FORMAT);
	row_u64(&b, a->entries);
	row_u64(&b, a->end.segment);
	row_u64(&b, a->end.offset);
	row_u64(&b, a->has_policy);
	row_u64(&b, a->policy_seq);
	row_u64(&b, a->unknown);
	row_text(&b, a->registry_id);
	row_u64(&b, a->born);
	row_u64(&b, a->incarnation);
	return txn_put(t, STR("A"), buf_str(&b), e);
}

int
log_place_put(struct txn *t, uint64_t seq, struct log_pos at, uint32_t length, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	struct row_key k = row_key('e');

	key_u64(&k, seq);
	row_u64(&b, at.segment);
	row_u64(&b, at.offset);
	row_u64(&b, length);
	return txn_put(t, key_str(&k), buf_str(&b), e);
}

int
log_place_get(struct txn *t, uint64_t seq, struct log_pos *ret, uint32_t *ret_length, struct err *e)
{
	struct row_key k = row_key('e');
	struct str v;
	int rc;

	key_u64(&k, seq);
	rc = get(t, key_str(&k), &v, e);
	if (rc < 0)
		return rc;
	struct row_reader r = row_begin(v);
	ret->segment = (uint32_t)row_get_u64(&r);
	ret->offset = row_get_u64(&r);
	*ret_length = (uint32_t)row_get_u64(&r);
	return r.bad ? damaged(e, "place") : 0;
}

int
policy_doc_get(struct txn *t, struct str *ret, struct err *e)
{
	return txn_get(t, STR("P"), ret, e);
}

int
policy_doc_put(struct txn *t, struct str doc, struct err *e)
{
	if (doc.n == 0)
		return txn_del(t, STR("P"), e);
	return txn_put(t, STR("P"), doc, e);
}
