/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a batch when something happens between its beginning and its end. */
#include "registry/blob.h"

#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "blob_fixture.h"

TestSuite(blob_batch);

/* A blob that was there when it was put is gone, or shorter, before the batch ends. */
Test(blob_batch, what_went_away_meanwhile)
{
	for (int how = 0; how < 3; how++) {
		struct place p = fresh("/tmp");
		struct blob_batch *t = NULL;
		char hex[DIGEST_HEX_SIZE];
		struct digest d;
		struct err e = { 0 };

		cr_assert_eq(blob_put_mem(p.blobs, "weights", 7, &d, NULL, &e), 0, "%s", e.msg);
		digest_hex(&d, hex);
		cleanup_free char *name = xasprintf("blobs/sha256/%s", hex);
		cr_assert_eq(blob_batch_new(p.blobs, &t, &e), 0);
		cr_assert_eq(blob_batch_add_mem(t, "weights", 7, &d, &e), 0, "%s", e.msg);
		if (how == 1) {
			cr_assert_eq(unlinkat(p.fd, name, 0), 0);
		} else if (how == 2) {
			cr_assert_eq(fchmodat(p.fd, name, 0600, 0), 0);
			cr_assert_eq(fs_write_at(p.fd, name, "weight", 6, 0600, &e), 0);
		}
		cr_expect_eq(blob_batch_finish(t, &e), how ? -(int)ERR_CONFLICT : 0, "%d: %s", how,
		             e.msg);
		blob_batch_free(t);
		leave(&p);
	}
}

/* The disk refuses the last small file of a large batch, which another thread writes. */
Test(blob_batch, what_the_other_thread_could_not_write)
{
	const struct rlimit small = { 1000, RLIM_INFINITY },
	                    large = { RLIM_INFINITY, RLIM_INFINITY };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct place p = fresh("/tmp");
	struct blob_batch *t = NULL;
	struct digest d;
	char bytes[4000];
	struct err e = { 0 };

	cr_assert_eq(sigaction(SIGXFSZ, &ignore, NULL), 0);
	cr_assert_eq(blob_batch_new(p.blobs, &t, &e), 0);
	for (unsigned i = 0; i < 66; i++)
		cr_assert_eq(blob_batch_add_mem(t, &i, sizeof i, &d, &e), 0, "%s", e.msg);
	memset(bytes, 'x', sizeof bytes);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	cr_assert_eq(blob_batch_add_mem(t, bytes, sizeof bytes, &d, &e), 0, "%s", e.msg);
	cr_expect_lt(blob_batch_finish(t, &e), 0);
	cr_expect(strstr(e.msg, "incoming"), "%s", e.msg);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &large), 0);
	blob_batch_free(t);
	cr_expect_eq(count(&p, "blobs/sha256"), 0);
	cr_expect_eq(count(&p, "incoming"), 0);
	leave(&p);
}

/* --- a folder that is swept before its maker has locked it --- */

static int house = -1; /* once: what is in there goes before the next lock */

static void
sweep_all(void)
{
	DIR *const d = fdopendir(house);

	cr_assert_not_null(d);
	house = -1;
	for (const struct dirent *de = readdir(d); de; de = readdir(d)) {
		if (de->d_name[0] != '.')
			cr_expect_eq(unlinkat(dirfd(d), de->d_name, AT_REMOVEDIR), 0);
	}
	closedir(d);
}

/* Before the one of the C library. */
int
flock(int fd, int operation)
{
	if (house >= 0)
		sweep_all();
	return (int)syscall(SYS_flock, fd, operation);
}

Test(blob_batch, its_folder_is_swept_before_it_is_locked)
{
	struct place p = fresh("/tmp");
	struct digest d;
	struct err e = { 0 };

	cr_assert_eq(mkdirat(p.fd, "incoming", 0755), 0);
	house = openat(p.fd, "incoming", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(house, 0);
	cr_expect_eq(blob_put_mem(p.blobs, "weights", 7, &d, NULL, &e), 0, "%s", e.msg);
	cr_expect_eq(house, -1, "nobody locked");
	cr_expect_eq(blob_verify(p.blobs, &d, 7, NULL, &e), 0, "%s", e.msg);
	cr_expect_eq(count(&p, "incoming"), 0);
	leave(&p);
}
