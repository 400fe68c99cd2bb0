/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI registry as a store: oci://HOST[:PORT]/REPOSITORY. A version is pushed below it as
 * REPOSITORY/MODEL, either with its own manifest or as a model car. One HEAD when it is there;
 * else what is missing, the manifest last, and what the registry then says it has.
 * Source: OCI distribution specification 1.1, "Pushing blobs", "Pushing manifests".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "deploy/http.h"
#include "deploy/oci_auth.h"
#include "deploy/oci_car.h"
#include "deploy/remote.h"
#include "registry/base/clock.h"
#include "registry/base/fs.h"

#define LOOK_MS   30000
#define IDLE_MS   60000 /* an upload that does not move */
#define TRIES     4     /* of a blob whose connection was lost */
#define BYTES_MAX (8u << 20)

struct oci {
	struct http *http;
	struct oci_auth *auth;
	char *host, *repo, *base; /* base: "https://HOST" */
	const struct remote_options *o;
	struct remote_options kept;
};

static bool
is_repo(const char *s)
{
	/* components of the specification's <name>; no upper case, no empty part */
	const char *p = s;

	while (*p) {
		const size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyz0123456789._-");
		if (n == 0 || strchr("._-", p[0]) || strchr("._-", p[n - 1]) ||
		    (p[n] != '\0' && p[n] != '/') || (p[n] == '/' && p[n + 1] == '\0'))
			return false;
		p += n + (p[n] == '/');
	}
	return s[0] != '\0';
}

static bool
is_loopback(const char *host)
{
	return has_prefix(host, "127.") || has_prefix(host, "localhost:") ||
	       has_prefix(host, "[::1]") || streq(host, "localhost");
}

static int
oci_open(void *st, const char *address, const struct remote_options *o, struct err *e)
{
	struct oci *const s = st;
	const char *const at = address + strlen("oci://");
	const size_t n = strcspn(at, "/");
	const bool plain =
	        o->allow_plain || (!o->ca_file && is_loopback(at)); /* as docker has it */
	const struct http_options h = { .ca_file = o->ca_file, .allow_plain = o->allow_plain };

	if (n == 0 || at[n] != '/' || !is_repo(at + n + 1) || memchr(at, '@', n)) {
		err_set(e, ERR_USAGE, "\"%s\" is no oci://HOST[:PORT]/REPOSITORY", address);
		return err_hint(e, "a repository is lower case, without a tag or a digest");
	}
	s->host = xstrndup(at, n);
	s->repo = xstrdup(at + n + 1);
	s->base = xasprintf("%s://%s", plain ? "http" : "https", s->host);
	s->kept = *o;
	s->o = &s->kept;
	return http_new(&h, &s->http, e);
}

static void
oci_close(void *st)
{
	struct oci *const s = st;

	oci_auth_free(s->auth);
	http_free(s->http);
	free(s->host);
	free(s->repo);
	free(s->base);
	*s = (struct oci){ 0 };
}

/* MODEL may have a slash, as repositories may. */
static char *
repo_of(const struct oci *s, const char *model)
{
	return xasprintf("%s/%s", s->repo, model);
}

static int
use_repo(struct oci *s, const char *repo, struct err *e)
{
	oci_auth_free(s->auth);
	s->auth = NULL;
	return oci_auth_new(s->o->credentials, s->host, repo, &s->auth, e);
}

/* --- one exchange, with who we are --- */

struct ask {
	const char *method, *url, *type;
	struct str body;
	const struct http_upload *upload;
	const char *accept, *range; /* whole header lines; NULL */
	bool is_read, push;
};

static bool
is_ours(const struct oci *s, const char *url)
{
	const size_t n = strlen(s->base);

	return strncmp(url, s->base, n) == 0 && (url[n] == '/' || url[n] == '\0');
}

