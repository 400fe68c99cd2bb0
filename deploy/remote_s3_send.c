/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to an S3 server, signed by libcurl, and what it says no with. An object is there when
 * the server's SHA-256 says so or, where it keeps none, when its bytes were read back; an ETag is
 * no digest. It knows no versions.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "deploy/remote_s3.h"
#include "deploy/s3_xml.h"
#include "deploy/secret.h"
#include "registry/base/base64.h"
#include "registry/base/fs.h"

#define ANSWER_MAX ((size_t)2 << 20) /* of 1000 parts or uploads, with room */
#define SEND_MS    600000            /* a part; below 1 KiB/s for half a minute ends it before */
#define CHECKSUM   "x-amz-checksum-sha256"

int
s3_ask(struct s3 *s, const struct s3_ask *a, struct http_response *r, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	cleanup_buf struct buf url = { 0 };
	cleanup_free char *hash = NULL, *token = NULL;
	const char *headers[4] = { NULL };
	struct digest digest;
	size_t n = 0;
	const bool has_body = streq(a->method, "PUT") || streq(a->method, "POST");
	struct http_request q = {
		.method = a->method,
		.body = a->body,
		.content_type = has_body ? "application/octet-stream" : NULL,
		.headers = headers,
		.sink = a->sink,
		.timeout_ms = a->timeout_ms,
		.response_max = ANSWER_MAX,
		.safe_to_repeat = !a->is_once,
		.allow_redirect = true, /* none is followed: s3_refused names the region */
		.check = s->o.check,
		.check_arg = s->o.arg,
	};
	int rc;

	buf_addf(&url, "%s/", s->base);
	for (const char *p = a->key ? a->key : ""; *p;) {
		cleanup_free char *part = xstrndup(p, strcspn(p, "/"));

		http_escape(&url, part);
		p += strlen(part);
		if (*p == '/')
			buf_addc(&url, *p++);
	}
	if (a->query)
		buf_addf(&url, "?%s", a->query);
	q.url = buf_cstr(&url);
	if (a->digest)
		digest = *a->digest;
	else
		digest_small(a->body.p ? a->body.p : "", a->body.n, &digest);
	digest_hex(&digest, hex);
	hash = xasprintf("x-amz-content-sha256: %s", hex);
	headers[n++] = hash;
	if (s->who.token) {
		token = xasprintf("x-amz-security-token: %s", s->who.token);
		headers[n++] = token;
	}
	if (a->header)
		headers[n++] = a->header;
	rc = http_perform(s->http, &q, r, e);
	secret_wipe(&token);
	return rc;
}

/* --- what it says no with --- */

static const struct {
	const char *code;
	enum err_code err;
	const char *hint;
} refusals[] = {
	{ "SignatureDoesNotMatch", ERR_DENIED,
	  "the secret key is not the one of this access key, or something between changes "
	  "requests" },
	{ "RequestTimeTooSkewed", ERR_DENIED,
	  "this machine's clock and the server's are more than 15 minutes apart" },
	{ "InvalidAccessKeyId", ERR_DENIED, "the server does not know this access key" },
	{ "XAdminUserNotFound", ERR_DENIED, "the server does not know this access key" },
	{ "ExpiredToken", ERR_DENIED, "log in again" },
	/* without the right to list, a missing object is denied too */
	{ "AccessDenied", ERR_DENIED,
	  "this access key needs s3:ListBucket, s3:GetObject and s3:PutObject there" },
	{ "NoSuchBucket", ERR_NOT_FOUND, "a bucket is made by whoever runs the store" },
	{ "AuthorizationHeaderMalformed", ERR_USAGE, NULL },
	{ "PermanentRedirect", ERR_USAGE, NULL },
	{ "SlowDown", ERR_UNREACHABLE, "again later is safe" },
	{ "QuotaExceeded", ERR_NO_SPACE, NULL },
	{ "XMinioStorageFull", ERR_NO_SPACE, NULL },
	{ "EntityTooLarge", ERR_TOO_BIG, NULL },
};

static enum err_code
code_of(long status)
{
	return status == 401 || status == 403   ? ERR_DENIED
	       : status == 404                  ? ERR_NOT_FOUND
	       : status == 413                  ? ERR_TOO_BIG
	       : status == 507                  ? ERR_NO_SPACE
	       : status >= 300 && status < 400  ? ERR_USAGE
	       : status == 429 || status >= 500 ? ERR_UNREACHABLE
	                                        : ERR_ROLLOUT_FAILED;
}

static void
error_element(const struct http_response *r, const char *name, struct buf *ret)
{
	if (s3_xml_is(buf_str(&r->body), "Error"))
		(void)s3_xml_text(buf_str(&r->body), name, ret);
}

