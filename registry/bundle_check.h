/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a bundle what its source signed, for this site, now, and all of it? First what stands in front
 * of it, which needs a fingerprint and no registry; then, while its blobs pass, that they are the
 * files of its versions and nothing else.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/bundle.h"
#include "registry/origin.h"

/* What came from that source before. */
struct bundle_seen {
	uint64_t counter; /* 0: nothing */
	struct digest inventory;
	uint64_t head_size; /* of its log */
	struct digest head_root;
};
struct bundle_expect {
	const struct digest *root; /* of the source's first policy, from somewhere else; NULL: the
	                              caller asks about the origin's */
	const char *self;          /* this registry's id; NULL: for whom it is is not asked */
	int64_t now_s;
	struct bundle_seen seen;
};
struct bundle_judged {
	struct origin origin;
	char signer[SIGNER_SIZE];
	bool is_again; /* just what came before */
};
/* Inventory, signature, chain of policies, checkpoint, each version's entry, expiry, recipients,
 * and that it continues what was seen. The first thing that is wrong: UNTRUSTED, SIGNATURE, DIGEST,
 * MALFORMED, POLICY (expired, for somebody else), CONFLICT (older than what came, or another one
 * with that counter). */
int bundle_judge(const struct bundle *b, const struct bundle_expect *x, struct bundle_judged *ret,
                 struct err *e);
void bundle_judged_fini(struct bundle_judged *j);

/* The files of its versions, as its manifests say. */
struct bundle_contents;
struct bundle_contents *bundle_contents_new(const struct bundle *b, const struct origin *o);
void bundle_contents_free(struct bundle_contents *c); /* NULL is fine */
/* Blob i begins, its bytes pass, it is right. MALFORMED: a manifest that is none. */
void bundle_contents_begin(struct bundle_contents *c, size_t i);
void bundle_contents_take(struct bundle_contents *c, const void *p, size_t n);
int bundle_contents_end(struct bundle_contents *c, size_t i, struct err *e);
/* The manifest of version i, from elsewhere: a difference does not bring those that are there. */
int bundle_contents_manifest(struct bundle_contents *c, size_t i, struct str text, struct err *e);
/* All that a version needs is in the list, or have (NULL: for a difference that is not asked) says
 * that it is there; and nothing is in the list that no version needs. DIGEST, MALFORMED. */
int bundle_contents_finish(struct bundle_contents *c,
                           bool (*have)(void *arg, const struct digest *d, uint64_t size),
                           void *arg, struct err *e);
