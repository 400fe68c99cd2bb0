/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions at the foot of the screen: the filter, a command, and what stands between a command
 * line that was shown and its run: yes, the model's name, the passphrase. The default of every
 * question is no.
 */
#include "tui/acts.h"
#include "tui/console_private.h"

#define USAGE_ROWS 16u /* a terminal of fewer has no room for the usage of what is typed */

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "registry/records.h"
#include "tui/cmd/cmd.h"

static void
secret_free(struct prompt *p)
{
	sodium_free(p->secret); /* wipes it; NULL is fine */
	p->secret = NULL;
}

/* false: there is no such memory, and a passphrase is not taken into any other. */
static bool
secret_make(struct console *c)
{
	struct prompt *p = &c->prompt;

	secret_free(p);
	p->secret = secret_line();
	if (!p->secret) {
		notice_add(&c->shared.notices, true, "raise the limit of locked memory (ulimit -l)",
		           "no locked memory for the passphrase, nothing was run");
		return false;
	}
	return true;
}

void
prompt_open(struct console *c, enum prompt_kind kind)
{
	line_clear(&c->prompt.line);
	c->prompt.kind = kind;
	c->prompt.wrong = NULL;
	c->typed.candidates[0] = '\0';
	c->typed.at = c->typed.lines.n;
	if (kind == PROMPT_SECRET)
		c->secret.is_wanted = false; /* a choice each time */
	if (kind == PROMPT_FILTER) {
		line_set(&c->prompt.line, console_top(c)->filter);
		console_top(c)->is_filtering = true;
	}
	c->dirty = true;
}

void
prompt_close(struct console *c)
{
	line_clear(&c->prompt.line);
	secret_free(&c->prompt);
	request_fini(&c->prompt.act);
	c->prompt.kind = PROMPT_NONE;
	if (c->depth > 0)
		console_top(c)->is_filtering = false;
	c->dirty = true;
}

/* The row of the verb that these words run; NULL: there is none. "plan discard" has its own. */
const struct cmd *
command_verb(const struct console *c, const struct words *w)
{
	const struct cmd *found = NULL;

	for (const struct cmd *const *m = c->verbs; *m && w->n > 0; m++) {
		if (!streq((*m)->name, w->v[0]))
			continue;
		if (!(*m)->sub && !found)
			found = *m;
		if ((*m)->sub && w->n > 1 && streq((*m)->sub, w->v[1]))
			found = *m;
	}
	return found;
}

static bool
has_flag(const struct console *c, const struct words *w, unsigned flag)
{
	const struct cmd *m = command_verb(c, w);

	return m && (m->flags & flag) != 0;
}

/* Everything was asked but the passphrase. */
static void
confirmed(struct console *c)
{
	const bool signs = c->key_is_encrypted && has_flag(c, &c->prompt.act.argv, CMD_SIGNS);
	const char *kept = signs ? secret_get(&c->secret) : NULL;

	if (signs && !kept) {
		if (secret_make(c))
			prompt_open(c, PROMPT_SECRET);
		else
			prompt_close(c);
		return;
	}
	child_start(c, &c->prompt.act, kept, true);
	prompt_close(c);
}

void
prompt_again(struct console *c, const struct words *argv)
{
	request_fini(&c->prompt.act);
	for (size_t i = 0; i < argv->n; i++)
		words_add(&c->prompt.act.argv, argv->v[i]);
	c->prompt.act.replaces = true; /* the screen of the one that was refused */
	if (!secret_make(c)) {
		prompt_close(c);
		return;
	}
	prompt_open(c, PROMPT_SECRET);
	c->prompt.wrong = "that was not it; ";
}

/* What was shown last can be copied afterwards. */
static void
command_keep(struct console *c)
{
	cleanup_buf struct buf line = { 0 };

	words_show(&c->prompt.act.argv, &line);
	(void)snprintf(c->acts.command, sizeof(c->acts.command), "%.1199s", buf_cstr(&line));
}

