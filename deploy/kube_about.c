/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Kubernetes API server says of itself and of us: its version and clock, who we are there,
 * what we may do. A plan needs the same answers two or three times within seconds, so each is asked
 * once and believed for a minute; and one list of rules says at once most of what we may.
 */
#include <string.h>
#include <time.h>

#include "deploy/kube_look.h"
#include "deploy/kube_private.h"
#include "registry/base/clock.h"

#define BELIEVED_MS 60000

/* What was said lately; emptied when the first of it has grown old. */
static json_t *
said(struct kube *k)
{
	const uint64_t now_ms = clock_mono_ms();

	if (!k->said || now_ms >= k->said_until_ms) {
		json_decref(k->said);
		k->said = json_object();
		k->said_until_ms = now_ms + BELIEVED_MS;
	}
	return k->said;
}

/* A question in the form of an object that is not kept. *ret: a new reference. */
static int
ask(struct kube *k, const char *path, const json_t *question, json_t **ret, struct err *e)
{
	cleanup_buf struct buf body = { 0 };
	struct kube_call c = {
		.method = "POST", .path = path, .content_type = "application/json", .is_read = true
	};
	int rc;

	json_canonical(question, &body);
	*ret = json_incref(json_object_get(said(k), buf_cstr(&body)));
	if (*ret)
		return 0;
	c.body = buf_str(&body);
	rc = kube_call_json(k, &c, ret, e);
	if (rc == 0)
		json_object_set(said(k), buf_cstr(&body), *ret);
	return rc;
}

/* Source: RFC 9110, section 5.6.7, the one form that servers send. */
static bool
http_date(struct str s, int64_t *ret)
{
	cleanup_free char *text = xstrndup(s.p, s.n);
	struct tm tm = { 0 };
	const char *const end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);

	if (!end || *end)
		return false;
	*ret = (int64_t)timegm(&tm);
	return true;
}

void
kube_take_clock(struct kube *k, const struct http_response *r)
{
	const struct str date = http_header(r, "date", NULL);
	int64_t at;

	if (date.p && http_date(date, &at))
		k->ahead_s = at - clock_now_s();
}

int64_t
kube_now_s(const struct kube *k)
{
	return clock_now_s() + k->ahead_s;
}

static int
ask_server(struct kube *k, struct kube_server *ret, struct err *e)
{
	const struct kube_call c = {
		.method = "GET", .path = "/version", .is_read = true, .idle_ms = KUBE_SILENT_MS
	};
	cleanup_response struct http_response r = { 0 };
	cleanup_json json_t *j = NULL;
	struct str date;
	int64_t at;
	int rc = kube_call(k, &c, &r, NULL, e);

	*ret = (struct kube_server){ 0 };
	if (rc == 0)
		rc = kube_parse(&c, &r, &j, e);
	if (rc < 0)
		return rc;
	kube_safe(ret->version, sizeof ret->version, kube_text(j, "gitVersion"));
	if (ret->version[0] == '\0')
		return err_set(e, ERR_MALFORMED, "\"%s\" is no Kubernetes API server",
		               k->config->server);
	date = http_header(&r, "date", NULL);
	if (date.p && http_date(date, &at))
		ret->clock_difference_ms = (at - clock_now_s()) * 1000;
	return 0;
}

int
kube_server(struct kube *k, struct kube_server *ret, struct err *e)
{
	static const char key[] = "version";
	const json_t *const known = json_object_get(said(k), key);
	int rc;

	if (known) {
		*ret = (struct kube_server){ .clock_difference_ms =
			                             kube_number(known, "difference", 0) };
		(void)str_copy(ret->version, sizeof ret->version, kube_text(known, "is"));
		return 0;
	}
	rc = ask_server(k, ret, e);
	if (rc == 0)
		json_object_set_new(said(k), key,
		                    json_pack("{s:s, s:I}", "is", ret->version, "difference",
		                              (json_int_t)ret->clock_difference_ms));
	return rc;
}

int
kube_whoami(struct kube *k, char ret[256], struct err *e)
{
	cleanup_json json_t *q = json_object();
	cleanup_json json_t *j = NULL;
	int rc;

	ret[0] = '\0';
	json_object_set_new(q, "apiVersion", json_string("authentication.k8s.io/v1"));
	json_object_set_new(q, "kind", json_string("SelfSubjectReview"));
	rc = ask(k, "/apis/authentication.k8s.io/v1/selfsubjectreviews", q, &j, e);
	if (rc == -ERR_NOT_FOUND) { /* before 1.28 */
		err_clear(e);
		return 0;
	}
	if (rc == 0)
		kube_safe(ret, 256, kube_text(j, "status.userInfo.username"));
	return rc;
}

