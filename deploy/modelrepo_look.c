/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the "modelrepo" driver sees: the folder once, and each server that reads it. The one that is
 * furthest behind stands for all, and how many are with it is said: a target is there when the last
 * of its servers is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/modelrepo_driver.h"
#include "registry/base/clock.h"

#define IGNORED_MS 5000u

/* What one server says of the model. */
struct sight {
	uint64_t serving;           /* 0: none */
	bool is_quiet;              /* it has no version of it at all */
	uint64_t beside;            /* a number that it has beside the one that serves; 0: none */
	enum modelrepo_state state; /* of the number that was asked about */
	char reason[512];
};
/* Numbers of ours that it may have. */
struct numbers {
	uint64_t asked, stamped; /* 0: none */
	const uint64_t *held;
	size_t held_n;
};

/* --- Triton: its index, and the model's own list --- */

static enum modelrepo_state
row_of(const struct modelrepo_index *index, uint64_t number, const char **ret_reason)
{
	for (size_t i = 0; i < index->n; i++) {
		if (index->v[i].number != number)
			continue;
		*ret_reason = index->v[i].reason;
		return index->v[i].state;
	}
	return MODELREPO_ABSENT;
}

/* READY in the index and listed by the model itself: either alone is said of broken models too. */
static uint64_t
serving_number(const struct modelrepo_index *index, const struct modelrepo_versions *listed)
{
	const char *reason;
	uint64_t highest = 0;

	for (size_t i = 0; i < listed->n; i++) {
		if (listed->v[i] > highest &&
		    row_of(index, listed->v[i], &reason) == MODELREPO_READY)
			highest = listed->v[i];
	}
	return highest;
}

static bool
is_quiet(const struct modelrepo_index *index)
{
	for (size_t i = 0; i < index->n; i++) {
		if (index->v[i].state != MODELREPO_UNAVAILABLE)
			return false;
	}
	return true;
}

static int
see_triton(const struct modelrepo_api *a, const char *entry, const struct rollout *q,
           struct sight *ret, struct err *e)
{
	cleanup_index struct modelrepo_index index = { 0 };
	cleanup_versions struct modelrepo_versions listed = { 0 };
	const char *reason = "";
	int rc = modelrepo_index(a, entry, &index, e);

	if (rc == 0)
		rc = modelrepo_versions(a, entry, &listed, e);
	if (rc < 0)
		return rc;
	ret->serving = serving_number(&index, &listed);
	ret->is_quiet = ret->serving == 0 && is_quiet(&index);
	ret->state = row_of(&index, q->number, &reason);
	(void)snprintf(ret->reason, sizeof ret->reason, "%s", reason);
	return 0;
}

/* --- MLServer: each number that may be there is asked for by itself --- */

static int
ask_number(const struct modelrepo_api *a, const char *entry, uint64_t number, struct sight *ret,
           struct err *e)
{
	bool is_ready = false;
	int rc;

	if (number == 0)
		return 0;
	rc = modelrepo_ready(a, entry, number, &is_ready, e);
	if (rc < 0 || !is_ready)
		return rc;
	if (ret->serving == 0)
		ret->serving = number;
	else
		ret->beside = number;
	return 0;
}

static int
see_mlserver(const struct modelrepo_api *a, const char *entry, const struct rollout *q,
             const struct numbers *n, struct sight *ret, struct err *e)
{
	int rc = ask_number(a, entry, n->asked, ret, e);

	if (rc == 0 && n->stamped != n->asked)
		rc = ask_number(a, entry, n->stamped, ret, e);
	for (size_t i = 0; rc == 0 && i < n->held_n; i++) {
		if (n->held[i] != n->asked && n->held[i] != n->stamped)
			rc = ask_number(a, entry, n->held[i], ret, e);
	}
	ret->is_quiet = ret->serving == 0;
	ret->state = !q->empty && ret->serving == q->number ? MODELREPO_READY : MODELREPO_ABSENT;
	return rc;
}

/* --- judging --- */

