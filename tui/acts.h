/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be done with the chosen line beside the keys of its screen: one table, a row an act. An
 * act is the words of a command with places for what the cursor is on and for what is asked first.
 */
#pragma once

#include "tui/view.h"

#define ACT_FIELDS 2u
#define ACT_WORDS  8u

enum act_needs { NEEDS_NOTHING, NEEDS_MODEL, NEEDS_REF, NEEDS_PLAN, NEEDS_TARGET };
struct act_field {
	const char *ask;  /* "folder to write to"; NULL: none */
	bool is_path;     /* Tab completes names of files */
	bool is_optional; /* may be left empty; its word is left out then */
};
struct act {
	const char *key, *text;
	enum act_needs needs;
	/* "{ref}" "{model}" "{plan}" "{target}"; "{1}" "{2}": the fields; "{1..}": its words */
	const char *words[ACT_WORDS];
	struct act_field fields[ACT_FIELDS];
	bool reads;      /* changes nothing: runs without a question */
	bool wants_name; /* the model's name is typed, whatever the stage */
};
extern const struct act acts[]; /* ends with key NULL */

bool act_fits(const struct act *a, const struct view_subject *s);
/* The model's name is to be typed before these words run, if they are those of such an act. */
void act_protect(struct view_request *r);
/* fields: what was typed. USAGE: a quote that never ends, a word
 * that would be read as a flag. */
int act_words(const struct act *a, const struct view_subject *s,
              const char *const fields[static ACT_FIELDS], struct words *ret, struct err *e);
