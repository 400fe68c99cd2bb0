/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Screens: one file each in view/, one row each in view_table.c. A view reads and draws; an act is an argv
 * that the app shows and then spawns. No business logic, no writing, no curses (term/ paints).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/base/err.h"
#include "registry/base/vec.h"
#include "tui/app.h"
#include "tui/term/paint.h"

struct view {
	const struct view_ops *ops;
	struct app *app;
	void *state;      /* ops->state_size zeroed bytes */
	char arg[600];    /* what it shows: "face-detect", "face-detect@v2", a job's id */
	char filter[128]; /* words typed after "/" */
};

enum action { /* what keys mean; the table of keys is term/keys.c */
	ACT_NONE, ACT_UP, ACT_DOWN, ACT_PAGE_UP, ACT_PAGE_DOWN, ACT_TOP, ACT_BOTTOM, ACT_OPEN, ACT_BACK,
	ACT_NEXT_TAB, ACT_TAB_1, ACT_TAB_2, ACT_TAB_3, ACT_TAB_4, ACT_MARK, ACT_PROMOTE, ACT_ROLLBACK,
	ACT_VERIFY, ACT_HISTORY, ACT_JOBS, ACT_RELOAD, ACT_COUNT
};
enum handled { NOT_HANDLED, HANDLED, OPEN_VIEW, RUN_ARGV }; /* OPEN_VIEW: ret names view and argument */

struct view_request {
	char view[32], arg[600];     /* OPEN_VIEW */
	VEC(char *) argv;            /* RUN_ARGV: words without "slipway", owned */
	char protected_name[256];    /* RUN_ARGV: must be typed first; "" */
};

struct hint {
	const char *keys, *text; /* "p", "promote" */
};
struct view_ops {
	const char *name, *title;
	size_t state_size;
	int (*open)(struct view *v, struct err *e);
	int (*reload)(struct view *v, struct err *e); /* a window of rows, one short read transaction */
	void (*draw)(struct view *v, const struct area *a);
	enum handled (*action)(struct view *v, enum action act, struct view_request *ret);
	void (*close)(struct view *v);
	const struct hint *hints; /* ends with keys NULL */
};
extern const struct view_ops *const view_table[]; /* NULL-terminated */
