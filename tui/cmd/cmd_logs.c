/* SPDX-License-Identifier: Apache-2.0 */
/* logs: what the instances of a model print, each line with whose it is. */
#include "tui/cmd/cmd.h"

#include "registry/ref.h"
#include "tui/cmd/log_follow.h"
#include "tui/job.h"

static void
show_lines(struct app *a, const json_t *lines)
{
	static const struct out_column columns[] = {
		{ "STAGE", "stage", OUT_LEFT, false, false },
		{ "TARGET", "target", OUT_LEFT, false, false },
		{ "INSTANCE", "instance", OUT_LEFT, false, true },
		{ "LINE", "text", OUT_LEFT, false, false },
	};
	const json_t *one;
	size_t i;

	out_table_begin(a->out, "LogLineList", columns, COUNT(columns));
	json_array_foreach(lines, i, one)
	{
		out_cell(a->out, json_text(one, "stage"));
		out_cell(a->out, json_text(one, "target"));
		out_cell(a->out, json_text(one, "instance"));
		out_cell(a->out, json_opt_string(one, "text"));
	}
	out_table_end(a->out);
}

/* Who could not be asked: said, and the end is not 0 when nobody could. */
static int
show_missing(struct app *a, const json_t *reply, const char *what, struct err *e)
{
	const json_t *const missing = json_object_get(reply, "missing"), *one;
	size_t i;

	if (json_array_size(missing) == 0)
		return 0;
	json_array_foreach(missing, i, one)
	        out_note(a->out, "%s %s%s%s: %s", json_text(one, "stage"), json_text(one, "target"),
	                 json_text(one, "instance")[0] ? " " : "", json_text(one, "instance"),
	                 json_text(one, "why"));
	if (json_array_size(json_object_get(reply, "lines")) > 0)
		return err_set(e, ERR_PARTIAL, "%zu of those that were asked gave no %s",
		               json_array_size(missing), what);
	one = json_array_get(missing, 0);
	return err_set(e, ERR_UNREACHABLE, "no %s can be read: target \"%s\": %s", what,
	               json_text(one, "target"), json_text(one, "why"));
}

/* What is told about the instances beside what they print. */
struct about {
	const char *ask, *kind, *what;
	size_t n;
	struct out_column columns[8];
};
static const struct about instances = {
	"names",
	"InstanceList",
	"instance",
	5,
	{
	        { "STAGE", "stage", OUT_LEFT, false, false },
	        { "TARGET", "target", OUT_LEFT, false, false },
	        { "INSTANCE", "instance", OUT_LEFT, false, true },
	        { "STATE", "state", OUT_LEFT, false, false },
	        { "VERSION", "version", OUT_LEFT, false, false },
	},
};
static const struct about happened = {
	"events",
	"InstanceEventList",
	"event",
	8,
	{
	        { "STAGE", "stage", OUT_LEFT, true, false },
	        { "TARGET", "target", OUT_LEFT, false, false },
	        { "TIME", "time", OUT_LEFT, false, false },
	        { "TYPE", "type", OUT_LEFT, false, false },
	        { "REASON", "reason", OUT_LEFT, false, true },
	        { "OBJECT", "object", OUT_LEFT, false, false },
	        { "COUNT", "count", OUT_RIGHT, false, false },
	        { "TEXT", "text", OUT_LEFT, false, false },
	},
};

static int
tell(struct app *a, const struct about *about, json_t *request, struct err *e)
{
	cleanup_json json_t *reply = NULL;
	const json_t *one;
	size_t i;
	int rc;

	json_object_set_new(request, about->ask, json_true());
	rc = agent_call("logs", request, &reply, e);
	if (rc < 0)
		return rc;
	out_table_begin(a->out, about->kind, about->columns, about->n);
	json_array_foreach(json_object_get(reply, "lines"), i, one)
	{
		for (size_t k = 0; k < about->n; k++)
			if (streq(about->columns[k].key, "count"))
				out_cell_u64(a->out, json_opt_u64(one, "count"));
			else
				out_cell(a->out, json_opt_string(one, about->columns[k].key));
	}
	out_table_end(a->out);
	return show_missing(a, reply, about->what, e);
}

