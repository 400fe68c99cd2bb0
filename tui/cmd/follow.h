/* SPDX-License-Identifier: Apache-2.0 */
/* Following a job by its journal: lines as notes, bytes as progress, its end as a result. */
#pragma once

#include "registry/journal.h"
#include "tui/app.h"

struct job_end {
	bool ended;               /* false: interrupted, or left with an unknown outcome */
	struct journal_line last; /* the line that says how */
};
/* Until the job's agent is gone. show: lines as notes. events: each line as an object on stdout. */
int job_follow(struct app *a, const char *id, bool show, bool events, struct job_end *ret,
               struct err *e);
/* 0 when it succeeded; else its code, message and what to do next. */
int job_result(const char *id, const struct job_end *end, struct err *e);
