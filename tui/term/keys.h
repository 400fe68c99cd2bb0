/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys mean: the one table that the loop obeys, that help prints and that the configuration
 * changes. Only what every terminal sends is bound, and no single key changes a target. A key may
 * mean something of its own on a few screens ("a": approve a plan, abort a job).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"

enum key_code {
	K_NONE,
	K_CHAR,
	K_CTRL,
	K_F, /* its number in text[0] */
	K_ENTER,
	K_ESC,
	K_TAB,
	K_BACK_TAB,
	K_BACKSPACE,
	K_DELETE,
	K_UP,
	K_DOWN,
	K_LEFT,
	K_RIGHT,
	K_PAGE_UP,
	K_PAGE_DOWN,
	K_HOME,
	K_END,
	K_OTHER
};
struct key {
	enum key_code code;
	char text[8];   /* K_CHAR: one character in UTF-8; K_CTRL: its letter, lower case */
	bool is_pasted; /* only a field may take it */
};

/* In the order in which help prints them. */
enum action {
	ACT_NONE,
	/* movement: from ACT_UP to ACT_BOTTOM within a list, then sideways */
	ACT_UP,
	ACT_DOWN,
	ACT_PAGE_UP,
	ACT_PAGE_DOWN,
	ACT_TOP,
	ACT_BOTTOM,
	ACT_LEFT,  /* a view without columns: as ACT_BACK */
	ACT_RIGHT, /* a view without columns: as ACT_OPEN */
	ACT_OPEN,
	ACT_BACK,
	ACT_NEXT_TAB,
	ACT_PREV_TAB,
	ACT_TAB_1,
	ACT_TAB_2,
	ACT_TAB_3,
	ACT_TAB_4,
	ACT_TAB_5,
	ACT_TAB_6,
	ACT_TAB_7,
	/* lists */
	ACT_FILTER,
	ACT_CLEAR,
	ACT_RAW_FILTER,
	ACT_NEXT_HIT,
	ACT_PREV_HIT,
	ACT_SORT,
	ACT_COLUMNS,
	ACT_MARK,
	ACT_MARK_RANGE,
	ACT_UNMARK,
	ACT_UNMARK_ALL,
	ACT_METRIC,
	ACT_FOLD,
	/* acts: none of them changes anything at once */
	ACT_PROMOTE,
	ACT_PROMOTE_MARKED,
	ACT_DIFF,
	ACT_ROLLBACK,
	ACT_VERIFY,
	ACT_APPROVE,
	ACT_APPLY,
	ACT_ABORT,
	ACT_RESUME,
	ACT_MENU,
	ACT_COPY,
	ACT_PRINT,
	/* screens */
	ACT_HOME,
	ACT_BOARD,
	ACT_TARGETS,
	ACT_JOBS,
	ACT_PLANS,
	ACT_AUDIT,
	ACT_TRUST,
	ACT_LOGS,
	ACT_HISTORY,
	ACT_NOTICES,
	ACT_BACKWARD,
	ACT_FORWARD,
	/* the console itself */
	ACT_COMMAND,
	ACT_HELP,
	ACT_FORGET,
	ACT_FACTS,
	ACT_RELOAD,
	ACT_REPAINT,
	ACT_COUNT
};

/* What the key means on the screen of that name (view_ops.name); ACT_NONE: not bound there. */
enum action key_action(const struct key *k, const char *screen);
/* "j Down": the keys as they are bound now, and "one line down"; NULL behind the last row. */
const char *action_keys(enum action a);
const char *action_text(enum action a);
/* The word that the configuration uses for it: "page-down". */
const char *action_name(enum action a);
/* The screens that have it, parted by blanks; NULL: all. */
const char *action_screens(enum action a);
/* Does any key mean it on that screen? */
bool action_is_on(enum action a, const char *screen);
/* The keys of one action are these from now on, parted by blanks: "F5 R". USAGE: an action or a
 * key that does not exist. keys is kept, not copied. */
int keys_bind(const char *action, const char *keys, struct err *e);
/* CONFLICT: one key means two things on one screen, or what leads out of every screen is gone. */
int keys_check(struct err *e);
void keys_reset(enum action a); /* to its default */
/* The action of that name; ACT_NONE. */
enum action action_named(const char *name);

/* A line being typed. Bytes are UTF-8 as typed; a secret is wiped by line_clear. */
#define LINE_SIZE 1024
struct line {
	char text[LINE_SIZE];
	size_t n, at; /* bytes; at: where the next character goes */
};
bool line_key(struct line *l, const struct key *k); /* false: not a key of a field */
void line_set(struct line *l, const char *s);
void line_clear(struct line *l);
