/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 6962 trees. Appending works as binary addition does: a new leaf is a carry that joins each
 * full subtree of its own size, from the right. Verifying walks the two paths (index and last leaf)
 * up at once and fails when the proof is longer or shorter than they are. A proof is made of roots
 * of parts of the tree that do not overlap, so one edge at a time makes it. Knows no log, no file.
 */
#include "crypto/merkle.h"

#include <string.h>

#include <sodium.h>

static void
node_hash(const struct digest *left, const struct digest *right, struct digest *ret)
{
	uint8_t b[1 + 2 * DIGEST_SIZE];

	b[0] = 1;
	memcpy(b + 1, left->b, DIGEST_SIZE);
	memcpy(b + 1 + DIGEST_SIZE, right->b, DIGEST_SIZE);
	crypto_hash_sha256(ret->b, b, sizeof b);
}

void
merkle_leaf(const void *p, size_t n, struct digest *ret)
{
	static const uint8_t prefix = 0;
	crypto_hash_sha256_state st;

	crypto_hash_sha256_init(&st);
	crypto_hash_sha256_update(&st, &prefix, 1);
	if (n > 0)
		crypto_hash_sha256_update(&st, p, n);
	crypto_hash_sha256_final(&st, ret->b);
}

unsigned
merkle_edge_count(const struct merkle_edge *m)
{
	return (unsigned)__builtin_popcountll(m->size);
}

void
merkle_append(struct merkle_edge *m, const struct digest *leaf)
{
	unsigned count = merkle_edge_count(m);
	struct digest carry = *leaf;

	for (uint64_t s = m->size; s & 1; s >>= 1) {
		count--;
		node_hash(&m->node[count], &carry, &carry);
	}
	m->node[count] = carry;
	m->size++;
}

void
merkle_root(const struct merkle_edge *m, struct digest *ret)
{
	unsigned i = merkle_edge_count(m);

	if (i == 0) {
		digest_small("", 0, ret);
		return;
	}
	i--;
	*ret = m->node[i];
	while (i > 0) {
		i--;
		node_hash(&m->node[i], ret, ret);
	}
}

/* One step up both paths after a sibling on the left: past the levels where the subtree is the last
 * one and has no sibling. */
static void
climb(uint64_t *fn, uint64_t *sn)
{
	while ((*fn & 1) == 0 && *fn != 0) {
		*fn >>= 1;
		*sn >>= 1;
	}
	*fn >>= 1;
	*sn >>= 1;
}

int
merkle_verify_inclusion(const struct digest *leaf, uint64_t index, uint64_t size,
                        const struct digest *proof, size_t proof_n, const struct digest *root)
{
	struct digest r = *leaf;
	uint64_t fn, sn;

	if (index >= size)
		return -1;
	fn = index;
	sn = size - 1;
	for (size_t i = 0; i < proof_n; i++) {
		if (sn == 0)
			return -1;
		if ((fn & 1) == 1 || fn == sn) {
			node_hash(&proof[i], &r, &r);
			climb(&fn, &sn);
		} else {
			node_hash(&r, &proof[i], &r);
			fn >>= 1;
			sn >>= 1;
		}
	}
	if (sn != 0 || !digest_eq(&r, root))
		return -1;

	return 0;
}

/* 0 < old < new. The proof begins with the largest subtree that both trees share; when that is the
 * whole old tree it is left out, because the verifier has it. */
static int
verify_growth(uint64_t old_size, const struct digest *old_root, uint64_t new_size,
              const struct digest *new_root, const struct digest *proof, size_t proof_n)
{
	uint64_t fn = old_size - 1, sn = new_size - 1;
	struct digest fr, sr;
	size_t i = 0;

	if (proof_n == 0)
		return -1;
	if ((old_size & (old_size - 1)) == 0)
		fr = *old_root;
	else
		fr = proof[i++];
	sr = fr;
	while (fn & 1) {
		fn >>= 1;
		sn >>= 1;
	}
	for (; i < proof_n; i++) {
		if (sn == 0)
			return -1;
		if ((fn & 1) == 1 || fn == sn) {
			node_hash(&proof[i], &fr, &fr);
			node_hash(&proof[i], &sr, &sr);
			climb(&fn, &sn);
		} else {
			node_hash(&sr, &proof[i], &sr);
			fn >>= 1;
			sn >>= 1;
		}
	}
	if (sn != 0 || !digest_eq(&fr, old_root) || !digest_eq(&sr, new_root))
		return -1;

	return 0;
}

