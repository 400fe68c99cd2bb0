/* SPDX-License-Identifier: Apache-2.0 */
/* The template "solo" without a log's key, as most tests want it. */
#pragma once

#include "registry/policy.h"

static inline json_t *
solo_policy(const char *registry_id, const char *person, const struct public_key *key,
            const struct public_key *agent, int64_t issued_s)
{
	const struct policy_start start = { .template_name = "solo",
		                            .registry_id = registry_id,
		                            .person = person,
		                            .key = key,
		                            .agent = agent,
		                            .issued_s = issued_s };

	return policy_template(&start);
}
