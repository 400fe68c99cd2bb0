/* SPDX-License-Identifier: Apache-2.0 */
/* job list, show, follow, wait, pause, resume, abort. A job runs in its agent; these verbs read, or
 * ask for it. */
#include "tui/cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/labels.h"
#include "registry/plan.h"
#include "tui/cmd/follow.h"
#include "tui/cmd/shown.h"
#include "tui/job.h"

/* "running", "stands still" when no agent holds its lock, or how it ended. */
static const char *
state_of(const struct app *a, const struct job_row *row)
{
	struct err ignored = { 0 };
	struct journal *j = NULL;
	bool alive;

	if (row->end_seq)
		return row->state;
	if (journal_open(a->registry->rootfd, row->id, &j, &ignored) < 0)
		return "stands still";
	alive = journal_is_alive(j);
	journal_close(j);
	return alive ? "running" : "stands still";
}

static int
list_row(void *arg, const struct job_row *row)
{
	struct app *a = arg;

	out_cell(a->out, row->id);
	out_cell(a->out, row->kind);
	out_cell(a->out, row->model);
	cell_number(a->out, row->number);
	out_cell(a->out, row->stage);
	out_cell(a->out, state_of(a, row));
	out_cell_time(a->out, row->begin_s);
	return 0;
}

static int
run_list(struct app *a, const struct args *in, struct err *e)
{
	static const struct out_column columns[] = {
		{ "JOB", "id", OUT_LEFT, false, true },
		{ "ACTION", "action", OUT_LEFT, false, false },
		{ "MODEL", "model", OUT_LEFT, false, false },
		{ "VERSION", "number", OUT_LEFT, false, false },
		{ "STAGE", "stage", OUT_LEFT, false, false },
		{ "STATE", "state", OUT_LEFT, false, false },
		{ "BEGAN", "began", OUT_LEFT, false, false },
	};
	struct txn *t;
	int rc = app_read_begin(a, &t, e);

	(void)in;
	if (rc < 0)
		return rc;
	out_table_begin(a->out, "JobList", columns, COUNT(columns));
	rc = job_each(t, list_row, a, e);
	out_table_end(a->out);
	app_read_end(a, t);
	return rc;
}

static int
find(struct app *a, const char *id, struct job_row *ret, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc < 0)
		return rc;
	rc = job_get(t, id, ret, e);
	store_abort(t);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	err_set(e, ERR_NOT_FOUND, "there is no job \"%s\"", id);
	return err_hint(e, "slipway job list shows them");
}

/* --- show --- */

static int
last_line(struct app *a, const char *id, struct journal_line *ret, struct err *e)
{
	struct journal *j = NULL;
	struct journal_line l;
	bool has;
	int rc = journal_open(a->registry->rootfd, id, &j, e);

	*ret = (struct journal_line){ 0 };
	while (rc == 0) {
		rc = journal_next(j, &l, &has, e);
		if (rc < 0 || !has)
			break;
		*ret = l;
	}
	journal_close(j);
	return rc;
}

/* changed: did this very command end it? NULL where that is not asked. */
static int
show(struct app *a, const char *id, const bool *changed, struct err *e)
{
	char plan[DIGEST_HEX_SIZE];
	struct journal_line last = { 0 };
	struct err no_journal = { 0 };
	struct job_row row;
	struct json_out *j;
	int rc = find(a, id, &row, e);

	if (rc < 0)
		return rc;
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", row.id);
	const bool has = last_line(a, row.id, &last, &no_journal) == 0 && last.n > 0;
	digest_hex(&row.plan, plan);
	out_object_begin(a->out, "Job");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "id", row.id);
		jo_string(j, "action", row.kind);
		jo_string(j, "model", row.model);
		jo_u64(j, "number", row.number);
		jo_string(j, "stage", row.stage);
		jo_string(j, "plan", plan);
		jo_string(j, "state", state_of(a, &row));
		jo_time(j, "began", row.begin_s);
		if (row.end_seq)
			jo_time(j, "ended", row.end_s);
		jo_string(j, "step", has ? job_state_name(last.state) : NULL);
		jo_string(j, "target", last.target[0] ? last.target : NULL);
		jo_string(j, "text", has ? last.text : NULL);
		jo_string(j, "code", last.code[0] ? last.code : NULL);
		if (changed)
			jo_bool(j, "changed", *changed);
	} else {
		out_field(a->out, "job", "%s", row.id);
		out_field(a->out, "action", "%s \"%s\" in %s", row.kind, row.model, row.stage);
		out_field(a->out, "version", row.number ? "v%" PRIu64 : "nothing", row.number);
		out_field(a->out, "plan", "%s", plan);
		out_field(a->out, "state", "%s", state_of(a, &row));
		if (has)
			out_field(a->out, "last", "%s%s%s: %s", job_state_name(last.state),
			          last.target[0] ? " " : "", last.target, last.text);
	}
	out_object_end(a->out);
	return 0;
}

