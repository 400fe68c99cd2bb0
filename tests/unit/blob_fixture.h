/* SPDX-License-Identifier: Apache-2.0 */
/* A folder with nothing but blobs, and files to put into it. */
#pragma once

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/blob.h"

#define MIB ((size_t)1 << 20)

struct place {
	char path[64];
	int fd;
	struct blobs *blobs;
};

static inline struct place
fresh(const char *parent)
{
	struct place p = { .fd = -1 };
	struct err e = { 0 };

	(void)snprintf(p.path, sizeof(p.path), "%s/slipway-blob-XXXXXX", parent);
	cr_assert_eq(crypto_init(), 0);
	cr_assert_not_null(mkdtemp(p.path));
	cr_assert_eq(fs_open_dir(AT_FDCWD, p.path, &p.fd, &e), 0);
	cr_expect_eq(blobs_open(p.fd, &p.blobs, &e), -(int)ERR_NOT_FOUND);
	cr_assert_eq(mkdirat(p.fd, "blobs", 0755), 0);
	cr_assert_eq(mkdirat(p.fd, "blobs/sha256", 0755), 0);
	cr_assert_eq(blobs_open(p.fd, &p.blobs, &e), 0, "%s", e.msg);
	return p;
}

static inline size_t
count(const struct place *p, const char *dir)
{
	DIR *const d = fdopendir(openat(p->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	cr_assert_not_null(d);
	for (const struct dirent *de = readdir(d); de; de = readdir(d))
		n += de->d_name[0] != '.';
	closedir(d);
	return n;
}

static inline void
leave(struct place *p)
{
	static const char *const dirs[] = { "blobs/sha256", "incoming" };

	blobs_close(p->blobs);
	for (size_t i = 0; i < COUNT(dirs); i++) {
		const int fd = openat(p->fd, dirs[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *const d = fd < 0 ? NULL : fdopendir(fd);

		if (!d)
			continue;
		for (const struct dirent *de = readdir(d); de; de = readdir(d))
			(void)unlinkat(fd, de->d_name, 0);
		closedir(d);
		(void)unlinkat(p->fd, dirs[i], AT_REMOVEDIR);
	}
	(void)unlinkat(p->fd, "blobs", AT_REMOVEDIR);
	(void)rmdir(p->path);
	(void)close(p->fd);
}

/* A file of n bytes that no other seed has, and its digest by the other implementation. */
static inline int
make_file(size_t n, unsigned seed, struct digest *ret)
{
	cleanup_free uint8_t *bytes = xmalloc(n + 1);
	char path[] = "/tmp/slipway-blob-in-XXXXXX";
	const int fd = mkostemp(path, O_CLOEXEC);
	uint64_t x = seed + 88172645463325252u;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (uint8_t)x;
	}
	cr_assert_geq(fd, 0);
	(void)unlink(path);
	cr_assert_eq(fs_write_all(fd, bytes, n), 0);
	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	digest_small(bytes, n, ret);
	return fd;
}
