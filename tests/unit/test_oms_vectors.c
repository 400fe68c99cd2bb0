/* SPDX-License-Identifier: Apache-2.0 */
/* OMS bundles that others made, read in place: the reference implementation's of three releases,
 * the specification's, cases with verdicts, and bundles that are none of ours to accept. */
#include "registry/oms.h"

#include <dirent.h>
#include <fcntl.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"
#include "registry/oms_tree.h"
#include "tests/unit/crypto_vectors.h"

static void
init(void)
{
	cr_assert_eq(crypto_init(), 0);
}

TestSuite(oms_vectors, .init = init);

/* One bundle against one model; who is trusted stands in files. */
struct vector {
	const char *dir; /* below upstream/ */
	const char *bundle, *model;
	const char *key, *roots; /* one of them */
	int64_t at_s;
	unsigned allow;
};

static void
slurp(const char *dir, const char *name, struct buf *ret)
{
	cleanup_free char *path = NULL;
	char folder[PATH_MAX];
	struct err e = { 0 };

	if (!name)
		return;
	vector_path(folder, dir);
	path = xasprintf("%s/%s", folder, name);
	cr_assert_eq(fs_read_at(AT_FDCWD, path, OMS_BUNDLE_MAX, ret, &e), 0, "%s", e.msg);
}

/* 0, or how it was refused. model NULL: the signature and the statement alone. */
static int
judge(const struct vector *v, struct err *e)
{
	cleanup_buf struct buf text = { 0 }, key = { 0 }, roots = { 0 };
	struct oms_report report = { 0 };
	char model[PATH_MAX + 128], bundle[PATH_MAX + 128], dir[PATH_MAX];
	struct oms o = { 0 };
	struct oms_trust t;
	int rc;

	slurp(v->dir, v->bundle, &text);
	slurp(v->key && strchr(v->key, '/') == NULL ? "model-transparency/keys" : v->dir, v->key,
	      &key);
	slurp(v->roots && strchr(v->roots, '/') == NULL ? "model-transparency/keys" : v->dir,
	      v->roots, &roots);
	t = (struct oms_trust){ buf_str(&key), buf_str(&roots), v->at_s };
	rc = oms_verify(buf_str(&text), &t, &o, e);
	if (rc < 0 || !v->model)
		goto out;
	vector_path(dir, v->dir);
	(void)snprintf(model, sizeof(model), "%s/%s", dir, v->model);
	(void)snprintf(bundle, sizeof(bundle), "%s/%s", dir, v->bundle);
	rc = oms_check_path(&o, model, bundle, v->allow, NULL, &report, e);
out:
	cr_expect((rc == 0) == (e->code == ERR_OK), "%s: %d %s", v->bundle, rc, e->msg);
	oms_report_fini(&report);
	oms_fini(&o);
	return rc;
}

static const char *
text_of(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

/* One of each way to be right or wrong, with the verdict of who made it. */
Test(oms_vectors, generated)
{
	json_t *const j = vector_json("generated/oms/cases.json");
	const json_t *const cases = json_object_get(j, "cases");
	size_t accepted = 0;
	size_t n = 0;
	int64_t at_s;

	cr_assert_eq(clock_parse(vector_text(j, "verify_time"), &at_s), 0);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *const c = json_array_get(cases, i);
		struct vector v = {
			.dir = "generated/oms",
			.bundle = vector_text(c, "bundle"),
			.model = vector_text(c, "model"),
			.key = text_of(c, "key"),
			.roots = text_of(c, "roots"),
			.at_s = at_s,
		};
		/* Ed25519 is no OMS: a strict reader refuses, as the case itself says */
		const bool is_good = streq(vector_text(c, "expect"), "accept");
		struct err e = { 0 };
		int rc = judge(&v, &e);

		cr_expect_eq(rc == 0, is_good, "%s: %d %s (%s)", v.bundle, rc, e.msg,
		             vector_text(c, "why"));
		cr_expect(rc == 0 || err_exit_of(e.code) == 6, "%s: %s", v.bundle, e.msg);
		accepted += rc == 0;
		n++;
		if (text_of(c, "option_ignore_unsigned")) {
			v.allow = OMS_ALLOW_EXTRA;
			cr_expect_eq(judge(&v, &(struct err){ 0 }), 0, "%s", v.bundle);
		}
	}
	cr_expect_eq(n, 32);
	cr_expect_eq(accepted, 10);
	cr_log_info("generated/oms: %zu cases, %zu accepted, %zu refused", n, accepted,
	            n - accepted);
	json_decref(j);
}

