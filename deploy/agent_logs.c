/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb "logs": the last lines of every instance that serves a model, with whose they are; or
 * which instances there are; or what happened to them. A
 * target that cannot be asked is named with the reason and keeps nobody from the others.
 */
#include "deploy/agent.h"

#include <string.h>

#include "deploy/agent_private.h"
#include "deploy/wave.h"
#include "registry/base/text.h"
#include "registry/base/vec.h"

#define LINES_MAX 20000 /* of all instances together */
#define BYTES_MAX (32u << 20)
#define TAIL      200

struct logs {
	const char *model, *stage;                         /* stage NULL: each that holds it */
	const char *target;                                /* NULL: each of that stage */
	enum { LOGS_LINES, LOGS_NAMES, LOGS_EVENTS } what; /* is asked about the instances */
	struct log_query q;
	json_t *lines, *missing;
	const char *at_stage, *at_target; /* of the lines that come */
	size_t bytes;
	bool is_full;
};

json_t *
agent_line_json(struct str line)
{
	json_t *const exact = json_from_str(line);
	cleanup_buf struct buf safe = { 0 };

	if (exact)
		return exact;
	text_safe(&safe, line);
	return json_string(buf_cstr(&safe));
}

static int
add_line(void *arg, struct str line)
{
	struct logs *const l = arg;
	json_t *o;

	if (json_array_size(l->lines) >= LINES_MAX || l->bytes + line.n > BYTES_MAX) {
		l->is_full = true;
		return 1;
	}
	l->bytes += line.n;
	o = json_object();
	agent_set_text(o, "stage", l->at_stage);
	agent_set_text(o, "target", l->at_target);
	agent_set_text(o, "instance", l->q.instance);
	json_object_set_new(o, "text", agent_line_json(line));
	json_array_append_new(l->lines, o);
	return 0;
}

static void
miss(struct logs *l, const struct wave_target *v, const char *instance, const char *why)
{
	json_t *const o = json_object();

	agent_set_text(o, "stage", l->at_stage);
	agent_set_text(o, "target", v->row.name);
	agent_set_text(o, "instance", instance);
	agent_set_text(o, "why", why);
	json_array_append_new(l->missing, o);
}

static void
events_of(struct logs *l, struct wave_target *v)
{
	cleanup_json json_t *rows = NULL;
	struct err e = { 0 };
	json_t *one;
	size_t i;

	l->at_target = v->row.name;
	if (!v->d->events)
		miss(l, v, "", "its driver knows no events");
	else if (v->d->events(v->st, l->model, &rows, &e) < 0)
		miss(l, v, "", e.msg);
	json_array_foreach(rows, i, one)
	{
		agent_set_text(one, "stage", l->at_stage);
		agent_set_text(one, "target", l->at_target);
		json_array_append(l->lines, one);
	}
}

static void
logs_of(struct logs *l, struct wave_target *v)
{
	const bool names = l->what == LOGS_NAMES;
	struct instances all = { 0 };
	struct err e = { 0 };

	l->at_target = v->row.name;
	if (!v->d->instances || (!v->d->logs && !names)) {
		miss(l, v, "",
		     names ? "its driver knows no instances" : "its driver can read no logs");
		return;
	}
	if (v->d->instances(v->st, &all, &e) < 0)
		miss(l, v, "", e.msg);
	for (size_t i = 0; i < all.n && names; i++) {
		json_t *o = json_object();
		agent_set_text(o, "stage", l->at_stage);
		agent_set_text(o, "target", l->at_target);
		agent_set_text(o, "instance", all.v[i].name);
		agent_set_text(o, "state", all.v[i].state);
		json_object_set_new(o, "version",
		                    all.v[i].version_known ? json_from_digest(&all.v[i].version)
		                                           : json_null());
		json_array_append_new(l->lines, o);
	}
	for (size_t i = 0; i < all.n && !names; i++) {
		struct err why = { 0 };

		l->q.instance = all.v[i].name;
		l->is_full = false;
		/* another model's in the same place is "no such": it was not asked for */
		if (v->d->logs(v->st, &l->q, add_line, l, &why) < 0 &&
		    !(why.code == ERR_NOT_FOUND && strstr(why.msg, "no such")))
			miss(l, v, all.v[i].name, why.msg);
		else if (l->is_full)
			miss(l, v, all.v[i].name,
			     "its lines are not all shown: ask for fewer with --tail");
	}
	vec_fini(&all);
}

static int
logs_of_stage(struct registry *r, const struct ledger *ledger, struct logs *l, const char *stage,
              uint64_t deadline_ms, struct err *e)
{
	struct plan p = { .empty = true };
	struct wave w;
	int rc;

	(void)str_copy(p.kind, sizeof p.kind, "promote");
	(void)str_copy(p.model, sizeof p.model, l->model);
	(void)str_copy(p.stage, sizeof p.stage, stage);
	rc = wave_open(r, ledger, &p, &w, e);
	if (rc < 0)
		return rc;
	l->at_stage = stage;
	for (size_t i = 0; i < w.n; i++) {
		if (l->target && !streq(l->target, w.v[i].row.name))
			continue;
		w.v[i].t.deadline_ms = deadline_ms;
		if (l->what == LOGS_EVENTS)
			events_of(l, &w.v[i]);
		else
			logs_of(l, &w.v[i]);
	}
	wave_close(&w);
	return 0;
}

static int
stages_of(struct registry *r, const char *model, struct model_row *ret, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(r->store, &t, e);

	if (rc < 0)
		return rc;
	rc = model_get(t, model, ret, e);
	store_abort(t);
	return rc;
}

static int
collect(struct registry *r, const json_t *request, struct logs *l, struct err *e)
{
	const uint64_t deadline_ms = agent_deadline_of(request);
	struct model_row m;
	struct ledger ledger;
	int rc = stages_of(r, l->model, &m, e);

	if (rc == 0)
		rc = ledger_open(r, &ledger, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < m.stages_n; i++) {
		if (!l->stage || streq(l->stage, m.stages[i].stage))
			rc = logs_of_stage(r, &ledger, l, m.stages[i].stage, deadline_ms, e);
	}
	ledger_fini(&ledger);
	return rc;
}

int
agent_logs(const json_t *request, json_t **ret, struct err *e)
{
	const json_t *const tail = json_object_get(request, "tail");
	struct logs l = {
		.stage = json_opt_string(request, "stage"),
		.target = json_opt_string(request, "target"),
		.what = json_is_true(json_object_get(request, "names"))    ? LOGS_NAMES
		        : json_is_true(json_object_get(request, "events")) ? LOGS_EVENTS
		                                                           : LOGS_LINES,
		.q = { .previous = json_is_true(json_object_get(request, "previous")),
		       .tail_lines = json_integer_value(tail) > 0
		                             ? (uint64_t)json_integer_value(tail)
		                             : TAIL },
		.lines = json_array(),
		.missing = json_array(),
	};
	struct registry *r = NULL;
	int rc = json_get_string(request, "model", "request", &l.model, e);

	l.q.model = l.model;
	if (rc == 0)
		rc = agent_open_requested(request, &r, e);
	if (rc == 0)
		rc = collect(r, request, &l, e);
	if (rc == 0) {
		*ret = json_object();
		json_object_set(*ret, "lines", l.lines);
		json_object_set(*ret, "missing", l.missing);
	}
	json_decref(l.lines);
	json_decref(l.missing);
	registry_close(r);
	return rc;
}
