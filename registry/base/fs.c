/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: whole reads under a cap, small writes that are on disk under their name when the call
 * returns, or not there at all. Each write goes to a random name in the same folder, is synced,
 * then renamed. Knows nothing of what is in the files; does not lock.
 */
#include "registry/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define READ_STEP    ((size_t)64 * 1024)
#define EAGAIN_TRIES 32 /* the kernel says so while somebody renames above the path */

/* The size is a hint for memory only: the file may grow while we read. */
static int
read_all(int fd, const char *name, size_t size, size_t max, struct buf *ret, struct err *e)
{
	const size_t start = ret->n;
	size_t step = (size < max ? size : max) + 1;

	for (;;) {
		char *const at = buf_reserve(ret, step);
		const ssize_t n = read(fd, at, step);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot read \"%s\"", name);
		if (n == 0)
			break;
		ret->n += (size_t)n;
		if (ret->n - start > max)
			return err_set(e, ERR_TOO_BIG, "\"%s\" is larger than %zu bytes", name,
				       max);
		if ((size_t)n < step)
			step -= (size_t)n; /* most often the end is what comes next */
		else if (step < READ_STEP)
			step = READ_STEP;
	}
	(void)buf_cstr(ret);
	return 0;
}

int
fs_read_fd(int fd, const char *name, size_t max, struct buf *ret, struct err *e)
{
	struct stat st;
	const bool is_known = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);

	return read_all(fd, name, is_known ? (size_t)st.st_size : READ_STEP, max, ret, e);
}

int
fs_read_at(int dirfd, const char *path, size_t max, struct buf *ret, struct err *e)
{
	/* without O_NONBLOCK a FIFO that somebody left there would hold us for ever */
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_sys(e, "cannot open \"%s\"", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at \"%s\"", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_MALFORMED, "\"%s\" is not a regular file", path);
	return read_all(fd, path, (size_t)st.st_size, max, ret, e);
}

/* The folder that holds path, opened, and the last part of path. */
static int
open_parent(int dirfd, const char *path, int *ret_dir, const char **ret_base, struct err *e)
{
	const char *const slash = strrchr(path, '/');
	const char *const base = slash ? slash + 1 : path;
	cleanup_free char *dir = NULL;

	if (*base == '\0')
		return err_set(e, ERR_USAGE, "\"%s\" names no file", path);
	if (!slash)
		dir = xstrdup(".");
	else
		dir = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	*ret_base = base;
	return fs_open_dir(dirfd, dir, ret_dir, e);
}

