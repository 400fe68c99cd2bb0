/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Will KServe's controller take it? It accepts a format that no runtime serves and then says
 * nothing for ever, and refuses a change of mode: both are asked here first, by its own rules.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

/* The namespace's own comes before the cluster's. 1: nobody may look. */
static int
runtime_of(struct cluster *c, json_t **ret, struct err *e)
{
	cleanup_buf struct buf path = { 0 };
	bool is_denied;
	int rc;

	kube_path(&path, "serving.kserve.io", "v1alpha1", cluster_namespace(c->t),
	          "servingruntimes", c->s.runtime, NULL);
	rc = kube_get(c->k, buf_cstr(&path), ret, e);
	if (rc == 0)
		return 0;
	is_denied = rc == -ERR_DENIED;
	if (rc != -ERR_NOT_FOUND && !is_denied)
		return rc;
	err_clear(e);
	buf_clear(&path);
	kube_path(&path, "serving.kserve.io", "v1alpha1", NULL, "clusterservingruntimes",
	          c->s.runtime, NULL);
	rc = kube_get(c->k, buf_cstr(&path), ret, e);
	if (rc == 0)
		return 0;
	is_denied = is_denied || rc == -ERR_DENIED;
	if (rc != -ERR_NOT_FOUND && !is_denied)
		return rc;
	err_clear(e);
	return is_denied ? 1 : 0;
}

static void
check_mode(const struct cluster *c, const json_t *live, struct findings *ret)
{
	const char *wanted = c->s.mode == CLUSTER_KNATIVE ? "Knative" : "Standard";
	const char *has = kube_text(live, "status.deploymentMode");

	if (streq(has, "RawDeployment"))
		has = "Standard";
	else if (streq(has, "Serverless"))
		has = "Knative";
	if (*has && !streq(has, wanted))
		findings_add(ret, FINDING_BLOCK, "mode",
		             "give the target the setting \"mode\" that the service has, or "
		             "another --object",
		             "the service is in mode \"%.32s\", and KServe refuses to change it",
		             has);
}

int
kserve_preflight_runtime(struct cluster *c, const struct rollout *q, const json_t *live,
                         struct findings *ret, struct err *e)
{
	const char *format = q->format ? q->format : c->s.format;
	cleanup_json json_t *runtime = NULL;
	char why[256] = "";
	int rc;

	check_mode(c, live, ret);
	rc = runtime_of(c, &runtime, e);
	if (rc < 0)
		return rc;
	if (rc > 0 && !runtime)
		findings_add(ret, FINDING_UNKNOWN, "runtime", NULL,
		             "the runtime \"%s\" cannot be looked at", c->s.runtime);
	else if (!runtime)
		findings_add(ret, FINDING_BLOCK, "runtime",
		             "name one that the cluster has: kubectl get clusterservingruntimes",
		             "there is no runtime \"%s\"", c->s.runtime);
	else if (!kserve_runtime_serves(runtime, format ? format : "", c->s.protocol, why))
		findings_add(ret, FINDING_BLOCK, "runtime",
		             "name another runtime, or mend the version's label \"format\"",
		             "the runtime \"%s\": %s", c->s.runtime, why);
	else
		findings_add(ret, FINDING_OK, "runtime", NULL,
		             "the runtime \"%s\" serves \"%s\" by %s", c->s.runtime, format,
		             c->s.protocol);
	json_decref(c->runtime);
	c->runtime = json_incref(runtime);
	return 0;
}
