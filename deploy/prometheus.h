/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One number from a Prometheus: a query made of a template, asked over its HTTP API, and its
 * answer. Template and answer are pure; what is asked is a read and may be repeated.
 */
#pragma once

#include <stdint.h>

#include "deploy/http.h"

#define PROMETHEUS_QUERY_MAX 16384

/* What stands in a template for "$NAME". */
struct prometheus_names {
	const char *version; /* label of the side's pods */
	const char *pods;    /* their names, "a|b": for pod=~ */
	const char *ns, *object, *model;
	uint64_t window_s; /* "37s": since when it is counted */
};
/* USAGE: a name that there is not, or more than PROMETHEUS_QUERY_MAX. Values are escaped as in a
 * string of PromQL. */
int prometheus_query(const char *template, const struct prometheus_names *n, struct buf *ret,
                     struct err *e);
/* 0; 1: nothing can be told (no sample, NaN, infinite); MALFORMED: no answer of one number. */
int prometheus_read(struct str body, double *ret, struct err *e);
/* Who asks: files, read anew each time as tokens are replaced. At most one of the two. */
struct prometheus_login {
	const char *token_file; /* of a bearer token; NULL */
	const char *login_file; /* of one line USER:PASSWORD; NULL */
};
/* "Authorization: ..", to be wiped (secret_wipe); *ret NULL: as nobody. DENIED: the address has no
 * TLS and is not this machine. Codes of secret_read_token. */
int prometheus_header(const char *url, const struct prometheus_login *l, char **ret, struct err *e);
/* As prometheus_read; ROLLOUT_FAILED: it refuses the query; UNREACHABLE, DENIED, ... of
 * http_perform, http_check and
 * prometheus_header. */
int prometheus_ask(struct http *h, const char *url, const struct prometheus_login *l,
                   const char *query, double *ret, struct err *e);
