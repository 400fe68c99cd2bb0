/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of the program: the registry is opened once, at the place that flag, environment,
 * settings or default name, in this order; and the one way in which a verb asks before it does what
 * cannot be undone.
 */
#include "tui/app.h"

#include <stdlib.h>
#include <unistd.h>

#include "registry/base/str.h"

int
app_open(struct app *a, unsigned flags, struct err *e)
{
	const char *const env = getenv("SLIPWAY_REGISTRY");
	const char *dir = a->registry_dir;

	if (a->registry)
		return 0;
	if (!dir && !(env && *env))
		dir = a->conf.registry;
	return registry_open(dir, flags | (a->trust_owner ? REGISTRY_TRUST_OWNER : 0), &a->registry,
	                     e);
}

static void
pause_reading(void *arg)
{
	store_pause(arg);
}

int
app_read_begin(struct app *a, struct txn **ret, struct err *e)
{
	const int rc = store_read_begin(a->registry->store, ret, e);

	if (rc == 0)
		out_before_write(a->out, pause_reading, *ret);
	return rc;
}

void
app_read_end(struct app *a, struct txn *t)
{
	out_before_write(a->out, NULL, NULL);
	store_abort(t);
}

bool
app_is_interactive(const struct app *a)
{
	return !a->no_input && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static int
cannot_ask(const char *what, const char *line_to_use, struct err *e)
{
	(void)err_set(e, ERR_USAGE, "%s: this must be confirmed, and nobody can be asked here",
	              what);
	return err_hint(e, "%s", line_to_use);
}

static int
ask_name(struct app *a, const char *name, struct err *e)
{
	cleanup_free char *question = xasprintf("type \"%s\" to go on:", name);
	cleanup_buf struct buf answer = { 0 };
	int rc;

	rc = out_ask(a->out, question, &answer, e);
	if (rc < 0)
		return rc;
	if (!streq(buf_cstr(&answer), name))
		return err_set(e, ERR_DENIED, "not confirmed, nothing was changed");
	return 0;
}

static int
ask_yes(struct app *a, struct err *e)
{
	cleanup_buf struct buf answer = { 0 };
	int rc;

	rc = out_ask(a->out, "go on? [y/N]", &answer, e);
	if (rc < 0)
		return rc;
	if (!streq(buf_cstr(&answer), "y") && !streq(buf_cstr(&answer), "yes"))
		return err_set(e, ERR_DENIED, "not confirmed, nothing was changed");
	return 0;
}

int
app_confirm(struct app *a, const char *what, const char *protected_name, const char *line_to_use,
            struct err *e)
{
	if (a->confirm && protected_name && !streq(a->confirm, protected_name)) {
		(void)err_set(e, ERR_USAGE, "--confirm names \"%s\", this is about \"%s\"",
		              a->confirm, protected_name);
		return err_hint(e, "%s", line_to_use);
	}
	const bool is_named = !protected_name || a->confirm;
	if (a->yes && is_named)
		return 0;
	if (!app_is_interactive(a))
		return cannot_ask(what, line_to_use, e);
	out_note(a->out, "%s", what);
	return is_named ? ask_yes(a, e) : ask_name(a, protected_name, e);
}
