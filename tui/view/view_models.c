/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Home: every model with what its stages hold, and below the list the story of the chosen one.
 * Reads a window of rows; the last event comes from the log by the row's back pointer.
 */
#include <stdio.h>

#include "registry/history.h"
#include "registry/plan_state.h"
#include "tui/view/list.h"
#include "tui/view/models_window.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define WIDE_COLS    110u /* digest, files and signer have columns of their own */
#define NARROW_COLS  60u  /* below: no signature, size and age */
#define STORY_ROWS   16u  /* the area must have as many for the strip to show */
#define SLICE_MS     5u /* of a search: a key waits no longer */

struct models {
	struct list list;
	struct models_window w;
	char chosen[NAME_SIZE]; /* the cursor follows the model, not the row */
	char filter[128];       /* that the window was loaded with */
	bool wants_end;         /* the last row is looked for */
	struct err failed;
	char last[400]; /* the chosen one's newest event */
	char last_of[NAME_SIZE];
	uint64_t last_seq;
	struct policy policy; /* while the event is read, as is the next */
	struct txn *txn;
};

static const struct model_row *
chosen(const struct models *s)
{
	return models_window_row(&s->w, s->list.cursor);
}

/* Of an entry about a plan's people: does that plan still wait for one? */
static bool
leaves_waiting(const struct models *s, const struct entry *n)
{
	struct err ignored = { 0 };
	struct plan_state is;
	struct plan_row p;
	struct digest id;

	if ((!streq(n->type, "authorisation") && !streq(n->type, "approval")) ||
	    json_get_digest(n->body, "plan", n->type, &id, &ignored) < 0 ||
	    plan_get(s->txn, &id, &p, &ignored) < 0)
		return false;
	plan_state(s->txn, &s->policy, &p, &is);
	return is.is_waiting;
}

static int
last_entry(void *arg, const struct entry *n)
{
	struct models *s = arg;
	cleanup_buf struct buf what = { 0 };
	cleanup_buf struct buf who = { 0 };
	char ago[24];

	history_sentence(n, &what, &who);
	history_name(&s->policy, &who);
	history_login(n, &who);
	show_ago(ago, n->time_s);
	(void)snprintf(s->last, sizeof(s->last), "%s%s, %s, by %s",
	               leaves_waiting(s, n) ? "W waits for a person: " : "", buf_cstr(&what), ago,
	               buf_cstr(&who));
	return 1;
}

static void
story_load(struct view *v, struct txn *t)
{
	struct models *s = v->state;
	const struct model_row *m = chosen(s);
	struct err e = { 0 }, unnamed = { 0 };

	if (!m) {
		s->last[0] = s->last_of[0] = '\0';
		return;
	}
	if (streq(s->last_of, m->name) && s->last_seq == m->last_seq)
		return;
	s->last[0] = '\0';
	(void)policy_current(v->app->registry, t, &s->policy, &unnamed);
	s->txn = t;
	if (history_each(v->app->registry, t, m->name, last_entry, s, &e) < 0)
		(void)snprintf(s->last, sizeof(s->last), "not readable: %.300s", e.msg);
	policy_fini(&s->policy);
	(void)str_copy(s->last_of, sizeof(s->last_of), m->name);
	s->last_seq = m->last_seq;
}

/* The row that carries the remembered name, if the window still has it. */
static void
chosen_find(struct models *s)
{
	for (size_t i = 0; s->chosen[0] && i < s->w.n; i++)
		if (streq(s->w.rows[i].name, s->chosen)) {
			s->list.cursor = s->w.base + i;
			return;
		}
}

/* Rows for the screen and a page behind it: the next keys find them here. */
static int
window_read(struct view *v, struct txn *t, bool to_end, struct err *e)
{
	struct models *s = v->state;
	const size_t need = v->page * 2 + 1;
	int rc;

	do /* after a reset only the beginning is known: each round reaches one block further */
		rc = models_window_load(&s->w, t, v->filter, s->list.top, need, to_end, e);
	while (rc == 0 && !s->w.total_is_known && !s->w.is_paused &&
	       s->list.top >= s->w.base + BLOCK_ROWS);
	s->list.n = s->w.total;
	return rc;
}

