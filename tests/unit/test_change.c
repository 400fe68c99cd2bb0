/* SPDX-License-Identifier: Apache-2.0 */
/* The one way to write, and that the database is nothing but what log and blobs say. */
#include "registry/change.h"

#include "change_fixture.h"

/* A little of everything that an entry can be. */
static void
live(struct site *s)
{
	struct err e = { 0 };
	struct plan p;
	const struct digest v1 = site_version(s, 1, "one");

	site_label(s, "owner", "ana");
	site_commit(s, "label", MODEL,
	            json_pack("{s:i, s:[], s:{s:s}}", "number", 1, "remove", "set", "k", "v"),
	            NULL);
	const struct change_result dc1 = site_target(s, "dc1", "/srv", &(struct digest){ 0 });
	site_move(s, "promote", &v1, "staging");
	const struct digest v2 = site_version(s, 2, "two");
	site_plan(s, "promote", &v2, "staging", &p);
	site_authorise(s, &p, &p.id, s->ana);
	ok(site_job(s, &p, "begin", "running", "00112233445566ff", s->agent, &e), &e, "begin");
	site_apply(s, &p);
	ok(site_job(s, &p, "end", "succeeded", "00112233445566ff", NULL, &e), &e, "end");
	plan_fini(&p);
	site_move(s, "rollback", NULL, "staging");
	const struct digest v3 = site_version(s, 3, "three");
	const struct change_result retired =
	        site_life(s, "retire", 3, &v3, &(struct digest){ 0 });
	const struct change_result back = site_life(s, "restore", 3, &v3, &retired.leaf);
	site_life(s, "delete", 3, &v3, &back.leaf);
	site_target(s, "dc1", NULL, &dc1.leaf);
}

/* --- committing --- */

static int
other_check(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	const int rc = *(const int *)arg;

	return rc < 0 ? err_set(e, (enum err_code)-rc, "as the check says") : rc;
}

Test(change, what_the_check_refuses_leaves_no_trace)
{
	static const int cases[] = { CHANGE_NONE, -(int)ERR_CONFLICT, -(int)ERR_EXISTS,
		                     -(int)ERR_NOT_FOUND, -(int)ERR_POLICY };
	struct site s;

	site_make(&s);
	site_version(&s, 1, "one");
	const uint64_t size = log_size(&s);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct change c = { .type = "label",
			                  .model = MODEL,
			                  .check = other_check,
			                  .arg = (void *)(uintptr_t)&cases[i] };
		struct change_result done;
		struct err e = { 0 };

		cr_expect_eq(change_commit(s.r, &c, &done, &e), cases[i] < 0 ? cases[i] : 0);
		cr_expect_not(done.changed);
		cr_expect_eq(log_size(&s), size);
	}
	site_label(&s, "k", "v");
	cr_expect(log_size(&s) > size);
	site_leave(&s);
}

static char *
long_text(size_t n)
{
	char *s = xmalloc(n + 1);

	memset(s, 'a', n);
	s[n] = '\0';
	return s;
}

