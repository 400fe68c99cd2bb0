/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of an API server: watches that are cut, forgotten and denied, lines, logs.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/kube_lines.h"
#include "deploy/kube_look.h"
#include "deploy/kube_private.h"
#include "registry/base/clock.h"
#include "tests/deploy/kube_lab.h"

TestSuite(kube_watch);

#define POD "/api/v1/namespaces/lab/pods/p"

struct seen {
	struct buf b; /* "ADDED:name " .. */
	unsigned n, most, lost;
};

static int
see(void *arg, const char *type, const json_t *object, struct err *e)
{
	struct seen *const s = arg;

	(void)e;
	s->lost += streq(type, "LOST");
	if (streq(type, "LOST"))
		return 0;
	buf_addf(&s->b, "%s:%s ", type, kube_text(object, "metadata.name"));
	return ++s->n >= s->most;
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define PARTS(list)                                                                           \
	"Accept: application/json;as=PartialObjectMetadata" list ";g=meta.k8s.io;v=v1, "      \
	"application/json\r\n"
#define LIST(rv, items)                                                                          \
	{                                                                                        \
		.request = "GET /w?limit=25", .headers = PARTS("List"), .status = 200,           \
		.reply = "{\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}" \
	}
#define WATCH(rv, seconds, raw)                                                              \
	{                                                                                    \
		.request = "GET /w?watch=1&allowWatchBookmarks=true&timeoutSeconds=" seconds \
		           "&resourceVersion=" rv,                                           \
		.headers = PARTS(""), .how = STEP_RAW, .reply = raw                          \
	}
#define NAMED(n, rv) "{\"metadata\":{\"name\":\"" n "\",\"resourceVersion\":\"" rv "\"}}"

Test(kube_watch, a_watch_is_resumed_and_listed_anew)
{
	static const struct step steps[] = {
		LIST("5", NAMED("a", "4")),
		/* half an event, then a cut */
		WATCH("5", "300",
		      CHUNKED "61\r\n{\"type\":\"ADDED\",\"object\":" NAMED(
		              "b", "6") "}\n{\"type\":\"MODIFIED\",\"obj\r\n"),
		/* from the last event that came whole; then the place is forgotten */
		WATCH("6", "300",
		      CHUNKED "7c\r\n{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{"
		              "\"resourceVersion\":\"7\"}}}\n{\"type\":\"ERROR\",\"object\":"
		              "{\"code\":410,\"reason\":\"Expired\"}}\n\r\n0\r\n\r\n"),
		LIST("9", NAMED("c", "8")),
		/* 410 as a status, too */
		WATCH("9", "300", "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"),
		LIST("10", ""),
	};
	struct seen s = { .most = 8 };
	struct lab l;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ 0 });
	cr_assert_eq(kube_watch(l.k, "/w", NULL, clock_mono_ms() + 400000, see, &s, &l.e), 0, "%s",
	             l.e.msg);
	cr_expect_str_eq(buf_cstr(&s.b),
	                 "ADDED:a SYNC: ADDED:b RESET: ADDED:c SYNC: RESET: SYNC: ");
	cr_expect_eq(s.lost, 1); /* only the cut one */
	buf_fini(&s.b);
	lab_close(&l);
}

/* A list of few takes little room, and one of many few requests. */
Test(kube_watch, pages_grow)
{
	static const struct step steps[] = {
		{ .request = "GET /w?limit=25",
		  .headers = PARTS("List"),
		  .status = 200,
		  .reply = "{\"metadata\":{\"continue\":\"x\"},\"items\":[" NAMED("a", "1") "]}" },
		{ .request = "GET /w?limit=30&continue=x",
		  .headers = PARTS("List"),
		  .status = 200,
		  .reply = "{\"metadata\":{\"continue\":\"y\"},\"items\":[" NAMED("b", "2") "]}" },
		{ .request = "GET /w?limit=36&continue=y",
		  .headers = PARTS("List"),
		  .status = 200,
		  .reply = "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[" NAMED("c",
		                                                                       "3") "]}" },
	};
	struct seen s = { .most = 4 };
	struct lab l;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ 0 });
	cr_assert_eq(kube_watch(l.k, "/w", NULL, clock_mono_ms() + 400000, see, &s, &l.e), 0, "%s",
	             l.e.msg);
	cr_expect_str_eq(buf_cstr(&s.b), "ADDED:a ADDED:b ADDED:c SYNC: ");
	buf_fini(&s.b);
	lab_close(&l);
}

