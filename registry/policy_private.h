/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of the policy document share; nobody else includes this. */
#pragma once

#include "registry/policy.h"

/* MALFORMED names a member of o that is none of the n known ones; each of them may be absent. */
int policy_check_members(const json_t *o, const char *const *known, size_t n, struct err *e);
/* A word that fits in size bytes. MALFORMED. */
int policy_parse_name(const json_t *o, const char *key, char *ret, size_t size, struct err *e);
/* "sites" into p; what was read until an error is policy_fini's. MALFORMED, TOO_BIG. */
int policy_parse_sites(const json_t *doc, struct policy *p, struct err *e);
/* "offline" into p; codes as above. */
int policy_parse_offline(const json_t *doc, struct policy *p, struct err *e);
