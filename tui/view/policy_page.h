/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what, as parts of a page: this person's keys, people and theirs, what is revoked, the
 * policy, each stage, what somebody should know about it. Pure but for the clock. */
#pragma once

#include "registry/keyring.h"
#include "registry/policy.h"
#include "tui/view/sheet.h"

struct page_key { /* what a row's tag names, less one */
	char id[KEY_ID_SIZE], person[SIGNER_SIZE];
	bool is_own, is_revoked;
	uint64_t since_version; /* of the policy that took it in; 0: not known */
	int64_t since_s;
};
struct policy_page {
	VEC(struct keyring_item) own;
	VEC(struct page_key) keys;
};
/* Into an empty sheet; p NULL: there is no registry, or no policy in it. since is asked for each
 * key of the policy. */
typedef void policy_since_fn(void *arg, struct page_key *k);
void policy_page(struct sheet *s, struct policy_page *page, const struct policy *p,
                 policy_since_fn *since, void *arg);
void policy_page_fini(struct policy_page *page);
