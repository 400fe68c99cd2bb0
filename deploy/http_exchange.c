/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One try of an HTTP exchange by libcurl. It ends in exactly one of three ways, a whole answer,
 * surely nothing sent, or unknown, and everything below exists to keep those apart.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "deploy/http_private.h"
#include "registry/base/clock.h"

#define HEADER_BYTES  (64u << 10)
#define HEADER_LINES  100
#define SLOW_BYTES_S  1024L
#define SLOW_S        30L
#define POLL_MS       250
#define LARGE_SINK    ((uint64_t)1 << 20)
#define EMPTY_CA_PATH "/nonexistent/slipway-no-ca-path"

/* What the callbacks collect and why they stopped. */
struct exchange {
	const struct http *h;
	const struct http_request *q;
	struct http_response *r;
	size_t body_max, header_bytes, header_lines;
	uint64_t sunk, sent; /* bytes given to the sink, and read from the upload */
	uint64_t moved_ms;   /* when a byte went either way last */
	bool is_chunked, headers_complete, is_too_big, is_idle;
	struct err *why; /* of the caller's own functions; code OK: none said no */
};

static void
curl_slist_p(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}
#define cleanup_slist __attribute__((cleanup(curl_slist_p)))

static bool
is_sunk(const struct exchange *x)
{
	long status = 0;

	(void)curl_easy_getinfo(x->h->curl, CURLINFO_RESPONSE_CODE, &status);
	return x->q->sink && status >= 200 && status < 300;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct exchange *const x = arg;
	const struct http_sink *const sink = x->q->sink;

	(void)size; /* always 1 */
	x->moved_ms = clock_mono_ms();
	if (!is_sunk(x)) {
		x->is_too_big = n > x->body_max - x->r->body.n;
		if (x->is_too_big)
			return 0;
		buf_add(&x->r->body, p, n);
		return n;
	}
	x->is_too_big = sink->max > 0 && n > sink->max - x->sunk;
	if (x->is_too_big || (n > 0 && sink->write(sink->arg, p, n, x->why) < 0))
		return 0;
	x->sunk += n;
	return n;
}

/* Short of what was promised is no body: libcurl is told to end here, and the server sees a cut. */
static size_t
on_read(char *p, size_t size, size_t n, void *arg)
{
	struct exchange *const x = arg;
	const struct http_upload *const u = x->q->upload;
	const uint64_t left = u->size - x->sent;
	size_t got = 0;

	(void)size;
	if (left == 0)
		return 0;
	if (u->read(u->arg, p, n < left ? n : (size_t)left, &got, x->why) < 0)
		return CURL_READFUNC_ABORT;
	if (got == 0) {
		(void)err_set(x->why, ERR_MALFORMED,
		              "what is sent to \"%s\" ends after %llu of %llu bytes", x->q->url,
		              (unsigned long long)x->sent, (unsigned long long)u->size);
		return CURL_READFUNC_ABORT;
	}
	x->sent += got;
	x->moved_ms = clock_mono_ms();
	return got;
}

/* A body that was read is never sent again by itself. */
static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	(void)arg;
	(void)offset;
	(void)origin;
	return CURL_SEEKFUNC_FAIL;
}

static void
keep_header(struct buf *b, const char *p, size_t n)
{
	const char *const colon = memchr(p, ':', n);
	const size_t name = colon ? (size_t)(colon - p) : 0;
	const char *v;

	if (name == 0 || p[0] == ' ' || p[0] == '\t')
		return;
	for (size_t i = 0; i < name; i++)
		buf_addc(b, p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i]);
	buf_add(b, ": ", 2);
	for (v = colon + 1; v < p + n && (*v == ' ' || *v == '\t'); v++)
		;
	buf_add(b, v, (size_t)(p + n - v));
	buf_addc(b, '\n');
}

/* Every header line of every answer, 1xx ones too: a flood of those is bounded here as well. */
static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	static const char chunked[] = "transfer-encoding: chunked";
	struct exchange *const x = arg;
	size_t len = n;

	(void)size;
	x->header_bytes += n;
	x->header_lines++;
	x->moved_ms = clock_mono_ms();
	if (x->header_bytes > HEADER_BYTES || x->header_lines > HEADER_LINES) {
		x->is_too_big = true;
		return 0;
	}
	while (len > 0 && strchr("\r\n \t", p[len - 1]))
		len--;
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
		x->is_chunked = false;
		x->headers_complete = false;
		buf_clear(&x->r->headers);
		return n;
	}
	if (n >= sizeof(chunked) - 1 && strncasecmp(p, chunked, sizeof(chunked) - 1) == 0)
		x->is_chunked = true;
	if (len == 0)
		x->headers_complete = true;
	else if (!x->headers_complete) /* trailers are no headers */
		keep_header(&x->r->headers, p, len);
	return n;
}

