/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded before libc by fault tests (LD_PRELOAD). FAULT_RECORD=FILE: each call that changes files
 * below FAULT_ROOT is appended to FILE once it has succeeded: a line `op TAB path TAB a TAB b TAB
 * length`, then that many bytes. FAULT_SHORT=N: the N-th write there of more than one byte takes
 * half of them, in the program FAULT_SHORT_IN, and FILE says so. Judges nothing: crashes does.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT     __attribute__((visibility("default")))
#define PARTS_MAX  64
#define REAL(name) ((__typeof__(&name))(uintptr_t)real(#name))

static void *
real(const char *name)
{
	void *const found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

/* The path of a descriptor, or of a name below a folder's; NULL when it is none of ours. */
static const char *
path_of(int fd, const char *name, char ret[PATH_MAX])
{
	const char *const root = getenv("FAULT_ROOT");
	char link[40];
	size_t n = 0;

	ret[0] = '\0';
	if (!root || !getenv("FAULT_RECORD"))
		return NULL;
	if (!name || name[0] != '/') {
		snprintf(link, sizeof link, fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d",
		         fd);
		const ssize_t got = readlink(link, ret, PATH_MAX - 1);
		if (got < 0)
			return NULL;
		n = (size_t)got;
		ret[n] = '\0';
	}
	if (name)
		snprintf(ret + n, PATH_MAX - n, "%s%s", name[0] == '/' ? "" : "/", name);
	return strncmp(ret, root, strlen(root)) == 0 && !strstr(ret, " (deleted)") ? ret : NULL;
}

/* One write(2), appended: processes do not mix. Raw, as ours is in between. */
static void
say(const char *op, const char *path, const char *a, long long b, const struct iovec *parts,
    size_t n_parts, size_t bytes)
{
	const char *const file = getenv("FAULT_RECORD");
	const int saved = errno;
	struct iovec all[PARTS_MAX + 1];
	char head[2 * PATH_MAX + 100];
	size_t n = 1, left = bytes;

	if (!path || !file)
		return;
	const int fd =
	        (int)syscall(SYS_open, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	const int size =
	        snprintf(head, sizeof head, "%s\t%s\t%s\t%lld\t%zu\n", op, path, a, b, bytes);
	all[0] = (struct iovec){ head, (size_t)size };
	for (size_t i = 0; i < n_parts && i < PARTS_MAX && left > 0; i++) {
		all[n] = parts[i];
		if (all[n].iov_len > left)
			all[n].iov_len = left;
		left -= all[n++].iov_len;
	}
	if (fd < 0 || left > 0 || syscall(SYS_writev, fd, all, n) < 0)
		abort();
	(void)syscall(SYS_close, fd);
	errno = saved;
}

static void
say_simply(const char *op, const char *path, const char *a, long long b)
{
	say(op, path, a, b, NULL, 0, 0);
}

/* --- writes --- */

static int
is_short(int fd, const char *path, size_t n)
{
	static unsigned passed;
	const char *const wanted = getenv("FAULT_SHORT"), *const where = getenv("FAULT_SHORT_IN");
	struct stat st;

	if (!wanted || !path || n < 2 ||
	    (where && strcmp(where, program_invocation_short_name) != 0))
		return 0;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    ++passed != (unsigned)strtoul(wanted, NULL, 10))
		return 0;
	say_simply("short", path, "", (long long)n);
	return 1;
}

static void
say_write(int fd, const char *path, const struct iovec *parts, size_t n, ssize_t wrote, off_t at)
{
	const int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (wrote < 0 || !path || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (at < 0) /* it went where the descriptor stood */
		at = lseek(fd, 0, SEEK_CUR) - wrote;
	say("write", path, flags >= 0 && flags & O_DSYNC ? "sync" : "", at, parts, n,
	    (size_t)wrote);
}

EXPORT ssize_t
write(int fd, const void *p, size_t n)
{
	const struct iovec part = { (void *)(uintptr_t)p, n };
	char buf[PATH_MAX];
	const char *const path = path_of(fd, NULL, buf);
	const ssize_t rc = REAL(write)(fd, p, is_short(fd, path, n) ? n / 2 : n);

	say_write(fd, path, &part, 1, rc, -1);
	return rc;
}

EXPORT ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	const struct iovec part = { (void *)(uintptr_t)p, n };
	char buf[PATH_MAX];
	const char *const path = path_of(fd, NULL, buf);
	const ssize_t rc = REAL(pwrite64)(fd, p, is_short(fd, path, n) ? n / 2 : n, at);

	say_write(fd, path, &part, 1, rc, at);
	return rc;
}

EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at) __attribute__((alias("pwrite64")));

static size_t
sum(const struct iovec *parts, int n)
{
	size_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += parts[i].iov_len;
	return bytes;
}

/* Half of several parts: the first of them, or half of it when it is the only one. */
static int
halve(const struct iovec *parts, int n, struct iovec *first)
{
	*first = parts[0];
	if (n == 1)
		first->iov_len /= 2;
	return n > 1 ? n / 2 : 1;
}

EXPORT ssize_t
writev(int fd, const struct iovec *parts, int n)
{
	struct iovec half;
	char buf[PATH_MAX];
	const char *const path = path_of(fd, NULL, buf);
	ssize_t rc;

	if (n > 0 && is_short(fd, path, sum(parts, n)))
		rc = halve(parts, n, &half) > 1 ? REAL(writev)(fd, parts, n / 2)
		                                : REAL(writev)(fd, &half, 1);
	else
		rc = REAL(writev)(fd, parts, n);
	say_write(fd, path, parts, (size_t)n, rc, -1);
	return rc;
}

