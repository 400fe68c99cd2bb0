/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A passphrase that the person wants remembered for a few minutes: in locked memory that is wiped,
 * and forgotten when its time is over, when the console is stopped or left, on a key, and when it
 * turned out to be wrong.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/base/buf.h"

#define SECRET_KEEP_S 300u

struct line;
struct secret {
	struct line *kept; /* guarded memory; NULL: nothing is remembered */
	uint64_t until_ms; /* of the monotonic clock */
	bool is_wanted;    /* what is asked next is to be remembered */
};
/* Empty, in guarded memory that sodium_free wipes; NULL: there is none. */
struct line *secret_line(void);
/* false: there is no locked memory, and it is not remembered. */
bool secret_keep(struct secret *s, const struct line *from);
void secret_forget(struct secret *s);
/* The passphrase; NULL: none, or its time is over (then it is gone now). */
const char *secret_get(struct secret *s);
/* "4m", "30s" that it is kept still; false: nothing is. */
bool secret_left(const struct secret *s, struct buf *ret);
/* Until that text changes; -1: never. */
int secret_wait_ms(const struct secret *s);
