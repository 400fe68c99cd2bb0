/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: log/00000001.log ..., segments of 64 MiB, one entry a line:
 *   <sequence, decimal> SP <leaf hash, 64 hex> SP <JSON> LF
 * The leaf hash is RFC 6962's over the JSON bytes: checksum and Merkle leaf at once. JSON is at
 * most 65,535 bytes. This file reads and checks lines; appending is for change.c alone (a lint
 * holds it).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/str.h"

#define LOG_JSON_MAX    65535u
#define LOG_LINE_MAX    (LOG_JSON_MAX + 20 + 1 + 64 + 1 + 1)
#define LOG_SEGMENT_MAX (64u << 20)

struct log_pos {          /* where a line begins, or the end of the log */
	uint32_t segment; /* 1.. */
	uint64_t offset;
};
struct log_line {
	uint64_t seq;
	struct digest leaf;
	struct str json; /* into the reader's buffer, until the next call */
	struct log_pos at;
	uint32_t length; /* of the whole line with its LF */
};

struct log;
int log_open(int rootfd, struct log **ret, struct err *e); /* NOT_FOUND: no segment 1 */
void log_close(struct log *l);
/* Where the log ends now for all who read it: with its files, or where it was marked suspect. */
int log_end(struct log *l, struct log_pos *ret, struct err *e);
/* Where its files end, marked or not. */
int log_files_end(struct log *l, struct log_pos *ret, struct err *e);
bool log_pos_before(struct log_pos a, struct log_pos b);
ino_t log_inode(struct log *l); /* of segment 1 */
/* One line at a known place, checked whole. MALFORMED, DIGEST; NOT_FOUND: the log is shorter. */
int log_read_at(struct log *l, struct log_pos at, uint32_t length, struct buf *ret,
                struct log_line *line, struct err *e);

/* Lines in order from a place whose sequence is known. */
struct log_reader;
int log_reader_new(struct log *l, struct log_pos from, uint64_t seq, struct log_reader **ret,
                   struct err *e);
void log_reader_free(struct log_reader *r);
enum log_step {
	LOG_LINE,
	LOG_END,
	LOG_TORN
}; /* TORN: an unfinished last line; line->at says where */
/* MALFORMED or DIGEST for a bad line that is not the torn tail; names segment, offset and sequence.
 */
int log_next(struct log_reader *r, enum log_step *ret_step, struct log_line *line, struct err *e);

/* --- for change.c --- */
/* "<seq> <hash> <json>\n"; the leaf goes to *ret_leaf. TOO_BIG. */
int log_format(uint64_t seq, struct str json, struct buf *ret, struct digest *ret_leaf,
               struct err *e);
struct log_writer;
int log_writer_open(struct log *l, struct log_writer **ret, struct err *e);
void log_writer_close(struct log_writer *w);
/* One pwritev, one fdatasync. Begins a new segment when the current one is full. On failure the
 * file is cut back to `end`; *ret_sync_failed: fdatasync itself said no, the log must be marked
 * suspect. */
int log_append(struct log_writer *w, struct log_pos *end, struct str line, struct log_pos *ret_at,
               bool *ret_sync_failed, struct err *e);
int log_cut(struct log_writer *w, struct log_pos end,
            struct err *e);                           /* everything behind end goes, durably */
/* The file log/suspect: what stands behind that place may not be on the disk, and does not exist
 * for readers. A writer settles it. */
int log_suspect_mark(int rootfd, struct log_pos end); /* best effort: 0 or -1 */
int log_suspect_read(int rootfd, bool *ret_is_marked, struct log_pos *ret, struct err *e);
int log_suspect_clear(int rootfd, struct err *e);
