/* SPDX-License-Identifier: Apache-2.0 */
/* What a database holds and where a log ends, and ways to put either back or out of step. */
#pragma once

#include "registry/base/message.h"
#include "registry/records.h"
#include "registry_fixture.h"

/* --- looking --- */

static inline int
dump_row(void *arg, struct str key, struct str value)
{
	struct buf *b = arg;

	buf_addf(b, "%zu %zu ", key.n, value.n);
	buf_add(b, key.p, key.n);
	buf_add(b, value.p, value.n);
	return 0;
}

/* Every key and value. */
static inline void
dump(struct store *s, struct buf *ret)
{
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s, &t, &e), &e, "begin");
	for (int c = 0; c < 256; c++) {
		const char first = (char)(unsigned char)c;
		ok(txn_scan(t, (struct str){ &first, 1 }, (struct str){ NULL, 0 }, SCAN_FORWARD,
		            dump_row, ret, &e),
		   &e, "scan");
	}
	store_abort(t);
	cr_assert(ret->n > 0);
}

static inline bool
same(const struct buf *a, const struct buf *b)
{
	return str_eq(buf_str(a), buf_str(b));
}

static inline uint64_t
log_size(struct site *s)
{
	struct log_pos end;
	struct err e = { 0 };

	ok(log_end(s->r->log, &end, &e), &e, "end");
	return (uint64_t)end.segment << 32 | end.offset;
}

/* Bytes behind the log, as a crash or a forger leaves them. */
static inline void
add_to_log(struct site *s, const void *p, size_t n)
{
	cleanup_free char *path = xasprintf("%s/log/00000001.log", s->dir);
	cleanup_close int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	cr_assert_eq(fs_write_all(fd, p, n), 0);
}

static inline uint64_t
entries(struct site *s)
{
	struct applied a;
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(applied_get(t, &a, &e), &e, "applied");
	store_abort(t);
	return a.entries;
}

static inline void
copy_db(struct site *s, const char *from, const char *to)
{
	cleanup_free char *a = xasprintf("%s/%s", s->dir, from),
	                  *b = xasprintf("%s/%s", s->dir, to);
	cleanup_buf struct buf bytes = { 0 };
	struct err e = { 0 };

	registry_close(steal(&s->r));
	ok(fs_read_at(AT_FDCWD, a, 64u << 20, &bytes, &e), &e, "read");
	ok(fs_write_at(AT_FDCWD, b, bytes.p, bytes.n, 0660, &e), &e, "write");
}

static unsigned warnings;

static inline void
count_warnings(void *arg, enum message_level level, const char *text)
{
	warnings += level == MESSAGE_WARNING;
}
