/* SPDX-License-Identifier: Apache-2.0 */
/* The database made again: up to a mark of the log, in batches, and in the place of the old one. */
#include "registry/change.h"

#include <sys/file.h>

#include "change_fixture.h"

/* The database as it was before the last line, which stays in the log or goes to segment 2. */
static void
lose_last(struct site *s, struct log_pos end, bool next)
{
	cleanup_free char *one = xasprintf("%s/log/00000001.log", s->dir),
	                  *two = xasprintf("%s/log/00000002.log", s->dir),
	                  *db = xasprintf("%s/db/data.mdb", s->dir);
	cleanup_buf struct buf all = { 0 };
	struct err e = { 0 };

	ok(fs_read_at(AT_FDCWD, one, 64u << 20, &all, &e), &e, "read");
	cr_assert(all.n > end.offset);
	cr_assert_eq(truncate(one, (off_t)end.offset), 0);
	cr_assert_eq(unlink(db), 0);
	site_reopen(s);
	if (next)
		ok(fs_write_at(AT_FDCWD, two, all.p + end.offset, all.n - end.offset, 0660, &e), &e,
		   "write");
	else
		add_to_log(s, all.p + end.offset, all.n - end.offset);
}

/* A whole line whose sync failed: it looks like any other, and was never acknowledged. */
Test(rebuild, nothing_behind_the_mark_exists)
{
	static const struct {
		bool known;   /* the database has it already */
		bool next;    /* it stands in a segment of its own */
		bool rebuild; /* before the next change, not only after it */
	} cases[] = {
		{ 0, 0, 0 }, { 0, 0, 1 }, { 0, 1, 0 }, { 0, 1, 1 }, { 1, 0, 0 }, { 1, 0, 1 },
	};

	message_sink(count_warnings, NULL);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct log_pos end;
		struct err e = { 0 };
		struct site s;
		uint64_t n;

		site_make(&s);
		site_version(&s, 1, "one");
		ok(log_end(s.r->log, &end, &e), &e, "end");
		const uint64_t before = entries(&s);
		site_label(&s, "k", "lost");
		if (!cases[i].known)
			lose_last(&s, end, cases[i].next);
		cr_assert_eq(log_suspect_mark(s.r->rootfd, end), 0);
		warnings = 0;
		site_reopen(&s);
		cr_expect_eq(entries(&s), before + cases[i].known, "%zu", i);
		cr_expect_eq(log_size(&s) & UINT32_MAX, end.offset, "%zu", i);
		cr_expect_eq(warnings, 0, "%zu", i);
		if (cases[i].rebuild) {
			ok(change_rebuild(s.r, &n, &e), &e, "rebuild");
			cr_expect_eq(n, before + cases[i].known, "%zu", i);
			site_reopen(&s);
		}
		site_label(&s, "k", "v");
		cr_expect_eq(warnings, 1, "%zu", i);
		cr_expect_eq(entries(&s), before + cases[i].known + 1, "%zu", i);
		ok(change_rebuild(s.r, &n, &e), &e, "rebuild");
		cr_expect_eq(n, before + cases[i].known + 1, "%zu", i);
		site_leave(&s);
	}
	message_sink(NULL, NULL);
}

/* More lines than one transaction takes, by a reader, a change and a rebuild. */
Test(rebuild, replays_in_batches)
{
	cleanup_buf struct buf lines = { 0 }, before = { 0 }, after = { 0 };
	const uint64_t many = 1500;
	struct err e = { 0 };
	struct site s;
	uint64_t n;

	site_make(&s);
	site_version(&s, 1, "one");
	const uint64_t seq = entries(&s);
	for (uint64_t i = seq; i < seq + many; i++) {
		cleanup_free char *json = xasprintf(
		        "{\"body\":{\"number\":null,\"remove\":[],\"set\":{\"k\":\"%d\"}},"
		        "\"by\":{},\"model\":\"" MODEL "\",\"policy\":1,\"previous\":%d,"
		        "\"time\":\"2026-01-01T00:00:00Z\",\"type\":\"label\"}",
		        (int)i, (int)i - 1);
		struct digest leaf;

		ok(log_format(i, str_of(json), &lines, &leaf, &e), &e, "line");
	}
	copy_db(&s, "db/data.mdb", "old.mdb");
	site_reopen(&s);
	add_to_log(&s, lines.p, lines.n);
	site_label(&s, "k", "v");
	cr_expect_eq(entries(&s), seq + many + 1);
	dump(s.r->store, &before);
	copy_db(&s, "old.mdb", "db/data.mdb");
	site_reopen(&s);
	dump(s.r->store, &after);
	cr_expect(same(&before, &after));
	ok(change_rebuild(s.r, &n, &e), &e, "rebuild");
	cr_expect_eq(n, seq + many + 1);
	site_leave(&s);

	/* a line in the third batch that cannot be: what stands before it is kept */
	buf_clear(&lines);
	site_make(&s);
	for (uint64_t i = entries(&s); i < 1200; i++) {
		struct digest leaf;

		ok(log_format(i, str_of("{\"body\":{},\"by\":{},\"policy\":null,\"previous\":null,"
		                        "\"time\":\"2026-01-01T00:00:00Z\",\"type\":\"unknown\"}"),
		              &lines, &leaf, &e),
		   &e, "line");
	}
	const uint64_t first = entries(&s);
	buf_adds(&lines, "no line\n");
	add_to_log(&s, lines.p, lines.n);
	cr_expect_eq(change_replay(s.r, &e), -(int)ERR_MALFORMED);
	cr_expect_eq((entries(&s) - first) % 512, 0);
	cr_expect(entries(&s) > first);
	site_leave(&s);
}

