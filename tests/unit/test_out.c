/* SPDX-License-Identifier: Apache-2.0 */
/* Printing: each format byte for byte, foreign text in each place, notes, progress, prompts. */
#include "registry/base/out.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include "registry/base/clock.h"
#include "registry/base/fs.h"

struct capture {
	int data, notes;
	struct out *o;
};

static struct capture
capture_new(enum out_format f)
{
	struct capture c = { .data = memfd_create("data", MFD_CLOEXEC),
			     .notes = memfd_create("notes", MFD_CLOEXEC) };

	cr_assert(c.data >= 0 && c.notes >= 0);
	c.o = out_new(c.data, c.notes);
	out_set_format(c.o, f);
	return c;
}

static void
expect_file(int fd, const char *want, const char *what)
{
	cleanup_buf struct buf got = { 0 };
	struct err e = { 0 };

	cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
	cr_assert_eq(fs_read_fd(fd, what, (size_t)1 << 20, &got, &e), 0, "%s", e.msg);
	cr_expect_str_eq(buf_cstr(&got), want, "%s", what);
}

static void
capture_end(struct capture *c, const char *data, const char *notes, const char *what)
{
	out_free(c->o);
	expect_file(c->data, data, what);
	expect_file(c->notes, notes, what);
	close(c->data);
	close(c->notes);
}

static const struct out_column columns[] = {
	{ .title = "MODEL", .key = "model", .name = true },
	{ .title = "SIZE", .key = "sizeBytes", .align = OUT_RIGHT },
	{ .title = "DIGEST", .key = "digest", .wide_only = true },
	{ .title = "N", .key = "count", .align = OUT_RIGHT },
	{ .title = "LABELS", .key = "labels" },
};

#define HEX    "abababababababababababababababababababababababababababababababab"
#define HEAD   "{\"apiVersion\":\"slipway/v1\",\"kind\":\"ModelList\""
#define LINE   "{\"apiVersion\":\"slipway/v1\",\"kind\":\"Model\""
#define ROW_1  "\"model\":\"ranker\",\"sizeBytes\":1288490189,\"digest\":\"sha256:" HEX "\"," \
	       "\"count\":7,\"labels\":{\"team\":\"fraud\"}}"
#define ROW_2  "\"model\":\"a\\u001b[2J\\nb\\\\\",\"sizeBytes\":0,\"digest\":null," \
	       "\"count\":1234567,\"labels\":null}"

static void
fill_table(struct out *o, bool rows)
{
	struct digest d;
	json_t *labels = json_pack("{s:s}", "team", "fraud");

	memset(d.b, 0xab, sizeof(d.b));
	out_table_begin(o, "ModelList", columns, COUNT(columns));
	if (rows) {
		out_cell(o, "ranker");
		out_cell_size(o, 1288490189);
		out_cell_digest(o, &d);
		out_cell_u64(o, 7);
		out_cell_json(o, "team=fraud", labels);
		out_cell_str(o, STR("a\x1b[2J\nb\\"));
		out_cell_size(o, 0);
		out_cell_digest(o, NULL);
		out_cell_u64(o, 1234567);
		out_cell(o, NULL);
	}
	out_table_end(o);
	json_decref(labels);
}

