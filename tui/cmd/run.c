/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command from argv to exit status: settings, words, the registry that the row's flags ask for,
 * the verb, what is left to print. Errors are shown here and nowhere else.
 */
#include "tui/cmd/cmd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "registry/base/json.h"
#include "registry/near.h"
#include "registry/store.h"
#include "tui/cmd/help.h"
#include "tui/cmd/parse.h"

/* A reader that went away is found by write(), in the one place that prints. */
static void
ignore_sigpipe(void)
{
	struct sigaction sa = { .sa_handler = SIG_IGN };

	sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGPIPE, &sa, NULL);
}

/* A fault in the database, whichever verb meets it, ends as an error does. */
static void
expect_damage(struct out *o)
{
	struct err e = { 0 };

	(void)err_set(&e, ERR_STORE, "the database is damaged, or its disk fails");
	(void)err_hint(&e, "slipway rebuild makes it anew from the log");
	out_last_prepare(o, &e);
	store_on_damage(out_last);
}

static void
warn_odd(const struct conf_odd *odd)
{
	struct near near = { .wanted = odd->key };
	char names[160];

	for (const struct conf_key *k = conf_keys; k->name; k++)
		near_offer(&near, k->name);
	if (near_text(&near, names, sizeof names))
		message(MESSAGE_WARNING, "%s: unknown key \"%s\"; did you mean %s?", odd->where,
		        odd->key, names);
	else
		message(MESSAGE_WARNING, "%s: unknown key \"%s\"", odd->where, odd->key);
}

static int
use_settings(struct app *a, struct err *e)
{
	const char *const ci = getenv("CI");
	enum out_format f;
	int rc;

	a->no_input = ci && *ci;
	rc = conf_load(&a->conf, e);
	if (rc < 0)
		return rc;
	if (a->conf.output && out_parse_format(a->conf.output, &f) == 0)
		out_set_format(a->out, f);
	if (a->conf.color && streq(a->conf.color, "never"))
		out_set_color(a->out, COLOR_NEVER);
	else if (a->conf.color && streq(a->conf.color, "always"))
		out_set_color(a->out, COLOR_ALWAYS);
	return 0;
}

/* Line by line, as a note is one line. */
static void
note_help(struct app *a)
{
	cleanup_buf struct buf text = { 0 };

	help_all(&text);
	for (const char *p = buf_cstr(&text), *lf; (lf = strchr(p, '\n')) != NULL; p = lf + 1)
		out_note(a->out, "%.*s", (int)(lf - p), p);
}

/* The words that stand for none: the console on a terminal, as far as this program has one. */
static int
without_verb(struct app *a, const struct parsed *p, const struct cmd **ret, struct err *e)
{
	const char *const word = p->wants_version ? "version" : p->wants_help ? "help" : "console";
	struct err unknown = { 0 };
	size_t words;

	if (streq(word, "console") && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) {
		note_help(a);
		return err_set(e, ERR_USAGE,
		               "no command, and this is not a terminal for the console");
	}
	if (parse_verb(&word, 1, ret, &words, &unknown) < 0) {
		note_help(a);
		return err_set(e, ERR_USAGE, "no command");
	}
	return 0;
}

static int
check_dry_run(const struct app *a, const struct cmd *c, struct err *e)
{
	char full[64];

	if (!a->dry_run || !(c->flags & (CMD_CHANGES | CMD_WRITES_FILES)) ||
	    (c->flags & CMD_DRY_RUN))
		return 0;
	cmd_full_name(c, full, sizeof full);
	return err_set(e, ERR_USAGE, "%s has no dry run: nothing was done", full);
}

static int
run(struct app *a, struct parsed *p, struct err *e)
{
	int rc;

	if (!p->cmd) {
		rc = without_verb(a, p, &p->cmd, e);
		if (rc < 0)
			return rc;
	} else if (p->wants_help) {
		help_verb(a->out, p->cmd);
		return 0;
	}
	p->args.cmd = p->cmd;
	rc = check_dry_run(a, p->cmd, e);
	if (rc == 0 && (p->cmd->flags & CMD_READS))
		rc = app_open(a, (p->cmd->flags & CMD_CHANGES) && !a->dry_run ? REGISTRY_WRITE :
		                                                              REGISTRY_READ, e);
	return rc < 0 ? rc : p->cmd->run(a, &p->args, e);
}

static int
finish(struct app *a, const struct err *e)
{
	struct err last = *e;

	if (last.code == ERR_OK && out_flush(a->out) < 0)
		(void)err_sys(&last, "write the output");
	if (last.code != ERR_OK)
		out_error(a->out, &last);
	registry_close(a->registry);
	out_free(a->out);
	conf_fini(&a->conf);
	return err_exit_status(&last);
}

static bool
works_anyway(const struct parsed *p)
{
	return p->wants_help || p->wants_version ||
	       (p->cmd && (p->cmd->flags & CMD_ANY_SETTINGS));
}

int
cmd_main(int argc, char **argv)
{
	struct app a = { .out = out_new(STDOUT_FILENO, STDERR_FILENO), .passphrase_fd = -1 };
	struct parsed p = { 0 };
	struct err e = { 0 }, unset = { 0 };
	int rc;

	ignore_sigpipe();
	out_message_sink(a.out);
	expect_damage(a.out);
	if (crypto_init() < 0) {
		(void)err_set(&e, ERR_BUG, "the cryptographic library does not start");
		return finish(&a, &e);
	}
	json_start();
	(void)use_settings(&a, &unset);
	rc = parse(&a, (const char *const *)argv + 1, argc > 0 ? (size_t)argc - 1 : 0, &p, &e);
	vec_foreach (odd, &a.conf.odd)
		warn_odd(odd);
	if (rc == 0 && unset.code != ERR_OK && !works_anyway(&p)) {
		e = unset;
		rc = -(int)e.code;
	}
	if (rc == 0)
		rc = run(&a, &p, &e);
	parse_fini(&p);
	if (rc < 0 && e.code == ERR_OK)
		(void)err_set(&e, ERR_BUG, "a step failed without saying why (%d)", rc);
	if (rc == 0)
		err_clear(&e);
	return finish(&a, &e);
}
