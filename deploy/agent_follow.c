/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of `logs -f`: where a model is served, which instances there are as they come, and what
 * one of them prints. The two streams are a process each, so that a target that hangs holds nobody
 * up; they end with whoever started them.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "deploy/agent.h"
#include "deploy/agent_private.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/base/vec.h"

#define LOOK_MS 2000

/* --- the lines of a stream --- */

static int
say(json_t *line)
{
	cleanup_buf struct buf text = { 0 };

	json_canonical(line, &text);
	json_decref(line);
	buf_addc(&text, '\n');
	return fs_write_all(STDOUT_FILENO, text.p, text.n);
}

static int
say_text(const char *key, const char *s)
{
	json_t *o = json_object();

	agent_set_text(o, key, s);
	return say(o);
}

/* Waits; true: nobody reads any more. */
static bool
is_left_alone(int ms)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	return poll(&p, 1, ms) > 0 && (p.revents & (POLLERR | POLLNVAL));
}

static bool
is_over(const struct wave_target *v)
{
	return v->t.deadline_ms && clock_mono_ms() >= v->t.deadline_ms;
}

/* --- one stage --- */

struct stage {
	struct registry *r;
	struct ledger ledger;
	struct plan plan;
	struct wave wave;
};

static void
stage_close(struct stage *s)
{
	wave_close(&s->wave);
	ledger_fini(&s->ledger);
	registry_close(s->r);
}

static int
stage_open(const json_t *request, const char *stage, struct stage *ret, struct err *e)
{
	const char *model;
	int rc = json_get_string(request, "model", "request", &model, e);

	*ret = (struct stage){ .plan = { .empty = true } };
	if (rc == 0)
		rc = agent_open_requested(request, &ret->r, e);
	if (rc == 0)
		rc = ledger_open(ret->r, &ret->ledger, e);
	if (rc < 0)
		return rc;
	(void)str_copy(ret->plan.kind, sizeof ret->plan.kind, "promote");
	(void)str_copy(ret->plan.model, sizeof ret->plan.model, model);
	(void)str_copy(ret->plan.stage, sizeof ret->plan.stage, stage);
	return wave_open(ret->r, &ret->ledger, &ret->plan, &ret->wave, e);
}

static int
target_open(const json_t *request, struct stage *s, struct wave_target **ret, struct err *e)
{
	const char *stage, *target;
	int rc = json_get_string(request, "stage", "request", &stage, e);

	*s = (struct stage){ 0 };
	if (rc == 0)
		rc = json_get_string(request, "target", "request", &target, e);
	if (rc == 0)
		rc = stage_open(request, stage, s, e);
	if (rc < 0)
		return rc;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (size_t i = 0; i < s->wave.n; i++) {
		if (!streq(s->wave.v[i].row.name, target))
			continue;
		*ret = &s->wave.v[i];
		(*ret)->t.deadline_ms = agent_deadline_of(request);
		if ((*ret)->d->instances && (*ret)->d->logs)
			return 0;
		return err_set(e, ERR_USAGE, "its driver can read no logs");
	}
	return err_set(e, ERR_NOT_FOUND, "there is no target \"%s\" of that stage any more",
	               target);
}

/* --- where --- */

static int
places_of(const json_t *request, const char *stage, json_t *array, struct err *e)
{
	const char *const target = json_opt_string(request, "target");
	struct stage s;
	int rc = stage_open(request, stage, &s, e);

	for (size_t i = 0; rc == 0 && i < s.wave.n; i++) {
		json_t *o;

		if (target && !streq(target, s.wave.v[i].row.name))
			continue;
		o = json_object();

		agent_set_text(o, "stage", stage);
		agent_set_text(o, "target", s.wave.v[i].row.name);
		json_array_append_new(array, o);
	}
	stage_close(&s);
	return rc;
}

