/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told when a job has ended. Comes after everything is written down, so that a hook sees
 * what it is told and nothing waits for it but this process.
 */
#include "deploy/agent_job.h"

#include "registry/hook.h"

void
agent_hooks(const struct agent_job *j, enum job_state state, const char *text)
{
	const bool is_done = state == JOB_SUCCEEDED;
	const struct hook_facts f = { .registry = j->r,
		                      .plan = &j->plan,
		                      .by = j->consent.by.person,
		                      .job = j->id,
		                      .state = job_state_name(state),
		                      .text = is_done ? NULL : text };

	if (is_done)
		hook_run(CONF_HOOK_STAGE_MOVED, &f);
	hook_run(is_done ? CONF_HOOK_JOB_DONE : CONF_HOOK_JOB_FAILED, &f);
}
