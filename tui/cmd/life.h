/* SPDX-License-Identifier: Apache-2.0 */
/* A version taken out of use or brought back: what retire, revoke, hold and delete share. */
#pragma once

#include "registry/authority.h"
#include "registry/ledger.h"
#include "registry/records.h"
#include "tui/app.h"
#include "tui/cmd/shown.h"

struct life {
	struct app *app;
	enum life_action action;
	const char *verb; /* for messages */
	struct version_row version;
	char name[VERSION_NAME_SIZE];
	struct ledger ledger;
	struct standing standing; /* by signed entries */
	/* asked inside the commit too, may be NULL: does something need it? */
	int (*check)(struct txn *t, const struct life *l, struct err *e);
	bool changed;
};
/* The version that text names, and what the ledger says of it; life_end what comes. USAGE: a bare
 * NAME; DIGEST: the database says something else than the log. */
int life_begin(struct life *l, const char *text, struct err *e);
void life_end(struct life *l);
/* Is it so already? POLICY: it can never be. */
int life_is_so(const struct life *l, bool *ret, struct err *e);
/* Signs and logs it; app->reason says why. POLICY: who may not; CONFLICT: somebody was faster. */
int life_commit(struct life *l, struct err *e);
/* The object, and "face@v3 retired", "would be retired" or "was retired before". */
void life_show(const struct life *l, const char *kind, const char *done);
