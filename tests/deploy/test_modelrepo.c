/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch of the modelrepo driver against a scripted server: forward, back, to nothing,
 * refused, cut short, and taken up again after a crash at any step. What lies in the folder
 * afterwards is the verdict; the server checks that nothing was asked twice.
 */
#include "tests/deploy/fixture.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

#include "registry/base/clock.h"

#define LOAD   .request = "POST /v2/repository/models/digits/load", .body = "{}"
#define UNLOAD .request = "POST /v2/repository/models/digits/unload", .body = "{}"
#define LOADED { LOAD, .status = 200 }

TestSuite(modelrepo);

Test(modelrepo, switches)
{
	static const struct {
		const char *name;
		uint64_t from, to; /* 0: nothing */
		bool is_rollback;
		struct step step;
		const char *tree;
	} cases[] = {
		{ "first promotion", 0, 1, false, LOADED, "1 | 1 b" },
		{ "promotion", 1, 2, false, LOADED, "2 slipway-v1 | 2 b" },
		{ "promotion of an older one", 2, 1, false, LOADED, "1 slipway-v2 | 1 b" },
		{ "repair", 1, 1, false, LOADED, "1 | 1 b" },
		{ "unpublish", 1, 0, false, { UNLOAD, .status = 200 }, "slipway-v1 | 0 b" },
		{ "rollback", 2, 1, true, LOADED, "1 slipway-v2 | 1 b" },
		{ "rollback of the first", 1, 0, true, { UNLOAD, .status = 200 },
		  "slipway-v1 | 0 b" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture f;
		struct err e = { 0 };
		int rc;

		fixture_begin(&f, &cases[i].step, 1);
		fixture_publish(&f, cases[i].from);
		const struct rollout q = fixture_rollout(&f, cases[i].to);
		const struct precondition p = fixture_precondition(&f, cases[i].from);
		const struct snapshot s = { .empty = q.empty, .number = q.number,
		                            .version = q.version };

		rc = f.d->stage(f.st, &q, &e);
		cr_expect_eq(rc, 0, "%s: stage: %s", cases[i].name, e.msg);
		rc = cases[i].is_rollback ? f.d->rollback_to(f.st, &q, &s, &p, &e)
		                          : fixture_apply(&f, &q, &p, &e);
		cr_expect_eq(rc, 0, "%s: %s", cases[i].name, e.msg);
		cr_expect_str_eq(fixture_tree(&f), cases[i].tree, "%s: %s", cases[i].name,
		                 fixture_tree(&f));
		cr_expect_str_eq(fixture_complaint(&f), "", "%s", cases[i].name);
		fixture_end(&f);
	}
}

#define OLD "1 slipway-v2 | 1 a"
#define NEW "1 2 | 2 b"

/* From version 1 to 2; the first step is what came of the load, the second of loading version 1
 * again. */
Test(modelrepo, refused_loads_leave_the_old_version)
{
	static const struct {
		const char *name;
		struct step steps[2];
		size_t n;
		int rc;
		const char *named, *hint, *tree;
	} cases[] = {
		{ "nobody there", { { 0 } }, 0, -ERR_UNREACHABLE, "cannot reach", "as before",
		  OLD },
		{ "500", { { LOAD, .status = 500, .reply = "{\"error\":\"no memory\"}" }, LOADED },
		  2,
		  -ERR_ROLLOUT_FAILED, "no memory", "put back", OLD },
		{ "400",
		  { { LOAD, .status = 400, .reply = "{\"error\":\"load failed for 'digits'\"}" },
		           LOADED }, 2, -ERR_ROLLOUT_FAILED, "load failed", "put back", OLD },
		{ "404", { { LOAD, .status = 404 }, LOADED }, 2, -ERR_ROLLOUT_FAILED, "404",
		  "put back",
		  OLD },
		{ "401", { { LOAD, .status = 401 }, LOADED }, 2, -ERR_DENIED, "401", "put back",
		  OLD },
		{ "poll mode", { { LOAD, .status = 503, .reply = "{\"error\":\"not allowed\"}" },
		                 { LOAD, .status = 503 } }, 2, -ERR_ROLLOUT_FAILED, "not allowed",
		  "not told", OLD },
		{ "HTML",
		  { { LOAD, .status = 200, .type = "text/html", .reply = "<html>" }, LOADED }, 2,
		  -ERR_MALFORMED, "HTML", "put back", OLD },
		{ "redirect",
		  { { LOAD, .how = STEP_RAW, .reply = "HTTP/1.1 302 F\r\nLocation: /x\r\n"
		                  "Content-Length: 0\r\n\r\n" }, LOADED }, 2, -ERR_MALFORMED, "/x",
		  "put back", OLD },
		{ "endless", { { LOAD, .how = STEP_ENDLESS } }, 1, -ERR_OUTCOME_UNKNOWN, "larger",
		  "look", NEW },
		{ "half an answer",
		  { { LOAD, .how = STEP_RAW, .reply = "HTTP/1.1 200 OK\r\nContent-Le" } },
		  1, -ERR_OUTCOME_UNKNOWN, "no whole answer", "look", NEW },
		{ "closed", { { LOAD, .how = STEP_RAW } }, 1, -ERR_OUTCOME_UNKNOWN,
		  "no whole answer",
		  "look", NEW },
		{ "never", { { LOAD, .how = STEP_SILENT } }, 1, -ERR_OUTCOME_UNKNOWN,
		  "no whole answer",
		  "look", NEW },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture f;
		struct err e = { 0 };
		int rc;

		fixture_begin(&f, cases[i].steps, cases[i].n);
		fixture_publish(&f, 1);
		struct rollout q = fixture_rollout(&f, 2);
		const struct precondition p = fixture_precondition(&f, 1);

		cr_assert_eq(f.d->stage(f.st, &q, &e), 0, "%s: %s", cases[i].name, e.msg);
		/* only what is never answered may see its end */
		q.deadline_ms = clock_mono_ms() +
		                (streq(cases[i].name, "never") ? 1000 : 60000);
		rc = fixture_apply(&f, &q, &p, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect(strstr(e.msg, cases[i].named), "%s: %s", cases[i].name, e.msg);
		cr_expect(strstr(e.hint, cases[i].hint), "%s: %s", cases[i].name, e.hint);
		cr_expect_str_eq(fixture_tree(&f), cases[i].tree, "%s: %s", cases[i].name,
		                 fixture_tree(&f));
		cr_expect_str_eq(fixture_complaint(&f), "", "%s", cases[i].name);

		/* whatever came of it: abort ends where the plan began, and so does a second one */
		static const struct step again[] = { LOADED, LOADED };

		fixture_server(&f, again, COUNT(again));
		for (int k = 0; k < 2; k++) {
			rc = f.d->abort(f.st, &q, &p, &e);
			cr_expect_eq(rc, 0, "%s: abort: %s", cases[i].name, e.msg);
			cr_expect(has_prefix(fixture_tree(&f), "1 slipway-v2 | 1 "),
			          "%s: abort: %s",
			          cases[i].name, fixture_tree(&f));
		}
		cr_expect_str_eq(fixture_complaint(&f), "", "%s: abort", cases[i].name);
		fixture_end(&f);
	}
}

Test(modelrepo, refused_first_promotion_leaves_nothing)
{
	static const struct step steps[] = {
		{ LOAD, .status = 400, .reply = "{\"error\":\"bad model\"}" },
		{ UNLOAD, .status = 200 },
	};
	struct fixture f;
	struct err e = { 0 };
	int rc;

	fixture_begin(&f, steps, COUNT(steps));
	const struct rollout q = fixture_rollout(&f, 1);
	const struct precondition p = fixture_precondition(&f, 0);

	cr_assert_eq(f.d->stage(f.st, &q, &e), 0, "%s", e.msg);
	rc = fixture_apply(&f, &q, &p, &e);
	cr_assert_eq(rc, -ERR_ROLLOUT_FAILED, "%s", e.msg);
	cr_assert(strstr(e.msg, "bad model") && strstr(e.hint, "nothing"), "%s (%s)", e.msg,
	          e.hint);
	cr_assert_str_eq(fixture_tree(&f), "slipway-v1 | 0 -");
	cr_assert_str_eq(fixture_complaint(&f), "");
	fixture_end(&f);
}

/* The way back that fails too is not undone: after this plan's own failure it is the better
 * state. */
Test(modelrepo, rollback_of_a_failed_rollout)
{
	static const struct step steps[] = { LOADED, { LOAD, .status = 500 } };
	struct fixture f;
	struct err e = { 0 };

	fixture_begin(&f, steps, COUNT(steps));
	fixture_publish(&f, 1);
	const struct rollout q = fixture_rollout(&f, 2);
	const struct precondition p = fixture_precondition(&f, 1);
	const struct snapshot s = { .number = 1, .version = f.v[1]->version };

	cr_assert_eq(f.d->stage(f.st, &q, &e), 0, "%s", e.msg);
	cr_assert_eq(fixture_apply(&f, &q, &p, &e), 0, "%s", e.msg);
	cr_assert_eq(f.d->rollback_to(f.st, &q, &s, &p, &e), -ERR_ROLLOUT_FAILED, "%s", e.msg);
	cr_assert_str_eq(fixture_tree(&f), "1 slipway-v2 | 1 b");
	cr_assert_str_eq(fixture_complaint(&f), "");
	fixture_end(&f);
}

/* What each step of a switch from 1 to 2 leaves when the process dies right after it. */
static void
leave(struct fixture *f, unsigned steps)
{
	struct folder_stamp stamp = { .registry_id = "r1", .plan_id = PLAN_NEW, .number = 2,
		                      .version = f->v[2]->version };
	struct folder *folder = NULL;
	struct err e = { 0 };

	cr_assert_eq(folder_open(f->repo, "digits", false, &folder, &e), 0, "%s", e.msg);
	if (steps > 0)
		cr_assert_eq(folder_stamp_write(folder, &stamp, &e), 0, "%s", e.msg);
	if (steps > 1)
		cr_assert_eq(folder_publish(folder, 2, &e), 0, "%s", e.msg);
	if (steps > 2) /* the load leaves no trace in the folder */
		cr_assert_eq(folder_withdraw(folder, 1, &e), 0, "%s", e.msg);
	folder_close(folder);
}

Test(modelrepo, taken_up_after_a_crash)
{
	static const struct step loaded = LOADED;
	enum { RESUME, ABORT, ROLL_BACK, WAYS };
	static const char *const trees[WAYS] = { "2 slipway-v1 | 2 b", "1 slipway-v2 | 1 ",
		                                 "1 slipway-v2 | 1 b" };

	for (unsigned steps = 0; steps <= 3; steps++) {
		for (int way = RESUME; way < WAYS; way++) {
			struct fixture f;
			struct err e = { 0 };
			int rc;

			fixture_begin(&f, &loaded, 1);
			fixture_publish(&f, 1);
			const struct rollout q = fixture_rollout(&f, 2);
			const struct precondition p = fixture_precondition(&f, 1);
			const struct snapshot s = { .number = 1, .version = f.v[1]->version };

			cr_assert_eq(f.d->stage(f.st, &q, &e), 0, "%s", e.msg);
			leave(&f, steps);
			if (way == RESUME)
				rc = fixture_apply(&f, &q, &p, &e);
			else if (way == ABORT)
				rc = f.d->abort(f.st, &q, &p, &e);
			else
				rc = f.d->rollback_to(f.st, &q, &s, &p, &e);
			cr_expect_eq(rc, 0, "%u steps, way %d: %s", steps, way, e.msg);
			cr_expect(has_prefix(fixture_tree(&f), trees[way]), "%u steps, way %d: %s",
			          steps,
			          way, fixture_tree(&f));
			cr_expect_str_eq(fixture_complaint(&f), "", "%u steps, way %d", steps, way);
			fixture_end(&f);
		}
	}
}

/* The way back of a failed rollout, cut short between its two renames: both numbers are
 * published. */
Test(modelrepo, rollback_taken_up_after_a_crash)
{
	static const struct step loaded = LOADED;
	struct folder_stamp stamp = { .registry_id = "r1", .plan_id = PLAN_NEW, .number = 1 };
	struct folder *folder = NULL;
	struct fixture f;
	struct err e = { 0 };

	fixture_begin(&f, &loaded, 1);
	fixture_publish(&f, 1);
	const struct rollout q = fixture_rollout(&f, 2);
	const struct precondition p = fixture_precondition(&f, 1);
	const struct snapshot s = { .number = 1, .version = f.v[1]->version };

	cr_assert_eq(f.d->stage(f.st, &q, &e), 0, "%s", e.msg);
	stamp.version = f.v[1]->version;
	cr_assert_eq(folder_open(f.repo, "digits", false, &folder, &e), 0, "%s", e.msg);
	cr_assert_eq(folder_publish(folder, 2, &e), 0, "%s", e.msg);
	cr_assert_eq(folder_stamp_write(folder, &stamp, &e), 0, "%s", e.msg);
	folder_close(folder);
	cr_assert_eq(f.d->rollback_to(f.st, &q, &s, &p, &e), 0, "%s", e.msg);
	cr_assert_str_eq(fixture_tree(&f), "1 slipway-v2 | 1 b");
	cr_assert_str_eq(fixture_complaint(&f), "");
	fixture_end(&f);
}

Test(modelrepo, conflicts_write_nothing)
{
	enum { OTHER_NUMBER, OTHER_REGISTRY, FOREIGN, NOT_PLANNED, NOT_STAGED, CASES };
	static const struct {
		int rc;
		const char *named;
	} ends[CASES] = {
		[OTHER_NUMBER] = { -ERR_CONFLICT, "the plan expects nothing" },
		[OTHER_REGISTRY] = { -ERR_CONFLICT, "registry r1" },
		[FOREIGN] = { -ERR_CONFLICT, "version 9 that is not ours" },
		[NOT_PLANNED] = { -ERR_CONFLICT, "the plan does not say" },
		[NOT_STAGED] = { -ERR_NOT_FOUND, "version 2" },
	};

	for (int i = 0; i < CASES; i++) {
		struct fixture f;
		struct err e = { 0 };
		int rc;

		fixture_begin(&f, NULL, 0);
		fixture_publish(&f, 1);
		struct rollout q = fixture_rollout(&f, 2);
		struct precondition p = fixture_precondition(&f, i == OTHER_NUMBER ? 0 : 1);

		if (i != NOT_STAGED)
			cr_assert_eq(f.d->stage(f.st, &q, &e), 0, "%s", e.msg);
		if (i == OTHER_REGISTRY)
			q.registry_id = "r2";
		if (i == FOREIGN)
			fixture_write(&f, "repo/digits/9/model.onnx", "theirs");
		if (i == NOT_PLANNED)
			rc = f.d->apply(f.st, &q, STR("{}"), &p, &e);
		else
			rc = fixture_apply(&f, &q, &p, &e);
		cr_expect_eq(rc, ends[i].rc, "%d: %d %s", i, rc, e.msg);
		cr_expect(strstr(e.msg, ends[i].named), "%d: %s", i, e.msg);
		cr_expect(has_prefix(fixture_tree(&f), "1 "), "%d: %s", i, fixture_tree(&f));
		cr_expect(strstr(fixture_tree(&f), "| 1 a"), "%d: %s", i, fixture_tree(&f));
		fixture_end(&f);
	}
}

Test(modelrepo, release_keeps_the_way_back)
{
	static const struct step loaded = LOADED;
	struct fixture f;
	struct err e = { 0 };

	fixture_begin(&f, &loaded, 1);
	fixture_publish(&f, 1);
	const struct rollout q = fixture_rollout(&f, 2);
	const struct precondition p = fixture_precondition(&f, 1);
	const struct snapshot way_back = { .number = 1, .version = f.v[1]->version };
	const struct snapshot nothing = { .empty = true };

	cr_assert_eq(f.d->stage(f.st, &q, &e), 0, "%s", e.msg);
	cr_assert_eq(fixture_apply(&f, &q, &p, &e), 0, "%s", e.msg);
	cr_assert_eq(f.d->release(f.st, &q, &way_back, &e), 0, "%s", e.msg);
	cr_assert_str_eq(fixture_tree(&f), "2 slipway-v1 | 2 b");
	cr_assert_eq(f.d->release(f.st, &q, &nothing, &e), 0, "%s", e.msg);
	cr_assert_str_eq(fixture_tree(&f), "2 | 2 b");
	fixture_end(&f);
}

/* It died since the plan was made: nothing is written, and the other is asked for no load. */
Test(modelrepo, one_of_two_servers_is_away)
{
	static const struct step live = { .request = "GET /v2/health/live", .status = 200 };
	cleanup_json json_t *settings = NULL;
	struct fixture f;
	struct err e = { 0 };
	char nobody[64];

	fixture_begin(&f, &live, 1);
	fixture_publish(&f, 1);
	server_nobody(nobody, sizeof nobody);
	settings = json_pack("{s:s}", "servers", nobody);
	f.d->close(f.st);
	f.t.settings = settings;
	cr_assert_eq(f.d->open(f.st, &f.t, &e), 0, "%s", e.msg);
	const struct rollout q = fixture_rollout(&f, 2);
	const struct precondition p = fixture_precondition(&f, 1);

	cr_assert_eq(f.d->stage(f.st, &q, &e), 0, "%s", e.msg);
	cr_expect_eq(fixture_apply(&f, &q, &p, &e), -ERR_UNREACHABLE, "%s", e.msg);
	cr_expect(strstr(e.msg, nobody), "%s", e.msg);
	cr_expect_str_eq(fixture_tree(&f), "1 slipway-v2 | 1 a", "%s", fixture_tree(&f));
	cr_expect_str_eq(fixture_complaint(&f), "");
	fixture_end(&f);
}
