/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of `bundle build` and `bundle resume`, read and looked up. */
#pragma once

#include "registry/base/vec.h"
#include "registry/bundle.h"
#include "registry/ledger.h"
#include "tui/cmd/cmd.h"

struct bundle_recipient {
	char id[REGISTRY_ID_SIZE];
};
struct bundle_ask {
	VEC(struct version_row) versions; /* sorted, none twice */
	VEC(struct bundle_recipient) recipients;
	uint64_t since, days, split;
};
/* --since, --expires, --split, --recipient. USAGE. */
int bundle_ask_options(struct bundle_ask *b, const struct args *in, struct err *e);
/* --for: since and recipient out of a receipt or a wish. DIGEST: it names what was not built here.
 */
int bundle_ask_other_side(struct bundle_ask *b, struct app *a, const struct ledger *l,
                          const struct args *in, struct err *e);
/* The versions named, or those of --stage. NOT_FOUND. */
int bundle_ask_versions(struct bundle_ask *b, struct app *a, const struct args *in, struct err *e);
void bundle_ask_fini(struct bundle_ask *b);
