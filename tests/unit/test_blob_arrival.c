/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs that come in pieces of any size, and what is left when they do not come whole. */
#include <signal.h>
#include <string.h>
#include <sys/file.h>
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
	int rc = blob_arrival_new(t, &(struct blob_coming){ "weights", n, want }, &a, e);

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
		const struct blob_coming c = { "weights", 20 * MIB, NULL };
		struct blob_arrival *a = NULL;
		struct digest first, second;
		struct err e = { 0 };
		cleanup_close int one = make_file(20 * MIB, (unsigned)i, &first);
		cleanup_close int two = make_file(17 * MIB, 100 + (unsigned)i, &second);

		cr_assert_eq(blob_arrival_new(t, &c, &a, &e), 0, "%s", e.msg);
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

/* --- what is gone on with --- */

#define SIZE (20 * MIB)

/* The first n bytes come, and no more. Is anything kept? */
static bool
cut(const struct place *p, int fd, size_t n, const struct digest *d)
{
	const struct blob_coming c = { "weights", SIZE, d };
	struct blob_batch *const t = batch(p);
	struct blob_arrival *a = NULL;
	struct err e = { 0 };
	uint64_t had;
	bool is_kept;

	cr_assert_eq(blob_arrival_resume(t, &c, &had, &a, &e), 0, "%s", e.msg);
	cr_assert_eq(feed(a, fd, n, 300000, &e), 0, "%s", e.msg);
	is_kept = blob_arrival_keep(a);
	blob_arrival_free(a);
	blob_batch_free(t);
	return is_kept;
}

/* What is not there yet comes. */
static int
go_on(const struct place *p, int fd, const struct digest *d, uint64_t *ret_had, struct err *e)
{
	const struct blob_coming c = { "weights", SIZE, d };
	struct blob_batch *const t = batch(p);
	struct blob_arrival *a = NULL;
	cleanup_free char *bytes = xmalloc(SIZE);
	struct digest got;
	uint64_t n, again = 0;
	int rc = blob_arrival_resume(t, &c, ret_had, &a, e);

	cr_assert_eq(rc, 0, "%s", e->msg);
	do {
		cr_assert_eq(blob_arrival_reread(a, &n, e), 0, "%s", e->msg);
		again += n;
	} while (n > 0);
	cr_expect_eq(again, *ret_had);
	cr_assert_eq(fs_pread_all(fd, bytes, SIZE, 0), 0);
	rc = blob_arrival_write(a, bytes + *ret_had, SIZE - *ret_had, e);
	if (rc == 0)
		rc = blob_arrival_end(a, d, &got, e);
	blob_arrival_free(a);
	if (rc == 0)
		rc = blob_batch_finish(t, e);
	blob_batch_free(t);
	return rc;
}

Test(blob_arrival, gone_on_with)
{
	static const struct {
		size_t came, had;
	} cases[] = { { 0, 0 },
		      { 4 * MIB - 1, 0 },
		      { 4 * MIB, 4 * MIB },
		      { 12 * MIB + 700000, 12 * MIB },
		      { SIZE, SIZE } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct place p = fresh("/tmp");
		struct digest d;
		struct err e = { 0 };
		struct stat st;
		uint64_t had = 1;
		cleanup_close int fd = make_file(SIZE, (unsigned)i, &d);
		char hex[DIGEST_HEX_SIZE];

		digest_hex(&d, hex);
		cleanup_free char *name = xasprintf("blobs/sha256/%s", hex);
		cr_expect_eq(cut(&p, fd, cases[i].came, &d), cases[i].had > 0, "%zu", i);
		cr_expect_eq(blob_part_size(p.blobs, &d), cases[i].had, "%zu", i);
		cr_expect_eq(count(&p, "incoming"), cases[i].had > 0, "%zu", i);
		cr_expect_eq(go_on(&p, fd, &d, &had, &e), 0, "%zu: %s", i, e.msg);
		cr_expect_eq(had, cases[i].had, "%zu: %zu", i, (size_t)had);
		cr_expect_eq(blob_verify(p.blobs, &d, SIZE, NULL, &e), 0, "%zu: %s", i, e.msg);
		cr_assert_eq(fstatat(p.fd, name, &st, 0), 0);
		cr_expect_eq(st.st_mode & 07777, 0440);
		cr_expect_eq(count(&p, "incoming"), 0, "%zu", i);
		leave(&p);
	}
}

