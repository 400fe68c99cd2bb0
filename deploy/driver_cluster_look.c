/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at what a cluster holds, layer by layer: the object is as it was sent, its Deployment is
 * through, every pod is of this version, and the servers in them say so. The first layer that does
 * not hold tells how far it has come.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"
#include "registry/base/clock.h"
#include "registry/base/text.h"

#define PODS_MAX  2000
#define MUTE_MS   30000u /* so long may a Service lag behind its pods */
#define LOG_LINES 6

struct look {
	struct cluster *c;
	const struct rollout *q;
	struct cluster_names n;
	json_t *live, *deployment, *pods; /* owned; deployment is live itself for "kubernetes" */
	struct cluster_stamp stamp;
	char canary_plan[DIGEST_HEX_SIZE]; /* of a newcomer beside it; "" none */
	struct kube_look judged;
	char reference[1024];
	bool is_mute; /* its pods are ready, and the model does not answer */
	struct observation *ret;
};

static void
look_fini(struct look *l)
{
	json_decref(l->live);
	json_decref(l->deployment);
	json_decref(l->pods);
}

static int
pods_of(struct cluster *c, const char *selector, json_t **ret, struct err *e)
{
	cleanup_buf struct buf path = { 0 }, query = { 0 };
	int rc;

	*ret = NULL;
	kube_path(&path, "", "v1", cluster_namespace(c->t), "pods", NULL, NULL);
	buf_adds(&query, "labelSelector=");
	http_escape(&query, selector);
	rc = kube_list(c->k, buf_cstr(&path), buf_cstr(&query), PODS_MAX, ret, e);
	if (rc != -ERR_DENIED)
		return rc;
	err_clear(e);
	return 0;
}

int
cluster_pods(struct cluster *c, const struct cluster_names *n, json_t **ret, struct err *e)
{
	return pods_of(c, n->selector, ret, e);
}

void
cluster_newcomer_is(const struct kube_look *l, struct canary *ret)
{
	ret->status = l->status;
	memcpy(ret->reason, l->reason, sizeof ret->reason);
	memcpy(ret->code, l->code, sizeof ret->code);
	memcpy(ret->advice, l->advice, sizeof ret->advice);
	(void)str_copy(ret->evidence, sizeof ret->evidence, l->evidence);
}

int
cluster_all_pods(struct cluster *c, const struct cluster_names *n, json_t **ret, struct err *e)
{
	return pods_of(c, n->all_selector, ret, e);
}

static int
gather(struct look *l, struct err *e)
{
	cleanup_json json_t *first = NULL, *child = NULL;
	int rc;

	rc = cluster_names(l->c, l->q->model, &l->n, e);
	if (rc == 0)
		rc = cluster_kube(l->c, e);
	if (rc < 0)
		return rc;
	first = cluster_object(l->c, &l->n);
	rc = cluster_get(l->c, first, &l->live, e);
	if (rc < 0)
		return rc;
	cluster_stamp_of(l->live, &l->stamp);
	if (l->c->s.mode == CLUSTER_KNATIVE)
		kserve_revision(l->live, &l->n);
	if (l->c->s.canary == CANARY_LIST)
		kserve_newcomer_plan(l->live, l->canary_plan);
	rc = cluster_pods(l->c, &l->n, &l->pods, e);
	if (rc < 0)
		return rc;
	if (l->c->kind == CLUSTER_KUBERNETES) {
		l->deployment = json_incref(l->live);
		return kubernetes_canary_plan(l->c, &l->n, l->canary_plan, e);
	}
	if (!l->n.deployment[0])
		return 0;
	child = cluster_named(cluster_namespace(l->c->t), "apps/v1", "Deployment", l->n.deployment);
	return cluster_get(l->c, child, &l->deployment, e);
}

/* --- what serves --- */

static bool
is_ready(const json_t *pod)
{
	return !kube_pod_is_over(pod) &&
	       streq(kube_text(kube_condition(pod, "Ready"), "status"), "True");
}

static size_t
count_alive(const json_t *items)
{
	const json_t *pod;
	size_t i, n = 0;

	json_array_foreach(items, i, pod) n += !kube_pod_is_over(pod);
	return n;
}

/* The version whose pods are ready: of before as long as one of those is. Where none is, or nobody
 * may look, what was written last is not what serves. */
