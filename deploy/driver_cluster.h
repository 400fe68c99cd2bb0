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

/* On objects and pods. Labels hold the first 40 hex digits, annotations the whole. */
#define CLUSTER_PLAN     "slipway.dev/plan"
#define CLUSTER_VERSION  "slipway.dev/version"
#define CLUSTER_NUMBER   "slipway.dev/number"
#define CLUSTER_MODEL    "slipway.dev/model"
#define CLUSTER_REGISTRY "slipway.dev/registry"
#define CLUSTER_TRACK    "slipway.dev/track" /* "stable", "canary" */
#define CLUSTER_LABEL    40
#define CLUSTER_NAME_MAX 53 /* room for what controllers append */

enum cluster_mode { CLUSTER_STANDARD, CLUSTER_KNATIVE };
/* How traffic is shared with a newcomer. */
enum cluster_canary {
	CANARY_NONE,
	CANARY_ISVC,      /* KServe 0.20: spec.canary */
	CANARY_KNATIVE,   /* canaryTrafficPercent */
	CANARY_REPLICAS,  /* a second Deployment behind the same Service */
	CANARY_HTTPROUTE, /* the same with weights of a Gateway API route */
};

/* What a target's settings say; all strings belong to the target. */
struct cluster_settings {
	const char *store, *store_path, *store_endpoint, *store_region;
	const char *runtime, *format, *protocol, *model_name, *args;
	const char *image, *loader, *mount;
	const char *service_account, *pull_secret, *prometheus;
	const char *cpu, *memory;
	uint64_t port, replicas, gpus; /* replicas 0: not said */
	bool no_surge;                 /* the old pod goes before the new one comes */
	bool plain_store;              /* http to a store that is not loopback */
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
