/* SPDX-License-Identifier: Apache-2.0 */
/* Labels as sorted lines, and proof layers as words. */
#include "registry/labels.h"

#include <ctype.h>
#include <string.h>

#include "registry/base/text.h"
#include "registry/base/vec.h"

#define VALUE_MAX 255u

int
label_key_check(const char *key, struct err *e)
{
	const size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789._/-");

	if (n > 0 && n <= 63 && key[n] == '\0' && isalnum((unsigned char)key[0]))
		return 0;
	err_set(e, ERR_USAGE, "\"%s\" is no label key", key);
	return err_hint(e, "lower-case letters, digits, and . _ / - behind the first, at most 63");
}

int
label_parse(const char *text, char ret_key[64], const char **ret_value, struct err *e)
{
	const char *eq = strchr(text, '=');
	cleanup_free char *key = eq ? xstrndup(text, (size_t)(eq - text)) : NULL;
	int rc;

	if (!eq) {
		err_set(e, ERR_USAGE, "\"%s\" is no label", text);
		return err_hint(e, "write it as key=value");
	}
	rc = label_key_check(key, e);
	if (rc < 0)
		return rc;
	if (strlen(eq + 1) > VALUE_MAX)
		return err_set(e, ERR_USAGE, "the value of label \"%s\" is over %u bytes", key,
		               VALUE_MAX);
	if (!text_is_utf8(str_of(eq + 1)))
		return err_set(e, ERR_USAGE, "the value of label \"%s\" is not UTF-8", key);
	if (strpbrk(eq + 1, "\n\r"))
		return err_set(e, ERR_USAGE, "the value of label \"%s\" has a line feed in it",
		               key);
	(void)str_copy(ret_key, 64, key);
	*ret_value = eq + 1;
	return 0;
}

json_t *
labels_object(const char *text)
{
	json_t *o = json_object();

	for (const char *p = text, *lf; (lf = strchr(p, '\n')) != NULL; p = lf + 1) {
		const char *eq = memchr(p, '=', (size_t)(lf - p));
		if (!eq)
			continue;
		cleanup_free char *key = xstrndup(p, (size_t)(eq - p));
		json_object_set_new(o, key, json_stringn(eq + 1, (size_t)(lf - eq) - 1));
	}
	return o;
}

static int
by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Lines of the object, sorted by key. -1: a value that is none, or it does not fit. */
static int
labels_write(json_t *o, char *text, size_t size)
{
	cleanup_buf struct buf b = { 0 };
	VEC(const char *) keys = { 0 };
	struct err why = { 0 };
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach(o, key, value) vec_push(&keys, key);
	if (keys.n > 1)
		qsort(keys.v, keys.n, sizeof *keys.v, by_text);
	for (size_t i = 0; i < keys.n; i++) {
		value = json_object_get(o, keys.v[i]);
		if (!json_is_string(value) || strchr(json_string_value(value), '\n') ||
		    label_key_check(keys.v[i], &why) < 0)
			rc = -1;
		else
			buf_addf(&b, "%s=%s\n", keys.v[i], json_string_value(value));
	}
	vec_fini(&keys);
	return rc < 0 || str_copy(text, b.n < size ? size : 0, buf_cstr(&b)) < 0 ? -1 : 0;
}

int
labels_apply(char *text, size_t size, const json_t *body)
{
	cleanup_json json_t *o = labels_object(text);
	const json_t *remove = json_object_get(body, "remove"), *set = json_object_get(body, "set");
	size_t i;
	json_t *key;

	if (!json_is_array(remove) || !json_is_object(set))
		return -1;
	json_array_foreach(remove, i, key)
	{
		if (!json_is_string(key))
			return -1;
		json_object_del(o, json_string_value(key));
	}
	json_object_update(o, json_object_get(body, "set"));
	cleanup_free char *fresh = xcalloc(1, size);
	if (labels_write(o, fresh, size) < 0)
		return -1;
	return str_copy(text, size, fresh);
}

bool
labels_get(const char *text, const char *key, char *ret, size_t size)
{
	const size_t n = strlen(key);

	for (const char *p = text, *lf; (lf = strchr(p, '\n')) != NULL; p = lf + 1) {
		if (strncmp(p, key, n) != 0 || p[n] != '=')
			continue;
		if (ret && (size_t)(lf - p) - n - 1 < size) {
			memcpy(ret, p + n + 1, (size_t)(lf - p) - n - 1);
			ret[(size_t)(lf - p) - n - 1] = '\0';
		}
		return true;
	}
	return false;
}

bool
labels_match(const char *text, const char *wanted)
{
	const char *eq = strchr(wanted, '=');
	cleanup_free char *key = eq ? xstrndup(wanted, (size_t)(eq - wanted)) : xstrdup(wanted);
	char value[VALUE_MAX + 1];

	if (!labels_get(text, key, value, sizeof value))
		return false;
	return !eq || streq(value, eq + 1);
}

void
labels_json(const char *text, struct json_out *o, const char *key)
{
	cleanup_json json_t *labels = labels_object(text);

	jo_value(o, key, labels);
}

static const char *const proof_words[] = PROOF_WORDS;

unsigned
proofs_from_json(const json_t *array)
{
	unsigned proofs = 0;
	size_t i;
	json_t *word;

	json_array_foreach(array, i, word) for (size_t k = 0; k < COUNT(proof_words);
	                                        k++) if (json_is_string(word) &&
	                                                 streq(json_string_value(word),
	                                                       proof_words[k])) proofs |= 1u << k;
	return proofs;
}

json_t *
proofs_to_json(unsigned proofs)
{
	json_t *array = json_array();

	for (size_t k = 0; k < COUNT(proof_words); k++)
		if (proofs & 1u << k)
			json_array_append_new(array, json_string(proof_words[k]));
	return array;
}

const char *
proofs_highest(unsigned proofs)
{
	for (size_t k = COUNT(proof_words); k > 0; k--)
		if (proofs & 1u << (k - 1))
			return proof_words[k - 1];
	return "none";
}
