/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI registry as a store: oci://HOST[:PORT]/REPOSITORY. A version is pushed below it as
 * REPOSITORY/MODEL, either with its own manifest or as a model car. One HEAD when it is there;
 * else what is missing, the manifest after it, read back, and a tag last.
 * Source: OCI distribution specification 1.1, "Pushing blobs", "Pushing manifests".
 */
#include "deploy/remote_oci.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"
#include "deploy/oci_reference.h"

/* host is HOST[:PORT], an IPv6 address in brackets. */
static bool
is_loopback(const char *host)
{
	const size_t skip = host[0] == '[' ? strcspn(host, "]") : 0;
	cleanup_free char *name = xstrndup(host, skip + strcspn(host + skip, ":"));

	return http_is_loopback(name);
}

int
oci_connect(struct oci *s, const char *host, const char *repo, const struct remote_options *o,
            struct err *e)
{
	const struct http_options h = { .ca_file = o->ca_file, .allow_plain = o->allow_plain };

	s->host = xstrdup(host);
	s->repo = xstrdup(repo);
	/* this machine's is open unless an authority is named */
	s->base = xasprintf("%s://%s",
	                    o->allow_plain || (!o->ca_file && is_loopback(s->host)) ? "http"
	                                                                            : "https",
	                    s->host);
	s->o = *o;
	return http_new(&h, &s->http, e);
}

static int
oci_open(void *st, const char *address, const struct remote_options *o, struct err *e)
{
	const char *const at = address + strlen("oci://");
	const size_t n = strcspn(at, "/");
	cleanup_free char *host = xstrndup(at, n);

	if (n == 0 || at[n] != '/' || !oci_is_repository(at + n + 1) || strchr(host, '@')) {
		err_set(e, ERR_USAGE, "\"%s\" is no oci://HOST[:PORT]/REPOSITORY", address);
		return err_hint(e, "a repository is lower case, without a tag or a digest");
	}
	return oci_connect(st, host, at + n + 1, o, e);
}

void
oci_disconnect(struct oci *s)
{
	oci_auth_free(s->auth);
	http_free(s->http);
	stream_free(s->hashing);
	free(s->host);
	free(s->repo);
	free(s->base);
	*s = (struct oci){ 0 };
}

static void
oci_close(void *st)
{
	oci_disconnect(st);
}

/* MODEL may have a slash, as repositories may. */
static char *
repo_of(const struct oci *s, const char *model)
{
	return xasprintf("%s/%s", s->repo, model);
}

int
oci_use(struct oci *s, const char *repo, struct err *e)
{
	oci_auth_free(s->auth);
	s->auth = NULL;
	return oci_auth_new(&s->o, s->host, repo, &s->auth, e);
}

static int
put_manifest(struct oci *s, const char *repo, struct str text, const struct digest *d,
             struct err *e)
{
	cleanup_free char *url = oci_url(s, repo, "manifests", d);
	const struct ask a = {
		.method = "PUT", .url = url, .type = OCI_MANIFEST_TYPE, .body = text, .push = true
	};
	const struct ask back = {
		.method = "GET", .url = url, .is_read = true, .accept = "Accept: " OCI_MANIFEST_TYPE
	};
	cleanup_response struct http_response r = { 0 }, again = { 0 };
	struct digest got;
	int rc = oci_ask(s, &a, &r, e);

	if (rc == 0 && r.status != 201)
		rc = oci_refused(s, "the manifest", &r, e);
	if (rc == 0)
		rc = oci_ask(s, &back, &again, e);
	if (rc < 0)
		return rc;
	digest_small(again.body.p, again.body.n, &got);
	return digest_eq(&got, d)
	               ? 0
	               : err_set(e, ERR_DIGEST,
	                         "registry \"%s\" gives another manifest back than it took",
	                         s->host);
}

/* A name that people know it by, and that keeps a registry from sweeping it away. One that is taken
 * is left alone: what we name is always the digest. */
static int
put_tag(struct oci *s, const char *repo, struct str text, const char *tag, struct err *e)
{
	cleanup_free char *url = xasprintf("%s/v2/%s/manifests/%s", s->base, repo, tag);
	const struct ask look = { .method = "HEAD",
		                  .url = url,
		                  .is_read = true,
		                  .push = true,
		                  .accept = "Accept: " OCI_MANIFEST_TYPE };
	const struct ask put = {
		.method = "PUT", .url = url, .type = OCI_MANIFEST_TYPE, .body = text, .push = true
	};
	cleanup_response struct http_response there = { 0 }, r = { 0 };
	int rc = oci_ask(s, &look, &there, e);

	if (rc < 0 || there.status == 200)
		return rc;
	rc = oci_ask(s, &put, &r, e);
	return rc == 0 && r.status != 201 ? oci_refused(s, "its tag", &r, e) : rc;
}

static void
reference_of(const struct oci *s, const char *repo, const struct digest *d, char ret[1024])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	(void)snprintf(ret, 1024, "oci://%s/%s@sha256:%s", s->host, repo, hex);
}

