/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMDB behind a small face. The environment is opened once and kept for the life of the process;
 * the map is large and sparse so that it never has to grow under a reader. Its meta pages
 * are looked at before it is mapped, and what a change can touch before it is changed. An flock on
 * the folder, around opening and closing, keeps LMDB's lock file from being torn down under a
 * newcomer, and a newcomer from finding one file of an old database and one of a new. Whoever may
 * read the folder may hold that lock: it is waited for, but not for ever.
 */
#include "registry/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/fault.h"
#include "registry/store_fault.h"
#include "registry/store_guard.h"
#include "registry/store_private.h"

#define MAP_SIZE   ((size_t)16 << 30) /* address space only; the file is as large as its pages */
#define READERS    510
#define PAGE_SIZE  4096u
#define LOCK_SIZE  ((READERS + 2) * 64)
#define COPY_TRIES 4    /* a copy's state may be gone before it was looked at */
#define VALUE_MAX  ((size_t)1 << 20) /* a row is a part of a line of the log */

struct store {
	MDB_env *env;
	MDB_dbi dbi;
	char *dir;
	ino_t inode;
	dev_t dev;
	struct guard *guard; /* NULL: we made the file, nothing else has written there */
	const void *context;
};

struct txn {
	MDB_txn *t;
	struct store *s;
	bool is_write, is_paused;
	uint64_t pauses;
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
	if (mdb == MDB_PANIC) { /* for the rest of this process */
		err_set(e, ERR_STORE, "%s: the database could not be written a moment ago", what);
		return err_hint(e, "try again; if it stays so, `slipway rebuild` makes it anew "
		                   "from the log");
	}
	/* what can only be when the file says something that no program of ours wrote */
	if ((mdb >= MDB_KEYEXIST && mdb <= MDB_LAST_ERRCODE) || mdb == EINVAL) {
		err_set(e, ERR_STORE, "%s: the database is damaged (%s)", what, mdb_strerror(mdb));
		return err_hint(e, "slipway rebuild makes it anew from the log");
	}
	return err_set(e, ERR_STORE, "%s: %s", what, mdb_strerror(mdb));
}

