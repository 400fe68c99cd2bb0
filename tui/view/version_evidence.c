/* SPDX-License-Identifier: Apache-2.0 */
/* A gate that nothing was attested for is "not checked", never a kind of good. */
#include "tui/view/version_evidence.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "registry/attest.h"
#include "registry/history.h"
#include "registry/statement.h"
#include "tui/view/show.h"
#include "tui/view/version_claims.h"
#include "tui/view/version_rows.h"

struct page {
	struct sheet *sheet;
	const struct view *v;
	struct txn *txn;
	const struct model_row *model;
	const struct version_row *row;
	const struct policy *policy;
	struct evidence evidence[EVIDENCE_TYPES];
	bool has[EVIDENCE_TYPES];
};

static void
json_add(struct page *g, const json_t *j)
{
	struct lines l = { 0 };

	lines_add_json(&l, j);
	vec_foreach(r, &l.rows)
		sheet_add(g->sheet, r->ink, 0, "%s", r->text);
	lines_fini(&l);
}

static void
evidence_read(struct page *g)
{
	for (int i = 0; i < EVIDENCE_TYPES; i++) {
		struct err ignored = { 0 };
		struct evidence *const v = &g->evidence[i];

		if (evidence_get(g->txn, g->row->model, g->row->number, (enum evidence_type)i, v,
		                 &ignored) < 0)
			continue;
		g->has[i] = digest_eq(&v->version, &g->row->digest);
		if (!g->has[i])
			evidence_fini(v);
	}
}

/* --- gates --- */

static enum ink
holds(bool yes, struct buf *ret)
{
	buf_adds(ret, yes ? "holds" : "FAILS");
	return yes ? INK_OK : INK_BAD;
}

static enum ink
metric_gate(const struct page *g, const struct gate *gate, struct buf *ret)
{
	const struct stage_mark *held = model_stage(g->model, gate->stage);
	double value, there = 0;

	if (!evidence_metric(&g->evidence[EVIDENCE_METRICS], gate->metric, &value)) {
		buf_adds(ret, "not checked: it was not measured");
		return INK_WAIT;
	}
	if (gate->kind == GATE_METRIC_HELD) {
		there = held && held->number > 0
		                ? version_metric(g->txn, g->row->model, held->number, gate->metric)
		                : (double)NAN;
		if (isnan(there)) {
			buf_addf(ret, "not checked: %s has nothing to compare with", gate->stage);
			return INK_WAIT;
		}
	}
	const enum ink ink = holds(gate_metric_passes(gate, value, there), ret);
	buf_addf(ret, " with %.6g", value);
	if (gate->kind == GATE_METRIC_HELD)
		buf_addf(ret, ", there %.6g", there);
	return ink;
}

static enum ink
gate_text(const struct page *g, const struct gate *gate, struct buf *ret)
{
	const json_t *content;
	const char *word;

	if (gate->kind == GATE_SOAK) {
		buf_adds(ret, "counted when a plan is made");
		return INK_WAIT;
	}
	if (!g->has[gate->evidence]) {
		buf_addf(ret, "not checked: no %s was attested",
		         evidence_type_name(gate->evidence));
		return INK_WAIT;
	}
	content = g->evidence[gate->evidence].content;
	if (gate->kind == GATE_HAS)
		return holds(true, ret);
	if (gate->kind == GATE_METRIC || gate->kind == GATE_METRIC_HELD)
		return metric_gate(g, gate, ret);
	word = json_opt_string(content, gate->kind == GATE_SCAN ? "verdict" : "spdx");
	const bool yes = word && (gate->kind == GATE_SCAN ? streq(word, "clean")
	                                                  : gate_licence_in(gate, word));
	const enum ink ink = holds(yes, ret);
	buf_addf(ret, " with %s", word ? word : "nothing");
	return ink;
}

static void
gates_add(struct page *g)
{
	size_t n = 0;

	sheet_head(g->sheet, false,
	           "gates of the policy  what counts is decided when a plan is made");
	for (size_t i = 0; g->policy && i < g->policy->stages_n; i++) {
		const struct policy_stage *stage = &g->policy->stages[i];
		for (size_t k = 0; k < stage->gates_n; k++, n++) {
			cleanup_buf struct buf text = { 0 };
			const enum ink ink = gate_text(g, &stage->gates[k], &text);
			sheet_add(g->sheet, ink, 0, "%-12s %s: %s", stage->name,
			          stage->gates[k].text, buf_cstr(&text));
			if (ink != INK_OK)
				sheet_mark_last(g->sheet);
		}
	}
	if (!g->policy)
		sheet_add(g->sheet, INK_WAIT, 0, "not checked: no policy was read");
	else if (n == 0)
		sheet_add(g->sheet, INK_DIM, 0, "no stage asks for evidence");
}

