/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a folder without recursion: a list of folders still to read, each with the one that led
 * to it, so that a linked folder that contains itself is seen. Every path is resolved from the
 * root by openat2 with RESOLVE_BENEATH: a link that leaves the folder is an error of the kernel,
 * not a check of ours that a swapped link could outrun. Reads no file.
 */
#include "registry/import_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "registry/base/message.h"
#include "registry/manifest.h"

/* Links to folders can make a small tree endless without a loop; no real model has so many
 * folders. */
#define FOLDERS_MAX 65536
#define NO_PARENT   SIZE_MAX

struct folder {
	char *path; /* "" is the root */
	size_t parent;
	dev_t dev;
	ino_t ino;
};

struct walker {
	struct walk *w;
	VEC(struct folder) folders;
};

static int
open_beneath(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	for (int attempt = 0;; attempt++) {
		const long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

		/* EAGAIN: something was renamed while ".." was resolved */
		if (fd >= 0 || errno != EAGAIN || attempt == 128)
			return (int)fd;
	}
}

/* Why `path`, which may be a link, cannot be opened. */
static int
cannot_open(const struct walk *w, const char *path, struct err *e)
{
	switch (errno) {
	case EXDEV:
		(void)err_set(e, ERR_USAGE, "the link \"%s\" leads out of \"%s\"", path, w->name);
		return err_hint(e,
		                "put the file itself there, or import the folder that holds both");
	case ELOOP:
		(void)err_set(e, ERR_USAGE, "the link \"%s\" of \"%s\" leads to itself", path,
		              w->name);
		return err_hint(e, "remove the link");
	case ENOENT:
		(void)err_set(e, ERR_USAGE, "the link \"%s\" of \"%s\" leads nowhere", path,
		              w->name);
		return err_hint(e, "remove the link, or put the file itself there");
	default:
		return err_sys(e, "cannot open \"%s\" of \"%s\"", path, w->name);
	}
}

static const char *
type_name(mode_t mode)
{
	if (S_ISFIFO(mode))
		return "a FIFO";
	if (S_ISSOCK(mode))
		return "a socket";
	return "a device";
}

static int
add_file(struct walker *k, char **path, const struct stat *st, struct err *e)
{
	struct walk *const w = k->w;

	if (w->files.n == MANIFEST_FILES_MAX) {
		(void)err_set(e, ERR_USAGE, "\"%s\" has more than %d files", w->name,
		              MANIFEST_FILES_MAX);
		return err_hint(e, "pack folders of many small files into archives first");
	}
	vec_push(&w->files, ((struct walk_file){ .path = steal(path), .st = *st }));
	return 0;
}

int
walk_refuse_registry(const char *path, struct err *e)
{
	(void)err_set(e, ERR_USAGE, "\"%s\" is in the registry that it would be imported into, or "
	              "holds it", path);
	return err_hint(e, "copy the files elsewhere first, or name another registry with -R");
}

static int
add_folder(struct walker *k, size_t parent, char **path, const struct stat *st, struct err *e)
{
	if (blobs_are_in(k->w->blobs, st))
		return walk_refuse_registry(k->w->name, e);
	for (size_t i = parent; i != NO_PARENT; i = k->folders.v[i].parent) {
		const struct folder *const above = &k->folders.v[i];

		if (above->dev == st->st_dev && above->ino == st->st_ino) {
			(void)err_set(e, ERR_USAGE,
			              "\"%s\" of \"%s\" leads to a folder that contains it",
			              *path, k->w->name);
			return err_hint(e, "remove the link");
		}
	}
	if (k->folders.n == FOLDERS_MAX)
		return err_set(e, ERR_USAGE, "\"%s\" has more than %d folders", k->w->name,
		               FOLDERS_MAX);
	vec_push(&k->folders, ((struct folder){ steal(path), parent, st->st_dev, st->st_ino }));
	return 0;
}