static int
request_headers(const struct http *h, const struct http_request *q, const struct http_address *at,
                struct curl_slist **ret)
{
	/* without this libcurl waits for "100 Continue" before a large body; a header without a
	 * value is not sent, and libcurl 7.88 signs it all the same */
	struct curl_slist *l = curl_slist_append(NULL, h->sigv4 ? "Accept: */*" : "Expect:");
	struct curl_slist *more = l;
	cleanup_free char *type = NULL;

	type = xasprintf("Content-Type:%s%s", q->content_type ? " " : "",
	                 q->content_type ? q->content_type : "");
	if (l && (q->content_type || !h->sigv4))
		more = curl_slist_append(l, type);
	if (more && h->server_name) {
		cleanup_free char *host = xasprintf("Host: %s:%s", at->host, at->port);
		l = more;
		more = curl_slist_append(l, host);
	}
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

/* libcurl only points to it: it stays until http_free. */
static void
set_blob(CURL *c, CURLoption option, char *pem)
{
	const struct curl_blob blob = { .data = pem, .len = strlen(pem), CURL_BLOB_NOCOPY };

	(void)curl_easy_setopt(c, option, &blob);
}

static void
set_trust(struct http *h)
{
	CURL *const c = h->curl;

	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, h->skip_verify ? 0L : 1L);
	(void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, h->skip_verify ? 0L : 2L);
	(void)curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (h->cert_pem && h->key_pem) {
		(void)curl_easy_setopt(c, CURLOPT_SSLCERTTYPE, "PEM");
		(void)curl_easy_setopt(c, CURLOPT_SSLKEYTYPE, "PEM");
		set_blob(c, CURLOPT_SSLCERT_BLOB, h->cert_pem);
		set_blob(c, CURLOPT_SSLKEY_BLOB, h->key_pem);
	}
	if (h->ca_pem)
		set_blob(c, CURLOPT_CAINFO_BLOB, h->ca_pem);
	else if (h->ca_file)
		(void)curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file);
	else
		return;
	/* Debian's libcurl keeps /etc/ssl/certs beside CAINFO, and newer ones put it back when
	 * NULL */
	(void)curl_easy_setopt(c, CURLOPT_CAPATH, EMPTY_CA_PATH);
}

