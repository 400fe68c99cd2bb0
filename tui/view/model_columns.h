/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of one model beside its versions, and the columns of their list that show it. */
#pragma once

#include "registry/base/vec.h"
#include "tui/view/metric_chart.h"
#include "tui/view/table.h"
#include "tui/view/trust.h"

enum model_column {
	COL_NUMBER,
	COL_STAGE,
	COL_STATE,
	COL_METRIC,
	COL_SIGNER,
	COL_TRUST,
	COL_SIZE,
	COL_FILES,
	COL_AGE,
	COL_ALIAS,
	COL_DIGEST,
	COLUMNS_N
};
struct alias {
	char name[WORD_SIZE];
	uint64_t number;
};
struct model_facts {
	struct model_row row; /* the caller reads it */
	struct table_column columns[COLUMNS_N];
	struct metric_chart chart;
	VEC(struct alias) aliases;
	struct trust trust;
	const char *registry_id; /* borrowed from who reads; NULL: trust is looked at again */
	uint64_t seq; /* last_seq of the model that aliases and metrics are from, and one more */
};
void model_facts_init(struct model_facts *f, struct table *t); /* f stays where it is */
void model_facts_fini(struct model_facts *f);
/* What changes with the model alone, read when it did; seq 0: again. */
int model_facts_read(struct model_facts *f, const struct view *v, struct txn *t, const char *model,
                     struct err *e);
void model_metric_chosen(struct model_facts *f); /* the column has the chart's metric */
void model_cell(struct model_facts *f, const struct version_row *n, size_t column,
                struct table_cell *ret);
