/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target test: is it there, who are we to it, what is missing? All that was found is shown, also
 * when it is not enough; then the exit status says so.
 */
#include "tui/cmd/target.h"

#include <inttypes.h>

#include "registry/labels.h"

static bool
is_same(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "resource"), json_object_get(b, "resource")) &&
	       json_equal(json_object_get(a, "group"), json_object_get(b, "group"));
}

static void
add_resource(const json_t *v, struct buf *ret)
{
	const char *group = json_opt_string(v, "group");

	buf_addf(ret, " %s%s%s", json_opt_string(v, "resource"), group && *group ? "." : "",
	         group ? group : "");
}

/* "get, patch deployments.apps; list pods": the rights in that state, as many as are returned. */
static size_t
join_rights(const json_t *cluster, const char *state, bool only_needed, struct buf *ret)
{
	const json_t *last = NULL;
	size_t i, n = 0;
	json_t *v;

	json_array_foreach(json_object_get(cluster, "may"), i, v)
	{
		if (!streq(json_opt_string(v, "state"), state) ||
		    (only_needed && !json_is_true(json_object_get(v, "needed"))))
			continue;
		if (last && is_same(last, v)) {
			buf_adds(ret, ", ");
		} else if (last) {
			add_resource(last, ret);
			buf_adds(ret, "; ");
		}
		buf_adds(ret, json_opt_string(v, "verb"));
		last = v;
		n++;
	}
	if (last)
		add_resource(last, ret);
	return n;
}

static void
show_rights(struct app *a, const json_t *cluster)
{
	static const char *const rows[][2] = { { "no", "may not" }, { "unknown", "unknown" } };
	cleanup_buf struct buf may = { 0 };
	const size_t n = join_rights(cluster, "yes", false, &may);

	out_field(a->out, "may", "%s", n ? buf_cstr(&may) : "nothing that was asked about");
	for (size_t i = 0; i < COUNT(rows); i++) {
		cleanup_buf struct buf text = { 0 };

		if (join_rights(cluster, rows[i][0], false, &text) > 0)
			out_field(a->out, rows[i][1], "%s", buf_cstr(&text));
	}
}

static void
show_apis(struct app *a, const json_t *cluster)
{
	size_t i, k;
	json_t *v, *version;

	json_array_foreach(json_object_get(cluster, "apis"), i, v)
	{
		cleanup_buf struct buf text = { 0 };
		const char *state = json_opt_string(v, "state");

		json_array_foreach(json_object_get(v, "versions"), k, version)
		        buf_addf(&text, " %s", json_string_value(version));
		out_field(a->out, "api", "%s%s%s%s", json_opt_string(v, "group"), buf_cstr(&text),
		          streq(state, "served") ? "" : " is ",
		          streq(state, "served") ? "" : state);
	}
}

static void
show_gpus(struct app *a, const json_t *gpus)
{
	const json_t *all = json_object_get(gpus, "all"), *unused = json_object_get(gpus, "free");

	if (json_is_integer(unused))
		out_field(a->out, "gpus",
		          "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " free",
		          json_integer_value(unused), json_integer_value(all));
	else if (json_is_integer(all))
		out_field(a->out, "gpus", "%" JSON_INTEGER_FORMAT ", free ones unknown: %s",
		          json_integer_value(all), json_opt_string(gpus, "why"));
	else
		out_field(a->out, "gpus", "unknown: %s", json_opt_string(gpus, "why"));
}

/* Where bytes are put so that the cluster reads them. */
static void
show_store(struct app *a, const json_t *store)
{
	const char *address = json_opt_string(store, "address");
	const char *why = json_opt_string(store, "why");

	if (!address)
		return;
	out_field(a->out, "store", "%s is %s%s%s", address, json_opt_string(store, "state"),
	          why && *why ? ": " : "", why ? why : "");
}

static void
show_clock(struct app *a, json_int_t ms)
{
	if (ms == 0)
		out_field(a->out, "clock", "as here");
	else
		out_field(a->out, "clock",
		          "%" JSON_INTEGER_FORMAT ".%03" JSON_INTEGER_FORMAT " s %s",
		          (ms < 0 ? -ms : ms) / 1000, (ms < 0 ? -ms : ms) % 1000,
		          ms < 0 ? "behind" : "ahead");
}

static const char *
namespace_text(const json_t *ns)
{
	const char *state = json_opt_string(ns, "state");

	return streq(state, "exists")    ? "exists"
	       : streq(state, "missing") ? "is missing"
	       : streq(state, "ending")  ? "is being removed"
	                                 : "(you may not ask whether it exists)";
}

