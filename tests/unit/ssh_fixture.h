/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of its own, OpenSSH's programs run in it, and the bytes of files, for the tests of SSH
 * signatures and of the agent. Where a program is absent the test is skipped aloud.
 */
#pragma once

#include <stdarg.h>
#include <sys/wait.h>

#include "crypto/sshsig.h"
#include "tests/unit/crypto_vectors.h"

#define SSH_FILE_MAX (64u << 10)

/* Of at most SSH_FILE_MAX bytes, malloc'ed, NUL-terminated. */
static inline char *
ssh_file(const char *path, size_t *ret_n)
{
	FILE *f = fopen(path, "rbe");
	char *p = malloc(SSH_FILE_MAX + 1);

	cr_assert(f != NULL && p != NULL, "%s", path);
	*ret_n = fread(p, 1, SSH_FILE_MAX + 1, f);
	cr_assert(!ferror(f) && *ret_n <= SSH_FILE_MAX, "%s", path);
	p[*ret_n] = '\0';
	(void)fclose(f);
	return p;
}

static inline char *
ssh_vector(const char *name, size_t *ret_n)
{
	char path[PATH_MAX];

	vector_path(path, name);
	return ssh_file(path, ret_n);
}

static inline void
ssh_write(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wbe");

	cr_assert(f != NULL, "%s", path);
	cr_assert_eq(fwrite(p, 1, n, f), n);
	cr_assert_eq(fclose(f), 0);
}

/* A copy of exactly n bytes, so that a sanitizer sees a read behind them. */
static inline uint8_t *
ssh_exact(const void *p, size_t n)
{
	uint8_t *copy = malloc(n + (n == 0));

	cr_assert(copy != NULL);
	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

/* The key of a line as in a .pub file; -1: not one of ours. */
static inline int
ssh_public(const char *text, size_t n, struct public_key *ret)
{
	memset(ret, 0, sizeof *ret);
	return key_parse_ssh(ret, text, n);
}

/* Runs a line of shell in the folder; its exit status, and the first bytes of what it said. */
__attribute__((format(printf, 3, 4))) static inline int
ssh_run(const char *dir, char said[256], const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	FILE *f;
	size_t n;
	int head, rc;

	head = snprintf(line, sizeof line, "cd '%s' || exit 99; exec 2>&1; ", dir);
	va_start(ap, fmt);
	rc = vsnprintf(line + head, sizeof line - (size_t)head, fmt, ap);
	va_end(ap);
	cr_assert(rc > 0 && (size_t)(head + rc) < sizeof line);
	f = popen(line, "re");
	cr_assert(f != NULL);
	n = fread(said, 1, 255, f);
	said[n] = '\0';
	while (fgetc(f) != EOF)
		;
	rc = pclose(f);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

/* A fresh folder in ret. */
static inline void
ssh_dir_make(char ret[64])
{
	(void)snprintf(ret, 64, "/tmp/slipway-ssh-XXXXXX");
	cr_assert(mkdtemp(ret) != NULL);
}

static inline void
ssh_dir_remove(const char *dir)
{
	char said[256];

	cr_assert_eq(ssh_run("/", said, "rm -rf '%s'", dir), 0, "%s", said);
}

static inline void
ssh_need(const char *program)
{
	char said[256];

	if (ssh_run("/", said, "command -v %s", program) != 0)
		cr_skip_test("%s is not installed (openssh-client)", program);
}
