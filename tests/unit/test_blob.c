/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs: every size across the buffers' edges, batches that are seen late or never, and damage. */
#include "registry/blob.h"

#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "blob_fixture.h"

static void
note_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	uint64_t *const last = arg;

	cr_expect_geq(done, *last);
	cr_expect(total == 0 || done <= total);
	*last = done;
}

static void
put_sizes(const char *parent)
{
	static const size_t sizes[] = {
		0, 1, 4095, 4096, MIB - 1, MIB, MIB + 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1,
		8 * MIB, 9 * MIB + 5, 16 * MIB, 17 * MIB + 4096, 20 * MIB + 4097,
	};
	struct place p = fresh(parent);
	struct err e = { 0 };

	for (size_t i = 0; i < COUNT(sizes) * 2; i++) {
		const size_t n = sizes[i / 2];
		struct digest expected;
		struct digest d;
		uint64_t last = 0;
		uint64_t size = 1;
		bool existed = i % 2 == 0;
		struct stat st;
		char name[DIGEST_HEX_SIZE + 16];
		char hex[DIGEST_HEX_SIZE];
		cleanup_close int fd = make_file(n, 7, &expected);
		const struct progress pr = { note_progress, &last };

		cr_assert_eq(blob_put_fd(p.blobs, fd, &pr, &d, &size, &existed, &e), 0, "%s",
		             e.msg);
		cr_expect(digest_eq(&d, &expected), "%zu bytes", n);
		cr_expect_eq(size, n);
		cr_expect_eq(last, n);
		cr_expect_eq(existed, i % 2 == 1, "%zu bytes", n);
		cr_expect_eq(blob_verify(p.blobs, &expected, UINT64_MAX, NULL, &e), 0, "%s", e.msg);
		digest_hex(&d, hex);
		(void)snprintf(name, sizeof(name), "blobs/sha256/%s", hex);
		cr_assert_eq(fstatat(p.fd, name, &st, 0), 0);
		cr_expect_eq(st.st_mode & 07777, 0440);
		cr_expect_eq(st.st_nlink, 1);
	}
	cr_expect_eq(count(&p, "incoming"), 0);
	cr_expect_eq(count(&p, "blobs/sha256"), COUNT(sizes));
	leave(&p);
}

Test(blob, sizes)
{
	put_sizes("/tmp");
}

Test(blob, sizes_where_direct_writing_is_refused)
{
	if (access("/dev/shm", W_OK) < 0)
		cr_skip_test("no tmpfs at /dev/shm");
	put_sizes("/dev/shm");
}

Test(blob, reads_from_a_pipe_and_from_memory)
{
	struct place p = fresh("/tmp");
	cleanup_buf struct buf back = { 0 };
	struct err e = { 0 };
	struct digest d;
	uint64_t size;
	bool existed;
	int fds[2];

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	cr_assert_eq(write(fds[1], "abc", 3), 3);
	(void)close(fds[1]);
	cr_assert_eq(blob_put_fd(p.blobs, fds[0], NULL, &d, &size, &existed, &e), 0, "%s", e.msg);
	(void)close(fds[0]);
	cr_expect_eq(size, 3);
	cr_expect(!existed);
	cr_assert_eq(blob_put_mem(p.blobs, "abc", 3, &d, &existed, &e), 0);
	cr_expect(existed);
	cr_assert_eq(blob_put_mem(p.blobs, "", 0, &d, &existed, &e), 0);
	cr_expect(!existed);
	digest_small("abc", 3, &d);
	cr_assert_eq(blob_read(p.blobs, &d, 3, &back, &e), 0, "%s", e.msg);
	cr_expect_str_eq(buf_cstr(&back), "abc");
	cr_expect_eq(blob_read(p.blobs, &d, 2, &back, &e), -(int)ERR_TOO_BIG);
	cr_expect_eq(back.n, 3);
	cr_expect_eq(blob_unlink(p.blobs, &d, &e), 0);
	cr_expect_eq(blob_unlink(p.blobs, &d, &e), 0);
	cr_expect_eq(blob_read(p.blobs, &d, 3, &back, &e), -(int)ERR_NOT_FOUND);
	cr_expect_eq(blob_verify(p.blobs, &d, UINT64_MAX, NULL, &e), -(int)ERR_NOT_FOUND);
	cr_expect(!blob_exists(p.blobs, &d, &size));
	leave(&p);
}

