/* SPDX-License-Identifier: Apache-2.0 */
/* The metric of the column is the one that the chart shows. */
#include "tui/view/model_columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/view/show.h"
#include "tui/view/version_rows.h"

#define WIDE_COLS   110u
#define NARROW_COLS 60u
#define ALIASES_MAX 64u

static const struct table_column columns[COLUMNS_N] = {
	[COL_NUMBER] = { .name = "version", .head = "VERSION", .width = 8 },
	[COL_STAGE] = { .name = "stages", .head = "STAGE" },
	[COL_STATE] = { .name = "state", .head = "STATE", .width = 9 },
	[COL_METRIC] = { .name = "metric",
	                 .head = "METRIC",
	                 .width = 10,
	                 .from_cols = 70,
	                 .is_right = true,
	                 .sort = VERSIONS_BY_METRIC,
	                 .descends = true },
	[COL_SIGNER] = { .name = "signer",
	                 .head = "SIGNER",
	                 .width = 14,
	                 .from_cols = NARROW_COLS },
	[COL_TRUST] = { .name = "signature", .head = "SIG", .width = 9, .from_cols = 90 },
	[COL_SIZE] = { .name = "size",
	               .head = "SIZE",
	               .width = 6,
	               .from_cols = NARROW_COLS,
	               .is_right = true,
	               .sort = VERSIONS_BY_SIZE,
	               .descends = true },
	[COL_FILES] = { .name = "files",
	                .head = "FILES",
	                .width = 7,
	                .from_cols = 90,
	                .is_right = true },
	[COL_AGE] = { .name = "age", .head = " AGE", .width = 6, .from_cols = NARROW_COLS },
	[COL_ALIAS] = { .name = "aliases", .head = "ALIAS", .width = 15, .from_cols = WIDE_COLS },
	[COL_DIGEST] = { .name = "digest", .head = "DIGEST", .width = 13, .from_cols = WIDE_COLS },
};

void
model_facts_init(struct model_facts *f, struct table *t)
{
	memcpy(f->columns, columns, sizeof(columns));
	table_init(t, f->columns, COLUMNS_N);
}

void
model_facts_fini(struct model_facts *f)
{
	metric_chart_fini(&f->chart);
	vec_fini(&f->aliases);
}

static int
alias_keep(void *arg, const char *name, uint64_t number)
{
	struct model_facts *f = arg;
	struct alias a = { .number = number };

	(void)str_copy(a.name, sizeof(a.name), name);
	vec_push(&f->aliases, a);
	return f->aliases.n == ALIASES_MAX;
}

void
model_metric_chosen(struct model_facts *f)
{
	const char *name = metric_chart_name(&f->chart);

	f->columns[COL_METRIC].head = name[0] ? name : "METRIC";
	f->columns[COL_METRIC].name = name[0] ? name : "metric";
	f->columns[COL_METRIC].from_cols = name[0] ? columns[COL_METRIC].from_cols : UINT16_MAX;
}

int
model_facts_read(struct model_facts *f, const struct view *v, struct txn *t, const char *model,
                 struct err *e)
{
	int rc;

	if (!f->registry_id) {
		f->registry_id = v->app->registry->id;
		trust_renew(&f->trust, t);
	}
	if (f->seq == f->row.last_seq + 1)
		return 0;
	f->aliases.n = 0;
	rc = alias_each(t, model, alias_keep, f, e);
	if (rc >= 0)
		rc = metric_chart_read(&f->chart, t, model, e);
	if (rc < 0)
		return rc;
	model_metric_chosen(f);
	f->seq = f->row.last_seq + 1;
	return 0;
}

static void
aliases_of(const struct model_facts *f, uint64_t number, struct table_cell *ret)
{
	cleanup_buf struct buf b = { 0 };

	for (size_t i = 0; i < f->aliases.n; i++)
		if (f->aliases.v[i].number == number)
			buf_addf(&b, "%s%s", b.n > 0 ? ", " : "", f->aliases.v[i].name);
	(void)snprintf(ret->text, sizeof(ret->text), "%.200s", buf_cstr(&b));
}

static void
stage_cell(const struct model_facts *f, const struct version_row *n, struct table_cell *ret)
{
	cleanup_buf struct buf held = { 0 };

	show_stages_of(&f->row, n->number, &held);
	(void)snprintf(ret->text, sizeof(ret->text), "%.250s", held.n ? buf_cstr(&held) : "-");
	ret->ink = !held.n ? INK_DIM
	           : model_stage(&f->row, "production") != NULL &&
	                           model_stage(&f->row, "production")->number == n->number
	                   ? INK_PRODUCTION
	                   : show_stage_ink(buf_cstr(&held));
}

static void
metric_cell(const struct model_facts *f, uint64_t number, struct table_cell *ret)
{
	for (size_t i = 0; i < f->chart.numbers.n; i++)
		if (f->chart.numbers.v[i] == number && !isnan(f->chart.values.v[i])) {
			chart_number(ret->text, f->chart.values.v[i]);
			return;
		}
	(void)str_copy(ret->text, sizeof(ret->text), "-");
	ret->ink = INK_DIM;
}

void
model_cell(struct model_facts *f, const struct version_row *n, size_t column,
           struct table_cell *ret)
{
	char hex[65];

	switch ((enum model_column)column) {
	case COL_NUMBER:
		(void)snprintf(ret->text, sizeof(ret->text), "v%llu",
		               (unsigned long long)n->number);
		break;
	case COL_STAGE:
		stage_cell(f, n, ret);
		break;
	case COL_STATE:
		(void)snprintf(ret->text, sizeof(ret->text), "%s%s", lifecycle_name(n->state.life),
		               n->state.is_held ? "+" : "");
		ret->ink = n->state.life == LIFE_LIVE ? INK_TEXT : INK_BAD;
		break;
	case COL_METRIC:
		metric_cell(f, n->number, ret);
		break;
	case COL_SIGNER:
		(void)str_copy(ret->text, sizeof(ret->text), n->is_signed ? n->signer : "UNSIGNED");
		ret->ink = n->is_signed ? INK_OK : INK_BAD;
		break;
	case COL_TRUST:
		ret->ink = trust_word(&f->trust, f->registry_id, f->row.name, &n->digest,
		                      n->is_signed, hex);
		(void)str_copy(ret->text, sizeof(ret->text), hex);
		break;
	case COL_SIZE:
		show_size(ret->text, n->bytes);
		break;
	case COL_FILES:
		(void)snprintf(ret->text, sizeof(ret->text), "%llu", (unsigned long long)n->files);
		break;
	case COL_AGE:
		ret->text[0] = ' ';
		show_age(ret->text + 1, n->time_s);
		ret->ink = INK_DIM;
		break;
	case COL_ALIAS:
		aliases_of(f, n->number, ret);
		break;
	case COL_DIGEST:
		digest_hex(&n->digest, hex);
		(void)snprintf(ret->text, sizeof(ret->text), "%.12s", hex);
		ret->ink = INK_DIM;
		break;
	case COLUMNS_N:
		break;
	}
}