void
prompt_run(struct console *c, struct view_request *r)
{
	request_fini(&c->prompt.act);
	c->prompt.act = *r;
	*r = (struct view_request){ 0 };
	command_keep(c);
	if (c->prompt.act.reads)
		confirmed(c);
	else
		prompt_open(c, c->prompt.act.protected_name[0] ? PROMPT_NAME : PROMPT_CONFIRM);
}

/* The commands that are screens. */
static bool
command_is_screen(struct console *c, const struct words *w)
{
	cleanup_buf struct buf arg = { 0 };

	if (w->n == 1 && (streq(w->v[0], "quit") || streq(w->v[0], "q")))
		c->quits = true;
	else if (w->n == 1 && console_screen_named(w->v[0]) != ACT_NONE)
		console_act(c, console_screen_named(w->v[0]));
	else if (w->n == 4 && ((streq(w->v[0], "promote") && streq(w->v[2], "--to")) ||
	                       (streq(w->v[0], "rollback") && streq(w->v[2], "--stage")))) {
		buf_addf(&arg, "%s %s %s", w->v[0], w->v[1], w->v[3]);
		console_open_view(c, "promote", buf_cstr(&arg), false);
	} else {
		return false;
	}
	return true;
}

/* A flag of these words, and no flag's value; in doubt it is none, and is asked. */
static bool
words_has(const struct words *w, const char *flag)
{
	for (size_t i = 1; i < w->n; i++)
		if (streq(w->v[i], flag) && !has_prefix(w->v[i - 1], "-"))
			return true;
	return false;
}

static void
command_run(struct console *c)
{
	struct view_request r = { 0 };
	struct err e = { 0 };
	const int rc = words_parse(&r.argv, c->prompt.line.text, &e);

	command_remember(c);
	prompt_close(c);
	if (rc < 0)
		notice_err(&c->shared.notices, &e);
	if (rc == 0 && r.argv.n > 0 && streq(r.argv.v[0], "slipway")) {
		/* pasted with the program's name in front */
		free(r.argv.v[0]);
		memmove(r.argv.v, r.argv.v + 1, r.argv.n * sizeof(*r.argv.v));
		r.argv.n--;
	}
	if (rc == 0 && r.argv.n > 0 && !command_is_screen(c, &r.argv)) {
		/* what only reads was asked for by typing it */
		r.reads = !has_flag(c, &r.argv, CMD_CHANGES | CMD_CONFIRMS) ||
		          words_has(&r.argv, "--dry-run");
		if (!r.reads)
			act_protect(&r);
		if (has_flag(c, &r.argv, CMD_CONFIRMS) && !r.reads && !words_has(&r.argv, "--yes"))
			words_add(&r.argv, "--yes"); /* shown, and asked for here */
		prompt_run(c, &r);
	}
	request_fini(&r);
}

static void
filter_key(struct console *c, const struct key *k)
{
	struct view *v = console_top(c);

	if (k->code == K_ENTER) {
		prompt_close(c);
	} else if (k->code == K_UP || k->code == K_DOWN) {
		struct view_request r = { 0 };
		if (v->ops->action)
			(void)v->ops->action(v, k->code == K_UP ? ACT_UP : ACT_DOWN, &r);
	} else {
		char before[sizeof(v->filter)];
		memcpy(before, v->filter, sizeof(before));
		if (k->code == K_ESC)
			line_clear(&c->prompt.line);
		else if (!line_key(&c->prompt.line, k))
			return;
		if (str_copy(v->filter, sizeof(v->filter), c->prompt.line.text) < 0) {
			(void)str_copy(v->filter, sizeof(v->filter), before);
			line_set(&c->prompt.line, v->filter);
		}
		if (k->code == K_ESC)
			prompt_close(c);
		else if (streq(before, v->filter)) /* a page was pasted, and it is full */
			return;
		console_reload(c);
	}
	c->dirty = true;
}