Test(kube_watch, a_watch_that_is_denied_polls_and_a_list_that_is_denied_ends)
{
	static const struct step polls[] = {
		LIST("5", ""),
		{ .request = "GET /w?watch=1&allowWatchBookmarks=true&timeoutSeconds=7"
		             "&resourceVersion=5",
		  .headers = PARTS(""),
		  .status = 403,
		  .reply = "{\"kind\":\"Status\",\"message\":\"no\"}" },
		LIST("6", NAMED("a", "6")),
	};
	static const struct step denied[] = {
		{ .request = "GET /w?limit=25",
		  .headers = PARTS("List"),
		  .status = 403,
		  .reply = "{\"kind\":\"Status\",\"message\":\"User x cannot list\"}" },
	};
	struct seen s = { .most = 4 };
	struct lab l;

	lab_open(&l, polls, COUNT(polls), (struct kubeconfig){ 0 });
	cr_expect_eq(kube_watch(l.k, "/w", NULL, clock_mono_ms() + 6500, see, &s, &l.e), 0, "%s",
	             l.e.msg);
	cr_expect_str_eq(buf_cstr(&s.b), "SYNC: RESET: ADDED:a SYNC: ");
	lab_close(&l);
	lab_open(&l, denied, COUNT(denied), (struct kubeconfig){ 0 });
	cr_expect_eq(kube_watch(l.k, "/w", NULL, 0, see, &s, &l.e), -ERR_DENIED);
	cr_expect(strstr(l.e.msg, "cannot list"), "%s", l.e.msg);
	lab_close(&l);
	buf_fini(&s.b);
}

struct refusal {
	const char *type; /* of the event that fails */
	enum err_code code;
};

static int
fail_at(void *arg, const char *type, const json_t *object, struct err *e)
{
	const struct refusal *const r = arg;

	(void)object;
	return streq(type, r->type) ? err_set(e, r->code, "mine") : 0;
}

/* Whatever the code would mean of the server: nothing is asked again, nothing is polled. */
Test(kube_watch, an_error_of_the_caller_ends_it)
{
	static const struct step steps[] = {
		LIST("5", NAMED("a", "4")),
		WATCH("5", "300",
		      CHUNKED "4c\r\n{\"type\":\"DELETED\",\"object\":" NAMED("a", "6") "}\n\r\n"),
	};
	static const struct refusal cases[] = {
		{ "ADDED", ERR_UNREACHABLE }, { "ADDED", ERR_DENIED },
		{ "SYNC", ERR_CONFLICT },     { "DELETED", ERR_UNREACHABLE },
		{ "DELETED", ERR_DENIED },    { "DELETED", ERR_CONFLICT },
		{ "DELETED", ERR_CANCELLED },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const size_t n = streq(cases[i].type, "DELETED") ? 2 : 1;
		struct refusal r = cases[i];
		struct lab l;

		lab_open(&l, steps, n, (struct kubeconfig){ 0 });
		cr_expect_eq(
		        kube_watch(l.k, "/w", NULL, clock_mono_ms() + 400000, fail_at, &r, &l.e),
		        -(int)r.code, "%s %s: %s", r.type, err_name(r.code), l.e.msg);
		cr_expect_str_eq(l.e.msg, "mine");
		lab_close(&l);
	}
}

