/* SPDX-License-Identifier: Apache-2.0 */
/* key list and key show: this person's keys on this machine. Needs no registry and no
 * passphrase. */
#include "tui/cmd/cmd.h"

#include "registry/keyring.h"
#include "registry/near.h"

static const struct out_column columns[] = {
	{ "NAME", "name", OUT_LEFT, false, true },
	{ "KEY", "key", OUT_LEFT, false, false },
	{ "FOR", "for", OUT_LEFT, false, false },
	{ "PASSPHRASE", "encrypted", OUT_LEFT, false, false },
};

static const char *
use_of(const struct keyring_item *k)
{
	return k->is_agent ? "agent" : k->is_log ? "log" : "person";
}

static int
row(void *arg, const struct keyring_item *k)
{
	struct out *const o = arg;

	out_cell(o, k->name);
	out_cell(o, k->id);
	out_cell(o, use_of(k));
	if (out_is_json(o))
		out_cell_json(o, NULL, k->is_encrypted ? json_true() : json_false());
	else
		out_cell(o, k->is_encrypted ? "yes" : "no");
	return 0;
}

static int
run_list(struct app *a, const struct args *in, struct err *e)
{
	int rc;

	(void)in;
	out_table_begin(a->out, "KeyList", columns, COUNT(columns));
	rc = keyring_each(row, a->out, e);
	out_table_end(a->out);
	return rc;
}

struct wanted {
	const char *name;
	struct keyring_item item;
	struct near near;
};

static int
find(void *arg, const struct keyring_item *k)
{
	struct wanted *const w = arg;

	near_offer(&w->near, k->name);
	if (!streq(k->name, w->name) && !streq(k->id, w->name))
		return 0;
	w->item = *k;
	return 1;
}

static int
find_key(const char *name, struct keyring_item *ret, struct err *e)
{
	struct wanted w = { .name = name, .near = { .wanted = name } };
	char names[200];
	int rc;

	rc = keyring_each(find, &w, e);
	if (rc < 0)
		return rc;
	if (rc > 0) {
		*ret = w.item;
		return 0;
	}
	(void)err_set(e, ERR_NOT_FOUND, "you have no key \"%s\" on this machine", name);
	if (near_text(&w.near, names, sizeof names))
		return err_hint(e, "did you mean %s?", names);
	return err_hint(e, "see `slipway key list`");
}

static int
run_show(struct app *a, const struct args *in, struct err *e)
{
	struct keyring_item k;
	struct json_out *j;
	char ssh[KEY_SSH_SIZE];
	int rc;

	rc = in->pos_n > 0 ? find_key(in->pos[0], &k, e) : keyring_person(&k, e);
	if (rc < 0)
		return rc;
	key_ssh(&k.pub, ssh);
	out_object_begin(a->out, "Key");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "name", k.name);
		jo_string(j, "key", k.id);
		jo_string(j, "public", ssh);
		jo_string(j, "for", use_of(&k));
		jo_bool(j, "encrypted", k.is_encrypted);
	}
	out_field(a->out, "name", "%s", k.name);
	out_field(a->out, "key", "%s", k.id);
	out_field(a->out, "public", "%s", ssh);
	out_field(a->out, "for", "%s", use_of(&k));
	out_field(a->out, "passphrase", "%s", k.is_encrypted ? "yes" : "no");
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", k.name);
	return 0;
}

const struct cmd cmd_key_list = {
	.name = "key",
	.sub = "list",
	.args = "",
	.summary = "list your keys on this machine",
	.group = "trust",
	.run = run_list,
};
const struct cmd cmd_key_show = {
	.name = "key",
	.sub = "show",
	.args = "[NAME]",
	.summary = "show a key's fingerprint and public half",
	.group = "trust",
	.max_pos = 1,
	.run = run_show,
	.examples = "  slipway key show\n",
};
