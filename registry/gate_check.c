/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each kind of gate is one function; gate.c knows how rules are written, this file where to look.
 */
#include "registry/gate_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry/attest.h"

struct asking {
	struct registry *r;
	const struct ledger *l;
	const struct plan *p;
	int64_t now_s;
};

static void
say(struct gate_result *g, enum gate_state state, const char *text)
{
	g->state = state;
	(void)str_copy(g->text, sizeof g->text, text);
}

/* 1: there is such evidence; 0: there is none, and g says so. */
static int
find(const struct asking *a, struct gate_result *g, struct evidence *ret, struct err *e)
{
	const char *const type = evidence_type_name(g->gate->evidence);
	const int rc = ledger_evidence(a->r, a->l, a->p->model, a->p->number, &a->p->version,
	                               g->gate->evidence, ret, e);

	if (rc == 0)
		return 1;
	if (rc != -ERR_NOT_FOUND && rc != -ERR_UNTRUSTED && rc != -ERR_SIGNATURE)
		return rc;
	(void)snprintf(g->text, sizeof g->text, "not checked: there is no %s evidence that counts",
	               type);
	(void)snprintf(g->next, sizeof g->next, "slipway attest %.120s@v%" PRIu64 " --type %s FILE",
	               a->p->model, a->p->number, type);
	g->state = GATE_NOT_CHECKED;
	err_clear(e);
	return 0;
}

/* What the stage's version has; 1: *ret is it, 0: nothing to compare with, and g says so. */
static int
held_value(const struct asking *a, struct gate_result *g, double *ret, struct err *e)
{
	struct promotion held;
	struct evidence v;
	int rc = ledger_stage(a->r, a->l, a->p->model, g->gate->stage, &held, e);

	if (rc < 0)
		return rc;
	if (!held.exists || held.empty) {
		say(g, GATE_PASSED, "the stage holds nothing to compare with");
		return 0;
	}
	rc = ledger_evidence(a->r, a->l, a->p->model, held.number, &held.version, EVIDENCE_METRICS,
	                     &v, e);
	if (rc == 0 && evidence_metric(&v, g->gate->metric, ret)) {
		evidence_fini(&v);
		return 1;
	}
	if (rc == 0)
		evidence_fini(&v);
	else if (rc != -ERR_NOT_FOUND && rc != -ERR_UNTRUSTED && rc != -ERR_SIGNATURE)
		return rc;
	err_clear(e);
	(void)snprintf(g->text, sizeof g->text, "not checked: v%" PRIu64 " in %s has no %s",
	               held.number, g->gate->stage, g->gate->metric);
	(void)snprintf(g->next, sizeof g->next,
	               "slipway attest %.120s@v%" PRIu64 " --type metrics FILE", a->p->model,
	               held.number);
	g->state = GATE_NOT_CHECKED;
	return 0;
}

static int
ask_metric(const struct asking *a, struct gate_result *g, struct err *e)
{
	double value = 0, held = 0;
	struct evidence v;
	bool has;
	int rc = find(a, g, &v, e);

	if (rc <= 0)
		return rc;
	has = evidence_metric(&v, g->gate->metric, &value);
	evidence_fini(&v);
	if (!has) {
		(void)snprintf(g->text, sizeof g->text, "not checked: its metrics have no \"%s\"",
		               g->gate->metric);
		(void)snprintf(g->next, sizeof g->next,
		               "slipway attest %.120s@v%" PRIu64 " --type metrics FILE",
		               a->p->model, a->p->number);
		g->state = GATE_NOT_CHECKED;
		return 0;
	}
	rc = g->gate->kind == GATE_METRIC_HELD ? held_value(a, g, &held, e) : 1;
	if (rc <= 0)
		return rc;
	g->state = gate_metric_passes(g->gate, value, held) ? GATE_PASSED : GATE_FAILED;
	if (g->gate->kind == GATE_METRIC_HELD)
		(void)snprintf(g->text, sizeof g->text, "%s is %.15g, %s has %.15g",
		               g->gate->metric, value, g->gate->stage, held);
	else
		(void)snprintf(g->text, sizeof g->text, "%s is %.15g", g->gate->metric, value);
	return 0;
}

