/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests and blobs from an OCI registry. Knows neither what a manifest says nor where the bytes
 * go. Source: OCI distribution specification 1.1, "Pulling manifests", "Pulling blobs".
 */
#include "deploy/oci_pull.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "deploy/oci_manifest.h"
#include "registry/manifest.h"

#define REDIRECTS 3
#define SLACK     ((uint64_t)2 << 20) /* the sink's own bound is never the first */

static int
page_hint(struct err *e)
{
	return err_hint(
	        e, "the answer is a page of HTML: something stands between us and the registry");
}

/* What no registry should say to a read is malformed: nothing was to be rolled out. */
static int
refused(const struct oci *s, const char *what, const struct http_response *r, struct err *e)
{
	(void)oci_refused(s, what, r, e);
	if (e->code == ERR_ROLLOUT_FAILED)
		e->code = ERR_MALFORMED;
	return -(int)e->code;
}

/* --- the manifest --- */

static int
is_as_asked(const struct oci *s, const struct oci_reference *r, const struct http_response *got,
            const struct digest *d, struct err *e)
{
	const struct str said = http_header(got, "docker-content-digest", NULL);
	char hex[DIGEST_HEX_SIZE], was[DIGEST_HEX_SIZE];
	cleanup_free char *want = NULL;

	digest_hex(d, was);
	if (r->has_digest && !digest_eq(d, &r->digest)) {
		digest_hex(&r->digest, hex);
		err_set(e, ERR_DIGEST,
		        "registry \"%s\" gives other bytes (sha256:%.12s) than the manifest "
		        "sha256:%.12s",
		        s->host, was, hex);
		return http_is_html(got) ? page_hint(e) : -(int)e->code;
	}
	want = xasprintf("sha256:%s", was);
	if (!said.p || r->has_digest || !has_prefix(said.p, "sha256:") || str_is(said, want))
		return 0;
	return err_set(e, ERR_DIGEST,
	               "registry \"%s\" says that the manifest is %.*s, and gives %.19s", s->host,
	               (int)(said.n < 19 ? said.n : 19), said.p, want);
}

static int
get_manifest(struct oci *s, const struct oci_reference *r, struct buf *ret,
             struct digest *ret_digest, struct err *e)
{
	const char *const tag = r->tag[0] ? r->tag : "latest";
	cleanup_free char *url =
	        r->has_digest ? oci_url(s, r->repo, "manifests", &r->digest)
	                      : xasprintf("%s/v2/%s/manifests/%s", s->base, r->repo, tag);
	const struct ask a = { .method = "GET",
		               .url = url,
		               .is_read = true,
		               .accept = OCI_ACCEPT_ANY,
		               .max = MANIFEST_MAX };
	cleanup_response struct http_response got = { 0 };
	int rc = oci_ask(s, &a, &got, e);

	if (rc == -ERR_TOO_BIG)
		return err_set(e, ERR_TOO_BIG,
		               "the manifest in registry \"%s\" is larger than %u bytes", s->host,
		               MANIFEST_MAX);
	if (rc < 0)
		return rc;
	if (got.status == 404 && !r->has_digest)
		return err_set(e, ERR_NOT_FOUND, "registry \"%s\" has no \"%s:%s\"", s->host,
		               r->repo, tag);
	if (got.status == 404)
		return err_set(e, ERR_NOT_FOUND,
		               "registry \"%s\" has no manifest of that digest in "
		               "\"%s\"",
		               s->host, r->repo);
	if (got.status != 200)
		return refused(s, "the manifest", &got, e);
	digest_small(got.body.p, got.body.n, ret_digest);
	rc = is_as_asked(s, r, &got, ret_digest, e);
	if (rc == 0 && http_is_html(&got)) {
		err_set(e, ERR_MALFORMED, "registry \"%s\" gives no manifest", s->host);
		rc = page_hint(e);
	}
	if (rc == 0)
		buf_add(ret, got.body.p, got.body.n);
	return rc;
}

int
oci_get_manifest(struct oci *s, const struct oci_reference *r, struct buf *ret,
                 struct digest *ret_digest, struct err *e)
{
	struct oci_reference one = { .repo = r->repo, .has_digest = true };
	int rc = get_manifest(s, r, ret, ret_digest, e);

