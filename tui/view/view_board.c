/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages side by side: a line a model, a column a stage, in front the newest version that no
 * stage holds, at the end what a rollback goes back to. Acts are of the cell that the cursor is on.
 * The cursor follows the model; what is slow to find comes after the screen.
 */
#include <stdio.h>
#include <string.h>

#include "registry/policy.h"
#include "tui/view/board_cells.h"
#include "tui/view/list.h"
#include "tui/view/models_window.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define NARROW_COLS 60u /* below: one column at a time */
#define CELL_MIN    13u
#define CELL_MAX    22u
#define SLICE_MS    2u
#define STRIP_ROWS  14u /* the area must have as many for the strip to show */

struct board {
	struct list list;
	struct models_window w, probe;
	struct board_facts facts;
	struct board_look look;
	size_t column; /* 0: development; stages; the way back */
	char chosen[NAME_SIZE], filter[128];
	bool is_seeking;
	bool wants_end; /* the last row is looked for; the rows before stay shown */
	struct err failed;
};

static int
board_open(struct view *v, struct err *e)
{
	struct board *s = v->state;

	(void)e;
	s->look.facts = &s->facts;
	s->w.slice_ms = s->probe.slice_ms = SLICE_MS;
	return 0;
}

/* --- rows --- */

static const struct model_row *
row_at(const struct board *s, size_t i)
{
	return models_window_row(&s->w, i);
}

/* NULL while it is looked for: no act is taken on another. */
static const struct model_row *
chosen(const struct board *s)
{
	const struct model_row *m = row_at(s, s->list.cursor);

	return m && s->chosen[0] && !streq(m->name, s->chosen) ? NULL : m;
}

static void
stages_read(struct view *v, struct txn *t)
{
	struct board *s = v->state;
	struct policy p = { 0 };
	struct err ignored = { 0 };

	s->look.stages_n = 0;
	if (policy_current(v->app->registry, t, &p, &ignored) == 0)
		for (size_t i = 0; i < p.stages_n && s->look.stages_n < STAGES_MAX; i++)
			(void)str_copy(s->look.stages[s->look.stages_n++], WORD_SIZE,
			               p.stages[i].name);
	policy_fini(&p);
	if (s->column > s->look.stages_n + 1)
		s->column = s->look.stages_n + 1;
}

static bool
is_moving(const struct model_row *m)
{
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX; i++)
		if (m->stages[i].moving_to > 0)
			return true;
	return false;
}

/* What is on the screen now, and is not known yet. true: there is more of it. */
static bool
facts_read(struct view *v, struct txn *t)
{
	struct board *s = v->state;
	bool has_looked = false;

	v->is_live = false;
	for (size_t i = s->list.top; i < s->list.top + v->page && row_at(s, i); i++) {
		const struct model_row *m = row_at(s, i);
		const char *top = board_top_stage(&s->look, m);
		v->is_live |= is_moving(m);
		for (size_t k = 0; k < m->stages_n && k < STAGES_MAX; k++)
			if (m->stages[k].moving_to > 0)
				(void)board_move_of(&s->facts, v->app->registry, t, &m->stages[k]);
		if (!top || board_back_of(&s->facts, m, top))
			continue;
		if (has_looked)
			return true;
		board_back_find(&s->facts, v->app->registry, t, m, top);
		has_looked = true;
	}
	return false;
}

static int
window_read(struct view *v, struct txn *t, bool to_end, struct err *e)
{
	struct board *s = v->state;
	const size_t need = v->page + 1 < BLOCK_ROWS ? v->page + 1 : BLOCK_ROWS;
	int rc = 0;

	list_fit(&s->list, v->page);
	if (to_end || !models_window_has(&s->w, s->list.top, need))
		rc = models_window_load(&s->w, t, v->filter, s->list.top, need, to_end, e);
	s->list.n = s->w.total;
	if (!s->w.is_paused)
		list_fit(&s->list, v->page);
	if (!s->chosen[0] && row_at(s, s->list.cursor))
		(void)str_copy(s->chosen, sizeof(s->chosen), row_at(s, s->list.cursor)->name);
	v->is_unfinished = rc == 0 && (s->w.is_paused || s->is_seeking);
	if (rc == 0 && !v->is_unfinished)
		v->is_unfinished = facts_read(v, t);
	return rc;
}

