/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judgement of a bundle: pure functions over what was read, besides the clock that the caller
 * gives. What an inventory says counts once it is signed by a person of the newest policy in the
 * proof, and what a version is, by its entry in the source's log.
 */
#include "registry/bundle_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/bundle_entry.h"
#include "registry/manifest.h"
#include "registry/statement.h"

/* --- the front --- */

static int
judge_source(const struct bundle *b, const struct origin *o, struct err *e)
{
	const struct bundle_inventory *const v = &b->inventory;

	if (streq(v->registry_id, o->proof.registry_id) && digest_eq(&v->root, &o->root))
		return 0;
	return err_set(e, ERR_SIGNATURE,
	               "the bundle's inventory is of another registry than its "
	               "proof");
}

/* The entry of the log that brought a version in, and just what it says. */
static int
judge_version(const struct bundle_version *v, const struct origin *o, struct err *e)
{
	const struct entry *const n = origin_entry(o, v->seq);
	struct version_row row;
	struct audit_who who;
	int rc;

	if (!n || !streq(n->type, "version"))
		return err_set(e, ERR_SIGNATURE, "%s@v%" PRIu64 " is not proved by the bundle",
		               v->model, v->number);
	rc = origin_judge(o, n, &who, e);
	if (rc == 0) {
		const struct authority a = { .policy = audit_chain_at(&o->proof.chain, n->seq),
			                     .registry_id = o->proof.registry_id };

		rc = authority_version(&a, n, &row, e);
	}
	if (rc < 0)
		return err_prefix(e, "%s@v%" PRIu64, v->model, v->number);
	if (streq(row.model, v->model) && row.number == v->number &&
	    digest_eq(&row.digest, &v->digest))
		return 0;
	return err_set(e, ERR_SIGNATURE, "%s@v%" PRIu64 " is another one in the source's log",
	               v->model, v->number);
}

static int
judge_entries(const struct bundle *b, const struct origin *o, struct err *e)
{
	const struct bundle_inventory *const v = &b->inventory;
	size_t versions = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < v->versions_n; i++)
		rc = judge_version(&v->versions[i], o, e);
	for (size_t i = 0; rc == 0 && i < o->proof.entries.n; i++) {
		const struct entry *const n = &o->proof.entries.v[i].n;
		struct audit_who who;

		versions += streq(n->type, "version");
		rc = origin_judge(o, n, &who, e);
	}
	if (rc == 0 && versions != v->versions_n)
		rc = err_set(e, ERR_MALFORMED, "the bundle proves versions that it does not name");
	return rc;
}

/* --- for whom, when, behind what --- */

static int
judge_time(const struct bundle_inventory *v, int64_t now_s, struct err *e)
{
	char text[CLOCK_TEXT_SIZE];

	if (now_s < v->expires_s)
		return 0;
	clock_text(text, v->expires_s);
	(void)err_set(e, ERR_UNTRUSTED, "the bundle expired at %s", text);
	return err_hint(e, "ask for a newer one; look at this machine's clock");
}

static int
judge_recipient(const struct bundle_inventory *v, const char *self, struct err *e)
{
	if (!self || bundle_is_for(v, self))
		return 0;
	return err_set(e, ERR_UNTRUSTED, "the bundle is for %s%s, not for registry %s",
	               v->recipients[0], v->recipients_n > 1 ? " and others" : "", self);
}

static int
judge_counter(const struct bundle *b, const struct bundle_seen *seen, struct bundle_judged *ret,
              struct err *e)
{
	const struct bundle_inventory *const v = &b->inventory;
	const struct tree_head head = { .size = seen->head_size, .root = seen->head_root };
	int rc;