static int
run_show(struct app *a, const struct args *in, struct err *e)
{
	return show(a, in->pos[0], NULL, e);
}

/* --- follow, wait --- */

enum follow_flags {
	FOLLOW_NOTES = 1u << 0,  /* each line of the journal on stderr */
	FOLLOW_EVENTS = 1u << 1, /* the same under json, on stdout; else one object at the end */
};

static int
follow(struct app *a, const char *id, unsigned flags, struct err *e)
{
	const bool json = out_is_json(a->out);
	struct job_end end;
	struct job_row row;
	int rc = find(a, id, &row, e);

	if (rc == 0)
		rc = job_follow(a, id, !json && (flags & FOLLOW_NOTES),
		                json && (flags & FOLLOW_EVENTS), &end, e);
	if (rc == 0 && (json ? !(flags & FOLLOW_EVENTS) : out_format_of(a->out) == OUT_TSV))
		rc = show(a, id, NULL, e);
	if (rc == 0)
		rc = job_result(id, &end, e);
	if (rc == 0 && !json && out_format_of(a->out) != OUT_TSV)
		out_text(a->out, "%s\n",
		         out_format_of(a->out) == OUT_NAME ? row.id : end.last.text);
	return rc;
}

static int
run_follow(struct app *a, const struct args *in, struct err *e)
{
	return follow(a, in->pos[0], FOLLOW_NOTES | FOLLOW_EVENTS, e);
}

static int
run_wait(struct app *a, const struct args *in, struct err *e)
{
	return follow(a, in->pos[0], 0, e);
}

/* --- pause, resume, abort --- */

/* A living agent is asked by a file in its folder. */
static int
ask(struct app *a, const char *id, const char *what, struct err *e)
{
	cleanup_free char *path = xasprintf("jobs/%s/%s", id, what);
	cleanup_close int fd = fs_open_beneath(a->registry->rootfd, path, O_WRONLY | O_CREAT, 0660);

	if (fd < 0)
		return err_sys(e, "ask job %s to %s", id, what);
	fs_take_mode(fd, a->registry->rootfd);
	return 0;
}

