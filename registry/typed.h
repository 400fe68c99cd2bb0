/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that this person typed in earlier consoles, one a line, oldest first
 * ($XDG_STATE_HOME/slipway/console/lines, mode 0600). For showing only.
 */
#pragma once

#include "registry/base/buf.h"

#define TYPED_LINES_MAX 200u  /* that are kept */
#define TYPED_LINE_SIZE 1024u /* of one, with its end */

/* "": there are none, or they cannot be read. */
void typed_look(struct buf *ret);
/* Replaces the file. Best effort: who cannot keep them has typed them all the same. */
void typed_save(struct str text);
