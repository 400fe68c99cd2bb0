/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A version as a Deployment and its Service. The model comes as an image volume (oci://), through a
 * loader into an empty volume (s3://), or from a claim (pvc://); the server's image and the bytes
 * are named by digest. The Service takes the pods of all tracks, unless a route shares the
 * requests.
 */
#include "deploy/driver_cluster.h"

#include <stdio.h>
#include <string.h>

/* The container's readiness is the model's: a server is up long before its model is. */
static json_t *
probe(const struct cluster_settings *s, const struct cluster_version *v)
{
	const char *model = s->model_name ? s->model_name : v->name;
	cleanup_free char *path = xasprintf(
	        streq(s->protocol, "v1") ? "/v1/models/%s" : "/v2/models/%s/ready", model);

	return json_pack("{s:{s:s, s:I}, s:i, s:i}", "httpGet", "path", path, "port",
	                 (json_int_t)s->port, "periodSeconds", 2, "failureThreshold", 3);
}

static json_t *
container(const struct cluster_settings *s, const struct cluster_version *v, json_t *mount)
{
	json_t *o =
	        json_pack("{s:s, s:s, s:[{s:I, s:s, s:s}], s:o, s:[o]}", "name", "server", "image",
	                  s->image, "ports", "containerPort", (json_int_t)s->port, "name", "http",
	                  "protocol", "TCP", "readinessProbe", probe(s, v), "volumeMounts", mount);
	json_t *words = cluster_words(s->args), *resources = cluster_resources(s);

	if (words)
		json_object_set_new(o, "args", words);
	if (resources)
		json_object_set_new(o, "resources", resources);
	return o;
}

static json_t *
mount_of(const struct cluster_settings *s, const char *sub_path)
{
	json_t *o =
	        json_pack("{s:s, s:s, s:b}", "name", "model", "mountPath", s->mount, "readOnly", 1);

	if (sub_path && *sub_path)
		json_object_set_new(o, "subPath", json_string(sub_path));
	return o;
}

static void
add_variable(json_t *list, const char *name, const char *value)
{
	if (value)
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "value", value));
}

/* It is told where the server is, and who it is there by a secret of the namespace. */
static json_t *
loader(const struct cluster_settings *s, const char *ref)
{
	json_t *const o = json_pack("{s:s, s:s, s:[s, s], s:[{s:s, s:s}]}", "name", "loader",
	                            "image", s->loader, "args", ref, s->mount, "volumeMounts",
	                            "name", "model", "mountPath", s->mount);
	json_t *const env = json_array();

	add_variable(env, "AWS_ENDPOINT_URL", s->store_endpoint);
	add_variable(env, "AWS_REGION", s->store_region);
	if (json_array_size(env) > 0)
		json_object_set(o, "env", env);
	json_decref(env);
	if (s->store_secret)
		json_object_set_new(o, "envFrom",
		                    json_pack("[{s:{s:s}}]", "secretRef", "name", s->store_secret));
	return o;
}

/* Adds volume and mount to the pod's spec; the mount is the container's. */
static int
add_model(const struct cluster_settings *s, const struct cluster_version *v, json_t *spec,
          json_t **ret_mount, struct err *e)
{
	const char *ref = v->reference;
	json_t *volume = NULL;

	if (has_prefix(ref, "oci://")) {
		volume = json_pack("{s:s, s:{s:s, s:s}}", "name", "model", "image", "reference",
		                   ref + strlen("oci://"), "pullPolicy", "IfNotPresent");
		*ret_mount = mount_of(s, "models");
	} else if (has_prefix(ref, "pvc://")) {
		const char *claim = ref + strlen("pvc://");
		const size_t n = strcspn(claim, "/");

		volume = json_pack("{s:s, s:{s:s%, s:b}}", "name", "model", "persistentVolumeClaim",
		                   "claimName", claim, n, "readOnly", 1);
		*ret_mount = mount_of(s, claim[n] ? claim + n + 1 : "");
	} else if (s->loader) {
		volume = json_pack("{s:s, s:{}}", "name", "model", "emptyDir");
		*ret_mount = mount_of(s, NULL);
		json_object_set_new(spec, "initContainers", json_pack("[o]", loader(s, ref)));
	}
	if (!volume)
		return err_set(e, ERR_USAGE, "no way to bring \"%s\" into a pod", ref);
	json_object_set_new(spec, "volumes", json_pack("[o]", volume));
	return 0;
}

