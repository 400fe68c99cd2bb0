/* SPDX-License-Identifier: Apache-2.0 */
/* Stages come from the policy; a registry without one shows the two that are usual. */
#include "tui/view/models_columns.h"

#include <stdio.h>

#include "registry/policy.h"
#include "tui/view/models_rows.h"
#include "tui/view/show.h"

#define WIDE_COLS   110u /* digest, files and signer have columns of their own */
#define NARROW_COLS 60u  /* below: no signature, size and age */

static const struct {
	enum models_column kind;
	struct table_column column;
} fixed[FIXED_N] = {
	{ COL_NAME, { .name = "model", .head = "MODEL" } },
	{ COL_LATEST,
	  { .name = "latest version",
	    .head = "LATEST",
	    .width = 7,
	    .sort = MODELS_BY_LATEST,
	    .descends = true } },
	{ COL_SIG, { .name = "signature", .head = "SIG", .width = 9, .from_cols = NARROW_COLS } },
	{ COL_SIZE,
	  { .name = "size",
	    .head = "SIZE",
	    .width = 6,
	    .from_cols = NARROW_COLS,
	    .is_right = true,
	    .sort = MODELS_BY_SIZE,
	    .descends = true } },
	{ COL_UPDATED,
	  { .name = "updated",
	    .head = " UPDATED",
	    .width = 10,
	    .from_cols = NARROW_COLS,
	    .sort = MODELS_BY_UPDATED,
	    .descends = true } },
	{ COL_PROOF, { .name = "proof", .head = "PROOF", .width = 15, .from_cols = 100 } },
	{ COL_FILES,
	  { .name = "files",
	    .head = "FILES",
	    .width = 7,
	    .from_cols = WIDE_COLS,
	    .is_right = true } },
	{ COL_SIGNER, { .name = "signer", .head = "SIGNER", .width = 14, .from_cols = WIDE_COLS } },
	{ COL_LIVE,
	  { .name = "live versions",
	    .head = "LIVE",
	    .width = 6,
	    .from_cols = 160,
	    .is_right = true } },
	{ COL_DIGEST, { .name = "digest", .head = "DIGEST", .width = 13, .from_cols = 130 } },
};

static void
stage_column(struct models_columns *c, size_t i)
{
	char *head = c->heads[i];

	(void)snprintf(head, sizeof(c->heads[i]), "%.8s",
	               streq(c->stages[i], "production") ? "PROD" : c->stages[i]);
	for (char *p = head; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	c->columns[c->n] = (struct table_column){ .name = c->stages[i], .head = head };
	c->kinds[c->n++] = COL_STAGE;
}

static void
columns_make(struct models_columns *c)
{
	c->n = 0;
	for (size_t i = 0; i < FIXED_N; i++) {
		c->columns[c->n] = fixed[i].column;
		c->kinds[c->n++] = fixed[i].kind;
		for (size_t g = 0; fixed[i].kind == COL_LATEST && g < c->stages_n; g++)
			stage_column(c, g);
	}
}

/* A move shows as "v39 > v41" where there is room. */
void
models_columns_fit(struct models_columns *c, size_t cols)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->kinds[i] == COL_STAGE)
			c->columns[i].width = cols < NARROW_COLS ? 8 : cols < WIDE_COLS ? 10 : 12;
}

void
models_columns_init(struct models_columns *c, struct table *t)
{
	(void)str_copy(c->stages[0], WORD_SIZE, "staging");
	(void)str_copy(c->stages[1], WORD_SIZE, "production");
	c->stages_n = 2;
	columns_make(c);
	table_init(t, c->columns, c->n);
}

void
models_columns_read(struct models_columns *c, struct table *t, const struct view *v,
                    struct txn *txn)
{
	struct applied now = { 0 };
	struct policy p = { 0 };
	struct err ignored = { 0 };

	c->registry_id = v->app->registry->id;
	trust_renew(&c->trust, txn);
	if (applied_get(txn, &now, &ignored) < 0 || c->policy_seq == now.policy_seq + 1)
		return;
	c->policy_seq = now.policy_seq + 1;
	if (policy_current(v->app->registry, txn, &p, &ignored) < 0)
		return;
	c->stages_n = p.stages_n < STAGES_MAX ? p.stages_n : STAGES_MAX;
	for (size_t i = 0; i < c->stages_n; i++)
		(void)str_copy(c->stages[i], WORD_SIZE, p.stages[i].name);
	policy_fini(&p);
	columns_make(c);
	t->n = c->n;
}

/* Nothing there is nothing to colour: over a slow line each ink is ten bytes a row. */
static void
stage_cell(const struct models_columns *c, const struct model_row *m, size_t column,
           struct table_cell *ret)
{
	const char *stage = c->columns[column].name;
	const struct stage_mark *held = model_stage(m, stage);
	char text[48];

	show_stage(text, held);
	(void)str_copy(ret->text, sizeof(ret->text), text);
	if (held && held->moving_to > 0)
		ret->ink = INK_WAIT;
	else if (!streq(text, "-"))
		ret->ink = show_stage_ink(stage);
}

/* Of the highest stage that holds one: "answered on 3". */
static void
proof_cell(const struct models_columns *c, const struct model_row *m, struct table_cell *ret)
{
	for (size_t i = c->stages_n; i-- > 0;) {
		const struct stage_mark *held = model_stage(m, c->stages[i]);
		if (!held || held->number == 0)
			continue;
		if (held->targets > 0)
			(void)snprintf(ret->text, sizeof(ret->text), "%s on %u",
			               show_proof(held->proofs), held->targets);
		else
			(void)str_copy(ret->text, sizeof(ret->text), "no target");
		return;
	}
	(void)str_copy(ret->text, sizeof(ret->text), "-");
}

void
models_cell(struct models_columns *c, const struct model_row *m, size_t column,
            struct table_cell *ret)
{
	char hex[65];

	switch (c->kinds[column]) {
	case COL_NAME:
		(void)str_copy(ret->text, sizeof(ret->text), m->name);
		break;
	case COL_LATEST:
		(void)snprintf(ret->text, sizeof(ret->text), m->latest_live ? "v%llu" : "-",
		               (unsigned long long)m->latest_live);
		break;
	case COL_STAGE:
		stage_cell(c, m, column, ret);
		break;
	case COL_SIG:
		if (m->latest_live > 0)
			ret->ink = trust_word(&c->trust, c->registry_id, m->name, &m->digest,
			                      m->is_signed, hex);
		(void)str_copy(ret->text, sizeof(ret->text), m->latest_live > 0 ? hex : "");
		break;
	case COL_SIZE:
		show_size(ret->text, m->bytes);
		break;
	case COL_UPDATED:
		ret->text[0] = ' ';
		show_age(ret->text + 1, m->updated_s);
		break;
	case COL_PROOF:
		proof_cell(c, m, ret);
		break;
	case COL_FILES:
		(void)snprintf(ret->text, sizeof(ret->text), "%llu", (unsigned long long)m->files);
		break;
	case COL_SIGNER:
		(void)str_copy(ret->text, sizeof(ret->text), m->signer);
		break;
	case COL_LIVE:
		(void)snprintf(ret->text, sizeof(ret->text), "%llu", (unsigned long long)m->live_n);
		break;
	case COL_DIGEST:
		digest_hex(&m->digest, hex);
		hex[m->latest_live > 0 ? 12 : 0] = '\0';
		(void)str_copy(ret->text, sizeof(ret->text), hex);
		break;
	}
}
