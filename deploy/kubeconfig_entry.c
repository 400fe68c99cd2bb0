/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed reading of one entry of a kubeconfig (a cluster, user or context): texts, lists, truth
 * values, PEM texts in place or in a file beside. Errors name file, entry and key, and never quote
 * a value: it may be a secret.
 */
#include <sodium.h>
#include <string.h>

#include "crypto/base64.h"
#include "deploy/kubeconfig_private.h"

int
entry_bad(const struct kube_entry *at, struct err *e, enum err_code code, const char *key,
          const char *what)
{
	return err_set(e, code, "kubeconfig \"%s\", %s \"%s\": %s%s%s", at->file->origin, at->kind,
	               at->name, key ? key : "", key ? ": " : "", what);
}

int
entry_expect(const struct kube_entry *at, const struct kyaml *v, int kind, const char *key,
             const char *what, struct err *e)
{
	return !v || (int)v->kind == kind ? 0 : entry_bad(at, e, ERR_MALFORMED, key, what);
}

/* Text of a scalar, owned; "" for what is there and empty. */
int
entry_text_value(const struct kube_entry *at, const struct kyaml *v, const char *key, char **ret,
                 struct err *e)
{
	if (v->kind != KYAML_SCALAR)
		return entry_bad(at, e, ERR_MALFORMED, key, "no text");
	if (!v->is_text && !v->is_null) {
		entry_bad(at, e, ERR_MALFORMED, key, "no text but a number or truth value");
		return err_hint(e, "put it in quotes");
	}
	if (memchr(v->text.p, '\0', v->text.n))
		return entry_bad(at, e, ERR_MALFORMED, key, "a NUL in it");
	*ret = xstrndup(v->is_null ? "" : v->text.p, v->is_null ? 0 : v->text.n);
	return 0;
}

/* A member; NULL when it is absent or empty. */
int
entry_text(const struct kube_entry *at, const struct kyaml *map, const char *key, char **ret,
           struct err *e)
{
	const struct kyaml *const v = kyaml_get(map, key);
	int rc;

	if (!v)
		return 0;
	rc = entry_text_value(at, v, key, ret, e);
	if (rc == 0 && !(*ret)[0])
		free(steal(ret));
	return rc;
}

int
entry_bool(const struct kube_entry *at, const char *key, bool *ret, struct err *e)
{
	const struct kyaml *const v = kyaml_get(at->map, key);

	if (v && kyaml_bool(v, ret) < 0)
		return entry_bad(at, e, ERR_MALFORMED, key, "neither true nor false");
	return 0;
}

/* A list of texts, NULL-terminated; NULL: absent or empty. */
int
entry_texts(const struct kube_entry *at, const struct kyaml *map, const char *key, char ***ret,
            struct err *e)
{
	const struct kyaml *const list = kyaml_get(map, key);
	int rc = entry_expect(at, list, KYAML_LIST, key, "no list", e);

	if (rc < 0 || !list || list->items.n == 0)
		return rc;
	*ret = xcalloc(list->items.n + 1, sizeof **ret);
	for (size_t i = 0; rc == 0 && i < list->items.n; i++)
		rc = entry_text_value(at, list->items.v[i].value, key, &(*ret)[i], e);
	return rc;
}

char *
entry_path(const struct kube_file *f, const char *path)
{
	return path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", f->dir, path);
}

/* base64 with line breaks, as text. */
static int
decode(const struct kube_entry *at, const char *key, const char *text, char **ret, struct err *e)
{
	const size_t size = strlen(text);
	char *p = xmalloc(size + 1);
	size_t n = 0;

	if (size > KUBECONFIG_PEM_MAX * 2 ||
	    base64_read((uint8_t *)p, size, &n, text, size, " \t\r\n",
	                sodium_base64_VARIANT_ORIGINAL) < 0 ||
	    memchr(p, '\0', n)) {
		sodium_memzero(p, size);
		free(p);
		return entry_bad(at, e, ERR_MALFORMED, key, "no base64 of a PEM text");
	}
	p[n] = '\0';
	*ret = p;
	return 0;
}

/* KEY-data, else the file that KEY names; checked to be PEM of that kind. NULL: neither. */
int
entry_pem(const struct kube_entry *at, const char *key, enum pem_kind kind, char **ret,
          struct err *e)
{
	cleanup_free char *data_key = xasprintf("%s-data", key), *path = NULL, *full = NULL;
	char *data = NULL;
	const char *used = data_key;
	size_t n;
	int rc = entry_text(at, at->map, data_key, &data, e);

	if (rc == 0)
		rc = entry_text(at, at->map, key, &path, e);
	if (rc == 0 && data) {
		rc = decode(at, data_key, data, ret, e);
	} else if (rc == 0 && path) {
		used = key;
		full = entry_path(at->file, path);
		rc = kubeconfig_read_secret(full, KUBECONFIG_PEM_MAX, ret, &n, e);
		if (rc < 0)
			err_prefix(e, "kubeconfig \"%s\", %s \"%s\"", at->file->origin, at->kind,
			           at->name);
	}
	kubeconfig_wipe(data);
	if (rc < 0 || !*ret)
		return rc;
	if (kubeconfig_pem_check(str_of(*ret), kind, used, NULL, e) < 0)
		return err_prefix(e, "kubeconfig \"%s\", %s \"%s\"", at->file->origin, at->kind,
		                  at->name);
	return 0;
}
