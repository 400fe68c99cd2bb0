/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the modelrepo driver says of a server: probe, preflight, observe and the golden request,
 * from answers made up here and from answers recorded from a real server.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deploy/modelrepo_api.h"
#include "deploy/smoke.h"
#include "tests/deploy/fixture.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"

#define LIVE   { .request = "GET /v2/health/live", .status = 200 }
#define SERVER(text) { .request = "GET /v2", .status = 200, .reply = text }
#define INDEX(text) { .request = "POST /v2/repository/index", .body = "{}", .status = 200, \
	.reply = text }
#define META(text) { .request = "GET /v2/models/digits", .status = 200, .reply = text }
#define NO_META { .request = "GET /v2/models/digits", .status = 404, \
	.reply = "{\"error\":\"unknown\"}" }
#define CONFIG(text) { .request = "GET /v2/models/digits/config", .status = 200, .reply = text }
#define NO_CONFIG { .request = "GET /v2/models/digits/config", .status = 400 }
#define TRITON SERVER("{\"name\":\"triton\",\"version\":\"2.51.0\"," \
	"\"extensions\":[\"model_repository\"]}")
#define BARE   SERVER("{\"name\":\"other\",\"version\":\"1\",\"extensions\":[]}")

TestSuite(modelrepo_look);

Test(modelrepo_look, open)
{
	static const struct {
		const char *url, *path, *ns, *settings;
		int rc;
		const char *named;
	} cases[] = {
		{ "http://127.0.0.1:1", "/r", NULL, "{}", 0, "" },
		{ "http://127.0.0.1:1//", "/r", NULL,
		  "{\"dialect\":\"triton\",\"allow-plain-http\":true}", 0, "" },
		{ "https://h", "/r", NULL, "{\"ca-file\":\"/etc/ca.pem\"}", 0, "" },
		{ "http://127.0.0.1:1", "/r", NULL, "{\"dialect\":\"mlserver\"}", -ERR_USAGE,
		  "implementation" },
		{ "http://127.0.0.1:1", "/r", NULL,
		  "{\"dialect\":\"mlserver\",\"implementation\":\"a.B\","
		  "\"model-file\":\"m\"}", 0, "" },
		{ "http://127.0.0.1:1", "/r", NULL,
		  "{\"dialect\":\"mlserver\",\"implementation\":\"a.B\","
		  "\"model-file\":\"../m\"}",
		  -ERR_USAGE, "model-file" },
		{ "http://127.0.0.1:1", "/r", NULL, "{\"implementation\":\"a.B\"}", -ERR_USAGE,
		  "implementation" },
		{ "http://127.0.0.1:1", "/r", NULL, "{\"dialect\":\"other\"}",
		  -ERR_USAGE, "other" },
		{ "http://127.0.0.1:1", "/r", NULL,
		  "{\"servers\":\"http://127.0.0.1:2/ http://127.0.0.1:3\"}", 0, "" },
		{ "http://127.0.0.1:1", "/r", NULL, "{\"servers\":\"http://127.0.0.1:1/\"}",
		  -ERR_USAGE, "twice" },
		{ "http://127.0.0.1:1", "/r", NULL, "{\"servers\":\"http://h\"}", -ERR_USAGE,
		  "plain http" },
		{ "http://127.0.0.1:1", "/r", NULL, "{\"servers\":\"h:8000\"}", -ERR_USAGE,
		  "h:8000" },
		{ "http://127.0.0.1:1", "/r", NULL, "{\"ca-file\":\"ca.pem\"}", -ERR_USAGE,
		  "ca-file" },
		{ "http://127.0.0.1:1", "/r", NULL, "{\"allow-plain-http\":\"yes\"}", -ERR_USAGE,
		  "allow" },
		{ "http://127.0.0.1:1", "/r", NULL, "{\"colour\":1}", -ERR_USAGE, "colour" },
		{ NULL, "/r", NULL, "{}", -ERR_USAGE, "--url" },
		{ "ftp://h", "/r", NULL, "{}", -ERR_USAGE, "--url" },
		{ "http://127.0.0.1:1", NULL, NULL, "{}", -ERR_USAGE, "--path" },
		{ "http://127.0.0.1:1", "r", NULL, "{}", -ERR_USAGE, "--path" },
		{ "http://127.0.0.1:1", "/r", "ns", "{}", -ERR_USAGE, "namespace" },
	};
	const struct deploy_driver *d = deploy_driver_find("modelrepo");

	cr_assert_not_null(d);
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *settings = NULL;
		struct err e = { 0 };
		void *st = xcalloc(1, d->state_size);
		int rc;

		cr_assert_eq(json_parse(str_of(cases[i].settings), "settings", &settings, &e), 0);
		const struct target t = { .name = "t", .url = cases[i].url, .path = cases[i].path,
			                  .ns = cases[i].ns, .settings = settings };

		rc = d->open(st, &t, &e);
		cr_expect_eq(rc, cases[i].rc, "%zu: %d %s", i, rc, e.msg);
		cr_expect(strstr(e.msg, cases[i].named), "%zu: %s", i, e.msg);
		d->close(st);
		free(st);
		json_decref(settings);
	}
}

