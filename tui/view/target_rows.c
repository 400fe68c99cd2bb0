/* SPDX-License-Identifier: Apache-2.0 */
/* What a row of a target says, from the records and from what it says itself. */
#include "tui/view/target_rows.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/json.h"
#include "registry/labels.h"
#include "tui/view/show.h"

int
target_item_of(const struct target_row *row, struct target_item *ret)
{
	cleanup_json json_t *body = NULL;
	struct err ignored = { 0 };
	const char *address;

	if (json_parse(str_of(row->body), "target", &body, &ignored) < 0)
		return -1;
	*ret = (struct target_item){ .order = row->order };
	(void)str_copy(ret->name, sizeof(ret->name), row->name);
	(void)str_copy(ret->driver, sizeof(ret->driver), row->driver);
	(void)str_copy(ret->stage, sizeof(ret->stage), row->stage);
	address = json_opt_string(body, "url");
	if (!address)
		address = json_opt_string(body, "path");
	(void)snprintf(ret->address, sizeof(ret->address), "%.*s", (int)sizeof(ret->address) - 1,
	               address ? address : "");
	return 0;
}

/* Which of two facts should be seen first. */
static unsigned
badness_of(const struct live_fact *f)
{
	static const unsigned rank[] = {
		[LIVE_AS_RECORDED] = 1, [LIVE_SETTLING] = 2, [LIVE_WAITED_FOR] = 3,
		[LIVE_PROGRESSING] = 4, [LIVE_UNKNOWN] = 5,  [LIVE_DRIFTED] = 6,
	};

	return f ? rank[f->word] : 0;
}

void
target_state(const struct target_item *i, const struct holds *h, const struct live *l,
             struct target_state *ret)
{
	const struct live_fact *facts = NULL;

	*ret = (struct target_state){ 0 };
	if (l)
		facts = live_of_target(l, i->name, &ret->facts_n);
	for (size_t k = 0; k < ret->facts_n; k++) {
		if (badness_of(&facts[k]) > badness_of(ret->worst))
			ret->worst = &facts[k];
		if (facts[k].word != LIVE_WAITED_FOR &&
		    (!ret->oldest || facts[k].seen_ms < ret->oldest->seen_ms))
			ret->oldest = &facts[k];
	}
	for (size_t k = 0; k < h->v.n; k++) {
		if (!streq(h->v.v[k].mark.stage, i->stage))
			continue;
		ret->holds_n++;
		if (!ret->hold || (ret->worst && streq(ret->worst->model, h->v.v[k].model)))
			ret->hold = &h->v.v[k];
	}
}

unsigned
target_badness(const struct target_state *s)
{
	return badness_of(s->worst);
}

static bool
is_seen(const struct target_state *s)
{
	return s->worst && s->worst->was_seen;
}

/* As a value that nobody confirms now is painted. */
static enum ink
value_ink(const struct target_state *s)
{
	const bool is_stale = is_seen(s) && (s->worst->word == LIVE_UNKNOWN ||
	                                     live_is_old(s->worst, clock_mono_ms()));

	return is_stale ? INK_STALE : INK_TEXT;
}

void
target_holds_text(const struct target_state *s, struct table_cell *ret)
{
	const uint64_t n = is_seen(s) ? s->worst->serving : s->hold ? s->hold->mark.number : 0;

	ret->cut = TEXT_CUT_MIDDLE;
	ret->ink = value_ink(s);
	if (!s->hold && s->facts_n == 0)
		(void)snprintf(ret->text, sizeof(ret->text), "-");
	else if (s->holds_n > 1 && badness_of(s->worst) <= 1)
		(void)snprintf(ret->text, sizeof(ret->text), "%zu models", s->holds_n);
	else if (n == 0)
		(void)snprintf(ret->text, sizeof(ret->text), "%s -",
		               s->worst ? s->worst->model : s->hold->model);
	else
		(void)snprintf(ret->text, sizeof(ret->text), "%s v%llu",
		               s->worst ? s->worst->model : s->hold->model, (unsigned long long)n);
}

void
target_pods_text(const struct target_state *s, struct table_cell *ret)
{
	ret->ink = value_ink(s);
	if (!is_seen(s) || !s->worst->has_replicas)
		return;
	(void)snprintf(ret->text, sizeof(ret->text), "%u/%u", s->worst->ready, s->worst->want);
	if (s->worst->ready < s->worst->want && ret->ink == INK_TEXT)
		ret->ink = INK_WAIT;
}

void
target_proof_text(const struct target_state *s, struct table_cell *ret)
{
	ret->ink = is_seen(s) ? value_ink(s) : INK_DIM;
	if (is_seen(s))
		(void)snprintf(ret->text, sizeof(ret->text), "%s", show_proof(s->worst->proofs));
	else if (s->hold && s->hold->mark.number > 0)
		(void)snprintf(ret->text, sizeof(ret->text), "%s",
		               show_proof(s->hold->mark.proofs));
}

enum ink
target_word_ink(const struct live_fact *f, uint64_t now_ms)
{
	if (live_is_old(f, now_ms))
		return INK_STALE;
	switch (f->word) {
	case LIVE_AS_RECORDED:
		return INK_OK;
	case LIVE_SETTLING:
	case LIVE_PROGRESSING:
		return INK_WAIT;
	case LIVE_DRIFTED:
	case LIVE_UNKNOWN:
		return INK_BAD;
	case LIVE_WAITED_FOR:
		break;
	}
	return INK_DIM;
}

