/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that are secrets: wiped when they go, and the header that shows user and password. */
#pragma once

#include <stdbool.h>

#include "registry/base/buf.h"
#include "registry/base/str.h"

void secret_wipe(char **s);          /* and freed; NULL is fine */
void secret_wipe_buf(struct buf *b); /* all that it ever held, and finished */
/* A token that a header can hold: not empty, no blanks, no controls, ASCII. */
bool secret_is_token(struct str s);
/* "Basic .." (RFC 7617); password NULL: empty. To be wiped. */
char *secret_basic(const char *user, const char *password);
