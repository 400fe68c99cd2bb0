/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Kubernetes API server. Every request goes through kube_call: paced, with who we are, once
 * more after a 401 when there is another credential, and after a 429 when told to wait, because
 * neither was carried out. A write is sent a second time for no other reason.
 */
#include "deploy/kube.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "deploy/kube_look.h"
#include "deploy/kube_private.h"
#include "deploy/secret.h"
#include "registry/base/clock.h"
#include "registry/base/vec.h"

#define EXCHANGE_MS   30000
#define PACE_MS       200  /* five requests a second, */
#define PACE_BURST_MS 8000 /* but what one plan asks at once: 40 */
#define BUSY_TRIES    10

int
kube_open(const struct kube_options *o, struct kube **ret, struct err *e)
{
	struct kube *k = xcalloc(1, sizeof *k);
	int rc = kube_auth_new(o, &k->auth, e);

	if (rc < 0) {
		free(k);
		return rc;
	}
	k->config = o->config;
	k->timeout_ms = o->timeout_ms ? o->timeout_ms : EXCHANGE_MS;
	k->deadline_ms = o->deadline_ms;
	k->check = o->check;
	k->check_arg = o->check_arg;
	*ret = k;
	return 0;
}

void
kube_close(struct kube *k)
{
	if (!k)
		return;
	http_pool_close(k->http);
	kube_auth_free(k->auth);
	json_decref(k->said);
	free(k);
}

static void
add_parts(struct buf *b, const char *parts)
{
	while (parts && *parts) {
		const size_t n = strcspn(parts, "/");
		cleanup_free char *one = xstrndup(parts, n);

		buf_addc(b, '/');
		http_escape(b, one);
		parts += n + (parts[n] == '/');
	}
}

void
kube_path(struct buf *ret, const char *group, const char *version, const char *ns,
          const char *plural, const char *name, const char *sub)
{
	buf_adds(ret, group && *group ? "/apis" : "/api");
	add_parts(ret, group);
	add_parts(ret, version);
	if (ns) {
		buf_adds(ret, "/namespaces/");
		http_escape(ret, ns);
	}
	add_parts(ret, plural);
	if (name) {
		buf_addc(ret, '/');
		http_escape(ret, name);
	}
	add_parts(ret, sub);
}

/* --- one call --- */

uint64_t
kube_jitter(uint64_t ms)
{
	uint32_t r = 0;

	(void)!getrandom(&r, sizeof r, GRND_NONBLOCK);
	return ms + ms * (r % 256) / 1024;
}

int
kube_pause(struct kube *k, uint64_t ms, struct err *e)
{
	const uint64_t end_ms = clock_mono_ms() + ms;

	for (;;) {
		const uint64_t now_ms = clock_mono_ms();
		const uint64_t left = now_ms < end_ms ? end_ms - now_ms : 0;
		const struct timespec t = { .tv_nsec = (long)(left < 250 ? left : 250) * 1000000 };
		int rc = k->check ? k->check(k->check_arg, e) : 0;

		if (rc < 0 || left == 0)
			return rc;
		if (k->deadline_ms && *k->deadline_ms && now_ms >= *k->deadline_ms)
			return err_set(e, ERR_UNREACHABLE, "no time is left to ask the cluster");
		(void)nanosleep(&t, NULL);
	}
}

static int
pace(struct kube *k, struct err *e)
{
	const uint64_t now_ms = clock_mono_ms();

#ifdef SLIPWAY_TESTING
	if (getenv("SLIPWAY_UNPACED")) /* campaigns of a thousand promotions */
		return 0;
#endif
	if (k->pace_ms + PACE_BURST_MS < now_ms)
		k->pace_ms = now_ms - PACE_BURST_MS;
	k->pace_ms += PACE_MS;
	return k->pace_ms > now_ms ? kube_pause(k, k->pace_ms - now_ms, e) : 0;
}

