/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help as text of at most 80 columns, and as data for programs, both made from the rows of the
 * table.
 */
#pragma once

#include "registry/base/buf.h"
#include "tui/cmd/cmd.h"

void help_all(struct buf *ret);
void help_group(struct buf *ret, const char *verb); /* "key": its rows */
void help_cmd(struct buf *ret, const struct cmd *c);
void help_exits(struct buf *ret);
/* Does this flag of every command mean something for c? NULL: for any. */
bool help_has(const struct cmd *c, const struct opt *o);

/* As data: the verbs (of a group, NULL: all); the exit statuses. */
void help_list_verbs(struct out *o, const char *group);
void help_list_exits(struct out *o);
void help_list_keys(struct app *a); /* of the console, as the settings have them */
void help_verb(struct out *o, const struct cmd *c); /* text, or data under json */
