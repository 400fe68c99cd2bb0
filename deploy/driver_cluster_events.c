/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cluster's controllers said lately of a model's objects: the object itself, its pods and
 * what made them. Events live for an hour or so there; those of pods that are gone are among them
 * as long as what made them is known.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"
#include "registry/base/clock.h"
#include "registry/base/vec.h"

#define EVENTS_MAX 5000 /* of the namespace, that are looked through */
#define SHOWN_MAX  200  /* newest of ours */
#define TEXT_MAX   1024 /* Kubernetes' own bound of a message */

struct ours {
	const struct cluster_names *names;
	VEC(char *) pods, sets; /* replica sets: what is gone began with their names; owned */
};

/* "face-7d9" is a set's own name and begins that of its pod "face-7d9-x7k2". */
static bool
is_or_begins(const char *set, const char *name)
{
	const size_t n = strlen(set);

	return n > 0 && strncmp(set, name, n) == 0 && (name[n] == '\0' || name[n] == '-');
}

static bool
is_ours(const struct ours *o, const char *name)
{
	if (streq(name, o->names->object) || streq(name, o->names->deployment))
		return name[0] != '\0';
	for (size_t i = 0; i < o->pods.n; i++)
		if (streq(o->pods.v[i], name))
			return true;
	for (size_t i = 0; i < o->sets.n; i++)
		if (is_or_begins(o->sets.v[i], name))
			return true;
	return false;
}

/* Who may not list pods sees the object's own events. */
static int
ours_find(struct cluster *c, struct ours *ret, struct err *e)
{
	cleanup_json json_t *pods = NULL;
	const json_t *pod, *owner;
	size_t i, k;
	const int rc = cluster_all_pods(c, ret->names, &pods, e);

	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(pods, "items"), i, pod)
	{
		vec_push(&ret->pods, xstrdup(kube_text(pod, "metadata.name")));
		json_array_foreach(kube_at(pod, "metadata.ownerReferences"), k,
		                   owner) if (streq(kube_text(owner, "kind"), "ReplicaSet"))
		        vec_push(&ret->sets, xstrdup(kube_text(owner, "name")));
	}
	return 0;
}

static int64_t
time_of(const json_t *event)
{
	static const char *const places[] = { "series.lastObservedTime", "lastTimestamp",
		                              "eventTime", "metadata.creationTimestamp" };
	int64_t s = 0;

	for (size_t i = 0; i < COUNT(places) && s == 0; i++)
		s = kube_time(event, places[i]);
	return s;
}

struct row {
	int64_t time_s;
	const json_t *event;
};

static int
by_time(const void *a, const void *b)
{
	const struct row *const x = a, *const y = b;

	return x->time_s < y->time_s ? -1 : x->time_s > y->time_s;
}

/* Exact, but cut where a character begins. */
static void
text_set(json_t *o, const char *key, const char *text)
{
	size_t n = strlen(text);

	if (n > TEXT_MAX)
		for (n = TEXT_MAX; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
			n--;
	json_object_set_new(o, key, json_stringn(text, n));
}

static json_t *
row_json(const struct row *r)
{
	const int64_t series = kube_number(r->event, "series.count", 0);
	json_t *const o = json_object();
	char time[CLOCK_TEXT_SIZE];

	clock_text(time, r->time_s);
	json_object_set_new(o, "time", r->time_s > 0 ? json_string(time) : json_null());
	text_set(o, "type", kube_text(r->event, "type"));
	text_set(o, "reason", kube_text(r->event, "reason"));
	text_set(o, "object", kube_text(r->event, "involvedObject.name"));
	text_set(o, "text", kube_text(r->event, "message"));
	json_object_set_new(o, "count",
	                    json_integer(series > 0 ? series : kube_number(r->event, "count", 1)));
	return o;
}

static void
ours_fini(struct ours *o)
{
	vec_foreach(name, &o->pods)
		free(*name);
	vec_fini(&o->pods);
	vec_foreach(set, &o->sets)
		free(*set);
	vec_fini(&o->sets);
}

int
cluster_events(void *st, const char *model, json_t **ret, struct err *e)
{
	struct cluster *const c = st;
	cleanup_buf struct buf path = { 0 };
	cleanup_json json_t *all = NULL;
	struct cluster_names n;
	struct ours ours = { .names = &n };
	VEC(struct row) rows = { 0 };
	const json_t *event;
	size_t i;
	int rc = cluster_kube(c, e);

	if (rc == 0)
		rc = cluster_names(c, model, &n, e);
	if (rc < 0)
		return rc;
	rc = ours_find(c, &ours, e);
	kube_path(&path, "", "v1", cluster_namespace(c->t), "events", NULL, NULL);
	if (rc == 0)
		rc = kube_list(c->k, buf_cstr(&path), NULL, EVENTS_MAX, &all, e);
	json_array_foreach(json_object_get(all, "items"), i,
	                   event) if (is_ours(&ours, kube_text(event, "involvedObject.name")))
	        vec_push(&rows, ((struct row){ time_of(event), event }));
	if (rows.n > 0)
		qsort(rows.v, rows.n, sizeof *rows.v, by_time);
	if (rc == 0)
		*ret = json_array();
	for (i = rows.n > SHOWN_MAX ? rows.n - SHOWN_MAX : 0; rc == 0 && i < rows.n; i++)
		json_array_append_new(*ret, row_json(&rows.v[i]));
	vec_fini(&rows);
	ours_fini(&ours);
	return rc;
}
