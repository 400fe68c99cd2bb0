/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted media: the age program (age-encryption.org/v1, X25519) before or behind a pipe. It is
 * looked for before anything is read or written. What it says on stderr is the user's to read.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "registry/base/err.h"
#include "tui/cmd/cmd.h"

#define AGE_RECIPIENTS_MAX 64

struct age {
	pid_t pid; /* 0: none runs */
	int fd;    /* our end of its pipe; -1 */
};
/* Its place, xmalloc'ed. NOT_FOUND: there is none on PATH. */
int age_find(char **ret, struct err *e);
/* Are they recipients, as far as their form says (age1..)? USAGE. */
int age_check_recipients(const struct args *in, const char *flag, struct err *e);
/* What is written to ret->fd comes encrypted to out. */
int age_encrypt(const struct args *in, const char *flag, int out, struct age *ret, struct err *e);
/* From ret->fd comes what was encrypted in the file; identity: of a file that has the key. */
int age_decrypt(const char *path, const char *identity, struct age *ret, struct err *e);
/* No more is written: 0 when it ended well. DENIED: it did not, and said why. */
int age_end(struct age *a, struct err *e);
void age_kill(struct age *a); /* one that runs, for who gives up */
/* Does the file begin as age's do? */
bool age_is(const char *path);
