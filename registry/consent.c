/* SPDX-License-Identifier: Apache-2.0 */
/* One row a plan: JSON with the authorisations and the approvals, oldest first. */
#include "registry/consent.h"

#include <stdlib.h>
#include <string.h>

#include "registry/row.h"

static struct row_key
key_of(const struct digest *plan)
{
	struct row_key k = row_key('a');

	key_bytes(&k, plan->b, DIGEST_SIZE);
	return k;
}

static int
row_get(struct txn *t, const struct digest *plan, json_t **ret, struct err *e)
{
	const struct row_key k = key_of(plan);
	struct str v;
	int rc = txn_get(t, key_str(&k), &v, e);

	if (rc < 0)
		return rc;
	if (v.p)
		return json_parse(v, "consent", ret, e);
	*ret = json_pack("{s:[], s:[]}", "approvals", "by");
	return 0;
}

/* Appends o to one of the two lists. */
static int
row_add(struct txn *t, const struct digest *plan, const char *list, json_t *o, struct err *e)
{
	cleanup_json json_t *one = o, *row = NULL;
	cleanup_buf struct buf text = { 0 };
	const struct row_key k = key_of(plan);
	int rc = row_get(t, plan, &row, e);

	if (rc < 0)
		return rc;
	if (json_array_size(json_object_get(row, list)) == CONSENT_MAX)
		return err_set(e, ERR_TOO_BIG, "a plan has more than %d %s", CONSENT_MAX,
		               streq(list, "by") ? "authorisations" : "approvals");
	json_array_append(json_object_get(row, list), one);
	json_canonical(row, &text);
	return txn_put(t, key_str(&k), buf_str(&text), e);
}

static json_t *
common_json(uint64_t seq, const struct digest *leaf, const char *person,
            const struct public_key *key, const json_t *predicate)
{
	json_t *o = json_object();
	char ssh[KEY_SSH_SIZE];

	key_ssh(key, ssh);
	json_object_set_new(o, "seq", json_integer((json_int_t)seq));
	json_object_set_new(o, "leaf", json_from_digest(leaf));
	json_object_set_new(o, "person", json_string(person));
	json_object_set_new(o, "key", json_string(ssh));
	json_object_set_new(o, "predicate", json_deep_copy(predicate));
	return o;
}

int
consent_put_authorisation(struct txn *t, const struct authorisation *v, struct err *e)
{
	json_t *o = common_json(v->seq, &v->leaf, v->person, &v->key, v->predicate);

	json_object_set_new(o, "glass", json_boolean(v->break_glass));
	return row_add(t, &v->plan, "by", o, e);
}

int
consent_put_approval(struct txn *t, const struct approval *v, struct err *e)
{
	json_t *o = common_json(v->seq, &v->leaf, v->person, &v->key, v->predicate);

	json_object_set_new(o, "expires", json_integer(v->expires_s));
	return row_add(t, &v->plan, "approvals", o, e);
}

int
consent_drop(struct txn *t, const struct digest *plan, struct err *e)
{
	const struct row_key k = key_of(plan);

	return txn_del(t, key_str(&k), e);
}

static int
common_read(const json_t *o, uint64_t *seq, struct digest *leaf, char person[SIGNER_SIZE],
            struct public_key *key, json_t **predicate, struct err *e)
{
	const char *who, *ssh;
	json_t *said;
	int rc = json_get_u64(o, "seq", "consent", seq, e);

	if (rc == 0)
		rc = json_get_digest(o, "leaf", "consent", leaf, e);
	if (rc == 0)
		rc = json_get_string(o, "person", "consent", &who, e);
	if (rc == 0)
		rc = json_get_string(o, "key", "consent", &ssh, e);
	if (rc == 0)
		rc = json_get_object(o, "predicate", "consent", &said, e);
	if (rc < 0)
		return rc;
	if (str_copy(person, SIGNER_SIZE, who) < 0 || key_parse_ssh(key, ssh, strlen(ssh)) < 0)
		return err_set(e, ERR_MALFORMED, "consent: no person or no key");
	*predicate = json_incref(said);
	return 0;
}

static int
lists_read(const json_t *row, const struct digest *plan, struct consent_rows *ret, struct err *e)
{
	json_t *by, *approvals, *o;
	size_t i;
	int rc = json_get_array(row, "by", "consent", &by, e);

	if (rc == 0)
		rc = json_get_array(row, "approvals", "consent", &approvals, e);
	if (rc < 0)
		return rc;
	ret->by = xcalloc(json_array_size(by) + 1, sizeof *ret->by);
	ret->approvals = xcalloc(json_array_size(approvals) + 1, sizeof *ret->approvals);
	json_array_foreach(by, i, o)
	{
		struct authorisation *const v = &ret->by[ret->by_n];
		rc = common_read(o, &v->seq, &v->leaf, v->person, &v->key, &v->predicate, e);
		if (rc < 0)
			return rc;
		v->plan = *plan;
		v->break_glass = json_is_true(json_object_get(o, "glass"));
		ret->by_n++;
	}
	json_array_foreach(approvals, i, o)
	{
		struct approval *const v = &ret->approvals[ret->approvals_n];
		rc = common_read(o, &v->seq, &v->leaf, v->person, &v->key, &v->predicate, e);
		if (rc < 0)
			return rc;
		v->plan = *plan;
		v->expires_s = json_integer_value(json_object_get(o, "expires"));
		ret->approvals_n++;
	}
	return 0;
}

int
consent_get(struct txn *t, const struct digest *plan, struct consent_rows *ret, struct err *e)
{
	cleanup_json json_t *row = NULL;
	int rc;

	*ret = (struct consent_rows){ 0 };
	rc = row_get(t, plan, &row, e);
	if (rc == 0)
		rc = lists_read(row, plan, ret, e);
	if (rc == 0)
		return 0;
	consent_fini(ret);
	if (rc == -ERR_MALFORMED) {
		(void)err_set(e, ERR_STORE, "a row of the database (consent) is damaged");
		rc = err_hint(e, "slipway rebuild makes the database anew from the log");
	}
	return rc;
}

void
consent_fini(struct consent_rows *c)
{
	for (size_t i = 0; i < c->by_n; i++)
		authorisation_fini(&c->by[i]);
	for (size_t i = 0; i < c->approvals_n; i++)
		approval_fini(&c->approvals[i]);
	free(c->by);
	free(c->approvals);
	*c = (struct consent_rows){ 0 };
}

const struct authorisation *
consent_authorisation_at(const struct consent_rows *c, const struct signed_place *at)
{
	for (size_t i = 0; i < c->by_n; i++)
		if (c->by[i].seq == at->seq && digest_eq(&c->by[i].leaf, &at->leaf))
			return &c->by[i];
	return NULL;
}

const struct approval *
consent_approval_at(const struct consent_rows *c, const struct signed_place *at)
{
	for (size_t i = 0; i < c->approvals_n; i++)
		if (c->approvals[i].seq == at->seq && digest_eq(&c->approvals[i].leaf, &at->leaf))
			return &c->approvals[i];
	return NULL;
}
