/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes are what came from a cluster or a credential plugin: the body of a refusal under each
 * status, a stream in pieces, an ExecCredential. A read never ends as unknown, a page of a proxy
 * never as the cluster's word about a write, and nothing that is said moves a terminal.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "deploy/kube_exec.h"
#include "deploy/kube_lines.h"
#include "deploy/kube_private.h"

#define LINE_MAX_TRIED 64

static void
promise_calm(const char *s)
{
	for (; *s; s++)
		PROMISE((unsigned char)*s >= ' ' && *s != 0x7f);
}

static void
as_refusal(struct str bytes, bool is_read)
{
	static const long statuses[] = { 400, 401, 403, 404, 409, 410, 413, 415,
		                         422, 429, 500, 502, 503, 504, 599 };
	const struct kube_call c = { .method = "PATCH", .path = "/p", .is_read = is_read };
	struct http_response r = { .content_type = "application/json" };

	buf_add(&r.body, bytes.p, bytes.n);
	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct kube_reply reply = { 0 };
		struct err e = { 0 };
		int rc;

		r.status = statuses[i];
		rc = kube_error(&c, &r, &reply, &e);
		PROMISE(rc < 0);
		promise_err(rc, &e);
		promise_calm(e.msg);
		PROMISE(!is_read || rc != -ERR_OUTCOME_UNKNOWN);
		if (!is_read && bytes.n > 0 && bytes.p[0] == '<')
			PROMISE(rc == -ERR_OUTCOME_UNKNOWN);
		for (size_t k = 0; k < reply.conflicts_n; k++) {
			promise_calm(reply.conflicts[k].field);
			promise_calm(reply.conflicts[k].manager);
			promise_calm(reply.conflicts[k].time);
		}
		kube_reply_fini(&reply);
	}
	http_response_fini(&r);
}

static int
on_line(void *arg, struct str line, struct err *e)
{
	cleanup_json json_t *j = NULL;
	struct err ignored = { 0 }, why = { 0 };

	(void)e;
	*(size_t *)arg += line.n;
	PROMISE(line.n <= LINE_MAX_TRIED);
	PROMISE(!memchr(line.p ? line.p : "", '\n', line.n));
	if (json_parse(line, "event", &j, &ignored) == 0) {
		PROMISE(kube_status_error(j, "/p", &why) < 0);
		promise_calm(why.msg);
	}
	return 0;
}

/* In pieces of any one size the lines are the same. */
static void
as_stream(struct str bytes, size_t piece, bool cuts)
{
	size_t seen = 0, at = 0;
	struct kube_lines l = { .max = LINE_MAX_TRIED, .cuts = cuts, .fn = on_line, .arg = &seen };
	struct err e = { 0 };
	int rc = 0;

	for (; rc == 0 && at < bytes.n; at += piece) {
		const size_t left = bytes.n - at;
		rc = kube_lines_write(&l, bytes.p + at, left < piece ? left : piece, &e);
		PROMISE(l.part.n <= LINE_MAX_TRIED);
	}
	promise_err(rc, &e);
	PROMISE(rc == 0 || (rc == -ERR_TOO_BIG && !cuts));
	PROMISE(seen <= bytes.n);
	kube_lines_fini(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct kube_exec_word w;
	struct err e = { 0 };
	int rc = kube_exec_parse(input(p, n), "client.authentication.k8s.io/v1", &w, &e);

	promise_err(rc, &e);
	PROMISE((rc == 0) == (w.token || w.cert_pem));
	PROMISE(!w.cert_pem == !w.key_pem);
	if (w.token)
		promise_calm(w.token);
	kube_exec_word_fini(&w);
	as_refusal(input(p, n), true);
	as_refusal(input(p, n), false);
	as_stream(input(p, n), 1, true);
	as_stream(input(p, n), 7, false);
	return 0;
}
