/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BLAKE3 after its specification: 1024-byte chunks of 64-byte blocks, a binary tree over the
 * chunks of which only the left edge is kept, one compression function. Whether a node is the root
 * is known at the end only, so the last block waits until more bytes follow.
 */
#include "crypto/blake3.h"

#include <string.h>

#define BLOCK_SIZE   64
#define CHUNK_BLOCKS 16

enum flag { CHUNK_START = 1u << 0, CHUNK_END = 1u << 1, PARENT = 1u << 2, ROOT = 1u << 3 };

static const uint32_t iv[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
static const uint8_t permutation[16] = { 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8 };

static uint32_t
rotate(uint32_t x, unsigned n)
{
	return (x >> n) | (x << (32 - n));
}

static uint32_t
load(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void
quarter(uint32_t *v, const uint8_t at[4], uint32_t x, uint32_t y)
{
	uint32_t *const a = &v[at[0]], *const b = &v[at[1]];
	uint32_t *const c = &v[at[2]], *const d = &v[at[3]];

	*a += *b + x;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b + y;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

/* The first half of the output, which is all that is needed of any node. */
static void
compress(const uint32_t cv[8], const uint32_t words[16], uint64_t counter, uint32_t n,
         uint32_t flags, uint32_t ret[8])
{
	static const uint8_t lanes[8][4] = {
		{ 0, 4, 8, 12 },  { 1, 5, 9, 13 },  { 2, 6, 10, 14 }, { 3, 7, 11, 15 },
		{ 0, 5, 10, 15 }, { 1, 6, 11, 12 }, { 2, 7, 8, 13 },  { 3, 4, 9, 14 },
	};
	uint32_t v[16], m[16], next[16];

	memcpy(v, cv, 8 * sizeof(*v));
	memcpy(v + 8, iv, 4 * sizeof(*v));
	v[12] = (uint32_t)counter;
	v[13] = (uint32_t)(counter >> 32);
	v[14] = n;
	v[15] = flags;
	memcpy(m, words, sizeof(m));
	for (int round = 0; round < 7; round++) {
		for (size_t i = 0; i < 8; i++)
			quarter(v, lanes[i], m[2 * i], m[2 * i + 1]);
		for (size_t i = 0; i < 16; i++)
			next[i] = m[permutation[i]];
		memcpy(m, next, sizeof(m));
	}
	for (size_t i = 0; i < 8; i++)
		ret[i] = v[i] ^ v[i + 8];
}

static void
compress_block(const struct blake3 *h, uint32_t more_flags, uint32_t ret[8])
{
	uint8_t padded[BLOCK_SIZE] = { 0 };
	uint32_t words[16];

	memcpy(padded, h->block, h->block_n);
	for (size_t i = 0; i < 16; i++)
		words[i] = load(padded + 4 * i);
	compress(h->cv, words, h->chunk, (uint32_t)h->block_n,
	         more_flags | (h->blocks == 0 ? CHUNK_START : 0), ret);
}

static void
parent(const uint32_t left[8], const uint32_t right[8], uint32_t more_flags, uint32_t ret[8])
{
	uint32_t words[16];

	memcpy(words, left, 8 * sizeof(*words));
	memcpy(words + 8, right, 8 * sizeof(*words));
	compress(iv, words, 0, BLOCK_SIZE, PARENT | more_flags, ret);
}

static void
chunk_begin(struct blake3 *h, uint64_t number)
{
	memcpy(h->cv, iv, sizeof(iv));
	h->block_n = 0;
	h->blocks = 0;
	h->chunk = number;
}

/* The chunk is complete and more follows: as many parents are complete as the count of chunks has
 * zero bits at its end. */
static void
chunk_end(struct blake3 *h)
{
	const uint64_t chunks = h->chunk + 1;
	uint32_t cv[8];

	compress_block(h, CHUNK_END, cv);
	for (uint64_t rest = chunks; (rest & 1) == 0; rest >>= 1)
		parent(h->stack[--h->stack_n], cv, 0, cv);
	memcpy(h->stack[h->stack_n++], cv, sizeof(cv));
	chunk_begin(h, chunks);
}

void
blake3_init(struct blake3 *h)
{
	h->stack_n = 0;
	chunk_begin(h, 0);
}

/* The block is full and more follows. */
static void
block_end(struct blake3 *h)
{
	if (h->blocks == CHUNK_BLOCKS - 1) {
		chunk_end(h);
		return;
	}
	compress_block(h, 0, h->cv);
	h->blocks++;
	h->block_n = 0;
}

void
blake3_update(struct blake3 *h, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		if (h->block_n == BLOCK_SIZE)
			block_end(h);
		const size_t room = BLOCK_SIZE - h->block_n;
		const size_t take = n < room ? n : room;

		memcpy(h->block + h->block_n, at, take);
		h->block_n += take;
		at += take;
		n -= take;
	}
}

void
blake3_final(const struct blake3 *h, uint8_t ret[BLAKE3_SIZE])
{
	uint32_t cv[8];

	compress_block(h, CHUNK_END | (h->stack_n == 0 ? ROOT : 0), cv);
	for (size_t i = h->stack_n; i > 0; i--)
		parent(h->stack[i - 1], cv, i == 1 ? ROOT : 0, cv);
	for (size_t i = 0; i < BLAKE3_SIZE; i++)
		ret[i] = (uint8_t)(cv[i / 4] >> (8 * (i % 4)));
}
