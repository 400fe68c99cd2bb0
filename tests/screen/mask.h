/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* The login name of who runs this, a word of its own, as a uid of unchanged column; malloc'ed. */
char *mask_login(const char *text);
/* Ids of jobs and plans: runs of 16 hex digits; with "whole", digests without a prefix too, also
 * in parts. */
void mask_ids(char *text, bool whole);
void mask_trim(char *text); /* blanks at the ends of lines */
