/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes are a policy document, parsed before anybody's signature on it was looked at. */
#include "tests/fuzz/fuzz.h"

#include "registry/policy.h"

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_json json_t *doc = NULL;
	struct public_key *keys = NULL;
	struct policy policy = { 0 };
	struct err e = { 0 };
	int rc;

	if (json_parse(input(p, n), "policy", &doc, &e) < 0)
		return 0;
	rc = policy_parse(doc, &policy, &e);
	promise_err(rc, &e);
	if (rc < 0)
		return 0;
	PROMISE(policy.version > 0 && policy.stages_n > 0 && json_equal(policy.doc, doc));
	for (int role = 0; role < ROLE_COUNT; role++) {
		const size_t k = policy_keys(&policy, ROLE_BIT(role), &keys);

		for (size_t i = 0; i < k; i++)
			PROMISE(policy_has_role(&policy, &keys[i], (enum policy_role)role));
		free(keys);
	}
	policy_fini(&policy);
	return 0;
}
