/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges against a server that misbehaves: which of the three ends each has, and that what may
 * have been acted on is never sent twice.
 */
#include "deploy/http.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry/base/fs.h"
#include "tests/deploy/server.h"

TestSuite(http);

struct end {
	int rc;
	long status;
	struct err e;
	struct http_response r;
	char complaint[1024];
};

static void
exchange(const struct step *steps, size_t n, const struct http_request *like, struct end *ret)
{
	const struct http_options o = { 0 };
	struct server *s = server_start(steps, n);
	struct http_request q = *like;
	struct http *h = NULL;
	char url[128];

	*ret = (struct end){ 0 };
	(void)snprintf(url, sizeof(url), "%s/v2/x", server_url(s));
	q.url = url;
	cr_assert_eq(http_new(&o, &h, &ret->e), 0);
	ret->rc = http_perform(h, &q, &ret->r, &ret->e);
	if (ret->rc == 0)
		ret->rc = http_check(&q, &ret->r, &ret->e);
	http_free(h);
	server_end(s, ret->complaint, sizeof(ret->complaint));
}

#define RAW(text) { .request = "POST /v2/x", .body = "{}", .how = STEP_RAW, .reply = text }
#define SAID(code, text) { .request = "POST /v2/x", .body = "{}", .status = code, .reply = text }
#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define LINES10 "A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n"
#define LINES100 LINES10 LINES10 LINES10 LINES10 LINES10 LINES10 LINES10 LINES10 LINES10 LINES10
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define CONTINUE5 CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE
#define CONTINUE10 CONTINUE5 CONTINUE5

