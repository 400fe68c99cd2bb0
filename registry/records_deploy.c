/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of targets, plans and jobs; records.c says which letter is which. */
#include "registry/records.h"

#include <string.h>

#include "registry/base/buf.h"
#include "registry/base/vec.h"
#include "registry/row.h"

static int
damaged(struct err *e, const char *what)
{
	err_set(e, ERR_STORE, "a row of the database (%s) is damaged", what);
	return err_hint(e, "slipway rebuild makes the database anew from the log");
}

static int
get(struct txn *t, const struct row_key *k, struct str *ret, struct err *e)
{
	int rc = txn_get(t, key_str(k), ret, e);

	if (rc < 0)
		return rc;
	return ret->p ? 0 : -ERR_NOT_FOUND;
}

/* --- targets --- */

static int
target_decode(struct str value, struct target_row *v)
{
	struct row_reader r = row_begin(value);

	row_get_text(&r, v->name, sizeof v->name);
	row_get_text(&r, v->driver, sizeof v->driver);
	row_get_text(&r, v->stage, sizeof v->stage);
	v->seq = row_get_u64(&r);
	v->order = row_get_u64(&r);
	row_get_digest(&r, &v->identity);
	row_get_text(&r, v->body, sizeof v->body);
	return r.bad ? -1 : 0;
}

static struct row_key
target_key(const char *name)
{
	struct row_key k = row_key('t');

	key_text(&k, name, false);
	return k;
}

int
target_put(struct txn *t, const struct target_row *v, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	const struct row_key k = target_key(v->name);

	row_text(&b, v->name);
	row_text(&b, v->driver);
	row_text(&b, v->stage);
	row_u64(&b, v->seq);
	row_u64(&b, v->order);
	row_digest(&b, &v->identity);
	row_text(&b, v->body);
	return txn_put(t, key_str(&k), buf_str(&b), e);
}

int
target_del(struct txn *t, const char *name, struct err *e)
{
	struct row_key k;

	if (strlen(name) >= WORD_SIZE)
		return 0; /* there is none of such a name */
	k = target_key(name);
	return txn_del(t, key_str(&k), e);
}

int
target_get(struct txn *t, const char *name, struct target_row *ret, struct err *e)
{
	struct row_key k;
	uint64_t born;
	struct str v;
	int rc;

	if (strlen(name) >= WORD_SIZE)
		return -ERR_NOT_FOUND;
	k = target_key(name);
	rc = born_get(t, &born, e);
	if (rc == 0)
		rc = get(t, &k, &v, e);
	if (rc < 0)
		return rc;
	if (target_decode(v, ret) < 0)
		return damaged(e, "target");
	return ret->seq < born ? -ERR_NOT_FOUND : 0;
}

struct target_walk {
	const char *stage;
	uint64_t born;
	VEC(struct target_row) rows;
	struct err *e;
};

static int
target_step(void *arg, struct str key, struct str value)
{
	struct target_walk *w = arg;
	struct target_row row;

	(void)key;
	if (target_decode(value, &row) < 0)
		return damaged(w->e, "target");
	if (row.seq >= w->born && (!w->stage || streq(w->stage, row.stage)))
		vec_push(&w->rows, row);
	return 0;
}

static int
by_order(const void *a, const void *b)
{
	const struct target_row *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return strcmp(x->name, y->name);
}

int
target_each(struct txn *t, const char *stage, target_fn *fn, void *arg, struct err *e)
{
	struct target_walk w = { .stage = stage, .e = e };
	int rc = born_get(t, &w.born, e);

	if (rc == 0)
		rc = txn_scan(t, STR("t"), (struct str){ NULL, 0 }, SCAN_FORWARD, target_step, &w,
		              e);
	if (stage && w.rows.n > 1)
		qsort(w.rows.v, w.rows.n, sizeof *w.rows.v, by_order);
	for (size_t i = 0; rc == 0 && i < w.rows.n; i++)
		rc = fn(arg, &w.rows.v[i]);
	vec_fini(&w.rows);
	return rc;
}

int
target_row_of(const char *name, const json_t *body, uint64_t seq, struct target_row *ret,
              struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	const char *driver, *stage;
	int rc;

	*ret = (struct target_row){ .seq = seq };
	rc = json_get_string(body, "driver", "target", &driver, e);
	if (rc == 0)
		rc = json_get_string(body, "stage", "target", &stage, e);
	if (rc == 0)
		rc = json_get_u64(body, "order", "target", &ret->order, e);
	if (rc < 0)
		return rc;
	json_canonical(body, &text);
	digest_small(text.p, text.n, &ret->identity);
	if (str_copy(ret->name, sizeof ret->name, name) < 0 ||
	    str_copy(ret->driver, sizeof ret->driver, driver) < 0 ||
	    str_copy(ret->stage, sizeof ret->stage, stage) < 0 ||
	    str_copy(ret->body, sizeof ret->body, buf_cstr(&text)) < 0)
		return err_set(e, ERR_MALFORMED, "target \"%s\": a member is too long", name);
	return 0;
}

