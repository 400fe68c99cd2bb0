/* SPDX-License-Identifier: Apache-2.0 */
/* The directory target through the driver's contract: what it says, does, sees and refuses. */
#include "deploy/driver.h"

#include "directory_fixture.h"

Test(directory, opens_what_it_can_work_with)
{
	static const struct {
		const char *path, *url, *ns, *settings;
		int rc;
	} cases[] = {
		{ "/srv/models", NULL, NULL, NULL, 0 },
		{ "/srv/models", NULL, NULL, "{}", 0 },
		{ NULL, NULL, NULL, NULL, -(int)ERR_USAGE },
		{ "models", NULL, NULL, NULL, -(int)ERR_USAGE },
		{ "/srv/models", "http://127.0.0.1:8000", NULL, NULL, -(int)ERR_USAGE },
		{ "/srv/models", NULL, "prod", NULL, -(int)ERR_USAGE },
		{ "/srv/models", NULL, NULL, "{\"mode\":\"poll\"}", -(int)ERR_USAGE },
	};
	const struct deploy_driver *d = deploy_driver_find("directory");
	struct target_facts facts;
	struct err e = { 0 };

	cr_assert_not_null(d);
	void *st = xcalloc(1, d->state_size);

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_json json_t *settings = NULL;
		struct target t = {
			.name = "t", .path = cases[i].path, .url = cases[i].url, .ns = cases[i].ns
		};

		if (cases[i].settings)
			cr_assert_eq(
			        json_parse(str_of(cases[i].settings), "settings", &settings, &e),
			        0);
		t.settings = settings;
		cr_expect_eq(d->open(st, &t, &e), cases[i].rc, "case %zu: %s", i, e.msg);
		if (cases[i].rc == 0)
			cr_expect_eq(d->probe(st, &facts, &e), 0);
	}
	cr_expect_str_eq(facts.server, "folder");
	cr_expect_eq(facts.proofs, PROOF_BIT(PROOF_OBJECT));
	cr_expect_eq(facts.caps, CAP_ATOMIC_SWITCH | CAP_HISTORY);
	free(st);
}

