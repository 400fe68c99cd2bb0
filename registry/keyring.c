/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key files of this person. What may hold a seed in the clear is read into locked memory and wiped;
 * a file that others may read is refused, as its secret is no secret any more. Never prompts.
 */
#include "registry/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/base/str.h"

#define SUFFIX       ".key"
#define AGENT_PREFIX "agent-"
#define LOG_PREFIX   "log-"

static int
keys_dir(bool make, int *ret, struct err *e)
{
	cleanup_free char *config = NULL;
	cleanup_free char *keys = NULL;
	int rc;

	rc = fs_config_dir(&config, e);
	if (rc < 0)
		return rc;
	keys = xasprintf("%s/keys", config);
	if (make) {
		rc = fs_mkdirs(keys, 0700, e);
		if (rc < 0)
			return rc;
	}
	*ret = open(keys, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? err_sys(e, "cannot open your keys in \"%s\"", keys) : 0;
}

/* Names the file by its whole path: what is wrong with it is for a person to put right. */
static int
bad_file(const char *file, enum err_code code, const char *what, const char *next, struct err *e)
{
	cleanup_free char *config = NULL;
	struct err ignored = { 0 };

	(void)fs_config_dir(&config, &ignored);
	(void)err_set(e, code, "key file \"%s/keys/%s\" %s", config ? config : "", file, what);
	return err_hint(e, "%s", next);
}

/* A key file's text in sodium memory. */
static int
read_file(int dirfd, const char *file, char **ret, size_t *ret_n, struct err *e)
{
	cleanup_close int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "cannot open key \"%s\"", file);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)) {
		return bad_file(file, ERR_DENIED, "is not a file that only you may read",
		                "chmod 600 it; if others may have read it, make a new key", e);
	}
	if (st.st_size > KEYFILE_MAX)
		return err_set(e, ERR_TOO_BIG, "key \"%s\" is larger than %d bytes", file,
		               KEYFILE_MAX);
	char *const text = sodium_malloc(KEYFILE_MAX);
	if (!text)
		return err_set(e, ERR_SYS, "not enough lockable memory for a key");
	const ssize_t n = pread(fd, text, KEYFILE_MAX, 0);
	if (n < 0) {
		sodium_free(text);
		return err_sys(e, "cannot read key \"%s\"", file);
	}
	*ret = text;
	*ret_n = (size_t)n;
	return 0;
}

static int
read_item(int dirfd, const char *file, struct keyring_item *ret, struct err *e)
{
	int is_encrypted, rc;
	char *text;
	size_t n;

	*ret = (struct keyring_item){ 0 };
	const size_t name_n = strlen(file) - strlen(SUFFIX);
	if (name_n >= sizeof ret->name)
		return err_set(e, ERR_MALFORMED, "key \"%s\" has a name that is too long", file);
	memcpy(ret->name, file, name_n);
	rc = read_file(dirfd, file, &text, &n, e);
	if (rc < 0)
		return rc;
	if (keyfile_public(text, n, &ret->pub, &is_encrypted) < 0)
		rc = bad_file(file, ERR_MALFORMED, "is damaged",
		              "put a good copy in its place, or move it out of that folder", e);
	sodium_free(text);
	if (rc < 0)
		return rc;
	key_id(&ret->pub, ret->id);
	ret->is_encrypted = is_encrypted;
	ret->is_agent = has_prefix(ret->name, AGENT_PREFIX);
	ret->is_log = has_prefix(ret->name, LOG_PREFIX);
	return 0;
}

static int
is_key_file(const struct dirent *d)
{
	return d->d_name[0] != '.' && strlen(d->d_name) > strlen(SUFFIX) && has_suffix(d->d_name,
		SUFFIX);
}

/* Calls fn for the good ones. *ret_bad is why the first bad one that is no agent's is bad; the
 * others, and with ret_bad NULL all, are warned of. */
static int
each(int (*fn)(void *arg, const struct keyring_item *k), void *arg, struct err *ret_bad,
     struct err *e)
{
	struct dirent **names = NULL;
	cleanup_close int dirfd = -1;
	int n, rc;

	rc = keys_dir(false, &dirfd, e);
	if (rc == -ERR_NOT_FOUND) {
		err_clear(e);
		return 0; /* no folder: no keys */
	}
	if (rc < 0)
		return rc;
	n = scandirat(dirfd, ".", &names, is_key_file, alphasort);
	if (n < 0)
		return err_sys(e, "cannot read the folder of your keys");
	for (int i = 0; i < n; i++) {
		struct err why = { 0 };
		struct keyring_item k;
		if (rc == 0 && read_item(dirfd, names[i]->d_name, &k, &why) == 0)
			rc = fn(arg, &k);
		else if (rc == 0 && ret_bad && ret_bad->code == ERR_OK &&
		         !has_prefix(names[i]->d_name, AGENT_PREFIX) &&
		         !has_prefix(names[i]->d_name, LOG_PREFIX))
			*ret_bad = why;
		else if (rc == 0)
			message(MESSAGE_WARNING, "%s", why.msg);
		free(names[i]);
	}
	free(names);
	return rc;
}

