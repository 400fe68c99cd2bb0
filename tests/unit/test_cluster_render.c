/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a version is at a cluster: settings taken and refused, names, the objects byte by byte, and
 * every field of an InferenceService against the schema of its definition.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "deploy/driver_cluster.h"
#include "registry/base/fs.h"

TestSuite(cluster_render);

#define HEX    "9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa77de4b3c"
#define SHORT  "9f2c01aa77de4b3c9f2c01aa77de4b3c9f2c01aa"
#define IMAGE  "reg.site/triton@sha256:" HEX
#define OCI    "oci://reg.site:5000/models/fraud@sha256:" HEX
#define BASE   "\"store\":\"oci://reg.site:5000/models\""
#define K8S    BASE ",\"image\":\"" IMAGE "\""
#define KSERVE BASE ",\"runtime\":\"kserve-tritonserver\""

#define QUERIES(requests, errors)                                                       \
	",\"prometheus\":\"http://127.0.0.1:9090\",\"prometheus-requests\":\"" requests \
	"\",\"prometheus-errors\":\"" errors "\",\"prometheus-latency\":\"c\""

static json_t *
parse(const char *text)
{
	json_t *j = NULL;
	struct err e = { 0 };

	cr_assert_eq(json_parse(str_of(text), "test", &j, &e), 0, "%s: %s", text, e.msg);
	return j;
}

static const struct {
	enum cluster_kind kind;
	const char *settings, *want; /* NULL: taken; else part of the error */
} settings[] = {
	{ CLUSTER_KUBERNETES, "{" K8S "}", NULL },
	{ CLUSTER_KSERVE, "{" KSERVE "}", NULL },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"annotation.prometheus.io/scrape\":true}", NULL },
	{ CLUSTER_KUBERNETES, "{}", "\"store\"" },
	{ CLUSTER_KUBERNETES, "{" BASE "}", "\"image\"" },
	{ CLUSTER_KUBERNETES, "{" BASE ",\"image\":\"reg.site/triton:24.01\"}", "by digest" },
	{ CLUSTER_KUBERNETES, "{" BASE ",\"image\":\"@sha256:" HEX "\"}", "by digest" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"runtime\":\"x\"}", "no setting \"runtime\"" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"annotation.\":\"x\"}", "no setting \"annotation.\"" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"replicas\":\"-1\"}", "a number" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"cpu\":\"1 core\"}", "a quantity" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"no-surge\":\"yes\"}", "true or false" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"canary\":\"isvc\"}", "\"replicas\"" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"canary\":\"replicas\"}", NULL },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"canary\":\"httproute\"}", "needs the setting \"route\"" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"canary\":\"httproute\",\"route\":\"front\"}", NULL },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"canary\":\"httproute\",\"route\":\"a/b\"}", "\"route\"" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"canary\":\"replicas\",\"route\":\"a\"}", "=httproute" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"route\":\"front\"}", "needs canary=httproute" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"route\":\"front\"}", "no setting \"route\"" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"canary\":\"httproute\"}", "\"knative\"" },
	{ CLUSTER_KUBERNETES, "{\"store\":\"s3://b/p\",\"image\":\"" IMAGE "\"}", "\"loader\"" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"port\":8080}", "a text" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"port\":\"65536\"}", "a number" },
	{ CLUSTER_KUBERNETES, "{" K8S ",\"protocol\":\"grpc\"}", "\"v2\" or \"v1\"" },
	{ CLUSTER_KSERVE, "{" BASE "}", "\"runtime\"" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"image\":\"" IMAGE "\"}", "no setting \"image\"" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"mode\":\"Standard\"}", "\"standard\" or \"knative\"" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"canary\":\"replicas\"}", "\"knative\"" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"canary\":\"knative\"}", "needs mode \"knative\"" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"canary\":\"standard\"}", NULL },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"prometheus\":\"http://127.0.0.1:9090\"}", "go together" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"prometheus-errors\":\"a\"}", "go together" },
	{ CLUSTER_KSERVE, "{" KSERVE QUERIES("a", "b{p=~\\\"$pods$\\\"}[$window]") "}", NULL },
	{ CLUSTER_KUBERNETES, "{" K8S QUERIES("a", "$versions") "}", "\"$versions\" is no name" },
	{ CLUSTER_KUBERNETES,
	  "{" K8S ",\"prometheus\":\"prom\",\"prometheus-requests\":\"a\","
	  "\"prometheus-errors\":\"b\",\"prometheus-latency\":\"c\"}",
	  "an address" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"canary\":\"standard\",\"mode\":\"knative\"}",
	  "needs mode \"standard\"" },
	{ CLUSTER_KSERVE, "{" KSERVE ",\"canary\":\"knative\",\"mode\":\"knative\"}", NULL },
};

