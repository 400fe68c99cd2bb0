/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb "test": is a target there, who are we to it, what can be done? Asked of one that is
 * logged, or of one that is about to be: then the request brings what will be logged, and the way
 * to it that will be kept. Nothing is written.
 */
#include "deploy/agent.h"

#include <string.h>

#include "deploy/agent_private.h"
#include "deploy/wave.h"
#include "registry/labels.h"

static int
row_of_name(struct registry *r, const json_t *request, struct target_row *ret, struct err *e)
{
	const char *name;
	struct txn *t;
	int rc = json_get_string(request, "target", "request", &name, e);

	if (rc == 0)
		rc = store_read_begin(r->store, &t, e);
	if (rc < 0)
		return rc;
	rc = target_get(t, name, ret, e);
	store_abort(t);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	err_set(e, ERR_NOT_FOUND, "there is no target \"%s\"", name);
	return err_hint(e, "slipway target list shows them");
}

/* A target that is about to be added: nothing is logged yet. */
static int
row_of_request(const json_t *request, struct target_row *ret, struct err *e)
{
	const json_t *body = json_object_get(request, "body");
	cleanup_buf struct buf text = { 0 };
	const char *name, *driver, *stage;
	int rc = json_get_string(request, "target", "request", &name, e);

	if (rc == 0)
		rc = json_get_string(body, "driver", "request", &driver, e);
	if (rc == 0)
		rc = json_get_string(body, "stage", "request", &stage, e);
	if (rc < 0)
		return rc;
	*ret = (struct target_row){ 0 };
	json_canonical(body, &text);
	digest_small(text.p, text.n, &ret->identity);
	if (str_copy(ret->name, sizeof ret->name, name) < 0 ||
	    str_copy(ret->driver, sizeof ret->driver, driver) < 0 ||
	    str_copy(ret->stage, sizeof ret->stage, stage) < 0 ||
	    str_copy(ret->body, sizeof ret->body, buf_cstr(&text)) < 0)
		return err_set(e, ERR_USAGE, "the target's description is too long");
	return 0;
}

/* By the way that the request brings: nothing is kept of a target that is being added. */
static int
open_for_test(struct registry *r, const json_t *request, const struct target_row *row,
              struct wave_target *ret, struct err *e)
{
	const json_t *way = json_object_get(request, "reach");
	struct reach reach = { 0 };
	int rc;

	if (!way)
		return wave_target_open(r, row, ret, e);
	rc = reach_from_json(way, &reach, e);
	return rc < 0 ? rc : wave_target_open_by(r, row, &reach, ret, e);
}

/* What else is known of it: kept even when the driver may not do its work there. */
static void
describe(struct wave_target *v, json_t *reply)
{
	struct err e = { 0 };
	json_t *o = NULL;

	if (v->d->describe && v->d->describe(v->st, &o, &e) == 0)
		json_object_set_new(reply, "cluster", o);
}

int
agent_test(const json_t *request, json_t **ret, struct err *e)
{
	cleanup_registry struct registry *r = NULL;
	struct wave_target v = { 0 };
	struct target_row row;
	struct err probe = { 0 };
	int rc = agent_open_requested(request, &r, e);

	if (rc == 0)
		rc = json_object_get(request, "body") ? row_of_request(request, &row, e)
		                                      : row_of_name(r, request, &row, e);
	if (rc == 0)
		rc = open_for_test(r, request, &row, &v, e);
	if (rc == 0) {
		*ret = agent_head_json(&v);
		v.t.deadline_ms = agent_deadline_of(request);
		describe(&v, *ret);
		if (v.d->probe(v.st, &v.facts, &probe) < 0) {
			/* added while it is down: what was asked is sound, whether it answers is
			 * another question */
			agent_set_text(*ret, "code", err_name(probe.code));
			agent_set_text(*ret, "reason", probe.msg);
			agent_set_text(*ret, "hint", probe.hint);
		} else if (v.has_min_proof && (v.facts.proofs >> v.min_proof) == 0) {
			rc = err_set(e, ERR_USAGE,
			             "target \"%s\" can show the proof \"%s\" at most, not \"%s\"",
			             row.name, proofs_highest(v.facts.proofs),
			             proof_name(v.min_proof));
			err_hint(e, "%s", v.facts.why_not);
		}
		json_object_set_new(*ret, "facts", agent_facts_json(&v.facts));
	}
	wave_target_close(&v);
	return rc;
}