int
keyring_each(int (*fn)(void *arg, const struct keyring_item *k), void *arg, struct err *e)
{
	return each(fn, arg, NULL, e);
}

struct own {
	struct keyring_item *ret;
	size_t n;
	struct buf names;
};

static int
own_found(void *arg, const struct keyring_item *k)
{
	struct own *const w = arg;

	if (k->is_agent || k->is_log)
		return 0;
	if (w->n++ == 0)
		*w->ret = *k;
	buf_addf(&w->names, "%s%s", w->n > 1 ? ", " : "", k->name);
	return 0;
}

static int
only_one(struct own *w, const struct err *bad, struct err *e)
{
	if (w->n == 0 && bad->code != ERR_OK) {
		*e = *bad;
		return -(int)e->code;
	}
	if (bad->code != ERR_OK)
		message(MESSAGE_WARNING, "%s", bad->msg);
	if (w->n == 0) {
		(void)err_set(e, ERR_NOT_FOUND, "you have no key on this machine");
		return err_hint(e, "`slipway key new` makes one; `slipway init` makes it with a "
		                   "registry");
	}
	if (w->n > 1) {
		(void)err_set(e, ERR_AMBIGUOUS, "you have %zu keys on this machine: %.300s", w->n,
		              buf_cstr(&w->names));
		return err_hint(e, "say which: --key NAME, or `slipway config set key NAME`");
	}
	return 0;
}

int
keyring_person(struct keyring_item *ret, struct err *e)
{
	struct keyring_item k;
	struct own w = { .ret = &k };
	struct err bad = { 0 };
	int rc;

	rc = each(own_found, &w, &bad, e);
	if (rc == 0)
		rc = only_one(&w, &bad, e);
	buf_fini(&w.names);
	if (rc == 0)
		*ret = k;
	return rc;
}

static char *
file_of(const char *name)
{
	return xasprintf("%s" SUFFIX, name);
}

int
keyring_create(const char *name, const char *passphrase, struct secret_key **ret, struct err *e)
{
	return keyring_create_at_cost(name, passphrase, NULL, ret, e);
}

int
keyring_create_at_cost(const char *name, const char *passphrase, const struct keyfile_cost *cost,
                       struct secret_key **ret, struct err *e)
{
	cleanup_free char *file = file_of(name);
	cleanup_close int dirfd = -1;
	struct secret_key *k;
	char *text = NULL;
	size_t n = 0;
	int rc;

	rc = keys_dir(true, &dirfd, e);
	if (rc < 0)
		return rc;
	k = key_generate();
	if (!k || keyfile_write(k, passphrase, cost, &text, &n) < 0)
		rc = err_set(e, ERR_SYS, "not enough memory to make a key");
	else
		rc = fs_create_at(dirfd, file, text, n, 0600, e);
	if (text)
		sodium_memzero(text, n);
	free(text);
	if (rc < 0) {
		key_free(k);
		return err_prefix(e, "make key \"%s\"", name);
	}
	*ret = k;
	return 0;
}

static int
load_failed(const char *name, int status, struct err *e)
{
	switch (status) {
	case KEYFILE_LOCKED:
		(void)err_set(e, ERR_USAGE, "key \"%s\" is locked by a passphrase", name);
		return err_hint(e, "work on a terminal, or give it with --passphrase-fd N");
	case KEYFILE_PASSPHRASE:
		return err_set(e, ERR_DENIED, "that is not the passphrase of key \"%s\"", name);
	case KEYFILE_BOUNDS:
		return err_set(e, ERR_MALFORMED,
		               "key \"%s\" asks for more work or memory than is allowed", name);
	case KEYFILE_MEMORY:
		return err_set(e, ERR_SYS, "not enough memory to open key \"%s\"", name);
	default:
		return err_set(e, ERR_MALFORMED, "\"%s\" is no key file", name);
	}
}

int
keyring_load(const char *name, const char *passphrase, struct secret_key **ret, struct err *e)
{
	cleanup_free char *file = file_of(name);
	cleanup_close int dirfd = -1;
	char *text;
	size_t n;
	int rc;

	rc = keys_dir(false, &dirfd, e);
	if (rc == 0)
		rc = read_file(dirfd, file, &text, &n, e);
	if (rc < 0)
		return rc;
	rc = keyfile_read(text, n, passphrase, ret);
	sodium_free(text);
	return rc == KEYFILE_OK ? 0 : load_failed(name, rc, e);
}

void
keyring_remove(const char *name)
{
	cleanup_free char *file = file_of(name);
	cleanup_close int dirfd = -1;
	struct err ignored = { 0 };

	if (keys_dir(false, &dirfd, &ignored) == 0)
		(void)unlinkat(dirfd, file, 0);
}

void
keyring_agent_name(const char *registry_id, char ret[65])
{
	(void)snprintf(ret, 65, AGENT_PREFIX "%s", registry_id);
}

void
keyring_log_name(const char *registry_id, char ret[65])
{
	(void)snprintf(ret, 65, LOG_PREFIX "%s", registry_id);
}
