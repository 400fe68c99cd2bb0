/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the servers in the pods say, asked one by one through the API server: is the model there,
 * which version is it, does it answer the golden request. Behind a Service somebody else may
 * answer than the pods that were asked, so it is asked too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"
#include "deploy/smoke.h"
#include "registry/base/clock.h"

#define ASK_MS   5000u
#define SMOKE_MS 30000u

void
cluster_known(const json_t *template, const char *reference, struct buf *ret)
{
	const json_t *spec = kube_at(template, "spec");

	buf_adds(ret, reference);
	if (spec)
		json_canonical(spec, ret);
}

/* --- one server --- */

struct server {
	const char *plural, *name, *port; /* of a Service; NULL: a pod, on the target's */
};

static void
server_path(const struct cluster *c, const struct server *s, const char *rest, struct buf *ret)
{
	cleanup_free char *name = s->port ? xasprintf("%s:%s", s->name, s->port)
	                                  : xasprintf("%s:%" PRIu64, s->name, c->s.port);
	cleanup_free char *sub = xasprintf("proxy/%s", rest);

	kube_path(ret, "", "v1", cluster_namespace(c->t), s->plural, name, sub);
}

static int
ask(struct cluster *c, const struct server *s, const char *rest, struct http_response *ret,
    struct err *e)
{
	cleanup_buf struct buf path = { 0 };

	server_path(c, s, rest, &path);
	return kube_proxy(c->k, "GET", buf_cstr(&path), NULL, (struct str){ 0 }, ASK_MS, ret, e);
}

/* 0: it says that it has the model, in *ret; 1: not (yet). */
static int
model_of(const struct cluster_ask *a, const struct server *s, json_t **ret, char reason[512],
         struct err *e)
{
	const bool is_v1 = streq(a->c->s.protocol, "v1");
	cleanup_response struct http_response ready = { 0 }, about = { 0 };
	cleanup_free char *model = xasprintf("v%c/models/%s", is_v1 ? '1' : '2', a->model);
	cleanup_free char *is_ready = xasprintf("%s%s", model, is_v1 ? "" : "/ready");
	struct err bad = { 0 };
	int rc;

	rc = ask(a->c, s, is_ready, &ready, e);
	if (rc == 0 && !is_v1 && ready.status == 200)
		rc = ask(a->c, s, model, &about, e);
	if (rc < 0)
		return rc;
	if (ready.status != 200 || (!is_v1 && about.status != 200)) {
		(void)snprintf(reason, 512, "%s \"%s\" answers %ld for the model \"%s\"",
		               s->port ? "Service" : "pod", s->name,
		               ready.status != 200 ? ready.status : about.status, a->model);
		return 1;
	}
	if (json_parse(buf_str(is_v1 ? &ready.body : &about.body), "the answer", ret, &bad) < 0) {
		(void)snprintf(reason, 512, "%s \"%s\" answers no JSON for the model \"%s\"",
		               s->port ? "Service" : "pod", s->name, a->model);
		return 1;
	}
	if (is_v1 && json_is_false(json_object_get(*ret, "ready"))) {
		(void)snprintf(reason, 512, "\"%s\" has not loaded the model", s->name);
		return 1;
	}
	return 0;
}

static int
listed_at(const struct cluster_ask *a, const struct server *s, char reason[512], struct err *e)
{
	cleanup_json json_t *about = NULL;
	char other[80];
	int rc = model_of(a, s, &about, reason, e);

	if (rc < 0)
		return rc;
	if (rc > 0)
		return 0;
	if (cluster_says(about, &a->q->version, a->known, other) == SAYS_OTHER)
		return err_set(e, ERR_ROLLOUT_FAILED,
		               "%s \"%s\" answers with the version \"%s\", not with v%" PRIu64,
		               s->port ? "Service" : "pod", s->name, other, a->q->number);
	return 1;
}

static bool
is_asked(const struct cluster_ask *a, const json_t *pod)
{
	return !kube_pod_is_over(pod) && kube_pod_is_of(pod, a->template);
}

/* Behind the Service, on its first port. Who may ask pods and not Services learns no more. */
static int
listed_behind(const struct cluster_ask *a, char reason[512], struct err *e)
{
	cleanup_json json_t *named =
	        cluster_named(cluster_namespace(a->c->t), "v1", "Service", a->names->service);
	cleanup_json json_t *live = NULL;
	char port[24];
	int rc;

	rc = cluster_get(a->c, named, &live, e);
	if (rc == 0 && live) {
		const struct server s = { "services", a->names->service, port };
		const json_t *first = json_array_get(kube_at(live, "spec.ports"), 0);

		(void)snprintf(port, sizeof port, "%" PRId64, kube_number(first, "port", 80));
		rc = listed_at(a, &s, reason, e);
	} else if (rc == 0) {
		rc = 1;
	}
	if (rc != -ERR_DENIED)
		return rc;
	err_clear(e);
	return 1;
}