/* The rows of the screen are there, or what goes on brings them. */
static bool
window_serves(const struct view *v)
{
	const struct models *s = v->state;
	const size_t top = s->list.top;

	return models_window_has(&s->w, top, v->page + 1) ||
	       (s->w.is_paused && top >= s->w.base && top <= s->w.base + s->w.n);
}

/* Until the end is found the rows before stay on the screen. */
static void
end_find(struct view *v)
{
	struct models *s = v->state;

	s->wants_end = s->w.is_paused;
	if (s->wants_end)
		return;
	s->list.cursor = s->w.total > 0 ? s->w.total - 1 : 0;
	s->list.top = s->list.cursor > v->page ? s->list.cursor - v->page : 0;
}

static int
models_read(struct view *v, bool to_end, struct err *e)
{
	struct models *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	rc = view_read(v, &t, e);
	if (rc == 0 && to_end) {
		rc = window_read(v, t, true, e);
		end_find(v);
	}
	if (rc == 0 && !window_serves(v))
		rc = window_read(v, t, false, e);
	v->is_unfinished = s->w.is_paused;
	if (rc < 0)
		return rc;
	list_fit(&s->list, v->page);
	story_load(v, t);
	return 0;
}

/* The rest of a search, while no key comes. */
static bool
models_more(struct view *v)
{
	struct models *s = v->state;
	cleanup_txn struct txn *t = NULL;
	const size_t before = s->w.n;
	int rc;

	rc = view_read(v, &t, &s->failed);
	if (rc == 0)
		rc = models_window_more(&s->w, t, v->filter, &s->failed);
	v->is_unfinished = rc == 0 && s->w.is_paused;
	s->list.n = s->w.total;
	if (v->is_unfinished)
		return s->w.n > before && before <= v->page;
	if (rc == 0 && s->wants_end)
		end_find(v);
	if (rc == 0 && !window_serves(v))
		rc = window_read(v, t, false, &s->failed);
	v->is_unfinished = rc == 0 && s->w.is_paused;
	list_fit(&s->list, v->page);
	if (rc == 0)
		story_load(v, t);
	return true;
}

static int
models_reload(struct view *v, struct err *e)
{
	struct models *s = v->state;

	(void)e; /* shown on the page itself */
	if (!streq(s->filter, v->filter)) {
		(void)str_copy(s->filter, sizeof(s->filter), v->filter);
		s->list = (struct list){ 0 };
		s->chosen[0] = '\0';
	}
	models_window_reset(&s->w);
	s->w.slice_ms = SLICE_MS;
	s->wants_end = v->is_unfinished = false;
	err_clear(&s->failed);
	if (models_read(v, false, &s->failed) < 0) {
		models_window_reset(&s->w);
		s->list = (struct list){ 0 };
		return 0;
	}
	const size_t before = s->list.cursor;
	chosen_find(s);
	return s->list.cursor == before ? 0 : models_read(v, false, e);
}

static void
models_moved(struct view *v, enum action act)
{
	struct models *s = v->state;
	struct err e = { 0 };

	s->wants_end = false;
	if (act == ACT_BOTTOM && !s->w.total_is_known) {
		(void)models_read(v, true, &e);
	} else {
		(void)list_move(&s->list, act, v->page);
		list_fit(&s->list, v->page);
		(void)models_read(v, false, &e);
	}
	if (e.code != ERR_OK)
		notice_err(&v->shared->notices, &e);
	if (chosen(s))
		(void)str_copy(s->chosen, sizeof(s->chosen), chosen(s)->name);
}

/* Cells of LATEST, STAGING and PROD; a move shows as "v39 > v41" where there is room. */
static size_t
stage_width(const struct area *a)
{
	return a->cols < NARROW_COLS ? 8 : a->cols < WIDE_COLS ? 9 : 12;
}

