/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that instances print, as a pane: they follow while the cursor is on the newest, scrolling
 * up lets go, "/" marks what matches an expression and "*" shows only that.
 */
#pragma once

#include "tui/view/list.h"
#include "tui/view/log_ring.h"

struct log_pane {
	struct log_ring ring;
	struct list list;  /* over shown */
	VEC(size_t) shown; /* of the ring, those that are drawn */
	bool is_stale;     /* shown is of an earlier ring */
	bool is_detached, only_hits;
	bool is_running, has_ended;
	size_t shift;                           /* cells that lie to the left of the screen */
	uint64_t missed;                        /* lines since it was let go */
	uint64_t began_ms, second_ms, second_n; /* the rate of the second that runs */
	unsigned rate;                          /* lines in the second before */
	int64_t lag_s;              /* of the newest line, when it came; by two clocks */
	char pattern[128], why[80]; /* why it is none */
	char ended[200];            /* why no more will come */
};
void log_pane_begin(struct log_pane *p); /* empty, and running */
void log_pane_fini(struct log_pane *p);
bool log_pane_line(struct log_pane *p, const struct view_line *l); /* true: draw */
void log_pane_tick(struct log_pane *p);                            /* each second */
void log_pane_filter(struct log_pane *p, const char *pattern);
enum handled log_pane_action(struct log_pane *p, enum action act, size_t page);
/* Returns the rows of the list. */
size_t log_pane_draw(struct log_pane *p, const struct view *v, const struct area *a);
