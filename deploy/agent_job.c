/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One job: the plan is verified again, the beginning logged, the rollout run, the promotion signed
 * by the agent's key and logged, the end logged. Whatever the caller said, what counts is in the
 * log.
 */
#include "deploy/agent_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "deploy/rollout.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/message.h"
#include "registry/change.h"
#include "registry/fault.h"
#include "registry/gate_check.h"
#include "registry/keyring.h"
#include "registry/labels.h"
#include "registry/statement.h"

#define TIMEOUT_MS_DEFAULT (300u * 1000)

static void
job_fini(struct agent_job *j)
{
	wave_close(&j->wave);
	journal_write_close(j->journal);
	plan_fini(&j->plan);
	ledger_consent_fini(&j->consent);
	if (j->has_ledger)
		ledger_fini(&j->ledger);
	registry_close(j->r);
}

/* --- preparing --- */

static bool
is_abort(const json_t *request)
{
	return streq(json_opt_string(request, "mode"), "abort");
}

/* The targets must be those of the plan, and would be given what it says. */
static int
compare_targets(struct agent_job *j, struct err *e)
{
	const struct plan *p = &j->plan;
	struct wave *w = &j->wave;

	for (size_t i = 0; i < w->n; i++) {
		struct wave_target *v = &w->v[i];
		int rc = v->d->render(&v->t, &v->q, &v->rendered, e);

		if (rc < 0)
			return rc;
	}
	if (w->n != p->targets_n) {
		err_set(e, ERR_CONFLICT, "stage \"%s\" has %zu targets now, the plan %zu", p->stage,
		        w->n, p->targets_n);
		return err_hint(e, "make a new plan");
	}
	for (size_t i = 0; i < w->n; i++) {
		const struct wave_target *v = &w->v[i];
		struct digest rendered;

		digest_small(v->rendered.p, v->rendered.n, &rendered);
		if (streq(v->row.name, p->targets[i].name) &&
		    digest_eq(&v->row.identity, &p->targets[i].identity) &&
		    digest_eq(&rendered, &p->targets[i].rendered))
			continue;
		err_set(e, ERR_CONFLICT, "target \"%s\" was changed since the plan was made",
		        v->row.name);
		return err_hint(e, "make a new plan");
	}
	return 0;
}

static int
find_plan_of_job(struct agent_job *j, const json_t *request, struct digest *ret, struct err *e)
{
	const char *id;
	struct job_row row;
	struct txn *t;
	int rc = json_get_string(request, "job", "request", &id, e);

	if (rc == 0)
		rc = store_read_begin(j->r->store, &t, e);
	if (rc < 0)
		return rc;
	rc = job_get(t, id, &row, e);
	store_abort(t);
	if (rc == -ERR_NOT_FOUND) {
		err_set(e, ERR_NOT_FOUND, "there is no job \"%s\"", id);
		return err_hint(e, "slipway job list shows them");
	}
	if (rc == 0 && row.end_seq) {
		err_set(e, ERR_CONFLICT, "job %s has ended (%s)", id, row.state);
		return err_hint(e, "slipway job show %s says how; promote or rollback plan anew",
		                id);
	}
	if (rc < 0)
		return rc;
	(void)str_copy(j->id, sizeof j->id, id);
	(void)str_copy(j->plan.model, sizeof j->plan.model, row.model);
	(void)str_copy(j->plan.stage, sizeof j->plan.stage, row.stage);
	(void)str_copy(j->plan.kind, sizeof j->plan.kind, row.kind);
	j->plan.number = row.number;
	j->plan.id = row.plan;
	*ret = row.plan;
	return 0;
}

/* Only a beginning that the agent signed, of the job that runs there by the log, says that gates
 * and approvals were asked: a row of the database or a copied journal does not. */
static bool
has_begun(const struct agent_job *j, const json_t *request)
{
	struct job_claim c;

	return json_object_get(request, "job") &&
	       ledger_job(&j->ledger, j->plan.model, j->plan.stage, &c) && streq(c.id, j->id) &&
	       digest_eq(&c.plan, &j->plan.id);
}

