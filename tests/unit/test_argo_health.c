/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of a cluster's objects against what Argo CD says of the same documents, its own
 * fixtures read in place. We may be stricter, each time by name and with the reason; never laxer.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "deploy/kube_look.h"
#include "registry/base/fs.h"

TestSuite(argo_health);

#define NOW    1795649900 /* 2026-11-25T23:38:20Z; the fixtures are years old */
#define ENGINE "gitops-engine-health-testdata"
#define ISVC   "resource_customizations/serving.kserve.io/InferenceService"

/* --- YAML as the API server would give it --- */

static json_t *
scalar_json(const yaml_node_t *n)
{
	const char *s = (const char *)n->data.scalar.value;
	char *end;
	long long number;

	if (n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return json_string(s);
	if (streq(s, "") || streq(s, "~") || streq(s, "null"))
		return json_null();
	if (streq(s, "true") || streq(s, "false"))
		return json_boolean(streq(s, "true"));
	number = strtoll(s, &end, 10);
	return *end == '\0' ? json_integer(number) : json_string(s);
}

static json_t *
node_json(yaml_document_t *d, int id)
{
	const yaml_node_t *n = yaml_document_get_node(d, id);
	json_t *ret;

	if (n->type == YAML_SCALAR_NODE)
		return scalar_json(n);
	if (n->type == YAML_SEQUENCE_NODE) {
		ret = json_array();
		for (yaml_node_item_t *i = n->data.sequence.items.start;
		     i < n->data.sequence.items.top; i++)
			json_array_append_new(ret, node_json(d, *i));
		return ret;
	}
	ret = json_object();
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++)
		json_object_set_new(
		        ret, (const char *)yaml_document_get_node(d, p->key)->data.scalar.value,
		        node_json(d, p->value));
	return ret;
}

static char *
path_of(const char *folder, const char *name)
{
	const char *shared = getenv("SLIPWAY_SHARED");

	return xasprintf("%s/upstream/argo-cd/%s%s%s", shared ? shared : "../shared", folder,
	                 *name ? "/" : "", name);
}

static json_t *
read_yaml(const char *folder, const char *name)
{
	cleanup_free char *path = path_of(folder, name);
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };
	yaml_parser_t p;
	yaml_document_t d;
	json_t *j;

	if (fs_read_at(AT_FDCWD, path, 1u << 20, &text, &e) < 0)
		cr_skip_test("the fixtures of Argo CD are not here");
	cr_assert(yaml_parser_initialize(&p));
	yaml_parser_set_input_string(&p, (const unsigned char *)text.p, text.n);
	cr_assert(yaml_parser_load(&p, &d), "%s", path);
	cr_assert_not_null(yaml_document_get_root_node(&d), "%s is empty", path);
	j = node_json(&d, 1);
	yaml_document_delete(&d);
	yaml_parser_delete(&p);
	return j;
}

/* --- in Argo CD's words --- */

static const char *
word(const struct kube_look *l)
{
	return l->is_suspended                    ? "Suspended"
	       : l->status == ROLLOUT_SUCCEEDED   ? "Healthy"
	       : l->status == ROLLOUT_PROGRESSING ? "Progressing"
	       : l->status == ROLLOUT_FAILED      ? "Degraded"
	                                          : "Unknown";
}

/* --- Deployments and pods --- */

/* theirs: what health_test.go of gitops-engine expects. ours NULL: the same. */
static const struct {
	const char *file, *theirs, *ours, *code;
	const char *reason; /* of being stricter */
} engine[] = {
	{ "deployment-degraded", "Degraded", NULL, "deadline", NULL },
	{ "deployment-progressing", "Progressing", NULL, "", NULL },
	{ "deployment-suspended", "Suspended", NULL, "", NULL },
	{ "pod-crashloop", "Degraded", NULL, "crash-loop", NULL },
	{ "pod-deletion", "Progressing", NULL, "", NULL },
	{ "pod-error", "Degraded", NULL, "crash-loop", NULL },
	{ "pod-failed", "Degraded", NULL, "crash-loop", NULL },
	{ "pod-imagepullbackoff", "Degraded", NULL, "image-pull", NULL },
	{ "pod-pending", "Progressing", NULL, "", NULL },
	{ "pod-running-not-ready", "Progressing", NULL, "", NULL },
	{ "pod-running-restart-always", "Healthy", NULL, "", NULL },
	{ "pod-running-restart-never", "Progressing", NULL, "", NULL },
	{ "pod-running-restart-never-hook-with-ignore-annotation", "Progressing", NULL, "", NULL },
	{ "pod-running-restart-never-with-ignore-annotation", "Healthy", "Progressing", "",
	  "an annotation of Argo CD does not make a server of a pod that ends for good" },
	{ "pod-running-restart-never-with-ignore-annotation-backoff", "Degraded", NULL,
	  "image-pull", NULL },
	{ "pod-running-restart-onfailure", "Progressing", "Degraded", "crash-loop",
	  "Argo CD waits for a task to end well; a server that has crashed four times fails" },
	{ "pod-succeeded", "Healthy", "Progressing", "",
	  "a task has ended well; a server that has ended serves nothing" },
};
/* Kinds that no driver of ours looks at. */
static const char *const others[] = { "hpa-", "job-", "pvc-" };

