/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which images the nodes will pull for a version: containers and image volumes of what is rendered,
 * and of the runtime that KServe makes pods of. Whether they are there, others ask.
 */
#include <string.h>

#include "deploy/driver_cluster.h"

/* Our store may be without TLS; other registries never are. */
static bool
is_in_store(const struct cluster *c, const char *image)
{
	const char *const host = c->s.store + strlen("oci://");
	const size_t n = strcspn(host, "/");

	return has_prefix(c->s.store, "oci://") && strncmp(image, host, n) == 0 && image[n] == '/';
}

static void
add(const struct cluster *c, const char *image, bool is_ours, struct image_names *ret)
{
	if (*image)
		image_names_add(ret, (struct image_name){ .name = (char *)(uintptr_t)image,
		                                          .allow_plain = c->s.plain_store &&
		                                                         is_in_store(c, image),
		                                          .is_ours = is_ours });
}

static void
add_pod(const struct cluster *c, const json_t *spec, struct image_names *ret)
{
	static const char *const lists[] = { "initContainers", "containers" };
	const json_t *one;
	size_t k;

	for (size_t i = 0; i < COUNT(lists); i++) {
		json_array_foreach(json_object_get(spec, lists[i]), k, one)
		        add(c, kube_text(one, "image"), false, ret);
	}
	json_array_foreach(json_object_get(spec, "volumes"), k, one)
	        add(c, kube_text(one, "image.reference"), true, ret);
}

int
cluster_images(void *st, const struct rollout *q, struct image_names *ret, struct err *e)
{
	struct cluster *const c = st;
	cleanup_json json_t *wanted = NULL;
	const json_t *one;
	size_t i;
	int rc = cluster_wanted(c, q, &wanted, e);

	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(wanted, "apply"), i, one)
	{
		const char *const source = kube_text(one, "spec.predictor.model.storageUri");

		add_pod(c, kube_at(one, "spec.template.spec"), ret);
		if (has_prefix(source, "oci://"))
			add(c, source + strlen("oci://"), true, ret);
	}
	if (!q->empty)
		add_pod(c, kube_at(c->runtime, "spec"), ret);
	return 0;
}
