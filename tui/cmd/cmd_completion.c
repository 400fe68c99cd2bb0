/* SPDX-License-Identifier: Apache-2.0 */
/* completion: the script for a shell on stdout; nothing is installed here. */
#include "tui/cmd/cmd.h"

#include "tui/cmd/completion.h"

static int
run(struct app *a, const struct args *in, struct err *e)
{
	cleanup_buf struct buf script = { 0 };

	if (completion_script(in->pos[0], &script) < 0) {
		(void)err_set(e, ERR_USAGE, "there is no completion for \"%s\"", in->pos[0]);
		return err_hint(e, "bash, zsh or fish");
	}
	out_raw(a->out, script.p, script.n);
	return 0;
}

const struct cmd cmd_completion = {
	.name = "completion",
	.args = "SHELL",
	.summary = "print the script that completes commands in bash, zsh or fish",
	.group = "start",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_ANY_SETTINGS,
	.run = run,
	.examples = "  source <(slipway completion bash)\n"
	            "  slipway completion fish > ~/.config/fish/completions/slipway.fish\n",
};
