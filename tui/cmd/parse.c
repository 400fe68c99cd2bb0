/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line, read in one pass: global flags stand anywhere, "--" ends options, a value comes
 * behind "=" or as the next word. What is not known is answered with what is nearest to it.
 */
#include "tui/cmd/parse.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/base/str.h"
#include "registry/base/text.h"
#include "registry/entry.h"
#include "registry/near.h"

#define TIMEOUT_MAX_MS (UINT64_C(1000) * 3600 * 24 * 365)

const struct opt global_opts[] = {
	{ "--registry", 'R', "DIR", "the registry's folder", false },
	{ "--output", 'o', "FORMAT", "text, wide, tsv, name, json or ndjson", false },
	{ "--quiet", 'q', NULL, "no notes on stderr", false },
	{ "--verbose", 'v', NULL, "more notes on stderr", false },
	{ "--color", 0, "WHEN", "auto, always or never", false },
	{ "--progress", 0, "HOW", "auto, bar, line, json or none", false },
	{ "--dry-run", 0, NULL, "say what would change, change nothing", false },
	{ "--yes", 0, NULL, "do not ask for confirmation", false },
	{ "--confirm", 0, "NAME", "confirm for a protected stage of NAME", false },
	{ "--no-input", 0, NULL, "never prompt", false },
	{ "--timeout", 0, "TIME", "give up waiting after 30s, 5m, 2h", false },
	{ "--detach", 0, NULL, "do not wait for the job that was begun", false },
	{ "--reason", 0, "TEXT", "why, for the log", false },
	{ "--trust-owner", 0, NULL, "trust the owner of this registry from now on", false },
	{ "--key", 0, "NAME", "sign with this key: its name or fingerprint", false },
	{ "--passphrase-fd", 0, "N", "read the passphrase from this descriptor", false },
	{ "--log-file", 0, "FILE", "append notes, warnings and errors to this file", false },
	{ "--help", 'h', NULL, "help about this command", false },
	{ "--version", 0, NULL, "the program's version", false },
	{ NULL, 0, NULL, NULL, false },
};

void
cmd_full_name(const struct cmd *c, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s%s%s", c->name, c->sub ? " " : "", c->sub ? c->sub : "");
}

/* --- values of global flags --- */

static int
bad_value(const char *name, const char *value, const char *values, struct err *e)
{
	(void)err_set(e, ERR_USAGE, "\"%s\" is no value for %s", value, name);
	return err_hint(e, "%s", values);
}

static int
index_of(const char *const *names, size_t n, const char *value)
{
	for (size_t i = 0; i < n; i++)
		if (streq(names[i], value))
			return (int)i;
	return -1;
}

static int
set_output(struct app *a, const char *name, const char *value, struct err *e)
{
	enum out_format f;

	if (out_parse_format(value, &f) < 0)
		return bad_value(name, value, "text, wide, tsv, name, json or ndjson", e);
	out_set_format(a->out, f);
	return 0;
}

static int
set_color(struct app *a, const char *name, const char *value, struct err *e)
{
	static const char *const names[] = { "auto", "always", "never" };
	const int i = index_of(names, COUNT(names), value);

	if (i < 0)
		return bad_value(name, value, "auto, always or never", e);
	out_set_color(a->out, (enum out_color)i);
	return 0;
}

static int
set_progress(struct app *a, const char *name, const char *value, struct err *e)
{
	static const char *const names[] = { "auto", "bar", "line", "json", "none" };
	const int i = index_of(names, COUNT(names), value);

	if (i < 0)
		return bad_value(name, value, "auto, bar, line, json or none", e);
	out_set_progress(a->out, (enum out_progress)i);
	return 0;
}

static int
set_dry_run(struct app *a, const char *name, const char *value, struct err *e)
{
	if (*value && !streq(value, "client") && !streq(value, "server"))
		return bad_value(name, value, "client or server", e);
	a->dry_run = true;
	return 0;
}

static int
set_timeout(struct app *a, const char *name, const char *value, struct err *e)
{
	if (parse_duration_ms(value, &a->timeout_ms) < 0 || a->timeout_ms == 0 ||
	    a->timeout_ms > TIMEOUT_MAX_MS)
		return bad_value(name, value, "90s, 5m, 2h or a number of seconds", e);
	return 0;
}

