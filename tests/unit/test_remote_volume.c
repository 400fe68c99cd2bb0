/* SPDX-License-Identifier: Apache-2.0 */
/* A mounted volume as a store: addresses, references, whole copies, damage mended, links refused.
 */
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/folder_fixture.h"

#include "deploy/remote.h"
#include "deploy/side_by_side.h"

TestSuite(remote_volume);

struct store {
	const struct remote_driver *d;
	void *st;
	char root[64];
};

static int
open_store(struct store *s, const char *address, const char *path, struct err *e)
{
	const struct remote_options o = { .local_path = path };

	s->d = remote_driver_find(address);
	cr_assert(s->d, "%s", address);
	s->st = xcalloc(1, s->d->state_size);
	return s->d->open(s->st, address, &o, e);
}

static void
close_store(struct store *s)
{
	s->d->close(s->st);
	free(s->st);
}

Test(remote_volume, addresses)
{
	static const struct {
		const char *address, *path;
		int rc;
	} cases[] = {
		{ "pvc://claim", "/mnt", 0 },
		{ "pvc://claim/a/b", "/mnt", 0 },
		{ "pvc://claim/../b", "/mnt", -ERR_USAGE },
		{ "pvc://claim//b", "/mnt", -ERR_USAGE },
		{ "pvc://claim/", "/mnt", -ERR_USAGE },
		{ "pvc://", "/mnt", -ERR_USAGE },
		{ "pvc://claim", "mnt", -ERR_USAGE },
		{ "pvc://claim", NULL, -ERR_USAGE },
	};

	cr_expect_null(remote_driver_find("gs://b"));
	cr_expect_null(remote_driver_find("pvc:/claim"));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct store s;
		struct err e = { 0 };

		cr_expect_eq(open_store(&s, cases[i].address, cases[i].path, &e), cases[i].rc,
		             "%s: %s", cases[i].address, e.msg);
		close_store(&s);
	}
}

Test(remote_volume, puts_once_and_mends)
{
	char root[] = "/tmp/slipway-volume-XXXXXX";
	struct remote_put put;
	struct version v;
	struct store s;
	struct err e = { 0 };

	cr_assert(mkdtemp(root));
	version_make(&v, 7);
	const struct remote_version rv = {
		.model = "m", .number = 7, .digest = v.id, .files = &v.source
	};
	cr_assert_eq(open_store(&s, "pvc://claim/a/b", root, &e), 0, "%s", e.msg);
	cr_assert_eq(s.d->put(s.st, &rv, REMOTE_FILES, &put, &e), 0, "%s", e.msg);
	cr_expect(put.changed && put.sent > 0);

	char hex[DIGEST_HEX_SIZE], reference[1024];
	digest_hex(&v.id, hex);
	cleanup_free char *want = xasprintf("pvc://claim/a/b/sha256-%s", hex);
	cr_expect_str_eq(put.reference, want);
	cr_expect_eq(s.d->reference(s.st, &rv, REMOTE_FILES, reference, &e), 0);
	cr_expect_str_eq(reference, want);
	cr_expect_eq(s.d->reference(s.st, &rv, REMOTE_MODELCAR, reference, &e), -ERR_USAGE);

	cr_assert_eq(s.d->put(s.st, &rv, REMOTE_FILES, &put, &e), 0, "%s", e.msg);
	cr_expect(!put.changed && put.sent == 0 && put.present > 0);

	cleanup_free char *bad = xasprintf("%s/a/b/sha256-%s/model.bin", root, hex);
	int fd = open(bad, O_WRONLY | O_TRUNC);
	cr_assert(fd >= 0);
	close(fd);
	cr_assert_eq(s.d->put(s.st, &rv, REMOTE_FILES, &put, &e), 0, "%s", e.msg);
	cr_expect(put.changed, "damaged bytes are written again");
	cr_assert_eq(s.d->put(s.st, &rv, REMOTE_FILES, &put, &e), 0);
	cr_expect(!put.changed);
	close_store(&s);
}

Test(remote_volume, refuses_links_and_wrong_bytes)
{
	char root[] = "/tmp/slipway-volume-XXXXXX";
	struct remote_put put;
	struct version v;
	struct store s;
	struct err e = { 0 };

	cr_assert(mkdtemp(root));
	version_make(&v, 7);
	v.bytes[0].n--; /* what is read is not what the manifest says */
	const struct remote_version rv = {
		.model = "m", .number = 7, .digest = v.id, .files = &v.source
	};
	cr_assert_eq(open_store(&s, "pvc://claim/sub", root, &e), 0, "%s", e.msg);
	cr_expect_eq(s.d->put(s.st, &rv, REMOTE_FILES, &put, &e), -ERR_DIGEST, "%s", e.msg);
	cleanup_free char *sub = xasprintf("%s/sub", root);
	cr_expect_eq(rmdir(sub), 0, "nothing of it is left there");
	cr_assert_eq(symlink("/tmp", sub), 0);
	cr_expect_eq(s.d->put(s.st, &rv, REMOTE_FILES, &put, &e), -ERR_DENIED, "%s", e.msg);
	close_store(&s);
}

