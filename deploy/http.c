/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP by libcurl: whom we talk to, and how often we ask. http_exchange.c makes one try; here
 * addresses are looked at before anything is sent, and what may be asked again is asked again.
 * Nothing here knows what the requests mean.
 */
#include "deploy/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "deploy/http_private.h"
#include "deploy/secret.h"
#include "registry/base/clock.h"

#define EXCHANGE_MS 30000
#define TRIES       3

static void
curl_url_p(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void
curl_string_p(char **s)
{
	curl_free(*s);
}
#define cleanup_url   __attribute__((cleanup(curl_url_p)))
#define cleanup_curls __attribute__((cleanup(curl_string_p)))

static char *
copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static char *
copy_str(struct str s)
{
	return s.p ? xstrndup(s.p, s.n) : NULL;
}

int
http_new(const struct http_options *o, struct http **ret, struct err *e)
{
	struct http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ERR_SYS, "cannot start libcurl");
	h = xcalloc(1, sizeof(*h));
	h->curl = curl_easy_init();
	h->multi = curl_multi_init();
	if (!h->curl || !h->multi) {
		http_free(h);
		return err_set(e, ERR_SYS, "cannot start libcurl");
	}
	h->ca_file = copy(o->ca_file);
	h->ca_pem = copy_str(o->ca_pem);
	h->cert_pem = copy_str(o->cert_pem);
	h->key_pem = copy_str(o->key_pem);
	h->server_name = copy(o->server_name);
	h->proxy = copy(o->proxy);
	h->no_proxy = copy(o->no_proxy);
	h->user_agent = copy(o->user_agent ? o->user_agent : HTTP_USER_AGENT);
	h->sigv4 = copy(o->sigv4);
	h->user = copy(o->user);
	h->password = copy(o->password);
	h->allow_plain = o->allow_plain;
	h->skip_verify = o->skip_verify;
	h->connect_ms = o->connect_ms ? o->connect_ms : HTTP_CONNECT_MS;
	*ret = h;
	return 0;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	curl_multi_cleanup(h->multi);
	free(h->ca_file);
	free(h->ca_pem);
	free(h->cert_pem);
	free(h->server_name);
	secret_wipe(&h->proxy);
	free(h->no_proxy);
	free(h->user_agent);
	free(h->sigv4);
	secret_wipe(&h->key_pem);
	secret_wipe(&h->user);
	secret_wipe(&h->password);
	free(h);
	curl_global_cleanup(); /* counted by libcurl */
}

void
http_response_fini(struct http_response *r)
{
	buf_fini(&r->body);
	buf_fini(&r->headers);
	*r = (struct http_response){ 0 };
}

bool
http_is_loopback(const char *host)
{
	uint64_t part;
	unsigned n = 0;

	if (streq(host, "localhost") || streq(host, "[::1]"))
		return true;
	if (!has_prefix(host, "127."))
		return false;
	/* four numbers and nothing else: "127.0.0.1.example.org" is a name */
	for (const char *s = host;; n++) {
		const size_t len = strcspn(s, ".");

		if (parse_u64_n(s, len, 255, &part) < 0)
			return false;
		if (s[len] == '\0')
			return n == 3;
		s += len + 1;
	}
}

void
http_address_fini(struct http_address *a)
{
	curl_free(a->host);
	curl_free(a->port);
	*a = (struct http_address){ 0 };
}

/* The address before anything is sent: http or https, no credentials in it, plain only where
 * allowed. */
int
http_address(const struct http *h, const char *url, struct http_address *ret, struct err *e)
{
	cleanup_url CURLU *u = curl_url();
	cleanup_curls char *scheme = NULL;
	cleanup_curls char *user = NULL;

	*ret = (struct http_address){ 0 };
	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &ret->host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return err_set(e, ERR_USAGE, "\"%s\" is no http address", url);
	if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		return err_set(e, ERR_USAGE, "the address of \"%s\" has a user name in it",
		               ret->host);
	ret->is_plain = strcasecmp(scheme, "http") == 0;
	if (!ret->is_plain && strcasecmp(scheme, "https") != 0)
		return err_set(e, ERR_USAGE, "\"%s\" is no http address", url);
	if (ret->is_plain && !h->allow_plain && !http_is_loopback(ret->host)) {
		(void)err_set(e, ERR_DENIED, "plain http to \"%s\" is not allowed", ret->host);
		return err_hint(e, "use https, or say that plain http is meant for this target");
	}
	return 0;
}