/* A new file with a name that nobody else uses; name holds at least 32 bytes. */
static int
create_temp(int dir, char *name, size_t size, mode_t mode)
{
	for (int attempt = 0; attempt < 16; attempt++) {
		uint64_t r;
		int fd;

		if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
			return -1;
		(void)snprintf(name, size, ".tmp-%016llx", (unsigned long long)r);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

/* Gives the temporary file its name; without replace an existing one stays: EEXIST. */
static int
give_name(int dir, const char *temp, const char *base, bool replace)
{
	if (replace)
		return renameat(dir, temp, dir, base);
	if (renameat2(dir, temp, dir, base, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* file systems without that flag know links; the second name goes away below */
	if (linkat(dir, temp, dir, base, 0) < 0)
		return -1;
	return unlinkat(dir, temp, 0);
}

static int
fill_file(int fd, const void *p, size_t n, mode_t mode)
{
	if (fs_write_all(fd, p, n) < 0)
		return -1;
	if (fchmod(fd, mode) < 0) /* the mode that was asked for, whatever the umask */
		return -1;
	return fsync(fd);
}

static int
write_file(int dirfd, const char *path, struct str bytes, mode_t mode, bool replace, struct err *e)
{
	cleanup_close int dir = -1;
	cleanup_close int fd = -1;
	const char *base = NULL;
	char temp[32];
	int rc;

	rc = open_parent(dirfd, path, &dir, &base, e);
	if (rc < 0)
		return rc;
	fd = create_temp(dir, temp, sizeof(temp), mode & 0700);
	if (fd < 0)
		return err_sys(e, "cannot create a file beside \"%s\"", path);
	if (fill_file(fd, bytes.p, bytes.n, mode) < 0) {
		rc = err_sys(e, "cannot write \"%s\"", path);
		(void)unlinkat(dir, temp, 0);
		return rc;
	}
	if (give_name(dir, temp, base, replace) < 0) {
		if (errno == EEXIST && !replace)
			rc = err_set(e, ERR_EXISTS, "\"%s\" exists already", path);
		else
			rc = err_sys(e, "cannot write \"%s\"", path);
		(void)unlinkat(dir, temp, 0);
		return rc;
	}
	return fs_sync_dir(dir, e);
}

int
fs_write_at(int dirfd, const char *path, const void *p, size_t n, mode_t mode, struct err *e)
{
	return write_file(dirfd, path, (struct str){ p, n }, mode, true, e);
}

int
fs_create_at(int dirfd, const char *path, const void *p, size_t n, mode_t mode, struct err *e)
{
	return write_file(dirfd, path, (struct str){ p, n }, mode, false, e);
}

int
fs_write_all(int fd, const void *p, size_t n)
{
	const uint8_t *b = p;

	while (n > 0) {
		const ssize_t w = write(fd, b, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		b += w;
		n -= (size_t)w;
	}
	return 0;
}

int
fs_pwrite_all(int fd, const void *p, size_t n, off_t at)
{
	const uint8_t *b = p;

	while (n > 0) {
		const ssize_t w = pwrite(fd, b, n, at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		b += w;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

int
fs_pread_all(int fd, void *p, size_t n, off_t at)
{
	uint8_t *b = p;

	while (n > 0) {
		const ssize_t r = pread(fd, b, n, at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0) {
			errno = 0; /* the file ends here: no error of the system */
			return -1;
		}
		b += r;
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

int
fs_mkdirs(const char *path, mode_t mode, struct err *e)
{
	cleanup_free char *part = xstrdup(path);
	struct stat st;

	for (size_t i = 1; part[0] != '\0'; i++) {
		const char c = part[i];

		if (c != '/' && c != '\0')
			continue;
		part[i] = '\0';
		/* a folder that is there may answer EROFS or EACCES, so look before judging */
		if (mkdir(part, mode) < 0 && errno != EEXIST) {
			const int saved = errno;

			if (stat(part, &st) < 0) {
				errno = saved;
				return err_sys(e, "cannot make the folder \"%s\"", part);
			}
		}
		part[i] = c;
		if (c == '\0')
			break;
	}
	if (stat(path, &st) < 0)
		return err_sys(e, "cannot make the folder \"%s\"", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ERR_EXISTS, "\"%s\" exists and is not a folder", path);
	return 0;
}

int
fs_open_dir(int dirfd, const char *path, int *ret, struct err *e)
{
	const int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "cannot open the folder \"%s\"", path);
	*ret = fd;
	return 0;
}

/* Where the kernel or a sandbox does not know openat2: one step at a time, each without links. */
static int
walk_beneath(int rootfd, const char *path, int flags, mode_t mode)
{
	cleanup_close int at = -1;

	for (const char *slash = strchr(path, '/');; slash = strchr(path, '/')) {
		const size_t n = slash ? (size_t)(slash - path) : strlen(path);
		cleanup_free char *part = xstrndup(path, n);
		const int dir = at < 0 ? rootfd : at;
		int fd;

		if (n == 0 || streq(part, "..")) {
			errno = n == 0 ? ENOENT : EXDEV;
			return -1;
		}
		if (!slash)
			return openat(dir, part, flags, mode);
		fd = openat(dir, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return -1;
		close_quietly(at);
		at = fd;
		path = slash + 1;
	}
}

int
fs_open_beneath(int rootfd, const char *path, int flags, mode_t mode)
{
	const int all = flags | O_CLOEXEC | O_NOFOLLOW;
	const struct open_how how = {
		.flags = (uint64_t)(unsigned)all,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	for (int i = 0;; i++) {
		const long fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno == ENOSYS || errno == EPERM)
			return walk_beneath(rootfd, path, all, mode);
		if (errno != EINTR && (errno != EAGAIN || i >= EAGAIN_TRIES))
			return -1;
	}
}

int
fs_open_dir_beneath(int rootfd, const char *path, int *ret, struct err *e)
{
	const int fd = fs_open_beneath(rootfd, path, O_RDONLY | O_DIRECTORY, 0);
	struct stat st;

	/* with O_DIRECTORY a link as the last part is ENOTDIR where it is not ELOOP */
	if (fd < 0 && (errno == ELOOP || errno == EXDEV ||
	               (errno == ENOTDIR && fstatat(rootfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	                S_ISLNK(st.st_mode)))) {
		(void)err_set(e, ERR_DENIED, "the folder \"%s\" is a symbolic link or behind one",
		              path);
		return err_hint(e, "look at who put it there; put the folder itself in its place");
	}
	if (fd < 0)
		return err_sys(e, "cannot open the folder \"%s\"", path);
	*ret = fd;
	return 0;
}

int
fs_sync_dir(int dirfd, struct err *e)
{
	/* some file systems cannot sync a folder and say EINVAL: they have nothing to sync */
	if (fsync(dirfd) < 0 && errno != EINVAL)
		return err_sys(e, "cannot sync a folder");
	return 0;
}

int
fs_open_file_beneath(int rootfd, const char *path)
{
	cleanup_close int fd = fs_open_beneath(rootfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return steal_fd(&fd);
	errno = EMEDIUMTYPE;
	return -1;
}

mode_t
fs_mode_below(int dirfd)
{
	struct stat st;

	return fstat(dirfd, &st) < 0 ? 0600 : st.st_mode & 0660;
}

void
fs_take_mode(int fd, int dirfd)
{
	struct stat st, above;

	if (fstat(fd, &st) < 0 || fstat(dirfd, &above) < 0)
		return;
	const mode_t want = above.st_mode & (S_ISDIR(st.st_mode) ? 02770 : 0660);
	if ((st.st_mode & 07777) != want)
		(void)fchmod(fd, want);
}

bool
fs_magic_is_network(uint32_t magic)
{
	static const uint32_t magics[] = {
		NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
		V9FS_MAGIC, FUSE_SUPER_MAGIC, AFS_SUPER_MAGIC, AFS_FS_MAGIC,
		CODA_SUPER_MAGIC, CEPH_SUPER_MAGIC, NCP_SUPER_MAGIC, OCFS2_SUPER_MAGIC,
		0x01161970 /* GFS2 */, 0x0bd00bd0 /* Lustre */, 0x47504653 /* GPFS */,
		0x19830326 /* BeeGFS */, 0xbacbacbc /* VMware's shared folders */,
		0x786f4256 /* VirtualBox's */,
	};

	for (size_t i = 0; i < COUNT(magics); i++) {
		if (magic == magics[i])
			return true;
	}
	return false;
}

bool
fs_is_network(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && fs_magic_is_network((uint32_t)st.f_type);
}

int
fs_sibling(const char *name, char **ret, struct err *e)
{
	cleanup_free char *beside = NULL;
	cleanup_free char *libexec = NULL;
	char exe[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));
	const char *slash;

	if (n < 0)
		return err_sys(e, "cannot find \"%s\": /proc/self/exe", name);
	slash = memrchr(exe, '/', (size_t)n);
	if (!slash || n == (ssize_t)sizeof(exe))
		return err_set(e, ERR_SYS, "cannot find \"%s\": no folder of this program", name);

	beside = xasprintf("%.*s/%s", (int)(slash - exe), exe, name);
	if (faccessat(AT_FDCWD, beside, F_OK, 0) == 0) {
		*ret = steal(&beside);
		return 0;
	}
	libexec = xasprintf("%.*s/../libexec/slipway/%s", (int)(slash - exe), exe, name);
	if (faccessat(AT_FDCWD, libexec, F_OK, 0) == 0) {
		*ret = steal(&libexec);
		return 0;
	}
	return err_set(e, ERR_NOT_FOUND, "cannot find \"%s\": neither \"%s\" nor \"%s\" exists",
		       name, beside, libexec);
}

static int
xdg_dir(const char *variable, const char *below_home, char **ret, struct err *e)
{
	const char *const xdg = getenv(variable);
	const char *const home = getenv("HOME");

	/* the XDG specification has relative paths ignored */
	if (xdg && xdg[0] == '/') {
		*ret = xasprintf("%s/slipway", xdg);
		return 0;
	}
	if (!home || home[0] == '\0') {
		(void)err_set(e, ERR_USAGE, "neither %s nor HOME is set", variable);
		return err_hint(e, "set HOME, or %s to an absolute path", variable);
	}
	*ret = xasprintf("%s/%s/slipway", home, below_home);
	return 0;
}

int
fs_config_dir(char **ret, struct err *e)
{
	return xdg_dir("XDG_CONFIG_HOME", ".config", ret, e);
}

int
fs_state_dir(char **ret, struct err *e)
{
	return xdg_dir("XDG_STATE_HOME", ".local/state", ret, e);
}

int
fs_data_dir(char **ret, struct err *e)
{
	return xdg_dir("XDG_DATA_HOME", ".local/share", ret, e);
}

int
fs_cache_dir(char **ret, struct err *e)
{
	return xdg_dir("XDG_CACHE_HOME", ".cache", ret, e);
}
