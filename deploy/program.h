/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A helper program of the person (a credential plugin), run once: a text for its stdin, what it
 * says on stdout, bounded in size and time, and its last words on stderr for an error. It has no
 * terminal and gets no secret in its arguments.
 */
#pragma once

#include "registry/base/buf.h"
#include "registry/base/err.h"

struct program {
	char *const *argv; /* NULL-terminated; without a slash in it, PATH is looked through */
	char *const *envp; /* NULL: ours */
	const char *input; /* NULL: nothing */
	const char *what;  /* "credential plugin" */
};
/* 0: it ended well; *said is what it wrote, and may be a secret: wipe it. DENIED: it could not be
 * run or ended badly, with its last words; UNREACHABLE: not in time (60 s), or more than 1 MiB. */
int program_run(const struct program *p, struct buf *said, struct err *e);
