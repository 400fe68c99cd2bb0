/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a list says of a version's signature: that there is one, or what this person's own verify
 * found last under the policy in force, and how long ago. Nothing is verified here, and nothing
 * that decides reads it.
 */
#pragma once

#include "registry/checked.h"
#include "registry/records.h"
#include "tui/term/paint.h"

#define TRUST_ROWS 128u /* more than a screen has: each is read once */

struct trust {
	struct trust_row {
		struct digest of; /* the file's own: of model and version */
		struct checked found;
	} rows[TRUST_ROWS];
	size_t n, next;
	uint64_t policy; /* entry of the one in force */
};
/* Another policy may be in force, and something may have been verified since. */
void trust_renew(struct trust *t, struct txn *txn);
/* "ok 3h", "FAILED", "signed", "UNSIGNED". */
enum ink trust_word(struct trust *t, const char *registry_id, const char *model,
                    const struct digest *version, bool is_signed, char ret[static 24]);