static int
once(struct oci *s, const struct ask *a, struct http_response *r, struct err *e)
{
	const char *headers[4] = { NULL };
	size_t n = 0;
	const struct http_request q = {
		.method = a->method,
		.url = a->url,
		.body = a->body,
		.content_type = a->type,
		.headers = headers,
		.upload = a->upload,
		.timeout_ms = a->upload ? HTTP_NO_TIMEOUT : LOOK_MS,
		.idle_ms = a->upload ? IDLE_MS : 0,
		.response_max = BYTES_MAX,
		.safe_to_repeat = a->is_read,
		.check = s->o->check,
		.check_arg = s->o->arg,
	};

	/* an upload may be sent elsewhere; our credential is for this registry */
	if (is_ours(s, a->url) && oci_auth_header(s->auth))
		headers[n++] = oci_auth_header(s->auth);
	if (a->accept)
		headers[n++] = a->accept;
	if (a->range)
		headers[n++] = a->range;
	return http_perform(s->http, &q, r, e);
}

static int
perform(struct oci *s, const struct ask *a, struct http_response *r, struct err *e)
{
	int rc = once(s, a, r, e);

	/* an upload cannot be said again: it begins with a request that can */
	for (unsigned i = 0; rc == 0 && r->status == 401 && i < 2 && !a->upload; i++) {
		cleanup_response struct http_response said = *r;

		*r = (struct http_response){ 0 };
		rc = oci_auth_answer(s->auth, s->http, http_header(&said, "www-authenticate", NULL),
		                     a->push, e);
		if (rc < 0)
			return err_prefix(e, "registry \"%s\"", s->host);
		rc = once(s, a, r, e);
	}
	return rc;
}

/* The registry's own words: {"errors":[{"code","message"}]}. */
static int
refused(const struct oci *s, const char *what, const struct http_response *r, struct err *e)
{
	cleanup_json json_t *j = NULL;
	struct err ignored = { 0 };
	const json_t *first = NULL;
	const char *said = NULL;
	const enum err_code code = r->status == 401 || r->status == 403   ? ERR_DENIED
	                           : r->status == 404                     ? ERR_NOT_FOUND
	                           : r->status == 413                     ? ERR_TOO_BIG
	                           : r->status == 429 || r->status >= 500 ? ERR_UNREACHABLE
	                                                                  : ERR_ROLLOUT_FAILED;

	if (json_parse(buf_str(&r->body), "answer", &j, &ignored) == 0)
		first = json_array_get(json_object_get(j, "errors"), 0);
	said = json_opt_string(first, "message");
	err_set(e, code, "registry \"%s\" refuses %s: %s%sstatus %ld", s->host, what,
	        said ? said : "", said ? ", " : "", r->status);
	if (code == ERR_DENIED)
		return err_hint(e, "docker login or podman login keeps a credential for it");
	return -(int)code;
}

static char *
url_of(const struct oci *s, const char *repo, const char *kind, const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	return xasprintf("%s/v2/%s/%s/sha256:%s", s->base, repo, kind, hex);
}

/* 1: it is there. */
static int
has(struct oci *s, const char *repo, const char *kind, const struct digest *d, struct err *e)
{
	cleanup_free char *url = url_of(s, repo, kind, d);
	const struct ask a = {
		.method = "HEAD",
		.url = url,
		.accept = streq(kind, "manifests") ? "Accept: " OCI_MANIFEST_TYPE : NULL,
		.is_read = true,
		.push = true,
	};
	cleanup_response struct http_response r = { 0 };
	int rc = perform(s, &a, &r, e);

	if (rc < 0)
		return rc;
	if (r.status == 404)
		return 0;
	return r.status == 200 ? 1 : refused(s, kind, &r, e);
}

/* --- blobs --- */

/* Bytes of one blob, hashed as they go; what a resumed upload leaves out is read all the same. */
struct blob {
	const char *name;
	struct digest digest;
	uint64_t size;
	struct str text;            /* small ones; p NULL: by open */
	const struct source *files; /* a file of the version, or all of them as a layer */
	size_t index;               /* SIZE_MAX: the layer */
};
struct reading {
	const struct blob *b;
	struct oci *s;
	int fd;
	struct oci_tar *tar;
	struct hasher *hasher;
	uint64_t at, skip; /* bytes read; bytes that the registry has */
	uint64_t *done, total;
};

