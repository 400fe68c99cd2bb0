/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: what each stage holds by the records, how far that was proved, and whether a job moves
 * it. With --check the agent looks at the targets as well; without it what they serve at this
 * moment is printed as "not checked".
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "registry/base/clock.h"
#include "registry/journal.h"
#include "registry/labels.h"
#include "registry/ref.h"
#include "tui/cmd/events.h"
#include "tui/cmd/shown.h"
#include "tui/cmd/status_feed.h"
#include "tui/job.h"

#define LOOK_EVERY_MS 3000           /* whether a job stands still, no event tells */
#define TURN_MS       1000           /* whether the registry has changed */
#define PATIENCE_MS   1000           /* before a table is painted that lacks a target */
#define FROM_THE_TOP  "\033[H\033[J" /* cursor home, rest of the screen cleared */

struct watching {
	json_t *rows; /* what was said last of "MODEL STAGE" */
	struct events events;
	uint64_t end_ms, looked_ms;
	struct status_feed *feed;
	bool repaints;
};

struct status {
	struct app *app;
	struct watching *watching; /* NULL: once, as a table */
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

/* Not when nobody looks. */
static bool
is_looked_at(const struct status *s, const char *model, const char *stage)
{
	const json_t *const targets = looked_at(s, model, stage), *t;
	size_t i;

	json_array_foreach(targets, i, t)
	{
		if (!json_object_get(t, "serving"))
			return false;
	}
	return targets != NULL;
}

/* What serves it fails, no field is otherwise. */
static bool
is_failing(const json_t *target)
{
	const char *const code = json_opt_string(target, "code");

	return live_of(json_object_get(target, "serving")) == LIVE_DRIFT && code && code[0] &&
	       json_array_size(json_object_get(target, "drift")) == 0;
}

/* The worst of the targets, and the text of the cell. */
static enum live
status_live(struct status *s, const struct model_row *m, const struct stage_mark *k, char ret[200])
{
	const json_t *targets = looked_at(s, m->name, k->stage), *t;
	static const char *const words[] = { [LIVE_SETTLING] = "as recorded, settling:",
		                             [LIVE_PROGRESSING] = "PROGRESSING",
		                             [LIVE_DRIFT] = "DRIFT" };
	const json_t *worst = NULL;
	enum live ret_live = LIVE_AS_RECORDED;
	bool has_unknown = false;
	size_t i;

	if (!is_looked_at(s, m->name, k->stage)) {
		s->unknown += s->live != NULL && k->targets > 0;
		(void)str_copy(ret, 200,
		               k->number == 0    ? ""
		               : k->targets == 0 ? "no target"
		                                 : "not checked");
		return LIVE_UNKNOWN;
	}
	json_array_foreach(targets, i, t)
	{
		const enum live one = live_of(json_object_get(t, "serving"));

		s->unknown += one == LIVE_UNKNOWN && !has_unknown;
		has_unknown = has_unknown || one == LIVE_UNKNOWN;
		if (one > ret_live) {
			ret_live = one;
			worst = t;
		}
	}
	if (!worst)
		(void)str_copy(ret, 200, json_array_size(targets) ? "as recorded" : "no target");
	else if (ret_live == LIVE_UNKNOWN)
		(void)snprintf(ret, 200, "unknown: %.60s cannot be looked at",
		               json_opt_string(worst, "name"));
	else
		(void)snprintf(ret, 200, "%s %.60s: %.120s",
		               is_failing(worst) ? "FAILED" : words[ret_live],
		               json_opt_string(worst, "name"),
		               json_opt_string(json_object_get(worst, "serving"), "reason"));
	return ret_live;
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

struct row {
	const struct model_row *m;
	const struct stage_mark *k;
	char live[200], state[64];
	json_t *drift; /* NULL: nobody looked */
};

static void
show_row(struct out *o, const struct row *r)
{
	char count[24];

	out_cell(o, r->m->name);
	out_cell(o, r->k->stage);
	cell_number(o, r->k->number);
	out_cell(o, r->k->number > 0 ? proofs_highest(r->k->proofs) : NULL);
	if (r->k->number > 0) {
		out_cell_u64(o, r->k->targets); /* where it was proved */
		out_cell_time(o, r->k->time_s);
	} else {
		out_cell(o, NULL);
		out_cell(o, NULL);
	}
	out_cell(o, r->state);
	out_cell(o, r->live[0] ? r->live : NULL);
	(void)snprintf(count, sizeof count, "%zu", json_array_size(r->drift));
	if (r->drift)
		out_cell_json(o, count, r->drift);
	else
		out_cell(o, NULL);
}

static void
event(struct watching *w, const struct row *r)
{
	cleanup_buf struct buf text = { 0 };
	struct json_out j = { .b = &text };

	event_begin(&w->events, "StatusEvent", &j);
	jo_string(&j, "model", r->m->name);
	jo_string(&j, "stage", r->k->stage);
	if (r->k->number > 0)
		jo_u64(&j, "version", r->k->number);
	else
		jo_null(&j, "version");
	jo_string(&j, "proof", r->k->number > 0 ? proofs_highest(r->k->proofs) : NULL);
	jo_string(&j, "state", r->state);
	jo_string(&j, "live", r->live[0] ? r->live : NULL);
	jo_value(&j, "drift", r->drift);
	event_end(&w->events, &j);
}

/* A line or an object for each row that is not as it was said last. */
static void
show_change(struct out *o, struct watching *w, const struct row *r)
{
	cleanup_free char *key = xasprintf("%s %s", r->m->name, r->k->stage), *said = NULL;
	char number[24] = "-", now[CLOCK_TEXT_SIZE];

	if (r->k->number > 0)
		(void)snprintf(number, sizeof number, "v%" PRIu64, r->k->number);
	said = xasprintf("%s  %s  %s  %s", number,
	                 r->k->number > 0 ? proofs_highest(r->k->proofs) : "-", r->state,
	                 r->live[0] ? r->live : "-");
	if (streq(json_opt_string(w->rows, key), said))
		return;
	json_object_set_new(w->rows, key, json_string(said));
	if (out_is_json(o)) {
		event(w, r);
		return;
	}
	clock_text(now, clock_now_s());
	out_text(o, "%s  %s  %s\n", now, key, said);
}

static int
stages(void *arg, const struct model_row *m)
{
	struct status *const s = arg;
	struct out *const o = s->app->out;

	for (size_t i = 0; i < m->stages_n; i++) {
		struct row r = { .m = m, .k = &m->stages[i] };
		const bool is_still = job_state(s, r.k, r.state);
		const enum live live = status_live(s, m, r.k, r.live);

		r.drift = drift_of(s, m, r.k);
		s->n++;
		/* what a job is at is not as recorded yet, and should not be */
		s->bad += is_still || live == LIVE_DRIFT ||
		          (live == LIVE_PROGRESSING && !r.k->job[0]);
		if (s->watching && !s->watching->repaints) {
			if (is_looked_at(s, m->name, r.k->stage))
				show_change(o, s->watching, &r);
		} else
			show_row(o, &r);
		json_decref(r.drift);
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

/* What was looked at, shown; the answer of --check. live NULL: nothing was. */
static int
show(struct app *a, const char *name, const json_t *live, struct watching *w, struct err *e)
{
	cleanup_json json_t *drift = json_array();
	struct status s = { .app = a, .watching = w, .live = live, .drift = drift, .e = e };
	const bool is_table = !w || w->repaints;
	int rc = app_read_begin(a, &s.txn, e);

	if (rc < 0)
		return rc;
	if (w && w->repaints)
		out_raw(a->out, FROM_THE_TOP, sizeof FROM_THE_TOP - 1);
	if (is_table)
		out_table_begin(a->out, "StatusList", columns, COUNT(columns));
	rc = walk(&s, name, e);
	if (is_table)
		out_table_end(a->out);
	app_read_end(a, s.txn);
	if (rc < 0)
		return rc;
	if (is_table) {
		show_drift(&s);
		note_settings(&s);
	}
	if (s.n == 0 && (!w || w->events.seq == 0))
		out_note(a->out, "no stage holds anything yet");
	return live ? answer(&s, e) : 0;
}

static int
look(struct app *a, const char *name, bool asks, struct err *e)
{
	cleanup_json json_t *request = NULL, *live = NULL;
	int rc = asks ? status_request(a, name, &request, e) : 0;

	if (rc == 0 && asks)
		rc = agent_call("status", request, &live, e);
	return rc < 0 ? rc : show(a, name, live, NULL, e);
}

/* --- --watch --- */

static bool
is_time_over(const struct watching *w)
{
	return w->end_ms && clock_mono_ms() >= w->end_ms;
}

/* Until there is something to show, or its time is over. */
static int
wait_for_news(struct watching *w, struct err *e)
{
	for (;;) {
		const uint64_t now_ms = clock_mono_ms();
		const uint64_t left_ms = !w->end_ms           ? TURN_MS
		                         : now_ms < w->end_ms ? w->end_ms - now_ms
		                                              : 0;
		const int ms = (int)(left_ms < TURN_MS ? left_ms : TURN_MS);
		const int rc = status_feed_wait(w->feed, ms, e);

		if (rc != 0 || is_time_over(w) || clock_mono_ms() - w->looked_ms >= LOOK_EVERY_MS)
			return rc < 0 ? rc : 0;
	}
}

/* A table is not painted only to be painted anew at once. */
static bool
is_worth_showing(const struct watching *w)
{
	return !w->repaints || status_feed_is_whole(w->feed) || is_time_over(w) ||
	       clock_mono_ms() - status_feed_began_ms(w->feed) >= PATIENCE_MS;
}

static int
watch_on(struct app *a, const char *name, struct watching *w, struct err *e)
{
	int rc, answer_rc = 0;

	do {
		struct err why = { 0 };

		rc = wait_for_news(w, &why);
		if (rc == 0 && is_worth_showing(w)) {
			rc = show(a, name, status_feed_live(w->feed), w, &why);
			w->looked_ms = clock_mono_ms();
		}
		*e = why;
		answer_rc = rc;
		if (rc < 0 && rc != -ERR_DIFFERENT && rc != -ERR_UNREACHABLE)
			return rc;
		if (out_is_json(a->out))
			event_heartbeat(&w->events);
		(void)out_flush(a->out);
	} while (!is_time_over(w));
	return answer_rc;
}

/* Until a signal, or --timeout: then what --check would answer to the last look. */
static int
watch(struct app *a, const char *name, struct err *e)
{
	const enum out_format f = out_format_of(a->out);
	const char *const term = getenv("TERM");
	cleanup_json json_t *rows = json_object();
	cleanup_json json_t *request = NULL;
	struct watching w = {
		.rows = rows,
		.events = { .out = a->out, .said_ms = clock_mono_ms() },
		.end_ms = a->timeout_ms ? clock_mono_ms() + a->timeout_ms : 0,
		.repaints = f == OUT_TEXT && isatty(STDOUT_FILENO) && term && *term &&
		            !streq(term, "dumb"),
	};
	int rc;

	if (f != OUT_TEXT && f != OUT_NDJSON) {
		err_set(e, ERR_USAGE, "what is watched has no end, and is no table");
		return err_hint(e, "-o text gives a line a change, -o ndjson an object a change");
	}
	rc = status_request(a, name, &request, e);
	if (rc == 0)
		rc = status_feed_open(a->registry, request, &w.feed, e);
	if (rc == 0)
		rc = watch_on(a, name, &w, e);
	status_feed_close(w.feed);
	return rc;
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const char *name = in->pos_n > 0 ? in->pos[0] : NULL;

	if (arg_flag(in, "--targets"))
		return status_targets(a, name, e);
	if (arg_flag(in, "--watch"))
		return watch(a, name, e);
	return look(a, name, arg_flag(in, "--check"), e);
}

static const struct opt opts[] = {
	{ "--check", 0, NULL, "look at the targets; exit 1 on drift or a job that stands still",
	  false },
	{ "--watch", 0, NULL, "go on looking: repaint, or a line for each change", false },
	{ "--targets", 0, NULL, "with -o ndjson: watch, an object for each look at each target",
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
	            "  slipway status fraud-ranker --check\n"
	            "  slipway status --watch -o ndjson\n",
};
