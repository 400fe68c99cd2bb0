/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of the list of models: what a row says and where; one column for each stage that the
 * policy in force has. */
#pragma once

#include "tui/view/table.h"
#include "tui/view/trust.h"

enum models_column {
	COL_NAME,
	COL_LATEST,
	COL_STAGE,
	COL_SIG,
	COL_SIZE,
	COL_UPDATED,
	COL_PROOF,
	COL_FILES,
	COL_SIGNER,
	COL_LIVE,
	COL_DIGEST
};
#define FIXED_N   10u /* columns that are not a stage's */
#define COLUMNS_N (FIXED_N + STAGES_MAX)

struct models_columns {
	struct table_column columns[COLUMNS_N];
	enum models_column kinds[COLUMNS_N];
	size_t n;
	char stages[STAGES_MAX][WORD_SIZE], heads[STAGES_MAX][12];
	size_t stages_n;
	uint64_t policy_seq; /* that the stages are from, and one more */
	struct trust trust;
	const char *registry_id; /* borrowed from who reads */
};
void models_columns_init(struct models_columns *c, struct table *t); /* c stays where it is */
/* The stages of the policy, read again when there is another. */
void models_columns_read(struct models_columns *c, struct table *t, const struct view *v,
                         struct txn *txn);
void models_columns_fit(struct models_columns *c, size_t cols);
void models_cell(struct models_columns *c, const struct model_row *m, size_t column,
                 struct table_cell *ret);
