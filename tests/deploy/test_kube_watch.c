/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of an API server: watches that are cut, forgotten and denied, lines, logs.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "deploy/kube_lines.h"
#include "deploy/kube_look.h"
#include "registry/base/clock.h"
#include "tests/deploy/kube_lab.h"

TestSuite(kube_watch);

#define POD "/api/v1/namespaces/lab/pods/p"

struct seen {
	struct buf b; /* "ADDED:name " .. */
	unsigned n, most;
};

static int
see(void *arg, const char *type, const json_t *object, struct err *e)
{
	struct seen *const s = arg;

	(void)e;
	buf_addf(&s->b, "%s:%s ", type, kube_text(object, "metadata.name"));
	return ++s->n >= s->most;
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LIST(rv, items)                                                                          \
	{                                                                                        \
		.request = "GET /w?limit=500", .headers = JSON, .status = 200,                   \
		.reply = "{\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}" \
	}
#define WATCH(rv, seconds, raw)                                                              \
	{                                                                                    \
		.request = "GET /w?watch=1&allowWatchBookmarks=true&timeoutSeconds=" seconds \
		           "&resourceVersion=" rv,                                           \
		.headers = JSON, .how = STEP_RAW, .reply = raw                               \
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
	buf_fini(&s.b);
	lab_close(&l);
}

Test(kube_watch, a_watch_that_is_denied_polls_and_a_list_that_is_denied_ends)
{
	static const struct step polls[] = {
		LIST("5", ""),
		{ .request = "GET /w?watch=1&allowWatchBookmarks=true&timeoutSeconds=7"
		             "&resourceVersion=5",
		  .headers = JSON,
		  .status = 403,
		  .reply = "{\"kind\":\"Status\",\"message\":\"no\"}" },
		LIST("6", NAMED("a", "6")),
	};
	static const struct step denied[] = {
		{ .request = "GET /w?limit=500",
		  .headers = JSON,
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
		{ .request = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		  .headers = "Content-Type: application/json\r\n" JSON,
		  .body = "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":"
		          "\"SelfSubjectAccessReview\",\"spec\":{\"resourceAttributes\":{\"group\":"
		          "\"\","
		          "\"namespace\":\"lab\",\"resource\":\"pods\",\"subresource\":\"log\","
		          "\"verb\":\"get\"}}}",
		  .status = 201,
		  .reply = "{\"status\":{\"allowed\":false,\"reason\":\"no\"}}" },
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
