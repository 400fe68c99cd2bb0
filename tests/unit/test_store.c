/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on data files of every kind: whatever LMDB writes passes the look at its pages, and
 * whatever is flipped, a change is made or refused, and the heap stays whole (under ASan).
 */
#include "registry/store.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define PAGE 4096u

static uint64_t
next(uint64_t *state) /* xorshift: the same sequence everywhere */
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A folder in memory where there is some: a commit syncs. */
static char *
folder_make(void)
{
	char *const dir = xasprintf("%s/slipway-store-XXXXXX",
	                            access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");

	cr_assert_not_null(mkdtemp(dir));
	return dir;
}

static void
folder_remove(char *dir)
{
	cleanup_free char *data = xasprintf("%s/data.mdb", dir),
	                  *lock = xasprintf("%s/lock.mdb", dir);

	(void)unlink(data);
	(void)unlink(lock);
	(void)rmdir(dir);
	free(dir);
}

static struct str
key_of(uint64_t n, char ret[24])
{
	const int size = snprintf(ret, 24, "k%06llu", (unsigned long long)n);

	return (struct str){ ret, (size_t)size };
}

static int
change(struct txn *t, uint64_t *state, uint64_t keys, struct err *e)
{
	static const size_t sizes[] = { 0, 1, 30, 77, 300, 2000, 3000, 9000 };
	static const char value[9000];
	char key[24];
	const uint64_t n = next(state) % keys;

	if (next(state) % 3 == 0)
		return txn_del(t, key_of(n, key), e);
	return txn_put(t, key_of(n, key), (struct str){ value, sizes[next(state) % COUNT(sizes)] },
	               e);
}

/* One transaction with some changes; its result. */
static int
commit(struct store *s, uint64_t *state, unsigned changes, uint64_t keys, struct err *e)
{
	struct txn *t;
	int rc = store_write_begin(s, &t, e);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; rc == 0 && i < changes; i++)
		rc = change(t, state, keys, e);
	if (rc == 0)
		return store_commit(t, e);
	store_abort(t);
	return rc;
}

static void
fill(const char *dir, unsigned transactions, uint64_t keys)
{
	uint64_t state = 7;
	struct store *s;
	struct err e = { 0 };

	cr_assert_eq(store_open(dir, true, &s, &e), 0, "%s", e.msg);
	for (unsigned i = 0; i < transactions; i++)
		cr_assert_eq(commit(s, &state, 20, keys, &e), 0, "%s", e.msg);
	store_close(s);
}

Test(store, what_lmdb_writes_is_good)
{
	char *const dir = folder_make(), *const copy = folder_make();
	uint64_t state = 99;
	struct store *s;
	struct err e = { 0 };

	fill(dir, 60, 2000);
	for (int round = 0; round < 40; round++) {
		cr_assert_eq(store_open(dir, false, &s, &e), 0, "%s", e.msg);
		struct txn *held;
		/* with a reader that keeps old pages from being used again, and without */
		cr_assert_eq(store_read_begin(s, &held, &e), 0, "%s", e.msg);
		for (int i = 0; i < 20; i++) {
			const uint64_t keys = round % 2 ? 30 : 2000;
			cr_assert_eq(commit(s, &state, 1 + (unsigned)i * 3, keys, &e), 0,
			             "round %d: %s", round, e.msg);
			if (i == 10)
				store_abort(steal(&held));
		}
		store_abort(held);
		store_close(s);
	}
	cr_assert_eq(store_open(dir, false, &s, &e), 0, "%s", e.msg);
	cr_expect_eq(store_copy(s, copy, &e), 0, "%s", e.msg);
	store_close(s);
	cr_assert_eq(store_open(copy, false, &s, &e), 0, "%s", e.msg);
	cr_expect_eq(commit(s, &state, 20, 2000, &e), 0, "%s", e.msg);
	store_close(s);
	folder_remove(dir);
	folder_remove(copy);
}

/* A meta page: its transaction, and the root of its tree of free pages behind the last page. */
#define META_ROOT 80u
#define META_LAST 136u
#define META_TXN  144u

