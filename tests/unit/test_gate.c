/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of gates: what is one, and what passes it. */
#include "registry/gate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "registry/base/str.h"

TestSuite(gate);

static struct gate
parse(const char *text)
{
	struct gate g;
	struct err e = { 0 };

	cr_assert_eq(gate_parse(text, &g, &e), 0, "%s: %s", text, e.msg);
	cr_expect_str_eq(g.text, text);
	return g;
}

Test(gate, each_kind)
{
	static const struct {
		const char *text;
		enum gate_kind kind;
		enum gate_op op;
		const char *metric, *stage;
		double value;
	} cases[] = {
		{ "auc >= 0.97", GATE_METRIC, GATE_GE, "auc", "", 0.97 },
		{ "loss/val < 1e-3", GATE_METRIC, GATE_LT, "loss/val", "", 1e-3 },
		{ "t.p99_ms <= 20", GATE_METRIC, GATE_LE, "t.p99_ms", "", 20 },
		{ "auc > -1", GATE_METRIC, GATE_GT, "auc", "", -1 },
		{ "auc >= production", GATE_METRIC_HELD, GATE_GE, "auc", "production", 0 },
		{ "auc >= staging - 0.01", GATE_METRIC_HELD, GATE_GE, "auc", "staging", -0.01 },
		{ "loss <= staging + 2", GATE_METRIC_HELD, GATE_LE, "loss", "staging", 2 },
		{ "licence in MIT, Apache-2.0", GATE_LICENCE, 0, "", "", 0 },
		{ "scan is clean", GATE_SCAN, 0, "", "", 0 },
		{ "has lineage", GATE_HAS, 0, "", "", 0 },
		{ "soaked 24h in staging", GATE_SOAK, 0, "", "staging", 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct gate g = parse(cases[i].text);
		cr_expect_eq(g.kind, cases[i].kind, "%s", cases[i].text);
		cr_expect_eq(g.op, cases[i].op, "%s", cases[i].text);
		cr_expect_str_eq(g.metric, cases[i].metric);
		cr_expect_str_eq(g.stage, cases[i].stage);
		cr_expect(fabs(g.value - cases[i].value) < 1e-12, "%s", cases[i].text);
	}
	cr_expect_eq(parse("soaked 90m in staging").soak_s, 5400);
	cr_expect_eq(parse("has scan").evidence, EVIDENCE_SCAN);
}

Test(gate, nothing_else)
{
	static const char *const bad[] = { "",
		                           " ",
		                           "auc",
		                           "auc >=",
		                           "auc == 1",
		                           "auc >= 1 2",
		                           "auc => 1",
		                           "AUC >= 1",
		                           "-x >= 1",
		                           "auc >= staging -0.1",
		                           "auc >= staging - -1",
		                           "auc >= staging * 2",
		                           "auc >= UP",
		                           "licence MIT",
		                           "licence in",
		                           "scan is dirty",
		                           "scan is",
		                           "scan clean",
		                           "has",
		                           "has praise",
		                           "has metrics now",
		                           "soaked",
		                           "soaked in staging",

		                           "soaked 24h on staging",
		                           "soaked 1ms in staging",
		                           "soaked 24h in",
		                           "auc >= 1\n",
		                           "auc\t>= 1",
		                           "auc >= 1; scan is clean",
		                           "\xc3\xa9 >= 1" };
	struct gate g;

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err e = { 0 };
		cr_expect_eq(gate_parse(bad[i], &g, &e), -ERR_MALFORMED, "\"%s\"", bad[i]);
		cr_expect_neq(e.hint[0], '\0');
	}
	/* no number: the name of a stage, and policies name only stages that they have */
	cr_expect_eq(parse("auc >= nan").kind, GATE_METRIC_HELD);
	char big[GATE_TEXT_MAX + 2];
	struct err e = { 0 };
	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	cr_expect_eq(gate_parse(big, &g, &e), -ERR_MALFORMED);
}

Test(gate, numbers)
{
	static const struct {
		const char *text;
		double value, held;
		bool passes;
	} cases[] = {
		{ "auc >= 0.5", 0.5, 0, true },
		{ "auc >= 0.5", 0.4999, 0, false },
		{ "auc > 0.5", 0.5, 0, false },
		{ "auc > 0.5", 0.5001, 0, true },
		{ "auc <= 0.5", 0.5, 9, true },
		{ "auc <= 0.5", 0.5001, 0, false },
		{ "auc < 0.5", 0.5, 0, false },
		{ "auc < 0.5", -3, 0, true },
		{ "auc >= s", 0.5, 0.5, true },
		{ "auc >= s", 0.5, 0.6, false },
		{ "auc >= s - 0.25", 0.5, 0.75, true },
		{ "auc >= s - 0.25", 0.5, 0.76, false },
		{ "auc >= s + 0.25", 0.75, 0.5, true },
		{ "auc >= s + 0.25", 0.74, 0.5, false },
		{ "auc >= 0.5", NAN, 0, false },
		{ "auc <= 0.5", -INFINITY, 0, false },
		{ "auc >= 0.5", INFINITY, 0, false },
		{ "auc >= s", 0.5, NAN, false },
		{ "auc >= s", 0.5, -INFINITY, false },
		{ "auc <= s", 0.5, INFINITY, false },
		{ "auc >= s + 1e308", 1, 1.7e308, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct gate g = parse(cases[i].text);
		cr_expect_eq(gate_metric_passes(&g, cases[i].value, cases[i].held), cases[i].passes,
		             "%s: %g, %g", cases[i].text, cases[i].value, cases[i].held);
	}
}

Test(gate, licences)
{
	const struct gate g = parse("licence in MIT, Apache-2.0,BSD-3-Clause  ,  ISC");

	for (const char *const *id = (const char *const[]){ "MIT", "mit", "Apache-2.0",
	                                                    "BSD-3-clause", "ISC", NULL };
	     *id; id++)
		cr_expect(gate_licence_in(&g, *id), "%s", *id);
	for (const char *const *id = (const char *const[]){ "", "MI", "MITT", "MIT,", "Apache",
	                                                    "in", "licence", ",", " ", NULL };
	     *id; id++)
		cr_expect_not(gate_licence_in(&g, *id), "\"%s\"", *id);
	const struct gate other = parse("has licence");
	cr_expect_not(gate_licence_in(&other, "licence"));
}
