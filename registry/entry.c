/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a line of the log to rows of the database. Each type has one put; none of them looks at the
 * clock, the environment or anything but the entry and the rows before it, so that a rebuild gives
 * the same bytes.
 */
#include "registry/entry.h"

#include <inttypes.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/labels.h"
#include "registry/records.h"

static int
opt_seq(const json_t *root, const char *key, bool *ret_has, uint64_t *ret, struct err *e)
{
	*ret_has = false;
	*ret = 0;
	if (!json_object_get(root, key) || json_is_null(json_object_get(root, key)))
		return 0;
	*ret_has = true;
	return json_get_u64(root, key, "log entry", ret, e);
}

/* Older entries have none. */
static int
parse_reason(const json_t *root, struct entry *n, struct err *e)
{
	const json_t *const reason = json_object_get(root, "reason");

	if (!reason)
		return 0;
	n->reason = json_string_value(reason);
	if (!n->reason || json_string_length(reason) > ENTRY_REASON_MAX)
		return err_set(e, ERR_MALFORMED,
		               "log entry: its reason is no text of at most %d bytes",
		               ENTRY_REASON_MAX);
	return 0;
}

static int
parse_members(const json_t *root, struct entry *n, struct err *e)
{
	const char *time;
	json_t *body;
	int rc;

	rc = json_get_string(root, "type", "log entry", &n->type, e);
	if (rc == 0)
		rc = json_get_object(root, "body", "log entry", &body, e);
	if (rc == 0)
		rc = json_get_string(root, "time", "log entry", &time, e);
	if (rc == 0)
		rc = opt_seq(root, "policy", &n->has_policy, &n->policy, e);
	if (rc == 0)
		rc = opt_seq(root, "previous", &n->has_previous, &n->previous, e);
	if (rc < 0)
		return rc;
	if (clock_parse(time, &n->time_s) < 0)
		return err_set(e, ERR_MALFORMED, "log entry: \"%s\" is no time", time);
	n->body = body;
	n->model = json_opt_string(root, "model");
	n->statement = json_object_get(root, "statement");
	n->by = json_object_get(root, "by");
	return parse_reason(root, n, e);
}

int
entry_parse(struct str json, uint64_t seq, const struct digest *leaf, struct entry *ret,
            struct err *e)
{
	int rc;

	*ret = (struct entry){ .seq = seq, .leaf = *leaf };
	rc = json_parse(json, "log entry", &ret->root, e);
	if (rc == 0)
		rc = parse_members(ret->root, ret, e);
	if (rc < 0) {
		entry_fini(ret);
		return err_prefix(e, "log entry %" PRIu64, seq);
	}
	return 0;
}

void
entry_fini(struct entry *n)
{
	json_decref(n->root);
	n->root = NULL;
}

/* --- helpers of the puts --- */

static int
refuse(const struct entry *n, struct err *e, const char *why)
{
	return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " (%s): %s", n->seq, n->type, why);
}

static int
body_string(const struct entry *n, const char *key, char *ret, size_t size, struct err *e)
{
	const char *s;
	int rc = json_get_string(n->body, key, n->type, &s, e);

	if (rc < 0)
		return rc;
	return str_copy(ret, size, s) < 0 ? refuse(n, e, "a member is too long") : 0;
}

static int
model_of(struct txn *t, const struct entry *n, struct model_row *ret, struct err *e)
{
	int rc;

	if (!n->model)
		return refuse(n, e, "names no model");
	rc = model_get(t, n->model, ret, e);
	return rc == -ERR_NOT_FOUND ? refuse(n, e, "a model that does not exist") : rc;
}

static struct stage_mark *
stage_mark_of(struct model_row *m, const char *stage)
{
	for (size_t i = 0; i < m->stages_n; i++)
		if (streq(m->stages[i].stage, stage))
			return &m->stages[i];
	if (m->stages_n == STAGES_MAX)
		return NULL;
	struct stage_mark *s = &m->stages[m->stages_n++];
	*s = (struct stage_mark){ 0 };
	(void)str_copy(s->stage, sizeof s->stage, stage);
	return s;
}

/* --- puts --- */

static int
put_registry(struct txn *t, const struct entry *n, struct err *e)
{
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	rc = body_string(n, "id", a.registry_id, sizeof a.registry_id, e);
	return rc < 0 ? rc : applied_put(t, &a, e);
}

