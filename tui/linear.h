/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same screens and acts as plain lines: for terminals that cannot address their cursor, serial
 * lines, screen readers, ticket logs. Each screen is drawn in memory by the view itself and printed
 * once; lines that can be chosen have numbers; keys are words.
 */
#pragma once

#include "registry/base/err.h"

struct console;
/* why: what the first line says. The home screen is open. Returns at "quit" or the end of input. */
int linear_main(struct console *c, const char *why, struct err *e);
