/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several lines in one write: each continues its model's chain behind the one before, all of them
 * are there or none, and they lie in one segment.
 */
#include "registry/change.h"

#include "change_fixture.h"

/* Lines that are notes and labels of MODEL, the first one with them. */
struct many {
	struct change_lines lines;
	struct change change;
};

static int
first_body(struct txn *t, void *arg, json_t **ret_body, struct err *e)
{
	*ret_body = json_pack("{s:n, s:[], s:{s:s}}", "number", "remove", "set", "first", "yes");
	return 0;
}

/* Takes body. */
static void
add(struct many *m, const char *type, json_t *body)
{
	const struct change_line line = { type, MODEL, body, NULL };

	m->lines.v = xrealloc(m->lines.v, (m->lines.n + 1) * sizeof *m->lines.v);
	m->lines.v[m->lines.n++] = line;
}

static json_t *
note(const char *text)
{
	return json_pack("{s:n, s:s}", "number", "text", text);
}

static int
commit(struct site *s, struct many *m, struct change_result *ret, struct err *e)
{
	m->change = (struct change){ .type = "label",
		                     .model = MODEL,
		                     .check = first_body,
		                     .reason = "for all of them",
		                     .more = &m->lines };
	*e = (struct err){ 0 };
	return change_commit(s->r, &m->change, ret, e);
}

static void
many_fini(struct many *m)
{
	for (size_t i = 0; i < m->lines.n; i++)
		json_decref(m->lines.v[i].body);
	free(m->lines.v);
}

static void
get_model(struct site *s, struct model_row *ret)
{
	struct txn *t;
	struct err e = { 0 };

	ok(store_read_begin(s->r->store, &t, &e), &e, "begin");
	ok(model_get(t, MODEL, ret, &e), &e, "model");
	store_abort(t);
}

static void
expect_rebuilt(struct site *s)
{
	cleanup_buf struct buf before = { 0 }, after = { 0 };
	struct err e = { 0 };

	dump(s->r->store, &before);
	ok(change_rebuild(s->r, NULL, &e), &e, "rebuild");
	site_reopen(s);
	dump(s->r->store, &after);
	cr_expect(same(&before, &after));
}

Test(change_lines, all_of_them)
{
	struct change_result done;
	struct model_row row;
	struct many m = { 0 };
	struct site s;
	struct err e;

	site_make(&s);
	site_version(&s, 1, "one");
	const uint64_t n = entries(&s);
	for (int i = 0; i < 20; i++)
		add(&m, "note", note("a note"));
	ok(commit(&s, &m, &done, &e), &e, "commit");
	cr_expect(done.changed);
	cr_expect_not(done.replay_later);
	cr_expect_eq(done.seq, n); /* of the first */
	cr_expect_eq(entries(&s), n + 21);
	get_model(&s, &row);
	cr_expect_eq(row.last_seq, n + 20);
	cr_expect_str_eq(row.labels, "first=yes\n");
	struct log_pos at;
	uint32_t length;
	struct txn *t;
	uint64_t offset = 0;
	ok(store_read_begin(s.r->store, &t, &e), &e, "begin");
	for (uint64_t i = n; i < n + 21; i++) {
		cleanup_buf struct buf text = { 0 };
		struct log_line line;
		struct entry x;

		ok(log_place_get(t, i, &at, &length, &e), &e, "place");
		cr_expect(i == n || at.offset == offset, "%d", (int)i);
		offset = at.offset + length;
		ok(log_read_at(s.r->log, at, length, &text, &line, &e), &e, "line");
		ok(entry_parse(line.json, line.seq, &line.leaf, &x, &e), &e, "entry");
		cr_expect_eq(x.seq, i);
		cr_expect_eq(x.previous, i - 1);
		cr_expect_str_eq(x.reason, "for all of them");
		entry_fini(&x);
	}
	store_abort(t);
	site_label(&s, "k", "v");
	expect_rebuilt(&s);
	many_fini(&m);
	site_leave(&s);
}

