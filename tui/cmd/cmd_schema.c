/* SPDX-License-Identifier: Apache-2.0 */
/* schema: the JSON Schema of an output or a document, and which there are. */
#include "tui/cmd/cmd.h"

#include "registry/near.h"
#include "tui/cmd/schema.h"

static const struct out_column columns[] = {
	{ "SCHEMA", "name", OUT_LEFT, false, true },
	{ "OF", "text", OUT_LEFT, false, false },
};

static void
row(void *arg, const char *kind, const char *text)
{
	struct out *const o = arg;

	out_cell(o, kind);
	out_cell(o, text);
}

static void
offer(void *arg, const char *kind, const char *text)
{
	(void)text;
	near_offer(arg, kind);
}

static int
list(struct app *a)
{
	out_table_begin(a->out, "SchemaList", columns, COUNT(columns));
	schema_each(row, a->out);
	out_table_end(a->out);
	return 0;
}

/* Two spaces a level for people; a program gets the same in one line. */
static void
print(struct out *o, const json_t *schema)
{
	cleanup_buf struct buf text = { 0 };
	struct json_out j = { .b = &text };

	if (out_is_json(o))
		jo_value(&j, NULL, schema);
	else
		json_pretty(schema, &text);
	buf_addc(&text, '\n');
	out_raw(o, text.p, text.n);
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	struct near near = { 0 };
	cleanup_json json_t *schema = NULL;
	char names[160];
	int rc;

	if (in->pos_n == 0)
		return list(a);
	rc = schema_make(in->pos[0], &schema, e);
	if (rc == 0) {
		print(a->out, schema);
		return 0;
	}
	near.wanted = in->pos[0];
	schema_each(offer, &near);
	if (near_text(&near, names, sizeof names))
		return err_hint(e, "did you mean %s?", names);
	return err_hint(e, "slipway schema lists them");
}

const struct cmd cmd_schema = {
	.name = "schema",
	.args = "[KIND]",
	.summary = "print the JSON Schema of an output or a document",
	.group = "start",
	.max_pos = 1,
	.flags = CMD_ANY_SETTINGS,
	.run = run,
	.examples = "  slipway schema\n"
	            "  slipway schema ModelList\n",
};
