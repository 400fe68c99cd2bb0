/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes back over the gap: entries of the log here that say which bundles of a source came in,
 * which versions with them, and to which stages they were brought; with their places in the tree
 * of a checkpoint that the log's key signed (proof.h, kind BundleReceipt). The source takes it in
 * as records in its models' stories.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/bundle_entry.h"
#include "registry/ledger.h"
#include "registry/registry.h"

/* For that source. NOT_FOUND: nothing came from there. TOO_BIG: more entries than a proof has. */
int receipt_make(struct registry *r, const struct ledger *l, const char *source,
                 struct str checkpoint, struct buf *ret, struct err *e);

struct receipt_came {
	char registry_id[REGISTRY_ID_SIZE], site[SIGNER_SIZE];
	uint64_t bundles, versions, promotions; /* that it tells of */
	uint64_t news;                          /* lines that are new here */
	uint64_t last;                          /* the highest bundle of ours that arrived there */
	bool changed;
};
/* Whose it is and what it tells; nothing is written. UNTRUSTED: the policy does not know that site,
 * or it is for another registry; DIGEST: it tells of a bundle with our number that is not ours. */
int receipt_read(struct registry *r, const struct ledger *l, struct str text,
                 struct receipt_came *ret, struct err *e);
/* The same, and logged: one line for the receipt, one for each thing that it tells of a model here
 * and that was not known. One that is not newer than the last changes nothing. */
int receipt_import(struct registry *r, const struct ledger *l, struct str text, const char *reason,
                   struct receipt_came *ret, struct err *e);
