/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Screens: one file each in view/, one row each in view_table.c. A view reads and draws; an act is
 * an argv that the app shows and then spawns. No business logic, no writing, no curses (term/
 * paints).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "registry/base/err.h"
#include "registry/records.h"
#include "tui/app.h"
#include "tui/menu.h"
#include "tui/notice.h"
#include "tui/term/keys.h"
#include "tui/term/paint.h"
#include "tui/words.h"

struct live;
/* What all screens of a console share; filled by console.c. */
struct view_shared {
	struct app *app;
	struct err no_registry; /* why app->registry is NULL */
	struct notices notices;
	char who[64]; /* whose key signs; "" none */
	bool is_slow; /* the line to the person: no charts, nothing that moves by itself */
	const struct live *live; /* what the targets say (live.h) */
};

#define VIEW_ARG_SIZE 600
struct view {
	const struct view_ops *ops;
	struct app *app;
	struct view_shared *shared;
	const struct view *below; /* the screen that comes back; NULL on the first */
	void *state;              /* ops->state_size zeroed bytes */
	char arg[VIEW_ARG_SIZE];  /* what it shows: "face-detect", "face-detect@v2", a job's id */
	char filter[128];         /* words typed after "/" */
	bool is_filtering;        /* they are being typed: the cursor stands behind them */
	bool is_live;             /* set by the view: call reload each second */
	bool is_unfinished;       /* set by the view: call more when nothing else waits */
	size_t page;              /* rows that the last draw had for its list */
	size_t cols;              /* of the screen */
};

/* What a child has said so far. */
struct answer {
	const char *command; /* the line that was shown */
	struct str out, err_text;
	bool is_done;
	int status; /* exit status, 128 + n for a signal */
};

/* Of a child that does not end (FEED_ARGV), one at a time. */
struct view_line {
	struct str text; /* without its end; "" when is_end */
	bool is_err;     /* a note on stderr */
	bool is_end;     /* the child has ended */
	int status;      /* of a child that has ended */
};

enum handled {
	NOT_HANDLED,
	HANDLED,
	CLOSE_VIEW,
	OPEN_VIEW, /* ret names view and argument */
	RUN_ARGV,  /* shown, confirmed, then run; its output gets a screen */
	ASK_ARGV,  /* only reads: runs at once, its output comes to the view's answer() */
	FEED_ARGV, /* only reads, and does not end: its lines come to the view's line(); the feed
	            * that the view had before ends */
	OPEN_MENU, /* ret's menu is shown; what is picked comes to the view's picked() */
	RUN_ACTION, /* this screen closes, the one below does ret's act as if its key were pressed
	             */
};

/* What the cursor is on, for what every screen can do with it: copy, more acts. "" where a screen
 * has no such thing. */
struct view_subject {
	char model[NAME_SIZE];
	char ref[NAME_SIZE + 24]; /* "face-detect@v2" */
	char digest[80];          /* "sha256:" and 64 hex digits */
	char stage[64], target[64];
	char plan[80], job[24]; /* ids in full */
	char text[400]; /* the line itself, where nothing of the above fits: an audit entry */
};

struct view_request {
	char view[32], arg[VIEW_ARG_SIZE]; /* OPEN_VIEW */
	bool replaces;                     /* instead of this screen, also for RUN_ARGV */
	struct words argv;                 /* words without "slipway", owned */
	char protected_name[256];          /* RUN_ARGV: must be typed first; "" */
	const char *protected_what;        /* whose name that is: "person"; NULL: the model's */
	bool reads;                        /* RUN_ARGV: changes nothing, no question */
	struct menu menu;                  /* OPEN_MENU, owned */
	enum action act;                   /* RUN_ACTION */
};

struct hint {
	enum action act;
	const char *text; /* "promote" */
};
struct view_ops {
	const char *name;
	size_t state_size;
	int (*open)(struct view *v, struct err *e);
	int (*reload)(struct view *v,
	              struct err *e); /* a window of rows, one short read transaction */
	/* It is on the screen now: what it wants to ask (ASK_ARGV). NULL: nothing. */
	enum handled (*opened)(struct view *v, struct view_request *ret);
	/* A few milliseconds of what reload or an action began. true: there is something to draw.
	 */
	bool (*more)(struct view *v);
	void (*title)(const struct view *v,
	              struct buf *ret); /* its part of the path; NULL: name and arg */
	void (*draw)(struct view *v, const struct area *a);
	/* ACT_NONE never comes; movement, open, tabs and acts do. May be NULL. */
	enum handled (*action)(struct view *v, enum action act, struct view_request *ret);
	enum handled (*answer)(struct view *v, const struct answer *a, struct view_request *ret);
	/* true: there is something to draw */
	bool (*line)(struct view *v, const struct view_line *l);
	/* A row of the menu that the view opened last was picked. */
	enum handled (*picked)(struct view *v, size_t item, struct view_request *ret);
	void (*subject)(const struct view *v, struct view_subject *ret); /* NULL: none */
	void (*close)(struct view *v); /* state itself is freed by the caller */
	/* Would this act do something now? Those that would not leave the key line. NULL: all. */
	bool (*can)(const struct view *v, enum action act);
	/* Why this act does nothing now, for who presses its key all the same: "v3 is retired, ..".
	 * Empty: the screen does not know it. May be NULL. */
	void (*why_not)(const struct view *v, enum action act, struct buf *ret);
	bool has_filter;
	bool has_table; /* sorting, columns and marks are there */
	bool draws_live; /* the same where somebody watches them, and does not want it by itself */
	bool shows_live;          /* what the targets say: they are watched while it is open */
	const struct hint *hints; /* the key line, most wanted first; ends with text NULL */
};
extern const struct view_ops *const view_table[]; /* NULL-terminated */
