/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: what each stage holds by the records, how far that was proved, and whether a job moves
 * it. What the targets serve at this moment is not looked at here and is printed as "not checked".
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>

#include "registry/journal.h"
#include "registry/labels.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"

struct status {
	struct app *app;
	struct txn *txn;
	uint64_t n, bad; /* stages; of these with a job that stands still or with drift */
	struct err *e;
};

/* What the targets serve now, against the records: the text of the cell; *ret_is_bad: it
 * differs. */
static void
status_live(struct app *a, const struct model_row *m, const struct stage_mark *s, char ret[32],
            bool *ret_is_bad)
{
	(void)a;
	(void)m;
	(void)str_copy(ret, 32, s->targets > 0 ? "not checked" : "no target");
	*ret_is_bad = false;
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

static void
job_state(struct status *s, const struct stage_mark *m, char ret[64])
{
	if (!m->job[0]) {
		(void)str_copy(ret, 64, m->number > 0 ? "settled" : "empty");
		return;
	}
	const bool is_still = stands_still(s->app, m->job);
	(void)snprintf(ret, 64, "job %s %s", m->job, is_still ? "stands still" : "runs");
	s->bad += is_still;
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
	char live[32], state[64];
	bool differs;

	for (size_t i = 0; i < m->stages_n; i++) {
		const struct stage_mark *const k = &m->stages[i];
		s->n++;
		job_state(s, k, state);
		status_live(s->app, m, k, live, &differs);
		s->bad += differs;
		out_cell(o, m->name);
		out_cell(o, k->stage);
		cell_number(o, k->number);
		out_cell(o, k->number > 0 ? proofs_highest(k->proofs) : NULL);
		out_cell_u64(o, k->targets);
		if (k->number > 0)
			out_cell_time(o, k->time_s);
		else
			out_cell(o, NULL);
		out_cell(o, state);
		out_cell(o, live);
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
run(struct app *a, const struct args *in, struct err *e)
{
	struct status s = { .app = a, .e = e };
	int rc;

	rc = store_read_begin(a->registry->store, &s.txn, e);
	if (rc < 0)
		return rc;
	out_table_begin(a->out, "StatusList", columns, COUNT(columns));
	rc = walk(&s, in->pos_n > 0 ? in->pos[0] : NULL, e);
	out_table_end(a->out);
	store_abort(s.txn);
	if (rc < 0)
		return rc;
	if (s.n == 0)
		out_note(a->out, "no stage holds anything yet");
	if (!arg_flag(in, "--check") || s.bad == 0)
		return 0;
	(void)err_set(e, ERR_DIFFERENT, "%" PRIu64 " of %" PRIu64 " stages are not as recorded",
	              s.bad, s.n);
	return err_hint(e, "see `slipway job list`; a job that stands still is resumed or aborted");
}

static const struct opt opts[] = {
	{ "--check", 0, NULL, "exit 1 when a stage drifted or a job stands still", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_status = {
	.name = "status",
	.args = "[NAME]",
	.summary = "what each stage holds and how far that was proved",
	.group = "look",
	.opts = opts,
	.max_pos = 1,
	.flags = CMD_READS,
	.run = run,
	.examples = "  slipway status\n"
	            "  slipway status fraud-ranker --check\n",
};
