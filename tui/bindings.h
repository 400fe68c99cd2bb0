/* SPDX-License-Identifier: Apache-2.0 */
/* The settings "key.ACTION = KEYS" onto the table of keys (tui/term/keys.h). */
#pragma once

#include "registry/base/conf.h"
#include "registry/base/err.h"

/* What is wrong with a line: complete, with file and line. */
typedef void bindings_wrong_fn(void *arg, const struct err *e);
/* All of them at once, as two actions may change keys with one another; where they do not fit
 * together, each by itself: one that collides or names nothing is told and its default stays. c
 * must outlive the table. */
void bindings_take(const struct conf *c, bindings_wrong_fn *wrong, void *arg);
/* May that be set beside what c has? USAGE, CONFLICT. The table is as before. */
int bindings_check(const struct conf *c, const char *action, const char *keys, struct err *e);
