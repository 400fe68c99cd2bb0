/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target set: how this person reaches a cluster that the log names. What is said is bound to the
 * address and the authorities of the log and kept beside the person's keys; nothing is logged. What
 * a kubeconfig holds only the agent reads.
 */
#include "tui/cmd/target.h"

#include <string.h>

#include "tui/job.h"

static json_t *
text_or_null(const char *s)
{
	json_t *v = s ? json_from_str(str_of(s)) : NULL;

	return v ? v : json_null();
}

/* What the agent read, as what will be kept. */
static int
reach_of(const json_t *reply, struct reach *ret, struct err *e)
{
	cleanup_json json_t *o = json_object();

	json_object_set(o, "kubeconfig", json_object_get(reply, "kubeconfig"));
	json_object_set(o, "context", json_object_get(reply, "context"));
	json_object_set(o, "url", json_object_get(reply, "url"));
	json_object_set(o, "ca", json_object_get(reply, "ca"));
	json_object_set_new(o, "plugin", json_null());
	return reach_from_json(o, ret, e);
}

static int
allow_plugin(struct app *a, const struct args *in, const json_t *plugin, struct reach *r,
             struct err *e)
{
	const char *const command = json_opt_string(plugin, "command");

	if (!command)
		return 0;
	if (!arg_flag(in, "--allow-exec")) {
		err_set(e, ERR_DENIED, "context \"%s\" wants to run \"%s\" for credentials",
		        r->context, command);
		return err_hint(e, "if you trust that program, add --allow-exec to the same line");
	}
	out_note(a->out, "\"%s\" may be run as you when credentials are needed", command);
	return json_get_digest(plugin, "digest", "agent", &r->plugin, e);
}

int
target_reach(struct app *a, const struct args *in, struct reach *ret, char **ret_ns, struct err *e)
{
	cleanup_json json_t *request = json_object(), *reply = NULL;
	const char *const file = arg_value(in, "--kubeconfig");
	struct reach r = { 0 };
	const char *ns;
	int rc;

	if (file && !json_is_string(json_object_get(request, "kubeconfig"))) {
		json_t *text = json_from_str(str_of(file));

		if (!text || !*file) {
			json_decref(text);
			return err_set(e, ERR_USAGE, "--kubeconfig: no name of a file");
		}
		json_object_set_new(request, "kubeconfig", text);
	}
	json_object_set_new(request, "context", text_or_null(arg_value(in, "--context")));
	rc = agent_call("reach", request, &reply, e);
	if (rc == 0)
		rc = json_get_string(reply, "namespace", "agent", &ns, e);
	if (rc == 0)
		rc = reach_of(reply, &r, e);
	if (rc < 0)
		return rc;
	if (!json_is_true(json_object_get(reply, "checked"))) {
		err_set(e, ERR_DENIED, "context \"%s\" does not check whose server it is",
		        r.context);
		rc = err_hint(e, "put certificate-authority-data in the place of "
		                 "insecure-skip-tls-verify");
	}
	if (rc == 0)
		rc = allow_plugin(a, in, json_object_get(reply, "plugin"), &r, e);
	if (rc < 0) {
		reach_fini(&r);
		return rc;
	}
	*ret = r;
	*ret_ns = xstrdup(ns);
	return 0;
}

int
target_ask(struct app *a, const char *name, json_t *body, const struct reach *reach, json_t **ret,
           struct err *e)
{
	cleanup_json json_t *request = json_object();

	json_object_set_new(request, "registry", json_string(a->registry->dir));
	json_object_set_new(request, "timeout_ms", json_integer((json_int_t)a->timeout_ms));
	json_object_set_new(request, "target", json_string(name));
	if (body)
		json_object_set(request, "body", body);
	if (reach)
		json_object_set_new(request, "reach", reach_to_json(reach));
	return agent_call("test", request, ret, e);
}

/* Is that context the cluster that the log names? */
static int
compare(const struct target_row *row, const struct reach *r, struct err *e)
{
	cleanup_json json_t *body = NULL;
	struct digest ca = { 0 };
	const char *url;
	int rc = json_parse(str_of(row->body), "target", &body, e);

	if (rc < 0)
		return rc;
	url = json_opt_string(body, "url");
	if (!json_object_get(body, "ca")) {
		err_set(e, ERR_USAGE, "target \"%s\" is no cluster: a %s needs no kubeconfig",
		        row->name, row->driver);
		return err_hint(e, "slipway target show %s", row->name);
	}
	if (!json_is_null(json_object_get(body, "ca")))
		rc = json_get_digest(body, "ca", "target", &ca, e);
	if (rc < 0)
		return rc;
	if (!streq(url, r->url))
		err_set(e, ERR_USAGE, "context \"%s\" leads to \"%s\", target \"%s\" is \"%s\"",
		        r->context, r->url, row->name, url ? url : "");
	else if (!digest_eq(&ca, &r->ca))
		err_set(e, ERR_USAGE,
		        "context \"%s\" trusts other authorities for \"%s\" than target \"%s\" "
		        "names",
		        r->context, r->url, row->name);
	else
		return 0;
	return err_hint(e,
	                "take another --context; a cluster that moved is removed and added again");
}

/* --- its Prometheus --- */

static const char *const metrics_flags[] = { "--prometheus-token", "--prometheus-login",
	                                     "--prometheus-ca" };

static bool
says_metrics(const struct args *in)
{
	bool any = arg_flag(in, "--prometheus-forget");

	for (size_t i = 0; i < COUNT(metrics_flags); i++)
		any = any || arg_value(in, metrics_flags[i]);
	return any;
}

