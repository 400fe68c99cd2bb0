/* SPDX-License-Identifier: Apache-2.0 */
/* DSSE protocol 1.0.2, pre-authentication encoding:
 * "DSSEv1 " len(type) " " type " " len(body) " " body. */
#pragma once

#include <stddef.h>

/* malloc'ed; NULL: memory or a length that overflows. */
char *pae(const char *type, size_t type_n, const void *body, size_t body_n, size_t *ret_n);