static int
reading_open(struct reading *r, struct err *e)
{
	r->fd = -1;
	r->hasher = hasher_new();
	if (r->b->text.p)
		return 0;
	if (r->b->index == SIZE_MAX) {
		r->tar = oci_tar_open(r->b->files);
		return 0;
	}
	return r->b->files->open(r->b->files->arg, r->b->index, &r->fd, e);
}

static void
reading_close(struct reading *r)
{
	close_quietly(r->fd);
	oci_tar_close(r->tar);
	hasher_free(r->hasher);
}

static int
read_some(struct reading *r, void *p, size_t n, size_t *ret_n, struct err *e)
{
	const struct str text = r->b->text;
	ssize_t got;

	if (r->tar)
		return oci_tar_read(r->tar, p, n, ret_n, e);
	if (text.p) {
		*ret_n = n < text.n - r->at ? n : (size_t)(text.n - r->at);
		memcpy(p, text.p + r->at, *ret_n);
		return 0;
	}
	do
		got = read(r->fd, p, n);
	while (got < 0 && errno == EINTR);
	*ret_n = got < 0 ? 0 : (size_t)got;
	return got < 0 ? err_sys(e, "cannot read \"%s\"", r->b->name) : 0;
}

/* The last byte is not given away before all of them are known to be right. */
static int
check_end(struct reading *r, struct err *e)
{
	struct digest got;

	if (r->at < r->b->size)
		return 0;
	hasher_final(r->hasher, &got);
	return digest_eq(&got, &r->b->digest)
	               ? 0
	               : err_set(e, ERR_DIGEST, "\"%s\" has other bytes than the version says",
	                         r->b->name);
}

static int
upload_read(void *arg, void *p, size_t n, size_t *ret_n, struct err *e)
{
	struct reading *const r = arg;
	int rc;

	do {
		/* nothing beyond the edge of what the registry has already */
		const uint64_t most = r->at < r->skip && r->skip - r->at < n ? r->skip - r->at : n;

		rc = read_some(r, p, (size_t)most, ret_n, e);
		if (rc < 0 || *ret_n == 0)
			return rc;
		hasher_update(r->hasher, p, *ret_n);
		r->at += *ret_n;
		rc = check_end(r, e);
	} while (rc == 0 && r->at <= r->skip && r->skip > 0 && r->at < r->b->size);
	if (rc == 0 && r->s->o->progress) {
		*r->done += *ret_n;
		r->s->o->progress(r->s->o->arg, *r->done, r->total);
	}
	return rc;
}

/* Location, absolute or of this host; kept with what the registry put behind "?". */
static int
location(const struct oci *s, const struct http_response *r, char **ret, struct err *e)
{
	const struct str to = http_header(r, "location", NULL);

	free(*ret);
	*ret = NULL;
	if (!to.p || to.n == 0 || to.n > 8192)
		return err_set(e, ERR_MALFORMED, "registry \"%s\" does not say where to upload",
		               s->host);
	*ret = to.p[0] == '/' ? xasprintf("%s%.*s", s->base, (int)to.n, to.p)
	                      : xstrndup(to.p, to.n);
	return 0;
}

static int
begin_upload(struct oci *s, const char *repo, char **ret_url, struct err *e)
{
	cleanup_free char *url = xasprintf("%s/v2/%s/blobs/uploads/", s->base, repo);
	const struct ask a = { .method = "POST", .url = url, .push = true };
	cleanup_response struct http_response r = { 0 };
	int rc = perform(s, &a, &r, e);

	if (rc < 0)
		return rc;
	return r.status == 202 ? location(s, &r, ret_url, e) : refused(s, "an upload", &r, e);
}

/* "0-1023": how far it has come. */
static uint64_t
range_end(const struct http_response *r)
{
	const struct str s = http_header(r, "range", NULL);
	const char *const dash = s.p ? memchr(s.p, '-', s.n) : NULL;
	uint64_t last;

	if (!dash ||
	    parse_u64_n(dash + 1, (size_t)(s.p + s.n - dash - 1), UINT64_MAX - 1, &last) < 0)
		return 0;
	return last > 0 ? last + 1 : 0;
}

