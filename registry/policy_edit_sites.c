/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites of a policy's document, edited in place. Unlike people they stand sorted, so the place of a
 * new one follows from its name. Another root under a known name is another registry: it is never
 * put in place of the one that somebody looked at.
 */
#include "registry/policy_edit.h"

#include <stdio.h>
#include <string.h>

#include "registry/ref.h"

#define ROOT_SIZE (sizeof "sha256:" - 1 + DIGEST_HEX_SIZE)

/* NULL */
static json_t *
site_with(const json_t *sites, const char *member, const char *text)
{
	json_t *site;
	size_t i;

	json_array_foreach(sites, i, site)
	{
		if (streq(json_opt_string(site, member), text))
			return site;
	}
	return NULL;
}

static int
check_name(const char *name, struct err *e)
{
	int rc = ref_check_word("site", name, e);

	if (rc == 0 && strlen(name) >= SIGNER_SIZE)
		rc = err_set(e, ERR_USAGE, "\"%s\" is longer than %d bytes", name, SIGNER_SIZE - 1);
	return rc;
}

static int
check_free(const json_t *sites, const char *name, const char *root, struct err *e)
{
	const json_t *const named = site_with(sites, "name", name);
	const json_t *const same = site_with(sites, "root", root);

	if (named && !streq(json_opt_string(named, "root"), root)) {
		(void)err_set(e, ERR_EXISTS, "site \"%s\" is another registry, of root %s", name,
		              json_opt_string(named, "root"));
		return err_hint(e,
		                "if it was founded anew: slipway policy trust-site %s --remove, "
		                "then this again",
		                name);
	}
	if (same && same != named) {
		(void)err_set(e, ERR_EXISTS, "the registry of this root is site \"%s\" already",
		              json_opt_string(same, "name"));
		return err_hint(e,
		                "under another name: slipway policy trust-site %s --remove, "
		                "then this again",
		                json_opt_string(same, "name"));
	}
	return 0;
}

/* Behind all whose names come before. */
static void
insert(json_t *sites, const char *name, const char *root, json_t *counts)
{
	size_t at = 0;

	while (at < json_array_size(sites) &&
	       strcmp(json_text(json_array_get(sites, at), "name"), name) < 0)
		at++;
	json_array_insert_new(
	        sites, at, json_pack("{s:o, s:s, s:s}", "for", counts, "name", name, "root", root));
}

int
policy_edit_site(json_t *doc, const char *name, const struct digest *root, unsigned counts,
                 struct err *e)
{
	json_t *sites = json_object_get(doc, "sites");
	char text[ROOT_SIZE], hex[DIGEST_HEX_SIZE];
	int rc;

	digest_hex(root, hex);
	(void)snprintf(text, sizeof text, "sha256:%s", hex);
	rc = check_name(name, e);
	if (rc == 0)
		rc = check_free(sites, name, text, e);
	if (rc < 0)
		return rc;
	if (!sites) {
		sites = json_array();
		json_object_set_new(doc, "sites", sites);
	}
	json_t *const site = site_with(sites, "name", name);
	json_t *const names = policy_counts_json(counts | COUNTS_VERSIONS);
	if (site)
		json_object_set_new(site, "for", names);
	else
		insert(sites, name, text, names);
	return 0;
}

bool
policy_edit_site_remove(json_t *doc, const char *name)
{
	json_t *const sites = json_object_get(doc, "sites");
	const json_t *const site = site_with(sites, "name", name);

	for (size_t i = 0; site && i < json_array_size(sites); i++)
		if (json_array_get(sites, i) == site) {
			json_array_remove(sites, i);
			break;
		}
	/* without sites there is no list: no document says the same in two ways */
	if (site && json_array_size(sites) == 0)
		(void)json_object_del(doc, "sites");
	return site != NULL;
}
