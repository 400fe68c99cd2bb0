/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the doctor finds out about a registry, also about one that does not open: first the folder
 * as any program sees it, then the parts one by one, and the policy last, because that needs them
 * all. It reads no blob and proves no signature: that is check and verify.
 */
#include "tui/cmd/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "registry/access.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/json.h"
#include "registry/base/text.h"
#include "registry/keyring.h"
#include "registry/policy.h"
#include "registry/registry.h"

#define DAY_S      86400
#define SKEW_MAX_S 5
#define CLOCK_LEAST                                                                  \
	INT64_C(1704067200) /* 2024: before that no registry of this format was made \
	                     */
#define EXPIRES_SOON (30 * DAY_S)
#define FREE_LEAST   (UINT64_C(64) << 20)
#define FREE_LITTLE  (UINT64_C(1) << 30)
#define TINY         (UINT64_C(50) << 20) /* a file system of that size gets no ballast */

static const char no_pin[] =
        "nothing of this log is pinned: without a pin or a witness an owner of the folder can "
        "rewrite history unseen";

/* --- the folder --- */

static bool
is_theirs(const struct stat *root, const struct stat *st)
{
	if (st->st_mode & S_IWOTH)
		return false;
	if (st->st_uid == root->st_uid || st->st_uid == 0 || st->st_uid == geteuid())
		return true;
	return (root->st_mode & S_IWGRP) && st->st_gid == root->st_gid; /* a member made it */
}

static bool
part_is_bad(struct doctor *d, int rootfd, const char *dir, const char *name, bool is_folder)
{
	struct stat root, st;

	if (fstatat(rootfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (is_folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))) {
		doctor_say(d, "folder", DOCTOR_BAD, "restore it from a backup",
		           "\"%s/%s\" is no %s", dir, name, is_folder ? "folder" : "file");
		return true;
	}
	if (fstat(rootfd, &root) == 0 && is_theirs(&root, &st))
		return false;
	doctor_say(d, "folder", DOCTOR_BAD, "chmod o-w it, and give it to the registry's owner",
	           "\"%s/%s\" can be written by others (user %u, mode %03o)", dir, name, st.st_uid,
	           st.st_mode & 07777);
	return true;
}

