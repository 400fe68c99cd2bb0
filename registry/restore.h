/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup that was put back: the folder has a shorter log than this person has seen, or another
 * one, or the same one in another place. A root says that this was on purpose.
 */
#pragma once

#include "registry/ledger.h"
#include "registry/registry.h"

struct restore_look {
	uint64_t size; /* entries of the log as it is */
	struct digest root;
	bool has_pin;
	uint64_t pinned_size; /* what this person had seen */
	struct digest pinned_root;
	bool is_forked; /* it is no beginning and no continuation of that, as far as can be told */
	uint64_t fork_at; /* somewhere in the first so many entries */
	uint64_t lost;    /* entries that are gone */
	json_t *gone;     /* the stages ("model stage") whose promotions are gone, and targets */
};
/* Reads the whole log and compares it with the pin. r: opened with NO_DB | COPY | ANY_PIN. */
int restore_look(struct registry *r, struct restore_look *ret, struct err *e);
void restore_look_fini(struct restore_look *l);
/* What a root signs, as kind "restore" with look->root as its subject. A new reference. */
int restore_predicate(const struct registry *r, const struct restore_look *look, const char *reason,
                      json_t **ret, struct err *e);
/* Entry and registry.json, in this order; the pin is the caller's. envelope: of a root of l's
 * policy; r's database is open. CONFLICT: the log has grown. */
int restore_commit(struct registry *r, const struct restore_look *look, const struct ledger *l,
                   struct str envelope, const char *reason, struct err *e);
/* registry.json names this folder's log. */
int restore_settle(struct registry *r, struct err *e);
