/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster says when it is tried: who we are there, what we may do, which APIs it serves, how
 * its clock stands, which GPUs are free. Every question may be forbidden, and then the answer is
 * "unknown" and the server's reason, never a guess.
 */
#include <inttypes.h>
#include <string.h>

#include "deploy/kube_target.h"

#define NODES_MAX 20000
#define PODS_MAX  100000
#define WHY_SIZE  256

static void
set_text(json_t *o, const char *key, const char *s)
{
	json_t *v = s ? json_from_str(str_of(s)) : json_null();

	json_object_set_new(o, key, v ? v : json_string("(not text)"));
}

/* Did nobody answer at all? Then there is no use in asking on. */
static bool
is_gone(int rc)
{
	return rc == -ERR_UNREACHABLE || rc == -ERR_CANCELLED;
}

static int
ask_server(struct kube_target *k, json_t *o, struct err *e)
{
	struct kube_server s = { 0 };
	char who[256] = "";
	int rc = kube_server(k->kube, &s, e);

	if (rc == 0)
		rc = kube_whoami(k->kube, who, e);
	if (rc < 0)
		return rc;
	set_text(o, "address", k->config.server);
	set_text(o, "version", s.version);
	json_object_set_new(o, "clockDifferenceMs",
	                    json_integer((json_int_t)s.clock_difference_ms));
	set_text(o, "identity", who);
	set_text(o, "impersonates", k->config.as);
	return 0;
}

static int
ask_namespace(struct kube_target *k, const struct target *t, json_t *o, struct err *e)
{
	const char *const ns = t->ns ? t->ns : k->config.ns;
	cleanup_buf struct buf path = { 0 };
	cleanup_json json_t *found = NULL;
	json_t *n = json_object();
	const char *state = "exists", *phase;
	int rc;

	kube_path(&path, "", "v1", NULL, "namespaces", ns, NULL);
	rc = kube_get(k->kube, buf_cstr(&path), &found, e);
	phase = json_opt_string(json_object_get(found, "status"), "phase");
	if (rc == -ERR_NOT_FOUND)
		state = "missing";
	else if (rc < 0)
		state = "unknown";
	else if (streq(phase, "Terminating"))
		state = "ending";
	json_object_set_new(o, "namespace", n);
	set_text(n, "name", ns);
	set_text(n, "state", state);
	if (!is_gone(rc))
		err_clear(e);
	return is_gone(rc) ? rc : 0;
}

static int
ask_may(struct kube_target *k, const struct target *t, const struct kube_need *need, json_t *list,
        struct err *e)
{
	static const char *const states[] = { "yes", "no", "unknown" };
	const char *const ns = need->cluster_wide ? NULL : t->ns ? t->ns : k->config.ns;
	enum kube_may may = KUBE_MAY_UNKNOWN;
	char why[WHY_SIZE] = "";
	json_t *o = json_object();
	int rc = kube_may(k->kube, need->verb, need->group, need->resource, ns, NULL, &may, why, e);

	json_array_append_new(list, o);
	set_text(o, "verb", need->verb);
	set_text(o, "group", need->group);
	set_text(o, "resource", need->resource);
	set_text(o, "state", states[rc < 0 ? KUBE_MAY_UNKNOWN : may]);
	json_object_set_new(o, "needed", json_boolean(!need->is_optional));
	set_text(o, "why", rc < 0 ? e->msg : why);
	if (!is_gone(rc))
		err_clear(e);
	return is_gone(rc) ? rc : 0;
}

static int
ask_group(struct kube_target *k, const char *group, json_t *list, struct err *e)
{
	cleanup_free char *path = xasprintf("/apis/%s", group);
	cleanup_json json_t *found = NULL;
	json_t *o = json_object(), *versions = json_array(), *v;
	const json_t *served;
	size_t i;
	int rc = kube_get(k->kube, path, &found, e);

	served = json_object_get(found, "versions");
	json_array_foreach(served, i, v)
	{
		const char *name = json_opt_string(v, "version");

		if (name)
			json_array_append_new(versions, json_string(name));
	}
	json_array_append_new(list, o);
	set_text(o, "group", group);
	json_object_set_new(o, "versions", versions);
	set_text(o, "state", rc == 0 ? "served" : rc == -ERR_NOT_FOUND ? "missing" : "unknown");
	if (!is_gone(rc))
		err_clear(e);
	return is_gone(rc) ? rc : 0;
}

