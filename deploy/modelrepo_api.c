/* SPDX-License-Identifier: Apache-2.0 */
/*
 * V2 model repository calls. Reads are repeated, load and unload are sent once:
 * what came of them is either answered or unknown. Knows nothing of folders, plans or rollouts.
 */
#include "deploy/modelrepo_api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/vec.h"

#define READ_MS   10000u
#define LEAST_MS  100u /* a server that is well answers in this, however late it is */
#define UNLOAD_MS 30000

static const char type_json[] = "application/json";

void
modelrepo_index_fini(struct modelrepo_index *i)
{
	vec_fini(i);
}

void
modelrepo_versions_fini(struct modelrepo_versions *v)
{
	vec_fini(v);
}

/* base + path, with the model's name escaped between front and back */
static char *
url_of(const struct modelrepo_api *a, const char *front, const char *model, const char *back)
{
	struct buf b = { 0 };

	buf_adds(&b, a->url);
	buf_adds(&b, front);
	http_escape(&b, model);
	buf_adds(&b, back);
	return buf_steal(&b);
}

static uint64_t
read_ms(const struct modelrepo_api *a)
{
	const uint64_t now_ms = clock_mono_ms(), end_ms = a->deadline_ms ? *a->deadline_ms : 0;

	if (end_ms == 0 || end_ms >= now_ms + READ_MS)
		return READ_MS;
	return end_ms > now_ms + LEAST_MS ? end_ms - now_ms : LEAST_MS;
}

/* One read; *ret_status also of answers that are no success, which are no error here. */
static int
read_json(const struct modelrepo_api *a, struct http_request *q, long *ret_status, json_t **ret,
          struct err *e)
{
	cleanup_response struct http_response r = { 0 };
	int rc;

	q->timeout_ms = read_ms(a);
	q->safe_to_repeat = true;
	rc = http_perform(a->http, q, &r, e);
	if (rc < 0)
		return rc;
	*ret_status = r.status;
	rc = http_check(q, &r, e);
	if (rc < 0)
		return rc;
	return http_json(q, &r, ret, e);
}

/* Codes of HTTP that have another meaning to a caller of a driver. */
static int
refused(struct err *e)
{
	if (e->code == ERR_NOT_FOUND || e->code == ERR_CONFLICT)
		e->code = ERR_ROLLOUT_FAILED;
	return -(int)e->code;
}

/* A plain no to what every V2 server answers: whoever is there speaks another protocol. */
static int
not_v2(struct err *e)
{
	if (e->code == ERR_NOT_FOUND || e->code == ERR_CONFLICT || e->code == ERR_ROLLOUT_FAILED)
		e->code = ERR_MALFORMED;
	return -(int)e->code;
}

int
modelrepo_live(const struct modelrepo_api *a, struct err *e)
{
	cleanup_free char *url = url_of(a, "/v2/health/live", "", "");
	cleanup_response struct http_response r = { 0 };
	const struct http_request q = { .method = "GET", .url = url, .timeout_ms = read_ms(a),
		                        .safe_to_repeat = true };
	int rc;

	rc = http_perform(a->http, &q, &r, e);
	if (rc < 0)
		return rc;
	rc = http_check(&q, &r, e);
	return rc < 0 ? not_v2(e) : 0;
}

int
modelrepo_server(const struct modelrepo_api *a, struct modelrepo_server *ret, struct err *e)
{
	cleanup_free char *url = url_of(a, "/v2", "", "");
	cleanup_json json_t *j = NULL;
	struct http_request q = { .method = "GET", .url = url };
	const char *name, *version;
	json_t *extensions;
	long status;
	int rc;

	rc = read_json(a, &q, &status, &j, e);
	if (rc < 0)
		return not_v2(e);
	rc = json_get_string(j, "name", "server metadata", &name, e);
	if (rc < 0)
		return rc;
	rc = json_get_string(j, "version", "server metadata", &version, e);
	if (rc < 0)
		return rc;
	rc = json_get_array(j, "extensions", "server metadata", &extensions, e);
	if (rc < 0)
		return rc;
	/* its index tells, when it is asked for */
	*ret = (struct modelrepo_server){ .has_repository = a->dialect == MODELREPO_MLSERVER };
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	(void)snprintf(ret->version, sizeof(ret->version), "%s", version);
	for (size_t i = 0; i < json_array_size(extensions); i++) {
		const char *x = json_string_value(json_array_get(extensions, i));

		if (x && streq(x, "model_repository"))
			ret->has_repository = true;
	}
	return 0;
}

