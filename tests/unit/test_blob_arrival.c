/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs that come in pieces of any size, and what is left when they do not come whole. */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "blob_fixture.h"

TestSuite(blob_arrival);

static struct blob_batch *
batch(const struct place *p)
{
	struct blob_batch *t = NULL;
	struct err e = { 0 };

	cr_assert_eq(blob_batch_new(p->blobs, &t, &e), 0, "%s", e.msg);
	return t;
}

/* The first n bytes of fd, piece by piece. */
static int
feed(struct blob_arrival *a, int fd, size_t n, size_t piece, struct err *e)
{
	cleanup_free char *bytes = xmalloc(piece);
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < n; at += piece) {
		const size_t part = piece < n - at ? piece : n - at;

		cr_assert_eq(fs_pread_all(fd, bytes, part, (off_t)at), 0);
		rc = blob_arrival_write(a, bytes, part, e);
	}
	return rc;
}

static int
arrive(const struct place *p, struct blob_batch *t, int fd, size_t n, size_t piece,
       const struct digest *want, struct err *e)
{
	struct blob_arrival *a = NULL;
	struct digest got;
	int rc = blob_arrival_new(t, "weights", n, &a, e);

	if (rc == 0)
		rc = feed(a, fd, n, piece, e);
	if (rc == 0)
		rc = blob_arrival_end(a, want, &got, e);
	if (rc == 0 && want)
		cr_expect(digest_eq(&got, want));
	blob_arrival_free(a);
	return rc;
}

/* Around what stays in memory, the ring's end, and what goes past the page cache. */
Test(blob_arrival, sizes_and_pieces)
{
	static const struct {
		size_t size, piece;
	} cases[] = { { 0, 1 },
		      { 1, 1 },
		      { 5000, 7 },
		      { 4 * MIB - 1, 512 << 10 },
		      { 4 * MIB, 512 << 10 },
		      { 4 * MIB + 1, 100000 },
		      { 8 * MIB, 3 * MIB },
		      { 9 * MIB + 5, 9 * MIB + 5 },
		      { 16 * MIB, 777777 },
		      { 21 * MIB + 4097, 16384 } };
	struct place p = fresh("/tmp");
	struct blob_batch *const t = batch(&p);
	struct digest d[COUNT(cases)];
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_close int fd = make_file(cases[i].size, (unsigned)i, &d[i]);

		cr_expect_eq(arrive(&p, t, fd, cases[i].size, cases[i].piece, &d[i], &e), 0,
		             "%zu: %s", cases[i].size, e.msg);
	}
	cr_assert_eq(count(&p, "blobs/sha256"), 0);
	cr_assert_eq(blob_batch_finish(t, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < COUNT(cases); i++)
		cr_expect_eq(blob_verify(p.blobs, &d[i], cases[i].size, NULL, &e), 0, "%zu: %s",
		             cases[i].size, e.msg);
	blob_batch_free(t);
	leave(&p);
}

/* The ring is empty again for the next one, whose bytes go where they belong. */
Test(blob_arrival, given_up_in_between)
{
	static const size_t given_up[] = { 100, 4 * MIB, 6 * MIB + 1, 15 * MIB };
	struct place p = fresh("/tmp");

	for (size_t i = 0; i < COUNT(given_up); i++) {
		struct blob_batch *const t = batch(&p);
		struct blob_arrival *a = NULL;
		struct digest first, second;
		struct err e = { 0 };
		cleanup_close int one = make_file(20 * MIB, (unsigned)i, &first);
		cleanup_close int two = make_file(17 * MIB, 100 + (unsigned)i, &second);

		cr_assert_eq(blob_arrival_new(t, "weights", 20 * MIB, &a, &e), 0, "%s", e.msg);
		cr_assert_eq(feed(a, one, given_up[i], 300000, &e), 0, "%s", e.msg);
		blob_arrival_free(a);
		cr_expect_eq(arrive(&p, t, two, 17 * MIB, 300000, &second, &e), 0, "%s", e.msg);
		cr_expect_eq(blob_batch_finish(t, &e), 0, "%s", e.msg);
		cr_expect_eq(blob_verify(p.blobs, &second, 17 * MIB, NULL, &e), 0, "%s", e.msg);
		cr_expect_not(blob_exists(p.blobs, &first, NULL));
		blob_batch_free(t);
	}
	cr_expect_eq(count(&p, "incoming"), 0);
	leave(&p);
}

Test(blob_arrival, other_bytes)
{
	static const size_t sizes[] = { 10, 7 * MIB };
	struct place p = fresh("/tmp");

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct blob_batch *const t = batch(&p);
		struct digest d, other;
		struct err e = { 0 };
		cleanup_close int fd = make_file(sizes[i], (unsigned)i, &d);

		digest_small("other", 5, &other);
		cr_expect_eq(arrive(&p, t, fd, sizes[i], 300000, &other, &e), -(int)ERR_DIGEST);
		cr_expect_eq(arrive(&p, t, fd, sizes[i], 300000, NULL, &e), 0, "%s", e.msg);
		cr_expect_eq(blob_batch_finish(t, &e), 0, "%s", e.msg);
		cr_expect(blob_exists(p.blobs, &d, NULL));
		blob_batch_free(t);
	}
	cr_expect_eq(count(&p, "blobs/sha256"), COUNT(sizes));
	leave(&p);
}

/* Whichever thread writes: it is one error, of the file that it is about, and a next one works. */
Test(blob_arrival, a_disk_that_is_full)
{
	static const struct {
		size_t limit, size;
	} cases[] = { { 1000, 5000 }, { 2 * MIB, 6 * MIB }, { 18 * MIB, 40 * MIB } };
	const struct rlimit large = { RLIM_INFINITY, RLIM_INFINITY };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct place p = fresh("/tmp");

	cr_assert_eq(sigaction(SIGXFSZ, &ignore, NULL), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct rlimit small = { cases[i].limit, RLIM_INFINITY };
		struct blob_batch *const t = batch(&p);
		struct digest d;
		struct err e = { 0 };
		cleanup_close int fd = make_file(cases[i].size, (unsigned)i, &d);

		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
		cr_expect_eq(arrive(&p, t, fd, cases[i].size, 300000, &d, &e), -(int)ERR_SYS, "%s",
		             e.msg);
		cr_expect(strstr(e.msg, "cannot write the copy of \"weights\""), "%s", e.msg);
		cr_assert_eq(setrlimit(RLIMIT_FSIZE, &large), 0);
		e = (struct err){ 0 };
		cr_expect_eq(arrive(&p, t, fd, cases[i].size, 300000, &d, &e), 0, "%s", e.msg);
		cr_expect_eq(blob_batch_finish(t, &e), 0, "%s", e.msg);
		cr_expect_eq(blob_verify(p.blobs, &d, cases[i].size, NULL, &e), 0, "%s", e.msg);
		blob_batch_free(t);
	}
	leave(&p);
}
