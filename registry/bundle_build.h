/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle from this registry: which entries and which blobs belong in it, its proof, its
 * documents. What is built stays: the documents are blobs that the entry names, and the same
 * request gives the same bundle again, byte for byte, until it expires.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/bundle.h"
#include "registry/bundle_entry.h"
#include "registry/ledger.h"
#include "registry/registry.h"
#include "registry/tree_head.h"

struct bundle_request {
	const struct version_row *versions; /* sorted by model and number, none twice */
	size_t versions_n;
	char (*recipients)[REGISTRY_ID_SIZE]; /* sorted, none twice */
	size_t recipients_n;
	uint64_t since; /* what that bundle and those before it in its line brought stays out; 0 */
	uint64_t days;  /* until it expires */
	int64_t now_s;
	struct str checkpoint; /* of the log as it is, signed by its key */
};
struct bundle_draft {
	struct bundle bundle; /* list, proof and inventory; the envelope is missing until signed */
	struct digest request;
	struct tree_head head;
	bool is_built; /* bundle is one that was built before, whole */
	struct bundle_claim claim;
};
/* Each version is verified, and its blobs are there; they are hashed when they are written.
 * NOT_FOUND, POLICY, CONFLICT (another registry is its home), TOO_BIG, DIGEST. */
int bundle_draft(struct registry *r, const struct ledger *l, const struct bundle_request *q,
                 struct bundle_draft *ret, struct err *e);
/* The envelope over its inventory makes it whole: documents durable, entry logged. CONFLICT:
 * another one was built meanwhile. */
int bundle_commit(struct registry *r, struct bundle_draft *d, struct str envelope,
                  const char *reason, struct err *e);
/* One that was built, from its blobs and its entry. */
int bundle_load(struct registry *r, const struct bundle_claim *c, struct bundle *ret,
                struct err *e);
void bundle_draft_fini(struct bundle_draft *d);
