/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted cluster (tests/deploy/cluster), versions in memory, a target and its driver opened:
 * what the tests of cluster drivers share. Writes are read from the server's own log.
 */
#pragma once

#include "tests/unit/folder_fixture.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "deploy/driver_cluster.h"
#include "deploy/http.h"
#include "deploy/smoke.h"

#define IMAGE \
	"reg.site/server@sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define PLAN_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define PLAN_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define OBJECT "/apis/apps/v1/namespaces/prod/deployments/fraud"
#define RECORD "/api/v1/namespaces/prod/configmaps/fraud-slipway"

struct scene {
	char dir[64], url[64], config[96], log[96];
	pid_t pid;
	json_t *settings;
	struct target t;
	const struct deploy_driver *d;
	void *st;
	struct version v[4];
	struct http *http;
};

static inline void
start_server(struct scene *s)
{
	char *argv[] = { getenv("SLIPWAY_CLUSTER"), s->log, NULL };
	posix_spawn_file_actions_t actions;
	char port[16] = "";
	int fds[2];

	if (!argv[0])
		cr_skip_test("SLIPWAY_CLUSTER names no scripted cluster");
	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	cr_assert_eq(posix_spawn(&s->pid, argv[0], &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	for (size_t n = 0; n < sizeof port - 1 && !strchr(port, '\n');) {
		const ssize_t got = read(fds[0], port + n, sizeof port - 1 - n);

		cr_assert(got > 0, "the scripted cluster did not start");
		n += (size_t)got;
	}
	close(fds[0]);
	port[strcspn(port, "\n")] = '\0';
	(void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%s", port);
}

static inline void
write_file(const char *path, const char *text)
{
	struct err e = { 0 };

	cr_assert_eq(fs_write_at(AT_FDCWD, path, text, strlen(text), 0600, &e), 0, "%s", e.msg);
}

static inline void
begin(struct scene *s, const char *driver)
{
	const struct http_options o = { 0 };
	struct err e = { 0 };

	*s = (struct scene){ 0 };
	(void)snprintf(s->dir, sizeof s->dir, "/tmp/slipway-cluster-XXXXXX");
	cr_assert(mkdtemp(s->dir));
	(void)snprintf(s->config, sizeof s->config, "%s/kubeconfig", s->dir);
	(void)snprintf(s->log, sizeof s->log, "%s/log", s->dir);
	start_server(s);
	cleanup_free char *config = xasprintf(
	        "{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"current-context\":\"c\",\"contexts\":"
	        "["
	        "{\"name\":\"c\",\"context\":{\"cluster\":\"k\",\"user\":\"u\"}}],\"clusters\":[{"
	        "\"name\":\"k\",\"cluster\":{\"server\":\"%s\"}}],\"users\":[{\"name\":\"u\","
	        "\"user\":{}}]}",
	        s->url);
	write_file(s->config, config);
	s->settings = json_pack("{s:s, s:s, s:s, s:s}", "store", "pvc://models/slipway",
	                        "store-path", s->dir, "image", IMAGE, "replicas", "2");
	s->t = (struct target){ .name = "prod",
		                .driver = driver,
		                .url = s->url,
		                .ns = "prod",
		                .object = "fraud",
		                .settings = s->settings,
		                .kubeconfig = s->config,
		                .context = "c",
		                .bound_url = s->url };
	s->d = deploy_driver_find(driver);
	cr_assert(s->d);
	s->st = xcalloc(1, s->d->state_size);
	cr_assert_eq(s->d->open(s->st, &s->t, &e), 0, "%s", e.msg);
	for (unsigned i = 1; i < COUNT(s->v); i++)
		version_make(&s->v[i], i);
	cr_assert_eq(http_new(&o, &s->http, &e), 0);
}

/* As the next process does: what was said of rights is believed for a minute. */
static inline void
begin_again(struct scene *s)
{
	struct err e = { 0 };

	s->d->close(s->st);
	cr_assert_eq(s->d->open(s->st, &s->t, &e), 0, "%s", e.msg);
}

static inline void
end(struct scene *s)
{
	s->d->close(s->st);
	free(s->st);
	http_free(s->http);
	json_decref(s->settings);
	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
}

/* Past the driver: how the cluster is, and what somebody else does there. */
static inline json_t *
other(struct scene *s, const char *method, const char *path, const char *body)
{
	cleanup_free char *url = xasprintf("%s%s", s->url, path);
	cleanup_response struct http_response r = { 0 };
	const struct http_request q = { .method = method,
		                        .url = url,
		                        .body = str_of(body),
		                        .content_type = "application/merge-patch+json" };
	json_t *j = NULL;
	struct err e = { 0 };

	cr_assert_eq(http_perform(s->http, &q, &r, &e), 0, "%s", e.msg);
	cr_assert_eq(json_parse(buf_str(&r.body), path, &j, &e), 0, "%s", e.msg);
	return j;
}

static inline void
control(struct scene *s, const char *body)
{
	json_decref(other(s, "PUT", "/control", body));
}

static inline json_t *
live(struct scene *s, const char *path)
{
	return other(s, "GET", path, NULL);
}

/* "PATCH deployments/fraud; ..." of all that could change something, each dry run left out; the
 * bodies of those to path are kept. */
struct writes {
	struct buf text;
	json_t *bodies;
};

static inline void
writes_of(const struct scene *s, const char *path, struct writes *ret)
{
	cleanup_buf struct buf log = { 0 };
	struct err e = { 0 };

	*ret = (struct writes){ .bodies = json_array() };
	cr_assert_eq(fs_read_at(AT_FDCWD, s->log, 8 << 20, &log, &e), 0, "%s", e.msg);
	for (const char *p = buf_cstr(&log), *lf; (lf = strchr(p, '\n')) != NULL; p = lf + 1) {
		cleanup_json json_t *j = NULL;
		const char *method, *uri, *last;

		cr_assert_eq(json_parse((struct str){ p, (size_t)(lf - p) }, "log", &j, &e), 0);
		method = json_opt_string(j, "method");
		uri = json_opt_string(j, "uri");
		if (streq(method, "GET") || streq(method, "POST") || strstr(uri, "dryRun") ||
		    streq(method, "PUT") || strstr(uri, "fieldManager=other"))
			continue;
		last = strstr(uri, "/prod/");
		buf_addf(&ret->text, "%s %.*s; ", method, last ? (int)strcspn(last + 6, "?") : 1,
		         last ? last + 6 : "?");
		/* a route is taken by force: its setting says so */
		cr_expect(streq(method, "DELETE") ||
		                  strstr(uri, "?fieldManager=slipway&force=false&"
		                              "fieldValidation=Strict") ||
		                  (strstr(uri, "/httproutes/") && strstr(uri, "&force=true&")),
		          "%s", uri);
		if (has_prefix(uri, path))
			json_array_append_new(ret->bodies, json_copy(json_object_get(j, "body")));
	}
}

static inline void
writes_fini(struct writes *w)
{
	buf_fini(&w->text);
	json_decref(w->bodies);
}

static inline void
expect_writes(const struct scene *s, const char *want)
{
	struct writes w;

	writes_of(s, "/", &w);
	cr_expect_str_eq(buf_cstr(&w.text), want, "%s", buf_cstr(&w.text));
	writes_fini(&w);
}

static inline struct rollout
rollout_of(struct scene *s, unsigned number, const char *plan)
{
	struct rollout q = { .registry_id = "r-1",
		             .model = "risk/fraud",
		             .plan_id = plan,
		             .job_id = "beefbeefbeefbeef",
		             .empty = number == 0,
		             .number = number };

	if (number) {
		q.version = s->v[number].id;
		q.files = &s->v[number].source;
	}
	return q;
}

static inline struct precondition
was(struct scene *s, unsigned number, const char *plan)
{
	struct precondition p = { .empty = number == 0, .number = number, .plan_id = plan };

	if (number)
		p.version = s->v[number].id;
	return p;
}

/* As a job does: bytes, then the switch. */
static inline int
promote(struct scene *s, unsigned from, unsigned to, const char *plan, struct err *e)
{
	const struct rollout q = rollout_of(s, to, plan);
	const struct precondition p = was(s, from, plan);
	cleanup_buf struct buf rendered = { 0 };
	int rc;

	err_clear(e);
	rc = s->d->stage(s->st, &q, e);
	if (rc == 0)
		rc = s->d->render(&s->t, &q, &rendered, e);
	return rc < 0 ? rc : s->d->apply(s->st, &q, buf_str(&rendered), &p, e);
}

/* Version 2 as a newcomer, its bytes where they are read. */
static inline struct rollout
canary_of(struct scene *s, struct buf *rendered)
{
	const struct rollout q = rollout_of(s, 2, PLAN_B);
	struct err e = { 0 };

	cr_assert_eq(s->d->stage(s->st, &q, &e), 0, "%s", e.msg);
	cr_assert_eq(s->d->render(&s->t, &q, rendered, &e), 0, "%s", e.msg);
	return q;
}

static inline struct observation
look(struct scene *s, unsigned number)
{
	const struct rollout q = rollout_of(s, number, NULL);
	struct observation o;
	struct err e = { 0 };

	cr_assert_eq(s->d->observe(s->st, &q, &o, &e), 0, "%s", e.msg);
	return o;
}

#define ALL_LAYERS                                                                          \
	(PROOF_BIT(PROOF_OBJECT) | PROOF_BIT(PROOF_WORKLOAD) | PROOF_BIT(PROOF_INSTANCES) | \
	 PROOF_BIT(PROOF_LISTED))

static inline void
expect_there(struct scene *s, unsigned number)
{
	const struct observation o = look(s, number);

	cr_expect_eq(o.status, ROLLOUT_SUCCEEDED, "v%u: %s", number, o.reason);
	cr_expect_eq(o.proofs, ALL_LAYERS, "v%u: %x", number, o.proofs);
	cr_expect(!o.is_drifted && o.serving_known && o.serving_number == number, "v%u", number);
}
