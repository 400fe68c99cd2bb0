/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch of the "modelrepo" driver. Forward: stamp, number appears, the settings name it where
 * a server reads them, higher numbers of ours go, each server loads, lower ones go. Every step may
 * be repeated, and the stamp comes first, so that whoever comes after a crash sees whose work is
 * half done. A load that was refused takes the same way back; one whose end is unknown leaves all
 * as it is, and observe decides.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/folder_switch.h"
#include "deploy/modelrepo_driver.h"
#include "registry/base/clock.h"

#define LOAD_MS    (600u * 1000)
#define RESTORE_MS (120u * 1000)

/* A state of the folder and of the server that follows it. */
struct state {
	uint64_t number; /* 0: nothing is published */
	struct digest version;
	const char *plan_id;
};

/* One run of a switch. */
struct run {
	struct modelrepo *m;
	const struct rollout *q;
	struct folder *f;
	char entry[256];
	struct folder_stamp stamp; /* as found */
	bool is_resume;            /* this plan has been here before */
	uint64_t ours[4];          /* numbers that may be published, 0 unused */
};

uint64_t
modelrepo_left_ms(const struct rollout *q, uint64_t most_ms)
{
	const uint64_t now_ms = clock_mono_ms();
	uint64_t left_ms;

	if (q->deadline_ms == 0)
		return most_ms;
	left_ms = q->deadline_ms > now_ms ? q->deadline_ms - now_ms : 0;
	return left_ms < 1000 ? 1000 : left_ms;
}

/* At most two numbers are published at any moment of a switch: all of them, in ret. */
static int
published(const struct run *r, uint64_t ret[2], struct err *e)
{
	struct folder_stamp highest = { .exists = true };
	struct folder_look look;
	int rc;

	ret[0] = ret[1] = 0;
	rc = folder_look(r->f, &highest, &look, e);
	if (rc < 0 || look.numeric_n == 0)
		return rc;
	highest.number = look.highest;
	ret[0] = look.highest;
	rc = folder_look(r->f, &highest, &look, e);
	if (rc < 0)
		return rc;
	ret[1] = look.foreign;
	if (look.numeric_n > 2)
		return err_set(e, ERR_CONFLICT,
		               "the folder of \"%s\" has %" PRIu64 " versions, not all ours",
		               r->q->model, look.numeric_n);
	return 0;
}

static int
check_foreign(const struct run *r, struct err *e)
{
	uint64_t there[2];
	int rc;

	rc = published(r, there, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < COUNT(there); i++) {
		bool is_known = there[i] == 0;

		for (size_t k = 0; k < COUNT(r->ours); k++)
			is_known = is_known || there[i] == r->ours[k];
		if (is_known)
			continue;
		(void)err_set(e, ERR_CONFLICT,
		              "the folder of \"%s\" has a version %" PRIu64 " that is not ours",
		              r->q->model, there[i]);
		return err_hint(e, "move it away and make a new plan");
	}
	return 0;
}

/* Opens, reads the stamp and refuses what is not as p says. -ERR_NOT_FOUND: no folder of this
 * model. */
static int
run_begin(struct run *r, const struct precondition *p, uint64_t target, struct err *e)
{
	int rc;

	rc = modelrepo_folder(r->m, r->q, false, r->entry, &r->f, e);
	if (rc < 0)
		return rc;
	rc = folder_stamp_read(r->f, &r->stamp, e);
	if (rc < 0)
		return rc;
	rc = folder_compare(&r->stamp, r->q, p, e);
	if (rc < 0)
		return rc;
	r->is_resume = folder_is_resume(&r->stamp, r->q, p);
	r->ours[0] = p->empty ? 0 : p->number;
	r->ours[1] = r->stamp.number;
	/* before our stamp is there, nobody of ours can have published these */
	r->ours[2] = r->is_resume && !r->q->empty ? r->q->number : 0;
	r->ours[3] = r->is_resume ? target : 0;
	return check_foreign(r, e);
}

static void
run_end(struct run *r)
{
	folder_close(r->f);
}
#define cleanup_run __attribute__((cleanup(run_end)))

static int
write_stamp(const struct run *r, const struct state *s, struct err *e)
{
	struct folder_stamp new = { .number = s->number, .version = s->version };

	if (str_copy(new.registry_id, sizeof(new.registry_id), r->q->registry_id) < 0 ||
	    str_copy(new.plan_id, sizeof(new.plan_id), s->plan_id ? s->plan_id : "") < 0)
		return err_set(e, ERR_BUG, "an id is too long for the stamp");
	return folder_stamp_write(r->f, &new, e);
}

