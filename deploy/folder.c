/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One model's folder in a model repository. The number is the switch: a version is copied under a
 * name that no server reads, proved by reading it back, and then renamed to its number; the version
 * before it is renamed away only after servers had time to see the new one, so that a listing never
 * finds none. Knows nothing of HTTP, of the log, or of who may change what.
 */
#include "deploy/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "deploy/folder_private.h"
#include "deploy/folder_tree.h"
#include "registry/base/fs.h"
#include "registry/base/vec.h"

#define INCOMING    "slipway-incoming"
#define HELD_PREFIX "slipway-v"
#define CONFIG      "config.pbtxt"
#define CONFIG_MAX  (256u << 10)
#define SETTLE_MS \
	20 /* a server lists a folder in far less; two renames never fall into one listing */

void
folder_close(struct folder *f)
{
	if (!f)
		return;
	close_quietly(f->fd);
	free(f->where);
	free(f);
}

int
folder_entry_name(const struct target *t, const char *model, char ret[256], struct err *e)
{
	cleanup_buf struct buf name = { 0 };

	/* "a/b" and "a__b" would meet in one folder */
	if (strstr(model, "__"))
		return err_set(e, ERR_USAGE,
		               "model \"%s\" cannot go to a folder: \"__\" stands for \"/\" there",
		               model);
	for (const char *p = model; *p; p++) {
		if (*p == '/')
			buf_adds(&name, "__");
		else
			buf_addc(&name, *p);
	}
	if (name.n == 0 || buf_cstr(&name)[0] == '.' || has_prefix(buf_cstr(&name), "__") ||
	    str_copy(ret, 256, buf_cstr(&name)) < 0)
		return err_set(e, ERR_USAGE, "model \"%s\" cannot be the name of a folder", model);
	if (t->object && !streq(t->object, ret))
		return err_set(e, ERR_USAGE, "target \"%s\" is for \"%s\", not for model \"%s\"",
		               t->name, t->object, model);
	return 0;
}

static int
entry_open(int root, const char *path, const char *entry, bool create, int *ret, struct err *e)
{
	const bool made = create && mkdirat(root, entry, 0755) == 0;

	if (create && !made && errno != EEXIST)
		return err_sys(e, "cannot make the folder \"%s/%s\"", path, entry);
	*ret = beneath_open(root, entry, O_RDONLY | O_DIRECTORY, 0);
	if (*ret < 0)
		return beneath_error(e, path, entry);
	if (made && (fchmod(*ret, 0755) < 0 || fsync(root) < 0))
		return err_sys(e, "cannot make the folder \"%s/%s\"", path, entry);
	return 0;
}

int
folder_open(const char *path, const char *entry, bool create, struct folder **ret, struct err *e)
{
	cleanup_close int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = -1;
	int rc;

	if (root < 0)
		return err_sys(e, "cannot open the folder \"%s\"", path);
	rc = entry_open(root, path, entry, create, &fd, e);
	if (rc < 0)
		return rc;
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->where = xasprintf("%s/%s", path, entry);
	(*ret)->fd = steal_fd(&fd);
	return 0;
}

int
folder_kind_of(const struct folder *f, const char *name, enum kind *ret, struct err *e)
{
	struct stat st;

	*ret = KIND_NONE;
	if (fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "cannot look at \"%s/%s\"", f->where, name);
	*ret = S_ISREG(st.st_mode) ? KIND_FILE : S_ISDIR(st.st_mode) ? KIND_FOLDER : KIND_OTHER;
	return 0;
}

int
folder_kind_is(const struct folder *f, const char *name, enum kind want, bool *ret, struct err *e)
{
	enum kind kind;
	int rc;

	rc = folder_kind_of(f, name, &kind, e);
	if (rc < 0)
		return rc;
	*ret = kind == want;
	if (*ret || kind == KIND_NONE)
		return 0;
	err_set(e, ERR_DENIED, "\"%s/%s\" is not a %s, not ours to touch", f->where, name,
	        want == KIND_FILE ? "file" : "folder");
	return err_hint(e, "look at who put it there and remove it");
}

int
folder_read_small(const struct folder *f, const char *name, size_t max, struct buf *ret,
                  struct err *e)
{
	cleanup_close int fd = beneath_open(f->fd, name, O_RDONLY, 0);
	struct stat st;

	if (fd < 0)
		return beneath_error(e, f->where, name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		errno = ENXIO;
		return beneath_error(e, f->where, name);
	}
	return fs_read_fd(fd, name, max, ret, e);
}

/* A name made of digits, as servers read it: TensorFlow Serving takes leading zeros, Triton skips
 * them. */
static bool
numeric_name(const char *name, uint64_t *ret, bool *ret_is_plain)
{
	const size_t digits = strspn(name, "0123456789");

	if (digits == 0 || name[digits] != '\0')
		return false;
	*ret_is_plain = parse_u64(name, UINT64_MAX, ret) == 0;
	if (*ret_is_plain)
		return true;
	name += strspn(name, "0");
	if (*name == '\0')
		*ret = 0;
	else if (parse_u64(name, UINT64_MAX, ret) < 0)
		*ret = UINT64_MAX;
	return true;
}