static bool
is_known(const char *file)
{
	for (size_t i = 0; i < COUNT(others); i++) {
		if (has_prefix(file, others[i]))
			return true;
	}
	for (size_t i = 0; i < COUNT(engine); i++) {
		const size_t n = strlen(engine[i].file);

		if (strncmp(file, engine[i].file, n) == 0 && streq(file + n, ".yaml"))
			return true;
	}
	return false;
}

Test(argo_health, deployments_and_pods)
{
	const struct kube_when w = { NOW, KUBE_GRACE_S };

	for (size_t i = 0; i < COUNT(engine); i++) {
		cleanup_free char *name = xasprintf("%s.yaml", engine[i].file);
		cleanup_json json_t *o = read_yaml(ENGINE, name);
		const char *want = engine[i].ours ? engine[i].ours : engine[i].theirs;
		struct kube_look l;

		if (streq(kube_text(o, "kind"), "Pod"))
			kube_pod_look(o, &w, &l);
		else
			kube_deployment_look(o, NULL, &w, &l);
		cr_expect_str_eq(word(&l), want, "%s: %s (%s)", name, word(&l), l.reason);
		cr_expect_str_eq(l.code, engine[i].code, "%s", name);
		cr_expect(l.status == ROLLOUT_SUCCEEDED || l.reason[0], "%s: a reason", name);
		cr_expect_eq(!engine[i].ours, !engine[i].reason, "%s", name);
		cr_expect(!streq(want, "Healthy") || streq(engine[i].theirs, "Healthy"),
		          "%s: laxer than Argo CD", name);
	}
}

Test(argo_health, no_fixture_is_left_out)
{
	cleanup_free char *path = path_of(ENGINE, "");
	DIR *d = opendir(path);
	const struct dirent *one;
	size_t n = 0;

	if (!d)
		cr_skip_test("the fixtures of Argo CD are not here");
	while ((one = readdir(d))) {
		if (one->d_name[0] == '.')
			continue;
		cr_expect(is_known(one->d_name), "%s is not in the table", one->d_name);
		n++;
	}
	closedir(d);
	cr_expect_geq(n, COUNT(engine));
}

/* --- InferenceServices --- */

#define COUNTS(updated)                                                           \
	"{\"metadata\":{\"generation\":1},\"spec\":{\"replicas\":1},\"status\":{" \
	"\"observedGeneration\":1,\"replicas\":1,\"updatedReplicas\":" updated    \
	",\"readyReplicas\":1,\"availableReplicas\":1}}"

/* Its own words are judged as Argo CD judges them, document by document. What we say of a rollout
 * is stricter in one way: its Deployment must agree, as those words may be of what was before. */
static void
check_isvc(const char *file, const char *theirs)
{
	const struct kube_when w = { NOW, KUBE_GRACE_S };
	cleanup_json json_t *isvc = read_yaml(ISVC, file);
	cleanup_json json_t *through = json_loads(COUNTS("1"), 0, NULL);
	cleanup_json json_t *behind = json_loads(COUNTS("0"), 0, NULL);
	const bool is_good = streq(theirs, "Healthy");
	struct kube_look l;

	kube_isvc_words(isvc, &l);
	cr_expect_str_eq(word(&l), theirs, "%s: %s (%s)", file, word(&l), l.reason);
	cr_expect(is_good || l.reason[0], "%s: a reason", file);
	kube_isvc_look(isvc, through, NULL, &w, &l);
	/* ready pods and a failure that it still tells: nobody knows which is newer */
	cr_expect_str_eq(word(&l), streq(theirs, "Degraded") ? "Unknown" : theirs, "%s: %s (%s)",
	                 file, word(&l), l.reason);
	kube_isvc_look(isvc, behind, NULL, &w, &l);
	cr_expect_neq(l.status, ROLLOUT_SUCCEEDED, "%s: its Deployment is not through", file);
	kube_isvc_look(isvc, NULL, NULL, &w, &l);
	cr_expect_neq(l.status, ROLLOUT_SUCCEEDED, "%s: nothing runs", file);
}

Test(argo_health, inference_services)
{
	cleanup_json json_t *all = read_yaml(ISVC, "health_test.yaml");
	const json_t *tests = json_object_get(all, "tests"), *one;
	size_t i;

	json_array_foreach(tests, i, one)
	        check_isvc(kube_text(one, "inputPath"), kube_text(one, "healthStatus.status"));
	cr_expect_geq(i, 11, "Argo CD had eleven, here are %zu", i);
}
