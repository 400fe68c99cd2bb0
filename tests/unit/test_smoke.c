/* SPDX-License-Identifier: Apache-2.0 */
/* Golden requests: what is refused on reading, what is sent, which replies answer it. */
#include "deploy/smoke.h"

#include <criterion/criterion.h>
#include <string.h>

#define HEAD "{\"apiVersion\":\"slipway/v1\",\"kind\":\"Smoke\",\"protocol\":\"v2\","
#define ASK  "\"request\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\"," \
	"\"data\":[1,2]}]},"
#define WANT "\"expect\":{\"outputs\":[{\"name\":\"y\",\"data\":[0.5,0.25]}]}"

TestSuite(smoke);

Test(smoke, parse)
{
	static const struct {
		const char *text;
		int rc;
		const char *named; /* must stand in the message */
	} cases[] = {
		{ HEAD ASK WANT "}", 0, NULL },
		{ HEAD ASK WANT ",\"latencyMs\":200}", 0, NULL },
		{ HEAD ASK WANT ",\"latencyMs\":0}", -ERR_MALFORMED, "latencyMs" },
		{ HEAD ASK WANT ",\"latency\":1}", -ERR_MALFORMED, "latency" },
		{ "[]", -ERR_MALFORMED, "object" },
		{ "{", -ERR_MALFORMED, "golden request" },
		{ "{\"apiVersion\":\"slipway/v2\",\"kind\":\"Smoke\",\"protocol\":\"v2\"}",
		  -ERR_MALFORMED,
		  "apiVersion" },
		{ "{\"apiVersion\":\"slipway/v1\",\"kind\":\"Smoke\",\"protocol\":\"v1\"}",
		  -ERR_MALFORMED,
		  "protocol" },
		{ HEAD WANT "}", -ERR_MALFORMED, "request" },
		{ HEAD ASK "\"expect\":{\"outputs\":[]}}", -ERR_MALFORMED, "outputs" },
		{ HEAD ASK "\"expect\":{\"outputs\":[{\"data\":[1]}]}}", -ERR_MALFORMED, "name" },
		{ HEAD ASK "\"expect\":{\"outputs\":[{\"name\":\"y\",\"tolerance\":-1}]}}",
		  -ERR_MALFORMED,
		  "tolerance" },
		{ HEAD ASK "\"expect\":{\"outputs\":[{\"name\":\"y\",\"shape\":[-1]}]}}",
		  -ERR_MALFORMED,
		  "shape" },
		{ HEAD "\"request\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1],"
		       "\"data\":[1]}]}," WANT "}",
		  -ERR_MALFORMED, "datatype" },
		{ HEAD "\"request\":{\"inputs\":[1]}," WANT "}", -ERR_MALFORMED, "inputs" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct golden *g = NULL;
		struct err e = { 0 };
		const int rc = golden_parse(str_of(cases[i].text), &g, &e);

		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].text, rc, e.msg);
		cr_expect_eq(g != NULL, rc == 0, "%s", cases[i].text);
		if (cases[i].named)
			cr_expect(strstr(e.msg, cases[i].named), "%s: %s", cases[i].text, e.msg);
		golden_free(g);
	}
}

Test(smoke, request)
{
	struct golden *g = NULL;
	struct buf b = { 0 };
	struct err e = { 0 };

	cr_assert_eq(golden_parse(STR(HEAD ASK WANT "}"), &g, &e), 0, "%s", e.msg);
	cr_assert_str_eq(golden_protocol(g), "v2");
	golden_request_v2(g, "job-1", &b);
	cr_assert_str_eq(buf_cstr(&b),
	                 "{\"id\":\"job-1\",\"inputs\":[{\"data\":[1,2],\"datatype\":\"FP32\","
	                 "\"name\":\"x\","
	                 "\"shape\":[1,2]}],\"outputs\":[{\"name\":\"y\",\"parameters\":"
	                 "{\"binary_data\":false}}]}");
	buf_fini(&b);
	golden_free(g);
}

#define REPLY(version, outputs) "{\"model_name\":\"m\"," version "\"outputs\":[" outputs "]}"
#define V2 "\"model_version\":\"2\","
#define Y(data) "{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1,2],\"data\":" data "}"

