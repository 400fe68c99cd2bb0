/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of view_table.c. */
#pragma once

#include "tui/view.h"

extern const struct view_ops view_models, view_model, view_version, view_promote, view_plans,
        view_jobs, view_targets, view_target, view_board,
        view_job, view_history, view_help, view_notices, view_run, view_diff,
        view_audit, view_entry, view_keys, view_notice;
