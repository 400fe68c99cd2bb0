/* SPDX-License-Identifier: Apache-2.0 */
/* A console that was killed has said when it came, not when it went: then more is told, not less.
 */
#include "tui/meanwhile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/text.h"
#include "registry/journal.h"
#include "registry/records.h"
#include "registry/seen.h"

#define JOBS_LOOK  1000u /* newest ones */
#define NAMED_MAX  3u    /* the others are counted */
#define ENTRY_NONE UINT64_MAX

struct look {
	struct registry *r;
	struct seen before;
	bool was_here;
	struct buf ended, runs;
	size_t ended_n, failed_n, began_n, runs_n, still_n, jobs_n;
};

static uint64_t
entries_of(struct registry *r)
{
	cleanup_txn struct txn *t = NULL;
	struct applied now = { 0 };
	struct err ignored = { 0 };

	if (store_read_begin(r->store, &t, &ignored) < 0 || applied_get(t, &now, &ignored) < 0)
		return ENTRY_NONE;
	return now.entries;
}

void
meanwhile_leave(struct registry *r)
{
	const struct seen now = { .entries = entries_of(r), .time_s = clock_now_s() };

	if (now.entries != ENTRY_NONE)
		seen_save(r->id, &now);
}

static void
name_add(struct buf *b, size_t n, const struct job_row *j, const char *how)
{
	if (n > NAMED_MAX)
		return;
	if (n > 1)
		buf_adds(b, ", ");
	buf_addf(b, "%s %.60s", j->kind, j->model);
	if (j->number > 0)
		buf_addf(b, " v%" PRIu64, j->number);
	buf_addf(b, " %s %.20s %s", streq(j->kind, "rollback") ? "of" : "to", j->stage, how);
}

static int
job_look(void *arg, const struct job_row *j)
{
	struct look *k = arg;
	const bool is_known = k->was_here;
	struct journal_line l;
	struct err ignored = { 0 };
	bool is_alive = false;

	if (j->end_seq > 0 && is_known && j->end_seq >= k->before.entries) {
		k->failed_n += !streq(j->state, "succeeded");
		name_add(&k->ended, ++k->ended_n, j, j->state);
	} else if (j->end_seq == 0) {
		k->began_n += is_known && j->begin_seq >= k->before.entries;
		const bool has_line =
		        journal_newest(k->r->rootfd, j->id, &l, &is_alive, &ignored) == 0;
		k->still_n += !is_alive;
		name_add(&k->runs, ++k->runs_n, j,
		         !is_alive  ? "(its agent is gone)"
		         : has_line ? job_state_name(l.state)
		                    : "begins");
	}
	return ++k->jobs_n == JOBS_LOOK;
}

static void
more_add(struct buf *b, size_t n)
{
	if (n > NAMED_MAX)
		buf_addf(b, " and %zu more", n - NAMED_MAX);
}

static void
say(struct look *k, struct notices *n)
{
	char ago[16];

	more_add(&k->ended, k->ended_n);
	more_add(&k->runs, k->runs_n);
	if (k->ended_n > 0) {
		text_age(ago, k->before.time_s, clock_now_s());
		notice_add(n, k->failed_n > 0, "J shows the jobs, A the whole log",
		           "ended since you were here%s%s: %s", streq(ago, "now") ? "" : ", ",
		           streq(ago, "now") ? "" : ago, buf_cstr(&k->ended));
	}
	if (k->still_n > 0)
		notice_add(n, true, "J shows it, and there C goes on with it", "stands still: %s",
		           buf_cstr(&k->runs));
	else if (k->runs_n > 0)
		notice_add(n, false, "J shows the jobs", "%s: %s",
		           k->began_n > 0 ? "began since you were here, and runs" : "runs now",
		           buf_cstr(&k->runs));
}

void
meanwhile_arrive(struct registry *r, struct notices *n)
{
	struct look k = { .r = r };
	cleanup_txn struct txn *t = NULL;
	struct err ignored = { 0 };

	k.was_here = seen_look(r->id, &k.before);
	if (store_read_begin(r->store, &t, &ignored) == 0 &&
	    job_each(t, job_look, &k, &ignored) >= 0)
		say(&k, n);
	buf_fini(&k.ended);
	buf_fini(&k.runs);
	meanwhile_leave(r);
}
