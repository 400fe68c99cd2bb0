/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site without a connection: which registries are its own, and by which schemes its servers may
 * fetch. What leads out by itself (gs, hf, http, https) is allowed by the host inside that it leads
 * to, never as such. The lists have one spelling. Whether something may be fetched, others judge.
 */
#include "registry/policy_private.h"

#include <string.h>

#include "registry/base/vec.h"

#define WHAT     "policy"
#define HOST_MAX 253

/* Inside the site whatever they name, and what may lead anywhere. */
static const char *const inside[] = { "file", "oci", "pvc", "s3" };
static const char *const by_host[] = { "gs", "hf", "http", "https", "s3" };

bool
policy_offline_is_host(const char *s)
{
	const size_t n = strcspn(s, ":");
	uint64_t port;

	if (n == 0 || n > HOST_MAX || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") != n ||
	    strchr(".-", s[0]) || strchr(".-", s[n - 1]))
		return false;
	return s[n] == '\0' || (parse_u64(s + n + 1, 65535, &port) == 0 && port > 0);
}

bool
policy_offline_is_scheme(const char *s)
{
	const char *const host = strstr(s, "://");
	const size_t n = host ? (size_t)(host - s) : 0;

	for (size_t i = 0; i < COUNT(inside); i++)
		if (streq(inside[i], s))
			return true;
	for (size_t i = 0; host && i < COUNT(by_host); i++)
		if (strlen(by_host[i]) == n && memcmp(by_host[i], s, n) == 0)
			return policy_offline_is_host(host + 3);
	return false;
}

json_t *
policy_offline_new(void)
{
	json_t *const schemes = json_array();

	for (size_t i = 0; i < COUNT(inside); i++)
		json_array_append_new(schemes, json_string(inside[i]));
	return json_pack("{s:[], s:o}", "registries", "schemes", schemes);
}

void
policy_offline_text(const struct policy *p, const char *member, struct buf *ret)
{
	const json_t *const list = json_object_get(p->offline, member), *one;
	size_t i;

	json_array_foreach(list, i, one)
	        buf_addf(ret, "%s%s", i > 0 ? ", " : "", json_string_value(one));
	if (json_array_size(list) == 0)
		buf_adds(ret, "none");
}

static int
parse_list(const json_t *o, const char *member, bool (*is_one)(const char *), struct err *e)
{
	const char *before = "", *text;
	json_t *list, *one;
	size_t i;
	int rc;

	rc = json_get_array(o, member, WHAT, &list, e);
	if (rc < 0)
		return rc;
	if (json_array_size(list) > POLICY_OFFLINE_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": more than %d of offline \"%s\"",
		               POLICY_OFFLINE_MAX, member);
	json_array_foreach(list, i, one)
	{
		text = json_string_value(one);
		if (!text || !is_one(text))
			return err_set(e, ERR_MALFORMED,
			               WHAT ": offline \"%s\" has what is none: \"%s\"", member,
			               text ? text : "");
		if (strcmp(before, text) >= 0)
			return err_set(e, ERR_MALFORMED,
			               WHAT ": offline \"%s\" is not sorted, or says one thing "
			                    "twice: \"%s\"",
			               member, text);
		before = text;
	}
	return 0;
}

int
policy_parse_offline(const json_t *doc, struct policy *p, struct err *e)
{
	static const char *const known[] = { "registries", "schemes" };
	json_t *o;
	int rc;

	if (!json_object_get(doc, "offline"))
		return 0;
	rc = json_get_object(doc, "offline", WHAT, &o, e);
	if (rc == 0)
		rc = policy_check_members(o, known, COUNT(known), e);
	if (rc == 0)
		rc = parse_list(o, "registries", policy_offline_is_host, e);
	if (rc == 0)
		rc = parse_list(o, "schemes", policy_offline_is_scheme, e);
	if (rc == 0)
		p->offline = json_deep_copy(o);
	return rc;
}
