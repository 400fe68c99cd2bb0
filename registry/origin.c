/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof that came with a bundle, trusted from one fingerprint on, and single entries of it. The
 * last proof that was read is kept, as one bundle brings many lines. Knows nothing of tar, counters
 * or recipients.
 */
#include "registry/origin.h"

#include <inttypes.h>
#include <string.h>

#define WHAT "bundle's proof"

/* --- a proof --- */

/* What the first policy in it has for a fingerprint. */
static int
find_root(const struct proof *p, struct digest *ret, struct err *e)
{
	for (size_t i = 0; i < p->entries.n; i++) {
		const struct entry *const n = &p->entries.v[i].n;
		struct policy first;
		int rc;

		if (!streq(n->type, "policy"))
			continue;
		rc = policy_of_entry(n, &first, e);
		if (rc < 0)
			return rc;
		*ret = first.digest;
		policy_fini(&first);
		return 0;
	}
	return err_set(e, ERR_MALFORMED, WHAT ": no policy is in it");
}

int
origin_check(struct str text, const struct digest *root, struct origin *ret, struct err *e)
{
	int rc;

	*ret = (struct origin){ 0 };
	rc = proof_file_parse(text, &ret->proof, e);
	if (rc < 0)
		return rc;
	if (ret->proof.kind != PROOF_BUNDLE && ret->proof.kind != PROOF_RECEIPT)
		rc = err_set(e, ERR_MALFORMED, WHAT ": it is of another kind");
	if (rc == 0)
		rc = find_root(&ret->proof, &ret->root, e);
	if (rc == 0)
		rc = proof_trust(&ret->proof, root ? root : &ret->root, &ret->trust, e);
	if (rc < 0)
		origin_fini(ret);
	return rc;
}

void
origin_fini(struct origin *o)
{
	proof_fini(&o->proof);
	proof_result_fini(&o->trust);
	*o = (struct origin){ 0 };
}

const struct policy *
origin_newest(const struct origin *o)
{
	return &o->proof.chain.policies.v[o->proof.chain.policies.n - 1];
}

const struct entry *
origin_entry(const struct origin *o, uint64_t seq)
{
	for (size_t i = 0; i < o->proof.entries.n; i++)
		if (o->proof.entries.v[i].n.seq == seq)
			return &o->proof.entries.v[i].n;
	return NULL;
}

int
origin_judge(const struct origin *o, const struct entry *n, struct audit_who *ret, struct err *e)
{
	audit_who(&o->proof.chain, o->proof.registry_id, n, ret);
	if (ret->signature == AUDIT_GOOD)
		return 0;
	if (ret->signature == AUDIT_UNSIGNED)
		return err_set(e, ERR_SIGNATURE, WHAT ": entry %" PRIu64 " (%s) is not signed",
		               n->seq, n->type);
	*e = ret->why;
	return err_prefix(e, WHAT ": entry %" PRIu64 " (%s)", n->seq, n->type);
}

/* --- how the log grew --- */

static int
grew(const json_t *g, const struct tree_head *old, const struct tree_head *now, struct err *e)
{
	struct digest path[MERKLE_PROOF_MAX], root;
	size_t n = COUNT(path);
	int rc = json_get_digest(g, "root", WHAT, &root, e);

	if (rc == 0)
		rc = proof_hashes(json_object_get(g, "hashes"), path, &n, e);
	if (rc < 0)
		return rc;
	if (digest_eq(&root, &old->root) &&
	    merkle_verify_consistency(old->size, &old->root, now->size, &now->root, path, n) == 0)
		return 0;
	return err_set(e, ERR_DIGEST,
	               "the source's log is another one than before: what it had at %" PRIu64
	               " entries is not the beginning of what it has at %" PRIu64,
	               old->size, now->size);
}

