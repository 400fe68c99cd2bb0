/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went on since this person's console was last here: jobs that ended or began, and those that
 * run now. How far a console has seen the log is kept outside the registry, by its id
 * ($XDG_STATE_HOME/slipway/console); that file is small, ours, and of no weight.
 */
#pragma once

#include "registry/registry.h"
#include "tui/notice.h"

/* Adds a notice for what ended or began, and one for what runs or stands still; none where there is
 * nothing to say. Then remembers, as meanwhile_leave does. */
void meanwhile_arrive(struct registry *r, struct notices *n);
/* All until now was seen. */
void meanwhile_leave(struct registry *r);
