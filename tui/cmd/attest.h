/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence from a file, signed and logged: what attest and import --metrics share. */
#pragma once

#include "registry/attest.h"
#include "tui/app.h"
#include "tui/cmd/sign.h"

/* model, number and digest of v count. signer NULL: found among this person's keys. *ret_changed
 * false: the newest evidence says the same. NOT_FOUND: no file; POLICY: this person may not. */
int attest_file(struct app *a, const struct version_row *v, enum evidence_type type,
                const char *path, struct signer *signer, bool *ret_changed, struct err *e);
