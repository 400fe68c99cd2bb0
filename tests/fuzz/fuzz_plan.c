/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a plan: one that is read has the digest of its bytes as its id and nothing in it
 * that was not read. */
#include "tests/fuzz/fuzz.h"

#include "registry/plan.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct plan plan = { 0 };
	struct err e = { 0 };
	struct digest d;
	int rc = plan_parse(input(p, n), &plan, &e);

	promise_err(rc, &e);
	if (rc < 0)
		return 0;
	digest_small(p, n, &d);
	PROMISE(digest_eq(&d, &plan.id) && str_eq(buf_str(&plan.text), input(p, n)));
	PROMISE(plan.empty == digest_is_zero(&plan.version));
	plan_fini(&plan);
	return 0;
}