Test(http, writes_end_in_one_of_three_ways)
{
	static const struct {
		const char *name;
		struct step step;
		int rc;
		const char *named;
	} cases[] = {
		{ "whole", SAID(200, "{}"), 0, "" },
		{ "whole and empty", SAID(200, ""), 0, "" },
		{ "chunked", RAW(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
		  0, "" },
		{ "chunks cut", RAW(OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
		  -ERR_OUTCOME_UNKNOWN, "no whole answer" },
		{ "body cut", RAW(OK_HEAD "Content-Length: 10\r\n\r\n{}"), -ERR_OUTCOME_UNKNOWN,
		  "whole" },
		{ "head cut", RAW(OK_HEAD "Content-Length: 0\r\n"), -ERR_OUTCOME_UNKNOWN, "whole" },
		{ "first line cut", RAW("HTTP/1.1 20"), -ERR_OUTCOME_UNKNOWN, "whole" },
		{ "nothing", RAW(""), -ERR_OUTCOME_UNKNOWN, "whole" },
		{ "no end marked", RAW(OK_HEAD "\r\n{}"), -ERR_OUTCOME_UNKNOWN, "cut" },
		{ "silence", { .request = "POST /v2/x", .body = "{}", .how = STEP_SILENT },
		  -ERR_OUTCOME_UNKNOWN, "whole" },
		{ "endless", { .request = "POST /v2/x", .body = "{}", .how = STEP_ENDLESS },
		  -ERR_OUTCOME_UNKNOWN, "larger" },
		{ "endless head", RAW(OK_HEAD LINES100 "Content-Length: 0\r\n\r\n"),
		  -ERR_OUTCOME_UNKNOWN, "larger" },
		{ "flood of 1xx",
		  RAW(CONTINUE10 CONTINUE10 CONTINUE10 CONTINUE10 CONTINUE10 CONTINUE10
		                      OK_HEAD "Content-Length: "
		                              "0\r\n\r\n"), -ERR_OUTCOME_UNKNOWN, "larger" },
		{ "redirect",
		  RAW("HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: "
		      "0\r\n\r\n"),
		  -ERR_MALFORMED, "127.0.0.1:1" },
		{ "not http", RAW("SSH-2.0-OpenSSH_9.2\r\n"), -ERR_OUTCOME_UNKNOWN, "" },
		{ "401", SAID(401, "{\"error\":\"who are you\"}"), -ERR_DENIED, "who are you" },
		{ "403", SAID(403, ""), -ERR_DENIED, "403" },
		{ "404", SAID(404, "no such thing\nsecond line"), -ERR_NOT_FOUND, "no such thing" },
		{ "409", SAID(409, "{\"error\":{\"a\":1}}"), -ERR_CONFLICT, "409" },
		{ "400", SAID(400, "{\"error\":\"load failed\"}"), -ERR_ROLLOUT_FAILED,
		  "load failed" },
		{ "500", SAID(500, "<html><body>oops"), -ERR_ROLLOUT_FAILED, "HTML" },
		{ "503", SAID(503, "{\"error\":\"not allowed\"}"), -ERR_ROLLOUT_FAILED,
		  "not allowed" },
	};
	static const struct http_request q = { .method = "POST", .body = { "{}", 2 },
		.content_type = "application/json", .timeout_ms = 1000, .response_max = 4096 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct end end;

		exchange(&cases[i].step, 1, &q, &end);
		cr_expect_eq(end.rc, cases[i].rc, "%s: %d %s", cases[i].name, end.rc, end.e.msg);
		cr_expect(strstr(end.e.msg, cases[i].named), "%s: %s", cases[i].name, end.e.msg);
		/* exactly one request: sent once, whatever came of it */
		cr_expect_str_eq(end.complaint, "", "%s: %s", cases[i].name, end.complaint);
		http_response_fini(&end.r);
	}
}

#define GET_SAID(code, text) { .request = "GET /v2/x", .status = code, .reply = text }
#define GET_RAW(text) { .request = "GET /v2/x", .how = STEP_RAW, .reply = text }

Test(http, reads_are_repeated)
{
	static const struct {
		const char *name;
		struct step steps[3];
		size_t n;
		int rc;
	} cases[] = {
		{ "at once", { GET_SAID(200, "[]") }, 1, 0 },
		{ "third try", { GET_RAW(""), GET_SAID(503, ""), GET_SAID(200, "[]") }, 3, 0 },
		{ "three cuts", { GET_RAW(""), GET_RAW(OK_HEAD), GET_RAW("") }, 3,
		  -ERR_UNREACHABLE },
		{ "three times busy", { GET_SAID(503, ""), GET_SAID(429, ""), GET_SAID(502, "") },
		  3,
		  -ERR_UNREACHABLE },
		{ "a no is a no", { GET_SAID(404, "") }, 1, -ERR_NOT_FOUND },
		{ "too big", { GET_RAW(OK_HEAD LINES100 "Content-Length: 0\r\n\r\n") }, 1,
		  -ERR_TOO_BIG },
		{ "500 is not busy", { GET_SAID(500, "") }, 1, -ERR_UNREACHABLE },
	};
	static const struct http_request q = { .method = "GET", .safe_to_repeat = true };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct end end;

		exchange(cases[i].steps, cases[i].n, &q, &end);
		cr_expect_eq(end.rc, cases[i].rc, "%s: %d %s", cases[i].name, end.rc, end.e.msg);
		cr_expect_str_eq(end.complaint, "", "%s: %s", cases[i].name, end.complaint);
		http_response_fini(&end.r);
	}
}

/* libcurl repeats by itself what fails on a connection that served before; a write must not be. */
Test(http, writes_do_not_trust_an_old_connection)
{
	static const struct step steps[] = { GET_SAID(200, "[]"), RAW("") };
	const struct http_options o = { 0 };
	struct server *s = server_start(steps, 2);
	struct http_response r = { 0 };
	struct http *h = NULL;
	struct err e = { 0 };
	char url[128], complaint[1024];

	(void)snprintf(url, sizeof(url), "%s/v2/x", server_url(s));
	const struct http_request get = { .method = "GET", .url = url, .safe_to_repeat = true };
	const struct http_request post = { .method = "POST", .url = url, .body = { "{}", 2 },
		                           .content_type = "application/json" };

	cr_assert_eq(http_new(&o, &h, &e), 0);
	cr_assert_eq(http_perform(h, &get, &r, &e), 0, "%s", e.msg);
	cr_assert_eq(http_perform(h, &post, &r, &e), -ERR_OUTCOME_UNKNOWN, "%s", e.msg);
	http_response_fini(&r);
	http_free(h);
	server_end(s, complaint, sizeof(complaint));
	cr_assert_str_eq(complaint, "");
}

/* A server that takes a connection and says nothing will not say more when it is asked again; an
 * old connection may just be dead. */
Test(http, silence_is_asked_again_only_after_an_old_connection)
{
	static const struct step steps[] = {
		{ .request = "GET /v2/x", .how = STEP_SILENT },
		GET_SAID(200, "[1]"),
		{ .request = "GET /v2/x", .how = STEP_SILENT },
		GET_SAID(200, "[2]"),
	};
	const struct http_options o = { 0 };
	struct server *s = server_start(steps, COUNT(steps));
	struct http_response r = { 0 };
	struct http *h = NULL;
	struct err e = { 0 };
	char url[128], complaint[1024];

	(void)snprintf(url, sizeof(url), "%s/v2/x", server_url(s));
	const struct http_request q = {
		.method = "GET", .url = url, .safe_to_repeat = true, .idle_ms = 300
	};

	cr_assert_eq(http_new(&o, &h, &e), 0);
	cr_expect_eq(http_perform(h, &q, &r, &e), -ERR_UNREACHABLE);
	cr_expect(strstr(e.msg, "was silent"), "%s", e.msg);
	err_clear(&e);
	cr_expect_eq(http_perform(h, &q, &r, &e), 0, "%s", e.msg);
	cr_expect_str_eq(buf_cstr(&r.body), "[1]");
	cr_expect_eq(http_perform(h, &q, &r, &e), 0, "%s", e.msg);
	cr_expect_str_eq(buf_cstr(&r.body), "[2]");
	http_response_fini(&r);
	http_free(h);
	server_end(s, complaint, sizeof(complaint));
	cr_assert_str_eq(complaint, "");
}

Test(http, addresses)
{
	static const struct {
		const char *url;
		bool allow_plain;
		int rc;
	} cases[] = {
		{ "http://127.0.0.1:1/", false, -ERR_UNREACHABLE },
		{ "http://127.9.9.9:1/", false, -ERR_UNREACHABLE },
		{ "http://localhost:1/", false, -ERR_UNREACHABLE },
		{ "http://[::1]:1/", false, -ERR_UNREACHABLE },
		{ "https://127.0.0.1:1/", false, -ERR_UNREACHABLE },
		{ "http://192.0.2.1/", false, -ERR_DENIED },
		{ "http://127.0.0.1.example.org/", false, -ERR_DENIED },
		{ "http://127.0.0.1.9/", false, -ERR_DENIED },
		{ "http://localhost.example.org/", false, -ERR_DENIED },
		{ "http://name.invalid/", true, -ERR_UNREACHABLE },
		{ "http://me@127.0.0.1:1/", false, -ERR_USAGE },
		{ "file:///etc/passwd", true, -ERR_USAGE },
		{ "ftp://127.0.0.1/", true, -ERR_USAGE },
		{ "nonsense:", true, -ERR_USAGE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_options o = { .allow_plain = cases[i].allow_plain,
		                                .connect_ms = 2000 };
		const struct http_request q = { .method = "POST", .url = cases[i].url };
		struct http_response r = { 0 };
		struct http *h = NULL;
		struct err e = { 0 };
		int rc;

		cr_assert_eq(http_new(&o, &h, &e), 0);
		rc = http_perform(h, &q, &r, &e);
		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].url, rc, e.msg);
		http_response_fini(&r);
		http_free(h);
	}
}

