/* SPDX-License-Identifier: Apache-2.0 */
/* The console: screens over the registry, acts as children of the same binary. */
#pragma once

#include "registry/base/err.h"
#include "tui/app.h"

/* Descriptors 0 and 1 are a terminal. Returns when the person leaves; ends the process with 128 + n
 * on INT, TERM and HUP after the terminal was given back. A registry that is absent or refuses to
 * open is a page of the console, no error. A terminal that cannot address its cursor gets lines. */
/* verbs: the table of commands, for completing what is typed after ":". */
struct cmd;
/* linear: as lines, for this reason; NULL: painted where the terminal can. screen: the one that is
 * opened first; NULL: home. NOT_FOUND: there is no such screen. */
struct console_start {
	const char *linear, *screen;
};
typedef int console_fn(struct app *a, const struct cmd *const *verbs,
                       const struct console_start *start, struct err *e);
__attribute__((visibility("default"))) console_fn console_main; /* what the module exports */