Test(cluster_render, settings)
{
	for (size_t i = 0; i < COUNT(settings); i++) {
		cleanup_json json_t *j = parse(settings[i].settings);
		const struct target t = { .name = "t", .driver = "d", .settings = j };
		struct cluster_settings s;
		struct err e = { 0 };
		const int rc = cluster_settings(&t, settings[i].kind, &s, &e);

		if (!settings[i].want) {
			cr_expect_eq(rc, 0, "%zu: %s", i, e.msg);
			continue;
		}
		cr_expect_eq(rc, -ERR_USAGE, "%zu: %s", i, e.msg);
		cr_expect(strstr(e.msg, settings[i].want), "%zu: %s", i, e.msg);
	}
}

Test(cluster_render, names)
{
	static const char over[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzab";
	static const struct {
		const char *object, *model, *want; /* NULL: refused */
	} cases[] = {
		{ NULL, "fraud-ranker", "fraud-ranker" },
		{ NULL, "risk/fraud.ranker_2", "risk-fraud-ranker-2" },
		{ "fraud", "risk/x", "fraud" },
		{ NULL, "7days", NULL },
		{ NULL, "x-", NULL },
		{ "Fraud", "x", NULL },
		{ "a.b", "x", NULL },
		{ "", "x", NULL },
		{ NULL, over, NULL },
		{ NULL, over + 1, over + 1 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct target t = { .name = "t", .object = cases[i].object };
		char name[CLUSTER_NAME_MAX + 1] = "";
		struct err e = { 0 };
		const int rc = cluster_name(&t, cases[i].model, name, &e);

		cr_expect_eq(rc, cases[i].want ? 0 : -ERR_USAGE, "%zu: %s", i, e.msg);
		if (cases[i].want)
			cr_expect_str_eq(name, cases[i].want, "%zu", i);
	}
}

static int
render(enum cluster_kind kind, const char *text, const char *reference, const char *format,
       bool empty, json_t **ret, struct err *e)
{
	cleanup_json json_t *j = parse(text);
	const struct target t = { .name = "t", .driver = "d", .settings = j };
	struct rollout q = { .registry_id = "r-1",
		             .model = "risk/fraud",
		             .number = 41,
		             .format = format,
		             .empty = empty,
		             .plan_id = "feedfeedfeed",
		             .job_id = "beefbeef" };
	const struct cluster_version v = { "fraud", "prod", &q, reference };
	struct cluster_settings s;
	int rc;

	cr_assert_eq(digest_parse(&q.version, HEX, 64), 0);
	rc = cluster_settings(&t, kind, &s, e);
	cr_assert_eq(rc, 0, "%s", e->msg);
	return kind == CLUSTER_KSERVE ? kserve_objects(&s, &v, ret, e)
	                              : kubernetes_objects(&s, &v, ret, e);
}

#define NOTES                                                                 \
	"\"slipway.dev/model\":\"risk/fraud\",\"slipway.dev/number\":\"41\"," \
	"\"slipway.dev/registry\":\"r-1\",\"slipway.dev/version\":\"sha256:" HEX "\""
#define LABELS(more)                                                                               \
	"{\"app.kubernetes.io/managed-by\":\"slipway\",\"app.kubernetes.io/name\":\"fraud\"," more \
	"\"slipway.dev/version\":\"" SHORT "\"}"
#define TRACK "\"slipway.dev/track\":\"stable\","
#define META  "\"metadata\":{\"annotations\":{" NOTES "},\"labels\":" LABELS(TRACK)
#define SERVER(more, mount)                                                                    \
	"{\"image\":\"" IMAGE "\",\"name\":\"server\",\"ports\":[{\"containerPort\":8080,"     \
	"\"name\":\"http\",\"protocol\":\"TCP\"}],\"readinessProbe\":{\"failureThreshold\":3," \
	"\"httpGet\":{\"path\":\"/v2/models/fraud/"                                            \
	"ready\",\"port\":8080},\"periodSeconds\":2}" more                                     \
	",\"volumeMounts\":[{\"mountPath\":\"/mnt/models\",\"name\":\"model\","                \
	"\"readOnly\":true" mount "}]}"
#define DEPLOY(replicas, server, init, volume)                                                   \
	"{\"apply\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\"," META                  \
	",\"name\":\"fraud\",\"namespace\":\"prod\"},\"spec\":{\"progressDeadlineSeconds\":"     \
	"1200," replicas "\"revisionHistoryLimit\":3,\"selector\":{\"matchLabels\":{"            \
	"\"app.kubernetes.io/name\":\"fraud\",\"slipway.dev/track\":\"stable\"}},\"strategy\":{" \
	"\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":0},\"type\":\"RollingUpdate\"},"   \
	"\"template\":{" META "},\"spec\":{\"automountServiceAccountToken\":false,"              \
	"\"containers\":[" server "]" init ",\"volumes\":[{" volume                              \
	"}]}}}},{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{"                      \
	"\"annotations\":{\"slipway.dev/model\":\"risk/fraud\",\"slipway.dev/registry\":"        \
	"\"r-1\"},\"labels\":{\"app.kubernetes.io/managed-by\":\"slipway\","                     \
	"\"app.kubernetes.io/name\":\"fraud\"},\"name\":\"fraud\",\"namespace\":\"prod\"},"      \
	"\"spec\":{\"ports\":[{\"name\":\"http\",\"port\":8080,\"protocol\":\"TCP\","            \
	"\"targetPort\":\"http\"}],\"selector\":{\"app.kubernetes.io/name\":\"fraud\"}}}]}"
#define VOLUME_OCI                                                                         \
	"\"image\":{\"pullPolicy\":\"IfNotPresent\",\"reference\":\"reg.site:5000/models/" \
	"fraud@sha256:" HEX "\"},\"name\":\"model\""
#define S3 "s3://b/p/sha256-" HEX

static const struct {
	const char *settings, *reference, *want;
} deployments[] = {
	{ "{" K8S "}", OCI, DEPLOY("", SERVER("", ",\"subPath\":\"models\""), "", VOLUME_OCI) },
	{ "{" K8S ",\"replicas\":\"2\",\"gpus\":\"1\",\"cpu\":\"500m\"}", OCI,
	  DEPLOY("\"replicas\":2,",
	         SERVER(",\"resources\":{\"limits\":{\"cpu\":\"500m\",\"nvidia.com/gpu\":\"1\"},"
	                "\"requests\":{\"cpu\":\"500m\",\"nvidia.com/gpu\":\"1\"}}",
	                ",\"subPath\":\"models\""),
	         "", VOLUME_OCI) },
	{ "{" K8S "}", "pvc://claim/models/sha256-" HEX,
	  DEPLOY("", SERVER("", ",\"subPath\":\"models/sha256-" HEX "\""), "",
	         "\"name\":\"model\",\"persistentVolumeClaim\":{\"claimName\":\"claim\","
	         "\"readOnly\":true}") },
	{ "{" K8S ",\"loader\":\"" IMAGE "\"}", S3,
	  DEPLOY("", SERVER("", ""),
	         ",\"initContainers\":[{\"args\":[\"" S3 "\",\"/mnt/models\"],\"image\":\"" IMAGE
	         "\",\"name\":\"loader\",\"volumeMounts\":[{\"mountPath\":\"/mnt/models\","
	         "\"name\":\"model\"}]}]",
	         "\"emptyDir\":{},\"name\":\"model\"") },
	{ "{" K8S ",\"loader\":\"" IMAGE "\",\"store-endpoint\":\"https://minio:9000\","
	  "\"store-region\":\"site-1\",\"store-secret\":\"keys\"}",
	  S3,
	  DEPLOY("", SERVER("", ""),
	         ",\"initContainers\":[{\"args\":[\"" S3
	         "\",\"/mnt/models\"],\"env\":[{\"name\":\"AWS_ENDPOINT_URL\",\"value\":"
	         "\"https://minio:9000\"},{\"name\":\"AWS_REGION\",\"value\":\"site-1\"}],"
	         "\"envFrom\":[{\"secretRef\":{\"name\":\"keys\"}}],\"image\":\"" IMAGE
	         "\",\"name\":\"loader\",\"volumeMounts\":[{\"mountPath\":\"/mnt/models\","
	         "\"name\":\"model\"}]}]",
	         "\"emptyDir\":{},\"name\":\"model\"") },
};

Test(cluster_render, deployments)
{
	for (size_t i = 0; i < COUNT(deployments); i++) {
		cleanup_json json_t *j = NULL;
		cleanup_buf struct buf text = { 0 };
		struct err e = { 0 };

		cr_assert_eq(render(CLUSTER_KUBERNETES, deployments[i].settings,
		                    deployments[i].reference, NULL, false, &j, &e),
		             0, "%s", e.msg);
		json_canonical(j, &text);
		cr_expect_str_eq(buf_cstr(&text), deployments[i].want, "%zu:\n%s\n%s", i,
		                 buf_cstr(&text), deployments[i].want);
	}
}

#define ISVC(mode, predictor)                                                               \
	"{\"apply\":[{\"apiVersion\":\"serving.kserve.io/v1beta1\",\"kind\":"               \
	"\"InferenceService\",\"metadata\":{\"annotations\":{"                              \
	"\"serving.kserve.io/deploymentMode\":\"" mode "\"," NOTES                          \
	"},\"labels\":" LABELS("") ",\"name\":\"fraud\",\"namespace\":\"prod\"},\"spec\":{" \
	                           "\"predictor\":{" predictor "}}}]}"
#define MODEL(format, more)                                                                  \
	"\"model\":{" more "\"modelFormat\":{" format "},\"name\":\"\",\"protocolVersion\":" \
	"\"v2\","

static const struct {
	const char *settings, *format, *want;
} isvcs[] = {
	{ "{" KSERVE "}", "onnx",
	  ISVC("Standard", MODEL("\"name\":\"onnx\"", "") "\"runtime\":\"kserve-tritonserver\","
	                                                  "\"storageUri\":\"" OCI "\"}") },
	{ "{" KSERVE ",\"mode\":\"knative\",\"replicas\":\"3\",\"args\":\"--a  --b=1\","
	  "\"memory\":\"4Gi\",\"format\":\"never\"}",
	  "onnx:1",
	  ISVC("Knative",
	       "\"minReplicas\":3," MODEL(
	               "\"name\":\"onnx\",\"version\":\"1\"",
	               "\"args\":[\"--a\",\"--b=1\"],") "\"resources\":{\"limits\":{\"memory\":"
	                                                "\"4Gi\"},\"requests\":{"
	                                                "\"memory\":\"4Gi\"}},\"runtime\":\"kserve-"
	                                                "tritonserver\","
	                                                "\"storageUri\":\"" OCI "\"}") },
};

Test(cluster_render, inference_services)
{
	for (size_t i = 0; i < COUNT(isvcs); i++) {
		cleanup_json json_t *j = NULL;
		cleanup_buf struct buf text = { 0 };
		struct err e = { 0 };

		cr_assert_eq(render(CLUSTER_KSERVE, isvcs[i].settings, OCI, isvcs[i].format, false,
		                    &j, &e),
		             0, "%s", e.msg);
		json_canonical(j, &text);
		cr_expect_str_eq(buf_cstr(&text), isvcs[i].want, "%zu:\n%s\n%s", i, buf_cstr(&text),
		                 isvcs[i].want);
	}
}

Test(cluster_render, a_version_without_format_is_refused)
{
	cleanup_json json_t *j = NULL;
	struct err e = { 0 };

	cr_expect_eq(render(CLUSTER_KSERVE, "{" KSERVE "}", OCI, NULL, false, &j, &e), -ERR_USAGE);
	cr_expect(strstr(e.hint, "slipway label risk/fraud@v41 format="), "%s", e.hint);
	cr_expect_eq(render(CLUSTER_KSERVE, "{" KSERVE ",\"format\":\"onnx\"}", OCI, NULL, false,
	                    &j, &e),
	             0);
}

Test(cluster_render, nothing)
{
	cleanup_json json_t *a = NULL, *b = NULL;
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };

	cr_assert_eq(render(CLUSTER_KUBERNETES, "{" K8S "}", NULL, NULL, true, &a, &e), 0);
	cr_assert_eq(render(CLUSTER_KSERVE, "{" KSERVE "}", NULL, NULL, true, &b, &e), 0);
	json_canonical(a, &text);
	json_canonical(b, &text);
	cr_expect_str_eq(
	        buf_cstr(&text),
	        "{\"delete\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{"
	        "\"name\":\"fraud\",\"namespace\":\"prod\"}},{\"apiVersion\":\"v1\",\"kind\":"
	        "\"Service\",\"metadata\":{\"name\":\"fraud\",\"namespace\":\"prod\"}}]}"
	        "{\"delete\":[{\"apiVersion\":\"serving.kserve.io/v1beta1\",\"kind\":"
	        "\"InferenceService\",\"metadata\":{\"name\":\"fraud\",\"namespace\":\"prod\"}}]}",
	        "%s", buf_cstr(&text));
}

