/* SPDX-License-Identifier: Apache-2.0 */
/* What screen.c, screen_keys.c and ink.c share; nobody else includes it. */
#pragma once

#include <curses.h>
#include <stdio.h>
#include <termios.h>

#include "registry/base/buf.h"
#include "tui/term/link.h"
#include "tui/term/reply.h"
#include "tui/term/screen.h"

struct screen {
	int mem, tty, saved1, saved2; /* tty: for writing; saved: what 1 and 2 were */
	FILE *file;                   /* of descriptor 1 */
	SCREEN *curses;
	WINDOW *pad;          /* keys are read from here: reading from a window would paint it */
	struct termios modes; /* as we found them */
	bool has_paste, in_paste;
	char part[4]; /* of a character whose other bytes are to come */
	size_t part_n;
	struct grid grid;
	struct buf wait; /* bytes for the terminal */
	size_t sent;     /* of wait */
	bool is_stuck;   /* the line took no more: the rest goes when it can */
	bool is_away;    /* the normal screen is shown; Enter brings us back */
	struct link link;
	bool repeats;  /* the terminal repeats a character as xterm does */
	bool brackets; /* frames stand between the marks of synchronized output */
	bool wants_sync, wants_background; /* from the answers */
	bool asked;                        /* and the last answer is not here */
	uint64_t asked_at_ms;
	int esc_delay; /* when nothing is asked */
	struct reply reply;
	bool is_stale;        /* a frame is wanted: an answer changed the inks, or we are back */
	uint64_t marks, keys; /* keys: typed and taken, not pasted */
	struct screen_facts facts;
};

/* screen.c */
void screen_arm(struct screen *s); /* what a crash would write */
void screen_leave(struct screen *s, bool hastily);
void screen_enter(struct screen *s);

/* screen_line.c */
void screen_memory_take(struct screen *s); /* what curses wrote joins what waits for the line */
void screen_drain_for(struct screen *s, int ms);
void screen_send(struct screen *s, uint64_t began_us);
void screen_ask(struct screen *s, const struct screen_look *look);
void screen_fact(struct screen *s, enum reply_fact fact);
void screen_questions_age(struct screen *s);
void screen_await_answers(struct screen *s);

/* screen_keys.c: what curses is to know besides the keys */
void screen_keys_paste(void);
void screen_keys_answers(void);
void screen_keys_forms(void);

void inks_init(bool color, enum background background);
void inks_background(enum background background);
bool ink_hides_on_blanks(enum ink ink); /* a blank in it looks like any other */
void ink_look(enum ink ink, bool is_selected, attr_t *ret_attr, short *ret_pair);