/* The chosen one's row, when the probe has it. */
static void
found_take(struct board *s)
{
	const size_t below = s->list.cursor - s->list.top;

	if (s->probe.is_paused)
		return;
	s->is_seeking = false;
	if (!s->probe.is_found)
		return;
	s->list.cursor = s->probe.found;
	s->list.top = s->list.cursor > below ? s->list.cursor - below : 0;
	s->chosen[0] = '\0'; /* what stands there now, which is it unless it is gone */
}

static int
board_read(struct view *v, struct err *e)
{
	struct board *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	stages_read(v, t);
	board_facts_reset(&s->facts, v->app->registry, t);
	rc = window_read(v, t, false, e);
	if (rc < 0 || !s->chosen[0] || chosen(s) || s->list.n == 0)
		return rc;
	models_window_reset(&s->probe);
	rc = models_window_seek(&s->probe, t, v->filter, s->chosen, e);
	s->is_seeking = rc == 0;
	if (rc == 0)
		found_take(s);
	return rc < 0 ? rc : window_read(v, t, false, e);
}

static int
board_reload(struct view *v, struct err *e)
{
	struct board *s = v->state;

	(void)e; /* shown on the page itself */
	if (!streq(s->filter, v->filter)) {
		(void)str_copy(s->filter, sizeof(s->filter), v->filter);
		s->list = (struct list){ 0 };
		s->chosen[0] = '\0';
	}
	models_window_reset(&s->w);
	s->is_seeking = s->wants_end = v->is_unfinished = false;
	err_clear(&s->failed);
	(void)board_read(v, &s->failed);
	return 0;
}

/* The end is known now. */
static void
end_take(struct view *v)
{
	struct board *s = v->state;

	if (!s->wants_end || s->w.is_paused)
		return;
	s->wants_end = false;
	s->list.n = s->w.total;
	(void)list_move(&s->list, ACT_BOTTOM, v->page);
	list_fit(&s->list, v->page);
}

static bool
board_more(struct view *v)
{
	struct board *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	v->is_unfinished = false;
	rc = view_read(v, &t, &s->failed);
	if (rc == 0 && s->w.is_paused)
		rc = models_window_more(&s->w, t, v->filter, &s->failed);
	else if (rc == 0 && s->is_seeking) {
		rc = models_window_more(&s->probe, t, v->filter, &s->failed);
		found_take(s);
	}
	end_take(v);
	if (rc == 0)
		(void)window_read(v, t, false, &s->failed);
	return true;
}

static void
board_moved(struct view *v, enum action act)
{
	struct board *s = v->state;
	cleanup_txn struct txn *t = NULL;
	struct err e = { 0 };
	int rc;

	s->is_seeking = false;
	s->chosen[0] = '\0';
	s->wants_end = act == ACT_BOTTOM && !s->w.total_is_known;
	rc = view_read(v, &t, &e);
	if (rc == 0 && s->wants_end)
		rc = window_read(v, t, true, &e);
	else
		(void)list_move(&s->list, act, v->page);
	end_take(v);
	if (rc == 0 && !s->wants_end)
		rc = window_read(v, t, false, &e);
	if (rc < 0)
		notice_err(&v->shared->notices, &e);
}

/* --- drawing --- */

struct columns {
	size_t from, n, width, name;
};

