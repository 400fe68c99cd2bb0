/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a version that came with a copied folder. */
#pragma once

#include "tui/app.h"

/* `sign REF` without another file: logged when the version is foreign, else unchanged; shown. */
int sign_foreign(struct app *a, const char *ref, struct err *e);
