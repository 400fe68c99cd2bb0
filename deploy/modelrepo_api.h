/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of the V2 protocol and its model repository extension, as Triton and MLServer speak
 * them, and what a model's configuration says about versions. Knows answers, not folders and not
 * rollouts.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "deploy/http.h"

/* MLServer names no extensions, says READY of what it could not load, lists no versions of a model,
 * and forgets a model that is unloaded. Source: MLServer 1.7.1 as recorded. */
enum modelrepo_dialect { MODELREPO_TRITON, MODELREPO_MLSERVER };
/* Codes beyond those named: UNREACHABLE, DENIED, MALFORMED. */
struct modelrepo_api {
	struct http *http;
	char *url; /* without a slash at its end */
	enum modelrepo_dialect dialect;
	/* clock_mono_ms() at which reads end, seen anew at each; NULL or 0: each has its limit */
	const uint64_t *deadline_ms;
};

struct modelrepo_server {
	char name[64], version[64];
	bool has_repository; /* offers load and unload */
};
int modelrepo_live(const struct modelrepo_api *a, struct err *e);
int modelrepo_server(const struct modelrepo_api *a, struct modelrepo_server *ret, struct err *e);

enum modelrepo_state { MODELREPO_ABSENT, MODELREPO_READY, MODELREPO_LOADING, MODELREPO_UNLOADING,
	               MODELREPO_UNAVAILABLE, MODELREPO_OTHER };
struct modelrepo_row {
	uint64_t number;
	enum modelrepo_state state;
	char reason[512]; /* "unloaded", or why it could not be loaded; "" */
};
struct modelrepo_index {
	struct modelrepo_row *v;
	size_t n, cap;
};
void modelrepo_index_fini(struct modelrepo_index *i);
#define cleanup_index __attribute__((cleanup(modelrepo_index_fini)))
/* The rows of one model. */
int modelrepo_index(const struct modelrepo_api *a, const char *model, struct modelrepo_index *ret,
                    struct err *e);

struct modelrepo_versions {
	uint64_t *v;
	size_t n, cap;
};
void modelrepo_versions_fini(struct modelrepo_versions *v);
#define cleanup_versions __attribute__((cleanup(modelrepo_versions_fini)))
/* What the model's own metadata lists; none when the server does not serve it. */
int modelrepo_versions(const struct modelrepo_api *a, const char *model,
                       struct modelrepo_versions *ret, struct err *e);

/* Is that version of the model loaded, by the server's own word on it alone? */
int modelrepo_ready(const struct modelrepo_api *a, const char *model, uint64_t number, bool *ret,
                    struct err *e);

/* The server does the load before it answers. ROLLOUT_FAILED in the server's words, or
 * OUTCOME_UNKNOWN. */
int modelrepo_load(const struct modelrepo_api *a, const char *model, uint64_t timeout_ms,
                   struct err *e);
/* Answered before the unload is done; of an unknown model it is success. */
int modelrepo_unload(const struct modelrepo_api *a, const char *model, struct err *e);
/* The public name, no version asked for: the reply says which one serves. */
int modelrepo_infer(const struct modelrepo_api *a, const char *model, struct str body,
                    uint64_t timeout_ms, struct http_response *ret, struct err *e);

enum modelrepo_policy { MODELREPO_POLICY_LATEST, MODELREPO_POLICY_OTHER };
/* From the server; *ret_loaded is false and nothing else set when it does not serve the model. */
int modelrepo_config(const struct modelrepo_api *a, const char *model, bool *ret_loaded,
                     enum modelrepo_policy *ret, struct err *e);
/* From the text of config.pbtxt; without a policy it is the default, latest. */
enum modelrepo_policy modelrepo_policy_text(struct str pbtxt);
