/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and making a registry. What is checked here is cheap and done every time: whose folder it
 * is, whether it is the folder that registry.json speaks of (a copy has another inode), whether the
 * log still holds the line that this person saw last. Who cannot write gets a database of their
 * own, replayed.
 */
#include "registry/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/change.h"
#include "registry/records.h"

#define REGISTRY_JSON     "registry.json"
#define REGISTRY_JSON_MAX 4096
#define BALLAST_SIZE      (16u << 20)

int
registry_dir(const char *dir, char **ret, struct err *e)
{
	const char *env = getenv("SLIPWAY_REGISTRY");
	cleanup_free char *data = NULL;
	char cwd[PATH_MAX];

	if (!dir && env && *env)
		dir = env;
	if (!dir) {
		int rc = fs_data_dir(&data, e);
		if (rc < 0)
			return rc;
		dir = data;
	}
	char *real = realpath(dir, NULL);
	if (real) {
		*ret = real;
		return 0;
	}
	if (dir[0] == '/') {
		*ret = xstrdup(dir);
		return 0;
	}
	if (!getcwd(cwd, sizeof cwd))
		return err_sys(e, "find the current folder");
	*ret = xasprintf("%s/%s", cwd, dir);
	return 0;
}

/* --- opening --- */

static int
no_registry(const struct registry *r, struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "there is no registry in \"%s\"", r->dir);
	return err_hint(
	        e, "make one with `slipway init`, or name another with -R or SLIPWAY_REGISTRY");
}

static int
check_owner(const struct registry *r, struct err *e)
{
	struct stat st;

	if (fstat(r->rootfd, &st) < 0)
		return err_sys(e, "look at registry \"%s\"", r->dir);
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		err_set(e, ERR_DENIED, "registry \"%s\" belongs to user %u, not to you or root",
		        r->dir, st.st_uid);
		return err_hint(e, "ask its owner for a bundle or an export, or work as that user");
	}
	if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX)) {
		err_set(e, ERR_DENIED, "registry \"%s\" may be written by everybody", r->dir);
		return err_hint(
		        e,
		        "chmod o-w it, and look with `slipway check` at what happened meanwhile");
	}
	return 0;
}

static int
open_root(struct registry *r, struct err *e)
{
	struct err inner = { 0 };

	if (access(r->dir, F_OK) < 0 && errno == ENOENT)
		return no_registry(r, e);
	if (fs_open_dir(AT_FDCWD, r->dir, &r->rootfd, &inner) < 0) {
		*e = inner;
		return err_prefix(e, "open registry \"%s\"", r->dir);
	}
	if (faccessat(r->rootfd, REGISTRY_JSON, F_OK, 0) < 0 && errno == ENOENT)
		return no_registry(r, e);
	return check_owner(r, e);
}

static int
parse_identity(struct registry *r, const json_t *o, uint64_t *ret_inode, struct err *e)
{
	const char *id, *created;
	uint64_t format;
	int rc = json_get_u64(o, "format", REGISTRY_JSON, &format, e);

	if (rc == 0 && format > REGISTRY_FORMAT) {
		err_set(e, ERR_MALFORMED,
		        "registry \"%s\" has format %" PRIu64 ", newer than this slipway's %d",
		        r->dir, format, REGISTRY_FORMAT);
		return err_hint(e, "use a newer slipway");
	}
	if (rc == 0)
		rc = json_get_string(o, "id", REGISTRY_JSON, &id, e);
	if (rc == 0)
		rc = json_get_string(o, "created", REGISTRY_JSON, &created, e);
	if (rc == 0)
		rc = json_get_u64(o, "log_inode", REGISTRY_JSON, ret_inode, e);
	if (rc < 0)
		return rc;
	if (str_copy(r->id, sizeof r->id, id) < 0 || strspn(id, "0123456789abcdef") != 32 ||
	    clock_parse(created, &r->created_s) < 0)
		return err_set(e, ERR_MALFORMED, "%s of \"%s\" is damaged", REGISTRY_JSON, r->dir);
	return 0;
}