static bool
is_paused(struct app *a, const char *id)
{
	cleanup_free char *path = xasprintf("jobs/%s/pause", id);

	return faccessat(a->registry->rootfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
is_alive(struct app *a, const char *id)
{
	struct journal *j = NULL;
	struct err absent = { 0 };
	bool alive;

	if (journal_open(a->registry->rootfd, id, &j, &absent) < 0)
		return false;
	alive = journal_is_alive(j);
	journal_close(j);
	return alive;
}

static int
has_canary(struct app *a, const struct job_row *row, bool *ret, struct err *e)
{
	struct plan p;
	int rc = plan_load(a->registry, &row->plan, &p, e);

	*ret = rc == 0 && p.canary.steps_n > 0;
	if (rc == 0)
		plan_fini(&p);
	return rc;
}

static int
run_pause(struct app *a, const struct args *in, struct err *e)
{
	const char *const id = in->pos[0];
	struct job_row row;
	bool changed, shares = false;
	int rc = find(a, id, &row, e);

	if (rc == 0 && row.end_seq) {
		err_set(e, ERR_CONFLICT, "job %s has ended (%s)", id, row.state);
		return err_hint(e, "nothing is left to pause: slipway status %s", row.model);
	}
	if (rc == 0)
		rc = has_canary(a, &row, &shares, e);
	if (rc == 0 && !shares) {
		err_set(e, ERR_CONFLICT, "job %s has no steps at which it could stop", id);
		return err_hint(e, "slipway job abort %s puts back what was there", id);
	}
	changed = !is_paused(a, id);
	if (rc == 0)
		rc = ask(a, id, "pause", e);
	if (rc < 0)
		return rc;
	if (out_format_of(a->out) != OUT_TEXT && out_format_of(a->out) != OUT_WIDE)
		return show(a, id, &changed, e);
	out_text(a->out, "job %s stays at its step: slipway job resume %s\n", id, id);
	return 0;
}

/* *ret_goes_on: an agent lives, and was only to be told. */
static int
unpause(struct app *a, const char *id, bool *ret_goes_on, struct err *e)
{
	cleanup_free char *path = xasprintf("jobs/%s/pause", id);

	*ret_goes_on = false;
	if (!is_paused(a, id))
		return 0;
	if (unlinkat(a->registry->rootfd, path, 0) < 0 && errno != ENOENT)
		return err_sys(e, "let job %s go on", id);
	*ret_goes_on = is_alive(a, id);
	return 0;
}

static int
start_again(struct app *a, const char *id, const char *mode, struct err *e)
{
	cleanup_json json_t *request = json_object();
	char job[JOB_ID_SIZE];

	json_object_set_new(request, "mode", json_string(mode));
	json_object_set_new(request, "job", json_string(id));
	json_object_set_new(request, "timeout_ms", json_integer((json_int_t)a->timeout_ms));
	return agent_start(a->registry->dir, request, job, e);
}

static int
run_resume(struct app *a, const struct args *in, struct err *e)
{
	const char *id = in->pos[0];
	struct job_row row;
	bool goes_on = false;
	int rc = find(a, id, &row, e);

	if (rc == 0)
		rc = unpause(a, id, &goes_on, e);
	if (rc == 0 && !goes_on)
		rc = start_again(a, id, "resume", e);
	if (rc < 0)
		return rc;
	if (!a->detach)
		return follow(a, id, FOLLOW_NOTES, e);
	if (out_is_json(a->out) || out_format_of(a->out) == OUT_NAME)
		return show(a, id, NULL, e);
	out_text(a->out, "job %s runs: slipway job follow %s\n", id, id);
	return 0;
}

static int
show_aborted(struct app *a, const char *id, bool changed, struct err *e)
{
	if (out_format_of(a->out) != OUT_TEXT && out_format_of(a->out) != OUT_WIDE)
		return show(a, id, &changed, e);
	out_text(a->out, "job %s %s: the targets are as before\n", id,
	         changed ? "was aborted" : "was put back already");
	return 0;
}

static int
aborted(struct app *a, const char *id, struct err *e)
{
	struct job_end end;
	int rc = job_follow(a, id, !out_is_json(a->out), false, &end, e);

	if (rc < 0)
		return rc;
	if (!end.ended || (end.last.state != JOB_ABORTED && end.last.state != JOB_ROLLED_BACK))
		return end.ended && end.last.state == JOB_SUCCEEDED
		               ? err_set(e, ERR_CONFLICT,
		                         "job %s had succeeded before it could be stopped", id)
		               : job_result(id, &end, e);
	return show_aborted(a, id, true, e);
}

/* Already so is no failure: who asks twice wants what is there. */
static int
ended_already(struct app *a, const struct job_row *row, struct err *e)
{
	if (streq(row->state, job_state_name(JOB_ABORTED)) ||
	    streq(row->state, job_state_name(JOB_ROLLED_BACK)))
		return show_aborted(a, row->id, false, e);
	err_set(e, ERR_CONFLICT, "job %s has ended (%s)", row->id, row->state);
	if (streq(row->state, job_state_name(JOB_SUCCEEDED)))
		return err_hint(e, "slipway rollback %s --stage %s goes back from it", row->model,
		                row->stage);
	return err_hint(e, "nothing is left to abort: slipway status %s", row->model);
}

static int
run_abort(struct app *a, const struct args *in, struct err *e)
{
	cleanup_free char *what = xasprintf("abort job %s and put back what was there", in->pos[0]);
	cleanup_free char *line = xasprintf("slipway job abort %s --yes", in->pos[0]);
	const char *id = in->pos[0];
	struct job_row row;
	int rc = find(a, id, &row, e);

	if (rc == 0 && row.end_seq)
		return ended_already(a, &row, e);
	if (rc == 0)
		rc = app_confirm(a, what, NULL, line, e);
	if (rc < 0)
		return rc;
	/* without a journal nobody lives, and a new agent ends it all the same */
	rc = is_alive(a, id) ? ask(a, id, "abort", e) : start_again(a, id, "abort", e);
	return rc < 0 ? rc : aborted(a, id, e);
}

#define JOB_ROW(var, word, text, fl, fn)            \
	const struct cmd var = { .name = "job",     \
		                 .sub = word,       \
		                 .args = "JOB",     \
		                 .summary = text,   \
		                 .group = "deploy", \
		                 .min_pos = 1,      \
		                 .max_pos = 1,      \
		                 .flags = fl,       \
		                 .run = fn }

const struct cmd cmd_job_list = {
	.name = "job",
	.sub = "list",
	.args = "",
	.summary = "jobs, newest first",
	.group = "deploy",
	.flags = CMD_READS,
	.run = run_list,
};
JOB_ROW(cmd_job_show, "show", "one job and the last line of its journal", CMD_READS, run_show);
JOB_ROW(cmd_job_follow, "follow", "watch a job to its end; exits as the job ends", CMD_READS,
        run_follow);
JOB_ROW(cmd_job_wait, "wait", "wait for a job's end without a word", CMD_READS, run_wait);
JOB_ROW(cmd_job_pause, "pause", "keep a canary at the step where it is", CMD_READS | CMD_CHANGES,
        run_pause);
JOB_ROW(cmd_job_resume, "resume", "go on with a paused or interrupted job",
        CMD_READS | CMD_CHANGES | CMD_AGENT | CMD_WAITS, run_resume);
JOB_ROW(cmd_job_abort, "abort", "stop a job and put back what was there",
        CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_AGENT | CMD_WAITS, run_abort);
