/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs that are made here, for every leaf and every growth of trees up to two sizes past a power
 * of two, are good for the verifiers; those of another implementation's log are the same as its.
 */
#include "crypto/merkle.h"

#include "tests/unit/crypto_vectors.h"

#define LEAVES 130
#define BEHIND 3 /* leaves that come after the tree */

static struct digest leaves[LEAVES + BEHIND], roots[LEAVES + 1];

static void
init(void)
{
	struct merkle_edge m = { 0 };

	cr_assert_eq(crypto_init(), 0);
	for (uint8_t i = 0; i < LEAVES + BEHIND; i++)
		merkle_leaf(&i, 1, &leaves[i]);
	for (size_t i = 0; i <= LEAVES; i++) {
		merkle_root(&m, &roots[i]);
		merkle_append(&m, &leaves[i]);
	}
}

TestSuite(merkle_prover, .init = init);

/* Adds that many leaves; until the last of the tree there is no proof. */
static void
feed(struct merkle_prover *p, const struct digest *leaf, uint64_t n)
{
	const struct digest *proof = NULL;
	size_t proof_n;

	for (uint64_t i = 0; i < n; i++) {
		if (i < p->size)
			cr_assert(merkle_prover_proof(p, &proof, &proof_n) < 0);
		merkle_prover_add(p, &leaf[i]);
	}
}

Test(merkle_prover, inclusion)
{
	static struct merkle_prover p;
	const struct digest *proof;
	size_t n, count = 0;

	for (uint64_t size = 1; size <= LEAVES; size++) {
		for (uint64_t i = 0; i < size; i++, count++) {
			cr_assert_eq(merkle_prove_inclusion(&p, i, size), 0);
			feed(&p, leaves, size + i % (BEHIND + 1));
			cr_assert_eq(merkle_prover_proof(&p, &proof, &n), 0);
			cr_assert_eq(merkle_verify_inclusion(&leaves[i], i, size, proof, n,
			                                     &roots[size]),
			             0, "%d of %d", (int)i, (int)size);
		}
		cr_expect(merkle_prove_inclusion(&p, size, size) < 0);
	}
	cr_expect(merkle_prove_inclusion(&p, 0, 0) < 0);
	cr_expect_eq(count, LEAVES * (LEAVES + 1) / 2);
}

Test(merkle_prover, consistency)
{
	static struct merkle_prover p;
	const struct digest *proof;
	size_t n;

	for (uint64_t size = 0; size <= LEAVES; size++) {
		for (uint64_t old = 0; old <= size; old++) {
			cr_assert_eq(merkle_prove_consistency(&p, old, size), 0);
			feed(&p, leaves, size + old % (BEHIND + 1));
			cr_assert_eq(merkle_prover_proof(&p, &proof, &n), 0);
			cr_assert_eq(merkle_verify_consistency(old, &roots[old], size, &roots[size],
			                                       proof, n),
			             0, "%d to %d", (int)old, (int)size);
		}
		cr_expect(merkle_prove_consistency(&p, size + 1, size) < 0);
	}
}

/* The largest trees have room. */
Test(merkle_prover, bounds)
{
	static struct merkle_prover p;
	const struct digest *proof;
	size_t n;

	for (unsigned bits = 1; bits <= 64; bits++) {
		const uint64_t size = UINT64_MAX >> (64 - bits);

		cr_assert_eq(merkle_prove_inclusion(&p, 0, size), 0);
		cr_expect_eq(p.n, size == 1 ? 0 : bits, "%u bits", bits);
		cr_assert_eq(merkle_prove_inclusion(&p, size - 1, size), 0);
		cr_expect_eq(p.n, bits - 1);
		cr_assert_eq(merkle_prove_consistency(&p, 1, size), 0);
		cr_expect_eq(p.n, size == 1 ? 0 : bits);
		/* the third leaf, its sibling and the pair before them, and all the way up */
		cr_assert_eq(merkle_prove_consistency(&p, 3, size), bits == 1 ? -1 : 0);
		if (bits > 2)
			cr_expect_eq(p.n, bits + 1);
		cr_expect(merkle_prover_proof(&p, &proof, &n) < 0);
	}
}

/* --- a log of another implementation: 300 entries, each behind its length --- */

static size_t
read_entries(const char *dir, const char *name, struct digest *ret)
{
	static uint8_t bytes[1u << 20];
	char path[PATH_MAX + 32];
	size_t n, count = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/tile/entries/%s", dir, name);
	f = fopen(path, "re");
	cr_assert(f != NULL, "%s", path);
	n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	for (size_t at = 0; at < n; count++) {
		const size_t len = (size_t)bytes[at] << 8 | bytes[at + 1];

		cr_assert(at + 2 + len <= n);
		merkle_leaf(bytes + at + 2, len, &ret[count]);
		at += 2 + len;
	}

	return count;
}

static void
expect_same(const struct merkle_prover *p, const json_t *t, size_t i)
{
	const json_t *want = json_object_get(t, "proof");
	const struct digest *proof;
	struct digest d;
	size_t n;

	cr_assert_eq(merkle_prover_proof(p, &proof, &n), 0);
	cr_assert_eq(n, json_array_size(want), "proof %zu", i);
	for (size_t k = 0; k < n; k++) {
		cr_assert_eq(unbase64_digest(json_string_value(json_array_get(want, k)), &d), 0);
		cr_expect(digest_eq(&d, &proof[k]), "proof %zu, hash %zu", i, k);
	}
}

Test(merkle_prover, vectors_of_a_log_of_300)
{
	static struct digest entry[512];
	static struct merkle_prover p;
	json_t *j = vector_json("generated/tlog/proofs.json"), *t;
	char dir[PATH_MAX];
	size_t i, n;

	vector_path(dir, "generated/tlog");
	n = read_entries(dir, "000", entry);
	n += read_entries(dir, "001.p/44", entry + n);
	cr_assert_eq(n, 300);
	json_array_foreach(json_object_get(j, "inclusion"), i, t)
	{
		cr_assert_eq(merkle_prove_inclusion(&p, vector_number(t, "index"),
		                                    vector_number(t, "size")),
		             0);
		feed(&p, entry, n);
		expect_same(&p, t, i);
	}
	vector_count("tlog inclusion proofs made", i);
	json_array_foreach(json_object_get(j, "consistency"), i, t)
	{
		cr_assert_eq(merkle_prove_consistency(&p, vector_number(t, "old"),
		                                      vector_number(t, "new")),
		             0);
		feed(&p, entry, n);
		expect_same(&p, t, i);
	}
	vector_count("tlog consistency proofs made", i);
	json_decref(j);
}