int
cluster_listed(const struct cluster_ask *a, char reason[512], struct err *e)
{
	const json_t *pod;
	size_t i, n = 0;
	int rc;

	json_array_foreach(json_object_get(a->pods, "items"), i, pod)
	{
		const struct server s = { "pods", kube_text(pod, "metadata.name"), NULL };

		if (!is_asked(a, pod))
			continue;
		rc = listed_at(a, &s, reason, e);
		if (rc <= 0)
			return rc;
		n++;
	}
	if (n > 0)
		return listed_behind(a, reason, e);
	(void)snprintf(reason, 512, "no pod of it could be asked");
	return 0;
}

/* --- the golden request --- */

static int
infer(const struct cluster_ask *a, const struct golden *g, const struct server *s,
      struct proof *ret, struct err *e)
{
	cleanup_free char *rest = xasprintf("v2/models/%s/infer", a->model);
	cleanup_buf struct buf path = { 0 }, body = { 0 };
	cleanup_response struct http_response r = { 0 };
	cleanup_json json_t *reply = NULL;
	struct err none = { 0 };
	char other[80];
	int rc;

	ret->detail[0] = '\0'; /* what the pod before has answered */
	server_path(a->c, s, rest, &path);
	golden_request_v2(g, a->q->job_id ? a->q->job_id : "slipway", &body);
	rc = kube_proxy(a->c->k, "POST", buf_cstr(&path), "application/json", buf_str(&body),
	                SMOKE_MS, &r, e);
	if (rc < 0)
		return rc;
	if (r.status != 200)
		return err_set(e, ERR_ROLLOUT_FAILED, "it answers %ld", r.status);
	if (json_parse(buf_str(&r.body), "the reply", &reply, &none) == 0 &&
	    cluster_says(reply, &a->q->version, a->known, other) == SAYS_OTHER)
		return err_set(e, ERR_ROLLOUT_FAILED, "version \"%s\" answers", other);
	return golden_check_v2(g, buf_str(&r.body), 0, r.elapsed_ms, ret->detail,
	                       sizeof ret->detail, e);
}

/* Every pod of the version, newcomers beside what is stable too. */
static int
smoke_pods(struct cluster_ask *a, const struct golden *g, struct proof *ret, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	const json_t *pod;
	unsigned n = 0;
	size_t i;
	int rc;

	digest_hex(&a->q->version, hex);
	json_array_foreach(json_object_get(a->pods, "items"), i, pod)
	{
		const char *name = kube_text(pod, "metadata.name");
		const struct server s = { "pods", name, NULL };
		cleanup_buf struct buf known = { 0 };

		if (kube_pod_is_over(pod) || !cluster_is_of_version(pod, hex))
			continue;
		cluster_known(pod, a->known, &known);
		const struct cluster_ask one = {
			.c = a->c, .q = a->q, .model = a->model, .known = buf_cstr(&known)
		};
		rc = infer(&one, g, &s, ret, e);
		if (rc < 0)
			return err_prefix(e, "golden request to pod \"%s\"", name);
		n++;
	}
	if (n == 0)
		return err_set(e, ERR_ROLLOUT_FAILED, "no pod could be asked the golden request");
	ret->layers = PROOF_BIT(PROOF_ANSWERED);
	(void)snprintf(ret->detail + strlen(ret->detail), sizeof ret->detail - strlen(ret->detail),
	               ", each of %u pod%s", n, n == 1 ? "" : "s");
	return 0;
}

int
cluster_smoke(void *st, const struct rollout *q, const struct golden *g, struct proof *ret,
              struct err *e)
{
	struct cluster *c = st;
	cleanup_json json_t *pods = NULL;
	char reference[1024];
	struct cluster_names n;
	int rc;

	*ret = (struct proof){ 0 };
	if (q->empty)
		return err_set(e, ERR_USAGE,
		               "nothing is served, so nothing can answer a golden request");
	if (!streq(c->s.protocol, "v2"))
		return err_set(e, ERR_USAGE,
		               "a golden request is of protocol v2, this server's is \"%s\"",
		               c->s.protocol);
	rc = cluster_names(c, q->model, &n, e);
	if (rc == 0)
		rc = cluster_kube(c, e);
	if (rc == 0)
		rc = cluster_reference(c, q, reference, e);
	if (rc == 0)
		rc = cluster_all_pods(c, &n, &pods, e);
	if (rc < 0)
		return rc;
	struct cluster_ask a = { .c = c,
		                 .q = q,
		                 .model = c->s.model_name ? c->s.model_name : n.object,
		                 .known = reference,
		                 .pods = pods };
	return smoke_pods(&a, g, ret, e);
}
