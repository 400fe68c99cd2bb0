/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the drivers "kserve" and "kubernetes" share; nobody else includes this. A driver says which
 * objects a version is (render) and which Deployments carry it; reading, writing, proving and
 * putting back are the same for both.
 */
#pragma once

#include "deploy/driver.h"
#include "deploy/kube_diff.h"
#include "deploy/kube_look.h"
#include "deploy/kube_target.h"

/* On objects and pods. Labels hold the first 40 hex digits, annotations the whole. */
#define CLUSTER_PLAN     "slipway.dev/plan"
#define CLUSTER_VERSION  "slipway.dev/version"
#define CLUSTER_NUMBER   "slipway.dev/number"
#define CLUSTER_MODEL    "slipway.dev/model"
#define CLUSTER_REGISTRY "slipway.dev/registry"
#define CLUSTER_JOB      "slipway.dev/job"    /* of the object only */
#define CLUSTER_TARGET   "slipway.dev/target" /* its settings then; of the object only */
#define CLUSTER_TRACK    "slipway.dev/track"  /* "stable", "canary" */
#define CLUSTER_LABEL    40
#define CLUSTER_NAME_MAX 53 /* room for what controllers append */

enum cluster_mode { CLUSTER_STANDARD, CLUSTER_KNATIVE };
/* How traffic is shared with a newcomer. */
enum cluster_canary {
	CANARY_NONE,
	CANARY_KNATIVE,  /* canaryTrafficPercent */
	CANARY_LIST,     /* an entry of spec.canary in Standard mode: KServe 0.20 */
	CANARY_REPLICAS, /* a second Deployment behind the same Service */
	CANARY_ROUTE,    /* behind a Service of its own, by weights of an HTTPRoute */
};

/* What a target's settings say; all strings belong to the target. */
struct cluster_settings {
	const char *store, *store_path, *store_endpoint, *store_region, *store_secret;
	const char *runtime, *format, *protocol, *model_name, *args;
	const char *image, *loader, *mount;
	const char *service_account, *pull_secret;
	/* its address, and queries for one side: all or none */
	const char *prometheus, *prometheus_requests, *prometheus_errors, *prometheus_latency;
	const char *cpu, *memory;
	const char *steps, *limits;  /* read where plans are made */
	const char *route;           /* of CANARY_ROUTE: the HTTPRoute that may be weighed */
	uint64_t port, metrics_port; /* metrics_port 0: the same */
	uint64_t replicas, gpus;     /* replicas 0: not said */
	bool no_surge;               /* the old pod goes before the new one comes */
	bool plain_store;            /* http to a store that is not loopback */
	bool plain_prometheus;
	enum cluster_mode mode;
	enum cluster_canary canary;
	const json_t *all; /* for annotation.KEY */
};
enum cluster_kind { CLUSTER_KSERVE = 1u << 0, CLUSTER_KUBERNETES = 1u << 1 };
/* USAGE names the setting that is unknown or cannot be so. */
int cluster_settings(const struct target *t, enum cluster_kind kind, struct cluster_settings *ret,
                     struct err *e);

/* Name of the object at the target: t->object, else the model's with "-" for what names may not
 * have. Two models may meet in one name; who holds it stands on the object. */
int cluster_name(const struct target *t, const char *model, char ret[CLUSTER_NAME_MAX + 1],
                 struct err *e);
const char *cluster_namespace(const struct target *t); /* never NULL */

/* --- rendering, pure --- */

struct cluster_version {
	const char *name, *ns;
	const struct rollout *q;
	const char *reference; /* of the bytes, by digest: as struct remote_put has it */
};
/* Labels and annotations of version, number, model and registry; those of the settings too. */
json_t *cluster_labels(const struct cluster_version *v, const char *track);
json_t *cluster_annotations(const struct cluster_settings *s, const struct cluster_version *v);
json_t *cluster_metadata(const struct cluster_version *v, const char *name, json_t *labels,
                         json_t *annotations);
json_t *cluster_resources(const struct cluster_settings *s); /* NULL: none said */
/* The words of a setting, split at blanks; NULL: not set. */
json_t *cluster_words(const char *text);

/* {"apply":[objects]} or, of nothing, {"delete":[objects by name]}. The first object is the one
 * that switches. */
int kubernetes_objects(const struct cluster_settings *s, const struct cluster_version *v,
                       json_t **ret, struct err *e);
int kserve_objects(const struct cluster_settings *s, const struct cluster_version *v, json_t **ret,
                   struct err *e);

/* --- the cluster --- */

