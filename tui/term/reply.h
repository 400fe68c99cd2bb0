/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a terminal answers when it is asked what it can do. The answers come among the keys and must
 * never be taken for some. Knows no terminal: bytes come in, facts go out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum reply_kind {
	REPLY_NONE,
	REPLY_CSI, /* behind "ESC [ ?" */
	REPLY_OSC, /* behind "ESC ]" */
};
enum reply_fact {
	FACT_MORE, /* it is not whole yet */
	FACT_NOTHING,
	FACT_SYNC,  /* the terminal knows synchronized output */
	FACT_LIGHT, /* its background is light */
	FACT_DARK,
	FACT_DEVICE, /* what it is: the last answer, as it was asked for last */
};

#define REPLY_MAX 64u
struct reply {
	enum reply_kind kind;
	size_t n;
	char text[REPLY_MAX];
};
/* The questions, in one string. */
extern const char reply_questions[];

void reply_begin(struct reply *r, enum reply_kind kind);
/* The next byte; anything but FACT_MORE ends the answer. One that is too long ends as well. */
enum reply_fact reply_byte(struct reply *r, char c);
/* "15;0" and the like, as COLORFGBG has it: FACT_LIGHT, FACT_DARK, or FACT_NOTHING. */
enum reply_fact reply_colorfgbg(const char *s);
