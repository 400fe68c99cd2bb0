/* SPDX-License-Identifier: Apache-2.0 */
/* A proof file taken apart: what making and checking share. */
#pragma once

#include "crypto/merkle.h"
#include "registry/audit.h"
#include "registry/base/json.h"
#include "registry/base/vec.h"
#include "registry/proof.h"

#define PROOF_API              "slipway/v1"
#define PROOF_KIND_PROMOTION   "PromotionProof"
#define PROOF_KIND_CONSISTENCY "ConsistencyProof"
#define PROOF_KIND_EXPORT      "LogExport"
#define PROOF_KIND_BUNDLE      "BundleProof"
#define PROOF_KIND_RECEIPT     "BundleReceipt"

struct proof_entry {
	struct digest leaf;
	struct str json;
	const json_t *inclusion;
	struct entry n;
};
struct proof {
	enum proof_kind kind;
	json_t *root; /* owns what the others point to */
	const char *registry_id, *model, *stage;
	uint64_t number;
	struct digest version;
	struct str checkpoint, old_checkpoint;
	const json_t *consistency;
	const json_t *edge; /* PROOF_EXPORT: of the first `since` entries */
	const json_t *growth; /* PROOF_BUNDLE: from older trees to this one */
	const char *site;     /* PROOF_RECEIPT: the registry that it is for */
	uint64_t since;
	VEC(struct proof_entry) entries; /* in the order of the log */
	size_t values;                   /* of JSON, those of the entries too */
	struct audit_chain chain;
};
/* The shape alone: members, types, canonical bytes, the entries' own form. */
int proof_file_parse(struct str text, struct proof *ret, struct err *e);
void proof_fini(struct proof *p);
/* 64 hex digits each, at most 64 of them. *ret_n in and out: room, hashes. */
int proof_hashes(const json_t *array, struct digest *ret, size_t *ret_n, struct err *e);
/* Policies from the one with digest root on, the checkpoint, each entry's place in its tree. */
int proof_trust(struct proof *p, const struct digest *root, struct proof_result *ret,
                struct err *e);
/* What a promotion's entries say, once each is known to lie in the log (proof_story.c). */
int proof_story(const struct proof *p, struct proof_result *ret, struct err *e);

/* --- making: some entries' bytes and paths, from one reading of the log --- */
struct proof_wanted {
	uint64_t seq;
	struct merkle_prover prover;
	struct buf json;
};
struct proof_gather {
	uint64_t size; /* of the tree; set before anything is wanted */
	VEC(struct proof_wanted *) wanted;
	struct merkle_prover *growth; /* consistency, begun; NULL: not wanted */
	struct merkle_edge edge;
	uint64_t since;           /* lines from here on go to fn */
	struct merkle_edge begin; /* of those before */
	int (*fn)(void *arg, const struct log_line *line, struct err *e); /* NULL */
	void *arg;
};
int proof_want(struct proof_gather *g, uint64_t seq, struct err *e);
int proof_want_policies(struct proof_gather *g, const struct audit_chain *c, struct err *e);
/* DIGEST: another root than that one. Afterwards what was wanted is in the order of the log. */
int proof_gather_run(struct proof_gather *g, struct log *l, const struct digest *root,
                     struct err *e);
void proof_gather_fini(struct proof_gather *g);
json_t *proof_entries_json(const struct proof_gather *g);
json_t *proof_hashes_json(const struct merkle_prover *p);

/* What all makers begin with: the chain of policies, the checkpoint verified under the newest of
 * those in its tree, the policies wanted. */
struct proof_making {
	struct registry *r;
	const struct ledger *l;
	struct audit_chain chain;
	struct tree_head head;
	struct proof_gather g;
};
int proof_making_begin(struct proof_making *m, struct str checkpoint, struct err *e);
void proof_making_fini(struct proof_making *m);
/* The file around o's own members, after the run. */
void proof_making_text(const struct proof_making *m, json_t *o, const char *kind,
                       struct str checkpoint, struct buf *ret);
