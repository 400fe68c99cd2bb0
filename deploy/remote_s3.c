/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bucket as a store: s3://BUCKET[/PREFIX]. A version is a folder PREFIX/sha256-HEX of files by
 * their own names, since loaders copy one folder as it is; its manifest, beside it and last, says
 * that it is complete: PREFIX/manifests/sha256-HEX. One HEAD of that when nothing is to be done.
 */
#include "deploy/remote_s3.h"

#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"
#include "registry/base/fs.h"

#define BUCKET_CHARS "abcdefghijklmnopqrstuvwxyz0123456789.-"
#define PREFIX_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define HERE         "{bucket}"

static bool
is_bucket(const char *s, size_t n)
{
	return n >= 3 && n <= 63 && strspn(s, BUCKET_CHARS) == n && s[0] != '.' && s[0] != '-' &&
	       s[n - 1] != '.' && s[n - 1] != '-';
}

/* Loaders take it for a pattern or a path: plain parts only. */
static bool
is_prefix(const char *s)
{
	for (;;) {
		const size_t n = strspn(s, PREFIX_CHARS);

		if (n == 0 || s[0] == '.' || (s[n] != '\0' && s[n] != '/'))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

static int
take_address(struct s3 *s, const char *address, struct err *e)
{
	const char *const at = address + strlen("s3://");
	const size_t n = strcspn(at, "/");

	if (!is_bucket(at, n) || (at[n] && !is_prefix(at + n + 1)) || strlen(at) > 512) {
		err_set(e, ERR_USAGE, "\"%s\" is no s3://BUCKET/PREFIX", address);
		return err_hint(e, "a bucket has 3 to 63 lower case letters, digits, \".\" and "
		                   "\"-\"; parts of a prefix have letters, digits, \".\", \"_\" "
		                   "and \"-\"");
	}
	s->address = xstrdup(address);
	s->bucket = xstrndup(at, n);
	s->prefix = at[n] ? xasprintf("%s/", at + n + 1) : xstrdup("");
	return 0;
}

int
s3_set_base(struct s3 *s, struct err *e)
{
	const char *const given = s->o.endpoint ? s->o.endpoint : s->who.endpoint;
	cleanup_free char *whole = NULL;
	const char *hole;
	size_t n;

	if (!given) {
		s->base =
		        strchr(s->bucket, '.')
		                ? xasprintf("https://s3.%s.amazonaws.com/%s", s->region, s->bucket)
		                : xasprintf("https://%s.s3.%s.amazonaws.com", s->bucket, s->region);
		return 0;
	}
	whole = strstr(given, "://")
	                ? xstrdup(given)
	                : xasprintf("%s://%s", s->o.allow_plain ? "http" : "https", given);
	n = strlen(whole);
	if (n > 0 && whole[n - 1] == '/')
		whole[--n] = '\0';
	if (strpbrk(strstr(whole, "://") + 3, "/?#@")) {
		err_set(e, ERR_USAGE, "\"%s\" is no address of an S3 server", given);
		return err_hint(e, "https://HOST[:PORT], or https://{bucket}.HOST");
	}
	hole = strstr(whole, HERE);
	s->base = hole ? xasprintf("%.*s%s%s", (int)(hole - whole), whole, s->bucket,
	                           hole + strlen(HERE))
	               : xasprintf("%s/%s", whole, s->bucket);
	return 0;
}

static bool
is_region(const char *s)
{
	const size_t n = strlen(s);

	return n > 0 && n < 64 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int
s3_open(void *st, const char *address, const struct remote_options *o, struct err *e)
{
	struct s3 *const s = st;

	s->o = *o;
	return take_address(s, address, e);
}

/* Before the first question: a reference is told without any of this. */
static int
connect_to(struct s3 *s, struct err *e)
{
	cleanup_free char *sigv4 = NULL;
	struct http_options h = { .ca_file = s->o.ca_file, .allow_plain = s->o.allow_plain };
	int rc;

	if (s->http)
		return 0;
	rc = s3_profile_load(s->o.credentials, &s->who, e);
	if (rc < 0)
		return rc;
	s->region = s->o.region ? s->o.region : s->who.region ? s->who.region : "us-east-1";
	if (!is_region(s->region))
		return err_set(e, ERR_USAGE, "\"%s\" is no name of a region", s->region);
	sigv4 = xasprintf("aws:amz:%s:s3", s->region);
	h.sigv4 = sigv4;
	h.user = s->who.key;
	h.password = s->who.secret;
	rc = s3_set_base(s, e);
	return rc == 0 ? http_new(&h, &s->http, e) : rc;
}

static void
s3_close(void *st)
{
	struct s3 *const s = st;

	http_free(s->http);
	s3_profile_fini(&s->who);
	free(s->address);
	free(s->bucket);
	free(s->prefix);
	free(s->base);
	*s = (struct s3){ 0 };
}

static int
s3_probe(void *st, char detail[256], struct err *e)
{
	struct s3 *const s = st;
	cleanup_free char *key = xasprintf("%sslipway-probe", s->prefix);
	int rc = connect_to(s, e);

	if (rc == 0)
		rc = s3_try_upload(s, key, e);
	if (rc == 0)
		(void)snprintf(detail, 256, "%.150s in %s can be written", s->base, s->region);
	return rc;
}

static int
s3_reference(void *st, const struct remote_version *v, enum remote_form f, char ret[1024],
             struct err *e)
{
	const struct s3 *const s = st;
	char hex[DIGEST_HEX_SIZE];

	if (f != REMOTE_FILES)
		return err_set(e, ERR_USAGE, "a bucket holds plain files, no images");
	digest_hex(&v->digest, hex);
	(void)snprintf(ret, 1024, "s3://%s/%ssha256-%s", s->bucket, s->prefix, hex);
	return 0;
}

static int
put_file(struct s3 *s, const struct remote_version *v, size_t i, const char *hex, uint64_t *done,
         uint64_t total, struct remote_put *ret, struct err *e)
{
	const struct source_file *const f = &v->files->files[i];
	cleanup_free char *key = xasprintf("%ssha256-%s/%s", s->prefix, hex, f->path);
	const struct s3_object o = { .key = key,
		                     .name = f->path,
		                     .digest = f->digest,
		                     .size = f->size,
		                     .files = v->files,
		                     .index = i };
	int rc = s3_has(s, &o, NULL, e);

	if (rc < 0)
		return rc;
	if (rc == 1) {
		ret->present += f->size;
		*done += f->size;
		return 0;
	}
	rc = s->o.only_looks ? 0 : s3_put(s, &o, done, total, e);
	if (rc == 0)
		ret->sent += f->size;
	return rc;
}

static int
s3_put_version(void *st, const struct remote_version *v, enum remote_form f, struct remote_put *ret,
               struct err *e)
{
	struct s3 *const s = st;
	uint64_t done = 0, total = 0;
	cleanup_free char *key = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct s3_object marker;
	int rc;

	*ret = (struct remote_put){ 0 };
	rc = s3_reference(s, v, f, ret->reference, e);
	if (rc == 0)
		rc = connect_to(s, e);
	if (rc < 0)
		return rc;
	digest_hex(&v->digest, hex);
	key = xasprintf("%smanifests/sha256-%s", s->prefix, hex);
	marker = (struct s3_object){ .key = key,
		                     .name = "its manifest",
		                     .digest = v->digest,
		                     .size = v->manifest.n,
		                     .text = v->manifest };
	for (size_t i = 0; i < v->files->n; i++)
		total += v->files->files[i].size;
	rc = s3_has(s, &marker, NULL, e);
	if (rc == 1) {
		ret->present = total;
		return 0;
	}
	for (size_t i = 0; rc == 0 && i < v->files->n; i++)
		rc = put_file(s, v, i, hex, &done, total, ret, e);
	if (rc == 0 && !s->o.only_looks)
		rc = s3_put(s, &marker, &done, total, e);
	ret->changed = rc == 0;
	/* whatever is half there is nothing: the manifest comes last */
	if (rc == -ERR_OUTCOME_UNKNOWN)
		e->code = ERR_UNREACHABLE;
	return rc < 0 ? -(int)e->code : 0;
}

const struct remote_driver remote_s3 = {
	.scheme = "s3",
	.state_size = sizeof(struct s3),
	.holds_files = true,
	.open = s3_open,
	.probe = s3_probe,
	.reference = s3_reference,
	.put = s3_put_version,
	.close = s3_close,
};