static struct columns
columns_of(const struct board *s, size_t cols)
{
	const size_t all = s->look.stages_n + 2;
	struct columns c = { .from = s->column, .n = 1, .width = CELL_MAX };

	if (cols >= NARROW_COLS) {
		c.width = (cols - 20) / all;
		c.width = c.width > CELL_MAX ? CELL_MAX : c.width < CELL_MIN ? CELL_MIN : c.width;
		c.n = (cols - 15) / c.width < all ? (cols - 15) / c.width : all;
		/* so many stages that they do not fit: those around the chosen one */
		c.from = s->column < c.n ? 0 : s->column - c.n + 1;
	}
	const size_t used = 3 + c.n * c.width;
	c.name = cols > used + 8 ? cols - used : 8;
	c.name = c.name > 46 ? 46 : c.name;
	return c;
}

static void
head_draw(const struct board *s, const struct area *a, const struct columns *c)
{
	size_t col = 3 + c->name;

	paint_fit(a, 0, 3, c->name - 1, INK_DIM, TEXT_CUT_END, "MODEL");
	for (size_t i = c->from; i < c->from + c->n; i++) {
		const enum ink ink = i > 0 && i <= s->look.stages_n
		                             ? show_stage_ink(s->look.stages[i - 1])
		                             : INK_DIM;
		char text[WORD_SIZE + 16];
		(void)snprintf(text, sizeof(text), c->n == 1 ? "%s (%zu/%zu)" : "%s",
		               board_column_name(&s->look, i), i + 1, s->look.stages_n + 2);
		paint_fit(a, 0, col, c->width - 1, i == s->column ? INK_HEAD : ink, TEXT_CUT_END,
		          text);
		col += c->width;
	}
}

static void
row_draw(const struct view *v, const struct area *a, size_t row, const struct columns *c,
         const struct model_row *m, bool is_chosen)
{
	const struct board *s = v->state;
	size_t col = 3 + c->name;

	(void)paint_fit(a, row, 3, c->name - 1, INK_TEXT, TEXT_CUT_MIDDLE, m->name);
	for (size_t i = c->from; i < c->from + c->n; i++) {
		struct board_cell cell;
		board_cell_of(&s->look, m, i, c->width, &cell);
		(void)paint_fit(a, row, col, c->width - 1, cell.ink, TEXT_CUT_END, cell.text);
		if (is_chosen && i == s->column) {
			const struct area one = area_cols(a, col, c->width - 1);
			paint_select(&one, row);
		}
		col += c->width;
	}
	paint_choice(a, row, is_chosen);
	if (is_chosen) {
		paint_text(a, row, 1, INK_TEXT, ">");
		paint_cursor(a, row, 1, false);
	}
}

static void
strip_draw(const struct view *v, const struct area *a, const struct model_row *m)
{
	const struct board *s = v->state;
	cleanup_buf struct buf why = { 0 };
	char title[NAME_SIZE + WORD_SIZE + 8];
	struct board_cell cell;
	size_t row = 2;

	(void)snprintf(title, sizeof(title), "%s, %s", m->name,
	               board_column_name(&s->look, s->column));
	paint_rule(a, 0, title);
	board_cell_of(&s->look, m, s->column, CELL_MAX, &cell);
	size_t c = paint_text(a, 1, 1, cell.ink, cell.text);
	const struct stage_mark *k = s->column > 0 && s->column <= s->look.stages_n
	                                     ? model_stage(m, s->look.stages[s->column - 1])
	                                     : NULL;
	if (k && k->number > 0) {
		char ago[24];
		show_ago(ago, k->time_s);
		c = paintf(a, 1, c + 2, INK_DIM, "since %s", ago);
		if (k->targets > 0)
			paintf(a, 1, c + 2, INK_TEXT, "proof %s on %u target%s",
			       show_proof(k->proofs), k->targets, k->targets == 1 ? "" : "s");
	} else if (s->column == 0 && board_development(m) > 0) {
		char ago[24];
		show_ago(ago, m->updated_s);
		paintf(a, 1, c + 2, INK_DIM, "%s%s, last change %s",
		       m->is_signed ? "signed by " : "unsigned", m->is_signed ? m->signer : "",
		       ago);
	}
	const struct board_wait *wait = k ? board_wait_of(&s->facts, m->name, k->stage) : NULL;
	if (wait)
		paintf(a, row++, 1, INK_WAIT, "a plan for v%llu waits for a person: W shows whom",
		       (unsigned long long)wait->number);
	if (k && k->moving_to > 0) {
		const struct board_move *move = board_move_known(&s->facts, k->job);
		paintf(a, row++, 1, move && !move->is_alive ? INK_BAD : INK_WAIT,
		       move && !move->is_alive ? "job %s: its agent is gone, Enter shows it"
		                               : "job %s moves it, Enter follows",
		       k->job);
	}
	board_blocked(&s->look, m, s->column, &why);
	if (why.n > 0)
		(void)paint_prose(a, row, 1, INK_DIM, buf_cstr(&why));
}

