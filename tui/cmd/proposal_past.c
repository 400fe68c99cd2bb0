/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the registry knows beside the agent's answer, for whoever decides on a plan: which files
 * differ from what the stage holds, since when it holds that, how long such a move took last.
 */
#include "tui/cmd/proposal_past.h"

#include <string.h>

#include "registry/records.h"
#include "tui/cmd/shown.h"

#define JOBS_MOST 10000u /* so far back is looked for one that took its time */

static int
stage_now(struct txn *t, const struct plan *p, struct stage_mark *ret, struct err *e)
{
	const struct stage_mark *held;
	struct model_row m;
	int rc = model_get(t, p->model, &m, e);

	*ret = (struct stage_mark){ 0 };
	if (rc < 0)
		return rc;
	held = model_stage(&m, p->stage);
	if (held)
		*ret = *held;
	return 0;
}

/* --- files --- */

struct counts {
	uint64_t added, changed, removed, same;
};

/* Both are sorted by path. */
static void
count_files(const struct manifest *from, const struct manifest *to, struct counts *ret)
{
	size_t i = 0, k = 0;

	while (i < from->n || k < to->n) {
		const int order = i == from->n ? 1
		                  : k == to->n ? -1
		                               : strcmp(from->files[i].path, to->files[k].path);

		if (order < 0)
			ret->removed++;
		else if (order > 0)
			ret->added++;
		else if (digest_eq(&from->files[i].digest, &to->files[k].digest))
			ret->same++;
		else
			ret->changed++;
		i += order <= 0;
		k += order >= 0;
	}
}

static json_t *
counts_json(const struct counts *c)
{
	json_t *o = json_object();

	json_object_set_new(o, "added", json_integer((json_int_t)c->added));
	json_object_set_new(o, "changed", json_integer((json_int_t)c->changed));
	json_object_set_new(o, "removed", json_integer((json_int_t)c->removed));
	json_object_set_new(o, "same", json_integer((json_int_t)c->same));
	return o;
}

/* NULL: there are no two, or the bytes of what the stage holds are gone. */
static json_t *
file_changes(struct app *a, const struct plan *p, const struct digest *held)
{
	struct manifest from = { 0 }, to = { 0 };
	struct counts c = { 0 };
	struct err why = { 0 };
	json_t *ret = NULL;

	if (version_manifest(a->registry, held, &from, &why) == 0 &&
	    version_manifest(a->registry, &p->version, &to, &why) == 0) {
		count_files(&from, &to, &c);
		ret = counts_json(&c);
	}
	manifest_fini(&from);
	manifest_fini(&to);
	return ret;
}

/* --- time --- */

struct search {
	const struct plan *p;
	unsigned looked;
	struct job_row found; /* id "": none */
};

static int
is_like(void *arg, const struct job_row *j)
{
	struct search *s = arg;

	if (streq(j->model, s->p->model) && streq(j->stage, s->p->stage) &&
	    streq(j->kind, s->p->kind) && j->end_seq > 0 && streq(j->state, "succeeded")) {
		s->found = *j;
		return 1;
	}
	return ++s->looked >= JOBS_MOST;
}

static json_t *
lasted_json(const struct job_row *j)
{
	const int64_t seconds = j->end_s - j->begin_s;
	json_t *o;

	if (!j->id[0] || seconds < 0)
		return NULL;
	o = json_object();
	json_object_set_new(o, "job", json_string(j->id));
	json_object_set_new(o, "seconds", json_integer((json_int_t)seconds));
	return o;
}

/* Where each target is, out of what the agent found there. */
static void
lift_where(json_t *targets)
{
	json_t *t, *f;
	size_t i, k;

	json_array_foreach(targets, i, t)
	{
		json_array_foreach(json_object_get(t, "findings"), k, f)
		{
			const char *code = json_opt_string(f, "code");

			if (code && streq(code, "where"))
				json_object_set(t, "where", json_object_get(f, "text"));
		}
	}
}

int
proposal_past(struct app *a, struct proposal *p, struct err *e)
{
	json_t *back = json_object_get(p->reply, "wayBack");
	struct search s = { .p = &p->plan };
	cleanup_txn struct txn *t = NULL;
	struct version_row held = { 0 };
	struct stage_mark now;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc == 0)
		rc = stage_now(t, &p->plan, &now, e);
	if (rc == 0 && now.number > 0)
		rc = version_get(t, p->plan.model, now.number, &held, e);
	if (rc == -ERR_NOT_FOUND) {
		err_clear(e);
		rc = 0;
	}
	if (rc == 0)
		rc = job_each(t, is_like, &s, e);
	if (rc < 0)
		return rc;
	lift_where(json_object_get(p->reply, "targets"));
	if (now.time_s > 0 && json_is_object(back))
		json_object_set_new(back, "since", json_integer((json_int_t)now.time_s));
	if (held.number > 0 && !p->plan.empty)
		json_object_set_new(p->reply, "fileChanges",
		                    file_changes(a, &p->plan, &held.digest));
	json_object_set_new(p->reply, "lasted", lasted_json(&s.found));
	return 0;
}