bool
s3_is_error(const struct http_response *r, const char *code)
{
	cleanup_buf struct buf said = { 0 };

	error_element(r, "Code", &said);
	return str_is(buf_str(&said), code);
}

/* Another region than we signed for. */
static int
hint_region(const struct http_response *r, struct err *e)
{
	const struct str said = http_header(r, "x-amz-bucket-region", NULL);
	cleanup_buf struct buf region = { 0 };

	error_element(r, "Region", &region);
	if (region.n == 0 && said.n > 0)
		buf_add(&region, said.p, said.n);
	return region.n > 0 ? err_hint(e,
	                               "the bucket is in the region \"%.40s\": store-region, or "
	                               "AWS_REGION",
	                               buf_cstr(&region))
	                    : -(int)e->code;
}

int
s3_refused(const struct s3 *s, const char *what, const struct http_response *r, struct err *e)
{
	cleanup_buf struct buf code = { 0 }, message = { 0 };
	const char *hint = NULL;
	enum err_code c = code_of(r->status);

	error_element(r, "Code", &code);
	error_element(r, "Message", &message);
	for (size_t i = 0; i < COUNT(refusals); i++) {
		if (!str_is(buf_str(&code), refusals[i].code))
			continue;
		c = refusals[i].err;
		hint = refusals[i].hint;
	}
	err_set(e, c, "store \"%s\" refuses %s: %.200s%s%.60s%sstatus %ld", s->address, what,
	        buf_cstr(&message), message.n ? " (" : "", buf_cstr(&code),
	        message.n ? ") "
	        : code.n  ? ", "
	                  : "",
	        r->status);
	return hint ? err_hint(e, "%s", hint) : hint_region(r, e);
}

/* Of an answer that cannot have a body: asked again so that it can. Always negative. */
static int
refused_head(struct s3 *s, const char *key, const char *what, struct err *e)
{
	const struct s3_ask a = { .method = "GET", .key = key, .header = "Range: bytes=0-0" };
	cleanup_response struct http_response r = { 0 };
	int rc = s3_ask(s, &a, &r, e);

	return rc < 0 ? rc : s3_refused(s, what, &r, e);
}

/* --- checksums --- */

void
s3_checksum(const struct digest *d, char ret[64])
{
	cleanup_buf struct buf b = { 0 };

	base64_add(&b, d->b, sizeof d->b);
	(void)snprintf(ret, 64, "%s", buf_cstr(&b));
}

void
s3_composite(const struct digest *parts, size_t n, char ret[64])
{
	struct hasher *const h = hasher_new();
	struct digest d;
	char one[64];

	for (size_t i = 0; i < n; i++)
		hasher_update(h, parts[i].b, sizeof parts[i].b);
	hasher_final(h, &d);
	hasher_free(h);
	s3_checksum(&d, one);
	(void)snprintf(ret, 64, "%.44s-%u", one, (unsigned)n);
}

uint64_t
s3_part_size(uint64_t size)
{
	const uint64_t mib = (uint64_t)1 << 20, least = (size + 9999) / 10000;

	return least <= S3_PART ? S3_PART : (least + mib - 1) / mib * mib;
}

/* --- bytes --- */

int
s3_reader_open(struct s3_reader *r, const struct s3_object *o, struct err *e)
{
	*r = (struct s3_reader){ .o = o, .all = hasher_new(), .block = hasher_new(), .fd = -1 };
	return o->files ? o->files->open(o->files->arg, o->index, &r->fd, e) : 0;
}

void
s3_reader_close(struct s3_reader *r)
{
	close_quietly(r->fd);
	hasher_free(r->all);
	hasher_free(r->block);
}

int
s3_reader_next(struct s3_reader *r, char *p, size_t n, struct digest *ret_digest, struct err *e)
{
	if (!r->o->files)
		memcpy(p, r->o->text.p + r->at, n);
	else if (fs_pread_all(r->fd, p, n, (off_t)r->at) < 0)
		return errno != 0 ? err_sys(e, "cannot read \"%s\"", r->o->name)
		                  : err_set(e, ERR_DIGEST,
		                            "\"%s\" is shorter than the version says", r->o->name);
	hasher_update(r->all, p, n);
	r->at += n;
	if (!ret_digest)
		return 0;
	hasher_reset(r->block);
	hasher_update(r->block, p, n);
	hasher_final(r->block, ret_digest);
	return 0;
}

int
s3_reader_end(struct s3_reader *r, struct err *e)
{
	struct digest got;

	hasher_final(r->all, &got);
	return digest_eq(&got, &r->o->digest)
	               ? 0
	               : err_set(e, ERR_DIGEST, "\"%s\" has other bytes than the version says",
	                         r->o->name);
}

