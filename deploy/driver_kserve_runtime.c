/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would KServe choose this runtime for that model? Its rules: formats by name and version,
 * protocols by name, none named means v1. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "deploy/driver_cluster.h"

static bool
has_word(const json_t *list, const char *word)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		if (streq(json_string_value(one), word))
			return true;
	}
	return false;
}

/* No protocols named means v1. */
static bool
speaks(const json_t *runtime, const char *protocol)
{
	const json_t *list = kube_at(runtime, "spec.protocolVersions");

	return json_array_size(list) ? has_word(list, protocol) : streq(protocol, "v1");
}

static bool
has_format(const json_t *runtime, const char *format)
{
	const size_t n = strcspn(format, ":");
	const char *version = format[n] ? format + n + 1 : NULL;
	const json_t *one;
	size_t i;

	json_array_foreach(kube_at(runtime, "spec.supportedModelFormats"), i, one)
	{
		const char *name = kube_text(one, "name"), *has = json_opt_string(one, "version");

		if (strlen(name) != n || memcmp(name, format, n) != 0)
			continue;
		if (!version || (has && streq(has, version)))
			return true;
	}
	return false;
}

bool
kserve_runtime_serves(const json_t *runtime, const char *format, const char *protocol,
                      char why[256])
{
	if (json_is_true(kube_at(runtime, "spec.disabled")))
		(void)snprintf(why, 256, "it is disabled");
	else if (!has_format(runtime, format))
		(void)snprintf(why, 256, "it does not serve the format \"%s\"", format);
	else if (!speaks(runtime, protocol))
		(void)snprintf(why, 256, "it does not speak the protocol \"%s\"", protocol);
	else
		return true;
	return false;
}
