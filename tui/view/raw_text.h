/* SPDX-License-Identifier: Apache-2.0 */
/* JSON of any length spread over lines, of which only those on the screen are looked at: a manifest
 * of sixteen thousand files. Words are searched from the cursor on. Pure. */
#pragma once

#include "registry/base/vec.h"
#include "tui/view/list.h"

struct raw_text {
	struct buf text;
	VEC(size_t) starts; /* of lines, and the end */
	struct list list;
	char filter[128];
};
/* Compact JSON, two spaces a level. It is not checked: what is no JSON comes out as it is. */
void raw_text_set(struct raw_text *r, struct str json);
void raw_text_fini(struct raw_text *r);
struct str raw_text_line(const struct raw_text *r, size_t i);
/* Other words: the cursor goes to the first line from it on that has them. */
void raw_text_search(struct raw_text *r, const char *filter);
bool raw_text_is_hit(const struct raw_text *r, size_t i);
/* Movement and the way to the next hit; false: neither, or there is no hit. */
bool raw_text_act(struct raw_text *r, enum action act, size_t page);
void raw_text_draw(struct raw_text *r, const struct area *a);