static int
put_policy(struct txn *t, const struct entry *n, struct err *e)
{
	struct applied a;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	a.has_policy = true;
	a.policy_seq = n->seq;
	return applied_put(t, &a, e);
}

static void
show_version(struct model_row *m, const struct version_row *v)
{
	m->latest_live = v->number;
	m->digest = v->digest;
	m->bytes = v->bytes;
	m->files = v->files;
	m->is_signed = v->is_signed;
	(void)str_copy(m->signer, sizeof m->signer, v->signer);
}

static int
put_version(struct txn *t, const struct entry *n, struct err *e)
{
	struct version_row v = { .seq = n->seq, .time_s = n->time_s, .life = LIFE_LIVE };
	struct model_row m = { 0 };
	int rc;

	if (!n->model || str_copy(v.model, sizeof v.model, n->model) < 0)
		return refuse(n, e, "no model or a name that is too long");
	rc = model_get(t, n->model, &m, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	(void)str_copy(m.name, sizeof m.name, n->model);
	rc = json_get_u64(n->body, "number", n->type, &v.number, e);
	if (rc == 0)
		rc = json_get_digest(n->body, "digest", n->type, &v.digest, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "bytes", n->type, &v.bytes, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "files", n->type, &v.files, e);
	if (rc == 0)
		rc = body_string(n, "signer", v.signer, sizeof v.signer, e);
	if (rc == 0)
		rc = body_string(n, "key", v.key_id, sizeof v.key_id, e);
	if (rc < 0)
		return rc;
	if (v.number != m.latest + 1)
		return refuse(n, e, "a version number that is not the next");
	v.is_signed = n->statement != NULL;
	m.latest = v.number;
	m.live_n++;
	show_version(&m, &v);
	rc = version_put(t, &v, e);
	return rc < 0 ? rc : model_put(t, &m, e);
}

static int
put_label(struct txn *t, const struct entry *n, struct err *e)
{
	const json_t *number = json_object_get(n->body, "number");
	struct version_row v;
	struct model_row m;
	int rc = model_of(t, n, &m, e);

	if (rc < 0)
		return rc;
	if (!json_is_integer(number)) {
		if (labels_apply(m.labels, sizeof m.labels, n->body) < 0)
			return refuse(n, e, "labels that are no labels or too many");
		return model_put(t, &m, e);
	}
	rc = version_get(t, n->model, (uint64_t)json_integer_value(number), &v, e);
	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? refuse(n, e, "a version that does not exist") : rc;
	if (labels_apply(v.labels, sizeof v.labels, n->body) < 0)
		return refuse(n, e, "labels that are no labels or too many");
	return version_put(t, &v, e);
}

static int
put_target(struct txn *t, const struct entry *n, struct err *e)
{
	const char *action, *name, *driver, *stage;
	cleanup_buf struct buf body = { 0 };
	struct target_row row = { .seq = n->seq };
	json_t *target;
	int rc;

	rc = json_get_string(n->body, "action", n->type, &action, e);
	if (rc == 0)
		rc = json_get_string(n->body, "name", n->type, &name, e);
	if (rc < 0)
		return rc;
	if (streq(action, "remove"))
		return target_del(t, name, e);
	rc = json_get_object(n->body, "target", n->type, &target, e);
	if (rc == 0)
		rc = json_get_string(target, "driver", n->type, &driver, e);
	if (rc == 0)
		rc = json_get_string(target, "stage", n->type, &stage, e);
	if (rc == 0)
		rc = json_get_u64(target, "order", n->type, &row.order, e);
	if (rc < 0)
		return rc;
	json_canonical(target, &body);
	digest_small(body.p, body.n, &row.identity);
	if (str_copy(row.name, sizeof row.name, name) < 0 ||
	    str_copy(row.driver, sizeof row.driver, driver) < 0 ||
	    str_copy(row.stage, sizeof row.stage, stage) < 0 ||
	    str_copy(row.body, sizeof row.body, buf_cstr(&body)) < 0)
		return refuse(n, e, "a member is too long");
	return target_put(t, &row, e);
}

static int
put_plan(struct txn *t, const struct entry *n, struct err *e)
{
	struct plan_row p = { .seq = n->seq, .time_s = n->time_s, .state = "open" };
	int rc;

	if (!n->model || str_copy(p.model, sizeof p.model, n->model) < 0)
		return refuse(n, e, "names no model");
	rc = json_get_digest(n->body, "id", n->type, &p.id, e);
	if (rc == 0)
		rc = body_string(n, "kind", p.kind, sizeof p.kind, e);
	if (rc == 0)
		rc = body_string(n, "stage", p.stage, sizeof p.stage, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "number", n->type, &p.number, e);
	return rc < 0 ? rc : plan_put(t, &p, e);
}

static int
plan_of(struct txn *t, const struct entry *n, struct plan_row *ret, struct err *e)
{
	struct digest id;
	int rc = json_get_digest(n->body, "plan", n->type, &id, e);

	if (rc == 0)
		rc = plan_get(t, &id, ret, e);
	return rc == -ERR_NOT_FOUND ? refuse(n, e, "a plan that does not exist") : rc;
}

static int
put_authorisation(struct txn *t, const struct entry *n, struct err *e)
{
	struct plan_row p;
	int rc = plan_of(t, n, &p, e);

	if (rc < 0)
		return rc;
	p.authorisation_seq = n->seq;
	return plan_put(t, &p, e);
}

static int
job_end(struct txn *t, const struct entry *n, struct plan_row *p, struct stage_mark *s,
        const char *id, struct err *e)
{
	struct job_row j;
	int rc = job_get(t, id, &j, e);

	if (rc < 0)
		return rc == -ERR_NOT_FOUND ? refuse(n, e, "a job that never began") : rc;
	rc = body_string(n, "state", j.state, sizeof j.state, e);
	if (rc < 0)
		return rc;
	j.end_seq = n->seq;
	j.end_s = n->time_s;
	(void)str_copy(p->state, sizeof p->state, j.state);
	if (streq(s->job, id)) {
		s->job[0] = '\0';
		s->moving_to = 0;
	}
	return job_put(t, &j, e);
}

static int
job_begin(struct txn *t, const struct entry *n, struct plan_row *p, struct stage_mark *s,
          const char *id, struct err *e)
{
	struct job_row j = { .plan = p->id,
		             .begin_seq = n->seq,
		             .begin_s = n->time_s,
		             .number = p->number,
		             .state = "running" };

	if (str_copy(j.id, sizeof j.id, id) < 0 || strlen(id) != 16)
		return refuse(n, e, "no job id");
	(void)str_copy(j.model, sizeof j.model, p->model);
	(void)str_copy(j.stage, sizeof j.stage, p->stage);
	(void)str_copy(j.kind, sizeof j.kind, p->kind);
	(void)str_copy(p->job, sizeof p->job, id);
	(void)str_copy(p->state, sizeof p->state, "running");
	(void)str_copy(s->job, sizeof s->job, id);
	s->moving_to = p->number;
	return job_put(t, &j, e);
}

static int
put_job(struct txn *t, const struct entry *n, struct err *e)
{
	const char *event, *id;
	struct stage_mark *s;
	struct model_row m;
	struct plan_row p;
	int rc = model_of(t, n, &m, e);

	if (rc == 0)
		rc = plan_of(t, n, &p, e);
	if (rc == 0)
		rc = json_get_string(n->body, "event", n->type, &event, e);
	if (rc == 0)
		rc = json_get_string(n->body, "id", n->type, &id, e);
	if (rc < 0)
		return rc;
	s = stage_mark_of(&m, p.stage);
	if (!s)
		return refuse(n, e, "more stages than there may be");
	rc = streq(event, "begin") ? job_begin(t, n, &p, s, id, e) : job_end(t, n, &p, s, id, e);
	if (rc == 0)
		rc = plan_put(t, &p, e);
	return rc < 0 ? rc : model_put(t, &m, e);
}

static int
put_promotion(struct txn *t, const struct entry *n, struct err *e)
{
	char stage[WORD_SIZE];
	uint64_t number, targets;
	struct stage_mark *s;
	struct model_row m;
	json_t *proofs;
	int rc = model_of(t, n, &m, e);

	if (rc == 0)
		rc = body_string(n, "stage", stage, sizeof stage, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "number", n->type, &number, e);
	if (rc == 0)
		rc = json_get_u64(n->body, "targets", n->type, &targets, e);
	if (rc == 0)
		rc = json_get_array(n->body, "proofs", n->type, &proofs, e);
	if (rc < 0)
		return rc;
	s = stage_mark_of(&m, stage);
	if (!s)
		return refuse(n, e, "more stages than there may be");
	s->number = number;
	s->promotion_seq = n->seq;
	s->time_s = n->time_s;
	s->targets = (uint32_t)targets;
	s->proofs = proofs_from_json(proofs);
	return model_put(t, &m, e);
}

struct newest {
	uint64_t except;
	struct version_row row;
	bool found;
};

static int
newest_live(void *arg, const struct version_row *v)
{
	struct newest *w = arg;

	if (v->life == LIFE_DELETED || v->number == w->except)
		return 0;
	w->row = *v;
	w->found = true;
	return 1;
}

static int
put_delete(struct txn *t, const struct entry *n, struct err *e)
{
	struct newest w = { 0 };
	struct version_row v;
	struct model_row m;
	int rc = model_of(t, n, &m, e);

	if (rc == 0)
		rc = json_get_u64(n->body, "number", n->type, &w.except, e);
	if (rc < 0)
		return rc;
	rc = version_get(t, n->model, w.except, &v, e);
	if (rc < 0 || v.life == LIFE_DELETED)
		return rc < 0 && rc != -ERR_NOT_FOUND ? rc : refuse(n, e, "no version to delete");
	v.life = LIFE_DELETED;
	rc = version_put(t, &v, e);
	if (rc == 0)
		rc = version_each(t, n->model, 0, newest_live, &w, e);
	if (rc < 0)
		return rc;
	m.live_n--;
	if (w.found)
		show_version(&m, &w.row);
	else
		show_version(&m, &(const struct version_row){ 0 });
	return model_put(t, &m, e);
}

const struct entry_type entry_types[] = {
	{ "registry", put_registry },
	{ "policy", put_policy },
	{ "version", put_version },
	{ "label", put_label },
	{ "target", put_target },
	{ "plan", put_plan },
	{ "authorisation", put_authorisation },
	{ "job", put_job },
	{ "promotion", put_promotion },
	{ "delete", put_delete },
	{ NULL, NULL },
};

const struct entry_type *
entry_type_find(const char *name)
{
	for (const struct entry_type *y = entry_types; y->name; y++)
		if (streq(y->name, name))
			return y;
	return NULL;
}

static int
chain(struct txn *t, const struct entry *n, struct err *e)
{
	struct model_row m;
	int rc;

	if (!n->model)
		return 0;
	rc = model_of(t, n, &m, e);
	if (rc < 0)
		return rc;
	if (n->has_previous ? n->previous != m.last_seq : m.last_seq != 0)
		return refuse(n, e, "does not continue its model's chain");
	m.last_seq = n->seq;
	m.updated_s = n->time_s;
	return model_put(t, &m, e);
}

static int
put_entry(struct txn *t, const struct entry *n, struct err *e)
{
	const struct entry_type *y = entry_type_find(n->type);
	int rc;

	if (!y) {
		refuse(n, e, "a type that this version of slipway does not know");
		return err_hint(e, "a newer slipway has written here: use that one");
	}
	rc = y->put(t, n, e);
	return rc < 0 ? rc : chain(t, n, e);
}

int
entry_apply(struct txn *t, const struct log_line *line, struct err *e)
{
	struct applied a;
	struct entry n;
	int rc = applied_get(t, &a, e);

	if (rc < 0)
		return rc;
	if (a.entries != line->seq)
		return err_set(e, ERR_MALFORMED, "log entry %" PRIu64 " is not the next one",
		               line->seq);
	rc = entry_parse(line->json, line->seq, &line->leaf, &n, e);
	if (rc < 0)
		return rc;
	rc = put_entry(t, &n, e);
	if (rc == 0)
		rc = log_place_put(t, line->seq, line->at, line->length, e);
	if (rc == 0)
		rc = applied_get(t, &a, e); /* a put may have changed it */
	entry_fini(&n);
	if (rc < 0)
		return rc;
	a.entries = line->seq + 1;
	a.end = (struct log_pos){ line->at.segment, line->at.offset + line->length };
	return applied_put(t, &a, e);
}
