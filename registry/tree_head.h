/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints of a registry's log: a C2SP checkpoint with the origin "slipway/<registry id>",
 * signed by a key with role "log", and one extension line "policy SEQ", the entry of the policy in
 * force behind the tree. Each policy entry names the one before it, so that this line fixes the
 * whole chain of policies, and nobody can leave the newest one out of a proof.
 */
#pragma once

#include <stdint.h>

#include "crypto/digest.h"
#include "crypto/key.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/policy.h"

#define TREE_HEAD_MAX (64u << 10) /* bytes of a note, with all that witnesses added */

struct tree_head {
	uint64_t size;
	struct digest root;
	uint64_t policy_seq;
	char key_id[KEY_ID_SIZE]; /* tree_head_verify: who signed it */
};
/* The note, added to ret. */
int tree_head_sign(const char *registry_id, const struct tree_head *h, const struct secret_key *key,
                   struct buf *ret, struct err *e);
/* Signed by a key with role "log" in p, which must be the policy that it names; of this registry,
 * in our form, with one signature and nothing else. UNTRUSTED, SIGNATURE, MALFORMED. */
int tree_head_verify(struct str note, const struct policy *p, const char *registry_id,
                     struct tree_head *ret, struct err *e);
/* What it claims. Nothing is verified. */
int tree_head_peek(struct str note, const char *registry_id, struct tree_head *ret, struct err *e);
/* A note with more signatures, as witnesses leave it, with the first one by this origin alone. */
int tree_head_trim(struct str note, const char *registry_id, struct buf *ret, struct err *e);