static struct row_key
target_leaf_key(const char *name)
{
	struct row_key k = row_key('T');

	key_text(&k, name, false);
	return k;
}

/* The leaf and the adoption behind which it was said. */
int
target_leaf_get(struct txn *t, const char *name, struct digest *ret, struct err *e)
{
	const struct row_key k = target_leaf_key(name);
	uint64_t born;
	struct str v;
	int rc = born_get(t, &born, e);

	*ret = (struct digest){ 0 };
	if (rc == 0)
		rc = txn_get(t, key_str(&k), &v, e);
	if (rc < 0 || !v.p)
		return rc;
	struct row_reader r = row_begin(v);
	row_get_digest(&r, ret);
	if (row_get_u64(&r) < born)
		*ret = (struct digest){ 0 };
	return r.bad ? damaged(e, "target") : 0;
}

int
target_leaf_put(struct txn *t, const char *name, const struct digest *leaf, struct err *e)
{
	const struct row_key k = target_leaf_key(name);
	cleanup_buf struct buf b = { 0 };
	uint64_t born;
	int rc = born_get(t, &born, e);

	row_digest(&b, leaf);
	row_u64(&b, born);
	return rc < 0 ? rc : txn_put(t, key_str(&k), buf_str(&b), e);
}

/* --- what a stage has held --- */

static struct row_key
held_key(const char *model, const char *stage, const struct digest *version)
{
	struct row_key k = row_key('h');

	key_text(&k, model, true);
	key_text(&k, stage, true);
	key_bytes(&k, version->b, DIGEST_SIZE);
	return k;
}

int
held_get(struct txn *t, const char *model, const char *stage, const struct digest *version,
         struct err *e)
{
	const struct row_key k = held_key(model, stage, version);
	struct str v;

	return get(t, &k, &v, e);
}

int
held_put(struct txn *t, const char *model, const char *stage, const struct digest *version,
         struct err *e)
{
	const struct row_key k = held_key(model, stage, version);

	return txn_put(t, key_str(&k), (struct str){ "1", 1 }, e);
}

/* --- plans --- */

static struct row_key
plan_key(const struct digest *id)
{
	struct row_key k = row_key('p');

	key_bytes(&k, id->b, DIGEST_SIZE);
	return k;
}

/* The second table: by sequence, so that the newest can be found first. */
static int
put_order(struct txn *t, char table, uint64_t seq, const void *id, size_t n, struct err *e)
{
	struct row_key k = row_key(table);

	key_u64(&k, seq);
	return txn_put(t, key_str(&k), (struct str){ id, n }, e);
}

int
plan_put(struct txn *t, const struct plan_row *v, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	const struct row_key k = plan_key(&v->id);
	int rc;

	row_u64(&b, v->seq);
	row_i64(&b, v->time_s);
	row_text(&b, v->kind);
	row_text(&b, v->model);
	row_text(&b, v->stage);
	row_u64(&b, v->number);
	row_u64(&b, v->authorisation_seq);
	row_text(&b, v->job);
	row_text(&b, v->state);
	rc = txn_put(t, key_str(&k), buf_str(&b), e);
	return rc < 0 ? rc : put_order(t, 'q', v->seq, v->id.b, DIGEST_SIZE, e);
}

bool
plan_is_settled(const struct plan_row *p)
{
	return streq(p->state, "running") || streq(p->state, "succeeded");
}

int
plan_get(struct txn *t, const struct digest *id, struct plan_row *ret, struct err *e)
{
	const struct row_key k = plan_key(id);
	uint64_t born;
	struct str v;
	int rc = born_get(t, &born, e);

	if (rc == 0)
		rc = get(t, &k, &v, e);
	if (rc < 0)
		return rc;
	struct row_reader r = row_begin(v);
	ret->id = *id;
	ret->seq = row_get_u64(&r);
	ret->time_s = row_get_i64(&r);
	row_get_text(&r, ret->kind, sizeof ret->kind);
	row_get_text(&r, ret->model, sizeof ret->model);
	row_get_text(&r, ret->stage, sizeof ret->stage);
	ret->number = row_get_u64(&r);
	ret->authorisation_seq = row_get_u64(&r);
	row_get_text(&r, ret->job, sizeof ret->job);
	row_get_text(&r, ret->state, sizeof ret->state);
	if (r.bad)
		return damaged(e, "plan");
	return ret->seq < born ? -ERR_NOT_FOUND : 0;
}

