/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A large object in parts. Its key is a digest's, so an unfinished upload under it is of the same
 * bytes, whoever began it: it is gone on with, and a part counts when the server's SHA-256 of it is
 * ours. What is left under the key when the object is complete is given up.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/remote_s3.h"
#include "deploy/s3_xml.h"

#define SEND_MS     600000
#define COMPLETE_MS 600000 /* a server may put many parts together before it answers */
#define LIST_MAX    12     /* pages of 1000 */
#define CHECKSUM    "x-amz-checksum-sha256"

struct part {
	char *etag;
	char sum[64];  /* "": the server keeps none */
	uint64_t size; /* 0: not there */
};
struct upload {
	struct s3 *s;
	const struct s3_object *o;
	char *id; /* escaped; NULL: none */
	struct part *parts;
	struct digest *digests; /* of ours, as far as they were read */
	size_t n, known;
};

static void
upload_fini(struct upload *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->parts[i].etag);
	free(u->parts);
	free(u->digests);
	free(u->id);
}

static char *
escaped(const char *text)
{
	struct buf b = { 0 };

	http_escape(&b, text);
	return buf_steal(&b);
}

static char *
element(struct str doc, const char *name)
{
	struct buf b = { 0 };

	if (s3_xml_text(doc, name, &b) && b.n > 0 && b.n <= 2048 && !memchr(b.p, '\0', b.n))
		return buf_steal(&b);
	buf_fini(&b);
	return NULL;
}

static int
odd(const struct s3 *s, const char *what, struct err *e)
{
	return err_set(e, ERR_MALFORMED, "store \"%s\" answers %s with something else", s->address,
	               what);
}

static int
begin(struct s3 *s, const char *key, char **ret, struct err *e)
{
	const struct s3_ask a = { .method = "POST",
		                  .key = key,
		                  .query = "uploads=",
		                  .header = "x-amz-checksum-algorithm: SHA256",
		                  .is_once = true };
	cleanup_response struct http_response r = { 0 };
	cleanup_free char *id = NULL;
	int rc = s3_ask(s, &a, &r, e);

	if (rc < 0)
		return rc;
	if (r.status != 200)
		return s3_refused(s, "an upload", &r, e);
	id = s3_xml_is(buf_str(&r.body), "InitiateMultipartUploadResult")
	             ? element(buf_str(&r.body), "UploadId")
	             : NULL;
	if (!id)
		return odd(s, "an upload", e);
	*ret = escaped(id);
	return 0;
}

static int
give_up(struct s3 *s, const char *key, const char *id, struct err *e)
{
	cleanup_free char *query = xasprintf("uploadId=%s", id);
	const struct s3_ask a = { .method = "DELETE", .key = key, .query = query };
	cleanup_response struct http_response r = { 0 };
	int rc = s3_ask(s, &a, &r, e);

	if (rc == 0 && r.status != 204 && r.status != 200 && r.status != 404)
		rc = s3_refused(s, "to give an upload up", &r, e);
	return rc;
}

int
s3_try_upload(struct s3 *s, const char *key, struct err *e)
{
	cleanup_free char *id = NULL;
	int rc = begin(s, key, &id, e);

	return rc == 0 ? give_up(s, key, id, e) : rc;
}

/* Calls fn with each unfinished upload of exactly this key; those of other keys begin alike. */
static int
each_upload(struct s3 *s, const char *key, void (*fn)(struct s3 *, const char *, char *, void *),
            void *arg, struct err *e)
{
	cleanup_free char *prefix = escaped(key), *query = NULL;
	cleanup_response struct http_response r = { 0 };
	struct s3_ask a = { .method = "GET" };
	struct str one;
	size_t at = 0;
	int rc;

	query = xasprintf("prefix=%s&uploads=", prefix);
	a.query = query;
	rc = s3_ask(s, &a, &r, e);
	/* who may not list begins anew */
	if (rc < 0 || r.status != 200)
		return rc;
	while (s3_xml_next(buf_str(&r.body), "Upload", &at, &one)) {
		cleanup_free char *k = element(one, "Key"), *id = element(one, "UploadId");

		if (k && id && streq(k, key))
			fn(s, key, escaped(id), arg);
	}
	return 0;
}