static void
set_serving(const struct look *l)
{
	const json_t *template = kube_at(l->deployment, "spec.template"), *pod;
	const json_t *items = json_object_get(l->pods, "items");
	struct observation *o = l->ret;
	struct cluster_stamp s = l->stamp;
	size_t i;

	o->carries_known = l->stamp.exists && l->stamp.is_ours;
	o->carries_number = l->stamp.number;
	o->carries_version = l->stamp.version;
	o->serving_empty = !l->live && count_alive(items) == 0;
	o->serving_known = o->serving_empty;
	json_array_foreach(items, i, pod)
	{
		struct cluster_stamp one;

		if (!is_ready(pod))
			continue;
		o->serving_known = true;
		cluster_stamp_of(pod, &one);
		if (!kube_pod_is_of(pod, template) && one.is_ours)
			s = one;
	}
	if (o->serving_empty || !o->serving_known)
		return;
	o->serving_number = s.is_ours ? s.number : 0;
	if (s.is_ours)
		o->serving_version = s.version;
}

/* --- layers --- */

static bool
is_of_rollout(const struct look *l)
{
	return l->stamp.is_ours && !l->stamp.is_going &&
	       digest_eq(&l->stamp.version, &l->q->version) && streq(l->stamp.model, l->q->model) &&
	       streq(l->stamp.registry, l->q->registry_id);
}

static void
say_drift(const struct kube_change *one, size_t n, const char *kind, struct observation *o)
{
	o->is_drifted = true;
	(void)snprintf(o->reason, sizeof o->reason, "%s: %s is %s, and %s was sent%s%s%s", kind,
	               one->field, one->after ? one->after : "gone", one->before,
	               one->manager[0] ? "; changed by " : "", one->manager,
	               n > 1 ? "; other fields too" : "");
}

/* The first change that is drift; NULL: none. */
static const struct kube_change *
first_drift(const struct look *l, const struct kube_changes *c)
{
	const bool is_same = digest_eq(&l->stamp.target, &l->c->t->identity);

	for (size_t i = 0; i < c->n; i++) {
		if (cluster_is_drift(&c->v[i], is_same))
			return &c->v[i];
	}
	return NULL;
}

/* Every field that was sent is there. */
static int
object_layer(struct look *l, struct err *e)
{
	cleanup_json json_t *wanted = NULL;
	const json_t *one;
	bool same = true;
	size_t i;
	int rc;

	if (!is_of_rollout(l)) {
		if (l->stamp.is_going)
			(void)snprintf(l->ret->reason, sizeof l->ret->reason,
			               "\"%s\" is being deleted: %s", l->n.object, l->stamp.waits);
		else if (l->live)
			(void)snprintf(l->ret->reason, sizeof l->ret->reason,
			               l->stamp.is_ours ? "\"%s\" carries v%" PRIu64
			                                : "\"%s\" is not Slipway's",
			               l->n.object, l->stamp.number);
		else
			(void)snprintf(l->ret->reason, sizeof l->ret->reason, "\"%s\" is not there",
			               l->n.object);
		return 0;
	}
	if (!l->q->files) /* its bytes are gone here: what was sent cannot be made again */
		return 1;
	rc = cluster_wanted(l->c, l->q, &wanted, e);
	if (rc < 0)
		return rc;
	json_array_foreach(json_object_get(wanted, "apply"), i, one)
	{
		cleanup_json json_t *other = NULL;
		struct kube_changes c = { 0 };

		if (i > 0)
			rc = cluster_get(l->c, one, &other, e);
		if (rc < 0)
			return rc;
		kube_drift(one, i > 0 ? other : l->live, KUBE_FIELD_MANAGER, &c);
		const struct kube_change *drift = first_drift(l, &c);
		if (same && drift)
			say_drift(drift, c.n, kube_text(one, "kind"), l->ret);
		same = same && !drift;
		kube_changes_fini(&c);
	}
	return same;
}

