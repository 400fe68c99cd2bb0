/* SPDX-License-Identifier: Apache-2.0 */
/* What change.c and change_line.c share; nobody else includes this. */
#pragma once

#include "registry/change.h"
#include "registry/records.h"

/* Step 4: the next line behind those that t has, with the LF that ends it. */
int change_line(struct registry *r, struct txn *t, const struct change *c, const struct applied *a,
                json_t *body, struct buf *ret, struct digest *ret_leaf, struct err *e);
