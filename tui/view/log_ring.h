/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest lines that instances print, merged by the time that their server gives them: a bounded
 * number of lines and bytes, and how many were dropped for it. Nothing is drawn or read here.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/str.h"
#include "registry/base/vec.h"

#define LOG_RING_LINES 5000u
#define LOG_RING_BYTES ((size_t)2 << 20)
#define LOG_RING_LINE  4096u /* of one line; the rest is cut */

enum log_level { LOG_PLAIN, LOG_WARNING, LOG_ERROR, LOG_TOLD };
struct printed {
	char time[32]; /* "2026-10-26T07:00:02.500000000"; "" none */
	char *who;     /* instance; "" for what the watcher itself says */
	char *text;
	enum log_level level; /* LOG_TOLD: beside the lines: restarted, gone */
	bool is_hit;
};
struct log_ring {
	VEC(struct printed) lines; /* oldest first; a few more than the ring holds, for speed */
	size_t first;               /* of lines that count */
	size_t bytes, dropped;
	uint64_t total;
	bool has_filter;
	regex_t filter;
	size_t hits;
};
void log_ring_fini(struct log_ring *r);
size_t log_ring_n(const struct log_ring *r);
const struct printed *log_ring_at(const struct log_ring *r, size_t i);
/* Takes copies. Returns how many were dropped for it: what has index i has i - that now. */
size_t log_ring_add(struct log_ring *r, const char *time, const char *who, const char *text,
                    bool is_told);
/* An object of `logs -f -o ndjson`; false: it is none, and nothing was added. */
bool log_ring_take(struct log_ring *r, struct str line, size_t *ret_dropped);
/* Extended regular expression, ASCII case ignored; "" none. -1: it is none, *ret says why. */
int log_ring_filter(struct log_ring *r, const char *pattern, char ret_why[static 80]);
/* The next hit before or behind i, round the end; i itself when there is no other. */
size_t log_ring_hit(const struct log_ring *r, size_t i, bool forward);