struct plan_walk {
	struct txn *t;
	uint64_t born;
	plan_fn *fn;
	void *arg;
	struct err *e;
	bool is_over;
};

static int
plan_step(void *arg, struct str key, struct str value)
{
	struct plan_walk *w = arg;
	struct plan_row row;
	struct digest id;
	int rc;

	if (value.n != DIGEST_SIZE)
		return damaged(w->e, "plan");
	memcpy(id.b, value.p, DIGEST_SIZE);
	rc = plan_get(w->t, &id, &row, w->e);
	if (rc == -ERR_NOT_FOUND && key.n > 8 && key_tail_u64(key) < w->born)
		return w->is_over = true; /* and so are all older ones */
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? damaged(w->e, "plan") : rc;
	return w->fn(w->arg, &row);
}

int
plan_each(struct txn *t, plan_fn *fn, void *arg, struct err *e)
{
	struct plan_walk w = { .t = t, .fn = fn, .arg = arg, .e = e };
	int rc = born_get(t, &w.born, e);

	if (rc == 0)
		rc = txn_scan(t, STR("q"), (struct str){ NULL, 0 }, SCAN_BACKWARD, plan_step, &w,
		              e);
	return w.is_over ? 0 : rc;
}

/* --- jobs --- */

static struct row_key
job_key(const char *id)
{
	struct row_key k = row_key('j');

	key_text(&k, id, false);
	return k;
}

int
job_put(struct txn *t, const struct job_row *v, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	const struct row_key k = job_key(v->id);
	int rc;

	row_text(&b, v->model);
	row_text(&b, v->stage);
	row_text(&b, v->kind);
	row_digest(&b, &v->plan);
	row_u64(&b, v->begin_seq);
	row_u64(&b, v->end_seq);
	row_i64(&b, v->begin_s);
	row_i64(&b, v->end_s);
	row_u64(&b, v->number);
	row_text(&b, v->state);
	rc = txn_put(t, key_str(&k), buf_str(&b), e);
	return rc < 0 ? rc : put_order(t, 'k', v->begin_seq, v->id, strlen(v->id), e);
}

int
job_get(struct txn *t, const char *id, struct job_row *ret, struct err *e)
{
	struct row_key k;
	uint64_t born;
	struct str v;
	int rc;

	if (strlen(id) >= sizeof ret->id)
		return -ERR_NOT_FOUND;
	k = job_key(id);
	rc = born_get(t, &born, e);
	if (rc == 0)
		rc = get(t, &k, &v, e);
	if (rc < 0)
		return rc;
	struct row_reader r = row_begin(v);
	(void)str_copy(ret->id, sizeof ret->id, id);
	row_get_text(&r, ret->model, sizeof ret->model);
	row_get_text(&r, ret->stage, sizeof ret->stage);
	row_get_text(&r, ret->kind, sizeof ret->kind);
	row_get_digest(&r, &ret->plan);
	ret->begin_seq = row_get_u64(&r);
	ret->end_seq = row_get_u64(&r);
	ret->begin_s = row_get_i64(&r);
	ret->end_s = row_get_i64(&r);
	ret->number = row_get_u64(&r);
	row_get_text(&r, ret->state, sizeof ret->state);
	if (r.bad)
		return damaged(e, "job");
	return ret->begin_seq < born ? -ERR_NOT_FOUND : 0;
}

struct job_walk {
	struct txn *t;
	uint64_t born;
	job_fn *fn;
	void *arg;
	struct err *e;
	bool is_over;
};

static int
job_step(void *arg, struct str key, struct str value)
{
	struct job_walk *w = arg;
	struct job_row row;
	char id[sizeof row.id];
	int rc;

	if (value.n >= sizeof id)
		return damaged(w->e, "job");
	memcpy(id, value.p, value.n);
	id[value.n] = '\0';
	rc = job_get(w->t, id, &row, w->e);
	if (rc == -ERR_NOT_FOUND && key.n > 8 && key_tail_u64(key) < w->born)
		return w->is_over = true;
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? damaged(w->e, "job") : rc;
	return w->fn(w->arg, &row);
}

int
job_each(struct txn *t, job_fn *fn, void *arg, struct err *e)
{
	struct job_walk w = { .t = t, .fn = fn, .arg = arg, .e = e };
	int rc = born_get(t, &w.born, e);

	if (rc == 0)
		rc = txn_scan(t, STR("k"), (struct str){ NULL, 0 }, SCAN_BACKWARD, job_step, &w, e);
	return w.is_over ? 0 : rc;
}
