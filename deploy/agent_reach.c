/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb "reach": where a person's kubeconfig leads, and under whose authorities. Its secrets are
 * read here, checked to be what they should be, and forgotten again: none is in the answer.
 */
#include "deploy/agent.h"

#include "deploy/kubeconfig.h"
#include "registry/reach.h"

static int
set_text(json_t *o, const char *key, const char *s, struct err *e)
{
	json_t *v = json_from_str(str_of(s));

	if (!v)
		return err_set(e, ERR_USAGE, "the kubeconfig's %s is not UTF-8", key);
	json_object_set_new(o, key, v);
	return 0;
}

static json_t *
plugin_json(const struct kubeconfig *c)
{
	cleanup_free char *command = NULL;
	struct digest plugin;
	json_t *o;

	kubeconfig_plugin(c, &plugin, &command);
	if (!command)
		return json_null();
	o = json_object();
	json_object_set_new(o, "command", json_from_str(str_of(command)));
	json_object_set_new(o, "digest", json_from_digest(&plugin));
	return o;
}

static int
answer(const struct kubeconfig *c, const char *where, json_t *o, struct err *e)
{
	struct digest ca;
	int rc = set_text(o, "kubeconfig", where, e);

	kubeconfig_ca(c, &ca);
	if (rc == 0)
		rc = set_text(o, "context", c->context, e);
	if (rc == 0)
		rc = set_text(o, "url", c->server, e);
	if (rc == 0)
		rc = set_text(o, "namespace", c->ns, e);
	json_object_set_new(o, "ca", digest_is_zero(&ca) ? json_null() : json_from_digest(&ca));
	json_object_set_new(o, "checked", json_boolean(!c->skip_verify));
	json_object_set_new(o, "plugin", plugin_json(c));
	return rc;
}

int
agent_reach(const json_t *request, json_t **ret, struct err *e)
{
	const char *const file = json_opt_string(request, "kubeconfig");
	cleanup_json json_t *o = json_object();
	cleanup_free char *where = NULL;
	struct kubeconfig c = { 0 };
	int rc = kubeconfig_where(file, &where, e);

	if (rc == 0)
		rc = kubeconfig_load(where, json_opt_string(request, "context"), &c, e);
	if (rc == 0)
		rc = answer(&c, where, o, e);
	kubeconfig_fini(&c);
	if (rc == 0)
		*ret = steal(&o);
	return rc;
}