struct cluster_about;
struct cluster_trial;
struct cluster {
	const struct target *t;
	const struct cluster_about *about;
	enum cluster_kind kind; /* of about */
	struct cluster_settings s;
	struct kube_target access; /* opened at first use: needs the person's own configuration */
	struct kube *k;            /* of access; NULL: not opened */
	struct http *prometheus;   /* NULL: not opened */
	/* what observe compares with: rendering may have to read all bytes */
	struct buf rendered;
	struct digest rendered_version;
	char reference[1024]; /* an image has no digest before all bytes were read */
	struct digest reference_version;
	json_t *seen;                /* objects by path, between see_once and see_anew; else NULL */
	json_t *runtime;             /* as the last preflight saw it; NULL: it did not */
	struct cluster_trial *tried; /* dry runs that no preview has shown yet */
	/* since when pods of that version are ready and its model does not answer; 0: not so */
	uint64_t mute_since_ms;
	struct digest mute_version;
};

/* What a driver needs of a cluster, and what is asked before each plan: the dry run tells the rest,
 * and each question takes its time. */
struct cluster_about {
	const char *name; /* of the driver */
	enum cluster_kind kind;
	struct kube_questions all, first;
};
#define CLUSTER_NEED(v, g, r)                              \
	{                                                  \
		.verb = (v), .group = (g), .resource = (r) \
	}
/* The record of what was there before, pods and what they say, events. */
#define CLUSTER_NEEDS                                                                              \
	CLUSTER_NEED("get", "", "configmaps"), CLUSTER_NEED("create", "", "configmaps"),           \
	        CLUSTER_NEED("patch", "", "configmaps"), CLUSTER_NEED("delete", "", "configmaps"), \
	        CLUSTER_NEED("list", "", "pods"), CLUSTER_NEED("get", "", "pods/log"),             \
	        CLUSTER_NEED("get", "", "pods/proxy"), CLUSTER_NEED("create", "", "pods/proxy"),   \
	        CLUSTER_NEED("list", "", "events")
#define CLUSTER_FIRST_NEEDS                                                        \
	CLUSTER_NEED("patch", "", "configmaps"), CLUSTER_NEED("list", "", "pods"), \
	        CLUSTER_NEED("get", "", "pods/proxy"), CLUSTER_NEED("create", "", "pods/proxy")

int cluster_open(void *st, const struct target *t, const struct cluster_about *about,
                 struct err *e);
void cluster_close(void *st);
/* Names of objects of the model there. */
struct cluster_names {
	char object[CLUSTER_NAME_MAX + 1];
	char deployment[144]; /* of the stable pods; "" not known yet */
	char service[128];
	char record[CLUSTER_NAME_MAX + 16];
	char all_selector[128]; /* of all pods of the object */
	char selector[192];     /* of the stable pods, "k=v,k=v" */
};
int cluster_names(const struct cluster *c, const char *model, struct cluster_names *ret,
                  struct err *e);
/* DENIED, NOT_FOUND: this person cannot reach it; the hint says how to. */
int cluster_kube(struct cluster *c, struct err *e);

/* Where the version's bytes are for the cluster, by digest. */
int cluster_reference(struct cluster *c, const struct rollout *q, char ret[1024], struct err *e);
int cluster_render(const struct target *t, enum cluster_kind kind, const struct rollout *q,
                   struct buf *ret, struct err *e);
/* Of q, rendered once and kept. */
int cluster_wanted(struct cluster *c, const struct rollout *q, json_t **ret, struct err *e);
int cluster_stage(void *st, const struct rollout *q, struct err *e);
/* Can this person put bytes there? As probe of struct remote_driver. */
int cluster_store_probe(const struct cluster *c, char detail[256], struct err *e);

/* path of an object by its kind and name; USAGE: no kind of ours */
int cluster_path(const json_t *object, struct buf *ret, struct err *e);
/* A look or a preflight is of one moment: between these two each object is asked for once. */
void cluster_see_once(struct cluster *c);
void cluster_see_anew(struct cluster *c);
/* *ret NULL: it is not there. */
int cluster_get(struct cluster *c, const json_t *object, json_t **ret, struct err *e);
json_t *cluster_named(const char *ns, const char *api, const char *kind, const char *name);
/* The one that switches: InferenceService or Deployment. A new reference. */
json_t *cluster_object(const struct cluster *c, const struct cluster_names *n);

/* --- driver_cluster_apply.c --- */

int cluster_apply(void *st, const struct rollout *q, struct str rendered,
                  const struct precondition *p, struct err *e);
