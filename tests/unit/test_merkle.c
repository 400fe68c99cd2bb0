/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree against its recursive definition (RFC 6962 2.1), written out here a second time, and
 * against other projects' proofs, most of them good ones that were broken in one place.
 */
#include "crypto/merkle.h"

#include <ftw.h>

#include "tests/unit/crypto_vectors.h"

#define LEAVES    70
#define PROOF_MAX 64

static struct digest leaves[LEAVES];

static void
make_leaves(void)
{
	for (uint8_t i = 0; i < LEAVES; i++)
		merkle_leaf(&i, i % 3 ? 1 : 0, &leaves[i]); /* some entries are equal, some empty */
}

static uint64_t
split(uint64_t n)
{
	uint64_t k = 1;

	while (2 * k < n)
		k *= 2;

	return k;
}

static void
join(const struct digest *left, const struct digest *right, struct digest *ret)
{
	uint8_t b[1 + 2 * DIGEST_SIZE] = { 1 };

	memcpy(b + 1, left->b, DIGEST_SIZE);
	memcpy(b + 1 + DIGEST_SIZE, right->b, DIGEST_SIZE);
	digest_small(b, sizeof b, ret);
}

/* MTH of the definition */
static void
root_of(const struct digest *d, uint64_t n, struct digest *ret)
{
	struct digest left, right;

	if (n == 0) {
		digest_small("", 0, ret);
		return;
	}
	if (n == 1) {
		*ret = *d;
		return;
	}
	root_of(d, split(n), &left);
	root_of(d + split(n), n - split(n), &right);
	join(&left, &right, ret);
}

/* PATH of the definition; how many hashes */
static size_t
path_of(const struct digest *d, uint64_t m, uint64_t n, struct digest *ret)
{
	uint64_t k;
	size_t c;

	if (n == 1)
		return 0;
	k = split(n);
	if (m < k) {
		c = path_of(d, m, k, ret);
		root_of(d + k, n - k, &ret[c]);
	} else {
		c = path_of(d + k, m - k, n - k, ret);
		root_of(d, k, &ret[c]);
	}

	return c + 1;
}

/* SUBPROOF of the definition */
static size_t
growth_of(const struct digest *d, uint64_t m, uint64_t n, bool is_whole, struct digest *ret)
{
	uint64_t k;
	size_t c;

	if (m == n) {
		if (is_whole)
			return 0;
		root_of(d, n, ret);
		return 1;
	}
	k = split(n);
	if (m <= k) {
		c = growth_of(d, m, k, is_whole, ret);
		root_of(d + k, n - k, &ret[c]);
	} else {
		c = growth_of(d + k, m - k, n - k, false, ret);
		root_of(d, k, &ret[c]);
	}

	return c + 1;
}