/* Which of the blobs would be sent? The answers do not depend on each other. */
static int
look_for(struct oci *s, const char *repo, const struct blob *v, size_t n, struct remote_put *ret,
         struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < n; i++) {
		rc = oci_has(s, repo, "blobs", &v[i].digest, v[i].size, e);
		*(rc == 1 ? &ret->present : &ret->sent) += v[i].size;
	}
	ret->changed = rc >= 0;
	return rc < 0 ? rc : 0;
}

static int
put_all(struct oci *s, const char *repo, const struct blob *v, size_t n, struct str manifest,
        const struct digest *d, const char *tag, struct remote_put *ret, struct err *e)
{
	int rc = oci_has(s, repo, "manifests", d, manifest.n, e);

	for (size_t i = 0; rc == 1 && i < n; i++)
		ret->present += v[i].size;
	if (rc == 1)
		return 0;
	if (rc == 0 && s->o.only_looks)
		return look_for(s, repo, v, n, ret, e);
	if (rc == 0)
		rc = oci_put_blobs(s, repo, v, n, ret, e);
	if (rc == 0)
		rc = put_manifest(s, repo, manifest, d, e);
	if (rc == 0)
		rc = put_tag(s, repo, manifest, tag, e);
	ret->changed = rc == 0;
	return rc;
}

static int
put_modelpack(struct oci *s, const char *repo, const struct remote_version *v,
              struct remote_put *ret, struct err *e)
{
	cleanup_free struct blob *b = xcalloc(v->files->n + 1, sizeof *b);
	cleanup_free char *tag = xasprintf("v%" PRIu64, v->number);

	b[0] = (struct blob){ .name = "its config", .size = v->config.n, .text = v->config };
	digest_small(v->config.p, v->config.n, &b[0].digest);
	for (size_t i = 0; i < v->files->n; i++)
		b[i + 1] = (struct blob){ .name = v->files->files[i].path,
			                  .digest = v->files->files[i].digest,
			                  .size = v->files->files[i].size,
			                  .files = v->files,
			                  .index = i };
	return put_all(s, repo, b, v->files->n + 1, v->manifest, &v->digest, tag, ret, e);
}

static int
put_car(struct oci *s, const char *repo, const struct remote_version *v, const struct oci_car *car,
        struct remote_put *ret, struct err *e)
{
	cleanup_free char *tag = xasprintf("v%" PRIu64 "-car", v->number);
	const struct blob b[] = {
		{ .name = "its config",
		  .digest = car->config_digest,
		  .size = car->config.n,
		  .text = buf_str(&car->config) },
		{ .name = "its layer",
		  .digest = car->layer,
		  .size = car->size,
		  .files = v->files,
		  .index = SIZE_MAX },
	};

	return put_all(s, repo, b, COUNT(b), buf_str(&car->manifest), &car->digest, tag, ret, e);
}

static int
no_form(struct err *e)
{
	return err_set(e, ERR_USAGE, "an OCI registry holds manifests, not plain files");
}

static int
oci_reference(void *st, const struct remote_version *v, enum remote_form f, char ret[1024],
              struct err *e)
{
	struct oci *const s = st;
	cleanup_free char *repo = repo_of(s, v->model);
	struct oci_car car;
	int rc;

	if (f == REMOTE_MODELPACK) {
		reference_of(s, repo, &v->digest, ret);
		return 0;
	}
	if (f != REMOTE_MODELCAR)
		return no_form(e);
	rc = oci_car_make(v->files, v->model, v->number, &v->digest, &car, e);
	if (rc == 0)
		reference_of(s, repo, &car.digest, ret);
	oci_car_fini(&car);
	return rc;
}

static int
oci_put(void *st, const struct remote_version *v, enum remote_form f, struct remote_put *ret,
        struct err *e)
{
	struct oci *const s = st;
	cleanup_free char *repo = repo_of(s, v->model);
	struct oci_car car = { 0 };
	int rc;

	*ret = (struct remote_put){ 0 };
	if (f != REMOTE_MODELPACK && f != REMOTE_MODELCAR)
		return no_form(e);
	rc = oci_use(s, repo, e);
	if (rc == 0 && f == REMOTE_MODELCAR)
		rc = oci_car_make(v->files, v->model, v->number, &v->digest, &car, e);
	if (rc < 0)
		return rc;
	reference_of(s, repo, f == REMOTE_MODELCAR ? &car.digest : &v->digest, ret->reference);
	rc = f == REMOTE_MODELCAR ? put_car(s, repo, v, &car, ret, e)
	                          : put_modelpack(s, repo, v, ret, e);
	oci_car_fini(&car);
	/* whatever is half there is nothing: the manifest comes last */
	if (rc == -ERR_OUTCOME_UNKNOWN)
		e->code = ERR_UNREACHABLE;
	return rc < 0 ? -(int)e->code : 0;
}

static int
oci_probe(void *st, char detail[256], struct err *e)
{
	struct oci *const s = st;
	int rc = oci_use(s, s->repo, e);

	if (rc == 0)
		rc = oci_try_upload(s, s->repo, e);
	if (rc < 0)
		return rc;
	(void)snprintf(detail, 256, "%s takes what is pushed to %s", s->host, s->repo);
	return 0;
}

const struct remote_driver remote_oci = {
	.scheme = "oci",
	.state_size = sizeof(struct oci),
	.open = oci_open,
	.probe = oci_probe,
	.reference = oci_reference,
	.put = oci_put,
	.close = oci_close,
};
