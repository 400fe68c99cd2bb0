/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One database folder in the place of another, under the locks of both. Knows files and rights, and
 * nothing of what is in a database.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/store.h"
#include "registry/store_private.h"

/* Mode and group of one, for the other; the owner too, where that is ours to give. */
static int
take_rights(int fd, const struct stat *st, const char *what, struct err *e)
{
	const uid_t uid = geteuid() == 0 ? st->st_uid : (uid_t)-1;
	struct stat now;

	if (fstat(fd, &now) < 0)
		return err_sys(e, "look at %s", what);
	if ((now.st_gid != st->st_gid || (uid != (uid_t)-1 && now.st_uid != uid)) &&
	    fchown(fd, uid, st->st_gid) < 0)
		return err_sys(e, "give %s to the group %u of its folder", what, st->st_gid);
	/* behind the group: a change of that takes the setgid bit away */
	if ((now.st_mode & 07777) != (st->st_mode & 07777) && fchmod(fd, st->st_mode & 07777) < 0)
		return err_sys(e, "set the mode of %s", what);
	return 0;
}

/* With the rights of the old database, or, if nobody knows who gave it those, with the rights that
 * the folder above both gives to what is made in it. */
static int
make_like(int freshfd, int oldfd, const struct stat *above, struct err *e)
{
	static const char *const files[] = { "data.mdb", "lock.mdb" };
	struct stat st;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT(files); i++) {
		cleanup_close int fd = openat(freshfd, files[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd < 0)
			return err_sys(e, "open the new %s", files[i]);
		if (above) {
			st = *above;
			st.st_mode &= 0660;
			rc = take_rights(fd, &st, files[i], e);
		} else if (fstatat(oldfd, files[i], &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		           S_ISREG(st.st_mode)) {
			rc = take_rights(fd, &st, files[i], e);
		}
		if (rc == 0 && fsync(fd) < 0)
			rc = err_sys(e, "make the new database durable");
	}
	if (rc == 0 && fstat(oldfd, &st) < 0)
		rc = err_sys(e, "look at the old database");
	if (above) {
		st = *above;
		st.st_mode &= 02770;
	}
	if (rc == 0)
		rc = take_rights(freshfd, &st, "the new database", e);
	return rc < 0 ? rc : fs_sync_dir(freshfd, e);
}

/* File systems that cannot exchange: for a moment there is none, and whoever opens it then makes
 * it from the log. */
static int
exchange(const char *fresh, const char *dir)
{
	cleanup_free char *aside = xasprintf("%s/old", fresh), *carried = xasprintf("%s/old", dir);

	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, dir, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (rename(dir, aside) < 0)
		return -1;
	if (rename(fresh, dir) < 0) {
		const int saved = errno;

		(void)rename(aside, dir);
		errno = saved;
		return -1;
	}
	return rename(carried, fresh);
}

static int
open_parent(const char *path, int *ret, struct err *e)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *parent = xstrndup(path, slash ? (size_t)(slash - path) : 0);

	return fs_open_dir(AT_FDCWD, slash ? parent : ".", ret, e);
}

static int
sync_parent(const char *path, struct err *e)
{
	cleanup_close int fd = -1;
	int rc = open_parent(path, &fd, e);

	return rc < 0 ? rc : fs_sync_dir(fd, e);
}

int
store_swap(const char *fresh, const char *dir, bool keeps_rights, struct err *e)
{
	cleanup_close int oldfd = -1, freshfd = -1, parentfd = -1;
	struct stat above;
	int rc = store_open_locked(dir, &oldfd, e);

	if (rc == 0)
		rc = store_open_locked(fresh, &freshfd, e);
	if (rc == 0)
		rc = open_parent(dir, &parentfd, e);
	if (rc == 0 && fstat(parentfd, &above) < 0)
		rc = err_sys(e, "look at the folder of %s", dir);
	if (rc == 0)
		rc = make_like(freshfd, oldfd, keeps_rights ? NULL : &above, e);
	if (rc < 0)
		return rc;
	if (exchange(fresh, dir) < 0)
		return err_sys(e, "put the new database in place");
	rc = sync_parent(dir, e);
	return rc < 0 ? rc : sync_parent(fresh, e);
}
