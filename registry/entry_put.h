/* SPDX-License-Identifier: Apache-2.0 */
/* The puts of entry.c's table: an entry into rows, or a refusal that has written nothing. */
#pragma once

#include "registry/authority.h"
#include "registry/entry.h"

int put_registry(struct txn *t, const struct entry *n, struct err *e);
int put_policy(struct txn *t, const struct entry *n, struct err *e);
int put_version(struct txn *t, const struct entry *n, struct err *e);
int put_label(struct txn *t, const struct entry *n, struct err *e);
/* entry_put_life.c; also of "delete" */
int put_lifecycle(struct txn *t, const struct entry *n, struct err *e);
/* entry_put_notes.c */
int put_alias(struct txn *t, const struct entry *n, struct err *e);
int put_note(struct txn *t, const struct entry *n, struct err *e);
/* entry_put_evidence.c */
int put_evidence(struct txn *t, const struct entry *n, struct err *e);
/* entry_put_deploy.c */
int put_target(struct txn *t, const struct entry *n, struct err *e);
int put_plan(struct txn *t, const struct entry *n, struct err *e);
int put_authorisation(struct txn *t, const struct entry *n, struct err *e);
int put_approval(struct txn *t, const struct entry *n, struct err *e);
int put_discard(struct txn *t, const struct entry *n, struct err *e);
int put_job(struct txn *t, const struct entry *n, struct err *e);
int put_promotion(struct txn *t, const struct entry *n, struct err *e);
/* entry_put_bundle.c */
int put_bundle(struct txn *t, const struct entry *n, struct err *e);
int put_origin(struct txn *t, const struct entry *n, struct err *e);
int put_carried_version(struct txn *t, const struct entry *n, struct err *e);
/* entry_put_site.c */
int put_adoption(struct txn *t, const struct entry *n, struct err *e);
int put_restore(struct txn *t, const struct entry *n, struct err *e);

/* What they share. */
int put_refuse(const struct entry *n, struct err *e, const char *why); /* MALFORMED */
int put_string(const struct entry *n, const char *key, char *ret, size_t size, struct err *e);
int put_model(struct txn *t, const struct entry *n, struct model_row *ret, struct err *e);
/* MALFORMED: the model has these bytes, or they were revoked. */
int put_is_new(struct txn *t, const struct entry *n, const struct version_row *v, struct err *e);
/* v is the newest live version of m (number 0: there is none any more). entry_put_life.c */
void put_newest(struct model_row *m, const struct version_row *v);
/* The policy in force, from the database, and the registry's id; valid until the next call. */
int put_authority(struct txn *t, struct authority *ret, struct err *e);
