/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a cluster: the log says which, the person's own file says how, the kubeconfig holds the
 * credentials. All three must name the same server under the same authorities before anything is
 * opened. Knows no kind of object.
 */
#include "deploy/kube_target.h"

#include <string.h>

/* The line that says it again, with what was said last. */
static int
hint_set(const struct target *t, const char *more, struct err *e)
{
	const char *file = t->kubeconfig && t->kubeconfig[0] == '/' ? t->kubeconfig : NULL;

	return err_hint(e, "slipway target set %s --kubeconfig %s --context %s%s", t->name,
	                file ? file : "FILE", t->context ? t->context : "NAME", more);
}

/* Does the log still say what the person agreed to? */
static int
check_bound(const struct target *t, struct err *e)
{
	if (!t->kubeconfig) {
		err_set(e, ERR_DENIED, "you have not said yet how you reach this cluster");
		return hint_set(t, "", e);
	}
	if (streq(t->bound_url, t->url) && digest_eq(&t->bound_ca, &t->ca))
		return 0;
	if (streq(t->bound_url, t->url))
		err_set(e, ERR_DENIED, "target changed: the log names other authorities of \"%s\"",
		        t->url);
	else
		err_set(e, ERR_DENIED, "target changed: it was \"%s\", the log says \"%s\"",
		        t->bound_url ? t->bound_url : "", t->url);
	err_hint(e, "confirm with slipway target set %s --kubeconfig %s --context %s", t->name,
	         t->kubeconfig[0] == '/' ? t->kubeconfig : "FILE", t->context);
	return -(int)e->code;
}

/* Does the kubeconfig lead where the log says? */
static int
check_config(const struct target *t, const struct kubeconfig *c, struct err *e)
{
	struct digest ca;

	kubeconfig_ca(c, &ca);
	if (!streq(c->server, t->url))
		err_set(e, ERR_DENIED, "context \"%s\" leads to \"%s\" now, the target is \"%s\"",
		        c->context, c->server, t->url);
	else if (!digest_eq(&ca, &t->ca))
		err_set(e, ERR_DENIED,
		        "context \"%s\" trusts other authorities for \"%s\" than the log names",
		        c->context, c->server);
	else
		return 0;
	err_hint(e,
	         "take a context that does: slipway target set %s --kubeconfig FILE --context "
	         "NAME",
	         t->name);
	return -(int)e->code;
}

static int
check_trust(const struct target *t, const struct kubeconfig *c, struct err *e)
{
	struct digest plugin;

	if (c->skip_verify) {
		err_set(e, ERR_DENIED, "context \"%s\" does not check whose server it is",
		        c->context);
		return err_hint(e, "put certificate-authority-data in the place of "
		                   "insecure-skip-tls-verify");
	}
	kubeconfig_plugin(c, &plugin, NULL);
	if (!c->exec || digest_eq(&plugin, &t->allow_exec))
		return 0;
	if (digest_is_zero(&t->allow_exec))
		err_set(e, ERR_DENIED, "context \"%s\" wants to run a program for credentials",
		        c->context);
	else
		err_set(e, ERR_DENIED,
		        "context \"%s\" wants to run another program than the one you allowed",
		        c->context);
	return hint_set(t, " --allow-exec", e);
}

int
kube_target_open(const struct target *t, struct kube_target *ret, struct err *e)
{
	struct kube_options o = { .config = &ret->config,
		                  .deadline_ms = &t->deadline_ms,
		                  .check = t->check,
		                  .check_arg = t->check_arg };
	int rc;

	*ret = (struct kube_target){ 0 };
	if (!t->url) {
		err_set(e, ERR_USAGE, "it has no address");
		return err_hint(e, "slipway target add NAME --kubeconfig FILE --context NAME ...");
	}
	rc = check_bound(t, e);
	if (rc == 0)
		rc = kubeconfig_load(t->kubeconfig, t->context, &ret->config, e);
	if (rc < 0)
		return rc;
	rc = check_config(t, &ret->config, e);
	if (rc == 0)
		rc = check_trust(t, &ret->config, e);
	o.allow_exec = ret->config.exec != NULL;
	if (rc == 0)
		rc = kube_open(&o, &ret->kube, e);
	if (rc < 0)
		kube_target_close(ret);
	return rc;
}

void
kube_target_close(struct kube_target *k)
{
	if (k->kube)
		kube_close(k->kube);
	kubeconfig_fini(&k->config);
	k->kube = NULL;
}
