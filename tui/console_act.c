/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children of the console: an act gets a screen that shows its line and what it prints; what a view
 * asks for comes back to that view. Nothing is decided here.
 */
#include "tui/console_private.h"

#include <string.h>

void
request_fini(struct view_request *r)
{
	words_fini(&r->argv);
	menu_fini(&r->menu);
	*r = (struct view_request){ 0 };
}

static void
child_free(struct child *h)
{
	job_free(h->job);
	free(h->command);
	words_fini(&h->argv);
	buf_fini(&h->out);
	buf_fini(&h->err_text);
	free(h);
}

void
words_complete(const struct console *c, const struct words *w, struct words *ret)
{
	if (c->app->registry_dir)
		words_of(ret, "-R", c->app->registry_dir);
	for (size_t i = 0; i < w->n; i++)
		words_add(ret, w->v[i]);
}

char *
command_text(const struct words *w)
{
	struct buf b = { 0 };

	words_show(w, &b);
	return buf_steal(&b);
}

int
child_spawn(const struct words *w, const char *passphrase, struct job **ret, struct err *e)
{
	struct words all = { 0 };
	int rc;

	words_add(&all, "slipway");
	for (size_t i = 0; i < w->n; i++)
		words_add(&all, w->v[i]);
	rc = job_spawn((const char *const *)all.v, passphrase, ret, e);
	words_fini(&all);
	return rc;
}

void
child_start(struct console *c, const struct view_request *r, const char *passphrase, bool is_act)
{
	struct child *h = xcalloc(1, sizeof(*h));
	struct words all = { 0 };
	struct err e = { 0 };

	words_complete(c, &r->argv, &all);
	h->command = command_text(&all);
	h->is_act = is_act;
	h->has_secret = passphrase != NULL;
	for (size_t i = 0; i < r->argv.n; i++)
		words_add(&h->argv, r->argv.v[i]);
	if (child_spawn(&all, passphrase, &h->job, &e) < 0) {
		notice_err(&c->shared.notices, &e);
		child_free(h);
	} else {
		if (is_act)
			console_open_view(c, "run", h->command, r->replaces);
		h->owner = console_top(c);
		vec_push(&c->children, h);
	}
	words_fini(&all);
	c->dirty = true;
}

static void
ended_without_screen(struct console *c, const struct child *h)
{
	const size_t n = h->err_text.n;
	size_t at = n;

	if (h->status == 0) {
		notice_add(&c->shared.notices, false, NULL, "done: %s", h->command);
		return;
	}
	if (h->status == err_exit_of(ERR_NEEDS_PERSON)) {
		notice_add(&c->shared.notices, false, NULL,
		           "waits for another person, W shows whom: %s", h->command);
		return;
	}
	while (at > 0 && (at == n || h->err_text.p[at - 1] != '\n'))
		at--;
	notice_add(&c->shared.notices, true, NULL, "exit %d: %s: %.200s", h->status, h->command,
	           n > 0 ? h->err_text.p + at : "");
}

static void
child_answer(struct console *c, struct child *h)
{
	const struct answer a = {
		.command = h->command,
		.out = buf_str(&h->out),
		.err_text = buf_str(&h->err_text),
		.is_done = h->is_done,
		.status = h->status,
	};
	struct view_request r = { 0 };
	struct view *v = h->owner;

	if (v && v->ops->answer) {
		const enum handled how = v->ops->answer(v, &a, &r);
		if (v == console_top(c))
			console_take(c, how, &r);
		else if (h->is_done && h->is_act && console_is_parked(c, v))
			ended_without_screen(c, h);
	} else if (h->is_done && h->is_act) {
		ended_without_screen(c, h);
	}
	request_fini(&r);
	c->dirty = true;
}

/* true: it has ended and is gone. */
static bool
child_pump(struct console *c, struct child *h)
{
	const size_t before = h->out.n + h->err_text.n;
	struct err e = { 0 };

	if (job_pump(h->job, &h->out, &h->err_text, &h->is_done, &h->status, &e) < 0) {
		notice_err(&c->shared.notices, &e);
		h->is_done = true;
		h->status = err_exit_status(&e);
	}
	if (h->is_done || h->out.n + h->err_text.n != before)
		child_answer(c, h);
	return h->is_done;
}

/* keyring.c's words. */
static bool
was_wrong(const struct child *h)
{
	static const char said[] = "that is not the passphrase";

	return h->has_secret && h->status == err_exit_of(ERR_DENIED) && h->err_text.n > 0 &&
	       memmem(h->err_text.p, h->err_text.n, said, sizeof(said) - 1);
}

/* What the end of a child says of the key: a wrong passphrase is asked for again with the same
 * words, unless the person does something else by now; another key needs another one. */
static void
key_look(struct console *c, const struct child *h)
{
	if (was_wrong(h)) {
		secret_forget(&c->secret);
		if (h->owner && h->owner == console_top(c) && c->prompt.kind == PROMPT_NONE)
			prompt_again(c, &h->argv);
	} else if (h->is_act && h->status == 0 && h->argv.n > 0 && streq(h->argv.v[0], "key")) {
		secret_forget(&c->secret);
		console_who(c);
	}
}

void
children_pump(struct console *c)
{
	bool ended = false;

	for (size_t i = 0; i < c->children.n;) {
		struct child *h = c->children.v[i];
		if (!child_pump(c, h)) {
			i++;
			continue;
		}
		ended |= h->is_act;
		key_look(c, h);
		child_free(h);
		c->children.v[i] = c->children.v[--c->children.n];
	}
	if (ended)
		console_reload(c);
}

bool
children_run(const struct console *c)
{
	return c->children.n > 0;
}

void
children_forget(struct console *c, const struct view *v)
{
	vec_foreach(h, &c->children)
		if ((*h)->owner == v)
			(*h)->owner = NULL;
}

void
children_fini(struct console *c)
{
	vec_foreach(h, &c->children)
		child_free(*h);
	vec_fini(&c->children);
}
