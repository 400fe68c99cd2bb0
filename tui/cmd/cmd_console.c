/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console: the screens. What stands for no words at all on a terminal. They are a private module
 * beside the program, loaded here, so that no other verb pays for curses at its start.
 */
#include "tui/cmd/cmd.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "tui/console.h"

static int
load(console_fn **ret, struct err *e)
{
	cleanup_free char *path = NULL;
	void *handle, *symbol;
	int rc;

	rc = fs_sibling("slipway-console.so", &path, e);
	if (rc < 0)
		return rc;
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	symbol = handle ? dlsym(handle, "console_main") : NULL;
	if (!symbol)
		return err_set(e, ERR_SYS, "cannot load the screens: %s", dlerror());
	*ret = __extension__(console_fn *) symbol; /* stays loaded as long as the process */
	return 0;
}

static int
run_console(struct app *a, const struct args *in, struct err *e)
{
	const struct console_start start = {
		.linear = arg_flag(in, "--linear") ? "--linear was given"
		          : a->conf.console && streq(a->conf.console, "linear")
		                  ? "the settings say so"
		                  : NULL,
		.screen = arg_value(in, "--screen"),
	};
	console_fn *console;
	int rc;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		(void)err_set(e, ERR_USAGE, "this is not a terminal for the console");
		return err_hint(e, "slipway list shows the same models");
	}
	rc = load(&console, e);
	return rc < 0 ? rc : console(a, cmds, &start, e);
}

static const struct opt opts[] = {
	{ "--linear", 0, NULL, "plain numbered lines: for screen readers and serial lines", false },
	{ "--screen", 0, "NAME", "begin with this one: jobs, plans, board, targets, ..", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_console = {
	.name = "console",
	.args = "",
	.summary = "the screens; also what stands for no command on a terminal",
	.group = "start",
	.opts = opts,
	.examples = "  slipway console --linear\n"
	            "  slipway console --screen jobs\n",
	.run = run_console,
};
