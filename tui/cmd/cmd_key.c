/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key list, show, new, export: this person's keys on this machine and in ssh-agent. A registry is
 * asked only who they are there, and for the names of its machines' keys.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/policy.h"
#include "tui/cmd/key.h"
#include "tui/cmd/sign.h"

/* --- who a key is --- */

struct place {
	const struct policy *policy;     /* NULL: no registry */
	const struct policy_person *who; /* NULL: nobody there */
	bool is_revoked;
	struct buf roles;
};

static void
place_of(const struct policy *p, const struct public_key *key, struct place *ret)
{
	*ret = (struct place){ .policy = p };
	if (!p)
		return;
	ret->who = policy_person_of(p, key);
	ret->is_revoked = policy_is_revoked(p, key, UINT64_MAX);
	if (ret->is_revoked)
		buf_adds(&ret->roles, "revoked");
	for (size_t i = 0; ret->who && i < ROLE_COUNT; i++)
		if (policy_roles_of(p, ret->who) & ROLE_BIT(i))
			buf_addf(&ret->roles, "%s%s", ret->roles.n > 0 ? ", " : "",
			         policy_role_name((enum policy_role)i));
}

static json_t *
roles_json(const struct place *l)
{
	json_t *const roles = json_array();

	for (size_t i = 0; l->who && i < ROLE_COUNT; i++)
		if (policy_roles_of(l->policy, l->who) & ROLE_BIT(i))
			json_array_append_new(roles,
			                      json_string(policy_role_name((enum policy_role)i)));
	return roles;
}

/* Keys can be looked at where there is no registry; one that cannot be opened is said. */
static void
policy_here(struct app *a, struct policy *ret)
{
	cleanup_txn struct txn *t = NULL;
	struct err why = { 0 };
	int rc = app_open(a, 0, &why);

	*ret = (struct policy){ 0 };
	if (rc == 0)
		rc = store_read_begin(a->registry->store, &t, &why);
	if (rc == 0)
		rc = policy_current(a->registry, t, ret, &why);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		out_note(a->out, "who your keys are there cannot be said: %s", why.msg);
}

/* --- list, show --- */

static const char *
use_of(const struct keyring_item *k)
{
	return k->is_agent ? "agent" : k->is_log ? "log" : "person";
}

static const struct out_column columns[] = {
	{ "NAME", "name", OUT_LEFT, false, true },
	{ "KEY", "key", OUT_LEFT, false, false },
	{ "FOR", "for", OUT_LEFT, false, false },
	{ "PASSPHRASE", "encrypted", OUT_LEFT, false, false },
	{ "WHERE", "where", OUT_LEFT, false, false },
	{ "KIND", "type", OUT_LEFT, true, false },
	{ "PERSON", "person", OUT_LEFT, false, false },
	{ "ROLES", "roles", OUT_LEFT, false, false },
	{ "REVOKED", "revoked", OUT_LEFT, true, false },
};

struct listing {
	struct out *o;
	const struct policy *policy;
};

static void
cell_bool(struct out *o, bool v)
{
	cleanup_json json_t *j = json_boolean(v);

	out_cell_json(o, v ? "yes" : "no", j);
}

static int
row(void *arg, const struct own_key *k)
{
	const struct listing *const l = arg;
	cleanup_json json_t *roles = NULL;
	struct place at;

	place_of(l->policy, &k->item.pub, &at);
	roles = roles_json(&at);
	out_cell(l->o, k->item.name);
	out_cell(l->o, k->item.id);
	out_cell(l->o, use_of(&k->item));
	if (k->in_agent)
		out_cell(l->o, NULL);
	else
		cell_bool(l->o, k->item.is_encrypted);
	out_cell(l->o, k->in_agent ? "ssh-agent" : "file");
	out_cell(l->o, key_kind_name((enum key_kind)k->item.pub.kind));
	out_cell(l->o, at.who ? at.who->id : NULL);
	out_cell_json(l->o, at.roles.n > 0 ? buf_cstr(&at.roles) : NULL, roles);
	cell_bool(l->o, at.is_revoked);
	buf_fini(&at.roles);
	return 0;
}

static int
run_list(struct app *a, const struct args *in, struct err *e)
{
	struct listing l = { .o = a->out };
	struct policy p;
	int rc;

	(void)in;
	policy_here(a, &p);
	l.policy = p.doc ? &p : NULL;
	out_table_begin(a->out, "KeyList", columns, COUNT(columns));
	rc = own_keys_each(row, &l, e);
	out_table_end(a->out);
	policy_fini(&p);
	return rc;
}

