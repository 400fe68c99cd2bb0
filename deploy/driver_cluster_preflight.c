/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would keep a version from being served by a cluster, found before anything is written:
 * rights, namespace, owners, room, bytes, and what the server's own dry run refuses. Reads only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

/* Without these a look is poorer; without the others nothing works. */
static bool
is_optional(const json_t *one)
{
	static const char *const fewer[] = {
		"pods",           "pods/log", "pods/proxy", "events", "clusterservingruntimes",
		"servingruntimes"
	};

	for (size_t i = 0; i < COUNT(fewer); i++) {
		if (streq(kube_text(one, "resource"), fewer[i]))
			return true;
	}
	return false;
}

static void
check_rights(const json_t *about, struct findings *ret)
{
	const json_t *one;
	size_t i, all = 0;

	json_array_foreach(json_object_get(about, "may"), i, one)
	{
		const bool is_less = is_optional(one);

		all++;
		if (!streq(kube_text(one, "state"), "no"))
			continue;
		findings_add(ret, is_less ? FINDING_WARN : FINDING_BLOCK, "rights",
		             is_less ? "less can be proved and shown without it"
		                     : "have the cluster's administrator allow it",
		             "user \"%s\" may not %s %s", kube_text(about, "identity"),
		             kube_text(one, "verb"), kube_text(one, "resource"));
		all = SIZE_MAX / 2;
	}
	if (all < SIZE_MAX / 2)
		findings_add(ret, FINDING_OK, "rights", NULL, "user \"%s\" may do what is needed",
		             kube_text(about, "identity"));
}

/* Where it would be done, and as whom: read before anything else. */
static void
say_where(const struct cluster *c, const json_t *about, struct findings *ret)
{
	const struct kubeconfig *const k = &c->access.config;
	const char *const by = kube_text(about, "impersonates");

	findings_add(ret, FINDING_OK, "where", NULL,
	             "cluster %s%s%s%s%s%s, namespace \"%s\", as \"%s\"%s", k->cluster ? "\"" : "",
	             k->cluster ? k->cluster : k->server, k->cluster ? "\"" : "",
	             k->context ? ", context \"" : "", k->context ? k->context : "",
	             k->context ? "\"" : "", cluster_namespace(c->t), kube_text(about, "identity"),
	             *by ? ", whom you impersonate" : "");
}

static void
check_place(const struct cluster *c, const json_t *about, struct findings *ret)
{
	const char *state = kube_text(about, "namespace.state");
	const json_t *one;
	size_t i;

	if (streq(state, "missing"))
		findings_add(ret, FINDING_BLOCK, "namespace", "make it, or name another one",
		             "namespace \"%s\" is not there", cluster_namespace(c->t));
	else if (streq(state, "ending"))
		findings_add(ret, FINDING_BLOCK, "namespace",
		             "wait until it is gone, then make it again",
		             "namespace \"%s\" is being deleted", cluster_namespace(c->t));
	json_array_foreach(json_object_get(about, "apis"), i, one)
	{
		if (streq(kube_text(one, "state"), "missing"))
			findings_add(ret, FINDING_BLOCK, "api",
			             "have its operator installed in the cluster",
			             "the cluster does not know the API \"%s\"",
			             kube_text(one, "group"));
	}
}

/* While a rollout runs, the newcomer's GPUs are needed beside the old ones. */
static void
check_gpus(const struct cluster *c, const json_t *about, struct findings *ret)
{
	const int64_t spare = kube_number(about, "gpus.free", -1);
	const uint64_t need = c->s.no_surge ? 0 : c->s.gpus;

	if (c->s.gpus == 0)
		return;
	if (spare < 0)
		findings_add(ret, FINDING_UNKNOWN, "gpus", NULL, "free GPUs cannot be seen: %s",
		             kube_text(about, "gpus.why"));
	else if ((uint64_t)spare < need)
		findings_add(ret, FINDING_BLOCK, "gpus",
		             "free one, or let the old pod go first: --set no-surge=true",
		             "a new pod needs %" PRIu64 " GPU%s beside the old one, and %" PRId64
		             " %s free",
		             need, need == 1 ? "" : "s", spare, spare == 1 ? "is" : "are");
	else
		findings_add(ret, FINDING_OK, "gpus", NULL, "%" PRId64 " GPU%s free", spare,
		             spare == 1 ? " is" : "s are");
}

