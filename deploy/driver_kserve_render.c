/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A version as a KServe InferenceService, in the form that KServe's webhook leaves alone: a field
 * that it would write otherwise looks like drift for ever. Its labels and annotations are copied to
 * the pods, so nothing is ever written there but together with the model.
 */
#include "deploy/driver_cluster.h"

#include <string.h>

/* "onnx" or "onnx:1" */
static int
model_format(const struct cluster_settings *s, const struct rollout *q, json_t **ret, struct err *e)
{
	const char *format = q->format ? q->format : s->format;
	size_t n;

	if (!format || !*format) {
		err_set(e, ERR_USAGE, "v%llu of \"%s\" does not say its format",
		        (unsigned long long)q->number, q->model);
		return err_hint(e,
		                "slipway label %s@v%llu format=onnx (or give the target the "
		                "setting \"format\")",
		                q->model, (unsigned long long)q->number);
	}
	n = strcspn(format, ":");
	*ret = json_pack("{s:s%}", "name", format, n);
	if (*ret && format[n])
		json_object_set_new(*ret, "version", json_string(format + n + 1));
	if (!*ret)
		return err_set(e, ERR_USAGE, "\"%s\" is no format", format);
	return 0;
}

static int
model(const struct cluster_settings *s, const struct cluster_version *v, json_t **ret,
      struct err *e)
{
	json_t *format = NULL, *words = cluster_words(s->args), *resources;
	int rc;

	rc = model_format(s, v->q, &format, e);
	if (rc < 0) {
		json_decref(words);
		return rc;
	}
	*ret = json_pack("{s:o, s:s, s:s, s:s, s:s}", "modelFormat", format, "name", "",
	                 "protocolVersion", s->protocol, "runtime", s->runtime, "storageUri",
	                 v->reference);
	if (words)
		json_object_set_new(*ret, "args", words);
	resources = cluster_resources(s);
	if (resources)
		json_object_set_new(*ret, "resources", resources);
	return 0;
}

static int
predictor(const struct cluster_settings *s, const struct cluster_version *v, json_t **ret,
          struct err *e)
{
	json_t *m = NULL;
	int rc;

	rc = model(s, v, &m, e);
	if (rc < 0)
		return rc;
	*ret = json_pack("{s:o}", "model", m);
	if (s->replicas)
		json_object_set_new(*ret, "minReplicas", json_integer((json_int_t)s->replicas));
	if (s->service_account)
		json_object_set_new(*ret, "serviceAccountName", json_string(s->service_account));
	if (s->pull_secret)
		json_object_set_new(*ret, "imagePullSecrets",
		                    json_pack("[{s:s}]", "name", s->pull_secret));
	if (s->no_surge && s->mode == CLUSTER_STANDARD)
		json_object_set_new(*ret, "deploymentStrategy",
		                    json_pack("{s:s, s:{s:i, s:i}}", "type", "RollingUpdate",
		                              "rollingUpdate", "maxSurge", 0, "maxUnavailable", 1));
	return 0;
}

int
kserve_objects(const struct cluster_settings *s, const struct cluster_version *v, json_t **ret,
               struct err *e)
{
	static const char api[] = "serving.kserve.io/v1beta1", kind[] = "InferenceService";
	json_t *p = NULL, *annotations;
	int rc;

	if (v->q->empty) {
		*ret = json_pack("{s:[{s:s, s:s, s:o}]}", "delete", "apiVersion", api, "kind", kind,
		                 "metadata", cluster_metadata(v, v->name, NULL, NULL));
		return 0;
	}
	rc = predictor(s, v, &p, e);
	if (rc < 0)
		return rc;
	annotations = cluster_annotations(s, v);
	json_object_set_new(annotations, "serving.kserve.io/deploymentMode",
	                    json_string(s->mode == CLUSTER_KNATIVE ? "Knative" : "Standard"));
	*ret = json_pack("{s:[{s:s, s:s, s:o, s:{s:o}}]}", "apply", "apiVersion", api, "kind", kind,
	                 "metadata",
	                 cluster_metadata(v, v->name, cluster_labels(v, NULL), annotations), "spec",
	                 "predictor", p);
	return 0;
}
