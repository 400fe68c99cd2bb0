/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON in through jansson (depth and size capped, duplicate members refused); JSON out in one
 * canonical form for what is signed (members sorted, compact, ASCII) and a small streaming writer
 * for output, which keeps member order and escapes as text_json does.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/err.h"
#include "registry/base/str.h"

/* Once, before other threads: jansson would open /dev/urandom for what it hashes names with. */
void json_start(void);
/* MALFORMED names what and the position. *ret is a new reference. */
int json_parse(struct str text, const char *what, json_t **ret, struct err *e);
/* No more values are in that text: a value of two bytes takes 200 in memory, so who reads foreign
 * ones of many bytes has a cap for this, before they are parsed. */
size_t json_count(struct str text);
/* Canonical bytes: sorted, compact, non-ASCII and DEL as \uXXXX. */
void json_canonical(const json_t *j, struct buf *ret);
/* For people: members in their order, two spaces a level. Only for what is ours, nothing is escaped
 * but by JSON's rules. */
void json_pretty(const json_t *j, struct buf *ret);

/* Members of an object; MALFORMED names what and the member. Borrowed pointers. */
int json_get_string(const json_t *o, const char *key, const char *what, const char **ret,
		    struct err *e);
int json_get_u64(const json_t *o, const char *key, const char *what, uint64_t *ret, struct err *e);
int json_get_object(const json_t *o, const char *key, const char *what, json_t **ret,
		    struct err *e);
int json_get_array(const json_t *o, const char *key, const char *what, json_t **ret, struct err *e);
/* "sha256:<64 hex>" */
int json_get_digest(const json_t *o, const char *key, const char *what, struct digest *ret,
		    struct err *e);
const char *json_opt_string(const json_t *o, const char *key); /* NULL when absent or no string */
const char *json_text(const json_t *o, const char *key); /* "" then */
uint64_t json_opt_u64(const json_t *o, const char *key); /* 0 when absent or no positive integer */
/* The first element before the n-th that has the same member; n: none has. */
size_t json_first_like(const json_t *array, size_t n, const char *key);
size_t json_count_like(const json_t *array, size_t n, const char *key); /* n's own counts */
json_t *json_from_digest(const struct digest *d);               /* "sha256:..." */
/* "2026-01-02T03:04:05Z" */
int json_get_time(const json_t *o, const char *key, const char *what, int64_t *ret,
		  struct err *e);
json_t *json_from_time(int64_t s);
json_t *json_from_str(struct str s);                            /* NULL: not UTF-8 */

void json_unref_p(json_t **j);
#define cleanup_json __attribute__((cleanup(json_unref_p)))

/* Streaming writer. Members come in the order of the calls; key NULL inside arrays. */
struct json_out {
	struct buf *b;
	bool need_comma;
};
void jo_begin(struct json_out *o, const char *key, char open); /* '{' or '[' */
void jo_end(struct json_out *o, char close);
void jo_string(struct json_out *o, const char *key, const char *s); /* NULL writes null */
void jo_str(struct json_out *o, const char *key, struct str s);
void jo_u64(struct json_out *o, const char *key, uint64_t v);
void jo_i64(struct json_out *o, const char *key, int64_t v);
void jo_bool(struct json_out *o, const char *key, bool v);
void jo_null(struct json_out *o, const char *key);
void jo_digest(struct json_out *o, const char *key, const struct digest *d); /* "sha256:..." */
void jo_time(struct json_out *o, const char *key, int64_t s);                /* RFC 3339, UTC */
void jo_value(struct json_out *o, const char *key, const json_t *v);         /* any jansson value */
