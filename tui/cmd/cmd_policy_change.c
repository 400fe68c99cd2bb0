/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy add, remove, set, sign: the document in force with something changed, or a draft of
 * somebody else. What becomes of it is policy_change's affair.
 */
#include "tui/cmd/cmd.h"

#include <fcntl.h>
#include <string.h>

#include "registry/base/fs.h"
#include "registry/near.h"
#include "registry/records.h"
#include "registry/policy_edit.h"
#include "tui/cmd/key.h"
#include "tui/cmd/policy_change.h"

/* --- add, remove --- */

static int
add(struct policy_change *c, const struct args *in, struct err *e)
{
	const char *const path = in->pos_n > 1 ? in->pos[1] : NULL;
	struct public_key key;
	unsigned roles;
	int rc = policy_change_roles(in, &roles, e);

	if (rc == 0 && !path && roles == 0) {
		(void)err_set(e, ERR_USAGE, "policy add: neither a key nor a role to add");
		return err_hint(e, "slipway policy add NAME FILE --role ROLE");
	}
	if (rc == 0 && path)
		rc = key_read_public(path, &key, e);
	return rc < 0 ? rc : policy_edit_add(c->doc, in->pos[0], path ? &key : NULL, roles, e);
}

static void
say_near(struct policy_change *c, const char *name)
{
	struct near near = { .wanted = name };
	char names[200];

	for (size_t i = 0; i < c->ledger.policy.people_n; i++)
		near_offer(&near, c->ledger.policy.people[i].id);
	if (near_text(&near, names, sizeof names))
		out_note(c->app->out, "nobody named \"%s\" is in the policy; there is %s", name,
		         names);
	else
		out_note(c->app->out, "nobody named \"%s\" is in the policy", name);
}

static int
take(struct policy_change *c, const struct args *in, struct err *e)
{
	unsigned roles;
	int rc = policy_change_roles(in, &roles, e);

	if (rc == 0 && !policy_edit_remove(c->doc, in->pos[0], roles))
		say_near(c, in->pos[0]);
	return rc;
}

/* --- set, sign --- */

static int
read_json(const char *path, struct buf *text, json_t **ret, struct err *e)
{
	int rc = fs_read_at(AT_FDCWD, path, POLICY_MAX, text, e);

	if (rc < 0)
		return err_prefix(e, "read \"%s\"", path);
	return json_parse(buf_str(text), path, ret, e);
}

/* A signed draft, as canonical bytes. */
static int
take_draft(struct policy_change *c, const char *path, const json_t *draft, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };

	json_canonical(draft, &envelope);
	return policy_change_draft(c, path, buf_str(&envelope), e);
}

static int
sign(struct policy_change *c, const struct args *in, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *j = NULL;
	int rc = read_json(in->pos[0], &text, &j, e);

	return rc < 0 ? rc : take_draft(c, in->pos[0], j, e);
}

/* A whole document, or a draft with signatures. */
static int
take_file(struct policy_change *c, const char *path, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *j = NULL;
	int rc = read_json(path, &text, &j, e);

	if (rc < 0)
		return rc;
	if (json_object_get(j, "payloadType"))
		return take_draft(c, path, j, e);
	if (!json_is_object(j))
		return err_set(e, ERR_MALFORMED, "\"%s\" is no policy", path);
	json_decref(c->doc);
	c->doc = json_incref(j);
	return 0;
}

static int
holds_something(void *arg, const struct model_row *m)
{
	const struct stage_mark *const s = model_stage(m, arg);

	return s && (s->number > 0 || s->job[0]) ? 1 : 0;
}

static int
is_there(void *arg, const struct target_row *t)
{
	(void)arg, (void)t;
	return 1;
}

/* A stage that is served or holds something is not taken away: nobody could move it any more. */
static int
refuse_used(struct policy_change *c, const char *key, struct err *e)
{
	cleanup_free char *stage = xstrndup(key, strlen(key) - strlen(".order"));
	cleanup_txn struct txn *t = NULL;
	int rc = store_read_begin(c->app->registry->store, &t, e);

	if (rc == 0)
		rc = model_each(t, NULL, holds_something, stage, e);
	if (rc > 0) {
		(void)err_set(e, ERR_CONFLICT, "%s holds versions, or a job runs there", stage);
		return err_hint(e, "slipway list --stage %.60s shows them; slipway rollback "
		                   "empties a stage",
		                stage);
	}
	if (rc == 0)
		rc = target_each(t, stage, is_there, NULL, e);
	if (rc <= 0)
		return rc;
	(void)err_set(e, ERR_CONFLICT, "%s has targets", stage);
	return err_hint(e, "slipway target list shows them; slipway target remove NAME");
}

