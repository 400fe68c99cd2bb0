/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target list, add, show, remove. A target is an entry of the log; what a driver can make of
 * it the agent says, before it is written.
 */
#include "tui/cmd/target.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "registry/change.h"
#include "registry/labels.h"
#include "registry/ledger.h"
#include "registry/policy.h"
#include "registry/ref.h"
#include "registry/statement.h"
#include "tui/cmd/sign.h"

#define SMOKE_MAX (1u << 20)

/* --- list, show --- */

static const char *
address_of(const json_t *body)
{
	const char *url = json_opt_string(body, "url"), *path = json_opt_string(body, "path");

	return url ? url : path ? path : "";
}

static int
list_row(void *arg, const struct target_row *row)
{
	struct app *a = arg;
	struct err e = { 0 };
	cleanup_json json_t *body = NULL;

	if (json_parse(str_of(row->body), "target", &body, &e) < 0)
		return 0;
	out_cell(a->out, row->name);
	out_cell(a->out, row->driver);
	out_cell(a->out, row->stage);
	out_cell_u64(a->out, row->order);
	out_cell(a->out, address_of(body));
	out_cell(a->out, json_opt_string(body, "path"));
	out_cell_digest(a->out, &row->identity);
	return 0;
}

static int
run_list(struct app *a, const struct args *in, struct err *e)
{
	static const struct out_column columns[] = {
		{ "TARGET", "name", OUT_LEFT, false, true },
		{ "DRIVER", "driver", OUT_LEFT, false, false },
		{ "STAGE", "stage", OUT_LEFT, false, false },
		{ "ORDER", "order", OUT_RIGHT, false, false },
		{ "ADDRESS", "address", OUT_LEFT, false, false },
		{ "PATH", "path", OUT_LEFT, true, false },
		{ "IDENTITY", "identity", OUT_LEFT, true, false },
	};
	struct txn *t;
	int rc = store_read_begin(a->registry->store, &t, e);

	(void)in;
	if (rc < 0)
		return rc;
	out_table_begin(a->out, "TargetList", columns, COUNT(columns));
	rc = target_each(t, NULL, list_row, a, e);
	out_table_end(a->out);
	store_abort(t);
	return rc;
}

int
target_find(struct app *a, const char *name, struct target_row *ret, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc < 0)
		return rc;
	rc = target_get(t, name, ret, e);
	store_abort(t);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	err_set(e, ERR_NOT_FOUND, "there is no target \"%s\"", name);
	return err_hint(e, "slipway target list shows them");
}

static int
run_show(struct app *a, const struct args *in, struct err *e)
{
	cleanup_json json_t *body = NULL;
	struct target_row row;
	struct json_out *j;
	const char *key;
	json_t *value;
	int rc = target_find(a, in->pos[0], &row, e);

	if (rc == 0)
		rc = json_parse(str_of(row.body), "target", &body, e);
	if (rc < 0)
		return rc;
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", row.name);
	out_object_begin(a->out, "Target");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "name", row.name);
		jo_value(j, "target", body);
		jo_digest(j, "identity", &row.identity);
	} else {
		out_field(a->out, "target", "%s", row.name);
		json_object_foreach(body, key, value)
		{
			cleanup_buf struct buf text = { 0 };
			if (json_is_string(value))
				buf_adds(&text, json_string_value(value));
			else if (json_is_integer(value))
				buf_addf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
			else if (!json_is_null(value) &&
			         (!json_is_object(value) || json_object_size(value) > 0))
				json_canonical(value, &text);
			if (text.n > 0)
				out_field(a->out, key, "%s", buf_cstr(&text));
		}
	}
	out_object_end(a->out);
	return 0;
}

/* --- add, remove --- */

struct target_change {
	const char *action, *name;
	json_t *body;  /* of the target; NULL: remove */
	json_t *entry; /* what is logged and signed */
	const struct reach *reach; /* this person's way to it, not logged; NULL: none */
};

/* Is there anything to do? Asked before a passphrase, and again inside the transaction. */
static int
compare(struct txn *t, const struct target_change *c, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	struct target_row row;
	int rc = target_get(t, c->name, &row, e);

	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	if (!c->body)
		return rc == -ERR_NOT_FOUND ? CHANGE_NONE : 0;
	if (rc == -ERR_NOT_FOUND)
		return 0;
	json_canonical(c->body, &text);
	if (streq(buf_cstr(&text), row.body))
		return CHANGE_NONE;
	err_set(e, ERR_EXISTS, "there is another target \"%s\" already", c->name);
	return err_hint(e, "slipway target show %s; slipway target remove %s", c->name, c->name);
}

static int
change_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct target_change *c = arg;
	int rc = compare(t, c, e);

	if (rc == 0)
		*ret_body = json_incref(c->entry);
	return rc;
}