static int
set_passphrase_fd(struct app *a, const char *name, const char *value, struct err *e)
{
	uint64_t fd;

	if (parse_u64(value, 1u << 20, &fd) < 0)
		return bad_value(name, value, "the number of an open descriptor, as in 3<file", e);
	/* looked at now: later the number may be that of a file which this program opened */
	if (fcntl((int)fd, F_GETFD) < 0) {
		(void)err_set(e, ERR_USAGE, "descriptor %d of %s is not open", (int)fd, name);
		return err_hint(e, "give an open one: --passphrase-fd 3 3<FILE");
	}
	a->passphrase_fd = (int)fd;
	return 0;
}

static int
set_reason(struct app *a, const char *name, const char *value, struct err *e)
{
	const size_t n = strlen(value);

	if (n == 0 || n > ENTRY_REASON_MAX || !text_is_utf8(str_of(value))) {
		(void)err_set(e, ERR_USAGE, "the value of %s is empty, too long or not UTF-8",
		              name);
		return err_hint(e, "say why in at most %d bytes", ENTRY_REASON_MAX);
	}
	a->reason = value;
	return 0;
}

static int
set_log_file(struct app *a, const char *name, const char *value, struct err *e)
{
	if (!*value)
		return bad_value(name, value, "the path of a file", e);
	return out_log_open(a->out, value, e);
}

static int
set_global(struct app *a, const struct opt *o, const char *value, struct parsed *p, struct err *e)
{
	static const struct {
		const char *name;
		int (*set)(struct app *a, const char *name, const char *value, struct err *e);
	} parsed_values[] = {
		{ "--output", set_output },     { "--color", set_color },
		{ "--progress", set_progress }, { "--dry-run", set_dry_run },
		{ "--timeout", set_timeout },   { "--passphrase-fd", set_passphrase_fd },
		{ "--reason", set_reason },     { "--log-file", set_log_file },
	};
	const struct {
		const char *name;
		const char **value;
		bool *is_on;
	} plain[] = {
		{ "--registry", &a->registry_dir, NULL }, { "--confirm", &a->confirm, NULL },
		{ "--key", &a->key, NULL },
		{ "--yes", NULL, &a->yes },               { "--no-input", NULL, &a->no_input },
		{ "--detach", NULL, &a->detach },         { "--help", NULL, &p->wants_help },
		{ "--trust-owner", NULL, &a->trust_owner },
		{ "--version", NULL, &p->wants_version },
	};

	for (size_t i = 0; i < COUNT(parsed_values); i++)
		if (streq(o->name, parsed_values[i].name))
			return parsed_values[i].set(a, o->name, value, e);
	for (size_t i = 0; i < COUNT(plain); i++) {
		if (!streq(o->name, plain[i].name))
			continue;
		if (plain[i].value)
			*plain[i].value = value;
		else
			*plain[i].is_on = true;
		return 0;
	}
	out_set_quiet(a->out, streq(o->name, "--quiet") ? 1 : -1);
	return 0;
}

/* --- options --- */

static const struct opt *
find_in(const struct opt *list, const char *name, size_t n, char letter)
{
	for (const struct opt *o = list; o && o->name; o++) {
		if (letter ? o->letter == letter : strlen(o->name) == n && strncmp(o->name, name,
			n) == 0)
			return o;
	}
	return NULL;
}

static int
unknown_opt(const struct cmd *c, const char *word, struct err *e)
{
	cleanup_free char *name = xstrndup(word, strcspn(word, "="));
	struct near near = { .wanted = name };
	char full[64] = "", names[160];

	for (const struct opt *o = c ? c->opts : NULL; o && o->name; o++)
		near_offer(&near, o->name);
	for (const struct opt *o = global_opts; o->name; o++)
		near_offer(&near, o->name);
	if (c)
		cmd_full_name(c, full, sizeof full);
	(void)err_set(e, ERR_USAGE, "unknown flag \"%s\"%s%s", name, c ? " of " : "", full);
	if (near_text(&near, names, sizeof names))
		return err_hint(e, "did you mean %s?", names);
	return err_hint(e, "see `slipway help%s%s`", c ? " " : "", full);
}

struct reader {
	struct app *app;
	const char *const *argv;
	size_t n, at; /* argv[at] is the next word */
	const struct cmd *cmd;
	struct parsed *ret;
	VEC(const char *) words;
	size_t opts_cap;
};

