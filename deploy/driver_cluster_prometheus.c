/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one side has answered since a step began, by the queries of the target's settings to the
 * site's Prometheus. Requests that cannot be told make the whole unknown; errors and latency that
 * cannot be told are so by themselves. A server that does not answer is an error of its own.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"
#include "deploy/prometheus.h"
#include "registry/base/clock.h"

#define WINDOW_S 60u /* outside of a step */

/* The pods of one side, as queries name them. */
struct side {
	struct buf pods;
	char version[CLUSTER_LABEL + 1];
	unsigned n;
};

static void
side_fini(struct side *s)
{
	buf_fini(&s->pods);
}

static bool
is_pod_name(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(s);
}

static void
add_pod(struct side *s, const json_t *pod)
{
	const char *name = kube_text(pod, "metadata.name");
	const char *version = json_opt_string(kube_at(pod, "metadata.labels"), CLUSTER_VERSION);

	if (!is_pod_name(name))
		return;
	buf_addf(&s->pods, "%s%s", s->n > 0 ? "|" : "", name);
	if (s->n++ == 0 && version && strlen(version) == CLUSTER_LABEL &&
	    strspn(version, "0123456789abcdef") == CLUSTER_LABEL)
		memcpy(s->version, version, CLUSTER_LABEL + 1);
}

static int
side_of(struct cluster *c, const struct rollout *q, const struct cluster_names *n, bool newcomer,
        struct side *ret, struct err *e)
{
	cleanup_json json_t *pods = NULL;
	const json_t *pod;
	size_t i;
	int rc = cluster_side_pods(c, q, n, newcomer, &pods, e);

	json_array_foreach(pods, i, pod) add_pod(ret, pod);
	return rc;
}

/* A credential is for the address that it was given for, and for no other that somebody logs. */
static int
check_bound(const struct target *t, const char *address, struct err *e)
{
	if (!t->metrics_url || streq(t->metrics_url, address))
		return 0;
	err_set(e, ERR_DENIED,
	        "no credential is used: it was given for \"%s\", and the target says \"%s\"",
	        t->metrics_url, address);
	return err_hint(e, "confirm with slipway target set %s and the same --prometheus-... again",
	                t->name);
}

static int
ask(struct cluster *c, const char *what, const char *template, const struct prometheus_names *n,
    double *ret, struct err *e)
{
	const struct http_options o = { .allow_plain = c->s.plain_prometheus,
		                        .ca_file = c->t->metrics_ca };
	const struct prometheus_login login = { c->t->metrics_token, c->t->metrics_login };
	cleanup_buf struct buf query = { 0 };
	int rc = check_bound(c->t, c->s.prometheus, e);

	if (rc == 0 && !c->prometheus)
		rc = http_new(&o, &c->prometheus, e);
	if (rc == 0)
		rc = prometheus_query(template, n, &query, e);
	if (rc == 0)
		rc = prometheus_ask(c->prometheus, c->s.prometheus, &login, buf_cstr(&query), ret,
		                    e);
	return rc < 0 ? err_prefix(e, "%s", what) : rc;
}

/* *ret NAN: it cannot be told. */
static int
ask_of_side(struct cluster *c, const char *what, const char *template,
            const struct prometheus_names *n, struct traffic *t, double *ret, struct err *e)
{
	double v = 0;
	int rc = ask(c, what, template, n, &v, e);

	*ret = NAN;
	if (rc < 0)
		return rc;
	if (rc == 0 && v >= 0)
		*ret = v;
	else if (!t->why[0])
		(void)snprintf(t->why, sizeof t->why, "Prometheus has no %s of it", what);
	return 0;
}

static struct prometheus_names
names_of(const struct cluster *c, const struct rollout *q, const struct cluster_names *n,
         struct side *s)
{
	const uint64_t now = clock_mono_ms(), since = q->counts_since_ms;

	return (struct prometheus_names){
		.version = s->version,
		.pods = buf_cstr(&s->pods),
		.ns = cluster_namespace(c->t),
		.object = n->object,
		.model = c->s.model_name ? c->s.model_name : n->object,
		.window_s = !since || now < since ? WINDOW_S : (now - since) / 1000,
	};
}

int
cluster_prometheus(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                   bool newcomer, struct traffic *ret, struct err *e)
{
	struct side s = { 0 };
	int rc = side_of(c, q, n, newcomer, &s, e);

	if (rc == 0 && s.n == 0)
		(void)snprintf(ret->why, sizeof ret->why, "there is no pod of %s",
		               newcomer ? "the newcomer" : "what is stable");
	if (rc == 0 && s.n > 0) {
		const struct prometheus_names names = names_of(c, q, n, &s);

		ret->is_windowed = true;
		ret->replicas = s.n;
		(void)snprintf(ret->source, sizeof ret->source, "Prometheus");
		rc = ask_of_side(c, "requests", c->s.prometheus_requests, &names, ret,
		                 &ret->requests, e);
		if (rc == 0)
			rc = ask_of_side(c, "errors", c->s.prometheus_errors, &names, ret,
			                 &ret->errors, e);
		if (rc == 0)
			rc = ask_of_side(c, "latency", c->s.prometheus_latency, &names, ret,
			                 &ret->latency_s, e);
		ret->known = rc == 0 && !isnan(ret->requests);
	}
	side_fini(&s);
	return rc;
}

/* Whether its queries can be asked at all, as the stable side stands. */
int
cluster_check_prometheus(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                         struct findings *ret, struct err *e)
{
	const struct {
		const char *what, *template;
	} all[] = { { "requests", c->s.prometheus_requests },
		    { "errors", c->s.prometheus_errors },
		    { "latency", c->s.prometheus_latency } };
	struct side s = { 0 };
	int rc = side_of(c, q, n, false, &s, e);

	for (size_t i = 0; rc == 0 && i < COUNT(all); i++) {
		const struct prometheus_names names = names_of(c, q, n, &s);
		struct err why = { 0 };
		double v;
		const int told = ask(c, all[i].what, all[i].template, &names, &v, &why);
		const bool is_refused = told == -ERR_ROLLOUT_FAILED || told == -ERR_MALFORMED;

		if (told >= 0)
			continue;
		findings_add(ret, is_refused ? FINDING_BLOCK : FINDING_WARN, "prometheus",
		             is_refused ? "mend the query in the target's settings"
		                        : "until it answers, a step with limits is held",
		             "%s", why.msg);
		break;
	}
	side_fini(&s);
	return rc;
}
