/* SPDX-License-Identifier: Apache-2.0 */
/* What a site without a connection may fetch: tables of what is named against what was signed. */
#include "deploy/offline.h"

#include <criterion/criterion.h>
#include <string.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static json_t *
site(const char *registries, const char *schemes)
{
	cleanup_free char *text =
	        xasprintf("{\"registries\":[%s],\"schemes\":[%s]}", registries, schemes);
	struct err e = { 0 };
	json_t *j = NULL;

	cr_assert_eq(json_parse(str_of(text), "site", &j, &e), 0, "%s", e.msg);
	return j;
}

#define LAN   "\"mirror.lan\",\"reg.lan:5000\""
#define USUAL "\"file\",\"oci\",\"pvc\",\"s3\""

struct uri {
	const char *schemes, *uri, *endpoint, *why; /* why NULL: it may */
};

static void
fetch_each(const struct uri *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_json json_t *o = site(LAN, v[i].schemes);
		char why[OFFLINE_WHY_SIZE] = "";
		const bool may = offline_may_fetch(o, v[i].uri, v[i].endpoint, why);

		cr_expect_eq(may, v[i].why == NULL, "%s %s: %s", v[i].uri,
		             v[i].endpoint ? v[i].endpoint : "", why);
		cr_expect(may || strstr(why, v[i].why ? v[i].why : ""), "%s: %s", v[i].uri, why);
	}
}

Test(offline, uris)
{
	static const struct uri cases[] = {
		{ USUAL, "file:///srv/models", NULL, NULL },
		{ USUAL, "pvc://models/a/b", NULL, NULL },
		{ "\"oci\"", "pvc://models/a/b", NULL, "pvc is not allowed" },
		{ "\"oci\"", "file:///srv/models", NULL, "file is not allowed" },
		{ USUAL, "oci://reg.lan:5000/m/face@sha256:" HEX, NULL, NULL },
		{ USUAL, "oci://REG.lan:5000/m/face", NULL, NULL },
		{ USUAL, "oci+native://mirror.lan/m", NULL, NULL },
		{ USUAL, "oci+fetch://mirror.lan/m", NULL, NULL },
		{ USUAL, "oci+other://mirror.lan/m", NULL, "not known" },
		{ "\"pvc\"", "oci://reg.lan:5000/m", NULL, "oci is not allowed" },
		{ "\"pvc\"", "oci+native://reg.lan:5000/m", NULL, "oci is not allowed" },
		{ USUAL, "oci://reg.lan/m", NULL, "reg.lan is no registry" }, /* another port */
		{ USUAL, "oci://ghcr.io/m", NULL, "ghcr.io is no registry" },
		{ USUAL, "oci://mirror.lan.evil.com/m", NULL, "no registry" },
		{ USUAL, "oci://evil.com/mirror.lan", NULL, "no registry" },
		{ USUAL, "oci://mirror.lan@evil.com/m", NULL, "evil.com is no registry" },
		{ USUAL, "oci:///m", NULL, "no host" },
		/* out, or nowhere */
		{ USUAL, "hf://meta-llama/Llama-3", NULL, "hf leads out" },
		{ USUAL, "gs://bucket/m", NULL, "gs leads out" },
		{ USUAL, "https://mirror.lan/m", NULL, "mirror.lan is no host" },
		{ USUAL, "http://mirror.lan/m", NULL, "mirror.lan is no host" },
		{ USUAL, "hdfs://name/m", NULL, "not known" },
		{ USUAL, "webhdfs://name/m", NULL, "not known" },
		{ USUAL, "model-registry://m", NULL, "not known" },
		{ USUAL, "PVC://models", NULL, "not known" },
		{ USUAL, "meta-llama/Llama-3", NULL, "no scheme" },
		{ USUAL, "://x", NULL, "no scheme" },
		{ USUAL, "", NULL, "no scheme" },
		{ "", "file:///srv", NULL, "not allowed" },
	};

	fetch_each(cases, COUNT(cases));
}