/* A body that put refuses would stop every later replay: it must never reach the log. */
Test(change, what_put_refuses_never_reaches_the_log)
{
	cleanup_free char *name = long_text(600), *big = long_text(70000);
	const struct {
		const char *type, *model;
		json_t *body;
		int rc;
	} cases[] = {
		{ "nonsense", MODEL, json_object(), -(int)ERR_MALFORMED },
		{ "label", MODEL, json_pack("{s:i, s:[], s:{}}", "number", 9, "remove", "set"),
		  -(int)ERR_MALFORMED },
		{ "label", "unknown", json_pack("{s:n, s:[], s:{}}", "number", "remove", "set"),
		  -(int)ERR_MALFORMED },
		{ "label", name, json_pack("{s:n, s:[], s:{}}", "number", "remove", "set"),
		  -(int)ERR_MALFORMED },
		{ "label", MODEL, json_pack("{s:n, s:[], s:{s:s}}", "number", "remove", "set", "A",
		                            "bad key"),
		  -(int)ERR_MALFORMED },
		{ "version", MODEL, json_object(), -(int)ERR_MALFORMED },
		{ "version", name, json_object(), -(int)ERR_MALFORMED },
		{ "delete", MODEL, json_pack("{s:i}", "number", 7), -(int)ERR_MALFORMED },
		{ "target", NULL, json_pack("{s:s}", "action", "add"), -(int)ERR_MALFORMED },
		{ "target", NULL, json_pack("{s:s, s:s}", "action", "add", "name", name),
		  -(int)ERR_MALFORMED },
		{ "plan", MODEL, json_pack("{s:s}", "id", "sha256:00"), -(int)ERR_MALFORMED },
		{ "authorisation", MODEL, json_object(), -(int)ERR_MALFORMED },
		{ "job", MODEL, json_object(), -(int)ERR_MALFORMED },
		{ "promotion", MODEL, json_object(), -(int)ERR_MALFORMED },
		{ "registry", NULL, json_pack("{s:s}", "id", name), -(int)ERR_MALFORMED },
		{ "label", MODEL, json_pack("{s:n, s:[], s:{s:s}}", "number", "remove", "set", "k",
		                            big),
		  -(int)ERR_TOO_BIG },
	};
	cleanup_buf struct buf before = { 0 };
	struct site s;

	site_make(&s);
	site_version(&s, 1, "one");
	const uint64_t size = log_size(&s);
	dump(s.r->store, &before);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf after = { 0 };
		struct change_result done;
		struct err e = { 0 };

		cr_expect_eq(site_try_commit(&s, cases[i].type, cases[i].model, cases[i].body, NULL,
		                             &done, &e),
		             cases[i].rc, "%zu %s: %s", i, cases[i].type, e.msg);
		cr_expect_eq(log_size(&s), size, "%zu %s", i, cases[i].type);
		dump(s.r->store, &after);
		cr_expect(same(&before, &after), "%zu %s", i, cases[i].type);
	}
	site_label(&s, "k", "v");
	site_leave(&s);
}

/* --- the database beside the log --- */

Test(change, a_database_that_is_behind_is_replayed)
{
	for (int by_commit = 0; by_commit < 2; by_commit++) {
		cleanup_buf struct buf before = { 0 }, after = { 0 };
		struct site s;

		site_make(&s);
		copy_db(&s, "db/data.mdb", "old.mdb");
		site_reopen(&s);
		live(&s);
		dump(s.r->store, &before);
		const uint64_t n = entries(&s);
		copy_db(&s, "old.mdb", "db/data.mdb");
		site_reopen(&s);
		cr_expect_eq(entries(&s), n);
		dump(s.r->store, &after);
		cr_expect(same(&before, &after));
		if (by_commit) {
			site_label(&s, "k", "v");
			cr_expect_eq(entries(&s), n + 1);
		}
		site_leave(&s);
	}
}

Test(change, a_database_ahead_of_the_log_is_refused_and_never_repaired)
{
	cleanup_buf struct buf before = { 0 }, after = { 0 };
	cleanup_free char *path = NULL;
	struct change_result done;
	struct err e = { 0 };
	struct site s;

	site_make(&s);
	site_version(&s, 1, "one");
	const uint64_t size = log_size(&s);
	site_label(&s, "k", "v");
	path = xasprintf("%s/log/00000001.log", s.dir);
	dump(s.r->store, &before);
	cr_assert_eq(truncate(path, (off_t)(size & UINT32_MAX)), 0);

	cr_expect_eq(site_try_commit(&s, "label", MODEL,
	                             json_pack("{s:n, s:[], s:{s:s}}", "number", "remove", "set",
	                                       "k", "w"),
	                             NULL, &done, &e),
	             -(int)ERR_DIGEST);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(site_try_open(&s, &e), -(int)ERR_DIGEST, "%s", e.msg);
		cr_expect_eq(err_exit_status(&e), 6);
	}
	cleanup_free char *db = xasprintf("%s/db", s.dir);
	struct store *store;
	ok(store_open(db, false, &store, &e), &e, "store");
	dump(store, &after);
	cr_expect(same(&before, &after));
	store_close(store);
	site_leave(&s);
}

