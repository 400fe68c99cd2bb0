/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The modelrepo driver in the dialect of MLServer against a scripted server that answers as the
 * recorded one: what is written, asked, believed and put back. Every request is compared byte by
 * byte.
 */
#include "tests/deploy/fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

#include "registry/base/fs.h"

#define LOAD   .request = "POST /v2/repository/models/digits/load", .body = "{}"
#define UNLOAD .request = "POST /v2/repository/models/digits/unload", .body = "{}"
#define READY(n)                                                                        \
	{                                                                               \
		.request = "GET /v2/models/digits/versions/" #n "/ready", .status = 200 \
	}
#define ABSENT(n)                                                                        \
	{                                                                                \
		.request = "GET /v2/models/digits/versions/" #n "/ready", .status = 404, \
		.reply = "{\"error\":\"Model digits not found\"}"                        \
	}
#define UNKNOWN "{\"error\":\"Model digits not found\"}"
#define SETTINGS(n)                                                                      \
	"{\"implementation\":\"a.B\",\"name\":\"digits\",\"parameters\":{\"uri\":\"./" n \
	"/model.onnx\",\"version\":\"" n "\"}}\n"
#define INDEX(rows)                                                                                \
	{                                                                                          \
		.request = "POST /v2/repository/index", .body = "{}", .status = 200, .reply = rows \
	}

TestSuite(modelrepo_mlserver);

static void
begin(struct fixture *f, const struct step *steps, size_t n)
{
	struct err e = { 0 };

	fixture_begin(f, steps, n);
	f->d->close(f->st);
	f->t.settings = json_pack("{s:s, s:s, s:s}", "dialect", "mlserver", "implementation", "a.B",
	                          "model-file", "model.onnx");
	cr_assert_eq(f->d->open(f->st, &f->t, &e), 0, "%s", e.msg);
}

static void
end(struct fixture *f)
{
	json_t *settings = (json_t *)(uintptr_t)f->t.settings;

	fixture_end(f);
	json_decref(settings);
}

/* "": there is none. */
static const char *
settings_of(const struct fixture *f)
{
	static char text[512];
	cleanup_free char *path = xasprintf("%s/digits/model-settings.json", f->repo);
	cleanup_buf struct buf b = { 0 };
	struct err e = { 0 };

	(void)fs_read_at(AT_FDCWD, path, sizeof text - 1, &b, &e);
	(void)str_copy(text, sizeof text, buf_cstr(&b));
	return text;
}

static const char *
text_of(uint64_t number)
{
	return number == 2 ? SETTINGS("2") : number == 1 ? SETTINGS("1") : "";
}