static void
head_draw(const struct area *a, size_t row, size_t name)
{
	const size_t stage = stage_width(a);
	size_t c = 3 + name;

	paint_text(a, row, 3, INK_DIM, "MODEL");
	c = paint_fit(a, row, c, 7, INK_DIM, TEXT_CUT_END, "LATEST");
	c = paint_fit(a, row, c, stage, INK_DIM, TEXT_CUT_END, "STAGING");
	c = paint_fit(a, row, c, stage, INK_DIM, TEXT_CUT_END, "PROD");
	if (a->cols < NARROW_COLS)
		return;
	c = paint_fit(a, row, c, 9, INK_DIM, TEXT_CUT_END, "SIG");
	paint_right(a, row, c + 5, 5, INK_DIM, "SIZE");
	c = paint_fit(a, row, c + 7, 8, INK_DIM, TEXT_CUT_END, "UPDATED");
	if (a->cols < WIDE_COLS)
		return;
	c = paint_fit(a, row, c + 1, 6, INK_DIM, TEXT_CUT_END, "FILES");
	c = paint_fit(a, row, c, 14, INK_DIM, TEXT_CUT_END, "SIGNER");
	paint_fit(a, row, c, 12, INK_DIM, TEXT_CUT_END, "DIGEST");
}

/* Nothing there is nothing to colour: over a slow line each ink is ten bytes a row. */
static enum ink
stage_ink(const char *text, enum ink held)
{
	return streq(text, "-") ? INK_TEXT : held;
}

static void
row_draw(const struct area *a, size_t row, size_t name, const struct model_row *m)
{
	const size_t stage = stage_width(a);
	char text[48], hex[65];
	size_t c;

	c = paint_fit(a, row, 3, name - 1, INK_TEXT, TEXT_CUT_END, m->name) + 1;
	(void)snprintf(text, sizeof(text), m->latest_live ? "v%llu" : "-",
	               (unsigned long long)m->latest_live);
	c = paint_fit(a, row, c, 7, INK_TEXT, TEXT_CUT_END, text);
	show_stage(text, model_stage(m, "staging"));
	c = paint_fit(a, row, c, stage, stage_ink(text, INK_STAGING), TEXT_CUT_END, text);
	show_stage(text, model_stage(m, "production"));
	c = paint_fit(a, row, c, stage, stage_ink(text, INK_PRODUCTION), TEXT_CUT_END, text);
	if (a->cols < NARROW_COLS)
		return;
	c = paint_fit(a, row, c, 9, m->is_signed ? INK_TEXT : INK_BAD, TEXT_CUT_END,
	              m->latest_live == 0 ? ""
	              : m->is_signed      ? "signed"
	                                  : "UNSIGNED");
	show_size(text, m->bytes);
	paint_right(a, row, c + 5, 5, INK_TEXT, text);
	show_age(text, m->updated_s);
	c = paint_fit(a, row, c + 7, 8, INK_TEXT, TEXT_CUT_END, text);
	if (a->cols < WIDE_COLS)
		return;
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)m->files);
	paint_right(a, row, c + 6, 5, INK_TEXT, text);
	c = paint_fit(a, row, c + 7, 14, INK_TEXT, TEXT_CUT_END, m->signer);
	digest_hex(&m->digest, hex);
	hex[m->latest_live > 0 ? 12 : 0] = '\0';
	paint_fit(a, row, c, 12, INK_TEXT, TEXT_CUT_END, hex);
}

static size_t
name_width(const struct area *a)
{
	size_t others = 3 + 7 + 2 * stage_width(a);

	if (a->cols >= NARROW_COLS)
		others += 9 + 7 + 8;
	if (a->cols >= WIDE_COLS)
		others += 1 + 7 + 14 + 12;
	return a->cols > others + 8 ? a->cols - others : 8;
}

