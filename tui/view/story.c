/* SPDX-License-Identifier: Apache-2.0 */
/* The last event comes from the log by the row's back pointer; everything else is in the row. */
#include "tui/view/story.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/history.h"
#include "tui/live.h"
#include "tui/view/show.h"

/* Of an entry about a plan's people: does that plan still wait for one? */
static bool
leaves_waiting(const struct story *s, const struct entry *n)
{
	struct err ignored = { 0 };
	struct plan_state is;
	struct plan_row p;
	struct digest id;

	if ((!streq(n->type, "authorisation") && !streq(n->type, "approval")) ||
	    json_get_digest(n->body, "plan", n->type, &id, &ignored) < 0 ||
	    plan_get(s->txn, &id, &p, &ignored) < 0)
		return false;
	plan_state(s->txn, &s->policy, &p, &is);
	return is.is_waiting;
}

static int
last_entry(void *arg, const struct entry *n)
{
	struct story *s = arg;
	cleanup_buf struct buf what = { 0 };
	cleanup_buf struct buf who = { 0 };
	char ago[24];

	history_sentence(n, &what, &who);
	history_name(&s->policy, &who);
	history_login(n, &who);
	show_ago(ago, n->time_s);
	(void)snprintf(s->last, sizeof(s->last), "%s%s, %s, by %s",
	               leaves_waiting(s, n) ? "W waits for a person: " : "", buf_cstr(&what), ago,
	               buf_cstr(&who));
	return 1;
}

#define JOBS_LOOK 200u /* newest jobs among which those that run are counted */

static int
job_count(void *arg, const struct job_row *j)
{
	struct story *s = arg;

	if (j->end_seq == 0 && s->jobs_n++ == 0)
		s->job = *j;
	return ++s->jobs_seen == JOBS_LOOK;
}

void
story_jobs(struct story *s, struct txn *t)
{
	struct err ignored = { 0 };

	s->jobs_n = s->jobs_seen = 0;
	(void)job_each(t, job_count, s, &ignored);
}

void
story_load(struct story *s, struct view *v, const struct model_row *m, struct txn *t)
{
	struct err e = { 0 }, unnamed = { 0 };

	s->live = v->shared->live;
	if (!m) {
		s->last[0] = s->last_of[0] = '\0';
		return;
	}
	if (streq(s->last_of, m->name) && s->last_seq == m->last_seq)
		return;
	s->last[0] = '\0';
	(void)policy_current(v->app->registry, t, &s->policy, &unnamed);
	s->txn = t;
	if (history_each(v->app->registry, t, m->name, last_entry, s, &e) < 0)
		(void)snprintf(s->last, sizeof(s->last), "not readable: %.300s", e.msg);
	policy_fini(&s->policy);
	s->txn = NULL;
	(void)str_copy(s->last_of, sizeof(s->last_of), m->name);
	s->last_seq = m->last_seq;
}

/* "DRIFT <5s": the worst that a target of the stage says of the model, and how old that is. */
static void
live_draw(const struct story *s, const struct area *a, size_t row, size_t col, const char *model,
          const char *stage)
{
	const uint64_t now_ms = clock_mono_ms();
	const struct live_fact *worst = NULL;
	char age[LIVE_AGE_SIZE];

	for (size_t i = 0; s->live && i < s->live->facts.n; i++) {
		const struct live_fact *f = &s->live->facts.v[i];
		if (!streq(f->stage, stage) || !streq(f->model, model))
			continue;
		if (!worst || f->word == LIVE_DRIFTED ||
		    (f->word == LIVE_UNKNOWN && worst->word != LIVE_DRIFTED))
			worst = f;
	}
	if (!worst || worst->word == LIVE_WAITED_FOR)
		return;
	live_age(worst, now_ms, age);
	const bool is_old = live_is_old(worst, now_ms);
	if (is_old && s->live->feed == LIVE_OFF) /* nobody watches any more */
		return;
	const bool is_bad = worst->word == LIVE_DRIFTED || worst->word == LIVE_UNKNOWN;
	paintf(a, row, col,
	       is_old   ? INK_STALE
	       : is_bad ? INK_BAD
	                : INK_OK,
	       "%s %s", live_shown(worst), age);
}

