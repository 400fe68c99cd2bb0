/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screens that lie behind the one that is shown, and those that were left: a screen that is
 * come back to is the same one, with its filter, order and cursor. Another screen that opens ends
 * what was left.
 */
#include <string.h>

#include "tui/console_private.h"

struct view *
console_top(struct console *c)
{
	return c->stack[c->depth - 1];
}

static const struct view_ops *
ops_find(const char *name)
{
	for (const struct view_ops *const *o = view_table; *o; o++)
		if (streq((*o)->name, name))
			return *o;
	return NULL;
}

static void
view_free(struct console *c, struct view *v)
{
	if (!v)
		return;
	children_forget(c, v);
	streams_forget(c, v);
	if (v->ops->close)
		v->ops->close(v);
	free(v->state);
	free(v);
}

int
console_view_new(struct console *c, const char *name, const char *arg, struct view **ret,
                 struct err *e)
{
	const struct view_ops *ops = ops_find(name);
	struct view *v;
	int rc = 0;

	if (!ops)
		return err_set(e, ERR_BUG, "there is no screen \"%s\"", name);
	v = xcalloc(1, sizeof(*v));
	v->ops = ops;
	v->app = c->app;
	v->shared = &c->shared;
	v->below = c->depth > 0 ? console_top(c) : NULL;
	v->page = c->rows > 4 ? c->rows - 4 : 1; /* the first drawing says it exactly */
	v->state = xcalloc(1, ops->state_size);
	if (str_copy(v->arg, sizeof(v->arg), arg) < 0)
		rc = err_set(e, ERR_TOO_BIG, "\"%.40s...\" is too long to show", arg);
	if (rc == 0 && ops->open)
		rc = ops->open(v, e);
	if (rc == 0 && ops->reload)
		rc = ops->reload(v, e);
	if (rc < 0) {
		view_free(c, v);
		return rc;
	}
	*ret = v;
	return 0;
}

/* What lies in front of the top screen: those that were left, the last one behind. */
static void
parked_forget(struct console *c)
{
	while (c->parked_n > 0)
		view_free(c, c->parked[--c->parked_n]);
}

static void
park(struct console *c)
{
	struct view *v = c->stack[--c->depth];

	if (streams_has(c, v)) { /* nobody reads on what runs without end */
		view_free(c, v);
		return;
	}
	if (c->parked_n == DEPTH_MAX) {
		view_free(c, c->parked[0]);
		memmove(c->parked, c->parked + 1, (DEPTH_MAX - 1) * sizeof(struct view *));
		c->parked_n--;
	}
	c->parked[c->parked_n++] = v;
}

bool
console_is_parked(const struct console *c, const struct view *v)
{
	for (size_t i = 0; i < c->parked_n; i++)
		if (c->parked[i] == v)
			return true;
	return false;
}

void
console_open_view(struct console *c, const char *name, const char *arg, bool replaces)
{
	struct view *v = NULL;
	struct err e = { 0 };

	c->dirty = true;
	if (c->depth == DEPTH_MAX)
		replaces = true;
	if (console_view_new(c, name, arg, &v, &e) < 0) {
		notice_err(&c->shared.notices, &e);
		return;
	}
	parked_forget(c);
	if (replaces && c->depth > 1) {
		v->below = console_top(c)->below;
		view_free(c, c->stack[--c->depth]);
	}
	c->stack[c->depth++] = v;
	struct view_request r = { 0 };
	if (v->ops->opened)
		console_take(c, v->ops->opened(v, &r), &r);
	request_fini(&r);
}

void
console_close_view(struct console *c)
{
	if (c->depth > 1) {
		park(c);
		console_reload(c);
	} else if (children_run(c)) {
		prompt_open(c, PROMPT_QUIT);
	} else {
		c->quits = true;
	}
	c->dirty = true;
}

void
console_backward(struct console *c)
{
	if (c->depth > 1)
		console_close_view(c);
}

void
console_forward(struct console *c)
{
	if (c->parked_n == 0)
		return;
	struct view *v = c->parked[--c->parked_n];
	v->below = console_top(c);
	c->stack[c->depth++] = v;
	console_reload(c);
}

void
console_home(struct console *c)
{
	while (c->depth > 1)
		park(c);
	console_reload(c);
}

void
console_stack_fini(struct console *c)
{
	parked_forget(c);
	while (c->depth > 0)
		view_free(c, c->stack[--c->depth]);
}
