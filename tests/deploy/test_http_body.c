/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that are read while they are sent and taken while they come, headers of answers, and the
 * ways in which an exchange is ended early.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/http.h"
#include "registry/base/clock.h"
#include "tests/deploy/server.h"

TestSuite(http_body);

struct bytes {
	const char *p;
	size_t at, step, fail_at; /* fail_at 0: never */
};

static int
give(void *arg, void *p, size_t n, size_t *ret_n, struct err *e)
{
	struct bytes *const b = arg;
	size_t left = strlen(b->p) - b->at;

	if (b->fail_at > 0 && b->at >= b->fail_at)
		return err_set(e, ERR_DIGEST, "these are other bytes");
	if (left > b->step)
		left = b->step;
	if (left > n)
		left = n;
	memcpy(p, b->p + b->at, left);
	b->at += left;
	*ret_n = left;
	return 0;
}

struct taken {
	struct buf b;
	bool refuses;
};

static int
take(void *arg, const void *p, size_t n, struct err *e)
{
	struct taken *const t = arg;

	if (t->refuses)
		return err_set(e, ERR_NO_SPACE, "there is no room");
	buf_add(&t->b, p, n);
	return 0;
}

static int
play(const struct step *steps, size_t n, struct http_request q, struct http_response *r,
     char complaint[1024], struct err *e)
{
	const struct http_options o = { 0 };
	struct server *s = server_start(steps, n);
	cleanup_free char *url = xasprintf("%s/v2/x", server_url(s));
	struct http *h = NULL;
	int rc;

	q.url = url;
	cr_assert_eq(http_new(&o, &h, e), 0);
	rc = http_perform(h, &q, r, e);
	http_free(h);
	server_end(s, complaint, 1024);
	return rc;
}

