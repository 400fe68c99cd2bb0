/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of files in a folder that others can write to. A file is hashed through the descriptor that
 * is copied, synced, dropped from the page cache and hashed again from what the disk gives back; a
 * path is walked one folder at a time, because mkdirat would follow a link in the middle of a
 * longer one. Knows nothing of version numbers, stamps or servers.
 */
#include "deploy/folder_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define BLOCK_SIZE   (1u << 20)
#define DEPTH_MAX    64
#define EAGAIN_TRIES 64 /* a rename elsewhere may disturb RESOLVE_BENEATH for a moment */

int
beneath_open(int dirfd, const char *path, int flags, mode_t mode)
{
	const struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
		                              O_NOCTTY),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	for (int i = 0;; i++) {
		const long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EINTR && (errno != EAGAIN || i >= EAGAIN_TRIES))
			return -1;
	}
}

int
beneath_error(struct err *e, const char *where, const char *name)
{
	switch (errno) {
	case ELOOP:
	case EXDEV:
	case ENOTDIR:
	case EISDIR:
	case ENXIO:
	case ENODEV:
		err_set(e, ERR_DENIED, "\"%s/%s\" is a link or a special file, not ours to touch",
		        where, name);
		return err_hint(e, "look at who put it there and remove it");
	default:
		return err_sys(e, "cannot open \"%s/%s\"", where, name);
	}
}

/* One walk for all: file gets everything that is no folder, dir each folder after its contents. */
struct walk {
	int (*file)(struct walk *w, int dirfd, const char *rel, const char *name, mode_t mode,
	            struct err *e);
	int (*dir)(struct walk *w, int parent, int fd, const char *rel, const char *name,
	           struct err *e);
	const char *where;
	const void *arg;
	size_t n;
};

static int walk_folder(struct walk *w, int dirfd, const char *rel, unsigned depth, struct err *e);

static int
walk_child(struct walk *w, int dirfd, const char *rel, const char *name, unsigned depth,
           struct err *e)
{
	cleanup_free char *path = xasprintf("%s%s%s", rel, *rel ? "/" : "", name);
	struct stat st;
	int rc;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return beneath_error(e, w->where, path);
	if (!S_ISDIR(st.st_mode))
		return w->file ? w->file(w, dirfd, path, name, st.st_mode, e) : 0;
	if (depth >= DEPTH_MAX)
		return err_set(e, ERR_DENIED, "\"%s/%s\" is nested deeper than %d folders",
		               w->where, path, DEPTH_MAX);