Test(out, tables)
{
	static const struct {
		enum out_format format;
		bool rows;
		const char *want;
	} cases[] = {
		{ OUT_TEXT, true,
		  "MODEL            SIZE        N  LABELS\n"
		  "ranker           1.2G        7  team=fraud\n"
		  "a\\x1b[2J\\x0ab\\\\    0B  1234567  -\n" },
		{ OUT_TEXT, false, "" },
		{ OUT_WIDE, true,
		  "MODEL                  SIZE  DIGEST                         "
		  "                                                N  LABELS\n"
		  "ranker           1288490189  sha256:" HEX "        7  team=fraud\n"
		  "a\\x1b[2J\\x0ab\\\\           0  -                          "
		  "                                              1234567  -\n" },
		{ OUT_TSV, true,
		  "MODEL\tSIZE\tDIGEST\tN\tLABELS\nranker\t1288490189\tsha256:" HEX
		  "\t7\tteam=fraud\na\\x1b[2J\\x0ab\\\\\t0\t\t1234567\t\n" },
		{ OUT_TSV, false, "MODEL\tSIZE\tDIGEST\tN\tLABELS\n" },
		{ OUT_NAME, true, "ranker\na\\x1b[2J\\x0ab\\\\\n" },
		{ OUT_NAME, false, "" },
		{ OUT_JSON, true, HEAD ",\"items\":[{" ROW_1 ",{" ROW_2 "]}\n" },
		{ OUT_JSON, false, HEAD ",\"items\":[]}\n" },
		{ OUT_NDJSON, true, LINE "," ROW_1 "\n" LINE "," ROW_2 "\n" },
		{ OUT_NDJSON, false, "" },
	};

	cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct capture c = capture_new(cases[i].format);
		fill_table(c.o, cases[i].rows);
		cr_expect_eq(out_flush(c.o), 0);
		capture_end(&c, cases[i].want, "", cases[i].want);
	}
}

/* The date is kept between rows: each time must still be clock_text's. */
Test(out, times)
{
	static const int64_t times[] = {
		0, 1, 86399, 86400, 1700000000, 1700000001, 1700006399, 1700006400, 1699999999, -1,
		-86400, 5, INT64_MAX, 253402300799, 253402300800, 3661, 3600, INT64_MIN, 59,
	};
	static const struct out_column one[] = { { .title = "T", .key = "t" } };
	cleanup_buf struct buf want = { 0 };
	struct capture c = capture_new(OUT_TSV);

	buf_adds(&want, "T\n");
	out_table_begin(c.o, "L", one, COUNT(one));
	for (size_t i = 0; i < COUNT(times); i++) {
		char text[CLOCK_TEXT_SIZE];
		clock_text(text, times[i]);
		buf_addf(&want, "%s\n", text);
		out_cell_time(c.o, times[i]);
	}
	out_table_end(c.o);
	capture_end(&c, buf_cstr(&want), "", "times");
}

static void
fill_object(struct out *o)
{
	static const struct out_column files[] = { { .title = "PATH", .key = "path" } };
	struct json_out *j;

	out_text(o, "hello %s\n", "a\nforged");
	out_object_begin(o, "Version");
	j = out_object_json(o);
	if (j)
		jo_string(j, "ref", "ranker@v1\x1b");
	out_field(o, "ref", "%s", "ranker@v1\x1b\n");
	out_section(o, "files");
	out_table_begin(o, "files", files, COUNT(files));
	out_cell(o, "w.bin");
	out_table_end(o);
	if (j)
		jo_u64(j, "n", 1);
	out_object_end(o);
}

Test(out, objects)
{
	static const char json[] = "{\"apiVersion\":\"slipway/v1\",\"kind\":\"Version\",\"ref\":"
				   "\"ranker@v1\\u001b\",\"files\":[{\"path\":\"w.bin\"}],"
				   "\"n\":1}\n";
	static const struct {
		enum out_format format;
		const char *want;
	} cases[] = {
		{ OUT_TEXT,
		  "hello a\\x0aforged\nref: ranker@v1\\x1b\\x0a\n\nfiles\nPATH\nw.bin\n" },
		{ OUT_TSV, "hello a\\x0aforged\nref\tranker@v1\\x1b\\x0a\nPATH\nw.bin\n" },
		{ OUT_NAME, "hello a\\x0aforged\nw.bin\n" },
		{ OUT_JSON, json },
		{ OUT_NDJSON, json },
	};

	cr_assert_not_null(setlocale(LC_ALL, "C.UTF-8"));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct capture c = capture_new(cases[i].format);
		fill_object(c.o);
		capture_end(&c, cases[i].want, "", cases[i].want);
	}
}