/* Made by the reference implementation 1.1.1. Its certificates begin on 2026-11-23. */
Test(oms_vectors, real)
{
	json_t *const j = vector_json("oms-real/cases.json");
	const json_t *const cases = json_object_get(j, "cases");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(cases); i++) {
		const json_t *const c = json_array_get(cases, i);
		struct vector v = {
			.dir = "oms-real",
			.bundle = vector_text(c, "bundle"),
			.model = vector_text(c, "model"),
			.key = text_of(c, "key"),
			.roots = text_of(c, "root"),
		};
		struct err e = { 0 };

		cr_assert_eq(clock_parse("2027-01-01T00:00:00Z", &v.at_s), 0);
		cr_expect_eq(judge(&v, &e), 0, "%s: %s", v.bundle, e.msg);
		n++;
		/* and nothing but that model, by nobody else, at no other time */
		v.model = i == 0 ? "models/adapter" : "models/one-file";
		cr_expect_eq(judge(&v, &(struct err){ 0 }), -ERR_DIGEST, "%s", v.bundle);
		v.model = NULL;
		v.at_s = 0;
		cr_expect_eq(judge(&v, &(struct err){ 0 }), v.roots ? -ERR_UNTRUSTED : 0);
		v.key = "signing-key-pub.pem";
		v.roots = NULL;
		cr_expect_eq(judge(&v, &(struct err){ 0 }), -ERR_UNTRUSTED, "%s", v.bundle);
	}
	cr_expect_eq(n, 2);
	cr_log_info("oms-real: %zu cases", n);
	json_decref(j);
}

#define KEY   "signing-key-pub.pem" /* without a slash: of model-transparency/keys */
#define ROOTS "ca-cert.pem"
#define SPEC  "model-signing-spec/test-vectors/v1.0"
#define T0    INT64_C(1767225600) /* 2026-01-01 */

/* Three releases of the reference implementation, and the specification's own. */
static const struct {
	struct vector v;
	enum err_code code;
} published[] = {
	{ { "model-transparency/v0.3.1-elliptic-key", "model.sig", "signme-1", KEY, NULL, T0, 0 },
	  ERR_OK },
	{ { "model-transparency/v1.0.0-certificate", "model.sig", ".", NULL, ROOTS, T0, 0 },
	  ERR_OK },
	{ { "model-transparency/v1.0.0-certificate", "model.sig", ".", NULL, ROOTS, 0, 0 },
	  ERR_UNTRUSTED },
	{ { "model-transparency/v1.1.0-elliptic-key", "model.sig", ".", KEY, NULL, T0,
	    OMS_ALLOW_IGNORED },
	  ERR_OK },
	/* "ignore-me" was left out by choice, and is there */
	{ { "model-transparency/v1.1.0-elliptic-key", "model.sig", ".", KEY, NULL, T0, 0 },
	  ERR_DIGEST },
	{ { "model-transparency/v1.1.0-elliptic-key", "model.sig", "signme-1", KEY, NULL, T0, 0 },
	  ERR_DIGEST },
	{ { SPEC, "valid/key.bundle.json", NULL, KEY, NULL, T0, 0 }, ERR_OK },
	{ { SPEC, "valid/certificate.bundle.json", NULL, NULL, ROOTS, T0, 0 }, ERR_OK },
	{ { SPEC, "valid/sigstore.bundle.json", NULL, NULL, ROOTS, T0, 0 }, ERR_UNTRUSTED },
	{ { SPEC, "invalid/empty.bundle.json", NULL, KEY, NULL, T0, 0 }, ERR_MALFORMED },
	{ { SPEC, "invalid/missing-envelope.bundle.json", NULL, KEY, NULL, T0, 0 }, ERR_MALFORMED },
	{ { SPEC, "invalid/missing-tlog-entries.bundle.json", NULL, NULL, ROOTS, T0, 0 },
	  ERR_MALFORMED },
	{ { SPEC, "invalid/missing-verification-material.bundle.json", NULL, KEY, NULL, T0, 0 },
	  ERR_MALFORMED },
};

