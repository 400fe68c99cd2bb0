/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which images the nodes will pull for a version: containers and image volumes of what is rendered,
 * and of the runtime that KServe makes pods of; and from where they fetch its bytes. Whether that
 * is there, others ask.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

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

static void
add_wanted(const struct cluster *c, const json_t *wanted, struct image_names *ret)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(wanted, "apply"), i, one)
	{
		const char *const source = kube_text(one, "spec.predictor.model.storageUri");

		add_pod(c, kube_at(one, "spec.template.spec"), ret);
		if (has_prefix(source, "oci://"))
			add(c, source + strlen("oci://"), true, ret);
	}
}

int
cluster_images(void *st, const struct rollout *q, struct image_names *ret, struct err *e)
{
	struct cluster *const c = st;
	cleanup_json json_t *wanted = NULL;
	int rc = cluster_wanted(c, q, &wanted, e);

	if (rc < 0)
		return rc;
	add_wanted(c, wanted, ret);
	if (!q->empty)
		add_pod(c, kube_at(c->runtime, "spec"), ret);
	return 0;
}

/* Where the objects name no source, pods fetch from the store. */
static void
add_sources(const struct cluster *c, const json_t *wanted, struct fetches *ret)
{
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(json_object_get(wanted, "apply"), i, one)
	{
		const char *const source = kube_text(one, "spec.predictor.model.storageUri");

		if (!*source)
			continue;
		fetches_add(ret, source, c->s.store_endpoint);
		n++;
	}
	if (n == 0)
		fetches_add(ret, c->s.store, c->s.store_endpoint);
}

/* What a container is told to fetch by itself, as KServe's server for Hugging Face is. Other
 * addresses in its words are of servers beside it. */
static void
add_word(const char *word, struct fetches *ret)
{
	static const char *const out[] = { "hf://", "gs://", "s3://" };

	for (size_t i = 0; word && i < COUNT(out); i++) {
		const char *const at = strstr(word, out[i]);
		cleanup_free char *uri = at ? xstrndup(at, strcspn(at, " \t,;\"'")) : NULL;

		if (uri)
			fetches_add(ret, uri, NULL);
	}
}

static void
add_words(const json_t *spec, struct fetches *ret)
{
	static const char *const lists[] = { "command", "args" };
	const json_t *one, *word;
	size_t i, k;

	json_array_foreach(json_object_get(spec, "containers"), i, one)
	{
		for (size_t m = 0; m < COUNT(lists); m++) {
			json_array_foreach(json_object_get(one, lists[m]), k, word)
			        add_word(json_string_value(word), ret);
		}
		json_array_foreach(json_object_get(one, "env"), k, word)
		        add_word(json_opt_string(word, "value"), ret);
	}
}

/* What fetches from s3:// before the server starts; only KServe's configuration has its name. */
static int
add_initializer(struct cluster *c, struct fetches *ret, struct err *e)
{
	cleanup_json json_t *config = NULL, *about = NULL;
	cleanup_buf struct buf path = { 0 };
	const char *text;
	int rc;

	kube_path(&path, "", "v1", "kserve", "configmaps", "inferenceservice-config", NULL);
	rc = kube_get(c->k, buf_cstr(&path), &config, e);
	if (rc < 0 && rc != -ERR_DENIED && rc != -ERR_NOT_FOUND)
		return rc;
	err_clear(e);
	text = json_text(json_object_get(config, "data"), "storageInitializer");
	if (json_parse(str_of(text), "storageInitializer", &about, &(struct err){ 0 }) == 0 &&
	    *kube_text(about, "image"))
		add(c, kube_text(about, "image"), false, &ret->images);
	else
		(void)snprintf(ret->unseeable, sizeof ret->unseeable,
		               "KServe's storage initializer, as its configuration cannot be read");
	return 0;
}

int
cluster_fetches(void *st, const struct rollout *q, struct fetches *ret, struct err *e)
{
	struct cluster *const c = st;
	cleanup_json json_t *wanted = NULL;
	int rc = q->empty ? 0 : cluster_wanted(c, q, &wanted, e);

	if (rc < 0 || q->empty)
		return rc;
	add_sources(c, wanted, ret);
	add_wanted(c, wanted, &ret->images);
	add_pod(c, kube_at(c->runtime, "spec"), &ret->images);
	add_words(kube_at(c->runtime, "spec"), ret);
	add_word(c->s.args, ret);
	if (c->kind == CLUSTER_KSERVE && !c->about) /* files alone, never a cluster */
		(void)snprintf(ret->unseeable, sizeof ret->unseeable,
		               "the runtime \"%.100s\", as no cluster is asked", c->s.runtime);
	else if (c->kind == CLUSTER_KSERVE && !c->runtime)
		(void)snprintf(ret->unseen, sizeof ret->unseen, "the runtime \"%.100s\"",
		               c->s.runtime);
	else if (c->kind == CLUSTER_KSERVE && has_prefix(c->s.store, "s3://"))
		rc = add_initializer(c, ret, e);
	return rc;
}
