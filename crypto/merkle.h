/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's Merkle tree (RFC 6962 section 2.1): leaf = SHA-256(00 | entry),
 * node = SHA-256(01 | left | right), split at the largest power of two below n. An edge is the
 * right edge of the tree: the roots of its full subtrees from the largest to the smallest, one for
 * each bit set in size. It is all that appending and the root need.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"

#define MERKLE_EDGE_MAX 64

struct merkle_edge {
	uint64_t size; /* leaves */
	struct digest node[MERKLE_EDGE_MAX]; /* popcount(size) of them are set */
};

void merkle_leaf(const void *p, size_t n, struct digest *ret);
unsigned merkle_edge_count(const struct merkle_edge *m);
void merkle_append(struct merkle_edge *m, const struct digest *leaf);
void merkle_root(const struct merkle_edge *m, struct digest *ret); /* size 0: SHA-256 of nothing */

/* 0 only when the proof holds (RFC 6962 2.1.1, 2.1.2 as the C2SP checkpoint documents state it).
 * Old size 0 wants the root of the empty tree and an empty proof. */
int merkle_verify_inclusion(const struct digest *leaf, uint64_t index, uint64_t size,
                            const struct digest *proof, size_t proof_n, const struct digest *root);
int merkle_verify_consistency(uint64_t old_size, const struct digest *old_root, uint64_t new_size,
                              const struct digest *new_root, const struct digest *proof,
                              size_t proof_n);

/*
 * Makes a proof from every leaf in its order, once, in memory that does not grow: begin it with one
 * of the first two, add the leaves, take the proof. Leaves behind the tree of the proof may be
 * added as well and count for nothing.
 */
#define MERKLE_PROOF_MAX 65

struct merkle_prover {
	uint64_t size, added; /* leaves: of the tree, so far */
	size_t n, done;       /* hashes: of the proof, so far in the order of leaves */
	struct {
		uint64_t from, to; /* the leaves below this hash, to not included */
		size_t at;         /* its place in the proof */
	} part[MERKLE_PROOF_MAX];
	struct digest proof[MERKLE_PROOF_MAX];
	struct merkle_edge edge; /* of the part that leaves are being added to */
};

/* -1: index is not below size; old_size is above new_size. */
int merkle_prove_inclusion(struct merkle_prover *p, uint64_t index, uint64_t size);
int merkle_prove_consistency(struct merkle_prover *p, uint64_t old_size, uint64_t new_size);
void merkle_prover_add(struct merkle_prover *p, const struct digest *leaf);
/* The proof, in p. -1: leaves of the tree are missing. */
int merkle_prover_proof(const struct merkle_prover *p, const struct digest **ret, size_t *ret_n);
