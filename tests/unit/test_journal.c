/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of a job: written whole, followed while it grows, and foreign when read. */
#include "registry/journal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/base/fs.h"

#define ID "0011223344556677"

struct place {
	char path[64];
	int fd;
};

static struct place
fresh(void)
{
	struct place p = { .path = "/tmp/slipway-journal-XXXXXX" };
	struct err e = { 0 };

	cr_assert_not_null(mkdtemp(p.path));
	cr_assert_eq(fs_open_dir(AT_FDCWD, p.path, &p.fd, &e), 0);
	cr_assert_eq(mkdirat(p.fd, "jobs", 0755), 0);
	return p;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	return remove(path);
}

static void
leave(struct place *p)
{
	(void)close(p->fd);
	(void)nftw(p->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
append(const struct place *p, const char *text)
{
	cleanup_close int fd = openat(p->fd, "jobs/" ID "/journal", O_WRONLY | O_APPEND);

	cr_assert_eq(fs_write_all(fd, text, strlen(text)), 0);
}

#define HEAD "{\"n\":1,\"state\":\"staged\",\"time\":\"2026-01-02T03:04:05Z\""

Test(journal, lines)
{
	cleanup_free char *deep = xcalloc(1, 10000);
	const struct {
		const char *line;
		int rc;
		const char *text; /* that was read */
	} cases[] = {
		{ HEAD "}", 0, "" },
		{ HEAD ",\"text\":\"hello\"}", 0, "hello" },
		{ HEAD ",\"text\":7,\"percent\":\"x\",\"proofs\":3,\"done\":-1}", 0, "" },
		{ HEAD ",\"unknown\":{}}", 0, "" },
		{ "", -(int)ERR_MALFORMED, NULL },
		{ "[]", -(int)ERR_MALFORMED, NULL },
		{ HEAD, -(int)ERR_MALFORMED, NULL },
		{ "{\"n\":-1,\"state\":\"staged\",\"time\":\"2026-01-02T03:04:05Z\"}",
		  -(int)ERR_MALFORMED, NULL },
		{ "{\"n\":1,\"state\":\"stagedd\",\"time\":\"2026-01-02T03:04:05Z\"}",
		  -(int)ERR_MALFORMED, NULL },
		{ "{\"n\":1,\"state\":\"staged\",\"time\":\"yesterday\"}", -(int)ERR_MALFORMED,
		  NULL },
		{ "{\"n\":1,\"time\":\"2026-01-02T03:04:05Z\"}", -(int)ERR_MALFORMED, NULL },
		{ deep, -(int)ERR_TOO_BIG, NULL },
	};

	memset(deep, '[', 9999);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct journal_line l;
		struct err e = { 0 };

		cr_expect_eq(journal_parse(str_of(cases[i].line), &l, &e), cases[i].rc, "%zu: %s",
		             i, e.msg);
		if (cases[i].rc == 0)
			cr_expect_str_eq(l.text, cases[i].text, "%zu", i);
	}
}

Test(journal, states)
{
	for (int i = 0; i < JOB_STATE_COUNT; i++) {
		enum job_state s;

		cr_expect_eq(job_state_parse(job_state_name((enum job_state)i), &s), 0);
		cr_expect_eq((int)s, i);
		cr_expect_eq(job_state_is_final(s),
		             strstr(" succeeded aborted failed rolled-back rollback-failed "
		                    "superseded ",
		                    job_state_name(s)) != NULL,
		             "%s", job_state_name(s));
	}
	cr_expect_str_eq(job_state_name(JOB_STATE_COUNT), "unknown");
}

static bool
next_is(struct journal *j, uint64_t n, const char *text)
{
	struct journal_line l;
	struct err e = { 0 };
	bool has;

	cr_assert_eq(journal_next(j, &l, &has, &e), 0, "%s", e.msg);
	return n ? has && l.n == n && streq(l.text, text) : !has;
}

static void
write_text(struct journal_writer *w, const char *text)
{
	struct journal_line l = { .state = JOB_STAGED, .proofs = 3, .done = 1, .total = 2 };
	struct err e = { 0 };

	(void)str_copy(l.text, sizeof l.text, text);
	cr_assert_eq(journal_write(w, &l, &e), 0, "%s", e.msg);
}

/* What a step of a canary has, should have and waits for; a line without them has none. */
Test(journal, shares_and_times)
{
	const struct journal_line lines[] = {
		{ .state = JOB_HOLD,
		  .has_percent = true,
		  .percent = 9,
		  .has_wanted = true,
		  .wanted = 10,
		  .gates = { { "errors", "ppm", 900, 10000, 1204 },
		             { "latency", "us", 41500, 60000, 1204 } },
		  .gates_n = 2,
		  .until_s = 1793000100 },
		{ .state = JOB_VERIFYING },
	};
	struct journal_writer *w;
	struct place p = fresh();
	struct journal *j;
	struct err e = { 0 };

	cr_assert_eq(journal_write_open(p.fd, ID, true, &w, &e), 0, "%s", e.msg);
	cr_assert_eq(journal_open(p.fd, ID, &j, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct journal_line l;
		bool has;

		cr_assert_eq(journal_write(w, &lines[i], &e), 0, "%s", e.msg);
		cr_assert_eq(journal_next(j, &l, &has, &e), 0, "%s", e.msg);
		cr_assert(has);
		cr_expect_eq(l.has_percent, lines[i].has_percent);
		cr_expect_eq(l.percent, lines[i].percent);
		cr_expect_eq(l.has_wanted, lines[i].has_wanted);
		cr_expect_eq(l.wanted, lines[i].wanted);
		cr_expect_eq(l.until_s, lines[i].until_s);
		cr_assert_eq(l.gates_n, lines[i].gates_n);
		for (size_t k = 0; k < l.gates_n; k++) {
			const struct journal_reading *const r = &l.gates[k],
			                                    *const want = &lines[i].gates[k];
			cr_expect_str_eq(r->name, want->name);
			cr_expect_str_eq(r->unit, want->unit);
			cr_expect_eq(r->value, want->value);
			cr_expect_eq(r->limit, want->limit);
			cr_expect_eq(r->requests, want->requests);
		}
	}
	journal_write_close(w);
	journal_close(j);
	leave(&p);
}

/* An agent writes, another reads; it dies in the middle of a line, and a second one goes on. */
Test(journal, written_followed_and_resumed)
{
	struct journal_writer *w, *second;
	struct place p = fresh();
	struct journal *j;
	struct err e = { 0 };

	cr_expect_eq(journal_open(p.fd, ID, &j, &e), -(int)ERR_NOT_FOUND);
	cr_assert_eq(journal_write_open(p.fd, ID, true, &w, &e), 0, "%s", e.msg);
	write_text(w, "one");
	cr_assert_eq(journal_open(p.fd, ID, &j, &e), 0, "%s", e.msg);
	cr_expect(next_is(j, 1, "one"));
	cr_expect(next_is(j, 0, NULL));
	write_text(w, "two \xc3\xa9");
	cr_expect(next_is(j, 2, "two \xc3\xa9"));
	cr_expect(journal_is_alive(j));
	cr_expect_eq(journal_write_open(p.fd, ID, false, &second, &e), -(int)ERR_LOCKED);
	journal_write_close(w);
	cr_expect_not(journal_is_alive(j));

	append(&p, "{\"n\":3,\"sta");
	cr_expect(next_is(j, 0, NULL));
	journal_close(j);
	cr_assert_eq(journal_write_open(p.fd, ID, false, &w, &e), 0, "%s", e.msg);
	write_text(w, "three");
	cr_assert_eq(journal_open(p.fd, ID, &j, &e), 0);
	cr_expect(next_is(j, 1, "one"));
	cr_expect(next_is(j, 2, "two \xc3\xa9"));
	cr_expect(next_is(j, 3, "three"));
	cr_expect(next_is(j, 0, NULL));
	journal_write_close(w);
	journal_close(j);
	leave(&p);
}

/* Whoever may write jobs/ may put a link there: it is never followed, to read or to write. */
Test(journal, links_are_not_followed)
{
	static const struct {
		const char *link, *to;
	} cases[] = {
		{ "jobs/" ID, "../elsewhere" },
		{ "jobs/" ID "/journal", "../../elsewhere/journal" },
		{ "jobs", "elsewhere" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf text = { 0 };
		struct journal_writer *w;
		struct place p = fresh();
		struct journal *j;
		struct err e = { 0 };

		cr_assert_eq(mkdirat(p.fd, "elsewhere", 0755), 0);
		cr_assert_eq(mkdirat(p.fd, "elsewhere/" ID, 0755), 0);
		for (int deep = 0; deep < 2; deep++)
			cr_assert_eq(
			        fs_write_at(p.fd,
			                    deep ? "elsewhere/" ID "/journal" : "elsewhere/journal",
			                    "unfinished", 10, 0600, &e),
			        0);
		if (i == 1)
			cr_assert_eq(mkdirat(p.fd, "jobs/" ID, 0755), 0);
		if (i == 2)
			cr_assert_eq(unlinkat(p.fd, "jobs", AT_REMOVEDIR), 0);
		cr_assert_eq(symlinkat(cases[i].to, p.fd, cases[i].link), 0);
		cr_expect_lt(journal_open(p.fd, ID, &j, &e), 0, "%zu", i);
		for (int create = 0; create < 2; create++)
			cr_expect_lt(journal_write_open(p.fd, ID, create == 1, &w, &e), 0, "%zu",
			             i);
		cr_expect_lt(journal_write_open(p.fd, "8899aabbccddeeff", i == 2, &w, &e), 0);
		for (int deep = 0; deep < 2; deep++) {
			buf_clear(&text);
			cr_expect_eq(
			        fs_read_at(p.fd,
			                   deep ? "elsewhere/" ID "/journal" : "elsewhere/journal",
			                   100, &text, &e),
			        0);
			cr_expect_str_eq(buf_cstr(&text), "unfinished", "%zu", i);
		}
		leave(&p);
	}
}

Test(journal, foreign)
{
	cleanup_free char *endless = xcalloc(1, 20000);
	const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "nonsense\n", -(int)ERR_MALFORMED },
		{ "\n", -(int)ERR_MALFORMED },
		{ endless, -(int)ERR_TOO_BIG },
	};
	static const char *const ids[] = { "",
		                           "..",
		                           "001122334455667",
		                           "00112233445566770",
		                           "001122334455667G",
		                           "../../../../etc/x" };

	memset(endless, 'x', 19999);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct journal_writer *w;
		struct journal_line l;
		struct place p = fresh();
		struct journal *j;
		struct err e = { 0 };
		bool has;

		cr_assert_eq(journal_write_open(p.fd, ID, true, &w, &e), 0);
		journal_write_close(w);
		append(&p, cases[i].text);
		cr_assert_eq(journal_open(p.fd, ID, &j, &e), 0);
		cr_expect_eq(journal_next(j, &l, &has, &e), cases[i].rc, "%zu: %s", i, e.msg);
		cr_expect_not(has);
		journal_close(j);
		leave(&p);
	}
	for (size_t i = 0; i < COUNT(ids); i++) {
		struct journal *j;
		struct err e = { 0 };

		cr_expect_eq(journal_open(AT_FDCWD, ids[i], &j, &e), -(int)ERR_USAGE, "%s", ids[i]);
	}
}

