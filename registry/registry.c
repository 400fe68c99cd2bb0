/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a registry. What is checked here is cheap and done every time: whose folder it is
 * (access.c), whether it is the folder that registry.json speaks of (a copy has another inode),
 * whether the log still holds the line that this person saw last. Who cannot write gets a database
 * of their own, replayed.
 */
#include "registry/registry.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/access.h"
#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/change.h"
#include "registry/records.h"

/* A link may be turned to another folder between two commands: the folder itself is to be named. */
static int
refuse_link(const char *dir, struct err *e)
{
	cleanup_free char *plain = xstrdup(dir);
	char to[PATH_MAX];
	struct stat st;

	for (size_t n = strlen(plain); n > 1 && plain[n - 1] == '/'; n--)
		plain[n - 1] = '\0';
	if (lstat(plain, &st) < 0 || !S_ISLNK(st.st_mode))
		return 0;
	err_set(e, ERR_DENIED, "registry \"%s\" is a symbolic link", plain);
	return realpath(plain, to) ? err_hint(e, "name the folder itself: -R %s", to) : -ERR_DENIED;
}

int
registry_dir(const char *dir, char **ret, struct err *e)
{
	const char *env = getenv("SLIPWAY_REGISTRY");
	cleanup_free char *data = NULL;
	char cwd[PATH_MAX];
	int rc;

	if (!dir && env && *env)
		dir = env;
	if (!dir) {
		rc = fs_data_dir(&data, e);
		if (rc < 0)
			return rc;
		dir = data;
	}
	rc = refuse_link(dir, e);
	if (rc < 0)
		return rc;
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
read_applied(struct registry *r, struct applied *a, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = applied_get(t, a, e);
	store_abort(t);
	return rc;
}

/* The last incarnation that counts is the one that registry.json names. */
static int
check_incarnation(struct registry *r, struct err *e)
{
	struct applied a;
	int rc = read_applied(r, &a, e);

	if (rc < 0 || a.entries == 0 || streq(a.registry_id, r->id))
		return rc;
	err_set(e, ERR_MALFORMED, "registry \"%s\": %s and the log name different registries",
	        r->dir, REGISTRY_JSON);
	return r->identity.ids_n > 1
	               ? err_hint(e, "if it was just being adopted, do that again: slipway adopt")
	               : err_hint(e, "one of them was changed: restore it from a backup");
}

static int
open_store(struct registry *r, struct err *e)
{
	cleanup_free char *dir = NULL;
	int rc = 0;

	store_close(steal(&r->store));
	if (r->is_private)
		rc = access_private_dir(r, &dir, e);
	else
		dir = xasprintf("%s/db", r->dir);
	if (rc == 0)
		rc = store_open(dir, true, &r->store, e);
	if (rc < 0)
		return rc;
	store_set_context(r->store, &r->context);
	return 0;
}

static int
is_old(const struct registry *r, bool *ret, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = applied_is_old(t, ret, e);
	store_abort(t);
	return rc;
}

/* The log is what counts: a database of an older slipway is made anew by whoever may write it. */
static int
bring_up(struct registry *r, struct err *e)
{
	bool old;
	int rc = is_old(r, &old, e);

	if (rc < 0 || !old || (!r->is_private && r->why_not_writable[0]))
		return rc;
	store_close(steal(&r->store));
	message(MESSAGE_NOTE, "the database is of an older slipway: it is made anew from the log");
	rc = r->is_private ? registry_drop_private(r, e) : change_rebuild(r, NULL, e);
	return rc < 0 ? rc : open_store(r, e);
}

int
registry_open_db(struct registry *r, struct err *e)
{
	struct applied a;
	struct log_pos end;
	int rc = open_store(r, e);

	if (rc == 0)
		rc = bring_up(r, e);
	if (rc < 0)
		return rc;
	rc = log_end(r->log, &end, e);
	if (rc == 0)
		rc = read_applied(r, &a, e);
	if (rc < 0 || (a.end.segment == end.segment && a.end.offset == end.offset))
		return rc;
	return change_replay(r, e);
}

int
registry_drop_private(struct registry *r, struct err *e)
{
	cleanup_free char *dir = NULL, *data = NULL;
	int rc = r->is_private ? access_private_dir(r, &dir, e) : 0;

	if (rc < 0 || !dir)
		return rc;
	data = xasprintf("%s/data.mdb", dir);
	return unlink(data) < 0 && errno != ENOENT ? err_sys(e, "remove %s", data) : 0;
}

static int
load_pin(struct registry *r, unsigned flags, struct err *e)
{
	int rc = flags & REGISTRY_WRITE ? pin_load(r->dir, &r->pin, e)
	                                : pin_look(r->dir, &r->pin, e);

	if (rc < 0 || (flags & REGISTRY_ANY_PIN))
		return rc;
	return pin_check(&r->pin, r->id, r->log, e);
}

/* There is a registry, and what every registry has is not in it: nobody may take that for an answer
 * about what was asked for. */
static int
part_is_gone(struct err *e)
{
	if (e->code != ERR_NOT_FOUND)
		return -(int)e->code;
	e->code = ERR_MALFORMED;
	return err_hint(e, "a part of the registry is gone: look at who took it away, restore it "
	                   "from a backup");
}

static int
open_parts(struct registry *r, unsigned flags, struct err *e)
{
	int rc = access_open_root(r->dir, flags, &r->rootfd, e);

	if (rc == 0)
		rc = identity_read(r->rootfd, &r->identity, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? rc : err_prefix(e, "registry \"%s\"", r->dir);
	(void)str_copy(r->id, sizeof r->id, r->identity.id);
	r->created_s = r->identity.created_s;
	rc = log_open(r->rootfd, &r->log, e);
	if (rc < 0)
		return part_is_gone(e);
	access_judge(r, flags, r->identity.log_inode);
	if ((flags & REGISTRY_WRITE) && r->why_not_writable[0])
		return err_set(e, ERR_DENIED, "registry \"%s\" cannot be written: %s", r->dir,
		               r->why_not_writable);
	rc = load_pin(r, flags, e);
	if (rc == 0)
		rc = blobs_open(r->rootfd, &r->blobs, e);
	if (rc < 0)
		return part_is_gone(e);
	r->context = (struct row_context){ &r->identity, r->blobs };
	if (flags & REGISTRY_NO_DB)
		return 0;
	rc = registry_open_db(r, e);
	return rc < 0 ? rc : check_incarnation(r, e);
}

int
registry_open(const char *dir, unsigned flags, struct registry **ret, struct err *e)
{
	struct registry *r = xcalloc(1, sizeof *r);
	int rc;

	r->rootfd = r->usersfd = -1;
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
	close_quietly(r->usersfd);
	close_quietly(r->rootfd);
	free(r->dir);
	free(r);
}

void
registry_close_p(struct registry **r)
{
	registry_close(*r);
}
