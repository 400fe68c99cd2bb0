/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of view_table.c. */
#pragma once

#include "tui/view.h"

extern const struct view_ops view_models;
extern const struct view_ops view_model;
extern const struct view_ops view_version;
extern const struct view_ops view_diff;
extern const struct view_ops view_promote;
extern const struct view_ops view_plan;
extern const struct view_ops view_plans;
extern const struct view_ops view_jobs;
extern const struct view_ops view_job;
extern const struct view_ops view_targets;
extern const struct view_ops view_target;
extern const struct view_ops view_board;
extern const struct view_ops view_history;
extern const struct view_ops view_audit;
extern const struct view_ops view_entry;
extern const struct view_ops view_keys;
extern const struct view_ops view_notices;
extern const struct view_ops view_notice;
extern const struct view_ops view_help;
extern const struct view_ops view_run;
