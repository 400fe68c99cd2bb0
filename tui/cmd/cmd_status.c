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
	json_t *drift;      /* fields that are not as they were sent, of all stages */
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

/* Field by field what status_live says in a word, with whose it is; a copy is kept for people. What
 * the settings alone say otherwise is no drift, and is named. NULL: nobody looked. */
static json_t *
drift_of(struct status *s, const struct model_row *m, const struct stage_mark *k)
{
	const json_t *targets = looked_at(s, m->name, k->stage), *t, *one;
	json_t *all = targets ? json_array() : NULL;
	size_t i, n;

	json_array_foreach(targets, i, t)
	{
		json_array_foreach(json_object_get(t, "drift"), n, one)
		{
			json_t *row = json_copy((json_t *)(uintptr_t)one), *named;

			json_object_set(row, "target", json_object_get(t, "name"));
			json_array_append_new(all, row);
			named = json_copy(row);
			json_object_set_new(named, "model", json_string(m->name));
			json_object_set_new(named, "stage", json_string(k->stage));
			json_array_append_new(s->drift, named);
		}
	}
	return all;
}

static void
show_drift(const struct status *s)
{
	static const struct out_column fields[] = {
		{ "MODEL", "model", OUT_LEFT, false, true },
		{ "STAGE", "stage", OUT_LEFT, true, false },
		{ "TARGET", "target", OUT_LEFT, false, false },
		{ "OBJECT", "object", OUT_LEFT, false, false },
		{ "FIELD", "field", OUT_LEFT, false, false },
		{ "WHAT", "what", OUT_LEFT, false, false },
		{ "SENT", "sent", OUT_LEFT, false, false },
		{ "FOUND", "found", OUT_LEFT, false, false },
		{ "WANTED", "wanted", OUT_LEFT, true, false },
		{ "BY", "by", OUT_LEFT, false, false },
		{ "SINCE", "since", OUT_LEFT, false, false },
	};
	struct out *const o = s->app->out;
	const enum out_format f = out_format_of(o);
	const json_t *one;
	size_t i;

	if (json_array_size(s->drift) == 0 || (f != OUT_TEXT && f != OUT_WIDE))
		return;
	out_section(o, "fields that are not as they were sent");
	out_table_begin(o, "DriftList", fields, COUNT(fields));
	json_array_foreach(s->drift, i, one)
	{
		for (size_t k = 0; k < COUNT(fields); k++)
			out_cell(o, json_opt_string(one, fields[k].key));
	}
	out_table_end(o);
}

/* Promoting the same version again sends what the settings say now. */
static void
note_settings(const struct status *s)
{
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(s->drift, i, one)
	{
		n += streq(json_opt_string(one, "what"), "setting");
	}
	if (n > 0)
		out_note(s->app->out,
		         "%zu field%s of a target's settings %s changed since they were sent", n,
		         n == 1 ? "" : "s", n == 1 ? "was" : "were");
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
	{ "DRIFT", "drift", OUT_RIGHT, true, false },
};

static int
stages(void *arg, const struct model_row *m)
{
	struct status *const s = arg;
	struct out *const o = s->app->out;
	char live[200], state[64], count[24];

	for (size_t i = 0; i < m->stages_n; i++) {
		const struct stage_mark *const k = &m->stages[i];
		const bool is_still = job_state(s, k, state);
		const bool has_drift = status_live(s, m, k, live);
		cleanup_json json_t *drift = drift_of(s, m, k);
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
		(void)snprintf(count, sizeof count, "%zu", json_array_size(drift));
		if (drift)
			out_cell_json(o, count, drift);
		else
			out_cell(o, NULL);
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
	cleanup_json json_t *live = NULL, *drift = json_array();
	struct status s = { .app = a, .drift = drift, .e = e };
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
	show_drift(&s);
	note_settings(&s);
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