Test(modelrepo_mlserver, switches)
{
	static const struct {
		const char *name;
		uint64_t from, to; /* 0: nothing */
		struct step steps[2];
		size_t n;
		int rc;
		const char *tree;
		uint64_t serves; /* as the settings say afterwards */
	} cases[] = {
		{ "first",
		  0,
		  1,
		  { { LOAD, .status = 200 } },
		  1,
		  0,
		  "1 model-settings.json | 1 b",
		  1 },
		{ "next",
		  1,
		  2,
		  { { LOAD, .status = 200 } },
		  1,
		  0,
		  "2 model-settings.json slipway-v1 | 2 b",
		  2 },
		{ "older",
		  2,
		  1,
		  { { LOAD, .status = 200 } },
		  1,
		  0,
		  "1 model-settings.json slipway-v2 | 1 b",
		  1 },
		{ "nothing", 1, 0, { { UNLOAD, .status = 200 } }, 1, 0, "slipway-v1 | 0 b", 0 },
		{ "nothing, forgotten already",
		  1,
		  0,
		  { { UNLOAD, .status = 404, .reply = UNKNOWN } },
		  1,
		  0,
		  "slipway-v1 | 0 b",
		  0 },
		/* as the real one says it: text, no JSON; the old settings are back and loaded */
		{ "refused",
		  1,
		  2,
		  { { LOAD, .status = 500, .type = "text/plain", .reply = "Internal Server Error" },
		    { LOAD, .status = 200 } },
		  2,
		  -ERR_ROLLOUT_FAILED,
		  "1 model-settings.json slipway-v2 | 1 a",
		  1 },
		{ "the first is refused",
		  0,
		  1,
		  { { LOAD, .status = 500, .type = "text/plain", .reply = "Internal Server Error" },
		    { UNLOAD, .status = 404, .reply = UNKNOWN } },
		  2,
		  -ERR_ROLLOUT_FAILED,
		  "slipway-v1 | 0 a",
		  0 },
		{ "no answer",
		  1,
		  2,
		  { { LOAD, .how = STEP_RAW, .reply = "" } },
		  1,
		  -ERR_OUTCOME_UNKNOWN,
		  "1 2 model-settings.json | 2 b",
		  2 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture f;
		struct err e = { 0 };
		int rc;

		begin(&f, cases[i].steps, cases[i].n);
		fixture_publish(&f, cases[i].from);
		if (cases[i].from)
			fixture_write(&f, "repo/digits/model-settings.json",
			              text_of(cases[i].from));
		const struct rollout q = fixture_rollout(&f, cases[i].to);
		const struct precondition p = fixture_precondition(&f, cases[i].from);

		cr_expect_eq(f.d->stage(f.st, &q, &e), 0, "%s: %s", cases[i].name, e.msg);
		rc = fixture_apply(&f, &q, &p, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect_str_eq(fixture_tree(&f), cases[i].tree, "%s: %s", cases[i].name,
		                 fixture_tree(&f));
		cr_expect_str_eq(settings_of(&f), text_of(cases[i].serves), "%s: %s", cases[i].name,
		                 settings_of(&f));
		cr_expect_str_eq(fixture_complaint(&f), "", "%s", cases[i].name);
		end(&f);
	}
}

Test(modelrepo_mlserver, observe)
{
	static const struct {
		const char *name;
		uint64_t published, asked;
		const char *settings; /* NULL: as we write them */
		struct step steps[2];
		size_t n;
		enum rollout_status status;
		bool drifted, listed;
		uint64_t serving;
		const char *why;
	} cases[] = {
		{ "there", 2, 2, NULL, { READY(2) }, 1, ROLLOUT_SUCCEEDED, false, true, 2, "" },
		{ "the old one yet",
		  2,
		  1,
		  NULL,
		  { ABSENT(1), READY(2) },
		  2,
		  ROLLOUT_PROGRESSING,
		  false,
		  false,
		  2,
		  "does not hold" },
		{ "none",
		  2,
		  2,
		  NULL,
		  { ABSENT(2) },
		  1,
		  ROLLOUT_PROGRESSING,
		  false,
		  false,
		  0,
		  "serves no version" },
		{ "both",
		  2,
		  1,
		  NULL,
		  { READY(1), READY(2) },
		  2,
		  ROLLOUT_PROGRESSING,
		  false,
		  false,
		  1,
		  "does not hold" },
		{ "the settings name another",
		  2,
		  2,
		  SETTINGS("1"),
		  { READY(2) },
		  1,
		  ROLLOUT_PROGRESSING,
		  true,
		  true,
		  2,
		  "does not hold" },
		{ "no settings",
		  2,
		  2,
		  "",
		  { READY(2) },
		  1,
		  ROLLOUT_PROGRESSING,
		  true,
		  true,
		  2,
		  "does not hold" },
		{ "an error",
		  2,
		  2,
		  NULL,
		  { { .request = "GET /v2/models/digits/versions/2/ready", .status = 403 } },
		  1,
		  ROLLOUT_UNKNOWN,
		  false,
		  false,
		  0,
		  "403" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct observation o;
		struct fixture f;
		struct err e = { 0 };

		begin(&f, cases[i].steps, cases[i].n);
		fixture_publish(&f, cases[i].published);
		if (!cases[i].settings || *cases[i].settings)
			fixture_write(&f, "repo/digits/model-settings.json",
			              cases[i].settings ? cases[i].settings
			                                : text_of(cases[i].published));
		const struct rollout q = fixture_rollout(&f, cases[i].asked);

		cr_assert_eq(f.d->observe(f.st, &q, &o, &e), 0, "%s: %s", cases[i].name, e.msg);
		cr_expect_eq(o.status, cases[i].status, "%s: %d %s", cases[i].name, o.status,
		             o.reason);
		cr_expect_eq(o.is_drifted, cases[i].drifted, "%s", cases[i].name);
		cr_expect_eq((o.proofs & PROOF_BIT(PROOF_LISTED)) != 0, cases[i].listed, "%s",
		             cases[i].name);
		cr_expect_eq(o.serving_number, cases[i].serving, "%s", cases[i].name);
		cr_expect(strstr(o.reason, cases[i].why), "%s: %s", cases[i].name, o.reason);
		cr_expect_str_eq(fixture_complaint(&f), "", "%s", cases[i].name);
		end(&f);
	}
}

Test(modelrepo_mlserver, preflight)
{
	static const struct {
		const char *name, *server, *index, *settings, *block;
	} cases[] = {
		{ "well", "mlserver",
		  "[{\"name\":\"digits\",\"version\":\"1\",\"state\":\"READY\"}]", SETTINGS("1"),
		  NULL },
		{ "another folder", "mlserver",
		  "[{\"name\":\"digits\",\"version\":\"7\",\"state\":\"READY\"}]", SETTINGS("1"),
		  "foreign-version" },
		{ "another model", "mlserver", "[{\"name\":\"x\",\"version\":\"7\"}]",
		  SETTINGS("1"), NULL },
		{ "ours was changed", "mlserver",
		  "[{\"name\":\"digits\",\"version\":\"7\",\"state\":\"READY\"}]", SETTINGS("7"),
		  NULL },
		{ "Triton", "triton", "[]", SETTINGS("1"), "dialect" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct step steps[] = {
			{ .request = "GET /v2/health/live", .status = 200 },
			{ .request = "GET /v2", .status = 200 },
			INDEX(cases[i].index),
			INDEX(cases[i].index),
		};
		cleanup_free char *reply = xasprintf(
		        "{\"name\":\"%s\",\"version\":\"1\",\"extensions\":[]}", cases[i].server);
		struct step mine[COUNT(steps)];
		struct findings found = { 0 };
		const char *block = NULL;
		struct fixture f;
		struct err e = { 0 };

		memcpy(mine, steps, sizeof mine);
		mine[1].reply = reply;
		begin(&f, mine, COUNT(mine));
		fixture_publish(&f, 1);
		fixture_write(&f, "repo/digits/model-settings.json", cases[i].settings);
		const struct rollout q = fixture_rollout(&f, 2);
		cr_assert_eq(f.d->preflight(f.st, &q, &found, &e), 0, "%s: %s", cases[i].name,
		             e.msg);
		for (size_t k = 0; k < found.n; k++)
			block = found.v[k].level == FINDING_BLOCK ? found.v[k].code : block;
		cr_expect_str_eq(block ? block : "", cases[i].block ? cases[i].block : "", "%s: %s",
		                 cases[i].name, block ? block : "");
		cr_expect_str_eq(fixture_complaint(&f), "", "%s", cases[i].name);
		findings_fini(&found);
		end(&f);
	}
}