/* Whoever has the old database open keeps both of its files; the new one has the old rights. */
Test(rebuild, a_rebuild_replaces_the_whole_folder)
{
	static const char *const parts[] = { "db", "db/data.mdb", "db/lock.mdb" };
	static const mode_t modes[] = { 02750, 0640, 0660 };
	struct stat old[3], now[3];
	struct store *reader;
	struct err e = { 0 };
	struct txn *t;
	struct site s;

	site_make(&s);
	site_version(&s, 1, "one");
	for (size_t i = 0; i < COUNT(parts); i++) {
		cr_assert_eq(fchmodat(s.r->rootfd, parts[i], modes[i], 0), 0);
		cr_assert_eq(fstatat(s.r->rootfd, parts[i], &old[i], 0), 0);
	}
	/* what a process of this number left when it died */
	cleanup_free char *left = xasprintf("incoming/db-%d", (int)getpid());
	cleanup_free char *junk = xasprintf("%s/data.mdb", left);
	cr_assert_eq(mkdirat(s.r->rootfd, left, 0700), 0);
	cr_assert_eq(fs_write_at(s.r->rootfd, junk, "junk", 4, 0600, &e), 0);
	cleanup_free char *db = xasprintf("%s/db", s.dir);
	ok(store_open(db, false, &reader, &e), &e, "open");
	ok(store_read_begin(reader, &t, &e), &e, "begin");
	const uint64_t n = entries(&s);

	ok(change_rebuild(s.r, NULL, &e), &e, "rebuild");
	for (size_t i = 0; i < COUNT(parts); i++) {
		cr_assert_eq(fstatat(s.r->rootfd, parts[i], &now[i], 0), 0);
		cr_expect_neq(now[i].st_ino, old[i].st_ino, "%s", parts[i]);
		cr_expect_eq(now[i].st_mode, old[i].st_mode, "%s", parts[i]);
		cr_expect_eq(now[i].st_gid, old[i].st_gid, "%s", parts[i]);
	}
	cr_expect_eq(faccessat(s.r->rootfd, left, F_OK, 0), -1);
	struct applied a;
	ok(applied_get(t, &a, &e), &e, "the old one is still read");
	cr_expect_eq(a.entries, n);
	store_abort(t);
	cr_expect_not(store_is_current(reader));
	store_close(reader);
	site_label(&s, "k", "v");
	cr_expect_eq(entries(&s), n + 1);
	cr_expect(store_is_current(s.r->store));
	site_leave(&s);
}

/* Whoever may read the folder may lock it: nobody hangs for that. */
Test(rebuild, a_locked_database_folder_is_said, .timeout = 60)
{
	struct err e = { 0 };
	struct site s;

	site_make(&s);
	cleanup_free char *db = xasprintf("%s/db", s.dir);
	cleanup_close int fd = open(db, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	registry_close(steal(&s.r));
	cr_assert_eq(flock(fd, LOCK_SH), 0);
	cr_expect_eq(site_try_open(&s, &e), -(int)ERR_LOCKED);
	cr_expect_not_null(strstr(e.msg, db), "%s", e.msg);
	cr_assert_eq(flock(fd, LOCK_UN), 0);
	site_reopen(&s);
	site_leave(&s);
}

/* The format of a closed registry's database, the first byte of its position. */
static void
set_format(const char *dir, int change)
{
	cleanup_free char *db = xasprintf("%s/db", dir);
	cleanup_buf struct buf row = { 0 };
	struct err e = { 0 };
	struct store *s;
	struct txn *t;
	struct str v;

	ok(store_open(db, false, &s, &e), &e, "open");
	ok(store_write_begin(s, &t, &e), &e, "begin");
	ok(txn_get(t, STR("A"), &v, &e), &e, "get");
	buf_add(&row, v.p, v.n);
	row.p[0] = (char)(row.p[0] + change);
	ok(txn_put(t, STR("A"), buf_str(&row), &e), &e, "put");
	ok(store_commit(t, &e), &e, "commit");
	store_close(s);
}

/* An older one is made anew, whoever opens it; a newer one is left as it is. */
Test(rebuild, a_database_of_another_slipway)
{
	cleanup_buf struct buf before = { 0 }, after = { 0 };
	struct err e = { 0 };
	struct site s;

	site_make(&s);
	site_version(&s, 1, "one");
	dump(s.r->store, &before);
	registry_close(s.r);
	set_format(s.dir, -1);
	ok(registry_open(s.dir, REGISTRY_READ, &s.r, &e), &e, "older");
	dump(s.r->store, &after);
	cr_expect(same(&before, &after));
	registry_close(s.r);
	set_format(s.dir, 1);
	cr_expect_eq(registry_open(s.dir, REGISTRY_READ, &s.r, &e), -ERR_STORE);
	cr_expect_str_eq(e.msg, "the database was made by another slipway");
	set_format(s.dir, -1);
	err_clear(&e);
	ok(registry_open(s.dir, REGISTRY_WRITE, &s.r, &e), &e, "as it was");
	site_label(&s, "k", "v");
	site_leave(&s);
}
