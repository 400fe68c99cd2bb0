/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs as evidence: which one runs for a stage, by a beginning that the agent signed, and when one
 * was aborted last, or a plan discarded. An end and a discard are records that anybody can write;
 * they can only take away: a job that seems to have ended is asked like a new one, and people must
 * say yes again.
 */
#include <inttypes.h>

#include "registry/evidence.h"

#define DISCARDS_MAX 64 /* of a stage since it moved */

static json_t *
place_of(struct ledger *l, const char *key)
{
	json_t *o = json_object_get(l->next_pin.jobs, key);

	if (o)
		return o;
	o = json_object();
	json_object_set_new(l->next_pin.jobs, key, o);
	return o;
}

static int
see_begin(struct registry *r, struct ledger *l, const struct entry *n, struct err *e)
{
	const struct authority a = { .policy = &l->policy, .registry_id = r->id };
	cleanup_free char *key = NULL;
	struct job_claim c;
	json_t *o;
	int rc = authority_job(&a, n, &c, e);

	if (rc < 0)
		return rc;
	key = evidence_stage_key(n->model, c.stage);
	o = place_of(l, key);
	if (json_object_get(o, "id"))
		return err_set(e, ERR_SIGNATURE, "it begins while another job of %s runs", key);
	json_object_set_new(o, "id", json_string(c.id));
	json_object_set_new(o, "plan", json_from_digest(&c.plan));
	json_object_set_new(o, "seq", json_integer((json_int_t)c.seq));
	return 0;
}

int
evidence_job(struct registry *r, struct ledger *l, const struct entry *n, struct err *e)
{
	cleanup_free char *key = NULL;
	struct job_claim c, runs;
	bool begins;
	json_t *o;
	int rc = job_claim_read(n, &c, &begins, e);

	if (rc < 0)
		return rc;
	if (begins)
		return see_begin(r, l, n, e);
	if (!ledger_job(l, n->model, c.stage, &runs) || !streq(runs.id, c.id) ||
	    !digest_eq(&runs.plan, &c.plan))
		return 0; /* of no job that runs: it ends nothing */
	key = evidence_stage_key(n->model, c.stage);
	o = json_object_get(l->next_pin.jobs, key);
	(void)json_object_del(o, "id");
	(void)json_object_del(o, "plan");
	(void)json_object_del(o, "seq");
	if (streq(json_opt_string(n->body, "state"), "aborted"))
		json_object_set_new(o, "aborted", json_integer((json_int_t)n->seq));
	return 0;
}

bool
ledger_job(const struct ledger *l, const char *model, const char *stage, struct job_claim *ret)
{
	cleanup_free char *key = evidence_stage_key(model, stage);
	const json_t *const o = json_object_get(l->next_pin.jobs, key);
	const char *id = json_opt_string(o, "id");
	struct err ignored = { 0 };

	*ret = (struct job_claim){ 0 };
	if (!id || str_copy(ret->id, sizeof ret->id, id) < 0 ||
	    str_copy(ret->stage, sizeof ret->stage, stage) < 0 ||
	    json_get_u64(o, "seq", "pin", &ret->seq, &ignored) < 0)
		return false;
	return json_get_digest(o, "plan", "pin", &ret->plan, &ignored) == 0;
}

int
evidence_discard(struct ledger *l, const struct entry *n, struct digest *ret, struct err *e)
{
	cleanup_free char *key = NULL;
	char hex[DIGEST_HEX_SIZE];
	json_t *place, *discards;
	const char *stage;
	int rc = json_get_digest(n->body, "plan", n->type, ret, e);

	if (rc == 0)
		rc = json_get_string(n->body, "stage", n->type, &stage, e);
	if (rc == 0 && !n->model)
		rc = err_set(e, ERR_MALFORMED, "discard: of no model");
	if (rc < 0)
		return rc;
	key = evidence_stage_key(n->model, stage);
	place = place_of(l, key);
	discards = json_object_get(place, "discards");
	if (!discards || json_object_size(discards) == DISCARDS_MAX) {
		/* more than a pin remembers: nothing that was said there counts */
		if (discards)
			json_object_set_new(place, "aborted", json_integer((json_int_t)n->seq));
		discards = json_object();
		json_object_set_new(place, "discards", discards);
	}
	digest_hex(ret, hex);
	json_object_set_new(discards, hex, json_integer((json_int_t)n->seq));
	return 0;
}

void
evidence_stage_moved(struct ledger *l, const char *key)
{
	(void)json_object_del(json_object_get(l->next_pin.jobs, key), "discards");
}

uint64_t
ledger_void_before(const struct ledger *l, const char *model, const char *stage,
                   const struct digest *plan)
{
	cleanup_free char *key = evidence_stage_key(model, stage);
	const json_t *const o = json_object_get(l->next_pin.jobs, key);
	char hex[DIGEST_HEX_SIZE];
	json_int_t aborted, discarded;

	digest_hex(plan, hex);
	aborted = json_integer_value(json_object_get(o, "aborted"));
	discarded = json_integer_value(json_object_get(json_object_get(o, "discards"), hex));
	return (uint64_t)(discarded > aborted ? discarded : aborted);
}
