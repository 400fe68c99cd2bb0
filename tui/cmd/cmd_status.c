/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: what each stage holds by the records, how far that was proved, and whether a job moves
 * it. With --check the agent looks at the targets as well; without it what they serve at this
 * moment is printed as "not checked".
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>

#include "registry/journal.h"
#include "registry/labels.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"
#include "tui/job.h"

struct status {
	struct app *app;
	struct txn *txn;
	const json_t *live; /* the agent's answer; NULL: nobody looked */
	uint64_t n, bad;    /* stages; of these with a job that stands still, drift, or both */
	uint64_t unknown;   /* stages of which a target could not be looked at */
	struct err *e;
};

static const json_t *
looked_at(const struct status *s, const char *model, const char *stage)
{
	const json_t *o;
	size_t i;

	json_array_foreach(json_object_get(s->live, "stages"), i,
	                   o) if (streq(json_opt_string(o, "model"), model) &&
	                          streq(json_opt_string(o, "stage"),
	                                stage)) return json_object_get(o, "targets");
	return NULL;
}

/* What the targets serve now, against the records: the text of the cell. True: drift. */
static bool
status_live(struct status *s, const struct model_row *m, const struct stage_mark *k, char ret[200])
{
	const json_t *targets = looked_at(s, m->name, k->stage), *t;
	const char *unknown = NULL;
	size_t i;

	if (!targets) {
		(void)str_copy(ret, 200,
		               k->number == 0    ? ""
		               : k->targets == 0 ? "no target"
		                                 : "not checked");
		return false;
	}
	json_array_foreach(targets, i, t)
	{
		const json_t *serving = json_object_get(t, "serving");
		const char *status = json_opt_string(serving, "status");

		if (json_is_true(json_object_get(serving, "drifted")) || streq(status, "failed")) {
			(void)snprintf(ret, 200, "DRIFT %.60s: %.120s", json_opt_string(t, "name"),
			               json_opt_string(serving, "reason"));
			return true;
		}
		if (streq(status, "unknown"))
			unknown = json_opt_string(t, "name");
	}
	s->unknown += unknown != NULL;
	if (unknown)
		(void)snprintf(ret, 200, "unknown: %.60s cannot be looked at", unknown);
	else
		(void)str_copy(ret, 200, json_array_size(targets) ? "as recorded" : "no target");
	return false;
}

/* A job whose agent is gone moves nothing until somebody resumes or aborts it. */
static bool
stands_still(struct app *a, const char *job)
{
	struct err ignored = { 0 };
	struct journal *j;
	bool is_alive;

	if (journal_open(a->registry->rootfd, job, &j, &ignored) < 0)
		return true;
	is_alive = journal_is_alive(j);
	journal_close(j);
	return !is_alive;
}

/* The text of the cell. True: the job stands still. */
static bool
job_state(const struct status *s, const struct stage_mark *m, char ret[64])
{
	if (!m->job[0]) {
		(void)str_copy(ret, 64,
		               m->break_glass  ? "settled, BREAK-GLASS"
		               : m->number > 0 ? "settled"
		                               : "empty");
		return false;
	}
	const bool is_still = stands_still(s->app, m->job);
	(void)snprintf(ret, 64, "job %s %s", m->job, is_still ? "stands still" : "runs");
	return is_still;
}

static const struct out_column columns[] = {
	{ "MODEL", "model", OUT_LEFT, false, true },
	{ "STAGE", "stage", OUT_LEFT, false, false },
	{ "HOLDS", "version", OUT_LEFT, false, false },
	{ "PROOF", "proof", OUT_LEFT, false, false },
	{ "TARGETS", "targets", OUT_RIGHT, false, false },
	{ "SINCE", "since", OUT_RIGHT, false, false },
	{ "STATE", "state", OUT_LEFT, false, false },
	{ "LIVE", "live", OUT_LEFT, false, false },
};

