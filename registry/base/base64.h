/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648) with padding, as envelopes have it. */
#pragma once

#include <stddef.h>

#include "registry/base/buf.h"

void base64_add(struct buf *ret, const void *p, size_t n); /* the standard alphabet */
/* Either alphabet, as DSSE demands of readers; appends. -1: not that, and *ret is untouched. */
int base64_decode(const char *text, struct buf *ret);
