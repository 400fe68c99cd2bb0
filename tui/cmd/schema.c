/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Schema (2020-12) from the rows of schema_data.c. Members that are not named are allowed: a
 * newer slipway may print more. Codes and exit statuses come from the one table of err.h.
 */
#include "tui/cmd/schema.h"

#include <stdio.h>
#include <string.h>

#include "registry/base/str.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"
#define DIGEST  "^sha256:[0-9a-f]{64}$"
#define HEX     "^[0-9a-f]{64}$"

/* --- types --- */

static json_t *object_of(const char *members);

static json_t *
codes(void)
{
	json_t *names = json_array();

	for (size_t i = 1; i < ERR_COUNT; i++)
		json_array_append_new(names, json_string(err_name((enum err_code)i)));
	return names;
}

static const struct schema_row *
find(const char *name, size_t n, bool parts)
{
	for (const struct schema_row *r = schema_rows; r->name; r++) {
		const bool is_part = r->use == SCHEMA_PART || r->use == SCHEMA_DOCUMENT;
		const bool is_whole = r->use != SCHEMA_PART && r->use != SCHEMA_ENTRY;
		if (strlen(r->name) == n && strncmp(r->name, name, n) == 0 &&
		    (parts ? is_part : is_whole))
			return r;
	}
	return NULL;
}

/* The part of s up to the bracket that closes its first one. */
static size_t
bracketed(const char *s)
{
	size_t depth = 0, i = 0;

	do {
		depth += s[i] == '[' || s[i] == '{';
		depth -= s[i] == ']' || s[i] == '}';
		i++;
	} while (depth > 0 && s[i]);
	return i;
}

static json_t *
simple(char letter)
{
	switch (letter) {
	case 'i':
		return json_pack("{s:s}", "type", "integer");
	case 'b':
		return json_pack("{s:s}", "type", "boolean");
	case 'o':
		return json_pack("{s:s}", "type", "object");
	case 'a':
		return json_pack("{s:s}", "type", "array");
	case 't':
		return json_pack("{s:s, s:s}", "type", "string", "format", "date-time");
	case 'd':
		return json_pack("{s:s, s:s}", "type", "string", "pattern", DIGEST);
	case 'h':
		return json_pack("{s:s, s:s}", "type", "string", "pattern", HEX);
	case 'E':
		return json_pack("{s:s, s:o}", "type", "string", "enum", codes());
	default:
		return json_pack("{s:s}", "type", "string");
	}
}

/* One of s's types; *ret_n: how much of s it took. */
static json_t *
type_one(const char *s, size_t *ret_n)
{
	const struct schema_row *part;

	*ret_n = *s == '[' || *s == '{' ? bracketed(s) : 1;
	if (*s == '[') {
		size_t inner;
		return json_pack("{s:s, s:o}", "type", "array", "items", type_one(s + 1, &inner));
	}
	if (*s != '{')
		return simple(*s);
	part = find(s + 1, *ret_n - 2, true);
	return part ? object_of(part->members) : simple('o');
}

/* "i?", "ao": the types that a value may have. */
static json_t *
type_of(const char *s, size_t n)
{
	json_t *first, *types;
	size_t at;

	first = type_one(s, &at);
	if (at >= n)
		return first;
	types = json_array();
	json_array_append_new(types, json_copy(json_object_get(first, "type")));
	for (; at < n; at++)
		json_array_append_new(
		        types, s[at] == '?' ? json_string("null")
		                            : json_string(s[at] == 'o' ? "object" : "array"));
	if (json_object_get(first, "enum"))
		json_array_append_new(json_object_get(first, "enum"), json_null());
	json_object_set_new(first, "type", types);
	return first;
}

static void
add_members(const char *members, json_t *properties, json_t *required)
{
	while (*members) {
		const size_t n = strcspn(members, " "), colon = strcspn(members, ":");
		const bool may_miss = members[colon - 1] == '?';
		cleanup_free char *name = xstrndup(members, colon - may_miss);

		json_object_set_new(properties, name, type_of(members + colon + 1, n - colon - 1));
		if (!may_miss)
			json_array_append_new(required, json_string(name));
		members += n + strspn(members + n, " ");
	}
}

static json_t *
object_of(const char *members)
{
	json_t *properties = json_object(), *required = json_array();

	add_members(members, properties, required);
	return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required",
	                 required);
}

/* --- whole schemas --- */

static json_t *
whole(const char *kind, const char *text)
{
	cleanup_free char *id = xasprintf("urn:slipway:schema:v1:%s", kind);

	return json_pack("{s:s, s:s, s:s, s:s}", "$schema", DIALECT, "$id", id, "title", kind,
	                 "description", text);
}

