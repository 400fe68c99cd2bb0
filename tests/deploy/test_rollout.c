/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine of a job over a driver that fails at one chosen step: how the job ends, which
 * calls were made in which order, what serves afterwards, and that each write was announced in the
 * journal before it was made.
 */
#include "tests/deploy/rollout_world.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"

static bool
abort_wanted(void *arg)
{
	return world.wants_abort;
}

/* --- one case --- */

static struct journal_writer *
open_journal(char dir[64])
{
	struct journal_writer *w = NULL;
	struct err e = { 0 };
	int fd;

	(void)str_copy(dir, 64, "/tmp/slipway-rollout-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert(fd >= 0 && mkdirat(fd, "jobs", 0700) == 0);
	cr_assert_eq(journal_write_open(fd, JOB, true, &w, &e), 0, "%s", e.msg);
	cr_assert_eq(journal_open(fd, JOB, &world.journal, &e), 0, "%s", e.msg);
	(void)close(fd);
	return w;
}

static void
remove_journal(const char *dir)
{
	static const char *const below[] = { "jobs/" JOB "/journal", "jobs/" JOB, "jobs", "." };

	for (size_t i = 0; i < COUNT(below); i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, below[i]);
		(void)remove(i + 1 < COUNT(below) ? path : dir);
	}
}

static void
begin(const struct rollout_case *c, struct plan *p, struct wave *w)
{
	w->plan = p;
	w->n = c->targets ? c->targets : 1;
	(void)str_copy(w->plan_hex, sizeof(w->plan_hex), PLAN);
	(void)str_copy(p->kind, sizeof(p->kind), c->kind ? c->kind : "promote");
	(void)str_copy(p->model, sizeof(p->model), "face");
	p->empty = c->to == 0;
	p->number = c->to;
	p->version = version_of(c->to);
	p->way_back = version_of(c->held);
	w->now = (struct promotion){ .exists = c->held > 0,
		                     .number = c->held,
		                     .version = version_of(c->held) };
	w->files = xcalloc(1, sizeof(*w->files));
	w->held.manifest.n = c->held ? 1 : 0;
	w->held_source = (struct source){ .files = w->files, .n = 1, .arg = w };
	w->v = xcalloc(w->n, sizeof(*w->v));
	for (size_t i = 0; i < w->n; i++) {
		struct wave_target *v = &w->v[i];
		struct mock *m = xcalloc(1, sizeof(*m));

		world.at[i] = (struct place){ .letter = (char)('a' + (int)i), .serving = c->held };
		m->at = &world.at[i];
		v->row.name[0] = world.at[i].letter;
		v->row.order = i; /* one after the other: the trace is of one order */
		v->wave = w;
		v->source = (struct source){ .files = w->files, .n = 1, .arg = v };
		v->d = &world_driver;
		v->st = m;
		v->golden = (struct golden *)m; /* nobody looks into it here */
		v->q = (struct rollout){ .registry_id = w->r->id,
			                 .model = p->model,
			                 .plan_id = w->plan_hex,
			                 .job_id = JOB,
			                 .empty = p->empty,
			                 .number = p->number,
			                 .version = p->version,
			                 .files = p->empty ? NULL : &v->source };
	}
}

static void
end(struct wave *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i].st);
	free(w->v);
	free(w->files);
	buf_fini(&world.trace);
	journal_close(world.journal);
}

