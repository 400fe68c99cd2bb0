/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a command line: built, shown as a shell would take them, read as a shell would. */
#pragma once

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/vec.h"

struct words {
	char **v; /* owned; NULL behind the last once words_add was called */
	size_t n, cap;
};
void words_add(struct words *w, const char *s);
void words_fini(struct words *w);
#define words_of(w, ...) words_add_all(w, (const char *const[]){ __VA_ARGS__, NULL })
void words_add_all(struct words *w, const char *const *list);
/* "slipway import 'a file' --as x" */
void words_show(const struct words *w, struct buf *ret);
/* Blanks part words; '..', ".." and \ quote. Nothing is expanded. USAGE: a quote that never ends.
 */
int words_parse(struct words *ret, const char *line, struct err *e);
