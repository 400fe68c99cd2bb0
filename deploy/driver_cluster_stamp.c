/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands on an object: whose it is, which version it carries, which plan wrote it. Ours is
 * what names this registry and this model; what another tool runs is left to that tool. Pure.
 */
#include "deploy/driver_cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static json_t *
child(json_t *o, const char *key)
{
	json_t *sub = json_object_get(o, key);

	if (!sub) {
		sub = json_object();
		json_object_set_new(o, key, sub);
	}
	return sub;
}

static void
stamp_metadata(json_t *metadata, const struct rollout *q, bool is_pod)
{
	json_t *notes = child(metadata, "annotations");

	json_object_set_new(child(metadata, "labels"), CLUSTER_PLAN,
	                    json_stringn(q->plan_id, strnlen(q->plan_id, CLUSTER_LABEL)));
	json_object_set_new(notes, CLUSTER_PLAN, json_string(q->plan_id));
	if (q->job_id && !is_pod)
		json_object_set_new(notes, CLUSTER_JOB, json_string(q->job_id));
}

void
cluster_stamp(json_t *object, const struct rollout *q, const struct digest *target)
{
	json_t *metadata = json_object_get(object, "metadata");
	json_t *template = json_object_get(json_object_get(object, "spec"), "template");

	/* what carries no version is the same for every plan */
	if (!q->plan_id ||
	    !json_object_get(json_object_get(metadata, "annotations"), CLUSTER_VERSION))
		return;
	stamp_metadata(metadata, q, false);
	json_object_set_new(json_object_get(metadata, "annotations"), CLUSTER_TARGET,
	                    json_from_digest(target));
	if (template)
		stamp_metadata(child(template, "metadata"), q, true);
}

static const char *
note(const json_t *live, const char *key)
{
	const char *s = json_opt_string(kube_at(live, "metadata.annotations"), key);

	return s ? s : "";
}

void
cluster_stamp_of(const json_t *live, struct cluster_stamp *ret)
{
	const char *version = note(live, CLUSTER_VERSION), *target = note(live, CLUSTER_TARGET);

	*ret = (struct cluster_stamp){ .exists = live != NULL };
	if (!live)
		return;
	ret->is_going = kube_at(live, "metadata.deletionTimestamp") != NULL;
	if (ret->is_going)
		kube_waits_for(live, ret->waits, sizeof ret->waits);
	(void)str_copy(ret->plan_id, sizeof ret->plan_id, note(live, CLUSTER_PLAN));
	(void)str_copy(ret->registry, sizeof ret->registry, note(live, CLUSTER_REGISTRY));
	(void)str_copy(ret->model, sizeof ret->model, note(live, CLUSTER_MODEL));
	if (has_prefix(target, "sha256:"))
		(void)digest_parse(&ret->target, target + 7, strlen(target + 7));
	ret->is_ours = has_prefix(version, "sha256:") &&
	               digest_parse(&ret->version, version + 7, strlen(version + 7)) == 0 &&
	               parse_u64(note(live, CLUSTER_NUMBER), UINT64_MAX, &ret->number) == 0 &&
	               ret->registry[0] && ret->model[0];
}

static int
is_whose(const struct cluster_stamp *s, const char *name, const struct rollout *q, struct err *e)
{
	if (!s->is_ours) {
		err_set(e, ERR_CONFLICT, "\"%s\" is there already, and Slipway did not make it",
		        name);
		return err_hint(e, "give the target another --object, or remove it there first");
	}
	if (!streq(s->registry, q->registry_id)) {
		err_set(e, ERR_CONFLICT, "\"%s\" belongs to the registry %s", name, s->registry);
		return err_hint(e, "promote from there, or give the target another --object");
	}
	if (!streq(s->model, q->model)) {
		err_set(e, ERR_CONFLICT, "\"%s\" is of the model \"%s\"", name, s->model);
		return err_hint(e, "give the target of this model another --object");
	}
	return 0;
}

