/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alias: a movable name for a version, or none any more. Logged and unsigned: it finds a version,
 * and what acts on that one looks at its digest.
 */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/change.h"
#include "registry/policy.h"
#include "registry/ref.h"
#include "tui/cmd/shown.h"

struct alias {
	struct app *app;
	const char *name;
	char model[NAME_SIZE];
	uint64_t number; /* 0: it goes */
	bool changed;
};

static int
find(struct alias *a, const char *text, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct version_row v;
	struct model_row m;
	struct ref ref;
	int rc;

	rc = ref_parse(text, &ref, e);
	if (rc == 0 && ref.kind == REF_MODEL) {
		(void)err_set(e, ERR_USAGE, "alias: \"%s\" is a model, which version of it?", text);
		return err_hint(e, "slipway alias %.150s@vN %.60s", text, a->name);
	}
	if (rc == 0)
		rc = store_read_begin(a->app->registry->store, &t, e);
	if (rc == 0)
		rc = ref_model(t, ref.model, &m, e);
	if (rc == 0)
		rc = ref_resolve(t, &ref, &v, e);
	if (rc < 0)
		return rc;
	(void)str_copy(a->model, sizeof a->model, v.model);
	a->number = v.number;
	return 0;
}

static int
find_model(struct alias *a, const char *text, struct err *e)
{
	cleanup_txn struct txn *t = NULL;
	struct model_row m;
	int rc;

	rc = store_read_begin(a->app->registry->store, &t, e);
	if (rc == 0)
		rc = ref_model(t, text, &m, e);
	if (rc == 0)
		(void)str_copy(a->model, sizeof a->model, m.name);
	return rc;
}

static int
is_no_stage(const struct alias *a, struct txn *t, struct err *e)
{
	struct policy p = { 0 };
	int rc;

	rc = policy_current(a->app->registry, t, &p, e);
	if (rc == 0 && policy_stage(&p, a->name)) {
		(void)err_set(e, ERR_USAGE, "\"%s\" is a stage: it cannot be an alias", a->name);
		rc = err_hint(e, "a stage moves by `slipway promote`");
	}
	policy_fini(&p);
	return rc;
}

static int
no_alias(const struct alias *a, struct err *e)
{
	(void)err_set(e, ERR_NOT_FOUND, "\"%s\" has no alias \"%s\"", a->model, a->name);
	return err_hint(e, "see `slipway show %.200s`", a->model);
}

static int
check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const struct alias *const a = arg;
	struct version_row v;
	uint64_t had = 0;
	int rc;

	rc = alias_get(t, a->model, a->name, &had, e);
	if (rc == -ERR_NOT_FOUND && a->number == 0)
		return no_alias(a, e);
	if (rc < 0 && rc != -ERR_NOT_FOUND)
		return rc;
	if (a->number > 0) {
		rc = is_no_stage(a, t, e);
		if (rc == 0)
			rc = version_get(t, a->model, a->number, &v, e);
		if (rc == 0)
			rc = version_is_live(&v, e);
		if (rc < 0)
			return rc;
		if (had == a->number)
			return CHANGE_NONE;
	}
	*ret_body = json_pack("{s:s, s:o}", "name", a->name, "number",
	                      a->number ? json_integer((json_int_t)a->number) : json_null());
	return 0;
}

static void
show(const struct alias *a)
{
	struct out *const o = a->app->out;
	char name[VERSION_NAME_SIZE];
	struct json_out *j;

	version_name(a->model, a->number, name);
	out_object_begin(o, "Alias");
	j = out_object_json(o);
	if (j) {
		jo_string(j, "model", a->model);
		jo_string(j, "alias", a->name);
		if (a->number > 0)
			jo_u64(j, "version", a->number);
		else
			jo_null(j, "version");
		jo_bool(j, "changed", a->changed);
	}
	out_object_end(o);
	if (out_format_of(o) == OUT_NAME)
		out_text(o, "%s@%s\n", a->model, a->name);
	else if (a->number > 0)
		out_text(o, "%s@%s names %s%s\n", a->model, a->name, name,
		         a->changed ? "" : " already");
	else
		out_text(o, "%s@%s removed\n", a->model, a->name);
}

static int
words(const struct args *in, bool removes, struct err *e)
{
	if (in->pos_n == (removes ? 1u : 2u))
		return 0;
	(void)err_set(e, ERR_USAGE, removes ? "alias --remove: name the model alone" :
	                                      "alias: name a version and then its alias");
	return err_hint(e, "slipway alias REF NAME, or slipway alias --remove NAME MODEL");
}

static int
run(struct app *app, const struct args *in, struct err *e)
{
	const char *const gone = arg_value(in, "--remove");
	struct alias a = { .app = app };
	struct change_result done;
	int rc;

	rc = words(in, gone != NULL, e);
	if (rc < 0)
		return rc;
	a.name = gone ? gone : in->pos[1];
	rc = ref_check_alias(a.name, e);
	if (rc == 0)
		rc = gone ? find_model(&a, in->pos[0], e) : find(&a, in->pos[0], e);
	if (rc < 0)
		return rc;
	const struct change c = { .type = "alias", .model = a.model, .check = check, .arg = &a,
		                  .reason = app->reason };
	rc = change_commit(app->registry, &c, &done, e);
	if (rc < 0)
		return rc;
	a.changed = done.changed;
	show(&a);
	return 0;
}

static const struct opt opts[] = {
	{ "--remove", 0, "NAME", "the alias of this name goes", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_alias = {
	.name = "alias",
	.args = "REF NAME | --remove NAME MODEL",
	.summary = "let a movable name of a model mean a version",
	.group = "bring in",
	.opts = opts,
	.min_pos = 1,
	.max_pos = 2,
	.flags = CMD_READS | CMD_CHANGES | CMD_REASON,
	.run = run,
	.examples = "  slipway alias fraud-ranker@v41 champion\n"
	            "  slipway promote fraud-ranker@champion --to staging\n"
	            "  slipway alias --remove champion fraud-ranker\n",
};
