/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the published vectors in place, from the folder that SLIPWAY_SHARED names, for the tests of
 * crypto/. Whatever is absent skips the test aloud; whatever is malformed fails it.
 */
#pragma once

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <jansson.h>
#include <sodium.h>

#include "crypto/digest.h"

/* Skips the running test when the path below upstream/ is not there. */
static inline void
vector_path(char ret[PATH_MAX], const char *name)
{
	const char *root = getenv("SLIPWAY_SHARED");
	int n = snprintf(ret, PATH_MAX, "%s/upstream/%s", root ? root : "", name);

	cr_assert(n > 0 && n < PATH_MAX);
	if (!root || access(ret, R_OK) < 0)
		cr_skip_test("no vectors: SLIPWAY_SHARED has no upstream/%s", name);
}

/* Says in the test's log how many vectors of a suite were run. */
static inline void
vector_count(const char *suite, size_t n)
{
	fprintf(stderr, "# %s: %zu vectors\n", suite, n);
}

static inline json_t *
vector_file(const char *path)
{
	json_error_t e;
	/* some sizes need all 64 bits, which jansson's integers do not have */
	json_t *j = json_load_file(path, JSON_DECODE_INT_AS_REAL, &e);

	cr_assert(j != NULL, "%s:%d: %s", path, e.line, e.text);

	return j;
}

static inline json_t *
vector_json(const char *name)
{
	char path[PATH_MAX];

	vector_path(path, name);

	return vector_file(path);
}

static inline const char *
vector_text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	cr_assert(s != NULL, "no string \"%s\"", name);

	return s;
}

static inline uint64_t
vector_number(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	cr_assert(json_is_real(v) && json_real_value(v) >= 0, "no number \"%s\"", name);
	if (json_real_value(v) >= 0x1p64)
		return UINT64_MAX;
	/* exact up to here, and no vector lies between */
	cr_assert(json_real_value(v) <= 0x1p53, "\"%s\" is not exact", name);

	return (uint64_t)json_real_value(v);
}

/* Hexadecimal text to at most size bytes; how many. */
static inline size_t
unhex(const char *hex, uint8_t *ret, size_t size)
{
	size_t n;

	cr_assert_eq(sodium_hex2bin(ret, size, hex, strlen(hex), NULL, &n, NULL), 0, "%.40s", hex);

	return n;
}

/* A hash in base64. Vectors that are wrong on purpose have shorter ones, which zeros fill; none at
 * all is -1, as no caller can say that. */
static inline int
unbase64_digest(const char *text, struct digest *ret)
{
	size_t n;

	memset(ret, 0, sizeof *ret);
	if (sodium_base642bin(ret->b, sizeof ret->b, text, strlen(text), NULL, &n, NULL,
	                      sodium_base64_VARIANT_ORIGINAL) != 0)
		return -1;

	return n > 0 ? 0 : -1;
}