/* Its whole path: what reads it later stands elsewhere. What is in it only the agent reads. */
static int
whole_path(const struct args *in, const char *flag, char **ret, struct err *e)
{
	const char *const path = arg_value(in, flag);

	*ret = path ? realpath(path, NULL) : NULL;
	return path && !*ret ? err_sys(e, "%s: cannot find \"%s\"", flag, path) : 0;
}

/* Bound to the address that the log names now. */
static int
metrics_of(const struct target_row *row, const struct args *in, struct reach_metrics *ret,
           struct err *e)
{
	cleanup_json json_t *body = NULL;
	const char *url;
	int rc = json_parse(str_of(row->body), "target", &body, e);

	*ret = (struct reach_metrics){ 0 };
	if (rc < 0 || arg_flag(in, "--prometheus-forget"))
		return rc;
	url = json_opt_string(json_object_get(body, "settings"), "prometheus");
	if (!url)
		return err_set(e, ERR_USAGE, "target \"%s\" has no setting \"prometheus\"",
		               row->name);
	if (arg_value(in, "--prometheus-token") && arg_value(in, "--prometheus-login"))
		return err_set(e, ERR_USAGE,
		               "--prometheus-token and --prometheus-login: one of "
		               "the two says who you are");
	rc = whole_path(in, "--prometheus-token", &ret->token_file, e);
	if (rc == 0)
		rc = whole_path(in, "--prometheus-login", &ret->login_file, e);
	if (rc == 0)
		rc = whole_path(in, "--prometheus-ca", &ret->ca_file, e);
	ret->url = xstrdup(url);
	if (rc < 0)
		reach_metrics_fini(ret);
	return rc;
}

/* What was said before stays where nothing else is said now. */
static int
join(struct app *a, const struct args *in, const struct target_row *row, struct reach *r,
     struct err *e)
{
	struct reach before = { 0 };
	struct err none = { 0 };
	const bool has_before = reach_load(a->registry->id, row->name, &before, &none) == 0;
	int rc = 0;

	if (!r->kubeconfig && has_before) {
		*r = before;
		before = (struct reach){ 0 };
	} else if (!r->kubeconfig) {
		rc = err_set(e, ERR_USAGE,
		             "you have not said yet how you reach \"%s\": --kubeconfig too",
		             row->name);
	} else {
		r->metrics = before.metrics;
		before.metrics = (struct reach_metrics){ 0 };
	}
	reach_fini(&before);
	if (rc == 0 && says_metrics(in)) {
		reach_metrics_fini(&r->metrics);
		rc = metrics_of(row, in, &r->metrics, e);
	}
	return rc;
}

static int
run_set(struct app *a, const struct args *in, struct err *e)
{
	const char *const name = in->pos[0];
	cleanup_free char *ns = NULL;
	struct target_row row;
	struct reach r = { 0 };
	struct json_out *j;
	bool changed = false;
	int rc = target_find(a, name, &row, e);

	if (rc < 0)
		return rc;
	if (!arg_value(in, "--kubeconfig") && !arg_value(in, "--context") && !says_metrics(in))
		return err_set(e, ERR_USAGE, "target set: --kubeconfig or --context is needed");
	if (arg_value(in, "--kubeconfig") || arg_value(in, "--context")) {
		rc = target_reach(a, in, &r, &ns, e);
		if (rc == 0)
			rc = compare(&row, &r, e);
	}
	if (rc == 0)
		rc = join(a, in, &row, &r, e);
	if (rc == 0)
		rc = reach_save(a->registry->id, name, &r, &changed, e);
	if (rc == 0 && out_format_of(a->out) == OUT_NAME) {
		out_text(a->out, "%s\n", name);
	} else if (rc == 0) {
		out_object_begin(a->out, "TargetReach");
		j = out_object_json(a->out);
		if (j) {
			jo_string(j, "name", name);
			jo_string(j, "kubeconfig", r.kubeconfig);
			jo_string(j, "context", r.context);
			jo_string(j, "url", r.url);
			jo_string(j, "prometheus", r.metrics.url);
			jo_bool(j, "changed", changed);
		} else {
			out_text(a->out, "target \"%s\" is reached %s context \"%s\"\n", name,
			         changed ? "by" : "already by", r.context);
		}
		out_object_end(a->out);
	}
	reach_fini(&r);
	return rc;
}

static const struct opt set_opts[] = {
	{ "--kubeconfig", 0, "FILE", "how you reach the cluster; never logged", false },
	{ "--context", 0, "NAME", "context of it (default: its current one)", false },
	{ "--allow-exec", 0, NULL, "its credential plugin may run as you", false },
	{ "--prometheus-token", 0, "FILE", "its Prometheus wants a token: the file's", false },
	{ "--prometheus-login", 0, "FILE", "it wants a password: USER:PASSWORD in a file", false },
	{ "--prometheus-ca", 0, "FILE", "who signed its Prometheus's certificate", false },
	{ "--prometheus-forget", 0, NULL, "its Prometheus is asked as nobody again", false },
	{ 0 },
};

const struct cmd cmd_target_set = {
	.name = "target",
	.sub = "set",
	.args = "NAME",
	.summary = "how you reach a cluster; kept for you, not logged",
	.group = "deploy",
	.opts = set_opts,
	.min_pos = 1,
	.max_pos = 1,
	.flags = CMD_READS | CMD_AGENT,
	.run = run_set,
	.examples = "slipway target set prod --kubeconfig ~/.kube/prod --context admin@prod",
};