static unsigned asked;

static int
enough(void *arg, struct err *e)
{
	return ++asked < 3 ? 0 : err_set(e, ERR_CANCELLED, "nobody waits any more");
}

/* Who waits for another copy can be told to stop. */
Test(remote_volume, a_wait_ends_when_nobody_asks_for_it, .timeout = 60)
{
	char root[] = "/tmp/slipway-volume-XXXXXX";
	struct remote_put put;
	struct version v;
	struct store s;
	struct err e = { 0 };

	cr_assert(mkdtemp(root));
	version_make(&v, 7);
	v.source.check = enough;
	const struct remote_version rv = {
		.model = "m", .number = 7, .digest = v.id, .files = &v.source
	};
	const int other = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_eq(flock(other, LOCK_EX), 0);
	cr_assert_eq(open_store(&s, "pvc://claim", root, &e), 0, "%s", e.msg);
	cr_expect_eq(s.d->put(s.st, &rv, REMOTE_FILES, &put, &e), -ERR_CANCELLED, "%s", e.msg);
	cr_expect_eq(asked, 3);
	close_store(&s);
	close(other);
}

/* Another target of the wave copies into the same volume: the second waits, and finds it there. */
Test(remote_volume, waits_for_another_copy)
{
	char root[] = "/tmp/slipway-volume-XXXXXX";
	const struct timespec hold = { .tv_nsec = 400000000 };
	struct remote_put put;
	struct version v;
	struct store s;
	struct err e = { 0 };
	int ready[2];
	char c;

	cr_assert(mkdtemp(root));
	version_make(&v, 7);
	const struct remote_version rv = {
		.model = "m", .number = 7, .digest = v.id, .files = &v.source
	};
	cr_assert_eq(pipe(ready), 0);
	const pid_t child = fork();
	if (child == 0) {
		const int dir = open(root, O_RDONLY | O_DIRECTORY);
		(void)!(flock(dir, LOCK_EX) == 0 && write(ready[1], "x", 1) == 1);
		(void)nanosleep(&hold, NULL);
		_exit(0);
	}
	cr_assert_eq(read(ready[0], &c, 1), 1);
	cr_assert_eq(open_store(&s, "pvc://claim", root, &e), 0, "%s", e.msg);
	cr_assert_eq(s.d->put(s.st, &rv, REMOTE_FILES, &put, &e), 0, "%s", e.msg);
	cr_expect(put.changed);
	cr_expect_eq(waitpid(child, NULL, 0), child);
	close_store(&s);
}

struct wave {
	struct remote_version rv;
	const char *root;
	unsigned changed;
	int rc[8];
};

static void
put_one(void *arg, size_t i)
{
	struct wave *const w = arg;
	struct remote_put put = { 0 };
	struct err e = { 0 };
	struct store s;

	w->rc[i] = open_store(&s, "pvc://claim", w->root, &e);
	if (w->rc[i] == 0)
		w->rc[i] = s.d->put(s.st, &w->rv, REMOTE_FILES, &put, &e);
	if (w->rc[i] == 0 && put.changed)
		(void)__atomic_add_fetch(&w->changed, 1, __ATOMIC_SEQ_CST);
	else if (w->rc[i] == 0 && (put.present == 0 || put.sent > 0 || !put.reference[0]))
		w->rc[i] = -1;
	close_store(&s);
}

/* Targets that share a volume: one copies, and the others have it for one reading. */
Test(remote_volume, many_at_once_copy_once, .timeout = 60)
{
	char root[] = "/tmp/slipway-volume-XXXXXX";
	struct version v;

	cr_assert(mkdtemp(root));
	version_make(&v, 7);
	struct wave w = { .rv = { .model = "m", .number = 7, .digest = v.id, .files = &v.source },
		          .root = root };
	side_by_side(0, COUNT(w.rc), put_one, &w);
	for (size_t i = 0; i < COUNT(w.rc); i++)
		cr_expect_eq(w.rc[i], 0, "%zu", i);
	cr_expect_eq(w.changed, 1);
}
