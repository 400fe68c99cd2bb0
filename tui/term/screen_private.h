/* SPDX-License-Identifier: Apache-2.0 */
/* What screen.c, screen_keys.c and ink.c share; nobody else includes it. */
#pragma once

#include <curses.h>
#include <stdio.h>
#include <termios.h>

#include "registry/base/buf.h"
#include "tui/term/screen.h"

struct screen {
	int mem, tty, saved1, saved2; /* tty: for writing; saved: what 1 and 2 were */
	FILE *file;                   /* of descriptor 1 */
	SCREEN *curses;
	WINDOW *pad;          /* keys are read from here: reading from a window would paint it */
	struct termios modes; /* as we found them */
	bool has_paste, in_paste;
	struct grid grid;
	struct buf wait; /* bytes for the terminal */
	size_t sent;     /* of wait */
	bool is_stuck;   /* the line took no more: the rest goes when it can */
	uint64_t marks;
	struct screen_facts facts;
};

void screen_keys_paste(void); /* teaches curses the two marks of a paste */
void inks_init(bool color);
bool ink_hides_on_blanks(enum ink ink); /* a blank in it looks like any other */
void ink_look(enum ink ink, bool is_selected, attr_t *ret_attr, short *ret_pair);
