/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMDB behind a small face. The environment is opened once and kept for the life of the process;
 * the map is large and sparse so that it never has to grow under a reader. Before it is mapped, the
 * newest meta page is read and compared with the file's size: a page behind the end of the file
 * would be a SIGBUS. An flock on the folder, around opening and closing, keeps LMDB's lock file
 * from being torn down under a newcomer, and a newcomer from finding one file of an old database
 * and one of a new. Whoever may read the folder may hold that lock: it is waited for, but not for
 * ever.
 */
#include "registry/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/store_private.h"

#define MAP_SIZE  ((size_t)16 << 30) /* address space only; the file is as large as its pages */
#define READERS   510
#define PAGE_SIZE 4096u
#define LOCK_SIZE ((READERS + 2) * 64)
#define LOCK_MS   5000 /* nobody works longer than moments under the lock of the folder */
#define SWAPS_MAX 4    /* databases replaced while one is opened */
/* mdb.c, struct MDB_meta behind a page header of 16 bytes: magic 16, version 20, mapsize 32, two
 * MDB_db of 48 bytes from 40, last page 136, transaction 144. */
#define META_MAGIC     0xBEEFC0DEu
#define META_LAST_PAGE 136
#define META_TXN       144

struct store {
	MDB_env *env;
	MDB_dbi dbi;
	char *dir;
	ino_t inode;
	dev_t dev;
	const void *context;
};

struct txn {
	MDB_txn *t;
	struct store *s;
	bool is_write;
};

static int
store_err(struct err *e, int mdb, const char *what)
{
	if (mdb == ENOSPC || mdb == MDB_MAP_FULL)
		return err_set(e, ERR_NO_SPACE, "%s: no space left for the database", what);
	if (mdb == MDB_READERS_FULL) {
		err_set(e, ERR_LOCKED, "%s: all %d reader slots of the database are taken", what,
		        READERS);
		return err_hint(e, "close other running slipway programs, then try again");
	}
	if (mdb == MDB_CORRUPTED || mdb == MDB_PAGE_NOTFOUND || mdb == MDB_INVALID ||
	    mdb == MDB_VERSION_MISMATCH || mdb == MDB_PANIC) {
		err_set(e, ERR_STORE, "%s: the database is damaged (%s)", what, mdb_strerror(mdb));
		return err_hint(e, "slipway rebuild makes it anew from the log");
	}
	return err_set(e, ERR_STORE, "%s: %s", what, mdb_strerror(mdb));
}

/* Both meta pages are looked at; an environment whose newest page lies behind its end is refused.
 */
static int
check_size(int fd, uint64_t size, struct err *e)
{
	uint64_t best_txn = 0, last = 0;
	bool found = false;

	if (size == 0)
		return 0; /* made by a process that died before its first commit: LMDB writes it
		             anew */
	for (unsigned i = 0; i < 2; i++) {
		uint8_t page[152];
		uint32_t magic;
		uint64_t txn, last_page;

		if (fs_pread_all(fd, page, sizeof page, (off_t)i * PAGE_SIZE) != 0)
			continue;
		memcpy(&magic, page + 16, sizeof magic);
		memcpy(&last_page, page + META_LAST_PAGE, sizeof last_page);
		memcpy(&txn, page + META_TXN, sizeof txn);
		if (magic != META_MAGIC || (found && txn < best_txn))
			continue;
		found = true;
		best_txn = txn;
		last = last_page;
	}
	if (found && last < UINT64_MAX / PAGE_SIZE - 1 &&
	    (last + 1) * PAGE_SIZE <= size + PAGE_SIZE)
		return 0;
	err_set(e, ERR_STORE,
	        "open the database: the file is damaged or cut short (%" PRIu64 " bytes)", size);
	return err_hint(e, "slipway rebuild makes it anew from the log");
}

