/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gates of a stage, as the policy writes them: one rule a line, strict, nothing else is accepted.
 *     METRIC >= NUMBER              also > <= <; METRIC is [a-z0-9][a-z0-9._/-]{0,63}
 *     METRIC >= STAGE [+|- NUMBER]  against what that stage holds now
 *     licence in ID[, ID ..]        SPDX ids, compared without case
 *     scan is clean
 *     has metrics|licence|lineage|scan
 *     soaked DURATION in STAGE      e.g. 24h: held there without a break, counted in log time
 * Pure functions; who looks for the evidence is gate_check.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "registry/base/err.h"
#include "registry/records.h"

#define GATE_TEXT_MAX 200 /* bytes of a rule */
#define GATES_MAX     32

enum gate_kind { GATE_METRIC, GATE_METRIC_HELD, GATE_LICENCE, GATE_SCAN, GATE_HAS, GATE_SOAK };
enum gate_op { GATE_GE, GATE_GT, GATE_LE, GATE_LT };
enum evidence_type {
	EVIDENCE_METRICS,
	EVIDENCE_LICENCE,
	EVIDENCE_LINEAGE,
	EVIDENCE_SCAN,
	EVIDENCE_TYPES
};
const char *evidence_type_name(enum evidence_type t);            /* "metrics" ... */
int evidence_type_parse(const char *s, enum evidence_type *ret); /* -1: none of them */

struct gate {
	enum gate_kind kind;
	enum gate_op op;
	enum evidence_type evidence; /* what it rests on; not for GATE_SOAK */
	char metric[65];
	double value;          /* the number, or what is added to the stage's */
	char stage[WORD_SIZE]; /* GATE_METRIC_HELD, GATE_SOAK */
	uint64_t soak_s;
	char text[GATE_TEXT_MAX + 1]; /* as it was written */
};
/* MALFORMED names the rule and what is wrong with it. Whether a stage exists is the policy's. */
int gate_parse(const char *text, struct gate *ret, struct err *e);
/* Does this id stand in the list of a GATE_LICENCE? */
bool gate_licence_in(const struct gate *g, const char *id);
/* held: what the stage's version has, for GATE_METRIC_HELD. */
bool gate_metric_passes(const struct gate *g, double value, double held);
