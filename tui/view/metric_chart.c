/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence is read once for each look at the model, of a bounded number of versions. */
#include "tui/view/metric_chart.h"

#include <math.h>
#include <stdio.h>

#include "registry/attest.h"
#include "tui/view/show.h"

void
metric_chart_fini(struct metric_chart *c)
{
	vec_fini(&c->values);
	vec_fini(&c->numbers);
}

const char *
metric_chart_name(const struct metric_chart *c)
{
	return c->chosen < c->names_n ? c->names[c->chosen] : "";
}

struct look {
	struct metric_chart *c;
	struct txn *txn;
	const char *model;
	char kept[65]; /* the name that was chosen before */
};

static void
name_add(struct metric_chart *c, const char *name)
{
	for (size_t i = 0; i < c->names_n; i++)
		if (streq(c->names[i], name))
			return;
	if (c->names_n < METRIC_NAMES &&
	    str_copy(c->names[c->names_n], sizeof(c->names[0]), name) == 0)
		c->names_n++;
}

static int
look_version(void *arg, const struct version_row *n)
{
	struct look *k = arg;
	struct metric_chart *c = k->c;
	struct evidence v = { 0 };
	struct err ignored = { 0 };
	double value = NAN;
	const char *name;
	json_t *ignored_value;

	if (evidence_get(k->txn, k->model, n->number, EVIDENCE_METRICS, &v, &ignored) == 0) {
		json_object_foreach(v.content, name, ignored_value) name_add(c, name);
		const char *wanted = k->kept[0] ? k->kept : metric_chart_name(c);
		if (!evidence_metric(&v, wanted, &value))
			value = NAN;
	}
	evidence_fini(&v);
	vec_push(&c->values, value);
	vec_push(&c->numbers, n->number);
	return c->values.n == METRIC_VERSIONS;
}

static void
turn_round(struct metric_chart *c)
{
	for (size_t i = 0, k = c->values.n; i + 1 < k; i++) {
		k--;
		const double v = c->values.v[i];
		const uint64_t number = c->numbers.v[i];
		c->values.v[i] = c->values.v[k];
		c->numbers.v[i] = c->numbers.v[k];
		c->values.v[k] = v;
		c->numbers.v[k] = number;
	}
}

int
metric_chart_read(struct metric_chart *c, struct txn *t, const char *model, struct err *e)
{
	struct look k = { .c = c, .txn = t, .model = model };

	(void)str_copy(k.kept, sizeof(k.kept), metric_chart_name(c));
	c->names_n = c->chosen = 0;
	c->values.n = c->numbers.n = 0;
	const int rc = version_each(t, model, 0, look_version, &k, e);
	for (size_t i = 0; i < c->names_n; i++)
		if (streq(c->names[i], k.kept))
			c->chosen = i;
	turn_round(c);
	return rc < 0 ? rc : 0;
}

static size_t
marks_make(const struct metric_chart *c, const struct model_row *m,
           struct chart_mark ret[static STAGES_MAX])
{
	size_t n = 0;

	for (size_t s = 0; s < m->stages_n && s < STAGES_MAX; s++)
		for (size_t i = 0; i < c->numbers.n; i++)
			if (m->stages[s].number > 0 && c->numbers.v[i] == m->stages[s].number)
				ret[n++] = (struct chart_mark){
					.at = i,
					.letter = (char)(m->stages[s].stage[0] & ~0x20),
					.ink = show_stage_ink(m->stages[s].stage),
				};
	return n;
}

static double
value_at(const struct metric_chart *c, uint64_t number)
{
	for (size_t i = 0; i < c->numbers.n; i++)
		if (c->numbers.v[i] == number)
			return c->values.v[i];
	return NAN;
}

/* "staging v2 0.97" beside the curve, in the colours of its letters. */
static void
legend_draw(const struct metric_chart *c, const struct area *a, const struct model_row *m,
            uint64_t at)
{
	char number[16];
	size_t row = 0;

	chart_number(number, value_at(c, at));
	if (at > 0)
		paintf(a, row++, 0, INK_HEAD, "> v%llu %s", (unsigned long long)at, number);
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX && row < a->rows; i++) {
		const struct stage_mark *s = &m->stages[i];
		if (s->number == 0)
			continue;
		chart_number(number, value_at(c, s->number));
		paintf(a, row++, 0, show_stage_ink(s->stage), "%c %s v%llu %s", s->stage[0] & ~0x20,
		       s->stage, (unsigned long long)s->number, number);
	}
}

void
metric_chart_draw(const struct metric_chart *c, const struct area *a, const struct model_row *m,
                  uint64_t at)
{
	struct chart_mark marks[STAGES_MAX];
	const size_t legend = 26 < a->cols / 2 ? 26 : 0, n = marks_make(c, m, marks);
	char title[200];

	if (a->rows < 3 || c->numbers.n == 0)
		return;
	(void)snprintf(title, sizeof(title), "%s, v%llu to v%llu%s", metric_chart_name(c),
	               (unsigned long long)c->numbers.v[0],
	               (unsigned long long)c->numbers.v[c->numbers.n - 1],
	               c->names_n > 1 ? "  (M next)" : "");
	paint_rule(a, 0, title);
	const struct area all = area_rows(a, 1, a->rows - 1);
	const struct area curve = area_cols(&all, 0, all.cols - legend);
	chart_curve(&curve, c->values.v, c->values.n, marks, n);
	if (legend > 0) {
		const struct area side = area_cols(&all, all.cols - legend, legend);
		legend_draw(c, &side, m, at);
	}
}
