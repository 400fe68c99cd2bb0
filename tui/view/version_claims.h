/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was signed about one version, as parts of a page: who said yes to its plans, then each
 * statement that names its bytes, newest first. Claims, with what today's policy says of the key
 * that they name; nothing is verified here. The model's chain is walked in slices.
 */
#pragma once

#include "registry/policy.h"
#include "registry/records.h"
#include "tui/view/sheet.h"

struct version_claims {
	struct sheet sheet;
	uint64_t of_seq; /* the model's newest entry when it was read, plus one; 0: never */
	uint64_t next;   /* the walk goes on with this entry, less one; 0: it is at its end */
	size_t n;        /* statements found */
	struct policy policy;
	bool has_policy;
};
void version_claims_fini(struct version_claims *c);
/* Begins anew when the model has a newer entry than was read. */
int version_claims_begin(struct version_claims *c, const struct view *v, struct txn *t,
                         const struct model_row *m, const struct version_row *row, struct err *e);
/* Some milliseconds of the walk. True: it is at its end, the page is settled. */
bool version_claims_more(struct version_claims *c, const struct view *v, struct txn *t,
                         const struct version_row *row, unsigned slice_ms);
/* "ana, approver" of a key id, or that today's policy does not know it. */
enum ink claim_key_text(const struct policy *p, const char *key_id, struct buf *ret);