	if (rc == 0)
		rc = oci_index_pick(buf_str(ret), &one.digest, e);
	if (rc == 1) {
		buf_clear(ret);
		rc = get_manifest(s, &one, ret, ret_digest, e);
	}
	return rc;
}

/* --- blobs --- */

struct getting {
	const struct oci *s;
	const struct oci_blob *b;
	struct http_response *r;
	uint64_t at;   /* bytes that were taken */
	uint64_t from; /* where this answer was to begin */
	uint64_t skip; /* bytes of this answer that we have */
	bool has_begun;
};

static int
other_bytes(const struct getting *g, struct err *e)
{
	err_set(e, ERR_DIGEST,
	        "registry \"%s\" gives another number of bytes for \"%s\" than %" PRIu64,
	        g->s->host, g->b->name, g->b->size);
	return http_is_html(g->r) ? page_hint(e) : -(int)e->code;
}

/* "bytes 1000-1999/2000": it goes on. Without it all is sent again from the beginning. */
static bool
goes_on(const struct getting *g)
{
	const struct str s = http_header(g->r, "content-range", NULL);
	cleanup_free char *want = xasprintf("bytes %" PRIu64 "-", g->from);

	return s.n > strlen(want) && strncasecmp(s.p, want, strlen(want)) == 0;
}

static int
take(void *arg, const void *p, size_t n, struct err *e)
{
	struct getting *const g = arg;
	const char *at = p;

	if (!g->has_begun)
		g->skip = g->from > 0 && !goes_on(g) ? g->from : 0;
	g->has_begun = true;
	if (g->skip > 0) {
		const size_t known = n < g->skip ? n : (size_t)g->skip;
		g->skip -= known;
		at += known;
		n -= known;
	}
	if (n > g->b->size - g->at)
		return other_bytes(g, e);
	g->at += n;
	return n > 0 ? g->b->take(g->b->arg, at, n, e) : 0;
}

/* One answer of status 200 or 206, here or wherever we are sent. */
static int
get_once(struct oci *s, struct getting *g, struct err *e)
{
	const struct http_sink sink = { take, g, g->b->size + SLACK };
	cleanup_free char *url = oci_url(s, s->repo, "blobs", &g->b->digest);
	cleanup_free char *range = g->at > 0 ? xasprintf("Range: bytes=%" PRIu64 "-", g->at) : NULL;
	int rc = 0;

	g->from = g->at;
	g->has_begun = false;
	for (unsigned i = 0; rc == 0; i++) {
		cleanup_response struct http_response r = { 0 };
		const struct ask a = { .method = "GET",
			               .url = url,
			               .sink = &sink,
			               .range = range,
			               .is_read = true,
			               .may_redirect = true };
		char *next = NULL;

		g->r = &r;
		rc = oci_ask(s, &a, &r, e);
		if (rc < 0)
			break;
		if (r.status == 200 || r.status == 206)
			return g->at == g->b->size ? 0 : other_bytes(g, e);
		if (r.status < 300 || r.status > 399)
			return refused(s, g->b->name, &r, e);
		if (i == REDIRECTS)
			return err_set(e, ERR_MALFORMED, "registry \"%s\" sends us in a circle",
			               s->host);
		rc = oci_redirect(s, url, &r, &next, e);
		free(url);
		url = next;
	}
	return rc;
}

/* Is it worth another try? tries counts those that brought next to nothing. */
static bool
is_worth_it(const struct getting *g, int rc, uint64_t before, unsigned *tries)
{
	*tries = g->at - before >= OCI_GETS_ON ? 0 : *tries + 1;
	return rc == -ERR_UNREACHABLE && g->at < g->b->size && *tries < OCI_TRIES;
}

int
oci_get_blob(struct oci *s, const struct oci_blob *b, struct err *e)
{
	struct getting g = { .s = s, .b = b, .at = b->from };
	unsigned tries = 0;
	uint64_t before = 0;
	int rc = 0;

	while (rc == 0 && g.at < b->size) {
		before = g.at;
		rc = get_once(s, &g, e);
		if (!is_worth_it(&g, rc, before, &tries))
			break;
		err_clear(e);
		rc = s->o.check ? s->o.check(s->o.arg, e) : 0;
	}
	/* a connection that is lost behind the last byte */
	if (rc == -ERR_UNREACHABLE && g.at == b->size) {
		err_clear(e);
		rc = 0;
	}
	return rc;
}
