/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in and in canonical form. jansson parses; what it leaves open is closed here: a depth that
 * no recursion of ours can suffer from, one value for each member, no NUL in any string. Members
 * are read by functions that say which one is missing or of the wrong kind. Knows no schema.
 */
#include "registry/base/json.h"

#include <string.h>
#include <sys/random.h>

#include "registry/base/clock.h"

#define JSON_DEPTH_MAX 64
#define JSON_TEXT_MAX  ((size_t)64 * 1024 * 1024)

/* Counts brackets outside strings; a text that is no JSON at all may pass, jansson refuses it. */
static int
depth_check(struct str text, const char *what, struct err *e)
{
	size_t line = 1;
	size_t column = 0;
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < text.n; i++) {
		const char c = text.p[i];

		if (((unsigned char)c & 0xc0) != 0x80)
			column++;
		if (c == '\n') {
			line++;
			column = 0;
		}
		if (in_string) {
			if (c == '\\') {
				i++;
				column++;
			} else if (c == '"') {
				in_string = false;
			}
			continue;
		}
		if (c == '"')
			in_string = true;
		else if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return err_set(e, ERR_MALFORMED,
				       "%s: nested deeper than %d levels at line %zu, column %zu",
				       what, JSON_DEPTH_MAX, line, column);
	}
	return 0;
}

size_t
json_count(struct str text)
{
	bool in_string = false;
	size_t n = 1;

	for (size_t i = 0; i < text.n; i++) {
		const char c = text.p[i];

		if (c == '"')
			in_string = !in_string;
		else if (in_string)
			i += c == '\\';
		else
			n += c == '{' || c == '[' || c == ',';
	}
	return n;
}

/* jansson's words, except where they name a flag of its own */
static const char *
reason_of(const json_error_t *why)
{
	const enum json_error_code code = json_error_code(why);

	if (code == json_error_null_character || code == json_error_null_byte_in_key)
		return "a string holds a NUL";
	return why->text;
}

void
json_start(void)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
		json_object_seed(seed);
}

int
json_parse(struct str text, const char *what, json_t **ret, struct err *e)
{
	json_error_t why;
	json_t *j;
	int rc;

	if (text.n > JSON_TEXT_MAX)
		return err_set(e, ERR_TOO_BIG, "%s: JSON larger than %zu bytes", what,
			       JSON_TEXT_MAX);
	rc = depth_check(text, what, e);
	if (rc < 0)
		return rc;
	j = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &why);
	if (!j)
		return err_set(e, ERR_MALFORMED, "%s: no valid JSON at line %d, column %d: %s",
			       what, why.line, why.column, reason_of(&why));
	*ret = j;
	return 0;
}

static int
canonical_piece(const char *p, size_t n, void *arg)
{
	struct buf *const b = arg;

	/* jansson leaves DEL as it is; a signed text has nothing that a terminal would obey */
	for (const char *del = memchr(p, 0x7f, n); del; del = memchr(p, 0x7f, n)) {
		const size_t before = (size_t)(del - p);

		buf_add(b, p, before);
		buf_adds(b, "\\u007f");
		p += before + 1;
		n -= before + 1;
	}
	buf_add(b, p, n);
	return 0;
}

void
json_canonical(const json_t *j, struct buf *ret)
{
	const int rc = json_dump_callback(j, canonical_piece, ret,
					  JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII |
						  JSON_ENCODE_ANY);

	/* what was built or parsed here is no loop and has no NaN, so only memory can be short */
	if (rc < 0)
		abort();
}

void
json_pretty(const json_t *j, struct buf *ret)
{
	if (json_dump_callback(j, canonical_piece, ret, JSON_INDENT(2) | JSON_ENCODE_ANY) < 0)
		abort(); /* as above */
}

static const char *
article_of(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "a whole number";
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	case JSON_NULL:
		return "null";
	}
	return "a value";
}

