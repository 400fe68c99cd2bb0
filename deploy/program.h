/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A helper program of the person (a credential plugin), run once: a text for its stdin, what it
 * says on stdout, bounded in size and time, and its last words on stderr for an error. It has no
 * terminal and gets no secret in its arguments.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"

struct program {
	char *const *argv;    /* NULL-terminated; without a slash in it, PATH is looked through */
	char *const *envp;    /* NULL: ours */
	const char *input;    /* NULL: nothing */
	const char *what;     /* "credential plugin" */
	bool fails_on_stdout; /* a failure is told there; else stdout is never part of an error */
	uint64_t deadline_ms; /* clock_mono_ms() at which it must have ended; 0: in 60 s */
	/* asked five times a second; negative ends it with its error. May be NULL. */
	int (*check)(void *arg, struct err *e);
	void *check_arg;
};
/* 0: it ended well; *said is what it wrote, and may be a secret: secret_wipe_buf. DENIED: it could
 * not be run or ended badly: its last line comes with the error. UNREACHABLE: not in time; TOO_BIG:
 * more than 1 MiB. It does not outlive the call. */
int program_run(const struct program *p, struct buf *said, struct err *e);
