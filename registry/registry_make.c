/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new registry: folders, layout, an empty log, registry.json and the first entry. Its folder's
 * rights hold for all that is made in it, now and later: one that a group may write is shared, and
 * its folders keep the group.
 */
#include "registry/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/change.h"
#include "registry/records.h"

#define BALLAST_SIZE (16u << 20)

static const char *const folders[] = { "blobs", "blobs/sha256", "log", "db", "incoming", "jobs" };

static int
must_be_empty(const char *dir, struct err *e)
{
	cleanup_free char *json = xasprintf("%s/%s", dir, REGISTRY_JSON);
	DIR *d = opendir(dir);
	const struct dirent *n;
	bool used = false;

	if (!d)
		return err_sys(e, "open \"%s\"", dir);
	while (!used && (n = readdir(d)) != NULL)
		used = !streq(n->d_name, ".") && !streq(n->d_name, "..");
	closedir(d);
	if (!used)
		return 0;
	if (access(json, F_OK) == 0) {
		err_set(e, ERR_EXISTS, "there is a registry in \"%s\" already", dir);
		return err_hint(e,
		                "look at it with `slipway list`, or name another folder with -R");
	}
	err_set(e, ERR_EXISTS, "\"%s\" is not empty and no registry", dir);
	return err_hint(e, "name a new or empty folder with -R");
}

/* Room that is given up when the disk is full, so that cleaning works; none on a small file system.
 */
static void
make_ballast(int rootfd)
{
	struct statvfs fs;
	uint64_t total;

	if (fstatvfs(rootfd, &fs) < 0)
		return;
	total = (uint64_t)fs.f_blocks * fs.f_frsize;
	if (total / 50 < BALLAST_SIZE / 16)
		return; /* tiny: under 50 MiB */
	cleanup_close int fd =
	        openat(rootfd, "ballast", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0660);
	const uint64_t size = total / 50 < BALLAST_SIZE ? total / 50 : BALLAST_SIZE;
	if (fd >= 0 && posix_fallocate(fd, 0, (off_t)size) != 0)
		(void)unlinkat(rootfd, "ballast", 0);
	if (fd >= 0)
		fs_take_mode(fd, rootfd);
}

static int
make_folder(int rootfd, const char *name, struct err *e)
{
	cleanup_close int fd = -1;
	int rc;

	if (mkdirat(rootfd, name, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "make the folder \"%s\"", name);
	rc = fs_open_dir_beneath(rootfd, name, &fd, e);
	if (rc == 0)
		fs_take_mode(fd, rootfd);
	return rc;
}

/* What a group may write keeps its group, whoever makes it. */
static void
set_group_bit(int rootfd)
{
	struct stat st;

	if (fstat(rootfd, &st) == 0 && (st.st_mode & S_IWGRP) && !(st.st_mode & S_ISGID))
		(void)fchmod(rootfd, (st.st_mode & 07777) | S_ISGID);
}

uint64_t
registry_room(const struct registry *r)
{
	struct statvfs fs;

	return fstatvfs(r->rootfd, &fs) < 0 ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;
}

uint64_t
registry_ballast_drop(struct registry *r)
{
	struct stat st;

	if (fstatat(r->rootfd, "ballast", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    unlinkat(r->rootfd, "ballast", 0) < 0)
		return 0;
	return (uint64_t)st.st_size;
}

bool
registry_ballast_make(struct registry *r)
{
	struct statvfs fs;
	struct stat st;

	if (fstatat(r->rootfd, "ballast", &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    fstatvfs(r->rootfd, &fs) < 0)
		return false;
	/* the ballast is at most a fiftieth: two of it must fit */
	if (fs.f_bavail / 2 < fs.f_blocks / 50)
		return false;
	make_ballast(r->rootfd);
	return fstatat(r->rootfd, "ballast", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int
make_folders(const char *dir, int *ret_rootfd, struct err *e)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	mode_t mode;
	int rc = fs_open_dir(AT_FDCWD, dir, ret_rootfd, e);

	if (rc < 0)
		return rc;
	set_group_bit(*ret_rootfd);
	mode = fs_mode_below(*ret_rootfd);
	for (size_t i = 0; rc == 0 && i < COUNT(folders); i++)
		rc = make_folder(*ret_rootfd, folders[i], e);
	if (rc == 0)
		rc = fs_create_at(*ret_rootfd, "oci-layout", layout, sizeof layout - 1, mode, e);
	if (rc == 0)
		rc = fs_create_at(*ret_rootfd, "log/00000001.log", "", 0, mode, e);
	if (rc == 0)
		make_ballast(*ret_rootfd);
	return rc;
}

static int
write_identity(int rootfd, struct identity *n, struct err *e)
{
	struct stat st;
	int rc = identity_renew(n, clock_now_s(), e);

	if (rc < 0)
		return rc;
	if (fstatat(rootfd, "log/00000001.log", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "look at the new log");
	n->log_inode = st.st_ino;
	return identity_write(rootfd, n, true, e);
}

static int
first_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct identity *f = arg;
	char created[CLOCK_TEXT_SIZE];
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	if (a.entries > 0)
		return err_set(e, ERR_EXISTS, "the log has entries already");
	clock_text(created, f->created_s);
	*ret_body = json_object();
	json_object_set_new(*ret_body, "format", json_integer(REGISTRY_FORMAT));
	json_object_set_new(*ret_body, "id", json_string(f->id));
	json_object_set_new(*ret_body, "created", json_string(created));
	return 0;
}

static int
first_entry(const char *dir, const struct identity *f, struct err *e)
{
	cleanup_registry struct registry *r = NULL;
	struct change_result done;
	int rc = registry_open(dir, REGISTRY_WRITE, &r, e);

	if (rc < 0)
		return rc;
	const struct change c = { .type = "registry",
		                  .check = first_check,
		                  .arg = (void *)(uintptr_t)f };
	return change_commit(r, &c, &done, e);
}

int
registry_create(const char *dir, char ret_id[REGISTRY_ID_SIZE], struct err *e)
{
	struct identity n = { 0 };
	cleanup_close int rootfd = -1;
	int rc = fs_mkdirs(dir, 0770, e);

	if (rc == 0)
		rc = must_be_empty(dir, e);
	if (rc == 0)
		rc = make_folders(dir, &rootfd, e);
	if (rc == 0)
		rc = write_identity(rootfd, &n, e);
	if (rc < 0)
		return rc;
	memcpy(ret_id, n.id, sizeof n.id);
	return first_entry(dir, &n, e);
}
