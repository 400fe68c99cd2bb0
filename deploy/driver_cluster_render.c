/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rendered objects have in common: metadata that says which version they carry, resources,
 * words. Pure: no ids of plans or jobs are in it, those are stamped when it is sent.
 */
#include "deploy/driver_cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

json_t *
cluster_labels(const struct cluster_version *v, const char *track)
{
	char hex[DIGEST_HEX_SIZE];
	json_t *o = json_pack("{s:s, s:s}", "app.kubernetes.io/managed-by", "slipway",
	                      "app.kubernetes.io/name", v->name);

	digest_hex(&v->q->version, hex);
	json_object_set_new(o, CLUSTER_VERSION, json_stringn(hex, CLUSTER_LABEL));
	if (track)
		json_object_set_new(o, CLUSTER_TRACK, json_string(track));
	return o;
}

json_t *
cluster_annotations(const struct cluster_settings *s, const struct cluster_version *v)
{
	static const char prefix[] = "annotation.";
	json_t *o = json_object(), *value;
	char number[24];
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)s->all, key, value)
	{
		const char *text = json_is_boolean(value) ? json_is_true(value) ? "true" : "false"
		                                          : json_string_value(value);

		if (has_prefix(key, prefix) && text)
			json_object_set_new(o, key + strlen(prefix), json_string(text));
	}
	(void)snprintf(number, sizeof number, "%" PRIu64, v->q->number);
	json_object_set_new(o, CLUSTER_VERSION, json_from_digest(&v->q->version));
	json_object_set_new(o, CLUSTER_NUMBER, json_string(number));
	json_object_set_new(o, CLUSTER_MODEL, json_string(v->q->model));
	json_object_set_new(o, CLUSTER_REGISTRY, json_string(v->q->registry_id));
	return o;
}

json_t *
cluster_metadata(const struct cluster_version *v, const char *name, json_t *labels,
                 json_t *annotations)
{
	json_t *o = json_pack("{s:s, s:s}", "name", name, "namespace", v->ns);

	if (labels)
		json_object_set_new(o, "labels", labels);
	if (annotations)
		json_object_set_new(o, "annotations", annotations);
	return o;
}

json_t *
cluster_resources(const struct cluster_settings *s)
{
	json_t *limits = json_object();
	char number[24];

	if (s->cpu)
		json_object_set_new(limits, "cpu", json_string(s->cpu));
	if (s->memory)
		json_object_set_new(limits, "memory", json_string(s->memory));
	if (s->gpus) {
		(void)snprintf(number, sizeof number, "%" PRIu64, s->gpus);
		json_object_set_new(limits, "nvidia.com/gpu", json_string(number));
	}
	if (json_object_size(limits) == 0) {
		json_decref(limits);
		return NULL;
	}
	/* one and the same: a model server that is squeezed answers late, one that is not takes
	 * its neighbours' room */
	return json_pack("{s:o, s:O}", "limits", limits, "requests", limits);
}

json_t *
cluster_words(const char *text)
{
	json_t *a;

	if (!text)
		return NULL;
	a = json_array();
	while (*text) {
		const size_t n = strcspn(text, " ");

		if (n > 0)
			json_array_append_new(a, json_stringn(text, n));
		text += n + (text[n] == ' ');
	}
	return a;
}
