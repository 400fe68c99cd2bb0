/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exchanges with an image registry, and blobs that are sent while they are hashed. A connection
 * that is lost is taken up where the registry says it was.
 * Source: OCI distribution specification 1.1, "Pushing blobs".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "deploy/remote_oci.h"
#include "registry/base/fs.h"

#define LOOK_MS   30000
#define IDLE_MS   60000  /* an upload that does not move */
#define CLOSE_MS  600000 /* a registry may hash or move a large blob before it answers */
#define BYTES_MAX (8u << 20)

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
	const uint64_t bound_ms = a->timeout_ms ? a->timeout_ms : LOOK_MS;
	const struct http_request q = {
		.method = a->method,
		.url = a->url,
		.body = a->body,
		.content_type = a->type,
		.headers = headers,
		.upload = a->upload,
		.sink = a->sink,
		.timeout_ms = a->upload || a->sink ? HTTP_NO_TIMEOUT : bound_ms,
		.idle_ms = a->upload || a->sink ? IDLE_MS : 0,
		.answer_ms = a->upload ? CLOSE_MS : 0,
		.response_max = a->max ? a->max : BYTES_MAX,
		.safe_to_repeat = a->is_read,
		/* of a HEAD an answer that nobody follows */
		.allow_redirect = a->may_redirect || streq(a->method, "HEAD"),
		.check = s->o.check,
		.check_arg = s->o.arg,
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

int
oci_ask(struct oci *s, const struct ask *a, struct http_response *r, struct err *e)
{
	int rc = once(s, a, r, e);

	/* an upload cannot be said again: it begins with a request that can; and nobody but the
	 * registry itself says to whom our credential goes */
	for (unsigned i = 0;
	     rc == 0 && r->status == 401 && i < 2 && !a->upload && is_ours(s, a->url); i++) {
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

/* {"errors":[{"code","message"}]}. */
int
oci_refused(const struct oci *s, const char *what, const struct http_response *r, struct err *e)
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

char *
oci_url(const struct oci *s, const char *repo, const char *kind, const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	return xasprintf("%s/v2/%s/%s/sha256:%s", s->base, repo, kind, hex);
}

static int
is_as_said(const struct oci *s, const struct http_response *r, const struct digest *d,
           uint64_t size, struct err *e)
{
	const struct str said = http_header(r, "docker-content-digest", NULL);
	char hex[DIGEST_HEX_SIZE];
	cleanup_free char *want = NULL;

	digest_hex(d, hex);
	want = xasprintf("sha256:%s", hex);
	if ((!said.p || str_is(said, want)) &&
	    (r->content_length == UINT64_MAX || r->content_length == size))
		return 1;
	return err_set(e, ERR_DIGEST, "registry \"%s\" has other bytes under sha256:%.12s", s->host,
	               hex);
}

int
oci_has(struct oci *s, const char *repo, const char *kind, const struct digest *d, uint64_t size,
        struct err *e)
{
	cleanup_free char *url = oci_url(s, repo, kind, d);
	const struct ask a = {
		.method = "HEAD",
		.url = url,
		.accept = streq(kind, "manifests") ? "Accept: " OCI_MANIFEST_TYPE : NULL,
		.is_read = true,
		.push = !s->o.only_looks,
	};
	cleanup_response struct http_response r = { 0 };
	int rc = oci_ask(s, &a, &r, e);

	if (rc < 0)
		return rc;
	if (r.status == 404)
		return 0;
	/* the bytes lie elsewhere: a blob is asked for there by whoever reads it */
	if (r.status >= 300 && r.status < 400 && streq(kind, "blobs"))
		return 1;
	return r.status == 200 ? is_as_said(s, &r, d, size, e) : oci_refused(s, kind, &r, e);
}

/* --- blobs --- */

struct reading {
	const struct blob *b;
	struct oci *s;
	int fd;
	struct oci_tar *tar;
	uint64_t at, skip; /* bytes read; bytes that the registry has */
	uint64_t *done, total;
};

static int
reading_open(struct reading *r, struct err *e)
{
	int rc = 0;

	r->fd = -1;
	if (!r->s->hashing)
		rc = stream_new(&r->s->hashing, e);
	if (rc < 0)
		return rc;
	stream_open(r->s->hashing, -1, r->b->name, r->b->size);
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
	if (r->s->hashing)
		stream_give_up(r->s->hashing);
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
	uint64_t size;
	int rc;

	if (r->at < r->b->size)
		return 0;
	rc = stream_close(r->s->hashing, &got, &size, e);
	if (rc < 0)
		return rc;
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
		rc = stream_write(r->s->hashing, p, *ret_n, e);
		r->at += *ret_n;
		if (rc == 0)
			rc = check_end(r, e);
	} while (rc == 0 && r->at <= r->skip && r->skip > 0 && r->at < r->b->size);
	if (rc == 0 && r->s->o.progress) {
		*r->done += *ret_n;
		r->s->o.progress(r->s->o.arg, *r->done, r->total);
	}
	return rc;
}

int
oci_redirect(const struct oci *s, const char *url, const struct http_response *r, char **ret,
             struct err *e)
{
	const struct str to = http_header(r, "location", NULL);
	const bool is_path = to.n > 1 && to.p[0] == '/' && to.p[1] != '/';

	if (to.n == 0 || to.n > 8192 || (is_path && !is_ours(s, url)))
		return err_set(e, ERR_MALFORMED, "\"%s\" does not say where it sends us", url);
	*ret = is_path ? xasprintf("%s%.*s", s->base, (int)to.n, to.p) : xstrndup(to.p, to.n);
	if (has_prefix(*ret, "https://") || has_prefix(url, "http://"))
		return 0;
	return err_set(e, ERR_DENIED, "registry \"%s\" sends us from TLS to \"%s\"", s->host, *ret);
}

/* Where an upload goes on, with what the registry put behind "?". *url may be what was asked; it
 * stays when the answer is no good. */
static int
move_on(const struct oci *s, const char *asked, const struct http_response *r, char **url,
        struct err *e)
{
	char *next = NULL;
	int rc = oci_redirect(s, asked, r, &next, e);

	if (rc < 0) {
		free(next);
		return rc;
	}
	free(*url);
	*url = next;
	return 0;
}

static int
begin_upload(struct oci *s, const char *repo, char **ret_url, struct err *e)
{
	cleanup_free char *url = xasprintf("%s/v2/%s/blobs/uploads/", s->base, repo);
	const struct ask a = { .method = "POST", .url = url, .push = true };
	cleanup_response struct http_response r = { 0 };
	int rc = oci_ask(s, &a, &r, e);

	if (rc < 0)
		return rc;
	return r.status == 202 ? move_on(s, url, &r, ret_url, e)
	                       : oci_refused(s, "an upload", &r, e);
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
	int rc = oci_ask(s, &a, &r, e);

	if (rc < 0)
		return rc;
	if (r.status != 204 && r.status != 202)
		return oci_refused(s, "to go on with an upload", &r, e);
	*ret = range_end(&r);
	return move_on(s, *url, &r, url, e);
}

static char *
closing_url(const struct blob *b, const char *url)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(&b->digest, hex);
	return xasprintf("%s%cdigest=sha256%%3A%s", url, strchr(url, '?') ? '&' : '?', hex);
}

/* All that the registry does not have. A whole blob ends its upload with the same request, which
 * spares the registry to put it down and take it up again: then 1. */
static int
send_rest(struct oci *s, const struct blob *b, char **url, struct reading *in, struct err *e)
{
	const bool is_whole = in->skip == 0;
	const struct http_upload up = { upload_read, in, b->size - in->skip };
	cleanup_free char *to = is_whole ? closing_url(b, *url) : xstrdup(*url);
	cleanup_free char *range =
	        xasprintf("Content-Range: %" PRIu64 "-%" PRIu64, in->skip, b->size - 1);
	const struct ask a = { .method = is_whole ? "PUT" : "PATCH",
		               .url = to,
		               .upload = &up,
		               .range = is_whole ? NULL : range,
		               .type = "application/octet-stream" };
	cleanup_response struct http_response r = { 0 };
	int rc = reading_open(in, e);

	if (rc == 0)
		rc = oci_ask(s, &a, &r, e);
	reading_close(in);
	if (rc < 0)
		return rc;
	if (is_whole)
		return r.status == 201 ? 1 : oci_refused(s, b->name, &r, e);
	return r.status == 202 ? move_on(s, *url, &r, url, e) : oci_refused(s, b->name, &r, e);
}

static int
close_upload(struct oci *s, const struct blob *b, const char *url, struct err *e)
{
	cleanup_free char *to = closing_url(b, url);
	const struct ask a = { .method = "PUT",
		               .url = to,
		               .push = true,
		               .type = "application/octet-stream",
		               .timeout_ms = CLOSE_MS };
	cleanup_response struct http_response r = { 0 };
	int rc = oci_ask(s, &a, &r, e);

	if (rc < 0)
		return rc;
	return r.status == 201 ? 0 : oci_refused(s, b->name, &r, e);
}

static void
forget_upload(struct oci *s, const char *url)
{
	const struct ask a = { .method = "DELETE", .url = url, .push = true };
	cleanup_response struct http_response r = { 0 };
	struct err ignored = { 0 };

	if (url)
		(void)oci_ask(s, &a, &r, &ignored);
}

static bool
is_lost(int rc)
{
	return rc == -ERR_OUTCOME_UNKNOWN || rc == -ERR_UNREACHABLE;
}

/* Some registries give up an upload whose connection was lost in the middle of a request: then the
 * blob begins anew. */
static int
go_on(struct oci *s, const char *repo, char **url, uint64_t *from, struct err *e)
{
	int rc = how_far(s, url, from, e);

	if (rc == 0 || is_lost(rc) || rc == -ERR_DENIED)
		return rc;
	err_clear(e);
	*from = 0;
	return begin_upload(s, repo, url, e);
}

/* Nobody answered: is it there all the same? */
static bool
has_come(struct oci *s, const char *repo, const struct blob *b)
{
	struct err ignored = { 0 };

	return oci_has(s, repo, "blobs", &b->digest, b->size, &ignored) == 1;
}

/* A connection that is lost is no end: the registry says how far it has come. 1: the upload has
 * ended already. */
static int
send_bytes(struct oci *s, const char *repo, const struct blob *b, char **url, uint64_t *done,
           uint64_t total, struct err *e)
{
	const uint64_t before = *done;
	unsigned tries = 0; /* that brought next to nothing */
	uint64_t from = 0;
	int rc = 0;

	while (rc == 0 && from < b->size) {
		const uint64_t had = from;
		struct reading in = { .b = b, .s = s, .skip = from, .done = done, .total = total };
		struct err lost;

		*done = before + from;
		rc = send_rest(s, b, url, &in, e);
		if (!is_lost(rc))
			break;
		lost = *e;
		err_clear(e);
		/* an upload that has ended is one that no registry remembers */
		if (from == 0 && in.at == b->size && has_come(s, repo, b))
			return 1;
		rc = go_on(s, repo, url, &from, e);
		if (rc == 0 && from > b->size)
			return err_set(e, ERR_MALFORMED,
			               "registry \"%s\" has more of \"%s\" than there is", s->host,
			               b->name);
		tries = from >= had + OCI_GETS_ON ? 0 : tries + 1;
		if (rc == 0 && tries == OCI_TRIES) {
			*e = lost;
			rc = -(int)e->code;
		}
	}
	return rc;
}

static int
upload(struct oci *s, const char *repo, const struct blob *b, uint64_t *done, uint64_t total,
       struct err *e)
{
	const uint64_t before = *done;
	char *url = NULL;
	int rc = begin_upload(s, repo, &url, e);

	if (rc == 0)
		rc = send_bytes(s, repo, b, &url, done, total, e);
	if (rc == 0)
		rc = close_upload(s, b, url, e);
	if (rc < 0 && !is_lost(rc))
		forget_upload(s, url);
	free(url);
	if (rc < 0)
		return rc;
	*done = before + b->size;
	return 0;
}

int
oci_put_blob(struct oci *s, const char *repo, const struct blob *b, uint64_t *done, uint64_t total,
             struct remote_put *ret, struct err *e)
{
	const uint64_t before = *done;
	int rc = oci_has(s, repo, "blobs", &b->digest, b->size, e);

	if (rc < 0)
		return rc;
	if (rc == 1) {
		ret->present += b->size;
		*done += b->size;
		return 0;
	}
	rc = upload(s, repo, b, done, total, e);
	if (is_lost(rc) && has_come(s, repo, b)) {
		err_clear(e);
		*done = before + b->size;
		ret->sent += b->size;
		return 0;
	}
	if (rc == 0) {
		ret->sent += b->size;
		rc = oci_has(s, repo, "blobs", &b->digest, b->size, e);
		if (rc == 0)
			return err_set(e, ERR_DIGEST,
			               "registry \"%s\" took \"%s\" and does not have it", s->host,
			               b->name);
	}
	return rc < 0 ? rc : 0;
}

int
oci_try_upload(struct oci *s, const char *repo, struct err *e)
{
	char *url = NULL;
	int rc = begin_upload(s, repo, &url, e);

	if (rc == 0)
		forget_upload(s, url);
	free(url);
	return rc;
}
