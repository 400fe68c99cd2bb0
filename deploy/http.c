/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP by libcurl. The one idea: an exchange ends in exactly one of three ways, a whole answer,
 * surely nothing sent, or unknown, and everything below exists to keep those apart. Nothing here
 * knows what the requests mean.
 */
#include "deploy/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "registry/base/clock.h"

#define CONNECT_MS      10000
#define EXCHANGE_MS     30000
#define TRIES           3
#define HEADER_BYTES    (64u << 10)
#define HEADER_LINES    100
#define SLOW_BYTES_S    1024L
#define SLOW_S          30L
#define EMPTY_CA_PATH   "/nonexistent/slipway-no-ca-path"

struct http {
	CURL *curl;
	char *ca_file;
	bool allow_plain;
	uint64_t connect_ms;
	char why[CURL_ERROR_SIZE];
};

/* One try: what the callbacks collect and why they stopped. */
struct exchange {
	struct buf *body;
	size_t body_max, header_bytes, header_lines;
	bool is_chunked, headers_complete, is_too_big;
};

static void
curl_slist_p(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

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
#define cleanup_slist __attribute__((cleanup(curl_slist_p)))
#define cleanup_url   __attribute__((cleanup(curl_url_p)))
#define cleanup_curls __attribute__((cleanup(curl_string_p)))

int
http_new(const struct http_options *o, struct http **ret, struct err *e)
{
	struct http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ERR_SYS, "cannot start libcurl");
	h = xcalloc(1, sizeof(*h));
	h->curl = curl_easy_init();
	if (!h->curl) {
		http_free(h);
		return err_set(e, ERR_SYS, "cannot start libcurl");
	}
	h->ca_file = o->ca_file ? xstrdup(o->ca_file) : NULL;
	h->allow_plain = o->allow_plain;
	h->connect_ms = o->connect_ms ? o->connect_ms : CONNECT_MS;
	*ret = h;
	return 0;
}

void
http_free(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	free(h->ca_file);
	free(h);
	curl_global_cleanup(); /* counted by libcurl */
}

void
http_response_fini(struct http_response *r)
{
	buf_fini(&r->body);
	*r = (struct http_response){ 0 };
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;

	(void)size; /* always 1 */
	if (n > x->body_max - x->body->n) {
		x->is_too_big = true;
		return 0;
	}
	buf_add(x->body, p, n);
	return n;
}

/* Every header line of every answer, 1xx ones too: a flood of those is bounded here as well. */
static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char chunked[] = "transfer-encoding: chunked";
	struct exchange *x = arg;

	(void)size;
	x->header_bytes += n;
	x->header_lines++;
	if (x->header_bytes > HEADER_BYTES || x->header_lines > HEADER_LINES) {
		x->is_too_big = true;
		return 0;
	}
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
		x->is_chunked = false;
		x->headers_complete = false;
	}
	if (n >= sizeof(chunked) - 1 && strncasecmp(p, chunked, sizeof(chunked) - 1) == 0)
		x->is_chunked = true;
	if (n <= 2 && n > 0 && (p[0] == '\r' || p[0] == '\n'))
		x->headers_complete = true;
	return n;
}

static bool
is_loopback(const char *host)
{
	uint64_t part;
	unsigned n = 0;

	if (streq(host, "localhost") || streq(host, "[::1]"))
		return true;
	if (!has_prefix(host, "127."))
		return false;
	/* four numbers and nothing else: "127.0.0.1.example.org" is a name */
	for (const char *s = host; ; n++) {
		const size_t len = strcspn(s, ".");

		if (parse_u64_n(s, len, 255, &part) < 0)
			return false;
		if (s[len] == '\0')
			return n == 3;
		s += len + 1;
	}
}

/* The address before anything is sent: http or https, no credentials in it, plain only where
 * allowed. */