static int
read_identity(struct registry *r, uint64_t *ret_inode, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	int rc = fs_read_at(r->rootfd, REGISTRY_JSON, REGISTRY_JSON_MAX, &text, e);

	if (rc == 0)
		rc = json_parse(buf_str(&text), REGISTRY_JSON, &o, e);
	return rc < 0 ? rc : parse_identity(r, o, ret_inode, e);
}

/* The database follows from the log: whoever may write both makes a folder that is gone again. */
static bool
may_write_db(const struct registry *r)
{
	if (faccessat(r->rootfd, "db", W_OK, AT_EACCESS) == 0)
		return true;
	return errno == ENOENT && mkdirat(r->rootfd, "db", 0770) == 0;
}

static void
find_why_not_writable(struct registry *r, uint64_t log_inode_then)
{
	struct statvfs fs;
	const char *why = "";

	if (fstatvfs(r->rootfd, &fs) == 0 && (fs.f_flag & ST_RDONLY))
		why = "it is on a read-only file system";
	else if (faccessat(r->rootfd, "log", W_OK, AT_EACCESS) < 0)
		why = "you may only read it";
	else if (fs_is_network(r->rootfd))
		why = "it is on a network file system, where locks cannot be trusted: work on the "
		      "machine that holds it";
	else if (!may_write_db(r))
		why = "you may only read it";
	r->is_private = why[0] != '\0';
	if (!why[0] && (uint64_t)log_inode(r->log) != log_inode_then)
		why = "it is a copy of another folder and opens read-only; a registry is moved by "
		      "renaming its folder";
	(void)str_copy(r->why_not_writable, sizeof r->why_not_writable, why);
}

static int
db_dir(const struct registry *r, char **ret, struct err *e)
{
	cleanup_free char *cache = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct digest d;
	int rc;

	if (!r->is_private) {
		*ret = xasprintf("%s/db", r->dir);
		return 0;
	}
	rc = fs_cache_dir(&cache, e);
	if (rc < 0)
		return rc;
	digest_small(r->dir, strlen(r->dir), &d);
	digest_hex(&d, hex);
	*ret = xasprintf("%s/%s-%.16s", cache, r->id, hex);
	return fs_mkdirs(*ret, 0700, e);
}

static int
compare_position(struct registry *r, struct applied *a, struct log_pos *end, struct err *e)
{
	struct txn *t;
	int rc = log_end(r->log, end, e);

	if (rc == 0)
		rc = store_read_begin(r->store, &t, e);
	if (rc < 0)
		return rc;
	rc = applied_get(t, a, e);
	store_abort(t);
	if (rc == 0 && a->entries > 0 && !streq(a->registry_id, r->id))
		return err_set(e, ERR_MALFORMED,
		               "registry \"%s\": %s and the log name different registries", r->dir,
		               REGISTRY_JSON);
	return rc;
}

static int
open_db(struct registry *r, struct err *e)
{
	cleanup_free char *dir = NULL;
	struct applied a;
	struct log_pos end;
	int rc = db_dir(r, &dir, e);

	if (rc == 0)
		rc = store_open(dir, true, &r->store, e);
	if (rc == 0)
		rc = compare_position(r, &a, &end, e);
	if (rc < 0)
		return rc;
	if (a.end.segment == end.segment && a.end.offset == end.offset)
		return 0;
	return change_replay(r, e);
}