static void
keep_last(struct s3 *s, const char *key, char *id, void *arg)
{
	char **const to = arg;

	(void)s;
	(void)key;
	free(*to);
	*to = id;
}

static void
drop(struct s3 *s, const char *key, char *id, void *arg)
{
	struct err ignored = { 0 };

	(void)arg;
	(void)give_up(s, key, id, &ignored);
	free(id);
}

static void
take_part(struct upload *u, struct str one, uint64_t *ret_last)
{
	cleanup_free char *number = element(one, "PartNumber"), *size = element(one, "Size"),
	                  *sum = element(one, "ChecksumSHA256");
	char *etag = element(one, "ETag");
	uint64_t n = 0, len = 0;

	if (number && size && etag && parse_u64(number, u->n, &n) == 0 && n > 0 &&
	    parse_u64(size, UINT64_MAX, &len) == 0) {
		struct part *const p = &u->parts[n - 1];

		free(p->etag);
		p->etag = steal(&etag);
		p->size = len;
		(void)snprintf(p->sum, sizeof p->sum, "%.63s", sum ? sum : "");
		*ret_last = n > *ret_last ? n : *ret_last;
	}
	free(etag);
}

/* What the server has of it; an upload that is gone has nothing, and is none. */
static int
list_parts(struct upload *u, struct err *e)
{
	uint64_t last = 0;

	for (unsigned page = 0; page < LIST_MAX; page++) {
		cleanup_free char *query =
		        xasprintf("part-number-marker=%" PRIu64 "&uploadId=%s", last, u->id);
		const struct s3_ask a = { .method = "GET", .key = u->o->key, .query = query };
		cleanup_response struct http_response r = { 0 };
		cleanup_free char *more = NULL;
		const uint64_t before = last;
		struct str one;
		size_t at = 0;
		int rc = s3_ask(u->s, &a, &r, e);

		if (rc < 0)
			return rc;
		if (r.status != 200) {
			free(u->id);
			u->id = NULL;
			return 0;
		}
		while (s3_xml_next(buf_str(&r.body), "Part", &at, &one))
			take_part(u, one, &last);
		more = element(buf_str(&r.body), "IsTruncated");
		if (!more || !streq(more, "true") || last == before)
			return 0;
	}
	return 0;
}

static int
send_part(struct upload *u, size_t i, struct str body, const char *sum, struct err *e)
{
	cleanup_free char *query = xasprintf("partNumber=%zu&uploadId=%s", i + 1, u->id);
	cleanup_free char *header = xasprintf(CHECKSUM ": %s", sum);
	const struct s3_ask a = { .method = "PUT",
		                  .key = u->o->key,
		                  .query = query,
		                  .body = body,
		                  .digest = &u->digests[i],
		                  .header = header,
		                  .timeout_ms = SEND_MS };
	struct part *const p = &u->parts[i];
	cleanup_response struct http_response r = { 0 };
	struct str etag, said;
	int rc = s3_ask(u->s, &a, &r, e);

	if (rc < 0)
		return rc;
	if (r.status != 200)
		return s3_is_error(&r, "NoSuchUpload") ? -ERR_CONFLICT
		                                       : s3_refused(u->s, "a part", &r, e);
	etag = http_header(&r, "etag", NULL);
	said = http_header(&r, CHECKSUM, NULL);
	if (etag.n == 0 || etag.n > 256)
		return odd(u->s, "a part", e);
	free(p->etag);
	p->etag = xstrndup(etag.p, etag.n);
	p->size = body.n;
	(void)snprintf(p->sum, sizeof p->sum, "%s", said.n > 0 ? sum : "");
	return 0;
}

