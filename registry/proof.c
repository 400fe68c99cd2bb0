/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a proof file. Its form is the one that would be written, byte for byte, so that nothing
 * in it can be changed without changing what it says; then everything hangs on the fingerprint of
 * the first policy: the chain of policies, the log key of the newest one, its checkpoint, and each
 * entry's place in that tree. No file, no clock, no registry.
 */
#include "registry/proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/merkle.h"
#include "registry/proof_private.h"

#define WHAT         "proof"
#define MEMBERS_BOTH "apiVersion", "checkpoint", "entries", "kind", "registry"

static int
malformed(struct err *e, const char *why)
{
	return err_set(e, ERR_MALFORMED, WHAT ": %s", why);
}

/* --- the form --- */

static int
exact_members(const json_t *o, const char *const *names, size_t n, struct err *e)
{
	if (!json_is_object(o) || json_object_size(o) != n)
		return malformed(e, "members missing or too many");
	for (size_t i = 0; i < n; i++)
		if (!json_object_get(o, names[i]))
			return err_set(e, ERR_MALFORMED, WHAT ": \"%s\" is missing", names[i]);
	return 0;
}

int
proof_hashes(const json_t *array, struct digest *ret, size_t *ret_n, struct err *e)
{
	const size_t n = json_array_size(array);

	if (!json_is_array(array) || n > *ret_n)
		return malformed(e, "no list of hashes, or too many");
	for (size_t i = 0; i < n; i++) {
		const json_t *const hex = json_array_get(array, i);

		if (!json_is_string(hex) ||
		    digest_parse(&ret[i], json_string_value(hex), json_string_length(hex)) < 0)
			return malformed(e, "a hash that is not 64 hex digits");
	}
	*ret_n = n;
	return 0;
}

static int
count_values(struct proof *p, struct str text, struct err *e)
{
	p->values += json_count(text);
	if (p->values <= PROOF_VALUES_MAX)
		return 0;
	return err_set(e, ERR_TOO_BIG, WHAT ": more than %u values", PROOF_VALUES_MAX);
}

static int
parse_entry(const json_t *o, struct proof *p, struct err *e)
{
	static const char *const names[] = { "inclusion", "json", "seq" };
	struct proof_entry x = { 0 };
	uint64_t seq;
	int rc = exact_members(o, names, COUNT(names), e);

	if (rc == 0)
		rc = json_get_u64(o, "seq", WHAT, &seq, e);
	if (rc < 0)
		return rc;
	if (p->entries.n > 0 && p->entries.v[p->entries.n - 1].n.seq >= seq)
		return malformed(e, "entries out of order");
	const json_t *const json = json_object_get(o, "json");
	if (!json_is_string(json) || json_string_length(json) > LOG_JSON_MAX)
		return malformed(e, "an entry that is no line of a log");
	x.json = (struct str){ json_string_value(json), json_string_length(json) };
	rc = count_values(p, x.json, e);
	if (rc < 0)
		return rc;
	x.inclusion = json_object_get(o, "inclusion");
	merkle_leaf(x.json.p, x.json.n, &x.leaf);
	rc = entry_parse(x.json, seq, &x.leaf, &x.n, e);
	if (rc < 0)
		return rc;
	vec_push(&p->entries, x);
	return 0;
}

static int
parse_entries(struct proof *p, struct err *e)
{
	json_t *entries;
	int rc = json_get_array(p->root, "entries", WHAT, &entries, e);

	if (rc == 0 && json_array_size(entries) > PROOF_ENTRIES_MAX)
		rc = err_set(e, ERR_TOO_BIG, WHAT ": more than %d entries", PROOF_ENTRIES_MAX);
	for (size_t i = 0; rc == 0 && i < json_array_size(entries); i++)
		rc = parse_entry(json_array_get(entries, i), p, e);
	return rc;
}

static int
get_note(const json_t *o, const char *key, struct str *ret, struct err *e)
{
	const json_t *const s = json_object_get(o, key);

	if (!json_is_string(s))
		return malformed(e, "a checkpoint that is no text");
	*ret = (struct str){ json_string_value(s), json_string_length(s) };
	return 0;
}

static int
parse_promotion(struct proof *p, struct err *e)
{
	static const char *const names[] = { MEMBERS_BOTH, "model", "number", "stage", "version" };
	int rc = exact_members(p->root, names, COUNT(names), e);

	if (rc == 0)
		rc = json_get_string(p->root, "model", WHAT, &p->model, e);
	if (rc == 0)
		rc = json_get_u64(p->root, "number", WHAT, &p->number, e);
	if (rc == 0)
		rc = json_get_string(p->root, "stage", WHAT, &p->stage, e);
	if (rc == 0)
		rc = json_get_digest(p->root, "version", WHAT, &p->version, e);
	return rc;
}

