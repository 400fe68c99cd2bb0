/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that a person wants to be told by (hook.EVENT in the settings). One JSON object on
 * stdin, no arguments, a small environment, a process group of its own, its output thrown away,
 * ended after HOOK_LIMIT_MS. What a hook does changes nothing: a failing one is a warning.
 */
#pragma once

#include <stdint.h>

#include "registry/base/conf.h"
#include "registry/plan.h"
#include "registry/registry.h"

#define HOOK_LIMIT_MS 10000u

struct hook_facts {
	const struct registry *registry;
	const struct plan *plan;
	const char *by;    /* who made or allowed the plan; NULL: unknown */
	const char *job;   /* NULL: none */
	const char *state; /* of the plan or the job */
	const char *text;  /* what went wrong; NULL */
};
const char *hook_name(enum conf_hook event); /* "job-done" */
/* The settings are read now; without that hook nothing happens. Returns when the program has ended,
 * at the latest after the limit. */
void hook_run(enum conf_hook event, const struct hook_facts *f);
/* For who stores a plan that needs another person. */
void hook_plan_waiting(const struct registry *r, const struct plan *p, const char *by);

/* One program, whose stdin is json. 0: it ended with status 0 in time. NOT_FOUND, DENIED: it cannot
 * be started; OUTCOME_UNKNOWN: it was ended at the limit; SYS. */
int hook_call(const char *program, const char *event, struct str json, uint64_t limit_ms,
              struct err *e);