Test(kube_watch, what_is_no_stream_of_events)
{
	static const struct {
		struct step answer;
		enum err_code code;
		const char *says;
	} cases[] = {
		{ WATCH("5", "300",
		        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n"
		        "<html></html>"),
		  ERR_MALFORMED, "sends an HTML page" },
		{ WATCH("5", "300", CHUNKED "6\r\n<html>\r\n1\r\n\n\r\n0\r\n\r\n"), ERR_MALFORMED,
		  "sends an HTML page" },
		{ WATCH("5", "300", CHUNKED "11\r\n{\"kind\":\"List\"}\n\r\n"), ERR_MALFORMED,
		  "something where an event should be" },
		{ WATCH("5", "300",
		        "HTTP/1.1 404 No\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n"
		        "<html>"),
		  ERR_MALFORMED, "HTML page (status 404)" },
		/* a line that never ends */
		{ { .request = "GET /w?watch=1&allowWatchBookmarks=true&timeoutSeconds=300"
		               "&resourceVersion=5",
		    .headers = PARTS(""),
		    .how = STEP_ENDLESS },
		  ERR_TOO_BIG,
		  "more than 8388608 bytes" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct step steps[] = { LIST("5", ""), cases[i].answer };
		struct seen s = { .most = 9 };
		struct lab l;

		lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ 0 });
		cr_expect_eq(kube_watch(l.k, "/w", NULL, clock_mono_ms() + 400000, see, &s, &l.e),
		             -(int)cases[i].code, "%zu: %s", i, l.e.msg);
		cr_expect(strstr(l.e.msg, cases[i].says), "%zu: %s", i, l.e.msg);
		cr_expect_str_eq(buf_cstr(&s.b), "SYNC: ");
		buf_fini(&s.b);
		lab_close(&l);
	}
}

/* Busy: the same place, when told to. In trouble: what it holds may be another thing now. */
Test(kube_watch, a_server_says_how_long_to_wait)
{
#define BUSY "HTTP/1.1 429 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
	static const struct step steps[] = {
		LIST("5", ""),
		WATCH("5", "300", BUSY),
		WATCH("5", "300",
		      CHUNKED "79\r\n{\"type\":\"ERROR\",\"object\":{\"code\":500,"
		              "\"message\":\"Too large resource version\","
		              "\"details\":{\"retryAfterSeconds\":3}}}\n\r\n"),
		LIST("7", ""),
	};
	const uint64_t began_ms = clock_mono_ms();
	struct seen s = { .most = 3 };
	struct lab l;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ 0 });
	cr_assert_eq(kube_watch(l.k, "/w", NULL, began_ms + 400000, see, &s, &l.e), 0, "%s",
	             l.e.msg);
	cr_expect_str_eq(buf_cstr(&s.b), "SYNC: RESET: SYNC: ");
	cr_expect_geq(clock_mono_ms() - began_ms, 5000);
	cr_expect_leq(clock_mono_ms() - began_ms, 9000);
	buf_fini(&s.b);
	lab_close(&l);
}

Test(kube_watch, the_end_is_kept_though_the_server_is_silent)
{
	static const struct step steps[] = {
		LIST("5", ""),
		{ .request = "GET /w?watch=1&allowWatchBookmarks=true&timeoutSeconds=2"
		             "&resourceVersion=5",
		  .headers = PARTS(""),
		  .how = STEP_SILENT },
	};
	const uint64_t began_ms = clock_mono_ms();
	struct seen s = { .most = 9 };
	struct lab l;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ 0 });
	cr_expect_eq(kube_watch(l.k, "/w", NULL, began_ms + 1700, see, &s, &l.e), 0, "%s", l.e.msg);
	cr_expect_geq(clock_mono_ms() - began_ms, 1700);
	cr_expect_leq(clock_mono_ms() - began_ms, 2700);
	cr_expect_str_eq(buf_cstr(&s.b), "SYNC: ");
	buf_fini(&s.b);
	lab_close(&l);
}

static int
count_line(void *arg, struct str line, struct err *e)
{
	cleanup_json json_t *j = NULL;
	struct err why = { 0 };

	if (json_parse(line, "event", &j, &why) < 0)
		return err_set(e, ERR_MALFORMED, "%s", why.msg);
	++*(size_t *)arg;
	return 0;
}