static int
parse_consistency(struct proof *p, struct err *e)
{
	static const char *const names[] = { MEMBERS_BOTH, "consistency", "oldCheckpoint" };
	int rc = exact_members(p->root, names, COUNT(names), e);

	if (rc == 0)
		rc = get_note(p->root, "oldCheckpoint", &p->old_checkpoint, e);
	p->consistency = json_object_get(p->root, "consistency");
	return rc;
}

static int
parse_export(struct proof *p, struct err *e)
{
	static const char *const names[] = { MEMBERS_BOTH, "edge", "since" };
	int rc = exact_members(p->root, names, COUNT(names), e);

	if (rc == 0)
		rc = json_get_u64(p->root, "since", WHAT, &p->since, e);
	p->edge = json_object_get(p->root, "edge");
	return rc;
}

static int
parse_bundle(struct proof *p, struct err *e)
{
	static const char *const names[] = { MEMBERS_BOTH, "growth" };
	int rc = exact_members(p->root, names, COUNT(names), e);

	p->growth = json_object_get(p->root, "growth");
	return rc == 0 && !json_is_array(p->growth) ? malformed(e, "no list of trees") : rc;
}

static int
parse_receipt(struct proof *p, struct err *e)
{
	static const char *const names[] = { MEMBERS_BOTH, "site" };
	int rc = exact_members(p->root, names, COUNT(names), e);

	return rc < 0 ? rc : json_get_string(p->root, "site", WHAT, &p->site, e);
}

static const struct {
	const char *name;
	enum proof_kind kind;
	int (*parse)(struct proof *p, struct err *e);
} kinds[] = {
	{ PROOF_KIND_PROMOTION, PROOF_PROMOTION, parse_promotion },
	{ PROOF_KIND_CONSISTENCY, PROOF_CONSISTENCY, parse_consistency },
	{ PROOF_KIND_EXPORT, PROOF_EXPORT, parse_export },
	{ PROOF_KIND_BUNDLE, PROOF_BUNDLE, parse_bundle },
	{ PROOF_KIND_RECEIPT, PROOF_RECEIPT, parse_receipt },
};

static int
parse_members(struct proof *p, struct err *e)
{
	const char *api, *kind;
	size_t at = 0;
	int rc = json_get_string(p->root, "apiVersion", WHAT, &api, e);

	if (rc == 0)
		rc = json_get_string(p->root, "kind", WHAT, &kind, e);
	if (rc < 0)
		return rc;
	while (at < COUNT(kinds) && !streq(kind, kinds[at].name))
		at++;
	if (!streq(api, PROOF_API) || at == COUNT(kinds))
		return err_set(e, ERR_MALFORMED, WHAT ": \"%.80s\" of \"%.80s\" is none", kind,
		               api);
	p->kind = kinds[at].kind;
	rc = kinds[at].parse(p, e);
	if (rc == 0)
		rc = json_get_string(p->root, "registry", WHAT, &p->registry_id, e);
	if (rc == 0)
		rc = get_note(p->root, "checkpoint", &p->checkpoint, e);
	return rc < 0 ? rc : parse_entries(p, e);
}

/* The bytes that we would write are the bytes that are there. */
static int
is_canonical(struct str text, const json_t *root, struct err *e)
{
	cleanup_buf struct buf again = { 0 };

	json_canonical(root, &again);
	buf_addc(&again, '\n');
	return str_eq(text, buf_str(&again)) ? 0 : malformed(e, "not written as a proof is");
}

int
proof_file_parse(struct str text, struct proof *ret, struct err *e)
{
	int rc;

	*ret = (struct proof){ 0 };
	if (text.n > PROOF_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": larger than %u bytes", PROOF_MAX);
	rc = count_values(ret, text, e);
	if (rc == 0)
		rc = json_parse(text, WHAT, &ret->root, e);
	if (rc == 0)
		rc = is_canonical(text, ret->root, e);
	if (rc == 0)
		rc = parse_members(ret, e);
	if (rc < 0)
		proof_fini(ret);
	return rc;
}

void
proof_fini(struct proof *p)
{
	vec_foreach(x, &p->entries)
		entry_fini(&x->n);
	vec_fini(&p->entries);
	audit_chain_fini(&p->chain);
	json_decref(p->root);
	p->root = NULL;
}

/* --- what it hangs on --- */

