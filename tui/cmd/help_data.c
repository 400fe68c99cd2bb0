/* SPDX-License-Identifier: Apache-2.0 */
/* Help for programs: the rows of the table of verbs as tables and objects, not as text. */
#include "tui/cmd/help.h"

#include "registry/base/str.h"
#include "tui/bindings.h"
#include "tui/cmd/parse.h"
#include "tui/term/keys.h"

void
help_list_verbs(struct out *o, const char *group)
{
	static const struct out_column columns[] = {
		{ "COMMAND", "name", OUT_LEFT, false, true },
		{ "WORDS", "words", OUT_LEFT, false, false },
		{ "GROUP", "group", OUT_LEFT, false, false },
		{ "SUMMARY", "summary", OUT_LEFT, false, false },
	};
	char full[64];

	out_table_begin(o, "CommandList", columns, COUNT(columns));
	for (const struct cmd *const *c = cmds; *c; c++) {
		if (group && !streq((*c)->name, group))
			continue;
		cmd_full_name(*c, full, sizeof full);
		out_cell(o, full);
		out_cell(o, (*c)->args ? (*c)->args : "");
		out_cell(o, (*c)->group);
		out_cell(o, (*c)->summary);
	}
	out_table_end(o);
}

static void
add_flags(struct json_out *j, const struct opt *list, const struct cmd *c)
{
	for (const struct opt *f = list; f && f->name; f++) {
		const char letter[] = { '-', f->letter, '\0' };
		if (!help_has(c, f))
			continue;
		jo_begin(j, NULL, '{');
		jo_string(j, "name", f->name);
		jo_string(j, "letter", f->letter ? letter : NULL);
		jo_string(j, "value", f->arg);
		jo_bool(j, "many", f->many);
		jo_string(j, "text", f->text);
		jo_end(j, '}');
	}
}

static void
show_verb(struct out *o, const struct cmd *c)
{
	struct json_out *j;
	char full[64];

	cmd_full_name(c, full, sizeof full);
	out_object_begin(o, "Command");
	j = out_object_json(o);
	if (j) {
		jo_string(j, "name", full);
		jo_string(j, "words", c->args ? c->args : "");
		jo_string(j, "group", c->group);
		jo_string(j, "summary", c->summary);
		jo_begin(j, "flags", '[');
		add_flags(j, c->opts, NULL);
		add_flags(j, global_opts, c);
		jo_end(j, ']');
	}
	out_object_end(o);
}

void
help_verb(struct out *o, const struct cmd *c)
{
	cleanup_buf struct buf text = { 0 };

	if (out_is_json(o)) {
		show_verb(o, c);
		return;
	}
	help_cmd(&text, c);
	out_raw(o, text.p, text.n);
}

void
help_list_exits(struct out *o)
{
	static const struct out_column columns[] = {
		{ "EXIT", "exit", OUT_RIGHT, false, false },
		{ "CODE", "code", OUT_LEFT, false, true },
		{ "MEANING", "text", OUT_LEFT, false, false },
	};

	out_table_begin(o, "ExitStatusList", columns, COUNT(columns));
#define X(name, status, meaning) \
	out_cell_u64(o, status); \
	out_cell(o, #name); \
	out_cell(o, meaning);
	ERR_CODES(X)
#undef X
	out_table_end(o);
}

static void
binding_wrong(void *arg, const struct err *e)
{
	struct app *a = arg;

	out_note(a->out, "%s", e->msg);
}

void
help_list_keys(struct app *a)
{
	static const struct out_column columns[] = {
		{ "ACTION", "action", OUT_LEFT, false, true },
		{ "KEYS", "keys", OUT_LEFT, false, false },
		{ "ON", "screens", OUT_LEFT, false, false },
		{ "WHAT", "text", OUT_LEFT, false, false },
	};

	bindings_take(&a->conf, binding_wrong, a);
	out_table_begin(a->out, "KeyBindingList", columns, COUNT(columns));
	for (enum action i = ACT_UP; i < ACT_COUNT; i++) {
		out_cell(a->out, action_name(i));
		out_cell(a->out, action_keys(i)[0] ? action_keys(i) : NULL);
		out_cell(a->out, action_screens(i));
		out_cell(a->out, action_text(i));
	}
	out_table_end(a->out);
}