static int
time_left(const struct kube *k, uint64_t want, uint64_t *ret, struct err *e)
{
	const uint64_t now_ms = clock_mono_ms();

	*ret = want;
	if (!k->deadline_ms || *k->deadline_ms == 0)
		return 0;
	if (now_ms >= *k->deadline_ms)
		return err_set(e, ERR_UNREACHABLE, "no time is left to ask the cluster");
	if (want == HTTP_NO_TIMEOUT || *k->deadline_ms - now_ms < want)
		*ret = *k->deadline_ms - now_ms;
	return 0;
}

static int
connect(struct kube *k, const struct kube_credential *who, struct err *e)
{
	const struct kubeconfig *const c = k->config;
	const struct http_options o = {
		.ca_pem = { c->ca_pem, c->ca_pem ? strlen(c->ca_pem) : 0 },
		.cert_pem = { who->cert_pem, who->cert_pem ? strlen(who->cert_pem) : 0 },
		.key_pem = { who->key_pem, who->key_pem ? strlen(who->key_pem) : 0 },
		.server_name = c->server_name,
		.proxy = c->proxy,
		.skip_verify = c->skip_verify,
	};

	if (k->http && k->made_of == who->generation)
		return 0;
	http_pool_close(k->http);
	k->http = NULL;
	k->made_of = who->generation;
	return http_pool_open(&o, &k->http, e);
}

struct headers {
	VEC(char *) v; /* owned; the array ends with NULL */
};

static void
headers_fini(struct headers *h)
{
	for (size_t i = 0; i < h->v.n; i++)
		secret_wipe(&h->v.v[i]);
	vec_fini(&h->v);
}

/* "key=value" to "Impersonate-Extra-key: value", the key escaped as a header's name can have it. */
static char *
extra_header(const char *pair)
{
	const size_t n = strcspn(pair, "=");
	cleanup_free char *key = xstrndup(pair, n);
	cleanup_buf struct buf name = { 0 };

	for (char *s = key; *s; s++)
		*s = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
	http_escape(&name, key);
	return xasprintf("Impersonate-Extra-%s: %s", buf_cstr(&name), pair[n] ? pair + n + 1 : "");
}

static void
headers_make(const struct kubeconfig *c, const struct kube_credential *who, const char *accept,
             struct headers *h)
{
	vec_push(&h->v, xasprintf("Accept: %s", accept ? accept : "application/json"));
	if (who->authorization)
		vec_push(&h->v, xasprintf("Authorization: %s", who->authorization));
	if (c->as)
		vec_push(&h->v, xasprintf("Impersonate-User: %s", c->as));
	if (c->as_uid)
		vec_push(&h->v, xasprintf("Impersonate-Uid: %s", c->as_uid));
	for (char **s = c->as_groups; s && *s; s++)
		vec_push(&h->v, xasprintf("Impersonate-Group: %s", *s));
	for (char **s = c->as_extra; s && *s; s++)
		vec_push(&h->v, extra_header(*s));
	vec_push(&h->v, NULL);
}

static int
once(struct kube *k, const struct kube_call *c, const struct kube_credential *who,
     struct http_response *ret, struct err *e)
{
	cleanup_free char *url =
	        xasprintf("%s%s%s%s", k->config->server, c->path, c->query && *c->query ? "?" : "",
	                  c->query ? c->query : "");
	struct headers h = { 0 };
	struct http_request q = {
		.method = c->method,
		.url = url,
		.body = c->body,
		.content_type = c->content_type,
		.idle_ms = c->idle_ms,
		.response_max = KUBE_OBJECT_MAX,
		.safe_to_repeat = c->is_read && !c->sink,
		.sink = c->sink,
		.check = k->check,
		.check_arg = k->check_arg,
	};
	int rc = time_left(k, c->timeout_ms ? c->timeout_ms : k->timeout_ms, &q.timeout_ms, e);

	if (rc < 0)
		return rc;
	headers_make(k->config, who, c->accept, &h);
	q.headers = (const char *const *)h.v.v;
	rc = http_pool_perform(k->http, &q, ret, e);
	headers_fini(&h);
	if (rc == 0 && !c->any_status)
		kube_take_clock(k, ret);
	/* a stream is read, whatever http thinks of what is not repeated */
	if (rc == -ERR_OUTCOME_UNKNOWN && c->is_read)
		e->code = ERR_UNREACHABLE;
	return rc < 0 ? -(int)e->code : 0;
}