/* Cut at every byte, and sent in two pieces with the cut at every byte: only whole events come. */
Test(kube_watch, a_recorded_watch_cut_at_every_byte)
{
	cleanup_json json_t *j = recorded("watch-bookmark");
	cleanup_buf struct buf all = { 0 };
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(j, "response.body.stream"), i, one)
	{
		json_canonical(one, &all);
		buf_addc(&all, '\n');
	}
	cr_assert_gt(all.n, 1000);
	for (size_t cut = 0; cut <= all.n; cut++) {
		size_t events = 0, want = 0;
		struct kube_lines l = { .max = KUBE_OBJECT_MAX, .fn = count_line, .arg = &events };
		struct err e = { 0 };

		for (size_t at = 0; at < cut; at++)
			want += all.p[at] == '\n';
		cr_assert_eq(kube_lines_write(&l, all.p, cut, &e), 0, "%zu: %s", cut, e.msg);
		cr_assert_eq(events, want, "cut at %zu", cut);
		cr_assert_eq(kube_lines_write(&l, all.p + cut, all.n - cut, &e), 0);
		cr_assert_eq(events, json_array_size(kube_at(j, "response.body.stream")));
		kube_lines_fini(&l);
	}
}

/* The same over a connection that breaks off there. */
Test(kube_watch, a_connection_cut_at_every_byte)
{
	cleanup_json json_t *j = recorded("watch-bookmark");
	cleanup_buf struct buf all = { 0 };
	const json_t *one;
	struct step *steps;
	struct lab l;
	size_t i, head;

	json_array_foreach(kube_at(j, "response.body.stream"), i, one)
	{
		json_canonical(one, &all);
		buf_addc(&all, '\n');
	}
	cleanup_free char *answer = xasprintf(CHUNKED "%zx\r\n%s", all.n, buf_cstr(&all));
	head = strlen(answer) - all.n;
	steps = xcalloc(all.n + 1, sizeof *steps);
	for (i = 0; i <= all.n; i++)
		steps[i] = (struct step){ .request = "GET /w",
			                  .headers = JSON,
			                  .how = STEP_RAW,
			                  .reply = xstrndup(answer, head + i) };
	lab_open(&l, steps, all.n + 1, (struct kubeconfig){ 0 });
	for (i = 0; i <= all.n; i++) {
		size_t events = 0, want = 0;
		struct kube_lines lines = { .max = KUBE_OBJECT_MAX,
			                    .fn = count_line,
			                    .arg = &events };
		const struct http_sink sink = { .write = kube_lines_write, .arg = &lines };
		const struct kube_call c = {
			.method = "GET", .path = "/w", .is_read = true, .sink = &sink
		};
		cleanup_response struct http_response r = { 0 };

		for (size_t at = 0; at < i; at++)
			want += all.p[at] == '\n';
		err_clear(&l.e);
		l.k->pace_ms = 0;
		cr_assert_eq(kube_call(l.k, &c, &r, NULL, &l.e), -ERR_UNREACHABLE, "%zu: %s", i,
		             l.e.msg);
		cr_assert_eq(events, want, "cut at %zu", i);
		kube_lines_fini(&lines);
	}
	lab_close(&l);
	for (i = 0; i <= all.n; i++)
		free((char *)(uintptr_t)steps[i].reply);
	free(steps);
}

static int
take_line(void *arg, struct str line, struct err *e)
{
	(void)e;
	buf_addf(arg, "%zu ", line.n);
	return 0;
}

Test(kube_watch, lines_are_bounded)
{
	cleanup_buf struct buf sizes = { 0 };
	struct kube_lines l = { .max = 4, .cuts = true, .fn = take_line, .arg = &sizes };
	struct err e = { 0 };

	cr_assert_eq(kube_lines_write(&l, "abcdefgh", 8, &e), 0);
	cr_assert_eq(kube_lines_write(&l, "ij\nkl\n\n", 7, &e), 0);
	cr_expect_str_eq(buf_cstr(&sizes), "4 2 0 ");
	l.cuts = false;
	cr_assert_eq(kube_lines_write(&l, "abcd", 4, &e), 0);
	cr_expect_eq(kube_lines_write(&l, "e", 1, &e), -ERR_TOO_BIG);
	cr_expect_leq(l.part.n, 4);
	kube_lines_fini(&l);
}

static int
say_line(void *arg, struct str line, struct err *e)
{
	(void)e;
	buf_addf(arg, "[%.*s]", (int)line.n, line.p);
	return 0;
}