/* Any rendering, checked against no plan. */
int cluster_carry_out(struct cluster *c, const struct rollout *q, struct str rendered,
                      const struct precondition *p, struct err *e);
int cluster_rollback_to(void *st, const struct rollout *q, const struct snapshot *s,
                        const struct precondition *p, struct err *e);
int cluster_abort(void *st, const struct rollout *q, const struct precondition *p, struct err *e);

/* One object, until it is there or cannot be; p as for apply, NULL: it is not the one that
 * switches. */
int cluster_send(struct cluster *c, const struct rollout *q, const struct precondition *p,
                 const json_t *object, struct err *e);
#define CLUSTER_AUTOSCALER "kube-controller-manager"
struct kube_reply;
/* Does the plan say that all these fields may be taken? Never from an autoscaler, which would set
 * them again. */
bool cluster_may_take(const struct rollout *q, const struct kube_reply *r);
/* That very object, if it is of q's model (q NULL: if Slipway made it). Absent is success, and so
 * are somebody else's, which stays, and an answer that is lost. */
int cluster_delete(struct cluster *c, const struct rollout *q, const json_t *object, struct err *e);

/* --- driver_kubernetes_canary.c --- */

/* Percent of the requests that so many of all replicas get, rounded. */
unsigned kubernetes_share(uint64_t stable, uint64_t newcomer);
/* false: no number of newcomers makes that share; the nearest is told. */
bool kubernetes_replicas(uint64_t stable, unsigned percent, uint64_t *ret, unsigned *ret_nearest);
int kubernetes_set_weight(void *st, const struct rollout *q, struct str rendered, unsigned percent,
                          const struct precondition *p, struct err *e);
int kubernetes_look_canary(void *st, const struct rollout *q, struct canary *ret, struct err *e);
int kubernetes_release(void *st, const struct rollout *q, const struct snapshot *s, struct err *e);
/* Ours of this model, if there is one. */
int kubernetes_drop_canary(struct cluster *c, const struct rollout *q,
                           const struct cluster_names *n, struct err *e);
/* The plan that it is of; "" none. */
int kubernetes_canary_plan(struct cluster *c, const struct cluster_names *n,
                           char ret[DIGEST_HEX_SIZE], struct err *e);
int kubernetes_check_steps(struct cluster *c, const struct rollout *q, const json_t *live,
                           struct findings *ret, struct err *e);
/* The rendered Deployment as a newcomer's, and one of its name alone. New references. */
json_t *kubernetes_newcomer(const struct cluster *c, const struct cluster_names *n,
                            const json_t *rendered, uint64_t replicas);
json_t *kubernetes_newcomer_name(const struct cluster *c, const struct cluster_names *n,
                                 const char *api, const char *kind);
/* How the requests would be shared, a line for people; nothing when they are not. */
void kubernetes_say_split(const struct cluster *c, const struct rollout *q, struct buf *ret);

/* --- driver_kubernetes_route.c: CANARY_ROUTE --- */

/* Is there a route that this user may weigh, of nobody else, taken by its gateways? 1: yes; 0:
 * why. */
int kubernetes_route_probe(struct cluster *c, char why[256], struct err *e);
int kubernetes_check_route(struct cluster *c, const struct rollout *q, const json_t *live,
                           struct findings *ret, struct err *e);
/* The newcomer's Service; that of the stable pods takes no others before. */
int kubernetes_route_services(struct cluster *c, const struct rollout *q,
                              const struct cluster_names *n, const json_t *service, struct err *e);
/* CONFLICT: the route is not there, is somebody else's, or cannot be weighed. */
int kubernetes_route_weigh(struct cluster *c, const struct cluster_names *n, unsigned percent,
                           struct err *e);
/* As its gateways have it. */
int kubernetes_route_look(struct cluster *c, const struct cluster_names *n, struct canary *ret,
                          struct err *e);
/* One backend again, and taken; then the newcomer may go. OUTCOME_UNKNOWN: its gateways have not
 * taken it. */
int kubernetes_route_back(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                          struct err *e);

/* --- driver_kserve_canary.c --- */

/* In Knative mode what runs is named by the newest revision, which the service tells. */
void kserve_revision(const json_t *live, struct cluster_names *ret);
/* Percent of the requests that the newest revision gets; false: nobody says. */
bool kserve_share(const json_t *live, unsigned *ret);
int kserve_set_weight(void *st, const struct rollout *q, struct str rendered, unsigned percent,
                      const struct precondition *p, struct err *e);