static int
ask_content(const struct asking *a, struct gate_result *g, struct err *e)
{
	struct evidence v;
	const char *said;
	int rc = find(a, g, &v, e);

	if (rc <= 0)
		return rc;
	switch (g->gate->kind) {
	case GATE_LICENCE:
		said = json_opt_string(v.content, "spdx");
		g->state = said && gate_licence_in(g->gate, said) ? GATE_PASSED : GATE_FAILED;
		(void)snprintf(g->text, sizeof g->text, "the licence is %.60s", said ? said : "?");
		break;
	case GATE_SCAN:
		said = json_opt_string(v.content, "verdict");
		g->state = streq(said, "clean") ? GATE_PASSED : GATE_FAILED;
		(void)snprintf(g->text, sizeof g->text, "the scan's verdict is %.60s",
		               said ? said : "?");
		break;
	case GATE_HAS:
	case GATE_METRIC:
	case GATE_METRIC_HELD:
	case GATE_SOAK:
		say(g, GATE_PASSED, "there is such evidence");
		break;
	}
	evidence_fini(&v);
	return 0;
}

/* When the stage came to hold what it holds: a repair, which puts the same there again, is no new
 * beginning. */
static int
held_since(const struct asking *a, const char *stage, const struct promotion *held, int64_t *ret,
           struct err *e)
{
	struct promotion at = *held, before;
	int rc = 0;

	while (rc == 0) {
		*ret = at.time_s;
		rc = ledger_before(a->r, a->l, a->p->model, stage, &at, &before, e);
		if (rc < 0 || !before.exists || before.empty ||
		    !digest_eq(&before.version, &held->version))
			return rc;
		at = before;
	}
	return rc;
}

/* Since the promotion that put just this version there, and it is still there. */
static int
ask_soak(const struct asking *a, struct gate_result *g, struct err *e)
{
	struct promotion held;
	int64_t age_s, since_s;
	int rc = ledger_stage(a->r, a->l, a->p->model, g->gate->stage, &held, e);

	if (rc < 0)
		return rc;
	if (!held.exists || held.empty || !digest_eq(&held.version, &a->p->version)) {
		(void)snprintf(g->text, sizeof g->text, "%s does not hold it", g->gate->stage);
		(void)snprintf(g->next, sizeof g->next,
		               "slipway promote %.120s@v%" PRIu64 " --to %s", a->p->model,
		               a->p->number, g->gate->stage);
		g->state = GATE_FAILED;
		return 0;
	}
	rc = held_since(a, g->gate->stage, &held, &since_s, e);
	if (rc < 0)
		return rc;
	age_s = a->now_s - since_s;
	g->state = age_s >= 0 && (uint64_t)age_s >= g->gate->soak_s ? GATE_PASSED : GATE_FAILED;
	(void)snprintf(g->text, sizeof g->text, "%s has held it for %" PRId64 " s of %" PRIu64 " s",
	               g->gate->stage, age_s < 0 ? 0 : age_s, g->gate->soak_s);
	if (g->state == GATE_FAILED)
		(void)snprintf(g->next, sizeof g->next, "wait, then plan it again");
	return 0;
}

static int
ask(const struct asking *a, struct gate_result *g, struct err *e)
{
	switch (g->gate->kind) {
	case GATE_METRIC:
	case GATE_METRIC_HELD:
		return ask_metric(a, g, e);
	case GATE_LICENCE:
	case GATE_SCAN:
	case GATE_HAS:
		return ask_content(a, g, e);
	case GATE_SOAK:
		return ask_soak(a, g, e);
	}
	return err_set(e, ERR_BUG, "a gate of an unknown kind");
}

int
gates_look(struct registry *r, const struct ledger *l, const struct plan *p, int64_t now_s,
           struct gate_results *ret, struct err *e)
{
	const struct policy_stage *const s = policy_stage(&l->policy, p->stage);
	const struct asking a = { .r = r, .l = l, .p = p, .now_s = now_s };

	ret->n = 0;
	if (!s || streq(p->kind, "rollback") || p->empty)
		return 0;
	for (size_t i = 0; i < s->gates_n; i++) {
		struct gate_result *const g = &ret->v[ret->n++];
		*g = (struct gate_result){ .gate = &s->gates[i], .state = GATE_NOT_CHECKED };
		int rc = ask(&a, g, e);
		if (rc < 0)
			return err_prefix(e, "gate \"%s\"", g->gate->text);
	}
	return 0;
}

int
gates_check(struct registry *r, const struct ledger *l, const struct plan *p, int64_t now_s,
            struct err *e)
{
	struct gate_results all;
	int rc = gates_look(r, l, p, now_s, &all, e);

	for (size_t i = 0; rc == 0 && i < all.n; i++) {
		const struct gate_result *const g = &all.v[i];
		if (g->state == GATE_PASSED)
			continue;
		(void)err_set(e, ERR_POLICY, "%s@v%" PRIu64 " for %s: \"%s\": %s", p->model,
		              p->number, p->stage, g->gate->text, g->text);
		return err_hint(e, "%s",
		                g->next[0] ? g->next
		                           : "see `slipway policy show`; the gate stands");
	}
	return rc;
}
