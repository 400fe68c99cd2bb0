/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys mean: the one table that the loop obeys and that help prints. Only what every terminal
 * sends is bound, and no single key changes a target.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_code {
	K_NONE,
	K_CHAR,
	K_CTRL,
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
	K_RESIZE,
	K_OTHER
};
struct key {
	enum key_code code;
	char text[8];   /* K_CHAR: one character in UTF-8; K_CTRL: its letter, lower case */
	bool is_pasted; /* only a field may take it */
};

enum action {
	ACT_NONE,
	ACT_UP,
	ACT_DOWN,
	ACT_PAGE_UP,
	ACT_PAGE_DOWN,
	ACT_TOP,
	ACT_BOTTOM,
	ACT_OPEN,
	ACT_BACK,
	ACT_NEXT_TAB,
	ACT_TAB_1,
	ACT_TAB_2,
	ACT_TAB_3,
	ACT_TAB_4,
	ACT_PROMOTE,
	ACT_ROLLBACK,
	ACT_VERIFY,
	ACT_HISTORY,
	ACT_JOBS,
	ACT_PLANS,
	ACT_APPROVE,
	ACT_ABORT,
	ACT_CONTINUE,
	ACT_RELOAD,
	ACT_FILTER,
	ACT_CLEAR,
	ACT_COMMAND,
	ACT_HELP,
	ACT_NOTICES,
	ACT_REPAINT,
	ACT_COUNT
};
enum action key_action(const struct key *k); /* ACT_NONE: not bound */
/* "j, Down" and "one line down"; NULL behind the last row. */
const char *action_keys(enum action a);
const char *action_text(enum action a);

/* A line being typed. Bytes are UTF-8 as typed; a secret is wiped by line_clear. */
#define LINE_SIZE 1024
struct line {
	char text[LINE_SIZE];
	size_t n, at; /* bytes; at: where the next character goes */
};
bool line_key(struct line *l, const struct key *k); /* false: not a key of a field */
void line_set(struct line *l, const char *s);
void line_clear(struct line *l);
