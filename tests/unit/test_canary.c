/* SPDX-License-Identifier: Apache-2.0 */
/* Steps and limits as people write them and plans keep them, and how a step is judged. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/canary_judge.h"
#include "registry/canary.h"

TestSuite(canary);

Test(canary, steps_and_limits)
{
	static const struct {
		const char *steps, *again; /* again NULL: refused */
	} steps[] = {
		{ "10%:5m", "10%:5m" },
		{ "1%:0s,10%:90s,99%:2h", "1%:0s,10%:90s,99%:2h" },
		{ "5%:120s", "5%:2m" },
		{ "", NULL },
		{ "10", NULL },
		{ "10%", NULL },
		{ "0%:5m", NULL },
		{ "100%:5m", NULL },
		{ "10%:5m,10%:5m", NULL },
		{ "50%:5m,10%:5m", NULL },
		{ "10%:5m,", NULL },
		{ "10%:1500ms", NULL },
		{ "10%:8d", NULL },
		{ "-5%:5m", NULL },
		{ "10%5m", NULL },
		{ "10%:5m 20%:5m", NULL },
		{ "10%:-5m", NULL },
	};
	static const struct {
		const char *text;
		bool good;
	} limits[] = {
		{ "errors <= 0.01", true },         { "errors <= stable + 0.01", true },
		{ "latency <= 250ms", true },       { "latency <= 1.2x", true },
		{ "latency <= 2s", true },          { "requests >= 50", true },
		{ "errors <= 1.5", false },         { "errors < 0.01", false },
		{ "errors <= stable+0.01", false }, { "latency <= 0x", false },
		{ "latency <= 250", false },        { "requests >= 0", false },
		{ "requests >= 1.5", false },       { "errors <= nan", false },
		{ "errors <= 1e-3", false },        { "errors <= -1", false },
		{ "errors <= 0x1p-4", false },      { "speed <= 1", false },
		{ "errors <= 0.01 ", false },       { "", false },
	};

	for (size_t i = 0; i < COUNT(steps); i++) {
		struct canary_plan c = { 0 };
		cleanup_buf struct buf b = { 0 };
		struct err e = { 0 };
		const int rc = canary_steps_parse(steps[i].steps, &c, &e);

		cr_expect_eq(rc, steps[i].again ? 0 : -ERR_USAGE, "\"%s\"", steps[i].steps);
		canary_steps_text(&c, &b);
		if (steps[i].again)
			cr_expect_str_eq(buf_cstr(&b), steps[i].again);
	}
	for (size_t i = 0; i < COUNT(limits); i++) {
		struct canary_plan c = { 0 };
		struct err e = { 0 };
		cr_expect_eq(canary_limit_add(limits[i].text, &c, &e),
		             limits[i].good ? 0 : -ERR_USAGE, "\"%s\"", limits[i].text);
		/* what is kept is what was written, once */
		if (limits[i].good) {
			cr_expect_str_eq(c.limits[0].text, limits[i].text);
			cr_expect_eq(canary_limit_add(limits[i].text, &c, &e), -ERR_USAGE);
		}
	}
}

Test(canary, kept_as_it_was)
{
	struct canary_plan c = { 0 }, again;
	cleanup_json json_t *j = NULL, *k = NULL;
	struct err e = { 0 };

	cr_assert_eq(canary_steps_parse("10%:5m,50%:15m", &c, &e), 0);
	canary_limits_default(&c);
	cr_assert_eq(c.limits_n, 3);
	cr_assert_eq(canary_requests_wanted(&c), 20);
	j = canary_json(&c);
	cr_assert_eq(canary_read(j, &again, &e), 0, "%s", e.msg);
	k = canary_json(&again);
	cr_expect(json_equal(j, k));
	json_array_append_new(json_object_get(j, "limits"), json_string("errors <= 2"));
	cr_expect_eq(canary_read(j, &again, &e), -ERR_MALFORMED);
	json_array_clear(json_object_get(k, "steps"));
	cr_expect_eq(canary_read(k, &again, &e), -ERR_MALFORMED);
}

#define T(r, err, lat)                                                                       \
	{                                                                                    \
		.known = true, .requests = r, .errors = err, .latency_s = lat, .replicas = 2 \
	}
#define W(r, err, lat)                                                            \
	{                                                                         \
		.known = true, .is_windowed = true, .requests = r, .errors = err, \
		.latency_s = lat, .replicas = 2                                   \
	}
#define DOWN                                          \
	{                                             \
		.is_error = true, .why = "it is down" \
	}
#define UNKNOWN                     \
	{                           \
		.why = "no metrics" \
	}

