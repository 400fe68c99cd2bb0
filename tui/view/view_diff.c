/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two versions side by side: what `diff` says of them, in parts that fold. Opened with two
 * references, with one and "--stage NAME", or with one alone: then with what the stage holds that
 * holds another, and a menu where several do. Compares nothing itself.
 */
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/ref.h"
#include "tui/view/diff_parts.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

struct diff_screen {
	char refs[2][NAME_SIZE + WORD_SIZE];
	char model[NAME_SIZE];
	char stages[STAGES_MAX][WORD_SIZE]; /* that may be chosen */
	size_t stages_n;
	struct sheet sheet;
	struct lines said; /* instead of the sheet, when the command failed */
	bool is_answered, has_parts;
	char asked[CLOCK_TEXT_SIZE];
	struct err failed;
};

/* The stages of its model that hold another version than this one. */
static int
stages_read(struct view *v, const char *text, struct err *e)
{
	struct diff_screen *s = v->state;
	cleanup_txn struct txn *t = NULL;
	struct version_row row;
	struct model_row m;
	int rc = view_read(v, &t, e);

	if (rc == 0)
		rc = ref_find(t, text, &row, e);
	if (rc == 0)
		rc = model_get(t, row.model, &m, e);
	if (rc < 0)
		return rc;
	(void)str_copy(s->model, sizeof(s->model), row.model);
	(void)snprintf(s->refs[1], sizeof(s->refs[1]), "%s@v%llu", row.model,
	               (unsigned long long)row.number);
	for (size_t i = 0; i < m.stages_n && i < STAGES_MAX; i++)
		if (m.stages[i].number > 0 && m.stages[i].number != row.number)
			(void)str_copy(s->stages[s->stages_n++], WORD_SIZE, m.stages[i].stage);
	if (s->stages_n == 0) {
		(void)err_set(e, ERR_NOT_FOUND, "no stage of \"%s\" holds another version",
		              row.model);
		return err_hint(e, "mark two versions with Space on the model's screen");
	}
	return 0;
}

static void
stage_choose(struct diff_screen *s, size_t i)
{
	cleanup_free char *ref = xasprintf("%s@%s", s->model, s->stages[i]);

	(void)str_copy(s->refs[0], sizeof(s->refs[0]), ref);
}

static int
diff_open(struct view *v, struct err *e)
{
	struct diff_screen *s = v->state;
	struct words w = { 0 };
	int rc = words_parse(&w, v->arg, e);

	if (rc == 0 && w.n == 2) {
		(void)str_copy(s->refs[0], sizeof(s->refs[0]), w.v[0]);
		(void)str_copy(s->refs[1], sizeof(s->refs[1]), w.v[1]);
	} else if (rc == 0 && (w.n == 1 || (w.n == 3 && streq(w.v[1], "--stage")))) {
		rc = stages_read(v, w.v[0], e);
		if (rc == 0 && w.n == 3) {
			s->stages_n = 1;
			(void)str_copy(s->stages[0], WORD_SIZE, w.v[2]);
		}
		if (rc == 0 && s->stages_n == 1)
			stage_choose(s, 0);
	} else if (rc == 0) {
		rc = err_set(e, ERR_USAGE, "which two versions?");
	}
	words_fini(&w);
	return rc;
}

static enum handled
ask(struct view *v, struct view_request *ret)
{
	struct diff_screen *s = v->state;

	clock_text(s->asked, clock_now_s());
	s->is_answered = false;
	words_of(&ret->argv, "diff", s->refs[0], s->refs[1], "--all", "-o", "json");
	return ASK_ARGV;
}

static enum handled
diff_opened(struct view *v, struct view_request *ret)
{
	struct diff_screen *s = v->state;

	if (s->refs[0][0])
		return ask(v, ret);
	(void)snprintf(ret->menu.title, sizeof(ret->menu.title), "compare %.60s with what is in",
	               s->refs[1]);
	for (size_t i = 0; i < s->stages_n; i++) {
		const char key[] = { (char)('1' + i), '\0' };
		menu_add(&ret->menu, key, false, "%s", s->stages[i]);
	}
	return OPEN_MENU;
}

static enum handled
diff_picked(struct view *v, size_t item, struct view_request *ret)
{
	struct diff_screen *s = v->state;

	if (item >= s->stages_n)
		return HANDLED;
	stage_choose(s, item);
	return ask(v, ret);
}

static enum handled
diff_answer(struct view *v, const struct answer *a, struct view_request *ret)
{
	struct diff_screen *s = v->state;
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	(void)ret;
	if (!a->is_done)
		return HANDLED;
	s->is_answered = true;
	sheet_clear(&s->sheet);
	s->sheet.folded = 0;
	lines_clear(&s->said);
	s->has_parts = (a->status == 0 || a->status == err_exit_of(ERR_DIFFERENT)) &&
	               json_parse(a->out, "diff", &j, &e) == 0 && diff_parts(&s->sheet, j);
	if (!s->has_parts)
		lines_add_error(&s->said, INK_BAD, a->err_text);
	sheet_settle(&s->sheet, v->filter);
	return HANDLED;
}