static enum modelrepo_state
state_of(const char *s)
{
	static const struct {
		const char *name;
		enum modelrepo_state state;
	} names[] = {
		{ "READY", MODELREPO_READY },
		{ "LOADING", MODELREPO_LOADING },
		{ "UNLOADING", MODELREPO_UNLOADING },
		{ "UNAVAILABLE", MODELREPO_UNAVAILABLE },
	};

	for (size_t i = 0; s && i < COUNT(names); i++) {
		if (streq(names[i].name, s))
			return names[i].state;
	}
	return MODELREPO_OTHER;
}

int
modelrepo_index(const struct modelrepo_api *a, const char *model, struct modelrepo_index *ret,
                struct err *e)
{
	cleanup_free char *url = url_of(a, "/v2/repository/index", "", "");
	cleanup_json json_t *j = NULL;
	struct http_request q = { .method = "POST", .url = url, .body = STR("{}"),
		                  .content_type = type_json };
	long status;
	int rc;

	rc = read_json(a, &q, &status, &j, e);
	if (rc < 0)
		return refused(e);
	if (!json_is_array(j))
		return err_set(e, ERR_MALFORMED, "the repository index of \"%s\" is no array",
		               a->url);
	for (size_t i = 0; i < json_array_size(j); i++) {
		const json_t *o = json_array_get(j, i);
		const char *name = json_opt_string(o, "name");
		const char *version = json_opt_string(o, "version");
		const char *reason = json_opt_string(o, "reason");
		struct modelrepo_row row = { .state = state_of(json_opt_string(o, "state")) };

		if (!name)
			return err_set(e, ERR_MALFORMED,
			               "a row of the repository index of \"%s\" has no name",
			               a->url);
		/* a model that was never loaded has neither version nor state */
		if (!streq(name, model) || !version ||
		    parse_u64(version, UINT64_MAX, &row.number) < 0)
			continue;
		(void)snprintf(row.reason, sizeof(row.reason), "%s", reason ? reason : "");
		vec_push(ret, row);
	}
	return 0;
}

int
modelrepo_versions(const struct modelrepo_api *a, const char *model, struct modelrepo_versions *ret,
                   struct err *e)
{
	cleanup_free char *url = url_of(a, "/v2/models/", model, "");
	cleanup_json json_t *j = NULL;
	struct http_request q = { .method = "GET", .url = url };
	json_t *versions;
	long status = 0;
	int rc;

	rc = read_json(a, &q, &status, &j, e);
	if (rc < 0 && (status == 404 || status == 400)) { /* 400 up to 24.01 */
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return refused(e);
	rc = json_get_array(j, "versions", "model metadata", &versions, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < json_array_size(versions); i++) {
		const char *s = json_string_value(json_array_get(versions, i));
		uint64_t number;

		if (s && parse_u64(s, UINT64_MAX, &number) == 0)
			vec_push(ret, number);
	}
	return 0;
}

int
modelrepo_ready(const struct modelrepo_api *a, const char *model, uint64_t number, bool *ret,
                struct err *e)
{
	cleanup_free char *back = xasprintf("/versions/%" PRIu64 "/ready", number);
	cleanup_free char *url = url_of(a, "/v2/models/", model, back);
	cleanup_response struct http_response r = { 0 };
	const struct http_request q = { .method = "GET", .url = url, .timeout_ms = read_ms(a),
		                        .safe_to_repeat = true };
	int rc;

	*ret = false;
	rc = http_perform(a->http, &q, &r, e);
	if (rc < 0)
		return rc;
	if (r.status == 404 || r.status == 400)
		return 0;
	rc = http_check(&q, &r, e);
	if (rc < 0)
		return refused(e);
	*ret = true;
	return 0;
}

/* A change, sent once. Success is a 2xx without a body or with JSON: a proxy's page is none. */
static int
act(const struct modelrepo_api *a, const char *url, uint64_t timeout_ms, long *ret_status,
    struct err *e)
{
	cleanup_response struct http_response r = { 0 };
	cleanup_json json_t *j = NULL;
	const struct http_request q = { .method = "POST", .url = url, .body = STR("{}"),
		                        .content_type = type_json, .timeout_ms = timeout_ms };
	int rc;

