/* SPDX-License-Identifier: Apache-2.0 */
/* help and version: the two verbs that need nothing. */
#include "tui/cmd/cmd.h"

#include "tui/cmd/help.h"
#include "tui/cmd/parse.h"

static bool
is_group(const char *verb)
{
	for (const struct cmd *const *c = cmds; *c; c++)
		if (streq((*c)->name, verb) && (*c)->sub)
			return true;
	return false;
}

/* Text is for people; the other formats get data. */
static bool
is_for_people(const struct out *o)
{
	return out_format_of(o) == OUT_TEXT || out_format_of(o) == OUT_WIDE;
}

static void
help_many(struct out *o, const char *group)
{
	cleanup_buf struct buf text = { 0 };

	if (!is_for_people(o)) {
		help_list_verbs(o, group);
		return;
	}
	if (group)
		help_group(&text, group);
	else
		help_all(&text);
	out_raw(o, text.p, text.n);
}

static void
exits(struct out *o)
{
	cleanup_buf struct buf text = { 0 };

	if (!is_for_people(o)) {
		help_list_exits(o);
		return;
	}
	help_exits(&text);
	out_raw(o, text.p, text.n);
}

static int
run_help(struct app *a, const struct args *in, struct err *e)
{
	const struct cmd *c;
	size_t words;
	int rc;

	if (in->pos_n == 0) {
		help_many(a->out, NULL);
	} else if (streq(in->pos[0], "exit-codes")) {
		exits(a->out);
	} else if (streq(in->pos[0], "keys")) {
		help_list_keys(a);
	} else if (in->pos_n == 1 && is_group(in->pos[0])) {
		help_many(a->out, in->pos[0]);
	} else {
		rc = parse_verb(in->pos, in->pos_n, &c, &words, e);
		if (rc < 0)
			return rc;
		help_verb(a->out, c);
	}
	return 0;
}

static int
run_version(struct app *a, const struct args *in, struct err *e)
{
	struct json_out *j;

	(void)in;
	(void)e;
	out_object_begin(a->out, "ProgramVersion");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "version", SLIPWAY_VERSION);
		jo_u64(j, "registryFormat", REGISTRY_FORMAT);
	}
	out_object_end(a->out);
	out_text(a->out, "%s" SLIPWAY_VERSION "\n",
	         out_format_of(a->out) == OUT_NAME ? "" : "slipway ");
	return 0;
}

const struct cmd cmd_help = {
	.name = "help",
	.args = "[COMMAND | exit-codes | keys]",
	.summary = "this list, or help about one command",
	.group = "start",
	.max_pos = 2,
	.run = run_help,
};
const struct cmd cmd_version = {
	.name = "version",
	.args = "",
	.summary = "the program's version",
	.group = "start",
	.run = run_version,
};