/* --- is it there? --- */

static int
hash_sink(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	hasher_update(arg, p, n);
	return 0;
}

static int
read_back(struct s3 *s, const struct s3_object *o, struct err *e)
{
	struct hasher *const h = hasher_new();
	const struct http_sink sink = { .write = hash_sink, .arg = h, .max = o->size + 1 };
	const struct s3_ask a = {
		.method = "GET", .key = o->key, .sink = &sink, .timeout_ms = HTTP_NO_TIMEOUT
	};
	cleanup_response struct http_response r = { 0 };
	struct digest got;
	int rc = s3_ask(s, &a, &r, e);

	hasher_final(h, &got);
	hasher_free(h);
	if (rc < 0)
		return rc;
	if (r.status != 200)
		return r.status == 404 ? 0 : s3_refused(s, "to give it back", &r, e);
	return digest_eq(&got, &o->digest);
}

/* The checksum of parts as we would have sent them. */
static int
composite_of(const struct s3_object *o, char ret[64], struct err *e)
{
	const uint64_t part = s3_part_size(o->size);
	const size_t n = (size_t)((o->size + part - 1) / part);
	cleanup_free struct digest *d = xcalloc(n + 1, sizeof *d);
	cleanup_free char *p = xmalloc((size_t)part);
	struct s3_reader r;
	int rc = s3_reader_open(&r, o, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		const size_t len = (size_t)(o->size - r.at < part ? o->size - r.at : part);

		rc = s3_reader_next(&r, p, len, &d[i], e);
	}
	s3_reader_close(&r);
	if (rc == 0)
		s3_composite(d, n, ret);
	return rc;
}

int
s3_has(struct s3 *s, const struct s3_object *o, const char *composite, struct err *e)
{
	const struct s3_ask a = { .method = "HEAD",
		                  .key = o->key,
		                  .header = "x-amz-checksum-mode: ENABLED" };
	cleanup_response struct http_response r = { 0 };
	struct str said;
	char want[64];
	int rc = s3_ask(s, &a, &r, e);

	if (rc < 0)
		return rc;
	if (r.status == 404)
		return 0;
	if (r.status != 200)
		return refused_head(s, o->key, "to say what is there", e);
	if (r.content_length != o->size)
		return 0;
	said = http_header(&r, CHECKSUM, NULL);
	s3_checksum(&o->digest, want);
	if (said.n > 0 && !memchr(said.p, '-', said.n))
		return str_is(said, want);
	if (said.n > 0 && !composite) {
		rc = composite_of(o, want, e);
		if (rc < 0)
			return rc;
		composite = want;
	}
	/* without one, or of other parts than ours */
	return said.n > 0 && str_is(said, composite) ? 1 : read_back(s, o, e);
}

/* --- an object --- */

static int
put_whole(struct s3 *s, const struct s3_object *o, struct err *e)
{
	cleanup_free char *p = xmalloc((size_t)o->size + 1), *header = NULL;
	cleanup_response struct http_response r = { 0 };
	struct s3_reader in;
	char sum[64];
	struct s3_ask a = { .method = "PUT",
		            .key = o->key,
		            .body = { p, (size_t)o->size },
		            .digest = &o->digest,
		            .timeout_ms = SEND_MS };
	int rc = s3_reader_open(&in, o, e);

	if (rc == 0)
		rc = s3_reader_next(&in, p, (size_t)o->size, NULL, e);
	if (rc == 0)
		rc = s3_reader_end(&in, e);
	s3_reader_close(&in);
	s3_checksum(&o->digest, sum);
	header = xasprintf(CHECKSUM ": %s", sum);
	a.header = header;
	if (rc == 0)
		rc = s3_ask(s, &a, &r, e);
	if (rc == 0 && r.status != 200)
		rc = s3_refused(s, "an object", &r, e);
	return rc;
}

int
s3_put(struct s3 *s, const struct s3_object *o, uint64_t *done, uint64_t total, struct err *e)
{
	const bool is_large = o->size > S3_PART;
	char composite[64];
	int rc = is_large ? s3_put_parts(s, o, done, total, composite, e) : put_whole(s, o, e);

	if (rc < 0)
		return rc;
	if (!is_large)
		*done += o->size;
	if (s->o.progress)
		s->o.progress(s->o.arg, *done < total ? *done : total, total);
	rc = s3_has(s, o, is_large ? composite : NULL, e);
	if (rc == 0)
		return err_set(e, ERR_DIGEST, "store \"%s\" took \"%s\" and does not have it",
		               s->address, o->name);
	return rc < 0 ? rc : 0;
}