static void
judge(struct look *l)
{
	const struct kube_when w = { kube_now_s(l->c->k), KUBE_GRACE_S };
	const json_t *items = json_object_get(l->pods, "items");
	struct observation *o = l->ret;

	if (l->c->kind == CLUSTER_KSERVE)
		kube_isvc_look(l->live, l->deployment, items, &w, &l->judged);
	else
		kube_deployment_look(l->live, items, &w, &l->judged);
	o->replicas_known = l->deployment != NULL;
	o->replicas_wanted = l->judged.wanted;
	o->replicas_ready = l->judged.ready;
	o->status = l->judged.status;
	memcpy(o->reason, l->judged.reason, sizeof o->reason);
	memcpy(o->code, l->judged.code, sizeof o->code);
	memcpy(o->advice, l->judged.advice, sizeof o->advice);
	(void)str_copy(o->evidence, sizeof o->evidence, l->judged.evidence);
}

/* An InferenceService's Deployment follows later: until then its pods are of what was before. */
static bool
follows(const struct look *l)
{
	char hex[DIGEST_HEX_SIZE];
	const char *has = json_opt_string(kube_at(l->deployment, "spec.template.metadata.labels"),
	                                  CLUSTER_VERSION);
	const char *plan = json_opt_string(
	        kube_at(l->deployment, "spec.template.metadata.annotations"), CLUSTER_PLAN);

	digest_hex(&l->q->version, hex);
	return has && plan && strncmp(has, hex, CLUSTER_LABEL) == 0 &&
	       streq(plan, l->stamp.plan_id);
}

/* Does something in the pod name those bytes: a volume, an argument, an annotation of KServe? */
static bool
names_bytes(const json_t *pod, const char *reference)
{
	const char *bare = strstr(reference, "://");
	cleanup_buf struct buf text = { 0 };

	json_canonical(pod, &text);
	if (has_prefix(reference, "pvc://")) {
		/* claim and path stand apart there */
		const char *path = strchr(bare + 3, '/');
		return path && strstr(buf_cstr(&text), path + 1);
	}
	return strstr(buf_cstr(&text), bare ? bare + 3 : reference) != NULL;
}

/* Each pod that is there is of this version and holds its bytes, and there are enough. */
static bool
instances_layer(struct look *l)
{
	const json_t *pod;
	char hex[DIGEST_HEX_SIZE];
	unsigned n = 0;
	size_t i;

	if (!l->pods)
		return false;
	digest_hex(&l->q->version, hex);
	json_array_foreach(json_object_get(l->pods, "items"), i, pod)
	{
		char name[128];

		if (kube_pod_is_over(pod))
			continue;
		kube_safe(name, sizeof name, kube_text(pod, "metadata.name"));
		if (!cluster_is_of_version(pod, hex) ||
		    (l->reference[0] && !names_bytes(pod, l->reference))) {
			(void)snprintf(l->ret->reason, sizeof l->ret->reason,
			               "pod \"%s\" is not of v%" PRIu64, name, l->q->number);
			return false;
		}
		n += is_ready(pod);
	}
	/* an autoscaler begins with one and comes to its minimum later; none at all prove nothing
	 */
	if (n > 0 && n >= l->judged.wanted && n >= l->c->s.replicas)
		return true;
	if (n == 0 && l->judged.wanted == 0) {
		(void)snprintf(l->ret->reason, sizeof l->ret->reason,
		               "no pod is there: it is scaled to 0");
		return false;
	}
	(void)snprintf(l->ret->reason, sizeof l->ret->reason, "%u of %" PRIu64 " pods are ready", n,
	               l->judged.wanted > l->c->s.replicas ? l->judged.wanted : l->c->s.replicas);
	return false;
}

/* --- evidence --- */

struct lines {
	struct buf *to;
	unsigned n;
};

static int
take_line(void *arg, struct str line, struct err *e)
{
	struct lines *l = arg;

	if (l->n++ >= LOG_LINES) /* it sends more than was asked for */
		return err_set(e, ERR_CANCELLED, "there are enough lines");
	buf_adds(l->to, "\nlog: ");
	text_safe(l->to, (struct str){ line.p, line.n < 200 ? line.n : 200 });
	return 0;
}