static int
pod_spec(const struct cluster_settings *s, const struct cluster_version *v, json_t **ret,
         struct err *e)
{
	cleanup_json json_t *spec = json_object();
	json_t *mount = NULL;
	int rc;

	rc = add_model(s, v, spec, &mount, e);
	if (rc < 0)
		return rc;
	json_object_set_new(spec, "containers", json_pack("[o]", container(s, v, mount)));
	if (s->service_account)
		json_object_set_new(spec, "serviceAccountName", json_string(s->service_account));
	if (s->pull_secret)
		json_object_set_new(spec, "imagePullSecrets",
		                    json_pack("[{s:s}]", "name", s->pull_secret));
	json_object_set_new(spec, "automountServiceAccountToken", json_false());
	*ret = json_incref(spec);
	return 0;
}

static int
deployment(const struct cluster_settings *s, const struct cluster_version *v, json_t **ret,
           struct err *e)
{
	json_t *spec = NULL;
	int rc;

	rc = pod_spec(s, v, &spec, e);
	if (rc < 0)
		return rc;
	*ret = json_pack("{s:s, s:s, s:o, s:{s:i, s:i, s:{s:s, s:{s:i, s:i}}, s:{s:{s:s, s:s}},"
	                 " s:{s:{s:o, s:o}, s:o}}}",
	                 "apiVersion", "apps/v1", "kind", "Deployment", "metadata",
	                 cluster_metadata(v, v->name, cluster_labels(v, "stable"),
	                                  cluster_annotations(s, v)),
	                 "spec", "progressDeadlineSeconds", 1200, "revisionHistoryLimit", 3,
	                 "strategy", "type", "RollingUpdate", "rollingUpdate", "maxSurge",
	                 s->no_surge ? 0 : 1, "maxUnavailable", s->no_surge ? 1 : 0, "selector",
	                 "matchLabels", "app.kubernetes.io/name", v->name, CLUSTER_TRACK, "stable",
	                 "template", "metadata", "labels", cluster_labels(v, "stable"),
	                 "annotations", cluster_annotations(s, v), "spec", spec);
	/* what is not said belongs to who scales it */
	if (s->replicas)
		json_object_set_new(json_object_get(*ret, "spec"), "replicas",
		                    json_integer((json_int_t)s->replicas));
	return 0;
}

static json_t *
service(const struct cluster_settings *s, const struct cluster_version *v)
{
	json_t *labels = json_pack("{s:s, s:s}", "app.kubernetes.io/managed-by", "slipway",
	                           "app.kubernetes.io/name", v->name);
	json_t *annotations = json_pack("{s:s, s:s}", CLUSTER_MODEL, v->q->model, CLUSTER_REGISTRY,
	                                v->q->registry_id);

	json_t *selector = json_pack("{s:s}", "app.kubernetes.io/name", v->name);

	if (s->canary == CANARY_ROUTE)
		json_object_set_new(selector, CLUSTER_TRACK, json_string("stable"));
	return json_pack("{s:s, s:s, s:o, s:{s:o, s:[{s:s, s:I, s:s, s:s}]}}", "apiVersion", "v1",
	                 "kind", "Service", "metadata",
	                 cluster_metadata(v, v->name, labels, annotations), "spec", "selector",
	                 selector, "ports", "name", "http", "port", (json_int_t)s->port,
	                 "protocol", "TCP", "targetPort", "http");
}

static json_t *
by_name(const struct cluster_version *v, const char *api, const char *kind)
{
	return json_pack("{s:s, s:s, s:o}", "apiVersion", api, "kind", kind, "metadata",
	                 cluster_metadata(v, v->name, NULL, NULL));
}

int
kubernetes_objects(const struct cluster_settings *s, const struct cluster_version *v, json_t **ret,
                   struct err *e)
{
	json_t *d = NULL;
	int rc;

	if (v->q->empty) {
		*ret = json_pack("{s:[o, o]}", "delete", by_name(v, "apps/v1", "Deployment"),
		                 by_name(v, "v1", "Service"));
		return 0;
	}
	rc = deployment(s, v, &d, e);
	if (rc < 0)
		return rc;
	*ret = json_pack("{s:[o, o]}", "apply", d, service(s, v));
	return 0;
}