	cleanup_close int fd = beneath_open(dirfd, name, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return beneath_error(e, w->where, path);
	rc = walk_folder(w, fd, path, depth + 1, e);
	if (rc < 0)
		return rc;
	return w->dir ? w->dir(w, dirfd, fd, path, name, e) : 0;
}

static int
walk_folder(struct walk *w, int dirfd, const char *rel, unsigned depth, struct err *e)
{
	/* a descriptor of its own: the offset of a shared one would be shared too */
	cleanup_close int fd = beneath_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	const struct dirent *d;
	DIR *dir;
	int rc = 0;

	if (fd < 0)
		return beneath_error(e, w->where, rel);
	dir = fdopendir(fd);
	if (!dir)
		return err_sys(e, "cannot list \"%s/%s\"", w->where, rel);
	steal_fd(&fd);

	for (;;) {
		errno = 0;
		d = readdir(dir);
		if (!d)
			break;
		if (streq(d->d_name, ".") || streq(d->d_name, ".."))
			continue;
		rc = walk_child(w, dirfd, rel, d->d_name, depth, e);
		if (rc < 0)
			break;
	}
	if (!d && errno)
		rc = err_sys(e, "cannot list \"%s/%s\"", w->where, rel);
	closedir(dir);
	return rc;
}

/* The folder that will hold path, its parents made on the way. */
static int
parents_open(int dirfd, const char *where, const char *path, int *ret, struct err *e)
{
	cleanup_free char *copy = xstrdup(path);
	cleanup_close int at = beneath_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	char *part = copy;

	if (at < 0)
		return beneath_error(e, where, ".");
	for (char *slash = strchr(part, '/'); slash; slash = strchr(part, '/')) {
		*slash = '\0';
		const bool made = mkdirat(at, part, 0755) == 0;

		if (!made && errno != EEXIST)
			return err_sys(e, "cannot make a folder for \"%s/%s\"", where, path);
		const int next = beneath_open(at, part, O_RDONLY | O_DIRECTORY, 0);

		if (next < 0)
			return beneath_error(e, where, path);
		close_quietly(at);
		at = next;
		/* the umask is the caller's, the reader is a server under another user */
		if (made && fchmod(at, 0755) < 0)
			return err_sys(e, "cannot set the mode of a folder for \"%s/%s\"", where,
			               path);
		part = slash + 1;
	}
	*ret = steal_fd(&at);
	return 0;
}

struct copy {
	const struct source *s;
	const char *where;
	struct hasher *hasher;
	char *block;
	uint64_t done, total;
};

static int
may_go_on(const struct copy *c, struct err *e)
{
	return c->s->check ? c->s->check(c->s->arg, e) : 0;
}

static int
copy_bytes(struct copy *c, const struct source_file *f, int in, int out, struct err *e)
{
	struct digest got;
	uint64_t size = 0;
	int rc;

	hasher_reset(c->hasher);
	for (;;) {
		const ssize_t n = read(in, c->block, BLOCK_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot read \"%s\" of the version", f->path);
		if (n == 0)
			break;
		rc = may_go_on(c, e);
		if (rc < 0)
			return rc;
		size += (uint64_t)n;
		if (size > f->size)
			break;
		hasher_update(c->hasher, c->block, (size_t)n);
		if (fs_write_all(out, c->block, (size_t)n) < 0)
			return err_sys(e, "cannot write \"%s/%s\"", c->where, f->path);
		c->done += (uint64_t)n;
		if (c->s->progress)
			c->s->progress(c->s->arg, c->done, c->total);
	}
	hasher_final(c->hasher, &got);
	if (size != f->size || !digest_eq(&got, &f->digest))
		return err_set(e, ERR_DIGEST,
		               "\"%s\" of the version is not the file that was signed", f->path);
	return 0;
}

static int
copy_file(struct copy *c, int dirfd, size_t i, struct err *e)
{
	const struct source_file *f = &c->s->files[i];
	const char *slash = strrchr(f->path, '/');
	cleanup_close int parent = -1, in = -1, out = -1;
	int rc;

	rc = may_go_on(c, e);
	if (rc < 0)
		return rc;
	rc = parents_open(dirfd, c->where, f->path, &parent, e);
	if (rc < 0)
		return rc;
	out = beneath_open(parent, slash ? slash + 1 : f->path, O_RDWR | O_CREAT | O_EXCL, 0644);
	if (out < 0)
		return beneath_error(e, c->where, f->path);
	if (fchmod(out, 0644) < 0)
		return err_sys(e, "cannot set the mode of \"%s/%s\"", c->where, f->path);
	/* a full disk shows here, before gigabytes were copied; not every file system can */
	if (f->size > 0 && fallocate(out, 0, 0, (off_t)f->size) < 0 &&
	    (errno == ENOSPC || errno == EDQUOT))
		return err_sys(e, "cannot write \"%s/%s\"", c->where, f->path);
	rc = c->s->open(c->s->arg, i, &in, e);
	if (rc < 0)
		return rc;
	rc = copy_bytes(c, f, in, out, e);
	if (rc < 0)
		return rc;
	if (fsync(out) < 0)
		return err_sys(e, "cannot sync \"%s/%s\"", c->where, f->path);
	return 0;
}

int
tree_copy(int dirfd, const char *where, const struct source *s, struct err *e)
{
	struct copy c = { .s = s, .where = where };
	int rc = 0;

	for (size_t i = 0; i < s->n; i++)
		c.total += s->files[i].size;
	c.hasher = hasher_new();
	if (!c.hasher)
		return err_set(e, ERR_SYS, "out of memory");
	c.block = xmalloc(BLOCK_SIZE);
	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = copy_file(&c, dirfd, i, e);
	free(c.block);
	hasher_free(c.hasher);
	if (rc < 0)
		return rc;
	return tree_sync(dirfd, where, e);
}

static int
compare_paths(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

struct names {
	const char **v;
	size_t n;
};

static int
verify_entry(struct walk *w, int dirfd, const char *rel, const char *name, mode_t mode,
             struct err *e)
{
	const struct names *names = w->arg;

	(void)dirfd;
	(void)name;
	if (!S_ISREG(mode))
		return err_set(e, ERR_DENIED,
		               "\"%s/%s\" is a link or a special file, not a file of the version",
		               w->where, rel);
	if (!bsearch(&rel, names->v, names->n, sizeof(*names->v), compare_paths))
		return err_set(e, ERR_DIGEST, "\"%s/%s\" does not belong to the version", w->where,
		               rel);
	w->n++;
	return 0;
}

static int
verify_names(int dirfd, const char *where, const struct source *s, struct err *e)
{
	struct names names = { .v = xcalloc(s->n + 1, sizeof(*names.v)), .n = s->n };
	struct walk w = { .file = verify_entry, .where = where, .arg = &names };
	int rc;

	for (size_t i = 0; i < s->n; i++)
		names.v[i] = s->files[i].path;
	qsort(names.v, names.n, sizeof(*names.v), compare_paths);
	rc = walk_folder(&w, dirfd, "", 0, e);
	free(names.v);
	return rc;
}

/* What the disk has, not what memory remembers having written. */
static int
hash_back(struct copy *c, int fd, const struct source_file *f, struct digest *ret, struct err *e)
{
	int rc;

	/* advice, so a failure is none */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	hasher_reset(c->hasher);
	for (;;) {
		const ssize_t n = read(fd, c->block, BLOCK_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot read \"%s/%s\"", c->where, f->path);
		if (n == 0)
			break;
		rc = may_go_on(c, e);
		if (rc < 0)
			return rc;
		hasher_update(c->hasher, c->block, (size_t)n);
	}
	hasher_final(c->hasher, ret);
	return 0;
}

static int
verify_file(struct copy *c, int dirfd, const struct source_file *f, struct err *e)
{
	cleanup_close int fd = beneath_open(dirfd, f->path, O_RDONLY, 0);
	struct digest got;
	struct stat st;
	int rc;

	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_DIGEST, "\"%s/%s\" is missing", c->where, f->path);
	if (fd < 0)
		return beneath_error(e, c->where, f->path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, "cannot look at \"%s/%s\"", c->where, f->path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_DENIED, "\"%s/%s\" is not a regular file", c->where, f->path);
	if ((uint64_t)st.st_size != f->size)
		return err_set(e, ERR_DIGEST, "\"%s/%s\" has %llu bytes where the version has %llu",
		               c->where, f->path, (unsigned long long)st.st_size,
		               (unsigned long long)f->size);
	rc = hash_back(c, fd, f, &got, e);
	if (rc < 0)
		return rc;
	if (!digest_eq(&got, &f->digest))
		return err_set(e, ERR_DIGEST, "\"%s/%s\" does not have the bytes of the version",
		               c->where, f->path);
	return 0;
}

int
tree_verify(int dirfd, const char *where, const struct source *s, struct err *e)
{
	struct copy c = { .s = s, .where = where };
	int rc;

	rc = verify_names(dirfd, where, s, e);
	if (rc < 0)
		return rc;
	c.hasher = hasher_new();
	if (!c.hasher)
		return err_set(e, ERR_SYS, "out of memory");
	c.block = xmalloc(BLOCK_SIZE);
	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = verify_file(&c, dirfd, &s->files[i], e);
	free(c.block);
	hasher_free(c.hasher);
	return rc;
}

static int
sync_dir(struct walk *w, int parent, int fd, const char *rel, const char *name, struct err *e)
{
	(void)parent;
	(void)name;
	if (fsync(fd) < 0)
		return err_sys(e, "cannot sync \"%s/%s\"", w->where, rel);
	return 0;
}

int
tree_sync(int dirfd, const char *where, struct err *e)
{
	struct walk w = { .dir = sync_dir, .where = where };
	int rc;

	rc = walk_folder(&w, dirfd, "", 0, e);
	if (rc < 0)
		return rc;
	return fs_sync_dir(dirfd, e);
}

static int
remove_file(struct walk *w, int dirfd, const char *rel, const char *name, mode_t mode,
            struct err *e)
{
	(void)mode;
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, "cannot remove \"%s/%s\"", w->where, rel);
	return 0;
}

static int
remove_dir(struct walk *w, int parent, int fd, const char *rel, const char *name, struct err *e)
{
	(void)fd;
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, "cannot remove \"%s/%s\"", w->where, rel);
	return 0;
}

int
tree_remove(int dirfd, const char *where, const char *name, struct err *e)
{
	struct walk w = { .file = remove_file, .dir = remove_dir, .where = where };
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : beneath_error(e, where, name);
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return beneath_error(e, where, name);
	}
	return walk_child(&w, dirfd, "", name, 0, e);
}