Test(modelrepo_look, probe)
{
	static const struct {
		struct step step;
		int rc;
		unsigned proofs;
	} cases[] = {
		{ TRITON, 0,
		  PROOF_BIT(PROOF_OBJECT) | PROOF_BIT(PROOF_LISTED) | PROOF_BIT(PROOF_ANSWERED) },
		{ BARE, 0, PROOF_BIT(PROOF_OBJECT) },
		{ SERVER("<html>"), -ERR_MALFORMED, 0 },
		{ SERVER("{\"name\":\"triton\"}"), -ERR_MALFORMED, 0 },
		{ { .request = "GET /v2", .status = 404 }, -ERR_MALFORMED, 0 },
		{ { .request = "GET /v2", .status = 403 }, -ERR_DENIED, 0 },
		{ { .request = "GET /v2", .status = 500 }, -ERR_UNREACHABLE, 0 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct target_facts facts = { 0 };
		struct fixture f;
		struct err e = { 0 };
		int rc;

		fixture_begin(&f, &cases[i].step, 1);
		rc = f.d->probe(f.st, &facts, &e);
		cr_expect_eq(rc, cases[i].rc, "%zu: %d %s", i, rc, e.msg);
		cr_expect_eq(facts.proofs, cases[i].proofs, "%zu: %x", i, facts.proofs);
		cr_expect_eq(facts.why_not[0] != '\0', rc == 0, "%zu", i);
		cr_expect_str_eq(fixture_complaint(&f), "", "%zu", i);
		fixture_end(&f);
	}
}

Test(modelrepo_look, render)
{
	struct fixture f;
	struct buf b = { 0 };
	struct err e = { 0 };
	char hex[DIGEST_HEX_SIZE], want[256];

	fixture_begin(&f, NULL, 0);
	struct rollout q = fixture_rollout(&f, 2);

	digest_hex(&q.version, hex);
	(void)snprintf(want, sizeof(want),
	               "{\"driver\":\"modelrepo\",\"entry\":\"digits\",\"number\":\"2\","
	               "\"version\":\"sha256:%s\"}", hex);
	cr_assert_eq(f.d->render(&f.t, &q, &b, &e), 0, "%s", e.msg);
	cr_assert_str_eq(buf_cstr(&b), want);
	q.plan_id = "another";
	q.job_id = "another";
	buf_clear(&b);
	cr_assert_eq(f.d->render(&f.t, &q, &b, &e), 0, "%s", e.msg);
	cr_assert_str_eq(buf_cstr(&b), want);
	q = fixture_rollout(&f, 0);
	buf_clear(&b);
	cr_assert_eq(f.d->render(&f.t, &q, &b, &e), 0, "%s", e.msg);
	cr_assert_str_eq(buf_cstr(&b),
	                 "{\"driver\":\"modelrepo\",\"empty\":true,\"entry\":\"digits\"}");
	buf_fini(&b);
	fixture_end(&f);
}

#define LATEST "{\"version_policy\":{\"latest\":{\"num_versions\":1}}}"
#define ALL    "{\"version_policy\":{\"all\":{}}}"
#define FINE   LIVE, TRITON, INDEX("[]"), NO_CONFIG

static const char *
codes(const struct findings *found)
{
	static const char levels[] = "+!-?";
	static char text[256];
	struct buf b = { 0 };

	for (size_t i = 0; i < found->n; i++)
		buf_addf(&b, "%s%c%s", i ? " " : "", levels[found->v[i].level], found->v[i].code);
	(void)snprintf(text, sizeof(text), "%s", buf_cstr(&b));
	buf_fini(&b);
	return text;
}

Test(modelrepo_look, preflight)
{
	static const struct {
		const char *name;
		struct step steps[4];
		size_t n;
		const char *file, *text; /* put below the fixture's folder before */
		const char *codes;       /* +ok !warn -block ?unknown */
	} cases[] = {
		{ "all fine", { FINE }, 4, NULL, NULL, "+server" },
		{ "loaded with latest", { LIVE, TRITON, INDEX("[]"), CONFIG(LATEST) }, 4, NULL,
		  NULL, "+server" },
		{ "loaded with all", { LIVE, TRITON, INDEX("[]"), CONFIG(ALL) }, 4, NULL, NULL,
		  "+server -version-policy" },
		{ "file says specific", { FINE }, 4, "repo/digits/config.pbtxt",
		  "# version_policy: { all {} }\nname: \"version_policy all\"\nversion_policy: { "
		  "specific { "
		  "versions: [1] } }", "+server -version-policy" },
		{ "file says latest", { FINE }, 4, "repo/digits/config.pbtxt",
		  "version_policy { latest { num_versions: 1 } }", "+server" },
		{ "foreign version", { FINE }, 4, "repo/digits/7/model.onnx", "theirs",
		  "+server -foreign-version" },
		{ "stamp is nonsense", { FINE }, 4, "repo/digits/.slipway.json", "{",
		  "+server -stamp" },
		{ "version has a config", { FINE }, 4, "v2/config.pbtxt", "",
		  "+server -own-config" },
		{ "no api", { LIVE, BARE, NO_CONFIG }, 3, NULL, NULL, "-no-repository-api" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct findings found = { 0 };
		struct fixture f;
		struct err e = { 0 };
		int rc;

		fixture_begin(&f, cases[i].steps, cases[i].n);
		if (cases[i].file)
			fixture_write(&f, cases[i].file, cases[i].text);
		struct rollout q = fixture_rollout(&f, 2);
		struct version_dir *v = NULL;
		cleanup_free char *dir = xasprintf("%s/v2", f.dir);

		cr_assert_eq(version_dir_open(dir, &v, &e), 0, "%s", e.msg);
		q.files = &v->source;
		rc = f.d->preflight(f.st, &q, &found, &e);
		cr_expect_eq(rc, 0, "%s: %s", cases[i].name, e.msg);
		cr_expect_str_eq(codes(&found), cases[i].codes, "%s: %s", cases[i].name,
		                 codes(&found));
		cr_expect_str_eq(fixture_complaint(&f), "", "%s", cases[i].name);
		findings_fini(&found);
		version_dir_free(v);
		fixture_end(&f);
	}
}

Test(modelrepo_look, preflight_without_contact_or_folder)
{
	static const struct step busy[] = { { .request = "GET /v2/health/live", .status = 404 } };
	static const struct step fine[] = { LIVE, TRITON, INDEX("[]") };
	static const struct step no_config[] = { FINE };
	struct findings found = { 0 };
	struct fixture f;
	struct err e = { 0 };

	fixture_begin(&f, NULL, 0);
	const struct rollout q = fixture_rollout(&f, 2);

	cr_assert_eq(f.d->preflight(f.st, &q, &found, &e), -ERR_UNREACHABLE, "%s", e.msg);
	fixture_server(&f, busy, 1);
	cr_assert_eq(f.d->preflight(f.st, &q, &found, &e), -ERR_MALFORMED, "%s", e.msg);
	cr_assert_str_eq(fixture_complaint(&f), "");
	findings_fini(&found);

	cleanup_free char *config = xasprintf("%s/digits/config.pbtxt", f.repo);

	cr_assert_eq(unlink(config), 0);
	fixture_server(&f, no_config, COUNT(no_config));
	cr_assert_eq(f.d->preflight(f.st, &q, &found, &e), 0, "%s", e.msg);
	cr_assert_str_eq(codes(&found), "+server !no-config");
	cr_assert_str_eq(fixture_complaint(&f), "");
	findings_fini(&found);

	(void)snprintf(f.repo, sizeof(f.repo), "%s/gone", f.dir);
	fixture_server(&f, fine, COUNT(fine));
	cr_assert_eq(f.d->preflight(f.st, &q, &found, &e), 0, "%s", e.msg);
	cr_assert_str_eq(codes(&found), "+server -path");
	cr_assert_str_eq(fixture_complaint(&f), "");
	findings_fini(&found);
	fixture_end(&f);
}

#define ROW(version, \
	state) "{\"name\":\"digits\",\"version\":\"" version "\",\"state\":\"" state "\"}"
#define WHY(version, reason) "{\"name\":\"digits\",\"version\":\"" version \
	"\",\"state\":\"UNAVAILABLE\",\"reason\":\"" reason "\"}"
#define OBJECT PROOF_BIT(PROOF_OBJECT)
#define LISTED PROOF_BIT(PROOF_LISTED)

/* Version published lies in the folder under our stamp; asked is what the rollout wants. */
Test(modelrepo_look, observe)
{
	static const struct {
		const char *name;
		uint64_t published, asked;
		struct step steps[2];
		size_t n;
		enum rollout_status status;
		unsigned proofs;
		uint64_t serving;
		const char *reason;
	} cases[] = {
		{ "serves it", 2, 2,
		  { INDEX("[" ROW("2", "READY") "]"), META("{\"versions\":[\"2\"]}") }, 2,
		  ROLLOUT_SUCCEEDED, OBJECT | LISTED, 2, "" },
		{ "old one goes", 2, 2,
		  { INDEX("[" ROW("1", "UNLOADING") "," ROW("2", "READY") "]"),
		  META("{\"versions\":[\"2\"]}") }, 2, ROLLOUT_SUCCEEDED, OBJECT | LISTED, 2, "" },
		{ "loading", 2, 2, { INDEX("[" ROW("1", "READY") "," ROW("2", "LOADING") "]"),
		  META("{\"versions\":[\"1\"]}") }, 2, ROLLOUT_PROGRESSING, OBJECT, 1, "being "
		                                                                       "loaded" },
		{ "old one answers", 2, 2,
		  { INDEX("[" ROW("1", "READY") "]"), META("{\"versions\":[\"1\"]}") },
		  2, ROLLOUT_PROGRESSING, OBJECT, 1, "still serves version 1" },
		{ "ready but not listed", 2, 2, { INDEX("[" ROW("2", "READY") "]"),
		  META("{\"versions\":[\"1\"]}") }, 2, ROLLOUT_PROGRESSING, OBJECT, 0, "no "
		                                                                       "version" },
		{ "listed but not ready", 2, 2,
		  { INDEX("[" WHY("2", "") "]"), META("{\"versions\":[\"2\"]}") },
		  2, ROLLOUT_PROGRESSING, OBJECT, 0, "no version" },
		{ "higher one serves", 2, 2,
		  { INDEX("[" ROW("2", "READY") "," ROW("3", "READY") "]"),
		  META("{\"versions\":[\"2\","
		       "\"3\"]}") }, 2, ROLLOUT_PROGRESSING, OBJECT, 3, "version 3" },
		{ "failed", 2, 2, { INDEX("[" ROW("1", "READY") "," WHY("2", "bad bytes") "]"),
		  META("{\"versions\":[\"1\"]}") }, 2, ROLLOUT_FAILED, OBJECT, 1, "bad bytes" },
		{ "unloaded once", 2, 2, { INDEX("[" WHY("2", "unloaded") "]"), NO_META }, 2,
		  ROLLOUT_PROGRESSING, OBJECT, 0, "no version" },
		{ "absent", 2, 2,
		  { INDEX("[{\"name\":\"digits\"},{\"name\":\"x\",\"version\":\"2\",\"state\":"
		  "\"READY\"}]"), NO_META }, 2, ROLLOUT_PROGRESSING, OBJECT, 0, "no version" },
		{ "folder has another", 1, 2, { INDEX("[" ROW("2", "READY") "]"),
		  META("{\"versions\":[\"2\"]}") }, 2, ROLLOUT_PROGRESSING, LISTED, 2, "planned" },
		{ "failed but not ours", 1, 2, { INDEX("[" WHY("2", "bad") "]"), NO_META }, 2,
		  ROLLOUT_PROGRESSING, 0, 0, "planned" },
		{ "gone", 0, 0, { INDEX("[" WHY("1", "unloaded") "]"), NO_META }, 2,
		  ROLLOUT_SUCCEEDED,
		  OBJECT | LISTED, 0, "" },
		{ "going", 0, 0, { INDEX("[" ROW("1", "UNLOADING") "]"), NO_META }, 2,
		  ROLLOUT_PROGRESSING,
		  OBJECT, 0, "still has" },
		{ "not gone", 0, 0,
		  { INDEX("[" ROW("1", "READY") "]"), META("{\"versions\":[\"1\"]}") }, 2,
		  ROLLOUT_PROGRESSING, OBJECT, 1, "still has" },
		{ "nobody", 2, 2, { { 0 } }, 0, ROLLOUT_UNKNOWN, OBJECT, 0, "cannot reach" },
		{ "HTML", 2, 2, { INDEX("<html>") }, 1, ROLLOUT_UNKNOWN, OBJECT, 0, "HTML" },
		{ "no array", 2, 2, { INDEX("{}") }, 1, ROLLOUT_UNKNOWN, OBJECT, 0, "no array" },
		{ "500", 2, 2,
		  { { .request = "POST /v2/repository/index", .body = "{}", .status = 500 } }, 1,
		  ROLLOUT_UNKNOWN, OBJECT, 0, "500" },
		{ "403", 2, 2,
		  { { .request = "POST /v2/repository/index", .body = "{}", .status = 403 } }, 1,
		  ROLLOUT_UNKNOWN, OBJECT, 0, "403" },
		{ "metadata cut", 2, 2, { INDEX("[]"), META("{\"versions\":") }, 2, ROLLOUT_UNKNOWN,
		  OBJECT, 0,
		  "answer" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct observation o;
		struct fixture f;
		struct err e = { 0 };
		int rc;

		fixture_begin(&f, cases[i].steps, cases[i].n);
		fixture_publish(&f, cases[i].published);
		const struct rollout q = fixture_rollout(&f, cases[i].asked);

		rc = f.d->observe(f.st, &q, &o, &e);
		cr_expect_eq(rc, 0, "%s: %s", cases[i].name, e.msg);
		cr_expect_eq(o.status, cases[i].status, "%s: %s %s", cases[i].name,
		             rollout_status_name(o.status), o.reason);
		cr_expect_eq(o.proofs, cases[i].proofs, "%s: %x", cases[i].name, o.proofs);
		cr_expect_eq(o.serving_number, cases[i].serving, "%s: %d", cases[i].name,
		             (int)o.serving_number);
		cr_expect_eq(o.serving_known, o.status != ROLLOUT_UNKNOWN, "%s", cases[i].name);
		cr_expect_eq(o.serving_known && o.serving_number == 0, o.serving_empty, "%s",
		             cases[i].name);
		cr_expect(strstr(o.reason, cases[i].reason), "%s: %s", cases[i].name, o.reason);
		cr_expect_str_eq(o.plan_id, PLAN_OLD, "%s", cases[i].name);
		cr_expect(!o.is_drifted, "%s", cases[i].name);
		cr_expect_str_eq(fixture_complaint(&f), "", "%s", cases[i].name);
		fixture_end(&f);
	}
}

Test(modelrepo_look, drift)
{
	static const struct step steps[] = { INDEX("[" ROW("7", "READY") "]"),
	                                     META("{\"versions\":[\"7\"]}") };
	struct observation o;
	struct fixture f;
	struct err e = { 0 };

	fixture_begin(&f, steps, COUNT(steps));
	fixture_publish(&f, 2);
	fixture_write(&f, "repo/digits/7/model.onnx", "theirs");
	const struct rollout q = fixture_rollout(&f, 2);

	cr_assert_eq(f.d->observe(f.st, &q, &o, &e), 0, "%s", e.msg);
	cr_assert_eq(o.status, ROLLOUT_PROGRESSING, "%s", o.reason);
	cr_assert(o.is_drifted);
	cr_assert_eq(o.serving_number, 7);
	cr_assert(digest_is_zero(&o.serving_version));
	fixture_end(&f);
}

#define GOLDEN "{\"apiVersion\":\"slipway/v1\",\"kind\":\"Smoke\",\"protocol\":\"v2\"," \
	"\"request\":" \
	"{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}," \
	"\"expect\":{\"outputs\":[{\"name\":\"prob\",\"data\":[0.5]}]}}"
#define ASKED "{\"id\":\"j1\",\"inputs\":[{\"data\":[1],\"datatype\":\"FP32\",\"name\":\"x\"," \
	"\"shape\":[1]}]," \
	"\"outputs\":[{\"name\":\"prob\",\"parameters\":{\"binary_data\":false}}]}"
#define INFER .request = "POST /v2/models/digits/infer", .body = ASKED
#define BY(version, \
	value) "{\"model_version\":\"" version "\",\"outputs\":[{\"name\":\"prob\",\"data\":[" \
	value "]}]}"

Test(modelrepo_look, smoke)
{
	static const struct {
		const char *name;
		struct step step;
		int rc;
		const char *named;
	} cases[] = {
		{ "answers", { INFER, .status = 200, .reply = BY("2", "0.5") }, 0, "by version 2" },
		{ "the old one", { INFER, .status = 200, .reply = BY("1", "0.5") },
		  -ERR_ROLLOUT_FAILED,
		  "version \"1\" answered" },
		{ "wrongly", { INFER, .status = 200, .reply = BY("2", "0.6") }, -ERR_ROLLOUT_FAILED,
		  "0.6" },
		{ "not served",
		  { INFER, .status = 404, .reply = "{\"error\":\"no available versions\"}" },
		  -ERR_ROLLOUT_FAILED, "no available" },
		{ "500", { INFER, .status = 500, .reply = "{\"error\":\"cuda\"}" },
		  -ERR_ROLLOUT_FAILED, "cuda" },
		{ "HTML", { INFER, .status = 200, .reply = "<html>" }, -ERR_MALFORMED, "reply" },
		{ "half",
		  { INFER, .how = STEP_RAW,
		    .reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{" },
		  -ERR_UNREACHABLE, "no whole answer" },
		{ "never", { INFER, .how = STEP_SILENT }, -ERR_UNREACHABLE, "no whole answer" },
	};
	struct golden *g = NULL;
	struct err e = { 0 };

	cr_assert_eq(golden_parse(STR(GOLDEN), &g, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct proof proof;
		struct fixture f;
		int rc;

		fixture_begin(&f, &cases[i].step, 1);
		struct rollout q = fixture_rollout(&f, 2);

		q.deadline_ms = clock_mono_ms() + 1000;
		err_clear(&e);
		rc = f.d->smoke(f.st, &q, g, &proof, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect_eq(proof.layers, rc == 0 ? PROOF_BIT(PROOF_ANSWERED) : 0, "%s",
		             cases[i].name);
		cr_expect(strstr(rc == 0 ? proof.detail : e.msg, cases[i].named), "%s: %s%s",
		          cases[i].name,
		          proof.detail, e.msg);
		cr_expect_str_eq(fixture_complaint(&f), "", "%s", cases[i].name);
		fixture_end(&f);
	}
	golden_free(g);
}

/* status and body of an answer recorded from a real server; false: not there */
static bool
recorded(const char *name, const char *request, struct step *ret)
{
	const char *shared = getenv("SLIPWAY_SHARED");
	cleanup_free char *path = xasprintf("%s/upstream/recorded-servers/triton/%s.json",
	                                    shared ? shared : "", name);
	cleanup_buf struct buf text = { 0 };
	json_t *j = NULL, *response, *body;
	struct err e = { 0 };

	if (fs_read_at(AT_FDCWD, path, 1u << 20, &text, &e) < 0)
		return false;
	cr_assert_eq(json_parse(buf_str(&text), name, &j, &e), 0, "%s", e.msg);
	response = json_object_get(j, "response");
	body = json_object_get(json_object_get(response, "body"), "json");
	*ret = (struct step){ .request = request, .status = (int)json_integer_value(
	                      json_object_get(response, "status")) };
	if (body)
		ret->reply = json_dumps(body, JSON_COMPACT); /* kept to the end of the test */
	json_decref(j);
	return true;
}

Test(modelrepo_look, recorded_index_and_metadata)
{
	static const struct {
		const char *index, *metadata;
		uint64_t number;
		enum modelrepo_state state;
		uint64_t listed; /* highest, 0 none */
		const char *reason;
	} cases[] = {
		{ "04-index", "05-metadata", 2, MODELREPO_READY, 2, "" },
		{ "19-index-at-once", "23-infer-unloaded", 1, MODELREPO_UNLOADING, 0, "" },
		{ "20-index-after-unload", "23-infer-unloaded", 2, MODELREPO_UNAVAILABLE, 0,
		  "unloaded" },
		{ "32-index-after", "45-metadata", 3, MODELREPO_READY, 3, "" },
		{ "41-index-corrupt", "45-metadata", 4, MODELREPO_UNAVAILABLE, 3,
		  "INVALID_PROTOBUF" },
		{ "49-index-override", "06-metadata-v1", 3, MODELREPO_UNLOADING, 1, "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct modelrepo_index index = { 0 };
		struct modelrepo_versions listed = { 0 };
		struct modelrepo_row row = { 0 };
		struct modelrepo_api api = { 0 };
		const struct http_options o = { 0 };
		struct step steps[2];
		struct fixture f;
		struct err e = { 0 };
		uint64_t highest = 0;

		if (!recorded(cases[i].index, "POST /v2/repository/index", &steps[0]) ||
		    !recorded(cases[i].metadata, "GET /v2/models/digits", &steps[1]))
			cr_skip_test("no recorded answers below SLIPWAY_SHARED");
		steps[0].body = "{}";
		fixture_begin(&f, steps, 2);
		cr_assert_eq(http_new(&o, &api.http, &e), 0);
		api.url = f.url;
		cr_expect_eq(modelrepo_index(&api, "digits", &index, &e), 0, "%s: %s",
		             cases[i].index, e.msg);
		cr_expect_eq(modelrepo_versions(&api, "digits", &listed, &e), 0, "%s: %s",
		             cases[i].metadata,
		             e.msg);
		for (size_t k = 0; k < index.n; k++) {
			if (index.v[k].number == cases[i].number)
				row = index.v[k];
		}
		for (size_t k = 0; k < listed.n; k++)
			highest = listed.v[k] > highest ? listed.v[k] : highest;
		cr_expect_eq(row.state, cases[i].state, "%s: %d", cases[i].index, (int)row.state);
		cr_expect(strstr(row.reason, cases[i].reason), "%s: %s", cases[i].index,
		          row.reason);
		cr_expect_eq(highest, cases[i].listed, "%s: %d", cases[i].metadata, (int)highest);
		http_free(api.http);
		modelrepo_index_fini(&index);
		modelrepo_versions_fini(&listed);
		fixture_end(&f);
		free((char *)(uintptr_t)steps[0].reply);
		free((char *)(uintptr_t)steps[1].reply);
	}
}

Test(modelrepo_look, recorded_loads)
{
	static const struct {
		const char *name;
		int rc;
		const char *named;
	} cases[] = {
		{ "24-load", 0, "" },
		{ "31-load-new-dir", 0, "" },
		{ "46-load-after-removal", 0, "" },
		{ "26-load-unknown", -ERR_ROLLOUT_FAILED, "failed to poll from model repository" },
		{ "40-load-corrupt", -ERR_ROLLOUT_FAILED, "Protobuf parsing failed" },
		{ "60-poll-load-refused", -ERR_ROLLOUT_FAILED, "not allowed if polling" },
		{ "70-mode-none-load", -ERR_ROLLOUT_FAILED, "not allowed" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct modelrepo_api api = { 0 };
		const struct http_options o = { 0 };
		struct fixture f;
		struct step step;
		struct err e = { 0 };
		int rc;

		if (!recorded(cases[i].name, "POST /v2/repository/models/digits/load", &step))
			cr_skip_test("no recorded answers below SLIPWAY_SHARED");
		step.body = "{}";
		fixture_begin(&f, &step, 1);
		cr_assert_eq(http_new(&o, &api.http, &e), 0);
		api.url = f.url;
		rc = modelrepo_load(&api, "digits", 1000, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect(strstr(e.msg, cases[i].named), "%s: %s", cases[i].name, e.msg);
		cr_expect_str_eq(fixture_complaint(&f), "", "%s", cases[i].name);
		http_free(api.http);
		fixture_end(&f);
		free((char *)(uintptr_t)step.reply);
	}
}