int kserve_look_canary(void *st, const struct rollout *q, struct canary *ret, struct err *e);

/* --- driver_kserve_list.c: Standard mode --- */

/* stable as our last apply said it, with q's newcomer from its rendered object beside it. Pure; a
 * new reference. */
json_t *kserve_with_newcomer(const json_t *stable, const json_t *rendered, const struct rollout *q,
                             unsigned percent);
uint64_t kserve_newcomers(uint64_t stable, unsigned percent);
/* The plan that the newcomer is of; "" none. */
void kserve_newcomer_plan(const json_t *live, char ret[DIGEST_HEX_SIZE]);
int kserve_set_newcomer(struct cluster *c, const struct rollout *q, struct str rendered,
                        unsigned percent, const struct precondition *p, struct err *e);
int kserve_look_newcomer(struct cluster *c, const struct rollout *q, const json_t *live,
                         struct cluster_names *n, struct canary *ret, struct err *e);
/* Ours of this model, if there is one. */
int kserve_drop_newcomer(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                         struct err *e);
int kserve_check_steps(struct cluster *c, const struct rollout *q, const json_t *live,
                       struct findings *ret, struct err *e);

/* --- driver_cluster_route.c, pure --- */

/* Percent of the requests that an HTTPRoute gives a Service, as all its parents have accepted it in
 * this generation; route may be NULL. Rules that list neither it nor beside do not count; beside
 * NULL: all count. false: why says what is not so. */
bool cluster_route_share(const json_t *route, const char *beside, const char *service,
                         unsigned *ret, char why[256]);
/* Have all its parents accepted it as it is now, with what it refers to? */
bool cluster_route_is_taken(const json_t *route, char why[256]);
struct cluster_sides {
	const char *stable, *newcomer; /* Services in the route's namespace */
};
/* Its rules with percent of what comes for the stable one given to the newcomer; 0: the stable one
 * alone again. A new reference; NULL: why names the rule that cannot be weighed. */
json_t *cluster_route_weigh(const json_t *route, const struct cluster_sides *s, unsigned percent,
                            char why[256]);
bool cluster_route_lists(const json_t *route, const char *service);

/* --- driver_cluster_metrics.c, pure; driver_cluster_traffic.c --- */

/* Adds one server's counters of the model to sum. false: it counts none, or no numbers. */
bool cluster_metrics(struct str text, const char *model, struct traffic *sum);
/* The pods that a version is counted by: the newcomer's or all others, without those that go. *ret:
 * an array. */
int cluster_side_pods(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                      bool newcomer, json_t **ret, struct err *e);
int cluster_traffic(void *st, const struct rollout *q, bool newcomer, struct traffic *ret,
                    struct err *e);

/* --- driver_cluster_prometheus.c --- */

/* As cluster_traffic, from the target's Prometheus; negative: it cannot be asked. */
int cluster_prometheus(struct cluster *c, const struct rollout *q, const struct cluster_names *n,
                       bool newcomer, struct traffic *ret, struct err *e);
int cluster_check_prometheus(struct cluster *c, const struct rollout *q,
                             const struct cluster_names *n, struct findings *ret, struct err *e);

/* --- driver_cluster_stamp.c, pure --- */

/* Does it say q's registry and model? What has no version, a Service, says no more. */
bool cluster_is_of_model(const json_t *live, const struct rollout *q);
/* Has Slipway made it, for whatever model? */
bool cluster_is_by_us(const json_t *live);
/* Does the pod carry that version's label? */
bool cluster_is_of_version(const json_t *pod, const char hex[DIGEST_HEX_SIZE]);

/* Adds the ids of plan, job and target to the object, and the plan's to the pods that it makes. */
void cluster_stamp(json_t *object, const struct rollout *q, const struct digest *target);
struct cluster_stamp {
	bool exists;   /* the object */
	bool is_ours;  /* it says registry, model and version */
	bool is_going; /* being deleted */
	uint64_t number;
	struct digest version;
	char plan_id[DIGEST_HEX_SIZE];
	struct digest target; /* zero: not said */
	char registry[128], model[256];
	char waits[224]; /* is_going: for whom, in words */
};
void cluster_stamp_of(const json_t *live, struct cluster_stamp *ret);
/* CONFLICT: the object is not as p says. 1: this job has written it already. */
int cluster_is_as(const struct cluster_stamp *s, const char *name, const struct rollout *q,
                  const struct precondition *p, struct err *e);
/* Who else than us runs this object ("Argo CD", ...); NULL: nobody. */
const char *cluster_foreign_owner(const json_t *live);