EXPORT ssize_t
pwritev64(int fd, const struct iovec *parts, int n, off64_t at)
{
	struct iovec half;
	char buf[PATH_MAX];
	const char *const path = path_of(fd, NULL, buf);
	ssize_t rc;

	if (n > 0 && is_short(fd, path, sum(parts, n)))
		rc = halve(parts, n, &half) > 1 ? REAL(pwritev64)(fd, parts, n / 2, at)
		                                : REAL(pwritev64)(fd, &half, 1, at);
	else
		rc = REAL(pwritev64)(fd, parts, n, at);
	say_write(fd, path, parts, (size_t)n, rc, at);
	return rc;
}

EXPORT ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t at)
        __attribute__((alias("pwritev64")));

/* --- sizes and syncs --- */

#define BY_FD(name, params, args, op, b)                                            \
	EXPORT int name params                                                      \
	{                                                                           \
		char buf[PATH_MAX];                                                 \
		const int rc = REAL(name) args;                                     \
		if (rc == 0)                                                        \
			say_simply(op, path_of(fd, NULL, buf), "", (long long)(b)); \
		return rc;                                                          \
	}
BY_FD(fsync, (int fd), (fd), "sync", 0)
BY_FD(fdatasync, (int fd), (fd), "sync", 0)
BY_FD(syncfs, (int fd), (fd), "syncfs", 0)
BY_FD(ftruncate64, (int fd, off64_t size), (fd, size), "truncate", size)
EXPORT int ftruncate(int fd, off_t size) __attribute__((alias("ftruncate64")));
BY_FD(posix_fallocate64, (int fd, off64_t at, off64_t n), (fd, at, n), "grow", at + n)
EXPORT int posix_fallocate(int fd, off_t at, off_t n) __attribute__((alias("posix_fallocate64")));
BY_FD(fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n),
      mode == 0 ? "grow" : "fallocate", at + n)
EXPORT int fallocate(int fd, int mode, off_t at, off_t n) __attribute__((alias("fallocate64")));

/* --- names --- */

EXPORT int
renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
	char buf[PATH_MAX], target[PATH_MAX];
	const int rc = REAL(renameat2)(from, a, to, b, flags);

	if (rc == 0 && path_of(to, b, target))
		say_simply(flags & RENAME_EXCHANGE ? "exchange" : "rename", path_of(from, a, buf),
		           target, 0);
	return rc;
}

EXPORT int
renameat(int from, const char *a, int to, const char *b)
{
	return renameat2(from, a, to, b, 0);
}

EXPORT int
rename(const char *a, const char *b)
{
	return renameat2(AT_FDCWD, a, AT_FDCWD, b, 0);
}

EXPORT int
linkat(int from, const char *a, int to, const char *b, int flags)
{
	char buf[PATH_MAX], target[PATH_MAX];
	const int rc = REAL(linkat)(from, a, to, b, flags);

	if (rc == 0 && path_of(to, b, target))
		say_simply("link", path_of(from, a, buf), target, 0);
	return rc;
}

EXPORT int
unlinkat(int dir, const char *name, int flags)
{
	char buf[PATH_MAX];
	const int rc = REAL(unlinkat)(dir, name, flags);

	if (rc == 0)
		say_simply("unlink", path_of(dir, name, buf), "", 0);
	return rc;
}

EXPORT int
unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

EXPORT int
rmdir(const char *name)
{
	return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

EXPORT int
mkdirat(int dir, const char *name, mode_t mode)
{
	char buf[PATH_MAX];
	const int rc = REAL(mkdirat)(dir, name, mode);

	if (rc == 0)
		say_simply("mkdir", path_of(dir, name, buf), "", mode);
	return rc;
}

EXPORT int
mkdir(const char *name, mode_t mode)
{
	return mkdirat(AT_FDCWD, name, mode);
}

/* A file that is new, or emptied. */
static void
say_open(int dir, const char *name, int flags, mode_t mode, int was_there)
{
	char buf[PATH_MAX];
	const char *const path = path_of(dir, name, buf);

	if (flags & O_CREAT && !was_there)
		say_simply("create", path, "", mode);
	else if (flags & O_TRUNC)
		say_simply("truncate", path, "", 0);
}

static int
is_there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

#define OPENAT(function)                                                                    \
	EXPORT int function(int dir, const char *name, int flags, ...)                      \
	{                                                                                   \
		const int was_there = is_there(dir, name);                                  \
		va_list ap;                                                                 \
		va_start(ap, flags);                                                        \
		const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0; \
		va_end(ap);                                                                 \
		const int fd = REAL(function)(dir, name, flags, mode);                      \
		if (fd >= 0)                                                                \
			say_open(dir, name, flags, mode, was_there);                        \
		return fd;                                                                  \
	}
#define OPEN(function)                                                                      \
	EXPORT int function(const char *name, int flags, ...)                               \
	{                                                                                   \
		const int was_there = is_there(AT_FDCWD, name);                             \
		va_list ap;                                                                 \
		va_start(ap, flags);                                                        \
		const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0; \
		va_end(ap);                                                                 \
		const int fd = REAL(function)(name, flags, mode);                           \
		if (fd >= 0)                                                                \
			say_open(AT_FDCWD, name, flags, mode, was_there);                   \
		return fd;                                                                  \
	}
OPENAT(openat)
OPENAT(openat64)
OPEN(open)
OPEN(open64)

/* openat2 has no function of its own. */
EXPORT long
syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (size_t i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	const int is_open = number == SYS_openat2;
	const char *const name = is_open ? (const char *)a[1] : NULL;
	const int was_there = is_open && is_there((int)a[0], name);
	const long rc = REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (is_open && rc >= 0) {
		const uint64_t *const how = (const uint64_t *)a[2]; /* flags, mode, resolve */
		say_open((int)a[0], name, (int)how[0], (mode_t)how[1], was_there);
	}
	return rc;
}
