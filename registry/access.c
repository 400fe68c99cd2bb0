/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder that somebody else made is hostile until its owner is trusted, and what its members may
 * write in it is theirs. Links are never followed. A database that others than owner and group
 * could have written is not opened: this person gets one of their own, replayed from the log.
 */
#include "registry/access.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h> /* ST_RDONLY */
#include <sys/vfs.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/json.h"
#include "registry/users.h"

#define OWNER_MAX 8192

/* --- owners that this person trusts --- */

static int
owner_path(const char *dir, char **ret, struct err *e)
{
	cleanup_free char *state = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct digest d;
	int rc = fs_state_dir(&state, e);

	if (rc < 0)
		return rc;
	digest_small(dir, strlen(dir), &d);
	digest_hex(&d, hex);
	*ret = xasprintf("%s/owners/%s.json", state, hex);
	return 0;
}

static bool
is_trusted_owner(const char *dir, uid_t uid)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *path = NULL;
	cleanup_json json_t *o = NULL;
	struct err ignored = { 0 };
	uint64_t trusted;

	return owner_path(dir, &path, &ignored) == 0 &&
	       fs_read_at(AT_FDCWD, path, OWNER_MAX, &text, &ignored) == 0 &&
	       json_parse(buf_str(&text), "owner", &o, &ignored) == 0 &&
	       json_get_u64(o, "uid", "owner", &trusted, &ignored) == 0 && trusted == uid;
}

static int
trust_owner(const char *dir, uid_t uid, struct err *e)
{
	cleanup_json json_t *o = json_object();
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *path = NULL, *above = NULL;
	json_t *named;
	int rc = owner_path(dir, &path, e);

	if (rc < 0)
		return rc;
	named = json_from_str(str_of(dir)); /* for people; the file's name decides */
	if (named)
		json_object_set_new(o, "path", named);
	json_object_set_new(o, "uid", json_integer((json_int_t)uid));
	json_canonical(o, &text);
	buf_addc(&text, '\n');
	above = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	rc = fs_mkdirs(above, 0700, e);
	return rc < 0 ? rc : fs_write_at(AT_FDCWD, path, text.p, text.n, 0600, e);
}

/* --- the folder and those above it --- */

static bool
is_open_to_all(const struct stat *st)
{
	return (st->st_mode & S_IWOTH) && !(st->st_mode & S_ISVTX);
}

/* Who may write a folder above may put another one in the registry's place. */
static int
check_above(const char *dir, struct err *e)
{
	cleanup_free char *part = xstrdup(dir);
	struct stat st;

	for (char *slash = strrchr(part, '/'); slash; slash = strrchr(part, '/')) {
		slash[slash == part ? 1 : 0] = '\0';
		if (stat(part, &st) < 0)
			return err_sys(e, "look at the folder \"%s\"", part);
		if (is_open_to_all(&st)) {
			err_set(e, ERR_DENIED,
			        "everybody may write in \"%s\", above the registry, and put "
			        "another folder in its place",
			        part);
			return err_hint(e, "chmod o-w it, or give it the sticky bit: chmod +t");
		}
		if (slash == part)
			break;
	}
	return 0;
}

static int
check_owner(const char *dir, const struct stat *st, unsigned flags, struct err *e)
{
	if (st->st_uid == geteuid() || st->st_uid == 0 || is_trusted_owner(dir, st->st_uid))
		return 0;
	if (flags & REGISTRY_TRUST_OWNER)
		return trust_owner(dir, st->st_uid, e);
	err_set(e, ERR_DENIED, "registry \"%s\" belongs to user %u, not to you or root", dir,
	        st->st_uid);
	return err_hint(e, "if that user may decide what you see there, say so once with "
	                   "--trust-owner; else ask for an export");
}

static int
check_root(const char *dir, int rootfd, unsigned flags, struct err *e)
{
	struct stat st;
	int rc;

	if (fstat(rootfd, &st) < 0)
		return err_sys(e, "look at registry \"%s\"", dir);
	if (is_open_to_all(&st)) {
		err_set(e, ERR_DENIED, "registry \"%s\" may be written by everybody", dir);
		return err_hint(
		        e,
		        "chmod o-w it, and look with `slipway check` at what happened meanwhile");
	}
	rc = check_above(dir, e);
	return rc < 0 ? rc : check_owner(dir, &st, flags, e);
}

static int
no_registry(const char *dir, struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "there is no registry in \"%s\"", dir);
	return err_hint(
	        e, "make one with `slipway init`, or name another with -R or SLIPWAY_REGISTRY");
}

