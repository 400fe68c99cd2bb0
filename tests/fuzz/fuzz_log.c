/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are a segment of the log. What the reader gives out hashes to its leaf, is in order and
 * lies where it says; a torn tail is the last thing of the file. First byte 'h': the rest is a list
 * of JSON lines that get a good head each, so that the fuzzer comes past the hash.
 */
#include "tests/fuzz/scratch.h"

#include <sys/stat.h>
#include <string.h>

#include "crypto/merkle.h"
#include "registry/base/fs.h"
#include "registry/log.h"

static int rootfd = -1;

static void
put_segment(struct str bytes)
{
	struct err e = { 0 };
	cleanup_close int fd = -1;

	if (rootfd < 0) {
		PROMISE(fs_open_dir(AT_FDCWD, scratch(), &rootfd, &e) == 0);
		PROMISE(mkdirat(rootfd, "log", 0700) == 0);
	}
	fd = openat(rootfd, "log/00000001.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	PROMISE(fd >= 0 && fs_write_all(fd, bytes.p, bytes.n) == 0);
}

static void
add_heads(struct str rest, struct buf *ret)
{
	struct digest leaf;
	struct err e = { 0 };

	for (uint64_t seq = 0; rest.n > 0; seq++) {
		const char *lf = memchr(rest.p, '\n', rest.n);
		const size_t n = lf ? (size_t)(lf - rest.p) : rest.n;

		(void)log_format(seq, (struct str){ rest.p, n }, ret, &leaf, &e);
		rest.p += n + (lf ? 1 : 0);
		rest.n -= n + (lf ? 1 : 0);
	}
}

static void
check_line(struct log *l, const struct log_line *line, uint64_t seq)
{
	cleanup_buf struct buf again = { 0 };
	struct log_line same;
	struct digest leaf;
	struct err e = { 0 };

	merkle_leaf(line->json.p, line->json.n, &leaf);
	PROMISE(digest_eq(&leaf, &line->leaf) && line->seq == seq);
	PROMISE(log_read_at(l, line->at, line->length, &again, &same, &e) == 0);
	PROMISE(same.seq == seq && digest_eq(&same.leaf, &leaf));
}

static void
read_all(struct log *l, size_t size)
{
	struct log_reader *rd = NULL;
	struct log_line line;
	enum log_step step = LOG_LINE;
	struct err e = { 0 };
	int rc = log_reader_new(l, (struct log_pos){ 1, 0 }, 0, &rd, &e);

	PROMISE(rc == 0);
	for (uint64_t seq = 0; rc == 0 && step == LOG_LINE; seq++) {
		rc = log_next(rd, &step, &line, &e);
		promise_err(rc, &e);
		if (rc == 0 && step == LOG_LINE)
			check_line(l, &line, seq);
		if (rc == 0 && step == LOG_TORN)
			PROMISE(line.at.offset + line.length == size);
	}
	log_reader_free(rd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_buf struct buf made = { 0 };
	struct str bytes = input(p, n);
	struct log *l = NULL;
	struct err e = { 0 };

	if (n > 0 && p[0] == 'h') {
		add_heads(input(p + 1, n - 1), &made);
		bytes = buf_str(&made);
	}
	put_segment(bytes);
	PROMISE(log_open(rootfd, &l, &e) == 0);
	read_all(l, bytes.n);
	log_close(l);
	return 0;
}
