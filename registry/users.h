/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who works in a registry now, by PID namespace. LMDB's reader table and its lock know processes by
 * their number only, and a number means another process in another namespace: those who share a
 * database share one namespace.
 */
#pragma once

#include <stdbool.h>

/* Among the users of the registry until the descriptor in *ret_fd is closed (-1: it could not be
 * said). false: processes of another PID namespace are at work there. */
bool users_enter(int rootfd, int *ret_fd);