/* One name of a folder. dir is that folder, opened. */
static int
add_entry(struct walker *k, size_t parent, int dir, const char *name, struct err *e)
{
	const char *const above = k->folders.v[parent].path;
	cleanup_free char *path = *above ? xasprintf("%s/%s", above, name) : xstrdup(name);
	struct stat st;
	int rc;

	if (streq(name, ".git")) {
		message(MESSAGE_NOTE, "left out \"%s\" of \"%s\"", path, k->w->name);
		return 0;
	}
	rc = manifest_path_check(path, e);
	if (rc < 0) {
		e->code = ERR_USAGE;
		(void)err_prefix(e, "\"%s\"", k->w->name);
		return err_hint(e, "rename it");
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "cannot look at \"%s\" of \"%s\"", path, k->w->name);
	if (S_ISLNK(st.st_mode)) {
		cleanup_close int fd = open_beneath(k->w->root, path, O_PATH);

		if (fd < 0)
			return cannot_open(k->w, path, e);
		if (fstat(fd, &st) < 0)
			return err_sys(e, "cannot look at \"%s\" of \"%s\"", path, k->w->name);
	}
	if (S_ISREG(st.st_mode))
		return add_file(k, &path, &st, e);
	if (S_ISDIR(st.st_mode))
		return add_folder(k, parent, &path, &st, e);
	(void)err_set(e, ERR_USAGE, "\"%s\" of \"%s\" is %s", path, k->w->name,
	              type_name(st.st_mode));
	return err_hint(e, "only regular files are imported; move it elsewhere");
}

static int
read_entries(struct walker *k, size_t at, DIR *d, struct err *e)
{
	for (;;) {
		errno = 0;
		const struct dirent *const de = readdir(d);
		int rc;

		if (!de && errno != 0)
			return err_sys(e, "cannot list \"%s\" of \"%s\"", k->folders.v[at].path,
			               k->w->name);
		if (!de)
			return 0;
		if (streq(de->d_name, ".") || streq(de->d_name, ".."))
			continue;
		rc = add_entry(k, at, dirfd(d), de->d_name, e);
		if (rc < 0)
			return rc;
	}
}

static int
read_folder(struct walker *k, size_t at, struct err *e)
{
	const char *const path = *k->folders.v[at].path ? k->folders.v[at].path : ".";
	const int fd = open_beneath(k->w->root, path, O_RDONLY | O_DIRECTORY);
	DIR *d;
	int rc;

	if (fd < 0)
		return cannot_open(k->w, path, e);
	d = fdopendir(fd);
	if (!d) {
		close_quietly(fd);
		return err_sys(e, "cannot list \"%s\" of \"%s\"", path, k->w->name);
	}
	rc = read_entries(k, at, d, e);
	closedir(d);
	return rc;
}

static int
by_path(const void *a, const void *b)
{
	const struct walk_file *const x = a;
	const struct walk_file *const y = b;

	return strcmp(x->path, y->path);
}

int
walk_folder(struct walk *w, int root, const char *name, struct err *e)
{
	struct walker k = { .w = w };
	struct stat st;
	int rc = 0;

	w->root = root;
	w->name = name;
	if (fstat(root, &st) < 0)
		return err_sys(e, "cannot look at \"%s\"", name);
	vec_push(&k.folders, ((struct folder){ xstrdup(""), NO_PARENT, st.st_dev, st.st_ino }));
	for (size_t i = 0; i < k.folders.n && rc == 0; i++)
		rc = read_folder(&k, i, e);
	vec_foreach (f, &k.folders)
		free(f->path);
	vec_fini(&k.folders);
	if (w->files.n > 1)
		qsort(w->files.v, w->files.n, sizeof(*w->files.v), by_path);
	return rc;
}

int
walk_open(const struct walk *w, const struct walk_file *f, int *ret_fd, struct err *e)
{
	/* O_NONBLOCK: a FIFO put there since the walk must not hold us; the caller compares
	 * what it is */
	const int fd = open_beneath(w->root, f->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return cannot_open(w, f->path, e);
	*ret_fd = fd;
	return 0;
}

void
walk_fini(struct walk *w)
{
	vec_foreach (f, &w->files)
		free(f->path);
	vec_fini(&w->files);
}
