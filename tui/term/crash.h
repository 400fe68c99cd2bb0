/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal is given back even when this program dies: only what is safe in a signal handler. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <termios.h>

/* From now on a fatal signal writes these bytes to fd, restores the modes and dies of the signal.
 * The alternate stack and the handlers are set by the first call. */
void crash_arm(int fd, const void *bytes, size_t n, const struct termios *modes);
void crash_disarm(void);
/* What the last words say of the registry: its newest entry that was seen. */
void crash_entry(uint64_t seq);
/* In another's signal handler: the terminal back as it was, if it is ours now. */
void crash_restore(void);
