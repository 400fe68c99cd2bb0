/* SPDX-License-Identifier: Apache-2.0 */
/* The console where the cursor cannot be addressed: plain lines. */
#pragma once

#include "registry/base/err.h"
#include "tui/app.h"

/* why: the first line says it. The registry is opened if it is not. */
int linear_main(struct app *a, const char *why, struct err *e);
