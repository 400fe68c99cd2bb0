/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent's answers have in common. */
#pragma once

#include "deploy/agent.h"
#include "deploy/wave.h"
#include "registry/base/vec.h"

/* Foreign text; what is no UTF-8 is said to be none. */
void agent_set_text(json_t *o, const char *key, const char *s);
/* Text of a log as it is; what is no UTF-8 comes escaped. */
json_t *agent_line_json(struct str line);
json_t *agent_facts_json(const struct target_facts *f);
json_t *agent_head_json(const struct wave_target *v);
json_t *agent_serving_json(const struct observation *o);
/* No call of a driver takes longer than until then. */
void agent_limit_wave(struct wave *w, uint64_t deadline_ms);
/* clock_mono_ms() at which whoever asked no longer waits; 0: each call has its own limit. */
uint64_t agent_deadline_of(const json_t *request);
/* Who said steps and limits, where the person has not: "the policy", "target \"prod\"", "the
 * usual"; "" the person, or nobody. */
#define AGENT_FROM_SIZE 96
struct agent_canary_from {
	char steps[AGENT_FROM_SIZE], limits[AGENT_FROM_SIZE];
};
/* The canary of a plan: of the request's "canary", "defaultSteps" and "defaultLimits". USAGE, and
 * CONFLICT: targets that differ. */
int agent_canary(const json_t *request, const struct wave *w, const struct ledger *l,
                 struct plan *p, struct agent_canary_from *ret, struct err *e);
json_t *agent_from_json(const struct agent_canary_from *from);
json_t *agent_findings_json(const struct findings *f, bool *ret_blocked); /* only ever set */
/* Adds to each target of a plan its "images", asked for side by side, and at a site without a
 * connection what speaks against them; its[i] are those of target i. carry gets what is missing;
 * in one line, NULL: nothing is. */
json_t *agent_images(const struct wave *w, const struct fetches *its, json_t *targets,
                     json_t *carry, bool *ret_blocked);
/* --- agent_status.c --- */

struct agent_holds { /* a plan of nothing for every stage of every model that is asked for */
	struct plan *v;
	size_t n, cap;
};
int agent_holds(const json_t *request, struct registry *r, struct agent_holds *ret, struct err *e);
/* For looking; wave_close it. */
int agent_wave_open(struct registry *r, const struct ledger *l, const struct plan *p,
                    uint64_t deadline_ms, struct wave *ret, struct err *e);
/* {"model","stage","number","proofs","targets":[head..]}: what is recorded. */
json_t *agent_stage_json(const struct wave *w);
/* Adds to a head what its target serves now: "serving", "drift", "code". */
enum rollout_status agent_look(struct wave_target *v, json_t *head);

/* The registry that the request names, for reading. */
int agent_open_requested(const json_t *request, struct registry **ret, struct err *e);

/* Lines before the answer that say how far it has come. */
struct agent_progress {
	bool is_wanted;
	uint64_t done, total; /* bytes */
	uint64_t told_ms;
};
struct agent_progress agent_progress_of(const json_t *request);
/* SYS: whoever asked is gone. */
int agent_progress_set(struct agent_progress *p, uint64_t done, uint64_t total, struct err *e);
int agent_progress_add(struct agent_progress *p, uint64_t n, struct err *e);
