/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTPRoute of the Gateway API gives one Service of the requests, as its gateways have
 * taken it: weights that no parent has accepted yet, or accepted in an older generation, are
 * wishes. And its rules with other weights: all that is not a weight stays as somebody wrote it.
 * Pure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"
#include "deploy/kube.h"

#define WEIGHT_MAX 1000000 /* the API's own */

/* Has this parent taken the route as it is now? */
static bool
is_taken(const json_t *parent, int64_t generation, char why[256])
{
	const json_t *one;
	bool is_accepted = false;
	char type[64], reason[64];
	size_t i;

	json_array_foreach(kube_at(parent, "conditions"), i, one)
	{
		const bool is_true = streq(kube_text(one, "status"), "True");

		kube_safe(type, sizeof type, kube_text(one, "type"));
		kube_safe(reason, sizeof reason, kube_text(one, "reason"));
		if (!streq(type, "Accepted") && !streq(type, "ResolvedRefs"))
			continue;
		if (kube_number(one, "observedGeneration", -1) != generation) {
			(void)snprintf(why, 256, "its gateway has not taken it up yet");
			return false;
		}
		if (!is_true) {
			(void)snprintf(why, 256, "its gateway does not take it: %s: %s", type,
			               reason);
			return false;
		}
		is_accepted = is_accepted || streq(type, "Accepted");
	}
	if (!is_accepted)
		(void)snprintf(why, 256, "its gateway says nothing of it yet");
	return is_accepted;
}

static const char *
place_of(const json_t *ref, const json_t *route)
{
	const char *ns = kube_text(ref, "namespace");

	return *ns ? ns : kube_text(route, "metadata.namespace");
}

/* Does this entry of the status speak of that parent? */
static bool
is_of_parent(const json_t *parent, const json_t *ref, const json_t *route)
{
	const json_t *of = kube_at(parent, "parentRef");

	return streq(kube_text(of, "name"), kube_text(ref, "name")) &&
	       streq(place_of(of, route), place_of(ref, route)) &&
	       streq(kube_text(of, "sectionName"), kube_text(ref, "sectionName")) &&
	       kube_number(of, "port", 0) == kube_number(ref, "port", 0);
}

/* By all that speak of it; ref NULL: of whatever it is. */
static bool
is_taken_by(const json_t *route, const json_t *ref, char why[256])
{
	const int64_t generation = kube_number(route, "metadata.generation", 0);
	const json_t *one;
	bool any = false;
	size_t i;

	json_array_foreach(kube_at(route, "status.parents"), i, one)
	{
		if (ref && !is_of_parent(one, ref, route))
			continue;
		if (!is_taken(one, generation, why))
			return false;
		any = true;
	}
	if (!any)
		(void)snprintf(why, 256, "no gateway says anything of it yet");
	return any;
}

bool
cluster_route_is_taken(const json_t *route, char why[256])
{
	const json_t *refs = kube_at(route, "spec.parentRefs"), *one;
	size_t i;

	if (json_array_size(refs) == 0)
		return is_taken_by(route, NULL, why);
	json_array_foreach(refs, i, one)
	{
		if (!is_taken_by(route, one, why))
			return false;
	}
	return true;
}

/* Of one rule; -1: it sends nobody anywhere. */
static int
share_of(const json_t *rule, const char *service)
{
	int64_t sum = 0, part = 0;
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(rule, "backendRefs"), i, one)
	{
		const int64_t weight = kube_number(one, "weight", 1);

		if (weight < 0 || weight > WEIGHT_MAX)
			return -1;
		sum += weight;
		if (streq(kube_text(one, "name"), service))
			part += weight;
	}
	return sum > 0 ? (int)((200 * part + sum) / (2 * sum)) : -1;
}

/* How many of the rule's backends are that Service, in the route's own namespace. */
static size_t
count_of(const json_t *route, const json_t *refs, const char *service, const json_t **ret)
{
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(refs, i, one)
	{
		const char *kind = kube_text(one, "kind");

		if (!streq(kube_text(one, "name"), service) || *kube_text(one, "group") ||
		    (*kind && !streq(kind, "Service")) ||
		    !streq(place_of(one, route), kube_text(route, "metadata.namespace")))
			continue;
		if (ret)
			*ret = one;
		n++;
	}
	return n;
}