static int
member(const json_t *o, const char *key, const char *what, json_type type, json_t **ret,
       struct err *e)
{
	json_t *const v = json_object_get(o, key);

	if (!json_is_object(o))
		return err_set(e, ERR_MALFORMED, "%s: not an object, so it has no \"%s\"", what,
			       key);
	if (!v)
		return err_set(e, ERR_MALFORMED, "%s: \"%s\" is missing", what, key);
	if (json_typeof(v) != type)
		return err_set(e, ERR_MALFORMED, "%s: \"%s\" is not %s", what, key,
			       article_of(type));
	*ret = v;
	return 0;
}

int
json_get_string(const json_t *o, const char *key, const char *what, const char **ret, struct err *e)
{
	json_t *v;
	const int rc = member(o, key, what, JSON_STRING, &v, e);

	if (rc < 0)
		return rc;
	*ret = json_string_value(v);
	return 0;
}

int
json_get_u64(const json_t *o, const char *key, const char *what, uint64_t *ret, struct err *e)
{
	json_t *v;
	const int rc = member(o, key, what, JSON_INTEGER, &v, e);

	if (rc < 0)
		return rc;
	if (json_integer_value(v) < 0)
		return err_set(e, ERR_MALFORMED, "%s: \"%s\" is negative", what, key);
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

int
json_get_object(const json_t *o, const char *key, const char *what, json_t **ret, struct err *e)
{
	return member(o, key, what, JSON_OBJECT, ret, e);
}

int
json_get_array(const json_t *o, const char *key, const char *what, json_t **ret, struct err *e)
{
	return member(o, key, what, JSON_ARRAY, ret, e);
}

int
json_get_digest(const json_t *o, const char *key, const char *what, struct digest *ret,
		struct err *e)
{
	const size_t prefix = strlen("sha256:");
	const char *s;
	const int rc = json_get_string(o, key, what, &s, e);

	if (rc < 0)
		return rc;
	if (!has_prefix(s, "sha256:") || digest_parse(ret, s + prefix, strlen(s + prefix)) < 0)
		return err_set(e, ERR_MALFORMED, "%s: \"%s\" is not \"sha256:\" and 64 hex digits",
			       what, key);
	return 0;
}

const char *
json_opt_string(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

const char *
json_text(const json_t *o, const char *key)
{
	const char *s = json_opt_string(o, key);

	return s ? s : "";
}

uint64_t
json_opt_u64(const json_t *o, const char *key)
{
	const json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

size_t
json_first_like(const json_t *array, size_t n, const char *key)
{
	const json_t *const mine = json_object_get(json_array_get(array, n), key);

	for (size_t i = 0; i < n && mine; i++) {
		if (json_equal(json_object_get(json_array_get(array, i), key), mine))
			return i;
	}
	return n;
}

size_t
json_count_like(const json_t *array, size_t n, const char *key)
{
	const json_t *const mine = json_object_get(json_array_get(array, n), key);
	const json_t *one;
	size_t i, count = 0;

	json_array_foreach(array, i, one)
	        count += mine && json_equal(json_object_get(one, key), mine);
	return count;
}

int
json_get_time(const json_t *o, const char *key, const char *what, int64_t *ret, struct err *e)
{
	const char *s;
	int rc = json_get_string(o, key, what, &s, e);

	if (rc == 0 && clock_parse(s, ret) < 0)
		rc = err_set(e, ERR_MALFORMED, "%s: \"%.40s\" is no time", what, s);
	return rc;
}

json_t *
json_from_time(int64_t s)
{
	char text[CLOCK_TEXT_SIZE];

	clock_text(text, s);
	return json_string(text);
}

json_t *
json_from_digest(const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];
	json_t *j;

	digest_hex(d, hex);
	j = json_sprintf("sha256:%s", hex);
	if (!j)
		abort();
	return j;
}

json_t *
json_from_str(struct str s)
{
	return json_stringn(s.p ? s.p : "", s.n);
}

void
json_unref_p(json_t **j)
{
	json_decref(*j);
}
