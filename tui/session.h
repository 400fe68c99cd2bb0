/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a process that is left behind when a person logs out. logind ends what is left of
 * a session where it is told to, and in any case the person's own service manager, with all that
 * runs there, after the last logout of somebody who does not linger.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "registry/base/str.h"

enum session_end {
	SESSION_NONE,    /* no session of logind: nothing ends it */
	SESSION_KEPT,    /* logind leaves the processes of this session alone */
	SESSION_LINGERS, /* the own service manager goes on after the logout: run it there */
	SESSION_ENDED,   /* it is ended, wherever it runs */
	SESSION_UNKNOWN, /* logind does not say */
};

enum session_place { SESSION_OUTSIDE, SESSION_SCOPE, SESSION_MANAGER };

struct session {
	enum session_place place; /* where this process runs */
	uid_t uid;                /* whose session that is */
	bool has_manager;         /* systemd-run --user would work */
	bool lingers;             /* the one whom that manager belongs to */
	int kills;                /* are processes of this session ended? 1, 0; < 0: not known */
};

/* Looks at this process; asks logind where that decides. */
void session_look(struct session *ret);
enum session_end session_end(const struct session *s);
/* Better in a scope of the service manager than where this process is? */
bool session_wants_scope(const struct session *s);

/* cgroups: as /proc/self/cgroup has it. *ret_uid only where it is not outside. */
enum session_place session_place(struct str cgroups, uid_t *ret_uid);
/* said: KillUserProcesses, KillOnlyUsers and KillExcludeUsers as loginctl show-session prints them
 */
int session_kills(struct str said, const char *user);
