/* SPDX-License-Identifier: Apache-2.0 */
/* Which screen shows what an entry of the log is about. */
#pragma once

#include "registry/entry.h"
#include "tui/view.h"

struct about {
	char view[32], arg[NAME_SIZE + 24];
	char text[NAME_SIZE + 48]; /* "version face-detect@v2"; "" with view "" */
};
/* A version, plan, job, target, or the keys and policy; nothing where no screen shows it. */
void about_entry(const struct entry *n, struct about *ret);