static void
answer_take(struct console *c)
{
	struct prompt *p = &c->prompt;

	if (p->kind == PROMPT_COMMAND) {
		command_run(c);
	} else if (p->kind == PROMPT_NAME && !streq(p->line.text, p->act.protected_name)) {
		p->wrong = "that is not the name";
		line_clear(&p->line);
	} else if (p->kind == PROMPT_NAME) {
		confirmed(c);
	} else if (p->kind == PROMPT_FIELD) {
		field_take(c);
	} else if (p->kind == PROMPT_SECRET) {
		if (c->secret.is_wanted && !secret_keep(&c->secret, p->secret))
			notice_add(&c->shared.notices, true,
			           "raise the limit of locked memory (ulimit -l)",
			           "no locked memory: the passphrase is not remembered");
		child_start(c, &p->act, p->secret->text, true);
		prompt_close(c);
	}
}

void
prompt_key(struct console *c, const struct key *k)
{
	struct prompt *p = &c->prompt;

	c->dirty = true;
	if (p->kind == PROMPT_FILTER) {
		filter_key(c, k);
		return;
	}
	if (p->kind == PROMPT_MENU) {
		menu_key(c, k);
		return;
	}
	if (k->code == K_ESC) {
		prompt_close(c);
		return;
	}
	if (p->kind == PROMPT_CONFIRM || p->kind == PROMPT_QUIT) {
		const bool yes = k->code == K_CHAR && !k->is_pasted && streq(k->text, "y");
		if (yes && p->kind == PROMPT_QUIT)
			c->quits = true;
		if (yes && p->kind == PROMPT_CONFIRM)
			confirmed(c);
		else
			prompt_close(c);
		return;
	}
	if (k->code == K_ENTER && !k->is_pasted)
		answer_take(c);
	else if (k->code == K_TAB && p->kind == PROMPT_COMMAND)
		command_complete(c);
	else if ((k->code == K_UP || k->code == K_DOWN) && p->kind == PROMPT_COMMAND)
		command_recall(c, k->code == K_UP);
	else if (k->code == K_TAB && p->kind == PROMPT_SECRET)
		c->secret.is_wanted = !c->secret.is_wanted;
	else if (k->code == K_TAB && p->kind == PROMPT_FIELD)
		field_complete(c);
	else if (k->code == K_BACKSPACE && p->line.n == 0 && p->kind == PROMPT_COMMAND)
		prompt_close(c);
	else
		(void)line_key(p->kind == PROMPT_SECRET ? p->secret : &p->line, k);
}

size_t
prompt_rows(const struct console *c, size_t cols)
{
	cleanup_buf struct buf line = { 0 };

	if (c->prompt.kind == PROMPT_NONE || c->prompt.kind == PROMPT_FILTER ||
	    c->prompt.kind == PROMPT_MENU)
		return 0;
	if (c->prompt.kind == PROMPT_COMMAND && !c->typed.candidates[0] && c->rows >= USAGE_ROWS)
		command_usage(c, &line);
	if (c->prompt.kind == PROMPT_COMMAND)
		return c->typed.candidates[0] || line.n > 0 ? 2 : 1;
	if (c->prompt.kind == PROMPT_QUIT)
		return 1;
	if (c->prompt.kind == PROMPT_FIELD)
		return 2 + (c->prompt.wrong != NULL);
	words_show(&c->prompt.act.argv, &line);
	return 3 + (cols > 2 ? line.n / (cols - 2) : 0);
}

const char *
prompt_hint(const struct console *c)
{
	static const char *const hints[] = {
		[PROMPT_COMMAND] = "Enter runs it  Tab completes  Esc leaves",
		[PROMPT_FILTER] = "Enter keeps the filter  Esc clears it",
		[PROMPT_CONFIRM] = "Esc leaves nothing changed",
		[PROMPT_NAME] = "type the name, Enter runs  Esc leaves",
		[PROMPT_SECRET] = "Tab keeps it 5 minutes  Esc leaves",
		[PROMPT_FIELD] = "Enter goes on  Esc leaves",
		[PROMPT_MENU] = "Enter or its letter chooses  Esc leaves",
		[PROMPT_QUIT] = "Esc leaves nothing changed",
	};

	if (c->prompt.kind == PROMPT_FIELD && field_is_path(c))
		return "Enter goes on  Tab completes  Esc leaves";
	return hints[c->prompt.kind];
}