Test(directory, renders_and_previews)
{
	struct world w;
	struct err e = { 0 };
	cleanup_buf struct buf id = { 0 };
	char hex[DIGEST_HEX_SIZE];

	world_make(&w);
	cr_assert_eq(act_apply(&w, 0, 1, OLD_PLAN, &e), 0, "%s", e.msg);
	digest_hex(&w.v[2].id, hex);
	buf_addf(&id,
	         "{\"driver\":\"directory\",\"entry\":\"risk__m\",\"number\":\"2\",\"version\":"
	         "\"sha256:%s\"}",
	         hex);
	const struct {
		uint64_t number;
		const char *rendered, *preview;
	} cases[] = {
		{ 2, buf_cstr(&id),
		  "PATH/risk__m/2 appears (4 files, 2.9K)\nPATH/risk__m/1 is held back as "
		  "slipway-v1\n" },
		{ 0, "{\"driver\":\"directory\",\"empty\":true,\"entry\":\"risk__m\"}",
		  "PATH/risk__m/1 is held back as slipway-v1\nPATH/risk__m then has no version\n" },
		{ 1, NULL, "PATH/risk__m/1 stays, its files are compared\n" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct rollout q = rollout_of(&w, cases[i].number, NULL);
		cleanup_buf struct buf r = { 0 }, want = { 0 };
		struct preview v = { 0 };

		cr_assert_eq(w.d->render(&w.target, &q, &r, &e), 0, "%s", e.msg);
		if (cases[i].rendered)
			cr_expect_str_eq(buf_cstr(&r), cases[i].rendered);
		cr_assert_eq(w.d->preview(w.st, &q, buf_str(&r), &v, &e), 0, "%s", e.msg);
		for (const char *p = cases[i].preview; *p; p++) {
			if (has_prefix(p, "PATH")) {
				buf_adds(&want, w.site.path);
				p += 3;
			} else {
				buf_addc(&want, *p);
			}
		}
		cr_expect_str_eq(buf_cstr(&v.text), buf_cstr(&want));
		cr_expect_not(v.verified);
		buf_fini(&v.text);
		/* what was rendered for something else is not applied */
		const struct precondition p = seen(&w, 1, PLAN);
		cr_expect_eq(w.d->apply(w.st, &q, STR("{}"), &p, &e), -(int)ERR_CONFLICT);
	}
	world_remove(&w);
}

Test(directory, promotes_and_goes_back)
{
	static const struct {
		char act; /* 'a' apply, 'b' abort, 'r' rollback, 'c' release; each is done twice */
		uint64_t from, to;
		const char *plan, *listing;
		uint64_t serves;
	} steps[] = {
		{ 'a', 0, 1, OLD_PLAN, "1", 1 },
		{ 'a', 1, 2, PLAN, "2 slipway-v1", 2 },
		{ 'b', 1, 2, PLAN, "1 slipway-v2", 1 },
		{ 'a', 1, 2, PLAN, "2 slipway-v1", 2 },
		{ 'r', 2, 1, OLD_PLAN, "1 slipway-v2", 1 },
		{ 'a', 1, 2, PLAN, "2 slipway-v1", 2 },
		{ 'c', 1, 2, PLAN, "2 slipway-v1", 2 }, /* the way back stays */
		{ 'c', 0, 2, PLAN, "2", 2 },            /* no way back: dropped */
		{ 'r', 2, 1, OLD_PLAN, "1 slipway-v2", 1 },
		{ 'r', 1, 0, PLAN, "slipway-v1 slipway-v2", 0 },
		{ 'a', 0, 2, OLD_PLAN, "2 slipway-v1", 2 },
		{ 'a', 2, 0, PLAN, "slipway-v1 slipway-v2", 0 },
		{ 'a', 0, 1, OLD_PLAN, "1 slipway-v2", 1 },
		{ 'b', 0, 1, OLD_PLAN, "slipway-v1 slipway-v2", 0 },
	};
	struct world w;

	world_make(&w);
	for (size_t i = 0; i < COUNT(steps) * 2; i++) {
		const uint64_t from = steps[i / 2].from, to = steps[i / 2].to;
		const char *plan = steps[i / 2].plan;
		const struct rollout q = rollout_of(&w, to, plan);
		const struct snapshot s = snapshot_of(&w, from);
		struct err e = { 0 };
		char what[64], names[256];
		int rc;

		snprintf(what, sizeof(what), "step %zu '%c' %llu to %llu", i / 2, steps[i / 2].act,
		         (unsigned long long)from, (unsigned long long)to);
		switch (steps[i / 2].act) {
		case 'a':
			rc = act_apply(&w, from, to, plan, &e);
			break;
		case 'b':
			rc = act_abort(&w, from, to, plan, &e);
			break;
		case 'r':
			rc = act_rollback(&w, from, to, plan, &e);
			break;
		default:
			rc = w.d->release(w.st, &q, &s, &e);
		}
		cr_assert_eq(rc, 0, "%s: %s", what, e.msg);
		cr_expect_str_eq(listing(&w, names), steps[i / 2].listing, "%s: %s", what,
		                 listing(&w, names));
		expect_state(&w, steps[i / 2].serves, what);
	}
	world_remove(&w);
}

static const char stamp_other[] =
        "{\"number\":\"1\",\"plan\":\"\",\"registry\":\"other\",\"version\":\"sha256:"
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}";

