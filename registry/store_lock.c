/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock of a database's folder, held around opening, closing and replacing what is in it. Knows
 * nothing of what is in a database.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/store_private.h"

#define LOCK_MS   5000 /* nobody works longer than moments under it */
#define SWAPS_MAX 4    /* databases replaced while one is opened */

int
store_lock_dir(int dirfd, const char *dir, struct err *e)
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
		cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		struct stat held, named;
		int rc;

		if (fd < 0)
			return err_sys(e, "open the folder %s", dir);
		rc = store_lock_dir(fd, dir, e);
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