static size_t
story_stage(const struct story *s, const struct area *a, size_t row, const char *model,
            const struct stage_mark *m)
{
	char held[48], ago[24];
	size_t c;

	if (m->number == 0 && m->moving_to == 0)
		return row;
	show_stage(held, m);
	show_ago(ago, m->time_s);
	c = paint_fit(a, row, 1, 12, show_stage_ink(m->stage), TEXT_CUT_END, m->stage);
	c = paint_text(a, row, c, INK_TEXT, held);
	if (m->number > 0 && m->targets > 0)
		c = paintf(a, row, c + 2, INK_TEXT, "proof %s on %u target%s",
		           show_proof(m->proofs), m->targets, m->targets == 1 ? "" : "s");
	else if (m->number > 0)
		c = paint_text(a, row, c + 2, INK_DIM, "no target: nothing is deployed");
	if (m->number > 0)
		c = paint_text(a, row, c + 2, INK_DIM, ago);
	if (m->moving_to > 0)
		paintf(a, row, c + 2, INK_WAIT, "job %s runs", m->job);
	else if (m->number > 0)
		live_draw(s, a, row, c + 2, model, m->stage);
	return row + 1;
}

size_t
story_rows(const struct story *s, const struct model_row *m)
{
	return 4 + (m->stages_n > 1 ? m->stages_n - 1 : 0) + (s->jobs_n > 0);
}

/* "1 job runs: promote face-detect v3 to staging" */
static void
jobs_draw(const struct story *s, const struct area *a, size_t row)
{
	char text[NAME_SIZE + 200];

	(void)snprintf(text, sizeof(text), "%s %s v%llu, %s %s", s->job.kind, s->job.model,
	               (unsigned long long)s->job.number, s->job.stage, s->job.id);
	const size_t c = paintf(a, row, 1, INK_WAIT,
	                        s->jobs_n == 1 ? "%zu job runs" : "%zu jobs run", s->jobs_n);
	const size_t tail = strlen("  (J shows)");
	paint_fit(a, row, c + 2, a->cols > c + 2 + tail ? a->cols - c - 2 - tail : 0, INK_TEXT,
	          TEXT_CUT_MIDDLE, text);
	if (a->cols > c + 2 + tail)
		paintf(a, row, a->cols - tail, INK_DIM, "  (%.1s shows)", action_keys(ACT_JOBS));
}

void
story_draw(const struct story *s, const struct area *a, const struct model_row *m)
{
	char title[NAME_SIZE + 32], digest[SHOW_DIGEST_SIZE];
	size_t row, c;

	(void)snprintf(title, sizeof(title), "%s v%llu", m->name,
	               (unsigned long long)m->latest_live);
	if (m->latest_live == 0)
		(void)snprintf(title, sizeof(title), "%s, no live version", m->name);
	paint_rule(a, 0, title);
	row = 1;
	if (m->latest_live > 0) {
		show_digest(digest, &m->digest);
		c = paint_text(a, row, 1, INK_TEXT, digest);
		if (m->is_signed)
			c = paintf(a, row, c + 2, INK_OK, "signed by %s", m->signer);
		else
			c = paint_text(a, row, c + 2, INK_BAD, "UNSIGNED");
		paintf(a, row++, c + 2, INK_DIM, "%llu file%s, %llu live version%s",
		       (unsigned long long)m->files, m->files == 1 ? "" : "s",
		       (unsigned long long)m->live_n, m->live_n == 1 ? "" : "s");
	}
	const size_t before = row;
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX && row + 1 < a->rows; i++)
		row = story_stage(s, a, row, m->name, &m->stages[i]);
	if (row == before && row < a->rows)
		paint_text(a, row++, 1, INK_DIM, "no stage holds a version of it");
	paint_fit(a, row, 1, 12, INK_DIM, TEXT_CUT_END, "last");
	paint_fit(a, row, 13, a->cols > 13 ? a->cols - 13 : 0, INK_TEXT, TEXT_CUT_END, s->last);
	if (s->jobs_n > 0)
		jobs_draw(s, a, row + 1);
}