static int
look(struct app *a, const struct target_change *c, struct err *e)
{
	struct txn *t;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc < 0)
		return rc;
	rc = compare(t, c, e);
	store_abort(t);
	return rc;
}

static void
make_entry(struct target_change *c)
{
	c->entry = json_object();
	json_object_set_new(c->entry, "action", json_string(c->action));
	json_object_set_new(c->entry, "name", json_string(c->name));
	if (c->body)
		json_object_set(c->entry, "target", c->body);
}

/* Where models are served is said by who may deploy, and continues what was said about that name.
 */
static int
sign(struct app *a, const struct target_change *c, const struct ledger *l, struct buf *ret,
     struct err *e)
{
	cleanup_signer struct signer signer = { 0 };
	cleanup_json json_t *o = json_object();
	cleanup_buf struct buf text = { 0 };
	struct digest subject, previous;
	int rc = signer_find(a, &l->policy, ROLE_BIT(ROLE_DEPLOYER), &signer, e);

	if (rc == 0)
		rc = ledger_target_leaf(l, c->name, &previous, e);
	if (rc < 0)
		return rc;
	json_canonical(c->entry, &text);
	digest_small(text.p, text.n, &subject);
	json_object_set_new(o, "action", json_string(c->action));
	json_object_set_new(o, "name", json_string(c->name));
	json_object_set_new(o, "registry", json_string(a->registry->id));
	json_object_set_new(o, "previous",
	                    digest_is_zero(&previous) ? json_null() : json_from_digest(&previous));
	return signer_sign(a, &signer, "target", c->name, &subject, o, ret, e);
}

static int
sign_and_commit(struct app *a, struct target_change *c, bool *ret_changed, struct err *e)
{
	cleanup_buf struct buf envelope = { 0 };
	struct change_result done = { 0 };
	struct ledger l;
	int rc = ledger_open(a->registry, &l, e);

	if (rc < 0)
		return rc;
	make_entry(c);
	rc = sign(a, c, &l, &envelope, e);
	if (rc == 0) {
		const struct change change = { .type = "target",
			                       .check = change_check,
			                       .arg = c,
			                       .reason = a->reason,
			                       .statement = buf_str(&envelope) };
		rc = change_commit(a->registry, &change, &done, e);
	}
	if (rc == 0)
		ledger_remember(a->registry, &l);
	json_decref(c->entry);
	ledger_fini(&l);
	*ret_changed = done.changed;
	return rc;
}

static int
commit(struct app *a, struct target_change *c, struct err *e)
{
	struct json_out *j;
	bool changed = false;
	bool is_other;
	int rc = look(a, c, e);

	if (rc == 0)
		rc = sign_and_commit(a, c, &changed, e);
	if (rc >= 0 && c->reach)
		rc = reach_save(a->registry->id, c->name, c->reach, &is_other, e);
	if (rc < 0)
		return rc;
	if (out_format_of(a->out) == OUT_NAME) {
		out_text(a->out, "%s\n", c->name);
		return 0;
	}
	out_object_begin(a->out, "TargetChange");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "name", c->name);
		jo_string(j, "action", c->action);
		jo_bool(j, "changed", changed);
	} else {
		out_text(a->out, "target \"%s\" %s\n", c->name,
		         !changed  ? "is so already"
		         : c->body ? "added"
		                   : "removed");
	}
	out_object_end(a->out);
	return 0;
}

static int
add_setting(json_t *settings, const char *text, struct err *e)
{
	char key[64];
	const char *value;
	int rc = label_parse(text, key, &value, e);

	if (rc < 0)
		return err_prefix(e, "--set");
	if (streq(value, "true") || streq(value, "false"))
		json_object_set_new(settings, key, json_boolean(streq(value, "true")));
	else
		json_object_set_new(settings, key, json_string(value));
	return 0;
}

static int
add_smoke(struct app *a, const char *path, json_t *body, struct err *e)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json json_t *o = NULL;
	struct digest d;
	int rc = fs_read_at(AT_FDCWD, path, SMOKE_MAX, &text, e);

	if (rc == 0)
		rc = json_parse(buf_str(&text), path, &o, e);
	if (rc == 0 && !streq(json_opt_string(o, "kind"), "Smoke"))
		rc = err_set(e, ERR_MALFORMED,
		             "\"%s\" is no golden request: its kind is not \"Smoke\"", path);
	if (rc == 0)
		rc = blob_put_mem(a->registry->blobs, text.p, text.n, &d, NULL, e);
	if (rc < 0)
		return err_prefix(e, "--smoke");
	json_object_set_new(body, "smoke", json_from_digest(&d));
	return 0;
}

