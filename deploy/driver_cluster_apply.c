/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to a cluster: server-side apply, guarded by the resourceVersion that was looked at and
 * without force but for fields that the plan names, and when those alone are in conflict. A write
 * without an answer is looked for and, when it did not happen, sent again: the same bytes, so never
 * a second, different write. What was there before stands in a ConfigMap beside, written before the
 * switch, as the object's own metadata would restart its pods.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

#define SEND_TRIES 5

struct sending {
	struct cluster *c;
	const struct rollout *q;
	const struct precondition *p; /* NULL: this object is not the one that switches */
	json_t *object;               /* stamped */
	char name[160];               /* "Deployment fraud" */
	struct buf path, body;
};

static void
sending_fini(struct sending *s)
{
	buf_fini(&s->path);
	buf_fini(&s->body);
	json_decref(s->object);
}

static int
sending_init(struct cluster *c, const struct rollout *q, const struct precondition *p,
             const json_t *object, struct sending *ret, struct err *e)
{
	*ret = (struct sending){ .c = c, .q = q, .p = p, .object = json_deep_copy(object) };
	cluster_stamp(ret->object, q, &c->t->identity);
	(void)snprintf(ret->name, sizeof ret->name, "%s %s", kube_text(object, "kind"),
	               kube_text(object, "metadata.name"));
	json_canonical(ret->object, &ret->body);
	return cluster_path(object, &ret->path, e);
}

/* Is all that was sent there, and by us? */
static bool
is_there(const struct sending *s, const json_t *live)
{
	cleanup_json json_t *ours = live ? kube_extract(live, KUBE_FIELD_MANAGER) : NULL;
	struct kube_changes c = { 0 };
	bool same;

	if (!ours)
		return false;
	kube_drift(s->object, live, KUBE_FIELD_MANAGER, &c);
	kube_drift(ours, s->object, KUBE_FIELD_MANAGER, &c); /* and nothing of ours beyond it */
	same = c.n == 0;
	kube_changes_fini(&c);
	return same;
}


bool
cluster_may_take(const struct rollout *q, const struct kube_reply *r)
{
	for (size_t i = 0; i < r->conflicts_n; i++) {
		bool is_named = false;

		for (size_t k = 0; k < q->take_n; k++)
			is_named = is_named || streq(q->take[k], r->conflicts[i].field);
		if (!is_named || streq(r->conflicts[i].manager, CLUSTER_AUTOSCALER))
			return false;
	}
	return r->conflicts_n > 0;
}

static int
say_conflicts(const struct sending *s, const struct kube_reply *r, struct err *e)
{
	const struct kube_conflict *c = r->conflicts;

	err_set(e, ERR_CONFLICT, "%s: \"%s\" belongs to \"%s\"%s%s%s", s->name, c->field,
	        c->manager, c->time[0] ? " since " : "", c->time,
	        r->conflicts_n > 1 ? ", and other fields too" : "");
	return err_hint(e,
	                "take the field out of the target's settings, have \"%s\" give it up, or "
	                "plan it with --take '%s'",
	                c->manager, c->field);
}

/* After an answer that did not come: 1 it happened, 0 it did not, else who knows. A write that is
 * still on its way meets the resourceVersion of the next try, or finds its own bytes there. */
static int
did_it(struct sending *s, const struct err *lost, struct err *e)
{
	cleanup_json json_t *live = NULL;
	struct err look = { 0 };

	*e = *lost;
	if (cluster_get(s->c, s->object, &live, &look) < 0)
		return -(int)e->code;
	return is_there(s, live);
}

