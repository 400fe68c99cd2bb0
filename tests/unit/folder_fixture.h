/* SPDX-License-Identifier: Apache-2.0 */
/* A fresh folder and versions that live in memory, for the tests of folders and their drivers. */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/folder.h"
#include "deploy/folder_tree.h"
#include "registry/base/fs.h"

#define VERSION_FILES 4

struct version {
	uint64_t number;
	struct digest id;
	struct source source;
	struct source_file files[VERSION_FILES];
	struct str bytes[VERSION_FILES]; /* what open really gives */
	char big[3000];
	uint64_t progress;
};

static inline int
version_open(void *arg, size_t i, int *ret_fd, struct err *e)
{
	const struct version *v = arg;

	*ret_fd = memfd_create("version", MFD_CLOEXEC);
	if (*ret_fd < 0 || fs_write_all(*ret_fd, v->bytes[i].p, v->bytes[i].n) < 0 ||
	    lseek(*ret_fd, 0, SEEK_SET) < 0)
		return err_sys(e, "memfd");
	return 0;
}

static inline void
version_progress(void *arg, uint64_t done, uint64_t total)
{
	struct version *v = arg;

	v->progress = done == total ? done : 0;
}

static inline void
version_make(struct version *v, uint64_t number)
{
	static const char *const paths[VERSION_FILES] = { "model.bin", "config.json",
		                                          "assets/deep/vocab.txt", ".hidden" };

	memset(v, 0, sizeof(*v));
	v->number = number;
	memset(v->big, (int)('a' + number % 26), sizeof(v->big));
	v->bytes[0] = (struct str){ v->big, sizeof(v->big) };
	v->bytes[1] = STR("{}");
	v->bytes[2] = STR("one\ntwo\n");
	v->bytes[3] = STR("");
	for (size_t i = 0; i < VERSION_FILES; i++) {
		v->files[i] = (struct source_file){ .path = paths[i], .size = v->bytes[i].n };
		digest_small(v->bytes[i].p, v->bytes[i].n, &v->files[i].digest);
	}
	digest_small(&number, sizeof(number), &v->id);
	v->source = (struct source){ .files = v->files,
		                     .n = VERSION_FILES,
		                     .open = version_open,
		                     .arg = v,
		                     .progress = version_progress };
}

struct site {
	char path[64];
	int fd;
};

static inline void
site_make(struct site *s)
{
	cr_assert_eq(crypto_init(), 0);
	(void)str_copy(s->path, sizeof(s->path), "/tmp/slipway-site-XXXXXX");
	cr_assert_not_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(s->fd, 0);
}

static inline void
site_clear(struct site *s, const char *entry)
{
	struct err e = { 0 };
	struct stat st;

	if (fstatat(s->fd, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISDIR(st.st_mode))
		cr_assert_eq(tree_remove(s->fd, s->path, entry, &e), 0, "%s", e.msg);
	else
		cr_assert_eq(unlinkat(s->fd, entry, 0), 0);
}

static inline void
site_remove(struct site *s)
{
	close_quietly(s->fd);
	cr_assert_eq(rmdir(s->path), 0, "%s is not empty", s->path);
}

static inline void
site_write(const struct site *s, const char *path, const char *text)
{
	cleanup_close int fd = openat(s->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
	cr_assert_eq(fs_write_all(fd, text, strlen(text)), 0);
}

static inline bool
site_has(const struct site *s, const char *path)
{
	return faccessat(s->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