static void
check(const struct rollout_case *c, const struct wave *w, const struct rollout_run *run, int rc,
      const struct err *e)
{
	char serving[64];

	(void)snprintf(serving, sizeof(serving), "%" PRIu64, world.at[0].serving);
	if (w->n == 2)
		(void)snprintf(serving, sizeof(serving), "%" PRIu64 " %" PRIu64,
		               world.at[0].serving, world.at[1].serving);
	cr_expect_eq(rc, -(int)c->code, "%s: %s, not %s: %s", c->name, err_name(e->code),
	             err_name(c->code), e->msg);
	cr_expect_str_eq(job_state_name(run->state), job_state_name(c->state),
	                 "%s: state %s, not %s", c->name, job_state_name(run->state),
	                 job_state_name(c->state));
	cr_expect_eq(run->is_rolled_back, c->rolled_back, "%s: rolled back %d", c->name,
	             run->is_rolled_back);
	cr_expect_str_eq(buf_cstr(&world.trace), c->trace, "%s: calls %s, not %s", c->name,
	                 buf_cstr(&world.trace), c->trace);
	cr_expect_str_eq(serving, c->serving, "%s: %s serves, not %s", c->name, serving,
	                 c->serving);
	cr_expect_str_eq(world.complaint, "", "%s: %s", c->name, world.complaint);
}

/* The journal's last line is how the job ended, with code and advice where it failed. */
static void
check_journal(const struct rollout_case *c, const struct rollout_run *run)
{
	struct err e = { 0 };
	bool has = true;

	while (has)
		cr_assert_eq(journal_next(world.journal, &world.last, &has, &e), 0, "%s", e.msg);
	cr_expect_eq(world.last.state, run->state, "%s: the journal ends with %s", c->name,
	             job_state_name(world.last.state));
	if (c->code != ERR_OK)
		cr_expect_str_eq(world.last.code, err_name(c->code), "%s: the journal says %s",
		                 c->name, world.last.code);
	if (c->rolled_back)
		cr_expect(strstr(world.last.hint, "as before") != NULL, "%s: hint %s", c->name,
		          world.last.hint);
}

struct extra {
	bool is_abort;      /* only put back */
	bool is_stamped;    /* this plan was there before */
	bool wants_abort;   /* a person asks to stop */
	bool is_resume;     /* the job was interrupted before */
	bool is_late;       /* its time is up when it begins */
	uint64_t foreign;   /* somebody put this there; 0 no */
	bool second_is_new; /* to this job, when it was interrupted */
	uint64_t lingers; /* still serves, though it was put back */
	unsigned slow;    /* looks that the first needs to be as it was again */
	bool goes_back;   /* the run before had decided to put back */
	bool cannot_ask;  /* this user may not ask the golden request there */
	bool has_min_proof;
	enum proof_layer min_proof;
};

/* Only what ends by its deadline may see it; everything else must come first on any machine. */
static uint64_t
patience_ms(const struct rollout_case *c)
{
	const bool is_asked_in_vain =
	        c->first.at && c->first.at[1] == 'N' && c->first.done == NOTHING;

	return is_asked_in_vain || c->state == JOB_DETACHED ? 300 : 60000;
}

static void
play(const struct rollout_case *c, const struct extra *x)
{
	struct registry r = { .id = "d07e8b1c128b41c10a416fbd44602d7d" };
	struct plan p = { 0 };
	struct wave w = { .r = &r };
	struct err e = { 0 };
	char dir[64];
	int rc;

	world = (struct world){ .c = c,
		                .wants_abort = x->wants_abort,
		                .cannot_ask = x->cannot_ask };
	struct rollout_run run = { .wave = &w,
		                   .journal = open_journal(dir),
		                   .abort_wanted = abort_wanted,
		                   .is_abort = x->is_abort,
		                   .is_resume = x->is_resume,
		                   .deadline_ms =
		                           x->is_late ? 0 : clock_mono_ms() + patience_ms(c) };
	world.run = &run;
	begin(c, &p, &w);
	world.at[0].is_stamped = x->is_stamped;
	if (x->foreign)
		world.at[0].serving = x->foreign;
	world.at[0].lingers = x->lingers;
	world.at[0].slow = x->slow;
	if (x->goes_back) {
		run.goes_back = true;
		run.code = ERR_ROLLOUT_FAILED;
		(void)str_copy(run.fail_text, sizeof run.fail_text, "it had failed");
	}
	for (size_t i = 0; i < w.n; i++)
		w.v[i].was_begun = (x->is_abort || x->is_resume) && !(i == 1 && x->second_is_new);
	w.v[0].has_min_proof = x->has_min_proof;
	w.v[0].min_proof = x->min_proof;
	rc = rollout_run(&run, &e);
	check(c, &w, &run, rc, &e);
	check_journal(c, &run);
	journal_write_close(run.journal);
	end(&w);
	remove_journal(dir);
}

