/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log says of bundles: built here (a person signed the inventory), come in (the source's
 * envelope and proof came with it). The claim is read from the entry and what it names alone; rows
 * are for showing, and for finding entries.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/authority.h"
#include "registry/base/json.h"
#include "registry/blob.h"
#include "registry/bundle.h"
#include "registry/identity.h"

enum bundle_way { BUNDLE_BUILT, BUNDLE_IMPORTED, BUNDLE_RECEIPT };
const char *bundle_way_name(enum bundle_way w); /* "build", "import", "receipt" */

struct bundle_claim {
	enum bundle_way way;
	char registry_id[REGISTRY_ID_SIZE]; /* whose counter it is */
	char site[SIGNER_SIZE];             /* IMPORTED: its name in the policy here */
	/* seq: of the entry here. RECEIPT: counter is the size of the log there */
	uint64_t counter, since, seq;
	int64_t time_s, created_s, expires_s;
	struct digest inventory, proof;
	struct digest list, request; /* BUILT: the list of blobs, and what was asked for */
	uint64_t head_size;          /* of the source's log in the proof */
	struct digest head_root;
	uint64_t versions, bytes, size; /* size: of the tar */
	char signer[SIGNER_SIZE];       /* of the inventory */
};
/* What the envelope over an inventory says beside it. A new reference. */
json_t *bundle_predicate(const struct bundle_inventory *v);
/* An envelope over that inventory, of that registry, by a person of p (any role of people); signer
 * may be NULL. SIGNATURE, UNTRUSTED. */
int bundle_envelope_verify(struct str envelope, const struct digest *inventory,
                           const struct bundle_inventory *v, const struct policy *p,
                           char ret_signer[SIGNER_SIZE], struct err *e);

/* A "bundle" entry. b: where the proof is. SIGNATURE, UNTRUSTED, MALFORMED. */
int bundle_claim(const struct authority *a, struct blobs *b, const struct entry *n,
                 struct bundle_claim *ret, struct err *e);
json_t *bundle_claim_body(const struct bundle_claim *c, const json_t *envelope); /* IMPORTED: */

/* Rows. -ERR_NOT_FOUND without text. */
int bundle_row_put(struct txn *t, const struct bundle_claim *c, struct err *e);
int bundle_row_get(struct txn *t, enum bundle_way way, const char *registry_id, uint64_t counter,
                   struct bundle_claim *ret, struct err *e);
/* Newest counter first, one registry after the other (NULL: all of them). */
typedef int bundle_fn(void *arg, const struct bundle_claim *c);
int bundle_row_each(struct txn *t, enum bundle_way way, const char *registry_id, bundle_fn *fn,
                    void *arg, struct err *e);
/* Is there a line that stands for this entry of that registry's log? */
int bundle_told_put(struct txn *t, const char *registry_id, uint64_t seq, struct err *e);
int bundle_told_get(struct txn *t, const char *registry_id, uint64_t seq, bool *ret,
                    struct err *e);
/* The highest counter; 0: none. */
int bundle_row_last(struct txn *t, enum bundle_way way, const char *registry_id,
                    struct bundle_claim *ret, struct err *e);