static int
load_plan(struct agent_job *j, const json_t *request, struct err *e)
{
	struct digest id;
	bool begun;
	int rc;

	if (json_object_get(request, "job"))
		rc = find_plan_of_job(j, request, &id, e);
	else
		rc = json_get_digest(request, "plan", "request", &id, e);
	if (rc == 0)
		rc = plan_load(j->r, &id, &j->plan, e);
	if (rc < 0)
		return rc;
	digest_hex(&j->plan.id, j->plan_hex);
	rc = ledger_consent(j->r, &j->ledger, &j->plan, &j->consent, e);
	if (rc == -ERR_NOT_FOUND)
		e->code = ERR_POLICY;
	if (rc < 0)
		return -(int)e->code;
	/* what has begun in time may end later, and what was begun can be taken back */
	begun = has_begun(j, request) || is_abort(request);
	if (!j->consent.by.break_glass && !begun)
		rc = gates_check(j->r, &j->ledger, &j->plan, clock_now_s(), e);
	if (rc < 0)
		return rc;
	return ledger_is_approved(&j->ledger, &j->consent, begun ? 0 : clock_now_s(), e);
}

/* A crash between the promotion's entry and the job's end leaves only the end to write. */
static bool
is_recorded(const struct agent_job *j)
{
	struct promotion now;
	struct err ignored = { 0 };

	return ledger_stage(j->r, &j->ledger, j->plan.model, j->plan.stage, &now, &ignored) == 0 &&
	       now.exists && digest_eq(&now.plan, &j->plan.id);
}

static void
new_job_id(char ret[JOB_ID_SIZE])
{
	uint8_t random[8];

	randombytes_buf(random, sizeof random);
	sodium_bin2hex(ret, JOB_ID_SIZE, random, sizeof random);
}

/* The same plan again joins its job. */
static int
find_running(struct agent_job *j, bool *ret_joined, struct err *e)
{
	struct journal *journal = NULL;
	struct stage_mark s;
	struct job_row row;
	struct txn *t;
	bool alive;
	int rc = store_read_begin(j->r->store, &t, e);

	*ret_joined = false;
	if (rc < 0)
		return rc;
	rc = agent_stage_mark(t, &j->plan, &s, e);
	if (rc == 0 && s.job[0])
		rc = job_get(t, s.job, &row, e);
	store_abort(t);
	if (rc < 0 || !s.job[0] || !digest_eq(&row.plan, &j->plan.id))
		return rc;
	(void)str_copy(j->id, sizeof j->id, s.job);
	alive = journal_open(j->r->rootfd, s.job, &journal, &(struct err){ 0 }) == 0 &&
	        journal_is_alive(journal);
	journal_close(journal);
	if (!alive) {
		err_set(e, ERR_CONFLICT, "job %s of this plan was interrupted", s.job);
		return err_hint(e, "slipway job resume %s, or slipway job abort %s", s.job, s.job);
	}
	*ret_joined = true;
	return 0;
}