static json_t *
review(const char *verb, const char *group, const char *resource, const char *ns, const char *name)
{
	json_t *const q = json_object(), *const spec = json_object(), *const at = json_object();
	const size_t n = strcspn(resource, "/");
	cleanup_free char *plural = xstrndup(resource, n);

	json_object_set_new(q, "apiVersion", json_string("authorization.k8s.io/v1"));
	json_object_set_new(q, "kind", json_string("SelfSubjectAccessReview"));
	json_object_set_new(q, "spec", spec);
	json_object_set_new(spec, "resourceAttributes", at);
	json_object_set_new(at, "verb", json_string(verb));
	json_object_set_new(at, "group", json_string(group));
	json_object_set_new(at, "resource", json_string(plural));
	if (resource[n])
		json_object_set_new(at, "subresource", json_string(resource + n + 1));
	if (ns)
		json_object_set_new(at, "namespace", json_string(ns));
	if (name)
		json_object_set_new(at, "name", json_string(name));
	return q;
}

/* --- rules: what is allowed, of a whole namespace at once --- */

static bool
lists(const json_t *array, const char *what)
{
	const json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
	{
		const char *const s = json_string_value(one);

		if (s && (streq(s, "*") || streq(s, what)))
			return true;
	}
	return false;
}

/* A rule for some names allows no more than those. */
static bool
allows(const json_t *rule, const char *verb, const char *group, const char *resource)
{
	const json_t *const plurals = json_object_get(rule, "resources");
	const char *const sub = strchr(resource, '/');
	cleanup_free char *of_all = xasprintf("*%s", sub ? sub : "");

	return json_array_size(json_object_get(rule, "resourceNames")) == 0 &&
	       lists(json_object_get(rule, "verbs"), verb) &&
	       lists(json_object_get(rule, "apiGroups"), group) &&
	       (lists(plurals, resource) || lists(plurals, of_all));
}

/* The server's list, which it says is whole: what an authorizer that knows no rules refuses would
 * stand in it all the same. What is not in it is asked for by itself, for the reason. */
static bool
is_ruled(const json_t *review, const char *verb, const char *group, const char *resource)
{
	const json_t *rule;
	size_t i;

	if (!json_is_false(kube_at(review, "status.incomplete")))
		return false;
	json_array_foreach(kube_at(review, "status.resourceRules"), i, rule)
	{
		if (allows(rule, verb, group, resource))
			return true;
	}
	return false;
}

/* 1: it is allowed; 0: a review must tell. Negative: nobody answers at all. */
static int
ask_rules(struct kube *k, const char *verb, const char *group, const char *resource, const char *ns,
          struct err *e)
{
	cleanup_free char *key = xasprintf("no rules of %s", ns);
	cleanup_json json_t *q = NULL;
	cleanup_json json_t *j = NULL;
	int rc;

	if (json_object_get(said(k), key))
		return 0;
	q = json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", "authorization.k8s.io/v1", "kind",
	              "SelfSubjectRulesReview", "spec", "namespace", ns);
	rc = ask(k, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", q, &j, e);
	if (rc == -ERR_UNREACHABLE || rc == -ERR_CANCELLED)
		return rc;
	if (rc < 0) {
		err_clear(e);
		json_object_set_new(said(k), key, json_true());
		return 0;
	}
	return is_ruled(j, verb, group, resource);
}

int
kube_may(struct kube *k, const char *verb, const char *group, const char *resource, const char *ns,
         const char *name, enum kube_may *ret, char why[256], struct err *e)
{
	cleanup_json json_t *q = review(verb, group, resource, ns, name);
	cleanup_json json_t *j = NULL;
	const json_t *allowed;
	int rc = ns && !name ? ask_rules(k, verb, group, resource, ns, e) : 0;

	*ret = rc == 1 ? KUBE_MAY : KUBE_MAY_UNKNOWN;
	why[0] = '\0';
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = ask(k, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", q, &j, e);
	if (rc < 0)
		return rc;
	allowed = kube_at(j, "status.allowed");
	if (json_is_boolean(allowed))
		*ret = json_is_true(allowed) ? KUBE_MAY : KUBE_MAY_NOT;
	kube_safe(why, 256, kube_text(j, "status.reason"));
	if (!why[0])
		kube_safe(why, 256, kube_text(j, "status.evaluationError"));
	return 0;
}
