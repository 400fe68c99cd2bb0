/* SPDX-License-Identifier: Apache-2.0 */
/* The journal read as it is found: whole, torn, altered, or going on in the next segment. */
#include "registry/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/merkle.h"
#include "registry/base/fs.h"

struct place {
	char path[64];
	int fd;
};

static struct place
fresh(void)
{
	struct place p = { .path = "/tmp/slipway-log-XXXXXX" };
	struct err e = { 0 };

	cr_assert_eq(crypto_init(), 0);
	cr_assert_not_null(mkdtemp(p.path));
	cr_assert_eq(fs_open_dir(AT_FDCWD, p.path, &p.fd, &e), 0);
	cr_assert_eq(mkdirat(p.fd, "log", 0755), 0);
	return p;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	return remove(path);
}

static void
leave(struct place *p)
{
	(void)close(p->fd);
	(void)nftw(p->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
segment(const struct place *p, unsigned n, const void *bytes, size_t size)
{
	cleanup_free char *name = xasprintf("log/%08u.log", n);
	struct err e = { 0 };

	cr_assert_eq(fs_write_at(p->fd, name, bytes, size, 0644, &e), 0, "%s", e.msg);
}

static void
add_line(struct buf *b, uint64_t seq, const char *json)
{
	struct digest leaf;
	struct err e = { 0 };

	cr_assert_eq(log_format(seq, str_of(json), b, &leaf, &e), 0, "%s", e.msg);
}

/* --- lines --- */

#define EMPTY_LEAF "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"

Test(log, format)
{
	static char json[LOG_JSON_MAX + 2];
	static const struct {
		uint64_t seq;
		size_t n;
		const char *head; /* as far as it is known without hashing */
		int rc;
	} cases[] = {
		{ 0, 0, "0 " EMPTY_LEAF " \n", 0 },
		{ 18446744073709551615u, 0, "18446744073709551615 " EMPTY_LEAF " \n", 0 },
		{ 7, 3, "7 ", 0 },
		{ 1, LOG_JSON_MAX, "1 ", 0 },
		{ 1, LOG_JSON_MAX + 1, "", -(int)ERR_TOO_BIG },
	};

	memset(json, 'a', sizeof json - 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf b = { 0 };
		struct digest leaf, expected;
		char hex[DIGEST_HEX_SIZE];
		struct err e = { 0 };

		cr_expect_eq(log_format(cases[i].seq, (struct str){ json, cases[i].n }, &b, &leaf,
		                        &e),
		             cases[i].rc, "%zu", i);
		cr_expect(has_prefix(buf_cstr(&b), cases[i].head), "%zu: %s", i, buf_cstr(&b));
		if (cases[i].rc < 0)
			continue;
		merkle_leaf(json, cases[i].n, &expected);
		digest_hex(&expected, hex);
		cr_expect(digest_eq(&leaf, &expected));
		cr_expect_not_null(strstr(buf_cstr(&b), hex));
		cr_expect_eq(b.p[b.n - 1], '\n');
	}
}

/* --- a log as it is found --- */

/* Reads it all: how many whole lines, and how it ends. */
static int
read_all(struct log *l, unsigned *ret_n, enum log_step *step, struct log_line *line, struct err *e)
{
	struct log_reader *r;
	int rc = log_reader_new(l, (struct log_pos){ 1, 0 }, 0, &r, e);

	*ret_n = 0;
	*step = LOG_LINE;
	while (rc == 0 && *step == LOG_LINE) {
		rc = log_next(r, step, line, e);
		*ret_n += rc == 0 && *step == LOG_LINE;
	}
	log_reader_free(r);
	return rc;
}

/* What is wrong with the third line of three, or behind them. */
enum damage {
	NOTHING,
	NO_LF,
	HALF,
	ONE_BYTE,
	NUL_INSIDE,
	NUL_INSIDE_AND_MORE,
	NULS_ONLY,
	ALTERED,
	ALTERED_HASH,
	OTHER_SEQUENCE,
	LEADING_ZERO,
	SHORT_HASH,
	NO_SEQUENCE,
	EMPTY_LINE,
	CR_LF,
	TOO_LONG_LINE,
	TOO_LONG_WITHOUT_END,
	NO_LF_AND_SEGMENT,
	NUL_INSIDE_AND_SEGMENT,
	NEXT_SEGMENT,
	EMPTY_SEGMENT,
};

static void
damaged(struct buf *b, enum damage d)
{
	const size_t at = b->n;
	static char big[LOG_LINE_MAX + 10];

	memset(big, 'x', sizeof big);
	add_line(b, d == OTHER_SEQUENCE ? 3 : 2, "{\"c\":3}");
	if (d == NO_LF || d == NO_LF_AND_SEGMENT)
		b->n--;
	if (d == HALF)
		b->n = at + 30;
	if (d == ONE_BYTE)
		b->n = at + 1;
	if (d == NUL_INSIDE || d == NUL_INSIDE_AND_MORE || d == NUL_INSIDE_AND_SEGMENT)
		memset(b->p + at + 70, 0, 3);
	if (d == NUL_INSIDE_AND_MORE)
		add_line(b, 3, "{}");
	if (d == NULS_ONLY)
		memset(b->p + at, 0, b->n - at);
	if (d == ALTERED)
		b->p[b->n - 3] = '4';
	if (d == ALTERED_HASH)
		b->p[at + 5] = b->p[at + 5] == '0' ? '1' : '0';
	if (d == NO_SEQUENCE)
		b->p[at] = '-';
	b->n = d == LEADING_ZERO || d == SHORT_HASH || d == EMPTY_LINE || d == CR_LF ? at : b->n;
	if (d == LEADING_ZERO)
		buf_adds(b, "02 " EMPTY_LEAF " \n");
	if (d == SHORT_HASH)
		buf_adds(b, "2 6e34 {}\n");
	if (d == EMPTY_LINE)
		buf_addc(b, '\n');
	if (d == CR_LF)
		buf_adds(b, "2 " EMPTY_LEAF " \r\n");
	if (d == TOO_LONG_LINE || d == TOO_LONG_WITHOUT_END) {
		b->n = at + 67;
		buf_add(b, big, d == TOO_LONG_LINE ? LOG_JSON_MAX + 1 : sizeof big);
	}
	if (d == TOO_LONG_LINE)
		buf_addc(b, '\n');
}

Test(log, read_as_it_is_found)
{
	static const struct {
		enum damage d;
		unsigned lines;
		enum log_step end;
		int rc;
	} cases[] = {
		{ NOTHING, 3, LOG_END, 0 },
		{ NO_LF, 2, LOG_TORN, 0 },
		{ HALF, 2, LOG_TORN, 0 },
		{ ONE_BYTE, 2, LOG_TORN, 0 },
		{ NUL_INSIDE, 2, LOG_TORN, 0 },
		{ NULS_ONLY, 2, LOG_TORN, 0 },
		{ NUL_INSIDE_AND_MORE, 2, LOG_LINE, -(int)ERR_DIGEST },
		{ ALTERED, 2, LOG_LINE, -(int)ERR_DIGEST },
		{ ALTERED_HASH, 2, LOG_LINE, -(int)ERR_DIGEST },
		{ OTHER_SEQUENCE, 2, LOG_LINE, -(int)ERR_MALFORMED },
		{ LEADING_ZERO, 2, LOG_LINE, -(int)ERR_MALFORMED },
		{ SHORT_HASH, 2, LOG_LINE, -(int)ERR_MALFORMED },
		{ NO_SEQUENCE, 2, LOG_LINE, -(int)ERR_MALFORMED },
		{ EMPTY_LINE, 2, LOG_LINE, -(int)ERR_MALFORMED },
		{ CR_LF, 2, LOG_LINE, -(int)ERR_DIGEST },
		{ TOO_LONG_LINE, 2, LOG_LINE, -(int)ERR_TOO_BIG },
		{ TOO_LONG_WITHOUT_END, 2, LOG_LINE, -(int)ERR_TOO_BIG },
		{ NO_LF_AND_SEGMENT, 2, LOG_LINE, -(int)ERR_MALFORMED },
		{ NUL_INSIDE_AND_SEGMENT, 2, LOG_LINE, -(int)ERR_DIGEST },
		{ NEXT_SEGMENT, 4, LOG_END, 0 },
		{ EMPTY_SEGMENT, 3, LOG_END, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const enum damage d = cases[i].d;
		cleanup_buf struct buf one = { 0 }, two = { 0 };
		struct place p = fresh();
		struct log_line line;
		enum log_step step;
		struct err e = { 0 };
		struct log *l;
		unsigned n;

		add_line(&one, 0, "{\"a\":1}");
		add_line(&one, 1, "{\"b\":2}");
		const size_t good = one.n;
		damaged(&one, d);
		segment(&p, 1, one.p, one.n);
		add_line(&two, 3, "{\"d\":4}");
		if (d == NO_LF_AND_SEGMENT || d == NUL_INSIDE_AND_SEGMENT || d == NEXT_SEGMENT)
			segment(&p, 2, two.p, two.n);
		if (d == EMPTY_SEGMENT)
			segment(&p, 2, "", 0);
		cr_assert_eq(log_open(p.fd, &l, &e), 0);
		cr_expect_eq(read_all(l, &n, &step, &line, &e), cases[i].rc, "%zu: %s", i, e.msg);
		cr_expect_eq(n, cases[i].lines, "%zu: %u lines", i, n);
		if (cases[i].rc == 0)
			cr_expect_eq(step, cases[i].end, "%zu", i);
		else
			cr_expect_not_null(strstr(e.msg, "entry 2"), "%zu: %s", i, e.msg);
		if (step == LOG_TORN && cases[i].rc == 0)
			cr_expect(line.at.offset == good && line.length == one.n - good &&
			                  line.seq == 2,
			          "%zu", i);
		log_close(l);
		leave(&p);
	}
}

/* A bad line may end just where the reader's window ends: what follows must be looked for. */
Test(log, nothing_follows_an_unfinished_line_also_beyond_the_window)
{
	const size_t window = 256u << 10;
	cleanup_buf struct buf b = { 0 };
	cleanup_free char *pad = xcalloc(1, 65000);
	struct place p = fresh();
	struct log_line line;
	enum log_step step;
	struct err e = { 0 };
	struct log *l;
	unsigned n, seq = 0;

	memset(pad, 'x', 64900);
	while (b.n + 66000 < window)
		add_line(&b, seq++, pad);
	pad[window - b.n - (1 + 1 + 64 + 1 + 1)] = '\0';
	add_line(&b, seq, pad);
	cr_assert_eq(b.n, window);
	b.p[b.n - 5] = '\0';
	add_line(&b, seq + 1, "{}");
	segment(&p, 1, b.p, b.n);
	cr_assert_eq(log_open(p.fd, &l, &e), 0);
	cr_expect_eq(read_all(l, &n, &step, &line, &e), -(int)ERR_DIGEST);
	cr_expect_eq(n, seq);
	log_close(l);
	leave(&p);
}

Test(log, one_line_at_a_place)
{
	cleanup_buf struct buf b = { 0 }, got = { 0 };
	struct place p = fresh();
	struct err e = { 0 };
	struct log *l;

	add_line(&b, 0, "{\"a\":1}");
	const uint32_t first = (uint32_t)b.n;
	add_line(&b, 1, "{\"b\":2}");
	const uint32_t second = (uint32_t)b.n - first;
	segment(&p, 1, b.p, b.n);
	cr_assert_eq(log_open(p.fd, &l, &e), 0);
	const struct {
		struct log_pos at;
		uint32_t length;
		int rc;
	} cases[] = {
		{ { 1, 0 }, first, 0 },
		{ { 1, first }, second, 0 },
		{ { 1, 0 }, first + second, -(int)ERR_MALFORMED },
		{ { 1, 0 }, first - 1, -(int)ERR_MALFORMED },
		{ { 1, 1 }, first - 1, -(int)ERR_MALFORMED },
		{ { 1, first }, second + 1, -(int)ERR_NOT_FOUND },
		{ { 1, first + second }, second, -(int)ERR_NOT_FOUND },
		{ { 1, UINT32_MAX }, second, -(int)ERR_NOT_FOUND },
		{ { 1, 0 }, 0, -(int)ERR_MALFORMED },
		{ { 1, 0 }, UINT32_MAX, -(int)ERR_MALFORMED },
		{ { 2, 0 }, first, -(int)ERR_NOT_FOUND },
		{ { 1, 0 }, first, 0 }, /* after an error as before */
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct log_line line;

		cr_expect_eq(log_read_at(l, cases[i].at, cases[i].length, &got, &line, &e),
		             cases[i].rc, "%zu: %s", i, e.msg);
		if (cases[i].rc == 0)
			cr_expect_eq(line.seq, cases[i].at.offset > 0, "%zu", i);
	}
	log_close(l);
	leave(&p);
}

/* --- writing --- */

Test(log, appends_and_begins_segments)
{
	static const struct {
		uint64_t offset; /* where segment 1 ends */
		size_t line;
		struct log_pos at;
	} cases[] = {
		{ 0, 100, { 1, 0 } },
		{ 1000, 100, { 1, 1000 } },
		{ LOG_SEGMENT_MAX - 100, 100, { 1, LOG_SEGMENT_MAX - 100 } },
		{ LOG_SEGMENT_MAX - 99, 100, { 2, 0 } },
		{ LOG_SEGMENT_MAX, 100, { 2, 0 } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf line = { 0 };
		struct place p = fresh();
		struct log_pos end = { 1, cases[i].offset }, at, now;
		struct log_writer *w;
		struct err e = { 0 };
		struct log *l;
		bool sync_failed;

		segment(&p, 1, "", 0);
		cleanup_free char *path = xasprintf("%s/log/00000001.log", p.path);
		cr_assert_eq(truncate(path, (off_t)cases[i].offset), 0);
		while (line.n < cases[i].line)
			buf_addc(&line, line.n + 1 < cases[i].line ? 'x' : '\n');
		cr_assert_eq(log_open(p.fd, &l, &e), 0);
		cr_assert_eq(log_writer_open(l, &w, &e), 0);
		cr_expect_eq(log_append(w, &end, buf_str(&line), &at, &sync_failed, &e), 0, "%s",
		             e.msg);
		cr_expect(at.segment == cases[i].at.segment && at.offset == cases[i].at.offset,
		          "%zu", i);
		cr_expect_eq(log_end(l, &now, &e), 0);
		cr_expect(now.segment == end.segment && now.offset == end.offset, "%zu", i);
		cr_expect_eq(end.offset, at.offset + line.n);
		cr_expect_eq(log_cut(w, at, &e), 0);
		cr_expect_eq(log_end(l, &now, &e), 0);
		cr_expect(now.segment == at.segment && now.offset == at.offset, "%zu", i);
		log_writer_close(w);
		log_close(l);
		leave(&p);
	}
}

Test(log, suspect)
{
	static const struct {
		const char *text; /* NULL: log_suspect_mark writes it */
		int rc;
	} cases[] = {
		{ NULL, 0 },
		{ "3 70\n", 0 },
		{ "", -(int)ERR_MALFORMED },
		{ "3 70", -(int)ERR_MALFORMED },
		{ "3\n", -(int)ERR_MALFORMED },
		{ "3 -1\n", -(int)ERR_MALFORMED },
		{ "4294967296 0\n", -(int)ERR_MALFORMED },
		{ "3 70 \n", -(int)ERR_MALFORMED },
	};
	struct place p = fresh();

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct log_pos at = { 0, 0 };
		struct err e = { 0 };
		bool marked;

		cr_expect_eq(log_suspect_read(p.fd, &marked, &at, &e), 0);
		cr_expect_not(marked);
		if (cases[i].text)
			cr_assert_eq(fs_write_at(p.fd, "log/suspect", cases[i].text,
			                         strlen(cases[i].text), 0644, &e),
			             0);
		else
			cr_assert_eq(log_suspect_mark(p.fd, (struct log_pos){ 3, 70 }), 0);
		cr_expect_eq(log_suspect_read(p.fd, &marked, &at, &e), cases[i].rc, "%zu", i);
		cr_expect(marked);
		if (cases[i].rc == 0)
			cr_expect(at.segment == 3 && at.offset == 70);
		cr_expect_eq(log_suspect_clear(p.fd, &e), 0);
		cr_expect_eq(log_suspect_clear(p.fd, &e), 0);
	}
	leave(&p);
}