static int
check_file(int dirfd, const char *dir, bool create, struct err *e)
{
	cleanup_close int fd =
	        openat(dirfd, "data.mdb", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return create ? 0
		              : err_set(e, ERR_NOT_FOUND, "there is no database in %s", dir);
	if (fd < 0)
		return err_sys(e, "open %s/data.mdb", dir);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at %s/data.mdb", dir);
	return check_size(fd, (uint64_t)st.st_size, e);
}

/* LMDB follows links, maps its lock file and writes there: a page that the disk has no room for
 * would end the process by SIGBUS, so the file is made with its room. 64 bytes a reader, and two of
 * that for the rest. */
static int
make_lock(int dirfd, const char *dir, struct err *e)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (fstatat(dirfd, "lock.mdb", &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISREG(st.st_mode) && (st.st_size == 0 || st.st_size >= LOCK_SIZE))
			return 0;
		/* under the folder's lock nobody is just making it */
		err_set(e, ERR_DENIED, "%s/lock.mdb is no lock file of a database", dir);
		return err_hint(e, "look at who put it there; when nothing runs, remove it");
	}
	fd = openat(dirfd, "lock.mdb", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	            fs_mode_below(dirfd));
	if (fd < 0)
		return 0; /* LMDB says why */
	if (fallocate(fd, 0, 0, LOCK_SIZE) < 0 && (errno == ENOSPC || errno == EDQUOT)) {
		int rc = err_sys(e, "make room for the database's lock file");

		(void)unlinkat(dirfd, "lock.mdb", 0);
		return rc;
	}
	return 0;
}

/* Not held where locks do not work: such file systems are not written. */
static int
lock_dir(int dirfd, const char *dir, struct err *e)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	uint64_t end_ms = 0;

	while (flock(dirfd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		if (end_ms == 0)
			end_ms = clock_mono_ms() + LOCK_MS;
		if (clock_mono_ms() >= end_ms) {
			err_set(e, ERR_LOCKED, "the folder %s is kept locked by another program",
			        dir);
			return err_hint(e, "find it with `lsof` or `fuser` on that folder");
		}
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* The folder that has the name once it is locked: another may have been put there meanwhile. */
int
store_open_locked(const char *dir, int *ret, struct err *e)
{
	for (int i = 0; i < SWAPS_MAX; i++) {
		cleanup_close int fd =
		        open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		struct stat held, named;
		int rc;

		if (fd < 0)
			return err_sys(e, "open the folder %s", dir);
		rc = lock_dir(fd, dir, e);
		if (rc < 0)
			return rc;
		if (fstat(fd, &held) == 0 && lstat(dir, &named) == 0 &&
		    held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
			*ret = steal_fd(&fd);
			return 0;
		}
	}
	return err_set(e, ERR_LOCKED, "the database in %s is being replaced", dir);
}

static int
env_open(struct store *s, mode_t mode, struct err *e)
{
	MDB_txn *t = NULL;
	int rc, dead = 0;

	rc = mdb_env_create(&s->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, MAP_SIZE);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, READERS);
	if (rc == 0)
		rc = mdb_env_open(s->env, s->dir, MDB_NOTLS | MDB_NOMETASYNC, mode);
	if (rc == EACCES || rc == EROFS)
		return err_set(e, ERR_DENIED, "the database in %s may not be written", s->dir);
	if (rc != 0)
		return store_err(e, rc, "open the database");
	mdb_reader_check(s->env, &dead);
	/* the unnamed table is always there: a write transaction would wait for every writer */
	rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t);
	if (rc != 0)
		return store_err(e, rc, "open the database");
	rc = mdb_dbi_open(t, NULL, 0, &s->dbi);
	if (rc != 0) {
		mdb_txn_abort(t);
		return store_err(e, rc, "open the database");
	}
	rc = mdb_txn_commit(t);
	return rc == 0 ? 0 : store_err(e, rc, "open the database");
}

