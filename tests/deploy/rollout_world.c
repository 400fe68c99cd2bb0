/* SPDX-License-Identifier: Apache-2.0 */
/* Calls are letters in a trace; the one that the case names fails. */
#include "tests/deploy/rollout_world.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct world world;

struct digest
version_of(uint64_t number)
{
	struct digest d = { 0 };

	memset(&d, (int)number, number ? sizeof(d) : 0);
	return d;
}

/* Looks that repeat depend on time and count once. */
static const struct failure *
call(const struct place *at, char what)
{
	const char word[3] = { at->letter, what, '\0' };
	const struct failure *failures[] = { &world.c->first, &world.c->second };
	const size_t n = world.trace.n;

	if (n < 2 || (what != 'W' && what != 'N') || memcmp(world.trace.p + n - 2, word, 2) != 0)
		buf_addf(&world.trace, "%s%s", n ? " " : "", word);
	for (size_t i = 0; i < COUNT(failures); i++) {
		if (!streq(failures[i]->at, word) || world.used[i])
			continue;
		world.used[i] = what == 'A' || what == 'B';
		return failures[i];
	}
	return NULL;
}

/* The newest line of the journal must announce this call. */
static void
announced(const struct place *at, const char *step)
{
	const char target[2] = { at->letter, '\0' };
	struct err e = { 0 };
	bool has = true;

	while (has && journal_next(world.journal, &world.last, &has, &e) == 0)
		continue;
	if (!streq(world.last.step, step) || !streq(world.last.target, target))
		(void)snprintf(world.complaint, sizeof(world.complaint),
		               "%s of %s was announced as \"%s\" of \"%s\"", step, target,
		               world.last.step, world.last.target);
}

static int
fail(const struct failure *f, struct err *e)
{
	return f && f->code ? err_set(e, f->code, "made to fail at %s", f->at) : 0;
}

static int
mock_probe(void *st, struct target_facts *ret, struct err *e)
{
	const struct mock *m = st;

	ret->proofs = PROOF_BIT(PROOF_OBJECT) | PROOF_BIT(PROOF_LISTED);
	if (!world.cannot_ask)
		ret->proofs |= PROOF_BIT(PROOF_ANSWERED);
	return fail(call(m->at, 'P'), e);
}

static int
mock_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e)
{
	const struct mock *m = st;
	const struct failure *f = call(m->at, 'F');

	if (f && !f->code)
		findings_add(ret, FINDING_BLOCK, "mock", "try otherwise", "in the way");
	return fail(f, e);
}

static int
mock_stage(void *st, const struct rollout *q, struct err *e)
{
	const struct mock *m = st;
	const struct failure *f;

	announced(m->at, "stage");
	f = call(m->at, 'S');
	if (f && !f->code) /* the time is up while it copies */
		world.run->deadline_ms = 0;
	cr_assert(q->files->check != NULL);
	return f && f->code ? fail(f, e) : q->files->check(q->files->arg, e);
}

static int
write_to(struct place *at, char what, uint64_t number, bool stamp, struct err *e)
{
	const struct failure *f = call(at, what);

	if (!f || f->done != NOTHING) {
		at->serving = number;
		at->is_stamped = stamp;
		at->is_half = f && f->done == HALF;
	}
	return fail(f, e);
}

static int
mock_apply(void *st, const struct rollout *q, struct str rendered, const struct precondition *p,
           struct err *e)
{
	const struct mock *m = st;

	announced(m->at, "apply");
	if (!m->at->is_stamped && p->number != m->at->serving)
		(void)snprintf(world.complaint, sizeof(world.complaint),
		               "%" PRIu64 " is to be changed, and %" PRIu64 " is there", p->number,
		               m->at->serving);
	return write_to(m->at, 'A', q->empty ? 0 : q->number, true, e);
}

static int
mock_rollback_to(void *st, const struct rollout *q, const struct snapshot *s,
                 const struct precondition *p, struct err *e)
{
	const struct mock *m = st;

	announced(m->at, "rollback");
	return write_to(m->at, 'B', s->empty ? 0 : s->number, true, e);
}

static int
mock_abort(void *st, const struct rollout *q, const struct precondition *p, struct err *e)
{
	const struct mock *m = st;

	announced(m->at, "abort");
	return write_to(m->at, 'U', p->empty ? 0 : p->number, false, e);
}

/* L before the switch, W after it; a failure without a code is an observation that says failed, or,
 * before the switch, that nobody could look. */
static int
mock_observe(void *st, const struct rollout *q, struct observation *ret, struct err *e)
{
	const struct mock *m = st;
	const struct place *at = m->at;
	const bool is_watch = world.last.step[0] != '\0';
	const struct failure *f = call(at, is_watch ? 'W' : 'L');
	const bool is_there = at->serving == (q->empty ? 0 : q->number) && !at->is_half;
	const bool is_new = at->is_stamped;

	if (f && f->code && (!is_watch || is_new))
		return fail(f, e);
	if (f && !is_watch) {
		*ret = (struct observation){ .status = ROLLOUT_UNKNOWN };
		(void)str_copy(ret->reason, sizeof(ret->reason), "no contact");
		return 0;
	}
	*ret = (struct observation){
		.serving_known = true,
		.serving_empty = at->serving == 0,
		.serving_number = at->serving,
		.serving_version = version_of(at->serving),
		.status = is_there ? ROLLOUT_SUCCEEDED : ROLLOUT_PROGRESSING,
		.proofs = PROOF_BIT(PROOF_OBJECT) | PROOF_BIT(PROOF_LISTED),
	};
	if (at->lingers && !is_watch) {
		ret->carries_known = true;
		ret->carries_number = at->serving;
		ret->carries_version = version_of(at->serving);
		ret->serving_number = at->lingers;
		ret->serving_version = version_of(at->lingers);
	}
	if (f && f->done == HALF)
		ret->proofs = PROOF_BIT(PROOF_OBJECT);
	else if (f && is_new)
		ret->status = ROLLOUT_FAILED;
	if (m->at->slow > 0 && is_watch && !is_new) {
		m->at->slow--;
		ret->status = ROLLOUT_PROGRESSING;
		ret->replicas_known = true;
	}
	if (is_new)
		(void)str_copy(ret->plan_id, sizeof(ret->plan_id), PLAN);
	(void)snprintf(ret->reason, sizeof(ret->reason), "v%" PRIu64 " serves", at->serving);
	return 0;
}

static int
mock_smoke(void *st, const struct rollout *q, const struct golden *g, struct proof *ret,
           struct err *e)
{
	const struct mock *m = st;

	const struct failure *f = call(m->at, 'N');

	announced(m->at, "verify");
	ret->layers = PROOF_BIT(PROOF_ANSWERED);
	if (f && f->done == ALL)
		(void)str_copy(ret->detail, sizeof(ret->detail), "final");
	return fail(f, e);
}

const struct deploy_driver world_driver = {
	.name = "mock",
	.state_size = sizeof(struct mock),
	.probe = mock_probe,
	.preflight = mock_preflight,
	.stage = mock_stage,
	.apply = mock_apply,
	.rollback_to = mock_rollback_to,
	.abort = mock_abort,
	.observe = mock_observe,
	.smoke = mock_smoke,
};
