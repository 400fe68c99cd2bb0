/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules' little language, read word by word. A rule that is not understood whole is refused
 * when the policy is read, so that no gate is ever passed because nobody could read it.
 */
#include "registry/gate.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "registry/base/str.h"
#include "registry/ref.h"

static const char *const types[] = {
	[EVIDENCE_METRICS] = "metrics",
	[EVIDENCE_LICENCE] = "licence",
	[EVIDENCE_LINEAGE] = "lineage",
	[EVIDENCE_SCAN] = "scan",
};
_Static_assert(COUNT(types) == EVIDENCE_TYPES, "an evidence type without a name");

static const char *const ops[] = {
	[GATE_GE] = ">=", [GATE_GT] = ">", [GATE_LE] = "<=", [GATE_LT] = "<"
};

const char *
evidence_type_name(enum evidence_type t)
{
	return types[t];
}

int
evidence_type_parse(const char *s, enum evidence_type *ret)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (!streq(types[i], s))
			continue;
		*ret = (enum evidence_type)i;
		return 0;
	}
	return -1;
}

struct words { /* of a rule, split at blanks */
	char text[GATE_TEXT_MAX + 1];
	const char *v[48];
	size_t n;
};

static int
split(const char *text, struct words *w)
{
	char *at = w->text;

	w->n = 0;
	if (str_copy(w->text, sizeof w->text, text) < 0)
		return -1;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			return -1;
	for (;;) {
		at += strspn(at, " ");
		if (!*at)
			return 0;
		if (w->n == COUNT(w->v))
			return -1;
		w->v[w->n++] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = '\0';
	}
}

static bool
is_metric(const char *s)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._/-";

	return *s && strchr(first, *s) && strspn(s, rest) == strlen(s) && strlen(s) <= 64;
}

static int
parse_metric(const struct words *w, struct gate *g)
{
	struct err ignored = { 0 };
	size_t op = 0;

	while (op < COUNT(ops) && !streq(ops[op], w->v[1]))
		op++;
	if (op == COUNT(ops) || !is_metric(w->v[0]))
		return -1;
	g->op = (enum gate_op)op;
	g->evidence = EVIDENCE_METRICS;
	(void)str_copy(g->metric, sizeof g->metric, w->v[0]);
	if (w->n == 3 && parse_double(w->v[2], &g->value) == 0) {
		g->kind = GATE_METRIC;
		return 0;
	}
	g->kind = GATE_METRIC_HELD;
	if (ref_check_word("stage", w->v[2], &ignored) < 0 ||
	    str_copy(g->stage, sizeof g->stage, w->v[2]) < 0)
		return -1;
	if (w->n == 3)
		return 0;
	if (w->n != 5 || (!streq(w->v[3], "+") && !streq(w->v[3], "-")) ||
	    parse_double(w->v[4], &g->value) < 0 || g->value < 0)
		return -1;
	if (streq(w->v[3], "-"))
		g->value = -g->value;
	return 0;
}

static int
parse_soak(const struct words *w, struct gate *g)
{
	struct err ignored = { 0 };
	uint64_t ms;

	if (w->n != 4 || !streq(w->v[2], "in") || parse_duration_ms(w->v[1], &ms) < 0 ||
	    ms < 1000 || ref_check_word("stage", w->v[3], &ignored) < 0 ||
	    str_copy(g->stage, sizeof g->stage, w->v[3]) < 0)
		return -1;
	g->kind = GATE_SOAK;
	g->soak_s = ms / 1000;
	return 0;
}

static int
parse_rule(const struct words *w, struct gate *g)
{
	if (w->n < 2)
		return -1;
	if (streq(w->v[0], "soaked"))
		return parse_soak(w, g);
	if (streq(w->v[0], "has")) {
		g->kind = GATE_HAS;
		return w->n == 2 ? evidence_type_parse(w->v[1], &g->evidence) : -1;
	}
	if (w->n < 3)
		return -1;
	if (streq(w->v[0], "licence") && streq(w->v[1], "in")) {
		g->kind = GATE_LICENCE;
		g->evidence = EVIDENCE_LICENCE;
		return 0;
	}
	if (streq(w->v[0], "scan")) {
		g->kind = GATE_SCAN;
		g->evidence = EVIDENCE_SCAN;
		return w->n == 3 && streq(w->v[1], "is") && streq(w->v[2], "clean") ? 0 : -1;
	}
	return parse_metric(w, g);
}

int
gate_parse(const char *text, struct gate *ret, struct err *e)
{
	struct gate g = { 0 };
	struct words w;

	if (split(text, &w) < 0 || parse_rule(&w, &g) < 0) {
		(void)err_set(e, ERR_MALFORMED, "\"%.100s\" is no gate", text);
		return err_hint(e, "as in: auc >= 0.97; auc >= production - 0.01; licence in "
		                   "mit, apache-2.0; scan is clean; has lineage; "
		                   "soaked 24h in staging");
	}
	(void)str_copy(g.text, sizeof g.text, text);
	*ret = g;
	return 0;
}

bool
gate_licence_in(const struct gate *g, const char *id)
{
	const char *at = strstr(g->text, " in ");
	const size_t n = strlen(id);

	if (g->kind != GATE_LICENCE || !at || n == 0)
		return false;
	for (at += 4; *at; at += strcspn(at, " ,")) {
		at += strspn(at, " ,");
		if (strcspn(at, " ,") == n && n > 0 && strncasecmp(at, id, n) == 0)
			return true;
	}
	return false;
}

bool
gate_metric_passes(const struct gate *g, double value, double held)
{
	const double limit = g->kind == GATE_METRIC_HELD ? held + g->value : g->value;

	if (!isfinite(value) || !isfinite(limit))
		return false;
	switch (g->op) {
	case GATE_GE:
		return value >= limit;
	case GATE_GT:
		return value > limit;
	case GATE_LE:
		return value <= limit;
	case GATE_LT:
		return value < limit;
	}
	return false;
}