	*ret_status = 0;
	rc = http_perform(a->http, &q, &r, e);
	if (rc < 0)
		return rc;
	*ret_status = r.status;
	rc = http_check(&q, &r, e);
	if (rc < 0)
		return refused(e);
	return r.body.n > 0 ? http_json(&q, &r, &j, e) : 0;
}

int
modelrepo_load(const struct modelrepo_api *a, const char *model, uint64_t timeout_ms, struct err *e)
{
	cleanup_free char *url = url_of(a, "/v2/repository/models/", model, "/load");

	long status;

	return act(a, url, timeout_ms, &status, e);
}

int
modelrepo_unload(const struct modelrepo_api *a, const char *model, struct err *e)
{
	cleanup_free char *url = url_of(a, "/v2/repository/models/", model, "/unload");

	long status;
	int rc = act(a, url, UNLOAD_MS, &status, e);

	if (rc < 0 && status == 404 && a->dialect == MODELREPO_MLSERVER) {
		err_clear(e);
		return 0;
	}
	return rc;
}

int
modelrepo_infer(const struct modelrepo_api *a, const char *model, struct str body,
                uint64_t timeout_ms, struct http_response *ret, struct err *e)
{
	cleanup_free char *url = url_of(a, "/v2/models/", model, "/infer");
	const struct http_request q = { .method = "POST", .url = url, .body = body,
		                        .content_type = type_json, .timeout_ms = timeout_ms };
	int rc;

	rc = http_perform(a->http, &q, ret, e);
	if (rc == -ERR_OUTCOME_UNKNOWN)
		e->code = ERR_UNREACHABLE; /* a question changes nothing */
	if (rc < 0)
		return -(int)e->code;
	rc = http_check(&q, ret, e);
	return rc < 0 ? refused(e) : 0;
}

int
modelrepo_config(const struct modelrepo_api *a, const char *model, bool *ret_loaded,
                 enum modelrepo_policy *ret, struct err *e)
{
	cleanup_free char *url = url_of(a, "/v2/models/", model, "/config");
	cleanup_json json_t *j = NULL;
	struct http_request q = { .method = "GET", .url = url };
	const json_t *policy;
	long status = 0;
	int rc;

	*ret_loaded = false;
	rc = read_json(a, &q, &status, &j, e);
	if (rc < 0 && (status == 404 || status == 400)) {
		err_clear(e);
		return 0;
	}
	if (rc < 0)
		return refused(e);
	policy = json_object_get(j, "version_policy");
	*ret_loaded = true;
	*ret = !policy || json_object_get(policy, "latest") ? MODELREPO_POLICY_LATEST
	                                                    : MODELREPO_POLICY_OTHER;
	return 0;
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '_';
}

/* The next identifier of protobuf text, past punctuation, comments and quoted strings; false at
 * the end. */
static bool
next_word(struct str *s, struct str *ret)
{
	size_t i = 0;

	while (i < s->n && !is_word(s->p[i])) {
		const char c = s->p[i++];

		if (c == '#') {
			while (i < s->n && s->p[i] != '\n')
				i++;
		} else if (c == '"' || c == '\'') {
			while (i < s->n && s->p[i] != c)
				i += s->p[i] == '\\' ? 2 : 1;
			i++;
		}
	}
	if (i >= s->n)
		return false;
	*ret = (struct str){ s->p + i, 0 };
	while (i < s->n && is_word(s->p[i])) {
		i++;
		ret->n++;
	}
	*s = (struct str){ s->p + i, s->n - i };
	return true;
}

enum modelrepo_policy
modelrepo_policy_text(struct str pbtxt)
{
	enum modelrepo_policy found = MODELREPO_POLICY_LATEST;
	struct str w;

	while (next_word(&pbtxt, &w)) {
		if (!str_is(w, "version_policy"))
			continue;
		if (!next_word(&pbtxt, &w) || !str_is(w, "latest"))
			found = MODELREPO_POLICY_OTHER; /* all, specific, or unknown to us */
	}
	return found;
}