static int
keep_opt(struct reader *r, const struct opt *o, const char *value, struct err *e)
{
	struct args *const a = &r->ret->args;

	if (!o->many && arg_value(a, o->name) && o->arg)
		return err_set(e, ERR_USAGE, "%s is given twice", o->name);
	if (a->opts_n == r->opts_cap)
		a->opts = vec_grow_(a->opts, &r->opts_cap, a->opts_n + 1, sizeof *a->opts);
	a->opts[a->opts_n].opt = o;
	a->opts[a->opts_n++].value = value;
	return 0;
}

/* A value may be part of the word ("--n=3", "-n3"): attached, else NULL. */
static int
take_opt(struct reader *r, const struct opt *o, bool is_global, const char *attached, struct err *e)
{
	const char *value = attached;

	if (o->arg && !value) {
		if (r->at == r->n) {
			(void)err_set(e, ERR_USAGE, "%s needs a value", o->name);
			return err_hint(e, "%s %s: %s", o->name, o->arg, o->text);
		}
		value = r->argv[r->at++];
	}
	if (!o->arg && value && !streq(o->name, "--dry-run"))
		return err_set(e, ERR_USAGE, "%s takes no value", o->name);
	value = value ? value : "";
	return is_global ? set_global(r->app, o, value, r->ret, e) : keep_opt(r, o, value, e);
}

static int
read_flag(struct reader *r, const char *word, struct err *e)
{
	const bool is_long = word[1] == '-';
	const char *const eq = is_long ? strchr(word, '=') : NULL;
	const size_t n = eq ? (size_t)(eq - word) : strlen(word);
	const char letter = is_long ? '\0' : word[1];
	const struct opt *o = r->cmd ? find_in(r->cmd->opts, word, n, letter) : NULL;
	const bool is_global = o == NULL;

	if (!o)
		o = find_in(global_opts, word, n, letter);
	if (!o)
		return unknown_opt(r->cmd, word, e);
	if (is_long)
		return take_opt(r, o, is_global, eq ? eq + 1 : NULL, e);
	if (word[2] == '\0' || o->arg)
		return take_opt(r, o, is_global, word[2] ? word + 2 : NULL, e);
	return unknown_opt(r->cmd, word, e);
}

