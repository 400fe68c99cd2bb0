/* SPDX-License-Identifier: Apache-2.0 */
/* Test builds: lines of a file stand for a child that does not end, so that what it says is the
 * same in every run. */
#pragma once

#ifdef SLIPWAY_TESTING
#include <stdbool.h>

#include "registry/base/str.h"

typedef void feed_fn(void *arg, struct str line);
/* Each line of the file below HOME that this variable of the environment names. false: it is not
 * set. */
bool feed_lines(const char *variable, feed_fn *fn, void *arg);
#endif