/* Withdraws what is published beside keep: only what is higher, or all of it. */
static int
withdraw_others(const struct run *r, uint64_t keep, bool only_higher, struct err *e)
{
	uint64_t there[2];
	int rc;

	rc = published(r, there, e);
	for (size_t i = 0; i < COUNT(there) && rc == 0; i++) {
		if (there[i] == 0 || there[i] == keep || (only_higher && there[i] < keep))
			continue;
		rc = folder_withdraw(r->f, there[i], e);
	}
	return rc;
}

/* Before the stamp: what was never staged must not be announced. */
static int
check_staged(const struct run *r, uint64_t number, struct err *e)
{
	cleanup_free uint64_t *held = NULL;
	uint64_t there[2];
	size_t n = 0;
	int rc;

	rc = published(r, there, e);
	if (rc < 0 || number == 0 || there[0] == number || there[1] == number)
		return rc;
	rc = folder_held(r->f, &held, &n, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		if (held[i] == number)
			return 0;
	}
	return err_set(e, ERR_NOT_FOUND,
	               "version %" PRIu64 " was not staged in the folder of \"%s\"",
	               number, r->q->model);
}

/* Damaged published bytes are replaced by the held ones. */
static int
place(const struct run *r, const struct state *s, struct err *e)
{
	const struct rollout *q = r->q;
	struct err why = { 0 };
	int rc;

	if (!q->files || q->empty || q->number != s->number || !digest_eq(&q->version, &s->version))
		return folder_publish(r->f, s->number, e);
	rc = folder_verify(r->f, s->number, q->files, &why);
	if (rc == -ERR_DIGEST)
		return folder_replace(r->f, s->number, e);
	if (rc == 0)
		rc = folder_drop_held(r->f, s->number, e);
	else if (rc != -ERR_NOT_FOUND)
		*e = why;
	return rc == 0 || rc == -ERR_NOT_FOUND ? folder_publish(r->f, s->number, e) : rc;
}

static int
tell_server(const struct run *r, const struct state *s, size_t i, uint64_t timeout_ms,
            struct err *e)
{
	const struct modelrepo_api *const a = &r->m->servers[i];
	const int rc = s->number == 0 ? modelrepo_unload(a, r->entry, e)
	                              : modelrepo_load(a, r->entry, timeout_ms, e);

	return rc < 0 ? modelrepo_blame(r->m, i, e) : 0;
}

/* One after the other: what the first refuses no other is asked for. *ret_told: how many were asked
 * and may have acted. */
static int
tell_servers(const struct run *r, const struct state *s, uint64_t timeout_ms, size_t *ret_told,
             struct err *e)
{
	int rc = 0;

	r->m->loaded_number = 0;
	for (size_t i = *ret_told = 0; rc == 0 && i < r->m->n; i++) {
		rc = tell_server(r, s, i, timeout_ms, e);
		*ret_told += rc != -ERR_UNREACHABLE;
	}
	if (rc < 0)
		return rc;
	r->m->loaded_number = s->number;
	r->m->loaded_ms = clock_mono_ms();
	return 0;
}

/* The first n get the old state again, each whatever comes of the others; e is of the first that
 * did not. */
static int
tell_back(const struct run *r, const struct state *s, size_t n, struct err *e)
{
	int rc = 0;

	r->m->loaded_number = 0;
	for (size_t i = 0; i < n; i++) {
		struct err one = { 0 };

		if (tell_server(r, s, i, RESTORE_MS, &one) < 0 && rc == 0) {
			*e = one;
			rc = -(int)one.code;
		}
	}
	return rc;
}

/* Before anything is written: one that is away would be left behind. With one alone its load tells.
 */
static int
check_servers(const struct modelrepo *m, struct err *e)
{
	for (size_t i = 0; m->n > 1 && i < m->n; i++) {
		if (modelrepo_live(&m->servers[i], e) < 0)
			return modelrepo_blame(m, i, e);
	}
	return 0;
}

/* The folder first and the stamp after it: until all files are back the stamp says whose work it
 * was. */
static int
restore_folder(const struct run *r, const struct state *s, struct err *e)
{
	int rc = 0;

	if (s->number > 0)
		rc = folder_publish(r->f, s->number, e);
	if (rc == 0)
		rc = modelrepo_settings_write(r->m, r->f, r->entry, s->number, e);
	if (rc == 0)
		rc = withdraw_others(r, s->number, false, e);
	if (rc == 0)
		rc = write_stamp(r, s, e);
	return rc;
}