static void
show_cluster(struct app *a, const json_t *cluster)
{
	const json_t *ns = json_object_get(cluster, "namespace");
	const char *as = json_opt_string(cluster, "impersonates");
	const char *who = json_opt_string(cluster, "identity");

	if (!cluster)
		return;
	out_field(a->out, "cluster", "%s, Kubernetes %s", json_opt_string(cluster, "address"),
	          json_opt_string(cluster, "version"));
	out_field(a->out, "identity", "%s%s%s", who && *who ? who : "unknown",
	          as ? ", asked for as " : "", as ? as : "");
	out_field(a->out, "namespace", "%s %s", json_opt_string(ns, "name"), namespace_text(ns));
	show_rights(a, cluster);
	show_apis(a, cluster);
	show_clock(a, json_integer_value(json_object_get(cluster, "clockDifferenceMs")));
	show_gpus(a, json_object_get(cluster, "gpus"));
	show_store(a, json_object_get(cluster, "store"));
}

/* What keeps a rollout from working there, as the error of this verb. */
static int
judge(const char *name, const json_t *cluster, struct err *e)
{
	const json_t *ns = json_object_get(cluster, "namespace");
	const char *state = json_opt_string(ns, "state");
	cleanup_buf struct buf text = { 0 };
	size_t i;
	json_t *v;

	if (streq(state, "missing") || streq(state, "ending")) {
		err_set(e, ERR_NOT_FOUND, "target \"%s\": namespace \"%s\" is %s", name,
		        json_opt_string(ns, "name"), state);
		return err_hint(e, "whoever runs the cluster makes it");
	}
	json_array_foreach(json_object_get(cluster, "apis"), i, v)
	{
		if (!streq(json_opt_string(v, "state"), "missing"))
			continue;
		err_set(e, ERR_NOT_FOUND, "target \"%s\": the cluster does not serve \"%s\"", name,
		        json_opt_string(v, "group"));
		return err_hint(e,
		                "is that the right cluster, and is the operator installed there?");
	}
	if (join_rights(cluster, "no", true, &text) == 0)
		return 0;
	err_set(e, ERR_DENIED, "target \"%s\": there you may not %s", name, buf_cstr(&text));
	return err_hint(e, "whoever runs the cluster can bind a role to \"%s\"",
	                json_opt_string(cluster, "identity"));
}

static void
show_facts(struct app *a, const json_t *facts)
{
	out_field(a->out, "server", "%s%s%s", json_opt_string(facts, "server"),
	          *json_opt_string(facts, "version") ? " " : "", json_opt_string(facts, "version"));
	if (*json_opt_string(facts, "mode"))
		out_field(a->out, "mode", "%s", json_opt_string(facts, "mode"));
	out_field(a->out, "proof", "up to \"%s\"",
	          proofs_highest(proofs_from_json(json_object_get(facts, "proofs"))));
	if (*json_opt_string(facts, "whyNot"))
		out_field(a->out, "missing", "%s", json_opt_string(facts, "whyNot"));
}

static void
show(struct app *a, const char *name, const json_t *reply, bool has_facts)
{
	const json_t *cluster = json_object_get(reply, "cluster");
	struct json_out *j;

	out_object_begin(a->out, "TargetTest");
	j = out_object_json(a->out);
	if (j) {
		jo_string(j, "name", name);
		jo_bool(j, "reachable", true);
		jo_value(j, "facts", json_object_get(reply, "facts"));
		if (cluster)
			jo_value(j, "cluster", cluster);
	} else {
		out_field(a->out, "target", "%s is reachable", name);
		if (has_facts)
			show_facts(a, json_object_get(reply, "facts"));
		show_cluster(a, cluster);
	}
	out_object_end(a->out);
}

static int
run_test(struct app *a, const struct args *in, struct err *e)
{
	const char *const name = in->pos[0];
	cleanup_json json_t *reply = NULL;
	const json_t *cluster;
	const char *code, *reason, *hint;
	int rc = target_ask(a, name, NULL, NULL, &reply, e);

	if (rc < 0)
		return rc;
	cluster = json_object_get(reply, "cluster");
	code = json_opt_string(reply, "code");
	reason = json_opt_string(reply, "reason");
	if (!code || cluster)
		show(a, name, reply, !code);
	rc = cluster ? judge(name, cluster, e) : 0;
	if (rc < 0 || !code)
		return rc;
	hint = json_opt_string(reply, "hint");
	err_set(e, err_from_name(code), "target \"%s\": %s", name, reason ? reason : code);
	return err_hint(e, "%s",
	                hint && *hint ? hint
	                              : "start the server or mend the address, then try again");
}

const struct cmd cmd_target_test = {
	.name = "target",
	.sub = "test",
	.args = "NAME",
	.summary = "reach a target and say what it can do",
	.group = "deploy",
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_AGENT,
	.run = run_test,
};
