/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this person reaches a target: in a file of their own, never in the registry. What it says is
 * bound to the address and the authorities that the log named when the person said so; whoever uses
 * it compares them, so that a target that was changed gets no credential. Holds no secret itself.
 *   ~/.config/slipway/targets/REGISTRY-ID/TARGET.json    0600
 */
#pragma once

#include <stdbool.h>

#include "crypto/digest.h"
#include "registry/base/err.h"
#include "registry/base/json.h"

#define REACH_MAX ((size_t)64 * 1024)

/* Who this person is at a target's Prometheus: files, never what is in them. */
struct reach_metrics {
	char *url;          /* what it is bound to; NULL: nothing was said */
	char *token_file;   /* of a bearer token; NULL */
	char *login_file;   /* of USER:PASSWORD; NULL. At most one of the two */
	char *ca_file;      /* authorities instead of the system's; NULL */
};
struct reach {
	char *kubeconfig; /* as kubeconfig_where() gives it */
	char *context;
	char *url;            /* what it is bound to */
	struct digest ca;     /* zero: the system's authorities */
	struct digest plugin; /* the program that may be run for credentials; zero: none */
	struct reach_metrics metrics;
};
/* NOT_FOUND: nothing was said yet; DENIED: others may write that file; MALFORMED. */
int reach_load(const char *registry_id, const char *target, struct reach *ret, struct err *e);
/* Durable; *ret_changed: it was otherwise before. */
int reach_save(const char *registry_id, const char *target, const struct reach *r,
               bool *ret_changed, struct err *e);
/* The same as JSON, for requests to the agent. */
json_t *reach_to_json(const struct reach *r);
int reach_from_json(const json_t *o, struct reach *ret, struct err *e);
void reach_fini(struct reach *r);
void reach_metrics_fini(struct reach_metrics *m);