static int
open_parts(struct registry *r, unsigned flags, struct err *e)
{
	uint64_t inode;
	int rc = open_root(r, e);

	if (rc == 0)
		rc = read_identity(r, &inode, e);
	if (rc == 0)
		rc = log_open(r->rootfd, &r->log, e);
	if (rc < 0)
		return rc;
	find_why_not_writable(r, inode);
	if ((flags & REGISTRY_WRITE) && r->why_not_writable[0])
		return err_set(e, ERR_DENIED, "registry \"%s\" cannot be written: %s", r->dir,
		               r->why_not_writable);
	rc = flags & REGISTRY_WRITE ? pin_load(r->dir, &r->pin, e) : pin_look(r->dir, &r->pin, e);
	if (rc == 0)
		rc = pin_check(&r->pin, r->id, r->log, e);
	if (rc == 0)
		rc = blobs_open(r->rootfd, &r->blobs, e);
	if (rc == 0 && !(flags & REGISTRY_NO_DB))
		rc = open_db(r, e);
	return rc;
}

int
registry_open(const char *dir, unsigned flags, struct registry **ret, struct err *e)
{
	struct registry *r = xcalloc(1, sizeof *r);
	int rc;

	r->rootfd = -1;
	rc = registry_dir(dir, &r->dir, e);
	if (rc == 0)
		rc = open_parts(r, flags, e);
	if (rc < 0) {
		registry_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void
registry_close(struct registry *r)
{
	if (!r)
		return;
	store_close(r->store);
	blobs_close(r->blobs);
	log_close(r->log);
	pin_fini(&r->pin);
	close_quietly(r->rootfd);
	free(r->dir);
	free(r);
}

void
registry_close_p(struct registry **r)
{
	registry_close(*r);
}

/* --- making --- */

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
}

static int
make_folders(const char *dir, int *ret_rootfd, struct err *e)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	int rc = fs_open_dir(AT_FDCWD, dir, ret_rootfd, e);

	for (size_t i = 0; rc == 0 && i < COUNT(folders); i++)
		if (mkdirat(*ret_rootfd, folders[i], 0770) < 0 && errno != EEXIST)
			rc = err_sys(e, "make \"%s/%s\"", dir, folders[i]);
	if (rc == 0)
		rc = fs_create_at(*ret_rootfd, "oci-layout", layout, sizeof layout - 1, 0660, e);
	if (rc == 0)
		rc = fs_create_at(*ret_rootfd, "log/00000001.log", "", 0, 0660, e);
	if (rc == 0)
		make_ballast(*ret_rootfd);
	return rc;
}

static int
write_identity(int rootfd, const char *id, int64_t created_s, struct err *e)
{
	cleanup_json json_t *o = json_object();
	cleanup_buf struct buf text = { 0 };
	char created[CLOCK_TEXT_SIZE];
	struct stat st;

	if (fstatat(rootfd, "log/00000001.log", &st, 0) < 0)
		return err_sys(e, "look at the new log");
	clock_text(created, created_s);
	json_object_set_new(o, "format", json_integer(REGISTRY_FORMAT));
	json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, "created", json_string(created));
	json_object_set_new(o, "log_inode", json_integer((json_int_t)st.st_ino));
	json_canonical(o, &text);
	buf_addc(&text, '\n');
	return fs_create_at(rootfd, REGISTRY_JSON, text.p, text.n, 0660, e);
}

struct first {
	const char *id;
	int64_t created_s;
};

static int
first_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct first *f = arg;
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
first_entry(const char *dir, const struct first *f, struct err *e)
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
	struct first f = { .created_s = clock_now_s() };
	cleanup_close int rootfd = -1;
	uint8_t random[16];
	int rc = fs_mkdirs(dir, 0770, e);

	if (rc == 0)
		rc = must_be_empty(dir, e);
	if (rc == 0)
		rc = make_folders(dir, &rootfd, e);
	if (rc < 0)
		return rc;
	randombytes_buf(random, sizeof random);
	sodium_bin2hex(ret_id, REGISTRY_ID_SIZE, random, sizeof random);
	f.id = ret_id;
	rc = write_identity(rootfd, ret_id, f.created_s, e);
	return rc < 0 ? rc : first_entry(dir, &f, e);
}
