/* SPDX-License-Identifier: Apache-2.0 */
/* A program on a terminal that is a libvterm screen: what a person would see, and the bytes that it
 * took. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

struct terminal;
struct mark { /* what the program last said about itself */
	uint64_t n, frames, writes, bytes, rows, cols, keys;
};

/* env ends with NULL: "NAME=VALUE", the whole environment. NULL: errno says why. */
struct terminal *terminal_new(const char *const *argv, const char *const *env, int rows, int cols);
void terminal_free(struct terminal *t); /* kills what still runs */

void terminal_resize(struct terminal *t, int rows, int cols);
bool terminal_send(struct terminal *t, const char *bytes, size_t n);
/* One key, as its bytes; and until a mark says that all of them were taken and shown. */
bool terminal_type(struct terminal *t, const char *bytes, size_t n);
bool terminal_wait_typed(struct terminal *t);
void terminal_read(struct terminal *t, int ms); /* what comes first in this time */
bool terminal_has_typed(const struct terminal *t);
/* Reads until a mark newer than `than` came. false: it did not within the limit, or the program
 * ended. */
bool terminal_wait_mark(struct terminal *t, uint64_t than);
/* What this terminal is asked it answers from now on, or keeps the answers for later. */
void terminal_answers(struct terminal *t, bool at_once);
bool terminal_wait_size(struct terminal *t); /* a mark of the present size */
bool terminal_wait_text(struct terminal *t, const char *text, bool there);
bool terminal_wait_end(struct terminal *t, int *ret_status); /* of waitpid */
/* Bytes that come in this time though nothing was sent. */
size_t terminal_listen(struct terminal *t, int ms);

struct mark terminal_mark(const struct terminal *t);
uint64_t terminal_bytes(const struct terminal *t); /* all so far, the marks left out */
bool terminal_is_alternate(const struct terminal *t);
bool terminal_has_cursor(const struct terminal *t);  /* it is visible */
bool terminal_takes_paste(const struct terminal *t); /* bracketed paste was left on */
bool terminal_modes(struct terminal *t, struct termios *ret);
pid_t terminal_pid(const struct terminal *t);
/* The screen as text: rows with LF, trailing blanks cut; malloc'ed. */
char *terminal_text(struct terminal *t);
/* The same, and behind it a line for each run of cells that do not look like plain text: "row
 * column cells: bold fg=2 bg=#ffffff". libvterm 0.1 knows no dim. */
char *terminal_looks(struct terminal *t);
bool terminal_is_selected(const struct terminal *t, int row); /* its cells are reversed */
void terminal_cursor(const struct terminal *t, int *ret_row, int *ret_col);
void terminal_hang_up(struct terminal *t); /* the line is gone */
/* Has this string come since the start, whole? Only one is watched for: set before it comes. */
void terminal_watch(struct terminal *t, const char *bytes);
bool terminal_saw(const struct terminal *t);
