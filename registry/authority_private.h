/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of entries share. */
#pragma once

#include "registry/authority.h"

int authority_must_be(const struct entry *n, const char *type, struct err *e);
/* SIGNATURE: "its statement has another <what>". */
int authority_other(const struct entry *n, struct err *e, const char *what);
/* The same member, in both or in neither, with the same value. */
bool authority_same(const json_t *x, const json_t *y, const char *key);
/* {"leaf", "seq"}. MALFORMED. */
int authority_place(const json_t *o, const char *what, struct signed_place *ret, struct err *e);
