/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help is the table of verbs, laid out: nothing about a verb is written here. Headings come in the
 * order in which a person meets them; a group without a heading of its own comes last.
 */
#include "tui/cmd/help.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/str.h"
#include "tui/cmd/parse.h"

#define COLUMNS     80
#define NAME_COLUMN 26 /* where the second column begins */

static const char *const groups[] = { "start", "look",   "bring in", "take out",
	                              "trust", "deploy", "keep" };

static void
add_spaces(struct buf *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addc(b, ' ');
}

/* Words of s from column `at` on, wrapped to stand below column `indent`. */
static void
add_wrapped(struct buf *b, const char *s, size_t at, size_t indent)
{
	bool is_first = true;

	while (*s) {
		const size_t n = strcspn(s, " ");
		if (!is_first && at + 1 + n > COLUMNS) {
			buf_addc(b, '\n');
			add_spaces(b, indent);
			at = indent;
		} else if (!is_first) {
			buf_addc(b, ' ');
			at++;
		}
		buf_add(b, s, n);
		at += n;
		is_first = false;
		s += n + strspn(s + n, " ");
	}
	buf_addc(b, '\n');
}

static void
add_row(struct buf *b, const char *name, const char *text)
{
	const size_t n = strlen(name);

	buf_adds(b, "  ");
	buf_adds(b, name);
	if (n + 4 > NAME_COLUMN) {
		buf_addc(b, '\n');
		add_spaces(b, NAME_COLUMN);
	} else {
		add_spaces(b, NAME_COLUMN - 2 - n);
	}
	add_wrapped(b, text, NAME_COLUMN, NAME_COLUMN);
}

static bool
has_heading(const char *group)
{
	for (size_t i = 0; i < COUNT(groups); i++)
		if (streq(groups[i], group))
			return true;
	return false;
}

/* heading NULL: what has none of ours. */
static void
add_group(struct buf *b, const char *heading)
{
	bool is_open = false;
	char full[64];

	for (const struct cmd *const *c = cmds; *c; c++) {
		if (heading ? !streq((*c)->group, heading) : has_heading((*c)->group))
			continue;
		if (!is_open)
			buf_addf(b, "\n%s\n", heading ? heading : "more");
		is_open = true;
		cmd_full_name(*c, full, sizeof full);
		add_row(b, full, (*c)->summary);
	}
}

bool
help_has(const struct cmd *c, const struct opt *o)
{
	static const struct {
		const char *name;
		unsigned flag;
	} needs[] = {
		{ "--dry-run", CMD_DRY_RUN },     { "--yes", CMD_CONFIRMS },
		{ "--confirm", CMD_PROTECTED },   { "--timeout", CMD_WAITS },
		{ "--detach", CMD_WAITS },        { "--reason", CMD_REASON },
		{ "--passphrase-fd", CMD_SIGNS }, { "--key", CMD_SIGNS },
	};

	for (size_t i = 0; c && i < COUNT(needs); i++)
		if (streq(needs[i].name, o->name))
			return (c->flags & needs[i].flag) != 0;
	return true;
}

/* c: only what means something for it; NULL: all. */
static void
add_opts(struct buf *b, const char *heading, const struct opt *list, const struct cmd *c)
{
	char name[64];

	if (!list || !list->name)
		return;
	buf_addf(b, "\n%s\n", heading);
	for (const struct opt *o = list; o->name; o++) {
		if (!help_has(c, o))
			continue;
		const char letter[5] = { '-', o->letter, ',', ' ', '\0' };
		(void)snprintf(name, sizeof name, "%s%s%s%s", o->letter ? letter : "", o->name,
		               o->arg ? " " : "", o->arg ? o->arg : "");
		add_row(b, name, o->text);
	}
}

/* One a line, indented here and not by each row. */
static void
add_examples(struct buf *b, const char *text)
{
	buf_adds(b, "\nexamples\n");
	while (*text) {
		const size_t n = strcspn(text, "\n");
		const size_t blank = strspn(text, " ");

		buf_addf(b, "  %.*s\n", (int)(n - (blank < n ? blank : n)),
		         text + (blank < n ? blank : n));
		text += n + (text[n] == '\n');
	}
}

void
help_all(struct buf *ret)
{
	buf_adds(ret, "slipway: a registry of models and a console to deploy them\n\n"
	              "usage: slipway COMMAND [WORDS] [FLAGS]\n"
	              "       slipway                    the console, on a terminal\n");
	for (size_t i = 0; i < COUNT(groups); i++)
		add_group(ret, groups[i]);
	add_group(ret, NULL);
	add_opts(ret, "flags of every command for which they mean something", global_opts, NULL);
	buf_adds(ret,
	         "\nA version is NAME@v3, NAME@staging, NAME@latest or NAME@sha256:9f2c41d07b3e.\n"
	         "More: slipway help COMMAND, slipway help exit-codes\n");
}

void
help_group(struct buf *ret, const char *verb)
{
	char full[64];

	buf_addf(ret, "usage: slipway %s WHAT\n\n", verb);
	for (const struct cmd *const *c = cmds; *c; c++) {
		if (!streq((*c)->name, verb))
			continue;
		cmd_full_name(*c, full, sizeof full);
		add_row(ret, full, (*c)->summary);
	}
}

void
help_cmd(struct buf *ret, const struct cmd *c)
{
	cleanup_buf struct buf usage = { 0 };
	char full[64];

	cmd_full_name(c, full, sizeof full);
	buf_addf(&usage, "slipway %s", full);
	if (c->args && *c->args)
		buf_addf(&usage, " %s", c->args);
	buf_adds(&usage, " [FLAGS]");
	buf_adds(ret, "usage: ");
	add_wrapped(ret, buf_cstr(&usage), 7, 15);
	buf_addc(ret, '\n');
	add_wrapped(ret, c->summary, 0, 0);
	add_opts(ret, "flags", c->opts, NULL);
	add_opts(ret, "flags of every command", global_opts, c);
	if (c->examples)
		add_examples(ret, c->examples);
}

void
help_exits(struct buf *ret)
{
	char name[64];

	buf_adds(ret, "exit statuses and the error codes behind them\n\n");
	add_row(ret, "  0", "done, or already so");
#define X(code, status, text)                                       \
	(void)snprintf(name, sizeof name, "%3d %s", status, #code); \
	add_row(ret, name, text);
	ERR_CODES(X)
#undef X
}