/* The load was refused and e says how. The old state is put back; what came of that is the hint.
 * Some have loaded and one went away since: none is behind for good, so nothing is taken back. */
static int
give_up(const struct run *r, const struct state *back, size_t told, struct err *e)
{
	struct err second = { 0 };

	if (e->code == ERR_UNREACHABLE && told > 0)
		e->code = ERR_OUTCOME_UNKNOWN;
	if (e->code == ERR_OUTCOME_UNKNOWN)
		return err_hint(e,
		                "the server may still be at it: look again, then resume or abort");
	if (!back)
		return err_hint(e,
		                "the folder is as wanted, the server did not follow: see its log");
	if (restore_folder(r, back, &second) < 0)
		return err_hint(e, "putting the old folder back failed too: %.180s", second.msg);
	if (told == 0)
		return err_hint(e, "the folder is as before, the server was asked for nothing");
	if (tell_back(r, back, told, &second) < 0)
		return err_hint(e, "the folder is as before, the server was not told: %.160s",
		                second.msg);
	if (back->number == 0)
		return err_hint(e, "it was taken away again, nothing is published, as before");
	return err_hint(e, "version %" PRIu64 " was put back and loaded again", back->number);
}

/* From whatever run_begin accepted to s; a refused load goes back to back, when there is one. */
static int
switch_to(const struct run *r, const struct state *s, const struct state *back, struct err *e)
{
	size_t told;
	int rc;

	rc = check_staged(r, s->number, e);
	if (rc == 0)
		rc = check_servers(r->m, e);
	if (rc < 0)
		return rc;
	rc = write_stamp(r, s, e);
	if (rc < 0)
		return rc;
	if (s->number > 0) {
		rc = place(r, s, e);
		if (rc < 0)
			return rc;
	}
	rc = modelrepo_settings_write(r->m, r->f, r->entry, s->number, e);
	if (rc == 0)
		rc = withdraw_others(r, s->number, s->number > 0, e);
	if (rc < 0)
		return rc;
	rc = tell_servers(r, s, modelrepo_left_ms(r->q, LOAD_MS), &told, e);
	if (rc < 0)
		return give_up(r, back, told, e);
	return withdraw_others(r, s->number, false, e);
}

/* What was there before this plan: as found, or as the plan says when the stamp is this plan's
 * already. */
static struct state
state_before(const struct run *r, const struct precondition *p)
{
	if (!r->is_resume)
		return (struct state){ r->stamp.number, r->stamp.version, r->stamp.plan_id };
	if (p->empty)
		return (struct state){ 0 };
	return (struct state){ .number = p->number, .version = p->version };
}

int
modelrepo_apply(void *st, const struct rollout *q, struct str rendered,
                const struct precondition *p, struct err *e)
{
	struct modelrepo *m = st;
	cleanup_run struct run r = { .m = m, .q = q };
	struct state to = { .plan_id = q->plan_id };
	struct state back;
	int rc;

	rc = modelrepo_is_planned(m, q, rendered, e);
	if (rc < 0)
		return rc;
	if (!q->empty) {
		to.number = q->number;
		to.version = q->version;
	}
	rc = run_begin(&r, p, to.number, e);
	if (rc == -ERR_NOT_FOUND && q->empty && p->empty) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return rc;
	back = state_before(&r, p);
	return switch_to(&r, &to, &back, e);
}

int
modelrepo_abort(void *st, const struct rollout *q, const struct precondition *p, struct err *e)
{
	cleanup_run struct run r = { .m = st, .q = q };
	struct state back;
	int rc;

	rc = run_begin(&r, p, 0, e);
	if (rc == -ERR_NOT_FOUND && p->empty) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return rc;
	/* never begun: the stamp comes before everything else */
	if (!r.stamp.exists)
		return 0;
	back = state_before(&r, p);
	rc = restore_folder(&r, &back, e);
	return rc == 0 ? tell_back(&r, &back, r.m->n, e) : rc;
}

int
modelrepo_rollback_to(void *st, const struct rollout *q, const struct snapshot *s,
                      const struct precondition *p, struct err *e)
{
	cleanup_run struct run r = { .m = st, .q = q };
	struct state to = { .plan_id = q->plan_id };
	struct state back;
	int rc;

	if (!s->empty) {
		to.number = s->number;
		to.version = s->version;
	}
	rc = run_begin(&r, p, to.number, e);
	if (rc == -ERR_NOT_FOUND && s->empty) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return rc;
	back = state_before(&r, p);
	/* after this plan's own failure there is nothing better to return to than s */
	return switch_to(&r, &to, r.is_resume ? NULL : &back, e);
}