/* Calls fn for each name in the model's folder. */
static int
folder_list(const struct folder *f, int (*fn)(void *arg, const char *name, struct err *e),
            void *arg, struct err *e)
{
	cleanup_close int fd = beneath_open(f->fd, ".", O_RDONLY | O_DIRECTORY, 0);
	const struct dirent *d;
	DIR *dir;
	int rc = 0;

	if (fd < 0)
		return beneath_error(e, f->where, ".");
	dir = fdopendir(fd);
	if (!dir)
		return err_sys(e, "cannot list \"%s\"", f->where);
	steal_fd(&fd);
	for (;;) {
		errno = 0;
		d = readdir(dir);
		if (!d)
			break;
		rc = fn(arg, d->d_name, e);
		if (rc < 0)
			break;
	}
	if (!d && errno)
		rc = err_sys(e, "cannot list \"%s\"", f->where);
	closedir(dir);
	return rc;
}

struct look {
	const struct folder *f;
	const struct folder_stamp *stamp;
	struct folder_look *ret;
};

static int
look_entry(void *arg, const char *name, struct err *e)
{
	const struct look *l = arg;
	bool is_plain;
	uint64_t number;
	enum kind kind;
	int rc;

	if (streq(name, CONFIG))
		l->ret->has_config = true;
	if (!numeric_name(name, &number, &is_plain))
		return 0;
	rc = folder_kind_of(l->f, name, &kind, e);
	if (rc < 0 || kind == KIND_NONE)
		return rc;
	l->ret->numeric_n++;
	if (number > l->ret->highest)
		l->ret->highest = number;
	if (is_plain && kind == KIND_FOLDER && l->stamp->exists && number == l->stamp->number)
		return 0;
	/* "0" is a version for some servers; it must not read as "none" */
	if (number == 0)
		number = UINT64_MAX;
	if (number > l->ret->foreign)
		l->ret->foreign = number;
	return 0;
}

int
folder_look(struct folder *f, const struct folder_stamp *s, struct folder_look *ret, struct err *e)
{
	struct look l = { .f = f, .stamp = s, .ret = ret };

	*ret = (struct folder_look){ 0 };
	return folder_list(f, look_entry, &l, e);
}

static void
number_name(char ret[NAME_SIZE], uint64_t number)
{
	snprintf(ret, NAME_SIZE, "%" PRIu64, number);
}

static void
held_name(char ret[NAME_SIZE], uint64_t number)
{
	snprintf(ret, NAME_SIZE, HELD_PREFIX "%" PRIu64, number);
}

static int
move(const struct folder *f, const char *from, const char *to, struct err *e)
{
	int rc;

	rc = renameat2(f->fd, from, f->fd, to, RENAME_NOREPLACE);
	/* network file systems know no flags; a folder never replaces anything but an empty folder
	 */
	if (rc < 0 && errno == EINVAL)
		rc = renameat(f->fd, from, f->fd, to);
	if (rc < 0)
		return err_sys(e, "cannot rename \"%s/%s\" to \"%s\"", f->where, from, to);
	return fs_sync_dir(f->fd, e);
}

