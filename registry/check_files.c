/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blobs that a registry needs: whether each is there, has its size and, unless the check is a
 * quick one, its bytes. Hashing goes on in several threads; what is wrong is said in the order of
 * the digests all the same.
 */
#include <inttypes.h>
#include <stdio.h>

#include "registry/check_private.h"

#define KEPT_MAX 1000 /* problems that wait for their order; more are said as they come */

struct bad_blob {
	const struct check_blob *blob;
	struct err why;
};
struct files {
	struct check *check;
	VEC(struct blob_claim) there; /* what is to be hashed */
	VEC(const struct check_blob *) blobs; /* the same ones */
	VEC(struct bad_blob) bad;
};

static void
say(struct check *c, const struct bad_blob *bad)
{
	char name[DIGEST_HEX_SIZE + 8], hex[DIGEST_HEX_SIZE];

	digest_hex(&bad->blob->digest, hex);
	(void)snprintf(name, sizeof name, "sha256:%s", hex);
	check_problem(c, name, &bad->why);
}

static void
keep(struct files *f, const struct check_blob *b, const struct err *why)
{
	const struct bad_blob bad = { .blob = b, .why = *why };

	if (f->bad.n < KEPT_MAX)
		vec_push(&f->bad, bad);
	else
		say(f->check, &bad);
}

static int
check_blob(struct check *c, const struct check_blob *b, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	uint64_t size;

	digest_hex(&b->digest, hex);
	if (!blob_exists(c->r->blobs, &b->digest, &size)) {
		(void)err_set(e, ERR_NOT_FOUND, "blob sha256:%s is missing", hex);
		return err_hint(e, BLOB_HINT_LOST);
	}
	if (b->has_size && size != b->size) {
		(void)err_set(e, ERR_DIGEST,
		              "blob sha256:%s has %" PRIu64 " bytes instead of %" PRIu64, hex,
		              size, b->size);
		return err_hint(e, BLOB_HINT_LOST);
	}
	c->ret->blobs++;
	c->ret->blob_bytes += size;
	return 0;
}

static int
take_hashed(void *arg, size_t i, const struct err *why)
{
	struct files *const f = arg;

	if (why)
		keep(f, f->blobs.v[i], why);
	return 0;
}

static int
by_place(const void *a, const void *b)
{
	const struct bad_blob *const x = a, *const y = b;

	return x->blob < y->blob ? -1 : x->blob > y->blob;
}

int
check_files(struct check *c, struct err *e)
{
	struct files f = { .check = c };
	int rc = 0;

	vec_foreach(b, &c->blobs) {
		const struct blob_claim claim = {
			.digest = &b->digest,
			.max = b->has_size ? b->size : CHECK_UNSIZED_MAX,
		};
		struct err why = { 0 };
		if (check_blob(c, b, &why) < 0) {
			keep(&f, b, &why);
		} else if (!c->quick) {
			vec_push(&f.there, claim);
			vec_push(&f.blobs, b);
		}
	}
	rc = blob_verify_all(c->r->blobs, f.there.v, f.there.n, c->ret->blob_bytes, c->progress,
	                     take_hashed, &f, e);
	if (f.bad.n > 1)
		qsort(f.bad.v, f.bad.n, sizeof *f.bad.v, by_place);
	vec_foreach(bad, &f.bad)
		say(c, bad);
	vec_fini(&f.there);
	vec_fini(&f.blobs);
	vec_fini(&f.bad);
	return rc;
}
