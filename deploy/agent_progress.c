/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a long verb has come, for whoever waits: lines {"progress":{"done","total"}} before the
 * answer, a few a second, when the request asks for them. That nobody reads any more is an error.
 */
#include <string.h>
#include <unistd.h>

#include "deploy/agent_private.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"

#define EVERY_MS 200

struct agent_progress
agent_progress_of(const json_t *request)
{
	return (struct agent_progress){
		.is_wanted = json_is_true(json_object_get(request, "progress")),
	};
}

int
agent_progress_set(struct agent_progress *p, uint64_t done, uint64_t total, struct err *e)
{
	const uint64_t now_ms = clock_mono_ms();
	cleanup_free char *line = NULL;

	p->done = done;
	p->total = total;
	if (!p->is_wanted || (now_ms - p->told_ms < EVERY_MS && p->told_ms > 0))
		return 0;
	p->told_ms = now_ms;
	line = xasprintf("{\"progress\":{\"done\":%llu,\"total\":%llu}}\n",
	                 (unsigned long long)done, (unsigned long long)total);
	if (fs_write_all(STDOUT_FILENO, line, strlen(line)) == 0)
		return 0;
	p->is_wanted = false;
	return err_set(e, ERR_SYS, "nobody waits for it any more");
}

int
agent_progress_add(struct agent_progress *p, uint64_t n, struct err *e)
{
	return agent_progress_set(p, p->done + n, p->total, e);
}