/* What is logged must not depend on where the person stood. */
static int
add_path(const char *path, json_t *body, struct err *e)
{
	cleanup_free char *real = realpath(path, NULL);

	if (!real)
		return err_sys(e, "--path \"%s\"", path);
	json_t *text = json_from_str(str_of(real));
	if (!text)
		return err_set(e, ERR_USAGE, "--path: its name is not UTF-8");
	json_object_set_new(body, "path", text);
	return 0;
}

static int
check_stage(struct app *a, const char *stage, struct err *e)
{
	struct policy p;
	struct txn *t;
	bool known;
	int rc = store_read_begin(a->registry->store, &t, e);

	if (rc < 0)
		return rc;
	rc = policy_current(a->registry, t, &p, e);
	store_abort(t);
	if (rc < 0)
		return rc;
	known = policy_stage(&p, stage) != NULL;
	policy_fini(&p);
	if (known)
		return 0;
	err_set(e, ERR_NOT_FOUND, "the policy has no stage \"%s\"", stage);
	return err_hint(e, "slipway policy show lists the stages");
}

/* What is logged is read by everybody, for ever: no secrets in an address. */
static int
check_url(const char *url, struct err *e)
{
	const char *host = url ? strstr(url, "://") : NULL;
	const size_t n = host ? strcspn(host + 3, "/?#") : 0;

	if (!url)
		return 0;
	if (!host || memchr(host + 3, '@', n) || strpbrk(host, "?#")) {
		err_set(e, ERR_USAGE,
		        "--url: an address is scheme://host[:port][/path], without "
		        "user, password, ? or #");
		return err_hint(e, "credentials belong to a person's own configuration, never into "
		                   "the shared log");
	}
	return 0;
}

static int
make_body(struct app *a, const struct args *in, json_t *body, struct err *e)
{
	const char *driver = arg_value(in, "--driver"), *stage = arg_value(in, "--stage");
	const char *order = arg_value(in, "--order");
	json_t *settings = json_object();
	uint64_t n = 0;
	int rc = 0;

	json_object_set_new(body, "settings", settings);
	if (!driver || !stage)
		return err_set(e, ERR_USAGE, "target add: --driver and --stage are needed");
	if (order && parse_u64(order, UINT32_MAX, &n) < 0)
		return err_set(e, ERR_USAGE, "--order \"%s\" is no number", order);
	json_object_set_new(body, "driver", json_string(driver));
	json_object_set_new(body, "stage", json_string(stage));
	json_object_set_new(body, "order", json_integer((json_int_t)n));
	static const char *const same[][2] = { { "--url", "url" },
		                               { "--object", "object" },
		                               { "--min-proof", "min_proof" } };
	rc = check_url(arg_value(in, "--url"), e);
	for (size_t i = 0; i < COUNT(same); i++)
		if (arg_value(in, same[i][0]))
			json_object_set_new(body, same[i][1],
			                    json_string(arg_value(in, same[i][0])));
	args_foreach(text, in, "--set")
		if (rc == 0)
			rc = add_setting(settings, text, e);
	if (rc == 0 && arg_value(in, "--path"))
		rc = add_path(arg_value(in, "--path"), body, e);
	if (rc == 0)
		rc = check_stage(a, stage, e);
	if (rc == 0 && arg_value(in, "--smoke"))
		rc = add_smoke(a, arg_value(in, "--smoke"), body, e);
	return rc;
}

/* What the log says of a cluster: where it is and under whose authorities. How this person gets
 * there stays with the person. */
static int
add_cluster(struct app *a, const struct args *in, json_t *body, struct reach *ret, struct err *e)
{
	const char *const wanted = arg_value(in, "--namespace");
	cleanup_free char *ns = NULL;
	int rc;

	if (!arg_value(in, "--kubeconfig") && !arg_value(in, "--context")) {
		if (wanted)
			json_object_set_new(body, "namespace", json_string(wanted));
		return 0;
	}
	if (arg_value(in, "--url"))
		return err_set(e, ERR_USAGE,
		               "--url and --kubeconfig: the kubeconfig says where the cluster is");
	rc = target_reach(a, in, ret, &ns, e);
	if (rc < 0)
		return rc;
	json_object_set_new(body, "url", json_string(ret->url));
	json_object_set_new(body, "namespace", json_string(wanted ? wanted : ns));
	json_object_set_new(body, "ca",
	                    digest_is_zero(&ret->ca) ? json_null() : json_from_digest(&ret->ca));
	return 0;
}