/* --- against the definition --- */

static yaml_node_t *
member(yaml_document_t *d, yaml_node_t *map, const char *key)
{
	if (!map || map->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		yaml_node_t *k = yaml_document_get_node(d, p->key);

		if (k->type == YAML_SCALAR_NODE && streq((const char *)k->data.scalar.value, key))
			return yaml_document_get_node(d, p->value);
	}
	return NULL;
}

static const char *
text_of(yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : "";
}

static const char *
type_name(const json_t *v)
{
	return json_is_object(v)    ? "object"
	       : json_is_array(v)   ? "array"
	       : json_is_string(v)  ? "string"
	       : json_is_boolean(v) ? "boolean"
	                            : "integer";
}

/* Every member must be in the schema and of its type; what it requires must be there. */
static void
check_schema(yaml_document_t *d, yaml_node_t *schema, const json_t *v, const char *path)
{
	yaml_node_t *required = member(d, schema, "required");
	const char *key;
	json_t *sub;
	size_t i;

	cr_expect(schema, "%s is not in the schema", path);
	if (!streq(text_of(member(d, schema, "x-kubernetes-int-or-string")), "true"))
		cr_expect_str_eq(text_of(member(d, schema, "type")), type_name(v), "%s", path);
	for (yaml_node_item_t *r = required ? required->data.sequence.items.start : NULL;
	     r && r < required->data.sequence.items.top; r++)
		cr_expect(json_object_get(v, text_of(yaml_document_get_node(d, *r))), "%s.%s", path,
		          text_of(yaml_document_get_node(d, *r)));
	json_object_foreach((json_t *)(uintptr_t)v, key, sub)
	{
		cleanup_free char *at = xasprintf("%s.%s", path, key);
		yaml_node_t *s = member(d, member(d, schema, "properties"), key);

		if (streq(at, ".metadata"))
			continue;
		check_schema(d, s ? s : member(d, schema, "additionalProperties"), sub, at);
	}
	json_array_foreach((json_t *)(uintptr_t)v, i, sub)
	{
		cleanup_free char *at = xasprintf("%s[%zu]", path, i);

		check_schema(d, member(d, schema, "items"), sub, at);
	}
}

