/* SPDX-License-Identifier: Apache-2.0 */
/* Every screen, one row each; the first is home. */
#include "tui/view/views.h"

/* clang-format off */
const struct view_ops *const view_table[] = {
	&view_models,
	&view_model,
	&view_version,
	&view_diff,
	&view_promote,
	&view_plan,
	&view_plans,
	&view_jobs,
	&view_job,
	&view_targets,
	&view_target,
	&view_board,
	&view_history,
	&view_audit,
	&view_entry,
	&view_keys,
	&view_notices,
	&view_notice,
	&view_help,
	&view_run,
	NULL,
};
/* clang-format on */