static int
run_add(struct app *a, const struct args *in, struct err *e)
{
	struct target_change c = { .action = "add", .name = in->pos[0] };
	cleanup_json json_t *body = json_object(), *reply = NULL;
	struct reach reach = { 0 };
	cleanup_free char *what = xasprintf("add target \"%s\"", c.name);
	const char *code, *reason;
	int rc = ref_check_word("target", c.name, e);

	if (rc == 0)
		rc = make_body(a, in, body, e);
	if (rc == 0)
		rc = add_cluster(a, in, body, &reach, e);
	c.reach = reach.kubeconfig ? &reach : NULL;
	if (rc == 0)
		rc = target_ask(a, c.name, body, c.reach, &reply, e);
	if (rc < 0) {
		reach_fini(&reach);
		return rc;
	}
	code = json_opt_string(reply, "code");
	reason = json_opt_string(reply, "reason");
	if (code)
		out_note(a->out,
		         "target \"%s\" cannot be used now: %s; that does not keep it from being "
		         "added",
		         c.name, reason ? reason : code);
	rc = app_confirm(a, what, NULL, "add --yes to the same line", e);
	c.body = body;
	if (rc == 0)
		rc = commit(a, &c, e);
	reach_fini(&reach);
	return rc;
}

static int
stage_in_use(void *arg, const struct model_row *m)
{
	const char *stage = arg;
	const struct stage_mark *s = model_stage(m, stage);

	return s && (s->number || s->job[0]);
}

static int
run_remove(struct app *a, const struct args *in, struct err *e)
{
	struct target_change c = { .action = "remove", .name = in->pos[0] };
	cleanup_free char *what =
	        xasprintf("remove target \"%s\"; what it serves stays there", c.name);
	cleanup_free char *line = xasprintf("slipway target remove %s --yes", c.name);
	struct target_row row;
	struct txn *t;
	int rc = target_find(a, c.name, &row, e);

	if (rc == -ERR_NOT_FOUND) { /* gone already */
		err_clear(e);
		return commit(a, &c, e);
	}
	if (rc == 0)
		rc = store_read_begin(a->registry->store, &t, e);
	if (rc < 0)
		return rc;
	rc = model_each(t, NULL, stage_in_use, row.stage, e);
	store_abort(t);
	if (rc < 0)
		return rc;
	if (rc > 0)
		out_note(a->out,
		         "stage \"%s\" holds versions: this target will no longer be told of "
		         "changes",
		         row.stage);
	rc = app_confirm(a, what, NULL, line, e);
	return rc < 0 ? rc : commit(a, &c, e);
}

static const struct opt add_opts[] = {
	{ "--driver", 0, "NAME", "directory, modelrepo, kubernetes, kserve or manifest", false },
	{ "--stage", 0, "STAGE", "the stage that it serves", false },
	{ "--path", 0, "FOLDER", "the model repository folder as seen from here", false },
	{ "--url", 0, "URL", "address of the server's API", false },
	{ "--kubeconfig", 0, "FILE", "how you reach the cluster; never logged", false },
	{ "--context", 0, "NAME", "context of it (default: its current one)", false },
	{ "--allow-exec", 0, NULL, "its credential plugin may run as you", false },
	{ "--namespace", 0, "NAME", "of the cluster (default: the context's)", false },
	{ "--object", 0, "NAME", "name at the target (default: from the model's name)", false },
	{ "--order", 0, "N", "place among the stage's targets (default 0)", false },
	{ "--min-proof", 0, "LAYER", "the least proof (default: all that it can show)", false },
	{ "--smoke", 0, "FILE", "golden request for versions without one", false },
	{ "--set", 0, "K=V", "a setting of the driver", true },
	{ 0 },
};

const struct cmd cmd_target_list = {
	.name = "target",
	.sub = "list",
	.args = "",
	.summary = "targets and the stages they serve",
	.group = "deploy",
	.flags = CMD_READS,
	.run = run_list,
};

const struct cmd cmd_target_add = {
	.name = "target",
	.sub = "add",
	.args = "NAME",
	.summary = "add a place where models are served",
	.group = "deploy",
	.opts = add_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_AGENT | CMD_SIGNS | CMD_REASON,
	.run = run_add,
	.examples = "slipway target add stg --driver directory --path /srv/models --stage staging\n"
	            "slipway target add prod --driver modelrepo --url http://127.0.0.1:8000 \\\n"
	            "    --path /srv/triton --stage production",
};

#define TARGET_ROW(var, word, text, fl, fn)         \
	const struct cmd var = { .name = "target",  \
		                 .sub = word,       \
		                 .args = "NAME",    \
		                 .summary = text,   \
		                 .group = "deploy", \
		                 .min_pos = 1,      \
		                 .max_pos = 1,      \
		                 .flags = fl,       \
		                 .run = fn }

TARGET_ROW(cmd_target_show, "show", "one target as it was logged", CMD_READS, run_show);
TARGET_ROW(cmd_target_remove, "remove", "forget a target; what it serves stays",
           CMD_READS | CMD_CHANGES | CMD_CONFIRMS | CMD_SIGNS | CMD_REASON, run_remove);