static int
check_file(int dirfd, const char *dir, bool create, bool *ret_is_ours, struct err *e)
{
	cleanup_close int fd =
	        openat(dirfd, "data.mdb", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*ret_is_ours = true;
	if (fd < 0 && errno == ENOENT)
		return create ? 0 : err_set(e, ERR_NOT_FOUND, "there is no database in %s", dir);
	if (fd < 0)
		return err_sys(e, "open %s/data.mdb", dir);
	return guard_meta(fd, ret_is_ours, e);
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

static void
txn_end(MDB_txn *t)
{
	fault_in_lmdb++;
	mdb_txn_abort(t);
	fault_in_lmdb--;
}

/* LMDB aborts when this returns. */
static void
assertion_failed(MDB_env *env, const char *text)
{
	(void)env;
	message(MESSAGE_DEBUG, "%s", text);
	fault_tell();
}

static int
env_open(struct store *s, mode_t mode, struct err *e)
{
	MDB_txn *t = NULL;
	int rc, dead = 0;

	rc = LMDB(mdb_env_create(&s->env));
	if (rc == 0)
		rc = LMDB(mdb_env_set_mapsize(s->env, MAP_SIZE));
	if (rc == 0)
		rc = LMDB(mdb_env_set_maxreaders(s->env, READERS));
	if (rc == 0)
		rc = LMDB(mdb_env_set_assert(s->env, assertion_failed));
	if (rc == 0)
		rc = LMDB(mdb_env_open(s->env, s->dir, MDB_NOTLS | MDB_NOMETASYNC, mode));
	if (rc == EACCES || rc == EROFS)
		return err_set(e, ERR_DENIED, "the database in %s may not be written", s->dir);
	if (rc != 0)
		return store_err(e, rc, "open the database");
	(void)LMDB(mdb_reader_check(s->env, &dead));
	/* the unnamed table is always there: a write transaction would wait for every writer */
	rc = LMDB(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t));
	if (rc != 0)
		return store_err(e, rc, "open the database");
	rc = LMDB(mdb_dbi_open(t, NULL, 0, &s->dbi));
	if (rc != 0) {
		txn_end(t);
		return store_err(e, rc, "open the database");
	}
	rc = LMDB(mdb_txn_commit(t));
	return rc == 0 ? 0 : store_err(e, rc, "open the database");
}

static void
env_close(MDB_env *env)
{
	fault_in_lmdb++;
	mdb_env_close(env);
	fault_in_lmdb--;
}

static int
remember_file(struct store *s, bool is_ours, struct err *e)
{
	mdb_filehandle_t fd;
	struct stat st;

	if (mdb_env_get_fd(s->env, &fd) != 0 || fstat(fd, &st) < 0)
		return err_sys(e, "look at the database");
	s->inode = st.st_ino;
	s->dev = st.st_dev;
	if (!is_ours)
		s->guard = guard_new(fd);
	fault_maps++;
	return 0;
}

int
store_open(const char *dir, bool create, struct store **ret, struct err *e)
{
	cleanup_close int dirfd = -1;
	struct store *s;
	mode_t before;
	bool is_ours;
	int rc;

	rc = store_open_locked(dir, &dirfd, e);
	if (rc == 0)
		rc = check_file(dirfd, dir, create, &is_ours, e);
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
		rc = remember_file(s, is_ours, e);
	if (rc < 0) {
		if (s->env)
			env_close(s->env);
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
		(void)store_lock_dir(dirfd, s->dir, &ignored);
	guard_free(s->guard);
	env_close(s->env);
	fault_maps--;
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
	int rc = LMDB(mdb_txn_begin(s->env, NULL, flags, &t->t));

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
	const int rc = begin(s, MDB_RDONLY, ret, e);

	if (rc == 0)
		fault_pause("reading");
	return rc;
}

int
store_write_begin(struct store *s, struct txn **ret, struct err *e)
{
	struct txn *t;
	int rc = begin(s, 0, &t, e);

	if (rc == 0 && s->guard) {
		rc = guard_begin(s->guard, mdb_txn_id(t->t) - 1, e);
		if (rc == 0)
			rc = guard_free_pages(s->guard, e);
		if (rc < 0)
			store_abort(steal(&t));
	}
	if (rc == 0)
		*ret = t;
	return rc;
}

void
store_pause(struct txn *t)
{
	if (!t || t->is_write || t->is_paused)
		return;
	fault_in_lmdb++;
	mdb_txn_reset(t->t);
	fault_in_lmdb--;
	t->is_paused = true;
	t->pauses++;
}

static int
wake(struct txn *t, struct err *e)
{
	const int rc = t->is_paused ? LMDB(mdb_txn_renew(t->t)) : 0;

	if (rc != 0)
		return store_err(e, rc, "go on with a transaction");
	t->is_paused = false;
	return 0;
}

/* Before a change, and before what it reads: nothing harms a heap that it does not write to. */
static int
look_at(const struct txn *t, struct str key, struct err *e)
{
	return t->is_write && t->s->guard ? guard_key(t->s->guard, key, e) : 0;
}

/* A row no longer than rows are; else somebody would copy it. */
static int
check_row(MDB_val k, MDB_val v, struct err *e)
{
	return k.mv_size <= STORE_KEY_MAX && v.mv_size <= VALUE_MAX
	               ? 0
	               : store_err(e, MDB_CORRUPTED, "read the database");
}

int
store_commit(struct txn *t, struct err *e)
{
	int rc = LMDB(mdb_txn_commit(t->t));

	free(t);
	return rc == 0 ? 0 : store_err(e, rc, "commit to the database");
}

void
store_abort(struct txn *t)
{
	if (!t)
		return;
	txn_end(t->t);
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

	if (LMDB(mdb_env_info(t->s->env, &info)) != 0 || mdb_env_get_fd(t->s->env, &fd) != 0)
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

/* Copying changes pages on their way. */
static int
guard_copy(struct store *s, struct err *e)
{
	int rc = 0;

	for (int i = 0; s->guard && i < COPY_TRIES; i++) {
		struct txn *t;

		rc = begin(s, MDB_RDONLY, &t, e);
		if (rc < 0)
			return rc;
		/* the meta page may be another's by now */
		rc = guard_begin(s->guard, mdb_txn_id(t->t), e);
		if (rc == 0)
			rc = guard_all(s->guard, e);
		store_abort(t);
		if (rc == 0)
			break;
	}
	return rc;
}

int
store_copy(struct store *s, const char *dir, struct err *e)
{
	int rc = guard_copy(s, e);

	if (rc < 0)
		return rc;
	rc = LMDB(mdb_env_copy2(s->env, dir, MDB_CP_COMPACT));
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
	int rc = wake(t, e);

	if (rc == 0)
		rc = look_at(t, key, e);
	if (rc < 0)
		return rc;
	rc = LMDB(mdb_get(t->t, t->s->dbi, &k, &v));
	if (rc == MDB_NOTFOUND) {
		*ret = (struct str){ NULL, 0 };
		return 0;
	}
	if (rc != 0)
		return store_err(e, rc, "read the database");
	*ret = str_val(v);
	return check_row(k, v, e);
}

int
txn_put(struct txn *t, struct str key, struct str value, struct err *e)
{
	MDB_val k = val_of(key), v = val_of(value);
	int rc = look_at(t, key, e);

	if (rc < 0)
		return rc;
	rc = LMDB(mdb_put(t->t, t->s->dbi, &k, &v, 0));
	return rc == 0 ? 0 : store_err(e, rc, "write to the database");
}

int
txn_del(struct txn *t, struct str key, struct err *e)
{
	MDB_val k = val_of(key);
	int rc = look_at(t, key, e);

	if (rc < 0)
		return rc;
	rc = LMDB(mdb_del(t->t, t->s->dbi, &k, NULL));
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
	rc = LMDB(mdb_cursor_get(c, k, v, MDB_SET_RANGE));
	if (rc == MDB_NOTFOUND)
		return LMDB(mdb_cursor_get(c, k, v, MDB_LAST));
	if (rc == 0 && !(k->mv_size == at.n && memcmp(k->mv_data, at.p, at.n) == 0))
		return LMDB(mdb_cursor_get(c, k, v, MDB_PREV));
	return rc;
}

/* The first one in that direction; from NULL: of the prefix. */
static int
seek(MDB_cursor *c, struct str prefix, struct str from, enum scan_dir dir, MDB_val *k, MDB_val *v)
{
	if (dir == SCAN_BACKWARD)
		return seek_backward(c, prefix, from, k, v);
	*k = val_of(from.p ? from : prefix);
	return LMDB(mdb_cursor_get(c, k, v, MDB_SET_RANGE));
}

/* From key, which may be gone if there was a pause, to the one behind it. */
static int
step(struct txn *t, MDB_cursor *c, struct str prefix, struct str key, bool was_paused,
     enum scan_dir dir, MDB_val *k, MDB_val *v)
{
	int rc;

	if (was_paused) {
		rc = LMDB(mdb_cursor_renew(t->t, c));
		if (rc == 0)
			rc = seek(c, prefix, key, dir, k, v);
		if (rc != 0 || !str_eq(str_val(*k), key))
			return rc;
	}
	return LMDB(mdb_cursor_get(c, k, v, dir == SCAN_FORWARD ? MDB_NEXT : MDB_PREV));
}

int
txn_scan(struct txn *t, struct str prefix, struct str from, enum scan_dir dir,
         int (*fn)(void *arg, struct str key, struct str value), void *arg, struct err *e)
{
	char key[STORE_KEY_MAX];
	MDB_cursor *c;
	MDB_val k, v;
	int stop = wake(t, e), rc = stop == 0 ? mdb_cursor_open(t->t, t->s->dbi, &c) : 0;

	if (stop < 0)
		return stop;
	if (rc != 0)
		return store_err(e, rc, "read the database");
	rc = seek(c, prefix, from, dir, &k, &v);
	while (rc == 0 && starts_with(k, prefix)) {
		const uint64_t pauses = t->pauses;
		const size_t n = k.mv_size;

		stop = check_row(k, v, e);
		if (stop != 0)
			break;
		memcpy(key, k.mv_data, n);
		stop = fn(arg, str_val(k), str_val(v));
		if (stop == 0)
			stop = wake(t, e);
		if (stop != 0)
			break;
		rc = step(t, c, prefix, (struct str){ key, n }, t->pauses != pauses, dir, &k, &v);
	}
	mdb_cursor_close(c);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return store_err(e, rc, "read the database");
	return stop;
}
