/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Kubernetes API server means by an answer that is no success: Status objects to codes, the
 * owners of fields in conflict, and pages of proxies that are no answer of it at all. Pure.
 * Source: Kubernetes API conventions, "Response Status Kind".
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "deploy/kube_look.h"
#include "deploy/kube_private.h"

#define WORDS_MAX 200

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* conflict with "kubectl-edit" using apps/v1 at 2026-01-02T03:04:05Z */
static void
conflict_of(const json_t *cause, struct kube_conflict *ret)
{
	const char *const said = kube_text(cause, "message");
	const char *const from = strchr(said, '"');
	const char *const to = from ? strchr(from + 1, '"') : NULL;
	const char *const at = to ? strstr(to, " at ") : NULL;

	kube_safe(ret->field, sizeof ret->field, kube_text(cause, "field"));
	if (to) {
		cleanup_free char *who = xstrndup(from + 1, (size_t)(to - from - 1));
		kube_safe(ret->manager, sizeof ret->manager, who);
	}
	if (at)
		kube_safe(ret->time, sizeof ret->time, at + 4);
}

static void
take_conflicts(const json_t *causes, struct kube_reply *r)
{
	const json_t *one;
	size_t i;

	r->conflicts = xcalloc(json_array_size(causes) + 1, sizeof *r->conflicts);
	json_array_foreach(causes, i, one)
	{
		if (streq(kube_text(one, "reason"), "FieldManagerConflict"))
			conflict_of(one, &r->conflicts[r->conflicts_n++]);
	}
}

/* "a: why; b: why", as many as there is room for. */
static void
causes_text(const json_t *status, char *ret, size_t size)
{
	cleanup_buf struct buf b = { 0 };
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(status, "details.causes"), i, one)
	{
		buf_adds(&b, b.n > 0 ? "; " : "");
		buf_addf(&b, "%s: %s", kube_text(one, "field"), kube_text(one, "message"));
	}
	kube_safe(ret, size, buf_cstr(&b));
}

static int
conflict(const json_t *status, const char *path, struct kube_reply *reply, struct err *e)
{
	const json_t *const causes = kube_at(status, "details.causes");
	char said[400];

	if (reply && json_array_size(causes) > 0)
		take_conflicts(causes, reply);
	causes_text(status, said, sizeof said);
	if (said[0] && has(said, "conflict with")) {
		err_set(e, ERR_CONFLICT, "\"%s\": fields belong to somebody else: %s", path, said);
		return err_hint(e, "leave them out, or name their paths to take them over");
	}
	kube_safe(said, sizeof said, kube_text(status, "message"));
	return err_set(e, ERR_CONFLICT, "\"%s\": %s", path, said);
}

/* 500 and 503 of the server itself. What a webhook could not be asked about was not stored. */
static int
troubled(const struct kube_call *c, const json_t *status, const char *said, long code,
         struct err *e)
{
	const bool is_hook = has(said, "failed calling webhook");
	const bool unsent = c->is_read || is_hook || (status && code == 503);

	err_set(e, unsent ? ERR_UNREACHABLE : ERR_OUTCOME_UNKNOWN, "\"%s\": %s (status %ld)",
	        c->path, said, code);
	if (is_hook)
		return err_hint(e,
		                "the admission webhook does not answer: is its operator running?");
	return -(int)e->code;
}

/* Server-side apply says so with 500: fields that the kind does not have, or of another type. */
static bool
is_untyped(const char *said)
{
	return has(said, "failed to create typed patch object") || has(said, "field not declared");
}

static int
refused(const char *path, const char *said, struct err *e)
{
	if (has(said, "exceeded quota") || has(said, "maximum ") || has(said, "minimum "))
		return err_set(e, ERR_POLICY, "\"%s\": %s", path, said);
	if (has(said, "denied the request") || has(said, "denied request") ||
	    has(said, "ValidatingAdmissionPolicy") || has(said, "violates PodSecurity"))
		return err_set(e, ERR_POLICY, "\"%s\": the cluster's admission refuses it: %s",
		               path, said);
	if (has(said, "because it is being terminated"))
		return err_set(e, ERR_CONFLICT, "\"%s\": the namespace is being deleted: %s", path,
		               said);
	err_set(e, ERR_DENIED, "\"%s\": %s", path, said);
	return err_hint(e, "`slipway target test NAME` says what you may do there");
}