static bool
abort_wanted(void *arg)
{
	const struct agent_job *j = arg;
	cleanup_free char *path = xasprintf("jobs/%s/abort", j->id);

	return faccessat(j->r->rootfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool
pause_wanted(void *arg)
{
	const struct agent_job *j = arg;
	cleanup_free char *path = xasprintf("jobs/%s/pause", j->id);

	return faccessat(j->r->rootfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Who allows a time for the work does not mean the time that the plan itself waits. */
static uint64_t
held_ms(const struct plan *p)
{
	uint64_t s = 0;

	for (size_t i = 0; i < p->canary.steps_n; i++)
		s += p->canary.steps[i].hold_s;
	return s * 1000;
}

static void
tell(const struct agent_job *j, bool joined, void (*answer)(const json_t *reply))
{
	cleanup_json json_t *reply = json_object();

	json_object_set_new(reply, "job", json_string(j->id));
	json_object_set_new(reply, "joined", json_boolean(joined));
	answer(reply);
}

/* What stays is no failure of the rollout, and said where its other steps are. */
static void
release_old(struct rollout_run *run)
{
	struct wave *const w = run->wave;
	const struct snapshot s = { .empty = !w->now.exists || w->now.empty,
		                    .number = w->now.number,
		                    .version = w->now.version };

	for (size_t i = 0; i < w->n; i++) {
		struct err e = { 0 }, late = { 0 };

		if (w->v[i].d->release && w->v[i].d->release(w->v[i].st, &w->v[i].q, &s, &e) < 0)
			(void)rollout_say(run, JOB_VERIFYING, "release", w->v[i].row.name, &late,
			                  "what is no longer needed stays until the next "
			                  "change: %s",
			                  e.msg);
	}
}

static int
finish(struct agent_job *j, struct rollout_run *run, int rc, struct err *e)
{
	struct err late = { 0 };

	if (rc == 0)
		rc = agent_record(j, e);
	if (rc < 0 && run->state != JOB_DETACHED && !job_state_is_final(run->state)) {
		/* the targets hold the new version and the log does not: resume records it */
		struct journal_line l = { .state = JOB_DETACHED };
		(void)str_copy(l.text, sizeof l.text, e->msg);
		(void)str_copy(l.hint, sizeof l.hint,
		               "slipway job resume writes it down when the log can be written");
		(void)str_copy(l.code, sizeof l.code, err_name(e->code));
		(void)journal_write(j->journal, &l, &late);
		return rc;
	}
	if (run->state == JOB_DETACHED)
		return rc;
	if (rc == 0) {
		/* a job that has ended is not gone on with: what it would leave stays for ever */
		release_old(run);
		fault_point("before-job-end");
		rc = agent_log_job(j, "end", job_state_name(JOB_SUCCEEDED), e);
		fault_point("after-job-end");
		if (rc == 0)
			rc = rollout_say(run, JOB_SUCCEEDED, NULL, NULL, e,
			                 "%s of \"%s\" holds %s%" PRIu64, j->plan.stage,
			                 j->plan.model, j->plan.empty ? "nothing; was v" : "v",
			                 j->plan.empty ? j->wave.now.number : j->plan.number);
		return rc;
	}
	(void)agent_log_job(j, "end", job_state_name(run->state), &late);
	return rc;
}

static void
mark_begun(struct wave *w, const struct journal_line *l)
{
	for (size_t i = 0; i < w->n; i++) {
		struct wave_target *const v = &w->v[i];

		/* "failed" tells of others too, in the state that the job has */
		if (l->state >= JOB_APPLYING && !streq(l->step, "failed") &&
		    streq(l->target, v->row.name))
			v->was_begun = true;
	}
}

/* Nothing is written to a target before a line of the journal says so; a line that cannot be read
 * may have said it. */
static void
find_begun(const struct agent_job *j, struct rollout_run *run)
{
	struct journal *journal = NULL;
	struct journal_line l;
	struct err bad = { 0 };
	bool has = true;

	if (!run->is_resume && !run->is_abort)
		return;
	(void)journal_open(j->r->rootfd, j->id, &journal, &bad);
	while (journal && has && journal_next(journal, &l, &has, &bad) == 0) {
		if (has)
			mark_begun(run->wave, &l);
	}
	journal_close(journal);
	for (size_t i = 0; bad.code != ERR_OK && i < run->wave->n; i++)
		run->wave->v[i].was_begun = true;
}

/* A run that died while it put back had decided: who goes on puts back, and does not go forwards
 * a second time. */
static void
find_way_back(const struct agent_job *j, struct rollout_run *run)
{
	const size_t head = strlen(ROLLOUT_PUTS_BACK);
	struct journal_line back = { .state = JOB_PLANNED }, l;
	struct journal *journal = NULL;
	struct err ignored = { 0 };
	bool has = true;

	if (!run->is_resume || journal_open(j->r->rootfd, j->id, &journal, &ignored) < 0)
		return;
	while (has && journal_next(journal, &l, &has, &ignored) == 0) {
		/* each run begins with PLANNED, and one that could not put back ends with
		 * DETACHED */
		if (has && l.state != JOB_PLANNED && l.state != JOB_DETACHED)
			back = l;
	}
	journal_close(journal);
	if (back.state != JOB_ROLLING_BACK || !has_prefix(back.text, ROLLOUT_PUTS_BACK))
		return;
	run->goes_back = true;
	run->code = err_from_name(back.code);
	if (run->code == ERR_OK)
		run->code = ERR_ROLLOUT_FAILED;
	(void)str_copy(run->fail_text, sizeof run->fail_text, back.text + head);
}

static int
run_job(struct agent_job *j, const json_t *request, struct err *e)
{
	const char *mode = json_opt_string(request, "mode");
	const json_t *timeout = json_object_get(request, "timeout_ms");
	uint64_t ms = json_is_integer(timeout) ? (uint64_t)json_integer_value(timeout) : 0;
	struct rollout_run run = {
		.wave = &j->wave,
		.journal = j->journal,
		.abort_wanted = abort_wanted,
		.pause_wanted = pause_wanted,
		.arg = j,
		.is_abort = mode && streq(mode, "abort"),
		.is_resume = mode && streq(mode, "resume"),
		.deadline_ms = clock_mono_ms() + (ms ? ms : TIMEOUT_MS_DEFAULT) + held_ms(&j->plan),
		.back_ms = ms ? ms : TIMEOUT_MS_DEFAULT,
		.state = JOB_PLANNED,
	};
	int rc = 0;

	for (size_t i = 0; i < j->wave.n; i++) {
		j->wave.v[i].q.job_id = j->id;
		j->wave.v[i].q.deadline_ms = run.deadline_ms;
	}
	find_begun(j, &run);
	find_way_back(j, &run);
	if (!is_recorded(j))
		rc = rollout_run(&run, e);
	rc = finish(j, &run, rc, e);
	/* who resumes the job need not wait for a hook */
	journal_write_close(j->journal);
	j->journal = NULL;
	agent_hooks(j, rc == 0 ? JOB_SUCCEEDED : job_state_is_final(run.state) ? run.state :
	                                                                         JOB_DETACHED,
	            e->msg);
	return rc;
}

/* From here on, notes of library code belong to the job and not to whoever started it. */
static void
notes_to_log(const struct agent_job *j)
{
	cleanup_free char *path = xasprintf("jobs/%s/log", j->id);
	cleanup_close int fd =
	        fs_open_beneath(j->r->rootfd, path, O_WRONLY | O_CREAT | O_APPEND, 0660);

	if (fd < 0)
		return;
	fs_take_mode(fd, j->r->rootfd);
	(void)dup2(fd, STDERR_FILENO);
}

static int
begin_job(struct agent_job *j, bool is_new, struct err *e)
{
	struct journal_line l = { .state = JOB_PLANNED, .step = "begin" };
	int rc;

	if (is_new)
		new_job_id(j->id);
	rc = journal_write_open(j->r->rootfd, j->id, is_new, &j->journal, e);
	if (rc < 0)
		return rc;
	(void)snprintf(l.text, sizeof l.text, "plan %.16s", j->plan_hex);
	rc = journal_write(j->journal, &l, e);
	if (rc == 0)
		rc = is_new ? agent_log_job(j, "begin", "running", e) : 0;
	if (rc < 0 && is_new) {
		cleanup_free char *path = xasprintf("jobs/%s/journal", j->id),
		                  *dir = xasprintf("jobs/%s", j->id);
		(void)unlinkat(j->r->rootfd, path, 0);
		(void)unlinkat(j->r->rootfd, dir, AT_REMOVEDIR);
	}
	if (rc == 0)
		notes_to_log(j);
	return rc;
}

/* A promotion that cannot be signed must not move anything. */
static int
check_key(const struct agent_job *j, struct err *e)
{
	struct secret_key *key = NULL;
	int rc = agent_key(j, &key, e);

	key_free(key);
	return rc;
}

/* A job whose beginning is logged and that has no journal has done nothing, as each step stands
 * there before it is taken; or somebody took the journal away. It must not lock its stage for ever:
 * only its end is written, whatever became of its plan and its targets. */
static int
end_lost_job(struct agent_job *j, const json_t *request, bool *ret_is_lost, struct err *e)
{
	struct journal_line l = { .state = JOB_ABORTED };
	struct journal *journal;
	struct err absent = { 0 };
	struct digest plan;
	int rc;

	*ret_is_lost = false;
	if (!is_abort(request) || !json_object_get(request, "job"))
		return 0;
	rc = find_plan_of_job(j, request, &plan, e);
	if (rc < 0)
		return rc;
	if (journal_open(j->r->rootfd, j->id, &journal, &absent) == 0) {
		journal_close(journal);
		return 0;
	}
	if (absent.code != ERR_NOT_FOUND)
		return 0;
	rc = journal_write_open(j->r->rootfd, j->id, true, &j->journal, e);
	if (rc == 0)
		rc = agent_log_job(j, "end", job_state_name(JOB_ABORTED), e);
	(void)snprintf(l.text, sizeof l.text,
	               "it had no journal: nothing was put back; look with `slipway status`");
	if (rc == 0)
		rc = journal_write(j->journal, &l, e);
	*ret_is_lost = rc == 0;
	return rc;
}

/* What is put back is what is at the targets now, also when the plan's are others. */
static int
check_targets(struct agent_job *j, const json_t *request, struct err *e)
{
	int rc = compare_targets(j, e);

	if (rc != -ERR_CONFLICT || !is_abort(request))
		return rc;
	message(MESSAGE_WARNING, "%s; aborting all the same", e->msg);
	err_clear(e);
	return 0;
}

/* Somebody else began at the same moment: with the same plan, that is the job. */
static int
join_instead(struct agent_job *j, bool *ret_joined, struct err *e)
{
	const struct err locked = *e;
	int rc;

	journal_write_close(j->journal);
	j->journal = NULL;
	err_clear(e);
	rc = find_running(j, ret_joined, e);
	if (rc < 0 || *ret_joined)
		return rc;
	*e = locked;
	return -(int)e->code;
}

static int
prepare(struct agent_job *j, const json_t *request, bool *ret_joined, bool *ret_is_done,
        struct err *e)
{
	const bool is_new = !json_object_get(request, "job");
	const char *dir;
	int rc = json_get_string(request, "registry", "request", &dir, e);

	if (rc == 0)
		rc = registry_open(dir, REGISTRY_WRITE, &j->r, e);
	if (rc == 0)
		rc = agent_refresh(j, e);
	if (rc == 0)
		rc = end_lost_job(j, request, ret_is_done, e);
	if (rc == 0 && !*ret_is_done)
		rc = load_plan(j, request, e);
	if (rc < 0 || *ret_is_done)
		return rc;
	if (is_new)
		rc = find_running(j, ret_joined, e);
	if (rc < 0 || *ret_joined)
		return rc;
	if (!is_recorded(j))
		rc = plan_still_holds(j->r, &j->ledger, &j->plan, e);
	if (rc == 0)
		rc = wave_open(j->r, &j->ledger, &j->plan, &j->wave, e);
	if (rc == 0)
		rc = check_targets(j, request, e);
	if (rc == 0 && !is_abort(request))
		rc = check_key(j, e);
	if (rc == 0)
		rc = begin_job(j, is_new, e);
	return rc == -ERR_LOCKED && is_new ? join_instead(j, ret_joined, e) : rc;
}

int
agent_start_job(const json_t *request, void (*answer)(const json_t *reply), struct err *e)
{
	struct agent_job j = { 0 };
	bool joined = false, is_done = false;
	int rc = prepare(&j, request, &joined, &is_done, e);

	if (rc == 0)
		tell(&j, joined, answer);
	if (rc == 0 && !joined && !is_done && run_job(&j, request, e) < 0)
		rc = 0; /* told through the journal: the caller has its answer already */
	job_fini(&j);
	return rc;
}