/* A load ends before it is answered, so what a server says some seconds after a success is no
 * longer on its way: another version READY, and ours never taken up (absent, or still "unloaded"
 * from an earlier time). */
static bool
is_ignored(const struct modelrepo *m, const struct rollout *q, const struct sight *s)
{
	return (s->state == MODELREPO_ABSENT || s->state == MODELREPO_UNAVAILABLE) &&
	       s->serving != 0 && m->loaded_number == q->number &&
	       clock_mono_ms() >= m->loaded_ms + IGNORED_MS;
}

static void
say_why_not(const struct modelrepo *m, const struct rollout *q, const struct sight *s,
            struct observation *ret)
{
	/* "unloaded" is what an old version says that was switched off before */
	if (s->state == MODELREPO_UNAVAILABLE && s->reason[0] && !streq(s->reason, "unloaded")) {
		ret->status = ROLLOUT_FAILED;
		(void)snprintf(ret->reason, sizeof ret->reason, "%s", s->reason);
	} else if (is_ignored(m, q, s)) {
		ret->status = ROLLOUT_FAILED;
		(void)snprintf(ret->reason, sizeof ret->reason,
		               "the server said that it loaded the model, and after %u s its "
		               "index still has version %" PRIu64 " ready, not %" PRIu64,
		               IGNORED_MS / 1000, s->serving, q->number);
	} else if (s->beside) {
		(void)snprintf(ret->reason, sizeof ret->reason,
		               "the server still has version %" PRIu64 " beside %" PRIu64,
		               s->beside, s->serving);
	} else if (s->state == MODELREPO_LOADING) {
		(void)snprintf(ret->reason, sizeof ret->reason,
		               "version %" PRIu64 " is being loaded", q->number);
	} else if (s->serving == 0) {
		(void)snprintf(ret->reason, sizeof ret->reason, "the server serves no version");
	} else {
		(void)snprintf(ret->reason, sizeof ret->reason,
		               "the server still serves version %" PRIu64, s->serving);
	}
}

/* ret has what the folder says already. */
static void
judge(const struct modelrepo *m, const struct rollout *q, const struct sight *s,
      struct observation *ret)
{
	const bool is_placed = (ret->proofs & PROOF_BIT(PROOF_OBJECT)) != 0;
	const bool is_there = q->empty ? s->is_quiet : s->serving == q->number && s->beside == 0;

	ret->status = ROLLOUT_PROGRESSING;
	ret->serving_known = true;
	ret->serving_number = s->serving;
	ret->serving_empty = s->serving == 0;
	if (is_there)
		ret->proofs |= PROOF_BIT(PROOF_LISTED);
	if (is_there && is_placed)
		ret->status = ROLLOUT_SUCCEEDED;
	else if (!is_placed)
		(void)snprintf(ret->reason, sizeof ret->reason,
		               "the folder does not hold what was planned");
	else if (q->empty)
		(void)snprintf(ret->reason, sizeof ret->reason, "the server still has the model");
	else
		say_why_not(m, q, s, ret);
}

/* The folder's half of a look: what we left there, and whether it is still so. */
static int
look_at_folder(const struct modelrepo *m, const struct rollout *q, char entry[256],
               struct folder_stamp *stamp, uint64_t **ret_held, size_t *ret_held_n,
               struct observation *ret, struct err *e)
{
	struct folder_look look = { 0 };
	struct folder *f = NULL;
	bool is_ours, is_named = true;
	int rc;

	rc = modelrepo_folder(m, q, false, entry, &f, e);
	/* without the repository nothing is known; without the model's folder, nothing is
	 * published */
	if (rc == -ERR_NOT_FOUND && access(m->t->path, R_OK | X_OK) == 0) {
		err_clear(e);
		rc = 0;
	}
	if (rc == 0 && f)
		rc = folder_stamp_read(f, stamp, e);
	if (rc == 0 && f)
		rc = folder_look(f, stamp, &look, e);
	if (rc == 0 && f)
		rc = modelrepo_settings_are(m, f, entry, stamp->number, &is_named, e);
	if (rc == 0 && f)
		rc = folder_held(f, ret_held, ret_held_n, e);
	folder_close(f);
	if (rc < 0)
		return rc;
	is_ours = !stamp->exists || streq(stamp->registry_id, q->registry_id);
	ret->is_drifted =
	        !is_ours || look.highest != stamp->number || look.foreign > 0 || !is_named;
	(void)str_copy(ret->plan_id, sizeof(ret->plan_id), stamp->plan_id);
	if (ret->is_drifted)
		return 0;
	if (q->empty ? stamp->number == 0
	             : stamp->number == q->number && digest_eq(&stamp->version, &q->version))
		ret->proofs |= PROOF_BIT(PROOF_OBJECT);
	return 0;
}