static void
show_members(struct json_out *j, const struct own_key *k, const struct place *at, const char *ssh)
{
	cleanup_json json_t *roles = roles_json(at);

	jo_string(j, "name", k->item.name);
	jo_string(j, "key", k->item.id);
	jo_string(j, "public", ssh);
	jo_string(j, "for", use_of(&k->item));
	if (k->in_agent)
		jo_null(j, "encrypted");
	else
		jo_bool(j, "encrypted", k->item.is_encrypted);
	jo_string(j, "where", k->in_agent ? "ssh-agent" : "file");
	jo_string(j, "type", key_kind_name((enum key_kind)k->item.pub.kind));
	jo_string(j, "person", at->who ? at->who->id : NULL);
	jo_value(j, "roles", roles);
	jo_bool(j, "revoked", at->is_revoked);
}

/* changed: 1 or 0; -1: nothing was to be changed */
static void
show(struct app *a, const struct own_key *k, const struct policy *p, int changed)
{
	struct place at;
	struct json_out *j;
	char ssh[KEY_SSH_SIZE];

	key_ssh(&k->item.pub, ssh);
	place_of(p, &k->item.pub, &at);
	out_object_begin(a->out, "Key");
	j = out_object_json(a->out);
	if (j) {
		show_members(j, k, &at, ssh);
		if (changed >= 0)
			jo_bool(j, "changed", changed > 0);
	}
	out_field(a->out, "name", "%s%s", k->item.name, changed == 0 ? " (was there before)" : "");
	out_field(a->out, "key", "%s", k->item.id);
	out_field(a->out, "public", "%s", ssh);
	out_field(a->out, "for", "%s", use_of(&k->item));
	if (k->in_agent)
		out_field(a->out, "where", "ssh-agent");
	else
		out_field(a->out, "passphrase", "%s", k->item.is_encrypted ? "yes" : "no");
	if (at.who || at.is_revoked)
		out_field(a->out, "here", "%s%s%s", at.who ? at.who->id : "", at.who ? ": " : "",
		          buf_cstr(&at.roles));
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", k->item.name);
	buf_fini(&at.roles);
}

static int
own_or_only(struct app *a, const struct args *in, struct own_key *ret, struct err *e)
{
	*ret = (struct own_key){ 0 };
	if (in->pos_n > 0)
		return own_key_find(in->pos[0], ret, e);
	return own_key_only(a, &ret->item, e);
}

static int
run_show(struct app *a, const struct args *in, struct err *e)
{
	struct own_key k;
	struct policy p;
	int rc = own_or_only(a, in, &k, e);

	if (rc < 0)
		return rc;
	policy_here(a, &p);
	show(a, &k, p.doc ? &p : NULL, -1);
	policy_fini(&p);
	return 0;
}

/* --- keys of this registry's machines --- */

/* The name that --agent or --log means, of this registry; NULL: neither is given. */
static int
machine_name(struct app *a, const struct args *in, char ret[65], bool *ret_is_one, struct err *e)
{
	const bool is_agent = arg_flag(in, "--agent"), is_log = arg_flag(in, "--log");
	int rc;

	*ret_is_one = is_agent || is_log;
	if (!*ret_is_one)
		return 0;
	if ((is_agent && is_log) || in->pos_n > 0)
		return err_set(e, ERR_USAGE, "NAME, --agent and --log: one of them");
	rc = app_open(a, 0, e);
	if (rc < 0)
		return rc;
	if (is_agent)
		keyring_agent_name(a->registry->id, ret);
	else
		keyring_log_name(a->registry->id, ret);
	return 0;
}

/* --- new --- */

static int
make_machine(const struct args *in, const char *name, bool *ret_changed, struct err *e)
{
	struct secret_key *key = NULL;
	int rc;

	if (arg_flag(in, "--paranoid"))
		return err_set(e, ERR_USAGE,
		               "a machine's key has no passphrase for --paranoid to be about");
	rc = keyring_create(name, NULL, &key, e);
	key_free(key);
	*ret_changed = rc == 0;
	if (rc != -ERR_EXISTS)
		return rc;
	err_clear(e);
	return 0;
}

static int
make_person(struct app *a, const struct args *in, const char *name, struct err *e)
{
	cleanup_key struct secret_key *key = NULL;
	struct own_key had;
	struct err none = { 0 };
	int rc = key_check_name("key", name, e);

	if (rc < 0)
		return rc;
	if (own_key_find(name, &had, &none) == 0 && !had.in_agent) {
		(void)err_set(e, ERR_EXISTS, "you have a key \"%s\" already", name);
		return err_hint(e, "slipway key rotate puts a new one in its place; or give "
		                   "another name");
	}
	a->no_passphrase = arg_flag(in, "--no-passphrase");
	return key_make(a, name, arg_flag(in, "--paranoid"), &key, e);
}

