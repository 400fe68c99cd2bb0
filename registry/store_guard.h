/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the pages of data.mdb before LMDB works on them: it believes every offset that it reads
 * and moves bytes by them, so that one flipped bit becomes a write past the heap. Knows the layout
 * of LMDB 0.9's files on 64 bits, little endian, and nothing of LMDB's functions or of our keys.
 * What is well formed and wrong is not found here: that is for `check`, which has the log.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/base/str.h"

struct guard;

/* Both meta pages, and the newest one's last page against the file's size; others may write
 * meanwhile. *ret_is_empty: no byte there yet, LMDB begins it. STORE. */
int guard_meta(int fd, bool *ret_is_empty, struct err *e);

/* fd stays the caller's and open. */
struct guard *guard_new(int fd);
void guard_free(struct guard *g); /* NULL is fine */
/* The state that transaction left, of which the following calls speak. STORE: there is no such. */
int guard_begin(struct guard *g, uint64_t transaction, struct err *e);
/* What a commit can touch whatever it changes: each record of free pages. Before guard_key, which
 * then knows a page that is free and in use. */
int guard_free_pages(struct guard *g, struct err *e);
/* What a change of this key can touch: the pages from the root to it, and their neighbours. A page
 * is looked at once between two guard_begin. */
int guard_key(struct guard *g, struct str key, struct err *e);
/* Everything that is reachable. */
int guard_all(struct guard *g, struct err *e);