	if (seen->counter == 0 || v->counter > seen->counter) {
		rc = origin_grew_from(&ret->origin, &head, e);
		if (rc != -ERR_NOT_FOUND)
			return rc;
		e->code = ERR_UNTRUSTED;
		return err_hint(e,
		                "bundle %" PRIu64 " was the last that came: build this one with "
		                "--since %" PRIu64,
		                seen->counter, seen->counter);
	}
	ret->is_again = v->counter == seen->counter &&
	                digest_eq(&seen->inventory, &b->front[FRONT_INVENTORY].digest);
	if (ret->is_again)
		return 0;
	if (v->counter < seen->counter)
		return err_set(e, ERR_UNTRUSTED,
		               "bundle %" PRIu64 " is older than bundle %" PRIu64
		               ", which came before",
		               v->counter, seen->counter);
	return err_set(e, ERR_UNTRUSTED, "another bundle with the number %" PRIu64 " came before",
	               v->counter);
}

static int
judge(const struct bundle *b, const struct bundle_expect *x, struct bundle_judged *ret,
      struct err *e)
{
	const struct policy *const newest = origin_newest(&ret->origin);
	int rc = judge_source(b, &ret->origin, e);

	if (rc == 0)
		rc = bundle_envelope_verify(buf_str(&b->front[FRONT_ENVELOPE].text),
		                            &b->front[FRONT_INVENTORY].digest, &b->inventory,
		                            newest, ret->signer, e);
	if (rc == 0)
		rc = judge_entries(b, &ret->origin, e);
	if (rc == 0)
		rc = judge_recipient(&b->inventory, x->self, e);
	if (rc == 0)
		rc = judge_counter(b, &x->seen, ret, e);
	return rc < 0 || ret->is_again ? rc : judge_time(&b->inventory, x->now_s, e);
}

int
bundle_judge(const struct bundle *b, const struct bundle_expect *x, struct bundle_judged *ret,
             struct err *e)
{
	int rc;

	*ret = (struct bundle_judged){ 0 };
	rc = origin_check(buf_str(&b->front[FRONT_PROOF].text), x->root, &ret->origin, e);
	if (rc < 0)
		return rc;
	rc = judge(b, x, ret, e);
	if (rc < 0)
		bundle_judged_fini(ret);
	return rc;
}

void
bundle_judged_fini(struct bundle_judged *j)
{
	origin_fini(&j->origin);
}

/* --- the files --- */

struct need {
	struct digest digest;
	uint64_t size;
	bool has_size;
};
struct bundle_contents {
	const struct bundle *b;
	VEC(struct need) needs;
	bool *is_read;    /* of each version: its manifest */
	bool is_manifest; /* the blob at hand */
	struct buf text;
	struct err why; /* of what could not be said before finish */
};

static void
need(struct bundle_contents *c, const struct digest *d, const uint64_t *size)
{
	const struct need n = { *d, size ? *size : 0, size != NULL };

	vec_push(&c->needs, n);
}

/* A golden request is named by the version's statement. */
static void
need_smoke(struct bundle_contents *c, const struct entry *n)
{
	cleanup_buf struct buf envelope = { 0 };
	struct statement s = { 0 };
	struct err ignored = { 0 };
	struct digest smoke;

	if (authority_envelope(n, &envelope, &ignored) < 0 ||
	    statement_peek(buf_str(&envelope), &s, &ignored) < 0)
		return;
	if (json_object_get(s.predicate, "smoke") &&
	    json_get_digest(s.predicate, "smoke", "version statement", &smoke, &ignored) == 0)
		need(c, &smoke, NULL);
	statement_fini(&s);
}

struct bundle_contents *
bundle_contents_new(const struct bundle *b, const struct origin *o)
{
	struct bundle_contents *const c = xcalloc(1, sizeof *c);

	c->b = b;
	c->is_read = xcalloc(b->inventory.versions_n + 1, sizeof *c->is_read);
	for (size_t i = 0; i < b->inventory.versions_n; i++) {
		const struct bundle_version *const v = &b->inventory.versions[i];

		need(c, &v->digest, &v->manifest_size);
		need_smoke(c, origin_entry(o, v->seq));
	}
	return c;
}

void
bundle_contents_free(struct bundle_contents *c)
{
	if (!c)
		return;
	vec_fini(&c->needs);
	buf_fini(&c->text);
	free(c->is_read);
	free(c);
}

static bool
is_manifest(const struct bundle_contents *c, const struct digest *d)
{
	for (size_t i = 0; i < c->b->inventory.versions_n; i++)
		if (digest_eq(&c->b->inventory.versions[i].digest, d))
			return true;
	return false;
}

