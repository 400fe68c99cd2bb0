/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next policy on its way into the log: the lines that differ are shown, confirmed, signed by
 * role root and committed behind the policy that was looked at; or kept as a draft that others
 * sign. The policy in force is the ledger's.
 */
#pragma once

#include "registry/ledger.h"
#include "tui/app.h"
#include "tui/cmd/sign.h"

struct policy_change {
	struct app *app;
	const char *line; /* the command that does it without asking, for a hint */
	const char *to;   /* the signed draft goes into this file and nowhere else; NULL */
	struct ledger ledger;
	json_t *doc;            /* the document in force, to be edited */
	const char *draft_path; /* of a draft that was read */
	struct signer by[2];    /* of the new policy, and of the old one when that is another key */
	size_t by_n;
	struct policy next;
	struct buf envelope; /* signatures so far */
	struct buf missing;  /* who must sign too; "" */
	char *draft;         /* where it waits; NULL */
	bool is_so, changed;
	bool is_committed; /* whatever was returned: it is in the log */
};
int policy_change_begin(struct policy_change *c, struct err *e);
/* Somebody's draft instead of an edit. CONFLICT: it is not behind the policy in force. */
int policy_change_draft(struct policy_change *c, const char *path, struct str envelope,
                        struct err *e);
/* The rest, and what it prints. NEEDS_PERSON: it waits in a file, and for whom; POLICY: no good
 * policy, or this person is not of role root; CONFLICT: the policy moved; DENIED: not confirmed. */
int policy_change_run(struct policy_change *c, struct err *e);
void policy_change_end(struct policy_change *c);
/* This person as root of the policy in force: whose keys are theirs. POLICY: is none. */
int policy_change_self(struct policy_change *c, char ret[SIGNER_SIZE], struct err *e);
/* The bits that --role names. USAGE. */
struct args;
int policy_change_roles(const struct args *in, unsigned *ret, struct err *e);
/* All of it for a verb of whose arguments only the edit differs: --to is the verb's. */
typedef int policy_edit_fn(struct policy_change *c, const struct args *in, struct err *e);
int policy_change(struct app *a, const struct args *in, policy_edit_fn *edit, struct err *e);
