/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of kube.h share; nobody else includes it. */
#pragma once

#include "deploy/kube.h"
#include "deploy/kube_auth.h"

struct kube {
	const struct kubeconfig *config;
	struct kube_auth *auth;
	struct http_pool *http; /* for the certificate of credential; NULL: not yet */
	unsigned made_of;       /* that credential's generation */
	uint64_t timeout_ms;
	const uint64_t *deadline_ms;
	int (*check)(void *arg, struct err *e);
	void *check_arg;
	uint64_t pace_ms; /* the bucket is empty until then */
	int64_t ahead_s;  /* its clock before ours */
	json_t *said;     /* by kube_about.c, until said_until_ms; NULL: nothing */
	uint64_t said_until_ms;
};

/* One object is read at once, or the server hangs; lists, and dry runs with webhooks, take long. */
#define KUBE_SILENT_MS 10000

struct kube_call {
	const char *method, *path, *query; /* query without "?"; NULL */
	const char *content_type;          /* NULL: no body */
	const char *accept;                /* NULL: application/json */
	struct str body;
	bool is_read;    /* changes nothing, whatever its method: may be repeated */
	bool any_status; /* the caller looks at it */
	uint64_t timeout_ms, idle_ms;
	const struct http_sink *sink;
};
/* 0: an answer of 2xx, or any with any_status. conflicts may be NULL. */
int kube_call(struct kube *k, const struct kube_call *c, struct http_response *ret,
              struct kube_reply *reply, struct err *e);
/* The body as an object; MALFORMED, or OUTCOME_UNKNOWN of a write. */
int kube_parse(const struct kube_call *c, const struct http_response *r, json_t **ret,
               struct err *e);
/* As call, and the body parsed. */
int kube_call_json(struct kube *k, const struct kube_call *c, json_t **ret, struct err *e);
/* kube_about.c: by its Date header. Not of an answer that somebody behind the server gave. */
void kube_take_clock(struct kube *k, const struct http_response *r);
/* As kube_list, of each object its metadata at least: all that is asked for, in pages that grow. */
int kube_list_metadata(struct kube *k, const char *path, const char *query, size_t max,
                       json_t **ret, struct err *e);
/* Waits, asking check; UNREACHABLE when the deadline comes first. */
int kube_pause(struct kube *k, uint64_t ms, struct err *e);
uint64_t kube_jitter(uint64_t ms); /* up to a quarter more */

/* What a server has of an object without the object; one that cannot sends all of it.
 * Source: Kubernetes API concepts, "Receiving resources as Tables" and PartialObjectMetadata. */
#define KUBE_METADATA(kind) \
	"application/json;as=PartialObjectMetadata" kind ";g=meta.k8s.io;v=v1, application/json"

/* --- kube_error.c --- */

/* What an answer that is no 2xx means; always negative. reply NULL, or gets the conflicts. */
int kube_error(const struct kube_call *c, const struct http_response *r, struct kube_reply *reply,
               struct err *e);
/* The Status object of an ERROR event of a watch. */
int kube_status_error(const json_t *status, const char *path, struct err *e);