int
origin_grew_from(const struct origin *o, const struct tree_head *old, struct err *e)
{
	const struct tree_head *const now = &o->trust.head;
	const json_t *g;
	size_t i;

	if (old->size == 0 || (old->size == now->size && digest_eq(&old->root, &now->root)))
		return 0;
	json_array_foreach(o->proof.growth, i, g)
	{
		if (json_opt_u64(g, "size") == old->size)
			return grew(g, old, now, e);
	}
	return err_set(e, ERR_NOT_FOUND,
	               "the bundle does not show that the source's log grew from the %" PRIu64
	               " entries that came before",
	               old->size);
}

/* --- lines of our log --- */

bool
origin_is(const struct entry *n)
{
	return json_object_get(n->body, "origin") != NULL;
}

static json_t *
mark(const struct entry *n, const char *registry, const char *site)
{
	return json_pack("{s:s, s:I, s:s}", "registry", registry, "seq", (json_int_t)n->seq, "site",
	                 site);
}

json_t *
origin_body_same(const struct entry *n, const char *registry, const char *site)
{
	json_t *const body = json_copy((json_t *)(uintptr_t)n->body);

	json_object_set_new(body, "origin", mark(n, registry, site));
	return body;
}

json_t *
origin_body_told(const struct entry *n, const char *registry, const char *site)
{
	json_t *const body = json_object();

	json_object_set(body, "body", (json_t *)(uintptr_t)n->body);
	json_object_set_new(body, "type", json_string(n->type));
	json_object_set_new(body, "origin", mark(n, registry, site));
	return body;
}

void
origin_person(const char *site, const char *person, char ret[SIGNER_SIZE])
{
	cleanup_free char *both = xasprintf("%s%s%s", site, *person ? "/" : "", person);

	if (str_copy(ret, SIGNER_SIZE, both) < 0)
		(void)str_copy(ret, SIGNER_SIZE, site);
}

/* One bundle brings many lines: its proof is read and verified once. */
static struct {
	bool is_there;
	struct digest digest;
	struct origin origin;
} last;

static int
load(struct blobs *b, const struct digest *d, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct origin fresh;
	int rc;

	if (!b)
		return err_set(e, ERR_UNTRUSTED, "what a bundle brought is not proved here");
	if (last.is_there && digest_eq(&last.digest, d))
		return 0;
	rc = blob_promised(blob_read(b, d, PROOF_MAX, &text, e), e);
	if (rc == 0)
		rc = origin_check(buf_str(&text), NULL, &fresh, e);
	if (rc < 0)
		return rc;
	if (last.is_there)
		origin_fini(&last.origin);
	last.origin = fresh;
	last.digest = *d;
	last.is_there = true;
	return 0;
}

static int
believed(const struct policy *here, unsigned counts, const struct policy_site **ret, struct err *e)
{
	const struct origin *const o = &last.origin;

	*ret = policy_site_by_root(here, &o->root);
	if (!*ret) {
		(void)err_set(e, ERR_UNTRUSTED, "the policy does not believe registry %s",
		              o->proof.registry_id);
		return err_hint(e, "slipway policy trust-site NAME --root FINGERPRINT");
	}
	if (((*ret)->counts & counts) != counts)
		return err_set(e, ERR_UNTRUSTED, "the policy does not believe site \"%s\" for that",
		               (*ret)->name);
	return 0;
}

/* The proof that it names, of the registry that it names, believed here for that. */
static int
resolve_site(struct blobs *b, const struct policy *here, const struct entry *n, unsigned counts,
             const struct policy_site **ret, struct err *e)
{
	const char *registry = NULL;
	struct digest proof;
	json_t *o;
	int rc = json_get_object(n->body, "origin", n->type, &o, e);

	if (rc == 0)
		rc = json_get_string(o, "registry", n->type, &registry, e);
	if (rc == 0)
		rc = json_get_digest(n->root, "statement", n->type, &proof, e);
	if (rc == 0)
		rc = load(b, &proof, e);
	if (rc == 0 && !streq(registry, last.origin.proof.registry_id))
		rc = err_set(e, ERR_SIGNATURE,
		             "log entry %" PRIu64 " (%s) names another registry than its proof",
		             n->seq, n->type);
	return rc < 0 ? rc : believed(here, counts, ret, e);
}

