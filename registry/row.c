/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding and decoding of database rows and keys. Knows no table. */
#include "registry/row.h"

#include <assert.h>
#include <string.h>

void
row_u64(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		buf_addc(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_addc(b, (char)v);
}

void
row_i64(struct buf *b, int64_t v)
{
	row_u64(b, ((uint64_t)v << 1) ^ (uint64_t)(v < 0 ? -1 : 0));
}

void
row_text(struct buf *b, const char *s)
{
	const size_t n = strlen(s);

	row_u64(b, n);
	buf_add(b, s, n);
}

void
row_digest(struct buf *b, const struct digest *d)
{
	buf_add(b, d->b, DIGEST_SIZE);
}

struct row_reader
row_begin(struct str value)
{
	const uint8_t *p = (const uint8_t *)value.p;

	return (struct row_reader){ .p = p, .end = p + value.n };
}

uint64_t
row_get_u64(struct row_reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		const uint8_t c = *r->p++;

		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return v;
	}
	r->bad = true;
	return 0;
}

int64_t
row_get_i64(struct row_reader *r)
{
	const uint64_t v = row_get_u64(r);

	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

void
row_get_text(struct row_reader *r, char *ret, size_t size)
{
	const uint64_t n = row_get_u64(r);

	ret[0] = '\0';
	if (r->bad || n > (uint64_t)(r->end - r->p) || n >= size) {
		r->bad = true;
		return;
	}
	memcpy(ret, r->p, n);
	ret[n] = '\0';
	r->p += n;
}

void
row_get_digest(struct row_reader *r, struct digest *ret)
{
	if (r->end - r->p < DIGEST_SIZE) {
		r->bad = true;
		*ret = (struct digest){ 0 };
		return;
	}
	memcpy(ret->b, r->p, DIGEST_SIZE);
	r->p += DIGEST_SIZE;
}

struct row_key
row_key(char table)
{
	struct row_key k;

	k.b[0] = table;
	k.n = 1;
	return k;
}

void
key_bytes(struct row_key *k, const void *p, size_t n)
{
	assert(n <= sizeof k->b - k->n); /* callers check the length of names */
	memcpy(k->b + k->n, p, n);
	k->n += n;
}

void
key_text(struct row_key *k, const char *s, bool terminate)
{
	key_bytes(k, s, strlen(s) + (terminate ? 1 : 0));
}

void
key_u64(struct row_key *k, uint64_t v)
{
	uint8_t be[8];

	for (unsigned i = 0; i < 8; i++)
		be[i] = (uint8_t)(v >> (56 - 8 * i));
	key_bytes(k, be, sizeof be);
}

struct str
key_str(const struct row_key *k)
{
	return (struct str){ k->b, k->n };
}

uint64_t
key_tail_u64(struct str key)
{
	uint64_t v = 0;

	assert(key.n >= 8);
	for (size_t i = key.n - 8; i < key.n; i++)
		v = v << 8 | (uint8_t)key.p[i];
	return v;
}