/* What somebody did to the folder in which version 1 was published by us. */
static const struct tampering {
	const char *what;
	const char *path, *text;    /* written; or with text NULL a folder made, */
	const char *to;             /* or path renamed to it */
	int apply;                  /* of 1 -> 2 */
	const char *finding;        /* the blocking one; NULL: none */
	enum rollout_status status; /* of version 1 */
	bool is_drifted;
} tamperings[] = {
	{ "nothing", NULL, NULL, NULL, 0, NULL, ROLLOUT_SUCCEEDED, false },
	{ "bytes altered", "risk__m/1/config.json", "[]", NULL, 0, NULL, ROLLOUT_FAILED, true },
	{ "a file more", "risk__m/1/more", "", NULL, 0, NULL, ROLLOUT_FAILED, true },
	{ "a higher version", "risk__m/9", NULL, NULL, -(int)ERR_CONFLICT, "foreign-version",
	  ROLLOUT_FAILED, true },
	{ "a number with zeros", "risk__m/0009", NULL, NULL, -(int)ERR_CONFLICT, "foreign-version",
	  ROLLOUT_FAILED, true },
	{ "the next number taken", "risk__m/2", NULL, NULL, -(int)ERR_CONFLICT, "foreign-version",
	  ROLLOUT_FAILED, true },
	{ "withdrawn by hand", "risk__m/1", NULL, "risk__m/old", 0, NULL, ROLLOUT_FAILED, true },
	{ "another registry", "risk__m/.slipway.json", stamp_other, NULL, -(int)ERR_CONFLICT,
	  "foreign-registry", ROLLOUT_FAILED, true },
	{ "no stamp", "risk__m/.slipway.json", NULL, "risk__m/x", -(int)ERR_CONFLICT,
	  "foreign-version", ROLLOUT_FAILED, true },
	{ "a broken stamp", "risk__m/.slipway.json", "{", NULL, -(int)ERR_MALFORMED, "stamp",
	  ROLLOUT_FAILED, true },
	{ "files that no server reads", "risk__m/notes.txt", "x", NULL, 0, NULL, ROLLOUT_SUCCEEDED,
	  false },
};

static const struct finding *
first_block(const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].level == FINDING_BLOCK)
			return &f->v[i];
	return NULL;
}

Test(directory, what_others_did_is_seen)
{
	for (size_t i = 0; i < COUNT(tamperings); i++) {
		const struct tampering *t = &tamperings[i];
		struct findings findings = { 0 };
		struct observation o;
		struct world w;
		struct err e = { 0 };

		world_make(&w);
		cr_assert_eq(act_apply(&w, 0, 1, OLD_PLAN, &e), 0, "%s", e.msg);
		if (t->to)
			cr_assert_eq(renameat(w.site.fd, t->path, w.site.fd, t->to), 0);
		else if (t->text)
			site_write(&w.site, t->path, t->text);
		else if (t->path)
			cr_assert_eq(mkdirat(w.site.fd, t->path, 0755), 0);

		struct rollout q = rollout_of(&w, 1, OLD_PLAN);
		cr_assert_eq(w.d->observe(w.st, &q, &o, &e), 0, "%s: %s", t->what, e.msg);
		cr_expect_eq(o.status, t->status, "%s: %s, %s", t->what,
		             rollout_status_name(o.status), o.reason);
		cr_expect_eq(o.is_drifted, t->is_drifted, "%s: %s", t->what, o.reason);
		cr_expect_eq(o.reason[0] != '\0', t->status != ROLLOUT_SUCCEEDED, "%s", t->what);

		q = rollout_of(&w, 2, PLAN);
		cr_assert_eq(w.d->preflight(w.st, &q, &findings, &e), 0, "%s: %s", t->what, e.msg);
		const struct finding *b = first_block(&findings);
		cr_expect_eq(b != NULL, t->finding != NULL, "%s: %s", t->what,
		             b ? b->text : "no block");
		if (b && t->finding)
			cr_expect_str_eq(b->code, t->finding, "%s: %s", t->what, b->code);
		findings_fini(&findings);

		const int rc = act_apply(&w, 1, 2, PLAN, &e);
		cr_expect_eq(rc, t->apply, "%s: %d %s", t->what, rc, e.msg);
		world_remove(&w);
	}
}