/* What must not travel in clear goes over TLS only; loopback is for tests and port-forwards. */
static int
with_credential(struct kube *k, const struct kube_call *c, bool refresh, bool *ret_new,
                struct http_response *ret, struct err *e)
{
	const struct kube_credential *who = NULL;
	int rc = kube_auth_get(k->auth, refresh, &who, ret_new, e);

	if (rc == 0 && refresh && !*ret_new)
		return 0; /* nothing else to show */
	if (rc == 0)
		rc = connect(k, who, e);
	if (rc == 0)
		rc = pace(k, e);
	return rc < 0 ? rc : once(k, c, who, ret, e);
}

static int
until_answered(struct kube *k, const struct kube_call *c, struct http_response *ret, struct err *e)
{
	bool is_new = false, is_refreshed = false;
	int rc = with_credential(k, c, false, &is_new, ret, e);

	for (unsigned i = 0; rc == 0 && i < BUSY_TRIES; i++) {
		if (ret->status == 401 && !is_refreshed) {
			is_refreshed = true;
			rc = with_credential(k, c, true, &is_new, ret, e);
		} else if (ret->status == 429) {
			const uint64_t s = ret->retry_after_s ? ret->retry_after_s : 1;
			if (c->is_read || s > 60)
				break; /* a read was asked three times already */
			rc = kube_pause(k, kube_jitter(s * 1000), e);
			if (rc == 0)
				rc = with_credential(k, c, false, &is_new, ret, e);
		} else {
			break;
		}
	}
	return rc;
}

/* 299 - "text with \"quotes\"" */
static void
add_warning(struct buf *b, struct str s)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *safe = NULL;
	size_t i = 0;

	while (i < s.n && s.p[i] != '"')
		i++;
	for (i++; i < s.n && s.p[i] != '"'; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n)
			i++;
		buf_addc(&text, s.p[i]);
	}
	safe = xcalloc(1, text.n * 8 + 1);
	kube_safe(safe, text.n * 8 + 1, buf_cstr(&text));
	buf_addf(b, "%s\n", safe);
}

static void
take_headers(const struct http_response *r, struct kube_reply *reply)
{
	struct str s = http_header(r, "audit-id", NULL);
	size_t at = 0;

	if (s.p) {
		cleanup_free char *id = xstrndup(s.p, s.n);
		kube_safe(reply->audit_id, sizeof reply->audit_id, id);
	}
	while ((s = http_header(r, "warning", &at)).p)
		add_warning(&reply->warnings, s);
}

int
kube_call(struct kube *k, const struct kube_call *c, struct http_response *ret,
          struct kube_reply *reply, struct err *e)
{
	int rc = until_answered(k, c, ret, e);

	if (rc < 0)
		return rc;
	if (reply)
		take_headers(ret, reply);
	if (c->any_status || (ret->status >= 200 && ret->status < 300))
		return 0;
	return kube_error(c, ret, reply, e);
}

int
kube_parse(const struct kube_call *c, const struct http_response *r, json_t **ret, struct err *e)
{
	int rc = json_parse(buf_str(&r->body), "the answer", ret, e);

	if (rc == 0 && json_is_object(*ret))
		return 0;
	if (rc == 0) {
		json_decref(*ret);
		*ret = NULL;
	}
	err_clear(e);
	err_set(e, c->is_read ? ERR_MALFORMED : ERR_OUTCOME_UNKNOWN,
	        "\"%s\" was answered with what is no Kubernetes object", c->path);
	return err_hint(e, "is there a proxy or another server at this address?");
}

int
kube_call_json(struct kube *k, const struct kube_call *c, json_t **ret, struct err *e)
{
	cleanup_response struct http_response r = { 0 };
	int rc = kube_call(k, c, &r, NULL, e);

	return rc < 0 ? rc : kube_parse(c, &r, ret, e);
}