/* A field whose end stays in sight. */
static void
field_draw(const struct prompt *p, const struct area *a, size_t row, size_t col)
{
	const size_t room = a->cols > col + 1 ? a->cols - col - 1 : 1;
	const char *from = p->line.text;

	while (paint_width(from) > room && *from)
		from++;
	while (((unsigned char)*from & 0xc0) == 0x80)
		from++;
	const size_t end = paint_text(a, row, col, INK_TEXT, from);
	const struct str behind = { p->line.text + p->line.at, p->line.n - p->line.at };
	cleanup_free char *tail = xstrndup(behind.p, behind.n);
	const size_t w = paint_width(tail);
	paint_cursor(a, row, end > w ? end - w : col, true);
}

static void
question_draw(const struct console *c, const struct area *a)
{
	const struct prompt *p = &c->prompt;
	cleanup_buf struct buf line = { 0 };
	const size_t last = a->rows - 1;
	size_t col;

	paint_rule(a, 0, "runs");
	words_show(&p->act.argv, &line);
	paint_prose(a, 1, 1, INK_HEAD, buf_cstr(&line));
	if (p->kind == PROMPT_CONFIRM) {
		col = paint_text(
		        a, last, 1, INK_WAIT,
		        a->cols >= 60 ? "run this? y runs it, any other key leaves nothing changed "
		                      : "run this? y / N ");
		paint_cursor(a, last, col, true);
	} else if (p->kind == PROMPT_NAME) {
		const char *what = p->act.protected_what ? p->act.protected_what : "model";
		if (p->wrong)
			col = paint_text(a, last, 1, INK_BAD, p->wrong);
		else
			col = paintf(a, last, 1, INK_WAIT,
			             a->cols >= 60 ? "type the %s's name, then Enter"
			                           : "the %s's name",
			             what);
		col = paint_text(a, last, col, INK_WAIT, ": ");
		field_draw(p, a, last, col);
	} else {
		col = paint_text(a, last, 1, INK_BAD, p->wrong ? p->wrong : "");
		col = paintf(a, last, col, INK_WAIT,
		             a->cols >= 60 ? "passphrase of %s's key (not shown%s): "
		                           : "passphrase%.0s%s: ",
		             c->shared.who, c->secret.is_wanted ? ", kept 5 minutes" : "");
		paint_cursor(a, last, col, true);
	}
}

void
prompt_draw(const struct console *c, const struct area *a)
{
	size_t col;

	if (a->rows == 0)
		return;
	paint_blank(a);
	if (c->prompt.kind == PROMPT_COMMAND) {
		const size_t last = a->rows - 1;
		cleanup_buf struct buf usage = { 0 };
		command_usage(c, &usage);
		if (last > 0)
			(void)paint_fit(a, 0, 1, a->cols - 1, INK_DIM, TEXT_CUT_END,
			                c->typed.candidates[0] ? c->typed.candidates
			                                       : buf_cstr(&usage));
		col = paint_text(a, last, 0, INK_KEY, ":");
		field_draw(&c->prompt, a, last, col);
	} else if (c->prompt.kind == PROMPT_QUIT) {
		col = paint_text(a, 0, 1, INK_WAIT,
		                 "a command still runs and would end: leave? y / N ");
		paint_cursor(a, 0, col, true);
	} else if (c->prompt.kind == PROMPT_FIELD) {
		const size_t last = a->rows - 1;
		if (last > 0)
			paint_rule(a, 0, field_ask(c));
		if (c->prompt.wrong && last > 1)
			(void)paint_fit(a, last - 1, 1, a->cols - 1, INK_BAD, TEXT_CUT_MIDDLE,
			                c->prompt.wrong);
		col = paint_text(a, last, 1, INK_WAIT, "> ");
		field_draw(&c->prompt, a, last, col);
	} else {
		question_draw(c, a);
	}
}