static void
say_next(struct app *a, const struct args *in, const char *name)
{
	const char *const what = arg_flag(in, "--agent") ? "--agent"
	                         : arg_flag(in, "--log") ? "--log"
	                                                 : name;

	if (arg_flag(in, "--agent") || arg_flag(in, "--log"))
		out_note(a->out,
		         "next: slipway key export %s --to FILE; root of the registry then "
		         "says: slipway policy add %s-%s FILE --role %s",
		         what, what + 2, key_account_name(), what + 2);
	else
		out_note(a->out,
		         "next: slipway key export %s --to %s.pub; root of a registry then "
		         "says: slipway policy add NAME %s.pub --role ROLE",
		         name, name, name);
}

static int
run_new(struct app *a, const struct args *in, struct err *e)
{
	const char *name = in->pos_n > 0 ? in->pos[0] : key_account_name();
	bool is_machine, changed = true;
	char machine[65];
	struct own_key k;
	struct policy p;
	int rc = machine_name(a, in, machine, &is_machine, e);

	if (rc < 0)
		return rc;
	if (is_machine)
		name = machine;
	rc = is_machine ? make_machine(in, name, &changed, e) : make_person(a, in, name, e);
	if (rc == 0)
		rc = own_key_find(name, &k, e);
	if (rc < 0)
		return rc;
	policy_here(a, &p);
	show(a, &k, p.doc ? &p : NULL, changed);
	if (!p.doc || !policy_person_of(&p, &k.item.pub))
		say_next(a, in, name);
	policy_fini(&p);
	return 0;
}

/* --- export --- */

static int
run_export(struct app *a, const struct args *in, struct err *e)
{
	const char *const to = arg_value(in, "--to");
	struct json_out *j;
	char machine[65], ssh[KEY_SSH_SIZE];
	struct own_key k;
	bool is_machine;
	int rc = machine_name(a, in, machine, &is_machine, e);

	if (rc == 0)
		rc = is_machine ? own_key_find(machine, &k, e) : own_or_only(a, in, &k, e);
	if (rc == -ERR_NOT_FOUND && is_machine)
		(void)err_hint(e, "slipway key new %s makes it",
		               arg_flag(in, "--agent") ? "--agent" : "--log");
	if (rc == 0 && (to || !out_is_json(a->out)))
		rc = key_write_public(a, &k.item, to ? to : "-", e);
	if (rc < 0)
		return rc;
	key_ssh(&k.item.pub, ssh);
	out_object_begin(a->out, "KeyExport");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "name", k.item.name);
		jo_string(j, "key", k.item.id);
		jo_string(j, "public", ssh);
		jo_string(j, "path", to);
	}
	out_object_end(a->out);
	if (to && out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", to);
	else if (to)
		out_text(a->out, "public half of key %s written to %s\n", k.item.name, to);
	return 0;
}

const struct cmd cmd_key_list = {
	.name = "key",
	.sub = "list",
	.args = "",
	.summary = "list your keys, in files and in ssh-agent, and who they are here",
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

static const struct opt new_opts[] = {
	{ "--no-passphrase", 0, NULL, "leave the new key unencrypted on this disk", false },
	{ "--paranoid", 0, NULL, "a passphrase that costs who guesses it more time and 1 GiB",
	  false },
	{ "--agent", 0, NULL, "the key of this registry's agent under this account", false },
	{ "--log", 0, NULL, "the key that signs checkpoints of this registry's log", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_key_new = {
	.name = "key",
	.sub = "new",
	.args = "[NAME]",
	.summary = "make a key of yours, or of this registry's agent or log",
	.group = "trust",
	.opts = new_opts,
	.max_pos = 1,
	.flags = CMD_WRITES_FILES | CMD_SIGNS,
	.run = run_new,
	.examples = "  slipway key new\n"
	            "  slipway key new ben --passphrase-fd 3 3<secret\n"
	            "  slipway key new --agent\n",
};

static const struct opt export_opts[] = {
	{ "--agent", 0, NULL, "the key of this registry's agent under this account", false },
	{ "--log", 0, NULL, "the key that signs checkpoints of this registry's log", false },
	{ "--to", 0, "FILE", "where to write it; default: standard output", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_key_export = {
	.name = "key",
	.sub = "export",
	.args = "[NAME]",
	.summary = "write a key's public half, for who adds you to a policy",
	.group = "trust",
	.opts = export_opts,
	.max_pos = 1,
	.flags = CMD_WRITES_FILES,
	.run = run_export,
	.examples = "  slipway key export --to ben.pub\n"
	            "  slipway key export --agent --to agent-ben.pub\n",
};