int
cluster_is_as(const struct cluster_stamp *s, const char *name, const struct rollout *q,
              const struct precondition *p, struct err *e)
{
	int rc;

	/* a deletion that was asked for already is not in its own way */
	if (s->exists && s->is_going && !q->empty) {
		err_set(e, ERR_CONFLICT, "\"%s\" is being deleted", name);
		return err_hint(e, "wait until it is gone: %s", s->waits);
	}
	if (!s->exists && p->empty)
		return 0;
	if (!s->exists && p->number == 0)
		return err_set(e, ERR_CONFLICT, "\"%s\" is gone", name);
	if (!s->exists)
		return err_set(e, ERR_CONFLICT, "\"%s\" is gone, and v%" PRIu64 " was there", name,
		               p->number);
	rc = is_whose(s, name, q, e);
	if (rc < 0)
		return rc;
	if (p->plan_id && streq(s->plan_id, p->plan_id))
		return 1;
	if (p->empty)
		return err_set(e, ERR_CONFLICT, "\"%s\" has come meanwhile, with v%" PRIu64, name,
		               s->number);
	if (!digest_eq(&s->version, &p->version)) {
		err_set(e, ERR_CONFLICT, "\"%s\" carries v%" PRIu64 " now, not v%" PRIu64, name,
		        s->number, p->number);
		return err_hint(e, "somebody has changed it since the plan was made: plan again");
	}
	return 0;
}

bool
cluster_is_of_model(const json_t *live, const struct rollout *q)
{
	return live && streq(note(live, CLUSTER_REGISTRY), q->registry_id) &&
	       streq(note(live, CLUSTER_MODEL), q->model);
}

bool
cluster_is_by_us(const json_t *live)
{
	const char *by = json_opt_string(kube_at(live, "metadata.labels"),
	                                 "app.kubernetes.io/managed-by");

	return by && streq(by, "slipway");
}

bool
cluster_is_of_version(const json_t *pod, const char hex[DIGEST_HEX_SIZE])
{
	const char *has = json_opt_string(kube_at(pod, "metadata.labels"), CLUSTER_VERSION);

	return has && strlen(has) == CLUSTER_LABEL && memcmp(has, hex, CLUSTER_LABEL) == 0;
}

/* Tools that set fields under a name of their own: some leave no other mark. */
static const char *
foreign_manager(const json_t *live)
{
	static const struct {
		const char *manager, *name;
	} managers[] = {
		{ "argocd-controller", "Argo CD" },
		{ "argocd-application-controller", "Argo CD" },
		{ "kustomize-controller", "Flux" },
		{ "helm-controller", "Flux" },
		{ "helm", "Helm" },
		{ "rollouts-controller", "Argo Rollouts" },
	};
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(live, "metadata.managedFields"), i, one)
	{
		if (streq(kube_text(one, "subresource"), "status"))
			continue;
		for (size_t n = 0; n < COUNT(managers); n++) {
			if (streq(kube_text(one, "manager"), managers[n].manager))
				return managers[n].name;
		}
	}
	return NULL;
}

const char *
cluster_foreign_owner(const json_t *live)
{
	static const struct {
		const char *prefix, *name;
	} notes[] = {
		{ "argocd.argoproj.io/", "Argo CD" },
		{ "kustomize.toolkit.fluxcd.io/", "Flux" },
		{ "helm.toolkit.fluxcd.io/", "Flux" },
		{ "meta.helm.sh/", "Helm" },
	};
	static const char *const maps[] = { "metadata.annotations", "metadata.labels" };
	const char *key, *by = json_opt_string(kube_at(live, "metadata.labels"),
	                                       "app.kubernetes.io/managed-by");
	const json_t *one;
	json_t *v;
	size_t i;

	for (size_t m = 0; m < COUNT(maps); m++) {
		json_object_foreach((json_t *)(uintptr_t)kube_at(live, maps[m]), key, v)
		{
			for (size_t n = 0; n < COUNT(notes); n++) {
				if (has_prefix(key, notes[n].prefix))
					return notes[n].name;
			}
		}
	}
	json_array_foreach(kube_at(live, "metadata.ownerReferences"), i, one)
	{
		if (streq(kube_text(one, "kind"), "Rollout"))
			return "Argo Rollouts";
		if (*kube_text(one, "kind"))
			return kube_text(one, "kind");
	}
	if (by && streq(by, "Helm"))
		return "Helm";
	return foreign_manager(live);
}