Test(change_lines, a_later_one_that_is_refused)
{
	for (int i = 0; i < 3; i++) {
		cleanup_buf struct buf before = { 0 }, after = { 0 };
		struct change_result done;
		struct many m = { 0 };
		struct site s;
		struct err e;

		site_make(&s);
		site_version(&s, 1, "one");
		const uint64_t size = log_size(&s);
		dump(s.r->store, &before);
		add(&m, "note", note("good"));
		if (i == 0)
			add(&m, "note", note(""));
		else if (i == 1)
			add(&m, "nonsense", json_object());
		else
			add(&m, "version", json_object());
		cr_expect_lt(commit(&s, &m, &done, &e), 0, "%d", i);
		cr_expect_not(done.changed);
		cr_expect_eq(log_size(&s), size);
		dump(s.r->store, &after);
		cr_expect(same(&before, &after), "%d", i);
		site_label(&s, "k", "v");
		many_fini(&m);
		site_leave(&s);
	}
}

static char *
long_text(size_t n)
{
	char *const s = xmalloc(2 * n + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(s + 2 * i, "\xc3\xa9", 2); /* six bytes of JSON */
	s[2 * n] = '\0';
	return s;
}

Test(change_lines, more_than_fits)
{
	cleanup_free char *text = long_text(2048);
	cleanup_buf struct buf before = { 0 }, after = { 0 };
	struct change_result done;
	struct many m = { 0 };
	struct site s;
	struct err e;

	site_make(&s);
	site_version(&s, 1, "one");
	const uint64_t size = log_size(&s);
	dump(s.r->store, &before);
	while (m.lines.n * 12288 <= CHANGE_BYTES_MAX)
		add(&m, "note", note(text));
	cr_expect_eq(commit(&s, &m, &done, &e), -ERR_TOO_BIG, "%s", e.msg);
	cr_expect_eq(log_size(&s), size);
	dump(s.r->store, &after);
	cr_expect(same(&before, &after));
	many_fini(&m);
	site_leave(&s);
}

/* The log up to some bytes of its first segment. */
static void
fill_log(struct site *s, uint64_t until)
{
	cleanup_free char *pad = xmalloc(60001);
	cleanup_buf struct buf lines = { 0 };
	uint64_t seq = entries(s);
	const uint64_t size = log_size(s) & UINT32_MAX;

	memset(pad, 'a', 60000);
	pad[60000] = '\0';
	for (; size + lines.n + 61000 < until; seq++) {
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
	add_to_log(s, lines.p, lines.n);
	site_reopen(s);
	cr_assert_eq(entries(s), seq);
}

/* What may not fit behind the others goes into a segment of its own, whole. */
Test(change_lines, the_next_segment)
{
	struct change_result done;
	struct many m = { 0 };
	struct site s;
	struct err e;

	site_make(&s);
	site_version(&s, 1, "one");
	fill_log(&s, LOG_SEGMENT_MAX - CHANGE_BYTES_MAX - 130000);
	add(&m, "note", note("one"));
	add(&m, "note", note("two"));
	ok(commit(&s, &m, &done, &e), &e, "commit");
	cr_expect_eq(log_size(&s) >> 32, 1);
	fill_log(&s, LOG_SEGMENT_MAX - CHANGE_BYTES_MAX + 130000);
	const uint64_t n = entries(&s);
	ok(commit(&s, &m, &done, &e), &e, "commit");
	cr_expect_eq(log_size(&s) >> 32, 2);
	cr_expect_eq(entries(&s), n + 3);
	site_label(&s, "k", "v");
	ok(commit(&s, &m, &done, &e), &e, "commit");
	cr_expect_eq(log_size(&s) >> 32, 2);
	site_pin(&s); /* who reads the log from its start comes to the same */
	expect_rebuilt(&s);
	many_fini(&m);
	site_leave(&s);
}

/* A segment that was begun and got nothing, when the disk was full or the power went: the log goes
 * on before it, and an unfinished line there is forgiven as ever. */
Test(change_lines, a_segment_without_a_line)
{
	cleanup_free char *path = NULL;
	struct err e = { 0 };
	struct site s;

	site_make(&s);
	site_version(&s, 1, "one");
	path = xasprintf("%s/log/00000002.log", s.dir);
	ok(fs_write_at(AT_FDCWD, path, "", 0, 0640, &e), &e, "write");
	site_reopen(&s);
	site_label(&s, "k", "v");
	cr_expect_lt(access(path, F_OK), 0);
	const uint64_t n = entries(&s);
	add_to_log(&s, "77 torn", 7); /* at the end of the first segment */
	cr_expect_eq(site_try_open(&s, &e), 0, "%s", e.msg);
	cr_expect_eq(entries(&s), n);
	site_leave(&s);
}