Test(merkle, append_and_root)
{
	static const struct {
		const char *entry, *hex;
	} leaf[] = {
		{ "", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d" },
		{ "L123456", "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56" },
	};
	struct merkle_edge m = { 0 };
	struct digest got, want;
	char hex[DIGEST_HEX_SIZE];

	for (size_t i = 0; i < sizeof leaf / sizeof leaf[0]; i++) {
		merkle_leaf(leaf[i].entry, strlen(leaf[i].entry), &got);
		digest_hex(&got, hex);
		cr_expect_str_eq(hex, leaf[i].hex);
	}

	make_leaves();
	for (uint64_t n = 0; n < LEAVES; n++) {
		unsigned bits = 0;

		for (uint64_t s = n; s > 0; s &= s - 1)
			bits++;
		cr_expect_eq(m.size, n);
		cr_expect_eq(merkle_edge_count(&m), bits);
		merkle_root(&m, &got);
		root_of(leaves, n, &want);
		cr_expect(digest_eq(&got, &want), "size %d", (int)n);
		merkle_append(&m, &leaves[n]);
	}
}

/* Every single change of a good proof is refused. */
static void
expect_no_broken_inclusion(uint64_t i, uint64_t n, struct digest *p, size_t c,
                           const struct digest *root)
{
	struct digest leaf = leaves[i], other = *root;

	for (size_t k = 0; k < c; k++) {
		p[k].b[k % DIGEST_SIZE] ^= 4;
		cr_expect(merkle_verify_inclusion(&leaf, i, n, p, c, root) < 0);
		p[k].b[k % DIGEST_SIZE] ^= 4;
	}
	p[c] = leaves[0];
	cr_expect(merkle_verify_inclusion(&leaf, i, n, p, c + 1, root) < 0, "a hash more");
	join(&p[c], root, &other);
	cr_expect(merkle_verify_inclusion(&leaf, i, n, p, c + 1, &other) < 0, "a taller tree");
	other = *root;
	if (c > 0) {
		cr_expect(merkle_verify_inclusion(&leaf, i, n, p, c - 1, root) < 0, "a hash less");
		cr_expect(merkle_verify_inclusion(&leaf, i, n, p + 1, c - 1, root) < 0);
		cr_expect(merkle_verify_inclusion(&leaf, i ^ 1, n, p, c, root) < 0, "its sibling");
	}
	cr_expect(merkle_verify_inclusion(&leaf, n, n, p, c, root) < 0, "index = size");
	cr_expect(merkle_verify_inclusion(&leaf, i, 0, p, c, root) < 0, "size 0");
	other.b[31] ^= 1;
	cr_expect(merkle_verify_inclusion(&leaf, i, n, p, c, &other) < 0, "another root");
	leaf.b[0] ^= 1;
	cr_expect(merkle_verify_inclusion(&leaf, i, n, p, c, root) < 0, "another leaf");
}

Test(merkle, inclusion)
{
	struct digest p[PROOF_MAX + 1], root;

	make_leaves();
	for (uint64_t n = 1; n <= LEAVES; n++) {
		root_of(leaves, n, &root);
		for (uint64_t i = 0; i < n; i++) {
			size_t c = path_of(leaves, i, n, p);

			cr_expect_eq(merkle_verify_inclusion(&leaves[i], i, n, p, c, &root), 0,
			             "%d of %d", (int)i, (int)n);
			expect_no_broken_inclusion(i, n, p, c, &root);
		}
	}
	/* the largest numbers end the walk as the small ones do */
	memset(p, 0, sizeof p);
	cr_expect(merkle_verify_inclusion(&leaves[0], UINT64_MAX - 1, UINT64_MAX, p, PROOF_MAX,
	                                  &root) < 0);
	cr_expect(merkle_verify_inclusion(&leaves[0], UINT64_MAX, UINT64_MAX, p, PROOF_MAX, &root) <
	          0);
}

static void
expect_no_broken_growth(uint64_t m, uint64_t n, struct digest *p, size_t c, const struct digest *a,
                        const struct digest *b)
{
	struct digest other, taller;

	for (size_t k = 0; k < c; k++) {
		p[k].b[k % DIGEST_SIZE] ^= 4;
		cr_expect(merkle_verify_consistency(m, a, n, b, p, c) < 0);
		p[k].b[k % DIGEST_SIZE] ^= 4;
	}
	p[c] = *a;
	cr_expect(merkle_verify_consistency(m, a, n, b, p, c + 1) < 0, "a hash more");
	join(&p[c], a, &other);
	join(&p[c], b, &taller);
	cr_expect(merkle_verify_consistency(m, &other, n, &taller, p, c + 1) < 0, "taller trees");
	if (c > 0) {
		cr_expect(merkle_verify_consistency(m, a, n, b, p, c - 1) < 0, "a hash less");
		cr_expect(merkle_verify_consistency(m, a, n, b, p, 0) < 0, "no proof");
		cr_expect(merkle_verify_consistency(n, b, m, a, p, c) < 0, "backwards");
	}
	other = *a;
	other.b[7] ^= 1;
	cr_expect(merkle_verify_consistency(m, &other, n, b, p, c) < 0, "another old root");
	other = *b;
	other.b[7] ^= 1;
	/* out of nothing anything grows: the one case in which the new root is not looked at */
	cr_expect_eq(merkle_verify_consistency(m, a, n, &other, p, c) == 0, m == 0 && n > 0);
}

Test(merkle, consistency)
{
	struct digest p[PROOF_MAX + 1], a, b;

	make_leaves();
	for (uint64_t n = 0; n <= LEAVES; n++) {
		root_of(leaves, n, &b);
		for (uint64_t m = 0; m <= n; m++) {
			size_t c = m > 0 ? growth_of(leaves, m, n, true, p) : 0;

			root_of(leaves, m, &a);
			cr_expect_eq(merkle_verify_consistency(m, &a, n, &b, p, c), 0, "%d to %d",
			             (int)m, (int)n);
			expect_no_broken_growth(m, n, p, c, &a, &b);
		}
	}
	cr_expect(merkle_verify_consistency(LEAVES, &b, LEAVES - 1, &b, p, 0) < 0, "it shrank");
	memset(p, 0, sizeof p);
	cr_expect(merkle_verify_consistency(UINT64_MAX - 1, &a, UINT64_MAX, &b, p, PROOF_MAX) < 0);
}

/* The proof of a vector; -1 when one of its hashes is none. */
static int
read_proof(const json_t *t, struct digest *ret, size_t *ret_n)
{
	const json_t *proof = json_object_get(t, "proof"), *h;
	size_t i;

	*ret_n = json_array_size(proof); /* null is an empty one */
	cr_assert(*ret_n <= PROOF_MAX);
	for (i = 0; i < *ret_n; i++) {
		h = json_array_get(proof, i);
		if (unbase64_digest(json_string_value(h), &ret[i]) < 0)
			return -1;
	}

	return 0;
}

static int
check_vector(const json_t *t)
{
	struct digest p[PROOF_MAX], a, b;
	size_t n;

	if (read_proof(t, p, &n) < 0)
		return -1;
	if (json_object_get(t, "leafIdx")) {
		if (unbase64_digest(vector_text(t, "leafHash"), &a) < 0 ||
		    unbase64_digest(vector_text(t, "root"), &b) < 0)
			return -1;
		return merkle_verify_inclusion(&a, vector_number(t, "leafIdx"),
		                               vector_number(t, "treeSize"), p, n, &b);
	}
	if (unbase64_digest(vector_text(t, "root1"), &a) < 0 ||
	    unbase64_digest(vector_text(t, "root2"), &b) < 0)
		return -1;

	return merkle_verify_consistency(vector_number(t, "size1"), &a, vector_number(t, "size2"),
	                                 &b, p, n);
}

/* They call growth out of the empty tree an error; a witness starts with it, and so do we. */
static const char differs[] = "size1 is zero and size2 is not zero";

static size_t good, bad;

static int
visit(const char *path, const struct stat *st, int type, struct FTW *at)
{
	size_t n = strlen(path);
	bool is_wrong;
	json_t *t;

	if (type != FTW_F || n < 5 || strcmp(path + n - 5, ".json") != 0)
		return 0;
	t = vector_file(path);
	is_wrong = json_is_true(json_object_get(t, "wantErr"));
	if (strcmp(vector_text(t, "desc"), differs) == 0)
		is_wrong = false;
	cr_expect_eq(check_vector(t) < 0, is_wrong, "%s", path);
	*(is_wrong ? &bad : &good) += 1;
	json_decref(t);

	return 0;
}

Test(merkle, vectors_of_transparency_dev)
{
	char root[PATH_MAX];

	vector_path(root, "merkle");
	cr_assert_eq(nftw(root, visit, 8, FTW_PHYS), 0);
	cr_expect_eq(good + bad, 110);
	vector_count("transparency.dev Merkle proofs", good + bad);
	cr_expect(good >= 8, "%zu good", good);
}

Test(merkle, vectors_of_a_log_of_300)
{
	json_t *j = vector_json("generated/tlog/proofs.json"), *t;
	const json_t *roots = json_object_get(j, "roots");
	struct digest p[PROOF_MAX], a, b;
	char key[32];
	size_t i, n;

	json_array_foreach (json_object_get(j, "inclusion"), i, t) {
		uint64_t size = vector_number(t, "size");

		snprintf(key, sizeof key, "%d", (int)size);
		cr_assert_eq(unbase64_digest(vector_text(roots, key), &b), 0);
		cr_assert_eq(unbase64_digest(vector_text(t, "leaf"), &a), 0);
		cr_assert_eq(read_proof(t, p, &n), 0);
		cr_expect_eq(merkle_verify_inclusion(&a, vector_number(t, "index"), size, p, n, &b),
		             0, "inclusion %zu", i);
	}
	cr_expect_eq(i, 30);
	vector_count("tlog inclusion proofs", i);
	json_array_foreach (json_object_get(j, "consistency"), i, t) {
		uint64_t old_size = vector_number(t, "old"), new_size = vector_number(t, "new");

		snprintf(key, sizeof key, "%d", (int)old_size);
		cr_assert_eq(unbase64_digest(vector_text(roots, key), &a), 0);
		snprintf(key, sizeof key, "%d", (int)new_size);
		cr_assert_eq(unbase64_digest(vector_text(roots, key), &b), 0);
		cr_assert_eq(read_proof(t, p, &n), 0);
		cr_expect_eq(merkle_verify_consistency(old_size, &a, new_size, &b, p, n), 0,
		             "consistency %zu", i);
	}
	cr_expect_eq(i, 45);
	vector_count("tlog consistency proofs", i);
	json_decref(j);
}

/* The entries of a small log, replayed; a checkpoint's third line is the root at that size. */
static void
replay(const uint8_t *entries, size_t n, const char *dir)
{
	struct merkle_edge m = { 0 };
	size_t at = 0;

	while (at + 2 <= n) {
		size_t len = (size_t)entries[at] << 8 | entries[at + 1];
		char path[PATH_MAX + 32], line[256] = "";
		struct digest leaf, got, want;
		FILE *f;

		cr_assert(at + 2 + len <= n);
		merkle_leaf(entries + at + 2, len, &leaf);
		merkle_append(&m, &leaf);
		at += 2 + len;

		snprintf(path, sizeof path, "%s/checkpoint.%d", dir, (int)m.size);
		f = fopen(path, "re");
		cr_assert(f != NULL, "%s", path);
		for (int i = 0; i < 3; i++)
			cr_assert(fgets(line, sizeof line, f) != NULL);
		fclose(f);
		line[strcspn(line, "\n")] = '\0';
		cr_assert_eq(unbase64_digest(line, &want), 0);
		merkle_root(&m, &got);
		cr_expect(digest_eq(&got, &want), "%s", path);
	}
	cr_expect_eq(at, n);
	cr_expect_eq(m.size, 8);
}

Test(merkle, replay_of_a_tessera_log)
{
	char dir[PATH_MAX], path[PATH_MAX + 32];
	uint8_t entries[4096];
	size_t n;
	FILE *f;

	vector_path(dir, "tessera-log");
	snprintf(path, sizeof path, "%s/tile/entries/000.p/8", dir);
	f = fopen(path, "re");
	cr_assert(f != NULL, "%s", path);
	n = fread(entries, 1, sizeof entries, f);
	fclose(f);
	replay(entries, n, dir);
}
