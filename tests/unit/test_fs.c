/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders, in a fresh folder below the temporary one; each test removes what it made. */
#include "registry/base/fs.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
fresh(char *path)
{
	struct err e = { 0 };
	int dir = -1;

	cr_assert_not_null(mkdtemp(path));
	cr_assert_eq(fs_open_dir(AT_FDCWD, path, &dir, &e), 0, "%s", e.msg);
	return dir;
}

static int
entries(int dir)
{
	DIR *const d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int n = 0;

	cr_assert_not_null(d);
	for (const struct dirent *de = readdir(d); de; de = readdir(d))
		n += !streq(de->d_name, ".") && !streq(de->d_name, "..");
	(void)closedir(d);
	return n;
}

Test(fs, writes_replace_or_refuse)
{
	static const struct {
		bool create;
		const char *path, *bytes;
		mode_t mode;
		int rc;
		const char *then; /* what the file holds afterwards */
	} cases[] = {
		{ false, "a", "one", 0600, 0, "one" },
		{ false, "a", "two", 0664, 0, "two" },
		{ true, "a", "three", 0600, -(int)ERR_EXISTS, "two" },
		{ true, "b", "", 0440, 0, "" },
		{ true, "b", "x", 0440, -(int)ERR_EXISTS, "" },
		{ false, "sub/c", "x", 0600, -(int)ERR_NOT_FOUND, NULL },
		{ false, "a/c", "x", 0600, -(int)ERR_SYS, NULL },
		{ false, "sub/", "x", 0600, -(int)ERR_USAGE, NULL },
	};
	char path[] = "/tmp/slipway-fs-XXXXXX";
	cleanup_close int dir = fresh(path);
	const mode_t old = umask(077);

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf b = { 0 };
		struct err e = { 0 };
		struct stat st;
		const int rc =
			(cases[i].create ? fs_create_at : fs_write_at)(
				dir, cases[i].path, cases[i].bytes, strlen(cases[i].bytes),
				cases[i].mode, &e);

		cr_expect_eq(rc, cases[i].rc, "%zu: %d, %s", i, rc, e.msg);
		if (!cases[i].then)
			continue;
		cr_expect_eq(fs_read_at(dir, cases[i].path, 100, &b, &e), 0, "%zu: %s", i, e.msg);
		cr_expect_str_eq(buf_cstr(&b), cases[i].then, "%zu", i);
		cr_assert_eq(fstatat(dir, cases[i].path, &st, 0), 0);
		if (rc == 0)
			cr_expect_eq(st.st_mode & 07777, cases[i].mode, "%zu", i);
	}
	(void)umask(old);
	cr_expect_eq(entries(dir), 2, "a temporary file stayed behind");
	(void)unlinkat(dir, "a", 0);
	(void)unlinkat(dir, "b", 0);
	cr_expect_eq(rmdir(path), 0);
}

Test(fs, reads_stop_at_the_cap)
{
	char path[] = "/tmp/slipway-fs-XXXXXX";
	cleanup_close int dir = fresh(path);
	static char bytes[200000];
	static const struct {
		size_t size, max;
		int rc;
	} cases[] = {
		{ 0, 0, 0 },
		{ 1, 0, -(int)ERR_TOO_BIG },
		{ 10, 10, 0 },
		{ 11, 10, -(int)ERR_TOO_BIG },
		{ 65536, 65536, 0 },
		{ 200000, 200000, 0 },
		{ 200000, 199999, -(int)ERR_TOO_BIG },
		{ 200000, 1000, -(int)ERR_TOO_BIG },
	};
	struct err e = { 0 };
	int ends[2];

	memset(bytes, 'q', sizeof(bytes));
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf b = { 0 };

		cr_assert_eq(fs_write_at(dir, "f", bytes, cases[i].size, 0600, &e), 0);
		cr_expect_eq(fs_read_at(dir, "f", cases[i].max, &b, &e), cases[i].rc, "%zu", i);
		if (cases[i].rc == 0)
			cr_expect(b.n == cases[i].size && strlen(buf_cstr(&b)) == b.n, "%zu", i);
	}

	/* a pipe has no size to trust, a FIFO and a folder are no files */
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	for (size_t max = 4; max <= 5; max++) {
		cleanup_buf struct buf b = { 0 };

		cr_assert_eq(write(ends[1], "hello", 5), 5);
		if (max == 5)
			close_quietly(ends[1]);
		cr_expect_eq(fs_read_fd(ends[0], "pipe", max, &b, &e),
			     max == 4 ? -(int)ERR_TOO_BIG : 0);
	}
	close_quietly(ends[0]);
	cr_assert_eq(mkfifoat(dir, "fifo", 0600), 0);
	{
		cleanup_buf struct buf b = { 0 };

		cr_expect_eq(fs_read_at(dir, "fifo", 10, &b, &e), -(int)ERR_MALFORMED);
		cr_expect_eq(fs_read_at(dir, ".", 10, &b, &e), -(int)ERR_MALFORMED);
		cr_expect_eq(fs_read_at(dir, "absent", 10, &b, &e), -(int)ERR_NOT_FOUND);
		cr_expect_str_eq(e.msg, "cannot open \"absent\": No such file or directory");
	}
	(void)unlinkat(dir, "fifo", 0);
	(void)unlinkat(dir, "f", 0);
	cr_expect_eq(rmdir(path), 0);
}