void
target_live_text(const struct target_state *s, uint64_t now_ms, struct table_cell *ret)
{
	if (!s->worst) {
		ret->ink = INK_DIM;
		(void)snprintf(ret->text, sizeof(ret->text),
		               s->hold ? "not checked" : "nothing here");
		return;
	}
	ret->ink = target_word_ink(s->worst, now_ms);
	(void)str_copy(ret->text, sizeof(ret->text), live_shown(s->worst));
}

/* Of what is shown: of a value that nobody can confirm, its own. */
void
target_age_text(const struct target_state *s, uint64_t now_ms, struct table_cell *ret)
{
	char age[LIVE_AGE_SIZE];

	ret->ink = INK_DIM;
	if (s->oldest) {
		struct live_fact f = *s->oldest;
		if (s->worst->word == LIVE_UNKNOWN && s->worst->was_seen) {
			f = *s->worst;
			f.seen_ms = f.value_ms;
		}
		live_age(&f, now_ms, age);
		(void)snprintf(ret->text, sizeof(ret->text), "%s", age);
		if (live_is_old(&f, now_ms))
			ret->ink = INK_STALE;
	} else if (s->hold && s->hold->mark.time_s > 0) {
		show_age(age, s->hold->mark.time_s);
		(void)snprintf(ret->text, sizeof(ret->text), "log %s", age);
	}
}

bool
target_matches(const struct filter *f, const struct target_item *i, const struct holds *h,
               const struct target_state *s, uint64_t now_ms)
{
	const char *const stages[] = { i->stage, NULL };
	const char *texts[] = { i->name,
		                i->driver,
		                i->stage,
		                i->address,
		                s->worst ? live_word_text(s->worst->word) : "not checked",
		                s->worst ? live_shown(s->worst) : "",
		                NULL,
		                NULL };
	const struct filter_row r = {
		.texts = texts,
		.stages = stages,
		.is_stale = s->oldest && live_is_old(s->oldest, now_ms) ? FACT_YES : FACT_NO,
	};

	if (f->n == 0 || filter_row_match(f, &r))
		return true;
	for (size_t k = 0; k < h->v.n; k++) {
		if (!streq(h->v.v[k].mark.stage, i->stage))
			continue;
		texts[6] = h->v.v[k].model;
		if (filter_row_match(f, &r))
			return true;
	}
	return false;
}

/* What to do, and what the target showed: events, exit code, last lines. */
static size_t
evidence_draw(const struct area *a, size_t row, const struct live_fact *f)
{
	const char *p = f->evidence;

	if (f->word == LIVE_AS_RECORDED)
		return row;
	if (f->advice[0])
		row = paint_prose(a, row, 3, INK_KEY, f->advice);
	while (*p && row < a->rows) {
		const size_t n = strcspn(p, "\n");
		cleanup_free char *line = xasprintf("%.*s", (int)n, p);
		if (n > 0)
			row = paint_prose(a, row, 3, INK_DIM, line);
		p += n + (p[n] == '\n');
	}
	return row;
}

size_t
target_fact_draw(const struct area *a, size_t row, const struct live_fact *f, uint64_t now_ms)
{
	const enum ink ink =
	        f->word == LIVE_UNKNOWN || live_is_old(f, now_ms) ? INK_STALE : INK_TEXT;
	char age[LIVE_AGE_SIZE];
	size_t c = paint_text(a, row, 1, ink, f->model) + 1;

	if (f->was_seen && f->serving > 0)
		c = paintf(a, row, c, ink, "v%llu", (unsigned long long)f->serving);
	else
		c = paint_text(a, row, c, ink, f->was_seen ? "nothing of ours" : "?");
	if (f->was_seen && f->serving != f->recorded && f->recorded > 0)
		c = paintf(a, row, c + 1, INK_WAIT, "(recorded v%llu)",
		           (unsigned long long)f->recorded);
	if (f->has_replicas)
		c = paintf(a, row, c + 2, ink, "%u/%u pods", f->ready, f->want);
	if (f->proofs)
		c = paint_text(a, row, c + 2, ink, proofs_highest(f->proofs));
	c = paint_text(a, row, c + 2, target_word_ink(f, now_ms), live_shown(f));
	live_age(f, now_ms, age);
	c = paint_text(a, row, c + 2, INK_DIM, age);
	if (f->word == LIVE_UNKNOWN && f->was_seen) {
		struct live_fact last = *f;
		last.seen_ms = f->value_ms;
		live_age(&last, now_ms, age);
		paintf(a, row, c + 2, INK_STALE, "last seen %s", age);
	}
	row++;
	if (f->word == LIVE_DRIFTED && f->drift[0])
		row = paint_prose(a, row, 3, INK_BAD, f->drift);
	else if (f->word != LIVE_AS_RECORDED && f->reason[0])
		row = paint_prose(a, row, 3, INK_TEXT, f->reason);
	row = evidence_draw(a, row, f);
	if (f->word == LIVE_DRIFTED && f->drift_n > 1)
		paintf(a, row++, 3, INK_DIM, "and %zu more field%s: slipway status %s --check",
		       f->drift_n - 1, f->drift_n == 2 ? "" : "s", f->model);
	return row;
}