/* No contact is no failure. */
static void
see_server(const struct modelrepo *m, size_t i, const char *entry, const struct rollout *q,
           const struct numbers *n, struct observation *ret)
{
	struct sight s = { 0 };
	struct err e = { 0 };
	const int rc = m->dialect == MODELREPO_MLSERVER
	                       ? see_mlserver(&m->servers[i], entry, q, n, &s, &e)
	                       : see_triton(&m->servers[i], entry, q, &s, &e);

	if (rc < 0)
		(void)snprintf(ret->reason, sizeof ret->reason, "%s", e.msg);
	else
		judge(m, q, &s, ret);
}

/* How far behind, worst first. */
static int
rank(const struct observation *o)
{
	switch (o->status) {
	case ROLLOUT_FAILED:
		return 0;
	case ROLLOUT_UNKNOWN:
		return 1;
	case ROLLOUT_PROGRESSING:
		return 2;
	case ROLLOUT_SUCCEEDED:
		break;
	}
	return 3;
}

/* Of several: whose word that is, and how many are there. */
static void
say_count(const struct modelrepo *m, size_t worst, size_t there, struct observation *ret)
{
	char why[sizeof ret->reason];

	ret->replicas_known = true;
	ret->replicas_wanted = (unsigned)m->n;
	ret->replicas_ready = (unsigned)there;
	if (ret->status == ROLLOUT_SUCCEEDED)
		return;
	(void)str_copy(why, sizeof why, ret->reason);
	(void)snprintf(ret->reason, sizeof ret->reason, "%zu of %zu servers %s, %.120s: %.280s",
	               there, m->n, there == 1 ? "is there" : "are there", m->servers[worst].url,
	               why);
}

int
modelrepo_observe(void *st, const struct rollout *q, struct observation *ret, struct err *e)
{
	const struct modelrepo *m = st;
	cleanup_free uint64_t *held = NULL;
	struct observation folder = { .status = ROLLOUT_UNKNOWN };
	struct folder_stamp stamp = { 0 };
	size_t held_n = 0, there = 0, worst = 0;
	char entry[256];
	int rc = look_at_folder(m, q, entry, &stamp, &held, &held_n, &folder, e);

	*ret = folder;
	if (rc == -ERR_USAGE)
		return rc;
	if (rc < 0) {
		(void)snprintf(ret->reason, sizeof ret->reason, "%s", e->msg);
		err_clear(e);
		return 0;
	}
	const struct numbers n = { .asked = q->empty ? 0 : q->number,
		                   .stamped = stamp.number,
		                   .held = held,
		                   .held_n = held_n };
	for (size_t i = 0; i < m->n; i++) {
		struct observation one = folder;

		see_server(m, i, entry, q, &n, &one);
		there += one.status == ROLLOUT_SUCCEEDED;
		if (i == 0 || rank(&one) < rank(ret)) {
			*ret = one;
			worst = i;
		}
	}
	if (ret->serving_known && !ret->is_drifted && !ret->serving_empty &&
	    ret->serving_number == stamp.number)
		ret->serving_version = stamp.version;
	/* a server that was started anew, or told otherwise, is brought up by the next change */
	ret->carries_known = stamp.number > 0 && !ret->is_drifted;
	ret->carries_number = stamp.number;
	ret->carries_version = stamp.version;
	if (m->n > 1)
		say_count(m, worst, there, ret);
	return 0;
}
