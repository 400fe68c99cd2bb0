/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Kubernetes API server: who we are there, reading, server-side apply, watch, logs, and what
 * its errors mean. Knows no kind of object; drivers do. Used from one thread.
 * Sources: Kubernetes API concepts; reference facts in slipway-kubernetes(7).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "deploy/http.h"
#include "deploy/kubeconfig.h"

#define KUBE_FIELD_MANAGER "slipway"
#define KUBE_OBJECT_MAX (8u << 20)

struct kube;
struct kube_options {
	const struct kubeconfig *config; /* borrowed until kube_close */
	bool allow_exec;                 /* the person's own config allows this plugin */
	uint64_t timeout_ms;             /* of one exchange; 0: 30 s */
	const uint64_t *deadline_ms;     /* clock_mono_ms() at which looking ends; NULL: none */
	/* asked in everything that waits; negative ends it with its error. May be NULL. */
	int (*check)(void *arg, struct err *e);
	void *check_arg;
};
/* Connects to nothing yet. DENIED: an exec plugin that is not allowed. */
int kube_open(const struct kube_options *o, struct kube **ret, struct err *e);
void kube_close(struct kube *k);

/* Path of an object or collection: "" group is core; ns NULL: cluster-wide; name NULL: collection;
 * sub NULL or "status", "log", "proxy/...". Escaped. */
void kube_path(struct buf *ret, const char *group, const char *version, const char *ns,
               const char *plural, const char *name, const char *sub);

/* All calls: 0; UNREACHABLE (nothing sent, or a read that never answered), OUTCOME_UNKNOWN (a write
 * without an answer, 504), DENIED (401 after a refresh, 403: names user, verb, resource; quota is
 * POLICY), NOT_FOUND, CONFLICT (409: field and owner a line), ROLLOUT_FAILED (422, 400: causes),
 * MALFORMED (no Kubernetes answer: HTML of a proxy). Messages are safe for a terminal. */
int kube_get(struct kube *k, const char *path, json_t **ret, struct err *e);
/* All items, page after page (limit 500, at most max items: TOO_BIG); query: "labelSelector=..."
 * escaped, or NULL. ret: {"items":[...],"resourceVersion":"..."}; managedFields are dropped. */
int kube_list(struct kube *k, const char *path, const char *query, size_t max, json_t **ret,
              struct err *e);

struct kube_conflict { char field[256], manager[128], time[32]; };
struct kube_reply {
	json_t *object;          /* what the server holds now (dry run: would hold) */
	bool created;
	char audit_id[64];       /* of this request; "" not given */
	struct buf warnings;     /* Warning headers, one a line */
	struct kube_conflict *conflicts; /* of a CONFLICT by server-side apply */
	size_t conflicts_n;
};
void kube_reply_fini(struct kube_reply *r);
struct kube_apply {
	const char *path;        /* of the object */
	struct str body;         /* the whole intent, JSON */
	bool dry_run, force;
	const char *resource_version; /* must still be so; NULL: any */
	bool no_strict;          /* unknown fields warn instead of failing */
};
/* Server-side apply by KUBE_FIELD_MANAGER, fieldValidation=Strict. */
int kube_apply(struct kube *k, const struct kube_apply *a, struct kube_reply *ret, struct err *e);
/* JSON Patch (RFC 6902) or merge patch by content type. */
int kube_patch(struct kube *k, const char *path, const char *content_type, struct str body,
               struct kube_reply *ret, struct err *e);
int kube_create(struct kube *k, const char *path, const json_t *object, json_t **ret,
                struct err *e);
/* Only that very object: uid precondition, foreground. NOT_FOUND: is that success? Caller says. */
int kube_delete(struct kube *k, const char *path, const char *uid, struct err *e);
/* Through the API server to a pod or service: any status of theirs is an answer in ret; what the
 * API server says in their place is an error of its own (DENIED, UNREACHABLE, NOT_FOUND). path ends
 * in ".../proxy/...". */
int kube_proxy(struct kube *k, const char *method, const char *path, const char *content_type,
               struct str body, uint64_t timeout_ms, struct http_response *ret, struct err *e);

/* Follows a collection until fn returns non-zero (negative: with that error), until_ms of
 * clock_mono_ms() (0: never) or check says so. Lists first and calls fn("SYNC", NULL) when the list
 * is through; resumes by resourceVersion, lists again on 410, polls where watch is denied. A list
 * that is made again begins with fn("RESET", NULL): what is not in it is gone. LOST: the stream was
 * cut, and goes on later. An object's metadata is all that is asked for. type: RESET ADDED MODIFIED
 * DELETED SYNC LOST. */
typedef int kube_event_fn(void *arg, const char *type, const json_t *object, struct err *e);
int kube_watch(struct kube *k, const char *path, const char *query, uint64_t until_ms,
               kube_event_fn *fn, void *arg, struct err *e);
/* Log lines of one container (without their newline, raw bytes, at most 64 KiB each). query:
 * "container=c&tailLines=200&previous=true", or with "follow=true": until_ms is its good end then,
 * and UNREACHABLE otherwise. */
typedef int kube_line_fn(void *arg, struct str line, struct err *e);
int kube_log(struct kube *k, const char *pod_path, const char *query, uint64_t until_ms,
             kube_line_fn *fn, void *arg, struct err *e);

/* The server's clock, in seconds, by its last answer; ours until it has answered. */
int64_t kube_now_s(const struct kube *k);
/* What is asked of these three is believed for a minute. */
struct kube_server { char version[64]; int64_t clock_difference_ms; };
int kube_server(struct kube *k, struct kube_server *ret, struct err *e); /* GET /version, Date */
/* SelfSubjectReview: "system:serviceaccount:lab:bot"; UNKNOWN servers: "" and 0. */
int kube_whoami(struct kube *k, char ret[256], struct err *e);
enum kube_may { KUBE_MAY, KUBE_MAY_NOT, KUBE_MAY_UNKNOWN };
/* SelfSubjectRulesReview of ns, and SelfSubjectAccessReview of what is not in it, or has a name.
 * resource may be "pods/log". */
int kube_may(struct kube *k, const char *verb, const char *group, const char *resource,
             const char *ns, const char *name, enum kube_may *ret, char why[256], struct err *e);