Test(cluster_render, inference_services_fit_their_definition)
{
	cleanup_free char *path =
	        xasprintf("%s/upstream/kserve/crd/serving.kserve.io_inferenceservices.yaml",
	                  getenv("SLIPWAY_SHARED"));
	cleanup_buf struct buf text = { 0 };
	struct err e = { 0 };
	yaml_node_t *versions, *schema = NULL;
	yaml_parser_t parser;
	yaml_document_t d;

	if (fs_read_at(AT_FDCWD, path, 8 << 20, &text, &e) < 0)
		cr_skip_test("no definition at %s", path);
	cr_assert(yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
	cr_assert(yaml_parser_load(&parser, &d));
	versions = member(&d, member(&d, yaml_document_get_root_node(&d), "spec"), "versions");
	for (yaml_node_item_t *i = versions->data.sequence.items.start;
	     i < versions->data.sequence.items.top; i++) {
		yaml_node_t *one = yaml_document_get_node(&d, *i);

		if (streq(text_of(member(&d, one, "name")), "v1beta1"))
			schema = member(&d, member(&d, one, "schema"), "openAPIV3Schema");
	}
	cr_assert(schema);
	for (size_t i = 0; i < COUNT(isvcs); i++) {
		cleanup_json json_t *j = NULL;

		cr_assert_eq(render(CLUSTER_KSERVE, isvcs[i].settings, OCI, isvcs[i].format, false,
		                    &j, &e),
		             0);
		const json_t *first = json_array_get(json_object_get(j, "apply"), 0);
		const struct rollout q = { .number = 42, .plan_id = HEX };
		cleanup_json json_t *with = kserve_with_newcomer(first, first, &q, 20);

		check_schema(&d, schema, first, "");
		check_schema(&d, schema, with, "");
	}
	yaml_document_delete(&d);
	yaml_parser_delete(&parser);
}