void
bundle_contents_begin(struct bundle_contents *c, size_t i)
{
	const struct bundle_blob *const x = &c->b->list.v[i];

	c->is_manifest = x->size <= MANIFEST_MAX && is_manifest(c, &x->digest);
	buf_clear(&c->text);
}

void
bundle_contents_take(struct bundle_contents *c, const void *p, size_t n)
{
	if (c->is_manifest)
		buf_add(&c->text, p, n);
}

int
bundle_contents_manifest(struct bundle_contents *c, size_t i, struct str text, struct err *e)
{
	struct manifest m = { 0 };
	int rc = manifest_parse(text, &m, e);

	if (rc < 0)
		return err_prefix(e, "manifest of %s@v%" PRIu64, c->b->inventory.versions[i].model,
		                  c->b->inventory.versions[i].number);
	for (size_t k = 0; k < m.n; k++)
		need(c, &m.files[k].digest, &m.files[k].size);
	need(c, &m.config, NULL);
	manifest_fini(&m);
	c->is_read[i] = true;
	return 0;
}

int
bundle_contents_end(struct bundle_contents *c, size_t i, struct err *e)
{
	const struct digest *const d = &c->b->list.v[i].digest;
	int rc = 0;

	for (size_t k = 0; rc == 0 && c->is_manifest && k < c->b->inventory.versions_n; k++)
		if (digest_eq(&c->b->inventory.versions[k].digest, d))
			rc = bundle_contents_manifest(c, k, buf_str(&c->text), e);
	return rc;
}

static int
by_digest(const void *a, const void *b)
{
	const struct need *const x = a, *const y = b;

	return memcmp(x->digest.b, y->digest.b, DIGEST_SIZE);
}

static int
check_need(const struct bundle_contents *c, const struct need *n,
           bool (*have)(void *arg, const struct digest *d, uint64_t size), void *arg, struct err *e)
{
	const struct bundle_blob *const x = bundle_list_find(&c->b->list, &n->digest);
	char hex[DIGEST_HEX_SIZE];

	if (x && n->has_size && x->size != n->size)
		return err_set(e, ERR_DIGEST,
		               "the bundle's list has another size for a file than "
		               "its manifest");
	if (x || digest_eq(&n->digest, &c->b->front[FRONT_EMPTY].digest))
		return 0;
	if (have ? have(arg, &n->digest, n->has_size ? n->size : UINT64_MAX)
	         : c->b->inventory.since > 0)
		return 0;
	digest_hex(&n->digest, hex);
	(void)err_set(e, ERR_DIGEST, "the bundle lacks blob %.12s, which a version of it needs",
	              hex);
	if (c->b->inventory.since == 0)
		return -ERR_DIGEST;
	return err_hint(e, "it builds on bundle %" PRIu64 ": import that one first",
	                c->b->inventory.since);
}

static int
check_list(const struct bundle_contents *c, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];

	for (size_t i = 0; i < c->b->list.n; i++) {
		const struct need key = { .digest = c->b->list.v[i].digest };

		if (bsearch(&key, c->needs.v, c->needs.n, sizeof key, by_digest))
			continue;
		digest_hex(&key.digest, hex);
		return err_set(e, ERR_MALFORMED,
		               "the bundle brings blob %.12s, which no version of it needs", hex);
	}
	return 0;
}

int
bundle_contents_finish(struct bundle_contents *c,
                       bool (*have)(void *arg, const struct digest *d, uint64_t size), void *arg,
                       struct err *e)
{
	int rc = 0;

	qsort(c->needs.v, c->needs.n, sizeof *c->needs.v, by_digest);
	for (size_t i = 0; rc == 0 && i < c->needs.n; i++)
		rc = check_need(c, &c->needs.v[i], have, arg, e);
	/* with a manifest that is elsewhere its files are not known */
	for (size_t i = 0; rc == 0 && i < c->b->inventory.versions_n; i++)
		if (!c->is_read[i])
			return 0;
	return rc < 0 ? rc : check_list(c, e);
}
