/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTPRoute of the Gateway API gives one Service of the requests, as its gateways have
 * taken it: weights that no parent has accepted yet, or accepted in an older generation, are
 * wishes. Pure.
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

static bool
is_accepted(const json_t *route, char why[256])
{
	const int64_t generation = kube_number(route, "metadata.generation", 0);
	const json_t *parents = kube_at(route, "status.parents"), *one;
	size_t i;

	if (json_array_size(parents) == 0) {
		(void)snprintf(why, 256, "no gateway says anything of it yet");
		return false;
	}
	json_array_foreach(parents, i, one)
	{
		if (!is_taken(one, generation, why))
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

bool
cluster_route_share(const json_t *route, const char *service, unsigned *ret, char why[256])
{
	const json_t *one;
	int share = -1;
	size_t i;

	if (!route) {
		(void)snprintf(why, 256, "it is not there");
		return false;
	}
	if (!is_accepted(route, why))
		return false;
	json_array_foreach(kube_at(route, "spec.rules"), i, one)
	{
		const int now = share_of(one, service);

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