/* A file that anybody else can write to, or that is not what came, is no beginning. */
Test(blob_arrival, not_gone_on_with)
{
	enum { GROUP, LINKED, SYMLINK, HELD, LONGER, OTHER_BYTES, CASES };

	for (int how = 0; how < CASES; how++) {
		struct place p = fresh("/tmp");
		struct digest d;
		struct err e = { 0 };
		uint64_t had = 1;
		cleanup_close int fd = make_file(SIZE, (unsigned)how, &d);
		cleanup_close int part = -1;
		char hex[DIGEST_HEX_SIZE];

		digest_hex(&d, hex);
		cleanup_free char *name = xasprintf("incoming/part-%s", hex);
		cr_assert(cut(&p, fd, 8 * MIB, &d));
		part = openat(p.fd, name, O_RDWR | O_CLOEXEC);
		cr_assert_geq(part, 0);
		if (how == GROUP)
			cr_assert_eq(fchmod(part, 0660), 0);
		if (how == LINKED)
			cr_assert_eq(linkat(p.fd, name, p.fd, "other", 0), 0);
		if (how == SYMLINK)
			cr_assert_eq(renameat(p.fd, name, p.fd, "other") |
			                     symlinkat("../other", p.fd, name),
			             0);
		if (how == HELD)
			cr_assert_eq(flock(part, LOCK_EX), 0);
		if (how == LONGER)
			cr_assert_eq(ftruncate(part, SIZE + 1), 0);
		if (how == OTHER_BYTES) {
			cr_assert_eq(fs_pwrite_all(part, "x", 1, 5 * MIB), 0);
			cr_expect_eq(go_on(&p, fd, &d, &had, &e), -(int)ERR_DIGEST, "%s", e.msg);
			cr_expect_eq(had, 8 * MIB);
			cr_expect_eq(count(&p, "incoming"), 0);
			e = (struct err){ 0 };
		}
		cr_expect_eq(go_on(&p, fd, &d, &had, &e), 0, "%d: %s", how, e.msg);
		cr_expect_eq(had, 0, "%d", how);
		cr_expect_eq(blob_verify(p.blobs, &d, SIZE, NULL, &e), 0, "%d: %s", how, e.msg);
		(void)unlinkat(p.fd, "other", 0);
		leave(&p);
	}
}

/* gc asks for what is free, however young; what somebody writes to stays. */
Test(blob_arrival, swept)
{
	for (int is_held = 0; is_held < 2; is_held++) {
		struct place p = fresh("/tmp");
		struct digest d;
		struct err e = { 0 };
		uint64_t bytes = 0;
		cleanup_close int fd = make_file(SIZE, 1, &d);
		cleanup_close int part = -1;
		char hex[DIGEST_HEX_SIZE];

		digest_hex(&d, hex);
		cleanup_free char *name = xasprintf("incoming/part-%s", hex);
		cr_assert(cut(&p, fd, 8 * MIB, &d));
		part = openat(p.fd, name, O_RDWR | O_CLOEXEC);
		cr_assert_eq(is_held ? flock(part, LOCK_EX) : 0, 0);
		cr_expect_eq(blobs_abandoned(p.blobs, &bytes, &e), 0);
		cr_expect_eq(bytes, is_held ? 0 : 8 * MIB);
		cr_expect_eq(blobs_sweep(p.blobs, &e), 0, "%s", e.msg);
		cr_expect_eq(blob_part_size(p.blobs, &d), is_held ? 8 * MIB : 0);
		leave(&p);
	}
}
