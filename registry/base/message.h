/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes from library code to whoever runs it ("a torn last line of 37 bytes was cut off"): library
 * code never prints, it calls message(), and the process decides where that goes. Nothing is shown
 * until a sink is set.
 */
#pragma once

#include "registry/base/err.h"

enum message_level { MESSAGE_DEBUG, MESSAGE_NOTE, MESSAGE_WARNING };
typedef void message_fn(void *arg, enum message_level level, const char *text);
void message_sink(message_fn *fn, void *arg);
void message(enum message_level level, const char *fmt, ...) PRINTF(2, 3);
