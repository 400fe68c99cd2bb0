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

struct http_options {
	const char *ca_file;  /* NULL: the system's */
	bool allow_plain;     /* plain http to other hosts too */
	uint64_t connect_ms;  /* 0: 10 s */
};

struct http; /* one connection pool; used from one thread */
int http_new(const struct http_options *o, struct http **ret, struct err *e);
void http_free(struct http *h); /* NULL is fine */

struct http_request {
	const char *method, *url;
	struct str body;           /* sent with content_type when not NULL */
	const char *content_type;
	const char *const *headers; /* "Name: value", NULL-terminated, may be NULL */
	uint64_t timeout_ms;       /* whole exchange; 0: 30 s */
	size_t response_max;       /* 0: HTTP_RESPONSE_MAX */
	bool safe_to_repeat;       /* a read: up to 3 tries with growing pauses */
};

struct http_response {
	long status;
	char content_type[128];
	struct buf body;
	uint64_t elapsed_ms;
};
void http_response_fini(struct http_response *r);
#define cleanup_response __attribute__((cleanup(http_response_fini)))

/* What http_perform refuses before anything is sent. USAGE: no such URL or scheme, or a user name
 * in it; DENIED: plain http to another host. */
int http_check_address(const struct http *h, const char *url, struct err *e);
/* 0: a whole answer of any status. UNREACHABLE: nothing was sent (name, connect, TLS), or it was
 * safe to repeat and never answered; OUTCOME_UNKNOWN: sent, no whole answer; TOO_BIG; DENIED:
 * plain http or a certificate that does not verify; USAGE: no such URL or scheme; MALFORMED: a
 * redirect. */
int http_perform(struct http *h, const struct http_request *q, struct http_response *ret,
                 struct err *e);

/* 2xx is 0; 401 and 403 DENIED, 404 NOT_FOUND, 409 CONFLICT, 429 and 5xx UNREACHABLE when the
 * request was safe to repeat and ROLLOUT_FAILED otherwise, other 4xx ROLLOUT_FAILED; the message
 * has the status and the server's own words ("error" member of JSON, else the first line). */
int http_check(const struct http_request *q, const struct http_response *r, struct err *e);
/* The body as JSON: MALFORMED (an HTML page is called one). */
int http_json(const struct http_request *q, const struct http_response *r, json_t **ret,
              struct err *e);
/* RFC 3986 path segment escaping, appended. */
void http_escape(struct buf *ret, const char *segment);