Test(fs, positions)
{
	char path[] = "/tmp/slipway-fs-XXXXXX";
	cleanup_close int dir = fresh(path);
	cleanup_close int fd = openat(dir, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char b[4] = "";

	cr_assert(fd >= 0);
	cr_expect_eq(fs_write_all(fd, "abcd", 4), 0);
	cr_expect_eq(fs_pwrite_all(fd, "XY", 2, 3), 0);
	cr_expect_eq(fs_pread_all(fd, b, 4, 1), 0);
	cr_expect_eq(memcmp(b, "bcXY", 4), 0);
	errno = EIO;
	cr_expect_eq(fs_pread_all(fd, b, 4, 2), -1);
	cr_expect_eq(errno, 0, "the end of the file is no error of the system");
	cr_expect_eq(fs_pread_all(-1, b, 4, 0), -1);
	cr_expect_eq(errno, EBADF);
	cr_expect_eq(fs_write_all(-1, b, 4), -1);
	cr_expect(!fs_is_network(-1));
	(void)unlinkat(dir, "f", 0);
	cr_expect_eq(rmdir(path), 0);
}

Test(fs, nothing_below_leads_elsewhere)
{
	static const struct {
		const char *path;
		int flags, why; /* errno; 0: opened */
	} cases[] = {
		{ "d/f", O_RDONLY, 0 },
		{ "d", O_RDONLY | O_DIRECTORY, 0 },
		{ "./d/f", O_RDONLY, 0 },
		{ "d/new", O_WRONLY | O_CREAT | O_EXCL, 0 },
		{ "d/new", O_WRONLY | O_CREAT | O_EXCL, EEXIST },
		{ "d/none", O_RDONLY, ENOENT },
		{ "to-d/f", O_RDONLY, ELOOP },
		{ "to-d", O_RDONLY, ELOOP },
		{ "d/to-f", O_RDONLY, ELOOP },
		{ "d/to-f", O_WRONLY | O_CREAT, ELOOP },
		{ "../x", O_WRONLY | O_CREAT, EXDEV },
	};
	static const char *const made[] = { "d/f", "d/new", "d/to-f", "to-d" };
	char path[] = "/tmp/slipway-fs-XXXXXX";
	cleanup_close int dir = fresh(path);
	struct err e = { 0 };
	int fd = -1;

	cr_assert_eq(mkdirat(dir, "d", 0755), 0);
	cr_assert_eq(fs_write_at(dir, "d/f", "", 0, 0600, &e), 0);
	cr_assert_eq(symlinkat("f", dir, "d/to-f"), 0);
	cr_assert_eq(symlinkat("d", dir, "to-d"), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		errno = 0;
		cleanup_close int got = fs_open_beneath(dir, cases[i].path, cases[i].flags, 0600);
		const int why = errno;

		cr_expect_eq(got >= 0, cases[i].why == 0, "%s", cases[i].path);
		if (got < 0)
			cr_expect_eq(why, cases[i].why, "%s: %d", cases[i].path, why);
	}
	cr_expect_eq(fs_open_dir_beneath(dir, "to-d", &fd, &e), -(int)ERR_DENIED);
	cr_expect_eq(fs_open_dir_beneath(dir, "d/f", &fd, &e), -(int)ERR_SYS);
	cr_expect_eq(fs_open_dir_beneath(dir, "none", &fd, &e), -(int)ERR_NOT_FOUND);
	for (size_t i = 0; i < COUNT(made); i++)
		cr_expect_eq(unlinkat(dir, made[i], 0), 0);
	(void)unlinkat(dir, "d", AT_REMOVEDIR);
	cr_expect_eq(rmdir(path), 0);
}

Test(fs, folders)
{
	char path[] = "/tmp/slipway-fs-XXXXXX";
	cleanup_close int dir = fresh(path);
	static const struct {
		const char *below;
		int rc;
	} cases[] = {
		{ "a/b/c", 0 }, { "a/b/c", 0 }, { "a//b/d/", 0 }, { "f/x", -(int)ERR_SYS },
		{ "f", -(int)ERR_EXISTS },
	};
	static const char *const made[] = { "a/b/c", "a/b/d", "a/b", "a" };
	struct err e = { 0 };

	cr_assert_eq(fs_write_at(dir, "f", "", 0, 0600, &e), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *whole = xasprintf("%s/%s", path, cases[i].below);
		const int rc = fs_mkdirs(whole, 0750, &e);

		cr_expect_eq(rc, cases[i].rc, "%s: %d, %s", cases[i].below, rc, e.msg);
	}
	cr_expect_eq(fs_mkdirs("", 0750, &e), -(int)ERR_NOT_FOUND);
	cr_expect_eq(fs_mkdirs("/", 0750, &e), 0);
	for (size_t i = 0; i < COUNT(made); i++)
		cr_expect_eq(unlinkat(dir, made[i], AT_REMOVEDIR), 0, "%s", made[i]);
	(void)unlinkat(dir, "f", 0);
	cr_expect_eq(rmdir(path), 0);
}

Test(fs, own_places)
{
	static const struct {
		const char *xdg, *home, *want;
		int rc;
	} cases[] = {
		{ "/x", "/h", "/x/slipway", 0 },
		{ NULL, "/h", "/h/.config/slipway", 0 },
		{ "", "/h", "/h/.config/slipway", 0 },
		{ "relative", "/h", "/h/.config/slipway", 0 },
		{ NULL, NULL, NULL, -(int)ERR_USAGE },
		{ NULL, "", NULL, -(int)ERR_USAGE },
	};
	struct err e = { 0 };
	char *other = NULL;

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *got = NULL;

		(void)unsetenv("XDG_CONFIG_HOME");
		(void)unsetenv("HOME");
		if (cases[i].xdg)
			(void)setenv("XDG_CONFIG_HOME", cases[i].xdg, 1);
		if (cases[i].home)
			(void)setenv("HOME", cases[i].home, 1);
		cr_expect_eq(fs_config_dir(&got, &e), cases[i].rc, "%zu", i);
		if (cases[i].want)
			cr_expect_str_eq(got, cases[i].want);
		else
			cr_expect_null(got);
	}
	(void)setenv("HOME", "/h", 1);
	(void)unsetenv("XDG_STATE_HOME");
	(void)unsetenv("XDG_DATA_HOME");
	(void)unsetenv("XDG_CACHE_HOME");
	cr_expect_eq(fs_state_dir(&other, &e), 0);
	cr_expect_str_eq(other, "/h/.local/state/slipway");
	free(other);
	cr_expect_eq(fs_data_dir(&other, &e), 0);
	cr_expect_str_eq(other, "/h/.local/share/slipway");
	free(other);
	cr_expect_eq(fs_cache_dir(&other, &e), 0);
	cr_expect_str_eq(other, "/h/.cache/slipway");
	free(other);

	/* this program is beside itself */
	other = NULL;
	cr_expect_eq(fs_sibling("test_fs", &other, &e), 0, "%s", e.msg);
	cr_expect(other && has_suffix(other, "/test_fs"));
	free(other);
	other = NULL;
	cr_expect_eq(fs_sibling("no-such-program", &other, &e), -(int)ERR_NOT_FOUND);
	cr_expect_null(other);
	cr_expect(strstr(e.msg, "/no-such-program\" nor ") && strstr(e.msg, "libexec/slipway/"));
}
