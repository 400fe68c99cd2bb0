/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next policy on its way through several people: a document in an envelope that some have
 * signed. Whether it may come into force is policy_accept's to say; here is told who it still
 * waits for.
 */
#pragma once

#include "registry/policy.h"

/* What an envelope carries, its signatures not looked at. MALFORMED; SIGNATURE: its signature would
 * name another document. */
int policy_draft_read(struct str envelope, struct policy *ret, struct err *e);
/* People of role root of p whose signature the envelope has, as bits of p->people; 0: none that
 * counts. */
uint64_t policy_draft_signers(const struct policy *p, struct str envelope);
/* Does it have as many as p wants? */
bool policy_draft_suffices(const struct policy *p, struct str envelope);
/* "ben or carl": people of p's role root who have not signed, while p wants more. "" else. */
void policy_draft_missing(const struct policy *p, struct str envelope, struct buf *ret);