static uint64_t
number_at(const struct buf *b, size_t at)
{
	uint64_t n;

	memcpy(&n, b->p + at, sizeof n);
	return n;
}

/* A commit whose meta page could not be written leaves the new trees under the old numbers in it;
 * the other page is in use, and nothing is lost. */
Test(store, a_meta_page_that_is_not_in_use_may_be_half_new)
{
	char *const dir = folder_make();
	cleanup_free char *path = xasprintf("%s/data.mdb", dir);
	cleanup_buf struct buf good = { 0 };
	uint64_t state = 5;
	struct store *s;
	struct err e = { 0 };

	fill(dir, 8, 200);
	cr_assert_eq(fs_read_at(AT_FDCWD, path, 64u << 20, &good, &e), 0, "%s", e.msg);
	const unsigned used =
	        number_at(&good, META_TXN) > number_at(&good, PAGE + META_TXN) ? 0 : 1;
	for (unsigned page = 0; page < 2; page++) {
		const uint64_t root = number_at(&good, page * PAGE + META_LAST) + 1;
		cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);

		cr_assert_eq(ftruncate(fd, (off_t)good.n), 0);
		cr_assert_eq(pwrite(fd, good.p, good.n, 0), (ssize_t)good.n);
		cr_assert_eq(pwrite(fd, &root, sizeof root, page * PAGE + META_ROOT), 8);
		err_clear(&e);
		if (page == used) {
			cr_expect_eq(store_open(dir, false, &s, &e), -ERR_STORE);
			continue;
		}
		cr_assert_eq(store_open(dir, false, &s, &e), 0, "%s", e.msg);
		cr_expect_eq(commit(s, &state, 6, 200, &e), 0, "%s", e.msg);
		cr_expect_eq(commit(s, &state, 6, 200, &e), 0, "%s", e.msg);
		store_close(s);
		cr_assert_eq(store_open(dir, false, &s, &e), 0, "%s", e.msg);
		store_close(s);
	}
	folder_remove(dir);
}

/* data.mdb as it was, with one thing spoiled. */
static void
spoil(const char *path, const struct buf *good, uint64_t *state)
{
	cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC);
	const uint64_t page = next(state) % (good->n / PAGE), kind = next(state) % 8;
	uint64_t at = page * PAGE + next(state) % PAGE;
	char byte;

	cr_assert(fd >= 0);
	cr_assert_eq(ftruncate(fd, (off_t)good->n), 0);
	cr_assert_eq(pwrite(fd, good->p, good->n, 0), (ssize_t)good->n);
	if (kind == 0)
		cr_assert_eq(ftruncate(fd, (off_t)at), 0);
	if (kind == 0)
		return;
	if (kind < 4) /* heads of pages, and places of nodes */
		at = page * PAGE + next(state) % 40;
	byte = (char)(good->p[at] ^ 1 << next(state) % 8);
	cr_assert_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
}

Test(store, a_spoiled_page_harms_nobody, .timeout = 120)
{
	char *const dir = folder_make(), *const copy = folder_make();
	cleanup_free char *path = xasprintf("%s/data.mdb", dir),
	                  *copied = xasprintf("%s/data.mdb", copy);
	cleanup_buf struct buf good = { 0 };
	uint64_t state = 12345;
	unsigned refused = 0, done = 0;
	struct err e = { 0 };

	fill(dir, 30, 200);
	cr_assert_eq(fs_read_at(AT_FDCWD, path, 64u << 20, &good, &e), 0, "%s", e.msg);
	for (unsigned i = 0; i < 1500; i++) {
		struct store *s;
		int rc;

		err_clear(&e);
		spoil(path, &good, &state);
		rc = store_open(dir, false, &s, &e);
		if (rc == 0) {
			rc = commit(s, &state, 6, 200, &e);
			(void)unlink(copied);
			if (rc == 0)
				rc = store_copy(s, copy, &e);
			store_close(s);
		}
		*(rc < 0 ? &refused : &done) += 1;
		if (rc < 0)
			cr_expect(e.code == ERR_STORE && strstr(e.hint, "rebuild"), "%u: %s", i,
			          e.msg);
	}
	cr_expect(refused > 200 && done > 200, "%u refused, %u done", refused, done);
	folder_remove(dir);
	folder_remove(copy);
}

