/* SPDX-License-Identifier: Apache-2.0 */
/* The cursor over entries of the log, for the log's own screen and for a model's history: it stays
 * on its entry when others come, and at the newest when it stands there. */
#pragma once

#include "tui/view/audit_rows.h"
#include "tui/view/list.h"

struct audit_list {
	struct list list;
	struct audit_rows rows;
	uint64_t chosen; /* the entry under the cursor, plus one; 0: the newest, whichever it is */
	bool wants_end;
	struct err failed;
};
void audit_list_fini(struct audit_list *l);
/* For reload, more and movement of a view; false: no movement. */
void audit_list_reload(struct audit_list *l, struct view *v);
bool audit_list_more(struct audit_list *l, struct view *v);
bool audit_list_move(struct audit_list *l, struct view *v, enum action act);
const struct audit_row *audit_list_chosen(const struct audit_list *l); /* NULL */
/* The chosen entry's own page, and the page of what it is about, else its own. */
enum handled audit_list_open(const struct audit_list *l, struct view_request *ret);
enum handled audit_list_open_about(const struct audit_list *l, const struct view *v,
                                   struct view_request *ret);
void audit_list_subject(const struct audit_list *l, struct view_subject *ret);
