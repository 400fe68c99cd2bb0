/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A volume that is mounted here and, as a claim, in the servers' pods: pvc://CLAIM/PATH. A version
 * is a folder of plain files named by its digest, complete and read back before it gets that name.
 * Others can write to the volume, so each step is taken beneath a descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "deploy/folder_tree.h"
#include "deploy/remote.h"
#include "registry/base/fs.h"

#define INCOMING     "slipway-incoming"
#define LOCK_STEP_MS 20
#define LOCK_STEPS   30000u /* ten minutes */

struct volume {
	const char *address;
	char *root; /* where the volume is mounted here */
	char *path; /* below it; "" */
	bool only_looks;
};

static bool
is_segment(const char *s, size_t n)
{
	return n > 0 && s[0] != '.' && !memchr(s, '\\', n);
}

/* CLAIM[/a/b]: no empty parts, no dots */
static int
check_address(const char *address, struct err *e)
{
	const char *p = address + strlen("pvc://");

	for (;;) {
		const size_t n = strcspn(p, "/");

		if (!is_segment(p, n))
			return err_set(e, ERR_USAGE, "\"%s\" is no pvc://CLAIM/PATH", address);
		if (p[n] == '\0')
			return 0;
		p += n + 1;
	}
}

static int
volume_open(void *st, const char *address, const struct remote_options *o, struct err *e)
{
	struct volume *v = st;
	const char *slash;
	int rc;

	rc = check_address(address, e);
	if (rc < 0)
		return rc;
	if (!o->local_path || o->local_path[0] != '/') {
		err_set(e, ERR_USAGE, "\"%s\" needs the path at which it is mounted here", address);
		return err_hint(e, "--set store-path=/mnt/VOLUME");
	}
	slash = strchr(address + strlen("pvc://"), '/');
	v->address = address;
	v->root = xstrdup(o->local_path);
	v->path = xstrdup(slash ? slash + 1 : "");
	v->only_looks = o->only_looks;
	return 0;
}

static void
volume_close(void *st)
{
	struct volume *v = st;

	free(v->root);
	free(v->path);
	*v = (struct volume){ 0 };
}

/* The folder of the address, one part after the other. */
static int
enter(const struct volume *v, bool create, int *ret, struct err *e)
{
	cleanup_close int at = open(v->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *p = v->path;

	if (at < 0)
		return err_sys(e, "cannot open the volume at \"%s\"", v->root);
	while (*p) {
		const size_t n = strcspn(p, "/");
		cleanup_free char *part = xstrndup(p, n);
		const bool made = create && mkdirat(at, part, 0755) == 0;
		int next;

		if (create && !made && errno != EEXIST)
			return err_sys(e, "cannot make \"%s\" in \"%s\"", part, v->root);
		next = beneath_open(at, part, O_RDONLY | O_DIRECTORY, 0);
		if (next < 0)
			return beneath_error(e, v->root, part);
		close_quietly(at);
		at = next;
		if (made && fchmod(at, 0755) < 0)
			return err_sys(e, "cannot set the mode of \"%s\"", part);
		p += n + (p[n] == '/');
	}
	*ret = steal_fd(&at);
	return 0;
}

static int
volume_probe(void *st, char detail[256], struct err *e)
{
	const struct volume *v = st;
	cleanup_close int fd = -1;
	int rc;

	rc = enter(v, false, &fd, e);
	if (rc == -ERR_NOT_FOUND && access(v->root, W_OK | X_OK) == 0) {
		err_clear(e);
		(void)snprintf(detail, 256, "mounted at %s, still empty", v->root);
		return 0;
	}
	if (rc < 0)
		return rc;
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return err_sys(e, "cannot write to \"%s/%s\"", v->root, v->path);
	(void)snprintf(detail, 256, "mounted at %s", v->root);
	return 0;
}

static void
name_of(const struct digest *d, char ret[80])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	(void)snprintf(ret, 80, "sha256-%s", hex);
}

static int
volume_reference(void *st, const struct remote_version *rv, enum remote_form f, char ret[1024],
                 struct err *e)
{
	const struct volume *v = st;
	char name[80];

	if (f != REMOTE_FILES)
		return err_set(e, ERR_USAGE, "a volume holds plain files, no images");
	name_of(&rv->digest, name);
	if (snprintf(ret, 1024, "%s/%s", v->address, name) >= 1024)
		return err_set(e, ERR_USAGE, "the address of the store is too long");
	return 0;
}

static int
verify(int dir, const char *where, const char *name, const struct source *s, struct err *e)
{
	cleanup_close int fd = beneath_open(dir, name, O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? beneath_error(e, where, name) : tree_verify(fd, where, s, e);
}

/* What this process has read back whole last. Targets that share a volume come side by side, and
 * one reading is for all who asked before it began. */
static struct {
	pthread_mutex_t lock;
	dev_t dev; /* of the folder */
	ino_t ino;
	struct digest version;
	uint64_t began_ns; /* 0: nothing yet */
} read_back = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
keep_read_back(int dir, const struct digest *version, uint64_t began_ns)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return;
	(void)pthread_mutex_lock(&read_back.lock);
	read_back.dev = st.st_dev;
	read_back.ino = st.st_ino;
	read_back.version = *version;
	read_back.began_ns = began_ns;
	(void)pthread_mutex_unlock(&read_back.lock);
}