static int
verify_named(const struct folder *f, const char *name, const struct source *s, struct err *e)
{
	cleanup_free char *where = xasprintf("%s/%s", f->where, name);
	cleanup_close int fd = beneath_open(f->fd, name, O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return beneath_error(e, f->where, name);
	return tree_verify(fd, where, s, e);
}

static int
incoming_fill(const struct folder *f, const struct source *s, struct err *e)
{
	cleanup_free char *where = xasprintf("%s/%s", f->where, INCOMING);
	cleanup_close int fd = -1;
	int rc;

	rc = tree_remove(f->fd, f->where, INCOMING, e);
	if (rc < 0)
		return rc;
	if (mkdirat(f->fd, INCOMING, 0755) < 0)
		return err_sys(e, "cannot make the folder \"%s\"", where);
	fd = beneath_open(f->fd, INCOMING, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return beneath_error(e, f->where, INCOMING);
	if (fchmod(fd, 0755) < 0)
		return err_sys(e, "cannot set the mode of \"%s\"", where);
	rc = tree_copy(fd, where, s, e);
	if (rc < 0)
		return rc;
	return tree_verify(fd, where, s, e);
}

int
folder_hold(struct folder *f, uint64_t number, const struct source *s, struct err *e)
{
	struct err ignored = { 0 };
	char held[NAME_SIZE];
	bool exists;
	int rc;

	held_name(held, number);
	rc = folder_kind_is(f, held, KIND_FOLDER, &exists, e);
	if (rc < 0)
		return rc;
	if (exists && verify_named(f, held, s, &ignored) == 0)
		return 0;

	/* two at once would write into one incoming folder; where folders know no locks, one is
	 * trusted */
	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return err_set(e, ERR_LOCKED, "another rollout is copying into \"%s\"", f->where);
	rc = incoming_fill(f, s, e);
	if (rc == 0)
		rc = tree_remove(f->fd, f->where, held, e);
	if (rc == 0)
		rc = move(f, INCOMING, held, e);
	/* half a copy on a full disk would keep it full */
	if (rc < 0 && rc != -ERR_DENIED)
		(void)tree_remove(f->fd, f->where, INCOMING, &ignored);
	flock(f->fd, LOCK_UN);
	return rc;
}

/* Is it published, is it held? DENIED when either name is taken by anything but a folder. */
static int
places(const struct folder *f, uint64_t number, bool *ret_published, bool *ret_held, struct err *e)
{
	char plain[NAME_SIZE], held[NAME_SIZE];
	int rc;

	number_name(plain, number);
	held_name(held, number);
	rc = folder_kind_is(f, plain, KIND_FOLDER, ret_published, e);
	if (rc < 0)
		return rc;
	return folder_kind_is(f, held, KIND_FOLDER, ret_held, e);
}

static void
settle(void)
{
	struct timespec left = { .tv_nsec = SETTLE_MS * 1000000L };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		continue;
}

int
folder_publish(struct folder *f, uint64_t number, struct err *e)
{
	char plain[NAME_SIZE], held[NAME_SIZE];
	bool is_published, is_held;
	int rc;

	number_name(plain, number);
	held_name(held, number);
	rc = places(f, number, &is_published, &is_held, e);
	if (rc < 0)
		return rc;
	if (!is_published && !is_held)
		return err_set(e, ERR_NOT_FOUND, "version %" PRIu64 " is not in \"%s\"", number,
		               f->where);
	/* there already: perhaps by a run that died before it synced and waited */
	rc = is_published ? fs_sync_dir(f->fd, e) : move(f, held, plain, e);
	if (rc < 0)
		return rc;
	settle();
	return 0;
}

int
folder_replace(struct folder *f, uint64_t number, struct err *e)
{
	char plain[NAME_SIZE], held[NAME_SIZE];
	bool is_published, is_held;
	int rc;

	number_name(plain, number);
	held_name(held, number);
	rc = places(f, number, &is_published, &is_held, e);
	if (rc < 0)
		return rc;
	if (!is_held)
		return err_set(e, ERR_NOT_FOUND, "no copy of version %" PRIu64 " is held in \"%s\"",
		               number, f->where);
	if (!is_published)
		return folder_publish(f, number, e);
	if (renameat2(f->fd, held, f->fd, plain, RENAME_EXCHANGE) < 0)
		return err_sys(e, "cannot exchange \"%s/%s\" and \"%s\"", f->where, held, plain);
	rc = fs_sync_dir(f->fd, e);
	if (rc < 0)
		return rc;
	settle();
	return folder_drop_held(f, number, e);
}

int
folder_withdraw(struct folder *f, uint64_t number, struct err *e)
{
	char plain[NAME_SIZE], held[NAME_SIZE];
	bool is_published, is_held;
	int rc;

	number_name(plain, number);
	held_name(held, number);
	rc = places(f, number, &is_published, &is_held, e);
	if (rc < 0 || !is_published)
		return rc;
	/* a second copy: whichever stays is hashed again before it is ever published */
	rc = tree_remove(f->fd, f->where, held, e);
	if (rc < 0)
		return rc;
	return move(f, plain, held, e);
}

int
folder_verify(struct folder *f, uint64_t number, const struct source *s, struct err *e)
{
	char plain[NAME_SIZE];

	number_name(plain, number);
	return verify_named(f, plain, s, e);
}

int
folder_drop_held(struct folder *f, uint64_t number, struct err *e)
{
	char held[NAME_SIZE];
	int rc;

	held_name(held, number);
	rc = tree_remove(f->fd, f->where, held, e);
	if (rc < 0)
		return rc;
	return fs_sync_dir(f->fd, e);
}

struct held {
	uint64_t *v;
	size_t n, cap;
};

static int
held_entry(void *arg, const char *name, struct err *e)
{
	struct held *h = arg;
	uint64_t number;

	(void)e;
	if (!has_prefix(name, HELD_PREFIX))
		return 0;
	if (parse_u64(name + strlen(HELD_PREFIX), UINT64_MAX, &number) == 0)
		vec_push(h, number);
	return 0;
}

static int
compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
folder_held(struct folder *f, uint64_t **ret, size_t *ret_n, struct err *e)
{
	struct held h = { 0 };
	int rc;

	rc = folder_list(f, held_entry, &h, e);
	if (rc < 0) {
		free(h.v);
		return rc;
	}
	if (h.n > 0)
		qsort(h.v, h.n, sizeof(*h.v), compare_numbers);
	*ret = h.v;
	*ret_n = h.n;
	return 0;
}

int
folder_config(struct folder *f, struct buf *ret, struct err *e)
{
	return folder_read_small(f, CONFIG, CONFIG_MAX, ret, e);
}