bool
cluster_route_share(const json_t *route, const char *beside, const char *service, unsigned *ret,
                    char why[256])
{
	const json_t *one;
	int share = -1;
	size_t i;

	if (!route) {
		(void)snprintf(why, 256, "it is not there");
		return false;
	}
	if (!cluster_route_is_taken(route, why))
		return false;
	json_array_foreach(kube_at(route, "spec.rules"), i, one)
	{
		const json_t *refs = kube_at(one, "backendRefs");
		const int now = share_of(one, service);

		if (beside && count_of(route, refs, beside, NULL) == 0 &&
		    count_of(route, refs, service, NULL) == 0)
			continue;
		if (now < 0)
			continue;
		if (share >= 0 && now != share) {
			(void)snprintf(why, 256, "its rules share the requests differently");
			return false;
		}
		share = now;
	}
	if (share < 0) {
		(void)snprintf(why, 256, "it sends requests nowhere");
		return false;
	}
	*ret = (unsigned)share;
	return true;
}

/* --- other weights --- */

/* A copy of each request, which is counted there and asked by nobody. */
static bool
is_mirrored(const json_t *route, const json_t *rule, const struct cluster_sides *s)
{
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(rule, "filters"), i, one)
	{
		const json_t *to = kube_at(one, "requestMirror.backendRef");
		cleanup_json json_t *list = json_array();

		if (to)
			json_array_append(list, (json_t *)(uintptr_t)to);
		if (count_of(route, list, s->stable, NULL) ||
		    count_of(route, list, s->newcomer, NULL))
			return true;
	}
	return false;
}

/* What of a rule cannot be weighed; NULL: nothing. */
static const char *
why_not(const json_t *route, const json_t *rule, const struct cluster_sides *s)
{
	const json_t *refs = kube_at(rule, "backendRefs"), *stable = NULL;
	const size_t old = count_of(route, refs, s->stable, &stable);
	const size_t fresh = count_of(route, refs, s->newcomer, NULL);

	if (old == 0)
		return "sends requests to the newcomer's Service and not to the stable one";
	if (old > 1 || fresh > 1)
		return "names one Service twice";
	if (json_array_size(refs) > old + fresh)
		return "shares its requests with another backend too";
	if (json_array_size(kube_at(stable, "filters")) > 0)
		return "has filters of one backend";
	if (fresh == 0 && kube_number(stable, "weight", 1) == 0)
		return "gives its only backend the weight 0";
	if (json_object_size(kube_at(rule, "sessionPersistence")) > 0)
		return "keeps each session at one backend (sessionPersistence)";
	if (is_mirrored(route, rule, s))
		return "mirrors requests to the same Service";
	return NULL;
}

/* One backend, or two with their weights. */
static json_t *
weighed(const json_t *route, const json_t *rule, const struct cluster_sides *s, unsigned percent)
{
	const json_t *refs = kube_at(rule, "backendRefs"), *stable = NULL;
	const bool is_shared = count_of(route, refs, s->newcomer, NULL) > 0;
	json_t *o = json_deep_copy(rule), *old, *fresh;

	(void)count_of(route, refs, s->stable, &stable);
	old = json_deep_copy(stable);
	if (percent > 0 || is_shared)
		json_object_set_new(old, "weight", json_integer(percent > 0 ? 100 - percent : 1));
	json_object_set_new(o, "backendRefs", json_pack("[o]", old));
	if (percent == 0)
		return o;
	fresh = json_deep_copy(stable);
	json_object_set_new(fresh, "name", json_string(s->newcomer));
	json_object_set_new(fresh, "weight", json_integer(percent));
	json_array_append_new(json_object_get(o, "backendRefs"), fresh);
	return o;
}

static void
say_rule(const json_t *rule, size_t i, const char *no, char why[256])
{
	char name[64];

	kube_safe(name, sizeof name, kube_text(rule, "name"));
	(void)snprintf(why, 256, "its rule %zu%s%s%s %s", i + 1, name[0] ? " (" : "", name,
	               name[0] ? ")" : "", no);
}

json_t *
cluster_route_weigh(const json_t *route, const struct cluster_sides *s, unsigned percent,
                    char why[256])
{
	cleanup_json json_t *rules = json_array();
	const json_t *one;
	size_t i, n = 0;

	json_array_foreach(kube_at(route, "spec.rules"), i, one)
	{
		const json_t *refs = kube_at(one, "backendRefs");
		const char *no;

		if (count_of(route, refs, s->stable, NULL) == 0 &&
		    count_of(route, refs, s->newcomer, NULL) == 0) {
			json_array_append_new(rules, json_deep_copy(one));
			continue;
		}
		no = why_not(route, one, s);
		if (no) {
			say_rule(one, i, no, why);
			return NULL;
		}
		json_array_append_new(rules, weighed(route, one, s, percent));
		n++;
	}
	if (n > 0)
		return steal(&rules);
	(void)snprintf(why, 256, "none of its rules sends requests to the Service \"%s\"",
	               s->stable);
	return NULL;
}

bool
cluster_route_lists(const json_t *route, const char *service)
{
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(route, "spec.rules"), i, one)
	{
		if (count_of(route, kube_at(one, "backendRefs"), service, NULL) > 0)
			return true;
	}
	return false;
}