int
merkle_verify_consistency(uint64_t old_size, const struct digest *old_root, uint64_t new_size,
                          const struct digest *new_root, const struct digest *proof, size_t proof_n)
{
	struct digest empty;

	if (old_size > new_size)
		return -1;
	if (old_size > 0 && old_size < new_size)
		return verify_growth(old_size, old_root, new_size, new_root, proof, proof_n);
	if (proof_n > 0)
		return -1;
	if (old_size == 0) {
		/* every tree grows out of the empty one, as a C2SP witness has it, and the empty
		 * one has one root */
		digest_small("", 0, &empty);
		if (!digest_eq(old_root, &empty))
			return -1;
	}

	return old_size < new_size || digest_eq(old_root, new_root) ? 0 : -1;
}

/* Where a tree of n leaves, at least two, is split: the largest power of two below n. */
static uint64_t
split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

static void
push_part(struct merkle_prover *p, uint64_t from, uint64_t to)
{
	p->part[p->n].from = from;
	p->part[p->n].to = to;
	p->n++;
}

/* The parts were found from the root down, and a proof has them from below; they are wanted in the
 * order of their leaves. */
static void
order_parts(struct merkle_prover *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->part[i].at = p->n - 1 - i;
	for (size_t i = 1; i < p->n; i++) {
		for (size_t k = i; k > 0 && p->part[k - 1].from > p->part[k].from; k--) {
			const __typeof__(p->part[0]) swap = p->part[k];

			p->part[k] = p->part[k - 1];
			p->part[k - 1] = swap;
		}
	}
}

int
merkle_prove_inclusion(struct merkle_prover *p, uint64_t index, uint64_t size)
{
	uint64_t from = 0, to = size;

	if (index >= size)
		return -1;
	*p = (struct merkle_prover){ .size = size };
	while (to - from > 1) {
		const uint64_t middle = from + split(to - from);

		if (index < middle) {
			push_part(p, middle, to);
			to = middle;
		} else {
			push_part(p, from, middle);
			from = middle;
		}
	}
	order_parts(p);

	return 0;
}

int
merkle_prove_consistency(struct merkle_prover *p, uint64_t old_size, uint64_t new_size)
{
	uint64_t from = 0, to = new_size;

	if (old_size > new_size)
		return -1;
	*p = (struct merkle_prover){ .size = new_size };
	if (old_size == 0)
		return 0; /* there is nothing to be consistent with */
	while (to != old_size) {
		const uint64_t middle = from + split(to - from);

		if (old_size <= middle) {
			push_part(p, middle, to);
			to = middle;
		} else {
			push_part(p, from, middle);
			from = middle;
		}
	}
	if (from > 0) /* else it is the whole old tree, which the verifier has */
		push_part(p, from, to);
	order_parts(p);

	return 0;
}

void
merkle_prover_add(struct merkle_prover *p, const struct digest *leaf)
{
	const uint64_t at = p->added++;

	if (p->done == p->n || at < p->part[p->done].from)
		return;
	merkle_append(&p->edge, leaf);
	if (p->added == p->part[p->done].to) {
		merkle_root(&p->edge, &p->proof[p->part[p->done].at]);
		p->edge.size = 0;
		p->done++;
	}
}

int
merkle_prover_proof(const struct merkle_prover *p, const struct digest **ret, size_t *ret_n)
{
	if (p->added < p->size)
		return -1;
	*ret = p->proof;
	*ret_n = p->n;

	return 0;
}
