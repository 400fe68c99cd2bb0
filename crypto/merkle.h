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
