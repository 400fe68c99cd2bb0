/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts with which a shell completes our words. What there is to complete comes from the table of
 * verbs; how a shell asks for it is in packaging/completions.
 */
#pragma once

#include "registry/base/buf.h"

/* -1: no script for that shell. */
int completion_script(const char *shell, struct buf *ret);
