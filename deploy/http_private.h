/* SPDX-License-Identifier: Apache-2.0 */
/* What http.c and http_exchange.c share; nobody else includes it. */
#pragma once

#include <curl/curl.h>

#include "deploy/http.h"

#define HTTP_CONNECT_MS 10000
#define HTTP_USER_AGENT "slipway/" SLIPWAY_VERSION

struct http {
	CURLM *multi; /* holds the connections */
	CURL *curl;
	char *ca_file, *server_name, *proxy, *no_proxy, *user_agent, *sigv4, *user, *password;
	char *ca_pem, *cert_pem, *key_pem;
	bool allow_plain, skip_verify;
	uint64_t connect_ms;
	char why[CURL_ERROR_SIZE];
};

/* The parts of an address that was looked at. Owned by libcurl: http_address_fini. */
struct http_address {
	bool is_plain;
	char *host, *port; /* host with brackets around an IPv6 address */
};
int http_address(const struct http *h, const char *url, struct http_address *ret, struct err *e);
void http_address_fini(struct http_address *a);

/* One try, left_ms at most (0: no limit of its own). *ret_last: another would not help, as the sink
 * has had bytes or a connection that was just made was silent. */
int http_once(struct http *h, const struct http_request *q, const struct http_address *at,
              uint64_t left_ms, struct http_response *ret, bool *ret_last, struct err *e);
