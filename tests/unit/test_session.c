/* SPDX-License-Identifier: Apache-2.0 */
/* What ends with a logout, told from what Linux and logind say (systemd 252). */
#include <criterion/criterion.h>

#include "tui/session.h"

static const struct {
	const char *cgroups;
	enum session_place place;
	uid_t uid;
} places[] = {
	{ "0::/user.slice/user-1000.slice/session-26.scope\n", SESSION_SCOPE, 1000 },
	{ "0::/user.slice/user-0.slice/session-c1.scope\n", SESSION_SCOPE, 0 },
	{ "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r53.scope\n",
	  SESSION_MANAGER, 1000 },
	{ "12:cpu:/x\n1:name=systemd:/user.slice/user-7.slice/session-2.scope\n0::/\n",
	  SESSION_SCOPE, 7 },
	{ "0::/machine/user.slice/user-8.slice/session-2.scope", SESSION_SCOPE, 8 },
	{ "0::/system.slice/ssh.service\n", SESSION_OUTSIDE, 0 },
	{ "0::/\n", SESSION_OUTSIDE, 0 },
	{ "", SESSION_OUTSIDE, 0 },
	{ "9:cpu:/user.slice/user-7.slice/session-2.scope\n", SESSION_OUTSIDE, 0 },
	{ "0::/user.slice/user-.slice/session-2.scope\n", SESSION_OUTSIDE, 0 },
	{ "0::/user.slice/user-4294967295.slice/session-2.scope\n", SESSION_OUTSIDE, 0 },
	{ "0::/user.slice/user-1000.slice\n", SESSION_OUTSIDE, 0 },
	{ "0::/user.slice/user-1000.slice/sess", SESSION_OUTSIDE, 0 },
};

Test(session, the_place_is_what_the_control_group_says)
{
	for (size_t i = 0; i < COUNT(places); i++) {
		uid_t uid = 0;

		cr_expect_eq(session_place(str_of(places[i].cgroups), &uid), places[i].place, "%s",
		             places[i].cgroups);
		if (places[i].place != SESSION_OUTSIDE)
			cr_expect_eq(uid, places[i].uid, "%s", places[i].cgroups);
	}
}

static const struct {
	const char *said;
	int kills;
} said[] = {
	{ "KillUserProcesses=no\nKillOnlyUsers=\nKillExcludeUsers=root\n", 0 },
	{ "KillUserProcesses=yes\nKillOnlyUsers=\nKillExcludeUsers=root\n", 1 },
	{ "KillUserProcesses=yes\nKillExcludeUsers=root ana\n", 0 },
	{ "KillUserProcesses=yes\nKillExcludeUsers=anabel\n", 1 },
	{ "KillUserProcesses=yes\nKillOnlyUsers=ben eve\n", 0 },
	{ "KillUserProcesses=yes\nKillOnlyUsers=ben ana eve\n", 1 },
	{ "KillUserProcesses=yes\nKillOnlyUsers=ana\nKillExcludeUsers=ana\n", 0 },
	{ "KillUserProcesses=yes", 1 },
	{ "KillUserProcesses=\n", -1 },
	{ "KillUserProcesses=nonsense\n", -1 },
	{ "Failed to connect to bus\n", -1 },
	{ "", -1 },
};

Test(session, kills_as_logind_decides)
{
	for (size_t i = 0; i < COUNT(said); i++)
		cr_expect_eq(session_kills(str_of(said[i].said), "ana"), said[i].kills, "%s",
		             said[i].said);
}

static const struct {
	struct session s;
	enum session_end end;
	bool wants_scope;
} ends[] = {
	{ { SESSION_OUTSIDE, 0, true, true, 1 }, SESSION_NONE, false },
	/* a manager that ends with the last logout would take the job with it */
	{ { SESSION_SCOPE, 7, true, false, 0 }, SESSION_KEPT, false },
	{ { SESSION_SCOPE, 7, true, true, -1 }, SESSION_LINGERS, true },
	{ { SESSION_SCOPE, 7, true, false, 1 }, SESSION_ENDED, true },
	{ { SESSION_SCOPE, 7, false, true, 1 }, SESSION_ENDED, false },
	{ { SESSION_SCOPE, 7, false, true, 0 }, SESSION_KEPT, false },
	{ { SESSION_SCOPE, 7, true, false, -1 }, SESSION_UNKNOWN, false },
	{ { SESSION_MANAGER, 7, true, true, -1 }, SESSION_LINGERS, true },
	{ { SESSION_MANAGER, 7, true, false, -1 }, SESSION_ENDED, true },
	{ { SESSION_MANAGER, 7, true, false, 0 }, SESSION_ENDED, true },
};

Test(session, a_job_goes_where_it_lasts)
{
	for (size_t i = 0; i < COUNT(ends); i++) {
		cr_expect_eq(session_end(&ends[i].s), ends[i].end, "row %zu", i);
		cr_expect_eq(session_wants_scope(&ends[i].s), ends[i].wants_scope, "row %zu", i);
	}
}