#define AUTHORIZATION "/apis/authorization.k8s.io/v1/"
#define RULES(code, said)                                                               \
	{                                                                               \
		.request = "POST " AUTHORIZATION "selfsubjectrulesreviews",             \
		.headers = "Content-Type: application/json\r\n" JSON,                   \
		.body = "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":"           \
		        "\"SelfSubjectRulesReview\",\"spec\":{\"namespace\":\"lab\"}}", \
		.status = code, .reply = said                                           \
	}
#define REVIEW(of, name, answer)                                                        \
	{                                                                               \
		.request = "POST " AUTHORIZATION "selfsubjectaccessreviews",            \
		.headers = "Content-Type: application/json\r\n" JSON,                   \
		.body = "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":"           \
		        "\"SelfSubjectAccessReview\",\"spec\":{\"resourceAttributes\":{"  \
		        "\"group\":\"\"," name "\"namespace\":\"lab\"," of "}}}",           \
		.status = 201, .reply = "{\"status\":{\"allowed\":" answer "}}"           \
	}
#define RULE(verb, group, resource, more)                                               \
	"{\"verbs\":[\"" verb "\"],\"apiGroups\":[\"" group "\"],\"resources\":[\"x\",\"" \
	resource "\"]" more "}"
#define LISTED(incomplete, rules) \
	"{\"status\":{\"incomplete\":" incomplete ",\"resourceRules\":[" rules "]}}"

/* What a rule allows needs no review; what no rule allows, or one only for some names, does, as all
 * does where the list is not whole, is not there or says nothing of it. */