Test(oms_vectors, published)
{
	for (size_t i = 0; i < COUNT(published); i++) {
		const struct vector *const v = &published[i].v;
		struct err e = { 0 };
		const int rc = judge(v, &e);

		cr_expect_eq(rc, -(int)published[i].code, "%zu: %s/%s: %d %s", i, v->dir, v->bundle,
		             rc, e.msg);
	}
	fprintf(stderr,
	        "# model-transparency: 3 bundles, 6 questions; model-signing-spec: 3 valid (1 "
	        "keyless: not verifiable here), 4 invalid");
}

/* The statement is another's whatever its signature: its signature is not looked at here. */
Test(oms_vectors, wrong_predicate)
{
	cleanup_buf struct buf text = { 0 };
	struct oms o = { 0 };
	struct err e = { 0 };

	slurp(SPEC, "invalid-payload/wrong-predicate.bundle.json", &text);
	cr_expect_eq(oms_peek(buf_str(&text), &o, &e), -ERR_MALFORMED);
	cr_expect(strstr(e.msg, "predicateType") != NULL, "%s", e.msg);
}

/* Bundles of that family that sign no model: not one may pass. */
Test(oms_vectors, conformance)
{
	char path[PATH_MAX];
	const struct dirent *de;
	size_t keyless = 0;
	size_t n = 0;
	DIR *d;

	vector_path(path, "sigstore-conformance");
	d = opendir(path);
	cr_assert(d != NULL);
	while ((de = readdir(d)) != NULL) {
		cleanup_free char *name = xasprintf("%s/bundle.sigstore.json", de->d_name);
		const bool has_key = has_prefix(de->d_name, "managed-key");
		const struct vector v = {
			.dir = "sigstore-conformance",
			.bundle = name,
			.key = has_key ? "managed-key-happy-path/key.pub" : NULL,
			.roots = has_key ? NULL : ROOTS,
			.at_s = T0,
		};
		struct err e = { 0 };

		if (*de->d_name == '.' || streq(de->d_name, "a.txt"))
			continue;
		cr_expect(judge(&v, &e) < 0 && err_exit_of(e.code) == 6, "%s: %s", de->d_name,
		          e.msg);
		keyless += e.code == ERR_UNTRUSTED;
		n++;
	}
	closedir(d);
	cr_expect_eq(n, 18);
	cr_log_info("sigstore-conformance: %zu refused, %zu of them as keyless", n, keyless);
}

/* Statements that the reference implementation's own tests expect, as payloads of a bundle whose
 * signature is not looked at: lists of shards without entries are refused, all others are read. */
Test(oms_vectors, goldens)
{
	static const char frame[] =
	        "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\","
	        "\"verificationMaterial\":{\"publicKey\":{\"hint\":\"\"}},\"dsseEnvelope\":{"
	        "\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[{\"sig\":\"\"}],"
	        "\"payload\":\"";
	static const char dir[] = "model-transparency/goldens/_signing/signing/TestPayload";
	char path[PATH_MAX];
	const struct dirent *de;
	size_t n = 0;
	DIR *d;

	vector_path(path, dir);
	d = opendir(path);
	cr_assert(d != NULL);
	while ((de = readdir(d)) != NULL) {
		cleanup_buf struct buf payload = { 0 }, b = { 0 };
		const bool is_empty =
		        has_prefix(de->d_name, "empty_") && strstr(de->d_name, "shard") != NULL;
		struct oms o = { 0 };
		struct err e = { 0 };
		char *base64;
		int rc;

		if (*de->d_name == '.')
			continue;
		slurp(dir, de->d_name, &payload);
		base64 = malloc(payload.n * 2 + 8);
		sodium_bin2base64(base64, payload.n * 2 + 8, (const uint8_t *)payload.p, payload.n,
		                  sodium_base64_VARIANT_ORIGINAL);
		buf_addf(&b, "%s%s\"}}", frame, base64);
		free(base64);
		rc = oms_peek(buf_str(&b), &o, &e);
		cr_expect_eq(rc, is_empty ? -ERR_MALFORMED : 0, "%s: %s", de->d_name, e.msg);
		cr_expect(is_empty == (strstr(e.msg, "no resources") != NULL), "%s", e.msg);
		if (rc == 0)
			cr_expect_neq(o.order, OMS_ORDER_OTHER, "%s", de->d_name);
		oms_fini(&o);
		n++;
	}
	closedir(d);
	cr_expect_eq(n, 6);
	cr_log_info("model-transparency goldens: %zu statements", n);
}
