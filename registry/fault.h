/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points where a test may end the process: SLIPWAY_FAULT=<name> in the environment of a testing
 * build makes fault_point(name) kill it there, as a power switch would; <name>:<n> the n-th time,
 * SLIPWAY_FAULT_IN=<program> in that program only. In a release build there is nothing.
 */
#pragma once

#ifdef SLIPWAY_TESTING
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static inline void
fault_point(const char *name)
{
	static unsigned passed;
	const char *wanted = getenv("SLIPWAY_FAULT"), *where = getenv("SLIPWAY_FAULT_IN");
	const size_t n = strlen(name);

	if (!wanted || strncmp(wanted, name, n) != 0 || (wanted[n] && wanted[n] != ':'))
		return;
	if (where && strcmp(where, program_invocation_short_name) != 0)
		return;
	if (wanted[n] && ++passed < (unsigned)(wanted[n + 1] - '0'))
		return;
	(void)kill(getpid(), SIGKILL);
}
#else
#define fault_point(name) ((void)0)
#endif
