/* SPDX-License-Identifier: Apache-2.0 */
/* What answers now: the golden request, and the highest layer of proof that the policy asks for. */
#include <string.h>

#include "deploy/rollout_private.h"
#include "registry/base/clock.h"
#include "registry/labels.h"

#define SMOKE_GRACE_MS 10000u /* the old version may answer until it is drained */

/* Ten seconds without a word look like a job that hangs. */
static int
say_grace(struct rollout_run *run, const struct wave_target *v, const struct err *bad,
          struct err *e)
{
	return rollout_say(run, JOB_VERIFYING, "verify", v->row.name, e,
	                   "%s; asking again for up to %u s, what was there before may still "
	                   "be draining",
	                   bad->msg, SMOKE_GRACE_MS / 1000);
}

/* The golden request, again while the old version may still be draining. */
int
rollout_answer(struct rollout_run *run, struct wave_target *v, struct err *e)
{
	const uint64_t until = clock_mono_ms() + SMOKE_GRACE_MS;
	uint64_t pause = LOOK_FIRST_MS;
	bool is_said = false;

	for (;;) {
		struct proof proof = { 0 };
		struct err bad = { 0 };
		int rc = v->d->smoke(v->st, &v->q, v->golden, &proof, &bad);

		if (rc == 0) {
			v->proofs |= proof.layers;
			(void)str_copy(v->detail, sizeof v->detail, proof.detail);
			return 0;
		}
		rc = rollout_check_abort(run, e);
		if (rc < 0)
			return rc;
		if (proof.detail[0] || clock_mono_ms() >= until || rollout_is_late(run)) {
			*e = bad;
			if (bad.code == ERR_MALFORMED)
				e->code = ERR_ROLLOUT_FAILED; /* it answers, and not as a model
				                                 server does */
			else if (bad.code != ERR_ROLLOUT_FAILED)
				e->code = ERR_OUTCOME_UNKNOWN;
			return err_prefix(e, "target \"%s\"", v->row.name);
		}
		if (!is_said)
			rc = say_grace(run, v, &bad, e);
		if (rc < 0)
			return rc;
		is_said = true;
		rollout_wait_ms(pause);
		pause = pause * 2 < LOOK_MOST_MS ? pause * 2 : LOOK_MOST_MS;
	}
}

/* The target's minimum, else the highest layer that its driver can show here. */
static enum proof_layer
wanted_proof(const struct wave_target *v)
{
	enum proof_layer l = PROOF_COUNT;
	unsigned can = v->facts.proofs;

	if (v->has_min_proof)
		return v->min_proof;
	if (!v->golden)
		can &= ~PROOF_BIT(PROOF_ANSWERED);
	while (l > PROOF_OBJECT && !(can & PROOF_BIT(l)))
		l--;
	return l;
}

int
rollout_prove(struct rollout_run *run, struct wave_target *v, struct err *e)
{
	const bool can_ask = wave_can_ask(v) && !v->q.empty;
	const enum proof_layer wanted = wanted_proof(v);
	const char *asked = can_ask      ? "asking the golden request"
	                    : v->q.empty ? "nothing is there: nothing is asked"
	                    : v->golden  ? "the golden request cannot be asked here: answers are "
	                                   "not checked"
	                                 : "no golden request: answers are not checked";
	int rc = rollout_say(run, JOB_VERIFYING, "verify", v->row.name, e, "%s", asked);

	if (rc == 0 && can_ask)
		rc = rollout_answer(run, v, e);
	if (rc < 0)
		return rc;
	if (v->q.empty || (v->proofs >> wanted) != 0)
		return 0;
	return err_set(e, ERR_ROLLOUT_FAILED,
	               "target \"%s\" was proved only as \"%s\", it asks for \"%s\"", v->row.name,
	               proofs_highest(v->proofs), proof_name(wanted));
}