/* Also of a journal that is longer than what is read, and of one whose last line is being written.
 */
Test(journal, newest)
{
	struct place p = fresh();
	struct journal_writer *w;
	struct journal_line l = { .state = JOB_CANARY, .has_percent = true }, got;
	struct err e = { 0 };
	bool is_alive = false;

	cr_expect_eq(journal_newest(p.fd, ID, &got, &is_alive, &e), -ERR_NOT_FOUND);
	err_clear(&e);
	cr_assert_eq(journal_write_open(p.fd, ID, true, &w, &e), 0, "%s", e.msg);
	cr_expect_eq(journal_newest(p.fd, ID, &got, &is_alive, &e), -ERR_NOT_FOUND);
	err_clear(&e);
	for (unsigned i = 0; i < 300; i++) {
		l.percent = i;
		(void)snprintf(l.text, sizeof l.text, "%0400u", i);
		cr_assert_eq(journal_write(w, &l, &e), 0, "%s", e.msg);
	}
	cr_assert_eq(journal_newest(p.fd, ID, &got, &is_alive, &e), 0, "%s", e.msg);
	cr_expect(is_alive);
	cr_expect_eq(got.percent, 299);
	cleanup_free char *path = xasprintf("%s/jobs/" ID "/journal", p.path);
	cleanup_close int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	cr_assert_eq(write(fd, "{\"n\":", 5), 5);
	cr_assert_eq(journal_newest(p.fd, ID, &got, &is_alive, &e), 0, "%s", e.msg);
	cr_expect_eq(got.percent, 299);
	journal_write_close(w);
	leave(&p);
}
