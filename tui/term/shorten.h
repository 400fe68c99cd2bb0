/* SPDX-License-Identifier: Apache-2.0 */
/* Fewer bytes for the same picture, where curses does not find them. Knows no terminal. */
#pragma once

#include <stddef.h>

#include "registry/base/buf.h"

/* In what stands behind from: runs of the horizontal line, three bytes a cell, become one of them
 * and "repeat it". For terminals whose repeat is xterm's. */
void shorten_lines(struct buf *b, size_t from);