int
agent_places(const json_t *request, json_t **ret, struct err *e)
{
	const char *model, *stage = json_opt_string(request, "stage");
	cleanup_registry struct registry *r = NULL;
	json_t *array = json_array();
	struct model_row m = { 0 };
	struct txn *t;
	int rc = json_get_string(request, "model", "request", &model, e);

	if (rc == 0)
		rc = agent_open_requested(request, &r, e);
	if (rc == 0)
		rc = store_read_begin(r->store, &t, e);
	if (rc == 0) {
		rc = model_get(t, model, &m, e);
		store_abort(t);
	}
	for (size_t i = 0; rc == 0 && i < m.stages_n; i++) {
		if (!stage || streq(stage, m.stages[i].stage))
			rc = places_of(request, m.stages[i].stage, array, e);
	}
	if (rc == 0)
		*ret = json_pack("{s:O}", "places", array);
	json_decref(array);
	return rc;
}

/* --- instances as they come --- */

static bool
has_instance(const struct instances *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++) {
		if (streq(all->v[i].name, name))
			return true;
	}
	return false;
}

/* Negative: nobody reads any more. */
static int
say_new(const struct instances *before, const struct instances *now, bool is_first)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < now->n; i++) {
		json_t *o;

		if (has_instance(before, now->v[i].name))
			continue;
		o = json_object();
		agent_set_text(o, "instance", now->v[i].name);
		json_object_set_new(o, "first", json_boolean(is_first));
		rc = say(o);
	}
	return rc;
}

static int
find(struct wave_target *v, struct instances *known, struct err *e)
{
	bool is_told = false, is_first = true;

	do {
		struct instances now = { 0 };
		int rc = v->d->instances(v->st, &now, e);

		if (is_over(v))
			break;
		if (rc < 0 && rc != -ERR_UNREACHABLE) {
			vec_fini(&now);
			return rc;
		}
		if (rc == 0) {
			rc = say_new(known, &now, is_first);
			is_first = false;
			vec_fini(known);
			*known = now;
			is_told = false;
		} else {
			vec_fini(&now);
			rc = is_told ? 0 : say_text("note", e->msg);
			is_told = true;
		}
		err_clear(e);
		if (rc < 0)
			break;
	} while (!is_left_alone(LOOK_MS) && !is_over(v));
	err_clear(e);
	return 0;
}

int
agent_find(const json_t *request, json_t **ret, struct err *e)
{
	struct instances known = { 0 };
	struct wave_target *v = NULL;
	struct stage s;
	int rc = target_open(request, &s, &v, e);

	if (rc == 0)
		rc = find(v, &known, e);
	vec_fini(&known);
	stage_close(&s);
	if (rc == 0)
		*ret = json_pack("{s:b}", "end", 1);
	return rc;
}

/* --- one instance --- */

static int
say_line(void *arg, struct str line)
{
	const char *const stamp = arg;
	json_t *o = json_object();

	json_object_set_new(o, "text", agent_line_json(line));
	if (stamp[0])
		agent_set_text(o, "time", stamp);
	return say(o);
}

static void
say_told(void *arg, const char *text)
{
	(void)arg;
	(void)say_text("note", text); /* who no longer reads is seen at the next line */
}

int
agent_tail(const json_t *request, json_t **ret, struct err *e)
{
	const json_int_t tail = json_integer_value(json_object_get(request, "tail"));
	char stamp[LOG_STAMP_SIZE] = "";
	struct log_query q = { .follow = true,
		               .stamp = stamp,
		               .tail_lines = tail > 0 ? (uint64_t)tail : 0,
		               .told = say_told };
	struct wave_target *v = NULL;
	struct stage s;
	int rc = target_open(request, &s, &v, e);

	if (rc == 0)
		rc = json_get_string(request, "instance", "request", &q.instance, e);
	if (rc == 0) {
		q.model = s.plan.model;
		rc = v->d->logs(v->st, &q, say_line, stamp, e);
	}
	stage_close(&s);
	/* another model's in the same place was not asked for */
	if (rc == -ERR_NOT_FOUND && strstr(e->msg, "no such")) {
		err_clear(e);
		rc = 0;
	}
	if (rc == 0)
		*ret = json_pack("{s:b}", "end", 1);
	return rc;
}
