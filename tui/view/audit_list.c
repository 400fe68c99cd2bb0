/* SPDX-License-Identifier: Apache-2.0 */
/* Each look is one short read transaction over a page of entries. */
#include "tui/view/audit_list.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/clock.h"
#include "tui/view/about.h"
#include "tui/view/show.h"

#define SLICE_MS 5u

void
audit_list_fini(struct audit_list *l)
{
	audit_rows_fini(&l->rows);
}

static void
cursor_settle(struct audit_list *l, size_t page)
{
	bool known;

	l->list.n = audit_rows_total(&l->rows, &known);
	const size_t at = l->chosen ? audit_rows_find(&l->rows, l->chosen - 1) : SIZE_MAX;
	if (at != SIZE_MAX && at != l->list.cursor) {
		const size_t below = l->list.cursor - l->list.top;
		l->list.cursor = at;
		l->list.top = at > below ? at - below : 0;
	}
	list_fit(&l->list, page);
}

static int
list_read(struct audit_list *l, struct view *v)
{
	cleanup_txn struct txn *t = NULL;
	int rc = view_read(v, &t, &l->failed);
	size_t top = SIZE_MAX;

	l->rows.slice_ms = SLICE_MS;
	/* once more when the cursor has gone where nothing was read yet */
	for (int i = 0; i < 2 && rc == 0 && l->list.top != top; i++) {
		top = l->list.top;
		rc = audit_rows_read(&l->rows, v->app->registry, t, top, v->page + 1, &l->failed);
		cursor_settle(l, v->page);
	}
	v->is_unfinished = rc == 0 && audit_rows_unfinished(&l->rows);
	return rc;
}

const struct audit_row *
audit_list_chosen(const struct audit_list *l)
{
	return audit_rows_row(&l->rows, l->list.cursor);
}

static void
choose(struct audit_list *l)
{
	const struct audit_row *n = audit_list_chosen(l);

	l->chosen = n && l->list.cursor > 0 ? n->seq + 1 : 0;
}

void
audit_list_reload(struct audit_list *l, struct view *v)
{
	if (!streq(l->rows.filter, v->filter)) {
		audit_rows_reset(&l->rows, v->filter);
		l->list = (struct list){ 0 };
		l->chosen = 0;
	}
	err_clear(&l->failed);
	(void)list_read(l, v);
}

bool
audit_list_more(struct audit_list *l, struct view *v)
{
	const size_t had = l->list.n;

	if (l->wants_end)
		l->rows.want = SIZE_MAX;
	if (list_read(l, v) < 0)
		v->is_unfinished = false;
	if (!v->is_unfinished && l->wants_end) {
		l->wants_end = false;
		(void)list_move(&l->list, ACT_BOTTOM, v->page);
		(void)list_read(l, v);
		choose(l);
	}
	return !v->is_unfinished || (had < v->page && l->list.n > had);
}

bool
audit_list_move(struct audit_list *l, struct view *v, enum action act)
{
	struct list probe = l->list;
	bool known;

	if (!list_move(&probe, act, v->page))
		return false;
	(void)audit_rows_total(&l->rows, &known);
	l->chosen = 0;
	l->wants_end = act == ACT_BOTTOM && !known;
	if (l->wants_end) {
		v->is_unfinished = true;
		return true;
	}
	l->list = probe;
	list_fit(&l->list, v->page);
	(void)list_read(l, v);
	choose(l);
	return true;
}

enum handled
audit_list_open(const struct audit_list *l, struct view_request *ret)
{
	const struct audit_row *n = audit_list_chosen(l);

	if (!n)
		return NOT_HANDLED;
	(void)str_copy(ret->view, sizeof(ret->view), "entry");
	(void)snprintf(ret->arg, sizeof(ret->arg), "%llu", (unsigned long long)n->seq);
	return OPEN_VIEW;
}

static bool
is_screen(const char *name)
{
	for (const struct view_ops *const *o = view_table; *o; o++)
		if (streq((*o)->name, name))
			return true;
	return false;
}

enum handled
audit_list_open_about(const struct audit_list *l, const struct view *v, struct view_request *ret)
{
	const struct audit_row *n = audit_list_chosen(l);
	cleanup_txn struct txn *t = NULL;
	struct err ignored = { 0 };
	struct about about = { 0 };
	struct entry whole;

	if (!n)
		return NOT_HANDLED;
	if (view_read(v, &t, &ignored) == 0 &&
	    history_entry(v->app->registry, t, n->seq, &whole, &ignored) == 0) {
		about_entry(&whole, &about);
		entry_fini(&whole);
	}
	if (!is_screen(about.view) || streq(about.view, "model"))
		return audit_list_open(l, ret);
	(void)str_copy(ret->view, sizeof(ret->view), about.view);
	(void)str_copy(ret->arg, sizeof(ret->arg), about.arg);
	return OPEN_VIEW;
}

void
audit_list_subject(const struct audit_list *l, struct view_subject *ret)
{
	const struct audit_row *n = audit_list_chosen(l);
	char when[CLOCK_TEXT_SIZE];

	if (!n)
		return;
	(void)str_copy(ret->model, sizeof(ret->model), n->model);
	clock_text(when, n->time_s);
	(void)snprintf(ret->text, sizeof(ret->text), "entry %llu %s %.63s %.60s: %.200s",
	               (unsigned long long)n->seq, when, n->who, n->model, n->what);
}
