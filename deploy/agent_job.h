/* SPDX-License-Identifier: Apache-2.0 */
/* One job as its agent holds it; shared by agent_job.c, which runs it, and agent_record.c, which
 * logs it. */
#pragma once

#include "deploy/agent.h"
#include "deploy/rollout.h"

struct agent_job {
	struct registry *r;
	struct ledger ledger;
	bool has_ledger;
	struct plan plan;
	char plan_hex[DIGEST_HEX_SIZE];
	char id[JOB_ID_SIZE];
	struct ledger_consent consent; /* who authorised and approved the plan */
	struct wave wave;
	struct journal_writer *journal;
	uint64_t seen_entries; /* the log's size that the ledger saw, for compare-and-set */
};

/* The log read again to its end; j->ledger is replaced. */
int agent_refresh(struct agent_job *j, struct err *e);
/* The stage's row; NOT_FOUND: no such model. */
int agent_stage_mark(struct txn *t, const struct plan *p, struct stage_mark *ret, struct err *e);
/* event "begin" (LOCKED: another job changes this stage) or "end" (already written is success). */
int agent_log_job(struct agent_job *j, const char *event, const char *state, struct err *e);
/* The agent's own key, opened and in the policy's role, before anything moves. key_free it. */
int agent_key(const struct agent_job *j, struct secret_key **ret, struct err *e);
/* The signed promotion; recorded already is success. CONFLICT: the stage moved meanwhile. */
int agent_record(struct agent_job *j, struct err *e);
/* The hooks of how the job ended; text: why it failed. They change nothing. */
void agent_hooks(const struct agent_job *j, enum job_state state, const char *text);