/* --- evidence --- */

static void
type_add(struct page *g, enum evidence_type type)
{
	const struct evidence *const v = &g->evidence[type];
	char ago[24];

	if (!g->has[type]) {
		sheet_head(g->sheet, false, "%s  none: slipway attest %s@v%llu --type %s FILE",
		           evidence_type_name(type), g->row->model,
		           (unsigned long long)g->row->number, evidence_type_name(type));
		return;
	}
	show_ago(ago, v->time_s);
	sheet_head(g->sheet, false, "%s  attested by %s, %s, log entry %llu",
	           evidence_type_name(type), v->person, ago, (unsigned long long)v->seq);
	json_add(g, v->content);
}

/* What its own statement says of where it came from. */
static void
source_add(struct page *g)
{
	cleanup_buf struct buf envelope = { 0 };
	struct statement st = { 0 };
	struct err e = { 0 };
	struct entry n;
	int rc = history_entry(g->v->app->registry, g->txn, g->row->seq, &n, &e);

	sheet_head(g->sheet, false, "where it comes from, as its statement claims");
	if (rc == 0) {
		rc = n.statement ? history_envelope(g->v->app->registry, &n, &envelope, &e) : -1;
		entry_fini(&n);
	}
	if (rc == 0)
		rc = statement_peek(buf_str(&envelope), &st, &e);
	const json_t *source = rc == 0 ? json_object_get(st.predicate, "source") : NULL;
	const json_t *parents = rc == 0 ? json_object_get(st.predicate, "parents") : NULL;
	if (source) {
		cleanup_json json_t *named = json_object();
		json_object_set(named, "source", (json_t *)(uintptr_t)source);
		json_add(g, named);
	} else
		sheet_add(g->sheet, rc < 0 ? INK_BAD : INK_DIM, 0, "%s",
		          e.code != ERR_OK ? e.msg : "it does not say");
	if (parents)
		json_add(g, parents);
	else
		sheet_add(g->sheet, INK_DIM, 0, "parents          none are named");
	if (rc == 0)
		statement_fini(&st);
}

static void
runs_add(struct page *g)
{
	size_t n = 0;

	sheet_head(g->sheet, false, "where it runs");
	for (size_t i = 0; i < g->model->stages_n && i < STAGES_MAX; i++) {
		const struct stage_mark *held = &g->model->stages[i];
		char ago[24];
		if (held->number != g->row->number && held->moving_to != g->row->number)
			continue;
		n++;
		show_ago(ago, held->time_s);
		if (held->moving_to == g->row->number)
			sheet_add(g->sheet, INK_WAIT, 0, "%-12s on its way there: job %s",
			          held->stage, held->job);
		else
			sheet_add(g->sheet,
			          held->break_glass ? INK_BAD : show_stage_ink(held->stage), 0,
			          "%-12s since %s, proof then: %s on %u target%s%s", held->stage,
			          ago, show_proof(held->proofs), held->targets,
			          held->targets == 1 ? "" : "s",
			          held->break_glass ? ", BREAK-GLASS" : "");
	}
	if (n == 0)
		sheet_add(g->sheet, INK_DIM, 0, "no stage holds it");
}

void
version_evidence(struct sheet *s, const struct view *v, struct txn *t, const struct model_row *m,
                 const struct version_row *row, const struct policy *p)
{
	struct page g = { .sheet = s, .v = v, .txn = t, .model = m, .row = row, .policy = p };

	evidence_read(&g);
	type_add(&g, EVIDENCE_METRICS);
	gates_add(&g);
	type_add(&g, EVIDENCE_LICENCE);
	type_add(&g, EVIDENCE_SCAN);
	type_add(&g, EVIDENCE_LINEAGE);
	source_add(&g);
	runs_add(&g);
	for (int i = 0; i < EVIDENCE_TYPES; i++)
		if (g.has[i])
			evidence_fini(&g.evidence[i]);
}
