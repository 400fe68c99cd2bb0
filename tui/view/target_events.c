/* SPDX-License-Identifier: Apache-2.0 */
/* The chosen one is shown whole below the list. */
#include "tui/view/target_events.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/show.h"

#define ROWS_MAX  1000u
#define WIDE_COLS 60u
#define WHOLE     5u /* rows for the chosen one */

static void
rows_clear(struct target_events *s)
{
	vec_foreach(row, &s->rows)
		free(row->text);
	s->rows.n = 0;
}

enum handled
target_events_ask(struct target_events *s, const char *model, const char *stage, const char *target,
                  struct view_request *ret)
{
	words_of(&ret->argv, "logs", model, "--stage", stage, "--target", target, "--events", "-o",
	         "json");
	(void)str_copy(s->of, sizeof(s->of), model);
	s->is_asking = true;
	return ASK_ARGV;
}

static void
row_take(struct target_events *s, const json_t *one)
{
	const char *const text = json_opt_string(one, "text"), *time = json_opt_string(one, "time");
	const char *const object = json_opt_string(one, "object");
	const char *const reason = json_opt_string(one, "reason"),
	                  *type = json_opt_string(one, "type");
	struct happened h = { .count = json_opt_u64(one, "count"),
		              .is_warning = type && streq(type, "Warning"),
		              .text = xstrdup(text ? text : "") };

	(void)snprintf(h.object, sizeof(h.object), "%s", object ? object : "");
	(void)snprintf(h.reason, sizeof(h.reason), "%s", reason ? reason : "");
	if (!time || clock_parse(time, &h.time_s) < 0)
		h.time_s = 0;
	vec_push(&s->rows, h);
}

bool
target_events_take(struct target_events *s, const struct answer *a)
{
	cleanup_json json_t *j = NULL;
	struct err ignored = { 0 };
	const json_t *items;

	if (!s->is_asking || !strstr(a->command, " --events"))
		return false;
	if (!a->is_done)
		return true;
	s->is_asking = false;
	s->asked_s = clock_now_s();
	s->why[0] = '\0';
	rows_clear(s);
	if (json_parse(a->out, "answer", &j, &ignored) == 0) {
		items = json_object_get(j, "items");
		for (size_t i = json_array_size(items); i-- > 0 && s->rows.n < ROWS_MAX;)
			row_take(s, json_array_get(items, i));
	}
	if (a->status != 0)
		show_answer_why(a->err_text, s->why, sizeof(s->why));
	s->list = (struct list){ .n = s->rows.n };
	return true;
}

static void
row_draw(const struct area *a, size_t row, const struct happened *h)
{
	const size_t object = a->cols >= WIDE_COLS ? 22 : 0;
	char age[16] = "";
	size_t c = 3;

	if (h->time_s > 0)
		show_age(age, h->time_s);
	c = paint_fit(a, row, c, 5, INK_DIM, TEXT_CUT_END, age) + 1;
	c = paint_fit(a, row, c, 18, h->is_warning ? INK_BAD : INK_TEXT, TEXT_CUT_END, h->reason) +
	    1;
	if (object > 0)
		c = paint_fit(a, row, c, object, INK_DIM, TEXT_CUT_MIDDLE, h->object) + 1;
	if (h->count > 1)
		c = paintf(a, row, c, INK_TEXT, "%llux ", (unsigned long long)h->count);
	(void)paint_fit(a, row, c, a->cols > c ? a->cols - c : 0, INK_TEXT, TEXT_CUT_END, h->text);
}

static void
whole_draw(const struct area *a, const struct happened *h)
{
	cleanup_buf struct buf head = { 0 };
	char ago[24];

	buf_addf(&head, "%s %s", h->is_warning ? "warning" : "event", h->reason);
	if (h->time_s > 0) {
		show_ago(ago, h->time_s);
		buf_addf(&head, ", %s", ago);
	}
	paint_rule(a, 0, buf_cstr(&head));
	(void)paint_fit(a, 1, 1, a->cols - 1, INK_DIM, TEXT_CUT_MIDDLE, h->object);
	const struct area text = area_rows(a, 2, a->rows - 2);
	(void)paint_prose(&text, 0, 1, INK_TEXT, h->text);
}

size_t
target_events_draw(struct target_events *s, const struct area *a)
{
	const size_t whole = a->rows >= 2 * WHOLE && s->rows.n > 0 ? WHOLE : 0;
	const struct area list = area_rows(a, 1, a->rows > whole ? a->rows - whole - 1 : 0);

	show_asked(a, s->is_asking, s->rows.n, "event", s->asked_s, s->why);
	list_fit(&s->list, list.rows);
	for (size_t i = 0; i < list.rows && s->list.top + i < s->rows.n; i++) {
		row_draw(&list, i, &s->rows.v[s->list.top + i]);
		list_mark(&list, i, s->list.top + i == s->list.cursor);
	}
	if (whole > 0) {
		const struct area below = area_rows(a, a->rows - whole, whole);
		whole_draw(&below, &s->rows.v[s->list.cursor]);
	}
	return list.rows;
}

void
target_events_fini(struct target_events *s)
{
	rows_clear(s);
	vec_fini(&s->rows);
}