/* --- a walk that pauses --- */

/* What the reader has seen, and what another one does while it pauses. */
struct walk {
	struct store *s;
	struct txn *t;
	char pause_at;
	const char *put, *del; /* NULL */
	struct buf seen;
};

static int
see_key(void *arg, struct str key, struct str value)
{
	struct walk *const w = arg;
	struct txn *t;
	struct err e = { 0 };

	cr_expect_eq(value.n, 1);
	buf_add(&w->seen, key.p + 1, 1);
	if (key.p[1] != w->pause_at)
		return 0;
	store_pause(w->t);
	store_pause(w->t);
	cr_assert_eq(store_write_begin(w->s, &t, &e), 0, "%s", e.msg);
	if (w->put)
		cr_assert_eq(txn_put(t, str_of(w->put), STR("v"), &e), 0, "%s", e.msg);
	if (w->del)
		cr_assert_eq(txn_del(t, str_of(w->del), &e), 0, "%s", e.msg);
	store_pause(t); /* nothing, to one that writes */
	cr_assert_eq(store_commit(t, &e), 0, "%s", e.msg);
	return 0;
}

Test(store, a_walk_goes_on_behind_a_pause)
{
	static const struct {
		enum scan_dir dir;
		char pause_at;
		const char *put, *del, *seen;
	} cases[] = {
		{ SCAN_FORWARD, '-', NULL, NULL, "bdfh" },
		{ SCAN_FORWARD, 'd', NULL, NULL, "bdfh" },
		{ SCAN_FORWARD, 'd', "ke", NULL, "bdefh" },
		{ SCAN_FORWARD, 'd', "kc", "kd", "bdfh" }, /* behind it; and it is gone itself */
		{ SCAN_FORWARD, 'd', NULL, "kf", "bdh" },
		{ SCAN_FORWARD, 'h', NULL, "kh", "bdfh" },
		{ SCAN_FORWARD, 'h', "l", NULL, "bdfh" }, /* another prefix */
		{ SCAN_BACKWARD, 'f', NULL, NULL, "hfdb" },
		{ SCAN_BACKWARD, 'f', "ke", NULL, "hfedb" },
		{ SCAN_BACKWARD, 'f', "kg", "kf", "hfdb" },
		{ SCAN_BACKWARD, 'f', NULL, "kd", "hfb" },
		{ SCAN_BACKWARD, 'b', "a", "kb", "hfdb" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct walk w = { .pause_at = cases[i].pause_at,
			          .put = cases[i].put,
			          .del = cases[i].del };
		char *const dir = folder_make();
		struct str value;
		struct txn *t;
		struct err e = { 0 };

		cr_assert_eq(store_open(dir, true, &w.s, &e), 0, "%s", e.msg);
		cr_assert_eq(store_write_begin(w.s, &t, &e), 0, "%s", e.msg);
		for (const char *k = "bdfh"; *k; k++)
			cr_assert_eq(
			        txn_put(t, (struct str){ (char[]){ 'k', *k }, 2 }, STR("v"), &e), 0,
			        "%s", e.msg);
		cr_assert_eq(store_commit(t, &e), 0, "%s", e.msg);
		cr_assert_eq(store_read_begin(w.s, &w.t, &e), 0, "%s", e.msg);
		cr_expect_eq(txn_scan(w.t, STR("k"), (struct str){ NULL, 0 }, cases[i].dir, see_key,
		                      &w, &e),
		             0, "%s", e.msg);
		cr_expect_str_eq(buf_cstr(&w.seen), cases[i].seen, "%zu: %s", i, buf_cstr(&w.seen));
		/* what is read behind a pause is what is there by then */
		store_pause(w.t);
		if (cases[i].put) {
			cr_assert_eq(txn_get(w.t, str_of(cases[i].put), &value, &e), 0, "%s",
			             e.msg);
			cr_expect_eq(value.n, 1);
		}
		store_pause(w.t);
		store_pause(NULL);
		store_abort(w.t);
		buf_fini(&w.seen);
		store_close(w.s);
		folder_remove(dir);
	}
}