/* One try; 1: done, 0: look again. */
static int
send_once(struct sending *s, struct err *e)
{
	cleanup_json json_t *live = NULL;
	struct kube_reply r = { 0 };
	struct cluster_stamp stamp;
	const char *version;
	int rc;

	rc = cluster_get(s->c, s->object, &live, e);
	if (rc < 0)
		return rc;
	cluster_stamp_of(live, &stamp);
	rc = s->p ? cluster_is_as(&stamp, s->name, s->q, s->p, e) : 0;
	if (rc < 0)
		return rc;
	if (is_there(s, live) && (!s->p || rc == 1))
		return 1;
	version = kube_text(live, "metadata.resourceVersion");
	struct kube_apply a = {
		.path = buf_cstr(&s->path),
		.body = buf_str(&s->body),
		.resource_version = *version ? version : NULL,
	};
	rc = kube_apply(s->c->k, &a, &r, e);
	if (rc == -ERR_CONFLICT && a.resource_version && cluster_may_take(s->q, &r)) {
		/* the version that was looked at: what is in conflict now is what was just told */
		kube_reply_fini(&r);
		err_clear(e);
		a.force = true;
		rc = kube_apply(s->c->k, &a, &r, e);
	}
	if (rc == -ERR_CONFLICT && r.conflicts_n > 0)
		rc = say_conflicts(s, &r, e);
	else if (rc == -ERR_CONFLICT)
		rc = 0; /* it has moved: is it still as the plan says? */
	else if (rc == -ERR_OUTCOME_UNKNOWN) {
		const struct err lost = *e;
		rc = did_it(s, &lost, e);
	} else if (rc == 0) {
		rc = 1;
	}
	kube_reply_fini(&r);
	return rc;
}

int
cluster_send(struct cluster *c, const struct rollout *q, const struct precondition *p,
             const json_t *object, struct err *e)
{
	struct sending s;
	struct err last;
	int rc = sending_init(c, q, p, object, &s, e);

	for (unsigned i = 0; rc == 0 && i < SEND_TRIES; i++) {
		last = *e;
		err_clear(e);
		rc = send_once(&s, e);
	}
	if (rc == 0) {
		*e = last;
		rc = e->code == ERR_OUTCOME_UNKNOWN
		             ? -(int)e->code
		             : err_set(e, ERR_CONFLICT, "%s did not rest long enough", s.name);
	}
	sending_fini(&s);
	if (rc > 0)
		err_clear(e);
	return rc < 0 ? rc : 0;
}

/* 1: nobody knows whether it was carried out. Whose it is is read together with its uid: by then
 * somebody may have put another one in its place. */
static int
delete_once(struct cluster *c, const struct rollout *q, const json_t *object, const char *path,
            struct err *e)
{
	cleanup_json json_t *live = NULL;
	int rc = cluster_get(c, object, &live, e);

	if (rc < 0 || !live || kube_at(live, "metadata.deletionTimestamp"))
		return rc;
	if (!(q ? cluster_is_of_model(live, q) : cluster_is_by_us(live)))
		return 0;
	rc = kube_delete(c->k, path, kube_text(live, "metadata.uid"), e);
	if (rc != -ERR_NOT_FOUND && rc != -ERR_OUTCOME_UNKNOWN)
		return rc;
	err_clear(e);
	return rc == -ERR_OUTCOME_UNKNOWN;
}

int
cluster_delete(struct cluster *c, const struct rollout *q, const json_t *object, struct err *e)
{
	cleanup_buf struct buf path = { 0 };
	int rc = cluster_path(object, &path, e);

	if (rc == 0)
		rc = delete_once(c, q, object, buf_cstr(&path), e);
	/* that very object again, if it is still there: it goes once, however often it is asked */
	for (unsigned i = 1; rc == 1 && i < SEND_TRIES; i++) {
		rc = delete_once(c, q, object, buf_cstr(&path), e);
		if (rc == -ERR_UNREACHABLE) { /* observe tells */
			err_clear(e);
			rc = 1;
		}
	}
	return rc < 0 ? rc : 0;
}

/* --- what was there before --- */

static json_t *
record_object(const struct cluster *c, const struct cluster_names *n)
{
	return cluster_named(cluster_namespace(c->t), "v1", "ConfigMap", n->record);
}

/* What our last applies said, of all objects, and what is taken from others as they have it;
 * CONFLICT: somebody has taken it over whole. */
static int
extract_before(struct cluster *c, const struct rollout *q, const json_t *objects, struct buf *ret,
               struct err *e)
{
	cleanup_json json_t *list = json_array();
	const json_t *one;
	size_t i;

	json_array_foreach(objects, i, one)
	{
		cleanup_json json_t *live = NULL, *ours = NULL;
		int rc = cluster_get(c, one, &live, e);

		if (rc < 0)
			return rc;
		if (!live)
			continue;
		ours = kube_extract(live, KUBE_FIELD_MANAGER);
		if (!ours)
			return err_set(e, ERR_CONFLICT,
			               "%s \"%s\": none of its fields are Slipway's any more",
			               kube_text(one, "kind"), kube_text(one, "metadata.name"));
		if (q->take_n > 0)
			kube_add_foreign(one, live, KUBE_FIELD_MANAGER, ours);
		/* a newcomer of this plan was not there before it */
		if (c->s.canary == CANARY_LIST)
			json_object_del(json_object_get(ours, "spec"), "canary");
		json_array_append(list, ours);
	}
	json_canonical(list, ret);
	return 0;
}

