/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a golden request: one that is read makes a request that is JSON, and does not take
 * its own document for an answer. */
#include "tests/fuzz/fuzz.h"

#include "deploy/smoke.h"
#include "registry/base/json.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_buf struct buf request = { 0 };
	cleanup_json json_t *j = NULL;
	struct golden *g = NULL;
	struct err e = { 0 };
	char detail[256];
	int rc = golden_parse(input(p, n), &g, &e);

	promise_err(rc, &e);
	if (rc < 0)
		return 0;
	golden_request_v2(g, "id", &request);
	PROMISE(json_parse(buf_str(&request), "request", &j, &e) == 0);
	rc = golden_check_v2(g, input(p, n), 1, 1, detail, sizeof detail, &e);
	promise_err(rc, &e);
	PROMISE(rc < 0);
	golden_free(g);
	return 0;
}