Test(offline, uris_by_host)
{
	static const struct uri cases[] = {
		{ "\"hf://hub.lan\"", "hf://meta-llama/Llama-3", NULL, NULL },
		{ "\"hf://hub.lan\"", "gs://bucket/m", NULL, "gs leads out" },
		{ "\"https://hub.lan:8443\"", "https://hub.lan:8443/m", NULL, NULL },
		{ "\"https://hub.lan:8443\"", "https://HUB.lan:8443?x", NULL, NULL },
		{ "\"https://hub.lan:8443\"", "https://hub.lan/m", NULL, "no host of this" },
		{ "\"https://hub.lan:8443\"", "http://hub.lan:8443/m", NULL, "no host of this" },
		{ "\"https://hub.lan\"", "https://hub.lan@evil.com/m", NULL, "evil.com is no" },
		{ "\"https://hub.lan\"", "https://ana@hub.lan/m", NULL, NULL },
		{ "\"https://hub.lan\"", "https://evil.com/@hub.lan", NULL, "evil.com is no" },
		{ "\"https://hub.lan\"", "https://evil.com#@hub.lan", NULL, "evil.com is no" },
		{ "\"https://hub.lan\"", "https://evil.com\\@hub.lan", NULL, "evil.com is no" },
		{ "\"https://hub.lan\"", "https://", NULL, "no host" },
		/* a bucket is a name anywhere: the endpoint tells */
		{ USUAL, "s3://bucket/m", NULL, "leads to Amazon" },
		{ USUAL, "s3://mirror.lan/m", NULL, "leads to Amazon" },
		{ USUAL, "s3://bucket/m", "https://mirror.lan", NULL },
		{ USUAL, "s3://bucket/m", "reg.lan:5000", NULL },
		{ USUAL, "s3://bucket/m", "https://{bucket}.mirror.lan/", NULL },
		{ USUAL, "s3://bucket/m", "https://minio.lan:9000", "minio.lan:9000 is no host" },
		{ USUAL, "s3://bucket/m", "https://s3.amazonaws.com", "is no host" },
		{ USUAL, "s3://bucket/m", "", "leads to Amazon" },
		{ "\"s3://minio.lan:9000\"", "s3://bucket/m", "https://minio.lan:9000", NULL },
		{ "\"s3://minio.lan:9000\"", "s3://bucket/m", "https://mirror.lan", "is no host" },
		{ "\"s3://minio.lan:9000\"", "s3://bucket/m", NULL, "leads to Amazon" },
		{ "\"pvc\"", "s3://bucket/m", "https://mirror.lan", "s3 is not allowed" },
	};

	fetch_each(cases, COUNT(cases));
}

Test(offline, images)
{
	static const struct {
		const char *image, *why;
		bool is_by_digest;
	} cases[] = {
		{ "reg.lan:5000/site/server@sha256:" HEX, NULL, true },
		{ "reg.lan:5000/site/server:2@sha256:" HEX, NULL, true },
		{ "mirror.lan/server:2", NULL, false },
		{ "mirror.lan/server", NULL, false },
		{ "reg.lan/server@sha256:" HEX, "reg.lan is no registry", true },
		{ "reg.lan:5001/server@sha256:" HEX, "reg.lan:5001 is no registry", true },
		{ "nginx", "index.docker.io is no registry", false },
		{ "kserve/server@sha256:" HEX, "index.docker.io is no registry", true },
		{ "docker.io/mirror.lan/server:1", "index.docker.io is no registry", false },
		{ "mirror.lan", "index.docker.io is no registry", false }, /* a repository there */
		{ "mirror.lan/server@sha256:12", "no name of an image", false },
		{ "mirror.lan/Server", "no name of an image", false },
		{ "", "no name of an image", false },
	};
	cleanup_json json_t *o = site(LAN, USUAL);

	for (size_t i = 0; i < COUNT(cases); i++) {
		char why[OFFLINE_WHY_SIZE] = "";
		const bool may = offline_may_pull(o, cases[i].image, why);

		cr_expect_eq(may, cases[i].why == NULL, "%s: %s", cases[i].image, why);
		cr_expect(may || strstr(why, cases[i].why ? cases[i].why : ""), "%s: %s",
		          cases[i].image, why);
		cr_expect_eq(offline_is_by_digest(cases[i].image), cases[i].is_by_digest, "%s",
		             cases[i].image);
	}
}
