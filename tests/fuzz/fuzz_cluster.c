/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are an object of a cluster, or what a pod says of itself: who owns its fields, what was
 * applied, what differs, whose it is, which version answers, what it counts. What comes out for
 * people is safe for a terminal.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/driver_manifest.h"
#include "deploy/prometheus.h"

static void
promise_safe(const char *s)
{
	for (; s && *s; s++)
		PROMISE((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void
promise_changes(struct kube_changes *c)
{
	PROMISE(c->n <= KUBE_CHANGES_MAX);
	for (size_t i = 0; i < c->n; i++) {
		promise_safe(c->v[i].field);
		promise_safe(c->v[i].before);
		promise_safe(c->v[i].after);
		promise_safe(c->v[i].manager);
	}
	kube_changes_fini(c);
	*c = (struct kube_changes){ 0 };
}

/* What was weighed can be weighed back, and gives what was asked for. */
static void
as_route(const json_t *j)
{
	const struct cluster_sides sides = { "a", "b" };
	char why[256] = "";
	cleanup_json json_t *rules = cluster_route_weigh(j, &sides, 10, why), *back = NULL;
	cleanup_json json_t *there = NULL;

	promise_safe(why);
	if (!rules)
		return;
	there = json_pack("{s:O?, s:{s:O}}", "metadata", json_object_get(j, "metadata"), "spec",
	                  "rules", rules);
	PROMISE(there && cluster_route_lists(there, "b"));
	back = cluster_route_weigh(there, &sides, 0, why);
	PROMISE(back && json_array_size(back) == json_array_size(rules));
}

static void
as_object(const json_t *j)
{
	cleanup_json json_t *ours = kube_extract(j, "slipway");
	struct kube_changes c = { 0 };
	struct cluster_stamp s;
	char why[256] = "", plan[DIGEST_HEX_SIZE];
	unsigned percent = 0;

	kube_diff(NULL, j, "slipway", &c);
	promise_changes(&c);
	kube_diff(j, j, "slipway", &c);
	PROMISE(c.n == 0);
	promise_changes(&c);
	if (ours) { /* what was extracted is there, with what others have too */
		kube_add_foreign(j, j, "slipway", ours);
		kube_drift(ours, j, "slipway", &c);
		promise_changes(&c);
	}
	cluster_stamp_of(j, &s);
	(void)cluster_foreign_owner(j);
	if (cluster_route_share(j, NULL, "a", &percent, why))
		PROMISE(percent <= 100);
	promise_safe(why);
	as_route(j);
	kserve_newcomer_plan(j, plan);
	(void)kserve_runtime_serves(j, "onnx:1", "v2", why);
}

/* The file of a target that is one: nobody's, or with all that its head must say. */
static void
as_file(struct str text)
{
	cleanup_buf struct buf diff = { 0 };
	struct manifest_head h;

	manifest_head_of(text, &h);
	PROMISE(h.stamp.exists);
	PROMISE(!h.stamp.is_ours || (h.target[0] && h.stamp.model[0] && h.stamp.registry[0]));
	manifest_diff(text, STR("a\nb\n"), &diff);
	for (size_t i = 0; i < diff.n; i++)
		PROMISE(diff.p[i] == '\n' || (unsigned char)diff.p[i] >= 0x20);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct digest d = { { 1, 2, 3 } };
	struct traffic t = { 0 };
	cleanup_json json_t *j = NULL;
	char other[80] = "";
	double number = NAN;
	struct err e = { 0 };

	if (cluster_metrics(input(p, n), "m", &t))
		PROMISE(t.requests >= 0 && t.errors >= 0 && t.replicas == 1 &&
		        (isnan(t.latency_s) || t.latency_s >= 0));
	as_file(input(p, n));
	if (prometheus_read(input(p, n), &number, &e) == 0)
		PROMISE(isfinite(number));
	err_clear(&e);
	if (json_parse(input(p, n), "object", &j, &e) < 0)
		return 0;
	if (cluster_says(j, &d, "", other) == SAYS_OTHER)
		promise_safe(other);
	as_object(j);
	return 0;
}