static int
check_model(struct app *a, const char *name, struct err *e)
{
	struct model_row m;
	struct txn *t;
	int rc = ref_check_model(name, e);

	if (rc == 0)
		rc = store_read_begin(a->registry->store, &t, e);
	if (rc < 0)
		return rc;
	rc = model_get(t, name, &m, e);
	store_abort(t);
	if (rc != -ERR_NOT_FOUND)
		return rc;
	err_set(e, ERR_NOT_FOUND, "there is no model \"%s\"", name);
	return err_hint(e, "slipway list shows them");
}

static int
run(struct app *a, const struct args *in, struct err *e)
{
	const char *const tail = arg_value(in, "--tail");
	cleanup_json json_t *request = json_object();
	cleanup_json json_t *reply = NULL;
	uint64_t n = 0;
	int rc = check_model(a, in->pos[0], e);

	if (rc == 0 && tail && (parse_u64(tail, 10000, &n) < 0 || n == 0))
		rc = err_set(e, ERR_USAGE, "--tail \"%s\" is no number from 1 to 10000", tail);
	if (rc < 0)
		return rc;
	json_object_set_new(request, "registry", json_string(a->registry->dir));
	json_object_set_new(request, "timeout_ms", json_integer((json_int_t)a->timeout_ms));
	json_object_set_new(request, "model", json_string(in->pos[0]));
	if (arg_value(in, "--target"))
		json_object_set_new(request, "target", json_string(arg_value(in, "--target")));
	if (arg_value(in, "--stage"))
		json_object_set_new(request, "stage", json_string(arg_value(in, "--stage")));
	if (arg_flag(in, "--instances") && arg_flag(in, "--events"))
		return err_set(e, ERR_USAGE, "--instances or --events, not both");
	if (arg_flag(in, "--instances"))
		return tell(a, &instances, request, e);
	if (arg_flag(in, "--events"))
		return tell(a, &happened, request, e);
	if (arg_flag(in, "--follow")) {
		if (arg_flag(in, "--previous"))
			return err_set(e, ERR_USAGE,
			               "--previous: what a container printed before its restart "
			               "is over, and cannot be followed");
		return log_follow(a, request, n, e);
	}
	json_object_set_new(request, "previous", json_boolean(arg_flag(in, "--previous")));
	json_object_set_new(request, "tail", json_integer((json_int_t)n));
	rc = agent_call("logs", request, &reply, e);
	if (rc < 0)
		return rc;
	show_lines(a, json_object_get(reply, "lines"));
	return show_missing(a, reply, "log", e);
}

static const struct opt opts[] = {
	{ "--stage", 0, "STAGE", "of this stage only", false },
	{ "--target", 0, "TARGET", "of this target only", false },
	{ "--instances", 0, NULL, "which instances there are, and not what they print", false },
	{ "--events", 0, NULL, "what happened to them lately, as the cluster tells it", false },
	{ "--follow", 'f', NULL, "go on with what they print from now on, until Ctrl-C", false },
	{ "--previous", 0, NULL, "of the containers before the last restart", false },
	{ "--tail", 0, "N", "so many lines of each instance (default 200)", false },
	{ 0 },
};

const struct cmd cmd_logs = {
	.name = "logs",
	.args = "NAME",
	.summary = "what the instances of a model print",
	.group = "deploy",
	.opts = opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_AGENT | CMD_WAITS,
	.run = run,
	.examples = "slipway logs fraud-ranker --stage production --tail 50\n"
	            "slipway logs fraud-ranker -f --tail 1\n"
	            "slipway logs fraud-ranker --previous",
};