static void
add_events(struct look *l, struct buf *to)
{
	cleanup_buf struct buf path = { 0 }, query = { 0 };
	cleanup_json json_t *events = NULL;
	struct err ignored = { 0 };
	const json_t *one;
	char words[200], reason[64];
	unsigned n = 0;

	kube_path(&path, "", "v1", cluster_namespace(l->c->t), "events", NULL, NULL);
	buf_adds(&query, "fieldSelector=");
	http_escape(&query, "type=Warning,involvedObject.name=");
	http_escape(&query, l->judged.pod);
	if (kube_list(l->c->k, buf_cstr(&path), buf_cstr(&query), 200, &events, &ignored) < 0)
		return;
	for (size_t i = json_array_size(json_object_get(events, "items")); i-- > 0 && n < 3; n++) {
		one = json_array_get(json_object_get(events, "items"), i);
		kube_safe(reason, sizeof reason, kube_text(one, "reason"));
		kube_safe(words, sizeof words, kube_text(one, "message"));
		buf_addf(to, "\nevent: %s: %s", reason, words);
	}
}

/* What the cluster knows of it and will have forgotten tomorrow. */
static void
add_evidence(struct look *l)
{
	cleanup_buf struct buf text = { 0 }, path = { 0 }, query = { 0 };
	struct lines lines = { .to = &text };
	struct err ignored = { 0 };

	if (!l->judged.pod[0])
		return;
	buf_adds(&text, l->ret->evidence);
	add_events(l, &text);
	if (l->judged.container[0] && streq(l->judged.code, "crash-loop")) {
		kube_path(&path, "", "v1", cluster_namespace(l->c->t), "pods", l->judged.pod, NULL);
		buf_adds(&query, "container=");
		http_escape(&query, l->judged.container);
		buf_addf(&query, "&tailLines=%d%s", LOG_LINES,
		         l->judged.is_restarted ? "&previous=true" : "");
		(void)kube_log(l->c->k, buf_cstr(&path), buf_cstr(&query), clock_mono_ms() + 3000,
		               take_line, &lines, &ignored);
	}
	(void)snprintf(l->ret->evidence, sizeof l->ret->evidence, "%s",
	               buf_cstr(&text) + (text.n > 0 && text.p[0] == '\n'));
}

/* --- together --- */

static void
set_failed(struct observation *o, const char *code, const char *advice, const char *reason)
{
	o->status = ROLLOUT_FAILED;
	(void)str_copy(o->code, sizeof o->code, code);
	(void)str_copy(o->advice, sizeof o->advice, advice);
	(void)snprintf(o->reason, sizeof o->reason, "%s", reason);
}

/* For how long: by looks in a row at the same version, and no other. */
static uint64_t
is_mute_for(struct look *l)
{
	const uint64_t now_ms = clock_mono_ms();

	l->is_mute = true;
	if (!l->c->mute_since_ms || !digest_eq(&l->c->mute_version, &l->q->version))
		l->c->mute_since_ms = now_ms;
	l->c->mute_version = l->q->version;
	return now_ms - l->c->mute_since_ms;
}

/* Pods that are ready and a model that nobody answers for: it may still be loading, for a while. */
static void
listed_layer(struct look *l)
{
	const json_t *template = kube_at(l->deployment, "spec.template");
	cleanup_buf struct buf known = { 0 };
	struct observation *o = l->ret;
	char reason[512] = "";
	struct err bad = { 0 };
	int rc;

	cluster_known(template, l->reference, &known);
	const struct cluster_ask a = {
		.c = l->c,
		.q = l->q,
		.known = buf_cstr(&known),
		.pods = l->pods,
		.model = l->c->s.model_name ? l->c->s.model_name : l->n.object,
		.template = template,
		.names = &l->n,
	};
	rc = cluster_listed(&a, reason, &bad);
	if (rc == 1) {
		o->proofs |= PROOF_BIT(PROOF_LISTED);
		return;
	}
	if (rc == -ERR_ROLLOUT_FAILED) {
		set_failed(o, "wrong-version",
		           "its pods have the right labels and another model: see what the image "
		           "or the store really holds",
		           bad.msg);
		return;
	}
	if (rc == -ERR_DENIED) /* probe says that this layer cannot be shown */
		return;
	o->status = rc < 0 ? ROLLOUT_UNKNOWN : ROLLOUT_PROGRESSING;
	(void)snprintf(o->reason, sizeof o->reason, "%s", rc < 0 ? bad.msg : reason);
	if (rc < 0)
		return;
	if (is_mute_for(l) >= MUTE_MS)
		set_failed(o, "load", "the pods are ready and the model is not: read their logs",
		           reason);
}