static void
add_foreign(const char *name, const char *owner, struct findings *ret)
{
	findings_add(ret, FINDING_BLOCK, "foreign-owner",
	             "write the files for that tool instead: a target with --driver manifest",
	             "\"%s\" is managed by %s, which would put it back", name, owner);
}

/* The Service carries no version, but whose it is. */
static int
check_service(struct cluster *c, const struct cluster_names *n, const struct rollout *q,
              struct findings *ret, struct err *e)
{
	cleanup_json json_t *named =
	        cluster_named(cluster_namespace(c->t), "v1", "Service", n->object);
	cleanup_json json_t *live = NULL;
	const char *owner;
	int rc;

	if (c->kind != CLUSTER_KUBERNETES)
		return 0;
	rc = cluster_get(c, named, &live, e);
	if (rc == -ERR_DENIED) {
		err_clear(e); /* check_rights says so */
		return 0;
	}
	if (rc < 0 || !live)
		return rc;
	owner = cluster_foreign_owner(live);
	if (owner)
		add_foreign(n->object, owner, ret);
	else if (!cluster_is_of_model(live, q))
		findings_add(ret, FINDING_BLOCK, "foreign-object",
		             "give the target another --object, or remove it there first",
		             "the Service \"%s\" is there already, and is not of this model",
		             n->object);
	return 0;
}

static void
check_owner(const struct cluster_names *n, const struct rollout *q, const json_t *live,
            struct findings *ret)
{
	const char *owner = cluster_foreign_owner(live);
	struct cluster_stamp s;

	cluster_stamp_of(live, &s);
	if (!s.exists)
		return;
	if (owner) {
		add_foreign(n->object, owner, ret);
		return;
	}
	if (s.is_going)
		findings_add(ret, q->empty ? FINDING_WARN : FINDING_BLOCK, "being-deleted",
		             "wait until it is gone", "\"%s\" is being deleted: %s", n->object,
		             s.waits);
	else if (!s.is_ours)
		findings_add(ret, FINDING_BLOCK, "foreign-object",
		             "give the target another --object, or remove it there first",
		             "\"%s\" is there already, and Slipway did not make it", n->object);
	else if (!streq(s.registry, q->registry_id) || !streq(s.model, q->model))
		findings_add(ret, FINDING_BLOCK, "foreign-object",
		             "give the target of this model another --object",
		             "\"%s\" holds \"%.100s\" of the registry %.64s", n->object, s.model,
		             s.registry);
}

/* Somebody has stopped it: what is written there is not carried out before he lets it go on. */
static void
check_suspended(const struct cluster_names *n, const json_t *live, struct findings *ret)
{
	const char *stop = json_opt_string(kube_at(live, "metadata.annotations"),
	                                   "serving.kserve.io/stop");

	if (json_is_true(kube_at(live, "spec.paused")))
		findings_add(ret, FINDING_BLOCK, "paused", "kubectl rollout resume it first",
		             "\"%s\" is paused (spec.paused): no pod would be replaced",
		             n->object);
	else if (stop && streq(stop, "true"))
		findings_add(ret, FINDING_BLOCK, "paused", "take the annotation off first",
		             "\"%s\" is stopped (annotation serving.kserve.io/stop): nothing "
		             "would run",
		             n->object);
}

/* replicas that somebody scales are his */
static void
check_scaler(const struct cluster *c, const struct rollout *q, const json_t *live,
             struct findings *ret)
{
	const struct kube_field replicas = { .v = { { .key = "spec" }, { .key = "replicas" } },
		                             .n = 2 };
	const char *hint = "take the setting \"replicas\" out of the target";
	bool is_taken = false;
	char owner[128];

	for (size_t i = 0; i < q->take_n; i++)
		is_taken = is_taken || streq(q->take[i], ".spec.replicas");
	if (c->kind != CLUSTER_KUBERNETES || !c->s.replicas || !live)
		return;
	kube_other_owner(live, KUBE_FIELD_MANAGER, &replicas, owner);
	if (!owner[0] || kube_is_owned(live, KUBE_FIELD_MANAGER, &replicas))
		return;
	/* a person has set them; an autoscaler would do so again */
	if (is_taken && !streq(owner, CLUSTER_AUTOSCALER))
		return;
	if (!streq(owner, CLUSTER_AUTOSCALER))
		hint = "take the setting \"replicas\" out of the target, or plan it with --take "
		       ".spec.replicas";
	/* as many as we would say: nothing to fight about today */
	findings_add(ret,
	             kube_number(live, "spec.replicas", 1) == (int64_t)c->s.replicas
	                     ? FINDING_WARN
	                     : FINDING_BLOCK,
	             "autoscaled", hint, "its replicas are scaled by \"%s\"", owner);
}

