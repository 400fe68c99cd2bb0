/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts of the entries about bytes: registry, policy, version, label. None looks at the
 * clock, the environment or anything but the entry and the rows before it, so that a rebuild gives
 * the same bytes. What needs a signature is admitted by it here, under the policy in force at that
 * entry.
 */
#include "registry/entry_put.h"

#include <inttypes.h>
#include <string.h>

#include "registry/labels.h"
#include "registry/origin.h"
#include "registry/records.h"
#include "registry/ref.h"

int
put_refuse(const struct entry *n, struct err *e, const char *why)
{
	return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " (%s): %s", n->seq, n->type, why);
}

int
put_string(const struct entry *n, const char *key, char *ret, size_t size, struct err *e)
{
	const char *s;
	int rc = json_get_string(n->body, key, n->type, &s, e);

	if (rc < 0)
		return rc;
	return str_copy(ret, size, s) < 0 ? put_refuse(n, e, "a member is too long") : 0;
}

int
put_model(struct txn *t, const struct entry *n, struct model_row *ret, struct err *e)
{
	int rc;

	if (!n->model)
		return put_refuse(n, e, "names no model");
	rc = model_get(t, n->model, ret, e);
	return rc == -ERR_NOT_FOUND ? put_refuse(n, e, "a model that does not exist") : rc;
}

/* A replay asks for the same policy entry after entry: it is parsed once. */
static struct {
	struct buf doc;
	struct policy policy;
} in_force;

int
put_authority(struct txn *t, struct authority *ret, struct err *e)
{
	static char registry_id[33];
	cleanup_json json_t *doc = NULL;
	struct policy p;
	struct applied a;
	struct str text;
	int rc = applied_get(t, &a, e);

	if (rc == 0)
		rc = policy_doc_get(t, &text, e);
	if (rc < 0)
		return rc;
	if (!a.has_policy || !text.p)
		return err_set(e, ERR_MALFORMED, "an entry before the first policy");
	(void)str_copy(registry_id, sizeof registry_id, a.registry_id);
	*ret = (struct authority){ .policy = &in_force.policy, .registry_id = registry_id };
	if (str_eq(text, buf_str(&in_force.doc)))
		return 0;
	rc = json_parse(text, "policy", &doc, e);
	if (rc == 0)
		rc = policy_parse(doc, &p, e);
	if (rc < 0)
		return rc;
	policy_fini(&in_force.policy);
	in_force.policy = p;
	buf_clear(&in_force.doc);
	buf_add(&in_force.doc, text.p, text.n);
	return 0;
}

/* --- puts --- */

int
put_registry(struct txn *t, const struct entry *n, struct err *e)
{
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	if (n->seq != 0)
		return put_refuse(n, e, "only the first entry names the registry");
	rc = put_string(n, "id", a.registry_id, sizeof a.registry_id, e);
	return rc < 0 ? rc : applied_put(t, &a, e);
}

int
put_policy(struct txn *t, const struct entry *n, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 }, doc = { 0 };
	struct authority old = { 0 };
	struct policy p = { 0 };
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc == 0 && a.has_policy)
		rc = put_authority(t, &old, e);
	if (rc == 0)
		rc = authority_envelope(n, &envelope, e);
	if (rc == 0)
		rc = policy_accept(old.policy, buf_str(&envelope), a.registry_id, &p, e);
	if (rc < 0)
		return rc;
	json_canonical(p.doc, &doc);
	policy_fini(&p);
	a.has_policy = true;
	a.policy_seq = n->seq;
	rc = policy_doc_put(t, buf_str(&doc), e);
	return rc < 0 ? rc : applied_put(t, &a, e);
}

struct same_digest {
	const struct version_row *v;
	bool is_there, was_revoked;
};

static int
find_same(void *arg, const struct version_row *v)
{
	struct same_digest *w = arg;

	if (!streq(v->model, w->v->model))
		return 0;
	w->is_there = w->is_there || v->state.life != LIFE_DELETED;
	w->was_revoked = w->was_revoked || v->state.was_revoked;
	return 0;
}

/* The same statement again would make a second version of the same bytes; what was revoked does not
 * come back under another number. */
int
put_is_new(struct txn *t, const struct entry *n, const struct version_row *v, struct err *e)
{
	struct same_digest w = { .v = v };
	char hex[DIGEST_HEX_SIZE];
	int rc;

	digest_hex(&v->digest, hex);
	rc = version_by_digest(t, hex, 64, find_same, &w, e);
	if (rc < 0)
		return rc;
	if (w.was_revoked)
		return put_refuse(n, e, "bytes that were revoked");
	return w.is_there ? put_refuse(n, e, "the model has these bytes already") : 0;
}

/* Of a registry that this one is a copy of, and taken by a signature of its own: the same bytes
 * under the same number. */
static int
take_foreign(struct txn *t, const struct entry *n, struct model_row *m, struct version_row *v,
             struct err *e)
{
	struct version_row had;
	int rc = version_get(t, n->model, v->number, &had, e);

	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? put_refuse(n, e, "no version of that number") : rc;
	if (!had.is_foreign || had.state.life == LIFE_DELETED || had.state.was_revoked ||
	    !digest_eq(&had.digest, &v->digest))
		return put_refuse(n, e, "a version number that is not the next");
	v->state = had.state;
	if (had.state.life == LIFE_RETIRED && digest_is_zero(&had.state.leaf)) {
		v->state.life = LIFE_LIVE; /* it was retired there, and is taken here */
		m->live_n++;
	}
	(void)str_copy(v->labels, sizeof v->labels, had.labels);
	if (v->state.life == LIFE_LIVE && v->number >= m->latest_live)
		put_newest(m, v);
	rc = version_put(t, v, e);
	return rc < 0 ? rc : model_put(t, m, e);
}

int
put_version(struct txn *t, const struct entry *n, struct err *e)
{
	struct model_row m = { 0 };
	struct version_row v;
	struct authority a;
	int rc;

	if (origin_is(n))
		return put_carried_version(t, n, e);
	rc = put_authority(t, &a, e);
	if (rc == 0)
		rc = authority_version(&a, n, &v, e);
	if (rc == 0)
		rc = ref_check_model(n->model, e);
	if (rc < 0)
		return rc;
	rc = model_get(t, n->model, &m, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	(void)str_copy(m.name, sizeof m.name, n->model);
	if (m.home[0])
		return put_refuse(n, e, "only its home registry numbers this model's versions");
	if (v.number != m.latest + 1)
		return take_foreign(t, n, &m, &v, e);
	rc = put_is_new(t, n, &v, e);
	if (rc < 0)
		return rc;
	m.latest = v.number;
	m.live_n++;
	put_newest(&m, &v);
	rc = version_put(t, &v, e);
	return rc < 0 ? rc : model_put(t, &m, e);
}

int
put_label(struct txn *t, const struct entry *n, struct err *e)
{
	const json_t *number = json_object_get(n->body, "number");
	struct version_row v;
	struct model_row m;
	int rc = put_model(t, n, &m, e);

	if (rc < 0)
		return rc;
	if (!json_is_integer(number)) {
		if (labels_apply(m.labels, sizeof m.labels, n->body) < 0)
			return put_refuse(n, e, "labels that are no labels or too many");
		return model_put(t, &m, e);
	}
	rc = version_get(t, n->model, (uint64_t)json_integer_value(number), &v, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? put_refuse(n, e, "a version that does not exist")
		                            : rc;
	if (labels_apply(v.labels, sizeof v.labels, n->body) < 0)
		return put_refuse(n, e, "labels that are no labels or too many");
	return version_put(t, &v, e);
}
