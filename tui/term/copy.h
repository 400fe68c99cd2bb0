/* SPDX-License-Identifier: Apache-2.0 */
/* Text for the clipboard of the person at the other end of the line (OSC 52). Knows no terminal:
 * what the environment says comes in, bytes go out. */
#pragma once

#include "registry/base/buf.h"
#include "registry/base/err.h"

/* What terminals are known to take: the bound is on the encoded text. */
#define COPY_ENCODED_MAX 74994u
#define COPY_TEXT_MAX    (COPY_ENCODED_MAX / 4u * 3u)

/* What the environment says; NULL: unset. */
struct copy_way {
	const char *term, *tmux, *sty;
};

/* TOO_BIG: over COPY_TEXT_MAX. UNREACHABLE: this terminal has no clipboard and would show the
 * bytes. That the terminal took it cannot be known: many have it turned off. */
int copy_make(const struct copy_way *w, struct str text, struct buf *ret, struct err *e);
