/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All printing. stdout is data, stderr is progress, notes and prompts. Foreign text goes through
 * text_safe here and nowhere else; a verb describes rows and members, this file decides how text,
 * wide, tsv, name, json and ndjson look. Output is gathered and written in few large writes; EPIPE
 * ends the process quietly with 141.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/json.h"
#include "registry/base/message.h"
#include "registry/base/progress.h"

enum out_format { OUT_TEXT, OUT_WIDE, OUT_TSV, OUT_NAME, OUT_JSON, OUT_NDJSON };
enum out_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum out_progress { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_LINE, PROGRESS_JSON, PROGRESS_NONE };

struct out;
struct out *out_new(int fd_data, int fd_notes); /* 1 and 2 but in tests */
void out_free(struct out *o);                   /* flushes */
void out_set_format(struct out *o, enum out_format f);
void out_set_color(struct out *o, enum out_color c);
enum out_color out_color_of(const struct out *o);
void out_set_progress(struct out *o, enum out_progress p);
void out_set_quiet(struct out *o, int quiet);   /* 0 normal, 1 no notes; -1 verbose: debug too */
bool out_is_verbose(const struct out *o);
/* Notes, warnings and errors are appended to path as well, whatever quiet says: made 0600, no link
 * is followed. DENIED, NOT_FOUND, SYS. */
int out_log_open(struct out *o, const char *path, struct err *e);
enum out_format out_format_of(const struct out *o);
bool out_is_json(const struct out *o); /* json or ndjson */
int out_parse_format(const char *s, enum out_format *ret); /* -1: unknown */

/* Free text on stdout (a call under json is ignored). All arguments count as foreign: a line feed
 * is kept only where fmt has it; text of ours with lines goes through out_raw. */
void out_text(struct out *o, const char *fmt, ...) PRINTF(2, 3);
void out_raw(struct out *o, const void *p, size_t n); /* safe already, or the data itself */
void out_note(struct out *o, const char *fmt, ...) PRINTF(2, 3); /* stderr; ends the line */
void out_message_sink(struct out *o); /* messages of library code become notes of this out */

/* Tables. Columns are declared once, then cells in order, row by row; widths are found from all
 * rows (text), or nothing is kept (tsv, json: rows leave as they come). Column names are ours. */
enum out_align { OUT_LEFT, OUT_RIGHT };
struct out_column {
	const char *title; /* "MODEL" in text and tsv */
	const char *key;   /* member in json */
	enum out_align align;
	bool wide_only; /* shown by wide, tsv and json */
	bool name;      /* what -o name prints */
};
/* Inside an object the table is its member "kind"; else it is {..., "items":[...]}. */
void out_table_begin(struct out *o, const char *kind, const struct out_column *c, size_t n);
void out_cell_str(struct out *o, struct str s);
void out_cell(struct out *o, const char *s);          /* NULL: "-" in text, null in json */
void out_cell_word(struct out *o, const char *ours);  /* one of ours: plain ASCII */
void out_cell_u64(struct out *o, uint64_t v);
void out_cell_size(struct out *o, uint64_t bytes);    /* "1.2G" in text, integer elsewhere */
void out_cell_time(struct out *o, int64_t s);         /* age in text, RFC 3339 elsewhere */
/* 12 digits in text, whole elsewhere; NULL as in out_cell. */
void out_cell_digest(struct out *o, const struct digest *d);
/* text for text, v for json. */
void out_cell_json(struct out *o, const char *text, const json_t *v);
void out_table_end(struct out *o);

/* One object: "json" gives {"apiVersion":"slipway/v1","kind":kind,...}; text gives "title: value"
 * lines. */
void out_object_begin(struct out *o, const char *kind);
struct json_out *out_object_json(struct out *o); /* members for json; NULL in text formats */
void out_object_end(struct out *o);
/* Text formats only: one line. */
void out_field(struct out *o, const char *title, const char *fmt, ...) PRINTF(3, 4);
void out_section(struct out *o, const char *title); /* text formats only: blank line and heading */

/* The only place that shows an error: stderr, "slipway: message" and a hint line; under json an
 * object with code, exit, message, hint. */
void out_error(struct out *o, const struct err *e);
/* For a signal handler: out_last shows what was prepared last, in the format that o then has, and
 * ends the process with the error's exit status. */
void out_last_prepare(struct out *o, const struct err *e);
void out_last(void) __attribute__((noreturn));
struct progress out_progress(struct out *o); /* draws on stderr as set */
void out_progress_done(struct out *o);       /* clears the bar */
/* fn (NULL: none) is told before each write to stdout, which a pager may hold up for hours. */
void out_before_write(struct out *o, void (*fn)(void *arg), void *arg);
int out_flush(struct out *o);                /* 0; -1 with errno when data could not be written */

/* A question on the terminal, only when stdin and stderr are terminals. 0 and the line (no
 * newline); USAGE otherwise. */
int out_ask(struct out *o, const char *question, struct buf *ret, struct err *e);
/* The same with echo off, into sodium memory of size bytes; restored on signals. */
int out_ask_secret(struct out *o, const char *question, char *ret, size_t size, struct err *e);