static void
board_draw(struct view *v, const struct area *a)
{
	struct board *s = v->state;
	const size_t top = filter_draw(v, a, s->list.n, !s->w.total_is_known, "models");
	struct area list = area_rows(a, top, a->rows);
	s->look.live = v->shared->live;
	const struct columns c = columns_of(s, a->cols);
	const struct model_row *m = chosen(s);
	const size_t strip = a->rows >= STRIP_ROWS && m ? 4 : 0;

	if (s->failed.code != ERR_OK) {
		show_error(&list, 1, &s->failed);
		return;
	}
	if (s->list.n == 0) {
		paint_text(&list, 1, 1, INK_TEXT,
		           v->is_unfinished ? "searching ..."
		           : v->filter[0]   ? "no model matches these words; / then Esc clears them"
		                          : "no model yet: the first screen says how one comes in");
		return;
	}
	head_draw(s, &list, &c);
	list = area_rows(&list, 1, list.rows > strip + 1 ? list.rows - strip - 1 : 0);
	v->page = list.rows;
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && row_at(s, s->list.top + i); i++)
		row_draw(v, &list, i, &c, row_at(s, s->list.top + i),
		         s->list.top + i == s->list.cursor);
	if (strip > 0) {
		const struct area below = area_rows(a, a->rows - strip, strip);
		strip_draw(v, &below, m);
	}
}

/* --- acts --- */

static enum handled
open_cell(const struct board *s, const struct model_row *m, struct view_request *ret)
{
	const struct stage_mark *k = s->column > 0 && s->column <= s->look.stages_n
	                                     ? model_stage(m, s->look.stages[s->column - 1])
	                                     : NULL;
	const uint64_t number = board_number(&s->look, m, s->column);

	if (k && k->moving_to > 0) {
		(void)str_copy(ret->view, sizeof(ret->view), "job");
		(void)str_copy(ret->arg, sizeof(ret->arg), k->job);
	} else if (number > 0) {
		(void)str_copy(ret->view, sizeof(ret->view), "version");
		(void)snprintf(ret->arg, sizeof(ret->arg), "%s@v%llu", m->name,
		               (unsigned long long)number);
	} else {
		(void)str_copy(ret->view, sizeof(ret->view), "model");
		(void)str_copy(ret->arg, sizeof(ret->arg), m->name);
	}
	return OPEN_VIEW;
}

static enum handled
cell_act(const struct board *s, const struct model_row *m, enum action act,
         struct view_request *ret)
{
	cleanup_buf struct buf why = { 0 };
	const uint64_t number = board_number(&s->look, m, s->column);
	const char *stage = s->column > 0 && s->column <= s->look.stages_n
	                            ? s->look.stages[s->column - 1]
	                            : board_top_stage(&s->look, m);