/* What is behind the last whole line is left alone by readers, cut by the next change, and said. */
Test(change, unfinished_and_suspect_ends)
{
	static const struct {
		const char *tail;
		size_t n;
		bool marked; /* suspect from where the tail begins */
		unsigned warnings;
	} cases[] = {
		{ "", 0, false, 0 },
		{ "9 00", 4, false, 1 },
		{ "\0\0\0", 3, false, 1 },
		{ "9 00 \0\n", 7, false, 1 },
		{ "", 0, true, 1 },
		{ "9 00", 4, true, 1 },
	};

	message_sink(count_warnings, NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_free char *suspect = NULL;
		cleanup_buf struct buf line = { 0 };
		struct log_pos end;
		struct err e = { 0 };
		struct site s;

		site_make(&s);
		site_version(&s, 1, "one");
		ok(log_end(s.r->log, &end, &e), &e, "end");
		add_to_log(&s, cases[i].tail, cases[i].n);
		if (cases[i].marked)
			cr_assert_eq(log_suspect_mark(s.r->rootfd, end), 0);
		warnings = 0;
		site_reopen(&s);
		const uint64_t n = entries(&s);
		cr_expect_eq(warnings, 0);
		cr_expect_eq(log_size(&s) & UINT32_MAX,
		             end.offset + (cases[i].marked ? 0 : cases[i].n), "%zu", i);
		site_label(&s, "k", "v");
		cr_expect_eq(warnings, cases[i].warnings, "%zu", i);
		suspect = xasprintf("%s/log/suspect", s.dir);
		cr_expect_eq(access(suspect, F_OK), -1);
		site_reopen(&s);
		cr_expect_eq(entries(&s), n + 1);
		ok(change_rebuild(s.r, NULL, &e), &e, "rebuild");
		site_leave(&s);
	}
	message_sink(NULL, NULL);
}

Test(change, a_rebuilt_database_has_the_same_bytes)
{
	cleanup_buf struct buf before = { 0 }, beside = { 0 }, after = { 0 };
	cleanup_free char *dir = NULL;
	struct store *other;
	struct err e = { 0 };
	struct site s;
	uint64_t n;

	site_make(&s);
	live(&s);
	dump(s.r->store, &before);
	dir = xasprintf("%s/beside", s.path);
	cr_assert_eq(mkdir(dir, 0755), 0);
	ok(change_build_db(s.r, dir, &e), &e, "build");
	ok(store_open(dir, false, &other, &e), &e, "open");
	dump(other, &beside);
	store_close(other);
	cr_expect(same(&before, &beside));

	ok(change_rebuild(s.r, &n, &e), &e, "rebuild");
	cr_expect_not(store_is_current(s.r->store));
	cr_expect_eq(n, entries(&s));
	site_label(&s, "k", "v"); /* the old file is noticed, the new one written */
	cr_expect_eq(entries(&s), n + 1);
	cr_expect(store_is_current(s.r->store));
	ok(change_rebuild(s.r, &n, &e), &e, "rebuild");
	buf_clear(&before);
	dump(s.r->store, &before);
	site_reopen(&s);
	dump(s.r->store, &after);
	cr_expect(same(&before, &after));
	site_leave(&s);
}

/* 64 MiB of lines, then a few changes: the log goes on in segment 2 for all who read it. */
Test(change, goes_on_in_the_next_segment)
{
	cleanup_free char *pad = long_text(60000);
	cleanup_buf struct buf lines = { 0 }, before = { 0 }, after = { 0 };
	struct site s;

	site_make(&s);
	site_version(&s, 1, "one");
	uint64_t seq = entries(&s), size = log_size(&s) & UINT32_MAX;
	for (; size + lines.n + 61000 < LOG_SEGMENT_MAX; seq++) {
		cleanup_free char *json = xasprintf(
		        "{\"body\":{\"number\":null,\"remove\":[],\"set\":{\"k\":\"%d\"}},"
		        "\"by\":{},\"model\":\"" MODEL "\",\"policy\":1,\"previous\":%d,"
		        "\"statement\":{\"pad\":\"%s\"},\"time\":\"2026-01-01T00:00:00Z\","
		        "\"type\":\"label\"}",
		        (int)seq, (int)seq - 1, pad);
		struct digest leaf;
		struct err e = { 0 };
		ok(log_format(seq, str_of(json), &lines, &leaf, &e), &e, "line");
	}
	add_to_log(&s, lines.p, lines.n);
	site_reopen(&s);
	cr_assert_eq(entries(&s), seq);
	cleanup_buf struct buf statement = { 0 };
	buf_addf(&statement, "{\"pad\":\"%.16000s\"}", pad);
	for (int i = 0; i < 6; i++)
		site_commit(&s, "label", MODEL,
		            json_pack("{s:n, s:[], s:{s:s}}", "number", "remove", "set", "n",
		                      i % 2 ? "odd" : "even"),
		            &statement);
	cr_expect_eq(log_size(&s) >> 32, 2);
	site_pin(&s);
	dump(s.r->store, &before);
	cr_expect_eq(entries(&s), seq + 6);
	struct err e = { 0 };
	ok(change_rebuild(s.r, NULL, &e), &e, "rebuild");
	site_reopen(&s);
	dump(s.r->store, &after);
	cr_expect(same(&before, &after));
	site_leave(&s);
}