/* The first bad one is said. */
static bool
parts_are_bad(struct doctor *d, int rootfd, const char *dir)
{
	static const struct {
		const char *name;
		bool is_folder;
	} fixed[] = {
		{ ".", true },
		{ "blobs", true },
		{ "log", true },
		{ "db", true },
		{ "incoming", true },
		{ "jobs", true },
		{ "registry.json", false },
		{ "log/00000001.log", false },
	};
	char name[32];
	struct stat st;

	for (size_t i = 0; i < COUNT(fixed); i++)
		if (part_is_bad(d, rootfd, dir, fixed[i].name, fixed[i].is_folder))
			return true;
	for (unsigned i = 2;; i++) {
		(void)snprintf(name, sizeof name, "log/%08u.log", i);
		if (fstatat(rootfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return false;
		if (part_is_bad(d, rootfd, dir, name, false))
			return true;
	}
}

static void
folder(struct doctor *d, int rootfd, const char *dir)
{
	cleanup_close int fd = -1;
	struct err e = { 0 };
	struct stat st;

	if (fstat(rootfd, &st) < 0)
		return;
	if (access_open_root(dir, 0, &fd, &e) < 0) {
		doctor_say_err(d, "folder", DOCTOR_BAD, &e);
		return;
	}
	if (parts_are_bad(d, rootfd, dir))
		return;
	if ((st.st_mode & S_IWGRP) && !(st.st_mode & S_ISGID))
		doctor_say(
		        d, "folder", DOCTOR_WARN, "find it -type d -exec chmod g+s {} +",
		        "\"%s\" is shared with a group and not setgid: new files may get another "
		        "group",
		        dir);
	else
		doctor_say(d, "folder", DOCTOR_OK, NULL,
		           "\"%s\", mode %03o, nobody else may write it", dir, st.st_mode & 07777);
}

/* --- the file system --- */

static const char *
type_name(int fd)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} types[] = {
		{ EXT4_SUPER_MAGIC, "ext4" },         { XFS_SUPER_MAGIC, "xfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },       { TMPFS_MAGIC, "tmpfs" },
		{ OVERLAYFS_SUPER_MAGIC, "overlay" }, { NFS_SUPER_MAGIC, "nfs" },
		{ FUSE_SUPER_MAGIC, "fuse" },         { F2FS_SUPER_MAGIC, "f2fs" },
		{ MSDOS_SUPER_MAGIC, "vfat" },
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return "unknown";
	for (size_t i = 0; i < COUNT(types); i++)
		if ((unsigned long)fs.f_type == types[i].magic)
			return types[i].name;
	return "other";
}

static void
file_system(struct doctor *d, int rootfd, const char *dir)
{
	const char *const type = type_name(rootfd);
	cleanup_free char *ballast = xasprintf("fallocate -l 16M %s/ballast", dir);
	char size[16];
	struct statvfs fs;

	if (fstatvfs(rootfd, &fs) < 0)
		return;
	const uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	text_size(size, room);
	if (fs_is_network(rootfd))
		doctor_say(d, "disk", DOCTOR_BAD, "work on the machine that holds the folder",
		           "a network file system (%s): nothing can be written safely", type);
	else if (fs.f_flag & ST_RDONLY)
		doctor_say(d, "disk", DOCTOR_WARN, NULL, "%s, read-only", type);
	else if (room < FREE_LEAST)
		doctor_say(d, "disk", DOCTOR_BAD, "make room; `slipway delete` frees nothing yet",
		           "%s, only %s free", type, size);
	else if (room < FREE_LITTLE)
		doctor_say(d, "disk", DOCTOR_WARN, "make room", "%s, only %s free", type, size);
	else if ((uint64_t)fs.f_blocks * fs.f_frsize >= TINY &&
	         faccessat(rootfd, "ballast", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		doctor_say(d, "disk", DOCTOR_WARN, ballast,
		           "%s, %s free; the ballast that keeps a full disk mendable is gone", type,
		           size);
	else if (streq(type, "tmpfs"))
		doctor_say(d, "disk", DOCTOR_WARN, "put it on a disk",
		           "tmpfs, %s free: all is gone with the next boot", size);
	else
		doctor_say(d, "disk", DOCTOR_OK, NULL, "%s, %s free, ballast in place", type, size);
}

/* What LMDB and the log rely on, tried with a file that has no name. *ret_time: what the file
 * system says the time is; 0: not known. */
static void
writes(struct doctor *d, int rootfd, int64_t *ret_time)
{
	cleanup_close int fd = openat(rootfd, "incoming", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct err e = { 0 };
	struct stat st;

	*ret_time = 0;
	if (fd < 0) {
		(void)err_sys(&e, "nothing was tried: cannot make a file");
		doctor_say_err(d, "writing", DOCTOR_NONE, &e);
		return;
	}
	if (fs_write_all(fd, "x", 1) < 0 || fsync(fd) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ||
	    fcntl(fd, F_SETLK, &lock) < 0) {
		(void)err_sys(&e, "write, sync and lock");
		doctor_say_err(d, "writing", DOCTOR_BAD, &e);
		return;
	}
	if (fstat(fd, &st) == 0)
		*ret_time = st.st_mtim.tv_sec;
	doctor_say(d, "writing", DOCTOR_OK, NULL, "write, sync and locks work");
}

/* --- the clock --- */

/* The time of the log's last entry; 0: not known. Damage is for others to find. */
static int64_t
last_entry_time(const struct registry *r)
{
	struct err e = { 0 };
	cleanup_close int fd = -1;
	cleanup_json json_t *o = NULL;
	cleanup_buf struct buf tail = { 0 };
	char name[32];
	struct log_pos end;
	int64_t s = 0;

	if (log_end(r->log, &end, &e) < 0 || end.offset == 0)
		return 0;
	(void)snprintf(name, sizeof name, "log/%08" PRIu32 ".log", end.segment);
	fd = fs_open_beneath(r->rootfd, name, O_RDONLY, 0);
	const size_t n = end.offset < LOG_LINE_MAX ? (size_t)end.offset : LOG_LINE_MAX;
	if (fd < 0 || fs_pread_all(fd, buf_reserve(&tail, n), n, (off_t)(end.offset - n)) < 0)
		return 0;
	tail.n = n;
	const char *const lf = n > 1 ? memrchr(tail.p, '\n', n - 1) : NULL;
	const char *const line = lf ? lf + 1 : tail.p;
	const char *const json = memchr(line, '{', (size_t)(tail.p + n - line));
	if (!json ||
	    json_parse((struct str){ json, (size_t)(tail.p + n - json) }, "line", &o, &e) < 0)
		return 0;
	const char *const time = json_opt_string(o, "time");
	return time && clock_parse(time, &s) == 0 ? s : 0;
}

/* last, file: 0 where they are not known. */
static void
clock_check(struct doctor *d, int64_t last, int64_t file)
{
	static const char next[] =
	        "look at NTP (`timedatectl`); order in the log does not hang on it";
	const int64_t now = clock_now_s();
	char now_text[CLOCK_TEXT_SIZE], text[CLOCK_TEXT_SIZE];

	clock_text(now_text, now);
	if (now < CLOCK_LEAST)
		doctor_say(d, "clock", DOCTOR_BAD, next, "%s: that is in the past", now_text);
	else if (last > now + SKEW_MAX_S) {
		clock_text(text, last);
		doctor_say(d, "clock", DOCTOR_WARN, next,
		           "%s, but the log's last entry is of %s: the clock jumped", now_text,
		           text);
	} else if (file && (file > now + SKEW_MAX_S || file < now - SKEW_MAX_S)) {
		clock_text(text, file);
		doctor_say(d, "clock", DOCTOR_WARN, next, "%s, but the file system says %s",
		           now_text, text);
	} else {
		doctor_say(d, "clock", DOCTOR_OK, NULL, "%s, in step with %s%s", now_text,
		           last ? "the log" : "nothing but itself", file ? " and the disk" : "");
	}
}

/* --- log and database --- */

static void
pin(struct doctor *d, const struct registry *r)
{
	char seen[32];

	if (r->pin.exists) {
		(void)snprintf(seen, sizeof seen, "%" PRIu64, r->pin.edge.size);
		doctor_say(d, "pin", DOCTOR_OK, NULL,
		           "the log still has the %s entries that you saw", seen);
	} else if (r->pin.has_bound) {
		doctor_say(d, "pin", DOCTOR_OK, NULL, "SLIPWAY_PIN: at least %" PRIu64 " entries",
		           r->pin.bound_size);
	} else {
		doctor_say(d, "pin", DOCTOR_WARN, "`slipway verify --all` makes one", "%s", no_pin);
	}
}

static int
applied_of(const struct registry *r, struct applied *ret, struct err *e)
{
	cleanup_free char *dir = xasprintf("%s/db", r->dir);
	struct store *store = NULL;
	struct txn *t = NULL;
	int rc;

	rc = store_open(dir, false, &store, e);
	if (rc == 0)
		rc = store_read_begin(store, &t, e);
	if (rc == 0)
		rc = applied_get(t, ret, e);
	store_abort(t);
	store_close(store);
	return rc;
}

/* False: the registry does not open with it. */
static bool
database(struct doctor *d, const struct registry *r)
{
	struct err e = { 0 };
	struct log_pos end;
	struct applied a;
	int rc;

	if (r->is_private) {
		doctor_say(d, "database", DOCTOR_NONE, NULL,
		           "you may not write it: yours is a copy");
		return true;
	}
	rc = applied_of(r, &a, &e);
	if (rc == 0)
		rc = log_end(r->log, &end, &e);
	if (rc < 0) {
		if (!e.hint[0])
			(void)err_hint(&e, "slipway rebuild");
		doctor_say_err(d, "database", DOCTOR_BAD, &e);
		return false;
	}
	if (log_pos_before(end, a.end)) {
		doctor_say(d, "database", DOCTOR_BAD,
		           "if the log was cut, restore it; else `slipway rebuild`",
		           "it stands behind the end of the log, which is shorter than it was");
		return false;
	}
	if (log_pos_before(a.end, end))
		doctor_say(d, "database", DOCTOR_WARN, "the next command catches up by itself",
		           "%" PRIu64 " entries, behind the log", a.entries);
	else
		doctor_say(d, "database", DOCTOR_OK, NULL, "%" PRIu64 " entries, as the log",
		           a.entries);
	if (a.unknown > 0)
		doctor_say(d, "format", DOCTOR_WARN, "use a newer slipway",
		           "%" PRIu64 " entries are of types that this slipway does not know",
		           a.unknown);
	return true;
}

/* --- policy and the keys for it --- */

static void
expiry(struct doctor *d, const struct policy *p)
{
	const int64_t now = clock_now_s();
	char text[CLOCK_TEXT_SIZE];

	clock_text(text, p->expires_s);
	if (p->expires_s == 0)
		doctor_say(d, "policy", DOCTOR_OK, NULL, "%" PRIu64 ", \"%s\", does not expire",
		           p->version, p->template_name);
	else if (p->expires_s <= now)
		doctor_say(d, "policy", DOCTOR_BAD, "a root key must sign a new one",
		           "%" PRIu64 " expired on %s: only rollbacks are allowed", p->version,
		           text);
	else
		doctor_say(d, "policy", p->expires_s - now < EXPIRES_SOON ? DOCTOR_WARN : DOCTOR_OK,
		           p->expires_s - now < EXPIRES_SOON ? "a root key must sign a new one"
		                                             : NULL,
		           "%" PRIu64 " expires on %s", p->version, text);
}

struct wanted {
	const char *agent, *log; /* names of key files */
	struct keyring_item agent_key, log_key;
	bool has_agent, has_log;
};

static int
see_key(void *arg, const struct keyring_item *k)
{
	struct wanted *const w = arg;

	if (streq(k->name, w->agent)) {
		w->agent_key = *k;
		w->has_agent = true;
	} else if (streq(k->name, w->log)) {
		w->log_key = *k;
		w->has_log = true;
	}
	return 0;
}

static void
person(struct doctor *d, const struct policy *p)
{
	const struct policy_person *who;
	struct keyring_item k;
	struct err e = { 0 };

	if (keyring_person(&k, &e) < 0) {
		doctor_say(d, "you", DOCTOR_WARN, e.hint[0] ? e.hint : NULL, "%s", e.msg);
		return;
	}
	who = policy_person_of(p, &k.pub);
	if (who)
		doctor_say(d, "you", DOCTOR_OK, NULL, "%s, %s", who->id, k.id);
	else
		doctor_say(d, "you", DOCTOR_WARN, "a root key must add it to the policy",
		           "your key %s is nobody's in the policy: you can sign nothing here",
		           k.id);
}

static void
machine_keys(struct doctor *d, const struct registry *r, const struct policy *p)
{
	char agent[65], log[65];
	struct wanted w = { .agent = agent, .log = log };
	struct err e = { 0 };

	keyring_agent_name(r->id, agent);
	keyring_log_name(r->id, log);
	if (keyring_each(see_key, &w, &e) < 0) {
		doctor_say_err(d, "agent", DOCTOR_WARN, &e);
		return;
	}
	if (!w.has_agent)
		doctor_say(d, "agent", DOCTOR_WARN,
		           "promote as the account that made the registry, or restore the key",
		           "no %s.key: no promotion can be recorded from this account", agent);
	else if (!policy_has_role(p, &w.agent_key.pub, ROLE_AGENT))
		doctor_say(d, "agent", DOCTOR_BAD, "a root key must give it the role agent",
		           "%s.key is not the agent's in the policy: no promotion will be recorded",
		           agent);
	else
		doctor_say(d, "agent", DOCTOR_OK, NULL, "its key is here and in the policy");
	if (w.has_log)
		doctor_say(d, "log key", DOCTOR_OK, NULL, "%s", w.log_key.id);
	else
		doctor_say(d, "log key", DOCTOR_NONE, "`slipway audit checkpoint` says how",
		           "none here: no checkpoint of this log is signed on this machine");
}

static void
authority(struct doctor *d)
{
	cleanup_txn struct txn *t = NULL;
	struct policy p = { 0 };
	struct err e = { 0 };
	int rc;

	rc = app_open(d->app, REGISTRY_READ, &e);
	if (rc == 0)
		rc = store_read_begin(d->app->registry->store, &t, &e);
	if (rc == 0)
		rc = policy_current(d->app->registry, t, &p, &e);
	if (rc < 0) {
		doctor_say_err(d, "policy", DOCTOR_BAD, &e);
		return;
	}
	expiry(d, &p);
	person(d, &p);
	machine_keys(d, d->app->registry, &p);
	policy_fini(&p);
}

static bool
parts(struct doctor *d, const char *dir, int64_t file_time)
{
	cleanup_registry struct registry *r = NULL;
	struct err e = { 0 };

	if (registry_open(dir, REGISTRY_NO_DB, &r, &e) < 0) {
		doctor_say_err(d, "registry", DOCTOR_BAD, &e);
		clock_check(d, 0, file_time);
		return false;
	}
	if (r->why_not_writable[0])
		doctor_say(d, "registry", DOCTOR_WARN, NULL,
		           "%.16s, format %d, cannot be written: %s", r->id, REGISTRY_FORMAT,
		           r->why_not_writable);
	else
		doctor_say(d, "registry", DOCTOR_OK, NULL, "%.16s, format %d", r->id,
		           REGISTRY_FORMAT);
	clock_check(d, last_entry_time(r), file_time);
	pin(d, r);
	return database(d, r);
}

void
doctor_registry(struct doctor *d)
{
	const char *const env = getenv("SLIPWAY_REGISTRY");
	const char *dir = d->app->registry_dir;
	cleanup_free char *path = NULL;
	cleanup_close int rootfd = -1;
	struct err e = { 0 };
	int64_t file_time = 0;

	if (!dir && !(env && *env))
		dir = d->app->conf.registry;
	if (registry_dir(dir, &path, &e) < 0) {
		doctor_say_err(d, "registry", DOCTOR_WARN, &e);
		clock_check(d, 0, 0);
		return;
	}
	rootfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0 || faccessat(rootfd, "registry.json", F_OK, 0) < 0) {
		doctor_say(d, "registry", DOCTOR_NONE, "`slipway init` makes one, -R names another",
		           "there is none in \"%s\": nothing of it was looked at", path);
		clock_check(d, 0, 0);
		return;
	}
	folder(d, rootfd, path);
	file_system(d, rootfd, path);
	writes(d, rootfd, &file_time);
	if (parts(d, path, file_time))
		authority(d);
}
