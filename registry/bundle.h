/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bundle: one tar (bundle_tar.h) that is an OCI image layout and carries versions across a gap
 * with their proof. In front stand what proves, behind it the bytes:
 *   oci-layout  index.json  MANIFEST  {}  ENVELOPE  INVENTORY  LIST  PROOF  blobs by digest ...
 * ENVELOPE is a statement of kind "bundle" over INVENTORY, which names source, counter, time,
 * expiry, recipients, versions, LIST and PROOF. LIST has each blob behind it, a line "<hex>
 * <size>". PROOF (registry/proof.h, kind BundleProof) has the entries of the source's log. The
 * first four follow from the others and are made again by who reads, so that no byte is free.
 * slipway-format(5) has every member.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/json.h"
#include "registry/base/vec.h"
#include "registry/identity.h"
#include "registry/records.h"

#define BUNDLE_INVENTORY_MAX  (4u << 20)
#define BUNDLE_INDEX_MAX      (4u << 20)
#define BUNDLE_BLOBS_MAX      131072u /* in one bundle; their list is kept in memory */
#define BUNDLE_LIST_MAX       (BUNDLE_BLOBS_MAX * 88u)
#define BUNDLE_BYTES_MAX      (UINT64_C(1) << 60) /* of all blobs: offsets have no carry */
#define BUNDLE_VERSIONS_MAX   512u
#define BUNDLE_RECIPIENTS_MAX 64u
#define BUNDLE_DAYS           90 /* until it expires, unless it says */

struct bundle_version {
	char model[NAME_SIZE];
	uint64_t number, seq; /* seq: of its entry in the source's log */
	uint64_t manifest_size;
	struct digest digest;
};
struct bundle_inventory {
	char registry_id[REGISTRY_ID_SIZE]; /* the source */
	struct digest root;                 /* of its first policy */
	uint64_t counter;                   /* of its bundles, from 1 */
	uint64_t since;                     /* blobs of that one and before are not in it; 0 */
	int64_t created_s, expires_s;
	char (*recipients)[REGISTRY_ID_SIZE]; /* sorted; none: whoever believes the source */
	size_t recipients_n;
	struct digest list, proof;
	uint64_t list_size, proof_size;
	uint64_t blobs_n, bytes;         /* of the blobs in the list */
	struct bundle_version *versions; /* by model and number */
	size_t versions_n;
};
/* The one form that it has. */
void bundle_inventory_write(const struct bundle_inventory *v, struct buf *ret);
/* A pure function over foreign bytes, and strict: what would be written is what is there.
 * MALFORMED, TOO_BIG. */
int bundle_inventory_parse(struct str text, struct bundle_inventory *ret, struct err *e);
void bundle_inventory_fini(struct bundle_inventory *v);
bool bundle_is_for(const struct bundle_inventory *v, const char *registry_id);

struct bundle_blob {
	struct digest digest;
	uint64_t size;
};
struct bundle_list {
	struct bundle_blob *v; /* by digest, none twice */
	size_t n;
};
void bundle_list_write(const struct bundle_list *l, struct buf *ret);
int bundle_list_parse(struct str text, struct bundle_list *ret, struct err *e);
void bundle_list_sort(struct bundle_list *l); /* and without repetition */
const struct bundle_blob *bundle_list_find(const struct bundle_list *l, const struct digest *d);
void bundle_list_fini(struct bundle_list *l);

/* What stands in front: documents with what follows from them. */
enum bundle_front {
	FRONT_LAYOUT,
	FRONT_INDEX,
	FRONT_MANIFEST,
	FRONT_EMPTY,
	FRONT_ENVELOPE,
	FRONT_INVENTORY,
	FRONT_LIST,
	FRONT_PROOF,
	FRONT_COUNT
};
struct bundle_doc {
	char name[100]; /* in the tar */
	struct digest digest;
	struct buf text;
};
struct bundle {
	struct bundle_doc front[FRONT_COUNT];
	struct bundle_inventory inventory;
	struct bundle_list list;
	uint64_t begin; /* offset of the first blob */
	uint64_t size;  /* of the tar */
};
/* From ENVELOPE, INVENTORY, LIST and PROOF, whose bytes b->front has: the rest of b. The
 * inventory's numbers must be those of list and proof. MALFORMED, DIGEST, TOO_BIG. */
int bundle_complete(struct bundle *b, struct err *e);
/* Most bytes that a document may have. */
uint64_t bundle_front_max(enum bundle_front i);
void bundle_fini(struct bundle *b);