/* Members of the body here are those of the body there, but for "origin"; a line of the type
 * "origin" has type and body of it in its own. */
static bool
says_the_same(const struct entry *here, const struct entry *there)
{
	json_t *body;
	bool same;

	if (streq(here->type, "origin"))
		return json_equal(json_object_get(here->body, "body"), there->body) &&
		       streq(json_opt_string(here->body, "type"), there->type);
	body = json_copy((json_t *)(uintptr_t)here->body);
	json_object_del(body, "origin");
	same = json_equal(body, there->body) && streq(here->type, there->type) &&
	       streq(here->model, there->model);
	json_decref(body);
	return same;
}

int
origin_resolve(struct blobs *b, const struct policy *here, const struct entry *n, unsigned counts,
               struct origin_found *ret, struct err *e)
{
	struct audit_who who;
	uint64_t seq;
	int rc = resolve_site(b, here, n, counts, &ret->site, e);

	if (rc == 0)
		rc = json_get_u64(json_object_get(n->body, "origin"), "seq", n->type, &seq, e);
	if (rc < 0)
		return rc;
	ret->entry = origin_entry(&last.origin, seq);
	if (!ret->entry || !says_the_same(n, ret->entry))
		return err_set(e, ERR_SIGNATURE,
		               "log entry %" PRIu64 " (%s) says what its proof does not", n->seq,
		               n->type);
	ret->authority = (struct authority){
		.policy = audit_chain_at(&last.origin.proof.chain, seq),
		.registry_id = last.origin.proof.registry_id,
		.now = origin_newest(&last.origin),
	};
	/* what came to that site in a bundle is a line of its log, and proved where it came from */
	return origin_is(ret->entry) ? 0 : origin_judge(&last.origin, ret->entry, &who, e);
}

int
origin_of_line(struct blobs *b, const struct policy *here, const struct entry *n,
               const struct origin **ret, char ret_site[SIGNER_SIZE], struct err *e)
{
	const struct policy_site *site;
	int rc = resolve_site(b, here, n, COUNTS_VERSIONS, &site, e);

	if (rc < 0)
		return rc;
	(void)str_copy(ret_site, SIGNER_SIZE, site->name);
	*ret = &last.origin;
	return 0;
}

int
origin_envelope(struct blobs *b, const struct entry *n, struct buf *ret, struct err *e)
{
	const json_t *const o = json_object_get(n->body, "origin");
	const struct entry *inner;
	struct digest proof;
	uint64_t seq;
	int rc = json_get_u64(o, "seq", n->type, &seq, e);

	if (rc == 0)
		rc = json_get_digest(n->root, "statement", n->type, &proof, e);
	if (rc == 0)
		rc = load(b, &proof, e);
	if (rc < 0)
		return rc;
	inner = origin_entry(&last.origin, seq);
	if (!inner)
		return err_set(e, ERR_SIGNATURE, "log entry %" PRIu64 " is not in its proof",
		               n->seq);
	return authority_envelope(inner, ret, e);
}

int
origin_version(struct blobs *b, const struct policy *here, const struct entry *n,
               struct version_row *ret, struct err *e)
{
	struct origin_found f;
	char there[SIGNER_SIZE];
	int rc = origin_resolve(b, here, n, COUNTS_VERSIONS, &f, e);

	if (rc == 0 && last.origin.proof.kind != PROOF_BUNDLE)
		rc = err_set(e, ERR_SIGNATURE,
		             "log entry %" PRIu64 " (%s): its proof is no bundle's", n->seq,
		             n->type);
	if (rc == 0)
		rc = authority_version(&f.authority, f.entry, ret, e);
	if (rc < 0)
		return rc;
	ret->seq = n->seq;
	ret->time_s = n->time_s;
	(void)str_copy(there, sizeof there, ret->signer);
	origin_person(f.site->name, there, ret->signer);
	return 0;
}
