/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where blobs are written before they have their names: incoming/<random>/, a folder for each
 * process that writes, with an flock on it while it works. The kernel gives the lock up however a
 * process ends, so that neither TERM nor INT needs a handler: whoever writes next removes the
 * folders whose lock is free. A new folder may be swept before its maker has the lock; the maker
 * sees that and makes another. Knows nothing of what the files are.
 */
#include "registry/blob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/blob_private.h"

#define HEX          "0123456789abcdef"
#define ID_DIGITS    16
#define TAKE_MAX     64
#define OLD_S        3600
#define DB_PREFIX    "db-" /* and the number of the process that makes the database again */
#define FOLDER_SIZE  (ID_DIGITS + 1)

static void
folder_name(uint64_t id, char ret[FOLDER_SIZE])
{
	(void)snprintf(ret, FOLDER_SIZE, "%016" PRIx64, id);
}

static bool
is_old(const struct timespec *t)
{
	return clock_now_s() - (int64_t)t->tv_sec > OLD_S;
}

static int
open_folder(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A walk of its own over the folder fd. NULL with errno. */
static DIR *
list(int fd)
{
	const int own = open_folder(fd, ".");
	DIR *const d = own < 0 ? NULL : fdopendir(own);

	if (!d)
		close_quietly(own);
	return d;
}

static bool
is_dots(const char *name)
{
	return streq(name, ".") || streq(name, "..");
}

static uint64_t
bytes_within(int fd)
{
	DIR *const d = list(fd);
	uint64_t sum = 0;

	if (!d)
		return 0;
	for (const struct dirent *de = readdir(d); de; de = readdir(d)) {
		struct stat st;

		if (fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	}
	closedir(d);
	return sum;
}

static void
empty(int fd)
{
	DIR *const d = list(fd);

	if (!d)
		return;
	for (const struct dirent *de = readdir(d); de; de = readdir(d)) {
		if (!is_dots(de->d_name))
			(void)unlinkat(fd, de->d_name, 0);
	}
	closedir(d);
}

/* Link counts of removed folders differ between file systems. */
bool
incoming_is_named(int house, const char *name, int fd)
{
	struct stat now, held;

	return fstat(fd, &held) == 0 && fstatat(house, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       now.st_dev == held.st_dev && now.st_ino == held.st_ino;
}

/* --- what nobody holds --- */

/* A folder in which a database was made again, by a process whose number it bears. Numbers mean
 * something on this host only. */
static bool
is_dead_db(int house, const char *name, int fd)
{
	struct stat st, data;
	uint64_t pid;

	if (parse_u64(name + strlen(DB_PREFIX), INT32_MAX, &pid) < 0 || pid == 0)
		return false;
	if (!fs_is_network(house) && kill((pid_t)pid, 0) < 0 && errno == ESRCH)
		return true;
	if (fstat(fd, &st) < 0 || !is_old(&st.st_mtim))
		return false;
	return fstatat(fd, "data.mdb", &data, AT_SYMLINK_NOFOLLOW) < 0 || is_old(&data.st_mtim);
}

/* Does nobody work in the folder of that name any more? Then *ret_fd has it open, locked. */
static bool
is_free_folder(int house, const char *name, int lock, int *ret_fd)
{
	const bool is_db = has_prefix(name, DB_PREFIX);
	cleanup_close int fd = -1;

	if (!is_db && (strlen(name) != ID_DIGITS || strspn(name, HEX) != ID_DIGITS))
		return false;
	fd = open_folder(house, name);
	if (fd < 0 || flock(fd, lock | LOCK_NB) < 0 || (is_db && !is_dead_db(house, name, fd)))
		return false;
	*ret_fd = steal_fd(&fd);
	return true;
}

/* A file beside the folders, <16 digits>-<16 digits>: nobody writes such ones any more. */
static bool
is_old_file(int house, const char *name, uint64_t *ret_size)
{
	struct stat st;

	if (strlen(name) != 2 * ID_DIGITS + 1 || strspn(name, HEX) != ID_DIGITS ||
	    name[ID_DIGITS] != '-' || strspn(name + ID_DIGITS + 1, HEX) != ID_DIGITS)
		return false;
	if (fstatat(house, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    !is_old(&st.st_mtim))
		return false;
	*ret_size = (uint64_t)st.st_size;
	return true;
}

/* Removes what nobody holds. What cannot be removed, another member's perhaps, stays: `check` says
 * how much that is. has_parts: what came in part too, however young it is. */
static void
sweep(int house, bool has_parts)
{
	DIR *const d = list(house);

	if (!d)
		return;
	for (const struct dirent *de = readdir(d); de; de = readdir(d)) {
		cleanup_close int fd = -1;
		uint64_t ignored;

		if (is_free_folder(house, de->d_name, LOCK_EX, &fd)) {
			/* the lock is held until the name is gone: see incoming_is_named in take */
			empty(fd);
			(void)unlinkat(house, de->d_name, AT_REMOVEDIR);
		} else if (is_old_file(house, de->d_name, &ignored) ||
		           part_is_free(house, de->d_name, LOCK_EX, has_parts, &ignored)) {
			(void)unlinkat(house, de->d_name, 0);
		}
	}
	closedir(d);
}

int
blobs_abandoned(struct blobs *b, uint64_t *ret_bytes, struct err *e)
{
	cleanup_close int house = open_folder(b->rootfd, "incoming");
	DIR *d;

	*ret_bytes = 0;
	if (house < 0 && errno == ENOENT)
		return 0;
	d = house < 0 ? NULL : list(house);
	if (!d)
		return err_sys(e, "cannot list the folder \"incoming\"");
	for (const struct dirent *de = readdir(d); de; de = readdir(d)) {
		cleanup_close int fd = -1;
		uint64_t size = 0;

		if (is_free_folder(house, de->d_name, LOCK_SH, &fd))
			*ret_bytes += bytes_within(fd);
		else if (is_old_file(house, de->d_name, &size) ||
		         part_is_free(house, de->d_name, LOCK_SH, true, &size))
			*ret_bytes += size;
	}
	closedir(d);
	return 0;
}

int
blobs_sweep(struct blobs *b, struct err *e)
{
	cleanup_close int house = open_folder(b->rootfd, "incoming");

	if (house < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot open the folder \"incoming\"");
	sweep(house, true);
	return 0;
}

/* --- a folder of one's own --- */

/* 0: *ret_fd is a new folder, locked. 1: somebody swept it or looked at it meanwhile, again. */
static int
take(int house, uint64_t *ret_id, int *ret_fd, struct err *e)
{
	char name[FOLDER_SIZE];
	cleanup_close int fd = -1;
	uint64_t id;

	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return err_sys(e, "cannot get random bytes");
	folder_name(id, name);
	if (mkdirat(house, name, 0770) < 0)
		return errno == EEXIST ? 1 : err_sys(e, "cannot make a folder in \"incoming\"");
	fd = open_folder(house, name);
	if (fd < 0)
		return errno == ENOENT ? 1 : err_sys(e, "cannot open a folder in \"incoming\"");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		const int rc =
			errno == EWOULDBLOCK ? 1 : err_sys(e, "cannot lock a folder in "
			                                      "\"incoming\"");

		(void)unlinkat(house, name, AT_REMOVEDIR);
		return rc;
	}
	/* whoever sweeps holds the lock while the name goes: with lock and name it is ours */
	if (!incoming_is_named(house, name, fd))
		return 1;
	/* a group's members sweep for each other */
	fs_take_mode(fd, house);
	*ret_id = id;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int
incoming_take(struct blobs *b, struct err *e)
{
	cleanup_close int house = -1;
	bool made;
	int rc = 1;

	if (b->incoming >= 0)
		return 0;
	made = mkdirat(b->rootfd, "incoming", 0700) == 0;
	if (!made && errno != EEXIST)
		return err_sys(e, "cannot make the folder \"incoming\"");
	rc = fs_open_dir_beneath(b->rootfd, "incoming", &house, e);
	if (rc < 0)
		return rc;
	if (made)
		fs_take_mode(house, b->rootfd);
	sweep(house, false);
	rc = 1;
	for (int attempt = 0; attempt < TAKE_MAX && rc == 1; attempt++)
		rc = take(house, &b->id, &b->incoming, e);
	if (rc == 1)
		return err_set(e, ERR_LOCKED, "cannot get a folder in \"incoming\"");
	if (rc == 0)
		b->house = steal_fd(&house);
	return rc;
}

void
incoming_leave(struct blobs *b)
{
	char name[FOLDER_SIZE];

	if (b->incoming < 0)
		return;
	empty(b->incoming);
	folder_name(b->id, name);
	(void)unlinkat(b->house, name, AT_REMOVEDIR);
	close_quietly(b->incoming);
	close_quietly(b->house);
	b->incoming = b->house = -1;
}
