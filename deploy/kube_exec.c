/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a credential plugin. Its environment is ours, what the kubeconfig adds, and one variable
 * that says what is asked; no secret is handed to it. Whether it may run at all is decided before.
 */
#include "deploy/kube_exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/kube_auth.h"
#include "deploy/kube_look.h"
#include "deploy/program.h"
#include "deploy/secret.h"
#include "registry/base/base64.h"
#include "registry/base/vec.h"

void
kube_exec_word_fini(struct kube_exec_word *w)
{
	secret_wipe(&w->token);
	secret_wipe(&w->cert_pem);
	secret_wipe(&w->key_pem);
	w->expires_s = 0;
}

/* --- what it says --- */

static int
take_text(const json_t *status, const char *key, char **ret, struct err *e)
{
	const json_t *const v = json_object_get(status, key);

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return err_set(e, ERR_MALFORMED, "\"%s\" is no text", key);
	if (json_string_length(v) > 0)
		*ret = xstrdup(json_string_value(v));
	return 0;
}

static int
take_status(const json_t *status, struct kube_exec_word *ret, struct err *e)
{
	const char *const when = json_opt_string(status, "expirationTimestamp");
	int rc = take_text(status, "token", &ret->token, e);

	if (rc == 0)
		rc = take_text(status, "clientCertificateData", &ret->cert_pem, e);
	if (rc == 0)
		rc = take_text(status, "clientKeyData", &ret->key_pem, e);
	if (rc < 0)
		return rc;
	if (!ret->cert_pem != !ret->key_pem)
		return err_set(e, ERR_MALFORMED, "it gives a certificate or a key, not both");
	if (!ret->token && !ret->cert_pem)
		return err_set(e, ERR_MALFORMED, "it gives neither token nor certificate");
	if (ret->token && !secret_is_token(str_of(ret->token)))
		return err_set(e, ERR_MALFORMED, "what it gives is no token");
	if (!when)
		return 0;
	ret->expires_s = kube_time(status, "expirationTimestamp");
	if (ret->expires_s == 0)
		return err_set(e, ERR_MALFORMED, "\"%.40s\" is no time", when);
	return 0;
}

int
kube_exec_parse(struct str text, const char *api_version, struct kube_exec_word *ret, struct err *e)
{
	cleanup_json json_t *j = NULL;
	const char *version;
	int rc;

	*ret = (struct kube_exec_word){ 0 };
	/* no position and no piece of it in a message: it is a secret */
	if (json_parse(text, "it", &j, e) < 0) {
		err_clear(e);
		return err_set(e, ERR_MALFORMED, "its output is no JSON");
	}
	version = json_opt_string(j, "apiVersion");
	if (!json_opt_string(j, "kind") || !streq(json_opt_string(j, "kind"), "ExecCredential") ||
	    !version)
		return err_set(e, ERR_MALFORMED, "its output is no ExecCredential");
	if (!streq(version, api_version))
		return err_set(e, ERR_MALFORMED, "it answers as \"%.60s\", asked was \"%s\"",
		               version, api_version);
	rc = take_status(json_object_get(j, "status"), ret, e);
	if (rc < 0)
		kube_exec_word_fini(ret);
	return rc;
}

/* --- running it --- */

/* As a kubeconfig has it. No proxy: its address may hold a password, and this is an environment. */
static json_t *
cluster_info(const struct kubeconfig *c)
{
	json_t *const cluster = json_object();

	json_object_set_new(cluster, "server", json_string(c->server));
	if (c->server_name)
		json_object_set_new(cluster, "tls-server-name", json_string(c->server_name));
	if (c->skip_verify)
		json_object_set_new(cluster, "insecure-skip-tls-verify", json_true());
	if (c->ca_pem) {
		cleanup_buf struct buf text = { 0 };

		base64_add(&text, c->ca_pem, strlen(c->ca_pem));
		json_object_set_new(cluster, "certificate-authority-data",
		                    json_from_str(buf_str(&text)));
	}
	return cluster;
}

static char *
info(const struct kubeconfig *c)
{
	cleanup_json json_t *j = json_object();
	json_t *const spec = json_object();
	cleanup_buf struct buf b = { 0 };

	json_object_set_new(j, "apiVersion", json_string(c->exec->api_version));
	json_object_set_new(j, "kind", json_string("ExecCredential"));
	json_object_set_new(j, "spec", spec);
	json_object_set_new(spec, "interactive", json_false());
	if (c->exec->provide_cluster_info)
		json_object_set_new(spec, "cluster", cluster_info(c));
	json_canonical(j, &b);
	return xasprintf("KUBERNETES_EXEC_INFO=%s", buf_cstr(&b));
}

static bool
is_set_again(char *const *more, const char *one)
{
	for (; more && *more; more++) {
		const size_t n = strcspn(*more, "=") + 1;
		if (strncmp(*more, one, n) == 0)
			return true;
	}
	return has_prefix(one, "KUBERNETES_EXEC_INFO=");
}

/* Borrowed texts; the array is the caller's. */
static char **
environment(const struct kube_exec *x, char *said)
{
	VEC(char *) v = { 0 };

	for (char **s = environ; *s; s++) {
		if (!is_set_again(x->env, *s))
			vec_push(&v, *s);
	}
	for (char **s = x->env; s && *s; s++)
		vec_push(&v, *s);
	vec_push(&v, said);
	vec_push(&v, NULL);
	return v.v;
}

static int
run(const struct kube_options *o, struct buf *said, struct err *e)
{
	const struct kube_exec *const x = o->config->exec;
	cleanup_free char *asked = info(o->config);
	cleanup_free char **envp = environment(x, asked);
	VEC(char *) argv = { 0 };
	struct program p = { .envp = envp,
		             .what = "credential plugin",
		             .check = o->check,
		             .check_arg = o->check_arg };
	int rc;

	vec_push(&argv, x->command);
	for (char **s = x->args; s && *s; s++)
		vec_push(&argv, *s);
	vec_push(&argv, NULL);
	p.argv = argv.v;
	p.deadline_ms = o->deadline_ms ? *o->deadline_ms : 0;
	rc = program_run(&p, said, e);
	vec_fini(&argv);
	return rc == -ERR_DENIED && x->install_hint ? err_hint(e, "%s", x->install_hint) : rc;
}

int
kube_exec_run(const struct kube_options *o, struct kube_exec_word *ret, struct err *e)
{
	struct buf said = { 0 };
	int rc = run(o, &said, e);

	*ret = (struct kube_exec_word){ 0 };
	if (rc == 0) {
		rc = kube_exec_parse(buf_str(&said), o->config->exec->api_version, ret, e);
		if (rc < 0)
			err_prefix(e, "credential plugin \"%s\"", o->config->exec->command);
	}
	secret_wipe_buf(&said);
	return rc;
}