static int
stages(void *arg, const struct model_row *m)
{
	struct status *const s = arg;
	struct out *const o = s->app->out;
	char live[200], state[64];

	for (size_t i = 0; i < m->stages_n; i++) {
		const struct stage_mark *const k = &m->stages[i];
		const bool is_still = job_state(s, k, state);
		const bool has_drift = status_live(s, m, k, live);
		s->n++;
		s->bad += is_still || has_drift;
		out_cell(o, m->name);
		out_cell(o, k->stage);
		cell_number(o, k->number);
		out_cell(o, k->number > 0 ? proofs_highest(k->proofs) : NULL);
		if (k->number > 0) {
			out_cell_u64(o, k->targets); /* where it was proved */
			out_cell_time(o, k->time_s);
		} else {
			out_cell(o, NULL);
			out_cell(o, NULL);
		}
		out_cell(o, state);
		out_cell(o, live[0] ? live : NULL);
	}
	return 0;
}

static int
walk(struct status *s, const char *name, struct err *e)
{
	struct model_row m;
	struct ref ref;
	int rc;

	if (!name)
		return model_each(s->txn, NULL, stages, s, e);
	rc = ref_parse(name, &ref, e);
	if (rc == 0)
		rc = ref_model(s->txn, ref.model, &m, e);
	return rc == 0 ? stages(s, &m) : rc;
}

static int
ask_agent(struct app *a, const char *name, json_t **ret, struct err *e)
{
	cleanup_json json_t *request = json_object();
	struct ref ref;
	int rc = name ? ref_parse(name, &ref, e) : 0;

	if (rc < 0)
		return rc;
	json_object_set_new(request, "registry", json_string(a->registry->dir));
	json_object_set_new(request, "timeout_ms", json_integer((json_int_t)a->timeout_ms));
	if (name)
		json_object_set_new(request, "model", json_string(ref.model));
	return agent_call("status", request, ret, e);
}

static int
answer(const struct status *s, struct err *e)
{
	if (s->bad > 0) {
		(void)err_set(e, ERR_DIFFERENT,
		              "%" PRIu64 " of %" PRIu64 " stage%s %s not as recorded", s->bad, s->n,
		              s->n == 1 ? "" : "s", s->bad == 1 ? "is" : "are");
		return err_hint(
		        e, "promote the same version again to repair a target; `slipway job list` "
		           "shows a job that stands still");
	}
	if (s->unknown == 0)
		return 0;
	(void)err_set(e, ERR_UNREACHABLE,
	              "%" PRIu64 " of %" PRIu64 " stage%s could not be looked at", s->unknown, s->n,
	              s->n == 1 ? "" : "s");
	return err_hint(e, "slipway target test NAME says why");
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const char *name = in->pos_n > 0 ? in->pos[0] : NULL;
	struct status s = { .app = a, .e = e };
	cleanup_json json_t *live = NULL;
	int rc = arg_flag(in, "--check") ? ask_agent(a, name, &live, e) : 0;

	if (rc < 0)
		return rc;
	s.live = live;
	rc = app_read_begin(a, &s.txn, e);
	if (rc < 0)
		return rc;
	out_table_begin(a->out, "StatusList", columns, COUNT(columns));
	rc = walk(&s, name, e);
	out_table_end(a->out);
	app_read_end(a, s.txn);
	if (rc < 0)
		return rc;
	if (s.n == 0)
		out_note(a->out, "no stage holds anything yet");
	return arg_flag(in, "--check") ? answer(&s, e) : 0;
}

static const struct opt opts[] = {
	{ "--check", 0, NULL, "look at the targets; exit 1 on drift or a job that stands still",
	  false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_status = {
	.name = "status",
	.args = "[NAME]",
	.summary = "what each stage holds and how far that was proved",
	.group = "look",
	.opts = opts,
	.max_pos = 1,
	.flags = CMD_READS | CMD_AGENT,
	.run = run,
	.examples = "  slipway status\n"
	            "  slipway status fraud-ranker --check\n",
};
