/* SPDX-License-Identifier: Apache-2.0 */
/* What folder.c and folder_stamp.c share: looking at one name of a model's folder. */
#pragma once

#include "deploy/folder.h"

#define NAME_SIZE 32 /* of a number as text, with a prefix */

struct folder {
	int fd;
	char *where; /* path/entry, for messages */
};

/* What lies under a name, links not followed. */
enum kind { KIND_NONE, KIND_FILE, KIND_FOLDER, KIND_OTHER };
int folder_kind_of(const struct folder *f, const char *name, enum kind *ret, struct err *e);
/* The same where only want or nothing may lie; anything else is DENIED by name. */
int folder_kind_is(const struct folder *f, const char *name, enum kind want, bool *ret,
                   struct err *e);
/* In one step, durable. DENIED: something else than a file has that name. */
int folder_write_small(const struct folder *f, const char *name, const struct buf *text,
                       struct err *e);
int folder_read_small(const struct folder *f, const char *name, size_t max, struct buf *ret,
                      struct err *e);