Test(http_body, uploads_are_whole_or_no_body)
{
	static const struct step put = { .request = "PUT /v2/x",
		                         .body = "0123456789",
		                         .status = 201 };
	static const struct {
		const char *name, *bytes;
		size_t step, fail_at;
		uint64_t size;
		int rc;
		const char *named;
	} cases[] = {
		{ "whole", "0123456789", 100, 0, 10, 0, "" },
		{ "byte by byte", "0123456789", 1, 0, 10, 0, "" },
		{ "more is there", "0123456789ABC", 4, 0, 10, 0, "" },
		{ "short", "01234", 4, 0, 10, -ERR_MALFORMED, "ends after 5 of 10 bytes" },
		{ "refused midway", "0123456789", 2, 4, 10, -ERR_DIGEST, "other bytes" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bytes b = { cases[i].bytes, 0, cases[i].step, cases[i].fail_at };
		const struct http_upload u = { give, &b, cases[i].size };
		const struct http_request q = { .method = "PUT",
			                        .upload = &u,
			                        .timeout_ms = 3000,
			                        .content_type = "application/json" };
		struct http_response r = { 0 };
		struct err e = { 0 };
		char complaint[1024];
		const int rc = play(&put, 1, q, &r, complaint, &e);

		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect(strstr(e.msg, cases[i].named), "%s: %s", cases[i].name, e.msg);
		if (rc == 0)
			cr_expect(r.status == 201 && !complaint[0], "%s: %s", cases[i].name,
			          complaint);
		else /* the server never had a whole request */
			cr_expect(complaint[0], "%s", cases[i].name);
		http_response_fini(&r);
	}
}

#define RAW_GET(text)                                                  \
	{                                                              \
		.request = "GET /v2/x", .how = STEP_RAW, .reply = text \
	}
#define OK_10 "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"

Test(http_body, a_sink_takes_what_a_good_answer_has)
{
	static const struct {
		const char *name;
		struct step steps[2];
		size_t n;
		uint64_t max;
		bool refuses;
		int rc;
		const char *taken, *body;
	} cases[] = {
		{ "whole", { RAW_GET(OK_10 "0123456789") }, 1, 10, false, 0, "0123456789", "" },
		{ "too big", { RAW_GET(OK_10 "0123456789") }, 1, 9, false, -ERR_TOO_BIG, "", "" },
		{ "no room", { RAW_GET(OK_10 "0123456789") }, 1, 0, true, -ERR_NO_SPACE, "", "" },
		{ "an error is none of it",
		  { { .request = "GET /v2/x", .status = 404, .reply = "gone" } },
		  1,
		  0,
		  false,
		  0,
		  "",
		  "gone" },
		/* what the sink has had is not asked for again, what it has not had is */
		{ "cut", { RAW_GET(OK_10 "01234") }, 1, 0, false, -ERR_UNREACHABLE, "01234", "" },
		{ "cut before",
		  { RAW_GET(OK_10), RAW_GET(OK_10 "0123456789") },
		  2,
		  0,
		  false,
		  0,
		  "0123456789",
		  "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct taken t = { .refuses = cases[i].refuses };
		const struct http_sink sink = { take, &t, cases[i].max };
		const struct http_request q = {
			.method = "GET", .sink = &sink, .safe_to_repeat = true, .timeout_ms = 3000
		};
		struct http_response r = { 0 };
		struct err e = { 0 };
		char complaint[1024];
		const int rc = play(cases[i].steps, cases[i].n, q, &r, complaint, &e);

		cr_expect_eq(rc, cases[i].rc, "%s: %d %s", cases[i].name, rc, e.msg);
		cr_expect_str_eq(buf_cstr(&t.b), cases[i].taken, "%s", cases[i].name);
		cr_expect_str_eq(buf_cstr(&r.body), cases[i].body, "%s", cases[i].name);
		cr_expect_str_eq(complaint, "", "%s: %s", cases[i].name, complaint);
		buf_fini(&t.b);
		http_response_fini(&r);
	}
}

Test(http_body, headers_of_the_last_answer)
{
	static const struct step raw[] = {
		RAW_GET("HTTP/1.1 103 Early Hints\r\nLink: early\r\n\r\n"
		        "HTTP/1.1 307 Go\r\nLocation:   https://other/\t\r\nWARNING: 299 - "
		        "\"a\"\r\n"
		        "Warning: 299 - \"b\"\r\n folded\r\nContent-Length: 0\r\n\r\n"),
	};
	const struct http_request q = { .method = "GET", .allow_redirect = true };
	struct http_response r = { 0 };
	struct err e = { 0 };
	char complaint[1024];
	size_t at = 0;
	struct str s;

	cr_assert_eq(play(raw, 1, q, &r, complaint, &e), 0, "%s", e.msg);
	cr_expect_eq(r.status, 307);
	s = http_header(&r, "location", NULL);
	cr_expect(str_eq(s, str_of("https://other/")), "%.*s", (int)s.n, s.p);
	s = http_header(&r, "warning", &at);
	cr_expect(str_eq(s, str_of("299 - \"a\"")));
	s = http_header(&r, "warning", &at);
	cr_expect(has_prefix(s.p, "299 - \"b\""));
	cr_expect_null(http_header(&r, "warning", &at).p);
	cr_expect_null(http_header(&r, "link", NULL).p);
	cr_expect_null(http_header(&r, "locatio", NULL).p);
	http_response_fini(&r);
}

Test(http_body, head_says_a_length_and_has_no_body)
{
	static const struct step steps[] = {
		{ .request = "HEAD /v2/x",
		  .how = STEP_RAW,
		  .reply = "HTTP/1.1 200 OK\r\nContent-Length: 123456789012\r\n\r\n" },
		{ .request = "HEAD /v2/x", .how = STEP_RAW, .reply = "HTTP/1.1 200 OK\r\n\r\n" },
	};
	static const uint64_t lengths[] = { 123456789012, UINT64_MAX };

	for (size_t i = 0; i < COUNT(steps); i++) {
		const struct http_request q = { .method = "HEAD", .safe_to_repeat = true };
		struct http_response r = { 0 };
		struct err e = { 0 };
		char complaint[1024];

		cr_assert_eq(play(&steps[i], 1, q, &r, complaint, &e), 0, "%s", e.msg);
		cr_expect_eq(r.content_length, lengths[i]);
		cr_expect_eq(r.body.n, 0);
		cr_expect_str_eq(complaint, "");
		http_response_fini(&r);
	}
}

Test(http_body, waits_as_long_as_it_is_told)
{
	static const struct step steps[] = {
		RAW_GET("HTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
		RAW_GET(OK_10 "0123456789"),
	};
	static const struct step long_ones[] = {
		RAW_GET("HTTP/1.1 503 Slow\r\nRetry-After: 600\r\nContent-Length: 0\r\n\r\n"),
	};
	const struct http_request q = { .method = "GET",
		                        .safe_to_repeat = true,
		                        .timeout_ms = 5000 };
	const uint64_t began_ms = clock_mono_ms();
	struct http_response r = { 0 };
	struct err e = { 0 };
	char complaint[1024];

	cr_expect_eq(play(steps, 2, q, &r, complaint, &e), 0, "%s", e.msg);
	cr_expect_eq(r.status, 200);
	cr_expect_geq(clock_mono_ms() - began_ms, 1000);
	cr_expect_str_eq(complaint, "");
	/* longer than it may take: the answer is given as it is, at once */
	cr_expect_eq(play(long_ones, 1, q, &r, complaint, &e), 0, "%s", e.msg);
	cr_expect_eq(r.status, 503);
	cr_expect_eq(r.retry_after_s, 600);
	cr_expect_str_eq(complaint, "");
	http_response_fini(&r);
}

static int
stop_later(void *arg, struct err *e)
{
	unsigned *const n = arg;

	return ++*n < 2 ? 0 : err_set(e, ERR_CANCELLED, "no longer wanted");
}

Test(http_body, ends_when_nobody_wants_it_or_nothing_moves)
{
	static const struct step silent[] = {
		{ .request = "GET /v2/x", .how = STEP_SILENT },
	};
	unsigned asked = 0;
	const struct http_request idle = { .method = "GET",
		                           .timeout_ms = HTTP_NO_TIMEOUT,
		                           .idle_ms = 1000 };
	const struct http_request unwanted = { .method = "GET",
		                               .timeout_ms = HTTP_NO_TIMEOUT,
		                               .check = stop_later,
		                               .check_arg = &asked };
	struct http_response r = { 0 };
	struct err e = { 0 };
	char complaint[1024];

	cr_expect_eq(play(silent, 1, idle, &r, complaint, &e), -ERR_OUTCOME_UNKNOWN, "%s", e.msg);
	cr_expect(strstr(e.msg, "was silent for 1 s"), "%s", e.msg);
	cr_expect_eq(play(silent, 1, unwanted, &r, complaint, &e), -ERR_CANCELLED, "%s", e.msg);
	cr_expect_eq(asked, 2);
	http_response_fini(&r);
}

/* What moves is watched by one bound, the answer to all of it by another. */
Test(http_body, an_answer_has_a_time_of_its_own)
{
	static const struct step silent = { .request = "PUT /v2/x",
		                            .body = "0123456789",
		                            .how = STEP_SILENT };
	struct bytes b = { "0123456789", 0, 100, 0 };
	const struct http_upload u = { give, &b, 10 };
	const struct http_request q = { .method = "PUT",
		                        .upload = &u,
		                        .timeout_ms = HTTP_NO_TIMEOUT,
		                        .idle_ms = 30000,
		                        .answer_ms = 1000,
		                        .content_type = "application/json" };
	struct http_response r = { 0 };
	struct err e = { 0 };
	char complaint[1024];

	cr_expect_eq(play(&silent, 1, q, &r, complaint, &e), -ERR_OUTCOME_UNKNOWN, "%s", e.msg);
	cr_expect(strstr(e.msg, "was silent for 1 s"), "%s", e.msg);
	http_response_fini(&r);
}

/* A proxy is asked for a tunnel, and what it says is not the server's word. */
Test(http_body, a_proxy_that_refuses_has_sent_nothing)
{
	static const struct step steps[] = {
		{ .request = "CONNECT 127.0.0.1:9",
		  .how = STEP_RAW,
		  .reply = "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno" },
	};
	struct server *s = server_start(steps, 1);
	const struct http_options o = { .proxy = server_url(s) };
	const struct http_options around = { .proxy = server_url(s),
		                             .no_proxy = "10.0.0.0/8,127.0.0.1" };
	const struct http_request q = { .method = "POST", .url = "http://127.0.0.1:9/x" };
	struct http_response r = { 0 };
	struct http *h = NULL;
	struct err e = { 0 };
	char complaint[1024];

	cr_assert_eq(http_new(&around, &h, &e), 0);
	cr_expect_eq(http_perform(h, &q, &r, &e), -ERR_UNREACHABLE, "%s", e.msg);
	http_free(h);
	cr_assert_eq(http_new(&o, &h, &e), 0);
	cr_expect_eq(http_perform(h, &q, &r, &e), -ERR_UNREACHABLE, "%s", e.msg);
	cr_expect(strstr(e.msg, "403"), "%s", e.msg);
	http_free(h);
	server_end(s, complaint, sizeof complaint);
	/* it was asked once, by the one that has no way around it */
	cr_expect(strstr(complaint, "CONNECT 127.0.0.1:9 HTTP/1.1"), "%s", complaint);
	http_response_fini(&r);
}
