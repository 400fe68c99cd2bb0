/* SPDX-License-Identifier: Apache-2.0 */
/* console: the screens. What stands for no words at all on a terminal. */
#include "tui/cmd/cmd.h"

#include <unistd.h>

#include "tui/console.h"

static int
run_console(struct app *a, const struct args *in, struct err *e)
{
	(void)in;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		(void)err_set(e, ERR_USAGE, "this is not a terminal for the console");
		return err_hint(e, "slipway list shows the same models");
	}
	return console_main(a, e);
}

const struct cmd cmd_console = {
	.name = "console",
	.args = "",
	.summary = "the screens; also what stands for no command on a terminal",
	.group = "start",
	.run = run_console,
};
