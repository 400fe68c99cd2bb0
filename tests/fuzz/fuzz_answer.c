/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are what a model server answered, to each question that takes bytes: inference, errors,
 * JSON of any kind, a model's configuration as text. An inference counts only from the version that
 * was asked for.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "deploy/http.h"
#include "deploy/modelrepo_api.h"
#include "deploy/smoke.h"

static const char document[] =
	"{\"apiVersion\":\"slipway/v1\",\"kind\":\"Smoke\",\"protocol\":\"v2\",\"request\":"
	"{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1,2]}]},"
	"\"expect\":{\"outputs\":[{\"name\":\"y\",\"shape\":[2],\"datatype\":\"FP32\","
	"\"data\":[1.5,2]}]}}";

static struct golden *golden;

static void
as_error(struct str bytes)
{
	static const long statuses[] = { 200, 302, 400, 404, 409, 429, 500 };
	const struct http_request q = { .method = "POST", .url = "http://127.0.0.1/v2" };
	struct http_response r = { .content_type = "application/json" };
	json_t *j = NULL;

	buf_add(&r.body, bytes.p, bytes.n);
	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct err e = { 0 };
		int rc;

		r.status = statuses[i];
		rc = http_check(&q, &r, &e);
		promise_err(rc, &e);
		PROMISE((rc == 0) == (r.status == 200));
	}
	struct err e = { 0 };
	promise_err(http_json(&q, &r, &j, &e), &e);
	json_decref(j);
	http_response_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };
	char detail[256];
	int rc;

	if (!golden)
		PROMISE(golden_parse(str_of(document), &golden, &e) == 0);
	rc = golden_check_v2(golden, input(p, n), 3, 1, detail, sizeof detail, &e);
	promise_err(rc, &e);
	if (rc == 0) {
		PROMISE(json_parse(input(p, n), "answer", &j, &e) == 0);
		/* numbers are compared by value: "03" is 3 */
		PROMISE(strchr(json_opt_string(j, "model_version"), '3'));
	}
	as_error(input(p, n));
	(void)modelrepo_policy_text(input(p, n));
	return 0;
}