static void
set_way(struct http *h)
{
	CURL *const c = h->curl;

	(void)curl_easy_setopt(c, CURLOPT_PROXY, h->proxy ? h->proxy : "");
	(void)curl_easy_setopt(c, CURLOPT_NOPROXY, h->no_proxy ? h->no_proxy : h->proxy ? "" : "*");
	/* an answer of the proxy is none of the server's */
	(void)curl_easy_setopt(c, CURLOPT_HTTPPROXYTUNNEL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	(void)curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (h->sigv4) {
		(void)curl_easy_setopt(c, CURLOPT_AWS_SIGV4, h->sigv4);
		(void)curl_easy_setopt(c, CURLOPT_USERNAME, h->user);
		(void)curl_easy_setopt(c, CURLOPT_PASSWORD, h->password);
	}
}

static void
set_limits(struct http *h, const struct http_request *q, uint64_t left_ms)
{
	CURL *const c = h->curl;

	(void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_ms);
	(void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)left_ms);
	/* a stream may be quiet for hours; a peer that is gone is seen after two minutes */
	(void)curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	(void)curl_easy_setopt(c, CURLOPT_TCP_KEEPIDLE, 30L);
	(void)curl_easy_setopt(c, CURLOPT_TCP_KEEPINTVL, 10L);
	if (q->safe_to_repeat && q->idle_ms == 0) {
		/* reads answer at once; a load may be silent for minutes and has only its total
		 * time */
		(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_S);
		(void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	}
	/* on a reused connection that dies libcurl sends again by itself, a POST too */
	if (!q->safe_to_repeat)
		(void)curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
}

static void
set_method(CURL *c, const struct http_request *q, struct exchange *x)
{
	if (q->upload) {
		(void)curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
		(void)curl_easy_setopt(c, CURLOPT_READDATA, x);
		(void)curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
		(void)curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
		(void)curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)q->upload->size);
		(void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	} else if (streq(q->method, "HEAD")) {
		(void)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else if (streq(q->method, "GET")) {
		(void)curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	} else {
		(void)curl_easy_setopt(c, CURLOPT_POST, 1L);
		(void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.n > 0 ? q->body.p : "");
		(void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
		(void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
	}
}

/* TLS by another name than the address has: asked for and checked is that name, the connection
 * goes where the address says. */
static int
set_address(struct http *h, const struct http_request *q, const struct http_address *at,
            struct curl_slist **ret_to, struct err *e)
{
	CURL *const c = h->curl;
	cleanup_free char *to = NULL;
	char *url = NULL;
	CURLU *u;

	(void)curl_easy_setopt(c, CURLOPT_URL, q->url);
	if (!h->server_name)
		return 0;
	to = xasprintf("::%s:%s", at->host, at->port);
	*ret_to = curl_slist_append(NULL, to);
	u = curl_url();
	if (!u || !*ret_to || curl_url_set(u, CURLUPART_URL, q->url, 0) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_HOST, h->server_name, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK) {
		curl_url_cleanup(u);
		return err_set(e, ERR_USAGE, "\"%s\" is no name of a server", h->server_name);
	}
	(void)curl_easy_setopt(c, CURLOPT_URL, url); /* copied */
	(void)curl_easy_setopt(c, CURLOPT_CONNECT_TO, *ret_to);
	curl_free(url);
	curl_url_cleanup(u);
	return 0;
}

static void
set_request(struct http *h, const struct http_request *q, bool is_plain, struct exchange *x,
            uint64_t left_ms)
{
	CURL *const c = h->curl;

	(void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->why);
	(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https");
	(void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	(void)curl_easy_setopt(c, CURLOPT_USERAGENT, h->user_agent);
	if (q->sink && q->sink->max > LARGE_SINK)
		(void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 512L << 10);
	set_trust(h);
	set_way(h);
	set_limits(h, q, left_ms);
	set_method(c, q, x);
}

/* A proxy that would not let us through: the server has seen nothing. */
static bool
is_no_tunnel(const struct http *h)
{
	long status = 0;

	(void)curl_easy_getinfo(h->curl, CURLINFO_HTTP_CONNECTCODE, &status);
	return status != 0 && (status < 200 || status > 299);
}

static bool
never_sent(const struct http *h, CURLcode c)
{
	long sent = 0;

	if (c == CURLE_COULDNT_RESOLVE_HOST || c == CURLE_COULDNT_RESOLVE_PROXY ||
	    c == CURLE_COULDNT_CONNECT || c == CURLE_PROXY || c == CURLE_SSL_CONNECT_ERROR ||
	    is_no_tunnel(h))
		return true;
	return curl_easy_getinfo(h->curl, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

/* TLS 1.3 tells a client that its certificate is refused only after the first bytes went out; the
 * server has not looked at them. */
static bool
is_cert_refused(const struct http *h)
{
	return h->cert_pem && strstr(h->why, "alert") &&
	       (strstr(h->why, "certificate") || strstr(h->why, "unknown ca") ||
	        strstr(h->why, "access denied"));
}

/* A server may have much to do with what it got before it answers. */
static uint64_t
idle_ms(const struct exchange *x)
{
	const struct http_request *const q = x->q;

	return q->answer_ms && q->upload && x->sent == q->upload->size ? q->answer_ms : q->idle_ms;
}

static int
fail(const struct http *h, const struct exchange *x, CURLcode c, struct err *e)
{
	const struct http_request *const q = x->q;
	const char *why = h->why[0] ? h->why : curl_easy_strerror(c);
	const enum err_code unknown = q->safe_to_repeat ? ERR_UNREACHABLE : ERR_OUTCOME_UNKNOWN;

	if (x->is_too_big)
		/* an answer says that the server acted, and this one will never say how */
		return err_set(e, q->safe_to_repeat ? ERR_TOO_BIG : ERR_OUTCOME_UNKNOWN,
		               "the answer of \"%s\" is larger than allowed", q->url);
	if (c == CURLE_PEER_FAILED_VERIFICATION)
		return err_set(e, ERR_DENIED, "cannot trust \"%s\": %s", q->url, why);
	if (c == CURLE_SSL_CACERT_BADFILE)
		return err_set(e, ERR_USAGE, "cannot read the CA file \"%s\": %s",
		               h->ca_file ? h->ca_file : "", why);
	if (c == CURLE_SSL_CERTPROBLEM)
		return err_set(e, ERR_USAGE, "the client certificate for \"%s\": %s", q->url, why);
	if (is_cert_refused(h))
		return err_set(e, ERR_DENIED, "\"%s\" refuses the client certificate: %s", q->url,
		               why);
	if (never_sent(h, c))
		return err_set(e, ERR_UNREACHABLE, "cannot reach \"%s\": %s", q->url, why);
	if (x->is_idle)
		return err_set(e, unknown, "\"%s\" was silent for %llu s", q->url,
		               (unsigned long long)idle_ms(x) / 1000);
	return err_set(e, unknown, "no whole answer from \"%s\": %s", q->url, why);
}

/* Status, type and time; refuses an answer whose end cannot be known and one that points
 * elsewhere. */
static int
finish(const struct exchange *x, struct err *e)
{
	const struct http_request *const q = x->q;
	CURL *const c = x->h->curl;
	struct http_response *const ret = x->r;
	const char *type = NULL, *to = NULL;
	curl_off_t length = -1, us = 0, after = 0;

	(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &ret->status);
	(void)curl_easy_getinfo(c, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	(void)curl_easy_getinfo(c, CURLINFO_TOTAL_TIME_T, &us);
	(void)curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
	(void)curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &after);
	ret->elapsed_ms = (uint64_t)us / 1000;
	ret->content_length = length < 0 ? UINT64_MAX : (uint64_t)length;
	ret->retry_after_s = after < 0 ? 0 : (uint64_t)after;
	(void)snprintf(ret->content_type, sizeof(ret->content_type), "%s", type ? type : "");
	if (ret->status >= 300 && ret->status < 400 && !q->allow_redirect) {
		(void)curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &to);
		(void)err_set(e, ERR_MALFORMED, "\"%s\" sends us to \"%s\" (status %ld)", q->url,
		              to ? to : "", ret->status);
		return err_hint(e, "redirects are not followed; give the address that answers");
	}
	if (!x->headers_complete || (length < 0 && !x->is_chunked && ret->status != 204 &&
	                             ret->status != 304 && !streq(q->method, "HEAD")))
		return err_set(e, q->safe_to_repeat ? ERR_UNREACHABLE : ERR_OUTCOME_UNKNOWN,
		               "no whole answer from \"%s\": its end cannot be told from a cut",
		               q->url);
	return 0;
}

/* Between two polls: does the caller want to go on, and has anything moved? */
static bool
may_go_on(struct exchange *x, uint64_t *asked_ms)
{
	const uint64_t now_ms = clock_mono_ms();

	if (x->why->code != ERR_OK)
		return false;
	if (idle_ms(x) > 0 && now_ms - x->moved_ms >= idle_ms(x)) {
		x->is_idle = true;
		return false;
	}
	if (!x->q->check || now_ms - *asked_ms < POLL_MS)
		return true;
	*asked_ms = now_ms;
	return x->q->check(x->q->check_arg, x->why) >= 0;
}

/* curl_easy_perform, and asking meanwhile. */
static CURLcode
drive(struct http *h, struct exchange *x)
{
	CURLcode result = CURLE_ABORTED_BY_CALLBACK;
	uint64_t asked_ms = 0;
	int running = 1, queued;
	CURLMsg *m;

	if (curl_multi_add_handle(h->multi, h->curl) != CURLM_OK)
		return CURLE_FAILED_INIT;
	while (running && may_go_on(x, &asked_ms)) {
		if (curl_multi_perform(h->multi, &running) != CURLM_OK ||
		    (running && curl_multi_poll(h->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK))
			break;
	}
	while ((m = curl_multi_info_read(h->multi, &queued))) {
		if (m->msg == CURLMSG_DONE)
			result = m->data.result;
	}
	(void)curl_multi_remove_handle(h->multi, h->curl);
	return result;
}

/* An old one may have been dropped on the way by what forgets idle ones without a word. */
static bool
is_new_connection(const struct http *h)
{
	long made = 0;

	return curl_easy_getinfo(h->curl, CURLINFO_NUM_CONNECTS, &made) == CURLE_OK && made > 0;
}

int
http_once(struct http *h, const struct http_request *q, const struct http_address *at,
          uint64_t left_ms, struct http_response *ret, bool *ret_last, struct err *e)
{
	struct err why = { 0 };
	struct exchange x = {
		.h = h,
		.q = q,
		.r = ret,
		.body_max = q->response_max ? q->response_max : HTTP_RESPONSE_MAX,
		.moved_ms = clock_mono_ms(),
		.why = &why,
	};
	cleanup_slist struct curl_slist *headers = NULL;
	cleanup_slist struct curl_slist *to = NULL;
	CURLcode c;
	int rc;

	if (request_headers(h, q, at, &headers) < 0)
		return err_set(e, ERR_SYS, "out of memory");
	h->why[0] = '\0';
	buf_clear(&ret->body);
	buf_clear(&ret->headers);
	curl_easy_reset(h->curl); /* keeps connections */
	rc = set_address(h, q, at, &to, e);
	if (rc < 0)
		return rc;
	set_request(h, q, at->is_plain, &x, left_ms);
	(void)curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, headers);
	c = drive(h, &x);
	*ret_last = x.sunk > 0 || (x.is_idle && is_new_connection(h));
	if (why.code != ERR_OK) {
		*e = why;
		return -(int)why.code;
	}
	return c != CURLE_OK ? fail(h, &x, c, e) : finish(&x, e);
}