static bool
is_flag(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

/* --- verbs --- */

static int
unknown_verb(const char *verb, const char *sub, struct err *e)
{
	struct near near = { .wanted = sub ? sub : verb };
	char names[160];

	for (const struct cmd *const *c = cmds; *c; c++) {
		if (!sub)
			near_offer(&near, (*c)->name);
		else if (streq((*c)->name, verb) && (*c)->sub)
			near_offer(&near, (*c)->sub);
	}
	(void)err_set(e, ERR_USAGE, "unknown command \"%s%s%s\"", verb, sub ? " " : "", sub ?
	              sub : "");
	if (near_text(&near, names, sizeof names))
		return err_hint(e, "did you mean %s%s%s?", sub ? verb : "", sub ? " " : "", names);
	return err_hint(e, "see `slipway help`");
}

static int
missing_sub(const char *verb, struct err *e)
{
	cleanup_buf struct buf subs = { 0 };

	for (const struct cmd *const *c = cmds; *c; c++)
		if (streq((*c)->name, verb) && (*c)->sub)
			buf_addf(&subs, "%s%s", subs.n > 0 ? ", " : "", (*c)->sub);
	(void)err_set(e, ERR_USAGE, "\"%s\" is not a whole command", verb);
	return err_hint(e, "say what: %s %s", verb, buf_cstr(&subs));
}

int
parse_verb(const char *const *argv, size_t n, const struct cmd **ret, size_t *ret_words,
           struct err *e)
{
	const struct cmd *alone = NULL;
	bool is_group = false;

	for (const struct cmd *const *c = cmds; *c; c++) {
		if (!streq((*c)->name, argv[0]))
			continue;
		if (!(*c)->sub) {
			alone = *c;
			continue;
		}
		is_group = true;
		if (n > 1 && streq((*c)->sub, argv[1])) {
			*ret = *c;
			*ret_words = 2;
			return 0;
		}
	}
	if (alone) {
		*ret = alone;
		*ret_words = 1;
		return 0;
	}
	if (!is_group)
		return unknown_verb(argv[0], NULL, e);
	return n > 1 && !is_flag(argv[1]) ? unknown_verb(argv[0], argv[1], e) : missing_sub(argv[0],
		e);
}

static int
check_count(const struct parsed *p, struct err *e)
{
	const struct cmd *const c = p->cmd;
	char full[64];

	if (p->args.pos_n >= c->min_pos && p->args.pos_n <= c->max_pos)
		return 0;
	cmd_full_name(c, full, sizeof full);
	if (p->args.pos_n > c->max_pos)
		(void)err_set(e, ERR_USAGE, "%s: \"%s\" is one word too many", full,
		              p->args.pos[c->max_pos]);
	else
		(void)err_set(e, ERR_USAGE, "%s: something is missing", full);
	return err_hint(e, "slipway %s %s", full, c->args ? c->args : "");
}

/* Errors are shown in the format that was asked for, wherever in the line that was. */
static void
find_output(struct app *a, const char *const *argv, size_t n)
{
	struct err ignored = { 0 };

	for (size_t i = 0; i < n && !streq(argv[i], "--"); i++) {
		const char *value = NULL;
		if ((streq(argv[i], "-o") || streq(argv[i], "--output")) && i + 1 < n)
			value = argv[i + 1];
		else if (has_prefix(argv[i], "--output="))
			value = argv[i] + strlen("--output=");
		else if (has_prefix(argv[i], "-o"))
			value = argv[i] + 2;
		if (value)
			(void)set_output(a, "-o", value, &ignored);
	}
}

/* The same for the log: a line that is wrong before it comes to --log-file is logged too. */
static void
find_log_file(struct app *a, const char *const *argv, size_t n)
{
	struct err ignored = { 0 };

	for (size_t i = 0; i < n && !streq(argv[i], "--"); i++) {
		if (streq(argv[i], "--log-file") && i + 1 < n)
			(void)set_log_file(a, argv[i], argv[i + 1], &ignored);
		else if (has_prefix(argv[i], "--log-file="))
			(void)set_log_file(a, argv[i], argv[i] + strlen("--log-file="), &ignored);
	}
}

static int
read_words(struct reader *r, struct err *e)
{
	bool only_words = false;
	size_t taken;
	int rc = 0;

	while (rc == 0 && r->at < r->n) {
		const char *const word = r->argv[r->at++];
		if (!only_words && streq(word, "--")) {
			only_words = true;
		} else if (!only_words && is_flag(word)) {
			rc = read_flag(r, word, e);
		} else if (!r->cmd) {
			rc = parse_verb(r->argv + r->at - 1, r->n - r->at + 1, &r->cmd, &taken, e);
			r->at += rc == 0 ? taken - 1 : 0;
			r->ret->cmd = r->ret->args.cmd = r->cmd;
		} else {
			vec_push(&r->words, word);
		}
	}
	return rc;
}

int
parse(struct app *a, const char *const *argv, size_t n, struct parsed *ret, struct err *e)
{
	struct reader r = { .app = a, .argv = argv, .n = n, .ret = ret };
	int rc;

	*ret = (struct parsed){ 0 };
	find_output(a, argv, n);
	rc = read_words(&r, e);
	if (rc < 0)
		find_log_file(a, argv, n);
	ret->args.pos = r.words.v;
	ret->args.pos_n = r.words.n;
	if (rc == 0 && ret->cmd && !ret->wants_help)
		rc = check_count(ret, e);
	return rc;
}

void
parse_fini(struct parsed *p)
{
	free((void *)(uintptr_t)p->args.pos);
	free(p->args.opts);
	*p = (struct parsed){ 0 };
}

/* --- what a verb asks of its words --- */

const char *
arg_value(const struct args *a, const char *name)
{
	for (size_t i = a->opts_n; i > 0; i--)
		if (streq(a->opts[i - 1].opt->name, name))
			return a->opts[i - 1].value;
	return NULL;
}

bool
arg_flag(const struct args *a, const char *name)
{
	return arg_value(a, name) != NULL;
}

const char *
arg_next(const struct args *a, const char *name, size_t *i)
{
	while (*i < a->opts_n) {
		const size_t at = (*i)++;
		if (streq(a->opts[at].opt->name, name))
			return a->opts[at].value;
	}
	return NULL;
}
