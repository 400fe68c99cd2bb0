/* SPDX-License-Identifier: Apache-2.0 */
/* A change of labels as one entry of the log: for the verb and for import. */
#pragma once

#include "registry/base/json.h"
#include "registry/registry.h"

struct label_change {
	json_t *set, *remove; /* object, array; NULL: nothing so far */
};
int label_set(struct label_change *c, const char *text, struct err *e);    /* "k=v"; USAGE */
int label_remove(struct label_change *c, const char *key, struct err *e);  /* USAGE */
/* number 0: of the model itself. *ret_changed false: they were so already. */
int label_commit(struct registry *r, const char *model, uint64_t number,
                 const struct label_change *c, const char *reason, bool *ret_changed,
                 struct err *e);
void label_change_fini(struct label_change *c);
