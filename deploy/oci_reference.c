/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes a reference apart: OCI distribution specification 1.1, "Pulling manifests". Knows no
 * registry, and not what a name stands for.
 */
#include "deploy/oci_reference.h"

#include <stdlib.h>
#include <string.h>

#include "registry/base/str.h"

#define ALPHABET "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

bool
oci_is_repository(const char *s)
{
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
is_host(const char *s)
{
	return s[0] != '\0' && strspn(s, ALPHABET ".-:[]") == strlen(s);
}

static bool
take_digest(char *at, struct oci_reference *r)
{
	r->has_digest =
	        has_prefix(at, "sha256:") && digest_parse(&r->digest, at + 7, strlen(at + 7)) == 0;
	return r->has_digest;
}

static bool
take_tag(const char *at, struct oci_reference *r)
{
	return at[0] != '\0' && strspn(at, ALPHABET ".-") == strlen(at) && !strchr(".-", at[0]) &&
	       str_copy(r->tag, sizeof r->tag, at) == 0;
}

/* rest is what follows the host's slash; cut into pieces. */
static bool
take(char *rest, struct oci_reference *r)
{
	char *const digest = strchr(rest, '@');
	char *tag;

	if (digest) {
		*digest = '\0';
		if (!take_digest(digest + 1, r))
			return false;
	}
	tag = strchr(rest, ':');
	if (tag) {
		*tag = '\0';
		if (!take_tag(tag + 1, r))
			return false;
	}
	return oci_is_repository(rest);
}

int
oci_reference_parse(const char *text, struct oci_reference *ret, struct err *e)
{
	struct oci_reference r = { 0 };
	cleanup_free char *copy = xstrdup(has_prefix(text, "oci://") ? text + 6 : "");
	char *const slash = strchr(copy, '/');

	if (slash)
		*slash = '\0';
	if (!slash || !is_host(copy) || !take(slash + 1, &r)) {
		err_set(e, ERR_USAGE,
		        "\"%s\" is no oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:HEX]", text);
		return err_hint(e, has_prefix(text, "oci://")
		                           ? "a repository is lower case, a digest has 64 digits"
		                           : "only OCI registries are read: it begins with oci://");
	}
	r.host = xstrdup(copy);
	r.repo = xstrdup(slash + 1);
	*ret = r;
	return 0;
}

#define HUB "index.docker.io" /* as credential files name it; it answers there too */

/* Source: github.com/distribution/reference, "splitDockerDomain". */
int
oci_image_parse(const char *text, struct oci_reference *ret, struct err *e)
{
	const size_t n = strcspn(text, "/");
	cleanup_free char *first = xstrndup(text, n), *whole = NULL;
	const bool has_host =
	        text[n] == '/' && (strpbrk(first, ".:") != NULL || streq(first, "localhost"));

	if (has_host && streq(first, "docker.io"))
		whole = xasprintf("oci://" HUB "/%s%s", strchr(text + n + 1, '/') ? "" : "library/",
		                  text + n + 1);
	else if (has_host)
		whole = xasprintf("oci://%s", text);
	else
		whole = xasprintf("oci://" HUB "/%s%s", text[n] == '/' ? "" : "library/", text);
	return oci_reference_parse(whole, ret, e);
}

void
oci_reference_fini(struct oci_reference *r)
{
	free(r->host);
	free(r->repo);
	*r = (struct oci_reference){ 0 };
}