/* From the first policy, which the caller knows, to the newest one. */
static int
accept_policies(struct proof *p, const struct digest *root, struct err *e)
{
	int rc = 0;

	vec_foreach(x, &p->entries) {
		if (!streq(x->n.type, "policy"))
			continue;
		rc = audit_chain_add(&p->chain, p->registry_id, &x->n, e);
		if (rc < 0)
			return rc;
		if (p->chain.policies.n == 1 && !digest_eq(&p->chain.policies.v[0].digest, root))
			return err_set(e, ERR_UNTRUSTED,
			               WHAT ": its first policy has another fingerprint");
	}
	return p->chain.policies.n > 0 ? 0 : malformed(e, "no policy is in it");
}

static const struct policy *
newest(const struct proof *p)
{
	return &p->chain.policies.v[p->chain.policies.n - 1];
}

static int
check_inclusion(const struct proof_entry *x, const struct tree_head *h, struct err *e)
{
	struct digest path[MERKLE_EDGE_MAX];
	size_t n = COUNT(path);
	int rc = proof_hashes(x->inclusion, path, &n, e);

	if (rc < 0)
		return rc;
	if (merkle_verify_inclusion(&x->leaf, x->n.seq, h->size, path, n, &h->root) < 0)
		return err_set(e, ERR_DIGEST,
		               WHAT ": entry %" PRIu64 " is not in the tree of the checkpoint",
		               x->n.seq);
	return 0;
}

static int
check_consistency(const struct proof *p, struct proof_result *ret, struct err *e)
{
	struct digest path[MERKLE_PROOF_MAX];
	size_t n = COUNT(path);
	struct tree_head claim;
	const struct policy *then;
	int rc = tree_head_peek(p->old_checkpoint, p->registry_id, &claim, e);

	if (rc < 0)
		return rc;
	/* the older one stands under the policy of its time */
	then = audit_chain_at(&p->chain, claim.policy_seq < UINT64_MAX ? claim.policy_seq + 1 : 0);
	if (!then)
		return malformed(e, "the policy of the old checkpoint is not in it");
	rc = tree_head_verify(p->old_checkpoint, then, p->registry_id, &ret->old, e);
	if (rc == 0)
		rc = proof_hashes(p->consistency, path, &n, e);
	if (rc < 0)
		return rc;
	if (merkle_verify_consistency(ret->old.size, &ret->old.root, ret->head.size,
	                              &ret->head.root, path, n) < 0)
		return err_set(e, ERR_DIGEST,
		               WHAT ": the log at %" PRIu64
		                    " entries is not the beginning of that at %" PRIu64,
		               ret->old.size, ret->head.size);
	for (size_t i = 0; i < p->entries.n; i++)
		if (!streq(p->entries.v[i].n.type, "policy"))
			return malformed(e, "an entry that it does not need");
	return 0;
}

int
proof_trust(struct proof *p, const struct digest *root, struct proof_result *ret, struct err *e)
{
	int rc = accept_policies(p, root, e);

	if (rc < 0)
		return rc;
	ret->kind = p->kind;
	(void)str_copy(ret->registry_id, sizeof ret->registry_id, p->registry_id);
	ret->policy_version = newest(p)->version;
	ret->policy_digest = newest(p)->digest;
	rc = tree_head_verify(p->checkpoint, newest(p), p->registry_id, &ret->head, e);
	vec_foreach(x, &p->entries)
		if (rc == 0)
			rc = check_inclusion(x, &ret->head, e);
	return rc;
}

static int
check(struct proof *p, const struct digest *root, struct proof_result *ret, struct err *e)
{
	int rc = proof_trust(p, root, ret, e);

	if (rc < 0)
		return rc;
	switch (p->kind) {
	case PROOF_PROMOTION:
		return proof_story(p, ret, e);
	case PROOF_CONSISTENCY:
		return check_consistency(p, ret, e);
	case PROOF_EXPORT:
		return malformed(e, "it belongs to a folder of lines and proves nothing alone");
	case PROOF_BUNDLE:
		return malformed(e, "it belongs to a bundle and proves nothing alone");
	case PROOF_RECEIPT:
		break;
	}
	return malformed(e, "it is a receipt: `slipway bundle import` takes it");
}

int
proof_check(struct str text, const struct digest *root, struct proof_result *ret, struct err *e)
{
	struct proof_result found = { 0 };
	struct proof p;
	int rc = proof_file_parse(text, &p, e);

	if (rc < 0)
		return rc;
	rc = check(&p, root, &found, e);
	proof_fini(&p);
	if (rc < 0)
		proof_result_fini(&found);
	else
		*ret = found;
	return rc;
}

void
proof_result_fini(struct proof_result *p)
{
	free(p->approvers);
	p->approvers = NULL;
	p->approvers_n = 0;
}
