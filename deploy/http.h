/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP by libcurl, its only user. TLS is verified, redirects are errors, no proxy, netrc or cookie
 * of the environment counts, sizes and times are bounded, and an answer that did not arrive whole
 * is never taken for one. Plain http only to a loopback address, unless the target says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/json.h"

#define HTTP_RESPONSE_MAX (8u << 20)

/* How a server is reached and trusted; all is copied. PEM texts stay in memory only. */
struct http_options {
	const char *ca_file;  /* NULL: the system's */
	struct str ca_pem;    /* instead of ca_file: one or more certificates, and only these */
	struct str cert_pem, key_pem; /* client certificate; both or none */
	const char *server_name; /* TLS: the name asked for and checked, when not the URL's host */
	const char *proxy;       /* http://, https:// or socks5:// address; NULL: none */
	const char *no_proxy;    /* as NO_PROXY: names, domains, addresses, CIDR, "*"; NULL: none */
	const char *user_agent;  /* NULL: "slipway/VERSION" */
	const char *sigv4;       /* "aws:amz:REGION:s3": sign with user and password; NULL: not */
	const char *user, *password; /* for sigv4 only */
	bool allow_plain;     /* plain http to other hosts too */
	bool skip_verify;     /* no check of the server's certificate: kubeconfig may ask for it */
	uint64_t connect_ms;  /* 0: 10 s */
};

struct http; /* one connection pool; used from one thread */
int http_new(const struct http_options *o, struct http **ret, struct err *e);
void http_free(struct http *h); /* NULL is fine */

/* A body that is read while it is sent. size is fixed; fewer bytes or an error of read abort the
 * exchange: the server never gets a whole body. */
struct http_upload {
	/* up to n bytes to p; 0: end */
	int (*read)(void *arg, void *p, size_t n, size_t *ret_n, struct err *e);
	void *arg;
	uint64_t size;
};
/* Takes the body of a 2xx answer as it comes instead of collecting it; negative ends the exchange
 * with its error. Bodies of other answers are collected in http_response. */
struct http_sink {
	int (*write)(void *arg, const void *p, size_t n, struct err *e);
	void *arg;
	uint64_t max; /* bytes; 0: no bound of its own (a stream that ends by time) */
};

struct http_request {
	const char *method, *url;
	struct str body;           /* sent with content_type when not NULL */
	const char *content_type;
	const char *const *headers; /* "Name: value", NULL-terminated, may be NULL; no controls */
	uint64_t timeout_ms;       /* whole exchange; 0: 30 s; HTTP_NO_TIMEOUT: idle_ms alone */
	/* no byte either way for so long ends it, and it is not repeated where the connection was
	 * new; 0: 1 KiB/s for 30 s */
	uint64_t idle_ms;
	uint64_t answer_ms;        /* idle_ms once a whole upload went out; 0: the same */
	size_t response_max;       /* 0: HTTP_RESPONSE_MAX */
	bool safe_to_repeat;       /* a read: up to 3 tries with growing pauses; 429 and 503 with
	                            * Retry-After wait as told, within timeout_ms */
	const struct http_upload *upload; /* instead of body; never repeated by itself */
	const struct http_sink *sink;
	bool allow_redirect;       /* a 3xx is an answer like others: the caller reads Location */
	/* asked about twice a second and at each block; negative ends it with its error */
	int (*check)(void *arg, struct err *e);
	void *check_arg;
};
#define HTTP_NO_TIMEOUT UINT64_MAX

struct http_response {
	long status;
	char content_type[128];
	uint64_t content_length;  /* as announced (HEAD); UINT64_MAX: not said */
	uint64_t retry_after_s;   /* 0: not said */
	struct buf headers;       /* "name: value\n", names in lower case, of the last answer */
	struct buf body;
	uint64_t elapsed_ms;
};
void http_response_fini(struct http_response *r);
#define cleanup_response __attribute__((cleanup(http_response_fini)))
/* The first header of that name (lower case) from *at on, to its line's end; p NULL: none. at may
 * be NULL; else it moves behind what was found, for headers that repeat (Warning, Link). */
struct str http_header(const struct http_response *r, const char *name, size_t *at);

/* What http_perform refuses before anything is sent. USAGE: no such URL or scheme, or a user name
 * in it; DENIED: plain http to another host. */
int http_check_address(const struct http *h, const char *url, struct err *e);
/* Would a credential for it be read on the way? Not over TLS, and not within this machine. false
 * for what is no address, too: nothing goes there. */
bool http_is_open(const char *url);
/* 0: a whole answer of any status. UNREACHABLE: nothing was sent (name, connect, TLS), or it was
 * safe to repeat and never answered; OUTCOME_UNKNOWN: sent, no whole answer; TOO_BIG; DENIED:
 * plain http or a certificate that does not verify; USAGE: no such URL or scheme, or a header with
 * a line break; MALFORMED: a redirect, unless allow_redirect. */
int http_perform(struct http *h, const struct http_request *q, struct http_response *ret,
                 struct err *e);

/* Connections of one way, shared by all of this process that open it with the same options: an
 * exchange takes one that is free, or makes one. From any thread. The last close closes them; some
 * are closed when they have been idle for seconds. */
struct http_pool;
int http_pool_open(const struct http_options *o, struct http_pool **ret, struct err *e);
void http_pool_close(struct http_pool *p); /* NULL is fine; none of its exchanges runs */
int http_pool_perform(struct http_pool *p, const struct http_request *q, struct http_response *ret,
                      struct err *e); /* as http_perform */

/* 2xx is 0; 401 and 403 DENIED, 404 NOT_FOUND, 409 CONFLICT, 429 and 5xx UNREACHABLE when the
 * request was safe to repeat and ROLLOUT_FAILED otherwise, other 4xx ROLLOUT_FAILED; the message
 * has the status and the server's own words ("error" member of JSON, else the first line). */
int http_check(const struct http_request *q, const struct http_response *r, struct err *e);
bool http_is_html(const struct http_response *r); /* by its type or its first character */
/* The body as JSON: MALFORMED (an HTML page is called one). */
int http_json(const struct http_request *q, const struct http_response *r, json_t **ret,
              struct err *e);
/* "localhost", "[::1]", four numbers that begin with 127; without a port. */
bool http_is_loopback(const char *host);
/* RFC 3986 path segment escaping, appended. */
void http_escape(struct buf *ret, const char *segment);
