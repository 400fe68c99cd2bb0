/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drift of a cluster's objects, field by field: what was sent, what is there, who has it now and
 * since when. What others own beside it is none, nor are replicas that an autoscaler sets; what
 * only the target's settings say otherwise by now is told as that.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

struct drift {
	struct cluster *c;
	bool is_same;    /* the target's settings are those that were sent */
	bool is_version; /* the object carries the version that it should */
	char object[160];
	json_t *rows;
};

bool
cluster_is_drift(const struct kube_change *one, bool is_same)
{
	if (one->is_autoscaled)
		return false;
	return is_same || (one->after && !one->is_ours);
}

static void
set_text(json_t *o, const char *key, const char *s)
{
	json_object_set_new(o, key, s && *s ? json_string(s) : json_null());
}

struct row {
	const char *field, *what, *sent, *found, *wanted, *by, *since;
};

static void
add_row(struct drift *d, const struct row *r)
{
	json_t *o = json_object();

	set_text(o, "object", d->object);
	set_text(o, "field", r->field);
	set_text(o, "what", r->what);
	set_text(o, "sent", r->sent);
	set_text(o, "found", r->found);
	set_text(o, "wanted", r->wanted);
	set_text(o, "by", r->by);
	set_text(o, "since", r->since);
	json_array_append_new(d->rows, o);
}

static void
add_change(struct drift *d, const struct kube_change *one)
{
	const bool is_setting = d->is_version && !cluster_is_drift(one, d->is_same);
	struct row r = {
		.field = one->field,
		.what = is_setting   ? "setting"
		        : one->after ? "changed"
		                     : "removed",
		.sent = one->before,
		.found = one->after,
		.wanted = one->before,
		.by = one->manager[0] ? one->manager
		      : one->is_ours  ? KUBE_FIELD_MANAGER
		                      : NULL,
		.since = one->since,
	};

	if (!d->is_same) /* what the settings said then is known only where it still stands */
		r.sent = one->is_ours ? one->after : NULL;
	add_row(d, &r);
}

/* What our last apply said and the settings no longer do. Stamps are of the plan and no setting. */
static void
add_beyond(struct drift *d, const json_t *wanted, const json_t *live)
{
	cleanup_json json_t *ours = kube_extract(live, KUBE_FIELD_MANAGER);
	struct kube_changes c = { 0 };

	if (ours)
		kube_drift(ours, wanted, KUBE_FIELD_MANAGER, &c);
	vec_foreach(one, &c) {
		const struct row r = {
			.field = one->field,
			.what = "setting",
			.sent = one->before,
			.found = one->before,
			.by = KUBE_FIELD_MANAGER,
		};

		if (!one->after && !strstr(one->field, ".slipway.dev/"))
			add_row(d, &r);
	}
	kube_changes_fini(&c);
}

static int
drift_of(struct drift *d, const json_t *wanted, const struct rollout *q, struct err *e)
{
	cleanup_json json_t *live = NULL;
	struct kube_changes c = { 0 };
	struct cluster_stamp stamp;
	int rc = cluster_get(d->c, wanted, &live, e);

	if (rc < 0)
		return rc;
	(void)snprintf(d->object, sizeof d->object, "%s %s", kube_text(wanted, "kind"),
	               kube_text(wanted, "metadata.name"));
	if (!live) {
		add_row(d, &(struct row){ .what = "gone" });
		return 0;
	}
	/* the first object alone is stamped; the others go with it */
	cluster_stamp_of(live, &stamp);
	if (stamp.is_ours) {
		d->is_same = digest_eq(&stamp.target, &d->c->t->identity);
		d->is_version = digest_eq(&stamp.version, &q->version);
	}
	kube_drift(wanted, live, KUBE_FIELD_MANAGER, &c);
	vec_foreach(one, &c) {
		if (!one->is_autoscaled)
			add_change(d, one);
	}
	kube_changes_fini(&c);
	if (!d->is_same && d->is_version)
		add_beyond(d, wanted, live);
	return 0;
}

int
cluster_drift(void *st, const struct rollout *q, json_t **ret, struct err *e)
{
	struct drift d = { .c = st, .is_same = true };
	cleanup_json json_t *wanted = NULL, *rows = json_array();
	const json_t *one;
	size_t i;
	int rc;

	d.rows = rows;
	*ret = NULL;
	if (q->empty || !q->files) /* what was sent cannot be made again */
		return 0;
	rc = cluster_kube(d.c, e);
	if (rc == 0)
		rc = cluster_wanted(d.c, q, &wanted, e);
	json_array_foreach(json_object_get(wanted, "apply"), i, one)
	{
		if (rc == 0)
			rc = drift_of(&d, one, q, e);
	}
	if (rc == 0)
		*ret = json_incref(rows);
	return rc;
}