TestSuite(rollout);

#define AHEAD "aP aL aF "
#define BOTH  "aP aL aF bP bL bF "
#define GOOD  AHEAD "aS aA aW aN"

/* clang-format off */
static const struct rollout_case steps[] = {
	/* name, failures, kind, targets, held, to, code, state, rolled back, calls, serving */
	{ "well", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_OK, JOB_VERIFYING, false, GOOD, "2" },
	{ "first", { 0 }, { 0 }, NULL, 0, 0, 1, ERR_OK, JOB_VERIFYING, false, GOOD, "1" },
	{ "two", { 0 }, { 0 }, NULL, 2, 1, 2, ERR_OK, JOB_VERIFYING, false,
	  BOTH "aS aA aW aN bS bA bW bN", "2 2" },
	{ "back", { 0 }, { 0 }, "rollback", 0, 2, 1, ERR_OK, JOB_VERIFYING, false,
	  AHEAD "aS aB aW aN", "1" },
	{ "to nothing", { 0 }, { 0 }, "rollback", 0, 1, 0, ERR_OK, JOB_VERIFYING, false,
	  AHEAD "aB aW", "0" },

	/* nothing was written: the code stays, nothing is put back */
	{ "probe 10", { "aP", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 0, 1, 2, ERR_UNREACHABLE,
	  JOB_FAILED, false, "aP", "1" },
	{ "probe 4", { "aP", ERR_DENIED, 0 }, { 0 }, NULL, 0, 1, 2, ERR_DENIED, JOB_FAILED, false,
	  "aP", "1" },
	{ "probe 6", { "aP", ERR_MALFORMED, 0 }, { 0 }, NULL, 0, 1, 2, ERR_MALFORMED, JOB_FAILED,
	  false, "aP", "1" },
	{ "look 10", { "aL", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 0, 1, 2, ERR_UNREACHABLE,
	  JOB_FAILED, false, "aP aL", "1" },
	{ "preflight 10", { "aF", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 0, 1, 2, ERR_UNREACHABLE,
	  JOB_FAILED, false, "aP aL aF", "1" },
	{ "blocked", { "aF", ERR_OK, 0 }, { 0 }, NULL, 0, 1, 2, ERR_CONFLICT, JOB_FAILED, false,
	  "aP aL aF", "1" },
	{ "first of two is down", { "aP", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 2, 1, 2,
	  ERR_UNREACHABLE, JOB_FAILED, false, "aP bP bL bF", "1 1" },
	{ "both are down", { "aP", ERR_UNREACHABLE, 0 }, { "bL", ERR_UNREACHABLE, 0 }, NULL, 2, 1,
	  2, ERR_UNREACHABLE, JOB_FAILED, false, "aP bP bL", "1 1" },
	{ "second is refused", { "bP", ERR_DENIED, 0 }, { 0 }, NULL, 2, 1, 2, ERR_DENIED,
	  JOB_FAILED, false, AHEAD "bP", "1 1" },
	{ "stage full", { "aS", ERR_NO_SPACE, 0 }, { 0 }, NULL, 0, 1, 2, ERR_NO_SPACE, JOB_FAILED,
	  false, AHEAD "aS", "1" },
	{ "stage wrong bytes", { "aS", ERR_DIGEST, 0 }, { 0 }, NULL, 0, 1, 2, ERR_DIGEST,
	  JOB_FAILED, false, AHEAD "aS", "1" },
	{ "apply 10", { "aA", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 0, 1, 2, ERR_UNREACHABLE,
	  JOB_FAILED, false, AHEAD "aS aA", "1" },
	{ "apply 5", { "aA", ERR_CONFLICT, 0 }, { 0 }, NULL, 0, 1, 2, ERR_CONFLICT, JOB_FAILED,
	  false, AHEAD "aS aA", "1" },
	{ "apply 4", { "aA", ERR_DENIED, 0 }, { 0 }, NULL, 0, 1, 2, ERR_DENIED, JOB_FAILED, false,
	  AHEAD "aS aA", "1" },

	/* certain failures after a write: put back, once, and 8 */
	{ "apply 8", { "aA", ERR_ROLLOUT_FAILED, ALL }, { 0 }, NULL, 0, 1, 2, ERR_ROLLOUT_FAILED,
	  JOB_ROLLED_BACK, true, AHEAD "aS aA aU aW", "1" },
	{ "apply 6", { "aA", ERR_MALFORMED, ALL }, { 0 }, NULL, 0, 1, 2, ERR_ROLLOUT_FAILED,
	  JOB_ROLLED_BACK, true, AHEAD "aS aA aU aW", "1" },
	{ "first apply 8", { "aA", ERR_ROLLOUT_FAILED, ALL }, { 0 }, NULL, 0, 0, 1,
	  ERR_ROLLOUT_FAILED, JOB_ROLLED_BACK, true, AHEAD "aS aA aU aW", "0" },
	{ "rollback 8", { "aB", ERR_ROLLOUT_FAILED, ALL }, { 0 }, "rollback", 0, 2, 1,
	  ERR_ROLLOUT_FAILED, JOB_ROLLED_BACK, true, AHEAD "aS aB aU aW", "2" },
	{ "seen failing", { "aW", ERR_OK, NOTHING }, { 0 }, NULL, 0, 1, 2, ERR_ROLLOUT_FAILED,
	  JOB_ROLLED_BACK, true, AHEAD "aS aA aW aU aW", "1" },
	{ "answers wrongly", { "aN", ERR_ROLLOUT_FAILED, 0 }, { 0 }, NULL, 0, 1, 2,
	  ERR_ROLLOUT_FAILED, JOB_ROLLED_BACK, true, GOOD " aU aW", "1" },
	{ "answers wrongly for good", { "aN", ERR_ROLLOUT_FAILED, ALL }, { 0 }, NULL, 0, 1, 2,
	  ERR_ROLLOUT_FAILED, JOB_ROLLED_BACK, true, GOOD " aU aW", "1" },
	{ "answers nonsense", { "aN", ERR_MALFORMED, 0 }, { 0 }, NULL, 0, 1, 2, ERR_ROLLOUT_FAILED,
	  JOB_ROLLED_BACK, true, GOOD " aU aW", "1" },
	{ "second 8", { "bA", ERR_ROLLOUT_FAILED, ALL }, { 0 }, NULL, 2, 1, 2, ERR_ROLLOUT_FAILED,
	  JOB_ROLLED_BACK, true, BOTH "aS aA aW aN bS bA bU bW aU aW", "1 1" },
	{ "second is down", { "bP", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 2, 1, 2, ERR_PARTIAL,
	  JOB_DETACHED, false, AHEAD "bP aS aA aW aN", "2 1" },
	{ "second is down, first fails", { "bP", ERR_UNREACHABLE, 0 },
	  { "aA", ERR_ROLLOUT_FAILED, ALL }, NULL, 2, 1, 2, ERR_ROLLOUT_FAILED, JOB_ROLLED_BACK,
	  true, AHEAD "bP aS aA aU aW", "1 1" },
	{ "second not reached", { "bA", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 2, 1, 2, ERR_PARTIAL,
	  JOB_DETACHED, false, BOTH "aS aA aW aN bS bA", "2 1" },
	/* the way back fails: what serves decides; who cannot be asked has not failed */
	{ "undo refused, as it was", { "aA", ERR_ROLLOUT_FAILED, NOTHING },
	  { "aU", ERR_ROLLOUT_FAILED, ALL }, NULL, 0, 1, 2, ERR_ROLLOUT_FAILED, JOB_ROLLED_BACK,
	  true, AHEAD "aS aA aU aW", "1" },
	{ "undo refused", { "aA", ERR_ROLLOUT_FAILED, ALL }, { "aU", ERR_ROLLOUT_FAILED, NOTHING },
	  NULL, 0, 1, 2, ERR_ROLLOUT_FAILED, JOB_ROLLBACK_FAILED, false, AHEAD "aS aA aU aW", "2" },
	{ "undo not reached", { "aA", ERR_ROLLOUT_FAILED, ALL }, { "aU", ERR_UNREACHABLE, NOTHING },
	  NULL, 0, 1, 2, ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, AHEAD "aS aA aU aW", "2" },
	{ "undo not allowed", { "aA", ERR_ROLLOUT_FAILED, ALL }, { "aU", ERR_DENIED, NOTHING },
	  NULL, 0, 1, 2, ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, AHEAD "aS aA aU aW", "2" },
	{ "undo not written", { "aA", ERR_SYS, ALL }, { "aU", ERR_SYS, NOTHING }, NULL, 0, 1, 2,
	  ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, AHEAD "aS aA aU aW", "2" },
	/* unknown is not failed: nothing is put back */
	{ "unknown, not done", { "aA", ERR_OUTCOME_UNKNOWN, NOTHING }, { 0 }, NULL, 0, 1, 2,
	  ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, AHEAD "aS aA aW", "1" },
	{ "unknown, done", { "aA", ERR_OUTCOME_UNKNOWN, ALL }, { 0 }, NULL, 0, 1, 2, ERR_OK,
	  JOB_VERIFYING, false, GOOD, "2" },
	{ "unknown, half done", { "aA", ERR_OUTCOME_UNKNOWN, HALF }, { 0 }, NULL, 0, 1, 2, ERR_OK,
	  JOB_VERIFYING, false, AHEAD "aS aA aW aA aW aN", "2" },
	{ "unknown back, half done", { "aB", ERR_OUTCOME_UNKNOWN, HALF }, { 0 }, "rollback", 0, 2,
	  1, ERR_OK, JOB_VERIFYING, false, AHEAD "aS aB aW aB aW aN", "1" },
	/* what is done once more without being reached is still done */
	{ "unknown, half done, then not reached", { "aA", ERR_OUTCOME_UNKNOWN, HALF },
	  { "aA", ERR_UNREACHABLE, NOTHING }, NULL, 0, 1, 2, ERR_OUTCOME_UNKNOWN, JOB_DETACHED,
	  false, AHEAD "aS aA aW aA aW", "2" },
	/* who cannot be put back keeps nobody from being put back */
	{ "one of two undone", { "bA", ERR_ROLLOUT_FAILED, ALL },
	  { "bU", ERR_ROLLOUT_FAILED, NOTHING }, NULL, 2, 1, 2, ERR_ROLLOUT_FAILED,
	  JOB_ROLLBACK_FAILED, false, BOTH "aS aA aW aN bS bA bU bW aU aW", "1 2" },
	{ "one of two not reached to be undone", { "bA", ERR_ROLLOUT_FAILED, ALL },
	  { "bU", ERR_UNREACHABLE, NOTHING }, NULL, 2, 1, 2, ERR_OUTCOME_UNKNOWN, JOB_DETACHED,
	  false, BOTH "aS aA aW aN bS bA bU bW aU aW", "1 2" },
	{ "cannot be watched", { "aW", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 0, 1, 2,
	  ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, AHEAD "aS aA aW", "2" },
	{ "cannot be asked", { "aN", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 0, 1, 2,
	  ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, GOOD, "2" },
};
/* clang-format on */

Test(rollout, fails_at_each_step)
{
	for (size_t i = 0; i < COUNT(steps); i++)
		play(&steps[i], &(struct extra){ 0 });
}

/* clang-format off */
static const struct {
	struct extra x;
	struct rollout_case c;
} others[] = {
	{ { .wants_abort = true },
	  { "stopped before anything", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_CANCELLED, JOB_ABORTED,
	  false, "aP aL aF", "1" } },
	{ { .is_abort = true, .is_stamped = true, .foreign = 2 },
	  { "aborted", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_CANCELLED, JOB_ABORTED, true, "aL aU aW",
	    "1" } },
	{ { .is_abort = true, .foreign = 2 },
	  { "aborted, stamp gone", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_CANCELLED, JOB_ABORTED, true,
	    "aL aU aW", "1" } },
	{ { .is_abort = true, .foreign = 7 },
	  { "abort leaves another's alone", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_CANCELLED, JOB_ABORTED,
	    false, "aL", "7" } },
	{ { .is_abort = true },
	  { "nothing to abort", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_CANCELLED, JOB_ABORTED, false,
	  "aL", "1" } },
	{ { .is_abort = true },
	  { "abort in the dark", { "aL", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 0, 1, 2,
	    ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, "aL", "1" } },
	{ { .is_abort = true, .is_stamped = true, .foreign = 2 },
	  { "abort that sees nothing", { "aL", ERR_OK, NOTHING }, { 0 }, NULL, 0, 1, 2,
	    ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, "aL", "2" } },
	{ { .slow = 22 },
	  { "what is put back takes its time", { "aN", ERR_ROLLOUT_FAILED, ALL }, { 0 }, NULL, 0,
	    1, 2, ERR_ROLLOUT_FAILED, JOB_ROLLED_BACK, true, GOOD " aU aW", "1" } },
	{ { .is_resume = true, .is_stamped = true, .foreign = 2 },
	  { "resumed, and then not reached", { "aA", ERR_UNREACHABLE, NOTHING }, { 0 }, NULL, 0, 1,
	    2, ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, AHEAD "aS aA", "2" } },
	{ { .is_resume = true, .is_stamped = true, .foreign = 2 },
	  { "resumed, seen nothing, then not reached", { "aL", ERR_OK, NOTHING },
	    { "aA", ERR_UNREACHABLE, NOTHING }, NULL, 0, 1, 2, ERR_OUTCOME_UNKNOWN, JOB_DETACHED,
	    false, AHEAD "aS aA", "2" } },
	{ { .is_resume = true, .is_stamped = true, .foreign = 2, .goes_back = true },
	  { "resumed on its way back", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_ROLLOUT_FAILED,
	    JOB_ROLLED_BACK, true, "aL aU aW", "1" } },
	{ { .is_resume = true, .is_stamped = true, .foreign = 2, .second_is_new = true,
	    .goes_back = true },
	  { "resumed on its way back, the second was never begun", { "bL", ERR_UNREACHABLE, 0 },
	    { "bW", ERR_UNREACHABLE, 0 }, NULL, 2, 1, 2, ERR_ROLLOUT_FAILED, JOB_ROLLED_BACK, true,
	    "aL bL aU aW", "1 1" } },
	{ { .is_abort = true, .is_stamped = true, .foreign = 2 },
	  { "abort not reached", { "aU", ERR_UNREACHABLE, NOTHING }, { 0 }, NULL, 0, 1, 2,
	    ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, "aL aU aW", "2" } },
	{ { .is_stamped = true, .foreign = 2 },
	  { "resumed", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_OK, JOB_VERIFYING, false, GOOD, "2" } },
	{ { .is_stamped = true, .foreign = 2 },
	  { "resumed and failing", { "aA", ERR_ROLLOUT_FAILED, ALL }, { 0 }, NULL, 0, 1, 2,
	    ERR_ROLLOUT_FAILED, JOB_ROLLED_BACK, true, AHEAD "aS aA aU aW", "1" } },
	{ { .foreign = 7 },
	  { "another's version", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_CONFLICT, JOB_FAILED, false,
	    "aP aL", "7" } },
	{ { .foreign = 2 },
	  { "there already", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_OK, JOB_VERIFYING, false, GOOD,
	  "2" } },
	{ { .lingers = 2 },
	  { "the same version's pods are still going", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_OK,
	    JOB_VERIFYING, false, GOOD, "2" } },
	{ { .is_late = true },
	  { "late before anything", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_OUTCOME_UNKNOWN, JOB_FAILED,
	    false, "aP aL aF", "1" } },
	{ { 0 },
	  { "late while copying", { "aS", ERR_OK, 0 }, { 0 }, NULL, 0, 1, 2, ERR_OUTCOME_UNKNOWN,
	    JOB_FAILED, false, AHEAD "aS", "1" } },
	{ { 0 },
	  { "late at the second", { "bS", ERR_OK, 0 }, { 0 }, NULL, 2, 1, 2, ERR_OUTCOME_UNKNOWN,
	    JOB_DETACHED, false, BOTH "aS aA aW aN bS", "2 1" } },
	{ { .is_resume = true, .is_late = true, .is_stamped = true },
	  { "resumed too late", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_OUTCOME_UNKNOWN, JOB_DETACHED,
	    false, "aP aL aF", "1" } },
	{ { .is_resume = true, .is_stamped = true, .foreign = 2 },
	  { "resumed by whom it does not let in", { "aP", ERR_DENIED, 0 }, { 0 }, NULL, 0, 1, 2,
	    ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, "aP", "2" } },
	{ { .is_resume = true, .is_stamped = true },
	  { "resumed in the dark", { "aP", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 0, 1, 2,
	    ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, "aP", "1" } },
	{ { .is_resume = true, .is_stamped = true, .foreign = 2 },
	  { "resumed, and the second is down", { "bP", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 2, 1, 2,
	    ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, AHEAD "bP", "2 1" } },
	{ { .is_resume = true, .is_stamped = true, .foreign = 2, .second_is_new = true },
	  { "resumed, the second is still down", { "bP", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 2, 1,
	    2, ERR_PARTIAL, JOB_DETACHED, false, AHEAD "bP aS aA aW aN", "2 1" } },
	{ { .is_abort = true, .is_stamped = true, .foreign = 2 },
	  { "aborted, and the second is down", { "bL", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 2, 1, 2,
	    ERR_OUTCOME_UNKNOWN, JOB_DETACHED, false, "aL bL", "2 1" } },
	{ { .is_abort = true, .is_stamped = true, .foreign = 2, .second_is_new = true },
	  { "aborted, and the second was never begun", { "bL", ERR_UNREACHABLE, 0 }, { 0 }, NULL, 2,
	    1, 2, ERR_CANCELLED, JOB_ABORTED, true, "aL bL aU aW", "1 1" } },
	/* a golden request that cannot be asked is said beforehand, and not asked */
	{ { .cannot_ask = true },
	  { "may not be asked", { "aN", ERR_DENIED, 0 }, { 0 }, NULL, 0, 1, 2, ERR_OK,
	    JOB_VERIFYING, false, AHEAD "aS aA aW", "2" } },
	{ { .cannot_ask = true, .has_min_proof = true, .min_proof = PROOF_ANSWERED },
	  { "must be asked and may not", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_CONFLICT, JOB_FAILED,
	    false, "aP aL aF", "1" } },
	{ { .has_min_proof = true, .min_proof = PROOF_SOAKED },
	  { "cannot be proved", { 0 }, { 0 }, NULL, 0, 1, 2, ERR_CONFLICT, JOB_FAILED, false,
	    "aP aL aF", "1" } },
	{ { .has_min_proof = true, .min_proof = PROOF_LISTED },
	  { "answers, and so is listed", { "aW", ERR_OK, HALF }, { 0 }, NULL, 0, 1, 2, ERR_OK,
	    JOB_VERIFYING, false, GOOD, "2" } },
};
/* clang-format on */

Test(rollout, aborts_resumes_and_refuses)
{
	for (size_t i = 0; i < COUNT(others); i++)
		play(&others[i].c, &others[i].x);
}