static int
check_claim(struct cluster *c, struct findings *ret, struct err *e)
{
	const char *claim = c->s.store + strlen("pvc://");
	cleanup_free char *name = xstrndup(claim, strcspn(claim, "/"));
	cleanup_buf struct buf path = { 0 };
	cleanup_json json_t *live = NULL;
	int rc;

	kube_path(&path, "", "v1", cluster_namespace(c->t), "persistentvolumeclaims", name, NULL);
	rc = kube_get(c->k, buf_cstr(&path), &live, e);
	if (rc == -ERR_NOT_FOUND)
		findings_add(ret, FINDING_BLOCK, "claim", "make it, or name another store",
		             "there is no PersistentVolumeClaim \"%s\"", name);
	else if (rc == -ERR_DENIED)
		findings_add(ret, FINDING_UNKNOWN, "claim", NULL,
		             "the claim \"%s\" cannot be looked at", name);
	else if (rc == 0 && streq(kube_text(live, "status.phase"), "Lost"))
		findings_add(ret, FINDING_BLOCK, "claim", "bind it to a volume again",
		             "the claim \"%s\" has lost its volume", name);
	else if (rc < 0)
		return rc;
	err_clear(e);
	return 0;
}

static int
check_store(struct cluster *c, struct findings *ret, struct err *e)
{
	char detail[256] = "";
	struct err bad = { 0 };

	if (cluster_store_probe(c, detail, &bad) < 0)
		findings_add(ret, FINDING_BLOCK, "store",
		             bad.hint[0] ? bad.hint : "bytes must get there before they are served",
		             "the store cannot be written: %s", bad.msg);
	else
		findings_add(ret, FINDING_OK, "store", NULL, "store \"%s\": %s", c->s.store,
		             detail);
	return has_prefix(c->s.store, "pvc://") ? check_claim(c, ret, e) : 0;
}

static int
look_before(struct cluster *c, const struct rollout *q, struct findings *ret, struct err *e)
{
	struct kube_questions ask = c->about->first;
	cleanup_json json_t *about = NULL, *named = NULL, *live = NULL;
	struct cluster_names n;
	int rc;

	ask.no_gpus = c->s.gpus == 0;
	rc = cluster_names(c, q->model, &n, e);
	if (rc == 0)
		rc = cluster_kube(c, e);
	if (rc == 0)
		rc = kube_target_test(&c->access, c->t, &ask, &about, e);
	if (rc < 0)
		return rc;
	say_where(c, about, ret);
	check_rights(about, ret);
	check_place(c, about, ret);
	named = cluster_object(c, &n);
	rc = cluster_get(c, named, &live, e);
	if (rc < 0)
		return rc;
	check_owner(&n, q, live, ret);
	rc = check_service(c, &n, q, ret, e);
	if (rc < 0 || q->empty)
		return rc;
	check_suspended(&n, live, ret);
	check_scaler(c, q, live, ret);
	check_gpus(c, about, ret);
	rc = kubernetes_check_steps(c, q, live, ret, e);
	if (rc == 0)
		rc = kserve_check_steps(c, q, live, ret, e);
	if (rc == 0 && q->steps_n > 0 && live && c->s.prometheus)
		rc = cluster_check_prometheus(c, q, &n, ret, e);
	if (rc < 0)
		return rc;
	rc = check_store(c, ret, e);
	if (rc == 0 && c->kind == CLUSTER_KSERVE)
		rc = kserve_preflight_runtime(c, q, live, ret, e);
	return rc < 0 ? rc : cluster_dry_run(c, q, ret, e);
}

int
cluster_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e)
{
	struct cluster *c = st;
	int rc;

	cluster_see_once(c);
	rc = look_before(c, q, ret, e);
	cluster_see_anew(c);
	return rc;
}
