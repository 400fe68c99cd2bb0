/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that are secrets: wiped when they go, and the header that shows user and password. */
#pragma once

#include <stdbool.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/str.h"

void secret_wipe(char **s);          /* and freed; NULL is fine */
void secret_wipe_buf(struct buf *b); /* all that it ever held, and finished */
/* A token that a header can hold: not empty, no blanks, no controls, ASCII. */
bool secret_is_token(struct str s);
/* Of a file, without the blanks around it. To be wiped. NOT_FOUND, ...; MALFORMED: no token. */
int secret_read_token(const char *path, char **ret, struct err *e);
/* The only line of a file, "USER:PASSWORD", as "Basic ..". To be wiped. MALFORMED: none. */
int secret_read_login(const char *path, char **ret, struct err *e);
/* "Basic .." (RFC 7617); password NULL: empty. To be wiped. */
char *secret_basic(const char *user, const char *password);
