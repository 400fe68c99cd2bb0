/* SPDX-License-Identifier: Apache-2.0 */
/* What a cell says, from the row, the facts and what the targets say; and why nothing goes up. */
#include "tui/view/board_cells.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/show.h"

/* The highest that holds something; NULL: none. */
const char *
board_top_stage(const struct board_look *s, const struct model_row *m)
{
	for (size_t i = s->stages_n; i-- > 0;) {
		const struct stage_mark *k = model_stage(m, s->stages[i]);
		if (k && k->number > 0)
			return s->stages[i];
	}
	return NULL;
}

/* The newest live version, as long as no stage holds it: what could go up. 0: none. */
uint64_t
board_development(const struct model_row *m)
{
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++)
		if (m->stages[i].number == m->latest_live ||
		    m->stages[i].moving_to == m->latest_live)
			return 0;
	return m->latest_live;
}

/* The worst that a target of the stage says of the model; NULL where none says more than that it is
 * as recorded. */
static const struct live_fact *
live_of_stage(const struct live *l, const char *stage, const char *model, bool *ret_is_old)
{
	const struct live_fact *worst = NULL;
	const uint64_t now_ms = clock_mono_ms();

	*ret_is_old = false;
	for (size_t i = 0; l && i < l->facts.n; i++) {
		const struct live_fact *f = &l->facts.v[i];
		if (!streq(f->stage, stage) || !streq(f->model, model))
			continue;
		*ret_is_old |= live_is_old(f, now_ms);
		if (f->word == LIVE_DRIFTED ||
		    (f->word == LIVE_UNKNOWN && (!worst || worst->word != LIVE_DRIFTED)))
			worst = f;
	}
	return worst;
}

static void
move_cell(const struct board_look *s, const struct stage_mark *k, size_t width,
          struct board_cell *ret)
{
	const struct board_move *move = board_move_known(s->facts, k->job);
	char moves[48];

	show_stage(moves, k);
	ret->ink = INK_WAIT;
	if (move && !move->is_alive) {
		ret->ink = INK_BAD;
		(void)snprintf(ret->text, sizeof(ret->text), "%s STOPS", moves);
	} else if (move && move->targets > 0) {
		(void)snprintf(ret->text, sizeof(ret->text),
		               width >= 18 ? "%s (%zu of %zu)" : "%s %zu/%zu", moves, move->proved,
		               move->targets);
	} else {
		(void)snprintf(ret->text, sizeof(ret->text), "%s", moves);
	}
}

static void
stage_cell(const struct board_look *s, const struct model_row *m, const char *stage, size_t width,
           struct board_cell *ret)
{
	const struct stage_mark *k = model_stage(m, stage);
	const struct board_wait *wait = board_wait_of(s->facts, m->name, stage);
	bool is_old;
	char held[48];

	show_stage(held, k);
	ret->ink = k && k->number > 0 ? show_stage_ink(stage) : INK_DIM;
	if (k && k->moving_to > 0) {
		move_cell(s, k, width, ret);
		return;
	}
	if (wait) {
		ret->ink = INK_WAIT;
		(void)snprintf(ret->text, sizeof(ret->text), "%s, v%llu W", held,
		               (unsigned long long)wait->number);
		return;
	}
	const struct live_fact *const live = live_of_stage(s->live, stage, m->name, &is_old);
	const bool is_bad = live && live->word == LIVE_DRIFTED;
	if (live)
		ret->ink = is_bad ? INK_BAD : INK_STALE;
	(void)snprintf(ret->text, sizeof(ret->text), "%s%s%s", held,
	               k && k->number > 0 && is_bad ? " " : "",
	               !k || k->number == 0 ? ""
	               : is_bad             ? live_shown(live)
	               : live               ? " ?"
	               : is_old             ? " OLD"
	               : k->break_glass     ? " !"
	                                    : "");
}

static void
back_cell(const struct board_look *s, const struct model_row *m, struct board_cell *ret)
{
	const char *top = board_top_stage(s, m);
	const struct board_back *b = top ? board_back_of(s->facts, m, top) : NULL;

	ret->ink = INK_DIM;
	if (!top)
		(void)snprintf(ret->text, sizeof(ret->text), "-");
	else if (!b)
		(void)snprintf(ret->text, sizeof(ret->text), "...");
	else if (!b->is_known)
		(void)snprintf(ret->text, sizeof(ret->text), "? long ago");
	else if (b->number == 0)
		(void)snprintf(ret->text, sizeof(ret->text), "nothing");
	else
		(void)snprintf(ret->text, sizeof(ret->text), "v%llu",
		               (unsigned long long)b->number);
	if (b && !streq(top, s->stages[s->stages_n - 1])) {
		const size_t n = strlen(ret->text);
		(void)snprintf(ret->text + n, sizeof(ret->text) - n, " (%.20s)", top);
	}
}

void
board_cell_of(const struct board_look *s, const struct model_row *m, size_t column, size_t width,
              struct board_cell *ret)
{

	*ret = (struct board_cell){ .ink = INK_TEXT };
	if (column == 0 && board_development(m) == 0) {
		(void)snprintf(ret->text, sizeof(ret->text), "-");
		ret->ink = INK_DIM;
	} else if (column == 0) {
		(void)snprintf(ret->text, sizeof(ret->text),
		               m->is_signed ? "v%llu" : "v%llu UNSIGNED",
		               (unsigned long long)m->latest_live);
		ret->ink = m->is_signed ? INK_TEXT : INK_BAD;
	} else if (column <= s->stages_n) {
		stage_cell(s, m, s->stages[column - 1], width, ret);
	} else {
		back_cell(s, m, ret);
	}
}

const char *
board_column_name(const struct board_look *s, size_t column)
{
	return column == 0             ? "development"
	       : column <= s->stages_n ? s->stages[column - 1]
	                               : "way back";
}

/* The version in the cell; 0: none. */
uint64_t
board_number(const struct board_look *s, const struct model_row *m, size_t column)
{
	const struct stage_mark *k;

	if (column == 0)
		return board_development(m);
	if (column > s->stages_n) {
		const char *top = board_top_stage(s, m);
		const struct board_back *b = top ? board_back_of(s->facts, m, top) : NULL;
		return b ? b->number : 0;
	}
	k = model_stage(m, s->stages[column - 1]);
	return k ? k->number : 0;
}

/* Why nothing can go up from the cell; "" it can. */
void
board_blocked(const struct board_look *s, const struct model_row *m, size_t column, struct buf *ret)
{
	if (column > s->stages_n) {
		buf_adds(ret, "this is the way back: r goes it");
	} else if (column == s->stages_n && s->stages_n > 0) {
		buf_addf(ret, "%s is the last stage", s->stages[s->stages_n - 1]);
	} else if (column == 0 && m->latest_live == 0) {
		buf_adds(ret, "no live version");
	} else if (column == 0 && board_development(m) == 0) {
		buf_addf(ret, "v%llu, the newest, is on its stages already",
		         (unsigned long long)m->latest_live);
	} else if (column > 0) {
		const struct stage_mark *k = model_stage(m, s->stages[column - 1]);
		if (!k || k->number == 0)
			buf_addf(ret, "%s holds nothing", s->stages[column - 1]);
	}
	if (ret->n > 0 || column >= s->stages_n)
		return;
	const struct stage_mark *next = model_stage(m, s->stages[column]);
	if (next && next->moving_to > 0)
		buf_addf(ret, "%s moves: job %s; another plan has to wait", s->stages[column],
		         next->job);
}
