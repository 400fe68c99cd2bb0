/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs, one line each, in the order of the help; the rows stand in the files of the verbs. */
#include "tui/cmd/cmd.h"

#define VERBS(X) \
	X(console) \
	X(init) \
	X(doctor) \
	X(config) \
	X(config_list) \
	X(config_get) \
	X(config_set) \
	X(config_unset) \
	X(schema) \
	X(completion) \
	X(help) \
	X(version) \
	X(list) \
	X(show) \
	X(files) \
	X(diff) \
	X(history) \
	X(status) \
	X(audit_list) \
	X(audit_verify) \
	X(audit_accept_restore) \
	X(audit_checkpoint) \
	X(audit_prove) \
	X(audit_export) \
	X(import) \
	X(pull) \
	X(attest) \
	X(label) \
	X(alias) \
	X(note) \
	X(export) \
	X(bundle_build) \
	X(bundle_resume) \
	X(bundle_verify) \
	X(bundle_import) \
	X(bundle_list) \
	X(bundle_receipt) \
	X(bundle_want) \
	X(push) \
	X(verify) \
	X(sign) \
	X(key_list) \
	X(key_show) \
	X(key_new) \
	X(key_export) \
	X(key_rotate) \
	X(key_trust) \
	X(key_revoke) \
	X(policy_show) \
	X(policy_check) \
	X(policy_add) \
	X(policy_remove) \
	X(policy_set) \
	X(policy_sign) \
	X(policy_site) \
	X(target_list) \
	X(target_add) \
	X(target_set) \
	X(target_show) \
	X(target_test) \
	X(target_remove) \
	X(promote) \
	X(rollback) \
	X(plan_promote) \
	X(plan_rollback) \
	X(plan_list) \
	X(plan_show) \
	X(plan_check) \
	X(plan_diff) \
	X(plan_discard) \
	X(plan_export) \
	X(approve) \
	X(apply) \
	X(logs) \
	X(job_list) \
	X(job_show) \
	X(job_follow) \
	X(job_wait) \
	X(job_pause) \
	X(job_resume) \
	X(job_abort) \
	X(retire) \
	X(revoke) \
	X(hold) \
	X(release) \
	X(delete) \
	X(gc) \
	X(backup) \
	X(adopt) \
	X(check) \
	X(rebuild)

#define X(name) extern const struct cmd cmd_##name;
VERBS(X)
#undef X

const struct cmd *const cmds[] = {
#define X(name) &cmd_##name,
	VERBS(X)
#undef X
	NULL,
};