static int
send_parts(struct upload *u, uint64_t *done, uint64_t total, struct err *e)
{
	const uint64_t size = u->o->size, part = s3_part_size(size);
	cleanup_free char *p = xmalloc((size_t)part);
	struct s3_reader in;
	int rc = s3_reader_open(&in, u->o, e);

	for (size_t i = 0; rc == 0 && i < u->n; i++) {
		const size_t n = (size_t)(size - in.at < part ? size - in.at : part);
		char sum[64];

		rc = s3_reader_next(&in, p, n, &u->digests[i], e);
		/* the last one is not sent before all of them are known to be right */
		if (rc == 0 && i + 1 == u->n)
			rc = s3_reader_end(&in, e);
		if (rc < 0)
			break;
		u->known++;
		s3_checksum(&u->digests[i], sum);
		if (u->parts[i].size != n || !streq(u->parts[i].sum, sum))
			rc = send_part(u, i, (struct str){ p, n }, sum, e);
		*done += n;
		if (rc == 0 && u->s->o.progress)
			u->s->o.progress(u->s->o.arg, *done, total);
	}
	s3_reader_close(&in);
	return rc;
}

static int
complete(struct upload *u, struct err *e)
{
	cleanup_free char *query = xasprintf("uploadId=%s", u->id);
	cleanup_buf struct buf body = { 0 };
	cleanup_response struct http_response r = { 0 };
	struct s3_ask a = { .method = "POST",
		            .key = u->o->key,
		            .query = query,
		            .timeout_ms = COMPLETE_MS,
		            .is_once = true };
	int rc;

	buf_adds(&body, "<CompleteMultipartUpload>");
	for (size_t i = 0; i < u->n; i++) {
		buf_addf(&body, "<Part><PartNumber>%zu</PartNumber><ETag>", i + 1);
		s3_xml_escape(&body, u->parts[i].etag);
		buf_adds(&body, "</ETag>");
		if (u->parts[i].sum[0])
			buf_addf(&body, "<ChecksumSHA256>%s</ChecksumSHA256>", u->parts[i].sum);
		buf_adds(&body, "</Part>");
	}
	buf_adds(&body, "</CompleteMultipartUpload>");
	a.body = buf_str(&body);
	rc = s3_ask(u->s, &a, &r, e);
	if (rc < 0)
		return rc;
	/* 200 may come before it has failed */
	if (r.status == 200 && !s3_xml_is(buf_str(&r.body), "Error"))
		return 0;
	return s3_is_error(&r, "NoSuchUpload") ? -ERR_CONFLICT
	                                       : s3_refused(u->s, "the end of an upload", &r, e);
}

int
s3_put_parts(struct s3 *s, const struct s3_object *o, uint64_t *done, uint64_t total, char ret[64],
             struct err *e)
{
	const uint64_t part = s3_part_size(o->size);
	struct upload u = { .s = s, .o = o, .n = (size_t)((o->size + part - 1) / part) };
	struct err gone = { 0 };
	int rc;

	u.parts = xcalloc(u.n, sizeof *u.parts);
	u.digests = xcalloc(u.n, sizeof *u.digests);
	rc = each_upload(s, o->key, keep_last, &u.id, e);
	if (rc == 0 && u.id)
		rc = list_parts(&u, e);
	if (rc == 0 && !u.id)
		rc = begin(s, o->key, &u.id, e);
	if (rc == 0)
		rc = send_parts(&u, done, total, e);
	if (rc == 0)
		rc = complete(&u, e);
	s3_composite(u.digests, u.n, ret);
	/* somebody else ended it, or its end is unknown: the object itself says */
	if (rc == -ERR_CONFLICT || rc == -ERR_OUTCOME_UNKNOWN) {
		err_clear(&gone);
		if (s3_has(s, o, u.known == u.n ? ret : NULL, &gone) == 1) {
			err_clear(e);
			rc = 0;
		} else if (rc == -ERR_CONFLICT) {
			rc = err_set(e, ERR_UNREACHABLE, "store \"%s\" lost the upload of \"%s\"",
			             s->address, o->name);
		}
	}
	if (rc == -ERR_DIGEST && u.id)
		(void)give_up(s, o->key, u.id, &gone);
	if (rc == 0)
		(void)each_upload(s, o->key, drop, NULL, &gone);
	upload_fini(&u);
	return rc;
}
