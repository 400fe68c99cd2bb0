/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cluster is and what this person may see there: layers of proof that cannot be shown are
 * said before a plan is made, with what is missing.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

static int
may(struct cluster *c, const char *verb, const char *resource, bool *ret, struct err *e)
{
	enum kube_may answer = KUBE_MAY_UNKNOWN;
	char why[256];
	int rc;

	rc = kube_may(c->k, verb, "", resource, cluster_namespace(c->t), NULL, &answer, why, e);
	/* unknown: trying tells */
	*ret = answer != KUBE_MAY_NOT;
	return rc;
}

int
cluster_probe(void *st, struct target_facts *ret, struct err *e)
{
	struct cluster *c = st;
	struct kube_server s = { 0 };
	bool pods, look, ask, can_share = c->s.canary != CANARY_NONE;
	char why[256] = "";
	int rc;

	rc = cluster_kube(c, e);
	if (rc == 0)
		rc = kube_server(c->k, &s, e);
	if (rc == 0)
		rc = may(c, "list", "pods", &pods, e);
	if (rc == 0)
		rc = may(c, "get", "pods/proxy", &look, e);
	if (rc == 0)
		rc = may(c, "create", "pods/proxy", &ask, e);
	if (rc == 0 && c->s.canary == CANARY_ROUTE) {
		rc = kubernetes_route_probe(c, why, e);
		can_share = rc > 0;
	}
	if (rc < 0)
		return rc;
	*ret = (struct target_facts){
		.caps = CAP_DRYRUN | CAP_GENERATION | CAP_CAS | CAP_LOGS | CAP_EVENTS |
		        CAP_PER_REPLICA | CAP_FIELDS,
		.proofs = PROOF_BIT(PROOF_OBJECT) | PROOF_BIT(PROOF_WORKLOAD),
	};
	if (can_share)
		ret->caps |= CAP_WEIGHTS;
	(void)snprintf(ret->server, sizeof ret->server, "%s", c->about->name);
	(void)str_copy(ret->version, sizeof ret->version, s.version);
	(void)snprintf(ret->mode, sizeof ret->mode, "%s",
	               c->kind == CLUSTER_KUBERNETES  ? "deployment"
	               : c->s.mode == CLUSTER_KNATIVE ? "knative"
	                                              : "standard");
	if (pods)
		ret->proofs |= PROOF_BIT(PROOF_INSTANCES);
	if (pods && look)
		ret->proofs |= PROOF_BIT(PROOF_LISTED);
	if (pods && look && ask && streq(c->s.protocol, "v2"))
		ret->proofs |= PROOF_BIT(PROOF_ANSWERED);
	(void)str_copy(ret->why_not, sizeof ret->why_not, why);
	if (c->s.canary == CANARY_NONE)
		(void)snprintf(ret->why_not, sizeof ret->why_not,
		               c->kind == CLUSTER_KUBERNETES
		                       ? "the target has no setting canary=replicas"
		               : c->s.mode == CLUSTER_KNATIVE
		                       ? "the target has no setting canary=knative"
		                       : "the target has no setting canary=standard");
	if (!pods || !look || !ask)
		(void)snprintf(ret->why_not, sizeof ret->why_not,
		               "this user may not %s in namespace \"%s\": pods cannot be %s",
		               !pods   ? "list pods"
		               : !look ? "get pods/proxy"
		                       : "create pods/proxy",
		               cluster_namespace(c->t), pods ? "asked" : "told apart");
	return 0;
}

int
cluster_describe(void *st, json_t **ret, struct err *e)
{
	struct cluster *c = st;
	char detail[256] = "";
	struct err store = { 0 };
	int rc;

	rc = cluster_kube(c, e);
	if (rc == 0)
		rc = kube_target_test(&c->access, c->t, &c->about->all, ret, e);
	if (rc < 0)
		return rc;
	rc = cluster_store_probe(c, detail, &store);
	json_object_set_new(*ret, "store",
	                    json_pack("{s:s, s:s, s:s}", "address", c->s.store, "state",
	                              rc == 0 ? "writable" : "not writable", "why",
	                              rc == 0 ? detail : store.msg));
	return 0;
}
