/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A golden request: what is sent, what must come back. The document (JSON, at most 1 MiB):
 *   {"apiVersion":"slipway/v1","kind":"Smoke","protocol":"v2",
 *    "request":{"inputs":[{"name","shape","datatype","data"}]},
 *    "expect":{"outputs":[{"name","shape"?,"datatype"?,"data"?,"tolerance"?}]},
 *    "latencyMs":N?}
 * Numbers agree when |a - b| <= tolerance (absolute, default 1e-5); data may be nested or flat
 * row-major on either side. Pure functions over bytes: no network here.
 */
#pragma once

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/str.h"

#define SMOKE_MAX (1u << 20)

struct golden;
/* MALFORMED names the member. */
int golden_parse(struct str text, struct golden **ret, struct err *e);
void golden_free(struct golden *g);
const char *golden_protocol(const struct golden *g); /* "v2" */
/* The request's body for POST .../infer, with id and JSON outputs asked for. */
void golden_request_v2(const struct golden *g, const char *id, struct buf *ret);
/* Does this reply answer it? number: the version that must have answered ("model_version"), 0: any.
 * 0 and a sentence in detail; ROLLOUT_FAILED with the first difference (a detail says then that the
 * wanted version itself answered so: asking again will not help); MALFORMED: no V2 reply. */
int golden_check_v2(const struct golden *g, struct str reply, uint64_t number, uint64_t elapsed_ms,
                    char *detail, size_t detail_size, struct err *e);
