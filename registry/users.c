/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file `users` of a registry holds the name of the PID namespace of all who have the database
 * open; each of them holds a shared flock on it, which the kernel gives up with the process and
 * which means the same in every namespace. Who gets the lock alone is the first one and writes its
 * own name. Knows nothing of the database.
 */
#include "registry/users.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/str.h"

#define NAME_MAX_BYTES 64
#define TRIES          50 /* each lock alone is held for moments */

static void
own_name(char ret[NAME_MAX_BYTES])
{
	const ssize_t n = readlink("/proc/self/ns/pid", ret, NAME_MAX_BYTES - 1);

	/* without /proc nothing is known: then nobody else's name is the same */
	ret[n > 0 ? n : 0] = '\0';
}

static bool
is_written(int fd, const char *name)
{
	char text[NAME_MAX_BYTES];
	const ssize_t n = pread(fd, text, sizeof text, 0);

	return n >= 0 && name[0] && (size_t)n == strlen(name) && memcmp(text, name, (size_t)n) == 0;
}

static bool
write_name(int fd, const char *name)
{
	const size_t n = strlen(name);

	return is_written(fd, name) ||
	       (fs_pwrite_all(fd, name, n, 0) == 0 && ftruncate(fd, (off_t)n) == 0);
}

/* Shared with those who are there: 1 when they are of this namespace, 0 when not, -1 when somebody
 * is just coming or going. */
static int
join(int fd, const char *name)
{
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return -1;
	if (is_written(fd, name))
		return 1;
	(void)flock(fd, LOCK_UN);
	return 0;
}

static int
open_file(int rootfd)
{
	cleanup_close int fd = fs_open_beneath(rootfd, "users", O_RDWR | O_NONBLOCK, 0);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		fd = fs_open_beneath(rootfd, "users", O_RDWR | O_CREAT | O_NONBLOCK, 0600);
		if (fd >= 0)
			fs_take_mode(fd, rootfd);
	}
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? steal_fd(&fd) : -1;
}

bool
users_enter(int rootfd, int *ret_fd)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	cleanup_close int fd = open_file(rootfd);
	char name[NAME_MAX_BYTES];

	*ret_fd = -1;
	if (fd < 0)
		return true; /* a full disk, or not ours: the database itself says why */
	own_name(name);
	for (int i = 0; i < TRIES; i++) {
		const bool is_first = flock(fd, LOCK_EX | LOCK_NB) == 0;
		int joined;

		if (is_first && !write_name(fd, name))
			return true;
		if (is_first && !name[0]) { /* nobody may join whom nobody can name */
			*ret_fd = steal_fd(&fd);
			return true;
		}
		joined = join(fd, name);
		if (joined == 1) {
			*ret_fd = steal_fd(&fd);
			return true;
		}
		/* others, unless all that was there is just gone */
		if (joined == 0 && !is_first && i > 2)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}
