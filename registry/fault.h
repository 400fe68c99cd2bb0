/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points where a test may end the process: SLIPWAY_FAULT=<name> in the environment of a testing
 * build makes fault_point(name) kill it there, as a power switch would. In a release build there is
 * nothing.
 */
#pragma once

#ifdef SLIPWAY_TESTING
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static inline void
fault_point(const char *name)
{
	const char *wanted = getenv("SLIPWAY_FAULT");

	if (wanted && strcmp(wanted, name) == 0)
		(void)kill(getpid(), SIGKILL);
}
#else
#define fault_point(name) ((void)0)
#endif
