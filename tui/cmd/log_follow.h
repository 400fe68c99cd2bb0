/* SPDX-License-Identifier: Apache-2.0 */
/* logs -f: what all instances of a model print, as they print it. */
#pragma once

#include "tui/app.h"

/* request as for the agent's "logs". Until --timeout, a signal, or nothing more can come: then
 * UNREACHABLE. tail 0: the usual number of lines of those that are there at the beginning. */
int log_follow(struct app *a, const json_t *request, uint64_t tail, struct err *e);