int
access_open_root(const char *dir, unsigned flags, int *ret_rootfd, struct err *e)
{
	cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	int rc;

	if (fd < 0 && errno == ENOENT)
		return no_registry(dir, e);
	if (fd < 0 && errno == EACCES) {
		err_sys(e, "open registry \"%s\"", dir);
		return err_hint(e, "you are not in the group that may read it, or not yet: log in "
		                   "again after joining");
	}
	if (fd < 0)
		return err_sys(e, "open registry \"%s\"", dir);
	if (fstatat(fd, "registry.json", &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return no_registry(dir, e);
	rc = check_root(dir, fd, flags, e);
	if (rc == 0)
		*ret_rootfd = steal_fd(&fd);
	return rc;
}

/* --- the database --- */

/* By me, root or the owner whom I trust; or by the group that the owner lets write here. */
static bool
is_theirs(const struct stat *root, const struct stat *st)
{
	if (st->st_mode & S_IWOTH)
		return false;
	if (st->st_uid == geteuid() || st->st_uid == 0 || st->st_uid == root->st_uid)
		return true;
	return (root->st_mode & S_IWGRP) && st->st_gid == root->st_gid;
}

/* Absent is fine: it is made. */
static bool
is_trusted_db(const struct registry *r)
{
	static const char *const files[] = { "db/data.mdb", "db/lock.mdb" };
	struct stat root, st;

	if (fstat(r->rootfd, &root) < 0)
		return false;
	if (fstatat(r->rootfd, "db", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;
	if (!S_ISDIR(st.st_mode) || !is_theirs(&root, &st))
		return false;
	for (size_t i = 0; i < COUNT(files); i++) {
		if (fstatat(r->rootfd, files[i], &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT)
				return false;
		} else if (!S_ISREG(st.st_mode) || !is_theirs(&root, &st)) {
			return false;
		}
	}
	return true;
}

/* The database follows from the log: whoever may write both makes a folder that is gone again. */
static bool
may_write_db(const struct registry *r)
{
	if (faccessat(r->rootfd, "db", W_OK, AT_EACCESS) == 0)
		return true;
	if (errno != ENOENT || mkdirat(r->rootfd, "db", 0700) < 0)
		return false;
	cleanup_close int fd = fs_open_beneath(r->rootfd, "db", O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0)
		fs_take_mode(fd, r->rootfd);
	return true;
}

static const char *
why_no_writing(const struct registry *r, unsigned flags)
{
	struct statfs fs;
	const bool is_known = fstatfs(r->rootfd, &fs) == 0;

	if (is_known && (fs.f_flags & ST_RDONLY))
		return "it is on a read-only file system";
	if (faccessat(r->rootfd, "log", W_OK, AT_EACCESS) < 0)
		return "you may only read it";
	if (is_known && fs_magic_is_network((uint32_t)fs.f_type))
		return "it is on a network file system, where locks cannot be trusted: work on the "
		       "machine that holds it, or put a backup of it on a disk here";
	if (r->is_db_foreign && !(flags & REGISTRY_NO_DB))
		return "its database was put there by somebody who is neither its owner nor of its "
		       "group, or for everybody to write; `slipway rebuild` replaces it";
	if (!r->is_db_foreign && !may_write_db(r))
		return "you may only read it";
	return NULL;
}

void
access_judge(struct registry *r, unsigned flags, uint64_t log_inode_then)
{
	const char *why;

	r->is_db_foreign = !is_trusted_db(r);
	why = why_no_writing(r, flags);
	r->is_copy = (uint64_t)log_inode(r->log) != log_inode_then;
	if (!why && !(r->is_copy && !(flags & REGISTRY_COPY)) &&
	    !users_enter(r->rootfd, &r->usersfd))
		why = "processes of another PID namespace, a container perhaps, are at work in it: "
		      "run this there, or when they have ended";
	r->is_private = why != NULL;
	if (!why && r->is_copy && !(flags & REGISTRY_COPY)) {
		r->is_private = true; /* nor is a copied database believed */
		why = "it is a copy of another folder and opens read-only: `slipway adopt` makes a "
		      "registry of its own of it, `slipway audit accept-restore` says that it is a "
		      "backup put back";
	}
	(void)str_copy(r->why_not_writable, sizeof r->why_not_writable, why ? why : "");
}

int
access_private_dir(struct registry *r, char **ret, struct err *e)
{
	cleanup_free char *cache = NULL, *own = NULL;
	cleanup_close int fd = -1;
	char hex[DIGEST_HEX_SIZE];
	struct digest d;
	struct stat st;
	int rc = fs_cache_dir(&cache, e);

	if (rc < 0)
		return rc;
	digest_small(r->dir, strlen(r->dir), &d);
	digest_hex(&d, hex);
	*ret = xasprintf("%s/%s-%.16s", cache, r->id, hex);
	rc = fs_mkdirs(*ret, 0700, e);
	if (rc == 0)
		rc = fs_open_dir(AT_FDCWD, *ret, &fd, e);
	if (rc < 0 || users_enter(fd, &r->usersfd))
		return rc;
	/* one's home may be mounted into a container */
	own = xasprintf("%s-%" PRIuMAX, *ret,
	                stat("/proc/self/ns/pid", &st) == 0 ? (uintmax_t)st.st_ino : 0);
	free(*ret);
	*ret = steal(&own);
	return fs_mkdirs(*ret, 0700, e);
}
