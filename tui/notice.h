/* SPDX-License-Identifier: Apache-2.0 */
/* What the console had to say since it started, numbered, kept until it ends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/base/vec.h"

struct notice {
	int64_t time_s;
	bool is_bad;
	char code[24]; /* of the error, as the manual names it; "" none */
	char text[600], hint[256];
};
struct notices {
	VEC(struct notice) list;
	size_t read; /* how many were seen on their screen */
};
void notice_add(struct notices *n, bool is_bad, const char *hint, const char *fmt, ...)
        PRINTF(4, 5);
void notice_err(struct notices *n, const struct err *e);
const struct notice *notice_oldest_unread(const struct notices *n); /* NULL: none */
void notices_fini(struct notices *n);
