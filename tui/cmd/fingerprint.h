/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry's fingerprint: the digest of its first policy, as people compare it. `init` prints it,
 * and whoever believes another registry by it types it in.
 */
#pragma once

#include "crypto/digest.h"
#include "registry/base/err.h"

#define FINGERPRINT_SIZE 72 /* with the NUL */

/* Eight groups of eight digits: to be read to somebody by voice. */
void fingerprint_text(const struct digest *d, char ret[FINGERPRINT_SIZE]);
/* That, the same without blanks, or "sha256:" and the digits. USAGE. */
int fingerprint_parse(const char *text, struct digest *ret, struct err *e);
