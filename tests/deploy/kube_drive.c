/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of the Kubernetes client from a script: kube_drive KUBECONFIG VERB ARGUMENT... against a
 * real API server. It prints what comes, a last line that says how it ended, and exits as slipway
 * would. It knows no object and no target.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"
#include "deploy/kube.h"
#include "deploy/kube_look.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"

#define EXCHANGE_MS 4000
#define LIST_MAX    1000

struct call {
	struct kube *k;
	const char *const *a; /* arguments behind the verb */
	int n;
	struct buf body;
};

static const char *
argument(const struct call *c, int i)
{
	return i < c->n ? c->a[i] : "";
}

static uint64_t
number(const struct call *c, int i)
{
	uint64_t ret = 0;

	(void)parse_u64(argument(c, i), UINT64_MAX, &ret);
	return ret;
}

static int
read_body(struct call *c, int i, struct err *e)
{
	return fs_read_at(AT_FDCWD, argument(c, i), KUBE_OBJECT_MAX, &c->body, e);
}

static int
get(struct call *c, struct err *e)
{
	cleanup_json json_t *j = NULL;
	int rc = kube_get(c->k, argument(c, 0), &j, e);

	if (rc == 0)
		(void)printf("%s %s %s\n", kube_text(j, "metadata.name"),
		             kube_text(j, "metadata.uid"),
		             kube_text(j, "metadata.resourceVersion"));
	return rc;
}

static int
list(struct call *c, struct err *e)
{
	cleanup_json json_t *j = NULL;
	const json_t *one;
	size_t i;
	int rc = kube_list(c->k, argument(c, 0), argument(c, 1), LIST_MAX, &j, e);

	json_array_foreach(json_object_get(j, "items"), i, one)(void)
	        printf("%s\n", kube_text(one, "metadata.name"));
	return rc;
}

static int
reply(int rc, struct kube_reply *r)
{
	if (rc == 0)
		(void)printf("%s %s created=%d audit=%s\n", kube_text(r->object, "metadata.name"),
		             kube_text(r->object, "metadata.uid"), r->created, r->audit_id);
	for (size_t i = 0; i < r->conflicts_n; i++)
		(void)printf("conflict %s %s\n", r->conflicts[i].field, r->conflicts[i].manager);
	(void)printf("%s", buf_cstr(&r->warnings));
	kube_reply_fini(r);
	return rc;
}

/* PATH FILE [dry] */
static int
apply(struct call *c, struct err *e)
{
	struct kube_apply a = { .path = argument(c, 0), .dry_run = streq(argument(c, 2), "dry") };
	struct kube_reply r = { 0 };
	int rc = read_body(c, 1, e);

	a.body = buf_str(&c->body);
	return rc < 0 ? rc : reply(kube_apply(c->k, &a, &r, e), &r);
}

static int
patch(struct call *c, struct err *e)
{
	struct kube_reply r = { 0 };
	int rc = read_body(c, 1, e);

	return rc < 0 ? rc
	              : reply(kube_patch(c->k, argument(c, 0), "application/merge-patch+json",
	                                 buf_str(&c->body), &r, e),
	                      &r);
}

static int
create(struct call *c, struct err *e)
{
	cleanup_json json_t *object = NULL;
	cleanup_json json_t *j = NULL;
	int rc = read_body(c, 1, e);

	if (rc == 0)
		rc = json_parse(buf_str(&c->body), "body", &object, e);
	return rc < 0 ? rc : kube_create(c->k, argument(c, 0), object, &j, e);
}

static int
delete_it(struct call *c, struct err *e)
{
	return kube_delete(c->k, argument(c, 0), argument(c, 1), e);
}

static int
proxy(struct call *c, struct err *e)
{
	cleanup_response struct http_response r = { 0 };
	int rc = kube_proxy(c->k, "GET", argument(c, 0), NULL, (struct str){ NULL, 0 }, 0, &r, e);

	if (rc == 0)
		(void)printf("status %ld, %zu bytes\n", r.status, r.body.n);
	return rc;
}

static int
on_event(void *arg, const char *type, const json_t *object, struct err *e)
{
	uint64_t *const left = arg;

	(void)e;
	if (streq(type, "LOST"))
		return 0;
	(void)printf("%s %s\n", type, kube_text(object, "metadata.name"));
	(void)fflush(stdout);
	return *left > 0 && --*left == 0;
}

/* PATH MILLISECONDS EVENTS: ends with the first of both */
static int
watch(struct call *c, struct err *e)
{
	uint64_t left = number(c, 2);

	return kube_watch(c->k, argument(c, 0), NULL, clock_mono_ms() + number(c, 1), on_event,
	                  &left, e);
}

static int
on_line(void *arg, struct str line, struct err *e)
{
	(void)arg;
	(void)e;
	(void)printf("| %.*s\n", (int)line.n, line.p);
	return 0;
}

static int
logs(struct call *c, struct err *e)
{
	return kube_log(c->k, argument(c, 0), argument(c, 1), clock_mono_ms() + number(c, 2),
	                on_line, NULL, e);
}

static int
who(struct call *c, struct err *e)
{
	struct kube_server s;
	char name[256];
	int rc = kube_server(c->k, &s, e);

	if (rc == 0)
		rc = kube_whoami(c->k, name, e);
	if (rc == 0)
		(void)printf("%s %s\n", s.version, name);
	return rc;
}

/* VERB GROUP RESOURCE NAMESPACE NAME */
static int
may(struct call *c, struct err *e)
{
	enum kube_may m;
	char why[256];
	int rc = kube_may(c->k, argument(c, 0), argument(c, 1), argument(c, 2), argument(c, 3),
	                  argument(c, 4), &m, why, e);

	if (rc == 0)
		(void)printf("%s\n", m == KUBE_MAY ? "may" : "may not");
	return rc;
}

static int
run(struct call *c, const char *verb, struct err *e)
{
	static const struct {
		const char *verb;
		int (*fn)(struct call *c, struct err *e);
	} verbs[] = {
		{ "get", get },     { "list", list },     { "apply", apply },
		{ "patch", patch }, { "create", create }, { "delete", delete_it },
		{ "proxy", proxy }, { "watch", watch },   { "log", logs },
		{ "who", who },     { "may", may },
	};

	for (size_t i = 0; i < COUNT(verbs); i++) {
		if (streq(verbs[i].verb, verb))
			return verbs[i].fn(c, e);
	}
	return err_set(e, ERR_USAGE, "unknown verb \"%s\"", verb);
}

int
main(int argc, char **argv)
{
	struct kubeconfig config = { 0 };
	struct call c = { .a = (const char *const *)argv + 3, .n = argc - 3 };
	const struct kube_options o = { .config = &config,
		                        .allow_exec = true,
		                        .timeout_ms = EXCHANGE_MS };
	struct err e = { 0 };
	int rc;

	if (argc < 3 || crypto_init() < 0)
		return 70;
	rc = kubeconfig_load(argv[1], NULL, &config, &e);
	if (rc == 0)
		rc = kube_open(&o, &c.k, &e);
	if (rc == 0)
		rc = run(&c, argv[2], &e);
	(void)printf("%s: %s (%s)\n", rc < 0 ? err_name(e.code) : "OK", e.msg, e.hint);
	kube_close(c.k);
	kubeconfig_fini(&config);
	buf_fini(&c.body);
	return rc < 0 ? err_exit_of((enum err_code) - rc) : 0;
}
