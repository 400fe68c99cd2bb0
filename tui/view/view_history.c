/* SPDX-License-Identifier: Apache-2.0 */
/* A model's story, newest first, from the log by its back pointers: as many entries as were asked
 * for. */
#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/history.h"
#include "tui/view/list.h"
#include "tui/view/show.h"
#include "tui/view/views.h"

#define ROWS_STEP   128u
#define NARROW_COLS 60u
#define WIDE_COLS   110u /* from here on it is said what was signed */
#define WHO_COL     20u
#define AS_CELLS    9u

struct event {
	uint64_t seq;
	int64_t time_s;
	bool is_signed;
	char *what, *who; /* owned */
};
struct history {
	struct list list;
	VEC(struct event) events;
	const char *filter;
	struct policy policy; /* names the people behind keys, while reading */
	size_t want;
	bool has_more;
	struct err failed;
};

static void
events_clear(struct history *s)
{
	vec_foreach(n, &s->events) {
		free(n->what);
		free(n->who);
	}
	s->events.n = 0;
}

static int
event_keep(void *arg, const struct entry *n)
{
	struct history *s = arg;
	cleanup_buf struct buf what = { 0 };
	cleanup_buf struct buf who = { 0 };
	cleanup_buf struct buf all = { 0 };

	history_sentence(n, &what, &who);
	history_name(&s->policy, &who);
	history_login(n, &who);
	buf_addf(&all, "%s %s %s", buf_cstr(&what), buf_cstr(&who), n->type);
	if (!filter_match(s->filter, buf_cstr(&all)))
		return 0;
	if (s->events.n == s->want) {
		s->has_more = true;
		return 1;
	}
	vec_push(&s->events, ((struct event){ .seq = n->seq,
	                                      .time_s = n->time_s,
	                                      .is_signed = n->statement != NULL,
	                                      .what = buf_steal(&what),
	                                      .who = buf_steal(&who) }));
	return 0;
}

static int
history_read(struct view *v, struct err *e)
{
	struct history *s = v->state;
	cleanup_txn struct txn *t = NULL;
	struct err unnamed = { 0 }; /* then keys stay keys */
	int rc;

	rc = view_read(v, &t, e);
	if (rc < 0)
		return rc;
	(void)policy_current(v->app->registry, t, &s->policy, &unnamed);
	rc = history_each(v->app->registry, t, v->arg, event_keep, s, e);
	policy_fini(&s->policy);
	return rc < 0 ? rc : 0;
}

static int
history_reload(struct view *v, struct err *e)
{
	struct history *s = v->state;
	const bool had = s->list.cursor > 0 && s->list.cursor < s->events.n;
	const uint64_t chosen = had ? s->events.v[s->list.cursor].seq : 0;

	(void)e;
	if (s->want == 0)
		s->want = ROWS_STEP;
	events_clear(s);
	s->has_more = false;
	s->filter = v->filter;
	err_clear(&s->failed);
	(void)history_read(v, &s->failed);
	s->list.n = s->events.n;
	for (size_t i = 0; had && i < s->events.n; i++)
		if (s->events.v[i].seq == chosen)
			s->list.cursor = i;
	list_fit(&s->list, v->page);
	return 0;
}

static size_t
who_cells(const struct area *a)
{
	return a->cols >= WIDE_COLS ? 20 : 8;
}

static void
row_draw(const struct area *a, size_t row, const struct event *n)
{
	char text[CLOCK_TEXT_SIZE];
	size_t c = 3;

	if (a->cols < NARROW_COLS) {
		show_age(text, n->time_s);
		c = paint_fit(a, row, c, 5, INK_DIM, TEXT_CUT_END, text);
	} else {
		clock_text(text, n->time_s);
		text[10] = ' ';
		text[16] = '\0';
		c = paint_fit(a, row, c, WHO_COL - 3, INK_DIM, TEXT_CUT_END, text);
		(void)paint_fit(a, row, c, who_cells(a) - 1, INK_TEXT, TEXT_CUT_END,
		                n->who ? n->who : "-");
		c += who_cells(a);
		if (a->cols >= WIDE_COLS)
			c = paint_fit(a, row, c, AS_CELLS, n->is_signed ? INK_OK : INK_DIM,
			              TEXT_CUT_END, n->is_signed ? "signed" : "record");
	}
	(void)paint_fit(a, row, c, a->cols > c ? a->cols - c : 0, INK_TEXT, TEXT_CUT_END,
	                n->what ? n->what : "-");
}

static void
history_draw(struct view *v, const struct area *a)
{
	struct history *s = v->state;
	size_t top = filter_draw(v, a, s->events.n, s->has_more, "events");
	struct area list = area_rows(a, top, a->rows);

	if (s->failed.code != ERR_OK) {
		show_error(&list, 1, &s->failed);
		return;
	}
	if (a->rows >= 6 && a->cols >= NARROW_COLS) {
		paint_text(&list, 0, 3, INK_DIM, "TIME (UTC)");
		size_t c = paint_fit(&list, 0, WHO_COL, who_cells(a), INK_DIM, TEXT_CUT_END, "WHO");
		if (a->cols >= WIDE_COLS)
			c = paint_fit(&list, 0, c, AS_CELLS, INK_DIM, TEXT_CUT_END, "AS");
		paint_text(&list, 0, c, INK_DIM, "WHAT");
		list = area_rows(&list, 1, list.rows);
	}
	if (s->events.n == 0)
		paint_text(&list, 0, 1, INK_TEXT,
		           "no event matches these words; / then Esc clears them");
	v->page = list.rows;
	list_fit(&s->list, v->page);
	for (size_t i = 0; i < list.rows && s->list.top + i < s->events.n; i++) {
		row_draw(&list, i, &s->events.v[s->list.top + i]);
		list_mark(&list, i, s->list.top + i == s->list.cursor);
	}
}

static enum handled
history_action(struct view *v, enum action act, struct view_request *ret)
{
	struct history *s = v->state;

	if (act == ACT_OPEN) {
		(void)str_copy(ret->view, sizeof(ret->view), "model");
		(void)str_copy(ret->arg, sizeof(ret->arg), v->arg);
		return OPEN_VIEW;
	}
	if (!list_move(&s->list, act, v->page))
		return NOT_HANDLED;
	if (s->has_more && (act == ACT_BOTTOM || s->list.cursor + v->page > s->events.n)) {
		s->want = act == ACT_BOTTOM ? SIZE_MAX : s->want * 2;
		(void)history_reload(v, &s->failed);
		if (act == ACT_BOTTOM)
			(void)list_move(&s->list, act, v->page);
	}
	return HANDLED;
}

static void
history_title(const struct view *v, struct buf *ret)
{
	if (!v->below || streq(v->below->ops->name, "models"))
		buf_addf(ret, "%s > ", v->arg);
	buf_adds(ret, "history");
}

static void
history_close(struct view *v)
{
	struct history *s = v->state;

	events_clear(s);
	vec_fini(&s->events);
}

static const struct hint hints[] = {
	{ ACT_OPEN, "the model" },
	{ ACT_JOBS, "jobs" },
	{ 0, NULL },
};

const struct view_ops view_history = {
	.name = "history",
	.state_size = sizeof(struct history),
	.reload = history_reload,
	.title = history_title,
	.draw = history_draw,
	.action = history_action,
	.close = history_close,
	.has_filter = true,
	.hints = hints,
};