	board_blocked(&s->look, m, s->column, &why);
	if (act == ACT_OPEN)
		return open_cell(s, m, ret);
	if (act == ACT_DIFF && number > 0)
		return show_diff_with_stage(m, number, ret);
	if (act == ACT_PROMOTE && why.n == 0 && number > 0) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "promote %s@v%llu %s", m->name,
		               (unsigned long long)number, s->look.stages[s->column]);
	} else if (act == ACT_ROLLBACK && s->column > 0 && stage && show_holds_any(m)) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "rollback %s %s", m->name, stage);
	} else if (act == ACT_HISTORY) {
		(void)str_copy(ret->view, sizeof(ret->view), "history");
		(void)str_copy(ret->arg, sizeof(ret->arg), m->name);
	} else {
		return NOT_HANDLED;
	}
	return OPEN_VIEW;
}

static enum handled
board_action(struct view *v, enum action act, struct view_request *ret)
{
	struct board *s = v->state;
	const struct model_row *m = chosen(s);
	struct list probe = s->list;
	const size_t columns = s->look.stages_n + 2;

	if (list_move(&probe, act, v->page)) {
		board_moved(v, act);
		return HANDLED;
	}
	if (act == ACT_RIGHT && s->column + 1 < columns)
		s->column++;
	else if (act == ACT_LEFT && s->column > 0)
		s->column--;
	else if (act == ACT_NEXT_TAB)
		s->column = (s->column + 1) % columns;
	else if (act == ACT_PREV_TAB)
		s->column = (s->column + columns - 1) % columns;
	else if (act != ACT_RIGHT)
		return m ? cell_act(s, m, act, ret) : NOT_HANDLED;
	return HANDLED;
}

static void
board_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct board *s = v->state;
	const struct model_row *m = chosen(s);

	if (m && act == ACT_PROMOTE)
		board_blocked(&s->look, m, s->column, ret);
}

static void
board_subject(const struct view *v, struct view_subject *ret)
{
	const struct board *s = v->state;
	const struct model_row *m = chosen(s);

	if (!m)
		return;
	(void)str_copy(ret->model, sizeof(ret->model), m->name);
	if (s->column > 0 && s->column <= s->look.stages_n)
		(void)str_copy(ret->stage, sizeof(ret->stage), s->look.stages[s->column - 1]);
	if (board_number(&s->look, m, s->column) > 0)
		(void)snprintf(ret->ref, sizeof(ret->ref), "%s@v%llu", m->name,
		               (unsigned long long)board_number(&s->look, m, s->column));
}

static bool
board_can(const struct view *v, enum action act)
{
	const struct board *s = v->state;
	const struct model_row *m = chosen(s);
	cleanup_buf struct buf why = { 0 };

	if (!m)
		return false;
	if (act == ACT_PROMOTE)
		board_blocked(&s->look, m, s->column, &why);
	if (act == ACT_PROMOTE)
		return why.n == 0 && board_number(&s->look, m, s->column) > 0;
	if (act == ACT_DIFF)
		return board_number(&s->look, m, s->column) > 0 &&
		       show_differs(m, board_number(&s->look, m, s->column));
	return act != ACT_ROLLBACK || (s->column > 0 && show_holds_any(m));
}

static void
board_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "board");
}

static void
board_close(struct view *v)
{
	struct board *s = v->state;

	models_window_fini(&s->w);
	models_window_fini(&s->probe);
	board_facts_fini(&s->facts);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "open" }, { ACT_RIGHT, "stage" },        { ACT_PROMOTE, "promote" },
	{ ACT_DIFF, "diff" }, { ACT_ROLLBACK, "roll back" }, { 0, NULL },
};

const struct view_ops view_board = {
	.name = "board",
	.state_size = sizeof(struct board),
	.open = board_open,
	.reload = board_reload,
	.title = board_title,
	.more = board_more,
	.draw = board_draw,
	.action = board_action,
	.why_not = board_why_not,
	.subject = board_subject,
	.close = board_close,
	.can = board_can,
	.has_filter = true,
	.shows_live = true,
	.hints = hints,
};
