/* SPDX-License-Identifier: Apache-2.0 */
/* One model: its versions, newest first, with the stages that hold them. Reads as many rows as are
 * needed. */
#include <stdio.h>

#include "registry/base/vec.h"
#include "tui/view/list.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define ROWS_STEP   128u
#define WIDE_COLS   110u
#define NARROW_COLS 60u

struct model {
	struct list list;
	struct model_row row;
	VEC(struct version_row) versions;
	const char *filter;
	size_t want;
	bool has_more;
	struct err failed;
};

static int
version_keep(void *arg, const struct version_row *n)
{
	struct model *s = arg;
	cleanup_buf struct buf b = { 0 };

	buf_addf(&b, "v%llu %s %s %s %s ", (unsigned long long)n->number, n->signer, n->labels,
	         lifecycle_name(n->state.life), n->is_signed ? "signed" : "unsigned");
	cleanup_buf struct buf held = { 0 };
	show_stages_of(&s->row, n->number, &held);
	buf_adds(&b, buf_cstr(&held));
	if (!filter_match(s->filter, buf_cstr(&b)))
		return 0;
	if (s->versions.n == s->want) {
		s->has_more = true;
		return 1;
	}
	vec_push(&s->versions, *n);
	return 0;
}

static int
model_read(struct view *v, struct err *e)
{
	struct model *s = v->state;
	cleanup_txn struct txn *t = NULL;
	int rc;

	s->versions.n = 0;
	s->has_more = false;
	s->filter = v->filter;
	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	rc = model_get(t, v->arg, &s->row, e);
	if (rc < 0)
		return err_set(e, ERR_NOT_FOUND, "there is no model \"%s\" any more", v->arg);
	rc = version_each(t, v->arg, 0, version_keep, s, e);
	return rc < 0 ? rc : 0;
}

static int
model_reload(struct view *v, struct err *e)
{
	struct model *s = v->state;
	const uint64_t chosen =
	        s->list.cursor < s->versions.n ? s->versions.v[s->list.cursor].number : 0;

	(void)e;
	if (s->want == 0)
		s->want = ROWS_STEP;
	err_clear(&s->failed);
	(void)model_read(v, &s->failed);
	s->list.n = s->versions.n;
	for (size_t i = 0; chosen > 0 && i < s->versions.n; i++)
		if (s->versions.v[i].number == chosen)
			s->list.cursor = i;
	list_fit(&s->list, v->page);
	return 0;
}

static void
head_draw(const struct area *a, size_t row)
{
	size_t c;

	c = paint_fit(a, row, 3, 8, INK_DIM, TEXT_CUT_END, "VERSION");
	c = paint_fit(a, row, c, a->cols < NARROW_COLS ? 12 : 21, INK_DIM, TEXT_CUT_END, "STAGE");
	c = paint_fit(a, row, c, 9, INK_DIM, TEXT_CUT_END, "STATE");
	if (a->cols < NARROW_COLS)
		return;
	c = paint_fit(a, row, c, 14, INK_DIM, TEXT_CUT_END, "SIGNER");
	paint_right(a, row, c + 5, 5, INK_DIM, "SIZE");
	paint_right(a, row, c + 12, 6, INK_DIM, "FILES");
	c = paint_fit(a, row, c + 14, 6, INK_DIM, TEXT_CUT_END, "AGE");
	if (a->cols >= WIDE_COLS)
		paint_fit(a, row, c, 14, INK_DIM, TEXT_CUT_END, "DIGEST");
}

static void
row_draw(const struct model *s, const struct area *a, size_t row, const struct version_row *n)
{
	cleanup_buf struct buf held = { 0 };
	char text[65];
	size_t c;

	show_stages_of(&s->row, n->number, &held);
	(void)snprintf(text, sizeof(text), "v%llu", (unsigned long long)n->number);
	c = paint_fit(a, row, 3, 8, INK_TEXT, TEXT_CUT_END, text);
	const size_t stage = a->cols < NARROW_COLS ? 12 : 21;
	(void)paint_fit(a, row, c, stage - 1, held.n ? INK_PRODUCTION : INK_DIM, TEXT_CUT_END,
	                held.n ? buf_cstr(&held) : "-");
	c += stage;
	c = paint_fit(a, row, c, 9, n->state.life == LIFE_LIVE ? INK_TEXT : INK_BAD, TEXT_CUT_END,
	              lifecycle_name(n->state.life));
	if (a->cols < NARROW_COLS)
		return;
	(void)paint_fit(a, row, c, 13, n->is_signed ? INK_OK : INK_BAD, TEXT_CUT_END,
	                n->is_signed ? n->signer : "UNSIGNED");
	c += 14;
	show_size(text, n->bytes);
	paint_right(a, row, c + 5, 5, INK_TEXT, text);
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n->files);
	paint_right(a, row, c + 12, 6, INK_TEXT, text);
	show_age(text, n->time_s);
	c = paint_fit(a, row, c + 14, 6, INK_DIM, TEXT_CUT_END, text);
	if (a->cols < WIDE_COLS)
		return;
	digest_hex(&n->digest, text);
	paint_fit(a, row, c, a->cols - c < 64 ? a->cols - c : 64, INK_DIM, TEXT_CUT_MIDDLE, text);
}