static int
set_one(struct policy_change *c, const char *key, const char *value, struct err *e)
{
	const char *const last = strrchr(key, '.');
	int rc = streq(last, ".order") && streq(value, "none") ? refuse_used(c, key, e) : 0;

	return rc < 0 ? rc : policy_edit_set(c->doc, key, value, e);
}

static int
set(struct policy_change *c, const struct args *in, struct err *e)
{
	const char *const path = arg_value(in, "--file");

	if (path && in->pos_n == 0)
		return take_file(c, path, e);
	if (!path && in->pos_n == 2)
		return set_one(c, in->pos[0], in->pos[1], e);
	(void)err_set(e, ERR_USAGE, "policy set: a setting and its value, or --file FILE");
	return err_hint(e, "slipway policy set production.approvals 2; see slipway-policy(1)");
}

static int
run_add(struct app *a, const struct args *in, struct err *e)
{
	return policy_change(a, in, add, e);
}

static int
run_remove(struct app *a, const struct args *in, struct err *e)
{
	return policy_change(a, in, take, e);
}

static int
run_set(struct app *a, const struct args *in, struct err *e)
{
	return policy_change(a, in, set, e);
}

static int
run_sign(struct app *a, const struct args *in, struct err *e)
{
	return policy_change(a, in, sign, e);
}

#define FLAGS                                                                            \
	(CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_DRY_RUN | CMD_REASON | CMD_SIGNS | \
	 CMD_WRITES_FILES)

static const struct opt add_opts[] = {
	{ "--role", 0, "ROLE", "root, author, approver, deployer, scanner, agent or log", true },
	{ "--to", 0, "FILE", "keep the signed draft in this file instead", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct opt remove_opts[] = {
	{ "--role", 0, "ROLE", "this role alone; the person stays while one is left", true },
	{ "--to", 0, "FILE", "keep the signed draft in this file instead", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct opt set_opts[] = {
	{ "--file", 0, "FILE", "a whole document, or a draft that others signed", false },
	{ "--to", 0, "FILE", "keep the signed draft in this file instead", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_policy_add = {
	.name = "policy",
	.sub = "add",
	.args = "NAME [FILE]",
	.summary = "give a person, a key of theirs or a role a place in the policy",
	.group = "trust",
	.opts = add_opts,
	.min_pos = 1,
	.max_pos = 2,
	.flags = FLAGS,
	.run = run_add,
	.examples = "  slipway policy add ben ben.pub --role approver\n"
	            "  slipway policy add agent-ben agent-ben.pub --role agent\n",
};

const struct cmd cmd_policy_remove = {
	.name = "policy",
	.sub = "remove",
	.args = "NAME",
	.summary = "take a person, or roles of theirs, out of the policy",
	.group = "trust",
	.opts = remove_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = FLAGS,
	.run = run_remove,
	.examples = "  slipway policy remove ben\n"
	            "  slipway policy remove ben --role approver\n",
};

const struct cmd cmd_policy_set = {
	.name = "policy",
	.sub = "set",
	.args = "[KEY VALUE]",
	.summary = "change a setting of the policy, or all of it",
	.group = "trust",
	.opts = set_opts,
	.max_pos = 2,
	.flags = FLAGS,
	.run = run_set,
	.examples = "  slipway policy set production.approvals 2\n"
	            "  slipway policy set production.gates '+soaked 24h in staging'\n"
	            "  slipway policy set production.gates -- '-scan is clean'\n"
	            "  slipway policy set --file policy.json\n",
};

const struct cmd cmd_policy_sign = {
	.name = "policy",
	.sub = "sign",
	.args = "FILE",
	.summary = "add your signature to a draft, which then may come into force",
	.group = "trust",
	.min_pos = 1,
	.max_pos = 1,
	.flags = FLAGS,
	.run = run_sign,
	.examples = "  slipway policy sign policy-3.json\n",
};