Test(smoke, reply)
{
	static const struct {
		const char *outputs; /* of the expectation */
		const char *reply;
		int rc;
		const char *named;
	} cases[] = {
		{ "{\"name\":\"y\",\"data\":[0.5,0.25]}", REPLY(V2, Y("[0.5,0.25]")), 0,
		  "version 2" },
		{ "{\"name\":\"y\",\"data\":[0.5,0.25]}", REPLY(V2, Y("[[0.500009,0.25]]")), 0,
		  "1e-05" },
		{ "{\"name\":\"y\",\"data\":[[0.5],[0.25]]}", REPLY(V2, Y("[0.5,0.25]")), 0,
		  "1 of 1" },
		{ "{\"name\":\"y\",\"data\":[0.5,0.25]}", REPLY(V2, Y("[0.5001,0.25]")),
		  -ERR_ROLLOUT_FAILED,
		  "\"y\"[0]" },
		{ "{\"name\":\"y\",\"data\":[0.5,0.25],\"tolerance\":0.001}",
		  REPLY(V2, Y("[0.5001,0.25]")), 0,
		  "0.001" },
		{ "{\"name\":\"y\",\"data\":[0.5]}", REPLY(V2, Y("[0.5,0.25]")),
		  -ERR_ROLLOUT_FAILED,
		  "2 values, not 1" },
		{ "{\"name\":\"y\",\"data\":[1,0]}", REPLY(V2, Y("[1.0,0]")), 0, "" },
		{ "{\"name\":\"y\",\"data\":[9007199254740993],\"tolerance\":0}",
		  REPLY(V2, Y("[9007199254740992]")), -ERR_ROLLOUT_FAILED, "\"y\"[0]" },
		{ "{\"name\":\"y\",\"data\":[\"a\",true]}", REPLY(V2, Y("[\"a\",true]")), 0, "" },
		{ "{\"name\":\"y\",\"data\":[\"a\"]}", REPLY(V2, Y("[\"b\"]")), -ERR_ROLLOUT_FAILED,
		  "\"b\"" },
		{ "{\"name\":\"y\",\"data\":[true]}", REPLY(V2, Y("[1]")), -ERR_ROLLOUT_FAILED,
		  "true" },
		{ "{\"name\":\"y\",\"shape\":[1,2],\"datatype\":\"FP32\"}", REPLY(V2, Y("[1,2]")),
		  0, "" },
		{ "{\"name\":\"y\",\"shape\":[2,1]}", REPLY(V2, Y("[1,2]")), -ERR_ROLLOUT_FAILED,
		  "shape" },
		{ "{\"name\":\"y\",\"datatype\":\"FP64\"}", REPLY(V2, Y("[1,2]")),
		  -ERR_ROLLOUT_FAILED, "FP64" },
		{ "{\"name\":\"z\"}", REPLY(V2, Y("[1,2]")), -ERR_ROLLOUT_FAILED, "\"z\"" },
		{ "{\"name\":\"y\"}", REPLY("\"model_version\":\"1\",", Y("[1]")),
		  -ERR_ROLLOUT_FAILED,
		  "version \"1\" answered" },
		{ "{\"name\":\"y\"}", REPLY("", Y("[1]")), -ERR_ROLLOUT_FAILED, "does not say" },
		{ "{\"name\":\"y\",\"data\":[1]}", REPLY(V2, "{\"name\":\"y\"}"), -ERR_MALFORMED,
		  "data" },
		{ "{\"name\":\"y\"}", "{}", -ERR_MALFORMED, "outputs" },
		{ "{\"name\":\"y\"}", "<html>", -ERR_MALFORMED, "reply" },
		{ "{\"name\":\"y\",\"data\":[1]}",
		  REPLY(V2,
		        Y("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]")), -ERR_ROLLOUT_FAILED, "values" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf text = { 0 };
		struct golden *g = NULL;
		struct err e = { 0 };
		char detail[256] = "";
		int rc;

		buf_addf(&text, "%s\"expect\":{\"outputs\":[%s]}}", HEAD ASK, cases[i].outputs);
		cr_assert_eq(golden_parse(buf_str(&text), &g, &e), 0, "%zu: %s", i, e.msg);
		rc = golden_check_v2(g, str_of(cases[i].reply), 2, 12, detail, sizeof(detail), &e);
		cr_expect_eq(rc, cases[i].rc, "%zu: %d %s", i, rc, e.msg);
		cr_expect(strstr(rc == 0 ? detail : e.msg, cases[i].named), "%zu: %s%s", i, detail,
		          e.msg);
		golden_free(g);
		buf_fini(&text);
	}
}

Test(smoke, latency_and_any_version)
{
	struct golden *g = NULL;
	struct err e = { 0 };
	char detail[256];
	const struct str reply = STR(REPLY("", Y("[0.5,0.25]")));

	cr_assert_eq(golden_parse(STR(HEAD ASK WANT ",\"latencyMs\":20}"), &g, &e), 0, "%s", e.msg);
	cr_assert_eq(golden_check_v2(g, reply, 0, 20, detail, sizeof(detail), &e), 0, "%s", e.msg);
	cr_assert_eq(golden_check_v2(g, reply, 0, 21, detail, sizeof(detail), &e),
	             -ERR_ROLLOUT_FAILED);
	cr_assert(strstr(e.msg, "21 ms"), "%s", e.msg);
	golden_free(g);
}