static int
invalid(const json_t *status, const char *path, const char *said, long code, struct err *e)
{
	char causes[400];

	if (has(said, "denied request") || has(said, "denied the request"))
		return refused(path, said, e);
	causes_text(status, causes, sizeof causes);
	return err_set(e, ERR_ROLLOUT_FAILED, "\"%s\" is refused (status %ld): %s", path, code,
	               code == 422 && causes[0] ? causes : said);
}

static int
missing(const struct kube_call *c, const json_t *status, const char *said, struct err *e)
{
	const bool is_kind = has(said, "could not find the requested resource") || !status;

	err_set(e, ERR_NOT_FOUND, "\"%s\": %s", c->path, said);
	if (is_kind)
		return err_hint(e, "is its definition installed in the cluster, and is this the "
		                   "right address?");
	if (streq(kube_text(status, "details.kind"), "namespaces"))
		return err_hint(e, "the namespace is missing");
	return -ERR_NOT_FOUND;
}

static int
by_code(const struct kube_call *c, long code, const json_t *status, const char *said,
        struct kube_reply *reply, struct err *e)
{
	switch (code) {
	case 401:
		err_set(e, ERR_DENIED, "\"%s\": the cluster does not know who we are: %s", c->path,
		        said);
		return err_hint(e, "get a new token or certificate into the kubeconfig");
	case 403:
		return refused(c->path, said, e);
	case 404:
		return missing(c, status, said, e);
	case 409:
		return conflict(status, c->path, reply, e);
	case 410:
		return err_set(e, ERR_CONFLICT, "\"%s\": %s", c->path, said);
	case 413:
		return err_set(e, ERR_TOO_BIG, "\"%s\": %s", c->path, said);
	case 429:
		return err_set(e, ERR_UNREACHABLE, "\"%s\": the cluster is busy: %s", c->path,
		               said);
	case 502:
	case 504:
		return err_set(e, c->is_read ? ERR_UNREACHABLE : ERR_OUTCOME_UNKNOWN,
		               "\"%s\": %s (status %ld)", c->path, said, code);
	default:
		if (code >= 500 && !is_untyped(said))
			return troubled(c, status, said, code, e);
		if (has(said, "is waiting to start") || has(said, "previous terminated container"))
			return err_set(e, ERR_NOT_FOUND, "\"%s\": %s", c->path, said);
		return invalid(status, c->path, said, code, e);
	}
}

static bool
is_page(const struct http_response *r)
{
	return strncasecmp(r->content_type, "text/html", 9) == 0 ||
	       (r->body.n > 0 && r->body.p[0] == '<');
}

/* At most that much of it, without the line break that plain text ends with. */
static void
say(char *ret, size_t size, struct str words, size_t most)
{
	size_t n = words.n < most ? words.n : most;

	while (n > 0 && strchr(" \t\r\n", words.p[n - 1]))
		n--;
	cleanup_free char *head = xstrndup(n > 0 ? words.p : "", n);
	kube_safe(ret, size, head);
}

int
kube_error(const struct kube_call *c, const struct http_response *r, struct kube_reply *reply,
           struct err *e)
{
	cleanup_json json_t *status = NULL;
	struct err ignored = { 0 };
	char said[WORDS_MAX + 200] = "";

	if (!is_page(r) && json_parse(buf_str(&r->body), "answer", &status, &ignored) == 0 &&
	    !streq(kube_text(status, "kind"), "Status")) {
		json_decref(status);
		status = NULL;
	}
	if (status)
		say(said, sizeof said, str_of(kube_text(status, "message")), sizeof said);
	else if (!is_page(r))
		say(said, sizeof said, buf_str(&r->body), WORDS_MAX);
	/* a proxy in front says nothing about what the server did, or whether there is one */
	if (is_page(r) && r->status < 500) {
		err_set(e, c->is_read ? ERR_MALFORMED : ERR_OUTCOME_UNKNOWN,
		        "\"%s\" was answered with an HTML page (status %ld), not by a Kubernetes "
		        "API server",
		        c->path, r->status);
		return err_hint(e, "is there a proxy or another server at this address?");
	}
	if (said[0] == '\0')
		(void)snprintf(said, sizeof said, "status %ld%s", r->status,
		               is_page(r) ? " and an HTML page" : "");
	return by_code(c, r->status, status, said, reply, e);
}

int
kube_status_error(const json_t *status, const char *path, struct err *e)
{
	const struct kube_call c = { .path = path, .is_read = true };
	char said[400];

	kube_safe(said, sizeof said, kube_text(status, "message"));
	return by_code(&c, (long)kube_number(status, "code", 500), status, said, NULL, e);
}