/* --- GPUs --- */

/* Of every maker: nvidia.com/gpu, amd.com/gpu. Whole numbers, as extended resources must be. */
static uint64_t
gpus_of(const json_t *amounts)
{
	uint64_t sum = 0, n;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)amounts, key, v)
	{
		const char *text = json_string_value(v);

		if (has_suffix(key, "/gpu") && text && parse_u64(text, UINT32_MAX, &n) == 0)
			sum += n;
	}
	return sum;
}

static uint64_t
gpus_of_nodes(const json_t *list)
{
	uint64_t sum = 0;
	json_t *node;
	size_t i;

	json_array_foreach(json_object_get(list, "items"), i, node)
	{
		const json_t *spec = json_object_get(node, "spec");

		if (!json_is_true(json_object_get(spec, "unschedulable")))
			sum += gpus_of(
			        json_object_get(json_object_get(node, "status"), "allocatable"));
	}
	return sum;
}

static uint64_t
gpus_of_containers(const json_t *containers, bool is_sum)
{
	uint64_t all = 0;
	json_t *c;
	size_t i;

	json_array_foreach(containers, i, c)
	{
		const uint64_t n =
		        gpus_of(json_object_get(json_object_get(c, "resources"), "requests"));

		all = is_sum ? all + n : n > all ? n : all;
	}
	return all;
}

/* What pods hold: init containers run before the others and give theirs back. */
static uint64_t
gpus_of_pods(const json_t *list)
{
	uint64_t sum = 0;
	json_t *pod;
	size_t i;

	json_array_foreach(json_object_get(list, "items"), i, pod)
	{
		const json_t *spec = json_object_get(pod, "spec");
		const char *phase = json_opt_string(json_object_get(pod, "status"), "phase");
		uint64_t run, init;

		if (!json_opt_string(spec, "nodeName") || streq(phase, "Succeeded") ||
		    streq(phase, "Failed"))
			continue;
		run = gpus_of_containers(json_object_get(spec, "containers"), true);
		init = gpus_of_containers(json_object_get(spec, "initContainers"), false);
		sum += run > init ? run : init;
	}
	return sum;
}

static int
ask_gpus(struct kube_target *k, json_t *o, struct err *e)
{
	cleanup_json json_t *nodes = NULL, *pods = NULL;
	json_t *g = json_object();
	uint64_t all = 0, used = 0;
	bool has_all;
	int rc = kube_list(k->kube, "/api/v1/nodes", NULL, NODES_MAX, &nodes, e);

	has_all = rc == 0;
	if (has_all)
		all = gpus_of_nodes(nodes);
	if (has_all && all > 0)
		rc = kube_list(k->kube, "/api/v1/pods", NULL, PODS_MAX, &pods, e);
	if (rc == 0)
		used = gpus_of_pods(pods);
	json_object_set_new(o, "gpus", g);
	set_text(g, "state", rc == 0 ? "known" : "unknown");
	json_object_set_new(g, "all", has_all ? json_integer((json_int_t)all) : json_null());
	json_object_set_new(g, "free",
	                    rc == 0 ? json_integer((json_int_t)(all > used ? all - used : 0))
	                            : json_null());
	set_text(g, "why", rc < 0 ? e->msg : NULL);
	if (!is_gone(rc))
		err_clear(e);
	return is_gone(rc) ? rc : 0;
}

int
kube_target_test(struct kube_target *k, const struct target *t, const struct kube_questions *q,
                 json_t **ret, struct err *e)
{
	cleanup_json json_t *o = json_object();
	json_t *may = json_array(), *apis = json_array();
	int rc = ask_server(k, o, e);

	json_object_set_new(o, "may", may);
	json_object_set_new(o, "apis", apis);
	if (rc == 0)
		rc = ask_namespace(k, t, o, e);
	for (size_t i = 0; rc == 0 && q->needs[i].verb; i++)
		rc = ask_may(k, t, &q->needs[i], may, e);
	for (size_t i = 0; rc == 0 && q->groups[i]; i++)
		rc = ask_group(k, q->groups[i], apis, e);
	if (rc == 0 && !q->no_gpus)
		rc = ask_gpus(k, o, e);
	if (rc == 0)
		*ret = steal(&o);
	return rc;
}
