/* SPDX-License-Identifier: Apache-2.0 */
/* check and rebuild: is the registry whole, and its database made again from the log. */
#include "tui/cmd/cmd.h"

#include <inttypes.h>

#include "registry/base/text.h"
#include "registry/change.h"
#include "registry/check.h"

static const struct out_column columns[] = {
	{ "WHAT", "what", OUT_LEFT, false, true },
	{ "CODE", "code", OUT_LEFT, false, false },
	{ "PROBLEM", "message", OUT_LEFT, false, false },
	{ "NEXT", "hint", OUT_LEFT, true, false },
};

static void
problem(void *arg, const char *what, const struct err *why)
{
	struct out *const o = arg;

	out_cell(o, what);
	out_cell(o, err_name(why->code));
	out_cell(o, why->msg);
	out_cell(o, why->hint[0] ? why->hint : NULL);
}

static const char *
content(const struct check_result *c, bool quick)
{
	return quick || !c->is_log_whole ? "not checked" : "checked";
}

/* What nobody can know without a good log is null, never a number that looks like one. */
static void
show_json(struct json_out *j, const struct check_result *c, bool quick, const char *pin)
{
	jo_u64(j, "entries", c->entries);
	if (pin)
		jo_digest(j, "root", &c->root);
	else
		jo_null(j, "root");
	jo_string(j, "pin", pin);
	jo_u64(j, "versions", c->versions);
	jo_u64(j, "deleted", c->deleted);
	jo_u64(j, "statements", c->statements);
	jo_u64(j, "blobs", c->blobs);
	jo_u64(j, "blobBytes", c->blob_bytes);
	if (c->is_log_good)
		jo_u64(j, "unneededBlobs", c->unneeded);
	else
		jo_null(j, "unneededBlobs");
	jo_string(j, "content", content(c, quick));
	jo_u64(j, "problemCount", c->problems);
}

static void
show(struct app *a, const struct check_result *c, bool quick)
{
	struct out *const o = a->out;
	struct json_out *const j = out_object_json(o);
	char hex[DIGEST_HEX_SIZE], size[16];
	cleanup_free char *pin = NULL;

	digest_hex(&c->root, hex);
	if (c->is_log_good)
		pin = xasprintf("%s:%" PRIu64 ":%s", a->registry->id, c->entries, hex);
	if (j) {
		show_json(j, c, quick, pin);
		return;
	}
	text_size(size, c->blob_bytes);
	if (pin)
		out_field(o, "log", "%" PRIu64 " entries, root %s", c->entries, hex);
	else
		out_field(o, "log", "%" PRIu64 " entries %s", c->entries,
		          c->is_log_whole ? "read" : "before the damage");
	out_field(o, "versions", "%" PRIu64 ", of these deleted %" PRIu64, c->versions, c->deleted);
	out_field(o, "statements", "%" PRIu64 " good", c->statements);
	if (c->is_log_whole)
		out_field(o, "blobs", "%" PRIu64 " of %s there, content %s", c->blobs, size,
		          content(c, quick));
	else
		out_field(o, "blobs", "not checked");
	if (c->unneeded > 0)
		out_field(o, "unneeded blobs", "%" PRIu64, c->unneeded);
	if (pin)
		out_field(o, "pin", "%s", pin);
	out_field(o, "problems", "%" PRIu64, c->problems);
}

static int
run_check(struct app *a, const struct args *in, struct err *e)
{
	const bool quick = arg_flag(in, "--quick");
	const struct progress p = out_progress(a->out);
	struct check_result result;
	int rc;

	rc = app_open(a, REGISTRY_NO_DB, e);
	if (rc < 0)
		return rc;
	out_object_begin(a->out, "Check");
	out_table_begin(a->out, "problems", columns, COUNT(columns));
	rc = check_registry(a->registry, quick, &p, problem, a->out, &result, e);
	out_progress_done(a->out);
	out_table_end(a->out);
	if (rc == 0)
		show(a, &result, quick);
	out_object_end(a->out);
	if (rc == 0 && result.problems > 0)
		return err_set(e, ERR_DIFFERENT, "%" PRIu64 " problem%s found", result.problems,
		               result.problems == 1 ? " was" : "s were");
	return rc;
}

static int
run_rebuild(struct app *a, const struct args *in, struct err *e)
{
	uint64_t entries = 0;
	struct json_out *j;
	int rc;

	(void)in;
	rc = app_open(a, REGISTRY_WRITE | REGISTRY_NO_DB, e);
	if (rc == 0)
		rc = change_rebuild(a->registry, &entries, e);
	if (rc < 0)
		return rc;
	out_object_begin(a->out, "Rebuild");
	j = out_object_json(a->out);
	if (j)
		jo_u64(j, "entries", entries);
	out_object_end(a->out);
	if (out_format_of(a->out) == OUT_NAME)
		out_text(a->out, "%s\n", a->registry->dir);
	else
		out_text(a->out, "the database was made again from %" PRIu64 " entries\n", entries);
	return 0;
}

static const struct opt opts[] = {
	{ "--quick", 0, NULL, "look at sizes of files only, hash none", false },
	{ NULL, 0, NULL, NULL, false },
};

const struct cmd cmd_check = {
	.name = "check",
	.args = "",
	.summary = "check the log, the database and every file",
	.group = "keep",
	.opts = opts,
	.run = run_check,
	.examples = "  slipway check\n"
	            "  slipway check --quick -o json\n",
};
const struct cmd cmd_rebuild = {
	.name = "rebuild",
	.args = "",
	.summary = "make the database again from the log",
	.group = "keep",
	.flags = CMD_CHANGES,
	.run = run_rebuild,
};
