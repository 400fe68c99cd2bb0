/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database remembers of who said yes to a plan: authorisations and approvals that counted
 * when they were put, in the order of the log. For puts, for showing and for finding the entries;
 * who decides verifies those (ledger_consent).
 */
#pragma once

#include "registry/authority.h"

#define CONSENT_MAX 64 /* of each; more are refused */

struct consent_rows {
	struct authorisation *by;
	size_t by_n;
	struct approval *approvals;
	size_t approvals_n;
};
/* Nobody: both empty, 0. */
int consent_get(struct txn *t, const struct digest *plan, struct consent_rows *ret, struct err *e);
void consent_fini(struct consent_rows *c);
/* TOO_BIG: more than a plan may have. */
int consent_put_authorisation(struct txn *t, const struct authorisation *v, struct err *e);
int consent_put_approval(struct txn *t, const struct approval *v, struct err *e);
/* Nobody has said anything of it any more. */
int consent_drop(struct txn *t, const struct digest *plan, struct err *e);
/* The one at that place; NULL: none. */
const struct authorisation *consent_authorisation_at(const struct consent_rows *c,
                                                     const struct signed_place *at);
const struct approval *consent_approval_at(const struct consent_rows *c,
                                           const struct signed_place *at);