static const struct {
	const char *name, *limits[3];
	struct canary_sides from, to;
	enum canary_outcome outcome;
	bool anew;
	const char *named;
} cases[] = {
	{ "no limits",
	  { NULL },
	  { UNKNOWN, UNKNOWN },
	  { UNKNOWN, UNKNOWN },
	  CANARY_GOOD,
	  false,
	  "" },
	{ "well",
	  { "errors <= 0.01", "latency <= 1.5x", "requests >= 20" },
	  { T(0, 0, 0), T(1000, 5, 10) },
	  { T(100, 1, 1.4), T(1100, 6, 11) },
	  CANARY_GOOD,
	  false,
	  "errors 1.00% of 100 (at most 1.00%); latency 14.0 ms (at most 15.0 ms)" },
	{ "too many errors",
	  { "errors <= 0.01" },
	  { T(0, 0, 0), UNKNOWN },
	  { T(100, 2, 1), UNKNOWN },
	  CANARY_BAD,
	  false,
	  "errors 2.00% of 100" },
	{ "too slow",
	  { "latency <= 1.5x" },
	  { T(0, 0, 0), T(0, 0, 0) },
	  { T(100, 0, 1.6), T(100, 0, 1) },
	  CANARY_BAD,
	  false,
	  "latency 16.0 ms" },
	{ "slower than said",
	  { "latency <= 10ms" },
	  { T(0, 0, 0), UNKNOWN },
	  { T(100, 0, 1.1), UNKNOWN },
	  CANARY_BAD,
	  false,
	  "11.0 ms (at most 10.0 ms)" },
	{ "as bad as before",
	  { "errors <= stable + 0.01" },
	  { T(0, 0, 0), T(0, 0, 0) },
	  { T(100, 10, 1), T(100, 10, 1) },
	  CANARY_GOOD,
	  false,
	  "at most 11.00%" },
	{ "worse than before",
	  { "errors <= stable + 0.01" },
	  { T(0, 0, 0), T(0, 0, 0) },
	  { T(100, 12, 1), T(100, 10, 1) },
	  CANARY_BAD,
	  false,
	  "" },
	{ "no traffic",
	  { "errors <= 0.01" },
	  { T(5, 0, 0), UNKNOWN },
	  { T(5, 0, 0), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  false,
	  "0 of 1 requests" },
	{ "too little",
	  { "errors <= 0.01", "requests >= 20" },
	  { T(0, 0, 0), UNKNOWN },
	  { T(19, 19, 0), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  false,
	  "19 of 20 requests" },
	{ "nothing to compare with",
	  { "latency <= 1.5x" },
	  { T(0, 0, 0), T(7, 0, 0) },
	  { T(100, 0, 1), T(7, 0, 0) },
	  CANARY_INCONCLUSIVE,
	  false,
	  "nothing to compare" },
	{ "bad outweighs unknown",
	  { "latency <= 1.5x", "errors <= 0.01" },
	  { T(0, 0, 0), UNKNOWN },
	  { T(100, 50, 1), UNKNOWN },
	  CANARY_BAD,
	  false,
	  "" },
	{ "not counted",
	  { "errors <= 0.01" },
	  { UNKNOWN, UNKNOWN },
	  { UNKNOWN, UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  false,
	  "cannot be counted: no metrics" },
	{ "no time is counted",
	  { "latency <= 10ms", "errors <= 0.01" },
	  { T(0, 0, NAN), UNKNOWN },
	  { T(100, 0, NAN), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  false,
	  "latency of the newcomer cannot be told; errors 0.00%" },
	{ "the stable side can be counted only now",
	  { "latency <= 1.5x" },
	  { T(0, 0, 0), UNKNOWN },
	  { T(100, 0, 1), T(100, 0, 1) },
	  CANARY_INCONCLUSIVE,
	  true,
	  "nothing to compare with: counting begins again" },
	{ "the newcomer can be counted only now",
	  { "errors <= 0.01" },
	  { UNKNOWN, UNKNOWN },
	  { T(100, 0, 1), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  true,
	  "counting begins again" },
	{ "a counter went back",
	  { "errors <= 0.01" },
	  { T(500, 0, 0), UNKNOWN },
	  { T(100, 0, 0), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  true,
	  "begins again" },
	{ "a replica more",
	  { "errors <= 0.01" },
	  { { .known = true, .replicas = 1 }, UNKNOWN },
	  { T(100, 0, 0), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  true,
	  "begins again" },
	{ "more errors than requests",
	  { "errors <= 0.01" },
	  { T(0, 0, 0), UNKNOWN },
	  { T(10, 11, 0), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  true,
	  "" },
	{ "no number",
	  { "errors <= 0.01" },
	  { T(0, 0, 0), UNKNOWN },
	  { T(NAN, 0, 0), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  true,
	  "" },
	/* whoever counts since the step began */
	{ "in a window",
	  { "errors <= stable + 0.01", "latency <= 1.5x", "requests >= 20" },
	  { W(900, 900, 9), W(0, 0, 0) },
	  { W(100, 1, 0.014), W(1000, 5, 0.01) },
	  CANARY_GOOD,
	  false,
	  "errors 1.00% of 100 (at most 1.50%); latency 14.0 ms (at most 15.0 ms)" },
	{ "bad in a window",
	  { "errors <= 0.01" },
	  { UNKNOWN, UNKNOWN },
	  { W(100, 2, NAN), UNKNOWN },
	  CANARY_BAD,
	  false,
	  "errors 2.00% of 100" },
	{ "a window without requests",
	  { "errors <= 0.01" },
	  { UNKNOWN, UNKNOWN },
	  { W(0, NAN, NAN), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  false,
	  "0 of 1 requests" },
	{ "errors that are not told",
	  { "errors <= 0.01" },
	  { UNKNOWN, UNKNOWN },
	  { W(100, NAN, 0.01), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  false,
	  "errors of the newcomer cannot be told" },
	{ "a latency that is not told",
	  { "latency <= 10ms" },
	  { UNKNOWN, UNKNOWN },
	  { W(100, 0, NAN), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  false,
	  "latency of the newcomer cannot be told" },
	{ "a stable side that is not told",
	  { "latency <= 1.5x" },
	  { UNKNOWN, UNKNOWN },
	  { W(100, 0, 0.01), W(100, 0, NAN) },
	  CANARY_INCONCLUSIVE,
	  false,
	  "latency of the stable side cannot be told" },
	{ "an estimate with too many errors",
	  { "errors <= 1" },
	  { UNKNOWN, UNKNOWN },
	  { W(100, 101, 0), UNKNOWN },
	  CANARY_GOOD,
	  false,
	  "errors 100.00%" },
	{ "nobody to ask",
	  { "errors <= 0.01" },
	  { DOWN, DOWN },
	  { DOWN, DOWN },
	  CANARY_ERROR,
	  false,
	  "cannot be counted: it is down" },
	{ "nobody to ask of the stable side",
	  { "errors <= stable + 0.01", "requests >= 1" },
	  { W(1, 0, 0), UNKNOWN },
	  { W(100, 0, 0), DOWN },
	  CANARY_ERROR,
	  false,
	  "nothing to compare with: it is down" },
	{ "an error does not hide what is bad",
	  { "errors <= stable + 0.01", "latency <= 1ms" },
	  { W(1, 0, 0), UNKNOWN },
	  { W(100, 0, 1), DOWN },
	  CANARY_BAD,
	  false,
	  "" },
	{ "latency without end",
	  { "latency <= 10ms" },
	  { T(0, 0, 0), UNKNOWN },
	  { T(100, 0, INFINITY), UNKNOWN },
	  CANARY_INCONCLUSIVE,
	  true,
	  "" },
};

Test(canary, judgement)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct canary_plan c = { .steps_n = 1 };
		struct canary_verdict v;
		struct err e = { 0 };

		for (size_t k = 0; k < 3 && cases[i].limits[k]; k++)
			cr_assert_eq(canary_limit_add(cases[i].limits[k], &c, &e), 0);
		canary_judge(&c, &cases[i].from, &cases[i].to, &v);
		cr_expect_eq(v.outcome, cases[i].outcome, "%s: %s, %s", cases[i].name,
		             canary_outcome_name(v.outcome), v.text);
		cr_expect_eq(v.begins_anew, cases[i].anew, "%s", cases[i].name);
		cr_expect(strstr(v.text, cases[i].named), "%s: %s", cases[i].name, v.text);
	}
}

/* What is judged is told as numbers too; what has no end is the largest that there is. */
Test(canary, readings)
{
	struct canary_plan c = { .steps_n = 1 };
	struct canary_sides from = { 0 }, to = { 0 };
	struct canary_verdict v;
	struct err e = { 0 };

	from.newcomer.known = to.newcomer.known = true;
	to.newcomer.requests = 1000;
	to.newcomer.errors = 2;
	to.newcomer.latency_s = 41.5;
	cr_assert_eq(canary_limit_add("errors <= 0.01", &c, &e), 0);
	cr_assert_eq(canary_limit_add("latency <= 60ms", &c, &e), 0);
	canary_judge(&c, &from, &to, &v);
	cr_assert_eq(v.gates_n, 2, "%s", v.text);
	cr_expect_str_eq(v.gates[0].name, "errors");
	cr_expect_str_eq(v.gates[0].unit, "ppm");
	cr_expect_eq(v.gates[0].value, 2000);
	cr_expect_eq(v.gates[0].limit, 10000);
	cr_expect_eq(v.gates[0].requests, 1000);
	cr_expect_str_eq(v.gates[1].unit, "us");
	cr_expect_eq(v.gates[1].value, 41500);
	cr_expect_eq(v.gates[1].limit, 60000);
	to.newcomer.latency_s = 1e300;
	canary_judge(&c, &from, &to, &v);
	cr_assert_eq(v.gates_n, 2, "%s", v.text);
	cr_expect_eq(v.gates[1].value, UINT64_C(1) << 53);
}
