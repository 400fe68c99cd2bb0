/* SPDX-License-Identifier: Apache-2.0 */
/* The age program as a child with one pipe; what it needs beside that is in its arguments. */
#include "tui/cmd/age.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/base/str.h"

#define MAGIC "age-encryption.org/v1\n"

int
age_find(char **ret, struct err *e)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		const size_t n = strcspn(at, ":");
		cleanup_free char *path = xasprintf("%.*s/age", (int)n, at);

		if (n > 0 && path[0] == '/' && access(path, X_OK) == 0) {
			*ret = steal(&path);
			return 0;
		}
		at += n + (at[n] == ':');
	}
	(void)err_set(e, ERR_NOT_FOUND, "the program \"age\" is not on this machine");
	return err_hint(e, "it encrypts media: install the package age; nothing was written");
}

/* Bech32 after "age1", as the age specification has recipients of X25519. */
static bool
is_recipient(const char *s)
{
	return has_prefix(s, "age1") && strlen(s) == 62 &&
	       strspn(s + 4, "qpzry9x8gf2tvdw0s3jn54khce6mua7l") == 58;
}

int
age_check_recipients(const struct args *in, const char *flag, struct err *e)
{
	size_t n = 0;

	args_foreach(to, in, flag) {
		n++;
		if (!is_recipient(to) || n > AGE_RECIPIENTS_MAX) {
			(void)err_set(e, ERR_USAGE,
			              "%s: \"%s\" is no age recipient, or one too many", flag, to);
			return err_hint(e, "age1.., as age-keygen prints it there");
		}
	}
	return 0;
}

static int
spawn(char *const *argv, int in, int out, pid_t *ret)
{
	posix_spawn_file_actions_t f;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int rc;

	(void)sigemptyset(&defaults);
	(void)sigaddset(&defaults, SIGPIPE);
	if (posix_spawn_file_actions_init(&f) != 0)
		return ENOMEM;
	rc = posix_spawnattr_init(&attributes);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(&attributes, &defaults);
	if (rc == 0)
		rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&f, in, STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&f, out, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn(ret, argv[0], &f, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&f);
	return rc;
}

static int
start(char *const *argv, int in, int out, struct age *ret, struct err *e)
{
	const int rc = spawn(argv, in, out, &ret->pid);

	if (rc == 0)
		return 0;
	ret->pid = 0;
	errno = rc;
	return err_sys(e, "start \"%s\"", argv[0]);
}

int
age_encrypt(const struct args *in, const char *flag, int out, struct age *ret, struct err *e)
{
	const char *argv[2 * AGE_RECIPIENTS_MAX + 2];
	cleanup_free char *program = NULL;
	cleanup_close int ours = -1, theirs = -1;
	size_t n = 0;
	int ends[2];
	int rc = age_find(&program, e);

	*ret = (struct age){ .fd = -1 };
	if (rc < 0)
		return rc;
	argv[n++] = program;
	args_foreach(to, in, flag) {
		argv[n++] = "-r";
		argv[n++] = to;
	}
	argv[n] = NULL;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "make a pipe");
	theirs = ends[0];
	ours = ends[1];
	rc = start((char *const *)(uintptr_t)argv, theirs, out, ret, e);
	if (rc == 0)
		ret->fd = steal_fd(&ours);
	return rc;
}

int
age_decrypt(const char *path, const char *identity, struct age *ret, struct err *e)
{
	cleanup_close int file = open(path, O_RDONLY | O_CLOEXEC), ours = -1, theirs = -1;
	cleanup_free char *program = NULL;
	int ends[2];
	int rc;

	*ret = (struct age){ .fd = -1 };
	if (file < 0)
		return err_sys(e, "open \"%s\"", path);
	if (!identity) {
		(void)err_set(e, ERR_USAGE, "\"%s\" is encrypted: whose key opens it?", path);
		return err_hint(e, "--identity FILE, the file that age-keygen made here");
	}
	if (access(identity, R_OK) < 0)
		return err_sys(e, "--identity \"%s\"", identity);
	rc = age_find(&program, e);
	if (rc < 0)
		return rc;
	const char *const argv[] = { program, "-d", "-i", identity, NULL };
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, "make a pipe");
	ours = ends[0];
	theirs = ends[1];
	rc = start((char *const *)(uintptr_t)argv, file, theirs, ret, e);
	if (rc == 0)
		ret->fd = steal_fd(&ours);
	return rc;
}

static int
reap(struct age *a)
{
	int status = 0;

	while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
		;
	a->pid = 0;
	return status;
}

int
age_end(struct age *a, struct err *e)
{
	int status;

	close_quietly(a->fd);
	a->fd = -1;
	if (a->pid == 0)
		return 0;
	status = reap(a);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, ERR_DENIED, "age could not do it: see what it said");
}

void
age_kill(struct age *a)
{
	close_quietly(a->fd);
	a->fd = -1;
	if (a->pid == 0)
		return;
	(void)kill(a->pid, SIGTERM);
	(void)reap(a);
}

bool
age_is(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char first[sizeof MAGIC - 1];

	return fd >= 0 && fs_pread_all(fd, first, sizeof first, 0) == 0 &&
	       memcmp(first, MAGIC, sizeof first) == 0;
}