/* A revision that is ready may get a part of the requests only. */
static bool
takes_all(struct look *l)
{
	struct observation *o = l->ret;
	unsigned percent = 0;

	if (kserve_share(l->live, &percent) && percent == 100)
		return true;
	o->status = ROLLOUT_PROGRESSING;
	(void)snprintf(o->reason, sizeof o->reason, "its newest revision gets %u%% of the requests",
	               percent);
	return false;
}

static void
observe_version(struct look *l, struct err *e)
{
	struct observation *o = l->ret;
	int rc = object_layer(l, e);

	o->status = rc < 0 ? ROLLOUT_UNKNOWN : ROLLOUT_PROGRESSING;
	if (rc < 0)
		(void)str_copy(o->reason, sizeof o->reason, e->msg);
	if (rc < 0 || !is_of_rollout(l))
		return;
	if (rc == 0)
		return;
	o->proofs |= PROOF_BIT(PROOF_OBJECT);
	if (l->deployment && !follows(l)) {
		(void)snprintf(o->reason, sizeof o->reason,
		               "its controller has not taken it up yet");
		return;
	}
	if (l->q->files)
		(void)cluster_reference(l->c, l->q, l->reference, e);
	judge(l);
	if (o->status == ROLLOUT_FAILED || (o->code[0] && !o->evidence[0]))
		add_evidence(l);
	if (o->status != ROLLOUT_SUCCEEDED)
		return;
	if (l->c->s.mode == CLUSTER_KNATIVE && !takes_all(l))
		return;
	o->proofs |= PROOF_BIT(PROOF_WORKLOAD);
	if (!l->pods)
		return;
	if (!instances_layer(l)) {
		o->status = ROLLOUT_PROGRESSING;
		return;
	}
	o->proofs |= PROOF_BIT(PROOF_INSTANCES);
	listed_layer(l);
}

static void
observe_nothing(struct look *l)
{
	struct observation *o = l->ret;
	const size_t pods = count_alive(json_object_get(l->pods, "items"));

	o->status = ROLLOUT_PROGRESSING;
	if (l->live) {
		(void)snprintf(o->reason, sizeof o->reason, "\"%s\" is %s%s", l->n.object,
		               l->stamp.is_going ? "being deleted: " : "still there",
		               l->stamp.waits);
		return;
	}
	o->proofs |= PROOF_BIT(PROOF_OBJECT);
	if (pods > 0) {
		(void)snprintf(o->reason, sizeof o->reason, "%zu pods are still there", pods);
		return;
	}
	o->status = ROLLOUT_SUCCEEDED;
	if (l->pods)
		o->proofs |= PROOF_BIT(PROOF_WORKLOAD) | PROOF_BIT(PROOF_INSTANCES) |
		             PROOF_BIT(PROOF_LISTED);
}

static int
observe(struct cluster *c, const struct rollout *q, struct observation *ret, struct err *e)
{
	struct look l = { .c = c, .q = q, .ret = ret };
	int rc;

	*ret = (struct observation){ .status = ROLLOUT_UNKNOWN };
	rc = gather(&l, e);
	if (rc < 0) {
		c->mute_since_ms = 0; /* nobody has seen it be mute */
		look_fini(&l);
		if (rc == -ERR_USAGE)
			return rc;
		(void)snprintf(ret->reason, sizeof ret->reason, "%s", e->msg); /* no contact */
		err_clear(e);
		return 0;
	}
	(void)str_copy(ret->plan_id, sizeof ret->plan_id,
	               l.canary_plan[0] ? l.canary_plan : l.stamp.plan_id);
	set_serving(&l);
	/* somebody else's, or taken away behind our back */
	if (l.live ? !l.stamp.is_ours || l.stamp.is_going : !q->empty)
		ret->is_drifted = true;
	if (q->empty)
		observe_nothing(&l);
	else
		observe_version(&l, e);
	if (!l.is_mute)
		c->mute_since_ms = 0;
	err_clear(e);
	look_fini(&l);
	return 0;
}

int
cluster_observe(void *st, const struct rollout *q, struct observation *ret, struct err *e)
{
	struct cluster *c = st;
	int rc;

	cluster_see_once(c);
	rc = observe(c, q, ret, e);
	cluster_see_anew(c);
	return rc;
}
