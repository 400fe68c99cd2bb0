/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From argv to a row of the table, its words and options, and the global flags in struct app. Pure
 * but for the settings of struct app: opens and prints nothing.
 */
#pragma once

#include <stdbool.h>

#include "registry/base/vec.h"
#include "tui/cmd/cmd.h"

struct parsed {
	const struct cmd *cmd;  /* NULL: no verb was given */
	bool wants_help, wants_version;
	struct args args;       /* points into argv; release with parse_fini */
};
extern const struct opt global_opts[]; /* ends with name NULL */

/* The rows of a verb, by the words after it: *ret_words is how many of argv were its name (1 or 2).
 * USAGE with the nearest names. */
int parse_verb(const char *const *argv, size_t n, const struct cmd **ret, size_t *ret_words,
               struct err *e);
int parse(struct app *a, const char *const *argv, size_t n, struct parsed *ret, struct err *e);
void parse_fini(struct parsed *p);
/* "key list" */
void cmd_full_name(const struct cmd *c, char *ret, size_t size);
