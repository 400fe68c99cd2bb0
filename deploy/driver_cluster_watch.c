/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes in a namespace of a cluster, told by the names of our objects. Each stream is one
 * kind of all that is ours there, so that a hundred targets of a namespace need no more
 * connections than one. What an event holds is not looked at: observe says what is true now.
 */
#include "deploy/driver_cluster.h"

#include <string.h>

#include "deploy/kube.h"

#define OF_SERVICE  "serving.kserve.io/inferenceservice"
#define STREAMS     3
#define OBJECTS_MAX 10000
#define OURS        "app.kubernetes.io/managed-by=slipway"

static const struct kind {
	const char *group, *version, *plural, *selector, *label; /* label NULL: its own name */
} of_kserve[STREAMS] = {
	{ "", "v1", "pods", OF_SERVICE, OF_SERVICE },
	{ "serving.kserve.io", "v1beta1", "inferenceservices", OURS, NULL },
	{ "apps", "v1", "deployments", OF_SERVICE, OF_SERVICE },
}, of_kubernetes[STREAMS] = {
	{ "", "v1", "pods", OURS, "app.kubernetes.io/name" },
	{ "apps", "v1", "deployments", OURS, "app.kubernetes.io/name" },
	{ "", "v1", "services", OURS, "app.kubernetes.io/name" },
};

int
cluster_watch_place(void *st, const struct rollout *q, struct watch_place *ret, struct err *e)
{
	const struct cluster *const c = st;
	const struct target *const t = c->t;
	cleanup_buf struct buf text = { 0 };
	struct cluster_names n;
	int rc = cluster_names(c, q->model, &n, e);

	if (rc < 0)
		return rc;
	/* who sees it and who we are there, and what is followed */
	buf_addf(&text, "%d\n%s\n%s\n%s\n%s", (int)c->kind, t->url ? t->url : "",
	         cluster_namespace(t), t->kubeconfig ? t->kubeconfig : "",
	         t->context ? t->context : "");
	*ret = (struct watch_place){ .streams = STREAMS };
	digest_small(text.p, text.n, &ret->place);
	return str_copy(ret->object, sizeof ret->object, n.object);
}

struct seen {
	const struct kind *kind;
	watch_fn *fn;
	void *arg;
	json_t *now;    /* name -> [resourceVersion, object]: what the server has told */
	json_t *before; /* what is not in the list that is being made again is gone; else NULL */
};

static const char *
object_of(const struct seen *s, const json_t *o)
{
	const char *const name =
	        s->kind->label ? json_opt_string(kube_at(o, "metadata.labels"), s->kind->label)
	                       : NULL;

	return name ? name : kube_text(o, "metadata.name");
}

/* Before the first SYNC nothing has changed. */
static int
add(struct seen *s, const json_t *o, bool is_listed, struct err *e)
{
	const char *const name = kube_text(o, "metadata.name");
	const char *const version = kube_text(o, "metadata.resourceVersion");
	const json_t *const old = json_object_get(s->before ? s->before : s->now, name);
	const bool is_same = streq(json_string_value(json_array_get(old, 0)), version);

	if (!old && json_object_size(s->now) >= OBJECTS_MAX)
		return err_set(e, ERR_TOO_BIG, "more than %d %s of ours are there", OBJECTS_MAX,
		               s->kind->plural);
	json_object_set_new(s->now, name, json_pack("[s, s]", version, object_of(s, o)));
	if (is_same || (is_listed && !s->before))
		return 0;
	return s->fn(s->arg, WATCH_CHANGE, object_of(s, o), e);
}

static int
sync(struct seen *s, struct err *e)
{
	json_t *one;
	const char *name;
	int rc = 0;

	json_object_foreach(s->before, name, one)
	{
		if (rc == 0 && !json_object_get(s->now, name))
			rc = s->fn(s->arg, WATCH_CHANGE, json_string_value(json_array_get(one, 1)),
			           e);
	}
	json_decref(s->before);
	s->before = NULL;
	return rc == 0 ? s->fn(s->arg, WATCH_SYNC, NULL, e) : rc;
}

static int
on_event(void *arg, const char *type, const json_t *o, struct err *e)
{
	struct seen *const s = arg;

	if (streq(type, "LOST"))
		return s->fn(s->arg, WATCH_LOST, NULL, e);
	if (streq(type, "SYNC"))
		return sync(s, e);
	if (streq(type, "RESET")) {
		/* a list that broke off is made again: what was known before it still counts */
		if (s->before) {
			json_object_update(s->before, s->now);
			json_decref(s->now);
		} else {
			s->before = s->now;
		}
		s->now = json_object();
		return 0;
	}
	if (streq(type, "DELETED")) {
		(void)json_object_del(s->now, kube_text(o, "metadata.name"));
		return s->fn(s->arg, WATCH_CHANGE, object_of(s, o), e);
	}
	return add(s, o, false, e);
}

int
cluster_watch(void *st, unsigned stream, watch_fn *fn, void *arg, struct err *e)
{
	struct cluster *const c = st;
	cleanup_buf struct buf path = { 0 }, query = { 0 };
	struct seen s = { .fn = fn, .arg = arg };
	int rc = cluster_kube(c, e);

	if (rc < 0)
		return rc;
	s.kind = c->kind == CLUSTER_KSERVE ? &of_kserve[stream] : &of_kubernetes[stream];
	kube_path(&path, s.kind->group, s.kind->version, cluster_namespace(c->t), s.kind->plural,
	          NULL, NULL);
	buf_adds(&query, "labelSelector=");
	http_escape(&query, s.kind->selector);
	s.now = json_object();
	rc = kube_watch(c->k, buf_cstr(&path), buf_cstr(&query), 0, on_event, &s, e);
	json_decref(s.now);
	json_decref(s.before);
	return rc;
}
