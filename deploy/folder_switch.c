/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch of a model's folder. Each change goes the same way: say in the stamp what should be,
 * let its number appear, hold the others back; so it can be repeated after a crash at any step, and
 * the stamp's plan id tells a second run that what it finds is its own. Asks no server.
 */
#include "deploy/folder_switch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int
folder_is_held(struct folder *f, uint64_t number, bool *ret, struct err *e)
{
	cleanup_free uint64_t *v = NULL;
	size_t n = 0;
	int rc;

	*ret = false;
	rc = folder_held(f, &v, &n, e);
	for (size_t i = 0; i < n; i++)
		*ret = *ret || v[i] == number;
	return rc;
}

int
folder_registry_check(const struct folder_stamp *s, const struct rollout *q, struct err *e)
{
	if (!s->exists || streq(s->registry_id, q->registry_id))
		return 0;
	err_set(e, ERR_CONFLICT, "registry %s publishes model \"%s\" into this folder",
	        s->registry_id, q->model);
	return err_hint(e, "choose another folder for one of them");
}

static const char *
plan_of(const struct rollout *q, const struct precondition *p)
{
	return p->plan_id ? p->plan_id : q->plan_id;
}

bool
folder_is_resume(const struct folder_stamp *s, const struct rollout *q,
                 const struct precondition *p)
{
	const char *plan = plan_of(q, p);

	return s->exists && plan && s->plan_id[0] && streq(s->plan_id, plan);
}

static void
state_text(char ret[128], bool empty, uint64_t number, const struct digest *version)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(version, hex);
	if (empty)
		snprintf(ret, 128, "nothing");
	else
		snprintf(ret, 128, "version %" PRIu64 " (sha256:%.12s)", number, hex);
}

int
folder_compare(const struct folder_stamp *s, const struct rollout *q, const struct precondition *p,
               struct err *e)
{
	const bool empty = !s->exists || s->number == 0;
	char there[128], expected[128];
	int rc;

	rc = folder_registry_check(s, q, e);
	if (rc < 0 || folder_is_resume(s, q, p))
		return rc;
	if (empty == p->empty &&
	    (empty || (s->number == p->number && digest_eq(&s->version, &p->version))))
		return 0;
	state_text(there, empty, s->number, &s->version);
	state_text(expected, p->empty, p->number, &p->version);
	err_set(e, ERR_CONFLICT, "the folder of \"%s\" has %s, the plan expects %s", q->model,
	        there, expected);
	return err_hint(e, "make a new plan from what is there now");
}

int
folder_foreign_check(struct folder *f, const struct folder_stamp *s, const struct rollout *q,
                     const struct precondition *p, struct err *e)
{
	struct folder_look look;
	int rc;

	rc = folder_look(f, s, &look, e);
	if (rc < 0 || look.foreign == 0)
		return rc;
	/* our own switch, cut short */
	if (folder_is_resume(s, q, p) &&
	    ((!p->empty && look.foreign == p->number) || look.foreign == q->number))
		return 0;
	err_set(e, ERR_CONFLICT, "the folder of \"%s\" has a version %" PRIu64 " that is not ours",
	        q->model, look.foreign);
	return err_hint(e, "move it away and make a new plan");
}

static int
stamp_put(struct folder *f, const struct folder_want *w, struct err *e)
{
	struct folder_stamp now, new = { .number = w->empty ? 0 : w->number };
	int rc;

	if (!w->empty)
		new.version = w->version;
	if (str_copy(new.registry_id, sizeof(new.registry_id), w->q->registry_id) < 0 ||
	    str_copy(new.plan_id, sizeof(new.plan_id), w->plan_id ? w->plan_id : "") < 0)
		return err_set(e, ERR_BUG, "an id is too long for the stamp");
	rc = folder_stamp_read(f, &now, e);
	if (rc < 0)
		return rc;
	if (now.exists && now.number == new.number &&digest_eq(&now.version, &new.version) &&
	    streq(now.plan_id, new.plan_id) && streq(now.registry_id, new.registry_id))
		return 0;
	return folder_stamp_write(f, &new, e);
}

/* Before the stamp: what was not staged must not be announced. *ret_damaged: there, with other
 * bytes. */
static int
bytes_check(struct folder *f, const struct folder_want *w, bool *ret_damaged, struct err *e)
{
	struct err why = { 0 };
	bool held;
	int rc;

	*ret_damaged = false;
	if (w->empty || !w->files)
		return 0;
	rc = folder_verify(f, w->number, w->files, &why);
	if (rc == 0)
		return folder_drop_held(f, w->number, e);
	if (rc != -ERR_NOT_FOUND && rc != -ERR_DIGEST && rc != -ERR_DENIED) {
		*e = why;
		return rc;
	}
	*ret_damaged = rc != -ERR_NOT_FOUND;
	rc = folder_is_held(f, w->number, &held, e);
	if (rc < 0 || held)
		return rc;
	if (*ret_damaged) {
		*e = why;
		return -(int)why.code;
	}
	return err_set(e, ERR_NOT_FOUND,
	               "version %" PRIu64 " was not staged in the folder of \"%s\"", w->number,
	               w->q->model);
}

int
folder_switch(struct folder *f, const struct folder_want *w, struct err *e)
{
	bool is_damaged;
	int rc;

	rc = bytes_check(f, w, &is_damaged, e);
	if (rc < 0)
		return rc;
	if (!w->stamp_last) {
		rc = stamp_put(f, w, e);
		if (rc < 0)
			return rc;
	}
	if (!w->empty) {
		rc = is_damaged ? folder_replace(f, w->number, e) : folder_publish(f, w->number, e);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; i < COUNT(w->others); i++) {
		if (w->others[i] == 0 || (!w->empty && w->others[i] == w->number))
			continue;
		rc = folder_withdraw(f, w->others[i], e);
		if (rc < 0)
			return rc;
	}
	return w->stamp_last ? stamp_put(f, w, e) : 0;
}

int
folder_release(struct folder *f, const struct rollout *q, const struct snapshot *s, struct err *e)
{
	cleanup_free uint64_t *v = NULL;
	size_t n = 0;
	int rc;

	rc = folder_held(f, &v, &n, e);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const bool is_way_back = !s->empty && v[i] == s->number;

		if (!is_way_back && (q->empty || v[i] != q->number))
			rc = folder_drop_held(f, v[i], e);
	}
	return rc;
}
