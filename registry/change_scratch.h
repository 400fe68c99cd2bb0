/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database that nobody keeps: what would the log make, line by line? For check, which says why a
 * line does not count and whether the real database is what the log makes of it.
 */
#pragma once

#include "registry/base/err.h"
#include "registry/log.h"
#include "registry/registry.h"
#include "registry/store.h"

struct scratch;
/* Its rows, as far as lines were given to it; until it is closed. */
struct txn *change_scratch_rows(const struct scratch *s);
/* In a fresh folder below TMPDIR, which change_scratch_close removes. context: a registry's, kept
 * until then. */
int change_scratch_open(const struct row_context *context, struct scratch **ret, struct err *e);
void change_scratch_close(struct scratch *s); /* NULL is fine */
/* The next line. ret_why OK: it counts; else why replays pass it over. Errors: this machine's. */
int change_scratch_line(struct scratch *s, const struct log_line *line, struct err *ret_why,
                        struct err *e);
/* Has t just the rows that the lines made? DIGEST: others. */
int change_scratch_compare(const struct scratch *s, struct txn *t, struct err *e);
