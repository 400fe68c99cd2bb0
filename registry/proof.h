/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One self-contained file that shows without the registry what its log says. Canonical JSON and a
 * line feed; slipway-format(5) has every member. Two kinds: a promotion (version, authorisation,
 * approvals, promotion, the whole chain of policies, each entry's bytes with its inclusion in the
 * tree of a checkpoint), and consistency (an older checkpoint's tree is the beginning of a newer
 * one's). Checking is a pure function over bytes that somebody else wrote: every byte of a good
 * file is needed, and one more or another one is refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/ledger.h"
#include "registry/records.h"
#include "registry/registry.h"
#include "registry/tree_head.h"

#define PROOF_MAX         (8u << 20)
#define PROOF_ENTRIES_MAX 1024
#define PROOF_VALUES_MAX  131072u /* of JSON, with those of its entries */

enum proof_kind {
	PROOF_PROMOTION,
	PROOF_CONSISTENCY,
	PROOF_EXPORT, /* log_export.h */
	PROOF_BUNDLE,  /* origin.h */
	PROOF_RECEIPT, /* receipt.h */
};
struct proof_signer {
	char person[SIGNER_SIZE], key_id[KEY_ID_SIZE];
	uint64_t seq; /* of the entry */
};
struct proof_result {
	enum proof_kind kind;
	char registry_id[REGISTRY_ID_SIZE];
	uint64_t policy_version; /* the newest, at the checkpoint */
	struct digest policy_digest;
	struct tree_head head; /* what everything is included in */
	struct tree_head old;  /* PROOF_CONSISTENCY */
	/* PROOF_PROMOTION */
	char model[NAME_SIZE], stage[WORD_SIZE];
	uint64_t number, promotion_seq;
	struct digest version, promotion_leaf;
	int64_t time_s; /* the writer's clock at the promotion */
	bool is_rollback, is_break_glass;
	struct proof_signer author, deployer, agent;
	struct proof_signer *approvers;
	size_t approvers_n;
};
/* root: the digest of the registry's first policy, from a source that can be trusted. 0 only when
 * all of it holds. TOO_BIG, MALFORMED, DIGEST, SIGNATURE, UNTRUSTED, POLICY. */
int proof_check(struct str text, const struct digest *root, struct proof_result *ret,
                struct err *e);
void proof_result_fini(struct proof_result *p);

/* --- making; l was opened just now --- */
void proof_head(const struct ledger *l, struct tree_head *ret); /* the log as it is, unsigned */
/* The newest promotion that brought this version into the stage, included in that checkpoint, which
 * a log key has signed. NOT_FOUND: the stage never held it. DIGEST: the checkpoint is not of this
 * log. What is made was checked. */
int proof_promotion(struct registry *r, const struct ledger *l, const char *model,
                    const struct digest *version, const char *stage, struct str checkpoint,
                    struct buf *ret, struct err *e);
int proof_consistency(struct registry *r, const struct ledger *l, struct str old_checkpoint,
                      struct str checkpoint, struct buf *ret, struct err *e);
