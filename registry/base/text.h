/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Foreign text made safe, the one function before any terminal, table or log. Decoded as strict
 * UTF-8; controls, DEL, C1, invalid bytes, bidi controls, zero-width characters, variation
 * selectors, tags, private use, line separators and characters of unknown width become \xNN or
 * \u{N}; a backslash becomes \\, so the form reads back. Width is wcwidth's, which is what ncursesw
 * counts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/buf.h"
#include "registry/base/str.h"

/* Appends the safe form of s. */
void text_safe(struct buf *ret, struct str s);
/* The same for a message of ours with foreign parts: line feeds stay. */
void text_safe_lines(struct buf *ret, struct str s);
/* Reverses text_safe; -1 when s is not such a form. */
int text_unescape(struct buf *ret, struct str s);
/* Cells of a string that text_safe made. */
size_t text_width(struct str safe);

/* Prose is cut at the end, digests and paths in the middle. */
enum text_cut { TEXT_CUT_END, TEXT_CUT_MIDDLE };
/* Appends safe text s cut to at most width cells, marked by an ellipsis ("~" when ascii), padded
 * with spaces to exactly width when pad. An escape \xNN is never cut in half. */
void text_fit(struct buf *ret, struct str safe, size_t width, enum text_cut cut, int pad,
	      int ascii);

/* JSON string body (without quotes): RFC 8259, and all that text_safe escapes as \uXXXX. Invalid
 * UTF-8 becomes U+FFFD: values in JSON are exact for every valid string. */
void text_json(struct buf *ret, struct str s);

/* One code point of strict UTF-8: bytes taken (1..4), or 0 when p does not start a valid one. */
size_t text_decode(const char *p, size_t n, uint32_t *ret);
int text_is_utf8(struct str s); /* 1 or 0 */
/* Printable ASCII alone, without backslash and quote: its safe form is itself, a cell a byte. */
bool text_is_plain(struct str s);

/* "1.2G", "870M", "13B": three digits at most, powers of 1024. */
void text_size(char ret[16], uint64_t bytes);
/* "3m", "2h", "9d" since then; "now" below a second. */
void text_age(char ret[16], int64_t then_s, int64_t now_s);
void text_took(char ret[16], uint64_t seconds); /* "<1s", then as an age */