/* --- driver_cluster_look.c --- */

int cluster_observe(void *st, const struct rollout *q, struct observation *ret, struct err *e);
/* The pods of the stable track; *ret NULL: nobody may read them. {"items":[..]} */
int cluster_pods(struct cluster *c, const struct cluster_names *n, json_t **ret, struct err *e);

/* What was seen of a newcomer's pods, as a canary tells it; its share is not touched. */
void cluster_newcomer_is(const struct kube_look *l, struct canary *ret);

/* Of both tracks. */
int cluster_all_pods(struct cluster *c, const struct cluster_names *n, json_t **ret, struct err *e);

/* --- driver_cluster_drift.c --- */

/* Is that change of what was sent drift? is_same: the target's settings are those that were sent;
 * else what our last apply said is none, and what it did not say was never there. */
bool cluster_is_drift(const struct kube_change *one, bool is_same);
int cluster_drift(void *st, const struct rollout *q, json_t **ret, struct err *e);

/* --- driver_cluster_ask.c: what pods say of themselves --- */

enum cluster_says { SAYS_NOTHING, SAYS_OURS, SAYS_OTHER };
/* Which version do these words of a server name? Numbers are the server's own and say nothing.
 * known holds further digests that are right: of the images that its pod was made from. */
enum cluster_says cluster_says(const json_t *answer, const struct digest *version,
                               const char *known, char ret_other[80]);
struct cluster_ask {
	struct cluster *c;
	const struct rollout *q;
	const char *model;
	const char *known; /* as for cluster_says */
	const json_t *pods, *template;
	const struct cluster_names *names;
};
/* Every digest that a pod of this template may speak of. */
void cluster_known(const json_t *template, const char *reference, struct buf *ret);
/* Is the model there in every pod, and behind the Service? 1: yes; 0: not yet, reason says where;
 * ROLLOUT_FAILED: another version answers; DENIED: nobody may ask. */
int cluster_listed(const struct cluster_ask *a, char reason[512], struct err *e);
int cluster_smoke(void *st, const struct rollout *q, const struct golden *g, struct proof *ret,
                  struct err *e);
/* All pods of ours in the namespace: without a model's name there is no other selector. */
int cluster_our_pods(struct cluster *c, json_t **ret, struct err *e);
int cluster_instances(void *st, struct instances *ret, struct err *e);

/* --- driver_cluster_events.c --- */

int cluster_events(void *st, const char *model, json_t **ret, struct err *e);

/* --- driver_cluster_logs.c --- */

int cluster_logs(void *st, const struct log_query *q, line_fn *fn, void *arg, struct err *e);

/* --- driver_cluster_watch.c --- */

int cluster_watch_place(void *st, const struct rollout *q, struct watch_place *ret, struct err *e);
int cluster_watch(void *st, unsigned stream, watch_fn *fn, void *arg, struct err *e);

/* --- driver_cluster_facts.c --- */

int cluster_probe(void *st, struct target_facts *ret, struct err *e);
int cluster_describe(void *st, json_t **ret, struct err *e);

/* --- driver_cluster_preflight.c, driver_kserve_preflight.c --- */

int cluster_preflight(void *st, const struct rollout *q, struct findings *ret, struct err *e);
/* Runtime, format and mode. */
int kserve_preflight_runtime(struct cluster *c, const struct rollout *q, const json_t *live,
                             struct findings *ret, struct err *e);
/* Does that runtime's spec serve the format ("onnx", "onnx:1") in that protocol? why: a sentence.
 */
bool kserve_runtime_serves(const json_t *runtime, const char *format, const char *protocol,
                           char why[256]);

/* --- driver_cluster_images.c --- */

/* Of what is rendered and of the runtime that was seen. */
int cluster_images(void *st, const struct rollout *q, struct image_names *ret, struct err *e);
int cluster_fetches(void *st, const struct rollout *q, struct fetches *ret, struct err *e);

/* --- driver_cluster_preview.c --- */

void cluster_trials_free(struct cluster_trial *list);
int cluster_preview(void *st, const struct rollout *q, struct str rendered, struct preview *ret,
                    struct err *e);
/* The server's dry run of one object; what it refuses is a finding that blocks. */
int cluster_try(struct cluster *c, const struct rollout *q, const json_t *object,
                struct findings *ret, struct err *e);
/* The server's dry run of all objects: what it refuses is a finding that blocks. */
int cluster_dry_run(struct cluster *c, const struct rollout *q, struct findings *ret,
                    struct err *e);
