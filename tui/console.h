/* SPDX-License-Identifier: Apache-2.0 */
/* The console: screens over the registry, acts as children of the same binary. */
#pragma once

#include "registry/base/err.h"
#include "tui/app.h"

/* Descriptors 0 and 1 are a terminal. Returns when the person leaves; ends the process with 128 + n
 * on INT, TERM and HUP after the terminal was given back. A registry that is absent or refuses to
 * open is a page of the console, no error. A terminal that cannot address its cursor gets lines. */
int console_main(struct app *a, struct err *e);