static int
diff_reload(struct view *v, struct err *e)
{
	struct diff_screen *s = v->state;

	(void)e; /* what it says stays what it said at that time, which stands on the page */
	sheet_settle(&s->sheet, v->filter);
	return 0;
}

static void
diff_draw(struct view *v, const struct area *a)
{
	struct diff_screen *s = v->state;
	size_t row = filter_draw(v, a, sheet_hits(&s->sheet), false, "lines");

	if (!s->refs[0][0]) {
		paint_text(a, row, 1, INK_TEXT,
		           "with which stage? Enter asks, q goes back");
		return;
	}
	size_t c = paint_text(a, row, 1, INK_REMOVED, s->refs[0]);
	c = paint_text(a, row, c, INK_TEXT, " -> ");
	c = paint_text(a, row, c, INK_ADDED, s->refs[1]);
	if (s->is_answered && c + 18 <= a->cols && strlen(s->asked) > 18)
		paintf(a, row, a->cols - 17, INK_DIM, "as of %.8sZ", s->asked + 11);
	const struct area page = area_rows(a, row + 1, a->rows);
	v->page = page.rows;
	if (!s->is_answered)
		paint_text(&page, 1, 1, INK_WAIT, "comparing ...");
	else if (s->has_parts && s->sheet.shown.n == 0)
		paint_prose(&page, 1, 1, INK_TEXT,
		            "nothing matches these words; / then Esc clears them");
	else if (s->has_parts)
		sheet_draw(&s->sheet, &page);
	else
		lines_draw(&s->said, &page);
}

static enum handled
diff_action(struct view *v, enum action act, struct view_request *ret)
{
	struct diff_screen *s = v->state;

	if (act == ACT_RELOAD || (act == ACT_OPEN && !s->refs[0][0]))
		return diff_opened(v, ret);
	if (s->has_parts && act == ACT_OPEN && sheet_chosen(&s->sheet) &&
	    sheet_chosen(&s->sheet)->is_head)
		act = ACT_FOLD;
	return sheet_act(&s->sheet, act, v->page) ? HANDLED : NOT_HANDLED;
}

static void
diff_why_not(const struct view *v, enum action act, struct buf *ret)
{
	const struct diff_screen *s = v->state;

	if (act == ACT_NEXT_HIT || act == ACT_PREV_HIT)
		buf_adds(ret, v->filter[0] ? "nothing matches these words"
		                           : "nothing differs between the two");
	else if (act == ACT_FOLD)
		buf_adds(ret, s->sheet.filter[0]
		                      ? "all that matches is shown while there is a filter"
		                      : "this line is in no part");
}

static void
diff_title(const struct view *v, struct buf *ret)
{
	const struct diff_screen *s = v->state;
	const char *a = strchr(s->refs[0], '@'), *b = strchr(s->refs[1], '@');
	const bool is_below = v->below && (streq(v->below->ops->name, "model") ||
	                                   streq(v->below->ops->name, "version"));

	if (!a && b) {
		buf_addf(ret, "diff %s", b + 1);
		return;
	}
	if (is_below && a && b)
		buf_addf(ret, "diff %s %s", a + 1, b + 1);
	else
		buf_addf(ret, "diff %s %s", s->refs[0], s->refs[1]);
}

static void
diff_subject(const struct view *v, struct view_subject *ret)
{
	const struct diff_screen *s = v->state;

	(void)str_copy(ret->model, sizeof(ret->model), s->model);
	(void)snprintf(ret->text, sizeof(ret->text), "slipway diff %.180s %.180s -o json",
	               s->refs[0], s->refs[1]);
}

static bool
diff_can(const struct view *v, enum action act)
{
	const struct diff_screen *s = v->state;

	return act == ACT_RELOAD || (s->has_parts && sheet_can(&s->sheet, act));
}

static void
diff_close(struct view *v)
{
	struct diff_screen *s = v->state;

	sheet_fini(&s->sheet);
	lines_fini(&s->said);
}

static const struct hint hints[] = {
	{ ACT_NEXT_HIT, "next change" }, { ACT_PREV_HIT, "before" }, { ACT_FOLD, "fold" },
	{ ACT_COPY, "copy command" },    { ACT_RELOAD, "again" },    { 0, NULL },
};

const struct view_ops view_diff = {
	.name = "diff",
	.state_size = sizeof(struct diff_screen),
	.open = diff_open,
	.opened = diff_opened,
	.reload = diff_reload,
	.title = diff_title,
	.draw = diff_draw,
	.action = diff_action,
	.answer = diff_answer,
	.picked = diff_picked,
	.subject = diff_subject,
	.close = diff_close,
	.can = diff_can,
	.why_not = diff_why_not,
	.has_filter = true,
	.hints = hints,
};
