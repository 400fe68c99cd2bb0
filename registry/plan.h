/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan is the digest of an intent: canonical JSON without clock, resourceVersion or approval, so
 * that the same intent has the same id from console and shell. Kept as a blob under that digest.
 *   {"kind":"promote|rollback","model":M,"number":N,"previous":"sha256:.."|null,"registry":ID,
 *    "stage":S,"steps":[..],"targets":[{"identity":"sha256:..","name":T,"rendered":"sha256:.."}],
 *    "version":"sha256:.."|null,"way_back":"sha256:.."|null}
 * and, of a promotion that shares the requests for a while, "canary" (registry/canary.h); where
 * fields are taken from whoever has them at a target, "take":[".spec.replicas"].
 * previous is the leaf hash of the stage's newest promotion entry, way_back the version that it
 * holds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/canary.h"
#include "registry/ledger.h"
#include "registry/records.h"

struct plan_target {
	char name[WORD_SIZE];
	struct digest identity, rendered;
};
/* Fields that are taken over, as the plan names them; sorted, each once. */
#define PLAN_TAKE_MAX  8
#define PLAN_TAKE_SIZE 160
struct plan_take {
	char v[PLAN_TAKE_MAX][PLAN_TAKE_SIZE];
	size_t n;
};
int plan_take_add(struct plan_take *t, const char *field, struct err *e); /* USAGE */
json_t *plan_take_json(const struct plan_take *t);
int plan_take_read(const json_t *array, struct plan_take *ret, struct err *e); /* MALFORMED */
bool plan_take_eq(const struct plan_take *a, const struct plan_take *b);

struct plan {
	struct digest id;
	char kind[16], registry_id[33], model[NAME_SIZE], stage[WORD_SIZE];
	bool empty; /* nothing will be served */
	uint64_t number;
	struct digest version, previous, way_back; /* zero: null */
	struct plan_target *targets;
	size_t targets_n;
	struct canary_plan canary; /* steps_n 0: none */
	struct plan_take take;
	struct buf text; /* the canonical bytes */
};
int plan_seal(struct plan *p, struct err *e);                     /* fields -> text and id */
int plan_parse(struct str text, struct plan *ret, struct err *e); /* strict; MALFORMED */
int plan_load(struct registry *r, const struct digest *id, struct plan *ret, struct err *e);
void plan_fini(struct plan *p);
#define PLAN_ID_SHOWN 16 /* hex digits, the least that is shown */
/* 16 or more hex digits of a logged plan. NOT_FOUND, AMBIGUOUS. */
int plan_find(struct txn *t, const char *id, struct plan_row *ret, struct err *e);

/* May this be planned at all? Order of stages, admitted and live version, the stage's state, by the
 * ledger. Fills p but for targets. CHANGE_NONE (1): the stage holds it already. POLICY: a stage was
 * skipped. to NULL for a rollback means the version before the one that the stage holds (nothing:
 * empty). */
int plan_intend(struct registry *r, const struct ledger *l, const char *kind, const char *model,
                const struct digest *version, const char *stage, struct plan *ret, struct err *e);
/* Again at apply: the world is as the plan says. CONFLICT: the stage moved since. */
int plan_still_holds(struct registry *r, const struct ledger *l, const struct plan *p,
                     struct err *e);
