/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemes and hosts against the lists of the policy. A host is compared with its port and nothing
 * is resolved: two names of one machine are two hosts, and only what was signed is inside.
 */
#include "deploy/offline.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "deploy/oci_reference.h"

#define HOST_SIZE 300

static bool
has(const json_t *offline, const char *list, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(offline, list), i, one)
	{
		if (strcasecmp(json_string_value(one), text) == 0)
			return true;
	}
	return false;
}

/* SCHEME://HOST stands among the schemes; host NULL: with any host. */
static bool
has_scheme(const json_t *offline, const char *scheme, const char *host)
{
	cleanup_free char *head = xasprintf("%s://%s", scheme, host ? host : "");
	const json_t *one;
	size_t i;

	if (host)
		return has(offline, "schemes", head);
	json_array_foreach(json_object_get(offline, "schemes"), i, one)
	{
		if (has_prefix(json_string_value(one), head))
			return true;
	}
	return false;
}

static PRINTF(2, 3) bool no(char why[OFFLINE_WHY_SIZE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, OFFLINE_WHY_SIZE, fmt, ap);
	va_end(ap);
	return false;
}

/* Of SCHEME://HOST/.. or HOST/..; whoever stands in front of @ is no part of it, and {bucket} is a
 * place for a name. false: too long to be one. */
static bool
host_of(const char *url, char ret[HOST_SIZE])
{
	const char *const sep = strstr(url, "://");
	const char *at = sep ? sep + 3 : url;
	const size_t n = strcspn(at, "/?#\\");
	const char *const user = memrchr(at, '@', n);
	const char *const end = at + n;

	if (user)
		at = user + 1;
	if (has_prefix(at, "{bucket}."))
		at += strlen("{bucket}.");
	if (at > end || (size_t)(end - at) >= HOST_SIZE)
		return false;
	memcpy(ret, at, (size_t)(end - at));
	ret[end - at] = '\0';
	return ret[0] != '\0';
}

static bool
may_pull_from(const json_t *offline, const char *host, char why[OFFLINE_WHY_SIZE])
{
	return has(offline, "registries", host) ||
	       no(why, "%.80s is no registry of this site", host);
}

bool
offline_may_pull(const json_t *offline, const char *image, char why[OFFLINE_WHY_SIZE])
{
	struct oci_reference r = { 0 };
	struct err ignored = { 0 };
	bool may;

	if (oci_image_parse(image, &r, &ignored) < 0)
		return no(why, "that is no name of an image");
	may = may_pull_from(offline, r.host, why);
	oci_reference_fini(&r);
	return may;
}

bool
offline_is_by_digest(const char *image)
{
	struct oci_reference r = { 0 };
	struct err ignored = { 0 };
	bool is;

	if (oci_image_parse(image, &r, &ignored) < 0)
		return false;
	is = r.has_digest;
	oci_reference_fini(&r);
	return is;
}

/* oci://, and KServe's other ways to an image: oci+native://, oci+fetch://. */
static bool
may_fetch_oci(const json_t *offline, const char *rest, char why[OFFLINE_WHY_SIZE])
{
	char host[HOST_SIZE];

	if (!has(offline, "schemes", "oci"))
		return no(why, "the scheme oci is not allowed at this site");
	if (!host_of(rest, host))
		return no(why, "it names no host");
	return may_pull_from(offline, host, why);
}

/* An S3 server of the site is known by its address, as a bucket is a name anywhere. */
static bool
may_fetch_s3(const json_t *offline, const char *endpoint, char why[OFFLINE_WHY_SIZE])
{
	const bool is_plain = has(offline, "schemes", "s3");
	char host[HOST_SIZE];

	if (!is_plain && !has_scheme(offline, "s3", NULL))
		return no(why, "the scheme s3 is not allowed at this site");
	if (!endpoint || !host_of(endpoint, host))
		return no(why, "without the setting store-endpoint it leads to Amazon");
	if (has_scheme(offline, "s3", host) || (is_plain && has(offline, "registries", host)))
		return true;
	return no(why, "%.80s is no host of this site", host);
}

bool
offline_may_fetch(const json_t *offline, const char *uri, const char *endpoint,
                  char why[OFFLINE_WHY_SIZE])
{
	const char *const sep = strstr(uri, "://");
	cleanup_free char *scheme = xstrndup(uri, sep ? (size_t)(sep - uri) : 0);
	char host[HOST_SIZE];

	if (!sep || !scheme[0])
		return no(why, "it names no scheme");
	if (streq(scheme, "oci") || streq(scheme, "oci+native") || streq(scheme, "oci+fetch"))
		return may_fetch_oci(offline, sep + 3, why);
	if (streq(scheme, "s3"))
		return may_fetch_s3(offline, endpoint, why);
	if (streq(scheme, "file") || streq(scheme, "pvc"))
		return has(offline, "schemes", scheme) ||
		       no(why, "the scheme %s is not allowed at this site", scheme);
	if (streq(scheme, "hf") || streq(scheme, "gs")) /* they have no host in them */
		return has_scheme(offline, scheme, NULL) ||
		       no(why, "the scheme %s leads out of the site", scheme);
	if (!streq(scheme, "http") && !streq(scheme, "https"))
		return no(why, "the scheme %.40s is not known to stay inside a site", scheme);
	if (!host_of(uri, host))
		return no(why, "it names no host");
	return has_scheme(offline, scheme, host) || no(why, "%.80s is no host of this site", host);
}