static void
model_draw(struct view *v, const struct area *a)
{
	struct model *s = v->state;
	size_t top = filter_draw(v, a, s->versions.n, s->has_more, "versions");
	struct area list = area_rows(a, top, a->rows);

	if (s->failed.code != ERR_OK) {
		show_error(&list, 1, &s->failed);
		return;
	}
	if (s->versions.n == 0) {
		paint_text(&list, 1, 1, INK_TEXT,
		           v->filter[0] ? "no version matches these words; / then Esc clears them"
		                        : "this model has no version");
		return;
	}
	if (a->rows >= 6) {
		head_draw(&list, 0);
		list = area_rows(&list, 1, list.rows);
	}
	v->page = list.rows;
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && s->list.top + i < s->versions.n; i++) {
		row_draw(s, &list, i, &s->versions.v[s->list.top + i]);
		list_mark(&list, i, s->list.top + i == s->list.cursor);
	}
}

static enum handled
model_act(const struct view *v, const char *ref, enum action act, struct view_request *ret)
{
	if (act == ACT_VERIFY) {
		words_of(&ret->argv, "verify", ref, "-o", "json");
		ret->reads = true;
		return RUN_ARGV;
	}
	if (act == ACT_OPEN) {
		(void)str_copy(ret->view, sizeof(ret->view), "version");
		(void)str_copy(ret->arg, sizeof(ret->arg), ref);
	} else if (act == ACT_HISTORY) {
		(void)str_copy(ret->view, sizeof(ret->view), "history");
		(void)str_copy(ret->arg, sizeof(ret->arg), v->arg);
	} else if (act == ACT_PROMOTE) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "promote %s", ref);
	} else if (act == ACT_ROLLBACK) {
		(void)str_copy(ret->view, sizeof(ret->view), "promote");
		(void)snprintf(ret->arg, sizeof(ret->arg), "rollback %.255s", v->arg);
	} else {
		return NOT_HANDLED;
	}
	return OPEN_VIEW;
}

static enum handled
model_action(struct view *v, enum action act, struct view_request *ret)
{
	struct model *s = v->state;
	char ref[NAME_SIZE + 24];

	if (list_move(&s->list, act, v->page)) {
		if (s->has_more &&
		    (act == ACT_BOTTOM || s->list.cursor + v->page > s->versions.n)) {
			s->want = act == ACT_BOTTOM ? SIZE_MAX : s->want * 2;
			(void)model_reload(v, &s->failed);
			(void)list_move(&s->list, act == ACT_BOTTOM ? act : ACT_NONE, v->page);
		}
		return HANDLED;
	}
	if (s->list.cursor >= s->versions.n)
		return NOT_HANDLED;
	(void)snprintf(ref, sizeof(ref), "%s@v%llu", s->row.name,
	               (unsigned long long)s->versions.v[s->list.cursor].number);
	return model_act(v, ref, act, ret);
}

static void
model_title(const struct view *v, struct buf *ret)
{
	buf_adds(ret, v->arg);
}

static void
model_close(struct view *v)
{
	struct model *s = v->state;

	vec_fini(&s->versions);
}

static bool
model_can(const struct view *v, enum action act)
{
	const struct model *s = v->state;

	if (act == ACT_JOBS || act == ACT_HISTORY)
		return true;
	if (s->list.cursor >= s->versions.n)
		return false;
	if (act == ACT_PROMOTE || act == ACT_VERIFY)
		return s->versions.v[s->list.cursor].state.life == LIFE_LIVE;
	return act != ACT_ROLLBACK || show_holds_any(&s->row);
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

const struct view_ops view_model = {
	.name = "model",
	.state_size = sizeof(struct model),
	.reload = model_reload,
	.title = model_title,
	.draw = model_draw,
	.action = model_action,
	.close = model_close,
	.has_filter = true,
	.can = model_can,
	.hints = hints,
};