Test(out, notes_and_errors)
{
	static const struct {
		enum out_format format;
		int quiet;
		const char *want;
	} cases[] = {
		{ OUT_TEXT, 0,
		  "one\ntwo a\\x1b\nsunk\nwarning: sunk\\x0a\nslipway: no \"x\\x1b\\x0ay\"\n"
		  "  next: look\n" },
		{ OUT_TEXT, 1, "warning: sunk\\x0a\nslipway: no \"x\\x1b\\x0ay\"\n  next: look\n" },
		{ OUT_TEXT, -1,
		  "one\ntwo a\\x1b\ndebug: sunk\nsunk\nwarning: sunk\\x0a\n"
		  "slipway: no \"x\\x1b\\x0ay\"\n  next: look\n" },
		{ OUT_JSON, 1,
		  "warning: sunk\\x0a\n{\"apiVersion\":\"slipway/v1\",\"kind\":\"Error\","
		  "\"code\":\"NOT_FOUND\",\"exit\":3,\"message\":\"no \\\"x\\u001b\\ny\\\"\","
		  "\"hint\":\"look\"}\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct capture c = capture_new(cases[i].format);
		struct err e = { 0 };

		out_set_quiet(c.o, cases[i].quiet);
		out_message_sink(c.o);
		out_note(c.o, "one\ntwo %s", "a\x1b");
		message(MESSAGE_DEBUG, "sunk");
		message(MESSAGE_NOTE, "sunk");
		message(MESSAGE_WARNING, "sunk%s", "\n");
		out_error(c.o, &e);
		err_set(&e, ERR_NOT_FOUND, "no \"%s\"", "x\x1b\ny");
		err_hint(&e, "look");
		out_error(c.o, &e);
		capture_end(&c, "", cases[i].want, cases[i].want);
		message(MESSAGE_WARNING, "after the end: nobody listens");
	}
	struct capture c = capture_new(OUT_TEXT);
	struct err e = { 0 };
	err_set(&e, ERR_USAGE, "bad");
	out_set_color(c.o, COLOR_ALWAYS);
	out_section(c.o, "head");
	out_error(c.o, &e);
	capture_end(&c, "\033[1mhead\033[0m\n", "\033[31mslipway:\033[0m bad\n", "colour");
}

Test(out, progress)
{
	static const struct {
		enum out_progress mode;
		const char *want;
	} cases[] = {
		{ PROGRESS_NONE, "" },
		{ PROGRESS_AUTO, "" },
		{ PROGRESS_LINE, "w\\x1b: 25%, 1.0K of 4.0K\n" },
		{ PROGRESS_JSON,
		  "{\"event\":\"progress\",\"what\":\"w\\u001b\",\"done\":1024,\"total\":4096}\n"
		  "{\"event\":\"progress\",\"what\":\"w\\u001b\",\"done\":4096,\"total\":4096}\n" },
		{ PROGRESS_BAR,
		  "\rw\\x1b  [#####               ]  25%  1.0K of 4.0K\r"
		  "                                                \r" },
	};

	unsetenv("CI");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct capture c = capture_new(OUT_TEXT);
		out_set_progress(c.o, cases[i].mode);
		const struct progress p = out_progress(c.o);
		progress_step(&p, "w\x1b", 1024, 4096);
		progress_step(&p, "w\x1b", 4096, 4096); /* at once: too early for a bar or a line */
		out_progress_done(c.o);
		out_progress_done(c.o);
		capture_end(&c, "", cases[i].want, cases[i].want);
	}
}

/* A million rows leave as they come; and who stops reading ends us with 141. */
Test(out, large_and_broken)
{
	struct rusage before, after;
	int status, p[2];
	pid_t pid;

	const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct out *o = out_new(null, null);
	out_set_format(o, OUT_JSON);
	getrusage(RUSAGE_SELF, &before);
	out_table_begin(o, "L", columns, 1);
	for (size_t i = 0; i < 1000000; i++)
		out_cell(o, "fraud-ranker");
	out_table_end(o);
	cr_expect_eq(out_flush(o), 0);
	getrusage(RUSAGE_SELF, &after);
	cr_expect(after.ru_maxrss - before.ru_maxrss < 4096, "%ld KiB", after.ru_maxrss);
	out_free(o);
	close(null);

	const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	o = out_new(full, full);
	out_text(o, "lost\n");
	errno = 0;
	cr_expect_eq(out_flush(o), -1);
	cr_expect_eq(errno, ENOSPC);
	out_free(o);
	close(full);

	cr_assert_eq(pipe2(p, O_CLOEXEC), 0);
	close(p[0]);
	pid = fork();
	if (pid == 0) {
		const struct sigaction ignore = { .sa_handler = SIG_IGN };
		sigaction(SIGPIPE, &ignore, NULL);
		o = out_new(p[1], p[1]);
		out_text(o, "nobody\n");
		(void)out_flush(o);
		_exit(0);
	}
	close(p[1]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 141, "%d", status);
}

