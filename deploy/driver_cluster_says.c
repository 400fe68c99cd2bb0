/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which version a server's answer names. Servers number versions by themselves (the folder "1"), so
 * a number proves nothing and contradicts nothing; a digest does. Pure.
 */
#include <string.h>

#include "deploy/driver_cluster.h"

static bool
is_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") >= n;
}

/* A word that is shaped as an identity of bytes: ours, or another one. */
static enum cluster_says
word_says(const char *word, const char *hex, const char *known)
{
	const char *colon = strstr(word, "sha256:");
	const char *d = colon ? colon + strlen("sha256:") : word;
	char found[DIGEST_HEX_SIZE];

	if (strlen(d) == CLUSTER_LABEL && is_hex(d, CLUSTER_LABEL))
		return memcmp(d, hex, CLUSTER_LABEL) == 0 ? SAYS_OURS : SAYS_OTHER;
	if (!is_hex(d, DIGEST_HEX_SIZE - 1) || strlen(d) < DIGEST_HEX_SIZE - 1)
		return SAYS_NOTHING;
	memcpy(found, d, DIGEST_HEX_SIZE - 1);
	found[DIGEST_HEX_SIZE - 1] = '\0';
	return streq(found, hex) || strstr(known, found) ? SAYS_OURS : SAYS_OTHER;
}

enum cluster_says
cluster_says(const json_t *answer, const struct digest *version, const char *known,
             char ret_other[80])
{
	const json_t *versions = json_object_get(answer, "versions");
	const char *words[18] = { kube_text(answer, "model_version"),
		                  kube_text(answer, "parameters.digest") };
	enum cluster_says all = SAYS_NOTHING;
	char hex[DIGEST_HEX_SIZE];

	digest_hex(version, hex);
	for (size_t i = 0; i < 16; i++)
		words[2 + i] = json_string_value(json_array_get(versions, i));
	for (size_t i = 0; i < COUNT(words); i++) {
		const enum cluster_says one =
		        words[i] ? word_says(words[i], hex, known) : SAYS_NOTHING;

		if (one == SAYS_OTHER) {
			kube_safe(ret_other, 80, words[i]);
			return one;
		}
		if (one == SAYS_OURS)
			all = one;
	}
	return all;
}
