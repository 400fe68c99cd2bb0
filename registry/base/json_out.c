/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON out as a stream: members in the order of the calls, nothing kept but whether a comma is due.
 * Strings are escaped as text_json does, so that a terminal that shows it obeys none of them.
 * The caller balances what it opens; flushing is the caller's too.
 */
#include "registry/base/json.h"

#include <inttypes.h>
#include <string.h>

#include "registry/base/clock.h"
#include "registry/base/text.h"

static void
quoted(struct buf *b, struct str s)
{
	buf_addc(b, '"');
	text_json(b, s);
	buf_addc(b, '"');
}

/* The comma that is due and the key. */
static void
lead(struct json_out *o, const char *key)
{
	if (o->need_comma)
		buf_addc(o->b, ',');
	o->need_comma = true;
	if (!key)
		return;
	quoted(o->b, str_of(key));
	buf_addc(o->b, ':');
}

void
jo_begin(struct json_out *o, const char *key, char open)
{
	lead(o, key);
	buf_addc(o->b, open);
	o->need_comma = false;
}

void
jo_end(struct json_out *o, char close)
{
	buf_addc(o->b, close);
	o->need_comma = true;
}

void
jo_string(struct json_out *o, const char *key, const char *s)
{
	if (s)
		jo_str(o, key, str_of(s));
	else
		jo_null(o, key);
}

void
jo_str(struct json_out *o, const char *key, struct str s)
{
	lead(o, key);
	quoted(o->b, s);
}

void
jo_u64(struct json_out *o, const char *key, uint64_t v)
{
	lead(o, key);
	buf_addf(o->b, "%" PRIu64, v);
}

void
jo_i64(struct json_out *o, const char *key, int64_t v)
{
	lead(o, key);
	buf_addf(o->b, "%" PRId64, v);
}

void
jo_bool(struct json_out *o, const char *key, bool v)
{
	lead(o, key);
	buf_adds(o->b, v ? "true" : "false");
}

void
jo_null(struct json_out *o, const char *key)
{
	lead(o, key);
	buf_adds(o->b, "null");
}

void
jo_digest(struct json_out *o, const char *key, const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(d, hex);
	lead(o, key);
	buf_addf(o->b, "\"sha256:%s\"", hex);
}

void
jo_time(struct json_out *o, const char *key, int64_t s)
{
	char t[CLOCK_TEXT_SIZE];

	clock_text(t, s);
	jo_string(o, key, t);
}

static int
append(const char *p, size_t n, void *arg)
{
	buf_add(arg, p, n);
	return 0;
}

static void
jo_object(struct json_out *o, const char *key, const json_t *v)
{
	const char *name;
	json_t *item;
	json_t *obj;

	/* jansson's iterators, which keep insertion order, take no const although they only read */
	memcpy(&obj, &v, sizeof(obj));
	jo_begin(o, key, '{');
	json_object_foreach(obj, name, item)
		jo_value(o, name, item);
	jo_end(o, '}');
}

/* Recursion is bounded by the depth that json_parse accepts. */
void
jo_value(struct json_out *o, const char *key, const json_t *v)
{
	if (json_is_object(v)) {
		jo_object(o, key, v);
	} else if (json_is_array(v)) {
		jo_begin(o, key, '[');
		for (size_t i = 0; i < json_array_size(v); i++)
			jo_value(o, NULL, json_array_get(v, i));
		jo_end(o, ']');
	} else if (json_is_string(v)) {
		jo_str(o, key, (struct str){ json_string_value(v), json_string_length(v) });
	} else if (json_is_number(v) || json_is_boolean(v)) {
		lead(o, key);
		(void)json_dump_callback(v, append, o->b, JSON_ENCODE_ANY);
	} else {
		jo_null(o, key);
	}
}