static int
remember_inode(struct store *s, struct err *e)
{
	mdb_filehandle_t fd;
	struct stat st;

	if (mdb_env_get_fd(s->env, &fd) != 0 || fstat(fd, &st) < 0)
		return err_sys(e, "look at the database");
	s->inode = st.st_ino;
	s->dev = st.st_dev;
	return 0;
}

int
store_open(const char *dir, bool create, struct store **ret, struct err *e)
{
	cleanup_close int dirfd = -1;
	struct store *s;
	mode_t before;
	int rc;

	rc = store_open_locked(dir, &dirfd, e);
	if (rc == 0)
		rc = check_file(dirfd, dir, create, e);
	if (rc < 0)
		return rc;
	s = xcalloc(1, sizeof *s);
	s->dir = xstrdup(dir);
	before = umask(0); /* the folder's rights are those of its files */
	rc = make_lock(dirfd, dir, e);
	if (rc == 0)
		rc = env_open(s, fs_mode_below(dirfd), e);
	(void)umask(before);
	if (rc == 0)
		rc = remember_inode(s, e);
	if (rc < 0) {
		if (s->env)
			mdb_env_close(s->env);
		free(s->dir);
		free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	struct err ignored = { 0 };
	int dirfd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0)
		(void)lock_dir(dirfd, s->dir, &ignored);
	mdb_env_close(s->env);
	close_quietly(dirfd);
	free(s->dir);
	free(s);
}

bool
store_is_current(const struct store *s)
{
	cleanup_free char *data = xasprintf("%s/data.mdb", s->dir);
	struct stat st;

	return stat(data, &st) == 0 && st.st_ino == s->inode && st.st_dev == s->dev;
}

const char *
store_dir(const struct store *s)
{
	return s->dir;
}

void
store_set_context(struct store *s, const void *context)
{
	s->context = context;
}

const void *
txn_context(const struct txn *t)
{
	return t->s->context;
}

static int
begin(struct store *s, unsigned flags, struct txn **ret, struct err *e)
{
	struct txn *t = xcalloc(1, sizeof *t);
	int rc = mdb_txn_begin(s->env, NULL, flags, &t->t);

	if (rc != 0) {
		free(t);
		return store_err(e, rc, "begin a transaction");
	}
	t->s = s;
	t->is_write = !(flags & MDB_RDONLY);
	*ret = t;
	return 0;
}

int
store_read_begin(struct store *s, struct txn **ret, struct err *e)
{
	return begin(s, MDB_RDONLY, ret, e);
}

int
store_write_begin(struct store *s, struct txn **ret, struct err *e)
{
	return begin(s, 0, ret, e);
}

int
store_commit(struct txn *t, struct err *e)
{
	int rc = mdb_txn_commit(t->t);

	free(t);
	return rc == 0 ? 0 : store_err(e, rc, "commit to the database");
}

void
store_abort(struct txn *t)
{
	if (!t)
		return;
	mdb_txn_abort(t->t);
	free(t);
}

void
txn_cleanup(struct txn **t)
{
	store_abort(*t);
}

int
store_reserve(struct txn *t, uint64_t bytes, struct err *e)
{
	const uint64_t step = 256u << 10; /* grow in steps, not by one system call a commit */
	MDB_envinfo info;
	mdb_filehandle_t fd;
	struct stat st;
	uint64_t need;
	int rc;

	if (mdb_env_info(t->s->env, &info) != 0 || mdb_env_get_fd(t->s->env, &fd) != 0)
		return err_set(e, ERR_STORE, "ask the database for its size");
	if (fstat(fd, &st) < 0)
		return err_sys(e, "look at the database");
	/* each changed key can copy its path from the root: 16 pages for each 4 KiB of changes is
	 * ample */
	need = ((uint64_t)info.me_last_pgno + 1) * PAGE_SIZE + bytes + 16 * PAGE_SIZE;
	if (need <= (uint64_t)st.st_size)
		return 0;
	need = (need + step - 1) / step * step;
	rc = posix_fallocate(fd, 0, (off_t)need);
	if (rc == 0 || rc == EOPNOTSUPP || rc == EINVAL)
		return 0;
	errno = rc;
	return err_sys(e, "reserve room for the database");
}