static size_t
story_stage(const struct area *a, size_t row, const struct stage_mark *m)
{
	char held[48], ago[24];
	size_t c;

	if (m->number == 0 && m->moving_to == 0)
		return row;
	show_stage(held, m);
	show_ago(ago, m->time_s);
	c = paint_fit(a, row, 1, 12, show_stage_ink(m->stage), TEXT_CUT_END, m->stage);
	c = paint_text(a, row, c, INK_TEXT, held);
	if (m->number > 0 && m->targets > 0)
		c = paintf(a, row, c + 2, INK_TEXT, "proof %s on %u target%s",
		           show_proof(m->proofs), m->targets, m->targets == 1 ? "" : "s");
	else if (m->number > 0)
		c = paint_text(a, row, c + 2, INK_DIM, "no target: nothing is deployed");
	if (m->number > 0)
		c = paint_text(a, row, c + 2, INK_DIM, ago);
	if (m->moving_to > 0)
		paintf(a, row, c + 2, INK_WAIT, "job %s runs", m->job);
	return row + 1;
}

static void
story_draw(const struct view *v, const struct area *a)
{
	const struct models *s = v->state;
	const struct model_row *m = chosen(s);
	char title[NAME_SIZE + 32], digest[SHOW_DIGEST_SIZE];
	size_t row, c;

	if (!m)
		return;
	(void)snprintf(title, sizeof(title), "%s v%llu", m->name,
	               (unsigned long long)m->latest_live);
	if (m->latest_live == 0)
		(void)snprintf(title, sizeof(title), "%s, no live version", m->name);
	paint_rule(a, 0, title);
	row = 1;
	if (m->latest_live > 0) {
		show_digest(digest, &m->digest);
		c = paint_text(a, row, 1, INK_TEXT, digest);
		if (m->is_signed)
			c = paintf(a, row, c + 2, INK_OK, "signed by %s", m->signer);
		else
			c = paint_text(a, row, c + 2, INK_BAD, "UNSIGNED");
		paintf(a, row++, c + 2, INK_DIM, "%llu file%s, %llu live version%s",
		       (unsigned long long)m->files, m->files == 1 ? "" : "s",
		       (unsigned long long)m->live_n, m->live_n == 1 ? "" : "s");
	}
	const size_t before = row;
	for (size_t i = 0; i < m->stages_n && i < STAGES_MAX && row + 1 < a->rows; i++)
		row = story_stage(a, row, &m->stages[i]);
	if (row == before && row < a->rows)
		paint_text(a, row++, 1, INK_DIM, "no stage holds a version of it");
	paint_fit(a, row, 1, 12, INK_DIM, TEXT_CUT_END, "last");
	paint_fit(a, row, 13, a->cols > 13 ? a->cols - 13 : 0, INK_TEXT, TEXT_CUT_END, s->last);
}

static void
empty_draw(const struct view *v, const struct area *a)
{
	const struct models *s = v->state;
	const bool absent = !v->app->registry;
	size_t row = 1;

	if (v->filter[0] && s->failed.code == ERR_OK) {
		paint_text(a, row, 1, INK_TEXT,
		           v->is_unfinished
		                   ? "searching ..."
		                   : "no model matches these words; / then Esc clears them");
		return;
	}
	if (absent)
		row = show_error(a, row, &v->shared->no_registry) + 1;
	else if (s->failed.code != ERR_OK)
		row = show_error(a, row, &s->failed) + 1;
	if (absent && v->shared->no_registry.code != ERR_NOT_FOUND)
		return;
	row = paint_prose(a, row, 1, INK_HEAD,
	                  absent ? "There is no registry here yet. To begin, in a shell:"
	                         : "This registry is empty. To bring in a first model, in a shell "
	                           "or after \":\"");
	if (absent)
		row = paint_prose(a, row + 1, 3, INK_TEXT,
		                  "slipway init                        makes the registry, your "
		                  "key and a policy");
	row = paint_prose(
	        a, row + !absent, 3, INK_TEXT,
	        "slipway import PATH --as NAME       brings in a file or a folder as NAME@v1");
	row = paint_prose(a, row, 3, INK_TEXT,
	                  "slipway target add T --driver directory --path DIR --stage staging");
	row = paint_prose(a, row, 3, INK_TEXT, "slipway promote NAME@v1 --to staging");
	paint_prose(a, row + 1, 1, INK_DIM,
	            absent ? "slipway help tells more. R looks again."
	                   : "slipway help tells more. This page follows the registry by itself.");
}

