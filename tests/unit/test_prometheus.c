/* SPDX-License-Identifier: Apache-2.0 */
/* Queries made of templates, and answers of which only one finite number is taken. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "deploy/prometheus.h"

TestSuite(prometheus);

Test(prometheus, queries)
{
	static const struct prometheus_names names = {
		.version = "0123",
		.pods = "a-1|b-2",
		.ns = "risk",
		.object = "fraud",
		.model = "x\"} or vector(0) #\\",
		.window_s = 37,
	};
	static const struct {
		const char *template, *want; /* want NULL: refused */
	} cases[] = {
		{ "up", "up" },
		{ "sum(increase(n{pod=~\"$pods\",v=\"$version\"}[$window]))",
		  "sum(increase(n{pod=~\"a-1|b-2\",v=\"0123\"}[37s]))" },
		{ "n{namespace=\"$namespace\",service=\"$object\"}",
		  "n{namespace=\"risk\",service=\"fraud\"}" },
		{ "n{a=~\"^x$\"}$", "n{a=~\"^x$\"}$" },
		{ "n{m=\"$model\"}", "n{m=\"x\\\"} or vector(0) #\\\\\"}" },
		{ "$podss", NULL },
		{ "n[$windows]", NULL },
		{ "$__rate_interval", NULL },
	};
	static char big[PROMETHEUS_QUERY_MAX + 2];

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf q = { 0 };
		struct err e = { 0 };
		const int rc = prometheus_query(cases[i].template, &names, &q, &e);

		cr_expect_eq(rc, cases[i].want ? 0 : -ERR_USAGE, "%zu: %s", i, e.msg);
		if (cases[i].want)
			cr_expect_str_eq(buf_cstr(&q), cases[i].want);
	}
	memset(big, 'a', sizeof big - 1);
	cleanup_buf struct buf q = { 0 };
	struct err e = { 0 };
	cr_expect_eq(prometheus_query(big, &names, &q, &e), -ERR_USAGE);
}

#define ANSWER(type, result) \
	"{\"status\":\"success\",\"data\":{\"resultType\":\"" type "\",\"result\":" result "}}"
#define VECTOR(sample) ANSWER("vector", "[{\"metric\":{},\"value\":" sample "}]")

Test(prometheus, answers)
{
	static const struct {
		const char *body;
		int rc;
		double want;
	} cases[] = {
		{ VECTOR("[1700000000.1,\"12.5\"]"), 0, 12.5 },
		{ VECTOR("[1,\"0\"]"), 0, 0 },
		{ VECTOR("[1,\"1.5e-05\"]"), 0, 1.5e-05 },
		{ VECTOR("[1,\"-3\"]"), 0, -3 },
		{ ANSWER("scalar", "[1,\"7\"]"), 0, 7 },
		{ ANSWER("vector", "[]"), 1, 0 },
		{ VECTOR("[1,\"NaN\"]"), 1, 0 },
		{ VECTOR("[1,\"+Inf\"]"), 1, 0 },
		{ VECTOR("[1,\"-Inf\"]"), 1, 0 },
		{ VECTOR("[1,\"nan\"]"), -ERR_MALFORMED, 0 },
		{ VECTOR("[1,\"1e999\"]"), -ERR_MALFORMED, 0 },
		{ VECTOR("[1,\"0x10\"]"), -ERR_MALFORMED, 0 },
		{ VECTOR("[1,\"1 \"]"), -ERR_MALFORMED, 0 },
		{ VECTOR("[1,\"\"]"), -ERR_MALFORMED, 0 },
		{ VECTOR("[1,\"1-1\"]"), -ERR_MALFORMED, 0 },
		{ VECTOR("[1,12]"), -ERR_MALFORMED, 0 },
		{ VECTOR("[1]"), -ERR_MALFORMED, 0 },
		{ VECTOR("[1,\"1\",2]"), -ERR_MALFORMED, 0 },
		{ ANSWER("vector", "[{\"metric\":{}}]"), -ERR_MALFORMED, 0 },
		{ ANSWER("vector", "[{\"value\":[1,\"1\"]},{\"value\":[1,\"1\"]}]"), -ERR_MALFORMED,
		  0 },
		{ ANSWER("matrix", "[]"), -ERR_MALFORMED, 0 },
		{ ANSWER("string", "[1,\"1\"]"), -ERR_MALFORMED, 0 },
		{ "{\"status\":\"error\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
		  -ERR_MALFORMED, 0 },
		{ "{\"status\":\"success\"}", -ERR_MALFORMED, 0 },
		{ "[]", -ERR_MALFORMED, 0 },
		{ "<html>", -ERR_MALFORMED, 0 },
		{ "", -ERR_MALFORMED, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err e = { 0 };
		double v = -77;

		cr_expect_eq(prometheus_read(str_of(cases[i].body), &v, &e), cases[i].rc, "%s: %s",
		             cases[i].body, e.msg);
		cr_expect(fabs(v - (cases[i].rc == 0 ? cases[i].want : -77)) < 1e-9, "%s: %g",
		          cases[i].body, v);
	}
}