int
store_copy(struct store *s, const char *dir, struct err *e)
{
	int rc = mdb_env_copy2(s->env, dir, MDB_CP_COMPACT);

	return rc == 0 ? 0 : store_err(e, rc, "copy the database");
}

static MDB_val
val_of(struct str s)
{
	/* LMDB's type is not const; it does not write through keys and values that are put */
	return (MDB_val){ .mv_size = s.n, .mv_data = (void *)(uintptr_t)s.p };
}

static struct str
str_val(MDB_val v)
{
	return (struct str){ .p = v.mv_data, .n = v.mv_size };
}

int
txn_get(struct txn *t, struct str key, struct str *ret, struct err *e)
{
	MDB_val k = val_of(key), v;
	int rc = mdb_get(t->t, t->s->dbi, &k, &v);

	if (rc == MDB_NOTFOUND) {
		*ret = (struct str){ NULL, 0 };
		return 0;
	}
	if (rc != 0)
		return store_err(e, rc, "read the database");
	*ret = str_val(v);
	return 0;
}

int
txn_put(struct txn *t, struct str key, struct str value, struct err *e)
{
	MDB_val k = val_of(key), v = val_of(value);
	int rc = mdb_put(t->t, t->s->dbi, &k, &v, 0);

	return rc == 0 ? 0 : store_err(e, rc, "write to the database");
}

int
txn_del(struct txn *t, struct str key, struct err *e)
{
	MDB_val k = val_of(key);
	int rc = mdb_del(t->t, t->s->dbi, &k, NULL);

	return rc == 0 || rc == MDB_NOTFOUND ? 0 : store_err(e, rc, "write to the database");
}

static bool
starts_with(MDB_val k, struct str prefix)
{
	return k.mv_size >= prefix.n && memcmp(k.mv_data, prefix.p, prefix.n) == 0;
}

/* The first key at or before `from`; from NULL: the prefix's last. */
static int
seek_backward(MDB_cursor *c, struct str prefix, struct str from, MDB_val *k, MDB_val *v)
{
	char past[STORE_KEY_MAX];
	struct str at = from;
	int rc;

	if (!from.p) { /* behind everything that starts with the prefix */
		size_t n = prefix.n < sizeof past - 1 ? prefix.n : sizeof past - 1;

		memcpy(past, prefix.p, n);
		memset(past + n, 0xff, sizeof past - n);
		at = (struct str){ past, sizeof past };
	}
	*k = val_of(at);
	rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
	if (rc == MDB_NOTFOUND)
		return mdb_cursor_get(c, k, v, MDB_LAST);
	if (rc == 0 && !(k->mv_size == at.n && memcmp(k->mv_data, at.p, at.n) == 0))
		return mdb_cursor_get(c, k, v, MDB_PREV);
	return rc;
}

int
txn_scan(struct txn *t, struct str prefix, struct str from, enum scan_dir dir,
         int (*fn)(void *arg, struct str key, struct str value), void *arg, struct err *e)
{
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(t->t, t->s->dbi, &c), stop = 0;

	if (rc != 0)
		return store_err(e, rc, "read the database");
	if (dir == SCAN_FORWARD) {
		k = val_of(from.p ? from : prefix);
		rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	} else {
		rc = seek_backward(c, prefix, from, &k, &v);
	}
	while (rc == 0 && starts_with(k, prefix)) {
		stop = fn(arg, str_val(k), str_val(v));
		if (stop != 0)
			break;
		rc = mdb_cursor_get(c, &k, &v, dir == SCAN_FORWARD ? MDB_NEXT : MDB_PREV);
	}
	mdb_cursor_close(c);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return store_err(e, rc, "read the database");
	return stop;
}
