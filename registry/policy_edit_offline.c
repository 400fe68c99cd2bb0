/* SPDX-License-Identifier: Apache-2.0 */
/*
 * That a site has no connection, edited in a policy's document. A list is said whole; what makes
 * the member at all begins with no registry and with the schemes that stay inside.
 */
#include "registry/policy_edit.h"

#include <stdlib.h>
#include <string.h>

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, each once. words are the list's. */
static json_t *
list_of(char **words, size_t n)
{
	json_t *const list = json_array();

	qsort(words, n, sizeof *words, compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !streq(words[i - 1], words[i]))
			json_array_append_new(list, json_string(words[i]));
	return list;
}

static int
bad_word(const char *member, const char *word, struct err *e)
{
	if (streq(member, "registries")) {
		(void)err_set(e, ERR_USAGE, "\"%s\" is no host of a registry", word);
		return err_hint(e, "HOST or HOST:PORT, in lower case, as images are named there; "
		                   "or none");
	}
	(void)err_set(e, ERR_USAGE, "\"%s\" is no scheme that stays inside a site", word);
	return err_hint(e, "file, oci, pvc, s3; gs, hf, http and https only with the host inside "
	                   "that they lead to: https://HOST");
}

/* value's words, apart by commas, into *ret. */
static int
read_list(const char *member, const char *value, json_t **ret, struct err *e)
{
	bool (*const is_one)(const char *) =
	        streq(member, "registries") ? policy_offline_is_host : policy_offline_is_scheme;
	cleanup_free char *copy = xstrdup(value);
	char *words[POLICY_OFFLINE_MAX], *at = copy;
	size_t n = 0;

	while (at) {
		char *const word = strsep(&at, ",");
		if (!is_one(word))
			return bad_word(member, word, e);
		if (n == COUNT(words))
			return err_set(e, ERR_USAGE, "more than %d %s", POLICY_OFFLINE_MAX, member);
		words[n++] = word;
	}
	*ret = list_of(words, n);
	return 0;
}

int
policy_edit_offline(json_t *doc, const char *member, const char *value, struct err *e)
{
	json_t *list = NULL, *offline = json_object_get(doc, "offline");
	int rc = 0;

	if (streq(value, "none"))
		list = json_array();
	else
		rc = read_list(member, value, &list, e);
	if (rc < 0)
		return rc;
	if (!offline) {
		offline = policy_offline_new();
		json_object_set_new(doc, "offline", offline);
	}
	json_object_set_new(offline, member, list);
	return 0;
}

void
policy_edit_online(json_t *doc)
{
	(void)json_object_del(doc, "offline");
}