static void
models_draw(struct view *v, const struct area *a)
{
	struct models *s = v->state;
	const bool has_story = a->rows >= STORY_ROWS && a->cols >= NARROW_COLS;
	const struct model_row *m = chosen(s);
	size_t story = 0, top = filter_draw(v, a, s->w.total, !s->w.total_is_known, "models");
	struct area list = area_rows(a, top, a->rows);

	if (s->list.n == 0) {
		empty_draw(v, &list);
		return;
	}
	if (has_story && m)
		story = 4 + (m->stages_n > 1 ? m->stages_n - 1 : 0);
	const size_t name = name_width(a);
	const bool has_head = a->rows >= 6;
	if (has_head)
		head_draw(&list, 0, name);
	list = area_rows(&list, has_head,
	                 list.rows > story + has_head ? list.rows - story - has_head : 0);
	v->page = list.rows;
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows; i++) {
		const struct model_row *r = models_window_row(&s->w, s->list.top + i);
		if (!r)
			break;
		row_draw(&list, i, name, r);
		list_mark(&list, i, s->list.top + i == s->list.cursor);
	}
	if (story > 0) {
		const struct area strip = area_rows(a, a->rows - story, story);
		story_draw(v, &strip);
	}
}

static enum handled
models_act(const struct model_row *m, enum action act, struct view_request *ret)
{
	if (act == ACT_OPEN) {
		(void)str_copy(ret->view, sizeof(ret->view), "model");
		(void)str_copy(ret->arg, sizeof(ret->arg), m->name);
	} else if (act == ACT_HISTORY) {
		(void)str_copy(ret->view, sizeof(ret->view), "history");
		(void)str_copy(ret->arg, sizeof(ret->arg), m->name);
	} else if (act == ACT_PROMOTE && m->latest_live > 0) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "promote %s@v%llu", m->name,
		               (unsigned long long)m->latest_live);
	} else if (act == ACT_ROLLBACK) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "rollback %s", m->name);
	} else {
		return NOT_HANDLED;
	}
	return OPEN_VIEW;
}

static enum handled
models_action(struct view *v, enum action act, struct view_request *ret)
{
	struct models *s = v->state;
	const struct model_row *m = chosen(s);
	struct list probe = s->list;

	if (list_move(&probe, act, v->page)) {
		models_moved(v, act);
		return HANDLED;
	}
	if (!m)
		return NOT_HANDLED;
	if (act == ACT_VERIFY && m->latest_live > 0) {
		char ref[NAME_SIZE + 24];
		(void)snprintf(ref, sizeof(ref), "%s@v%llu", m->name,
		               (unsigned long long)m->latest_live);
		words_of(&ret->argv, "verify", ref, "-o", "json");
		ret->reads = true;
		return RUN_ARGV;
	}
	return models_act(m, act, ret);
}

static void
models_title(const struct view *v, struct buf *ret)
{
	(void)v;
	buf_adds(ret, "models");
}

static void
models_close(struct view *v)
{
	struct models *s = v->state;

	models_window_fini(&s->w);
}

static bool
models_can(const struct view *v, enum action act)
{
	const struct models *s = v->state;
	const struct model_row *m = chosen(s);

	if (act == ACT_JOBS)
		return v->app->registry != NULL;
	if (!m)
		return false;
	if (act == ACT_PROMOTE || act == ACT_VERIFY)
		return m->latest_live > 0;
	return act != ACT_ROLLBACK || show_holds_any(m);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "open" },
	{ ACT_PROMOTE, "promote" },
	{ ACT_ROLLBACK, "roll back" },
	{ ACT_HISTORY, "history" },
	{ ACT_VERIFY, "verify" },
	{ ACT_JOBS, "jobs" },
	{ 0, NULL },
};

const struct view_ops view_models = {
	.name = "models",
	.state_size = sizeof(struct models),
	.reload = models_reload,
	.title = models_title,
	.more = models_more,
	.draw = models_draw,
	.action = models_action,
	.close = models_close,
	.has_filter = true,
	.can = models_can,
	.hints = hints,
};
