/* SPDX-License-Identifier: Apache-2.0 */
/* A metric over the newest versions of a model, with the stages marked on it. */
#pragma once

#include "registry/base/vec.h"
#include "registry/records.h"
#include "tui/view/chart.h"

#define METRIC_VERSIONS 200u /* newest versions that are looked at */
#define METRIC_NAMES    32u

struct metric_chart {
	char names[METRIC_NAMES][65];
	size_t names_n, chosen; /* of names */
	VEC(double) values;     /* of the chosen one, oldest first; NAN: that version has none */
	VEC(uint64_t) numbers;  /* of the versions, likewise */
};
/* Reads the values of names[chosen], and the names first where none are known. */
int metric_chart_read(struct metric_chart *c, struct txn *t, const char *model, struct err *e);
const char *metric_chart_name(const struct metric_chart *c); /* "": there is no metric */
void metric_chart_fini(struct metric_chart *c);
/* A rule with the name and four rows or more below. at: the chosen version, named beside. */
void metric_chart_draw(const struct metric_chart *c, const struct area *a,
                       const struct model_row *m, uint64_t at);
