/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a newcomer gets the requests: step by step, each held for a time, and what must hold at each
 * step for the next one to be taken. Part of a plan, in words that a person wrote and one form that
 * is kept. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/json.h"

#define CANARY_STEPS_MAX  16
#define CANARY_LIMITS_MAX 8
#define CANARY_HOLD_MAX_S (7u * 24 * 3600)

struct canary_step {
	unsigned percent; /* 1..99, rising */
	uint64_t hold_s;
};

enum canary_metric { CANARY_ERRORS, CANARY_LATENCY, CANARY_REQUESTS };
/* What one side has done in a step, against a number or against the side that was there before. */
struct canary_limit {
	enum canary_metric metric;
	bool is_relative; /* errors: on top of stable's; latency: times stable's */
	double value;  /* errors: share of all, 0..1; latency: seconds, or times; requests: count */
	char text[48]; /* "errors <= 0.01", "latency <= 1.2x", "latency <= 200ms", "requests >= 50"
	                */
};

struct canary_plan {
	struct canary_step steps[CANARY_STEPS_MAX];
	size_t steps_n; /* 0: no canary, and no limits then */
	struct canary_limit limits[CANARY_LIMITS_MAX];
	size_t limits_n;
};

/* "10%:5m,50%:15m"; USAGE says which part is wrong. */
int canary_steps_parse(const char *text, struct canary_plan *ret, struct err *e);
void canary_steps_text(const struct canary_plan *c, struct buf *ret);
/* One limit more. "errors <= 0.01", "errors <= stable + 0.01", "latency <= 250ms", "latency
 * <= 1.2x", "requests >= 50"; USAGE. A metric may be limited once. */
int canary_limit_add(const char *text, struct canary_plan *c, struct err *e);
/* All of them anew, with ";" between; "none": no limits. */
int canary_limits_parse(const char *text, struct canary_plan *c, struct err *e);
/* errors <= stable + 0.01, latency <= 1.5x, requests >= 20: where none is said and traffic can be
 * counted. */
void canary_limits_default(struct canary_plan *c);
uint64_t canary_requests_wanted(const struct canary_plan *c); /* 1 without such a limit */
/* {"limits":[..],"steps":[{"hold_s":300,"percent":10}]}; a new reference. */
json_t *canary_json(const struct canary_plan *c);
int canary_read(const json_t *o, struct canary_plan *ret, struct err *e); /* strict; MALFORMED */
