/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a canary is judged by, taken from the lines of a job's journal: how much it should get and
 * gets, and each limited value over time with its limit. The lines are foreign ground.
 */
#pragma once

#include "registry/base/vec.h"
#include "registry/journal.h"
#include "tui/term/paint.h"

#define GATE_VALUES 64u /* newest ones kept of each */
#define GATE_SERIES 8u  /* targets with a value each, or more values of fewer */

struct gate_series {
	char target[129], name[16], unit[4];
	double values[GATE_VALUES];
	size_t n;
	double most; /* the limit when it was judged last */
};
struct gate_share { /* of the requests */
	char target[129];
	bool has_seen;
	unsigned wanted, seen;
};
struct job_gates {
	struct gate_series series[GATE_SERIES];
	size_t series_n;
	struct gate_share shares[GATE_SERIES];
	size_t shares_n;
};
void job_gates_take(struct job_gates *g, const struct journal_line *l);
/* At most rows_max rows; returns the row behind them. charts: sparklines too. */
size_t job_gates_draw(const struct job_gates *g, const struct area *a, size_t row, size_t rows_max,
                      bool charts);
