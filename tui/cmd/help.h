/* SPDX-License-Identifier: Apache-2.0 */
/* Help as text of at most 80 columns, made from the rows of the table. */
#pragma once

#include "registry/base/buf.h"
#include "tui/cmd/cmd.h"

void help_all(struct buf *ret);
void help_group(struct buf *ret, const char *verb); /* "key": its rows */
void help_cmd(struct buf *ret, const struct cmd *c);
void help_exits(struct buf *ret);
