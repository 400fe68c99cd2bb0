/* SPDX-License-Identifier: Apache-2.0 */
/* What out.c, out_table.c and prompt.c share; nobody else includes it. */
#pragma once

#include "registry/base/clock.h"
#include "registry/base/out.h"
#include "registry/base/vec.h"

#define OUT_WRITE_SIZE  ((size_t)64 * 1024)
#define OUT_API_VERSION "slipway/v1"

struct out_cell_text {
	uint32_t len, width;
};

#define OUT_COLUMNS_MAX 32

struct out_table {
	const struct out_column *columns;
	size_t n, at;     /* columns; the one that the next cell fills */
	bool is_laid_out; /* text, wide */
	bool shown[OUT_COLUMNS_MAX];
	size_t widths[OUT_COLUMNS_MAX]; /* laid out: of the widest cell so far, titles too */
	size_t name;                    /* the column of -o name */
	int64_t now_s;                  /* for ages */
	int64_t day;                    /* that day_text begins with */
	char day_text[CLOCK_TEXT_SIZE];
	bool is_open, has_rows;
	struct buf row_open; /* ndjson: what each line begins with */
	struct buf text;     /* text, wide: the cells, one behind the other */
	VEC(struct out_cell_text) cells;
};

struct out_bar {
	enum out_progress mode;
	struct buf what;
	uint64_t start_ms, last_ms, start_done;
	bool is_running;
	size_t width; /* cells on the screen now; 0: none */
};

struct out {
	int fd_data, fd_notes, fd_log; /* the last -1: none */
	enum out_format format;
	enum out_color color;
	enum out_progress progress;
	int quiet;
	struct buf data;
	int failed; /* errno of the first write that failed: later data is dropped */
	void (*before_write)(void *arg); /* NULL */
	void *before_arg;
	bool wrote, in_object, is_sink;
	struct json_out json;
	struct out_table table;
	struct out_bar bar;
};

bool out_colored(const struct out *o, int fd);
void out_notes_write(struct out *o, const struct buf *b); /* clears the bar first */
void out_render_error(const struct out *o, const struct err *e, bool as_json, struct buf *ret);
void out_bar_clear(struct out *o);
void out_data_grew(struct out *o); /* writes once there is enough */
/* "warning"; safe text, which may have our own line feeds. Nothing without --log-file. */
void out_log_line(struct out *o, const char *level, struct str text);