/* What a kubeconfig or a token file says must not become a header of its own. */
Test(http, a_header_is_one_line)
{
	static const char *const values[] = { "a\r\nX: y", "a\nX: y", "a\r", "\x7f" };

	for (size_t i = 0; i < COUNT(values); i++) {
		cleanup_free char *header = xasprintf("Authorization: s3cret %s", values[i]);
		const char *const headers[] = { "Accept: */*", header, NULL };
		const struct http_request q = { .method = "GET", .headers = headers };
		struct end end;

		exchange(NULL, 0, &q, &end);
		cr_expect_eq(end.rc, -ERR_USAGE, "%zu: %s", i, end.e.msg);
		cr_expect(strstr(end.e.msg, "\"Authorization\""), "%s", end.e.msg);
		cr_expect_null(strstr(end.e.msg, "s3cret"));
		cr_expect_str_eq(end.complaint, "");
		http_response_fini(&end.r);
	}
}

#define CANARY "machine 127.0.0.1 login canary password secret\n"

Test(http, environment_does_not_count)
{
	static const struct step steps[] = { GET_SAID(200, "[]") };
	static const struct http_request q = { .method = "GET" };
	char home[] = "/tmp/slipway-http-XXXXXX";
	struct end end;
	struct err e = { 0 };

	/* what this person keeps for some server is for no address that a registry names */
	cr_assert_not_null(mkdtemp(home));
	cleanup_free char *netrc = xasprintf("%s/.netrc", home);
	cr_assert_eq(fs_write_at(AT_FDCWD, netrc, CANARY, sizeof CANARY - 1, 0600, &e), 0);
	cr_assert_eq(setenv("HOME", home, 1), 0);
	cr_assert_eq(setenv("NETRC", netrc, 1), 0);
	cr_assert_eq(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	cr_assert_eq(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
	exchange(steps, 1, &q, &end);
	cr_assert_eq(end.rc, 0, "%s", end.e.msg);
	cr_assert_str_eq(end.complaint, ""); /* not a byte more than expected */
	http_response_fini(&end.r);
	cr_expect_eq(unlink(netrc), 0);
	cr_expect_eq(rmdir(home), 0);
}

Test(http, json_and_escaping)
{
	static const struct {
		const char *type, *body;
		int rc;
		const char *named;
	} cases[] = {
		{ "application/json", "{\"a\":1}", 0, "" },
		{ "text/html; charset=utf-8", "{}", -ERR_MALFORMED, "HTML" },
		{ "application/json", "\n <!DOCTYPE html>", -ERR_MALFORMED, "HTML" },
		{ "application/json", "{\"a\":", -ERR_MALFORMED, "http://x" },
		{ "application/json", "", -ERR_MALFORMED, "http://x" },
	};
	const struct http_request q = { .method = "GET", .url = "http://x" };
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_response r = { .status = 200 };
		json_t *j = NULL;
		struct err e = { 0 };
		int rc;

		(void)snprintf(r.content_type, sizeof(r.content_type), "%s", cases[i].type);
		buf_adds(&r.body, cases[i].body);
		rc = http_json(&q, &r, &j, &e);
		cr_expect_eq(rc, cases[i].rc, "%zu: %d %s", i, rc, e.msg);
		cr_expect(strstr(e.msg, cases[i].named), "%zu: %s", i, e.msg);
		json_decref(j);
		http_response_fini(&r);
	}
	http_escape(&b, "a-b._~/é %?");
	cr_assert_str_eq(buf_cstr(&b), "a-b._~%2F%C3%A9%20%25%3F");
	buf_fini(&b);
}