static int
how_far(struct oci *s, char **url, uint64_t *ret, struct err *e)
{
	const struct ask a = { .method = "GET", .url = *url, .is_read = true, .push = true };
	cleanup_response struct http_response r = { 0 };
	int rc = perform(s, &a, &r, e);

	if (rc < 0)
		return rc;
	if (r.status != 204 && r.status != 202)
		return refused(s, "to go on with an upload", &r, e);
	*ret = range_end(&r);
	return location(s, &r, url, e) < 0 ? -(int)e->code : 0;
}

static int
patch(struct oci *s, const struct blob *b, char **url, uint64_t from, uint64_t *done,
      uint64_t total, struct err *e)
{
	struct reading in = { .b = b, .s = s, .skip = from, .done = done, .total = total };
	const struct http_upload up = { upload_read, &in, b->size - from };
	cleanup_free char *range = xasprintf("Content-Range: %" PRIu64 "-%" PRIu64, from,
	                                     b->size > 0 ? b->size - 1 : 0);
	const struct ask a = { .method = "PATCH",
		               .url = *url,
		               .upload = &up,
		               .range = range,
		               .type = "application/octet-stream" };
	cleanup_response struct http_response r = { 0 };
	int rc = reading_open(&in, e);

	if (rc == 0)
		rc = perform(s, &a, &r, e);
	reading_close(&in);
	if (rc < 0)
		return rc;
	return r.status == 202 ? location(s, &r, url, e) : refused(s, b->name, &r, e);
}

static int
close_upload(struct oci *s, const struct blob *b, const char *url, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	cleanup_free char *to = NULL;
	cleanup_response struct http_response r = { 0 };
	int rc;

	digest_hex(&b->digest, hex);
	to = xasprintf("%s%cdigest=sha256%%3A%s", url, strchr(url, '?') ? '&' : '?', hex);
	const struct ask a = {
		.method = "PUT", .url = to, .push = true, .type = "application/octet-stream"
	};
	rc = perform(s, &a, &r, e);
	if (rc < 0)
		return rc;
	return r.status == 201 ? 0 : refused(s, b->name, &r, e);
}

static void
forget_upload(struct oci *s, const char *url)
{
	const struct ask a = { .method = "DELETE", .url = url };
	cleanup_response struct http_response r = { 0 };
	struct err ignored = { 0 };

	if (url)
		(void)perform(s, &a, &r, &ignored);
}

static bool
is_lost(int rc)
{
	return rc == -ERR_OUTCOME_UNKNOWN || rc == -ERR_UNREACHABLE;
}

/* A connection that is lost is no end: the registry says how far it has come. */
static int
upload(struct oci *s, const char *repo, const struct blob *b, uint64_t *done, uint64_t total,
       struct err *e)
{
	const uint64_t before = *done;
	char *url = NULL;
	uint64_t from = 0;
	int rc = begin_upload(s, repo, &url, e);

	for (unsigned i = 0; rc == 0 && from < b->size && i < TRIES; i++) {
		*done = before + from;
		rc = patch(s, b, &url, from, done, total, e);
		if (rc == 0)
			from = b->size;
		if (!is_lost(rc) || i + 1 == TRIES)
			break;
		err_clear(e);
		rc = how_far(s, &url, &from, e);
		if (rc == 0 && from > b->size)
			rc = err_set(e, ERR_MALFORMED,
			             "registry \"%s\" has more of \"%s\" than there is", s->host,
			             b->name);
	}
	if (rc == 0)
		rc = close_upload(s, b, url, e);
	if (rc < 0 && !is_lost(rc))
		forget_upload(s, url);
	free(url);
	if (rc == 0)
		*done = before + b->size;
	return rc;
}

static int
put_blob(struct oci *s, const char *repo, const struct blob *b, uint64_t *done, uint64_t total,
         struct remote_put *ret, struct err *e)
{
	int rc = has(s, repo, "blobs", &b->digest, e);