static int
check_url(const struct http *h, const char *url, bool *ret_plain, struct err *e)
{
	cleanup_url CURLU *u = curl_url();
	cleanup_curls char *scheme = NULL;
	cleanup_curls char *host = NULL;
	cleanup_curls char *user = NULL;

	if (!u || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return err_set(e, ERR_USAGE, "\"%s\" is no http address", url);
	if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		return err_set(e, ERR_USAGE, "the address of \"%s\" has a user name in it", host);
	*ret_plain = strcasecmp(scheme, "http") == 0;
	if (!*ret_plain && strcasecmp(scheme, "https") != 0)
		return err_set(e, ERR_USAGE, "\"%s\" is no http address", url);
	if (*ret_plain && !h->allow_plain && !is_loopback(host)) {
		(void)err_set(e, ERR_DENIED, "plain http to \"%s\" is not allowed", host);
		return err_hint(e, "use https, or say that plain http is meant for this target");
	}
	return 0;
}

int
http_check_address(const struct http *h, const char *url, struct err *e)
{
	bool is_plain;

	return check_url(h, url, &is_plain, e);
}

static int
request_headers(const struct http_request *q, struct curl_slist **ret)
{
	/* without this libcurl waits for "100 Continue" before a large body */
	struct curl_slist *l = curl_slist_append(NULL, "Expect:");
	struct curl_slist *more;
	cleanup_free char *type = NULL;

	type = xasprintf("Content-Type:%s%s", q->content_type ? " " : "",
	                 q->content_type ? q->content_type : "");
	more = l ? curl_slist_append(l, type) : NULL;
	for (size_t i = 0; more && q->headers && q->headers[i]; i++) {
		l = more;
		more = curl_slist_append(l, q->headers[i]);
	}
	if (!more) {
		curl_slist_free_all(l);
		return -1;
	}
	*ret = more;
	return 0;
}

static void
set_trust(struct http *h)
{
	(void)curl_easy_setopt(h->curl, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(h->curl, CURLOPT_SSL_VERIFYHOST, 2L);
	(void)curl_easy_setopt(h->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (!h->ca_file)
		return;
	(void)curl_easy_setopt(h->curl, CURLOPT_CAINFO, h->ca_file);
	/* Debian's libcurl keeps /etc/ssl/certs beside CAINFO, and newer ones put it back when
	 * NULL */
	(void)curl_easy_setopt(h->curl, CURLOPT_CAPATH, EMPTY_CA_PATH);
}

static void
set_request(struct http *h, const struct http_request *q, bool is_plain, struct exchange *x,
            uint64_t left_ms)
{
	CURL *c = h->curl;

	curl_easy_reset(c); /* keeps connections */
	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_URL, q->url);
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https");
	(void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_ms);
	(void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)left_ms);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, "slipway/" SLIPWAY_VERSION);
	set_trust(h);
	if (q->safe_to_repeat) {
		/* reads answer at once; a load may be silent for minutes and has only its total
		 * time */
		(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_S);
		(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	} else {
		/* on a reused connection that dies libcurl sends again by itself, a POST too */
		(void)curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	}
	if (streq(q->method, "GET")) {
		(void)curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	} else {
		(void)curl_easy_setopt(c, CURLOPT_POST, 1L);
		(void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.n > 0 ? q->body.p : "");
		(void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
		(void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	}
}

static bool
never_sent(const struct http *h, CURLcode c)
{
	long sent = 0;

	if (c == CURLE_COULDNT_RESOLVE_HOST || c == CURLE_COULDNT_CONNECT ||
	    c == CURLE_SSL_CONNECT_ERROR)
		return true;
	return curl_easy_getinfo(h->curl, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

static int
fail(const struct http *h, const struct http_request *q, const struct exchange *x, CURLcode c,
     struct err *e)
{
	const char *why = h->why[0] ? h->why : curl_easy_strerror(c);

	if (x->is_too_big)
		/* an answer says that the server acted, and this one will never say how */
		return err_set(e, q->safe_to_repeat ? ERR_TOO_BIG : ERR_OUTCOME_UNKNOWN,
		               "the answer of \"%s\" is larger than allowed", q->url);
	if (c == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(e, ERR_DENIED, "cannot trust \"%s\": %s", q->url, why);
	if (c == CURLE_SSL_CACERT_BADFILE)
		return err_set(e, ERR_USAGE, "cannot read the CA file \"%s\": %s", h->ca_file, why);
	if (never_sent(h, c))
		return err_set(e, ERR_UNREACHABLE, "cannot reach \"%s\": %s", q->url, why);
	return err_set(e, q->safe_to_repeat ? ERR_UNREACHABLE : ERR_OUTCOME_UNKNOWN,
	               "no whole answer from \"%s\": %s", q->url, why);
}

/* Status, type and time; refuses an answer whose end cannot be known and one that points
 * elsewhere. */
static int
finish(const struct http *h, const struct http_request *q, const struct exchange *x,
       struct http_response *ret, struct err *e)
{
	const char *type = NULL;
	const char *to = NULL;
	curl_off_t length = -1;
	curl_off_t us = 0;

	(void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &ret->status);
	(void)curl_easy_getinfo(h->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	(void)curl_easy_getinfo(h->curl, CURLINFO_TOTAL_TIME_T, &us);
	(void)curl_easy_getinfo(h->curl, CURLINFO_CONTENT_TYPE, &type);
	ret->elapsed_ms = (uint64_t)us / 1000;
	(void)snprintf(ret->content_type, sizeof(ret->content_type), "%s", type ? type : "");
	if (ret->status >= 300 && ret->status < 400) {
		(void)curl_easy_getinfo(h->curl, CURLINFO_REDIRECT_URL, &to);
		(void)err_set(e, ERR_MALFORMED, "\"%s\" sends us to \"%s\" (status %ld)", q->url,
		              to ? to : "", ret->status);
		return err_hint(e,
		                "redirects are not followed; give the address that answers");
	}
	if (!x->headers_complete || (length < 0 && !x->is_chunked && ret->status != 204))
		return err_set(e, q->safe_to_repeat ? ERR_UNREACHABLE : ERR_OUTCOME_UNKNOWN,
		               "no whole answer from \"%s\": its end cannot be told from a cut",
		               q->url);
	return 0;
}

static int
perform_once(struct http *h, const struct http_request *q, bool is_plain, uint64_t left_ms,
             struct http_response *ret, struct err *e)
{
	const size_t max = q->response_max ? q->response_max : HTTP_RESPONSE_MAX;
	struct exchange x = { .body = &ret->body, .body_max = max };
	cleanup_slist struct curl_slist *headers = NULL;
	CURLcode c;

	if (request_headers(q, &headers) < 0)
		return err_set(e, ERR_SYS, "out of memory");
	h->why[0] = '\0';
	buf_clear(&ret->body);
	set_request(h, q, is_plain, &x, left_ms);
	(void)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
	c = curl_easy_perform(h->curl);
	if (c != CURLE_OK)
		return fail(h, q, &x, c, e);
	return finish(h, q, &x, ret, e);
}

static void
pause_ms(uint64_t ms)
{
	const struct timespec t = { .tv_sec = (time_t)(ms / 1000),
	                            .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

static bool
is_busy(long status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

int
http_perform(struct http *h, const struct http_request *q, struct http_response *ret, struct err *e)
{
	const uint64_t total_ms = q->timeout_ms ? q->timeout_ms : EXCHANGE_MS;
	const uint64_t end_ms = clock_mono_ms() + total_ms;
	uint64_t wait_ms = 100;
	bool is_plain = false;
	int rc;

	rc = check_url(h, q->url, &is_plain, e);
	if (rc < 0)
		return rc;
	for (unsigned i = 1; ; i++, wait_ms *= 4) {
		const uint64_t now_ms = clock_mono_ms();

		rc = perform_once(h, q, is_plain, now_ms < end_ms ? end_ms - now_ms : 1, ret, e);
		if (rc == 0 && !is_busy(ret->status))
			return 0;
		if (rc < 0 && rc != -ERR_UNREACHABLE)
			return rc;
		if (!q->safe_to_repeat || i >= TRIES || clock_mono_ms() + wait_ms >= end_ms)
			return rc;
		pause_ms(wait_ms);
	}
}
