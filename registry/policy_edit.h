/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits of a policy's document, for its next version: pure functions over JSON that was a good
 * policy before. An edit that is so already changes nothing. Whether what comes of them is a good
 * policy is asked of policy_parse, once, at the end.
 */
#pragma once

#include "registry/policy.h"

/* A copy of the document in force, to be edited. */
json_t *policy_edit_begin(const struct policy *in_force);
/* The person with that key (NULL: known already) and these roles (ROLE_BIT). EXISTS: the key is
 * somebody else's; POLICY: it is revoked; NOT_FOUND: nobody of that name, and no key; USAGE. */
int policy_edit_add(json_t *doc, const char *person, const struct public_key *key, unsigned roles,
                    struct err *e);
/* roles 0: all of them. A person without a role leaves the policy. false: nobody of that name. */
bool policy_edit_remove(json_t *doc, const char *person, unsigned roles);
/* What the key signs from that log entry on does not count: taken from its person, who leaves the
 * policy with the last key, and listed. A place that is listed already stays if it is earlier. */
void policy_edit_revoke(json_t *doc, const struct public_key *key, uint64_t at);
/* "expires", "offline.schemes", "STAGE.approvals"...: policy_edit_keys. USAGE. */
int policy_edit_set(json_t *doc, const char *key, const char *value, struct err *e);
/* Another registry, by its root, and all that counts of it (enum policy_counts; versions always
 * do). EXISTS: the name is another root's, or the root has another name; USAGE: no name. */
int policy_edit_site(json_t *doc, const char *name, const struct digest *root, unsigned counts,
                     struct err *e);
bool policy_edit_site_remove(json_t *doc, const char *name); /* false: none of that name */
/* "registries" or "schemes" of a site without a connection: all that the list is from then on,
 * apart by commas; "none". USAGE. */
int policy_edit_offline(json_t *doc, const char *member, const char *value, struct err *e);
void policy_edit_online(json_t *doc); /* it has a connection */
/* The document as the next version behind old, issued now. 1: it says nothing new, *ret is empty;
 * POLICY: no good policy, and why. */
int policy_edit_end(json_t *doc, const struct policy *old, int64_t now_s, struct policy *ret,
                    struct err *e);

struct policy_edit_key {
	const char *name; /* behind "STAGE." where is_stage, else all of it */
	bool is_stage;
	const char *value; /* "N" */
	const char *text;  /* one line */
};
extern const struct policy_edit_key policy_edit_keys[]; /* name NULL at the end */
