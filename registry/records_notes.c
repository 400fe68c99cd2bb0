/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of aliases and notes, which nobody signs; records.c says which letter is which. */
#include "registry/records.h"

#include <string.h>

#include "registry/base/buf.h"
#include "registry/row.h"

static int
damaged(struct err *e, const char *what)
{
	err_set(e, ERR_STORE, "a row of the database (%s) is damaged", what);
	return err_hint(e, "slipway rebuild makes the database anew from the log");
}

/* --- aliases --- */

static bool
alias_prefix(const char *model, struct row_key *ret)
{
	if (strlen(model) >= NAME_SIZE)
		return false;
	*ret = row_key('x');
	key_text(ret, model, true);
	return true;
}

static bool
alias_key(const char *model, const char *alias, struct row_key *ret)
{
	if (strlen(alias) >= WORD_SIZE || !alias_prefix(model, ret))
		return false;
	key_text(ret, alias, false);
	return true;
}

int
alias_get(struct txn *t, const char *model, const char *alias, uint64_t *ret_number, struct err *e)
{
	struct row_key k;
	struct str v;
	int rc;

	if (!alias_key(model, alias, &k))
		return -ERR_NOT_FOUND;
	rc = txn_get(t, key_str(&k), &v, e);
	if (rc < 0)
		return rc;
	if (!v.p)
		return -ERR_NOT_FOUND;
	struct row_reader r = row_begin(v);
	*ret_number = row_get_u64(&r);
	return r.bad ? damaged(e, "alias") : 0;
}

int
alias_put(struct txn *t, const char *model, const char *alias, uint64_t number, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	struct row_key k;

	if (!alias_key(model, alias, &k))
		return err_set(e, ERR_MALFORMED, "an alias that is too long");
	if (number == 0)
		return txn_del(t, key_str(&k), e);
	row_u64(&b, number);
	return txn_put(t, key_str(&k), buf_str(&b), e);
}

struct alias_walk {
	alias_fn *fn;
	void *arg;
	size_t prefix_n;
	struct err *e;
};

static int
alias_step(void *arg, struct str key, struct str value)
{
	const struct alias_walk *w = arg;
	struct row_reader r = row_begin(value);
	const uint64_t number = row_get_u64(&r);
	char name[WORD_SIZE];

	if (r.bad || key.n - w->prefix_n >= sizeof name)
		return damaged(w->e, "alias");
	memcpy(name, key.p + w->prefix_n, key.n - w->prefix_n);
	name[key.n - w->prefix_n] = '\0';
	return w->fn(w->arg, name, number);
}

int
alias_each(struct txn *t, const char *model, alias_fn *fn, void *arg, struct err *e)
{
	struct alias_walk w = { .fn = fn, .arg = arg, .e = e };
	struct row_key k;

	if (!alias_prefix(model, &k))
		return 0;
	w.prefix_n = k.n;
	return txn_scan(t, key_str(&k), (struct str){ NULL, 0 }, SCAN_FORWARD, alias_step, &w, e);
}

/* --- notes --- */

static bool
note_prefix(const char *model, uint64_t number, struct row_key *ret)
{
	if (strlen(model) >= NAME_SIZE)
		return false;
	*ret = row_key('n');
	key_text(ret, model, true);
	key_u64(ret, number);
	return true;
}

int
note_put(struct txn *t, const char *model, uint64_t number, const struct note_row *v, struct err *e)
{
	cleanup_buf struct buf b = { 0 };
	struct row_key k;

	if (!note_prefix(model, number, &k))
		return err_set(e, ERR_MALFORMED, "a model's name that is too long");
	key_u64(&k, v->seq);
	row_i64(&b, v->time_s);
	row_text(&b, v->text);
	return txn_put(t, key_str(&k), buf_str(&b), e);
}

struct note_walk {
	note_fn *fn;
	void *arg;
	struct err *e;
	struct note_row row;
};

static int
note_step(void *arg, struct str key, struct str value)
{
	struct note_walk *w = arg;
	struct row_reader r = row_begin(value);

	w->row.seq = key_tail_u64(key);
	w->row.time_s = row_get_i64(&r);
	row_get_text(&r, w->row.text, sizeof w->row.text);
	return r.bad ? damaged(w->e, "note") : w->fn(w->arg, &w->row);
}

int
note_each(struct txn *t, const char *model, uint64_t number, note_fn *fn, void *arg, struct err *e)
{
	struct note_walk w = { .fn = fn, .arg = arg, .e = e };
	struct row_key prefix, at;

	if (!note_prefix(model, number, &prefix))
		return 0;
	at = prefix;
	key_u64(&at, UINT64_MAX);
	return txn_scan(t, key_str(&prefix), key_str(&at), SCAN_BACKWARD, note_step, &w, e);
}