static bool
is_read_back_since(int dir, const struct digest *version, uint64_t asked_ns)
{
	struct stat st;
	bool was;

	if (fstat(dir, &st) < 0)
		return false;
	(void)pthread_mutex_lock(&read_back.lock);
	was = read_back.began_ns > asked_ns && read_back.dev == st.st_dev &&
	      read_back.ino == st.st_ino && digest_eq(&read_back.version, version);
	(void)pthread_mutex_unlock(&read_back.lock);
	return was;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* With the lock. */
static int
read_whole(int dir, const char *where, const struct remote_version *rv, struct err *e)
{
	const uint64_t began_ns = now_ns();
	char name[80];
	int rc;

	name_of(&rv->digest, name);
	rc = verify(dir, where, name, rv->files, e);
	if (rc == 0)
		keep_read_back(dir, &rv->digest, began_ns);
	return rc;
}

static int
fill(int dir, const char *where, const struct source *s, struct err *e)
{
	cleanup_close int fd = -1;
	int rc;

	rc = tree_remove(dir, where, INCOMING, e);
	if (rc < 0)
		return rc;
	if (mkdirat(dir, INCOMING, 0755) < 0)
		return err_sys(e, "cannot make the folder \"%s/%s\"", where, INCOMING);
	fd = beneath_open(dir, INCOMING, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return beneath_error(e, where, INCOMING);
	if (fchmod(fd, 0755) < 0)
		return err_sys(e, "cannot set the mode of \"%s/%s\"", where, INCOMING);
	rc = tree_copy(fd, where, s, e);
	if (rc == 0)
		rc = tree_verify(fd, where, s, e);
	return rc < 0 ? rc : tree_sync(fd, where, e);
}

/* What stands under the name is damaged: away with it, the good copy is beside already. */
static int
put_in_place(int dir, const char *where, const char *name, struct err *e)
{
	int rc = tree_remove(dir, where, name, e);

	if (rc < 0)
		return rc;
	if (renameat(dir, INCOMING, dir, name) < 0)
		return err_sys(e, "cannot rename \"%s/%s\" to \"%s\"", where, INCOMING, name);
	return fs_sync_dir(dir, e);
}

/* Two at once would write into one incoming folder. 1: it is there, and was read back since. */
static int
wait_for_turn(int dir, const char *root, const struct remote_version *rv, struct err *e)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000 };
	const struct source *const s = rv->files;
	const uint64_t asked_ns = now_ns();

	for (unsigned i = 0; !is_read_back_since(dir, &rv->digest, asked_ns); i++) {
		if (flock(dir, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return err_sys(e, "cannot lock \"%s\"", root);
		if (i == LOCK_STEPS) {
			err_set(e, ERR_LOCKED, "another rollout is copying into \"%s\"", root);
			return err_hint(e, "wait for it: slipway job list");
		}
		if (s->check && s->check(s->arg, e) < 0)
			return -(int)e->code;
		(void)nanosleep(&step, NULL);
	}
	return 1;
}

/* What a put would do. */
static int
look(const struct volume *v, const struct remote_version *rv, struct remote_put *ret, struct err *e)
{
	cleanup_close int dir = -1;
	struct err ignored = { 0 };
	uint64_t total = 0;
	char name[80];
	int rc = enter(v, false, &dir, e);

	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	err_clear(e);
	name_of(&rv->digest, name);
	for (size_t i = 0; i < rv->files->n; i++)
		total += rv->files->files[i].size;
	ret->changed = rc < 0 || verify(dir, v->root, name, rv->files, &ignored) < 0;
	*(ret->changed ? &ret->sent : &ret->present) = total;
	return 0;
}

static int
volume_put(void *st, const struct remote_version *rv, enum remote_form f, struct remote_put *ret,
           struct err *e)
{
	struct volume *v = st;
	cleanup_close int dir = -1;
	struct err ignored = { 0 };
	char name[80];
	int rc;

	*ret = (struct remote_put){ 0 };
	rc = volume_reference(st, rv, f, ret->reference, e);
	if (rc == 0 && v->only_looks)
		return look(v, rv, ret, e);
	if (rc == 0)
		rc = enter(v, true, &dir, e);
	if (rc == 0)
		rc = wait_for_turn(dir, v->root, rv, e);
	if (rc < 0)
		return rc;
	name_of(&rv->digest, name);
	for (size_t i = 0; i < rv->files->n; i++)
		ret->sent += rv->files->files[i].size;
	if (rc == 1 || read_whole(dir, v->root, rv, &ignored) == 0) {
		ret->present = ret->sent;
		ret->sent = 0;
		return 0;
	}
	ret->changed = true;
	rc = fill(dir, v->root, rv->files, e);
	if (rc == 0)
		rc = put_in_place(dir, v->root, name, e);
	/* half a copy on a full disk would keep it full */
	if (rc < 0 && rc != -ERR_DENIED)
		(void)tree_remove(dir, v->root, INCOMING, &ignored);
	return rc;
}

const struct remote_driver remote_volume = {
	.scheme = "pvc",
	.state_size = sizeof(struct volume),
	.holds_files = true,
	.open = volume_open,
	.probe = volume_probe,
	.reference = volume_reference,
	.put = volume_put,
	.close = volume_close,
};