Test(directory, a_plan_that_is_old_changes_nothing)
{
	static const struct {
		uint64_t expects; /* the plan; version 1 is there */
		const char *names;
	} cases[] = { { 0, "nothing" }, { 2, "version 2" } };
	struct world w;
	struct err e = { 0 };

	world_make(&w);
	cr_assert_eq(act_apply(&w, 0, 1, OLD_PLAN, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cr_expect_eq(act_apply(&w, cases[i].expects, 2, PLAN, &e), -(int)ERR_CONFLICT);
		cr_expect(strstr(e.msg, cases[i].names) && strstr(e.msg, "version 1"), "%s", e.msg);
		cr_expect_eq(act_rollback(&w, cases[i].expects, 2, PLAN, &e), -(int)ERR_CONFLICT);
		cr_expect_eq(act_abort(&w, cases[i].expects, 2, PLAN, &e), -(int)ERR_CONFLICT);
		expect_state(&w, 1, "untouched");
	}
	/* a version that was never staged is not announced */
	const struct rollout q = rollout_of(&w, 2, PLAN);
	const struct precondition p = seen(&w, 1, PLAN);
	cr_expect_eq(w.d->release(w.st, &q, &(struct snapshot){ .empty = true }, &e), 0);
	cr_assert_eq(tree_remove(w.site.fd, w.site.path, "risk__m/slipway-v2", &e), 0);
	buf_clear(&w.rendered);
	cr_assert_eq(w.d->render(&w.target, &q, &w.rendered, &e), 0);
	cr_expect_eq(w.d->apply(w.st, &q, buf_str(&w.rendered), &p, &e), -(int)ERR_NOT_FOUND, "%s",
	             e.msg);
	expect_state(&w, 1, "untouched");
	world_remove(&w);
}

Test(directory, preflight_on_folders_that_cannot_work)
{
	struct world w;
	struct err e = { 0 };
	char missing[96];

	world_make(&w);
	snprintf(missing, sizeof(missing), "%s/none", w.site.path);
	const struct {
		const char *what, *path, *code;
		uint64_t size;
	} cases[] = {
		{ "all is well", w.site.path, NULL, 3000 },
		{ "no folder", missing, "path", 3000 },
		{ "a file", "/etc/hostname", "path", 3000 },
		{ "not ours to write", w.site.path, "not-writable", 0 },
		{ "too large", w.site.path, "no-space", UINT64_MAX / 2 },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct findings findings = { 0 };
		struct observation o;
		struct rollout q = rollout_of(&w, 2, PLAN);

		w.v[2].files[0].size = cases[i].size;
		w.target.path = cases[i].path;
		/* root may write everywhere: be somebody else for a moment */
		if (streq(cases[i].code, "not-writable")) {
			cr_assert_eq(fchmod(w.site.fd, 0555), 0);
			cr_assert_eq(geteuid() == 0 ? seteuid(65534) : 0, 0);
		}
		cr_assert_eq(w.d->preflight(w.st, &q, &findings, &e), 0, "%s: %s", cases[i].what,
		             e.msg);
		const struct finding *b = first_block(&findings);
		cr_expect_eq(b != NULL, cases[i].code != NULL, "%s: %s", cases[i].what,
		             b ? b->text : "no block");
		if (b && cases[i].code)
			cr_expect_str_eq(b->code, cases[i].code, "%s: %s", cases[i].what, b->code);
		findings_fini(&findings);
		/* no contact is not a failure; an empty folder is one for a version that should be
		 * there */
		cr_assert_eq(w.d->observe(w.st, &q, &o, &e), 0, "%s", e.msg);
		cr_expect_eq(o.status == ROLLOUT_UNKNOWN, streq(cases[i].code, "path"), "%s: %s",
		             cases[i].what, o.reason);
		if (streq(cases[i].code, "not-writable")) {
			cr_assert_eq(getuid() == 0 ? seteuid(0) : 0, 0);
			cr_assert_eq(fchmod(w.site.fd, 0700), 0);
		}
	}
	w.target.path = w.site.path;
	world_remove(&w);
}