/* Once for a plan: what this job has written itself is not what was there before. */
static int
record_before(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
              const json_t *objects, struct err *e)
{
	cleanup_json json_t *record = record_object(c, n), *live = NULL;
	cleanup_buf struct buf before = { 0 };
	int rc;

	rc = cluster_get(c, record, &live, e);
	if (rc < 0)
		return rc;
	if (q->plan_id && streq(kube_text(live, "data.plan"), q->plan_id))
		return 0;
	rc = extract_before(c, q, objects, &before, e);
	if (rc < 0)
		return rc;
	json_object_set_new(json_object_get(record, "metadata"), "labels",
	                    json_pack("{s:s, s:s}", "app.kubernetes.io/managed-by", "slipway",
	                              "app.kubernetes.io/name", n->object));
	json_object_set_new(record, "data",
	                    json_pack("{s:s, s:s}", "before", buf_cstr(&before), "plan",
	                              q->plan_id ? q->plan_id : ""));
	return cluster_send(c, q, NULL, record, e);
}

static int
read_before(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
            const struct precondition *p, json_t **ret, struct err *e)
{
	cleanup_json json_t *record = record_object(c, n), *live = NULL;
	struct cluster_stamp stamp;
	int rc;

	rc = cluster_get(c, record, &live, e);
	if (rc < 0)
		return rc;
	if (!live || !q->plan_id || !streq(kube_text(live, "data.plan"), q->plan_id))
		return err_set(e, ERR_ROLLOUT_FAILED,
		               "ConfigMap \"%s\" does not say what was there before this plan",
		               n->record);
	rc = json_parse(str_of(kube_text(live, "data.before")), n->record, ret, e);
	if (rc < 0)
		return rc;
	cluster_stamp_of(json_array_get(*ret, 0), &stamp);
	if (!stamp.is_ours || !digest_eq(&stamp.version, &p->version) ||
	    !streq(stamp.registry, q->registry_id) || !streq(stamp.model, q->model))
		return err_set(e, ERR_CONFLICT,
		               "ConfigMap \"%s\" holds another version than the stage did",
		               n->record);
	return 0;
}

/* --- the switch --- */

/* Taken up by another tool since the plan was made. */
static int
is_left_to_us(const json_t *live, struct err *e)
{
	const char *owner = cluster_foreign_owner(live);

	if (!owner)
		return 0;
	err_set(e, ERR_CONFLICT, "\"%s\" is managed by %s, which would put it back",
	        kube_text(live, "metadata.name"), owner);
	return err_hint(e, "write the files for that tool: a target with --driver manifest");
}

static int
is_as(struct cluster *c, const json_t *main_object, const struct rollout *q,
      const struct precondition *p, struct err *e)
{
	cleanup_json json_t *live = NULL;
	struct cluster_stamp stamp;
	int rc;

	rc = cluster_get(c, main_object, &live, e);
	if (rc < 0)
		return rc;
	cluster_stamp_of(live, &stamp);
	rc = cluster_is_as(&stamp, kube_text(main_object, "metadata.name"), q, p, e);
	return rc == 0 && live ? is_left_to_us(live, e) : rc;
}

/* All that the first one needs comes first. */
static int
send_all(struct cluster *c, const struct rollout *q, const struct precondition *p,
         const json_t *objects, struct err *e)
{
	int rc = 0;

	for (size_t i = json_array_size(objects); rc == 0 && i-- > 0;)
		rc = cluster_send(c, q, i == 0 ? p : NULL, json_array_get(objects, i), e);
	return rc;
}

static int
delete_all(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
           const json_t *objects, struct err *e)
{
	cleanup_json json_t *record = record_object(c, n);
	const json_t *one;
	size_t i;
	int rc = 0;

	json_array_foreach(objects, i, one)
	{
		if (rc == 0)
			rc = cluster_delete(c, q, one, e);
	}
	if (rc == 0)
		rc = cluster_delete(c, NULL, record, e);
	return rc;
}

