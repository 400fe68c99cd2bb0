/* SPDX-License-Identifier: Apache-2.0 */
/* note: a text about a version or, for a bare NAME, about the model, for whoever looks later. */
#include "tui/cmd/cmd.h"

#include <string.h>

#include "registry/base/text.h"
#include "registry/change.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"

struct note {
	struct app *app;
	char model[NAME_SIZE];
	uint64_t number; /* 0: the model */
	const char *text;
	bool changed;
};

static int
check_text(const char *text, struct err *e)
{
	if (text[0] == '\0')
		(void)err_set(e, ERR_USAGE, "note: there is nothing in it");
	else if (strlen(text) >= NOTE_SIZE)
		(void)err_set(e, ERR_USAGE, "note: it is longer than %d bytes", NOTE_SIZE - 1);
	else if (!text_is_utf8(str_of(text)))
		(void)err_set(e, ERR_USAGE, "note: it is not UTF-8");
	else
		return 0;
	return err_hint(e, "UTF-8 of 1 to %d bytes", NOTE_SIZE - 1);
}

static int
find(struct note *n, const char *text, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct version_row v = { 0 };
	struct model_row m;
	struct ref ref;
	int rc;

	rc = ref_parse(text, &ref, e);
	if (rc == 0)
		rc = store_read_begin(n->app->registry->store, &t, e);
	if (rc == 0)
		rc = ref_model(t, ref.model, &m, e);
	if (rc == 0 && ref.kind != REF_MODEL)
		rc = ref_resolve(t, &ref, &v, e);
	if (rc < 0)
		return rc;
	(void)str_copy(n->model, sizeof n->model, m.name);
	n->number = v.number;
	return 0;
}

static int
newest(void *arg, const struct note_row *v)
{
	struct note_row *const ret = arg;

	*ret = *v;
	return 1;
}

/* The same again is no news. */
static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct note *const n = arg;
	struct note_row last = { 0 };
	int rc;

	rc = note_each(t, n->model, n->number, newest, &last, e);
	if (rc < 0)
		return rc;
	if (rc == 1 && streq(last.text, n->text))
		return CHANGE_NONE;
	*ret_body = json_pack("{s:o, s:s}", "number",
	                      n->number ? json_integer((json_int_t)n->number) : json_null(),
	                      "text", n->text);
	return 0;
}

static void
show(const struct note *n)
{
	struct out *const o = n->app->out;
	char name[VERSION_NAME_SIZE];
	struct json_out *j;

	version_name(n->model, n->number, name);
	out_object_begin(o, "Note");
	j = out_object_json(o);
	if (j) {
		jo_string(j, "model", n->model);
		if (n->number > 0)
			jo_u64(j, "version", n->number);
		else
			jo_null(j, "version");
		jo_bool(j, "changed", n->changed);
	}
	out_object_end(o);
	out_text(o, "%s%s\n", n->number > 0 ? name : n->model,
	         out_format_of(o) == OUT_NAME ? "" : n->changed ? " noted" : " unchanged");
}

static int
run(struct app *app, const struct args *in, struct err *e)
{
	struct note n = { .app = app, .text = in->pos[1] };
	struct change_result done;
	int rc;

	rc = check_text(n.text, e);
	if (rc == 0)
		rc = find(&n, in->pos[0], e);
	if (rc < 0)
		return rc;
	const struct change c = { .type = "note", .model = n.model, .check = check, .arg = &n,
		                  .reason = app->reason };
	rc = change_commit(app->registry, &c, &done, e);
	if (rc < 0)
		return rc;
	n.changed = done.changed;
	show(&n);
	return 0;
}

const struct cmd cmd_note = {
	.name = "note",
	.args = "REF TEXT",
	.summary = "write a note about a version or model",
	.group = "bring in",
	.min_pos = 2,
	.max_pos = 2,
	.flags = CMD_READS | CMD_CHANGES | CMD_REASON,
	.run = run,
	.examples = "  slipway note fraud-ranker@v41 'trained again after the June outage'\n"
	            "  slipway note fraud-ranker 'ask ana before anything moves'\n",
};