/* The members of o behind those of ret. */
static json_t *
join(json_t *ret, json_t *o)
{
	json_object_update_missing(ret, o);
	json_decref(o);
	return ret;
}

static json_t *
with_envelope(const char *kind, const struct schema_row *r, bool is_list)
{
	json_t *properties = json_object(), *required = json_pack("[s, s]", "apiVersion", "kind");
	cleanup_free char *from = xasprintf("printed by: %s", r->text);

	json_object_set_new(properties, "apiVersion", json_pack("{s:s}", "const", "slipway/v1"));
	json_object_set_new(properties, "kind", json_pack("{s:s}", "const", kind));
	if (is_list) {
		json_object_set_new(
		        properties, "items",
		        json_pack("{s:s, s:o}", "type", "array", "items", object_of(r->members)));
		json_array_append_new(required, json_string("items"));
	} else {
		add_members(r->members, properties, required);
	}
	return join(whole(kind, from), json_pack("{s:s, s:o, s:o}", "type", "object", "properties",
	                                         properties, "required", required));
}

/* What every line of the log has, see slipway-format(5). */
static json_t *
entry(const char *kind, const struct schema_row *r)
{
	json_t *o = object_of("body:o by:o model?:s policy:i? previous:i? reason?:s statement?:o "
	                      "time:t type:s");
	json_t *const properties = json_object_get(o, "properties");

	if (r) {
		json_object_set_new(properties, "body", object_of(r->members));
		json_object_set_new(properties, "type", json_pack("{s:s}", "const", r->name));
	}
	json_object_set_new(properties, "statement",
	                    json_pack("{s:[s, s]}", "type", "object", "string"));
	return join(whole(kind, "the JSON of a line of the log, see slipway-format(5)"), o);
}

/* One of these pairs; 128 and the number of the signal for what a signal ended. */
static json_t *
exit_codes(void)
{
	json_t *all = json_array();

	for (size_t i = 1; i < ERR_COUNT; i++) {
		const enum err_code c = (enum err_code)i;
		json_t *const exit = c == ERR_CANCELLED
		                             ? json_pack("{s:s, s:i}", "type", "integer", "minimum",
		                                         err_exit_of(c))
		                             : json_pack("{s:i}", "const", err_exit_of(c));
		json_array_append_new(all, json_pack("{s:s, s:{s:{s:s}, s:o}, s:[s, s]}",
		                                     "description", err_text(c), "properties",
		                                     "code", "const", err_name(c), "exit", exit,
		                                     "required", "code", "exit"));
	}
	return join(
	        whole("exit-codes", "the code of an Error and the exit status that goes with it"),
	        json_pack("{s:s, s:o}", "type", "object", "oneOf", all));
}

static const struct schema_row *
find_entry(const char *type)
{
	for (const struct schema_row *r = schema_rows; r->name; r++)
		if (r->use == SCHEMA_ENTRY && streq(r->name, type))
			return r;
	return NULL;
}

int
schema_make(const char *kind, json_t **ret, struct err *e)
{
	const size_t n = strlen(kind);
	const struct schema_row *r = find(kind, n, false);

	if (r && r->use == SCHEMA_DOCUMENT)
		*ret = join(whole(kind, r->text), object_of(r->members));
	else if (r)
		*ret = with_envelope(kind, r, false);
	else if (has_suffix(kind, "List") && (r = find(kind, n - strlen("List"), false)) != NULL &&
	         r->use == SCHEMA_LIST)
		*ret = with_envelope(kind, r, true);
	else if (has_prefix(kind, "entry-") && (r = find_entry(kind + strlen("entry-"))) != NULL)
		*ret = entry(kind, r);
	else if (streq(kind, "entry"))
		*ret = entry(kind, NULL);
	else if (streq(kind, "exit-codes"))
		*ret = exit_codes();
	else
		return err_set(e, ERR_NOT_FOUND, "there is no schema \"%s\"", kind);
	return 0;
}

void
schema_each(void (*fn)(void *arg, const char *kind, const char *text), void *arg)
{
	char name[64];

	for (const struct schema_row *r = schema_rows; r->name; r++) {
		(void)snprintf(name, sizeof name, r->use == SCHEMA_ENTRY ? "entry-%s" : "%s",
		               r->name);
		if (r->use != SCHEMA_PART)
			fn(arg, name, r->text ? r->text : "a line of the log");
		(void)snprintf(name, sizeof name, "%sList", r->name);
		if (r->use == SCHEMA_LIST)
			fn(arg, name, r->text);
	}
	fn(arg, "entry", "a line of the log of any type");
	fn(arg, "exit-codes", "the code of an Error and its exit status");
}