int
cluster_carry_out(struct cluster *c, const struct rollout *q, struct str rendered,
                  const struct precondition *p, struct err *e)
{
	cleanup_json json_t *j = NULL;
	const json_t *apply, *gone;
	struct cluster_names n;
	int rc;

	rc = json_parse(rendered, "rendered objects", &j, e);
	if (rc == 0)
		rc = cluster_names(c, q->model, &n, e);
	if (rc == 0)
		rc = cluster_kube(c, e);
	if (rc < 0)
		return rc;
	apply = json_object_get(j, "apply");
	gone = json_object_get(j, "delete");
	rc = is_as(c, json_array_get(apply ? apply : gone, 0), q, p, e);
	if (rc < 0)
		return rc;
	if (gone) {
		rc = kubernetes_drop_canary(c, q, &n, e);
		return rc < 0 ? rc : delete_all(c, q, &n, gone, e);
	}
	if (rc == 0 && !p->empty)
		rc = record_before(c, q, &n, apply, e);
	return rc < 0 ? rc : send_all(c, q, p, apply, e);
}

int
cluster_apply(void *st, const struct rollout *q, struct str rendered, const struct precondition *p,
              struct err *e)
{
	struct cluster *c = st;
	cleanup_buf struct buf now = { 0 };
	int rc;

	rc = cluster_render(c->t, c->kind, q, &now, e);
	if (rc < 0)
		return rc;
	if (!str_eq(rendered, buf_str(&now)))
		return err_set(e, ERR_CONFLICT,
		               "the plan does not say what would be done at \"%s\"", c->t->name);
	return cluster_carry_out(c, q, rendered, p, e);
}

int
cluster_rollback_to(void *st, const struct rollout *q, const struct snapshot *s,
                    const struct precondition *p, struct err *e)
{
	struct cluster *c = st;
	struct cluster_names n;
	int rc = cluster_names(c, q->model, &n, e);

	if (rc == 0)
		rc = cluster_kube(c, e);
	if (rc == 0)
		rc = kubernetes_drop_canary(c, q, &n, e);
	return rc < 0 ? rc : cluster_carry_out(st, q, s->rendered, p, e);
}

/* Names alone, in the order of the rendering. */
static json_t *
objects_of(const struct cluster *c, const struct cluster_names *n)
{
	const char *ns = cluster_namespace(c->t);
	json_t *a = json_array();

	json_array_append_new(a, cluster_object(c, n));
	if (c->kind == CLUSTER_KUBERNETES)
		json_array_append_new(a, cluster_named(ns, "v1", "Service", n->object));
	return a;
}

/* The old objects as they were sent, with the stamps of their own plan. */
static int
put_back(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
         const struct precondition *p, struct err *e)
{
	const struct rollout as_was = { .registry_id = q->registry_id, .model = q->model };
	const struct precondition ours = { .plan_id = q->plan_id };
	cleanup_json json_t *before = NULL;
	int rc;

	rc = read_before(c, q, n, p, &before, e);
	return rc < 0 ? rc : send_all(c, &as_was, &ours, before, e);
}

int
cluster_abort(void *st, const struct rollout *q, const struct precondition *p, struct err *e)
{
	struct cluster *c = st;
	cleanup_json json_t *objects = NULL, *live = NULL;
	struct cluster_stamp stamp;
	struct cluster_names n;
	int rc;

	rc = cluster_names(c, q->model, &n, e);
	if (rc == 0)
		rc = cluster_kube(c, e);
	if (rc < 0)
		return rc;
	objects = objects_of(c, &n);
	rc = kubernetes_drop_canary(c, q, &n, e);
	if (rc == 0)
		rc = kserve_drop_newcomer(c, q, &n, e);
	if (rc == 0)
		rc = cluster_get(c, json_array_get(objects, 0), &live, e);
	if (rc < 0)
		return rc;
	cluster_stamp_of(live, &stamp);
	if (!stamp.exists && p->empty)
		return delete_all(c, q, &n, objects, e);
	/* as it was: never changed, or put back before */
	if (!p->empty && stamp.is_ours && digest_eq(&stamp.version, &p->version) &&
	    !streq(stamp.plan_id, q->plan_id))
		return 0;
	if (!streq(stamp.plan_id, q->plan_id ? q->plan_id : "") && stamp.exists)
		return err_set(e, ERR_CONFLICT,
		               "\"%s\" carries v%" PRIu64
		               " now, which is not from this job: it is left alone",
		               n.object, stamp.number);
	return p->empty ? delete_all(c, q, &n, objects, e) : put_back(c, q, &n, p, e);
}