	if (rc < 0)
		return rc;
	if (rc == 1) {
		ret->present += b->size;
		*done += b->size;
		return 0;
	}
	rc = upload(s, repo, b, done, total, e);
	if (rc == 0) {
		ret->sent += b->size;
		rc = has(s, repo, "blobs", &b->digest, e);
		if (rc == 0)
			return err_set(e, ERR_DIGEST,
			               "registry \"%s\" took \"%s\" and does not have it", s->host,
			               b->name);
	}
	return rc < 0 ? rc : 0;
}

/* --- the whole --- */

static int
put_manifest(struct oci *s, const char *repo, struct str text, const struct digest *d,
             struct err *e)
{
	cleanup_free char *url = url_of(s, repo, "manifests", d);
	const struct ask a = {
		.method = "PUT", .url = url, .type = OCI_MANIFEST_TYPE, .body = text, .push = true
	};
	const struct ask back = {
		.method = "GET", .url = url, .is_read = true, .accept = "Accept: " OCI_MANIFEST_TYPE
	};
	cleanup_response struct http_response r = { 0 }, again = { 0 };
	struct digest got;
	int rc = perform(s, &a, &r, e);

	if (rc == 0 && r.status != 201)
		rc = refused(s, "the manifest", &r, e);
	if (rc == 0)
		rc = perform(s, &back, &again, e);
	if (rc < 0)
		return rc;
	digest_small(again.body.p, again.body.n, &got);
	return digest_eq(&got, d)
	               ? 0
	               : err_set(e, ERR_DIGEST,
	                         "registry \"%s\" gives another manifest back than it took",
	                         s->host);
}

static void
reference_of(const struct oci *s, const char *repo, const struct digest *d, char ret[1024])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	(void)snprintf(ret, 1024, "oci://%s/%s@sha256:%s", s->host, repo, hex);
}

static int
put_all(struct oci *s, const char *repo, const struct blob *v, size_t n, struct str manifest,
        const struct digest *d, struct remote_put *ret, struct err *e)
{
	uint64_t done = 0, total = 0;
	int rc = has(s, repo, "manifests", d, e);

	for (size_t i = 0; i < n; i++)
		total += v[i].size;
	if (rc == 1) {
		ret->present = total;
		return 0;
	}
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = put_blob(s, repo, &v[i], &done, total, ret, e);
	if (rc == 0)
		rc = put_manifest(s, repo, manifest, d, e);
	ret->changed = rc == 0;
	return rc;
}

static int
put_modelpack(struct oci *s, const char *repo, const struct remote_version *v,
              struct remote_put *ret, struct err *e)
{
	cleanup_free struct blob *b = xcalloc(v->files->n + 1, sizeof *b);

	b[0] = (struct blob){ .name = "its config", .size = v->config.n, .text = v->config };
	digest_small(v->config.p, v->config.n, &b[0].digest);
	for (size_t i = 0; i < v->files->n; i++)
		b[i + 1] = (struct blob){ .name = v->files->files[i].path,
			                  .digest = v->files->files[i].digest,
			                  .size = v->files->files[i].size,
			                  .files = v->files,
			                  .index = i };
	return put_all(s, repo, b, v->files->n + 1, v->manifest, &v->digest, ret, e);
}

static int
put_car(struct oci *s, const char *repo, const struct remote_version *v, const struct oci_car *car,
        struct remote_put *ret, struct err *e)
{
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

	return put_all(s, repo, b, COUNT(b), buf_str(&car->manifest), &car->digest, ret, e);
}

static int
no_form(enum remote_form f, struct err *e)
{
	(void)f;
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
		return no_form(f, e);
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
		return no_form(f, e);
	rc = use_repo(s, repo, e);
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

/* An upload that is begun and forgotten: only then is it known that we may. */
static int
oci_probe(void *st, char detail[256], struct err *e)
{
	struct oci *const s = st;
	char *url = NULL;
	int rc = use_repo(s, s->repo, e);

	if (rc == 0)
		rc = begin_upload(s, s->repo, &url, e);
	if (rc == 0)
		forget_upload(s, url);
	free(url);
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
