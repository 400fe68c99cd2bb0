/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binary form of a database row: numbers as LEB128, strings and blobs with their length in
 * front. A reader that meets anything else sets bad and gives zeros; nothing is read past the end.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/digest.h"
#include "registry/base/buf.h"
#include "registry/base/str.h"

void row_u64(struct buf *b, uint64_t v);
void row_i64(struct buf *b, int64_t v); /* zigzag */
void row_text(struct buf *b, const char *s);
void row_digest(struct buf *b, const struct digest *d);

struct row_reader {
	const uint8_t *p, *end;
	bool bad;
};
struct row_reader row_begin(struct str value);
uint64_t row_get_u64(struct row_reader *r);
int64_t row_get_i64(struct row_reader *r);
void row_get_text(struct row_reader *r, char *ret, size_t size);
void row_get_digest(struct row_reader *r, struct digest *ret);

/* Keys: a table's letter, text up to a NUL, big-endian numbers (so that order is numeric). */
struct row_key {
	char b[511];
	size_t n;
};
struct row_key row_key(char table);
void key_text(struct row_key *k, const char *s, bool terminate);
void key_bytes(struct row_key *k, const void *p, size_t n);
void key_u64(struct row_key *k, uint64_t v);
struct str key_str(const struct row_key *k);
uint64_t key_tail_u64(struct str key); /* the number that ends a key */
