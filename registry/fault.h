/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points where a test may end the process: SLIPWAY_FAULT=<name> in the environment of a testing
 * build makes fault_point(name) kill it there, as a power switch would; <name>:<n> the n-th time,
 * SLIPWAY_FAULT_IN=<program> in that program only. In a release build there is nothing.
 */
#pragma once

#ifdef SLIPWAY_TESTING
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/str.h"

static inline void
fault_point(const char *name)
{
	static unsigned passed;
	const char *wanted = getenv("SLIPWAY_FAULT"), *where = getenv("SLIPWAY_FAULT_IN");
	const size_t n = strlen(name);
	uint64_t nth;

	if (!wanted || strncmp(wanted, name, n) != 0 || (wanted[n] && wanted[n] != ':'))
		return;
	if (where && strcmp(where, program_invocation_short_name) != 0)
		return;
	if (wanted[n] && (parse_u64(wanted + n + 1, UINT64_MAX, &nth) < 0 || ++passed < nth))
		return;
	(void)kill(getpid(), SIGKILL);
}
/* SLIPWAY_PAUSE=<name>:<path>: says that it is there by making <path>, and goes on when that is
 * gone. */
static inline void
fault_pause(const char *name)
{
	const char *wanted = getenv("SLIPWAY_PAUSE");
	const size_t n = strlen(name);

	if (!wanted || strncmp(wanted, name, n) != 0 || wanted[n] != ':')
		return;
	const int fd = open(wanted + n + 1, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	(void)close(fd);
	while (access(wanted + n + 1, F_OK) == 0)
		(void)usleep(2000);
}
#else
#define fault_point(name) ((void)0)
#define fault_pause(name) ((void)0)
#endif
