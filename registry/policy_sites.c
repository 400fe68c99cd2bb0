/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other registries, and what of theirs a policy lets count here. A site is known by the digest of
 * its first policy, from which everything else that it signed follows; its name is only ours. The
 * list has one spelling, so that one change of trust is one line that differs. Knows nothing of how
 * something of theirs comes here.
 */
#include "registry/policy_private.h"

#include <string.h>

#define WHAT "policy"

/* By bit; the document's alphabetical order is that of the bits from the last to the first. */
static const char *const counts_names[] = { "versions", "evidence", "approvals" };
_Static_assert(COUNTS_ALL == (1u << COUNT(counts_names)) - 1, "what counts, without a name");

int
policy_counts_parse(const char *s, unsigned *ret)
{
	for (size_t i = 0; i < COUNT(counts_names); i++) {
		if (!streq(counts_names[i], s))
			continue;
		*ret = 1u << i;
		return 0;
	}
	return -1;
}

void
policy_counts_text(unsigned counts, struct buf *ret)
{
	const size_t start = ret->n;

	for (size_t i = 0; i < COUNT(counts_names); i++)
		if (counts & 1u << i)
			buf_addf(ret, "%s%s", ret->n > start ? ", " : "", counts_names[i]);
}

json_t *
policy_counts_json(unsigned counts)
{
	json_t *const names = json_array();

	for (size_t i = COUNT(counts_names); i-- > 0;)
		if (counts & 1u << i)
			json_array_append_new(names, json_string(counts_names[i]));
	return names;
}

/* Comparing with the one spelling finds what is unsorted or stands there twice. */
static int
parse_counts(const json_t *o, struct policy_site *s, struct err *e)
{
	cleanup_json json_t *again = NULL;
	json_t *names, *one;
	size_t i;
	int rc;

	rc = json_get_array(o, "for", WHAT, &names, e);
	if (rc < 0)
		return rc;
	json_array_foreach(names, i, one)
	{
		unsigned bit = 0;
		if (policy_counts_parse(json_string_value(one), &bit) < 0)
			return err_set(e, ERR_MALFORMED,
			               WHAT ": \"for\" has what cannot count, of site \"%s\"",
			               s->name);
		s->counts |= bit;
	}
	again = policy_counts_json(s->counts);
	if (!json_equal(names, again))
		return err_set(e, ERR_MALFORMED,
		               WHAT ": \"for\" is not sorted, or says one thing twice, of site "
		                    "\"%s\"",
		               s->name);
	if (!(s->counts & COUNTS_VERSIONS))
		return err_set(e, ERR_MALFORMED,
		               WHAT ": \"for\" is without \"versions\", of site \"%s\"", s->name);
	return 0;
}

static int
check_place(const struct policy *p, const struct policy_site *s, struct err *e)
{
	if (policy_site_named(p, s->name))
		return err_set(e, ERR_MALFORMED, WHAT ": two sites are named \"%s\"", s->name);
	if (policy_site_by_root(p, &s->root))
		return err_set(e, ERR_MALFORMED, WHAT ": two sites of one root, once \"%s\"",
		               s->name);
	if (p->sites_n > 0 && strcmp(p->sites[p->sites_n - 1].name, s->name) > 0)
		return err_set(e, ERR_MALFORMED, WHAT ": sites not sorted by name: \"%s\"",
		               s->name);
	return 0;
}

static int
parse_site(const json_t *o, struct policy *p, struct err *e)
{
	static const char *const known[] = { "for", "name", "root" };
	struct policy_site *const s = &p->sites[p->sites_n];
	int rc;

	if (!json_is_object(o))
		return err_set(e, ERR_MALFORMED, WHAT ": a site that is no object");
	rc = policy_check_members(o, known, COUNT(known), e);
	if (rc == 0)
		rc = policy_parse_name(o, "name", s->name, sizeof s->name, e);
	if (rc == 0)
		rc = json_get_digest(o, "root", WHAT, &s->root, e);
	if (rc == 0)
		rc = parse_counts(o, s, e);
	if (rc == 0)
		rc = check_place(p, s, e);
	if (rc < 0)
		return rc;
	p->sites_n++;
	return 0;
}

int
policy_parse_sites(const json_t *doc, struct policy *p, struct err *e)
{
	json_t *sites;
	int rc;

	if (!json_object_get(doc, "sites"))
		return 0;
	rc = json_get_array(doc, "sites", WHAT, &sites, e);
	if (rc < 0)
		return rc;
	if (json_array_size(sites) == 0)
		return err_set(e, ERR_MALFORMED,
		               WHAT ": \"sites\" is empty: without sites it is left out");
	if (json_array_size(sites) > POLICY_SITES_MAX)
		return err_set(e, ERR_TOO_BIG, WHAT ": more than %d sites", POLICY_SITES_MAX);
	p->sites = xcalloc(json_array_size(sites), sizeof *p->sites);
	for (size_t i = 0; i < json_array_size(sites) && rc == 0; i++)
		rc = parse_site(json_array_get(sites, i), p, e);
	return rc;
}

/* --- asking --- */

const struct policy_site *
policy_site_named(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->sites_n; i++)
		if (streq(p->sites[i].name, name))
			return &p->sites[i];
	return NULL;
}

const struct policy_site *
policy_site_by_root(const struct policy *p, const struct digest *root)
{
	for (size_t i = 0; i < p->sites_n; i++)
		if (digest_eq(&p->sites[i].root, root))
			return &p->sites[i];
	return NULL;
}