static int
sum_sizes(void *arg, const struct digest *d, uint64_t size)
{
	uint64_t *const sum = arg;

	cr_expect(!digest_is_zero(d));
	*sum += size;
	return *sum > 1000000 ? 7 : 0;
}

/* Below and above the number of files that are synced one by one, with doubles in between. */
Test(blob, batches_are_seen_when_they_are_finished)
{
	static const struct {
		size_t files, size;
		bool finish;
	} cases[] = {
		{ 3, 100, true },   { 64, 100, true },  { 65, 100, true },    { 200, 30000, true },
		{ 70, 300000, true }, { 3, 100, false }, { 200, 30000, false },
		{ 66, 5 * MIB / 16, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct place p = fresh("/tmp");
		struct blob_batch *t = NULL;
		struct err e = { 0 };
		uint64_t sum = 0;

		cr_assert_eq(blob_batch_new(p.blobs, &t, &e), 0, "%s", e.msg);
		/* the first two again at the end */
		for (size_t k = 0; k < cases[i].files + 2; k++) {
			struct digest expected;
			struct digest d;
			uint64_t size;
			cleanup_close int fd = make_file(cases[i].size,
			                                 (unsigned)(k % cases[i].files), &expected);

			cr_assert_eq(blob_batch_add(t, fd, "x", NULL, &d, &size, &e), 0, "%s",
			             e.msg);
			cr_expect(digest_eq(&d, &expected));
			cr_expect(!blob_exists(p.blobs, &d, NULL));
		}
		cr_expect_eq(count(&p, "blobs/sha256"), 0);
		if (cases[i].finish) {
			cr_assert_eq(blob_batch_finish(t, &e), 0, "%s", e.msg);
			cr_expect_eq(blob_batch_new_bytes(t), cases[i].files * cases[i].size);
		}
		blob_batch_free(t);
		cr_expect_eq(count(&p, "incoming"), 0, "%zu", i);
		cr_expect_eq(count(&p, "blobs/sha256"), cases[i].finish ? cases[i].files : 0);
		const int rc = blob_each(p.blobs, sum_sizes, &sum, &e);
		cr_expect_eq(rc, sum > 1000000 ? 7 : 0);
		for (size_t k = 0; k < cases[i].files && cases[i].finish; k++) {
			struct digest d;

			(void)close(make_file(cases[i].size, (unsigned)k, &d));
			cr_expect_eq(blob_verify(p.blobs, &d, UINT64_MAX, NULL, &e), 0, "%s",
			             e.msg);
		}
		leave(&p);
	}
}

/* A blob's file is damaged, found when read, and whole again once its bytes are put. */
Test(blob, damage_is_told_and_mended)
{
	static const struct {
		size_t size;
		int how; /* 0 not at all, 1 a byte, 2 shorter, 3 longer, 4 empty, 5 a folder */
		bool mended;
	} cases[] = {
		{ 3, 0, true }, { 3, 1, true }, { 3, 2, true }, { 3, 3, true }, { 3, 4, true },
		{ MIB, 0, true }, { 3, 5, false }, { 300000, 1, true }, { 4 * MIB - 1, 1, true },
		/* above, the bytes are not compared: only a wrong size is seen */
		{ 5 * MIB, 2, true }, { 5 * MIB, 4, true }, { 5 * MIB, 1, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const int how = cases[i].how;
		const off_t size = (off_t)cases[i].size;
		struct place p = fresh("/tmp");
		char hex[DIGEST_HEX_SIZE];
		struct digest d;
		struct err e = { 0 };
		cleanup_close int in = make_file(cases[i].size, 5, &d);
		cleanup_buf struct buf back = { 0 };
		uint64_t fresh_bytes;

		digest_hex(&d, hex);
		cleanup_free char *name = xasprintf("blobs/sha256/%s", hex);
		cr_assert_eq(blob_put_fd(p.blobs, in, NULL, &d, NULL, NULL, &e), 0);
		cr_assert_eq(fchmodat(p.fd, name, 0600, 0), 0);
		if (how == 5) {
			cr_assert_eq(unlinkat(p.fd, name, 0), 0);
			cr_assert_eq(mkdirat(p.fd, name, 0755), 0);
		} else if (how > 0) {
			cleanup_close int fd = openat(p.fd, name, O_RDWR | O_CLOEXEC);

			cr_assert_eq(how == 1 ? pwrite(fd, "!!!", 3, size - 3) : 3, 3);
			cr_assert_eq(how == 1 ? 0 : ftruncate(fd, how == 2   ? size - 1
			                                          : how == 3 ? size + 1
			                                                     : 0), 0);
		}
		cr_expect_eq(blob_verify(p.blobs, &d, UINT64_MAX, NULL, &e),
		             how ? -(int)ERR_DIGEST : 0, "%zu", i);
		cr_expect_eq(blob_verify(p.blobs, &d, cases[i].size, NULL, &e),
		             how ? -(int)ERR_DIGEST : 0,
		             "%zu", i);
		cr_expect_eq(blob_verify(p.blobs, &d, cases[i].size - 1, NULL, &e),
		             -(int)ERR_DIGEST, "%zu",
		             i); /* not even read */
		cr_expect_eq(blob_read(p.blobs, &d, 8 * MIB, &back, &e),
		             how ? -(int)ERR_DIGEST : 0, "%zu", i);
		cr_expect_eq(back.n, how ? 0 : cases[i].size);
		struct blob_batch *t = NULL;
		cr_assert_eq(blob_batch_new(p.blobs, &t, &e), 0);
		for (int twice = 0; twice < 2; twice++) {
			cr_assert_eq(lseek(in, 0, SEEK_SET), 0);
			cr_assert_eq(blob_batch_add(t, in, "x", NULL, &d, NULL, &e), 0);
		}
		cr_expect_eq(blob_batch_finish(t, &e), how == 5 ? -(int)ERR_DIGEST : 0, "%zu", i);
		fresh_bytes = blob_batch_new_bytes(t);
		blob_batch_free(t);
		cr_expect_eq(fresh_bytes, how && cases[i].mended ? cases[i].size : 0, "%zu", i);
		cr_expect_eq(blob_verify(p.blobs, &d, UINT64_MAX, NULL, &e),
		             cases[i].mended ? 0 : -(int)ERR_DIGEST, "%zu: %s", i, e.msg);
		cr_expect_eq(count(&p, "incoming"), 0);
		if (how == 5)
			(void)unlinkat(p.fd, name, AT_REMOVEDIR);
		leave(&p);
	}
}

#define PART "part-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* What lies in incoming/, how old it is, who holds it, and what is left after the next writer. */
Test(blob, leftovers_of_the_dead_are_swept)
{
	static const struct {
		const char *name; /* ending in "/": a folder, with a file of 5 bytes in it */
		int age_s, inner_s; /* of itself; and of the file in it, which may be younger */
		bool held, stays;
		uint64_t abandoned;
	} cases[] = {
		{ "0123456789abcdef/", 0, 0, false, false, 5 },
		{ "0123456789abcdef/", 99999, 99999, true, true, 0 },
		{ "0123456789abcdef-0000000000000000", 0, 0, false, true, 0 },
		{ "0123456789abcdef-0000000000000000", 4000, 4000, false, false, 5 },
		{ "0123456789abcdef-000000000000000", 4000, 4000, false, true, 0 },
		{ "0123456789abcdef-000000000000000g", 4000, 4000, false, true, 0 },
		{ "0123456789abcdeF-0000000000000000", 4000, 4000, false, true, 0 },
		{ "0123456789abcdef+0000000000000000", 4000, 4000, false, true, 0 },
		{ "db-2147483647/", 0, 0, false, false, 5 }, /* beyond the largest process number */
		{ "db-1/", 0, 0, false, true, 0 },
		{ "db-1/", 4000, 4000, false, false, 5 },
		{ "db-1/", 4000, 0, false, true, 0 }, /* somebody is writing the file */
		{ "db-1/", 0, 4000, false, true, 0 },
		{ "db-0/", 4000, 4000, false, true, 0 },
		{ "db-1x/", 4000, 4000, false, true, 0 },
		{ PART, 99999, 99999, false, true, 5 }, /* a week */
		{ PART, 700000, 700000, false, false, 5 },
		{ PART, 700000, 700000, true, true, 0 },
		{ PART "0", 700000, 700000, false, true, 0 },
		{ PART "/", 700000, 700000, false, true, 0 },
		{ "notes/", 99999, 99999, false, true, 0 },
		{ "0123456789abcdeF/", 99999, 99999, false, true, 0 },
		{ "notes", 99999, 99999, false, true, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const size_t n = strlen(cases[i].name);
		const bool is_dir = cases[i].name[n - 1] == '/';
		struct place p = fresh("/tmp");
		const struct timespec then = { .tv_sec = time(NULL) - cases[i].age_s };
		const struct timespec inner = { .tv_sec = time(NULL) - cases[i].inner_s };
		const struct timespec times[2] = { then, then }, inner_times[2] = { inner, inner };
		cleanup_free char *top = xasprintf("incoming/%.*s", (int)(n - is_dir),
		                                   cases[i].name);
		cleanup_free char *file = xasprintf("%s%s", top, is_dir ? "/data.mdb" : "");
		cleanup_close int held = -1;
		struct err e = { 0 };
		struct digest d;
		struct stat st;
		uint64_t bytes = 1;

		cr_expect_eq(blobs_abandoned(p.blobs, &bytes, &e), 0);
		cr_expect_eq(bytes, 0);
		cr_assert_eq(mkdirat(p.fd, "incoming", 0755), 0);
		cr_assert_eq(is_dir ? mkdirat(p.fd, top, 0755) : 0, 0);
		cr_assert_eq(fs_write_at(p.fd, file, "stale", 5, 0440, &e), 0);
		cr_assert_eq(utimensat(p.fd, file, inner_times, 0), 0);
		cr_assert_eq(utimensat(p.fd, top, times, 0), 0);
		held = openat(p.fd, top, O_RDONLY | O_CLOEXEC);
		cr_assert_eq(cases[i].held ? flock(held, LOCK_EX | LOCK_NB) : 0, 0);
		cr_expect_eq(blobs_abandoned(p.blobs, &bytes, &e), 0, "%s", e.msg);
		cr_expect_eq(bytes, cases[i].abandoned, "%zu: %zu", i, (size_t)bytes);
		cr_assert_eq(blob_put_mem(p.blobs, "new", 3, &d, NULL, &e), 0, "%s", e.msg);
		cr_expect_eq(blob_verify(p.blobs, &d, UINT64_MAX, NULL, &e), 0);
		cr_expect_eq(fstatat(p.fd, file, &st, 0) == 0, cases[i].stays, "%zu", i);
		cr_expect_eq(count(&p, "incoming"), cases[i].stays, "%zu", i);
		(void)unlinkat(p.fd, file, 0);
		(void)unlinkat(p.fd, top, AT_REMOVEDIR);
		leave(&p);
	}
}

#define CHILDREN 4

/* Puts blobs of its own, each time with a folder of its own, so that others sweep all the while. */
static int
put_many(const struct place *p, unsigned seed, unsigned rounds)
{
	for (unsigned k = 0; k < rounds; k++) {
		const unsigned value[2] = { seed, k };
		struct err e = { 0 };
		struct digest d;
		struct blobs *b;

		if (blobs_open(p->fd, &b, &e) < 0 ||
		    blob_put_mem(b, value, sizeof(value), &d, NULL, &e) < 0 ||
		    blob_verify(b, &d, UINT64_MAX, NULL, &e) < 0)
			return 1;
		blobs_close(b);
	}
	return 0;
}

/* Three writers to the end and one that is killed again and again: no writer loses a file to
 * another's sweep, and of the dead nothing stays. */
Test(blob, writers_and_sweepers_at_once)
{
	struct place p = fresh("/tmp");
	struct err e = { 0 };
	pid_t pid[CHILDREN];
	struct digest d;
	int status;

	for (unsigned i = 0; i < CHILDREN; i++) {
		pid[i] = fork();
		cr_assert_geq(pid[i], 0);
		if (pid[i] == 0)
			_exit(put_many(&p, i, 150));
	}
	for (unsigned i = 0; i < 20; i++) {
		const pid_t victim = fork();

		cr_assert_geq(victim, 0);
		if (victim == 0)
			_exit(put_many(&p, 100 + i, 100000));
		(void)usleep(5000 + 500 * i);
		cr_assert_eq(kill(victim, i % 2 ? SIGKILL : SIGTERM), 0);
		cr_assert_eq(waitpid(victim, &status, 0), victim);
	}
	for (unsigned i = 0; i < CHILDREN; i++) {
		cr_assert_eq(waitpid(pid[i], &status, 0), pid[i]);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%u", i);
	}
	cr_assert_eq(blob_put_mem(p.blobs, "last", 4, &d, NULL, &e), 0, "%s", e.msg);
	cr_expect_eq(count(&p, "incoming"), 0);
	leave(&p);
}

/* --- many at once --- */

#define MANY 40

struct told {
	unsigned times[MANY], bad;
	size_t ends_at; /* MANY: never */
	uint64_t bytes;
};

static int
hear(void *arg, size_t i, const struct err *why)
{
	struct told *const t = arg;

	t->times[i]++;
	t->bad += why != NULL;
	return i == t->ends_at ? 7 : 0;
}

static void
hear_bytes(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct told *const t = arg;

	(void)what;
	cr_expect_geq(done, t->bytes);
	cr_expect_leq(done, total);
	t->bytes = done;
}

Test(blob, many_are_verified_at_once)
{
	struct place p = fresh("/tmp");
	struct digest digests[MANY];
	struct blob_claim all[MANY];
	struct told t = { .ends_at = MANY };
	const struct progress progress = { .fn = hear_bytes, .arg = &t };
	uint64_t total = 0;
	char hex[DIGEST_HEX_SIZE], path[128];
	struct err e = { 0 };

	for (size_t i = 0; i < MANY; i++) {
		const size_t n = i * 37 * 1024;
		char *const text = xcalloc(1, n + 1);
		memset(text, 'a' + (int)(i % 26), n);
		cr_assert_eq(blob_put_mem(p.blobs, text, n + 1, &digests[i], NULL, &e), 0);
		free(text);
		all[i] = (struct blob_claim){ &digests[i], n + 1 };
		total += n + 1;
	}
	cr_expect_eq(blob_verify_all(p.blobs, all, 0, 0, NULL, hear, &t, &e), 0);
	cr_expect_eq(blob_verify_all(p.blobs, all, MANY, total, &progress, hear, &t, &e), 0);
	for (size_t i = 0; i < MANY; i++)
		cr_expect_eq(t.times[i], 1);
	cr_expect_eq(t.bad, 0);
	cr_expect_eq(t.bytes, total);

	/* one that has other bytes, one that is not there */
	digest_hex(&digests[9], hex);
	(void)snprintf(path, sizeof path, "blobs/sha256/%s", hex);
	cr_assert_eq(fchmodat(p.fd, path, 0644, 0), 0);
	cr_assert_eq(fs_write_at(p.fd, path, "x", 1, 0644, &e), 0, "%s", e.msg);
	cr_assert_eq(blob_unlink(p.blobs, &digests[30], &e), 0);
	t = (struct told){ .ends_at = MANY };
	cr_expect_eq(blob_verify_all(p.blobs, all, MANY, total, NULL, hear, &t, &e), 0);
	cr_expect_eq(t.bad, 2);

	/* who has heard enough is told of nothing that begins later */
	t = (struct told){ .ends_at = 0 };
	cr_expect_eq(blob_verify_all(p.blobs, all, MANY, total, NULL, hear, &t, &e), 7);
	unsigned told = 0;
	for (size_t i = 0; i < MANY; i++)
		told += t.times[i];
	cr_expect_lt(told, MANY);
	leave(&p);
}