bool
http_is_open(const char *url)
{
	const struct http any = { .allow_plain = true };
	struct http_address at;
	struct err none = { 0 };
	const bool is_open = http_address(&any, url, &at, &none) == 0 && at.is_plain &&
	                     !http_is_loopback(at.host);

	http_address_fini(&at);
	return is_open;
}

int
http_check_address(const struct http *h, const char *url, struct err *e)
{
	struct http_address at;
	int rc = http_address(h, url, &at, e);

	http_address_fini(&at);
	return rc;
}

/* Waits, asking the caller twice a second whether to go on. */
static int
pause_ms(const struct http_request *q, uint64_t ms, struct err *e)
{
	const uint64_t end_ms = clock_mono_ms() + ms;

	for (;;) {
		const uint64_t now_ms = clock_mono_ms();
		const uint64_t left = now_ms < end_ms ? end_ms - now_ms : 0;
		const struct timespec t = { .tv_sec = 0,
			                    .tv_nsec = (long)(left < 500 ? left : 499) * 1000000 };
		int rc = q->check ? q->check(q->check_arg, e) : 0;

		if (rc < 0 || left == 0)
			return rc;
		(void)nanosleep(&t, NULL);
	}
}

/* Many clients that were turned away together must not come back together: up to a quarter more. */
static uint64_t
with_jitter(uint64_t ms)
{
	uint32_t r = 0;

	(void)!getrandom(&r, sizeof r, GRND_NONBLOCK);
	return ms + ms * (r % 256) / 1024;
}

static bool
is_busy(long status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

static int
perform(struct http *h, const struct http_request *q, const struct http_address *at,
        struct http_response *ret, struct err *e)
{
	const bool is_bounded = q->timeout_ms != HTTP_NO_TIMEOUT;
	const uint64_t total_ms = q->timeout_ms ? q->timeout_ms : EXCHANGE_MS;
	const uint64_t end_ms = is_bounded ? clock_mono_ms() + total_ms : UINT64_MAX;
	uint64_t wait_ms = 100;

	for (unsigned i = 1;; i++, wait_ms *= 4) {
		const uint64_t now_ms = clock_mono_ms();
		const uint64_t left_ms = !is_bounded ? 0 : now_ms < end_ms ? end_ms - now_ms : 1;
		bool is_last = false;
		uint64_t pause = with_jitter(wait_ms);
		struct err last = { 0 };
		int rc = http_once(h, q, at, left_ms, ret, &is_last, &last);

		if (rc == 0 && is_busy(ret->status) && ret->retry_after_s > 0)
			pause = ret->retry_after_s < 3600 ? with_jitter(ret->retry_after_s * 1000)
			                                  : UINT64_MAX / 2;
		if (rc < 0)
			*e = last;
		if ((rc == 0 && !is_busy(ret->status)) || (rc < 0 && rc != -ERR_UNREACHABLE))
			return rc;
		if (!q->safe_to_repeat || q->upload || is_last || i >= TRIES ||
		    clock_mono_ms() + pause >= end_ms)
			return rc;
		rc = pause_ms(q, pause, e);
		if (rc < 0)
			return rc;
		err_clear(e);
	}
}

/* A line break in a value would be a header of its own. The value is not shown: it may be secret.
 */
static int
check_headers(const struct http_request *q, const struct http_address *at, struct err *e)
{
	for (size_t i = 0; q->headers && q->headers[i]; i++) {
		for (const char *s = q->headers[i]; *s; s++) {
			if ((unsigned char)*s < ' ' || *s == 0x7f)
				return err_set(e, ERR_USAGE,
				               "the header \"%.*s\" for \"%s\" holds a control "
				               "character",
				               (int)strcspn(q->headers[i], ":\r\n"), q->headers[i],
				               at->host);
		}
	}
	return 0;
}

int
http_perform(struct http *h, const struct http_request *q, struct http_response *ret, struct err *e)
{
	struct http_address at;
	int rc = http_address(h, q->url, &at, e);

	if (rc == 0)
		rc = check_headers(q, &at, e);
	if (rc == 0)
		rc = perform(h, q, &at, ret, e);
	http_address_fini(&at);
	return rc;
}
