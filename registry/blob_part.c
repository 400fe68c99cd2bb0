/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large blobs that came in part: incoming/part-<hex>, a file beside the folders of those who write,
 * kept when a connection or the process was lost. Whoever writes to it holds an flock on it. Only a
 * file that nobody but us can have written to is gone on with, and what is in it is hashed again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/blob_private.h"

#define PREFIX    "part-"
#define NAME_SIZE (sizeof(PREFIX) - 1 + DIGEST_HEX_SIZE)
#define MODE      0600
#define KEPT_S    (7 * 24 * 3600)

static void
part_name(const struct digest *d, char ret[NAME_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	(void)snprintf(ret, NAME_SIZE, PREFIX "%s", hex);
}

/* Another member of a group could still write to theirs after we have read it. */
static bool
is_ours_alone(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       st.st_nlink == 1 && (st.st_mode & 077) == 0;
}

bool
part_take(struct blobs *b, const struct digest *d, int *ret_fd)
{
	char name[NAME_SIZE];
	cleanup_close int fd = -1;

	part_name(d, name);
	fd = openat(b->house, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, MODE);
	/* whoever has the lock may have given it its name meanwhile, or swept it */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || !is_ours_alone(fd) ||
	    !incoming_is_named(b->house, name, fd))
		return false;
	*ret_fd = steal_fd(&fd);
	return true;
}

int
part_end(struct blobs *b, const struct digest *d, int fd, uint64_t *ret_temp, struct err *e)
{
	char name[NAME_SIZE];

	part_name(d, name);
	return batch_adopt(b, b->house, name, fd, ret_temp, e);
}

void
part_drop(const struct blobs *b, const struct digest *d)
{
	char name[NAME_SIZE];

	part_name(d, name);
	(void)unlinkat(b->house, name, 0);
}

bool
part_is_free(int house, const char *name, int lock, bool is_any_age, uint64_t *ret_size)
{
	const char *const hex = name + strlen(PREFIX);
	struct digest d;
	struct stat st;
	cleanup_close int fd = -1;

	if (!has_prefix(name, PREFIX) || digest_parse(&d, hex, strlen(hex)) < 0)
		return false;
	fd = openat(house, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || flock(fd, lock | LOCK_NB) < 0 ||
	    (!is_any_age && clock_now_s() - (int64_t)st.st_mtim.tv_sec < KEPT_S))
		return false;
	*ret_size = (uint64_t)st.st_size;
	return true;
}

uint64_t
blob_part_size(struct blobs *b, const struct digest *d)
{
	char name[NAME_SIZE];
	cleanup_free char *path = NULL;
	struct stat st;

	part_name(d, name);
	path = xasprintf("incoming/%s", name);
	if (fstatat(b->rootfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid())
		return 0;
	return (uint64_t)st.st_size;
}