Test(kube_watch, rules_allow_and_never_refuse)
{
	static const struct {
		const char *rules;
		int status;
		bool is_reviewed;
	} cases[] = {
		{ LISTED("false", RULE("get", "", "pods/log", "")), 201, false },
		{ LISTED("false", RULE("*", "*", "*", "")), 201, false },
		{ LISTED("false", RULE("*", "*", "*/log", "")), 201, false },
		{ LISTED("false", RULE("list", "", "pods/log", "") "," RULE("get", "", "pods/log",
		                                                            "")), 201, false },
		{ LISTED("false", RULE("get", "", "pods", "")), 201, true },
		{ LISTED("false", RULE("get", "apps", "pods/log", "")), 201, true },
		{ LISTED("false", RULE("list", "", "pods/log", "")), 201, true },
		{ LISTED("false", RULE("get", "", "*/proxy", "")), 201, true },
		{ LISTED("false", RULE("get", "", "pods/log", ",\"resourceNames\":[\"p\"]")), 201,
		  true },
		{ LISTED("false", ""), 201, true },
		{ LISTED("true", RULE("*", "*", "*", "")), 201, true },
		{ "{\"status\":{\"resourceRules\":[" RULE("*", "*", "*", "") "]}}", 201, true },
		{ "{\"status\":{\"incomplete\":false,\"resourceRules\":[7,{\"verbs\":\"get\"}]}}",
		  201, true },
		{ "{\"kind\":\"Status\"}", 403, true },
		{ "[]", 201, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct step steps[] = {
			RULES(cases[i].status, cases[i].rules),
			REVIEW("\"resource\":\"pods\",\"subresource\":\"log\",\"verb\":\"get\"",
			       "", "false"),
		};
		enum kube_may may;
		char why[256];
		struct lab l;

		lab_open(&l, steps, cases[i].is_reviewed ? 2 : 1, (struct kubeconfig){ 0 });
		for (unsigned twice = 0; twice < 2; twice++) {
			cr_expect_eq(kube_may(l.k, "get", "", "pods/log", "lab", NULL, &may, why,
			                      &l.e), 0, "%zu: %s", i, l.e.msg);
			cr_expect_eq(may, cases[i].is_reviewed ? KUBE_MAY_NOT : KUBE_MAY, "%zu", i);
		}
		lab_close(&l);
	}
}

Test(kube_watch, logs_and_questions)
{
	static const struct step steps[] = {
		{ .request = "GET " POD "/log?tailLines=2",
		  .headers = JSON,
		  .status = 200,
		  .type = "text/plain",
		  .reply = "one\n\033[2Jtwo\nthree" },
		{ .request = "GET " POD "/log?tailLines=2",
		  .headers = JSON,
		  .status = 400,
		  .reply = "{\"kind\":\"Status\",\"message\":\"container \\\"c\\\" in pod "
		           "\\\"p\\\" is "
		           "waiting to start: ContainerCreating\"}" },
		{ .request = "GET /version",
		  .headers = JSON,
		  .how = STEP_RAW,
		  .reply = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:01:00 GMT\r\n"
		           "Content-Length: 24\r\n\r\n{\"gitVersion\":\"v1.36.3\"}" },
		RULES(404, "{}"),
		REVIEW("\"resource\":\"pods\",\"subresource\":\"log\",\"verb\":\"get\"", "",
		       "false,\"reason\":\"no\""),
	};
	cleanup_buf struct buf said = { 0 };
	struct kube_server v;
	enum kube_may may;
	char why[256];
	struct lab l;

	lab_open(&l, steps, COUNT(steps), (struct kubeconfig){ 0 });
	cr_assert_eq(kube_log(l.k, POD, "tailLines=2", 0, say_line, &said, &l.e), 0, "%s", l.e.msg);
	cr_expect_str_eq(buf_cstr(&said), "[one][\033[2Jtwo][three]");
	cr_expect_eq(kube_log(l.k, POD, "tailLines=2", 0, say_line, &said, &l.e), -ERR_NOT_FOUND);
	err_clear(&l.e);
	cr_assert_eq(kube_server(l.k, &v, &l.e), 0, "%s", l.e.msg);
	cr_expect_str_eq(v.version, "v1.36.3");
	cr_expect_leq(llabs(v.clock_difference_ms + (clock_now_s() - 60) * 1000), 2000);
	cr_assert_eq(kube_may(l.k, "get", "", "pods/log", "lab", NULL, &may, why, &l.e), 0, "%s",
	             l.e.msg);
	cr_expect(may == KUBE_MAY_NOT && streq(why, "no"));
	lab_close(&l);
}

Test(kube_watch, logs_end_in_time)
{
#define GET_LOG(query, how_, reply_)                                                              \
	{                                                                                         \
		.request = "GET " POD "/log" query, .headers = JSON, .how = how_, .reply = reply_ \
	}
	static const struct step followed[] = {
		GET_LOG("?follow=true", STEP_RAW,
		        "HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
		GET_LOG("?follow=true", STEP_RAW, CHUNKED "8\r\none\ntwo\n\r\n0\r\n\r\n"),
		GET_LOG("?follow=true", STEP_SILENT, NULL),
	};
	static const struct step silent[] = { GET_LOG("", STEP_SILENT, NULL) };
	static const struct step cut[] = { GET_LOG("", STEP_RAW, CHUNKED "9\r\none\ntw") };
	cleanup_buf struct buf said = { 0 };
	uint64_t began_ms;
	struct lab l;

	lab_open(&l, followed, COUNT(followed), (struct kubeconfig){ 0 });
	cr_expect_eq(kube_log(l.k, POD, "follow=true", 0, say_line, &said, &l.e), 0, "%s", l.e.msg);
	cr_expect_str_eq(buf_cstr(&said), "[one][two]");
	began_ms = clock_mono_ms();
	cr_expect_eq(kube_log(l.k, POD, "follow=true", began_ms + 600, say_line, &said, &l.e), 0,
	             "%s", l.e.msg);
	cr_expect_leq(clock_mono_ms() - began_ms, 1600);
	lab_close(&l);
	/* no end of its own: the time of one exchange */
	lab_open(&l, silent, COUNT(silent), (struct kubeconfig){ 0 });
	l.k->timeout_ms = 700;
	began_ms = clock_mono_ms();
	cr_expect_eq(kube_log(l.k, POD, NULL, 0, say_line, &said, &l.e), -ERR_UNREACHABLE);
	cr_expect_leq(clock_mono_ms() - began_ms, 1700);
	lab_close(&l);
	lab_open(&l, cut, COUNT(cut), (struct kubeconfig){ 0 });
	cr_expect_eq(kube_log(l.k, POD, NULL, 0, say_line, &said, &l.e), -ERR_UNREACHABLE);
	cr_expect_str_eq(buf_cstr(&said), "[one][two][one]");
	lab_close(&l);
}