/* In the child, on a terminal of its own: 0 when the answer is as wanted. */
static void
ask_child(bool secret, const char *want)
{
	struct out *o = out_new(STDOUT_FILENO, STDERR_FILENO);
	struct err e = { 0 };
	struct buf line = { 0 };
	char hidden[16];
	int rc;

	if (secret)
		rc = out_ask_secret(o, "passphrase?\x1b", hidden, sizeof(hidden), &e);
	else
		rc = out_ask(o, "name?", &line, &e);
	if (rc < 0)
		_exit(e.code == ERR_USAGE ? 2 : 3);
	_exit(streq(secret ? hidden : buf_cstr(&line), want) ? 0 : 1);
}

static bool
echoes(int fd)
{
	struct termios t;

	cr_assert_eq(tcgetattr(fd, &t), 0);
	return (t.c_lflag & ECHO) != 0;
}

/* Reads until "?" is there: then the question is on the screen and echo is as it will be. */
static void
wait_for(int fd, const char *what, struct buf *seen)
{
	char some[256];

	while (!strstr(buf_cstr(seen), what)) {
		const ssize_t n = read(fd, some, sizeof(some));
		if (n <= 0)
			break;
		buf_add(seen, some, (size_t)n);
	}
}

Test(out, prompts)
{
	static const struct {
		bool secret;
		const char *typed, *want;
		int sig, status; /* as waitpid gives it */
	} cases[] = {
		{ false, "ranker\n", "ranker", 0, 0 },
		{ true, "s3cret\n", "s3cret", 0, 0 },
		{ true, "0123456789abcde\n", "0123456789abcde", 0, 0 },
		{ true, "0123456789abcdef\n", "", 0, 2 << 8 },
		{ true, "\n", "", 0, 0 },
		{ true, "\004", "", 0, 2 << 8 },
		{ true, "\003", "", 0, SIGINT },
		{ true, "", "", SIGTERM, SIGTERM },
		{ true, "", "", SIGHUP, SIGHUP },
		{ false, "", "", SIGTERM, SIGTERM },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		cleanup_buf struct buf seen = { 0 };
		int master, slave, status;

		cr_assert_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
		const pid_t pid = fork();
		if (pid == 0) {
			/* who runs the tests in the background has them ignored */
			const struct sigaction usual = { .sa_handler = SIG_DFL };
			(void)sigaction(SIGINT, &usual, NULL);
			(void)sigaction(SIGHUP, &usual, NULL);
			if (login_tty(slave) == 0)
				ask_child(cases[i].secret, cases[i].want);
			_exit(99);
		}
		wait_for(master, "?", &seen);
		for (size_t tries = 0; cases[i].secret && echoes(slave) && tries < 5000; tries++)
			usleep(1000);
		cr_expect_eq(echoes(slave), !cases[i].secret, "case %zu", i);
		const size_t n = strlen(cases[i].typed);
		cr_expect_eq(write(master, cases[i].typed, n), (ssize_t)n);
		if (cases[i].sig)
			kill(pid, cases[i].sig);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_expect_eq(status, cases[i].status, "case %zu: %d", i, status);
		cr_expect(echoes(slave), "case %zu: echo is back", i);
		close(slave);
		wait_for(master, "never", &seen);
		if (cases[i].secret && n > 1)
			cr_expect_null(strstr(buf_cstr(&seen), cases[i].typed), "case %zu", i);
		close(master);
	}
	struct capture c = capture_new(OUT_TEXT);
	struct err e = { 0 };
	struct buf line = { 0 };
	cr_expect_eq(out_ask(c.o, "name?", &line, &e), -ERR_USAGE);
	capture_end(&c, "", "", "no terminal, no question");
}
